"""The machine and the environment that miua runs in, as a bug report or a manifest needs them."""

from __future__ import annotations

import os
import platform
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

from miua.forecast.machine import memory_of_machine

PROCESSOR_INFORMATION = Path("/proc/cpuinfo")
SECONDS_FOR_A_TOOL = 10


def hardware() -> dict[str, Any]:
    """What this machine is made of; takes milliseconds and does not load torch.

    Returns:
        processor: the processor's model. architecture: such as "x86_64". cores: those that this
        process may use. memory_bytes: of the machine, or of the container if that has less. gpus:
        of each NVIDIA GPU its name, memory_bytes (None if not told) and driver.
    """
    return {
        "processor": _processor(),
        "architecture": platform.machine(),
        "cores": usable_cores(),
        "memory_bytes": int(memory_of_machine()[0]),
        "gpus": _gpus(),
    }


def usable_cores() -> int:
    """The processor cores that this process may use: fewer than the machine has, if it is bound."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        return os.cpu_count() or 1


def answer_of(*command: str) -> str | None:
    """What a program prints on standard output; None if it is not there, fails or hangs."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=SECONDS_FOR_A_TOOL
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _processor() -> str:
    with suppress(OSError):
        for line in PROCESSOR_INFORMATION.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    if platform.system() == "Darwin" and (
        brand := answer_of("sysctl", "-n", "machdep.cpu.brand_string")
    ):
        return brand
    return platform.processor() or platform.machine()


def _gpus() -> list[dict[str, Any]]:
    asked = ("--query-gpu=name,memory.total,driver_version", "--format=csv,noheader,nounits")
    lines = (answer_of("nvidia-smi", *asked) or "").splitlines()
    rows = (line.rsplit(", ", 2) for line in lines if line.count(", ") >= 2)
    return [
        {
            "name": name,
            "memory_bytes": int(mebibytes) * 2**20 if mebibytes.isdecimal() else None,
            "driver": driver,
        }
        for name, mebibytes, driver in rows
    ]
