"""Mutual information of grey images, from their joint histogram.

A pixel value v falls into bin v * bins // 256. With n_ij pixels in cell (i, j) of the joint
histogram of two images of n pixels, the plug-in estimate is

    MI = H(A) + H(B) - H(A, B),    H = -sum (n_ij / n) ln(n_ij / n)  in nats,

at most ln(bins), and 0 only where the histograms show no relation at all. It is biased upwards,
by about (occupied cells - occupied rows - occupied columns + 1) / (2 n) where cells hold many
pixels: images of few pixels in many bins look related when they are not. The 'grassberger'
estimate takes n_ij g(n_ij) for n_ij ln n_ij, where g comes from the digamma function
(P. Grassberger, arXiv:physics/0307138), and removes most of this bias; it may be negative. Beyond
a pixel for each cell, no estimate is to be trusted: docs/metrics/mutual-information.md has numbers.
"""

from collections.abc import Callable
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from miua import _kernels
from miua.metrics.records import ratio
from miua.metrics.stacks import Floats, Grey, Ints, PairValue, image_stack

BINS = 64  # grey levels
Estimator = Literal["plug-in", "grassberger"]
Normaliser = Literal["min", "max", "arithmetic", "geometric", "joint", "studholme"]


def mutual_information(
    a: Grey,
    b: Grey,
    bins: int = BINS,
    *,
    estimator: Estimator = "plug-in",
    normaliser: Normaliser | None = None,
    threads: int = 0,
) -> Floats:
    """Mutual information of each pair (a[i], b[i]), shape (N,), in nats unless normalised.

    a, b: stacks of one shape (N, H, W), C-contiguous; torch tensors on the CPU are read where
    they lie. bins: 2 to 256. estimator: of all entropies. threads: 0 for OpenMP's default; the
    result is bit-identical for any number.

    normaliser: None, or what the information is divided by: the 'min', 'max', 'arithmetic' or
    'geometric' mean of H(A) and H(B), or the 'joint' entropy H(A, B), each giving 0 to 1 with
    the plug-in estimator; 'studholme' is (H(A) + H(B)) / H(A, B), 1 to 2 (Studholme, Hill, Hawkes,
    Pattern Recognition 32 (1999) 71-86). nan where the divisor is 0: for constant images.

    TypeError: not a uint8 array. ValueError: shapes that do not match, not C-contiguous, bins,
    estimator or normaliser unknown or out of range.
    """
    kernel = _kernels.mutual_information
    return _information(kernel, a, b, bins, estimator, normaliser, threads)


def mutual_information_all_pairs(
    a: Grey,
    b: Grey,
    bins: int = BINS,
    *,
    estimator: Estimator = "plug-in",
    normaliser: Normaliser | None = None,
    threads: int = 0,
) -> Floats:
    """Mutual information of every pair (a[i], b[j]), shape (N, M).

    a: (N, H, W), b: (M, H, W). Parameters and errors are those of `mutual_information`.
    Where both are one array, each pair is computed once. Beside the result, memory is needed for
    4 * bins^2 counts a thread, however large the stacks are.
    """
    kernel = _kernels.mutual_information_all_pairs
    return _information(kernel, a, b, bins, estimator, normaliser, threads)


def entropy(
    stack: Grey, bins: int = BINS, *, estimator: Estimator = "plug-in", threads: int = 0
) -> Floats:
    """Entropy of each image's grey levels in nats, shape (N,); parameters as above."""
    return _kernels.entropy(image_stack(stack, "stack"), bins, estimator, threads)


def joint_histogram(a: Grey, b: Grey, bins: int = BINS, *, threads: int = 0) -> Ints:
    """Joint counts (N, bins, bins) of each pair (a[i], b[i]), the bins of `a` being the rows."""
    return _kernels.joint_histogram(image_stack(a, "a"), image_stack(b, "b"), bins, threads)


def _information(
    kernel: Callable[..., Floats],
    a: Any,
    b: Any,
    bins: int,
    estimator: Estimator,
    normaliser: Normaliser | None,
    threads: int,
) -> Floats:
    a, b = image_stack(a, "a"), image_stack(b, "b")
    if normaliser is not None and normaliser not in get_args(Normaliser):
        known = ", ".join(get_args(Normaliser))
        raise ValueError(f"normaliser must be None or one of {known}, not {normaliser!r}")
    information = kernel(a, b, bins, estimator, threads)
    if normaliser is None:
        return information
    of_a, of_b = (_kernels.entropy(stack, bins, estimator, threads) for stack in (a, b))
    if information.ndim == 2:
        of_a = of_a[:, None]
    both = of_a + of_b
    joint = both - information
    divisor = {
        "min": np.minimum(of_a, of_b),
        "max": np.maximum(of_a, of_b),
        "arithmetic": both / 2,
        # Grassberger's estimate of a constant image's entropy may fall a hair below 0.
        "geometric": np.sqrt(np.maximum(0, of_a * of_b)),
        "joint": joint,
        "studholme": joint,
    }[normaliser]
    return ratio(both if normaliser == "studholme" else information, divisor, np.nan)


def _bytes(stack: NDArray[Any]) -> Grey:
    """The upper bytes of 16 bits: as bins are made of whole ones, they are enough."""
    return (stack >> 8).astype(np.uint8) if stack.dtype == np.uint16 else stack


INFORMATION = PairValue(
    "mutual information",
    lambda a, b, bins, threads: mutual_information(_bytes(a), _bytes(b), bins, threads=threads),
    lambda a, b, bins, threads: mutual_information_all_pairs(
        _bytes(a), _bytes(b), bins, threads=threads
    ),
    "plug-in, {bins} grey-level bins, mean",
)
