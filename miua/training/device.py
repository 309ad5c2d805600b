"""Where a training computes, and how exactly."""

import ctypes
import os
from contextlib import suppress

import torch

from miua.config import Precision
from miua.errors import MiuaError

# Of glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGEST_KEPT_BLOCK = 1 << 30  # bytes


def choose_device(device: str, threads: int | None = None) -> torch.device:
    """Resolve "auto", and make the arithmetic on it repeatable."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise MiuaError("No CUDA device was found. Use --device cpu, or check the driver.")
    if threads:
        torch.set_num_threads(threads)
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False
    if device == "cuda":
        # What deterministic matrix products on CUDA want to be told beforehand.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    # A step frees and asks again for gradients of megabytes. Given back to the system in between,
    # each comes as new pages, and entering these takes as long as a small layer.
    with suppress(OSError, AttributeError):  # another C library has no such function
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT_BLOCK)
        mallopt(M_TRIM_THRESHOLD, LARGEST_KEPT_BLOCK)
    return torch.device(device)


def set_precision(precision: Precision, device: torch.device) -> None:
    """Allow TensorFloat-32 only where it was asked for: torch allows it in convolutions by itself.

    MiuaError: the device has no such arithmetic.
    """
    if precision == "tf32" and device.type != "cuda":
        raise MiuaError("precision: tf32 needs a CUDA device. Use float32 or bfloat16 here.")
    if device.type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
        torch.backends.cudnn.allow_tf32 = precision == "tf32"
