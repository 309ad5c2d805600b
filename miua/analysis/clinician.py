"""The clinician's scores: the published regression refitted on the digitised points.

What is checked is whether the published points give the published line, and what that line is
worth. Where clinicians judged the sets made here, `miua.analysis.reader_tables` asks the same of
their scores.

A file of the study's folder that is missing or damaged is a MiuaError which names it.
"""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from statsmodels.stats.multitest import multipletests

from miua.analysis.checks import Numbers, UndecidedError
from miua.analysis.columns import COLUMNS, framed
from miua.analysis.correlation import correlate
from miua.analysis.power import correlation_power, smallest_correlation
from miua.analysis.regression import LogarithmicFit, fit_logarithm
from miua.errors import MiuaError
from miua.metrics.registry import LBPV_ELEMENTS, element_name, measure
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

# The correlation that the study claims to exceed, and the power asked of a test that seeks it.
CLAIMED_R = 0.2
WANTED_POWER = 0.8


def read_scores(study: Path) -> pd.DataFrame:
    """The digitised points: metric, clinician_score (1 to 5), value (the metric's unit)."""
    path = study / SCORES_FILE
    table = _read_of_metrics(path, SCORES_COLUMNS)
    if not table["clinician_score"].between(LOWEST_SCORE, HIGHEST_SCORE).all():
        raise MiuaError(
            f"{path}: a clinician_score lies outside {LOWEST_SCORE:g} to {HIGHEST_SCORE:g}."
        )
    if table["value"].isna().any():
        raise MiuaError(f"{path}: a value is missing.")
    return table


def read_published(study: Path) -> pd.DataFrame:
    """The published coefficients, one row a metric, indexed by metric."""
    path = study / COEFFICIENTS_FILE
    table = _read_of_metrics(path, COEFFICIENTS_COLUMNS)
    if table["metric"].duplicated().any():
        raise MiuaError(f"{path} names a metric twice.")
    if table[["a", "b", "reading_error"]].isna().any(axis=None):
        raise MiuaError(f"{path} lacks a coefficient or reading error.")
    return table.set_index("metric")


def read_facts(study: Path) -> dict[str, str]:
    """The study's other published numbers, as they are printed, by name."""
    path = study / FACTS_FILE
    table = read_table(path, FACTS_COLUMNS, numbers=())
    if table["name"].duplicated().any():
        raise MiuaError(f"{path} gives a name twice.")
    return dict(zip(table["name"], table["value"], strict=True))


def fit_scores(scores: pd.DataFrame, metric: str) -> LogarithmicFit:
    """The refit for one metric; UndecidedError: it has too few points, or they are constant."""
    points = scores[scores["metric"] == metric]
    return fit_logarithm(points["clinician_score"], points["value"])


def fit_lines(scores: pd.DataFrame, metrics: Iterable[str]) -> pd.DataFrame:
    """The line of each metric, value = a ln(score) + b, as in tables/reader-regression.csv.

    Where the points allow no line, its numbers are nan, and the status says "undecided: why".
    """
    rows = []
    for metric in metrics:
        row = {"metric": metric, "n": int((scores["metric"] == metric).sum()), "status": COMPUTED}
        try:
            row |= vars(fit_scores(scores, metric))
        except UndecidedError as error:
            row["status"] = f"undecided: {error}"
        rows.append(row)
    return framed("reader-regression", rows)


def refit(study: Path) -> pd.DataFrame:
    """The refit of every published regression beside what was published: tables/regression.csv.

    `agrees` is "yes" where a and b lie within `tolerance` of the published ones, else "no", and
    "undecided" where the points allow no line.
    """
    scores, published = read_scores(study), read_published(study)
    if unpublished := set(scores["metric"]) - set(published.index):
        raise MiuaError(
            f"{study / COEFFICIENTS_FILE} lacks {', '.join(sorted(unpublished))}, "
            f"which {study / SCORES_FILE} holds."
        )
    ends = {"lowest": "published_lowest", "highest": "published_highest"}
    stated = published.rename(columns=ends).reset_index()
    lines = fit_lines(scores, published.index)
    table = lines.merge(stated, on="metric", suffixes=("", "_published"))
    table["tolerance"] = TOLERATED_READING_ERRORS * table["reading_error"]
    off_a, off_b = ((table[each] - table[f"{each}_published"]).abs() for each in ("a", "b"))
    table["agrees"] = np.where(np.maximum(off_a, off_b) <= table["tolerance"], "yes", "no")
    table.loc[table["status"] != COMPUTED, "agrees"] = "undecided"
    return table[list(COLUMNS["regression"])]


def strengths(scores: pd.DataFrame) -> pd.DataFrame:
    """Strength, significance and power of each metric's correlation with ln(score).

    Of points with metric, clinician_score (1 to 5) and value, as tables/clinician.csv.
    pearson_*: correlation with its 95 % bootstrap interval. p_value, p_holm: p of the t test of no
    correlation, and the same adjusted after Holm (1979) over all metrics of the table. spearman_*:
    rank correlation with its interval, and p of its permutation test. power_at_found,
    power_at_claimed: power of the t test were the true r the one found, or CLAIMED_R.
    smallest_detectable_r: the true r that it finds with a power of WANTED_POWER. status:
    "computed", or "undecided: why".
    """
    rows = [_strength(str(metric), points) for metric, points in scores.groupby("metric")]
    table = framed("clinician", rows)
    tested = table["status"] == COMPUTED
    table.loc[tested, "p_holm"] = holm(table.loc[tested, "p_value"])
    return table


def holm(p_values: ArrayLike) -> Numbers:
    """p values adjusted for being several (Holm 1979): below alpha, each is sound among all."""
    p = np.asarray(p_values, dtype=np.float64)
    return np.asarray(multipletests(p, method="holm")[1]) if p.size else p


def candidates(metrics: pd.DataFrame, *, fid: bool) -> pd.DataFrame:
    """Every metric that the study could have correlated with scores: a column each, one row a set.

    Of MI, PSNR, the elements of the LBPv and, where it is asked for, FID, those that all sets have.
    """
    names = ["mutual_information", "psnr", *map(element_name, range(LBPV_ELEMENTS))]
    names += ["fid"] if fid else []
    chosen = metrics[metrics["metric"].isin(names)]
    return chosen.pivot(index="set", columns="metric", values="value").dropna(axis="columns")


def refit_clinician(results: Path, study: Path) -> list[Path]:
    """Refit the published scores of the folder `study` (experiments/), and judge what they carry.

    Returns the files written: tables/regression.csv, tables/clinician.csv.
    """
    opened = Results.open(results)
    tables = {"regression": refit(study), "clinician": strengths(read_scores(study))}
    written = [opened.table_path(name) for name in tables]
    for path, table in zip(written, tables.values(), strict=True):
        write_table(path, table)
    data = sorted((study / "data").glob("*.csv"))
    record_step(opened.tables / "clinician.json", base=results, inputs=data, files=written)
    return written


def _strength(metric: str, points: pd.DataFrame) -> dict[str, Any]:
    n = len(points)
    row: dict[str, Any] = {"metric": metric, "n": n, "p_holm": math.nan}
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


def _read_of_metrics(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    """A table of known metrics and numbers."""
    table = read_table(path, columns, numbers=columns[1:])
    for name in table["metric"].unique():
        try:
            measure(str(name))
        except ValueError as error:
            raise MiuaError(f"{path}: {error}.") from None
    return table
