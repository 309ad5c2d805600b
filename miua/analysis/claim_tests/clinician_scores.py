"""Tests of what the clinician's published scores carry: line, strength, significance, family."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from miua.analysis import reader_tables as readers
from miua.analysis.checks import UndecidedError
from miua.analysis.claim_tests.base import (
    FID,
    GRID,
    Evidence,
    Finding,
    Fraction,
    Metric,
    Metrics,
    NotTestableError,
    Positive,
    claim_test,
    computed,
    decide,
    has_computed,
    labels,
    number,
    p_text,
    percent,
)
from miua.analysis.clinician import candidates
from miua.analysis.correlation import FAMILY_LEVEL, largest_correlation
from miua.analysis.power import correlation_power, smallest_correlation
from miua.metrics.registry import measure
from miua.study.plan import EQUAL_EPOCHS
from miua.study.store import COMPUTED

# readers: those of the scores that this study's own clinicians gave to its sets.
Points = Literal["published", "readers"]


@claim_test
def coefficients_agree(
    evidence: Evidence, metrics: Metrics, *, reading_errors: Positive
) -> Finding:
    """Each refitted a and b lies within so many errors of reading a disc off the published plot."""
    rows = _rows(evidence.table("regression"), metrics)
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
        decide(worst <= reading_errors),
        f"The refitted coefficients lie within {number(worst, 2)} reading errors of the published "
        f"ones (furthest: {furthest[1]} of {measure(furthest[0]).label}; allowed: "
        f"{number(reading_errors, 2)}).",
        numbers,
        n=int(rows["n"].sum()),
    )


@claim_test
def correlations_exceed(evidence: Evidence, metrics: Metrics, *, r: Fraction) -> Finding:
    """Each |r| with the logarithm of the score is above the threshold, as a point estimate."""
    rows = _rows(evidence.table("regression"), metrics)
    strength = rows["pearson_r"].abs()
    return Finding(
        decide((strength > r).all()),
        f"|r| is {number(strength.min(), 2)} to {number(strength.max(), 2)} for "
        f"{labels(metrics)} (claimed: above {r:g}), without regard to chance.",
        _coefficients(rows),
        n=int(rows["n"].min()),
    )


@claim_test
def correlations_stronger(
    evidence: Evidence, strong: Metrics, weak: Metrics, points: Points = "published", *, r: Fraction
) -> Finding:
    """Each strong metric's |r| is above the threshold and above each weak one's.

    The points of readers are those of the study where there are no readers.
    """
    if not evidence.has(readers.READER_REGRESSION):
        points = "published"
    tables = {"published": "regression", "readers": readers.READER_REGRESSION}
    whose, rows = _points(evidence, points, tables, [*strong, *weak])
    strength = rows["pearson_r"].abs()
    least, most = strength[strong].min(), strength[weak].max()
    return Finding(
        decide(least > max(most, r)),
        f"{whose}|r| is at least {number(least, 2)} for {labels(strong)} and at most "
        f"{number(most, 2)} for {labels(weak)}.",
        _coefficients(rows),
        n=int(rows["n"].min()),
    )


@claim_test
def correlations_significant(
    evidence: Evidence,
    metrics: Metrics,
    adjustment: Literal["none", "Holm"],
    points: Points = "published",
    *,
    alpha: Fraction,
    r: Fraction,
    power: Fraction,
) -> Finding:
    """Each correlation has p below alpha, as it is or adjusted for all metrics of the table.

    The power is told at the correlation `r`; without significance, `power` is what it has to be.
    """
    tables = {"published": "clinician", "readers": readers.READER_CORRELATION}
    whose, rows = _points(evidence, points, tables, metrics)
    p = rows["p_value" if adjustment == "none" else "p_holm"]
    n = int(rows["n"].min())
    found = correlation_power(n, r, alpha=alpha)
    smallest = smallest_correlation(n, power=power, alpha=alpha)
    significant = int((p < alpha).sum())
    adjusted = ", adjusted after Holm" if adjustment == "Holm" else ""
    return Finding(
        decide(significant == len(p), found >= power),
        f"{whose}{significant} of {len(p)} correlations have p < {alpha:g}{adjusted} "
        f"(smallest {p_text(p.min())}, n = {n}); the power at r = {r:g} is "
        f"{number(found, 2)}, and only r of {number(smallest, 2)} or more would be found with a "
        f"power of {power:g}.",
        {f"p {metric}": value for metric, value in p.items()} | {"smallest r found": smallest},
        power=found,
        n=n,
    )


@claim_test
def correlation_beyond_family(
    evidence: Evidence,
    metrics: Metrics,
    points: Points = "published",
    *,
    r: Fraction,
    power: Fraction,
) -> Finding:
    """The largest |r| of the metrics exceeds what the best of all candidates reaches by chance.

    The power is told at the correlation `r`; without significance, `power` is what it has to be.
    """
    tables = {"published": "regression", "readers": readers.READER_FAMILY}
    whose, rows = _points(evidence, points, tables, metrics)
    if points == "readers":
        largest, family = f"{whose}the largest", evidence.table(readers.READER_FAMILY)
    else:
        largest, family = "The largest published", _family_of_sets(evidence, metrics[0])
    strength = rows["pearson_r"].abs()
    critical, n = float(family["critical_r"].iloc[0]), int(family["n"].iloc[0])
    # The level a single test needs, to be as strict as the family's critical |r|.
    single = 2 * float(stats.t.sf(critical * math.sqrt((n - 2) / (1 - critical**2)), n - 2))
    found = correlation_power(n, r, alpha=single)
    without = "" if FID in family["metric"].to_numpy() else ", FID not among them"
    return Finding(
        decide(strength.max() > critical, found >= power),
        f"{largest} |r| is {number(strength.max(), 2)} ({measure(str(strength.idxmax())).label}), "
        f"and chance alone reaches {number(critical, 2)} as the largest of {len(family)} "
        f"candidates in {percent(1 - FAMILY_LEVEL)} of permutations{without}; the power at "
        f"r = {r:g} is {number(found, 2)}.",
        {f"largest {points} r": strength.max(), "critical r": critical}
        | {"candidates": len(family), "permutations": family["permutations"].iloc[0]},
        power=found,
        n=n,
    )


@claim_test
def slope_has_sign(
    evidence: Evidence, metric: Metric, sign: Literal["positive", "negative"], *, slope: float
) -> Finding:
    """The published slope and the refitted one both lie on the stated side of the threshold."""
    row = _rows(evidence.table("regression"), [metric]).iloc[0]
    side = 1 if sign == "positive" else -1
    slopes = (row["a_published"], row["a"])
    return Finding(
        decide(all(side * (each - slope) > 0 for each in slopes)),
        f"{measure(metric).label} changes by {number(slopes[1])} (published: "
        f"{number(slopes[0])}) for each unit of ln(score), r = {number(row['pearson_r'], 2)}, "
        f"{p_text(row['p_value'])}.",
        {"a": slopes[1], "a published": slopes[0], "r": row["pearson_r"], "p": row["p_value"]},
        n=int(row["n"]),
    )


def _coefficients(rows: pd.DataFrame) -> dict[str, float]:
    return {f"r {metric}": r for metric, r in rows["pearson_r"].items()}


def _family_of_sets(evidence: Evidence, metric: str) -> pd.DataFrame:
    """The published candidates are not there, so those of our own sets stand in.

    Their scores are the clinician's in random order, which says how large the largest |r| of so
    many metrics, as dependent on each other as these, becomes without any relation.
    """
    scores = evidence.scores()
    score = scores.loc[scores["metric"] == metric, "clinician_score"]
    sets = evidence.sets(GRID, EQUAL_EPOCHS)
    table = candidates(sets, fid=has_computed(sets, FID))
    if len(table) != len(score):
        raise UndecidedError(
            f"{len(table)} sets cannot take the places of the {len(score)} scored ones"
        )
    return largest_correlation(table, np.log(score))


def _points(
    evidence: Evidence, points: Points, tables: dict[str, str], metrics: list[str]
) -> tuple[str, pd.DataFrame]:
    """Rows of the published table, or of that of this study's own clinicians; and whose they are.

    The words for whose begin a sentence; none for published points.
    """
    if points == "published":
        return "", _rows(evidence.table(tables[points]), metrics)
    if not evidence.has(tables[points]):
        raise NotTestableError(readers.SCORES_OF_OUR_SETS)
    table, sets = evidence.table(tables[points]), evidence.sets(GRID, EQUAL_EPOCHS)
    for metric in metrics:
        computed(sets, metric)
    if not table.iloc[0]["metric"]:  # of no metric: the whole table is undecided
        raise UndecidedError(str(table.iloc[0]["status"]).removeprefix("undecided: "))
    rows = _rows(table, metrics)
    return f"By the clinicians' scores of {int(rows['n'].min())} sets made here, ", rows


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
