"""How the study's metrics are named, written and rounded: one list for every table and figure."""

from __future__ import annotations

import re
from dataclasses import dataclass

# The elements of the LBP vector that the study singled out.
STUDY_ELEMENTS = (8, 20, 143, 240)
LBPV_ELEMENTS = 256

_ELEMENT_NAME = re.compile(r"lbpv_(\d{3})_difference")


@dataclass(frozen=True)
class Measure:
    """A metric as it is shown.

    Attributes:
        name: the metric's name in the tidy tables.
        label: short name in plain text.
        meaning: the metric in words.
        unit: unit in plain text, "" for a number without one.
        decimals: decimal places that are worth printing.
    """

    name: str
    label: str
    meaning: str
    unit: str
    decimals: int

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
    )


MUTUAL_INFORMATION = Measure("mutual_information", "MI", "mutual information", "nats", 3)
PSNR = Measure("psnr", "PSNR", "peak signal-to-noise ratio", "dB", 2)
FID = Measure("fid", "FID", "Fréchet inception distance", "", 1)
# What the study itself measured; figures and tables of its results show these.
MEASURES = (MUTUAL_INFORMATION, PSNR, FID, *(_element(element) for element in STUDY_ELEMENTS))

# Companions: what the study lacked. Both need nothing that must be fetched.
FD_LBP = Measure("fd_lbp", "FD-LBP", "Fréchet distance of LBP histograms", "counts²", 0)
DIVERSITY = Measure(
    "diversity", "Diversity", "difference between images, synthetic over reference", "", 3
)
COMPANIONS = (FD_LBP, DIVERSITY)
ALL_MEASURES = MEASURES + COMPANIONS

# In the experiments with real images alone (noise floor, sensitivity), not in a set's own table.
LBPV_TOTAL_DIFFERENCE = Measure(
    "lbpv_total_difference",
    "Σ|V|",
    "absolute differences of all 256 LBPv elements, summed",
    "counts",
    1,
)


def measure(name: str) -> Measure:
    """The measure of that name in the tidy tables.

    Raises:
        ValueError: no metric has this name.
    """
    for known in (*ALL_MEASURES, LBPV_TOTAL_DIFFERENCE):
        if known.name == name:
            return known
    match = _ELEMENT_NAME.fullmatch(name)
    if match and int(match[1]) < LBPV_ELEMENTS:
        return _element(int(match[1]))
    raise ValueError(f"{name!r} is no metric of the study")
