"""Signal detection: how well answers tell real images from synthetic ones, and with what bias.

The signal is "real": a hit is a real image called real, a false alarm a synthetic one called real.
d' is the sensitivity, in standard deviations: 0 is guessing, below 0 is the wrong way round. The
criterion c is the bias, in standard deviations: above 0 leans to "synthetic", below to "real"
(Macmillan and Creelman, Detection Theory, 2nd ed. 2005, chapters 1 and 2). `real` says of each
judged image whether it is, `called_real` what the reader called it.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from miua.analysis import columns
from miua.analysis.checks import Numbers, UndecidedError
from miua.analysis.resampling import Estimate, without_interval

NO_DISCRIMINATION = "no discrimination can be seen"

Flags = NDArray[np.bool_]

_QUANTILE = float(stats.norm.ppf(0.975))  # of the normal 95 % intervals


def detection(real: Flags, called_real: Flags) -> tuple[Estimate, Estimate]:
    """d' and criterion c of answers, shape (n,), with normal 95 % intervals.

    The variance is Gourevitch and Galanter's (Psychometrika 32, 1967), for independent answers.
    Where all answers are the same there is no interval: d' is 0, and c follows from the correction.
    UndecidedError: no image of one kind.
    """
    if real.all() or not real.any():
        raise UndecidedError(f"no {'synthetic' if real.any() else 'real'} images were judged")
    _, c = map(float, detection_of(real, called_real))
    hits, alarms = int((real & called_real).sum()), int((~real & called_real).sum())
    found = d_prime_of_counts(hits, int(real.sum()), alarms, int((~real).sum()))
    d, half = map(float, found)
    if called_real.all() or not called_real.any():
        same = f"all images were called {'real' if called_real.all() else 'synthetic'}"
        return without_interval(d, f"{NO_DISCRIMINATION}, as {same}"), without_interval(c, same)
    return (
        Estimate(d, d - half, d + half, columns.NORMAL),
        Estimate(c, c - half / 2, c + half / 2, columns.NORMAL),
    )


def detection_of(real: Flags, called_real: Flags) -> tuple[Numbers, Numbers]:
    """d' and criterion along the last axis; NaN where there is no image of one kind.

    Equal rates have a d' of exactly 0, however many images there are of each kind.
    """
    z_hit, z_alarm = (stats.norm.ppf(_rate(kind, called_real)) for kind in (real, ~real))
    return np.asarray(z_hit - z_alarm), np.asarray(-(z_hit + z_alarm) / 2)


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


def d_prime_of_counts(
    hits: ArrayLike, real: int, alarms: ArrayLike, synthetic: int
) -> tuple[Numbers, Numbers]:
    """d' of so many images called real, and half of its normal 95 % interval, as `detection`.

    hits, alarms: how many of the `real` and of the `synthetic` images, integers that broadcast.
    Half of the interval is NaN where all images got the same answer.
    """
    of_real, of_synthetic = np.asarray(hits), np.asarray(alarms)
    total = real + synthetic
    rates = _corrected(of_real / real, total), _corrected(of_synthetic / synthetic, total)
    d = stats.norm.ppf(rates[0]) - stats.norm.ppf(rates[1])
    half = _QUANTILE * np.sqrt(_variance(rates[0], real) + _variance(rates[1], synthetic))
    same = np.isin(of_real + of_synthetic, (0, total))
    return np.asarray(d), np.where(same, np.nan, half)


def equivalence_power(real: int, synthetic: int, margin: float, *, rate: float = 0.5) -> float:
    """Chance that a reader who guesses has an interval of d' within the margin around 0.

    Exact: it adds up the chances of all counts. real, synthetic: images judged. margin: of d',
    above 0. rate: the share of images that the reader calls real, whatever they are.
    """
    hits, alarms = np.arange(real + 1)[:, np.newaxis], np.arange(synthetic + 1)
    d, half = d_prime_of_counts(hits, real, alarms, synthetic)
    chances = stats.binom.pmf(hits, real, rate) * stats.binom.pmf(alarms, synthetic, rate)
    return float(chances[np.abs(d) + half < margin].sum())


def d_prime_of_area(area: float) -> float:
    """The d' of so large an area under the ROC, above 0 and below 1: sqrt(2) times its quantile.

    For normal distributions of equal variance (Macmillan and Creelman 2005, chapter 3).
    """
    return math.sqrt(2) * float(stats.norm.ppf(area))


def _rate(kind: Flags, called_real: Flags) -> Numbers:
    """The corrected rate at which images of one kind are called real; NaN if there are none."""
    n, count = kind.sum(axis=-1), (kind & called_real).sum(axis=-1)
    share = np.divide(count, n, out=np.full(np.shape(n), np.nan), where=n > 0)
    return _corrected(share, kind.shape[-1])


def _corrected(share: Numbers, total: int) -> Numbers:
    """A share called real with the log-linear correction.

    From Hautus (Behavior Research Methods 27, 1995): it lets shares of 0 and 1 have a normal
    quantile. Its two extra answers are shared out as the images are: with n of N images of this
    kind the rate is (count + n / N) / (n + 2 n / N). The same half an answer for both kinds would
    tell a rate of 0 of few images from a rate of 0 of many.
    """
    return np.asarray((share + 1 / total) / (1 + 2 / total))


def _variance(rate: Numbers, n: int) -> Numbers:
    """Of the normal quantile of the corrected rate of n images."""
    return np.asarray(rate * (1 - rate) / (n * stats.norm.pdf(stats.norm.ppf(rate)) ** 2))
