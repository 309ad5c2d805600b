"""Tables and text in a terminal."""

from collections.abc import Container, Iterable

from rich.console import Console
from rich.measure import Measurement
from rich.table import Column, Table
from rich.text import Text


def terminal() -> Console:
    """A console that prints text as it is: names may hold what rich takes for markup."""
    return Console(highlight=False, markup=False, emoji=False)


def table(
    head: Iterable[str], rows: Iterable[Iterable[str | Text]], left: Container[str] = ()
) -> Table:
    """A table without lines: the first column and those of `left` to the left, others right."""
    columns = (
        Column(name, justify="right" if place and name not in left else "left", no_wrap=place > 0)
        for place, name in enumerate(head)
    )
    made = Table(*columns, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for row in rows:
        made.add_row(*row)
    return made


def print_in_full(console: Console, made: Table) -> None:
    """Print a table: no number is shortened, whatever the width of the terminal."""
    room = console.options.update(max_width=10_000)
    made.width = Measurement.get(console, room, made).maximum
    console.print(made, crop=False)
    console.print()
