"""Structural similarity (SSIM): how alike two images are in brightness, contrast and structure.

Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli, Image quality assessment: from error
visibility to structural similarity, IEEE Transactions on Image Processing 13 (2004) 600-612.
Over every window of 7 x 7 pixels that lies inside the images, with means m, sample variances v
and sample covariance v_xy of its pixels,

    SSIM = (2 m_x m_y + C1) (2 v_xy + C2) / ((m_x^2 + m_y^2 + C1) (v_x + v_y + C2)),

C1 = (0.01 * 255)^2, C2 = (0.03 * 255)^2; the SSIM of two images is the mean over all windows.
This is what scikit-image computes with data_range=255 and else its defaults. The windows weigh all
pixels alike; those of the paper itself are Gaussian, of 11 x 11 pixels, and give other numbers.

Sums over a window are exact integers. What follows is computed in float32 and cut to multiples of
2^-24, whose sum is exact again. A result lies within 7e-7 of the true mean, whatever the images
are; this bound is proved. The largest difference found is 3e-7, for a single window; over many
windows, of noise or of phantoms, it is below 1e-7. The same holds for scikit-image's results.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from miua import _kernels
from miua.metrics.comparison import Comparison, PairValue
from miua.metrics.inception_weights import NotComputedError
from miua.metrics.records import MetricRecord
from miua.metrics.stacks import image_stack

WINDOW = 7  # pixels that images must have at least, each way


def structural_similarity(
    a: NDArray[np.uint8], b: NDArray[np.uint8], *, threads: int = 0
) -> NDArray[np.float64]:
    """SSIM of each pair (a[i], b[i]), shape (N,): -1 to 1, and 1 exactly for identical images.

    a, b: stacks of one shape (N, H, W), C-contiguous, of 7 x 7 pixels or more; torch tensors on
    the CPU are read where they lie. threads: 0 for OpenMP's default; the result is bit-identical
    for any number.

    TypeError: not a uint8 array. ValueError: shapes that do not match, images too small, not
    C-contiguous.
    """
    return _kernels.structural_similarity(image_stack(a, "a"), image_stack(b, "b"), threads)


def structural_similarity_all_pairs(
    a: NDArray[np.uint8], b: NDArray[np.uint8], *, threads: int = 0
) -> NDArray[np.float64]:
    """SSIM of every pair (a[i], b[j]), shape (N, M).

    a: (N, H, W), b: (M, H, W). Parameters and errors are those of `structural_similarity`. Where
    both are one array, each pair is computed once. Beside the result, memory is needed for some
    rows of 32 images a thread, however large the stacks are.
    """
    return _kernels.structural_similarity_all_pairs(
        image_stack(a, "a"), image_stack(b, "b"), threads
    )


OF_PAIR = PairValue(
    "structural similarity",
    lambda a, b, bins, threads: structural_similarity(a, b, threads=threads),
    lambda a, b, bins, threads: structural_similarity_all_pairs(a, b, threads=threads),
    smallest=WINDOW,
)


def ssim(comparison: Comparison) -> list[MetricRecord]:
    """The mean over the comparison's pairs; NotComputedError: images smaller than a window."""
    if min(comparison.reference.images.shape[1:]) < WINDOW:
        raise NotComputedError("its window has 7 x 7 pixels", "give images of that size or more")
    definition = "7 x 7 windows, data range 255, mean"
    return comparison.mean_over_pairs("ssim", OF_PAIR, "", definition)
