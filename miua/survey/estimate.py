"""A value with its interval, or why there is none, and the interval that resamples images."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from miua.analysis.checks import UndecidedError
from miua.analysis.reader_tables import NONE, RESAMPLED
from miua.analysis.resampling import Rows, cluster_bootstrap
from miua.study.store import COMPUTED


class Estimate(NamedTuple):
    """A value with its 95 % interval.

    value: NaN where the data allow none. low, high: ends of the interval; NaN where there is none.
    interval: how it was made, or "none: why". status: "computed", or "undecided: why" where there
    is no value.
    """

    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    interval: str = ""
    status: str = COMPUTED


def without_interval(value: float, why: str) -> Estimate:
    """A value of whose precision nothing can be said."""
    return Estimate(value, interval=f"{NONE}{why}")


def undecided(why: str) -> Estimate:
    """No value, as the data allow none."""
    return Estimate(interval=f"{NONE}{why}", status=f"undecided: {why}")


def attempt(compute: Callable[..., Estimate], *arguments: Any) -> Estimate:
    """What is computed, or an estimate without a value that says why the data allow none."""
    try:
        return compute(*arguments)
    except UndecidedError as error:
        return undecided(str(error))


def by_images(
    statistic: Callable[[Rows], Any],
    images: NDArray[np.str_],
    *,
    vectorized: bool = True,
    resamples: int = 9999,
) -> Estimate:
    """A statistic of rows with the interval that resamples images, all rows of one together.

    images: which image each row is of. The others are as in
    `miua.analysis.resampling.cluster_bootstrap`. UndecidedError: the statistic has no value.
    """
    value = float(statistic(np.arange(images.size)))
    if not math.isfinite(value):
        raise UndecidedError("images of one kind alone were judged")
    try:
        found = cluster_bootstrap(statistic, images, vectorized=vectorized, resamples=resamples)
    except UndecidedError as error:
        return without_interval(value, str(error))
    if found.low == found.high:
        # The true value may differ all the same: resamples of equal answers know nothing of it.
        return without_interval(value, "all resamples are equal")
    return Estimate(value, found.low, found.high, RESAMPLED)
