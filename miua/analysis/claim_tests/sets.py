"""Tests of the synthetic sets: closeness of LBPv elements, collapse, published ranges."""

from __future__ import annotations

import numpy as np
import pandas as pd
from pydantic import Field
from scipy import stats

from miua.analysis.checks import Numbers, UndecidedError
from miua.analysis.claim_tests.base import (
    NOT_REPRODUCED,
    REPRODUCED,
    UNDECIDED,
    Evidence,
    Finding,
    Fraction,
    Metric,
    Metrics,
    claim_test,
    computed,
    labels,
    number,
    p_text,
    percent,
    without_significance,
)
from miua.config import Strict
from miua.metrics.measures import LBPV_ELEMENTS, element_name, measure

# Draws of elements for the power; the draws' own error is then below 1 %.
DRAWS = 10_000
SEED = 0


class Elements(Strict):
    elements: list[int] = Field(min_length=1)
    arm: str


class LowRanks(Strict):
    alpha: Fraction
    least_count: float = Field(ge=0, description="rarer elements, counts per image, are left out")
    lowest: Fraction = Field(description="power is told for elements drawn from so small a share")
    power: Fraction


class OneMetric(Strict):
    metric: Metric
    arm: str


class SeveralMetrics(Strict):
    metrics: Metrics
    arm: str


class BelowRatio(Strict):
    ratio: float = Field(gt=0, description="the metric of images as varied as real ones")
    margin: Fraction = Field(description="a loss smaller than this is none")
    share: Fraction = Field(description="in more than this share of the sets")


class Range(Strict):
    low: float
    high: float


@claim_test
def elements_are_closest(evidence: Evidence, inputs: Elements, thresholds: LowRanks) -> Finding:
    """The elements rank lower in mean |difference| than as many random ones (exact rank test).

    Elements that hardly occur cannot differ much and are left out, if it is known how often the
    reference has them.
    """
    rows = evidence.sets(arm=inputs.arm)
    wide = _element_differences(rows)
    size = wide.abs().mean().to_numpy()
    reference = evidence.reference_lbpv()
    chosen = np.isin(np.arange(LBPV_ELEMENTS), inputs.elements)
    occurs = chosen | (reference >= thresholds.least_count if reference is not None else True)
    ranks_of_all, ranks = stats.rankdata(size), stats.rankdata(size[occurs])
    own = chosen[occurs]
    if own.all() or np.ptp(size[occurs]) == 0:
        raise UndecidedError("there are no other elements, or all differ equally")
    tied = len(np.unique(ranks)) < len(ranks)
    p = float(
        stats.mannwhitneyu(
            ranks[own], ranks[~own], alternative="less", method="asymptotic" if tied else "exact"
        ).pvalue
    )
    power = _rank_power(len(ranks), int(own.sum()), thresholds)
    verdict = REPRODUCED if p < thresholds.alpha else without_significance(power, thresholds.power)
    placed = list(zip(np.flatnonzero(chosen), ranks[own], strict=True))
    places = ", ".join(f"V{element} {rank:.0f}" for element, rank in placed)
    among = (
        f"{len(ranks)} elements that occur {thresholds.least_count:g} times an image or more"
        if reference is not None
        else "all elements, rare ones too"
    )
    rare = [
        element_name(element)
        for element in inputs.elements
        if reference is not None and reference[element] < thresholds.least_count
    ]
    numbers: dict[str, float] = {"p": p, "elements compared": len(ranks)}
    for element, rank in placed:
        numbers |= {
            f"V{element} mean difference": float(size[element]),
            f"V{element} rank": float(rank),
            f"V{element} rank of all": float(ranks_of_all[element]),
        }
    return Finding(
        verdict,
        f"By mean difference from the reference over {len(wide)} sets the ranks are {places} among "
        f"{among}; against as many random elements {p_text(p)}"
        f"{f' ({labels(rare)} hardly occur)' if rare else ''}; the power for elements of the "
        f"lowest {percent(thresholds.lowest)} is {number(power, 2)}.",
        numbers,
        power=power,
        n=len(wide),
    )


@claim_test
def variety_is_reduced(evidence: Evidence, inputs: OneMetric, thresholds: BelowRatio) -> Finding:
    """In most sets the whole interval lies below the ratio of images as varied as real ones.

    Refuted where in most sets it lies above the ratio less the margin.
    """
    rows = computed(evidence.sets(arm=inputs.arm), inputs.metric)
    if rows[["low", "high"]].isna().any(axis=None):
        raise UndecidedError(f"{measure(inputs.metric).label} has no interval")
    n = len(rows)
    below = int((rows["high"] < thresholds.ratio).sum())
    above = int((rows["low"] > thresholds.ratio * (1 - thresholds.margin)).sum())
    if below > thresholds.share * n and not above > thresholds.share * n:
        verdict = REPRODUCED
    else:
        verdict = NOT_REPRODUCED if above > thresholds.share * n else UNDECIDED
    return Finding(
        verdict,
        f"{measure(inputs.metric).label} is {number(rows['value'].min())} to "
        f"{number(rows['value'].max())} times that of real images; its interval lies below "
        f"{thresholds.ratio:g} in {below} of {n} sets, and above "
        f"{number(thresholds.ratio * (1 - thresholds.margin))} in {above}.",
        {
            "mean": float(rows["value"].mean()),
            "lowest": float(rows["value"].min()),
            "highest": float(rows["value"].max()),
            "sets below": below,
            "sets above": above,
        },
        n=n,
    )


@claim_test
def values_in_range(evidence: Evidence, inputs: SeveralMetrics, thresholds: Range) -> Finding:
    """Every set's value lies in the published range."""
    table = evidence.sets(arm=inputs.arm)
    rows = pd.concat([computed(table, metric) for metric in inputs.metrics])
    inside = rows["value"].between(thresholds.low, thresholds.high)
    lowest, highest = rows["value"].min(), rows["value"].max()
    return Finding(
        REPRODUCED if inside.all() else NOT_REPRODUCED,
        f"{labels(inputs.metrics)} of {rows['set'].nunique()} sets lie between {number(lowest)} "
        f"and {number(highest)} (published: {number(thresholds.low)} to "
        f"{number(thresholds.high)}); {int(inside.sum())} of {len(rows)} values are within.",
        {"lowest": float(lowest), "highest": float(highest), "share inside": float(inside.mean())},
        n=int(rows["set"].nunique()),
    )


def _element_differences(rows: pd.DataFrame) -> pd.DataFrame:
    """One row a set that has images, one column an element in its order."""
    names = [element_name(element) for element in range(LBPV_ELEMENTS)]
    with_images = computed(rows, names[0])["set"]
    wanted = rows[rows["metric"].isin(names) & rows["set"].isin(with_images)]
    wide = wanted.pivot(index="set", columns="metric", values="value").reindex(columns=names)
    if wide.isna().any(axis=None):
        raise UndecidedError(f"a set lacks some of the {LBPV_ELEMENTS} elements")
    return wide


def _rank_power(elements: int, chosen: int, thresholds: LowRanks) -> float:
    """Chance of significance where the chosen are random ones of the lowest share."""
    draw = np.random.default_rng(SEED)
    lowest = max(chosen, round(thresholds.lowest * elements))
    null, sought = (_rank_sums(draw, among, chosen) for among in (elements, lowest))
    return float((sought <= np.quantile(null, thresholds.alpha)).mean())


def _rank_sums(draw: np.random.Generator, among: int, chosen: int) -> Numbers:
    order = draw.random((DRAWS, among)).argpartition(chosen - 1, axis=1)
    return np.asarray((order[:, :chosen] + 1).sum(axis=1), dtype=np.float64)
