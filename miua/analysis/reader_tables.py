"""This study's own readers: the tables of their scores, and these scores against the metrics.

The regression, its strength and the test over all candidates are those of the published scores
(`miua.analysis.clinician`, `miua.analysis.correlation`); here the points are the sets of the main
grid, each with the mean quality that the clinicians gave to its images.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from miua.analysis.checks import UndecidedError
from miua.analysis.clinician import (
    CLINICIAN_COLUMNS,
    LINE_COLUMNS,
    candidates,
    line_row,
    strengths,
)
from miua.analysis.correlation import largest_correlation
from miua.metrics.registry import ALL_MEASURES, FID
from miua.study.store import COMPUTED, Results, not_computed

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


@dataclass(frozen=True)
class ReaderScore:
    """One score of one reader, or of a role's readers together: a row of tables/readers.csv.

    Attributes:
        role: of the reader.
        reader: the reader's number, or "all" for the role's readers together.
        readers: how many answered.
        score: which.
        count, n: of a share: the answers that count, out of so many; else n alone, all answers.
        value, low, high: the score and its 95 % interval.
        interval: how the interval was made, or "none: why".
        p_value: exact two-sided p of guessing, of a share that guessing makes one half.
        status: "computed", or "undecided: why".
    """

    role: str
    reader: str
    readers: int
    score: str
    count: float = math.nan
    n: float = math.nan
    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    interval: str = ""
    p_value: float = math.nan
    status: str = COMPUTED


READERS_COLUMNS = tuple(ReaderScore.__dataclass_fields__)
READERS_NUMBERS = ("readers", "count", "n", "value", "low", "high", "p_value")
SETS_COLUMNS = (
    *("role", "kind", "set", "readers", "images", "answers", "called_real"),
    *("quality", "low", "high", "interval"),
)
SETS_NUMBERS = SETS_COLUMNS[3:-1]
READER_LINES_COLUMNS = ("metric", "n", *LINE_COLUMNS, "status")
FAMILY_COLUMNS = ("metric", "n", "pearson_r", "adjusted_p", "critical_r", "permutations", "status")

READER = "reader"  # how the names of all of their tables begin
READERS, READER_SETS = "readers", "reader-sets"
READER_REGRESSION, READER_CORRELATION = "reader-regression", "reader-correlation"
READER_FAMILY = "reader-family"

STRENGTHS = (CLINICIAN_COLUMNS, CLINICIAN_COLUMNS[1:-1])
# The columns of each, and those of them that hold numbers.
TABLE_COLUMNS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    READERS: (READERS_COLUMNS, READERS_NUMBERS),
    READER_SETS: (SETS_COLUMNS, SETS_NUMBERS),
    READER_REGRESSION: (READER_LINES_COLUMNS, READER_LINES_COLUMNS[1:-1]),
    READER_CORRELATION: STRENGTHS,
    READER_FAMILY: (FAMILY_COLUMNS, FAMILY_COLUMNS[1:-1]),
}


READER_TABLES = tuple(TABLE_COLUMNS)


def read_readers(results: Results, name: str) -> pd.DataFrame | None:
    """One of the readers' tables by its name, such as READERS; None if nobody was asked.

    Raises:
        MiuaError: the table is damaged.
    """
    columns, numbers = TABLE_COLUMNS[name]
    return results.table(name, columns, numbers)


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
    """The line of each metric, value = a ln(score) + b: READER_LINES_COLUMNS.

    A metric without a line is there, too; its status says why it has none.
    """
    rows: list[dict[str, Any]] = []
    for name in (shown.name for shown in ALL_MEASURES):
        missing = not_computed(metrics, name)
        rows.append(line_row(found, name) | ({"status": missing} if missing else {}))
    return pd.DataFrame(rows, columns=list(READER_LINES_COLUMNS))


def family(scores: pd.Series[float], metrics: pd.DataFrame) -> pd.DataFrame:
    """Each metric that could have been correlated with the scores of the sets: `family_table`."""
    table = candidates(metrics, fid=not not_computed(metrics, FID.name))
    return family_table(table, scores.loc[table.index])


def family_table(table: pd.DataFrame, scores: pd.Series[float]) -> pd.DataFrame:
    """Each candidate with its p over all of them, the strongest first: FAMILY_COLUMNS.

    `critical_r` is what the largest |r| exceeds in 5 % of the permutations of the scores.

    Args:
        table: a column for each candidate, as of `candidates`.
        scores: 1 to 5, a score for each row.
    """
    n = len(table)
    try:
        test = largest_correlation(table, np.log(scores), names=list(table.columns))
    except UndecidedError as error:
        row = {"metric": "", "n": n, "status": f"undecided: {error}"}
        return pd.DataFrame([row], columns=list(FAMILY_COLUMNS))
    found = zip(test.names, test.r, test.adjusted_p, strict=True)
    rows = [(name, n, r, p, test.critical_r, test.permutations, COMPUTED) for name, r, p in found]
    rows.sort(key=lambda row: -abs(row[2]))
    return pd.DataFrame(rows, columns=list(FAMILY_COLUMNS))
