"""Memorisation: synthetic images that are copies of reference (training) images.

Each synthetic image is compared with every reference image as the study's augmentation may have
shown it to the generator: mirrored or not, rotated by up to 10 degrees, black in the corners. Its
distance is the root mean squared difference in grey levels to the nearest of them.

How near is a copy? Not a matter of grey levels alone: dark and blurred images are near to
everything. But a copy is much nearer to its source than to an image of any other subject, and an
image of a new subject is not. So what is judged is the relative distance r: the distance to the
nearest reference image over that to the nearest one of another group (subject). It does not change
when all grey levels are scaled. For images of dimension m (the number of ways in which they vary)
that are locally spread evenly, P(r < t) = t^m; that is the TwoNN law of E. Facco, M. d'Errico,
A. Rodriguez and A. Laio, "Estimating the intrinsic dimension of datasets by a minimal neighborhood
information", Scientific Reports 7 (2017) 12140. Real images tell m: each reference image is judged
in the same way against those of the other groups, and the median of its r is 2^(-1/m). Instead of
the median the quantile 1/2 - 1/(2 sqrt(n)) is taken for n groups, which lies below the median with
84 % confidence: the fewer the images, the stricter the threshold. The threshold is the t that
RATE = 1 in 100 000 images of new subjects would fall below.

Found on HC18 at 64 x 64. The law holds in the tail: with m from the median of all 999 images the
1 % and 0.1 % quantiles of r should be 0.857 and 0.793, and are 0.856 and 0.794. Over 60 random
choices each of n reference images by subject, with all images of other subjects as the synthetic
ones (30 000 to 59 000 in all), and with copies that were mirrored, rotated by any angle up to 10
degrees and given Gaussian noise:

    n                              12     25     50    100    300    500
    threshold (mean)             0.34   0.41   0.47   0.54   0.61   0.63
    false alarms                   12      0      0      0      0      0
    copies found, noise 5         87 %  100 %  100 %  100 %  100 %  100 %
    copies found, noise 10        74 %   94 %   98 %  100 %  100 %  100 %
    copies found, noise 20        36 %   37 %   52 %   75 %   91 %   94 %

A threshold on the distance itself (Q1 - 3 IQR of its logarithm among the real images) raised 21
false alarms among 27 948 images at n = 300, and flagged blurred images of new subjects.

Traps. The reference must be the images that the generator was trained on: copies of others cannot
be found. Copies whose brightness, contrast or place was changed are at a distance for that alone:
with 250 of HC18's images 0.8 times the grey levels were found always, 0.7 times in 40 %, 10 grey
levels more always, 20 more in 75 %, a shift by one pixel of 64 in 97 %, by two in 4 %. If several
images of a subject are in the reference and `groups` does not say so, a copy is near to all of
them and is missed: give the groups. Images that only resemble a training image are no copies here;
look at the contact sheet.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from miua.metrics.comparison import Comparison
from miua.metrics.nearest_variants import NONE, NearestTwo, nearest_two
from miua.metrics.records import COMPUTED, MetricRecord
from miua.metrics.stacks import order_by_content, stacks_of_one_size

ROTATIONS = tuple(range(-10, 11, 2))
COMPARED_SIDE = 64  # Larger images are reduced for the comparison, as far as this many pixels.
CALIBRATED = 400  # At most so many reference images are judged for the threshold.
FEWEST_GROUPS = 10
RATE = 1e-5  # of images of new subjects that fall below the threshold


@dataclass(frozen=True)
class Memorisation:
    """Of M synthetic images, the nearest reference image each, and which are copies.

    index: int64 (M,), the nearest reference image. flipped: bool (M,), rotation: float64 (M,), how
    it lies nearest: mirrored if so, then rotated by so many degrees, counter-clockwise.
    distance: float64 (M,), root mean squared difference in grey levels, 0 to 255.
    relative_distance: float64 (M,), the distance over that to the nearest reference image of
    another group than the nearest one's, 0 to 1; 0 where the distance is 0, nan where all
    reference images are of one group.

    threshold: the relative distance below which an image is a copy; nan where the status is not
    "computed" but "not computed: <why>". flagged: int64, the copies, the nearest first.
    expected_false_alarms: how many of M images of new subjects would be flagged: M times RATE, or
    times the share of calibration images below the threshold if that is more; nan as above.

    calibration_index: int64 (C,), the reference images that were judged against those of other
    groups. calibration_distance, calibration_relative_distance: float64 (C,), the results.
    groups: int64 (N,), codes of the reference images' groups, from 0. reduction: how many times
    smaller the compared images were. definition: how all of it was computed, in words.
    """

    index: NDArray[np.int64]
    flipped: NDArray[np.bool_]
    rotation: NDArray[np.float64]
    distance: NDArray[np.float64]
    relative_distance: NDArray[np.float64]
    threshold: float
    flagged: NDArray[np.int64]
    expected_false_alarms: float
    calibration_index: NDArray[np.int64]
    calibration_distance: NDArray[np.float64]
    calibration_relative_distance: NDArray[np.float64]
    groups: NDArray[np.int64]
    reduction: int
    definition: str
    status: str = COMPUTED

    @property
    def closest(self) -> NDArray[np.int64]:
        """All synthetic images, int64 (M,), from the likeliest copy to the unlikeliest."""
        return _closest(self.relative_distance, self.distance)

    @property
    def reference_copies(self) -> NDArray[np.int64]:
        """Calibrated reference images below the threshold: copies under another group's name."""
        return self.calibration_index[self.calibration_relative_distance < self.threshold]


def find_copies(
    reference: NDArray[np.uint8],
    synthetic: NDArray[np.uint8],
    groups: ArrayLike | None = None,
    *,
    rotations: Sequence[float] = ROTATIONS,
    flip: bool = True,
    seed: int = 0,
    threads: int = 0,
) -> Memorisation:
    """Find copies of N reference images among M synthetic ones; the method is the module's.

    reference: uint8 (N, H, W), the training images. synthetic: uint8 (M, H, W). groups: (N,) codes
    or names of the reference images' subjects; each image is its own if not given. rotations:
    degrees, each taken in both directions. flip: whether mirrored images count as well. seed: of
    the choice of 400 reference images for the calibration, if there are more; the choice depends
    on the images, not on their order. threads: Python threads, 0 for the cores at hand; the result
    is the same for any number. (Matrix products use the threads of numpy's BLAS library.)

    Images whose shorter side is 128 pixels or more are compared reduced by a whole factor (means
    of squares of pixels) to 64 to 127. The search is exact. Memory is bounded: about 0.2 GB
    beside the images. TypeError, ValueError: no uint8 stacks of one size, no reference images,
    groups of another length, no rotations or such as are not numbers.
    """
    reference, synthetic = stacks_of_one_size(
        reference, synthetic, names=("reference", "synthetic")
    )
    codes = _codes(groups, len(reference))
    degrees = _both_directions(rotations)
    reduction = max(1, min(reference.shape[1:]) // COMPARED_SIDE)
    compared, images = _reduced(reference, reduction), _reduced(synthetic, reduction)
    enough = codes.max() + 1 >= FEWEST_GROUPS
    calibrated = _chosen(compared, seed) if enough else np.zeros(0, dtype=np.int64)
    found = nearest_two(
        np.concatenate([images, compared[calibrated]]),
        compared,
        codes,
        excluded=np.concatenate([np.full(len(images), -1), codes[calibrated]]),
        degrees=degrees,
        flip=flip,
        threads=threads or os.cpu_count() or 1,
    )
    distance, relative = _distances(found, compared[0].size)
    mine, others = slice(len(images)), slice(len(images), None)
    threshold, status = _threshold(relative[others], codes[calibrated])
    copies = np.flatnonzero(relative[mine] < threshold)
    return Memorisation(
        index=found.reference[mine, 0],
        flipped=found.flipped[mine, 0],
        rotation=found.rotation[mine, 0],
        distance=distance[mine],
        relative_distance=relative[mine],
        threshold=threshold,
        flagged=copies[_closest(relative[copies], distance[copies])],
        expected_false_alarms=_false_alarms(len(images), relative[others], threshold),
        calibration_index=calibrated,
        calibration_distance=distance[others],
        calibration_relative_distance=relative[others],
        groups=codes,
        reduction=reduction,
        definition=_definition(codes, degrees, flip, reduction, len(calibrated), threshold),
        status=status,
    )


def copied_share(comparison: Comparison) -> list[MetricRecord]:
    """The share of synthetic images called copies, with Clopper and Pearson's exact interval."""
    found, images = copies_of(comparison), len(comparison.synthetic)
    row = ("copies", None, (None, None), "", found.definition)
    if found.status != COMPUTED:
        return [comparison.record(*row, status=found.status)]
    copied = len(found.flagged)
    low, high = map(float, clopper_pearson(copied, images))
    return [comparison.record("copies", copied / images, (low, high), "", found.definition)]


def copies_of(comparison: Comparison) -> Memorisation:
    """The search, made once. It takes one core, beside metrics of which some take all."""

    def search() -> Memorisation:
        sides = comparison.reference.images, comparison.synthetic.images
        return find_copies(*sides, comparison.groups, seed=comparison.seed, threads=1)

    return comparison.synthetic.once("copies", search)


def clopper_pearson(
    successes: ArrayLike, trials: int, alpha: float = 0.05
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both ends of Clopper and Pearson's exact interval (Biometrika 26, 1934), of each count.

    It covers the true share with a chance of at least 1 - alpha. By quantiles of the beta
    distribution, since the light install has neither statsmodels nor half a second for scipy.stats.
    Counts are not checked; there is at least one trial.
    """
    from scipy.special import betaincinv

    found, tail = np.asarray(successes), alpha / 2
    failures = trials - found
    low = np.where(found == 0, 0.0, betaincinv(found, failures + 1, tail))
    high = np.where(failures == 0, 1.0, betaincinv(found + 1, failures, 1 - tail))
    return low, high


def _threshold(relative: NDArray[np.float64], groups: NDArray[np.int64]) -> tuple[float, str]:
    """The threshold from the calibration's relative distances, and its status."""
    count = len(np.unique(groups))
    if count < FEWEST_GROUPS:
        return np.nan, (
            f"not computed: a threshold needs reference images of {FEWEST_GROUPS} subjects or more"
        )
    quantile = float(np.quantile(relative, 0.5 - 0.5 * count**-0.5))
    if quantile == 0:
        return np.nan, "not computed: many reference images are equal to those of other subjects"
    if quantile == 1:
        return np.nan, "not computed: the reference images are all equally far from each other"
    dimension = np.log(2) / -np.log(quantile)
    return float(RATE ** (1 / dimension)), COMPUTED


def _false_alarms(images: int, relative: NDArray[np.float64], threshold: float) -> float:
    if np.isnan(threshold):
        return np.nan
    return images * max(RATE, float(np.mean(relative < threshold)))


def _distances(found: NearestTwo, pixels: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distances in grey levels and relative distances."""
    squared = np.where(found.squared == NONE, np.nan, found.squared / pixels)
    first, second = np.sqrt(squared).T
    # An image that equals a reference image is a copy, even if another group has the same image.
    relative = np.divide(first, second, out=np.zeros_like(first), where=second != 0)
    return first, relative


def _closest(relative: NDArray[np.float64], distance: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.lexsort((distance, relative)).astype(np.int64)


def _chosen(reference: NDArray[np.uint8], seed: int) -> NDArray[np.int64]:
    """Which reference images are calibrated: those with the smallest seeded hash, ascending."""
    if len(reference) <= CALIBRATED:
        return np.arange(len(reference))
    return np.sort(order_by_content(reference, seed)[:CALIBRATED])


def _reduced(stack: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """Means of squares of `factor` pixels, rounded; those at the edges may be of fewer pixels."""
    if factor == 1:
        return stack
    count, height, width = stack.shape
    images = [np.asarray(Image.fromarray(image).reduce(factor)) for image in stack]
    return np.array(images, dtype=np.uint8).reshape(
        count, -(-height // factor), -(-width // factor)
    )


def _codes(groups: ArrayLike | None, count: int) -> NDArray[np.int64]:
    if count == 0:
        raise ValueError("reference holds no images")
    if groups is None:
        return np.arange(count)
    names = np.asarray(groups)
    if names.shape != (count,):
        raise ValueError(f"groups must name one of each reference image, not {names.shape}")
    return np.unique(names, return_inverse=True)[1].astype(np.int64)


def _both_directions(rotations: Sequence[float]) -> list[float]:
    if not len(rotations) or not np.isfinite(rotations).all():
        raise ValueError(f"rotations must be one or more angles in degrees, not {rotations!r}")
    return sorted({sign * abs(float(angle)) + 0.0 for angle in rotations for sign in (-1, 1)})


def _definition(
    groups: NDArray[np.int64],
    degrees: Sequence[float],
    flip: bool,
    reduction: int,
    calibrated: int,
    threshold: float,
) -> str:
    """How the numbers came about, for whoever reads them."""
    images = len(groups)
    angles = ", ".join(f"{angle:g}" for angle in degrees)
    parts = [
        f"root mean squared difference in grey levels to the nearest of {images} reference images, "
        f"{'mirrored or not and ' if flip else ''}rotated by {angles} degrees "
        "(bilinear, corners black)"
    ]
    if reduction > 1:
        parts.append(
            f"images reduced {reduction} times by means of {reduction} x {reduction} pixels"
        )
    if not np.isnan(threshold):
        chosen = f"{calibrated} of the" if calibrated < images else f"the {images}"
        parts.append(
            f"a copy is nearer to it than {threshold:.3f} times the distance to the nearest image "
            f"of another subject: 1 in {1 / RATE:.0f} images of new subjects would be, by the law "
            f"P(r < t) = t^m with m from {chosen} reference images "
            f"({groups.max() + 1} subjects in all)"
        )
    return "; ".join(parts)
