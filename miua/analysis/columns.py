"""The analysis' tables of a results folder by name: their columns, which of these hold text, and
the names and words that the readers' tables hold."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

from miua.study.store import Results

# The line value = a ln(score) + b, by the names of miua.analysis.clinician.LogarithmicFit.
_LINE = "pearson_r p_value error_a error_b residual_deviation"
_STRENGTHS = (
    "metric n pearson_r pearson_low pearson_high p_value p_holm spearman_r spearman_low "
    "spearman_high spearman_p power_at_claimed smallest_detectable_r status"
)
_LISTED = {
    "noise-floor": "split images repeat shared_subjects metric value status",
    "noise-floor-summary": (
        "split images metric repeats mean deviation mean_absolute low high status"
    ),
    "noise-floor-pairing": "pairing metric value",
    "sensitivity": "degradation level amount unit repeat metric value status",
    "sensitivity-summary": (
        "degradation metric levels spearman monotone direction first_level_noticed "
        "first_level_beyond_floor response status"
    ),
    "sensitivity-power": (
        "degradation level amount unit metric repeats change low high p_value worse better status"
    ),
    "sensitivity-ranking": (
        "rank metric score low high rank_low rank_high best degradations repeats"
    ),
    "stability": (
        "experiment arm run image_size training_size epochs updates diverged_epoch saturated_share "
        "accuracy_real_last accuracy_synthetic_last generator_loss_last discriminator_loss_last "
        "diversity signs stable events"
    ),
    "regression": (
        f"metric n a b a_published b_published {_LINE} tolerance agrees published_lowest "
        "published_highest status"
    ),
    "clinician": _STRENGTHS,
    # All sets a second time, against images that no training saw; reference says which.
    "unseen": (
        "set reference metric value low high unit n_reference n_synthetic definition status"
    ),
    # share: of the images, those nearer to a training image than to an unseen one, of so many
    # `images` of both. low, high: the middle 95 % of what chance gives; p_value: of as many.
    "unseen-copies": "set training_size share low high p_value images status",
    # role, reader: the reader's number, or "all". readers: how many answered. score: which one.
    # count, n: of a share, the answers that count, out of so many; else n alone, all answers.
    # value, low, high: the score and its 95 % interval. interval: how it was made, or "none: why".
    # p_value: exact two-sided p of guessing, of a share that guessing makes one half.
    # status: "computed", or "undecided: why".
    "readers": "role reader readers score count n value low high interval p_value status",
    "reader-sets": "role kind set readers images answers called_real quality low high interval",
    "reader-regression": f"metric n a b {_LINE} status",
    "reader-correlation": _STRENGTHS,
    "reader-family": "metric n pearson_r adjusted_p critical_r permutations status",
}
COLUMNS = {name: tuple(listed.split()) for name, listed in _LISTED.items()}
_TEXT = (
    "split metric status pairing degradation unit monotone direction response agrees experiment "
    "arm run signs stable events role reader score interval kind set reference "
    "definition"
)
# What sensitivity-summary says of a response.
AS_IT_SHOULD, WRONG_WAY, NO_RESPONSE = "as it should", "wrong way", "none"
# What stability says of a training that ended within its burn-in, before signs count.
TOO_SHORT = "too short"

UNSEEN, UNSEEN_COPIES = "unseen", "unseen-copies"

# The tables of this study's own readers: what all of their names begin with, and their names.
READER = "reader"
READERS, READER_SETS, READER_FAMILY = "readers", "reader-sets", "reader-family"
READER_REGRESSION, READER_CORRELATION = "reader-regression", "reader-correlation"
READER_TABLES = (READERS, READER_SETS, READER_REGRESSION, READER_CORRELATION, READER_FAMILY)
# What they say: who (ALL stands for the readers of a role together), which score, which interval.
ALL, CLINICIAN, ENGINEER = "all", "clinician", "engineer"
SYNTHETIC_CALLED_REAL, REAL_CALLED_REAL = "synthetic called real", "real called real"
ACCURACY, D_PRIME, CRITERION, AUC = "accuracy", "d'", "criterion", "area under the ROC"
EXACT, RESAMPLED, NORMAL = "exact", "images resampled", "normal"
JACKKNIFE, STUDENT = "jackknife", "Student's, by images"
NONE = "none: "  # before why there is no interval
SCORES_OF_OUR_SETS = "a clinician's scores of these sets"  # in words, where there are none


def study_table(results: Results, name: str) -> pd.DataFrame | None:
    """tables/NAME.csv, or None if it was not made; MiuaError: it is damaged."""
    columns = COLUMNS["stability" if name.endswith("-stability") else name]
    return results.table(name, columns, [each for each in columns if each not in _TEXT.split()])


def framed(name: str, rows: Iterable[Any]) -> pd.DataFrame:
    """Rows as the table of this name."""
    return pd.DataFrame(list(rows), columns=list(COLUMNS[name]))
