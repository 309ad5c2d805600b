"""Where a new observation may lie, by what few earlier ones show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]
# As far as a score goes; where draws have no scatter, any difference is infinitely unusual.
LARGEST_SCORE = 8.0


@dataclass(frozen=True)
class Interval:
    """From `low` to `high`, and what lies in the middle."""

    low: float
    centre: float
    high: float

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high

    @property
    def reach(self) -> float:
        """The larger distance from the centre to an end."""
        return max(self.high - self.centre, self.centre - self.low)


def prediction_interval(values: Floats, level: float, *, logarithmic: bool = False) -> Interval:
    """Where one more draw from a normal distribution lies with probability `level`.

    mean ± t s sqrt(1 + 1/n), with Student's t for n - 1 degrees of freedom: it allows for the n
    draws being few. (Hahn and Meeker, Statistical Intervals, Wiley 1991, section 4.7.)

    Args:
        values: n draws, (n,), n of 2 or more; positive if logarithmic.
        level: from 0 to 1.
        logarithmic: their logarithms are normal, not they. The centre is the geometric mean then.
    """
    drawn = np.log(values) if logarithmic else values
    n = drawn.size
    if n < 2:
        raise ValueError(f"an interval needs two values or more, not {n}")
    factor = float(stats.t.isf((1 - level) / 2, n - 1))
    centre = float(drawn.mean())
    half = factor * float(drawn.std(ddof=1)) * float(np.sqrt(1 + 1 / n))
    ends = np.array([centre - half, centre, centre + half])
    if logarithmic:
        with np.errstate(over="ignore", under="ignore"):  # so wide that it excludes nothing
            ends = np.exp(ends)
    return Interval(*ends.tolist())


def scores(values: Floats, draws: Floats) -> Floats:
    """How unusual each value is among its draws, as a standard normal variable would be.

    The probability that Student's t gives to the value beside the draws, as a quantile of the
    normal distribution, and no further from 0 than LARGEST_SCORE.

    Args:
        values: (k,).
        draws: (k, n), n of 2 or more.
    """
    n = draws.shape[1]
    away = values - draws.mean(axis=1)
    scatter = draws.std(axis=1, ddof=1) * np.sqrt(1 + 1 / n)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(away == 0, 0.0, away / scatter)
    size = stats.norm.isf(stats.t.sf(np.abs(ratio), n - 1))
    return np.asarray(np.sign(ratio) * np.minimum(size, LARGEST_SCORE))


def median_scores(values: Floats, draws: Floats) -> tuple[float, Floats]:
    """The median score of many values, and what it is for each draw among the other draws.

    Many small differences one way move it, a few large ones do not.

    Args:
        values: (k,), one observation of k numbers.
        draws: (k, n), n earlier ones; n of 3 or more.

    Returns:
        The median over the k numbers, and n medians, (n,): each draw held against the others.
    """
    others = [
        float(np.median(scores(draws[:, draw], np.delete(draws, draw, axis=1))))
        for draw in range(draws.shape[1])
    ]
    return float(np.median(scores(values, draws))), np.array(others)
