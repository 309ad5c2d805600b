"""The rows on training loops, and their table at the end of `./run bench`."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from rich.table import Table

Row = dict[str, Any]


def against(
    work: str, peer: str, images: int, ours: Sequence[float], theirs: Sequence[float], least: float
) -> Row:
    """Images per second of two loops that took turns, from the seconds of their epochs.

    The ratio is the median of the rounds' ratios: what slows one round slows both loops.
    """
    ratio = median(other / own for own, other in zip(ours, theirs, strict=True))
    return {
        "work": work,
        "peer": peer,
        "theirs": images / median(theirs),
        "ours": images / median(ours),
        "unit": "images/s",
        "ratio": ratio,
        "at_least": least,
        "met": ratio >= least,
    }


def limited(work: str, ours: float, unit: str, most: float | None) -> Row:
    """One number, and what it may be at most if there is such a limit."""
    return {
        "work": work,
        "ours": ours,
        "unit": unit,
        "at_most": most,
        "met": None if most is None else ours <= most,
    }


def loop_table(rows: Sequence[Row]) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for column in ("work", "peer"):
        table.add_column(column, no_wrap=True)
    for column in ("theirs", "ours", "", "ratio", "target"):
        table.add_column(column, justify="left" if not column else "right", no_wrap=True)
    table.add_column("met")
    for row in rows:
        compared = "peer" in row
        table.add_row(
            row["work"],
            row.get("peer", ""),
            number(row["theirs"]) if compared else "",
            number(row["ours"]),
            row["unit"],
            f"{row['ratio']:.2f} x" if compared else "",
            _target(row),
            {True: "yes", False: "NO", None: ""}[row["met"]],
        )
    return table


def number(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def _target(row: Row) -> str:
    if "at_least" in row:
        return f">= {row['at_least']:g} x"
    return "" if row["at_most"] is None else f"<= {row['at_most']:g} {row['unit']}".rstrip()
