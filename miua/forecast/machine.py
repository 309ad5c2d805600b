"""What this machine has: memory, a GPU, how busy it is, and how long ago steps took."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

MEMORY_LIMIT = Path("/sys/fs/cgroup/memory.max")  # of a container, if it has one
MEMORY_INFORMATION = Path("/proc/meminfo")

REPORT = "report.html"  # which a reproduction ends with


def memory_of_machine() -> tuple[float, float]:
    """Bytes of memory in all, and those not in use now; a container's limit counts."""
    whole = float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    free = whole
    with suppress(OSError, ValueError, IndexError):
        lines = MEMORY_INFORMATION.read_text(encoding="ascii").splitlines()
        (line,) = [line for line in lines if line.startswith("MemAvailable:")]
        free = float(line.split()[1]) * 1024
    with suppress(OSError, ValueError):  # no such file, or "max"
        whole = min(whole, float(MEMORY_LIMIT.read_text(encoding="ascii")))
    return whole, min(free, whole)


def peak_memory() -> float:
    """The most bytes of memory that this process has held.

    Not of what it was before it became this program, as `getrusage` counts on Linux.
    """
    with suppress(OSError, ValueError, IndexError):
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        (line,) = [line for line in lines if line.startswith("VmHWM:")]
        return float(line.split()[1]) * 1024
    import resource
    import sys

    unit = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)


def others_at_work() -> float:
    """How many threads of other programs ran here on average in the last minute."""
    return os.getloadavg()[0]


@dataclass(frozen=True)
class EarlierRun:
    """How long the jobs of each rule took in an earlier reproduction, in seconds."""

    folder: Path
    seconds: dict[str, float]
    bytes: int


def earlier_run(folder: Path, rules: tuple[str, ...]) -> EarlierRun | None:
    """The newest run beside `folder`, or in it, that has come to its end; None without any.

    Snakemake keeps for each output when its job began and ended.
    """
    found = []
    beside = [path for path in folder.parent.glob("*") if (path / REPORT).exists()]
    for path in beside:
        seconds = _recorded(path / ".snakemake" / "metadata")
        if all(rule in seconds for rule in rules):
            when = (path / REPORT).stat().st_mtime
            found.append((path == folder, when, EarlierRun(path, seconds, _size_of_late(path))))
    return max(found, key=lambda each: each[:2])[2] if found else None


def _recorded(metadata: Path) -> dict[str, float]:
    times: dict[str, dict[float, float]] = {}
    for path in metadata.rglob("*"):
        if path.is_file():
            # A job has a record for each of its outputs: the mean is the same.
            with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
                record = json.loads(path.read_bytes())
                rule, start, end = record["rule"], record["starttime"], record["endtime"]
                times.setdefault(rule, {})[float(start)] = float(end) - float(start)
    return {rule: mean(seconds.values()) for rule, seconds in times.items()}


def _size_of_late(folder: Path) -> int:
    """Bytes of the tables, figures, paper and report."""
    late = [path for name in ("tables", "figures", "paper") for path in (folder / name).rglob("*")]
    return sum(path.stat().st_size for path in (*late, folder / REPORT) if path.is_file())
