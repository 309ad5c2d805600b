"""Tests of how metrics follow clinicians' scores: published points, or this study's own clinicians.

Strength, significance, and the family of candidates.
"""

import math
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from miua.analysis import columns
from miua.analysis.checks import UndecidedError
from miua.analysis.claim_tests.base import (
    FID,
    GRID,
    ClaimFinding,
    Evidence,
    Fraction,
    Metrics,
    NotTestableError,
    claim_test,
    computed,
    decide,
    has_computed,
    labels,
    number,
    p_text,
    percent,
)
from miua.analysis.clinician import candidates, holm
from miua.analysis.correlation import FAMILY_LEVEL, equivalence_to_none, largest_correlation
from miua.analysis.power import correlation_power, smallest_correlation
from miua.metrics.registry import measure
from miua.study.plan import EQUAL_EPOCHS
from miua.study.store import COMPUTED

# readers: those of the scores that this study's own clinicians gave to its sets.
Points = Literal["published", "readers"]


@claim_test
def correlations_exceed(evidence: Evidence, metrics: Metrics, *, r: Fraction) -> ClaimFinding:
    """Each |r| with the logarithm of the score is above the threshold, as a point estimate."""
    rows = rows_of(evidence.table("regression"), metrics)
    strength = rows["pearson_r"].abs()
    return ClaimFinding(
        decide((strength > r).all()),
        f"|r| is {number(strength.min(), 2)} to {number(strength.max(), 2)} for "
        f"{labels(metrics)} (claimed: above {r:g}), without regard to chance.",
        {f"r {metric}": each for metric, each in rows["pearson_r"].items()},
        n=int(rows["n"].min()),
    )


@claim_test
def correlations_stronger(
    evidence: Evidence, strong: Metrics, weak: Metrics, points: Points = "published", *, r: Fraction
) -> ClaimFinding:
    """Each strong metric's |r| is above the threshold and above each weak one's.

    Without readers the published points stand in for theirs.
    """
    own = columns.READER_REGRESSION
    points = points if evidence.has(own) else "published"
    whose, rows = _points(evidence, points, "regression", own, [*strong, *weak])
    strength = rows["pearson_r"].abs()
    least, most = strength[strong].min(), strength[weak].max()
    return ClaimFinding(
        decide(least > max(most, r)),
        f"{whose}|r| is at least {number(least, 2)} for {labels(strong)} and at most "
        f"{number(most, 2)} for {labels(weak)}.",
        {f"r {metric}": each for metric, each in rows["pearson_r"].items()},
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
) -> ClaimFinding:
    """Each correlation has p below alpha, as it is or adjusted for all metrics of the table.

    Refuted where one of them is equivalent to none: its true size is below `r` (two one-sided tests
    at alpha, Holm over the metrics). `power` is that of the smallest correlation that is told.
    """
    whose, rows = _points(evidence, points, "clinician", columns.READER_CORRELATION, metrics)
    p = rows["p_value" if adjustment == "none" else "p_holm"]
    n = int(rows["n"].min())
    found = correlation_power(n, r, alpha=alpha)
    smallest = smallest_correlation(n, power=power, alpha=alpha)
    significant = int((p < alpha).sum())
    none = holm(equivalence_to_none(rows["pearson_r"], n, bound=r))
    adjusted = ", adjusted after Holm" if adjustment == "Holm" else ""
    return ClaimFinding(
        decide(significant == len(p), none.min() < alpha),
        f"{whose}{significant} of {len(p)} correlations have p < {alpha:g}{adjusted} "
        f"(smallest {p_text(p.min())}, n = {n}); {int((none < alpha).sum())} are shown to be below "
        f"{r:g}; the power at r = {r:g} is {number(found, 2)}, and only r of {number(smallest, 2)} "
        f"or more would be found with a power of {power:g}.",
        {f"p {metric}": value for metric, value in p.items()}
        | {f"p equivalence {metric}": value for metric, value in zip(p.index, none, strict=True)}
        | {"smallest r found": smallest},
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
) -> ClaimFinding:
    """The largest |r| of the metrics exceeds what the best of all candidates reaches by chance.

    Refuted where all are equivalent to none: each true size is below `r` (two one-sided tests at
    the family's level).
    """
    own = columns.READER_FAMILY
    whose, rows = _points(evidence, points, "regression", own, metrics)
    largest = f"{whose}the largest" if whose else "The largest published"
    family = evidence.table(own) if whose else _family_of_sets(evidence, metrics[0])
    strength = rows["pearson_r"].abs()
    critical, n = float(family["critical_r"].iloc[0]), int(family["n"].iloc[0])
    # The level a single test needs, to be as strict as the family's critical |r|.
    single = 2 * float(stats.t.sf(critical * math.sqrt((n - 2) / (1 - critical**2)), n - 2))
    found = correlation_power(n, r, alpha=single)
    none = equivalence_to_none(strength, n, bound=r)
    without = "" if FID in family["metric"].to_numpy() else ", FID not among them"
    return ClaimFinding(
        decide(strength.max() > critical, none.max() < 1 - FAMILY_LEVEL),
        f"{largest} |r| is {number(strength.max(), 2)} ({measure(str(strength.idxmax())).label}), "
        f"and chance alone reaches {number(critical, 2)} as the largest of {len(family)} "
        f"candidates in {percent(1 - FAMILY_LEVEL)} of permutations{without}; the power at "
        f"r = {r:g} is {number(found, 2)}.",
        {f"largest {points} r": strength.max(), "critical r": critical}
        | {"p equivalence": none.max()}
        | {"candidates": len(family), "permutations": family["permutations"].iloc[0]},
        power=found,
        n=n,
    )


def _family_of_sets(evidence: Evidence, metric: str) -> pd.DataFrame:
    """The candidates of our own sets, as the published ones are not there.

    Their scores are the clinician's in random order, which says how large the largest |r| of so
    many metrics, as dependent on each other as these, becomes without any relation.
    """
    scores = evidence.scores()
    score = scores.loc[scores["metric"] == metric, "clinician_score"]
    sets = evidence.sets(GRID, EQUAL_EPOCHS)
    table = candidates(sets, fid=has_computed(sets, FID))
    n = len(table)
    if n != len(score):
        raise UndecidedError(f"{n} sets cannot take the places of the {len(score)} scored ones")
    return largest_correlation(table, np.log(score))


def _points(
    evidence: Evidence, points: Points, published: str, own: str, metrics: list[str]
) -> tuple[str, pd.DataFrame]:
    """Words that begin a sentence with whose points they are ("" if published), and their rows."""
    if points == "published":
        return "", rows_of(evidence.table(published), metrics)
    if not evidence.has(own):
        raise NotTestableError(columns.SCORES_OF_OUR_SETS)
    table, sets = evidence.table(own), evidence.sets(GRID, EQUAL_EPOCHS)
    for metric in metrics:
        computed(sets, metric)
    if not table.iloc[0]["metric"]:  # of no metric: the whole table is undecided
        raise UndecidedError(str(table.iloc[0]["status"]).removeprefix("undecided: "))
    rows = rows_of(table, metrics)
    return f"By the clinicians' scores of {int(rows['n'].min())} sets made here, ", rows


def rows_of(table: pd.DataFrame, metrics: list[str]) -> pd.DataFrame:
    """The metrics' rows of a table of lines or strengths; an error where one has no number."""
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
