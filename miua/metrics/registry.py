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

from miua.metrics.comparison import INCEPTION as INCEPTION
from miua.metrics.comparison import LBP as LBP
from miua.metrics.comparison import Comparison
from miua.metrics.diversity import measured_diversity
from miua.metrics.frechet import FEWEST_TO_EXTRAPOLATE, distance, distance_at_infinity
from miua.metrics.kernel_distance import unbiased_distance
from miua.metrics.lbpv import LBPV_DIFFERENCES, differences, total_difference
from miua.metrics.lbpv import LBPV_ELEMENTS as LBPV_ELEMENTS
from miua.metrics.lbpv import STUDY_ELEMENTS as STUDY_ELEMENTS
from miua.metrics.lbpv import UNIT as LBPV_UNIT
from miua.metrics.lbpv import element_name as element_name
from miua.metrics.memorisation import FEWEST_GROUPS, copied_share
from miua.metrics.mutual_information import INFORMATION
from miua.metrics.neighbourhood import NEIGHBOURS, shares
from miua.metrics.records import COMPUTED as COMPUTED
from miua.metrics.records import NOT_COMPUTED, MetricRecord
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
    values = np.asarray(values, dtype=np.float64)
    if better == "one":
        return np.abs(values - 1)
    return np.asarray({"higher": np.negative, "lower": np.positive, "zero": np.abs}[better](values))


@dataclass(frozen=True)
class Measure:
    """A metric as it is shown.

    name: of the metric in the tidy tables. label: short, in plain text. meaning: the metric in
    words. unit: in plain text, "" for a number without one. decimals: places that are worth
    printing. better: where the better sets lie.
    """

    name: str
    label: str
    meaning: str
    unit: str
    decimals: int
    better: Better = "lower"

    @property
    def axis_label(self) -> str:
        """Label and unit, as an axis or a table head wants them."""
        return f"{self.label} ({self.unit})" if self.unit else self.label


@dataclass(frozen=True)
class Entry:
    """A metric, or several that are computed together, as `--metrics` takes it by its name.

    shows: the metrics as they are shown, in the order of their records. compute: from a comparison
    to their records; NotComputedError where that cannot be. page: of docs/metrics/. cost: what the
    time grows with. extractor: whose features it takes; "" for none. needs: what it needs of the
    images beside one size on both sides, for the index. of_pair: of a mean over pairs, what is
    computed of a pair. depends_on_number: whether it changes with the number of images, all else
    equal. deep: whether it takes 16 bits as well. has_floor: whether it is computed of real against
    real images. A line fitted to parts of a half would cost more than all else, and says 0 of
    halves anyway.
    """

    name: str
    shows: tuple[Measure, ...]
    compute: Callable[[Comparison], list[MetricRecord]]
    page: str
    cost: str
    extractor: str = ""
    needs: tuple[str, ...] = ()
    of_pair: PairValue | None = None
    depends_on_number: bool = False
    deep: bool = False
    has_floor: bool = True


PAIRS = "real x synthetic images"
RESAMPLES = "images, resamples"

MUTUAL_INFORMATION = Measure("mutual_information", "MI", "mutual information", "nats", 3, "higher")
PSNR = Measure("psnr", "PSNR", "peak signal-to-noise ratio", "dB", 2, "higher")
SSIM = Measure("ssim", "SSIM", "structural similarity", "", 3, "higher")
FID = Measure("fid", "FID", "Fréchet inception distance", "", 1)
FD_LBP = Measure("fd_lbp", "FD-LBP", "Fréchet distance of LBP histograms", "counts²", 0)
LBPV_TOTAL_DIFFERENCE = Measure(
    "lbpv_total_difference",
    "Σ|V|",
    "absolute differences of all 256 LBPv elements, summed",
    "counts",
    1,
)
DIVERSITY = Measure(
    "diversity", "Diversity", "difference between images, synthetic over reference", "", 3, "one"
)
COPIES = Measure("copies", "Copies", "share of synthetic images that copy a real one", "", 3)


def _element(element: int) -> Measure:
    meaning = f"difference in LBPv element {element}, reference minus synthetic"
    return Measure(element_name(element), f"V{element}", meaning, "counts", 2, "zero")


ELEMENTS = tuple(map(_element, range(LBPV_ELEMENTS)))
# What the study itself measured; figures and tables of its results show these.
MEASURES = (MUTUAL_INFORMATION, PSNR, FID, *(ELEMENTS[element] for element in STUDY_ELEMENTS))
# Companions: what the study lacked. Both need nothing that must be fetched.
COMPANIONS = (FD_LBP, DIVERSITY)
ALL_MEASURES = MEASURES + COMPANIONS

SHARES: dict[str, tuple[str, Better]] = {
    "precision": ("share of synthetic images that lie among the real ones", "higher"),
    "recall": ("share of real images that lie among the synthetic ones", "higher"),
    "density": ("real neighbourhoods around a synthetic image, over those expected", "one"),
    "coverage": ("share of real images with a synthetic one in their neighbourhood", "higher"),
}


def feature_measures(extractor: str) -> dict[str, Measure]:
    """What is measured in the features of an extractor, by what it is.

    The keys: distance, infinity, kernel, precision, recall, density, coverage. Inception's have
    the field's own names (fid, kid, precision, ...); those of another extractor end in its name.
    """
    of, end, label = extractor, f"_{extractor}", f" ({extractor})"
    distance = Measure(f"fd{end}", f"FD{label}", f"Fréchet distance of {of} features", "", 1)
    infinity, kernel = f"FD∞{label}", ("kd", f"KD{label}")
    if extractor == INCEPTION:
        of, end, label, distance = "Inception", "", "", FID
        infinity, kernel = "FID∞", ("kid", "KID")
    elif extractor == LBP:
        of, label, distance = "LBP", " (LBP)", FD_LBP
        infinity, kernel = "FD-LBP∞", ("kd", "KD-LBP")
    unbiased = f"{distance.label} at infinitely many images"
    found = {
        "distance": distance,
        "infinity": replace(
            distance, name=f"{distance.name}_infinity", label=infinity, meaning=unbiased
        ),
        "kernel": Measure(kernel[0] + end, kernel[1], f"kernel distance of {of} features", "", 4),
    }
    for name, (meaning, better) in SHARES.items():
        shown = f"{name.capitalize()}{label}"
        found[name] = Measure(f"{name}{end}", shown, f"{meaning}, in {of} features", "", 3, better)
    return found


@cache
def feature_entries(extractor: str) -> tuple[Entry, ...]:
    """Distance, distance at infinity, kernel distance and neighbourhood metrics of an extractor."""
    shown, deep = feature_measures(extractor), extractor == LBP
    needs: tuple[str, ...] = ()
    pages = ("fd-lbp.md", "fd-lbp.md")
    if extractor == INCEPTION:
        needs, pages = ("torch", "weights"), ("fid.md", "kid.md")

    def entry(
        kind: str, compute: Callable[..., list[MetricRecord]], page: str, *more: str, **traits: Any
    ) -> Entry:
        each, all_needs = shown[kind], (*needs, *more)
        bound = partial(compute, metric=each.name, unit=each.unit, extractor=extractor)
        return _alone(each, bound, page, extractor=extractor, needs=all_needs, deep=deep, **traits)

    enough = f"{FEWEST_TO_EXTRAPOLATE} images"
    meanings = {each: (shown[each].name, meaning) for each, (meaning, _) in SHARES.items()}
    return (
        entry("distance", distance, pages[0], depends_on_number=True),
        entry("infinity", distance_at_infinity, pages[0], enough, has_floor=False),
        entry("kernel", unbiased_distance, pages[1]),
        Entry(
            "neighbourhood" if extractor == INCEPTION else f"neighbourhood_{extractor}",
            tuple(shown[each] for each in SHARES),
            partial(shares, shown=meanings, extractor=extractor),
            "precision-recall-density-coverage.md",
            PAIRS,
            extractor,
            (*needs, f"{NEIGHBOURS + 1} images"),
            depends_on_number=True,
        ),
    )


def _alone(
    shown: Measure,
    compute: Callable[[Comparison], list[MetricRecord]],
    page: str,
    cost: str = RESAMPLES,
    **traits: Any,
) -> Entry:
    """The entry of one metric that is computed alone."""
    return Entry(shown.name, (shown,), compute, page, cost, **traits)


def _of_pairs(
    shown: Measure, page: str, of_pair: PairValue, *needs: str, deep: bool = False
) -> Entry:
    """The entry of a mean over pairs."""
    name, unit = shown.name, shown.unit
    compute = partial(Comparison.mean_over_pairs, metric=name, unit=unit, of_pair=of_pair)
    traits = {"needs": ("pairs", *needs), "of_pair": of_pair, "deep": deep}
    return _alone(shown, compute, page, PAIRS, **traits)


_FID, _FID_INFINITY, _KID, _NEIGHBOURHOOD = feature_entries(INCEPTION)
_FD_LBP, _FD_LBP_INFINITY, _, _NEIGHBOURHOOD_LBP = feature_entries(LBP)
_ENTRIES = (
    _of_pairs(MUTUAL_INFORMATION, "mutual-information.md", INFORMATION, deep=True),
    _of_pairs(PSNR, "psnr.md", DECIBELS, deep=True),
    _of_pairs(SSIM, "ssim.md", SIMILARITY, "7 x 7 pixels"),
    _FID,
    _FID_INFINITY,
    _KID,
    _NEIGHBOURHOOD,
    Entry("lbpv", ELEMENTS, differences, "lbpv.md", RESAMPLES, LBP, deep=True),
    _alone(
        LBPV_TOTAL_DIFFERENCE,
        total_difference,
        "lbpv.md",
        extractor=LBP,
        depends_on_number=True,
        deep=True,
    ),
    _FD_LBP,
    _FD_LBP_INFINITY,
    _NEIGHBOURHOOD_LBP,
    _alone(DIVERSITY, measured_diversity, "diversity.md", needs=("2 images",)),
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
# What the study measured of its sets, with two companions that need nothing to be fetched.
STUDY_METRICS = ("mutual_information", "psnr", "fid", "lbpv", "fd_lbp", "diversity")

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

    ValueError naming the first metric that there is not.
    """
    for metric in metrics:
        if metric not in REGISTRY:
            raise ValueError(f"unknown metric {metric!r}; there are {', '.join(REGISTRY)}")
    own = [entry for name in extractors for entry in feature_entries(name)]
    found = [REGISTRY[metric] for metric in metrics] + own
    return sorted(found, key=lambda entry: entry.name == "copies")


def not_computed_records(set_name: str, reason: str) -> list[MetricRecord]:
    """The study's records of a set that there is not, such as one whose training diverged.

    All of them say "not computed" and why; there are no images on either side.
    """
    status = f"{NOT_COMPUTED}{reason}"
    return [
        MetricRecord(
            set_name, shown.name, None, None, None,
            LBPV_UNIT if shown.name in LBPV_DIFFERENCES else shown.unit, 0, 0, "", status,
        )
        for metric in STUDY_METRICS
        for shown in REGISTRY[metric].shows
    ]  # fmt: skip
