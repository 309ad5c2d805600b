"""This study's own readers: the tables of their scores, and these scores against the metrics.

The regression, its strength and the test over all candidates are those of the published scores
(`miua.analysis.clinician`, `miua.analysis.correlation`); here the points are the sets of the main
grid, each with the mean quality that the clinicians gave to its images.
"""

import numpy as np
import pandas as pd

from miua.analysis.checks import UndecidedError
from miua.analysis.clinician import candidates, fit_lines, strengths
from miua.analysis.columns import framed
from miua.analysis.correlation import largest_correlation
from miua.metrics.registry import ALL_MEASURES, FID
from miua.study.store import not_computed

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

READER = "reader"  # how the names of all of their tables begin
READERS, READER_SETS, READER_FAMILY = "readers", "reader-sets", "reader-family"
READER_REGRESSION, READER_CORRELATION = "reader-regression", "reader-correlation"
READER_TABLES = (READERS, READER_SETS, READER_REGRESSION, READER_CORRELATION, READER_FAMILY)


def against_metrics(sets: pd.DataFrame, metrics: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The clinicians' scores of synthetic sets against the sets' metrics, by the tables' names.

    sets: as tables/reader-sets.csv, of the clinicians' synthetic sets alone. metrics:
    METRICS_COLUMNS of the main grid, which holds these sets.
    """
    scores = sets.set_index("set")["quality"]
    judged = metrics[metrics["set"].isin(scores.index)]
    missing = {each.name: not_computed(judged, each.name) for each in ALL_MEASURES}
    shown = judged[judged["metric"].map(missing) == ""]
    points = shown[["metric", "value"]].assign(clinician_score=shown["set"].map(scores))
    lines = fit_lines(points, missing)
    why = lines["metric"].map(missing)
    lines["status"] = lines["status"].where(why == "", why)
    table = candidates(judged, fid=not missing[FID.name])
    try:
        family = largest_correlation(table, np.log(scores.loc[table.index]))
    except UndecidedError as error:
        row = {"metric": "", "n": len(table), "status": f"undecided: {error}"}
        family = framed(READER_FAMILY, [row])
    found = (lines, strengths(points), family)
    return dict(zip((READER_REGRESSION, READER_CORRELATION, READER_FAMILY), found, strict=True))
