"""Memorisation: synthetic images that are copies of reference (training) images.

Each synthetic image is compared with every reference image as the study's augmentation may have
shown it to the generator: mirrored or not, rotated by up to 10 degrees, black in the corners. What
is judged is the relative distance r: the root mean squared difference in grey levels to the nearest
reference image over that to the nearest one of another group (subject). It does not change when all
grey levels are scaled. For images of dimension m that are locally spread evenly, P(r < t) = t^m
(the TwoNN law of Facco, d'Errico, Rodriguez and Laio, Scientific Reports 7, 2017, 12140). Real
images tell m: each reference image is judged against those of the other groups, and the median of
its r is 2^(-1/m). The quantile 1/2 - 1/(2 sqrt(n)) of n groups is taken instead, which lies below
the median with 84 % confidence: the fewer the images, the stricter the threshold. The threshold is
the t that RATE = 1 in 100 000 images of new subjects would fall below.

docs/metrics/memorisation.md says what this finds among HC18's images, and its traps: the reference
must be the images that the generator was trained on, and `groups` must say which of them show one
subject.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from miua.metrics.comparison import Comparison
from miua.metrics.inception_weights import NotComputedError
from miua.metrics.records import COMPUTED, NOT_COMPUTED, MetricValue
from miua.metrics.stacks import Floats, Grey, Ints, order_by_content, stacks_of_one_size
from miua.metrics.variants import nearest_two

ROTATIONS = tuple(range(-10, 11, 2))
COMPARED_SIDE = 64  # Larger images are reduced for the comparison, as far as this many pixels.
CALIBRATED = 400  # At most so many reference images are judged for the threshold.
FEWEST_GROUPS = 10
RATE = 1e-5  # of images of new subjects that fall below the threshold
RELABELLED = 1999  # times that it is drawn anew which images were trained on


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

    index: Ints
    flipped: NDArray[np.bool_]
    rotation: Floats
    distance: Floats
    relative_distance: Floats
    threshold: float
    flagged: Ints
    expected_false_alarms: float
    calibration_index: Ints
    calibration_distance: Floats
    calibration_relative_distance: Floats
    groups: Ints
    reduction: int
    definition: str
    status: str = COMPUTED

    @property
    def closest(self) -> Ints:
        """All synthetic images, int64 (M,), from the likeliest copy to the unlikeliest."""
        return _likeliest(self.relative_distance, self.distance)

    @property
    def reference_copies(self) -> Ints:
        """Calibrated reference images below the threshold: copies under another group's name."""
        return self.calibration_index[self.calibration_relative_distance < self.threshold]


def find_copies(
    reference: Grey,
    synthetic: Grey,
    groups: ArrayLike | None = None,
    *,
    rotations: Sequence[float] = ROTATIONS,
    flip: bool = True,
    seed: int = 0,
    threads: int = 0,
    progress: Callable[[float], None] | None = None,
) -> Memorisation:
    """Find copies of N reference images among M synthetic ones; the method is the module's.

    reference: uint8 (N, H, W), the training images. synthetic: uint8 (M, H, W). groups: (N,) codes
    or names of the reference images' subjects; each image is its own if not given. rotations:
    degrees, each taken in both directions. flip: whether mirrored images count as well. seed: of
    the choice of 400 reference images for the calibration, if there are more; the choice depends
    on the images, not on their order. threads: Python threads, 0 for the cores at hand; the result
    is the same for any number. (Matrix products use the threads of numpy's BLAS library.) progress:
    is called from time to time with the share of the search that is done, 0 to 1.

    Images whose shorter side is 128 pixels or more are compared reduced by a whole factor (means
    of squares of pixels) to 64 to 127. The search is exact. Memory is bounded: about 0.2 GB
    beside the images. TypeError, ValueError: no uint8 stacks of one size, no reference images,
    groups of another length, no rotations or such as are not numbers.
    """
    names = ("reference", "synthetic")
    reference, synthetic = stacks_of_one_size(reference, synthetic, names=names)
    codes = _codes(groups, len(reference))
    if not len(rotations) or not np.isfinite(rotations).all():
        raise ValueError(f"rotations must be one or more angles in degrees, not {rotations!r}")
    degrees = sorted({sign * abs(float(angle)) + 0.0 for angle in rotations for sign in (-1, 1)})
    reduction = max(1, min(reference.shape[1:]) // COMPARED_SIDE)
    compared, images = _reduced(reference, reduction), _reduced(synthetic, reduction)
    most = CALIBRATED if codes.max() + 1 >= FEWEST_GROUPS else 0
    calibrated = np.sort(order_by_content(compared, seed)[:most])
    found = nearest_two(
        np.concatenate([images, compared[calibrated]]),
        compared,
        codes,
        excluded=np.concatenate([np.full(len(images), -1), codes[calibrated]]),
        degrees=degrees,
        flip=flip,
        threads=threads or os.cpu_count() or 1,
        progress=progress,
    )
    distance, further = np.sqrt(found.squared / compared[0].size)
    further[np.isinf(further)] = np.nan
    # An image that equals a reference image is a copy, even if another group has the same image.
    relative = np.divide(distance, further, out=np.zeros_like(distance), where=further != 0)
    mine, others = slice(len(images)), slice(len(images), None)
    threshold, status = _threshold(relative[others], codes[calibrated])
    copies = np.flatnonzero(relative[mine] < threshold)
    # At least as many as among the real images; nan if the threshold is.
    below = float(np.mean(relative[others] < threshold)) if status == COMPUTED else np.nan
    return Memorisation(
        index=found.nearest[mine],
        flipped=found.flipped[mine],
        rotation=found.rotation[mine],
        distance=distance[mine],
        relative_distance=relative[mine],
        threshold=threshold,
        flagged=copies[_likeliest(relative[copies], distance[copies])],
        expected_false_alarms=len(images) * float(np.maximum(RATE, below)),
        calibration_index=calibrated,
        calibration_distance=distance[others],
        calibration_relative_distance=relative[others],
        groups=codes,
        reduction=reduction,
        definition=_definition(codes, degrees, flip, reduction, len(calibrated), threshold),
        status=status,
    )


@dataclass(frozen=True)
class NearerToTraining:
    """Of M synthetic images, how many lie nearer to training images than to unseen ones.

    share: of the synthetic images, those whose nearest image among equally many of both kinds is a
    training image; 1/2 is expected of a generator that learned no image by heart. low, high: the
    middle 95 % of the shares if chance alone decided which images were trained on. p_value: of a
    share as large by chance. images: of each kind, one a subject. All numbers are nan where the
    status is not "computed" but "not computed: <why>".
    """

    share: float
    low: float
    high: float
    p_value: float
    images: int
    status: str = COMPUTED

    @classmethod
    def missing(cls, why: str, images: int = 0) -> "NearerToTraining":
        """What stands where nothing was compared."""
        nan = float("nan")
        return cls(nan, nan, nan, nan, images, f"{NOT_COMPUTED}{why}")


def nearer_to_training(
    training: Grey,
    unseen: Grey,
    synthetic: Grey,
    training_groups: ArrayLike | None = None,
    unseen_groups: ArrayLike | None = None,
    *,
    rotations: Sequence[float] = ROTATIONS,
    flip: bool = True,
    seed: int = 0,
    threads: int = 0,
) -> NearerToTraining:
    """Whether synthetic images lie nearer to training images than to images no training saw.

    A generator that knows its subject and no single image is as near to both. Of each kind one
    image a subject is taken, and of the larger kind as many as of the smaller, drawn by `seed`.
    Then all of them are exchangeable if nothing was copied: p is that of a permutation test with
    RELABELLED draws, after the test of data copying by Meehan, Chaudhuri and Dasgupta (AISTATS
    2020, arXiv:2004.05675). It notices a generator that leans on its images where `find_copies`
    calls none a copy, and says of no single image that it is one.

    Images are compared as `find_copies` does; the arguments are its own. training, unseen: uint8
    (N, H, W) and (K, H, W), of other subjects. TypeError, ValueError: as there.
    """
    names = ("training", "unseen")
    training, unseen = stacks_of_one_size(training, unseen, names=names)
    synthetic = stacks_of_one_size(training, synthetic, names=("training", "synthetic"))[1]
    if not len(rotations) or not np.isfinite(rotations).all():
        raise ValueError(f"rotations must be one or more angles in degrees, not {rotations!r}")
    kinds = (training, training_groups), (unseen, unseen_groups)
    chosen = [_one_a_subject(stack, _codes(groups, len(stack)), seed) for stack, groups in kinds]
    images = min(map(len, chosen))
    if images < FEWEST_GROUPS or not len(synthetic):
        why = f"it needs {FEWEST_GROUPS} training and unseen images of different subjects or more"
        return NearerToTraining.missing(why, images)
    both = [stack[index[:images]] for (stack, _), index in zip(kinds, chosen, strict=True)]
    pool, trained = np.concatenate(both), np.arange(2 * images) < images
    order = order_by_content(pool, seed)  # of equally near ones the first counts
    reduction = max(1, min(pool.shape[1:]) // COMPARED_SIDE)
    found = nearest_two(
        _reduced(synthetic, reduction),
        _reduced(pool[order], reduction),
        np.arange(len(pool)),
        excluded=np.full(len(synthetic), -1),
        degrees=sorted({sign * abs(float(each)) + 0.0 for each in rotations for sign in (-1, 1)}),
        flip=flip,
        threads=threads or os.cpu_count() or 1,
    )
    nearest = np.bincount(found.nearest, minlength=len(pool)) / len(synthetic)
    share = float(nearest @ trained[order])
    labels = np.tile(trained, (RELABELLED, 1))
    shares = np.random.default_rng(seed).permuted(labels, axis=1) @ nearest
    low, high = np.quantile(shares, (0.025, 0.975))
    # Shares are sums of fractions: what differs by rounding alone is as large.
    p = (1 + np.count_nonzero(shares >= share - 1e-12)) / (1 + RELABELLED)
    return NearerToTraining(share, float(low), float(high), float(p), images)


def _one_a_subject(stack: Grey, codes: Ints, seed: int) -> Ints:
    """The index of one image of each group, in random order."""
    order = order_by_content(stack, seed)
    first = np.unique(codes[order], return_index=True)[1]
    return np.asarray(order[np.sort(first)])


def copied_share(comparison: Comparison) -> list[MetricValue]:
    """The share of synthetic images called copies, with Clopper and Pearson's exact interval."""
    found, images = copies_of(comparison), len(comparison.synthetic)
    if found.status != COMPUTED:
        why = found.status.removeprefix(NOT_COMPUTED)
        raise NotComputedError(why, definition=found.definition)
    copied = len(found.flagged)
    low, high = map(float, clopper_pearson(copied, images))
    return [MetricValue(copied / images, found.definition, (low, high))]


def copies_of(comparison: Comparison) -> Memorisation:
    """The search, made once. It takes one core, beside metrics of which some take all."""

    def search() -> Memorisation:
        sides = comparison.reference.images, comparison.synthetic.images
        progress = partial(comparison.shares_done.__setitem__, "copies")
        seed, groups = comparison.seed, comparison.groups
        return find_copies(*sides, groups, seed=seed, threads=1, progress=progress)

    return comparison.synthetic.once("copies", search)


def clopper_pearson(
    successes: ArrayLike, trials: int, alpha: float = 0.05
) -> tuple[Floats, Floats]:
    """Both ends of Clopper and Pearson's exact interval (Biometrika 26, 1934), of each count.

    It covers the true share with a chance of at least 1 - alpha. By quantiles of the beta
    distribution: the light install has no statsmodels, and scipy.stats takes half a second to load.
    """
    from scipy.special import betaincinv

    found, tail = np.asarray(successes), alpha / 2
    failures = trials - found
    low = np.where(found == 0, 0.0, betaincinv(found, failures + 1, tail))
    high = np.where(failures == 0, 1.0, betaincinv(found + 1, failures, 1 - tail))
    return low, high


def _threshold(relative: Floats, groups: Ints) -> tuple[float, str]:
    """The threshold from the calibration's relative distances, and its status."""
    count = len(np.unique(groups))
    why = f"a threshold needs reference images of {FEWEST_GROUPS} subjects or more"
    if count >= FEWEST_GROUPS:
        quantile = float(np.quantile(relative, 0.5 - 0.5 * count**-0.5))
        if 0 < quantile < 1:
            dimension = np.log(2) / -np.log(quantile)
            return float(RATE ** (1 / dimension)), COMPUTED
        why = "the reference images are all equally far from each other"
        if quantile == 0:
            why = "many reference images are equal to those of other subjects"
    return np.nan, f"{NOT_COMPUTED}{why}"


def _likeliest(relative: Floats, distance: Floats) -> Ints:
    return np.lexsort((distance, relative)).astype(np.int64)


def _reduced(stack: Grey, factor: int) -> Grey:
    """Means of squares of `factor` pixels, rounded; those at the edges may be of fewer pixels."""
    if factor == 1:
        return stack
    count, height, width = stack.shape
    images = [np.asarray(Image.fromarray(image).reduce(factor)) for image in stack]
    shape = count, -(-height // factor), -(-width // factor)  # also where there are no images
    return np.array(images, dtype=np.uint8).reshape(shape)


def _codes(groups: ArrayLike | None, count: int) -> Ints:
    if count == 0:
        raise ValueError("reference holds no images")
    names = np.arange(count) if groups is None else np.asarray(groups)
    if names.shape != (count,):
        raise ValueError(f"groups must name one of each reference image, not {names.shape}")
    return np.unique(names, return_inverse=True)[1].astype(np.int64)


def _definition(
    codes: Ints,
    degrees: Sequence[float],
    flip: bool,
    reduction: int,
    calibrated: int,
    threshold: float,
) -> str:
    """How the numbers came about, for whoever reads them."""
    images = len(codes)
    said = (
        f"root mean squared difference in grey levels to the nearest of {images} reference images, "
        f"{'mirrored or not and ' if flip else ''}rotated by "
        f"{', '.join(f'{angle:g}' for angle in degrees)} degrees (bilinear, corners black)"
    )
    if reduction > 1:
        said += f"; images reduced {reduction} times by means of {reduction} x {reduction} pixels"
    if not np.isnan(threshold):
        chosen = f"{calibrated} of the" if calibrated < images else f"the {images}"
        said += (
            f"; a copy is nearer to it than {threshold:.3f} times the distance to the nearest "
            f"image of another subject: 1 in {1 / RATE:.0f} images of new subjects would be, by "
            f"the law P(r < t) = t^m with m from {chosen} reference images "
            f"({codes.max() + 1} subjects in all)"
        )
    return said
