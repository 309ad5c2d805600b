"""Image stacks as metrics take them, what is computed of pairs, an order that no file decides."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_CPU = 1  # DLPack's kDLCPU
# Arrays, by what they hold. Grey: pixels of 8 bits; Stack: images of 8 or of 16.
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Grey = NDArray[np.uint8]
Stack = NDArray[Any]


class PairValue(NamedTuple):
    """What is computed of a pair of images, for a metric that is the mean over pairs.

    of_each: of each pair (a[i], b[i]), (N,). of_all: of every pair (a[i], b[j]), (N, M). Both take
    the grey-level bins and the threads of the kernels. as_metric: from that to the metric's value,
    for images of a dtype. definition: of the mean, in words. smallest: pixels needed each way.
    """

    name: str
    of_each: Callable[[Stack, Stack, int, int], Floats]
    of_all: Callable[[Stack, Stack, int, int], Floats]
    definition: str = ""
    as_metric: Callable[[Floats, Any], Floats] = lambda values, dtype: values
    smallest: int = 1


def image_stack(stack: Any, name: str) -> NDArray[Any]:
    """The stack as a numpy array over the same memory; what it holds is checked by its reader.

    stack: a numpy array, or any array on the CPU that speaks DLPack, such as a torch tensor.
    TypeError naming the argument: something else, a masked array, an array in a GPU's memory, or a
    tensor that numpy cannot read.
    """
    if isinstance(stack, np.ma.MaskedArray):
        raise TypeError(f"{name} must not be masked, as no metric leaves out pixels; crop it")
    if isinstance(stack, np.ndarray):
        return stack
    if not hasattr(stack, "__dlpack_device__"):
        kind = type(stack).__name__
        raise TypeError(f"{name} must be a numpy array or a torch tensor, not {kind}")
    if stack.__dlpack_device__()[0] != _CPU:
        raise TypeError(f"{name} must lie in the CPU's memory; pass {name}.cpu()")
    try:
        return np.from_dlpack(stack)
    except (BufferError, RuntimeError) as error:  # a gradient is asked of it, or no dtype of numpy
        raise TypeError(f"{name} must be a tensor that numpy can read: {error}") from None


def stacks_of_one_size(
    a: Any, b: Any, dtypes: Sequence[type] = (np.uint8,), names: tuple[str, str] = ("a", "b")
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Both as numpy arrays (N, H, W) and (M, H, W) of one of these dtypes.

    TypeError naming the argument: as in `image_stack`, or another dtype. ValueError: another
    number of axes, images without pixels, or of two sizes.
    """
    a, b = image_stack(a, names[0]), image_stack(b, names[1])
    for name, stack in zip(names, (a, b), strict=True):
        if stack.dtype not in dtypes:
            known = " or ".join(dtype.__name__ for dtype in dtypes)
            raise TypeError(f"{name} must have dtype {known}, not {stack.dtype}")
        if stack.ndim != 3 or 0 in stack.shape[1:]:
            raise ValueError(f"{name} must be an image stack of shape (N, H, W), not {stack.shape}")
    if a.shape[1:] != b.shape[1:]:
        both = " and ".join(names)
        raise ValueError(f"{both} must hold images of one size, not {a.shape} and {b.shape}")
    return a, b


def order_by_content(items: NDArray[Any], seed: int) -> Ints:
    """A random order of images or rows (N, ...) that depends on what they hold, (N,).

    It is that of the SHA-256 of the seed and each item's bytes, so that the items in this order
    are the same however they were ordered before. Equal items lie side by side.
    """
    start = str(seed).encode()
    digests = [hashlib.sha256(start + item.tobytes()).digest() for item in items]
    return np.array(sorted(range(len(items)), key=digests.__getitem__), dtype=np.int64)
