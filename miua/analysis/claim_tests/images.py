"""Tests of the synthetic sets, and of real images alone.

Of the sets: closeness of LBPv elements, collapse. Of real images: noise floor,
pairing, subjects, and sensitivity to known damage.
"""

from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field
from scipy import stats

from miua.analysis.checks import Numbers, UndecidedError
from miua.analysis.claim_tests.base import (
    GRID,
    AtLeastOne,
    ClaimFinding,
    Evidence,
    Fraction,
    Metric,
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
from miua.analysis.columns import AS_IT_SHOULD
from miua.evaluation.splits import FEWEST_SPLITS
from miua.metrics.registry import LBPV_ELEMENTS, element_name, measure
from miua.study.plan import EQUAL_EPOCHS

# Draws of elements for the power; the draws' own error is then below 1 %.
DRAWS = 10_000
SEED = 0

Damage = Literal["blur", "speckle", "gain", "compression", "rotation", "collapse", "memorisation"]


@claim_test
def elements_are_closest(
    evidence: Evidence,
    elements: Annotated[list[int], Field(min_length=1)],
    arm: str,
    *,
    alpha: Fraction,
    least_count: Annotated[float, Field(ge=0)],
    lowest: Fraction,
) -> ClaimFinding:
    """The elements rank lower in mean |difference| than as many random ones (exact rank test).

    Elements that hardly occur, less often than `least_count` an image, cannot differ much and are
    left out, if it is known how often the reference has them. Refuted where the ranks are higher
    than those of elements drawn from the `lowest` share would be, with a chance below alpha.
    """
    wide = _element_differences(evidence.sets(arm=arm))
    size = wide.abs().mean().to_numpy()
    reference = evidence.reference_lbpv()
    often = np.full(LBPV_ELEMENTS, True) if reference is None else reference >= least_count
    chosen = np.isin(np.arange(LBPV_ELEMENTS), elements)
    occurs = chosen | often
    ranks_of_all, ranks, own = stats.rankdata(size), stats.rankdata(size[occurs]), chosen[occurs]
    if own.all() or np.ptp(size[occurs]) == 0:
        raise UndecidedError("there are no other elements, or all differ equally")
    method = "asymptotic" if len(np.unique(ranks)) < len(ranks) else "exact"
    p = stats.mannwhitneyu(ranks[own], ranks[~own], alternative="less", method=method).pvalue
    found, among_lowest = _among_lowest(len(ranks), ranks[own], alpha, lowest)
    placed = list(zip(np.flatnonzero(chosen), ranks[own], strict=True))
    places = ", ".join(f"V{element} {rank:.0f}" for element, rank in placed)
    among = "all elements, rare ones too"
    if reference is not None:
        among = f"{len(ranks)} elements that occur {least_count:g} times an image or more"
    rare = [element_name(element) for element in elements if not often[element]]
    numbers: dict[str, float] = {"p": p, "p of the lowest": among_lowest}
    numbers["elements compared"] = len(ranks)
    for element, rank in placed:
        numbers |= {f"V{element} mean difference": size[element], f"V{element} rank": rank}
        numbers[f"V{element} rank of all"] = ranks_of_all[element]
    return ClaimFinding(
        decide(p < alpha, among_lowest < alpha),
        f"By mean difference from the reference over {len(wide)} sets the ranks are {places} among "
        f"{among}; against as many random elements {p_text(p)}"
        f"{f' ({labels(rare)} hardly occur)' if rare else ''}; elements of the lowest "
        f"{percent(lowest)} would rank as high with {p_text(among_lowest)}, and be found low with "
        f"a power of {number(found, 2)}.",
        numbers,
        power=found,
        n=len(wide),
    )


@claim_test
def variety_is_reduced(
    evidence: Evidence,
    metric: Metric,
    arm: str,
    *,
    ratio: Positive,
    margin: Fraction,
    share: Fraction,
) -> ClaimFinding:
    """In most sets the whole interval lies below `ratio`, that of images as varied as real ones.

    Refuted where in most sets it lies above the ratio less the margin. Most are more than `share`.
    """
    rows = computed(evidence.sets(arm=arm), metric)
    if rows[["low", "high"]].isna().all(axis=None):
        raise UndecidedError(f"{measure(metric).label} has no interval")
    n, values = len(rows), rows["value"]
    # A set of equal images has a value alone.
    low, high = (rows[end].fillna(values) for end in ("low", "high"))
    below = int((high < ratio).sum())
    above = int((low > ratio * (1 - margin)).sum())
    most_below, most_above = below > share * n, above > share * n
    return ClaimFinding(
        decide(most_below and not most_above, most_above),
        f"{measure(metric).label} is {number(values.min())} to {number(values.max())} times that "
        f"of real images; its interval lies below {ratio:g} in {below} of {n} sets, and above "
        f"{number(ratio * (1 - margin))} in {above}.",
        {"mean": values.mean(), "lowest": values.min(), "highest": values.max()}
        | {"sets below": below, "sets above": above},
        n=n,
    )


@claim_test
def floor_reaches(
    evidence: Evidence,
    values: Annotated[dict[Metric, float], Field(min_length=1)],
    *,
    multiple: Positive,
) -> ClaimFinding:
    """Halves of real images differ by the stated values within 95 % of splits, or by more.

    `multiple` is of the largest difference among 95 % of the splits.
    """
    floor = floor_of(evidence, list(values))
    bounds = _bounds(floor)
    told = {m: f"{number(bounds[m], 2)} (stated {value:g})" for m, value in values.items()}
    return ClaimFinding(
        decide(all(value <= multiple * bounds[metric] for metric, value in values.items())),
        f"In 95 % of {_splits(floor)} splits into halves of {_halves(floor)} real images that "
        f"share no subject the differences reach {_each(told)}.",
        {f"{metric} bound": bound for metric, bound in bounds.items()}
        | {f"{metric} mean": mean for metric, mean in floor["mean_absolute"].items()},
        n=int(floor["repeats"].min()),
    )


@claim_test
def sets_within_floor(
    evidence: Evidence, metrics: Metrics, arm: str = EQUAL_EPOCHS, *, multiple: Positive
) -> ClaimFinding:
    """The sets' mean |difference| is no larger than real images show among themselves."""
    sets, floor = evidence.sets(GRID, arm), floor_of(evidence, metrics)
    bounds = _bounds(floor)
    means = {metric: computed(sets, metric)["value"].abs().mean() for metric in metrics}
    ratios = {metric: mean / bounds[metric] for metric, mean in means.items()}
    beyond = [metric for metric in metrics if ratios[metric] > multiple]
    told = {metric: number(ratio, 2) for metric, ratio in ratios.items()}
    return ClaimFinding(
        decide(not beyond),
        f"The sets' mean differences, as multiples of what 95 % of {_splits(floor)} splits of real "
        f"images stay below: {_each(told)}; {labels(beyond) if beyond else 'none'} beyond it.",
        {f"{metric} multiple": ratio for metric, ratio in ratios.items()},
        n=sets["set"].nunique(),
    )


@claim_test
def floor_exceeds(evidence: Evidence, metric: Metric, *, least: float) -> ClaimFinding:
    """In 97.5 % of splits the metric of real against real images is above the threshold."""
    floors = floor_of(evidence, [metric])
    _check_range(floors)
    floor = floors.iloc[0]
    mean, low, high = floor[["mean", "low", "high"]]
    return ClaimFinding(
        decide(low > least),
        f"Between halves of {floor['images']:.0f} real images {measure(metric).label} is "
        f"{number(mean)} ({number(low)} to {number(high)} in 95 % of {_splits(floors)} "
        "splits), where nothing differs.",
        {"mean": mean, "low": low, "high": high},
        n=int(floor["repeats"]),
    )


@claim_test
def pairing_matters(evidence: Evidence, metrics: Metrics, *, ratio: Positive) -> ClaimFinding:
    """The way to pair images changes each metric by so many times what all sets span."""
    pairing = evidence.table("noise-floor-pairing")
    sets = evidence.sets(GRID, EQUAL_EPOCHS)
    ratios: list[float] = []
    numbers: dict[str, float] = {}
    told: dict[str, str] = {}
    for metric in metrics:
        values = computed(sets, metric)["value"]
        span = values.max() - values.min()
        if not span > 0:
            raise UndecidedError(f"{measure(metric).label} does not vary over the sets")
        ways = pairing[pairing["metric"] == metric].set_index("pairing")["value"]
        if ways.empty:
            raise NotTestableError(f"the pairings of {measure(metric).label}")
        change = ways.max() - ways.min()
        ratios.append(change / span)
        numbers |= {f"{metric} over pairings": change, f"{metric} over sets": span}
        numbers |= {f"{metric} {way}": value for way, value in ways.items()}
        told[metric] = f"{number(change)} (sets: {number(span)})"
    return ClaimFinding(
        decide(min(ratios) > ratio),
        f"Between pairings of the same real images the largest difference is {_each(told)}.",
        numbers,
        n=sets["set"].nunique(),
    )


@claim_test
def splits_share_subjects(evidence: Evidence, *, subjects: AtLeastOne) -> ClaimFinding:
    """Every split by image has so many subjects on both sides, and no split by subject has any."""
    table = evidence.table("noise-floor")
    counts = table.drop_duplicates(["split", "repeat"]).set_index("split")["shared_subjects"]
    for split in ("image", "subject"):
        if split not in counts.index:
            raise NotTestableError(f"splits drawn by {split}")
    by_image = counts.loc[["image"]]
    fewest, most, by_subject = by_image.min(), by_image.max(), counts.loc[["subject"]].max()
    return ClaimFinding(
        decide(fewest >= subjects and by_subject == 0),
        f"Halves drawn by image share {fewest:.0f} to {most:.0f} subjects, halves drawn by subject "
        f"at most {by_subject:.0f}.",
        {"fewest shared by image": fewest, "most shared by image": most}
        | {"most shared by subject": by_subject},
        n=len(by_image),
    )


@claim_test
def order_matters(evidence: Evidence, metrics: Metrics, *, multiple: Positive) -> ClaimFinding:
    """Halves in the order of the files differ by more than 95 % of the splits that are drawn."""
    drawn = floor_of(evidence, metrics)
    bounds = _bounds(drawn)
    in_order = floor_of(evidence, metrics, split="order")
    differences = in_order["mean"]
    told = {
        metric: f"{number(value, 2)} (drawn: within {number(bounds[str(metric)], 2)})"
        for metric, value in differences.items()
    }
    return ClaimFinding(
        decide((differences.abs() > multiple * bounds).all()),
        f"Between the first {_halves(in_order)} images and those that follow, the differences are "
        f"{_each(told)}; {_splits(drawn)} splits were drawn.",
        {f"{metric} in order": value for metric, value in differences.items()}
        | {f"{metric} drawn": bound for metric, bound in bounds.items()},
        n=1,
    )


@claim_test
def metric_responds(
    evidence: Evidence,
    metric: Metric,
    damages: Annotated[list[Damage], Field(min_length=1)],
    *,
    share: Annotated[float, Field(gt=0, le=1)],
    spearman: Fraction,
) -> ClaimFinding:
    """The metric calls so large a share of known damages worse, steadily with their level.

    Steadily: the rank correlation of level and metric is at least `spearman`, either way.
    """
    rows = computed(evidence.table("sensitivity-summary"), metric).set_index("degradation")
    absent = [damage for damage in damages if damage not in rows.index]
    if absent:
        raise NotTestableError(f"the damage {', '.join(absent)} in tables/sensitivity-summary.csv")
    rows = rows.loc[damages]
    right = rows["response"] == AS_IT_SHOULD
    noticed = right & (rows["spearman"].abs() >= spearman)
    failed = ", ".join(
        f"{damage} ({'not steadily' if right[damage] else rows['response'][damage]})"
        for damage in damages
        if not noticed[damage]
    )
    return ClaimFinding(
        decide(noticed.mean() >= share),
        f"{measure(metric).label} notices {noticed.sum()} of {len(rows)} damages as it "
        f"should{f'; not {failed}' if failed else ''}.",
        {"share": noticed.mean()} | {f"spearman {d}": r for d, r in rows["spearman"].items()},
        n=len(rows),
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


def _among_lowest(elements: int, own: Numbers, alpha: float, lowest: float) -> tuple[float, float]:
    """Were the chosen elements random ones of the lowest share: the chance that they are found
    low, and the chance that they rank as high as `own`, their ranks, or higher."""
    draw = np.random.default_rng(SEED)
    chosen = len(own)
    fewer = max(chosen, round(lowest * elements))
    orders = (
        draw.random((DRAWS, among)).argpartition(chosen - 1, axis=1) for among in (elements, fewer)
    )
    null, sought = ((order[:, :chosen] + 1).sum(axis=1) for order in orders)
    power = (sought <= np.quantile(null, alpha)).mean()
    as_high = (np.count_nonzero(sought >= own.sum()) + 1) / (DRAWS + 1)
    return float(power), float(as_high)


def floor_of(evidence: Evidence, metrics: list[str], split: str = "subject") -> pd.DataFrame:
    """The floor of these metrics, by metric; if not said otherwise, of splits by subject."""
    table = evidence.table("noise-floor-summary")
    table = table[table["split"] == split]
    if table.empty:
        raise NotTestableError(f"halves by {split} in tables/noise-floor-summary.csv")
    return pd.concat([computed(table, metric) for metric in metrics]).set_index("metric")


def _each(said: dict[Any, str]) -> str:
    """What is said of each metric, behind its short name."""
    return ", ".join(f"{measure(metric).label} {words}" for metric, words in said.items())


def _bounds(floor: pd.DataFrame) -> "pd.Series[float]":
    """The largest difference, of either sign, that 95 % of the splits stay within, by metric."""
    _check_range(floor)
    bounds = floor[["low", "high"]].abs().max(axis=1)
    if equal := list(bounds[~(bounds > 0)].index):
        raise UndecidedError(f"{measure(equal[0]).label} never differs between the halves")
    return bounds


def _check_range(floor: pd.DataFrame) -> None:
    """UndecidedError: there were too few splits for a range."""
    if floor[["low", "high"]].isna().any(axis=None):
        raise UndecidedError(
            f"the real images were split in fewer than {FEWEST_SPLITS} different ways, "
            "too few for a range"
        )


def _splits(floor: pd.DataFrame) -> str:
    return " or ".join(f"{splits:.0f}" for splits in sorted(floor["repeats"].unique()))


def _halves(floor: pd.DataFrame) -> str:
    return " or ".join(f"{images:.0f}" for images in sorted(floor["images"].unique()))
