"""How far a new run may be from its repeats, and how unusual a number is among them."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]

# As far as a score goes; where draws have no scatter, any difference is infinitely unusual.
LARGEST_SCORE = 8.0
# In the mean square a score beyond this counts as this much, so that no few values decide.
COUNTED_AT_MOST = 3.0


class Prediction(NamedTuple):
    """From `low` to `high`, and what lies in the middle."""

    low: float
    centre: float
    high: float

    def __format__(self, form: str) -> str:
        return f"{self.low:{form}} to {self.high:{form}}"

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high

    @property
    def reach(self) -> float:
        """The larger distance from the centre to an end."""
        return max(self.high - self.centre, self.centre - self.low)


def prediction_interval(values: Floats, level: float, *, logarithmic: bool = False) -> Prediction:
    """Where one more draw from a normal distribution lies with probability `level`.

    mean ± t s sqrt(1 + 1/n), with Student's t for n - 1 degrees of freedom: it allows for the n
    draws being few. (Hahn and Meeker, Statistical Intervals, Wiley 1991, section 4.7.)

    values: n draws, (n,), n of 2 or more; positive if logarithmic: then their logarithms are
    normal, and the centre is the geometric mean. level: from 0 to 1.
    """
    drawn = np.log(values) if logarithmic else values
    n = drawn.size
    if n < 2:
        raise ValueError(f"an interval needs two values or more, not {n}")
    centre = float(drawn.mean())
    # From the upper tail: so near to 1, the level has no digits left for `stats.t.interval`.
    half = stats.t.isf((1 - level) / 2, n - 1) * drawn.std(ddof=1) * np.sqrt(1 + 1 / n)
    ends = np.array([centre - half, centre, centre + half])
    if logarithmic:
        with np.errstate(over="ignore", under="ignore"):  # so wide that it excludes nothing
            ends = np.exp(ends)
    return Prediction(*ends.tolist())


def scores(values: Floats, draws: Floats) -> Floats:
    """How unusual each of k values, (k,), is among its n draws, (k, n), as a normal score, (k,).

    The probability that Student's t gives to the value beside the draws, as a quantile of the
    normal distribution, and no further from 0 than LARGEST_SCORE. Draws that are NaN are left out;
    NaN where the value is, or where there are fewer than two draws.
    """
    known = np.ma.masked_invalid(draws)
    n = known.count(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        scatter = known.std(axis=1, ddof=1).filled(np.nan) * np.sqrt(1 + 1 / n)
        away = values - known.mean(axis=1).filled(np.nan)
        ratio = np.where(away == 0, 0.0, away / scatter)
        size = stats.norm.isf(stats.t.sf(np.abs(ratio), n - 1))
    return np.where(n >= 2, np.sign(ratio) * np.minimum(size, LARGEST_SCORE), np.nan)


def median_score(found: Floats) -> float:
    """Many small differences one way move it, a few large ones do not."""
    return float(np.median(found))


def mean_square_score(found: Floats) -> float:
    """About 1 where values scatter as their draws do."""
    return float(np.nanmean(np.minimum(np.abs(found), COUNTED_AT_MOST) ** 2))


def with_repeats(
    statistic: Callable[[Floats], float], values: Floats, draws: Floats
) -> tuple[float, Floats]:
    """A statistic of the scores of many values, (k,), and that of each of n draws of them, (k, n).

    Each draw is scored among the others, so that the n results, (n,), say how the first scatters.
    """
    others = [
        statistic(scores(draws[:, each], np.delete(draws, each, axis=1)))
        for each in range(draws.shape[1])
    ]
    return statistic(scores(values, draws)), np.array(others)
