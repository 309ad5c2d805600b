"""The clinician's scores: the published regression refitted on the digitised points.

What is checked is whether the published points give the published line, and what that line is
worth. Where clinicians judged the sets made here, `miua.analysis.reader_tables` asks the same of
their scores.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from statsmodels.stats.multitest import multipletests

from miua.analysis.checks import Numbers, UndecidedError, finite_array
from miua.analysis.correlation import correlate
from miua.analysis.power import correlation_power, smallest_correlation
from miua.analysis.regression import LogarithmicFit, fit_logarithm
from miua.errors import MiuaError
from miua.metrics.registry import (
    FID,
    LBPV_ELEMENTS,
    MUTUAL_INFORMATION,
    PSNR,
    element_name,
    measure,
)
from miua.provenance import record_step
from miua.study.store import COMPUTED, Results, read_table, write_table

SCORES_FILE = Path("data") / "digitised_scores.csv"
COEFFICIENTS_FILE = Path("data") / "published_coefficients.csv"
FACTS_FILE = Path("data") / "published_facts.csv"
SCORES_COLUMNS = ("metric", "clinician_score", "value")
COEFFICIENTS_COLUMNS = ("metric", "a", "b", "reading_error", "lowest", "highest")
FACTS_COLUMNS = ("name", "value", "source")
LOWEST_SCORE, HIGHEST_SCORE = 1.0, 5.0

# One reading error for a disc that stands alone, three because overlapping discs carry more.
TOLERATED_READING_ERRORS = 3

# What is kept of a fitted line, by the names of LogarithmicFit.
LINE_COLUMNS = ("a", "b", "pearson_r", "p_value", "error_a", "error_b", "residual_deviation")
REGRESSION_COLUMNS = (
    *("metric", "n", "a", "b", "a_published", "b_published", *LINE_COLUMNS[2:]),
    *("tolerance", "agrees", "published_lowest", "published_highest", "status"),
)

# The correlation that the study claims to exceed, and the power asked of a test that seeks it.
CLAIMED_R = 0.2
WANTED_POWER = 0.8


CLINICIAN_COLUMNS = (
    *("metric", "n", "pearson_r", "pearson_low", "pearson_high", "p_value", "p_holm"),
    *("spearman_r", "spearman_low", "spearman_high", "spearman_p"),
    *("power_at_found", "power_at_claimed", "smallest_detectable_r", "status"),
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


def read_facts(study: Path) -> dict[str, str]:
    """The study's other published numbers, as they are printed, by name.

    Raises:
        MiuaError: the file is missing or damaged, or gives a name twice.
    """
    path = study / FACTS_FILE
    table = read_table(path, FACTS_COLUMNS, numbers=())
    if table["name"].duplicated().any():
        raise MiuaError(f"{path} gives a name twice.")
    return dict(zip(table["name"], table["value"], strict=True))


def fit_scores(scores: pd.DataFrame, metric: str) -> LogarithmicFit:
    """The refit for one metric.

    Raises:
        UndecidedError: the metric has too few points, or they are constant.
    """
    points = scores[scores["metric"] == metric]
    return fit_logarithm(points["clinician_score"], points["value"])


def line_row(scores: pd.DataFrame, metric: str) -> dict[str, Any]:
    """A metric's number of points and line: metric, n, LINE_COLUMNS and status.

    Without LINE_COLUMNS where the points allow no line; the status then says why.
    """
    row = {"metric": metric, "n": int((scores["metric"] == metric).sum())}
    try:
        fit = fit_scores(scores, metric)
    except UndecidedError as error:
        return row | {"status": f"undecided: {error}"}
    return row | {name: getattr(fit, name) for name in LINE_COLUMNS} | {"status": COMPUTED}


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


def clinician_table(study: Path) -> pd.DataFrame:
    """Strength, significance and power of each published correlation: CLINICIAN_COLUMNS.

    Raises:
        MiuaError: a file of the study folder is missing or damaged.
    """
    return strengths(read_scores(study))


def strengths(scores: pd.DataFrame) -> pd.DataFrame:
    """Strength, significance and power of each metric's correlation with ln(score).

    Args:
        scores: points with metric, clinician_score (1 to 5) and value.

    Returns:
        CLINICIAN_COLUMNS, by metric. pearson_*: correlation with its 95 % bootstrap interval.
        p_value, p_holm: p of the t test of no correlation, and the same adjusted after Holm (1979)
        over all metrics of the table. spearman_*: rank correlation with its interval, and p of its
        permutation test. power_at_found, power_at_claimed: power of the t test were the true r the
        one found, or CLAIMED_R. smallest_detectable_r: the true r that it finds with a power of
        WANTED_POWER. status: "computed", or "undecided: why".
    """
    rows = [_strength(str(metric), points) for metric, points in scores.groupby("metric")]
    table = pd.DataFrame(rows, columns=list(CLINICIAN_COLUMNS))
    tested = table["status"] == COMPUTED
    table.loc[tested, "p_holm"] = holm(table.loc[tested, "p_value"])
    return table


def holm(p_values: ArrayLike) -> Numbers:
    """p values adjusted for being several (Holm 1979): below alpha, each is sound among all.

    Raises:
        ValueError: a p value is not finite.
    """
    p = finite_array("p_values", p_values)
    return np.asarray(multipletests(p, method="holm")[1]) if p.size else p


def candidates(metrics: pd.DataFrame, *, fid: bool) -> pd.DataFrame:
    """Every metric that the study could have correlated with scores, one row a set.

    Args:
        metrics: of the sets, with set, metric and value.
        fid: whether FID is among the metrics.

    Returns:
        A column for each metric that all of the sets have: MI, PSNR, the elements of the LBPv.
    """
    names = [MUTUAL_INFORMATION.name, PSNR.name, *map(element_name, range(LBPV_ELEMENTS))]
    names += [FID.name] if fid else []
    chosen = metrics[metrics["metric"].isin(names)]
    return chosen.pivot(index="set", columns="metric", values="value").dropna(axis="columns")


def _strength(metric: str, points: pd.DataFrame) -> dict[str, object]:
    n = len(points)
    row: dict[str, object] = {"metric": metric, "n": n, "p_holm": math.nan}
    logarithm, value = np.log(points["clinician_score"]), points["value"]
    try:
        pearson = correlate(logarithm, value)
        ranks = correlate(logarithm, value, method="spearman")
        # Points on one line leave nothing that could miss them; power is asked just below r = 1.
        found = math.copysign(min(abs(pearson.r), 1 - 1e-9), pearson.r)
        row |= {
            "power_at_found": correlation_power(n, found),
            "power_at_claimed": correlation_power(n, CLAIMED_R),
            "smallest_detectable_r": smallest_correlation(n, power=WANTED_POWER),
        }
    except UndecidedError as error:
        return row | {"status": f"undecided: {error}"}
    for name, one in (("pearson", pearson), ("spearman", ranks)):
        row |= {f"{name}_r": one.r, f"{name}_low": one.low, f"{name}_high": one.high}
    return row | {"p_value": pearson.p_value, "spearman_p": ranks.p_value, "status": COMPUTED}


def _row(metric: str, scores: pd.DataFrame, published: Any) -> dict[str, Any]:
    tolerance = TOLERATED_READING_ERRORS * published.reading_error
    row = line_row(scores, metric) | {
        "a_published": published.a,
        "b_published": published.b,
        "published_lowest": published.lowest,
        "published_highest": published.highest,
        "tolerance": tolerance,
    }
    if row["status"] != COMPUTED:
        return row | {"agrees": "undecided"}
    distance = max(abs(row["a"] - published.a), abs(row["b"] - published.b))
    return row | {"agrees": "yes" if distance <= tolerance else "no"}


def _check_metrics(table: pd.DataFrame, path: Path) -> None:
    for name in table["metric"].unique():
        try:
            measure(str(name))
        except ValueError as error:
            raise MiuaError(f"{path}: {error}.") from None


def refit_clinician(results: Path, study: Path) -> list[Path]:
    """Refit the published scores of the folder `study` (experiments/), and judge what they carry.

    Returns:
        The files written: tables/regression.csv, tables/clinician.csv.

    Raises:
        MiuaError: an input is missing or damaged; the message names it.
    """
    opened = Results.open(results)
    tables = {"regression": refit(study), "clinician": clinician_table(study)}
    for name, table in tables.items():
        write_table(opened.table_path(name), table)
    written = [opened.table_path(name) for name in tables]
    data = sorted((study / "data").glob("*.csv"))
    record_step(opened.tables / "clinician.json", base=results, inputs=data, files=written)
    return written
