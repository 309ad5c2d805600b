"""How metrics are named, written, rounded and read: one list for every table and figure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

COMPUTED = "computed"  # the status of a value that there is

# The elements of the LBP vector that the study singled out.
STUDY_ELEMENTS = (8, 20, 143, 240)
LBPV_ELEMENTS = 256

# Where the better sets lie. "one" and "zero": the nearer to it, the better.
Better = Literal["higher", "lower", "one", "zero"]

_ELEMENT_NAME = re.compile(r"lbpv_(\d{3})_difference")
_FEATURE_NAME = re.compile(r"^(?:fd|kd|precision|recall|density|coverage)_(.+?)(?:_infinity)?$")

# Names of the feature extractors that are there: Inception, and the LBP counts themselves.
INCEPTION, LBP = "inception", "lbp"


@dataclass(frozen=True)
class Measure:
    """A metric as it is shown.

    Attributes:
        name: the metric's name in the tidy tables.
        label: short name in plain text.
        meaning: the metric in words.
        unit: unit in plain text, "" for a number without one.
        decimals: decimal places that are worth printing.
        better: where the better sets lie.
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


def element_name(element: int) -> str:
    """The tidy tables' name of the difference in one LBPv element, 0 to 255."""
    if not 0 <= element < LBPV_ELEMENTS:
        raise ValueError(f"element must be from 0 to {LBPV_ELEMENTS - 1}, not {element}")
    return f"lbpv_{element:03d}_difference"


def _element(element: int) -> Measure:
    return Measure(
        name=element_name(element),
        label=f"V{element}",
        meaning=f"difference in LBPv element {element}, reference minus synthetic",
        unit="counts",
        decimals=2,
        better="zero",
    )


MUTUAL_INFORMATION = Measure("mutual_information", "MI", "mutual information", "nats", 3, "higher")
PSNR = Measure("psnr", "PSNR", "peak signal-to-noise ratio", "dB", 2, "higher")
FID = Measure("fid", "FID", "Fréchet inception distance", "", 1)
# What the study itself measured; figures and tables of its results show these.
MEASURES = (MUTUAL_INFORMATION, PSNR, FID, *(_element(element) for element in STUDY_ELEMENTS))

# Companions: what the study lacked. Both need nothing that must be fetched.
FD_LBP = Measure("fd_lbp", "FD-LBP", "Fréchet distance of LBP histograms", "counts²", 0)
DIVERSITY = Measure(
    "diversity", "Diversity", "difference between images, synthetic over reference", "", 3, "one"
)
COMPANIONS = (FD_LBP, DIVERSITY)
ALL_MEASURES = MEASURES + COMPANIONS

# The sum over the LBP vector: in the experiments with real images alone, and in `miua evaluate`.
LBPV_TOTAL_DIFFERENCE = Measure(
    "lbpv_total_difference",
    "Σ|V|",
    "absolute differences of all 256 LBPv elements, summed",
    "counts",
    1,
)

# What `miua evaluate` measures besides.
SSIM = Measure("ssim", "SSIM", "structural similarity", "", 3, "higher")
COPIES = Measure("copies", "Copies", "share of synthetic images that copy a real one", "", 3)


def feature_measures(extractor: str) -> dict[str, Measure]:
    """What is measured in the features of an extractor, by what it is.

    The keys: distance, infinity, kernel, precision, recall, density, coverage. Inception's have
    the field's own names (fid, kid, precision, ...); those of another extractor end in its name.
    """
    inception = extractor == INCEPTION
    label, end = ("", "") if inception else (f" ({extractor})", f"_{extractor}")
    of = {INCEPTION: "Inception", LBP: "LBP"}.get(extractor, extractor)
    frechet, kernel = ("fid", "kid") if inception else (f"fd{end}", f"kd{end}")
    heads = {
        INCEPTION: ("FID", "FID∞", "KID"),
        LBP: ("FD-LBP", "FD-LBP∞", "KD-LBP"),
    }
    distance, infinity, kernel_label = heads.get(
        extractor, (f"FD ({extractor})", f"FD∞ ({extractor})", f"KD ({extractor})")
    )
    unit, decimals = ("counts²", 0) if extractor == LBP else ("", 1)
    known = {INCEPTION: FID, LBP: FD_LBP}.get(extractor)
    shares: dict[str, tuple[str, Better]] = {
        "precision": ("share of synthetic images that lie among the real ones", "higher"),
        "recall": ("share of real images that lie among the synthetic ones", "higher"),
        "density": ("real neighbourhoods around a synthetic image, over those expected", "one"),
        "coverage": ("share of real images with a synthetic one in their neighbourhood", "higher"),
    }
    found = {
        "distance": known
        or Measure(frechet, distance, f"Fréchet distance of {of} features", unit, decimals),
        "infinity": Measure(
            f"{frechet}_infinity", infinity, f"{distance} at infinitely many images", unit, decimals
        ),
        "kernel": Measure(kernel, kernel_label, f"kernel distance of {of} features", "", 4),
    }
    for name, (meaning, better) in shares.items():
        shown = f"{name.capitalize()}{' (LBP)' if extractor == LBP else label}"
        found[name] = Measure(f"{name}{end}", shown, f"{meaning}, in {of} features", "", 3, better)
    return found


def measure(name: str) -> Measure:
    """The measure of that name in the tidy tables.

    Raises:
        ValueError: no metric has this name.
    """
    for known in (*ALL_MEASURES, LBPV_TOTAL_DIFFERENCE, SSIM, COPIES):
        if known.name == name:
            return known
    match = _ELEMENT_NAME.fullmatch(name)
    if match and int(match[1]) < LBPV_ELEMENTS:
        return _element(int(match[1]))
    for extractor in (INCEPTION, LBP, *_FEATURE_NAME.findall(name)):
        for known in feature_measures(extractor).values():
            if known.name == name:
                return known
    raise ValueError(f"{name!r} is no metric")
