"""The crosswalk on the page: how far each choice of preparation moves each number."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from miua.evaluation import charts
from miua.evaluation.crosswalk import in_per_cent
from miua.evaluation.records import COMPUTED
from miua.evaluation.result import Evaluation, FloorRecord
from miua.evaluation.words import change, number, percent, reason
from miua.metrics.measures import Measure, measure

if TYPE_CHECKING:
    from miua.evaluation.crosswalk import Choice, Crosswalk, Flip

COLUMNS = 6  # metrics that a table has room for


@dataclass(frozen=True)
class Moved:
    """A number under a choice: its change, and that in widths of the real images' range."""

    value: str
    change: str
    beyond: bool


@dataclass(frozen=True)
class ChoiceRow:
    """reason: why there are no numbers, "" if there are."""

    aspect: str
    choice: str
    baseline: bool
    cells: list[Moved]
    reason: str


@dataclass(frozen=True)
class CrosswalkView:
    """by_set: for each set its tables, of metrics and rows; flips: each with its metric's label."""

    summary: str
    by_set: list[tuple[str, list[tuple[list[Measure], list[ChoiceRow]]]]]
    flips: list[tuple[str, Flip]]
    ranges: bool


def crosswalk_view(evaluation: Evaluation) -> CrosswalkView | None:
    """None if there is no crosswalk."""
    crosswalk = evaluation.crosswalk
    if crosswalk is None:
        return None
    floor = evaluation.floor.records if evaluation.floor else {}
    names = [each.source.name for each in evaluation.sets]
    parts = charts.chunks(list(crosswalk.metrics), COLUMNS)
    by_set = [
        (name, [(list(map(measure, part)), _rows(crosswalk, name, part, floor)) for part in parts])
        for name in names
    ]
    return CrosswalkView(
        _summary(crosswalk, names, floor),
        by_set,
        [(measure(flip.metric).label, flip) for flip in crosswalk.flips],
        bool(floor),
    )


def _rows(
    crosswalk: Crosswalk, name: str, metrics: list[str], floor: dict[str, FloorRecord]
) -> list[ChoiceRow]:
    rows = []
    for choice in crosswalk.choices:
        why = "" if choice.status == COMPUTED else reason(choice.status)
        cells = [_moved(crosswalk, choice, name, metric, floor) for metric in metrics]
        rows.append(ChoiceRow(choice.aspect, choice.choice, choice.baseline, cells, why))
    return rows


def _moved(
    crosswalk: Crosswalk, choice: Choice, name: str, metric: str, floor: dict[str, FloorRecord]
) -> Moved:
    decimals = measure(metric).decimals
    value = choice.values.get(name, {}).get(metric)
    base = _baseline(crosswalk, choice).values.get(name, {}).get(metric)
    text = number(value, decimals)
    if choice.baseline or value is None or base is None or not math.isfinite(value - base):
        return Moved(text, "", False)
    widths = _widths(value - base, floor.get(metric))
    if widths is not None:
        times = f" ({number(widths, 1)}×)"
    elif in_per_cent(measure(metric), value, base):
        times = f" ({percent(abs(value / base - 1))})"
    else:
        times = ""
    return Moved(
        text, f"{change(value - base, decimals)}{times}", widths is not None and widths >= 1
    )


def _baseline(crosswalk: Crosswalk, choice: Choice) -> Choice:
    """The evaluation's own choice: of the same aspect if it has one there."""
    own = [each for each in crosswalk.choices if each.baseline]
    return next((each for each in own if each.aspect == choice.aspect), own[0])


def _widths(moved: float, floor: FloorRecord | None) -> float | None:
    """A change over the width of the range of real images."""
    if floor is None or floor.low is None or floor.high is None or floor.high <= floor.low:
        return None
    return abs(moved) / (floor.high - floor.low)


def _summary(crosswalk: Crosswalk, names: list[str], floor: dict[str, FloorRecord]) -> str:
    """What moves the most, in widths of the range."""
    found: list[tuple[float, str, str]] = []
    for choice in crosswalk.choices:
        for name in names:
            for metric in crosswalk.metrics:
                value = choice.values.get(name, {}).get(metric)
                base = _baseline(crosswalk, choice).values.get(name, {}).get(metric)
                if choice.baseline or value is None or base is None:
                    continue
                widths = _widths(value - base, floor.get(metric))
                if widths is not None and math.isfinite(widths):
                    found.append((widths, measure(metric).label, choice.choice))
    if not found:
        return ""
    far = sum(widths >= 1 for widths, *_ in found)
    widths, label, choice_name = max(found)
    return (
        f"{far} of {len(found)} numbers move by more than the width of the range that real images "
        f"show among themselves. The farthest: {label} under “{choice_name}”, by "
        f"{number(widths, 1)} widths."
    )
