"""What every analysis asks of its input before it computes."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from miua.errors import MiuaError

FEWEST_POINTS = 3

# Values that agree to this many parts are told apart by rounding alone.
ROUNDING = 1e-12

Numbers = NDArray[np.float64]


class UndecidedError(MiuaError):
    """The data allow no answer; the message says why."""


def finite_columns(**columns: ArrayLike) -> list[Numbers]:
    """Columns of one table: finite numbers, all of one length; ValueError: they are not."""
    arrays = [np.asarray(values, dtype=np.float64) for values in columns.values()]
    for name, array in zip(columns, arrays, strict=True):
        if not np.isfinite(array).all():
            raise ValueError(f"{name} must be finite")
    if len({array.shape for array in arrays}) > 1:
        lengths = ", ".join(str(array.size) for array in arrays)
        raise ValueError(f"{' and '.join(columns)} must be of one length, not {lengths}")
    return arrays


def check_varied(**columns: Numbers) -> None:
    """UndecidedError unless each column has three points or more and is not constant."""
    for name, column in columns.items():
        if column.size < FEWEST_POINTS:
            raise UndecidedError(f"{column.size} points, at least {FEWEST_POINTS} are needed")
        if is_constant(column):
            raise UndecidedError(f"all {name}s are equal")


def is_constant(values: Numbers, *, scale: float | None = None) -> bool:
    """Whether values differ by rounding at most; `scale` is the size of what they came from."""
    size = float(np.abs(values).max()) if scale is None else scale
    return bool(np.ptp(values) <= ROUNDING * size)
