"""A forecast for people: two tables, the totals beside what there is, and what does not fit."""

from collections.abc import Callable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from miua.environment import hardware
from miua.study.forecast import NOT_PREDICTED, Forecast, ForecastRow, Need
from miua.study.steps import Study
from miua.wording import counted

Cells = Callable[[ForecastRow], list[str]]


def print_forecast(found: Forecast, console: Console | None = None) -> None:
    """Print it for people, on standard output if no console is given."""
    console = console or Console(highlight=False)
    cores = counted(found.study.cores, "core")
    console.print(f"\nForecast {_where(found.study)}.\n", markup=False)
    columns = ["step", "to do", "one takes", "in turn", f"on {cores}", "memory", "disk"]
    _print_table(console, columns, found.rows, _step)
    if any(row.left for row in found.trainings):
        columns = ["trainings", "to do", "images", "images/s", "one takes", "disk"]
        columns += ["GPU"] if found.gpu.has else []
        _print_table(console, columns, found.trainings, _training)
    for line in [*_totals(found), *found.notes]:
        console.print(line, markup=False)
    for warning in warnings_of(found):
        console.print(Text(f"Warning: {warning}", style="bold yellow"))


def warnings_of(found: Forecast) -> list[str]:
    """What does not fit on this machine, and what to do about it."""
    fewer = "Use fewer --cores, or end other programs."
    needs = (
        (found.disk, "The disk is too small", "", "Make room, or choose another --results."),
        (found.memory, "Memory may not suffice", " at most", fewer),
        (found.gpu, "The GPU's memory may not suffice", " at most", fewer),
    )
    return [
        f"{problem}: {amount(of.needed)} are needed{most}, {amount(of.free)} are free. {remedy}"
        for of, problem, most, remedy in needs
        if of.needed > of.free
    ]


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


def _print_table(
    console: Console, columns: list[str], rows: list[ForecastRow], cells: Cells
) -> None:
    table = Table(columns[0], box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for column in columns[1:]:
        table.add_column(column, justify="right", no_wrap=True)
    for row in rows:
        left = len(row.left)
        to_do = str(left) if left == row.jobs else f"{left} of {row.jobs}" if left else "done"
        table.add_row(*[row.name, to_do, *(cells(row) if left else [])][: len(columns)])
    console.print(table, "")


def _where(study: Study) -> str:
    """The device, and how many trainings at once."""
    threads = min(study.profile.threads_per_training, study.cores)
    at_once, count = study.cores // threads, counted(threads, "thread")
    gpus = hardware()["gpus"]
    where = gpus[0]["name"] if gpus else "the CPU"
    together = f"{at_once} trainings at once, {count} each" if at_once > 1 else f"with {count}"
    return f"on {where}, {counted(study.cores, 'core')}: {together}"


def _step(row: ForecastRow) -> list[str]:
    """One takes, in turn, on the cores there are, memory, disk."""
    seconds, times = [cost.seconds for cost in row.costs], [NOT_PREDICTED, "", ""]
    if row.known:
        times = [_between(seconds, about), about(sum(seconds)), about(row.at_once)]
    return [*times, amount(row.memory), amount(row.disk)]


def _training(row: ForecastRow) -> list[str]:
    """Images, how many a second, one takes, disk, memory on the GPU."""
    if not row.known:
        return [NOT_PREDICTED] * 3 + ["-"] * 2
    images = _between([each.images for each in row.costs], _number)
    rates = _between([each.rate for each in row.costs], _number)
    seconds = _between([each.seconds for each in row.costs], about)
    gpu = max(each.gpu for each in row.costs)
    return [images, rates, seconds, amount(row.disk), amount(gpu)]


def _between(values: Sequence[float], told: Callable[[float], str]) -> str:
    low, high = told(min(values)), told(max(values))
    if low == high:
        return low
    if low.split()[1:] == high.split()[1:] and " h " not in low:
        return f"{low.split()[0]}-{high}"  # one unit for both
    return f"{low} - {high}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def _totals(found: Forecast) -> list[str]:
    if not any(row.left for row in found.rows):
        return ["Everything is done already."]
    unknown = [row.name for row in found.rows if not row.known]
    no_memory = [row.name for row in found.rows if row.known and row.left and row.memory is None]
    least = "at least " if unknown else ""
    in_turn = about(sum(cost.seconds for cost in found.costs.values()))
    cores = counted(found.study.cores, "core")

    def at_once(need: Need, whose: str) -> str:
        needed, has, free = map(amount, need)
        return f"{needed} at most at once; {whose} has {has}, {free} of it free"

    return [
        f"Time    {least}{about(found.at_once)} on {cores} ({in_turn} one after the other)",
        f"Memory  {at_once(found.memory, 'this machine')}",
        *([f"GPU     {at_once(found.gpu, 'it')}"] if found.gpu.has else []),
        f"Disk    {amount(found.disk.needed)}; {amount(found.disk.free)} are free",
        *([f"Not predicted, and in none of these: {'; '.join(unknown)}."] if unknown else []),
        *([f"Memory not predicted: {'; '.join(no_memory)}."] if no_memory else []),
    ]
