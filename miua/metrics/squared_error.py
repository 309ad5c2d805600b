"""Mean squared error of images, all pairs of them, and the nearest; PSNR in dB follows from it.

Squared differences of bytes are integers below 2^53 in sum, so every mean squared error is exact up
to its one division.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from miua.metrics.stacks import stacks_of_one_size

DATA_RANGE = 255.0
DATA_RANGE_16 = 65535.0
DTYPES = (np.uint8, np.uint16)
BLOCK_BYTES = 32 * 2**20  # of float64 pixels held at once, for each of the two stacks


def mean_squared_error(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.float64]:
    """Mean squared difference of each pair (a[i], b[i]), in squared grey levels, shape (N,).

    a, b: uint8 or uint16. TypeError: another dtype. ValueError: the shapes are not one and the
    same (N, H, W).
    """
    a, b = stacks_of_one_size(a, b, DTYPES)
    if len(a) != len(b):
        raise ValueError(f"a and b must hold equally many images, not {len(a)} and {len(b)}")
    squared = np.empty(len(a))
    wide = np.int32 if a.dtype == b.dtype == np.uint8 else np.int64  # holds a squared difference
    for i, (first, second) in enumerate(zip(a, b, strict=True)):
        difference = first.astype(wide).ravel() - second.astype(wide).ravel()
        squared[i] = np.square(difference).sum(dtype=np.int64)
    return squared / _pixels(a)


def mean_squared_error_all_pairs(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.float64]:
    """Mean squared difference of every pair (a[i], b[j]), shape (N, M).

    The squared distance is |a|^2 + |b|^2 - 2 a.b, so that one matrix product serves all pairs.
    All terms are integers below 2^53 and therefore exact in float64, in any order of summation.
    Errors are those of `mean_squared_error`, except that N and M may differ.
    """
    a, b = stacks_of_one_size(a, b, DTYPES)
    squared = np.empty((len(a), len(b)))
    for rows, columns, block in _squared_distances(a, b):
        squared[rows, columns] = block
    return squared / _pixels(a)


@dataclass(frozen=True)
class NearestNeighbours:
    """For each image of one stack, the image of another that differs least from it.

    index: int64 (N,), the first of several that are equally near. mean_squared_error: float64 (N,).
    psnr: float64 (N,) in dB with the data range of the dtype, inf where the two are identical.
    """

    index: NDArray[np.int64]
    mean_squared_error: NDArray[np.float64]
    psnr: NDArray[np.float64]


def nearest_neighbours(a: NDArray[Any], b: NDArray[Any]) -> NearestNeighbours:
    """For each a[i] the b[j] of smallest mean squared error, which has the highest PSNR as well.

    Memory stays bounded, as the table of all pairs is never held. Errors are those of
    `mean_squared_error_all_pairs`, and a ValueError where b holds no images.
    """
    a, b = stacks_of_one_size(a, b, DTYPES)
    if len(b) == 0:
        raise ValueError("b holds no images")
    index = np.zeros(len(a), dtype=np.int64)
    smallest = np.full(len(a), np.inf)
    for rows, columns, block in _squared_distances(a, b):
        place = block.argmin(axis=1)
        distance = block[np.arange(len(block)), place]
        nearer = distance < smallest[rows]
        index[rows] = np.where(nearer, columns.start + place, index[rows])
        smallest[rows] = np.where(nearer, distance, smallest[rows])
    error = smallest / _pixels(a)
    data_range = DATA_RANGE if a.dtype == b.dtype == np.uint8 else DATA_RANGE_16
    return NearestNeighbours(index, error, decibels(error, data_range))


def _squared_distances(
    a: NDArray[Any], b: NDArray[Any]
) -> Iterator[tuple[slice, slice, NDArray[np.float64]]]:
    """The table of squared distances in blocks, each with its rows and columns, left to right."""
    step = max(1, BLOCK_BYTES // (8 * _pixels(a)))
    for i in range(0, len(a), step):
        rows = _flat(a[i : i + step])
        rows_norm = np.einsum("np,np->n", rows, rows)
        for j in range(0, len(b), step):
            # Of a stack with itself numpy then computes half of the product.
            columns = rows if a is b and i == j else _flat(b[j : j + step])
            columns_norm = np.einsum("mp,mp->m", columns, columns)
            block = rows_norm[:, None] + columns_norm[None, :] - 2 * (rows @ columns.T)
            yield slice(i, i + len(rows)), slice(j, j + len(columns)), block


def decibels(
    mean_squared_error: NDArray[np.float64], data_range: float = DATA_RANGE
) -> NDArray[np.float64]:
    """PSNR in dB of mean squared errors in squared grey levels; inf where they are 0."""
    with np.errstate(divide="ignore"):  # identical images: a ratio of infinity is meant
        ratio: NDArray[np.float64] = data_range**2 / mean_squared_error
    return 10 * np.log10(ratio)


def _pixels(stack: NDArray[Any]) -> int:
    _, height, width = stack.shape
    return int(height) * int(width)


def _flat(stack: NDArray[Any]) -> NDArray[np.float64]:
    return stack.reshape(len(stack), -1).astype(np.float64)
