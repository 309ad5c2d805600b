"""Tests of what longer training changes: a trend over the snapshots of each training.

The snapshots of one training hang together, so each training gives one value, the slope of a metric
over the logarithm of its epochs, and the trainings are the sample (a summary measure of repeated
measurements: Matthews et al., British Medical Journal 300, 1990).
"""

import math
from typing import Annotated

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from pydantic import Field
from scipy import stats
from statsmodels.stats.power import TTestPower

from miua.analysis.checks import FEWEST_POINTS, Numbers, UndecidedError, check_varied
from miua.analysis.claim_tests.base import (
    UNDECIDED,
    ClaimFinding,
    Evidence,
    Fraction,
    Metrics,
    NotTestableError,
    Positive,
    claim_test,
    computed,
    decide,
    labels,
    number,
    p_text,
    percent,
)
from miua.analysis.claim_tests.runs import deciding_distance
from miua.analysis.clinician import holm
from miua.metrics.registry import measure


@claim_test
def longer_training_changes(
    evidence: Evidence,
    metrics: Metrics,
    arm: str,
    *,
    alpha: Fraction,
    effect: Positive,
) -> ClaimFinding:
    """At least one metric has a trend over the epochs, by Holm's adjusted t test over trainings.

    `effect` is a mean trend in standard deviations of the trainings' trends. Refuted if the trend
    of each metric is shown to be smaller at the level alpha, and none is missing (the t test of
    equivalence: Wellek, Testing Statistical Hypotheses of Equivalence and Noninferiority, 2nd ed.
    2010, section 5.3). The power to find this effect is told.
    """
    table = evidence.sets(arm=arm)
    slopes: dict[str, Numbers] = {}
    missing: list[str] = []
    for metric in metrics:
        try:
            slopes[metric] = _slopes(computed(table, metric))
        except NotTestableError as error:
            missing.append(str(error))
    if not slopes:
        raise NotTestableError("; ".join(missing))
    p = dict(zip(slopes, holm([_p_value(each) for each in slopes.values()]), strict=True))
    changed = [metric for metric in slopes if p[metric] < alpha]
    n = min(len(each) for each in slopes.values())
    found = float(TTestPower().power(effect, n, alpha / len(slopes)))
    most = max(equivalence_of_trend(each, effect) for each in slopes.values())
    told = ", ".join(
        f"{measure(metric).label} {number(each.mean(), 2)} ({p_text(p[metric])})"
        for metric, each in slopes.items()
    )
    without = f" Missing: {'; '.join(missing)}." if missing else ""
    return ClaimFinding(
        decide(changed, most < alpha and not missing),
        f"Mean change with each doubling of the epochs over {n} trainings, p after Holm: {told}. "
        f"{labels(changed) or 'None'} changes significantly; the power for a trend of "
        f"{effect:g} standard deviations is {number(found, 2)}.{without}",
        {f"{metric} change": each.mean() for metric, each in slopes.items()}
        | {f"p {metric}": each for metric, each in p.items()}
        | {"p equivalence": most},
        power=found,
        n=n,
        missing=tuple(missing),
    )


@claim_test
def longer_training_gains_nothing(
    evidence: Evidence,
    distance: Metrics,
    arm: str,
    *,
    alpha: Fraction,
    margin: Annotated[float, Field(gt=0, lt=1)],
) -> ClaimFinding:
    """Sets come no closer with more epochs: a fall of the distance by `margin` is excluded.

    Of the first distance that sees anatomy, by its logarithm, so relative to its size, with each
    doubling of the epochs. Refuted if it falls significantly and the margin is not excluded. Both
    are one-sided t tests over trainings at the level alpha. The power is for trends without a fall
    that scatter by the margin.
    """
    table = evidence.sets(arm=arm)
    metric, blind = deciding_distance([table], distance)
    rows = computed(table, metric)
    if not (rows["value"] > 0).all():
        raise UndecidedError(f"{measure(metric).label} is not above 0 in every set")
    slopes = _slopes(rows.assign(value=np.log(rows["value"])))
    n, mean = len(slopes), float(slopes.mean())
    low, high = stats.t.interval(1 - 2 * alpha, n - 1, mean, stats.sem(slopes))
    found = float(TTestPower().power(1.0, n, alpha, alternative="larger"))
    change, least, most = (math.expm1(each) for each in (mean, low, high))
    return ClaimFinding(
        UNDECIDED if blind else decide(least > -margin, most < 0),
        f"{measure(metric).label} changes by {percent(change)} with each doubling of the epochs, "
        f"over {n} trainings ({percent(1 - 2 * alpha)} interval {percent(least)} to "
        f"{percent(most)}; a fall of {percent(margin)} would matter); the power is "
        f"{number(found, 2)} if the trainings' trends scatter by that much"
        f"{f'; {blind}' if blind else ''}.",
        {"change": change, "low": least, "high": most},
        power=found,
        n=n,
    )


def slopes_over_doublings(epochs: ArrayLike, values: ArrayLike) -> Numbers:
    """The least-squares slope of values over log2(epochs), along the last axis.

    epochs: at least two different ones, above 0, shape (n,). values: shape (..., n).
    """
    x = np.log2(np.asarray(epochs, dtype=np.float64))
    x -= x.mean()
    return np.asarray(np.asarray(values, dtype=np.float64) @ x / (x @ x))


def equivalence_of_trend(slopes: ArrayLike, effect: float) -> float:
    """p of the hypothesis that the mean of slopes is at least so many standard deviations from 0.

    Of Wellek's t test of equivalence: the square of t is noncentral F at the bound.
    """
    values = np.asarray(slopes, dtype=np.float64)
    n, t = values.size, float(stats.ttest_1samp(values, 0.0).statistic)
    return float(stats.ncf.cdf(t * t, 1, n - 1, n * effect**2))


def _slopes(rows: pd.DataFrame) -> Numbers:
    """One slope for each training that has two epochs or more."""
    of_runs = [
        slopes_over_doublings(of_run["epoch"], of_run["value"])
        for _, of_run in rows.groupby("run")
        if of_run["epoch"].nunique() > 1
    ]
    if len(of_runs) < FEWEST_POINTS:
        raise UndecidedError(
            f"{len(of_runs)} trainings with several epochs, at least {FEWEST_POINTS} are needed"
        )
    return np.asarray(of_runs)


def _p_value(slopes: Numbers) -> float:
    check_varied(trend=slopes)
    return float(stats.ttest_1samp(slopes, 0.0).pvalue)
