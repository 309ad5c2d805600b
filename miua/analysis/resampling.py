"""Bootstrap intervals of any statistic, by row or by cluster, such as the images of one subject.

Rows of one cluster are not independent, so whole clusters are drawn with replacement (Davison and
Hinkley, Bootstrap Methods and their Application, 1997, section 3.8). The drawing and the interval,
bias-corrected and accelerated (BCa; Efron 1987), are scipy.stats.bootstrap's, applied to the list
of clusters; its jackknife then leaves out one cluster at a time.
"""

import math
import warnings
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from miua.analysis.checks import FEWEST_POINTS, Numbers, UndecidedError

# With more resamples than this without a value, an interval of the rest would mislead.
MOST_DEGENERATE = 0.05

# Numbers held at a time, whatever the number of resamples.
BATCH = 2_000_000

Rows = NDArray[np.intp]


class Interval(NamedTuple):
    """A statistic of all rows, in its own unit, and both ends of its bootstrap interval."""

    value: float
    low: float
    high: float


def cluster_bootstrap(
    statistic: Callable[[Rows], Any],
    clusters: ArrayLike,
    *,
    level: float = 0.95,
    resamples: int = 9999,
    seed: int = 0,
    vectorized: bool = False,
) -> Interval:
    """Bootstrap interval of a statistic, drawing whole clusters of rows.

    It is that of the resamples that have a value; percentiles stand in where BCa has none (no
    spread, or no jackknife).

    Args:
        statistic: takes the indices of rows, an index as often as its row was drawn, and gives a
            number; NaN or an UndecidedError says that these rows have none.
        clusters: label of each row's cluster (its subject), shape (n,).
        level, resamples, seed: coverage of the interval, number of resamples, and their seed.
        vectorized: whether the statistic also takes indices of shape (..., m), and gives (...).

    UndecidedError: fewer than three clusters, no value for all rows, or more than 5 % of the
    resamples without a value.
    """
    labels, codes = np.unique(clusters, return_inverse=True)
    if len(labels) < FEWEST_POINTS:
        raise UndecidedError(f"{len(labels)} to resample, at least {FEWEST_POINTS} are needed")
    of_clusters = _of_clusters(statistic, codes, vectorized)
    picked = np.arange(len(labels))
    value = float(of_clusters(picked))
    if not math.isfinite(value):
        raise UndecidedError("the statistic has no value on these data")

    batch = max(1, BATCH // codes.size)
    common = {"vectorized": True, "confidence_level": level, "batch": batch}
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
    return Interval(value, low, high)


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

    def value_of(rows: Rows) -> float:
        try:
            return float(statistic(rows))
        except UndecidedError:
            return math.nan

    def of_clusters(picked: Rows, axis: int = -1) -> Numbers:
        resamples = picked.reshape(-1, picked.shape[-1])
        lengths = sizes[resamples].sum(axis=1)
        results = np.empty(len(resamples))
        for length in np.unique(lengths):
            chosen = lengths == length
            rows = rows_of(resamples[chosen].ravel()).reshape(-1, length)
            results[chosen] = statistic(rows) if vectorized else [value_of(each) for each in rows]
        return results.reshape(picked.shape[:-1])

    return of_clusters
