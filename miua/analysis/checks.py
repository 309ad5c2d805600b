"""What every analysis asks of its input before it computes.

Bad input is a ValueError that names the argument; data that allow no answer are an UndecidedError
that says why.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from miua.errors import MiuaError

FEWEST_POINTS = 3

# Values that agree to this many parts are told apart by rounding alone.
ROUNDING = 1e-12

Numbers = NDArray[np.float64]


class UndecidedError(MiuaError):
    """The data allow no answer; the message says why."""


def finite_array(name: str, values: ArrayLike, dimensions: int = 1) -> Numbers:
    """`values` as an array of finite numbers with so many dimensions.

    Raises:
        ValueError: it is not; the message names the argument.
    """
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must hold numbers only") from None
    if array.ndim != dimensions:
        raise ValueError(f"{name} must have {dimensions} dimension(s), not {array.ndim}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite")
    return array


def finite_columns(**columns: ArrayLike) -> list[Numbers]:
    """Columns of one table: finite numbers, one-dimensional, all of one length.

    Raises:
        ValueError: they are not; the message names the argument.
    """
    arrays = [finite_array(name, values) for name, values in columns.items()]
    if len({array.size for array in arrays}) > 1:
        lengths = ", ".join(str(array.size) for array in arrays)
        raise ValueError(f"{' and '.join(columns)} must be of one length, not {lengths}")
    return arrays


def label_codes(name: str, labels: ArrayLike, n: int) -> tuple[tuple[Any, ...], NDArray[np.intp]]:
    """The distinct labels of n rows, sorted, and which of them each row has.

    Raises:
        ValueError: not n labels of one kind, or a label is missing; the message names the argument.
    """
    array = np.asarray(labels)
    if array.shape != (n,):
        raise ValueError(f"{name} must hold {n} labels, one a row, not shape {array.shape}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite: a label is missing")
    try:
        distinct, codes = np.unique(array, return_inverse=True)
    except TypeError:
        raise ValueError(f"{name} must hold labels of one kind, none missing") from None
    return tuple(distinct.tolist()), codes.reshape(-1)


def check_varied(**columns: Numbers) -> None:
    """Ask for three points or more, and for no constant column.

    Raises:
        UndecidedError: naming what is missing.
    """
    for name, column in columns.items():
        if column.size < FEWEST_POINTS:
            raise UndecidedError(f"{column.size} points, at least {FEWEST_POINTS} are needed")
        if is_constant(column):
            raise UndecidedError(f"all {name}s are equal")


def is_constant(values: Numbers, *, scale: float | None = None) -> bool:
    """Whether values differ by rounding at most; `scale` is the size of what they came from."""
    size = float(np.abs(values).max()) if scale is None else scale
    return bool(np.ptp(values) <= ROUNDING * size)


def check_fraction(name: str, value: float) -> None:
    """Raise a ValueError that names the argument unless it lies between 0 and 1, ends excluded."""
    if not 0 < value < 1:
        raise ValueError(f"{name} must lie between 0 and 1, not {value}")


def check_count(name: str, value: int, least: int) -> None:
    """Raise a ValueError that names the argument unless it is a whole number, `least` or more."""
    if not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{name} must be a whole number, at least {least}, not {value!r}")


def check_positive(name: str, value: float) -> None:
    """Raise a ValueError that names the argument unless it is a positive finite number."""
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be a positive number, not {value}")
