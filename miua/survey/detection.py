"""Telling real images from synthetic ones: d', criterion, and the area under the ROC.

The signal is "real": a hit is a real image called real, a false alarm a synthetic one called real.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from miua.analysis.checks import Numbers, UndecidedError, check_fraction
from miua.analysis.reader_tables import NORMAL
from miua.survey.estimate import Estimate


def detection(
    hits: int, real: int, false_alarms: int, synthetic: int, level: float = 0.95
) -> tuple[Estimate, Estimate]:
    """d' and criterion c from counts, with normal intervals.

    d' is the sensitivity, in standard deviations: 0 is guessing, below 0 is the wrong way round. c
    is the bias, in standard deviations: above 0 leans to "synthetic", below to "real".

    Rates have the log-linear correction, (count + 0.5) / (n + 1), so that rates of 0 and 1 have a
    d' (Hautus, Behavior Research Methods 27, 1995). The variance is Gourevitch and Galanter's
    (Psychometrika 32, 1967), for independent answers.

    Args:
        hits, real: real images called real, and all real images.
        false_alarms, synthetic: synthetic images called real, and all synthetic images.
        level: coverage of the intervals.

    Raises:
        ValueError: a count is out of range.
        UndecidedError: no image of one kind.
    """
    check_fraction("level", level)
    for name, count, n in (("hits", hits, real), ("false_alarms", false_alarms, synthetic)):
        if not 0 <= count <= n:
            raise ValueError(f"{name} must be 0 to {n}, not {count}")
    if not real or not synthetic:
        raise UndecidedError(f"no {'synthetic' if real else 'real'} images were judged")
    d_prime, criterion = _measures(*map(np.asarray, (hits, real, false_alarms, synthetic)))
    deviation = math.sqrt(_variance(hits, real) + _variance(false_alarms, synthetic))
    half = float(stats.norm.ppf(0.5 + level / 2)) * deviation
    ends = ((float(d_prime), half), (float(criterion), half / 2))
    first, second = (Estimate(value, value - by, value + by, NORMAL) for value, by in ends)
    return first, second


def detection_of(
    real: NDArray[np.bool_], called_real: NDArray[np.bool_]
) -> tuple[Numbers, Numbers]:
    """d' and criterion along the last axis; NaN where there is no image of one kind.

    Args:
        real: whether each judged image is real.
        called_real: whether it was called so; the same shape.
    """
    hits, n = (real & called_real).sum(axis=-1), real.sum(axis=-1)
    alarms, rest = (~real & called_real).sum(axis=-1), (~real).sum(axis=-1)
    d_prime, criterion = _measures(hits, n, alarms, rest)
    lacking = (n == 0) | (rest == 0)
    return np.where(lacking, np.nan, d_prime), np.where(lacking, np.nan, criterion)


def rating(called_real: ArrayLike, confidence: ArrayLike) -> NDArray[np.int_]:
    """How real an image was rated: confidence, below 0 where it was called synthetic."""
    sign = np.where(np.asarray(called_real, dtype=bool), 1, -1)
    return np.asarray(sign * np.asarray(confidence, dtype=int))


def area_under_roc(real: NDArray[np.bool_], ratings: NDArray[np.int_]) -> Numbers:
    """Share of pairs in which the real image has the higher rating; ties count half.

    It is Mann and Whitney's statistic (Hanley and McNeil, Radiology 143, 1982), along the last
    axis; NaN where there is no image of one kind.
    """
    ranks = stats.rankdata(ratings, axis=-1)
    n, rest = real.sum(axis=-1), (~real).sum(axis=-1)
    above = np.where(real, ranks, 0.0).sum(axis=-1) - n * (n + 1) / 2
    pairs = n * rest
    return np.where(pairs == 0, np.nan, above / np.maximum(pairs, 1))


def _measures(hits: Any, real: Any, alarms: Any, synthetic: Any) -> tuple[Numbers, Numbers]:
    z_hit = stats.norm.ppf((hits + 0.5) / (real + 1))
    z_alarm = stats.norm.ppf((alarms + 0.5) / (synthetic + 1))
    return z_hit - z_alarm, -(z_hit + z_alarm) / 2


def _variance(count: int, n: int) -> float:
    """Of the normal quantile of a corrected rate."""
    rate = (count + 0.5) / (n + 1)
    return float(rate * (1 - rate) / (n * stats.norm.pdf(stats.norm.ppf(rate)) ** 2))
