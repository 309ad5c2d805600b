"""Bootstrap intervals of any statistic, by row or by cluster, such as the images of one subject.

Rows of one cluster are not independent, so whole clusters are drawn with replacement (Davison and
Hinkley, Bootstrap Methods and their Application, 1997, section 3.8). The drawing and the interval,
bias-corrected and accelerated (BCa; Efron 1987), are scipy.stats.bootstrap's, applied to the list
of clusters; its jackknife then leaves out one cluster at a time.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from miua.analysis.checks import (
    FEWEST_POINTS,
    Numbers,
    UndecidedError,
    check_count,
    check_fraction,
    label_codes,
)

# With more resamples than this without a value, an interval of the rest would mislead.
MOST_DEGENERATE = 0.05

# Numbers held at a time, whatever the number of resamples.
BATCH = 2_000_000

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class BootstrapInterval:
    """A statistic with its bootstrap interval.

    Attributes:
        value: the statistic of all rows, in its own unit.
        low, high: ends of the confidence interval.
        standard_error: standard deviation of the resampled statistic.
        method: "BCa", or "percentile" where BCa has no value (no spread, or no jackknife).
        degenerate: how many resamples had no value, such as a correlation of constants; the
            interval is that of the others.
    """

    value: float
    low: float
    high: float
    standard_error: float
    method: str
    degenerate: int


def cluster_bootstrap(
    statistic: Callable[[Rows], Any],
    clusters: ArrayLike,
    *,
    level: float = 0.95,
    resamples: int = 9999,
    seed: int = 0,
    vectorized: bool = False,
) -> BootstrapInterval:
    """Bootstrap interval of a statistic, drawing whole clusters of rows.

    Args:
        statistic: takes the indices of rows, an index as often as its row was drawn, and gives a
            number; NaN or an UndecidedError says that these rows have none.
        clusters: label of each row's cluster (its subject), shape (n,).
        level: coverage of the interval.
        resamples: number of resamples.
        seed: whole number, 0 or more.
        vectorized: whether the statistic also takes indices of shape (..., m), and gives (...).

    Raises:
        ValueError: an argument is out of range, or a label is missing.
        UndecidedError: fewer than three clusters, no value for all rows, or more than 5 % of the
            resamples without a value.
    """
    check_fraction("level", level)
    check_count("resamples", resamples, 1)
    check_count("seed", seed, 0)
    n = np.size(clusters)
    labels, codes = label_codes("clusters", clusters, n)
    if len(labels) < FEWEST_POINTS:
        raise UndecidedError(f"{len(labels)} to resample, at least {FEWEST_POINTS} are needed")
    of_clusters = _of_clusters(statistic, codes, vectorized)
    picked = np.arange(len(labels))
    value = float(of_clusters(picked))
    if not math.isfinite(value):
        raise UndecidedError("the statistic has no value on these data")

    common = {"vectorized": True, "confidence_level": level, "batch": max(1, BATCH // n)}
    with warnings.catch_warnings(), np.errstate(invalid="ignore", divide="ignore"):
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        drawn = stats.bootstrap(
            (picked,), of_clusters, n_resamples=resamples, method="percentile",
            rng=np.random.default_rng(seed), **common,
        ).bootstrap_distribution  # fmt: skip
        distribution = drawn[np.isfinite(drawn)]
        degenerate = resamples - distribution.size
        if degenerate > MOST_DEGENERATE * resamples:
            raise UndecidedError(f"{degenerate} of {resamples} resamples have no value")
        for method in ("BCa", "percentile"):
            result = stats.bootstrap(
                (picked,), of_clusters, n_resamples=0, method=method,
                bootstrap_result=SimpleNamespace(bootstrap_distribution=distribution), **common,
            )  # fmt: skip
            low, high = (float(end) for end in result.confidence_interval)
            if math.isfinite(low) and math.isfinite(high):
                break
    error = float(result.standard_error)
    return BootstrapInterval(value, low, high, error, method, degenerate)


def _of_clusters(
    statistic: Callable[[Rows], Any], codes: Rows, vectorized: bool
) -> Callable[..., Numbers]:
    """The statistic as a function of picked clusters, shape (..., clusters picked)."""
    sizes = np.bincount(codes)
    starts = np.cumsum(sizes) - sizes
    by_cluster = np.argsort(codes, kind="stable")

    def rows_of(picked: Rows) -> Rows:
        """The rows of each picked cluster, one cluster after the other."""
        counts = sizes[picked]
        shifts = starts[picked] - (np.cumsum(counts) - counts)
        return np.asarray(by_cluster[np.repeat(shifts, counts) + np.arange(counts.sum())])

    def of_clusters(picked: Rows, axis: int = -1) -> Numbers:
        resamples = picked.reshape(-1, picked.shape[-1])
        lengths = sizes[resamples].sum(axis=1)
        results = np.empty(len(resamples))
        for length in np.unique(lengths):
            chosen = lengths == length
            rows = rows_of(resamples[chosen].ravel()).reshape(-1, length)
            results[chosen] = (
                statistic(rows) if vectorized else [_value(statistic, each) for each in rows]
            )
        return results.reshape(picked.shape[:-1])

    return of_clusters


def _value(statistic: Callable[[Rows], Any], rows: Rows) -> float:
    try:
        return float(statistic(rows))
    except UndecidedError:
        return math.nan
