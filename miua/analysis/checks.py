"""What every analysis asks of its input before it computes.

Columns are of one length, and their numbers finite: `miua.study.store` reads no others.
"""

import numpy as np
from numpy.typing import NDArray

from miua.errors import MiuaError

FEWEST_POINTS = 3

# Values that agree to this many parts are told apart by rounding alone.
ROUNDING = 1e-12

Numbers = NDArray[np.float64]


class UndecidedError(MiuaError):
    """The data allow no answer; the message says why."""


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
