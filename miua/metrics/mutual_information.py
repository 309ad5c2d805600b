"""Mutual information of grey images, from their joint histogram.

A pixel value v falls into bin v * bins // 256. With n_ij pixels in cell (i, j) of the joint
histogram of two images of n pixels, the plug-in estimate is

    MI = H(A) + H(B) - H(A, B),    H = -sum (n_ij / n) ln(n_ij / n)  in nats,

at most ln(bins), and 0 only where the histograms show no relation at all. It is biased upwards,
by about (occupied cells - occupied rows - occupied columns + 1) / (2 n) where cells hold many
pixels: images of few pixels in many bins look related when they are not. The 'grassberger'
estimate takes n_ij g(n_ij) for n_ij ln n_ij, where g comes from the digamma function
(P. Grassberger, arXiv:physics/0307138), and removes most of this bias; it may be negative.

Mean estimates for independent images of 64 x 64 uniformly distributed grey levels, whose true
mutual information is 0 (tests/metrics/test_mutual_information.py measures them):

    bins            8        16       64       256
    plug-in       0.006    0.028    0.558    2.753
    grassberger   0.000    0.000    0.049    1.624

Beyond a pixel for each cell, no estimate is to be trusted. Real neighbouring pixels resemble each
other, so that fewer of them count as independent and the bias of both is larger.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from miua import _kernels
from miua.metrics.comparison import BINS, Comparison, PairValue
from miua.metrics.records import MetricRecord
from miua.metrics.stacks import image_stack

Estimator = Literal["plug-in", "grassberger"]
Normaliser = Literal["min", "max", "arithmetic", "geometric", "joint", "studholme"]


def mutual_information(
    a: NDArray[np.uint8],
    b: NDArray[np.uint8],
    bins: int = BINS,
    *,
    estimator: Estimator = "plug-in",
    normaliser: Normaliser | None = None,
    threads: int = 0,
) -> NDArray[np.float64]:
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
    a, b = image_stack(a, "a"), image_stack(b, "b")
    _check_normaliser(normaliser)
    information = _kernels.mutual_information(a, b, bins, estimator, threads)
    if normaliser is None:
        return information
    entropy_a = _kernels.entropy(a, bins, estimator, threads)
    entropy_b = _kernels.entropy(b, bins, estimator, threads)
    return _normalised(information, entropy_a, entropy_b, normaliser)


def mutual_information_all_pairs(
    a: NDArray[np.uint8],
    b: NDArray[np.uint8],
    bins: int = BINS,
    *,
    estimator: Estimator = "plug-in",
    normaliser: Normaliser | None = None,
    threads: int = 0,
) -> NDArray[np.float64]:
    """Mutual information of every pair (a[i], b[j]), shape (N, M).

    a: (N, H, W), b: (M, H, W). Parameters and errors are those of `mutual_information`.
    Where both are one array, each pair is computed once. Beside the result, memory is needed for
    4 * bins^2 counts a thread, however large the stacks are.
    """
    a, b = image_stack(a, "a"), image_stack(b, "b")
    _check_normaliser(normaliser)
    information = _kernels.mutual_information_all_pairs(a, b, bins, estimator, threads)
    if normaliser is None:
        return information
    entropy_a = _kernels.entropy(a, bins, estimator, threads)[:, None]
    entropy_b = _kernels.entropy(b, bins, estimator, threads)[None, :]
    return _normalised(information, entropy_a, entropy_b, normaliser)


def entropy(
    stack: NDArray[np.uint8],
    bins: int = BINS,
    *,
    estimator: Estimator = "plug-in",
    threads: int = 0,
) -> NDArray[np.float64]:
    """Entropy of each image's grey levels in nats, shape (N,); parameters as above."""
    return _kernels.entropy(image_stack(stack, "stack"), bins, estimator, threads)


def joint_histogram(
    a: NDArray[np.uint8], b: NDArray[np.uint8], bins: int = BINS, *, threads: int = 0
) -> NDArray[np.int64]:
    """Joint counts (N, bins, bins) of each pair (a[i], b[i]), the bins of `a` being the rows."""
    return _kernels.joint_histogram(image_stack(a, "a"), image_stack(b, "b"), bins, threads)


def _check_normaliser(normaliser: str | None) -> None:
    if normaliser is not None and normaliser not in get_args(Normaliser):
        known = ", ".join(get_args(Normaliser))
        raise ValueError(f"normaliser must be None or one of {known}, not {normaliser!r}")


def _normalised(
    information: NDArray[np.float64],
    entropy_a: NDArray[np.float64],
    entropy_b: NDArray[np.float64],
    normaliser: Normaliser,
) -> NDArray[np.float64]:
    both = entropy_a + entropy_b
    joint = both - information
    dividend = both if normaliser == "studholme" else information
    divisors: dict[str, NDArray[np.float64]] = {
        "min": np.minimum(entropy_a, entropy_b),
        "max": np.maximum(entropy_a, entropy_b),
        "arithmetic": both / 2,
        # Grassberger's estimate of a constant image's entropy may fall a hair below 0.
        "geometric": np.sqrt(np.maximum(0, entropy_a * entropy_b)),
        "joint": joint,
        "studholme": joint,
    }
    divisor = divisors[normaliser]
    undefined = np.full_like(information, np.nan)
    ratio: NDArray[np.float64] = np.divide(dividend, divisor, out=undefined, where=divisor > 0)
    return ratio


def _bytes(stack: NDArray[Any]) -> NDArray[np.uint8]:
    """The upper bytes of 16 bits: as bins are made of whole ones, they are enough."""
    return (stack >> 8).astype(np.uint8) if stack.dtype == np.uint16 else stack


OF_PAIR = PairValue(
    "mutual information",
    lambda a, b, bins, threads: mutual_information(_bytes(a), _bytes(b), bins, threads=threads),
    lambda a, b, bins, threads: mutual_information_all_pairs(
        _bytes(a), _bytes(b), bins, threads=threads
    ),
)


def mean_information(comparison: Comparison) -> list[MetricRecord]:
    """The mean over the comparison's pairs, plug-in."""
    definition = f"plug-in, {comparison.bins} grey-level bins, mean"
    return comparison.mean_over_pairs("mutual_information", OF_PAIR, "nats", definition)
