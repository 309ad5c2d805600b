"""This study's own readers: the tables of their scores, and these scores against the metrics.

The regression, its strength and the test over all candidates are those of the published scores
(`miua.analysis.clinician`, `miua.analysis.correlation`); here the points are the sets of the main
grid, each with the mean quality that the clinicians gave to its images.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from miua.analysis.checks import UndecidedError
from miua.analysis.clinician import CLINICIAN_COLUMNS, candidates, fit_scores, strengths
from miua.analysis.correlation import largest_correlation
from miua.metrics.measures import ALL_MEASURES, FID
from miua.study.store import COMPUTED, Results, not_computed, read_table

ALL = "all"  # stands for the readers of a role together where a table has a reader's number
CLINICIAN, ENGINEER = "clinician", "engineer"
SCORES_OF_OUR_SETS = "a clinician's scores of these sets"  # in words, where there are none

# Names of scores.
SYNTHETIC_CALLED_REAL = "synthetic called real"
REAL_CALLED_REAL = "real called real"
ACCURACY, D_PRIME, CRITERION, AUC = "accuracy", "d'", "criterion", "area under the ROC"

# Of which kind an interval is.
EXACT, RESAMPLED, NORMAL = "exact", "images resampled", "normal"
NONE = "none: "  # before why there is no interval

READERS_COLUMNS = (
    "role",
    "reader",
    "readers",
    "score",
    "count",
    "n",
    "value",
    "low",
    "high",
    "interval",
    "p_value",
    "status",
)
READERS_NUMBERS = ("readers", "count", "n", "value", "low", "high", "p_value")
SETS_COLUMNS = (
    "role",
    "kind",
    "set",
    "readers",
    "images",
    "answers",
    "called_real",
    "quality",
    "low",
    "high",
    "interval",
)
SETS_NUMBERS = ("readers", "images", "answers", "called_real", "quality", "low", "high")
REGRESSION_COLUMNS = (
    "metric",
    "n",
    "a",
    "b",
    "pearson_r",
    "p_value",
    "error_a",
    "error_b",
    "residual_deviation",
    "status",
)
REGRESSION_NUMBERS = REGRESSION_COLUMNS[1:-1]
FAMILY_COLUMNS = (
    "metric",
    "n",
    "pearson_r",
    "adjusted_p",
    "critical_r",
    "permutations",
    "status",
)
FAMILY_NUMBERS = FAMILY_COLUMNS[1:-1]

READER = "reader"  # how the names of all of their tables begin
READERS, READER_SETS = "readers", "reader-sets"
READER_REGRESSION, READER_CORRELATION = "reader-regression", "reader-correlation"
READER_FAMILY = "reader-family"
READER_TABLES = (READERS, READER_SETS, READER_REGRESSION, READER_CORRELATION, READER_FAMILY)


# The columns of each, and those of them that hold numbers.
TABLE_COLUMNS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    READERS: (READERS_COLUMNS, READERS_NUMBERS),
    READER_SETS: (SETS_COLUMNS, SETS_NUMBERS),
    READER_REGRESSION: (REGRESSION_COLUMNS, REGRESSION_NUMBERS),
    READER_CORRELATION: (CLINICIAN_COLUMNS, CLINICIAN_COLUMNS[1:-1]),
    READER_FAMILY: (FAMILY_COLUMNS, FAMILY_NUMBERS),
}


def read_readers(results: Results, name: str) -> pd.DataFrame | None:
    """One of the readers' tables by its name, such as READERS; None if nobody was asked.

    Raises:
        MiuaError: the table is damaged.
    """
    columns, numbers = TABLE_COLUMNS[name]
    path = results.tables / f"{name}.csv"
    return read_table(path, columns, numbers) if path.exists() else None


def against_metrics(sets: pd.DataFrame, metrics: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The clinicians' scores of synthetic sets against the sets' metrics, by the tables' names.

    Args:
        sets: SETS_COLUMNS, of the clinicians' synthetic sets alone.
        metrics: METRICS_COLUMNS of the main grid, which holds these sets.
    """
    scores = sets.set_index("set")["quality"]
    judged = metrics[metrics["set"].isin(scores.index)]
    found = points(scores, judged)
    return {
        READER_REGRESSION: regression(found, judged),
        READER_CORRELATION: strengths(found),
        READER_FAMILY: family(scores, judged),
    }


def points(scores: pd.Series[float], metrics: pd.DataFrame) -> pd.DataFrame:
    """A point for each set and metric, as the published ones are: metric, clinician_score, value.

    Metrics that were not computed for each of the sets are left out.

    Args:
        scores: 1 to 5, by set.
        metrics: METRICS_COLUMNS of these sets.
    """
    names = [m.name for m in ALL_MEASURES if not not_computed(metrics, m.name)]
    chosen = metrics[metrics["metric"].isin(names)]
    table = pd.DataFrame(
        {
            "metric": chosen["metric"],
            "clinician_score": chosen["set"].map(scores).astype(float),
            "value": chosen["value"],
        }
    )
    order = {name: place for place, name in enumerate(names)}
    return table.sort_values("metric", key=lambda each: each.map(order), kind="stable")


def regression(found: pd.DataFrame, metrics: pd.DataFrame) -> pd.DataFrame:
    """The line of each metric, value = a ln(score) + b: REGRESSION_COLUMNS.

    A metric without a line is there, too; its status says why it has none.
    """
    rows = []
    for shown in ALL_MEASURES:
        n = int((found["metric"] == shown.name).sum())
        row: dict[str, object] = {"metric": shown.name, "n": n}
        if missing := not_computed(metrics, shown.name):
            rows.append(row | {"status": missing})
            continue
        try:
            fit = fit_scores(found, shown.name)
        except UndecidedError as error:
            rows.append(row | {"status": f"undecided: {error}"})
            continue
        line = {name: getattr(fit, name) for name in REGRESSION_COLUMNS[2:-1]}
        rows.append(row | line | {"status": COMPUTED})
    return pd.DataFrame(rows, columns=list(REGRESSION_COLUMNS))


def family(scores: pd.Series[float], metrics: pd.DataFrame) -> pd.DataFrame:
    """Each metric that could have been correlated, with its p over all of them: FAMILY_COLUMNS.

    `critical_r` is what the largest |r| exceeds in 5 % of the permutations of the scores. The
    strongest metric comes first.
    """
    table = candidates(metrics, fid=not not_computed(metrics, FID.name))
    n = len(table)
    try:
        test = largest_correlation(
            table, np.log(scores.loc[table.index]), names=list(table.columns)
        )
    except UndecidedError as error:
        nothing = dict.fromkeys(FAMILY_COLUMNS[2:-1], math.nan)
        row = {"metric": "", "n": n, **nothing, "status": f"undecided: {error}"}
        return pd.DataFrame([row], columns=list(FAMILY_COLUMNS))
    rows = pd.DataFrame(
        {
            "metric": test.names,
            "n": n,
            "pearson_r": test.r,
            "adjusted_p": test.adjusted_p,
            "critical_r": test.critical_r,
            "permutations": test.permutations,
            "status": COMPUTED,
        }
    )
    strongest_first = rows["pearson_r"].abs().sort_values(ascending=False, kind="stable").index
    return rows.loc[strongest_first].reset_index(drop=True)
