"""Do the installed kernels meet the conformance file, bit for bit?

tests/conformance.json names inputs by seed and gives the SHA-256 of what each kernel makes of them.
It holds for every platform, compiler, instruction set and number of threads. Pixels come from
SHAKE-256, so that no random number generator has to be the same everywhere.
"""

import hashlib
import json
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from miua import _kernels
from miua.errors import MiuaError

VARIABLE = "MIUA_INSTRUCTION_SET"
# One has nothing to share out; the others share most stacks out evenly or unevenly.
THREADS = (1, 2, 3, 7)
# Those of this build on this processor, the lowest first.
instruction_sets = _kernels.instruction_sets
# The build puts it beside the compiled module.
FILE = Path(_kernels.__file__).with_name("conformance.json")


@dataclass(frozen=True)
class Case:
    """One call of one kernel.

    parameters: in the kernel's order, after the stacks. mask: is laid over every pixel's bits; few
    bits give few grey levels, and many ties.
    """

    kernel: str
    stacks: int
    seed: int
    shape: tuple[int, int, int]
    dtype: str
    mask: int
    parameters: list[Any] = field(default_factory=list)
    sha256: str = ""

    def inputs(self) -> list[NDArray[Any]]:
        """The image stacks, of `shape` each."""
        dtype = np.dtype(self.dtype).newbyteorder("<")
        size = int(np.prod(self.shape)) * dtype.itemsize
        seeds = (f"miua conformance {self.seed} {number}" for number in range(self.stacks))
        drawn = (hashlib.shake_256(seed.encode()).digest(size) for seed in seeds)
        pixels = (np.frombuffer(each, dtype).astype(self.dtype) for each in drawn)
        return [(each & self.mask).reshape(self.shape) for each in pixels]

    def __str__(self) -> str:
        arguments, shape = ", ".join(map(str, self.parameters)), " x ".join(map(str, self.shape))
        return f"{self.kernel}({arguments}) of {self.dtype} {shape}, mask {self.mask:#x}"


Kernel = Callable[[Case, int], bytes]


def read_cases(path: Path = FILE) -> list[Case]:
    """The cases of a conformance file. MiuaError: it is not there, or holds none."""
    there = path.is_file()
    entries = json.loads(path.read_text(encoding="utf-8"))["cases"] if there else []
    if not entries:
        wrong = "holds no cases" if there else "is missing"
        raise MiuaError(f"{path} {wrong}. Install the package anew: pip install .")
    return [Case(**{**entry, "shape": tuple(entry["shape"])}) for entry in entries]


def installed(case: Case, threads: int) -> bytes:
    """What the installed kernels make of the case: little-endian bytes."""
    result = getattr(_kernels, case.kernel)(*case.inputs(), *case.parameters, threads)
    little: bytes = result.astype(result.dtype.newbyteorder("<")).tobytes()
    return little


def runner(command: Sequence[str]) -> Kernel:
    """The kernels of another build or machine, through its program `kernel_runner`.

    command: that program, behind an emulator if need be.
    """

    def run(case: Case, threads: int) -> bytes:
        numbers = [*case.shape, np.dtype(case.dtype).itemsize, threads]
        arguments = [case.kernel, *(str(value) for value in (*numbers, *case.parameters))]
        answer = subprocess.run(
            [*command, *arguments],
            input=b"".join(stack.tobytes() for stack in case.inputs()),
            capture_output=True,
        )
        if answer.returncode != 0:
            said = answer.stderr.decode(errors="replace").strip()
            raise MiuaError(f"{' '.join(command)} failed on {case}: {said}")
        return answer.stdout

    return run


@contextmanager
def forced(instruction_set: str) -> Iterator[None]:
    """Let the kernels use this instruction set meanwhile."""
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = instruction_set
    try:
        yield
    finally:
        del os.environ[VARIABLE]
        os.environ.update({} if before is None else {VARIABLE: before})


def failures(cases: Sequence[Case], kernel: Kernel, threads: int = 0) -> list[Case]:
    """The cases whose result is not the one on file."""
    return [case for case in cases if digest(case, kernel, threads) != case.sha256]


def failures_by_threads(cases: Sequence[Case], kernel: Kernel) -> dict[int, list[Case]]:
    """`failures` with each of THREADS."""
    return {threads: failures(cases, kernel, threads) for threads in THREADS}


def failures_of_installed(cases: Sequence[Case]) -> dict[str, dict[int, list[Case]]]:
    """`failures_by_threads` of the installed kernels, by instruction set."""
    found = {}
    for name in instruction_sets():
        with forced(name):
            found[name] = failures_by_threads(cases, installed)
    return found


def digest(case: Case, kernel: Kernel, threads: int = 0) -> str:
    """The SHA-256 of what a kernel makes of the case."""
    return hashlib.sha256(kernel(case, threads)).hexdigest()
