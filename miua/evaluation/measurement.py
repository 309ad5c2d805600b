"""The part of a record that a metric decides, and how its interval comes about."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from miua.evaluation.records import COMPUTED


@dataclass(frozen=True)
class Measurement:
    """A metric's value, its interval, and what it was computed from.

    resampled: the value in each resample of the synthetic images, None where there are none.
    """

    metric: str
    value: float | None
    low: float | None
    high: float | None
    unit: str
    definition: str
    status: str = COMPUTED
    resampled: NDArray[np.float64] | None = None


def not_computed(metric: str, unit: str, definition: str, reason: str) -> Measurement:
    """A metric that cannot be had, for a stated reason and with its remedy."""
    return Measurement(metric, None, None, None, unit, definition, f"not computed: {reason}")


def interval(resampled: NDArray[np.float64]) -> tuple[float | None, float | None]:
    """The 2.5 and 97.5 percentiles; values that occur, so inf does no harm. None without any."""
    (low,), (high,) = intervals(resampled[:, None])
    return low, high


def intervals(
    resampled: NDArray[np.float64],
) -> tuple[list[float] | list[None], list[float] | list[None]]:
    """The same of many metrics at once: (R, metrics)."""
    if not len(resampled):
        nothing = [None] * resampled.shape[1]
        return nothing, nothing
    low, high = np.percentile(resampled, (2.5, 97.5), axis=0, method="inverted_cdf")
    return low.tolist(), high.tolist()


def mean_interval(
    sums: NDArray[np.float64], counts: NDArray[np.float64], drawn: NDArray[np.float64]
) -> tuple[float, float | None, float | None, NDArray[np.float64]]:
    """A mean over images' terms, its interval, and the resamples: sums and counts (M,) of each
    image's terms, drawn (R, M). Infinite where an image has none: only identical pairs are left.
    """
    resampled = _ratio(drawn @ sums, drawn @ counts)
    value = _ratio(sums.sum(), counts.sum())
    return float(value), *interval(resampled), resampled


def _ratio(sums: NDArray[np.float64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    infinite = np.full_like(sums, np.inf)
    return np.divide(sums, counts, out=infinite, where=counts > 0)
