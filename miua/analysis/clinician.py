"""The clinician's scores: the published regression refitted on the digitised points.

The sets made here have no clinician's scores, so nothing of them enters: what is checked is whether
the published points give the published line, and what that line is worth.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from miua.analysis.measures import measure
from miua.analysis.regression import LogarithmicFit, UndecidedError, fit_logarithm
from miua.analysis.tables import read_table
from miua.errors import MiuaError

SCORES_FILE = Path("data") / "digitised_scores.csv"
COEFFICIENTS_FILE = Path("data") / "published_coefficients.csv"
SCORES_COLUMNS = ("metric", "clinician_score", "value")
COEFFICIENTS_COLUMNS = ("metric", "a", "b", "reading_error", "lowest", "highest")
LOWEST_SCORE, HIGHEST_SCORE = 1.0, 5.0

# One reading error for a disc that stands alone, three because overlapping discs carry more.
TOLERATED_READING_ERRORS = 3

REGRESSION_COLUMNS = (
    "metric",
    "n",
    "a",
    "b",
    "a_published",
    "b_published",
    "pearson_r",
    "p_value",
    "error_a",
    "error_b",
    "residual_deviation",
    "tolerance",
    "agrees",
    "published_lowest",
    "published_highest",
    "status",
)


def read_scores(study: Path) -> pd.DataFrame:
    """The digitised points: metric, clinician_score (1 to 5), value (the metric's unit).

    Raises:
        MiuaError: the file is missing or damaged, or a score or value is out of range.
    """
    path = study / SCORES_FILE
    table = read_table(path, SCORES_COLUMNS, numbers=("clinician_score", "value"))
    _check_metrics(table, path)
    if not table["clinician_score"].between(LOWEST_SCORE, HIGHEST_SCORE).all():
        raise MiuaError(
            f"{path}: a clinician_score lies outside {LOWEST_SCORE:g} to {HIGHEST_SCORE:g}."
        )
    if table["value"].isna().any():
        raise MiuaError(f"{path}: a value is missing.")
    return table


def read_published(study: Path) -> pd.DataFrame:
    """The published coefficients, one row a metric, indexed by metric.

    Raises:
        MiuaError: the file is missing or damaged, or names a metric twice.
    """
    path = study / COEFFICIENTS_FILE
    table = read_table(path, COEFFICIENTS_COLUMNS, numbers=COEFFICIENTS_COLUMNS[1:])
    _check_metrics(table, path)
    if table["metric"].duplicated().any():
        raise MiuaError(f"{path} names a metric twice.")
    if table[["a", "b", "reading_error"]].isna().any(axis=None):
        raise MiuaError(f"{path} lacks a coefficient or reading error.")
    return table.set_index("metric")


def fit_scores(scores: pd.DataFrame, metric: str) -> LogarithmicFit:
    """The refit for one metric.

    Raises:
        UndecidedError: the metric has too few points, or they are constant.
    """
    points = scores[scores["metric"] == metric]
    return fit_logarithm(points["clinician_score"], points["value"])


def refit(study: Path) -> pd.DataFrame:
    """The refit of every published regression beside what was published: REGRESSION_COLUMNS.

    `agrees` is "yes" where a and b lie within `tolerance` of the published ones, else "no". Where
    the points allow no fit the row's status says "undecided: ..." and its fields are empty.

    Raises:
        MiuaError: a file of the study folder is missing or damaged.
    """
    scores = read_scores(study)
    published = read_published(study)
    unpublished = set(scores["metric"]) - set(published.index)
    if unpublished:
        raise MiuaError(
            f"{study / COEFFICIENTS_FILE} lacks {', '.join(sorted(unpublished))}, "
            f"which {study / SCORES_FILE} holds."
        )
    rows = [_row(str(line.Index), scores, line) for line in published.itertuples()]
    table = pd.DataFrame(rows, columns=list(REGRESSION_COLUMNS))
    return table.astype({"n": "int64"})


def _row(metric: str, scores: pd.DataFrame, published: Any) -> dict[str, object]:
    tolerance = TOLERATED_READING_ERRORS * published.reading_error
    row: dict[str, object] = {
        "metric": metric,
        "n": int((scores["metric"] == metric).sum()),
        "a_published": published.a,
        "b_published": published.b,
        "published_lowest": published.lowest,
        "published_highest": published.highest,
        "tolerance": tolerance,
    }
    try:
        fit = fit_scores(scores, metric)
    except UndecidedError as error:
        return row | {"agrees": "undecided", "status": f"undecided: {error}"}
    distance = max(abs(fit.a - published.a), abs(fit.b - published.b))
    return row | {
        "a": fit.a,
        "b": fit.b,
        "pearson_r": fit.pearson_r,
        "p_value": fit.p_value,
        "error_a": fit.error_a,
        "error_b": fit.error_b,
        "residual_deviation": fit.residual_deviation,
        "agrees": "yes" if distance <= tolerance else "no",
        "status": "computed",
    }


def _check_metrics(table: pd.DataFrame, path: Path) -> None:
    for name in table["metric"].unique():
        try:
            measure(str(name))
        except ValueError as error:
            raise MiuaError(f"{path}: {error}.") from None
