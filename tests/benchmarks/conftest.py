"""Two tables at the end of `./run bench`, and the same rows in its JSON: how we compare with peers.

pytest-benchmark's own hooks: what was timed, what it was timed on, and the file it writes.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.table import Table

from miua import conformance
from tests.benchmarks import evaluation_work
from tests.benchmarks.loop_rows import loop_table
from tests.benchmarks.work import THREADS
from tests.benchmarks.work import WORKS as KERNEL_WORKS

PACKAGES = (
    "numpy",
    "scikit-image",
    "opencv-python-headless",
    "scikit-learn",
    "mahotas",
    "torch-fidelity",
)
LOOP_PACKAGES = ("torch", "torchvision", "pillow")
ROWS = pytest.StashKey[list[dict[str, Any]]]()
LOOP_ROWS = pytest.StashKey[list[dict[str, Any]]]()
MACHINE = pytest.StashKey[dict[str, Any]]()


def pytest_benchmark_update_machine_info(
    config: pytest.Config, machine_info: dict[str, Any]
) -> None:
    machine_info["instruction_set"] = os.environ.get(
        conformance.VARIABLE, conformance.instruction_sets()[-1]
    )
    machine_info["cores"] = len(os.sched_getaffinity(0))
    machine_info["model"] = processor()
    machine_info["threads"] = THREADS
    machine_info["packages"] = {name: version(name) for name in PACKAGES + LOOP_PACKAGES}
    config.stash[MACHINE] = machine_info


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def pytest_benchmark_update_json(
    config: pytest.Config, benchmarks: Sequence[Any], output_json: dict[str, Any]
) -> None:
    timed = output_json["benchmarks"]
    config.stash[ROWS] = output_json["against_peers"] = rows(timed)
    config.stash[LOOP_ROWS] = output_json["training_loops"] = [
        row for entry in timed for row in entry["extra_info"].get("loop_rows", [])
    ]


def rows(timed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One for each target whose work was timed."""
    best = {
        (entry["group"], entry["extra_info"].get("peer")): entry["stats"]["min"] for entry in timed
    }
    found: list[dict[str, Any]] = []
    for work in [*KERNEL_WORKS, *evaluation_work.WORKS]:
        ours = best.get((work.name, None))
        if ours is None:
            continue
        for peer in work.peers:
            measured = best.get((work.name, peer.library))
            if measured is None:
                continue
            theirs = measured * peer.parts
            found.append(
                {
                    "work": work.name,
                    "peer": peer.library,
                    "peer_seconds": theirs,
                    "extrapolated_from": f"one part of {peer.parts}" if peer.parts > 1 else None,
                    "our_seconds": ours,
                    "ratio": theirs / ours,
                    "at_least": peer.at_least,
                    "met": theirs / ours >= peer.at_least,
                }
            )
        if work.at_most is not None:
            found.append(
                {
                    "work": work.name,
                    "our_seconds": ours,
                    "at_most_seconds": work.at_most,
                    "met": ours <= work.at_most,
                }
            )
    return found


def duration(seconds: float) -> str:
    for unit, name in ((1, "s"), (1e-3, "ms")):
        if seconds >= unit:
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds / 1e-6:.3g} us"


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if found := config.stash.get(ROWS, []):
        write_kernels(terminalreporter, found, config.stash[MACHINE])
    if found := config.stash.get(LOOP_ROWS, []):
        write_loops(terminalreporter, found, config.stash[MACHINE])


def write_loops(
    terminalreporter: pytest.TerminalReporter, found: list[dict[str, Any]], machine: dict[str, Any]
) -> None:
    console = Console(highlight=False)
    with console.capture() as capture:
        console.print(
            f"{machine['model']}, {machine['cores']} cores\n"
            f"{packages(machine, LOOP_PACKAGES)}\n\n"
            f"Full-width DCGAN64, {machine['threads']} threads; loops take turns, medians.\n"
        )
        console.print(loop_table(found))
    terminalreporter.section("training loops")
    terminalreporter.write(capture.get())


def packages(machine: dict[str, Any], names: Sequence[str]) -> str:
    return ", ".join(f"{name}=={machine['packages'][name]}" for name in names)


def write_kernels(
    terminalreporter: pytest.TerminalReporter, found: list[dict[str, Any]], machine: dict[str, Any]
) -> None:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("work")
    table.add_column("peer", no_wrap=True)
    for column in ("theirs", "ours", "ratio", "target"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("met")
    for row in found:
        met, ours = "yes" if row["met"] else "NO", duration(row["our_seconds"])
        if "peer" in row:
            star = "*" if row["extrapolated_from"] else ""
            theirs = duration(row["peer_seconds"]) + star
            ratio = f"{row['ratio']:.{0 if row['ratio'] >= 10 else 1}f} x"
            target = f">= {row['at_least']} x"
            table.add_row(row["work"], row["peer"], theirs, ours, ratio, target, met)
        else:
            target = f"<= {duration(row['at_most_seconds'])}"
            table.add_row(row["work"], "", "", ours, "", target, met)
    console = Console(highlight=False)
    with console.capture() as capture:
        console.print(
            f"{machine['model']}, {machine['cores']} cores, {machine['instruction_set']}\n"
            f"{packages(machine, PACKAGES)}\n\n"
            f"The best of several times; ours with {machine['threads']} threads.\n"
        )
        console.print(table)
        for part in {row.get("extrapolated_from") for row in found} - {None}:
            console.print(f"\n* extrapolated: {part} of the work was timed")
    terminalreporter.section("against peers")
    terminalreporter.write(capture.get())
