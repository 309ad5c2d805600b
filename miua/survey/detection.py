"""Telling real images from synthetic ones: d', criterion, and the area under the ROC.

The signal is "real": a hit is a real image called real, a false alarm a synthetic one called real.
d' is the sensitivity, in standard deviations: 0 is guessing, below 0 is the wrong way round. The
criterion c is the bias, in standard deviations: above 0 leans to "synthetic", below to "real".

Arguments: `real`, whether each judged image is real, and what was answered to it, of one shape.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from miua.analysis.checks import Numbers, UndecidedError
from miua.analysis.reader_tables import NORMAL
from miua.survey.estimate import Estimate

Flags = NDArray[np.bool_]


def detection(real: Flags, called_real: Flags, level: float = 0.95) -> tuple[Estimate, Estimate]:
    """d' and criterion c of answers, shape (n,), with normal intervals.

    The variance is Gourevitch and Galanter's (Psychometrika 32, 1967), for independent answers.

    UndecidedError: no image of one kind.
    """
    if real.all() or not real.any():
        raise UndecidedError(f"no {'synthetic' if real.any() else 'real'} images were judged")
    deviation = math.sqrt(sum(_variance(called_real[kind]) for kind in (real, ~real)))
    half = float(stats.norm.ppf(0.5 + level / 2)) * deviation
    values = map(float, detection_of(real, called_real))
    first, second = (
        Estimate(value, value - by, value + by, NORMAL)
        for value, by in zip(values, (half, half / 2), strict=True)
    )
    return first, second


def detection_of(real: Flags, called_real: Flags) -> tuple[Numbers, Numbers]:
    """d' and criterion along the last axis; NaN where there is no image of one kind.

    Rates have the log-linear correction, (count + 0.5) / (n + 1), so that rates of 0 and 1 have a
    d' (Hautus, Behavior Research Methods 27, 1995).
    """
    hits, alarms = (real & called_real).sum(axis=-1), (~real & called_real).sum(axis=-1)
    n, rest = real.sum(axis=-1), (~real).sum(axis=-1)
    z_hit = stats.norm.ppf((hits + 0.5) / (n + 1))
    z_alarm = stats.norm.ppf((alarms + 0.5) / (rest + 1))
    lacking = (n == 0) | (rest == 0)
    d_prime, criterion = z_hit - z_alarm, -(z_hit + z_alarm) / 2
    return np.where(lacking, np.nan, d_prime), np.where(lacking, np.nan, criterion)


def rating(called_real: ArrayLike, confidence: ArrayLike) -> NDArray[np.int_]:
    """How real an image was rated: confidence, below 0 where it was called synthetic."""
    return np.asarray(np.where(called_real, 1, -1) * np.asarray(confidence, dtype=int))


def area_under_roc(real: Flags, ratings: NDArray[np.int_]) -> Numbers:
    """Share of pairs in which the real image has the higher rating; ties count half.

    It is Mann and Whitney's statistic (Hanley and McNeil, Radiology 143, 1982), along the last
    axis; NaN where there is no image of one kind.
    """
    ranks = stats.rankdata(ratings, axis=-1)
    n, rest = real.sum(axis=-1), (~real).sum(axis=-1)
    above = np.where(real, ranks, 0.0).sum(axis=-1) - n * (n + 1) / 2
    pairs = n * rest
    return np.where(pairs == 0, np.nan, above / np.maximum(pairs, 1))


def _variance(called_real: Flags) -> float:
    """Of the normal quantile of the corrected rate of one kind of image."""
    n = called_real.size
    rate = (called_real.sum() + 0.5) / (n + 1)
    return float(rate * (1 - rate) / (n * stats.norm.pdf(stats.norm.ppf(rate)) ** 2))
