"""Tests of what the clinician's published scores carry: line, strength, significance, family."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field
from scipy import stats

from miua.analysis import readers
from miua.analysis.checks import UndecidedError
from miua.analysis.claim_tests.base import (
    FID,
    GRID,
    NOT_REPRODUCED,
    REPRODUCED,
    Evidence,
    Finding,
    Fraction,
    Metric,
    Metrics,
    NotTestableError,
    Positive,
    claim_test,
    computed,
    labels,
    number,
    p_text,
    percent,
    without_significance,
)
from miua.analysis.clinician import CLINICIAN_COLUMNS, REGRESSION_COLUMNS, candidates
from miua.analysis.correlation import FAMILY_LEVEL, largest_correlation
from miua.analysis.power import correlation_power, smallest_correlation
from miua.config import Strict
from miua.metrics.measures import measure
from miua.study.plan import EQUAL_EPOCHS
from miua.study.store import COMPUTED

# readers: those of the scores that this study's own clinicians gave to its sets.
Points = Literal["published", "readers"]


class OfMetrics(Strict):
    metrics: Metrics


class ReadingErrors(Strict):
    reading_errors: Positive = Field(
        description="how many errors of reading a disc off the plot a coefficient may be away"
    )


class Correlation(Strict):
    r: Fraction


class OfFamily(Strict):
    metrics: Metrics
    points: Points = "published"


class StrongAndWeak(Strict):
    strong: Metrics
    weak: Metrics
    points: Points = Field(
        default="published", description="readers: the published ones where there are none"
    )


class Adjusted(Strict):
    metrics: Metrics
    adjustment: Literal["none", "Holm"]
    points: Points = "published"


class Significance(Strict):
    alpha: Fraction
    r: Fraction = Field(description="the correlation sought, at which power is stated")
    power: Fraction


class Sought(Strict):
    r: Fraction = Field(description="the correlation sought, at which power is stated")
    power: Fraction


class OfMetric(Strict):
    metric: Metric
    sign: Literal["positive", "negative"]


class Slope(Strict):
    slope: float = Field(description="on which side of this the slope has to lie")


@claim_test
def coefficients_agree(evidence: Evidence, inputs: OfMetrics, thresholds: ReadingErrors) -> Finding:
    """Each refitted a and b lies within so many reading errors of the published one."""
    rows = _regression(evidence, inputs.metrics)
    reading_error = evidence.published()["reading_error"]
    numbers, distances = {}, {}
    for metric, row in rows.iterrows():
        for coefficient in ("a", "b"):
            here, published = row[coefficient], row[f"{coefficient}_published"]
            distances[str(metric), coefficient] = abs(here - published) / reading_error[str(metric)]
            numbers[f"{metric} {coefficient}"] = here
            numbers[f"{metric} {coefficient} published"] = published
    furthest = max(distances, key=distances.__getitem__)
    worst = numbers["largest distance in reading errors"] = distances[furthest]
    return Finding(
        REPRODUCED if worst <= thresholds.reading_errors else NOT_REPRODUCED,
        f"The refitted coefficients lie within {number(worst, 2)} reading errors of the published "
        f"ones (furthest: {furthest[1]} of {measure(furthest[0]).label}; allowed: "
        f"{number(thresholds.reading_errors, 2)}).",
        numbers,
        n=int(rows["n"].sum()),
    )


@claim_test
def correlations_exceed(evidence: Evidence, inputs: OfMetrics, thresholds: Correlation) -> Finding:
    """Each |r| with the logarithm of the score is above the threshold, as a point estimate."""
    rows = _regression(evidence, inputs.metrics)
    strength = rows["pearson_r"].abs()
    return Finding(
        REPRODUCED if (strength > thresholds.r).all() else NOT_REPRODUCED,
        f"|r| is {number(strength.min(), 2)} to {number(strength.max(), 2)} for "
        f"{labels(inputs.metrics)} (claimed: above {thresholds.r:g}), without regard to chance.",
        {f"r {metric}": r for metric, r in rows["pearson_r"].items()},
        n=int(rows["n"].min()),
    )


@claim_test
def correlations_stronger(
    evidence: Evidence, inputs: StrongAndWeak, thresholds: Correlation
) -> Finding:
    """Each strong metric's |r| is above the threshold and above each weak one's."""
    metrics = [*inputs.strong, *inputs.weak]
    whose = ""
    if inputs.points == "readers" and evidence.has(readers.READER_REGRESSION):
        rows = _of_readers(evidence, readers.READER_REGRESSION, metrics)
        whose = _by_clinicians(rows)
    else:
        rows = _regression(evidence, metrics)
    strength = rows["pearson_r"].abs()
    least, most = strength[inputs.strong].min(), strength[inputs.weak].max()
    return Finding(
        REPRODUCED if least > max(most, thresholds.r) else NOT_REPRODUCED,
        f"{whose}|r| is at least {number(least, 2)} for {labels(inputs.strong)} and at most "
        f"{number(most, 2)} for {labels(inputs.weak)}.",
        {f"r {metric}": r for metric, r in rows["pearson_r"].items()},
        n=int(rows["n"].min()),
    )


@claim_test
def correlations_significant(
    evidence: Evidence, inputs: Adjusted, thresholds: Significance
) -> Finding:
    """Each correlation has p below alpha, as it is or adjusted for all metrics of the table."""
    whose = ""
    if inputs.points == "readers":
        rows = _of_readers(evidence, readers.READER_CORRELATION, inputs.metrics)
        whose = _by_clinicians(rows)
    else:
        numbers = [c for c in CLINICIAN_COLUMNS if c not in TEXT]
        rows = _rows(evidence.table("clinician", CLINICIAN_COLUMNS, numbers), inputs.metrics)
    p = rows["p_value" if inputs.adjustment == "none" else "p_holm"]
    n = int(rows["n"].min())
    power = correlation_power(n, thresholds.r, alpha=thresholds.alpha)
    smallest = smallest_correlation(n, power=thresholds.power, alpha=thresholds.alpha)
    significant = int((p < thresholds.alpha).sum())
    verdict = REPRODUCED if significant == len(p) else without_significance(power, thresholds.power)
    adjusted = ", adjusted after Holm" if inputs.adjustment == "Holm" else ""
    return Finding(
        verdict,
        f"{whose}{significant} of {len(p)} correlations have p < {thresholds.alpha:g}{adjusted} "
        f"(smallest {p_text(p.min())}, n = {n}); the power at r = {thresholds.r:g} is "
        f"{number(power, 2)}, and only r of {number(smallest, 2)} or more would be found with a "
        f"power of {thresholds.power:g}.",
        {f"p {metric}": value for metric, value in p.items()} | {"smallest r found": smallest},
        power=power,
        n=n,
    )


@claim_test
def correlation_beyond_family(evidence: Evidence, inputs: OfFamily, thresholds: Sought) -> Finding:
    """The largest |r| of the metrics exceeds what the best of all candidates reaches by chance."""
    family = (_own_family if inputs.points == "readers" else _published_family)(
        evidence, inputs.metrics
    )
    strength, critical, n = family.strength, family.critical, family.n
    # The level a single test needs, to be as strict as the family's critical |r|.
    single = 2 * float(stats.t.sf(critical * math.sqrt((n - 2) / (1 - critical**2)), n - 2))
    power = correlation_power(n, thresholds.r, alpha=single)
    strongest = str(strength.idxmax())
    verdict = (
        REPRODUCED if strength.max() > critical else without_significance(power, thresholds.power)
    )
    without = "" if FID in family.candidates else ", FID not among them"
    return Finding(
        verdict,
        f"{family.whose} |r| is {number(strength.max(), 2)} "
        f"({measure(strongest).label}), and chance alone reaches {number(critical, 2)} as the "
        f"largest of {len(family.candidates)} candidates in {percent(1 - FAMILY_LEVEL)} of "
        f"permutations{without}; the power at "
        f"r = {thresholds.r:g} is {number(power, 2)}.",
        {
            f"largest {inputs.points} r": float(strength.max()),
            "critical r": critical,
            "candidates": len(family.candidates),
            "permutations": family.permutations,
        },
        power=power,
        n=n,
    )


@dataclass(frozen=True)
class _Family:
    """Correlations, and what chance reaches as the largest of all candidates.

    whose: how a sentence on the largest |r| begins. strength: |r| by metric. candidates: their
    names. critical: what the largest |r| exceeds in 5 % of the permutations of n scores.
    """

    whose: str
    strength: pd.Series[float]
    candidates: list[str]
    critical: float
    permutations: int
    n: int


def _published_family(evidence: Evidence, metrics: list[str]) -> _Family:
    """The published candidates are not there, so those of our own sets stand in.

    Their scores are the clinician's in random order, which says how large the largest |r| of so
    many metrics, as dependent on each other as these, becomes without any relation.
    """
    strength = _regression(evidence, metrics)["pearson_r"].abs()
    scores = evidence.scores()
    score = scores.loc[scores["metric"] == metrics[0], "clinician_score"].to_numpy()
    sets = evidence.sets(GRID, EQUAL_EPOCHS)
    table = candidates(sets, fid=_has_fid(sets))
    n = len(table)
    if n != len(score):
        raise UndecidedError(f"{n} sets cannot take the places of the {len(score)} scored ones")
    test = largest_correlation(table, np.log(score), names=list(table.columns))
    return _Family(
        "The largest published", strength, list(test.names), test.critical_r, test.permutations, n
    )


def _own_family(evidence: Evidence, metrics: list[str]) -> _Family:
    """By the scores of this study's own clinicians, whose sets gave the candidates."""
    rows = _of_readers(evidence, readers.READER_FAMILY, metrics)
    table = _readers_table(evidence, readers.READER_FAMILY)
    first = table.iloc[0]
    return _Family(
        f"{_by_clinicians(rows)}the largest",
        rows["pearson_r"].abs(),
        table["metric"].tolist(),
        float(first["critical_r"]),
        int(first["permutations"]),
        int(first["n"]),
    )


@claim_test
def slope_has_sign(evidence: Evidence, inputs: OfMetric, thresholds: Slope) -> Finding:
    """The published slope and the refitted one both lie on the stated side of the threshold."""
    row = _regression(evidence, [inputs.metric]).iloc[0]
    side = 1 if inputs.sign == "positive" else -1
    slopes = (row["a_published"], row["a"])
    agree = all(side * (slope - thresholds.slope) > 0 for slope in slopes)
    return Finding(
        REPRODUCED if agree else NOT_REPRODUCED,
        f"{measure(inputs.metric).label} changes by {number(slopes[1])} (published: "
        f"{number(slopes[0])}) for each unit of ln(score), r = {number(row['pearson_r'], 2)}, "
        f"{p_text(row['p_value'])}.",
        {
            "a": slopes[1],
            "a published": slopes[0],
            "r": row["pearson_r"],
            "p": row["p_value"],
        },
        n=int(row["n"]),
    )


TEXT = ("metric", "status")


def _regression(evidence: Evidence, metrics: list[str]) -> pd.DataFrame:
    numbers = [column for column in REGRESSION_COLUMNS if column not in (*TEXT, "agrees")]
    return _rows(evidence.table("regression", REGRESSION_COLUMNS, numbers), metrics)


def _readers_table(evidence: Evidence, name: str) -> pd.DataFrame:
    if not evidence.has(name):
        raise NotTestableError(readers.SCORES_OF_OUR_SETS)
    return evidence.table(name, *readers.TABLE_COLUMNS[name])


def _of_readers(evidence: Evidence, name: str, metrics: list[str]) -> pd.DataFrame:
    """Rows of a table of this study's own clinicians; of metrics that the sets have."""
    table = _readers_table(evidence, name)
    sets = evidence.sets(GRID, EQUAL_EPOCHS)
    for metric in metrics:
        computed(sets, metric)
    if not table.iloc[0]["metric"]:  # of no metric: the whole table is undecided
        raise UndecidedError(str(table.iloc[0]["status"]).removeprefix("undecided: "))
    return _rows(table, metrics)


def _by_clinicians(rows: pd.DataFrame) -> str:
    return f"By the clinicians' scores of {int(rows['n'].min())} sets made here, "


def _rows(table: pd.DataFrame, metrics: list[str]) -> pd.DataFrame:
    indexed = table.set_index("metric")
    absent = [metric for metric in metrics if metric not in indexed.index]
    if absent:
        raise NotTestableError(f"published points of {labels(absent)}")
    rows = indexed.loc[metrics]
    for metric, status in rows["status"].items():
        if status != COMPUTED:
            reason = str(status).removeprefix("undecided: ")
            raise UndecidedError(f"{measure(str(metric)).label}: {reason}")
    return rows


def _has_fid(sets: pd.DataFrame) -> bool:
    """Whether FID with the published weights is there."""
    try:
        return not computed(sets, FID).empty
    except NotTestableError:
        return False
