"""Kernel distance: the squared maximum mean discrepancy of two sets of features (KID).

Binkowski, Sutherland, Arbel and Gretton, "Demystifying MMD GANs", ICLR 2018, arXiv:1801.01401.
With the kernel k(x, y) = (gamma x.y + coef0)^degree it is the mean of k over pairs of different
images of A, plus that of B, minus twice that of the pairs of both: unbiased whatever the number of
images, and so sometimes below 0. KID has degree 3, gamma 1 / d and coef0 1.
"""

import math
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from miua.metrics.comparison import Comparison
from miua.metrics.frechet import check_drawn, feature_pair
from miua.metrics.records import MetricValue, interval, ratio
from miua.metrics.stacks import Floats

BLOCK_BYTES = 32 * 2**20  # of the float64 table of kernels held at once, a square of it


def kernel_distance(
    features_a: NDArray[Any],
    features_b: NDArray[Any],
    *,
    degree: int = 3,
    gamma: float | None = None,
    coef0: float = 1.0,
) -> float:
    """The distance of features (n, d) and (m, d) over all pairs of images, in float64.

    gamma: None for 1 / d. The same number every time: nothing is drawn.
    ValueError: fewer than two rows on a side, values that are not finite, unequal d.
    """
    a, b = feature_pair(features_a, features_b)
    kernel = _polynomial(a, degree, gamma, coef0)
    return float(_distances(a, b, np.ones((1, len(a))), np.ones((1, len(b))), kernel)[0])


def kernel_distance_subsets(
    features_a: NDArray[Any],
    features_b: NDArray[Any],
    *,
    subsets: int = 100,
    subset_size: int = 1000,
    seed: int = 2020,
) -> Floats:
    """KID of random subsets, (subsets,): their mean is the KID that is mostly published.

    The subsets are those that torch-fidelity draws with the same seed, so that the numbers are its
    own up to the rounding of its float32. Their standard deviation is that of `subset_size`
    images, not that of the mean.
    ValueError: as in `kernel_distance`, or a subset larger than a side or smaller than two.
    """
    a, b = feature_pair(features_a, features_b)
    most = min(len(a), len(b))
    if not 2 <= subset_size <= most:
        allowed = f"from 2 to the number of rows, {most}"
        raise ValueError(f"subset_size must be {allowed}, not {subset_size}")
    generator = np.random.RandomState(seed)
    drawn_a, drawn_b = np.zeros((subsets, len(a))), np.zeros((subsets, len(b)))
    for of_a, of_b in zip(drawn_a, drawn_b, strict=True):
        of_a[generator.choice(len(a), subset_size, replace=False)] = 1
        of_b[generator.choice(len(b), subset_size, replace=False)] = 1
    return _distances(a, b, drawn_a, drawn_b, _polynomial(a))


def kernel_distance_resampled(
    features_a: NDArray[Any], features_b: NDArray[Any], drawn: NDArray[Any]
) -> Floats:
    """KID of A (n, d) and each resample of B (m, d), shape (R,).

    drawn: (R, m), how often each row of B occurs in each resample. Pairs of copies of one image,
    which resampling makes, are left out, as the pairs of an image with itself are; a resample of
    one image alone is nan. ValueError: as in `kernel_distance`, or a resample of fewer than two.
    """
    a, b = feature_pair(features_a, features_b)
    drawn = np.asarray(drawn, dtype=np.float64)
    check_drawn(drawn, len(b))
    return _distances(a, b, np.ones((1, len(a))), drawn, _polynomial(a))


_Kernel = Callable[[Floats], Floats]


def _polynomial(
    features: Floats, degree: int = 3, gamma: float | None = None, coef0: float = 1.0
) -> _Kernel:
    """The kernel as a function of scalar products, by default that of KID."""
    scale = 1 / features.shape[1] if gamma is None else gamma
    return lambda products: np.asarray((products * scale + coef0) ** degree)


def _distances(a: Floats, b: Floats, drawn_a: Floats, drawn_b: Floats, kernel: _Kernel) -> Floats:
    """The distance of each of R choices (R, n) of rows of A and as many (R, m) of B; one choice
    (1, n) of A stands for as many as there are of B."""
    between = _sums(a, b, drawn_a, drawn_b, kernel) / (drawn_a.sum(axis=1) * drawn_b.sum(axis=1))
    return np.asarray(_within(a, drawn_a, kernel) + _within(b, drawn_b, kernel) - 2 * between)


def _within(features: Floats, drawn: Floats, kernel: _Kernel) -> Floats:
    """Mean of the kernel over pairs of different rows for each choice; nan if there are none."""
    itself = kernel(np.einsum("md,md->m", features, features))
    # einsum makes no second table as large as `drawn`.
    copies = np.einsum("rm,rm,m->r", drawn, drawn, itself)
    sums = _sums(features, features, drawn, drawn, kernel) - copies
    pairs = drawn.sum(axis=1) ** 2 - np.einsum("rm,rm->r", drawn, drawn)
    return ratio(sums, pairs, np.nan)


def _sums(a: Floats, b: Floats, drawn_a: Floats, drawn_b: Floats, kernel: _Kernel) -> Floats:
    """Sum of the kernel over all pairs of a choice of A and one of B, copies counted, (R,). Memory
    grows with the number of choices and not with that of rows."""
    sums = np.zeros(len(drawn_b))
    step = max(1, math.isqrt(BLOCK_BYTES // 8))
    for start_a, start_b in product(range(0, len(a), step), range(0, len(b), step)):
        of_a, of_b = slice(start_a, start_a + step), slice(start_b, start_b + step)
        weighted = drawn_a[:, of_a] @ kernel(a[of_a] @ b[of_b].T)
        sums += np.einsum("rm,rm->r", weighted, drawn_b[:, of_b])
    return sums


def unbiased_distance(comparison: Comparison, extractor: str) -> list[MetricValue]:
    """The kernel distance in the features of an extractor, over all images."""
    a, b = comparison.features(extractor)
    resampled = kernel_distance_resampled(a, b, comparison.drawn)
    resampled = resampled[np.isfinite(resampled)]  # in small sets some draw one image alone
    words = comparison.describe(extractor)
    definition = f"unbiased squared MMD of {words}, cubic kernel, over all images"
    return [MetricValue(kernel_distance(a, b), definition, interval(resampled), resampled)]
