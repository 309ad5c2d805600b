"""The noise floor of what is averaged over pairs: MI, PSNR and SSIM.

Two halves that make up a set would hide it: what one half has too much of, the other lacks, and in
a mean over pairs of both the two cancel, to first order all of it. Other metrics, which take the
difference of the halves, show it in full. So two sets are drawn independently here, groups with
replacement, and pairs of images of one group are left out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PAIR_DRAW = 3  # keeps these draws apart from others of the same seed


def pair_floor(
    table: NDArray[np.float64],
    groups: NDArray[np.int64],
    images: int,
    draws: int,
    *,
    seed: int,
    all_pairs: bool,
) -> NDArray[np.float64]:
    """Means over pairs of two sets of real images, drawn anew `draws` times, (draws,).

    table: (N, N), the value of every pair; infinite ones are left out, as identical images have
    them in PSNR. groups: (N,). images: in each set. all_pairs: the mean over all pairs of both
    sets, or over as many random pairs as a set has images. nan where a draw leaves no pair.
    """
    generator = np.random.default_rng((seed, PAIR_DRAW))
    counted = (groups[:, None] != groups[None, :]) & np.isfinite(table)
    values = np.where(counted, table, 0.0)
    first, second = (_drawn(groups, images, draws, generator) for _ in range(2))
    if not all_pairs:
        # Images of a group were drawn together; pairs of equal place must not be theirs alone.
        second = generator.permuted(second, axis=1)
        return _ratio(values[first, second].sum(axis=1), counted[first, second].sum(axis=1))
    times = [_times(each, len(table)) for each in (first, second)]
    sums = np.einsum("rn,rn->r", times[0] @ values, times[1])
    pairs = np.einsum("rn,rn->r", times[0] @ counted.astype(np.float64), times[1])
    return _ratio(sums, pairs)


def _drawn(
    groups: NDArray[np.int64], images: int, draws: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """Images of groups drawn with replacement, (draws, images); of the last group the first."""
    _, codes, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    by_group = np.argsort(codes, kind="stable")
    starts = np.cumsum(sizes) - sizes
    # As many groups as images are enough, whatever their sizes.
    chosen = generator.integers(len(sizes), size=(draws, images))
    drawn = np.empty((draws, images), dtype=np.int64)
    for row, group in zip(drawn, chosen, strict=True):
        counts = sizes[group]
        ends = np.cumsum(counts)
        places = np.arange(images) - np.repeat(ends - counts, counts)[:images]
        row[:] = by_group[np.repeat(starts[group], counts)[:images] + places]
    return drawn


def _times(drawn: NDArray[np.int64], images: int) -> NDArray[np.float64]:
    """How often each image is in each draw: (draws, images)."""
    return np.stack([np.bincount(each, minlength=images) for each in drawn]).astype(np.float64)


def _ratio(sums: NDArray[np.float64], pairs: NDArray[np.float64]) -> NDArray[np.float64]:
    nothing = np.full(len(sums), np.nan)
    means: NDArray[np.float64] = np.divide(sums, pairs, out=nothing, where=pairs > 0)
    return means
