"""A crosswalk as a person reads it in a terminal."""

from __future__ import annotations

import math

from rich.console import Console
from rich.table import Table

from miua.cli.tables import print_table
from miua.evaluation.crosswalk import Choice, Crosswalk, in_per_cent
from miua.evaluation.records import COMPUTED
from miua.metrics.registry import Measure, measure
from miua.wording import change, number


def print_crosswalk(console: Console, crosswalk: Crosswalk) -> None:
    """A table a set: the values as measured, then how far each choice moves them.

    In per cent, where that means something, and else in the metric's unit.
    """
    baseline = crosswalk.choices[0]
    for name in baseline.values:
        console.print(
            f"{name}: what other ways to prepare the images would give. As measured: "
            f"{baseline.choice}.",
            markup=False,
        )
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column("choice", no_wrap=True)
        for metric in crosswalk.metrics:
            table.add_column(measure(metric).label, justify="right", no_wrap=True)
        for choice in crosswalk.choices:
            cells = [_cell(choice, baseline, name, measure(m)) for m in crosswalk.metrics]
            table.add_row(_short(choice), *cells)
        print_table(console, table)
    for choice in crosswalk.choices:
        if choice.status != COMPUTED:
            console.print(f"{choice.aspect}, {choice.choice}: {choice.status}", markup=False)
    for flip in crosswalk.flips:
        console.print(
            f"{measure(flip.metric).label} ranks {' before '.join(flip.order)} with {flip.choice}, "
            f"and {' before '.join(flip.baseline_order)} as measured.",
            markup=False,
        )
    if len(baseline.values) > 1 and not crosswalk.flips:
        console.print("No choice turns a ranking of the sets over.")
    console.print()


def _short(choice: Choice) -> str:
    """A choice in two words, as the table is wide."""
    words = {
        "as measured": "as measured",
        "resize filter": f"{choice.choice} filter",
        "antialiasing": f"antialiasing {choice.choice}",
        "Inception layer": f"layer {choice.choice}",
    }
    return words.get(choice.aspect, choice.choice)


def _cell(choice: Choice, baseline: Choice, name: str, shown: Measure) -> str:
    value, before = choice.values[name][shown.name], baseline.values[name][shown.name]
    if value is None:
        return "-"
    if choice.baseline or before is None or not math.isfinite(value - before):
        return number(value, shown.decimals)
    if not in_per_cent(shown, value, before):
        return change(value - before, shown.decimals)
    return f"{change(100 * (value / before - 1), 1)} %"
