"""Linear algebra on one thread, where threads would only wait for each other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let numpy's OpenBLAS use one thread inside the block.

    Metrics take matrices of some hundred rows, by the hundred. Two threads save little time on
    such, and where another process wants a core as well they spin and take many times longer.
    """
    with _openblas().limit(limits=1):
        yield


@cache
def _openblas() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(internal_api="openblas")
