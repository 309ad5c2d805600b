"""Tests of what the clinician's published scores carry: line, strength, significance, family."""

from __future__ import annotations

import math
from typing import Literal

import pandas as pd
from scipy import stats

from miua.analysis import reader_tables as readers
from miua.analysis.checks import UndecidedError
from miua.analysis.claim_tests.base import (
    FID,
    GRID,
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
    has_computed,
    labels,
    number,
    p_text,
    percent,
    reproduced_if,
    without_significance,
)
from miua.analysis.clinician import REGRESSION_COLUMNS, candidates
from miua.analysis.correlation import FAMILY_LEVEL
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
    rows = _regression(evidence, metrics)
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
        reproduced_if(worst <= reading_errors),
        f"The refitted coefficients lie within {number(worst, 2)} reading errors of the published "
        f"ones (furthest: {furthest[1]} of {measure(furthest[0]).label}; allowed: "
        f"{number(reading_errors, 2)}).",
        numbers,
        n=int(rows["n"].sum()),
    )


@claim_test
def correlations_exceed(evidence: Evidence, metrics: Metrics, *, r: Fraction) -> Finding:
    """Each |r| with the logarithm of the score is above the threshold, as a point estimate."""
    rows = _regression(evidence, metrics)
    strength = rows["pearson_r"].abs()
    return Finding(
        reproduced_if((strength > r).all()),
        f"|r| is {number(strength.min(), 2)} to {number(strength.max(), 2)} for "
        f"{labels(metrics)} (claimed: above {r:g}), without regard to chance.",
        _coefficients(rows),
        n=int(rows["n"].min()),
    )


@claim_test
def correlations_stronger(
    evidence: Evidence,
    strong: Metrics,
    weak: Metrics,
    points: Points = "published",
    *,
    r: Fraction,
) -> Finding:
    """Each strong metric's |r| is above the threshold and above each weak one's.

    The points of readers are those of the study where there are no readers.
    """
    metrics = [*strong, *weak]
    whose = ""
    if points == "readers" and evidence.has(readers.READER_REGRESSION):
        rows = _of_readers(evidence, readers.READER_REGRESSION, metrics)
        whose = _by_clinicians(rows)
    else:
        rows = _regression(evidence, metrics)
    strength = rows["pearson_r"].abs()
    least, most = strength[strong].min(), strength[weak].max()
    return Finding(
        reproduced_if(least > max(most, r)),
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
    whose = ""
    if points == "readers":
        rows = _of_readers(evidence, readers.READER_CORRELATION, metrics)
        whose = _by_clinicians(rows)
    else:
        rows = _rows(evidence.table("clinician", *readers.STRENGTHS), metrics)
    p = rows["p_value" if adjustment == "none" else "p_holm"]
    n = int(rows["n"].min())
    found = correlation_power(n, r, alpha=alpha)
    smallest = smallest_correlation(n, power=power, alpha=alpha)
    significant = int((p < alpha).sum())
    adjusted = ", adjusted after Holm" if adjustment == "Holm" else ""
    return Finding(
        REPRODUCED if significant == len(p) else without_significance(found, power),
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
    if points == "readers":
        whose, strength, family = _own_family(evidence, metrics)
    else:
        whose, strength, family = _published_family(evidence, metrics)
    critical, n = float(family["critical_r"].iloc[0]), int(family["n"].iloc[0])
    # The level a single test needs, to be as strict as the family's critical |r|.
    single = 2 * float(stats.t.sf(critical * math.sqrt((n - 2) / (1 - critical**2)), n - 2))
    found = correlation_power(n, r, alpha=single)
    beyond = strength.max() > critical
    without = "" if FID in family["metric"].to_numpy() else ", FID not among them"
    return Finding(
        REPRODUCED if beyond else without_significance(found, power),
        f"{whose} |r| is {number(strength.max(), 2)} ({measure(str(strength.idxmax())).label}), "
        f"and chance alone reaches {number(critical, 2)} as the largest of {len(family)} "
        f"candidates in {percent(1 - FAMILY_LEVEL)} of permutations{without}; the power at "
        f"r = {r:g} is {number(found, 2)}.",
        {
            f"largest {points} r": float(strength.max()),
            "critical r": critical,
            "candidates": len(family),
            "permutations": int(family["permutations"].iloc[0]),
        },
        power=found,
        n=n,
    )


# How a sentence on the largest |r| begins; |r| by metric; all candidates, as in reader-family.csv.
_Family = tuple[str, "pd.Series[float]", pd.DataFrame]


def _published_family(evidence: Evidence, metrics: list[str]) -> _Family:
    """The published candidates are not there, so those of our own sets stand in.

    Their scores are the clinician's in random order, which says how large the largest |r| of so
    many metrics, as dependent on each other as these, becomes without any relation.
    """
    strength = _regression(evidence, metrics)["pearson_r"].abs()
    scores = evidence.scores()
    score = scores.loc[scores["metric"] == metrics[0], "clinician_score"]
    sets = evidence.sets(GRID, EQUAL_EPOCHS)
    table = candidates(sets, fid=has_computed(sets, FID))
    if len(table) != len(score):
        raise UndecidedError(
            f"{len(table)} sets cannot take the places of the {len(score)} scored ones"
        )
    family = readers.family_table(table, score)
    if not family["metric"].iloc[0]:
        raise UndecidedError(str(family["status"].iloc[0]).removeprefix("undecided: "))
    return "The largest published", strength, family


def _own_family(evidence: Evidence, metrics: list[str]) -> _Family:
    """By the scores of this study's own clinicians, whose sets gave the candidates."""
    rows = _of_readers(evidence, readers.READER_FAMILY, metrics)
    table = _readers_table(evidence, readers.READER_FAMILY)
    return f"{_by_clinicians(rows)}the largest", rows["pearson_r"].abs(), table


@claim_test
def slope_has_sign(
    evidence: Evidence, metric: Metric, sign: Literal["positive", "negative"], *, slope: float
) -> Finding:
    """The published slope and the refitted one both lie on the stated side of the threshold."""
    row = _regression(evidence, [metric]).iloc[0]
    side = 1 if sign == "positive" else -1
    slopes = (row["a_published"], row["a"])
    return Finding(
        reproduced_if(all(side * (each - slope) > 0 for each in slopes)),
        f"{measure(metric).label} changes by {number(slopes[1])} (published: "
        f"{number(slopes[0])}) for each unit of ln(score), r = {number(row['pearson_r'], 2)}, "
        f"{p_text(row['p_value'])}.",
        {"a": slopes[1], "a published": slopes[0], "r": row["pearson_r"], "p": row["p_value"]},
        n=int(row["n"]),
    )


def _coefficients(rows: pd.DataFrame) -> dict[str, float]:
    return {f"r {metric}": r for metric, r in rows["pearson_r"].items()}


def _regression(evidence: Evidence, metrics: list[str]) -> pd.DataFrame:
    numbers = [c for c in REGRESSION_COLUMNS if c not in ("metric", "agrees", "status")]
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
