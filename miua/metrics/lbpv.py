"""The LBP vector (LBPv): mean counts of texture codes, reference minus synthetic. Each of its 256
elements is a metric, and the sum of their absolute values is another."""

import numpy as np

from miua.metrics.comparison import LBP, Comparison
from miua.metrics.frechet import centred_interval
from miua.metrics.records import MetricValue, intervals
from miua.metrics.stacks import Floats

LBPV_ELEMENTS = 256
STUDY_ELEMENTS = (8, 20, 143, 240)  # those that the study singled out


def element_name(element: int) -> str:
    """The tidy tables' name of the difference in one LBPv element, 0 to 255."""
    if not 0 <= element < LBPV_ELEMENTS:
        raise ValueError(f"element must be from 0 to {LBPV_ELEMENTS - 1}, not {element}")
    return f"lbpv_{element:03d}_difference"


LBPV_DIFFERENCES = tuple(map(element_name, range(LBPV_ELEMENTS)))


def differences(comparison: Comparison) -> list[MetricValue]:
    """The difference in each element."""
    mean, synthetic = comparison.reference.lbpv, comparison.synthetic
    difference = mean - synthetic.lbpv
    # Counts are integers, so these products are exact whatever the order of summation.
    resampled = mean - comparison.drawn @ synthetic.features(LBP) / len(synthetic)
    low, high = intervals(resampled)
    definition = "mean counts per image of an LBP code (P=8, R=1), reference - synthetic"
    elements = zip(difference.tolist(), low, high, resampled.T, strict=True)
    return [MetricValue(each, definition, (a, b), drawn) for each, a, b, drawn in elements]


def differences_of_halves(whole: Comparison, first: Floats, second: Floats) -> Floats:
    """The difference in each element, first half minus second, for many halves at once: (S, 256).

    whole: the images against themselves, of which `first` and `second`, (S, N) of 0 and 1, hold
    each half's. Counts are integers, so that all of it is as exact as `differences`.
    """
    counts = whole.reference.features(LBP).astype(np.float64)
    first, second = (half @ counts / half.sum(axis=1, keepdims=True) for half in (first, second))
    return first - second


def total_difference_of_halves(whole: Comparison, first: Floats, second: Floats) -> Floats:
    """The absolute differences of all elements, summed, for many halves at once: (S, 1)."""
    summed = np.abs(differences_of_halves(whole, first, second)).sum(axis=1, keepdims=True)
    return np.asarray(summed)


def total_difference(comparison: Comparison) -> list[MetricValue]:
    """The absolute differences of all elements, summed."""
    mean, synthetic = comparison.reference.lbpv, comparison.synthetic
    value = float(np.abs(mean - synthetic.lbpv).sum())
    drawn = comparison.drawn @ synthetic.features(LBP) / len(synthetic)
    resampled = np.abs(mean - drawn).sum(axis=1)
    definition = (
        "absolute differences of the 256 LBPv elements, summed; not 0 for another draw of the "
        "same images: see the noise floor"
    )
    bounds = centred_interval(value, resampled) if len(resampled) else (None, None)
    return [MetricValue(value, definition, bounds, resampled)]
