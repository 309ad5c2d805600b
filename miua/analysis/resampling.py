"""A value with its interval, or why there is none; bootstrap intervals by row or by cluster.

Rows of one cluster, such as the images of one subject, are not independent, so whole clusters are
drawn with replacement (Davison and Hinkley, Bootstrap Methods and their Application, 1997, section
3.8). The drawing and the interval, bias-corrected and accelerated (BCa; Efron 1987), are
scipy.stats.bootstrap's, applied to the list of clusters; its jackknife leaves out one at a time.
"""

import math
import warnings
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from miua.analysis.checks import FEWEST_POINTS, Numbers, UndecidedError, is_constant
from miua.analysis.columns import NONE, RESAMPLED
from miua.metrics.registry import COMPUTED

# With more resamples than this without a value, an interval of the rest would mislead.
MOST_DEGENERATE = 0.05

# Numbers held at a time, whatever the number of resamples.
BATCH = 2_000_000

Rows = NDArray[np.intp]


class Estimate(NamedTuple):
    """A value with its interval.

    A number is NaN where there is none. low, high: ends of the interval. interval: how it was made,
    or "none: why". status: "computed", or "undecided: why" where the data allow no value.
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
    """A statistic of readers' answers with the interval that resamples images, all of one together.

    images: which image each answer is of; for the rest see `cluster_bootstrap`. UndecidedError: the
    statistic has no value.
    """
    value = float(statistic(np.arange(images.size)))
    if not math.isfinite(value):
        raise UndecidedError("images of one kind alone were judged")
    try:
        found = cluster_bootstrap(statistic, images, vectorized=vectorized, resamples=resamples)
    except UndecidedError as error:
        return without_interval(value, str(error))
    return found._replace(value=value)


def cluster_bootstrap(
    statistic: Callable[[Rows], Any],
    clusters: ArrayLike,
    *,
    level: float = 0.95,
    resamples: int = 9999,
    seed: int = 0,
    vectorized: bool = False,
) -> Estimate:
    """Bootstrap interval of a statistic, drawing whole clusters of rows.

    It is that of the resamples that have a value; percentiles stand in where BCa has none (no
    jackknife). Where all resamples are equal there is no interval: the true value may differ all
    the same, as resamples of equal rows know nothing of it.

    statistic: takes the indices of rows, an index as often as its row was drawn, and gives a
    number; NaN or an UndecidedError says that these rows have none. clusters: label of each row's
    cluster (its subject), shape (n,). level, resamples, seed: coverage of the interval, number of
    resamples, and their seed. vectorized: whether the statistic also takes indices of shape
    (..., m), and gives (...).

    UndecidedError: fewer than three clusters, no value for all rows or for over 5 % of resamples.
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
    if is_constant(np.array([low, high])):
        return without_interval(value, "all resamples are equal")
    return Estimate(value, low, high, RESAMPLED)


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
