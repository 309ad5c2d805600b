"""For each image, the reference images nearest to it over their flips and rotations: exact.

Means over blocks of pixels bound the squared distance of two images from below: within a block of
n pixels, n times the squared difference of the means is at most the sum of squared differences
(Jensen's inequality). The bounds of all pairs are one matrix product, a quarter or less of the
work; only pairs whose bound is not above the best found are compared in full. Bounds are rounded,
with room for that; distances are whole numbers. So the result is that of comparing everything,
for any number of threads and any block size.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from miua.metrics.variants import rotations

BLOCK_BYTES = 32 * 2**20  # of rotated reference images held at once
QUERIES = 64  # whose bounds are held at once, for each thread
FULL = 256  # pairs of one image that are compared in full at once
GRID = 32  # blocks along the shorter side of an image, or a few more
SEEDS = 8  # reference images compared first, to have a limit for the others
NONE = np.iinfo(np.int64).max  # the squared distance of no image


@dataclass(frozen=True)
class NearestTwo:
    """The nearest reference image of each of M images, and the nearest one of another group.

    All (M, 2). reference: int64, its index. flipped: bool. rotation: float64, degrees. squared:
    int64, the sum of squared differences; NONE where there is no such image.
    """

    reference: NDArray[np.int64]
    flipped: NDArray[np.bool_]
    rotation: NDArray[np.float64]
    squared: NDArray[np.int64]


def nearest_two(
    images: NDArray[np.uint8],
    reference: NDArray[np.uint8],
    groups: NDArray[np.int64],
    *,
    excluded: NDArray[np.int64],
    degrees: Sequence[float],
    flip: bool,
    threads: int,
) -> NearestTwo:
    """Search the N reference images, mirrored or not and rotated, for those nearest to M images.

    images: uint8 (M, H, W); reference: (N, H, W). groups: (N,) codes of the reference images.
    excluded: (M,) the group that is left out for an image, -1 for none. degrees: the angles, each
    with its opposite. Of equally near ones the first reference image counts, then the image as it
    is, then the smaller angle.
    """
    angles = sorted(degrees, key=lambda angle: (abs(angle), angle))
    height, width = reference.shape[1:]
    step = max(1, BLOCK_BYTES // (len(angles) * height * width))
    best = np.full((len(images), 2, 3), NONE, dtype=np.int64)
    parts = [slice(start, start + QUERIES) for start in range(0, len(images), QUERIES)]
    with ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(reference), step):
            block = _Block.of(reference, groups, start, step, angles)

            def search(part: slice, block: _Block = block) -> None:
                _search(images[part], excluded[part], block, groups, flip, best[part])

            list(pool.map(search, parts))
    squared, which, variant = best[..., 0], best[..., 1], best[..., 2]
    found = squared != NONE
    variant = np.where(found, variant, 0)
    flipped = variant >= len(angles)
    rotation = np.array(angles, dtype=np.float64)[variant % len(angles)]
    return NearestTwo(
        reference=np.where(found, which, -1),
        flipped=flipped,
        # Found by mirroring the image and rotating the reference: the other way round, the angle
        # changes its sign. Adding 0 makes -0 a 0.
        rotation=np.where(flipped, -rotation, rotation) + 0.0,
        squared=squared,
    )


@dataclass(frozen=True)
class _Block:
    """Some reference images, rotated by A angles.

    start: the index of the first. pixels: uint8 (A, n, H * W). norms: int64 (A, n), their squared
    lengths. coarse: float32 (K + 2, A * n), which turns images into bounds. longest: the largest
    length of a coarse image.
    """

    start: int
    groups: NDArray[np.int64]
    pixels: NDArray[np.uint8]
    norms: NDArray[np.int64]
    coarse: NDArray[np.float32]
    longest: float

    @classmethod
    def of(
        cls,
        reference: NDArray[np.uint8],
        groups: NDArray[np.int64],
        start: int,
        step: int,
        angles: Sequence[float],
    ) -> _Block:
        rotated = rotations(reference[start : start + step], angles)
        means = _block_means(rotated.reshape(-1, *rotated.shape[2:]))
        lengths = np.einsum("nk,nk->n", means, means)
        pixels = rotated.reshape(*rotated.shape[:2], -1)
        return cls(
            start,
            groups[start : start + step],
            pixels,
            _squared_lengths(pixels),
            np.concatenate([means.T, np.ones_like(lengths)[None], lengths[None]]),
            float(np.sqrt(lengths.max())),
        )


def _search(
    images: NDArray[np.uint8],
    excluded: NDArray[np.int64],
    block: _Block,
    groups: NDArray[np.int64],
    flip: bool,
    best: NDArray[np.int64],
) -> None:
    """Enter in `best` (m, 2, 3) what of a block is nearer to m images than what stands there."""
    forms = np.stack([images, images[:, :, ::-1]] if flip else [images], axis=1)
    count, variants = forms.shape[:2]
    means = _block_means(forms.reshape(-1, *forms.shape[2:]))
    lengths = np.einsum("nk,nk->n", means, means)
    rows = np.concatenate([-2 * means, lengths[:, None], np.ones_like(lengths)[:, None]], axis=1)
    bounds = (rows @ block.coarse).reshape(count, variants, *block.norms.shape)
    # The error of a sum of K products is at most K 2^-24 times the sum of their sizes (N. J.
    # Higham, "Accuracy and stability of numerical algorithms", chapter 3), which is below the
    # square of the sum of both lengths; 16 more for the roundings before it.
    sizes = np.square(np.sqrt(lengths).reshape(count, variants).max(axis=1) + block.longest)
    room = sizes.astype(np.float64) * (rows.shape[1] + 16) * 2.0**-24
    for place in range(count):
        bounds[place][..., block.groups == excluded[place]] = np.inf
        comparison = _Comparison(forms[place], block)
        best[place] = _refined(bounds[place], comparison, room[place], groups, best[place])


def _refined(
    bounds: NDArray[np.float32],
    comparison: _Comparison,
    room: float,
    groups: NDArray[np.int64],
    best: NDArray[np.int64],
) -> NDArray[np.int64]:
    """The best two (2, 3) of what stands there and of the variants whose bounds allow more."""
    nearest = bounds.min(axis=(0, 1))
    columns = np.argpartition(nearest, min(SEEDS, len(nearest)) - 1)[:SEEDS]
    variant = bounds[:, :, columns].reshape(-1, len(columns)).argmin(axis=0)
    seeds = variant * len(nearest) + columns
    flat = bounds.ravel()
    best = _best_two(best, comparison.with_variants(seeds[np.isfinite(flat[seeds])]), groups)
    candidates = np.flatnonzero(flat <= _limit(best, room))
    candidates = candidates[np.argsort(flat[candidates], kind="stable")]
    for start in range(0, len(candidates), FULL):
        part = candidates[start : start + FULL]
        # In ascending order: where the first is too far, so are all that follow.
        part = part[flat[part] <= _limit(best, room)]
        if not len(part):
            break
        best = _best_two(best, comparison.with_variants(part), groups)
    return best


def _limit(best: NDArray[np.int64], room: float) -> float:
    """What a bound must not exceed for its pair to matter; finite, as excluded bounds are not."""
    return float(best[1, 0]) + room


def _best_two(
    best: NDArray[np.int64], found: NDArray[np.int64], groups: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The nearest of all rows (squared, reference, variant), and the nearest of another group."""
    rows = np.concatenate([best, found])
    rows = rows[rows[:, 0] != NONE]
    two = np.full((2, 3), NONE, dtype=np.int64)
    if len(rows):
        two[0] = _first(rows)
        others = rows[groups[rows[:, 1]] != groups[two[0, 1]]]
        if len(others):
            two[1] = _first(others)
    return two


def _first(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """The smallest row, by its first column, then its second, then its third."""
    tied = rows[rows[:, 0] == rows[:, 0].min()]
    first: NDArray[np.int64] = tied[np.lexsort((tied[:, 2], tied[:, 1]))[0]]
    return first


class _Comparison:
    """One image, as it is and mirrored, against the variants of a block, in full."""

    def __init__(self, forms: NDArray[np.uint8], block: _Block) -> None:
        self._block = block
        # Sums of products of bytes are exact in float64.
        self._forms = forms.reshape(len(forms), -1).astype(np.float64)
        self._norm = int(_squared_lengths(forms[0].reshape(1, -1))[0])

    def with_variants(self, variants: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows (squared, reference, variant) for places in the flat table of bounds."""
        angles, count = self._block.norms.shape
        variant, column = np.divmod(variants, count)
        angle = variant % angles
        products = np.empty(len(variants), dtype=np.int64)
        for form, row in enumerate(self._forms):
            of_form = variant // angles == form
            pixels = self._block.pixels[angle[of_form], column[of_form]]
            products[of_form] = pixels.astype(np.float64) @ row
        squared = self._norm + self._block.norms[angle, column] - 2 * products
        return np.stack([squared, self._block.start + column, variant], axis=1)


def _squared_lengths(pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The sum of squares along the last axis, exact."""
    squares = np.square(np.arange(256))
    lengths = np.empty(pixels.shape[:-1], dtype=np.int64)
    for place in np.ndindex(lengths.shape):
        lengths[place] = squares @ np.bincount(pixels[place], minlength=256)
    return lengths


def _block_means(stack: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Means over square blocks times their side, (N, K); what is left at the edges is cut off."""
    count, height, width = stack.shape
    side = max(1, min(height, width) // GRID)
    rows, columns = height // side, width // side
    sums = np.zeros((count, rows, width), dtype=np.uint32 if side > 16 else np.uint16)
    for step in range(side):
        sums += stack[:, step : rows * side : side]
    totals = np.zeros((count, rows, columns), dtype=np.float32)
    for step in range(side):
        totals += sums[:, :, step : columns * side : side]
    totals /= side
    return totals.reshape(count, -1)
