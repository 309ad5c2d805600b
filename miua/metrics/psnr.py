"""Peak signal-to-noise ratio: 10 log10(255^2 / MSE) in dB, infinite for identical images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

DATA_RANGE = 255.0
BLOCK_BYTES = 32 * 2**20  # of float64 pixels held at once, for each of the two stacks


def peak_signal_to_noise_ratio(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.float64]:
    """PSNR of each pair (a[i], b[i]) in dB, shape (N,); inf where the two are identical.

    TypeError: not a uint8 array. ValueError: the shapes are not one and the same (N, H, W).
    """
    _check_stacks(a, b)
    if len(a) != len(b):
        raise ValueError(f"a and b must hold equally many images, not {len(a)} and {len(b)}")
    squared = np.empty(len(a))
    for i, (first, second) in enumerate(zip(a, b, strict=True)):
        difference = first.astype(np.int32).ravel() - second.astype(np.int32).ravel()
        squared[i] = np.square(difference).sum(dtype=np.int64)
    return _decibels(squared, _pixels(a))


def peak_signal_to_noise_ratio_all_pairs(
    a: NDArray[np.uint8], b: NDArray[np.uint8]
) -> NDArray[np.float64]:
    """PSNR of every pair (a[i], b[j]) in dB, shape (N, M); inf where the two are identical.

    The squared distance is |a|^2 + |b|^2 - 2 a.b, so that one matrix product serves all pairs.
    All terms are integers below 2^53 and therefore exact in float64, in any order of summation.
    Errors are those of `peak_signal_to_noise_ratio`, except that N and M may differ.
    """
    _check_stacks(a, b)
    squared = np.empty((len(a), len(b)))
    step = max(1, BLOCK_BYTES // (8 * _pixels(a)))
    for i in range(0, len(a), step):
        rows = _flat(a[i : i + step])
        rows_norm = np.einsum("np,np->n", rows, rows)
        for j in range(0, len(b), step):
            columns = _flat(b[j : j + step])
            columns_norm = np.einsum("mp,mp->m", columns, columns)
            block = rows_norm[:, None] + columns_norm[None, :] - 2 * (rows @ columns.T)
            squared[i : i + step, j : j + step] = block
    return _decibels(squared, _pixels(a))


def _decibels(squared_distance: NDArray[np.float64], pixels: int) -> NDArray[np.float64]:
    with np.errstate(divide="ignore"):  # identical images: a ratio of infinity is meant
        ratio: NDArray[np.float64] = DATA_RANGE**2 / (squared_distance / pixels)
    return 10 * np.log10(ratio)


def _pixels(stack: NDArray[np.uint8]) -> int:
    _, height, width = stack.shape
    return int(height) * int(width)


def _flat(stack: NDArray[np.uint8]) -> NDArray[np.float64]:
    return stack.reshape(len(stack), -1).astype(np.float64)


def _check_stacks(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> None:
    for name, stack in (("a", a), ("b", b)):
        if not isinstance(stack, np.ndarray) or stack.dtype != np.uint8:
            raise TypeError(f"{name} must be a numpy array of dtype uint8")
        if stack.ndim != 3 or 0 in stack.shape[1:]:
            raise ValueError(f"{name} must be an image stack of shape (N, H, W), not {stack.shape}")
    if a.shape[1:] != b.shape[1:]:
        raise ValueError(f"a and b must hold images of one size, not {a.shape} and {b.shape}")
