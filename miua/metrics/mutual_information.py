"""Mutual information of grey images, from their joint histogram.

A pixel value v falls into bin v * bins // 256. With n_ij pixels in cell (i, j) of the joint
histogram of two images of n pixels, the plug-in estimate is

    MI = H(A) + H(B) - H(A, B),    H = -sum (n_ij / n) ln(n_ij / n)  in nats,

0 for images without any statistical relation, at most ln(bins). The estimate is biased upwards,
by about (occupied cells - occupied rows - occupied columns + 1) / (2 n): images of few pixels in
many bins look related when they are not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from miua import _kernels

BINS = 64


def mutual_information(
    a: NDArray[np.uint8], b: NDArray[np.uint8], bins: int = BINS, *, threads: int = 0
) -> NDArray[np.float64]:
    """Mutual information of each pair (a[i], b[i]) in nats, shape (N,).

    a, b: stacks of one shape (N, H, W). bins: 2 to 256. threads: 0 for OpenMP's default; the
    result is bit-identical for any number.

    TypeError: not a uint8 array. ValueError: shapes that do not match, not C-contiguous, bins
    out of range.
    """
    return _kernels.mutual_information(a, b, bins, "plug-in", threads)


def mutual_information_all_pairs(
    a: NDArray[np.uint8], b: NDArray[np.uint8], bins: int = BINS, *, threads: int = 0
) -> NDArray[np.float64]:
    """Mutual information of every pair (a[i], b[j]) in nats, shape (N, M).

    a: (N, H, W), b: (M, H, W). Parameters and errors are those of `mutual_information`.
    """
    return _kernels.mutual_information_all_pairs(a, b, bins, "plug-in", threads)


def entropy(stack: NDArray[np.uint8], bins: int = BINS, *, threads: int = 0) -> NDArray[np.float64]:
    """Entropy of each image's grey levels in nats, shape (N,); parameters as above."""
    return _kernels.entropy(stack, bins, "plug-in", threads)


def joint_histogram(
    a: NDArray[np.uint8], b: NDArray[np.uint8], bins: int = BINS, *, threads: int = 0
) -> NDArray[np.int64]:
    """Joint counts (N, bins, bins) of each pair (a[i], b[i]), the bins of `a` being the rows."""
    return _kernels.joint_histogram(a, b, bins, threads)
