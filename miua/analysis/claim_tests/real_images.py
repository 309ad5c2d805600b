"""Tests on real images alone: noise floor, pairing, subjects, and sensitivity to known damage."""

from __future__ import annotations

from typing import Literal

import pandas as pd
from pydantic import Field

from miua.analysis.checks import UndecidedError
from miua.analysis.claim_tests.base import (
    GRID,
    NOT_REPRODUCED,
    REPRODUCED,
    Evidence,
    Finding,
    Fraction,
    Metric,
    Metrics,
    Nothing,
    NotTestableError,
    Positive,
    claim_test,
    computed,
    labels,
    number,
)
from miua.analysis.noise_floor import COLUMNS as FLOOR_COLUMNS
from miua.analysis.noise_floor import PAIRING_COLUMNS, SUMMARY_COLUMNS
from miua.analysis.sensitivity import AS_IT_SHOULD
from miua.analysis.sensitivity import SUMMARY_COLUMNS as SENSITIVITY_COLUMNS
from miua.config import Strict
from miua.metrics.measures import measure
from miua.study.plan import EQUAL_EPOCHS

Damage = Literal["blur", "speckle", "gain", "compression", "rotation", "collapse", "memorisation"]


class Stated(Strict):
    values: dict[Metric, float] = Field(min_length=1, description="what is said of each metric")


class Multiple(Strict):
    multiple: Positive = Field(description="of the largest difference among 95 % of the splits")


class OfSets(Strict):
    metrics: Metrics
    arm: str = EQUAL_EPOCHS


class OneMetric(Strict):
    metric: Metric


class Least(Strict):
    least: float


class Pairings(Strict):
    metrics: Metrics


class Ratio(Strict):
    ratio: Positive


class Shared(Strict):
    subjects: int = Field(ge=1, description="fewest subjects on both sides of any split by image")


class Damages(Strict):
    metric: Metric
    damages: list[Damage] = Field(min_length=1)


class Responds(Strict):
    share: float = Field(gt=0, le=1, description="of the damages that have to be noticed rightly")
    spearman: Fraction = Field(description="least rank correlation of level and metric, either way")


@claim_test
def floor_reaches(evidence: Evidence, inputs: Stated, thresholds: Multiple) -> Finding:
    """Halves of real images differ by the stated values within 95 % of splits, or by more."""
    floor = _floor(evidence, list(inputs.values))
    bounds, means = _bound(floor), floor["mean_absolute"]
    reached = {m: value <= thresholds.multiple * bounds[m] for m, value in inputs.values.items()}
    told = ", ".join(
        f"{measure(metric).label} {number(bounds[metric], 2)} (stated {value:g})"
        for metric, value in inputs.values.items()
    )
    return Finding(
        REPRODUCED if all(reached.values()) else NOT_REPRODUCED,
        f"In 95 % of splits into halves of {_halves(floor)} real images that share no subject the "
        f"differences reach {told}.",
        {f"{metric} bound": bounds[metric] for metric in inputs.values}
        | {f"{metric} mean": float(means[metric]) for metric in inputs.values},
        n=int(floor["repeats"].min()),
    )


@claim_test
def sets_within_floor(evidence: Evidence, inputs: OfSets, thresholds: Multiple) -> Finding:
    """The sets' mean |difference| is no larger than real images show among themselves."""
    sets = evidence.sets(GRID, inputs.arm)
    floor = _floor(evidence, inputs.metrics)
    bounds = _bound(floor)
    means = {metric: computed(sets, metric)["value"].abs().mean() for metric in inputs.metrics}
    ratios = {metric: float(means[metric] / bounds[metric]) for metric in inputs.metrics}
    beyond = [metric for metric in inputs.metrics if ratios[metric] > thresholds.multiple]
    told = ", ".join(f"{measure(metric).label} {number(r, 2)}" for metric, r in ratios.items())
    end = f"{labels(beyond)} beyond it" if beyond else "none beyond it"
    return Finding(
        NOT_REPRODUCED if beyond else REPRODUCED,
        f"The sets' mean differences, as multiples of what 95 % of splits of real images stay "
        f"below: {told}; {end}.",
        {f"{metric} multiple": ratio for metric, ratio in ratios.items()},
        n=int(sets["set"].nunique()),
    )


@claim_test
def floor_exceeds(evidence: Evidence, inputs: OneMetric, thresholds: Least) -> Finding:
    """In 97.5 % of splits the metric of real against real images is above the threshold."""
    floor = _floor(evidence, [inputs.metric]).iloc[0]
    return Finding(
        REPRODUCED if floor["low"] > thresholds.least else NOT_REPRODUCED,
        f"Between halves of {int(floor['images'])} real images {measure(inputs.metric).label} is "
        f"{number(floor['mean'])} ({number(floor['low'])} to {number(floor['high'])} in 95 % of "
        f"splits), where nothing differs.",
        {"mean": floor["mean"], "low": floor["low"], "high": floor["high"]},
        n=int(floor["repeats"]),
    )


@claim_test
def pairing_matters(evidence: Evidence, inputs: Pairings, thresholds: Ratio) -> Finding:
    """The way to pair images changes each metric by so many times what all sets span."""
    pairing = evidence.table("noise-floor-pairing", PAIRING_COLUMNS, ["value"])
    sets = evidence.sets(GRID, EQUAL_EPOCHS)
    ratios: dict[str, float] = {}
    numbers: dict[str, float] = {}
    told = []
    for metric in inputs.metrics:
        values = computed(sets, metric)["value"]
        span = float(values.max() - values.min())
        if not span > 0:
            raise UndecidedError(f"{measure(metric).label} does not vary over the sets")
        ways = pairing[pairing["metric"] == metric].set_index("pairing")["value"]
        if ways.empty:
            raise NotTestableError(f"the pairings of {measure(metric).label}")
        change = float(ways.max() - ways.min())
        ratios[metric] = change / span
        numbers |= {f"{metric} over pairings": change, f"{metric} over sets": span}
        numbers |= {f"{metric} {way}": float(value) for way, value in ways.items()}
        told.append(f"{measure(metric).label} {number(change)} (sets: {number(span)})")
    return Finding(
        REPRODUCED if min(ratios.values()) > thresholds.ratio else NOT_REPRODUCED,
        f"Between pairings of the same real images the largest difference is {', '.join(told)}.",
        numbers,
        n=int(sets["set"].nunique()),
    )


@claim_test
def splits_share_subjects(evidence: Evidence, inputs: Nothing, thresholds: Shared) -> Finding:
    """Every split drawn by image has subjects on both sides, and none drawn by subject has."""
    numbers = [column for column in FLOOR_COLUMNS if column not in ("split", "metric", "status")]
    table = evidence.table("noise-floor", FLOOR_COLUMNS, numbers)
    counts = table.drop_duplicates(["split", "repeat"]).set_index("split")["shared_subjects"]
    for split in ("image", "subject"):
        if split not in counts.index:
            raise NotTestableError(f"splits drawn by {split}")
    by_image, by_subject = counts.loc[["image"]], counts.loc[["subject"]]
    holds = by_image.min() >= thresholds.subjects and by_subject.max() == 0
    return Finding(
        REPRODUCED if holds else NOT_REPRODUCED,
        f"Halves drawn by image share {by_image.min():.0f} to {by_image.max():.0f} subjects, "
        f"halves drawn by subject at most {by_subject.max():.0f}.",
        {
            "fewest shared by image": float(by_image.min()),
            "most shared by image": float(by_image.max()),
            "most shared by subject": float(by_subject.max()),
        },
        n=len(by_image),
    )


@claim_test
def order_matters(evidence: Evidence, inputs: OfSets, thresholds: Multiple) -> Finding:
    """Halves in the order of the files differ by more than 95 % of the splits that are drawn."""
    bounds = _bound(_floor(evidence, inputs.metrics))
    in_order = _floor(evidence, inputs.metrics, split="order")
    differences = {metric: float(in_order["mean"][metric]) for metric in inputs.metrics}
    beyond = {m: abs(value) > thresholds.multiple * bounds[m] for m, value in differences.items()}
    told = ", ".join(
        f"{measure(metric).label} {number(value, 2)} (drawn: within {number(bounds[metric], 2)})"
        for metric, value in differences.items()
    )
    return Finding(
        REPRODUCED if all(beyond.values()) else NOT_REPRODUCED,
        f"Between the first {_halves(in_order)} images and those that follow, the differences are "
        f"{told}.",
        {f"{metric} in order": value for metric, value in differences.items()}
        | {f"{metric} drawn": bounds[metric] for metric in inputs.metrics},
        n=1,
    )


@claim_test
def metric_responds(evidence: Evidence, inputs: Damages, thresholds: Responds) -> Finding:
    """The metric calls so large a share of known damages worse, steadily with their level."""
    numbers_of = ["levels", "spearman", "first_level_beyond_floor"]
    table = evidence.table("sensitivity-summary", SENSITIVITY_COLUMNS, numbers_of)
    rows = computed(table, inputs.metric).set_index("degradation")
    absent = [damage for damage in inputs.damages if damage not in rows.index]
    if absent:
        raise NotTestableError(f"the damage {', '.join(absent)} in tables/sensitivity-summary.csv")
    rows = rows.loc[inputs.damages]
    right = rows["response"] == AS_IT_SHOULD
    steady = rows["spearman"].abs() >= thresholds.spearman
    noticed = right & steady
    failed = ", ".join(
        f"{damage} ({'not steadily' if right[damage] else rows['response'][damage]})"
        for damage in inputs.damages
        if not noticed[damage]
    )
    share = float(noticed.mean())
    return Finding(
        REPRODUCED if share >= thresholds.share else NOT_REPRODUCED,
        f"{measure(inputs.metric).label} notices {int(noticed.sum())} of {len(rows)} damages as it "
        f"should{f'; not {failed}' if failed else ''}.",
        {"share": share} | {f"spearman {d}": float(rows.loc[d, "spearman"]) for d in rows.index},
        n=len(rows),
    )


def _floor(evidence: Evidence, metrics: list[str], split: str = "subject") -> pd.DataFrame:
    """The floor of these metrics, by metric; if not said otherwise, of splits by subject."""
    numbers = [c for c in SUMMARY_COLUMNS if c not in ("split", "metric", "status")]
    table = evidence.table("noise-floor-summary", SUMMARY_COLUMNS, numbers)
    table = table[table["split"] == split]
    if table.empty:
        raise NotTestableError(f"halves by {split} in tables/noise-floor-summary.csv")
    return pd.concat([computed(table, metric) for metric in metrics]).set_index("metric")


def _bound(floor: pd.DataFrame) -> dict[str, float]:
    """The largest difference, of either sign, that 95 % of the splits stay within."""
    bounds = floor[["low", "high"]].abs().max(axis=1)
    for metric, bound in bounds.items():
        if not bound > 0:
            raise UndecidedError(f"{measure(str(metric)).label} never differs between the halves")
    return {str(metric): float(bound) for metric, bound in bounds.items()}


def _halves(floor: pd.DataFrame) -> str:
    return " or ".join(f"{images:.0f}" for images in sorted(floor["images"].unique()))
