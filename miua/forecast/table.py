"""A forecast in print: two tables, the totals beside what there is, and what does not fit."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from miua.forecast.result import Forecast, Step, Trainings

NOT_PREDICTED = "not predicted"


def print_forecast(found: Forecast, console: Console | None = None) -> None:
    """Print it for people, on standard output if no console is given."""
    console = console or Console(highlight=False)
    console.print(f"\nForecast {found.where}.\n", markup=False)
    table = _table("step", "to do", "one takes", "in turn", f"on {_cores(found)}", "memory", "disk")
    for step in found.steps:
        table.add_row(*_step(step))
    console.print(table)
    if any(row.left for row in found.trainings):
        table = _table("trainings", "to do", "images", "images/s", "one takes", "disk")
        for row in found.trainings:
            table.add_row(*_training(row))
        console.print()
        console.print(table)
    console.print()
    for line in _totals(found):
        console.print(line, markup=False)
    for note in found.notes:
        console.print(note, markup=False)
    for warning in found.warnings:
        console.print(Text(f"Warning: {warning}", style="bold yellow"))


def amount(size: float | None) -> str:
    """Bytes in MB or GB, with the digits that a prediction has."""
    if size is None:
        return "-"
    if size >= 1e9:
        return f"{size / 1e9:.1f} GB"
    return f"{size / 1e6:.0f} MB" if size >= 1e6 else "< 1 MB"


def about(seconds: float) -> str:
    """A time with the digits that a prediction has: "40 s", "12 min", "3 h 20 min", "110 h"."""
    if seconds < 1:
        return "< 1 s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes / 60:,.0f} h"


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=number > 0)
    return table


def _cores(found: Forecast) -> str:
    return f"{found.cores} core{'s' if found.cores > 1 else ''}"


def _step(step: Step) -> list[str]:
    if not step.left:
        return [step.name, _to_do(step.jobs, 0), "", "", "", "", ""]
    memory, disk = amount(step.memory), amount(step.disk)
    if step.in_turn is None or step.at_once is None:
        return [step.name, _to_do(step.jobs, step.left), NOT_PREDICTED, "", "", memory, disk]
    each = _between(step.least, step.most)
    in_turn, at_once = about(step.in_turn), about(step.at_once)
    return [step.name, _to_do(step.jobs, step.left), each, in_turn, at_once, memory, disk]


def _training(row: Trainings) -> list[str]:
    to_do = _to_do(row.jobs, row.left)
    if not row.left:
        return [row.experiment, to_do, "", "", "", ""]
    each = _between(*row.seconds) if row.seconds else NOT_PREDICTED
    images, rate = _numbers(row.images), _numbers(row.rate)
    return [row.experiment, to_do, images, rate, each, amount(row.disk)]


def _to_do(jobs: int, left: int) -> str:
    if not left:
        return "done"
    return str(left) if left == jobs else f"{left} of {jobs}"


def _between(least: float | None, most: float | None) -> str:
    if least is None or most is None:
        return NOT_PREDICTED
    low, high = about(least), about(most)
    if low == high:
        return low
    if low.split()[1:] == high.split()[1:] and " h " not in low:
        return f"{low.split()[0]}-{high}"  # one unit for both
    return f"{low} - {high}"


def _numbers(values: tuple[float, float] | None) -> str:
    if values is None:
        return NOT_PREDICTED
    low, high = (f"{value:,.0f}" if value >= 10 else f"{value:.1f}" for value in values)
    return low if low == high else f"{low}-{high}"


def _totals(found: Forecast) -> list[str]:
    totals = found.totals
    if not any(step.left for step in found.steps):
        return ["Everything is done already."]
    least = "at least " if found.unpredicted else ""
    lines = [
        f"Time    {least}{about(totals.wall_clock)} on {_cores(found)} "
        f"({about(totals.in_turn)} one after the other)",
        f"Memory  {amount(totals.memory)} at most at once; this machine has "
        f"{amount(totals.machine_memory)}, {amount(totals.free_memory)} of it free",
    ]
    if totals.machine_gpu_memory:
        lines.append(
            f"GPU     {amount(totals.gpu_memory)} at most at once; it has "
            f"{amount(totals.machine_gpu_memory)}"
        )
    lines.append(f"Disk    {amount(totals.disk)}; {amount(totals.free_disk)} are free")
    if found.unpredicted:
        lines.append(f"Not predicted, and not in the time: {'; '.join(found.unpredicted)}.")
    return lines
