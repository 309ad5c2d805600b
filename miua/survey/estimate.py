"""A value with its interval, or why there is none, and the interval that resamples images."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from miua.analysis.checks import UndecidedError
from miua.analysis.reader_tables import NONE, RESAMPLED
from miua.analysis.resampling import Rows, cluster_bootstrap
from miua.study.store import COMPUTED

RESAMPLES = 9999


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval.

    Attributes:
        value: NaN where the data allow none.
        low, high: ends of the interval; NaN where there is none.
        interval: how the interval was made, or "none: why".
        status: "computed", or "undecided: why" where there is no value.
    """

    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    interval: str = ""
    status: str = COMPUTED


def without_interval(value: float, why: str) -> Estimate:
    """A value of whose precision nothing can be said."""
    return Estimate(value, interval=f"{NONE}{why}")


def attempt(compute: Callable[[], Estimate]) -> Estimate:
    """What is computed, or an estimate without a value that says why the data allow none."""
    try:
        return compute()
    except UndecidedError as error:
        return Estimate(interval=f"{NONE}{error}", status=f"undecided: {error}")


def by_images(
    statistic: Callable[[Rows], Any],
    images: NDArray[np.str_],
    *,
    vectorized: bool = True,
    resamples: int = RESAMPLES,
) -> Estimate:
    """A statistic of rows with the interval that resamples images, all rows of one together.

    Args:
        statistic: of rows; along the last axis, if vectorized.
        images: which image each row is of.
        vectorized, resamples: see `miua.analysis.resampling.cluster_bootstrap`.

    Raises:
        UndecidedError: the statistic of all rows has no value.
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
