"""Kernel distance: the squared maximum mean discrepancy of two sets of features (KID).

Binkowski, Sutherland, Arbel and Gretton, "Demystifying MMD GANs", ICLR 2018, arXiv:1801.01401.
With the kernel k(x, y) = (gamma x.y + coef0)^degree it is the mean of k over pairs of different
images of A, plus that of B, minus twice that of the pairs of both: unbiased whatever the number of
images, and so sometimes below 0. KID has degree 3, gamma 1 / d and coef0 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from miua.metrics.comparison import Comparison
from miua.metrics.frechet import check_drawn
from miua.metrics.records import MetricRecord, interval

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
    a, b = _checked(features_a, features_b)
    kernel = _Kernel(degree, 1 / a.shape[1] if gamma is None else gamma, coef0)
    (distance,) = _distances(a, b, np.ones((1, len(a))), np.ones((1, len(b))), kernel)
    return float(distance)


def kernel_distance_subsets(
    features_a: NDArray[Any],
    features_b: NDArray[Any],
    *,
    subsets: int = 100,
    subset_size: int = 1000,
    seed: int = 2020,
) -> NDArray[np.float64]:
    """KID of random subsets, (subsets,): their mean is the KID that is mostly published.

    The subsets are those that torch-fidelity draws with the same seed, so that the numbers are its
    own up to the rounding of its float32. Their standard deviation is that of `subset_size`
    images, not that of the mean.
    ValueError: as in `kernel_distance`, or a subset larger than a side or smaller than two.
    """
    a, b = _checked(features_a, features_b)
    if not 2 <= subset_size <= min(len(a), len(b)):
        raise ValueError(
            f"subset_size must be from 2 to the number of rows, {min(len(a), len(b))}, "
            f"not {subset_size}"
        )
    generator = np.random.RandomState(seed)
    drawn_a, drawn_b = np.zeros((subsets, len(a))), np.zeros((subsets, len(b)))
    for of_a, of_b in zip(drawn_a, drawn_b, strict=True):
        of_a[generator.choice(len(a), subset_size, replace=False)] = 1
        of_b[generator.choice(len(b), subset_size, replace=False)] = 1
    return _distances(a, b, drawn_a, drawn_b, _kid_kernel(a))


def kernel_distance_resampled(
    features_a: NDArray[Any], features_b: NDArray[Any], drawn: NDArray[Any]
) -> NDArray[np.float64]:
    """KID of A (n, d) and each resample of B (m, d), shape (R,).

    drawn: (R, m), how often each row of B occurs in each resample. Pairs of copies of one image,
    which resampling makes, are left out, as the pairs of an image with itself are; a resample of
    one image alone is nan. ValueError: as in `kernel_distance`, or a resample of fewer than two.
    """
    a, b = _checked(features_a, features_b)
    drawn = np.asarray(drawn, dtype=np.float64)
    check_drawn(drawn, len(b))
    return _distances(a, b, np.ones((1, len(a))), drawn, _kid_kernel(a))


@dataclass(frozen=True)
class _Kernel:
    degree: int
    gamma: float
    coef0: float

    def __call__(self, a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray((a @ b.T * self.gamma + self.coef0) ** self.degree)


def _kid_kernel(features: NDArray[np.float64]) -> _Kernel:
    return _Kernel(degree=3, gamma=1 / features.shape[1], coef0=1.0)


def _distances(
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    drawn_a: NDArray[np.float64],
    drawn_b: NDArray[np.float64],
    kernel: _Kernel,
) -> NDArray[np.float64]:
    """The distance of each of R choices (R, n) of rows of A and as many (R, m) of B.

    One choice (1, n) of A stands for as many as there are of B.
    """
    between = _sums(a, b, drawn_a, drawn_b, kernel) / (drawn_a.sum(axis=1) * drawn_b.sum(axis=1))
    distances: NDArray[np.float64] = (
        _within(a, drawn_a, kernel) + _within(b, drawn_b, kernel) - 2 * between
    )
    return distances


def _within(
    features: NDArray[np.float64], drawn: NDArray[np.float64], kernel: _Kernel
) -> NDArray[np.float64]:
    """Mean of the kernel over pairs of different rows for each choice; nan if there are none."""
    squares = np.einsum("md,md->m", features, features)
    itself = (squares * kernel.gamma + kernel.coef0) ** kernel.degree
    # einsum makes no second table as large as `drawn`.
    copies = np.einsum("rm,rm,m->r", drawn, drawn, itself)
    sums = _sums(features, features, drawn, drawn, kernel) - copies
    pairs = drawn.sum(axis=1) ** 2 - np.einsum("rm,rm->r", drawn, drawn)
    undefined = np.full_like(sums, np.nan)
    means: NDArray[np.float64] = np.divide(sums, pairs, out=undefined, where=pairs > 0)
    return means


def _sums(
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    drawn_a: NDArray[np.float64],
    drawn_b: NDArray[np.float64],
    kernel: _Kernel,
) -> NDArray[np.float64]:
    """Sum of the kernel over all pairs of a choice of A and one of B, copies counted, (R,).

    Memory grows with the number of choices and not with that of rows.
    """
    sums = np.zeros(len(drawn_b))
    step = max(1, math.isqrt(BLOCK_BYTES // 8))
    for start_a, start_b in product(range(0, len(a), step), range(0, len(b), step)):
        of_a, of_b = slice(start_a, start_a + step), slice(start_b, start_b + step)
        weighted = drawn_a[:, of_a] @ kernel(a[of_a], b[of_b])
        sums += np.einsum("rm,rm->r", weighted, drawn_b[:, of_b])
    return sums


def _checked(
    features_a: NDArray[Any], features_b: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    a, b = (np.asarray(features, dtype=np.float64) for features in (features_a, features_b))
    for features in (a, b):
        if features.ndim != 2 or len(features) < 2:
            raise ValueError(
                f"features must have the shape (n, d) with n >= 2, not {features.shape}"
            )
        if not np.isfinite(features).all():
            raise ValueError("features must be finite")
    if a.shape[1] != b.shape[1]:
        raise ValueError(
            f"features_a and features_b must have equally many columns, not {a.shape[1]} "
            f"and {b.shape[1]}"
        )
    return a, b


def unbiased_distance(
    comparison: Comparison, metric: str, unit: str, extractor: str
) -> list[MetricRecord]:
    """The kernel distance in the features of an extractor, over all images."""
    a, b = comparison.features(extractor)
    resampled = kernel_distance_resampled(a, b, comparison.drawn)
    resampled = resampled[np.isfinite(resampled)]  # in small sets some draw one image alone
    words = comparison.describe(extractor)
    definition = f"unbiased squared MMD of {words}, cubic kernel, over all images"
    value = kernel_distance(a, b)
    return [comparison.record(metric, value, interval(resampled), unit, definition, resampled)]
