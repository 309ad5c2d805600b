"""All metrics: how each is named, written, rounded, read and computed, and what it needs.

One entry here and one module make a metric. What `miua.evaluate` computes, its tables and pages,
the help of `--metrics`, the index of docs/metrics/README.md and the warnings come from the entries.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any, Literal

import numpy as np

from miua.metrics.comparison import EFFICIENTNET as EFFICIENTNET
from miua.metrics.comparison import INCEPTION as INCEPTION
from miua.metrics.comparison import LBP as LBP
from miua.metrics.comparison import Comparison
from miua.metrics.diversity import diversity_of_halves, measured_diversity
from miua.metrics.frechet import FEWEST_TO_EXTRAPOLATE, distance, distance_at_infinity
from miua.metrics.kernel_distance import unbiased_distance
from miua.metrics.lbpv import LBPV_ELEMENTS as LBPV_ELEMENTS
from miua.metrics.lbpv import STUDY_ELEMENTS as STUDY_ELEMENTS
from miua.metrics.lbpv import (
    differences,
    differences_of_halves,
    total_difference,
    total_difference_of_halves,
)
from miua.metrics.lbpv import element_name as element_name
from miua.metrics.memorisation import FEWEST_GROUPS, copied_share
from miua.metrics.mutual_information import INFORMATION
from miua.metrics.neighbourhood import NEIGHBOURS, SHARES, shares
from miua.metrics.records import COMPUTED as COMPUTED
from miua.metrics.records import NOT_COMPUTED, MetricRecord, MetricValue
from miua.metrics.squared_error import DECIBELS
from miua.metrics.ssim import SIMILARITY
from miua.metrics.stacks import Floats, PairValue

# Where the better sets lie. "one" and "zero": the nearer to it, the better.
Better = Literal["higher", "lower", "one", "zero"]
DIRECTIONS: dict[Better, str] = {
    "higher": "higher is better",
    "lower": "lower is better",
    "one": "nearer to 1 is better",
    "zero": "nearer to 0 is better",
}


def badness(values: Floats | float, better: Better) -> Floats:
    """The same values on a scale on which the worse sets have more."""
    values = np.asarray(values, dtype=np.float64) - (better == "one")
    worse = {"higher": np.negative, "lower": np.positive, "zero": np.abs, "one": np.abs}[better]
    return np.asarray(worse(values))


@dataclass(frozen=True)
class Measure:
    """A metric as it is shown.

    name: of the metric in the tidy tables. label: short, in plain text. meaning: the metric in
    words. unit: in plain text, "" for a number without one. decimals: places that are worth
    printing. better: where the better sets lie. full_unit: in the tidy tables, if it says more.
    """

    name: str
    label: str
    meaning: str
    unit: str
    decimals: int
    better: Better = "lower"
    full_unit: str = ""

    @property
    def axis_label(self) -> str:
        """Label and unit, as an axis or a table head wants them."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    def record(self, of_set: str, found: MetricValue, images: tuple[int, int]) -> MetricRecord:
        """The row of the tidy table; images: how many of the reference, how many synthetic."""
        found = found.with_true_interval(images[1])
        low, high = found.bounds
        return MetricRecord(
            set=of_set,
            metric=self.name,
            value=found.value,
            low=low,
            high=high,
            unit=self.full_unit or self.unit,
            n_reference=images[0],
            n_synthetic=images[1],
            definition=found.definition,
            status=found.status,
            resampled=found.resampled,
        )


@dataclass(frozen=True)
class Entry:
    """A metric, or several that are computed together, as `--metrics` takes it by its name.

    shows: the metrics as they are shown, in the order of their records. compute: from a comparison
    to their values; NotComputedError where that cannot be. page: of docs/metrics/. cost: what the
    time grows with. extractor: whose features it takes; "" for none. needs: what it needs of the
    images beside one size on both sides, for the index. of_pair: of a mean over pairs, what is
    computed of a pair. depends_on_number: whether it changes with the number of images, all else
    equal. of_halves: of a metric whose noise floor costs next to nothing, its values for many
    splits of a set into halves at once: from the set against itself, and who is in each first half
    and each second, (splits, images) of 0 and 1, to (splits, shows), which need not be finite where
    `compute` says why. deep: whether it takes 16 bits as well. has_floor: whether it is computed of
    real against real images: a line fitted to parts of a half would cost more than all else.
    """

    name: str
    shows: tuple[Measure, ...]
    compute: Callable[[Comparison], list[MetricValue]]
    page: str
    cost: str
    extractor: str = ""
    needs: tuple[str, ...] = ()
    of_pair: PairValue | None = None
    depends_on_number: bool = False
    of_halves: Callable[[Comparison, Floats, Floats], Floats] | None = None
    deep: bool = False
    has_floor: bool = True


PAIRS = "real x synthetic images"
RESAMPLES = "images, resamples"

MUTUAL_INFORMATION = Measure("mutual_information", "MI", "mutual information", "nats", 3, "higher")
PSNR = Measure("psnr", "PSNR", "peak signal-to-noise ratio", "dB", 2, "higher")
SSIM = Measure("ssim", "SSIM", "structural similarity", "", 3, "higher")
FID = Measure("fid", "FID", "Fréchet inception distance", "", 1)
FD_LBP = Measure("fd_lbp", "FD-LBP", "Fréchet distance of LBP histograms", "counts²", 0)
_DEEP = "Fréchet distance of EfficientNet-Lite0 features (ImageNet)"
FD_EFFICIENTNET = Measure("fd_efficientnet", "FD-ENet", _DEEP, "", 2)
_SUMMED = "absolute differences of all 256 LBPv elements, summed"
LBPV_TOTAL_DIFFERENCE = Measure("lbpv_total_difference", "Σ|V|", _SUMMED, "counts", 1)
DIVERSITY = Measure(
    "diversity", "Diversity", "difference between images, synthetic over reference", "", 3, "one"
)
COPIES = Measure("copies", "Copies", "share of synthetic images that copy a real one", "", 3)


def _element(element: int) -> Measure:
    meaning = f"difference in LBPv element {element}, reference minus synthetic"
    name, label = element_name(element), f"V{element}"
    return Measure(name, label, meaning, "counts", 2, "zero", "counts per image")


ELEMENTS = tuple(map(_element, range(LBPV_ELEMENTS)))
# What the study itself measured; figures and tables of its results show these.
MEASURES = (MUTUAL_INFORMATION, PSNR, FID, *(ELEMENTS[element] for element in STUDY_ELEMENTS))
# Companions: what the study lacked. They need nothing but packages of the package index.
COMPANIONS = (FD_LBP, FD_EFFICIENTNET, DIVERSITY)
ALL_MEASURES = MEASURES + COMPANIONS


def feature_measures(extractor: str) -> dict[str, Measure]:
    """What is measured in the features of an extractor, by what it is.

    The keys: distance, infinity, kernel, precision, recall, density, coverage. Inception's have
    the field's own names (fid, kid, precision, ...); those of another extractor end in its name.
    """
    of, end, label = extractor, f"_{extractor}", f" ({extractor})"
    distance = Measure(f"fd{end}", f"FD{label}", f"Fréchet distance of {of} features", "", 1)
    if extractor == INCEPTION:
        of, end, label, distance = "Inception", "", "", FID
    elif extractor == LBP:
        of, label, distance = "LBP", " (LBP)", FD_LBP
    elif extractor == EFFICIENTNET:
        of, label, distance = "EfficientNet-Lite0", " (ENet)", FD_EFFICIENTNET
    name, short = distance.name, distance.label
    first, *rest = short.split(" ")
    endless, meaning = " ".join([f"{first}∞", *rest]), f"{short} at infinitely many images"
    kernel = f"kernel distance of {of} features"  # KID is to FID as KD is to FD
    found = {
        "distance": distance,
        "infinity": replace(distance, name=f"{name}_infinity", label=endless, meaning=meaning),
        "kernel": Measure(f"k{name[1:]}", f"K{short[1:]}", kernel, "", 4),
    }
    for share, meaning in SHARES.items():
        better: Better = "one" if share == "density" else "higher"
        shown, meaning = f"{share.capitalize()}{label}", f"{meaning}, in {of} features"
        found[share] = Measure(share + end, shown, meaning, "", 3, better)
    return found


@cache
def feature_entries(extractor: str) -> tuple[Entry, ...]:
    """Distance, distance at infinity, kernel distance and neighbourhood metrics of an extractor."""
    shown, inception = feature_measures(extractor), extractor == INCEPTION
    needs = {INCEPTION: ("torch", "weights"), EFFICIENTNET: ("extra nets",)}.get(extractor, ())
    pages = {INCEPTION: ("fid.md", "kid.md"), EFFICIENTNET: ("fd-efficientnet.md",) * 2}
    page, kernel_page = pages.get(extractor, ("fd-lbp.md", "fd-lbp.md"))

    def entry(
        kind: str, compute: Callable[..., list[MetricValue]], page: str, *more: str, **traits: Any
    ) -> Entry:
        bound = partial(compute, extractor=extractor)
        traits |= {"extractor": extractor, "needs": (*needs, *more), "deep": extractor == LBP}
        return _alone(shown[kind], bound, page, **traits)

    enough = f"{FEWEST_TO_EXTRAPOLATE} images"
    return (
        entry("distance", distance, page, depends_on_number=True),
        entry("infinity", distance_at_infinity, page, enough, has_floor=False),
        entry("kernel", unbiased_distance, kernel_page),
        Entry(
            "neighbourhood" if inception else f"neighbourhood_{extractor}",
            tuple(shown[share] for share in SHARES),
            partial(shares, extractor=extractor),
            "precision-recall-density-coverage.md",
            PAIRS,
            extractor,
            (*needs, f"{NEIGHBOURS + 1} images"),
            depends_on_number=True,
        ),
    )


def _alone(
    shown: Measure,
    compute: Callable[[Comparison], list[MetricValue]],
    page: str,
    cost: str = RESAMPLES,
    **traits: Any,
) -> Entry:
    """The entry of one metric that is computed alone."""
    return Entry(shown.name, (shown,), compute, page, cost, **traits)


def _of_pairs(shown: Measure, page: str, of_pair: PairValue, *needs: str, deep: bool) -> Entry:
    """The entry of a mean over pairs."""
    compute, all_needs = partial(Comparison.mean_over_pairs, of_pair=of_pair), ("pairs", *needs)
    return _alone(shown, compute, page, PAIRS, needs=all_needs, of_pair=of_pair, deep=deep)


DEEP_METRICS = ("fd_efficientnet", "kd_efficientnet")
_LBP: dict[str, Any] = {"page": "lbpv.md", "extractor": LBP, "deep": True}
_ENTRIES = (
    _of_pairs(MUTUAL_INFORMATION, "mutual-information.md", INFORMATION, deep=True),
    _of_pairs(PSNR, "psnr.md", DECIBELS, deep=True),
    _of_pairs(SSIM, "ssim.md", SIMILARITY, "7 x 7 pixels", deep=False),
    *feature_entries(INCEPTION),
    Entry("lbpv", ELEMENTS, differences, cost=RESAMPLES, of_halves=differences_of_halves, **_LBP),
    _alone(
        LBPV_TOTAL_DIFFERENCE,
        total_difference,
        depends_on_number=True,
        of_halves=total_difference_of_halves,
        **_LBP,
    ),
    *(entry for entry in feature_entries(LBP) if entry.name != "kd_lbp"),
    *(entry for entry in feature_entries(EFFICIENTNET) if entry.name in DEEP_METRICS),
    _alone(
        DIVERSITY,
        measured_diversity,
        "diversity.md",
        needs=("2 images",),
        of_halves=diversity_of_halves,
    ),
    _alone(
        COPIES,
        copied_share,
        "memorisation.md",
        f"{PAIRS}, orientations",
        needs=(f"{FEWEST_GROUPS} subjects",),
        has_floor=False,
    ),
)
REGISTRY: dict[str, Entry] = {entry.name: entry for entry in _ENTRIES}  # in the records' order
# What the study measured of its sets, and companions that need nothing to be fetched.
STUDY_METRICS = (
    *("mutual_information", "psnr", "fid", "lbpv", "fd_lbp"),
    *DEEP_METRICS,
    "diversity",
)

_FEATURE_NAME = re.compile(r"(?:fd|kd|precision|recall|density|coverage)_(.+?)(?:_infinity)?")


def measure(name: str) -> Measure:
    """The measure of that name in the tidy tables; ValueError: no metric has this name."""
    match = _FEATURE_NAME.fullmatch(name)
    for entry in (*REGISTRY.values(), *(feature_entries(match[1]) if match else ())):
        for shown in entry.shows:
            if shown.name == name:
                return shown
    raise ValueError(f"{name!r} is no metric")


def entries_of(metrics: Sequence[str], extractors: Sequence[str] = ()) -> list[Entry]:
    """The entries of these names, and all of the features of these extractors; copies last.
    ValueError names the first metric that there is not."""
    for metric in metrics:
        if metric not in REGISTRY:
            raise ValueError(f"unknown metric {metric!r}; there are {', '.join(REGISTRY)}")
    own = [entry for name in extractors for entry in feature_entries(name)]
    found = [REGISTRY[metric] for metric in metrics] + own
    return sorted(found, key=lambda entry: entry.name == "copies")


def not_computed_records(set_name: str, reason: str) -> list[MetricRecord]:
    """The study's records of a set that there is not, such as one whose training diverged: all of
    them say "not computed" and why."""
    missing = MetricValue(None, "", status=f"{NOT_COMPUTED}{reason}")
    study = [shown for metric in STUDY_METRICS for shown in REGISTRY[metric].shows]
    return [shown.record(set_name, missing, (0, 0)) for shown in study]
