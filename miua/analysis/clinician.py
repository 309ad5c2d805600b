"""Scores against metrics: the line and what it is worth, of published scores and of our own.

The published points are digitised; what is checked is whether they give the published line. Where
clinicians judged the sets made here, the same is asked of their scores: then the points are the
sets of the main grid, each with the mean quality that the clinicians gave to its images.

Formulas: simple linear regression, value = a x + b with x = ln(score), as in Draper and Smith,
Applied Regression Analysis (3rd ed. 1998), chapter 1; the band is the confidence interval of the
mean value, b + a x0 +- t s sqrt(1/n + (x0 - mean x)^2 / Sxx).

A file of the study's folder that is missing or damaged is a MiuaError which names it.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from miua.analysis import columns
from miua.analysis.checks import Numbers, UndecidedError, check_varied
from miua.analysis.correlation import correlate, largest_correlation
from miua.analysis.power import correlation_power, smallest_correlation
from miua.errors import MiuaError
from miua.metrics.registry import ALL_MEASURES, FID, LBPV_ELEMENTS, element_name, measure
from miua.provenance import record_step
from miua.study.store import COMPUTED, Results, not_computed, read_table, write_table

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
    if not np.isfinite(table["value"]).all():
        raise MiuaError(f"{path}: a value is missing or infinite.")
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


@dataclass(frozen=True)
class LogarithmicFit:
    """The line value = a ln(score) + b.

    a, b: slope (value's unit per unit of ln(score)) and value at score 1. error_a, error_b: their
    standard errors. n: number of points. pearson_r: correlation of the value with ln(score).
    p_value: two-sided p of the hypothesis of no correlation (t test, n - 2 degrees of freedom).
    residual_deviation: standard deviation of the residuals, n - 2 in the denominator. mean_x,
    sum_squares_x: mean of ln(score) and its sum of squared deviations, for the band.
    """

    a: float
    b: float
    error_a: float
    error_b: float
    n: int
    pearson_r: float
    p_value: float
    residual_deviation: float
    mean_x: float
    sum_squares_x: float

    def predict(self, score: ArrayLike) -> Numbers:
        """The line's value at each score."""
        return self.a * np.log(np.asarray(score, dtype=np.float64)) + self.b

    def band(self, score: ArrayLike, level: float = 0.95) -> tuple[Numbers, Numbers]:
        """Lower and upper end of the confidence interval of the mean value at each score."""
        x, centre = np.log(np.asarray(score, dtype=np.float64)), self.predict(score)
        quantile = stats.t.ppf(0.5 + level / 2, self.n - 2)
        spread = np.sqrt(1 / self.n + (x - self.mean_x) ** 2 / self.sum_squares_x)
        half = quantile * self.residual_deviation * spread
        return centre - half, centre + half


def fit_logarithm(score: ArrayLike, value: ArrayLike) -> LogarithmicFit:
    """Fit value = a ln(score) + b by least squares (scipy.stats.linregress).

    score, value: finite numbers, shape (n,); scores are above 0. UndecidedError: fewer than three
    points, or constant ones.
    """
    scores, values = np.asarray(score, dtype=np.float64), np.asarray(value, dtype=np.float64)
    check_varied(score=scores, value=values)
    x = np.log(scores)
    line = stats.linregress(x, values)
    residuals = values - (line.slope * x + line.intercept)
    return LogarithmicFit(
        a=float(line.slope),
        b=float(line.intercept),
        error_a=float(line.stderr),
        error_b=float(line.intercept_stderr),
        n=values.size,
        pearson_r=float(line.rvalue),
        p_value=float(line.pvalue),
        residual_deviation=math.sqrt(float(residuals @ residuals) / (values.size - 2)),
        mean_x=float(x.mean()),
        sum_squares_x=float(((x - x.mean()) ** 2).sum()),
    )


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
    return columns.framed("reader-regression", rows)


def refit(study: Path) -> pd.DataFrame:
    """The refit of every published regression beside what was published: tables/regression.csv.

    agrees: whether a and b lie within `tolerance` of the published: "yes", "no" or "undecided".
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
    return table[list(columns.COLUMNS["regression"])]


def strengths(scores: pd.DataFrame) -> pd.DataFrame:
    """Strength, significance and power of each metric's correlation with ln(score).

    Of points with metric, clinician_score (1 to 5) and value, as tables/clinician.csv.
    pearson_*: correlation with its 95 % bootstrap interval. p_value, p_holm: p of the t test of no
    correlation, and the same adjusted after Holm (1979) over all metrics of the table. spearman_*:
    rank correlation with its interval, and p of its permutation test. power_at_claimed: power of
    the t test were the true r CLAIMED_R; at the r that was found, power would say p once more
    (Hoenig and Heisey, American Statistician 55, 2001, 19-24).
    smallest_detectable_r: found with WANTED_POWER. status: "computed", or "undecided: why".
    """
    rows = [_strength(str(metric), points) for metric, points in scores.groupby("metric")]
    table = columns.framed("clinician", rows)
    tested = table["status"] == COMPUTED
    table.loc[tested, "p_holm"] = holm(table.loc[tested, "p_value"])
    return table


def holm(p_values: ArrayLike) -> Numbers:
    """p values adjusted for being several (Holm 1979): below alpha, each is sound among all."""
    # Not by statsmodels' multipletests: each call collects garbage, 0.2 s where torch is loaded.
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p)
    adjusted = np.empty_like(p)
    adjusted[order] = np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1))
    return np.minimum(adjusted, 1.0)


def score_reliability(scores: ArrayLike, grades: float, deviation: float) -> float:
    """The reliability of the sets' mean scores: the share of their variance that is of the sets.

    1 - (deviation^2 / grades) / (variance of the scores), at least 0 (classical test theory: Lord
    and Novick, Statistical Theories of Mental Test Scores, 1968, chapter 3). A correlation with
    the scores is the square root of it smaller than one with scores without error.

    scores: one a set, shape (n,). grades: how many grades a score is the mean of, above 0.
    deviation: standard deviation of grades within a set, in grades. UndecidedError: fewer than
    three scores, or equal ones.
    """
    values = np.asarray(scores, dtype=np.float64)
    check_varied(score=values)
    return max(0.0, 1 - deviation**2 / grades / float(values.var(ddof=1)))


def candidates(metrics: pd.DataFrame, *, fid: bool) -> pd.DataFrame:
    """Every metric that the study could have correlated with scores: a column each, one row a set.

    Of MI, PSNR, the elements of the LBPv and, where it is asked for, FID, those that all sets have.
    """
    names = ["mutual_information", "psnr", *map(element_name, range(LBPV_ELEMENTS))]
    names += ["fid"] if fid else []
    chosen = metrics[metrics["metric"].isin(names)]
    return chosen.pivot(index="set", columns="metric", values="value").dropna(axis="columns")


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
        family = columns.framed(columns.READER_FAMILY, [row])
    return {
        columns.READER_REGRESSION: lines,
        columns.READER_CORRELATION: strengths(points),
        columns.READER_FAMILY: family,
    }


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
        row |= {
            "power_at_claimed": correlation_power(n, CLAIMED_R),
            "smallest_detectable_r": smallest_correlation(n, power=WANTED_POWER),
        }
    except UndecidedError as error:
        return row | {"status": f"undecided: {error}"}
    for name, one in (("pearson", pearson), ("spearman", ranks)):
        row |= {f"{name}_r": one.r, f"{name}_low": one.low, f"{name}_high": one.high}
    return row | {"p_value": pearson.p_value, "spearman_p": ranks.p_value, "status": COMPUTED}


def _read_of_metrics(path: Path, names: tuple[str, ...]) -> pd.DataFrame:
    """A table of known metrics and numbers."""
    table = read_table(path, names, numbers=names[1:])
    for name in table["metric"].unique():
        try:
            measure(str(name))
        except ValueError as error:
            raise MiuaError(f"{path}: {error}.") from None
    return table
