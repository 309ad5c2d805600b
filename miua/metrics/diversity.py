"""Diversity: how much the images of a set differ from each other, beside those of a reference.

The root mean squared difference of grey levels over pairs of different images, as Odena, Olah and
Shlens (ICML 2017, arXiv:1610.09585) take the MS-SSIM of pairs to see modes collapse. 1 means as
varied as the reference, 0 that all images are the same. Its square is twice the variance of a
pixel, averaged over pixels; docs/metrics/diversity.md says what follows.
"""

import numpy as np

from miua.metrics.comparison import Comparison, Side
from miua.metrics.inception_weights import NotComputedError
from miua.metrics.records import MetricValue, interval, ratio
from miua.metrics.squared_error import SQUARED_ERROR
from miua.metrics.stacks import Floats, Grey, stacks_of_one_size

BLOCK_BYTES = 64 * 2**20  # of float64 pixels held at once
DEFINITION = (
    "root mean squared grey-level difference over pairs of different images, synthetic / "
    "reference; 1: as varied as the reference"
)


def diversity(reference: Grey, synthetic: Grey) -> float:
    """Root mean squared difference within `synthetic` (M, H, W) over that within `reference`.

    TypeError: not arrays of uint8. ValueError: not of the shape (N, H, W), of two sizes, fewer than
    two images on a side, or reference images that are all the same.
    """
    names = "reference", "synthetic"
    reference, synthetic = stacks_of_one_size(reference, synthetic, names=names)
    within, of_synthetic = (float(pixel_spread(stack)[0]) for stack in (reference, synthetic))
    if not within > 0:
        raise ValueError("reference must hold images that differ")
    return of_synthetic / within


def pixel_spread(stack: Grey, drawn: Floats | None = None) -> Floats:
    """Root mean squared difference over the pairs of different images of `stack` (N, H, W).

    `drawn` and the result are those of `root_mean_squared_difference`. No table of pairs is made:
    summed over pairs, |x_i - x_j|^2 is N sum |x_i|^2 - |sum x_i|^2, so that time and memory grow
    with N and not with its square. ValueError: fewer than two images.
    """
    if len(stack) < 2:
        raise ValueError(f"stack must hold two images or more, not {len(stack)}")
    weights = np.ones((1, len(stack))) if drawn is None else drawn
    pixels = stack.reshape(len(stack), -1)
    step = max(1, BLOCK_BYTES // (8 * max(weights.shape)))
    squares = np.zeros(len(weights))
    norms = np.zeros(len(stack))
    for start in range(0, pixels.shape[1], step):
        block = pixels[:, start : start + step].astype(np.float64)
        squares += np.square(weights @ block).sum(axis=1)
        norms += np.einsum("np,np->n", block, block)
    total = weights.sum(axis=1)
    sums = 2 * (total * (weights @ norms) - squares) / pixels.shape[1]
    pairs = total**2 - np.square(weights).sum(axis=1)
    return np.asarray(np.sqrt(ratio(sums, pairs, np.nan)))


def root_mean_squared_difference(errors: Floats, drawn: Floats | None = None) -> Floats:
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
    return np.asarray(np.sqrt(ratio(sums, pairs, np.nan)))


def measured_diversity(comparison: Comparison) -> list[MetricValue]:
    """The spread of the synthetic images over that of the reference; NotComputedError if a side
    has one image, or the reference images are all the same."""
    if min(len(comparison.reference), len(comparison.synthetic)) < 2:
        why = "a pair needs two images"
        raise NotComputedError(why, "give both sides two images or more", DEFINITION)
    within, synthetic = _spread(comparison.reference), comparison.synthetic
    if within == 0:
        why = "the reference images are all the same"
        raise NotComputedError(why, "give images that differ", DEFINITION)
    resampled = pixel_spread(synthetic.images, comparison.drawn) / within
    resampled = resampled[np.isfinite(resampled)]  # in small sets some draw one image alone
    value = _spread(synthetic) / within
    return [MetricValue(value, DEFINITION, interval(resampled), resampled)]


def diversity_of_halves(whole: Comparison, first: Floats, second: Floats) -> Floats:
    """The spread of second halves over that of first ones, for many halves at once: (S, 1).

    whole: the images against themselves, of which `first` and `second`, (S, N) of 0 and 1, hold
    each half's. nan or infinite where the first half's images are all the same. From the table of
    squared errors, which PSNR takes, too; so time does not grow with pixels times halves.
    """
    errors = whole.make_table(SQUARED_ERROR)
    within, other = (root_mean_squared_difference(errors, half) for half in (first, second))
    return ratio(other, within, np.nan)[:, None]


def _spread(side: Side) -> float:
    return side.once("pixel spread", lambda: float(pixel_spread(side.images)[0]))
