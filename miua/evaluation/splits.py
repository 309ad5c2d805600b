"""Splits of real images into two disjoint halves that share no subject, or no image."""

from collections.abc import Sequence
from itertools import count, permutations
from math import comb
from typing import Literal, NamedTuple

import numpy as np

from miua.errors import MiuaError
from miua.metrics.stacks import Floats, Ints

SplitBy = Literal["subject", "image", "order"]

# The half that the study's 800 real images have.
STUDY_HALF = 400
FEWEST_IMAGES = 2
# With fewer different splits there is no range: of 9, one further value in four would lie outside
# (`miua.evaluation.standing.chance_outside`).
FEWEST_SPLITS = 10
MOST_ENUMERATED = 7  # groups; of more there are dozens of splits, which nobody has to count


class Split(NamedTuple):
    """Two disjoint halves of a stack, as indices, equally many in each.

    by: what was drawn, whole "subject"s or single "image"s; or "order", where nothing was.
    repeat: 0, 1, ... first, second: indices of images, (half,) each, in random order.
    shared_subjects: how many subjects have images in both halves; 0 by subject.
    """

    by: SplitBy
    repeat: int
    first: Ints
    second: Ints
    shared_subjects: int


def half_size(subjects: Ints, images: int | None = None) -> int:
    """How many images a half has: `images` if they fit, or as many as fit, up to 400.

    A half takes whole subjects, and of the last one as many images as it lacks; the rest of that
    subject's are in neither half. As many fit as there are whatever the draw. MiuaError: too few
    images or subjects.
    """
    _, counts = np.unique(subjects, return_counts=True)
    fits = (len(subjects) - (int(counts.max(initial=1)) - 1)) // 2
    have = f"{len(subjects)} images of {len(counts)} subject{'s' if len(counts) != 1 else ''}"
    if len(counts) < 2 or fits < FEWEST_IMAGES:
        raise MiuaError(
            f"{have} are too few: two halves of at least {FEWEST_IMAGES} images are needed "
            "that share no subject. Give more images."
        )
    if images is None:
        return min(fits, STUDY_HALF)
    if not FEWEST_IMAGES <= images <= fits:
        raise MiuaError(
            f"Halves of {images} images cannot be drawn from {have}: from {FEWEST_IMAGES} to "
            f"{fits} images fit in each half without sharing a subject. Choose --images there."
        )
    return images


def draw_splits(
    subjects: Ints, half: int, repeats: int, seed: int, by: SplitBy = "subject"
) -> list[Split]:
    """Draw `repeats` splits into halves of `half` images, as `half_size` allows.

    Where there are no more splits than that, each is drawn once; the two halves of one the other
    way round are a split of their own, as most metrics know a reference from a set.

    subjects: each image's, (N,). repeats: those of fewer are the first of more. by: whole subjects;
    or images whatever their subject; or "order", for the first images and those that follow them,
    of which there is one split, whatever `repeats` says. MiuaError: the halves do not fit.
    """
    if repeats < 1:
        raise ValueError(f"repeats must be at least 1, not {repeats}")
    half = half_size(subjects, half)
    there_are = _number_of_splits(subjects, half, by)
    wanted = min(repeats, there_are or repeats)
    unique, codes = np.unique(subjects, return_inverse=True)
    found: dict[object, Split] = {}
    for draw in count():
        if len(found) == wanted:
            return list(found.values())
        split = _draw(codes, len(unique), half, draw, seed, by)._replace(repeat=len(found))
        found.setdefault(_halves(split.first, split.second) if there_are else draw, split)
    raise AssertionError


def different(splits: Sequence[Split]) -> int:
    """How many of the splits differ, whichever half comes first."""
    return len({frozenset(_halves(split.first, split.second)) for split in splits})


def _number_of_splits(subjects: Ints, half: int, by: SplitBy) -> int | None:
    """How many splits there are, each half first; None where too many to count."""
    if by == "order":
        return 1
    if by == "image":
        return comb(len(subjects), half) * comb(len(subjects) - half, half)
    unique, inverse = np.unique(subjects, return_inverse=True)
    if len(unique) > MOST_ENUMERATED:
        return None
    lines = (np.array(line)[inverse] for line in permutations(range(len(unique))))
    return len({_halves(*_in_line(place, half)) for place in lines})


def _halves(first: Ints, second: Ints) -> tuple[bytes, bytes]:
    """What tells a split from others: the images of each half, in whatever order."""
    return np.sort(first).tobytes(), np.sort(second).tobytes()


def _in_line(place: Ints, half: int) -> tuple[Ints, Ints]:
    """The halves of images whose subjects stand in line; place: that of each image's, (N,)."""
    order = np.argsort(place, kind="stable")
    first = order[:half]
    return first, order[place[order] > place[first[-1]]][:half]


def membership(images: int, splits: Sequence[Split]) -> tuple[Floats, Floats]:
    """Which of so many images are in the first halves and in the second: 0 or 1, (splits, images)
    each, so that a product with images' features has the sums of all halves."""
    found = np.zeros((2, len(splits), images))
    for row, split in enumerate(splits):
        found[0, row, split.first] = found[1, row, split.second] = 1
    return found[0], found[1]


def _draw(codes: Ints, subjects: int, half: int, repeat: int, seed: int, by: SplitBy) -> Split:
    """codes: each image's subject, 0 to subjects - 1."""
    # The last number keeps these draws apart from others of the same seed.
    draw = np.random.default_rng([seed, repeat, 1])
    if by == "subject":
        first, second = _in_line(draw.permutation(subjects)[codes], half)
        # A subject's images stand together in line; pairs of equal index must not.
        return Split(by, repeat, draw.permutation(first), draw.permutation(second), 0)
    every = np.arange(len(codes))
    order = draw.permutation(every) if by == "image" else every
    first, second = order[:half], order[half : 2 * half]
    in_both = [np.bincount(codes[each], minlength=subjects) > 0 for each in (first, second)]
    return Split(by, repeat, first, second, int(np.logical_and(*in_both).sum()))
