"""What the metrics take as an image stack."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_CPU = 1  # DLPack's kDLCPU


def image_stack(stack: Any, name: str) -> NDArray[Any]:
    """The stack as a numpy array over the same memory; what it holds is checked by its reader.

    stack: a numpy array, or any array on the CPU that speaks DLPack, such as a torch tensor.
    TypeError naming the argument: something else, or an array in a GPU's memory.
    """
    if isinstance(stack, np.ndarray):
        return stack
    if not hasattr(stack, "__dlpack_device__"):
        raise TypeError(
            f"{name} must be a numpy array or a torch tensor, not {type(stack).__name__}"
        )
    if stack.__dlpack_device__()[0] != _CPU:
        raise TypeError(f"{name} must lie in the CPU's memory; pass {name}.cpu()")
    return np.from_dlpack(stack)
