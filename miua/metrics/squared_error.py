"""Mean squared error of images, all pairs of them, and the nearest; and PSNR in dB.

PSNR is 10 log10(R^2 / MSE), R being the largest grey level, and infinite for identical images.
Sums of squared differences are integers and exact, so that every mean squared error is exact up to
the rounding of one division.
"""

import math
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from miua.metrics.stacks import Floats, Grey, Ints, PairValue, stacks_of_one_size

DTYPES = (np.uint8, np.uint16)
BLOCK_BYTES = 32 * 2**20  # of float64 pixels held at once, for each of the two stacks
ROWS_AT_ONCE = 256  # of a table of all pairs


def mean_squared_error(a: NDArray[Any], b: NDArray[Any]) -> Floats:
    """Mean squared difference of each pair (a[i], b[i]), in squared grey levels, shape (N,).

    a, b: uint8 or uint16. TypeError: another dtype. ValueError: not of one shape (N, H, W).
    """
    a, b = stacks_of_one_size(a, b, DTYPES)
    if len(a) != len(b):
        raise ValueError(f"a and b must hold equally many images, not {len(a)} and {len(b)}")
    squared = np.empty(len(a))
    wide = np.int32 if a.dtype == b.dtype == np.uint8 else np.int64  # holds a squared difference
    for i, (first, second) in enumerate(zip(a, b, strict=True)):
        difference = first.astype(wide).ravel() - second.astype(wide).ravel()
        squared[i] = np.square(difference).sum(dtype=np.int64)
    return squared / math.prod(a.shape[1:])


def mean_squared_error_all_pairs(a: NDArray[Any], b: NDArray[Any]) -> Floats:
    """Mean squared difference of every pair (a[i], b[j]), shape (N, M).

    The squared distance is |a|^2 + |b|^2 - 2 a.b, so that one matrix product serves all pairs.
    The products are taken over as many pixels at once as leave every term below 2^53, so that they
    are exact in float64, in any order of summation; their sums are integers of 64 bits.
    Errors are those of `mean_squared_error`, except that N and M may differ.
    """
    a, b = stacks_of_one_size(a, b, DTYPES)
    pixels = math.prod(a.shape[1:])
    rows_a, rows_b = a.reshape(len(a), pixels), b.reshape(len(b), pixels)
    # |a|^2 + |b|^2 and 2 a.b are each at most twice the largest square of all pixels taken.
    exact = 2**52 // max(np.iinfo(each.dtype).max for each in (a, b)) ** 2
    across = min(pixels, exact)
    step = max(1, BLOCK_BYTES // (8 * across))
    squared = np.zeros((len(a), len(b)), dtype=np.int64)
    for i, start in product(range(0, len(a), step), range(0, pixels, across)):
        of_pixels = slice(start, start + across)
        rows = rows_a[i : i + step, of_pixels].astype(np.float64)
        rows_norm = np.einsum("np,np->n", rows, rows)
        for j in range(0, len(b), step):
            # Of a stack with itself numpy then computes half of the product.
            same = a is b and i == j
            columns = rows if same else rows_b[j : j + step, of_pixels].astype(np.float64)
            columns_norm = np.einsum("mp,mp->m", columns, columns)
            block = rows_norm[:, None] + columns_norm[None, :] - 2 * (rows @ columns.T)
            squared[i : i + step, j : j + step] += block.astype(np.int64)
    return squared / pixels


@dataclass(frozen=True)
class NearestNeighbours:
    """For each image of one stack, the image of another that differs least from it.

    index: int64 (N,), the first of several that are equally near. mean_squared_error: float64 (N,).
    psnr: float64 (N,) in dB with the data range of the dtype, inf where the two are identical.
    """

    index: Ints
    mean_squared_error: Floats
    psnr: Floats


def nearest_neighbours(a: NDArray[Any], b: NDArray[Any]) -> NearestNeighbours:
    """For each a[i] the b[j] of smallest mean squared error, which has the highest PSNR as well.

    The table of all pairs is never held as a whole. Errors are those of
    `mean_squared_error_all_pairs`, and a ValueError where b holds no images.
    """
    a, b = stacks_of_one_size(a, b, DTYPES)
    if len(b) == 0:
        raise ValueError("b holds no images")
    index, error = np.zeros(len(a), dtype=np.int64), np.empty(len(a))
    for start in range(0, len(a), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        table = mean_squared_error_all_pairs(a[rows], b)
        index[rows], error[rows] = table.argmin(axis=1), table.min(axis=1)
    return NearestNeighbours(index, error, decibels(error, max(a.dtype, b.dtype)))


def decibels(errors: Floats, dtype: Any = np.uint8) -> Floats:
    """PSNR in dB of mean squared errors of images of a dtype; inf where they are 0."""
    with np.errstate(divide="ignore"):  # identical images: a ratio of infinity is meant
        ratio: Floats = float(np.iinfo(dtype).max) ** 2 / errors
    return 10 * np.log10(ratio)


def peak_signal_to_noise_ratio(a: Grey, b: Grey) -> Floats:
    """PSNR of each pair (a[i], b[i]) in dB, shape (N,); inf where the two are identical.

    Errors are those of `mean_squared_error`, which takes uint16 as well, as this does not.
    """
    a, b = stacks_of_one_size(a, b)
    return decibels(mean_squared_error(a, b))


def peak_signal_to_noise_ratio_all_pairs(a: Grey, b: Grey) -> Floats:
    """PSNR of every pair (a[i], b[j]) in dB, shape (N, M); inf where the two are identical.

    Errors are those of `peak_signal_to_noise_ratio`, except that N and M may differ.
    """
    a, b = stacks_of_one_size(a, b)
    return decibels(mean_squared_error_all_pairs(a, b))


SQUARED_ERROR = PairValue(
    "squared error",
    lambda a, b, bins, threads: mean_squared_error(a, b),
    lambda a, b, bins, threads: mean_squared_error_all_pairs(a, b),
)
DECIBELS = SQUARED_ERROR._replace(definition="data range 255, mean of dB", as_metric=decibels)
