"""Diversity: how much the images of a set differ from each other, beside those of a reference.

The images of a generator whose modes have collapsed resemble each other. Odena, Olah and Shlens,
"Conditional image synthesis with auxiliary classifier GANs" (ICML 2017, arXiv:1610.09585), read
this off pairs of images of one set, comparing their mean MS-SSIM with that of real images. The
same is done here with the root mean squared difference of grey levels, which is exact and cheap
over all pairs. 1 means as varied as the reference, 0 that all images are the same.

Its square is twice the variance of a pixel, averaged over pixels. Two things follow. Noise counts
as variety. And k images repeated many times are nearly as varied as the set that they were drawn
from: sqrt(1 - 1/k) of it, still 0.95 for k = 10. A ratio near 1 does not rule collapse out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from miua.metrics.psnr import mean_squared_error_all_pairs


def diversity(reference: NDArray[np.uint8], synthetic: NDArray[np.uint8]) -> float:
    """Root mean squared difference within `synthetic` (M, H, W) over that within `reference`.

    ValueError: fewer than two images on a side, or reference images that are all the same.
    """
    within_reference, within_synthetic = (
        float(root_mean_squared_difference(mean_squared_error_all_pairs(stack, stack)))
        for stack in (reference, synthetic)
    )
    if not within_reference > 0:
        raise ValueError("reference must hold images that differ")
    return within_synthetic / within_reference


def root_mean_squared_difference(
    errors: NDArray[np.float64], drawn: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Root mean squared difference in grey levels over the pairs of different images of a set.

    errors: mean squared errors (N, N) of the set's images among themselves. drawn: (R, N), how
    often each image occurs in each of R resamples, for R results; each image once if not given,
    for one. An image is not paired with another copy of itself, which resampling makes and no
    generator does; a resample of one image alone is nan. ValueError: N is less than two.
    """
    images = len(errors)
    if errors.shape != (images, images) or images < 2:
        raise ValueError(f"errors must be a square table of two images or more: {errors.shape}")
    if drawn is None:
        # The diagonal is 0: an image does not differ from itself.
        return np.asarray(np.sqrt(errors.sum() / (images * (images - 1))))
    sums = np.einsum("rn,rn->r", drawn @ errors, drawn)
    pairs = drawn.sum(axis=1) ** 2 - np.square(drawn).sum(axis=1)
    undefined = np.full_like(sums, np.nan)
    means: NDArray[np.float64] = np.divide(sums, pairs, out=undefined, where=pairs > 0)
    return np.sqrt(means)
