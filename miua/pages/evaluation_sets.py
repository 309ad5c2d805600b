"""Several sets beside each other on the page of an evaluation, and what other choices move."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TypeVar

from miua.charts.axes import EDGE, Axis
from miua.evaluation.result import (
    Choice,
    Evaluation,
    FloorRecord,
    Place,
    PreprocessingSensitivity,
    Ranking,
    in_per_cent,
)
from miua.metrics.records import COMPUTED
from miua.metrics.registry import STUDY_ELEMENTS, Measure, element_name, measure
from miua.pages.evaluation_views import Row, metrics_of, row_of
from miua.wording import change, listed, number, percent

Item = TypeVar("Item")
COLUMNS, CHOICE_COLUMNS = 7, 6  # metrics that a table of sets, of choices has room for


@dataclass(frozen=True)
class Panel:
    """One metric of all sets: their rows, None without a value, and places, the best first."""

    shown: Measure
    sentence: str
    axis: Axis
    floor: FloorRecord | None
    cells: dict[str, Row | None]
    places: dict[str, Place]


@dataclass(frozen=True)
class Beside:
    """summary: which sets lead; tables: the metrics, in parts that a table has room for."""

    summary: str
    tables: list[list[Panel]]


def chunks(items: Sequence[Item], most: int) -> list[list[Item]]:
    """In parts of nearly equal length, of at most `most`: tables that a page can hold."""
    size = math.ceil(len(items) / math.ceil(len(items) / most)) if items else 1
    return [list(items[start : start + size]) for start in range(0, len(items), size)]


def beside_each_other(evaluation: Evaluation) -> Beside | None:
    """None for one set."""
    if len(evaluation.sets) < 2:
        return None
    computed = {record.metric: None for each in evaluation.sets for record in metrics_of(each)}
    elements = [
        name
        for name in map(element_name, STUDY_ELEMENTS)
        if any(r.metric == name and r.status == COMPUTED for r in evaluation.records)
    ]
    rankings = {ranking.metric: ranking for ranking in evaluation.rankings}
    panels = [_panel(evaluation, metric, rankings.get(metric)) for metric in [*computed, *elements]]
    return Beside(_summary(evaluation), chunks(panels, COLUMNS))


def _summary(evaluation: Evaluation) -> str:
    decided = [ranking for ranking in evaluation.rankings if ranking.decided]
    ranked = len(evaluation.rankings)
    if not ranked:
        return "No metric has a value in two sets: nothing can be put in order."
    if not decided:
        return f"By none of {ranked} metrics a set is first in 95 % of the resamples of its images."
    leads: dict[str, list[str]] = {}
    for ranking in decided:
        leads.setdefault(listed(_leaders(ranking)), []).append(measure(ranking.metric).label)
    said = [f"{name} by {', '.join(labels)}" for name, labels in leads.items()]
    open_ = ranked - len(decided)
    rest = f" The other {open_} of {ranked} metrics leave the first place open." if open_ else ""
    return f"First in 95 % of the resamples or more: {'; '.join(said)}.{rest}"


def _panel(evaluation: Evaluation, metric: str, ranking: Ranking | None) -> Panel:
    rows = {
        each.source.name: row_of(evaluation, each, record)
        for each in evaluation.sets
        for record in each.records
        if record.metric == metric and record.value is not None
    }
    floor = evaluation.floor.records.get(metric) if evaluation.floor else None
    numbers = [end for r in rows.values() for end in (r.record.value, r.record.low, r.record.high)]
    ends = [floor.low, floor.high] if floor else []
    axis = Axis.over([*numbers, *ends], EDGE, 100 - EDGE, room=0)
    places = {place.set: place for place in ranking.places} if ranking else {}
    names = [each.source.name for each in evaluation.sets]
    order = [*places, *(name for name in names if name not in places)]
    return Panel(
        shown=measure(metric),
        sentence=_order_words(ranking),
        axis=axis,
        floor=floor,
        cells={name: _marked(rows.get(name), axis) for name in order},
        places=places,
    )


def _marked(row: Row | None, axis: Axis) -> Row | None:
    if row is None or (value := row.record.value) is None:
        return None
    return replace(row, mark=axis.mark(value, row.record.low, row.record.high))


def _leaders(ranking: Ranking) -> list[str]:
    """The first, and those of equal value."""
    return [place.set for place in ranking.places if place.rank == 1]


def place_words(place: Place) -> str:
    """A place, and in brackets those that 95 % of the resamples give."""
    if place.low is None or place.high is None or place.low == place.high == place.rank:
        return str(place.rank)
    return f"{place.rank} ({place.low} to {place.high})"


def _order_words(ranking: Ranking | None) -> str:
    if ranking is None:
        return "Not ranked: fewer than two sets have a value."
    best = ranking.places[0]
    leaders = _leaders(ranking)
    if len(leaders) > 1:
        return f"{listed(leaders)} share the first place."
    if best.first is None:
        return f"{best.set} is first; how certain that is cannot be said without resamples."
    share = percent(best.first)
    if ranking.decided:
        return f"{best.set} is first, in {share} of the resamples."
    return f"The first place is open: {best.set} has it in {share} of the resamples."


@dataclass(frozen=True)
class Moved:
    """A number under a choice: its change, and that in widths of the real images' range."""

    value: str
    change: str
    beyond: bool


@dataclass(frozen=True)
class PreprocessingView:
    """How far each choice of preparation moves each number of the sets of these names."""

    sensitivity: PreprocessingSensitivity
    names: tuple[str, ...]
    floor: dict[str, FloorRecord]

    @property
    def tables(self) -> list[list[Measure]]:
        """The metrics, in parts that a table has room for."""
        return chunks([measure(metric) for metric in self.sensitivity.metrics], CHOICE_COLUMNS)

    def moved(self, choice: Choice, name: str, shown: Measure) -> Moved:
        """One metric of one set under a choice."""
        value, base = self._values(choice, name, shown.name)
        text = number(value, shown.decimals)
        if choice.baseline or value is None or base is None or not math.isfinite(value - base):
            return Moved(text, "", False)
        widths = self._widths(value - base, shown.name)
        times = ""
        if widths is not None:
            times = f" ({number(widths, 1)}×)"
        elif in_per_cent(shown, value, base):
            times = f" ({percent(abs(value / base - 1))})"
        moved = f"{change(value - base, shown.decimals)}{times}"
        return Moved(text, moved, widths is not None and widths >= 1)

    @property
    def summary(self) -> str:
        """What moves the most, in widths of the range."""
        found: list[tuple[float, str, str]] = []
        choices = [choice for choice in self.sensitivity.choices if not choice.baseline]
        for choice, name, metric in product(choices, self.names, self.sensitivity.metrics):
            value, base = self._values(choice, name, metric)
            if value is None or base is None:
                continue
            widths = self._widths(value - base, metric)
            if widths is not None and math.isfinite(widths):
                found.append((widths, measure(metric).label, choice.choice))
        if not found:
            return ""
        far = sum(widths >= 1 for widths, *_ in found)
        widths, label, choice_name = max(found)
        return (
            f"{far} of {len(found)} numbers move by more than the width of the range that real "
            f"images show among themselves. The farthest: {label} under “{choice_name}”, by "
            f"{number(widths, 1)} widths."
        )

    def _values(self, choice: Choice, name: str, metric: str) -> tuple[float | None, float | None]:
        """Under the choice, and under the evaluation's own of the same aspect if it has one."""
        own = [each for each in self.sensitivity.choices if each.baseline]
        base = next((each for each in own if each.aspect == choice.aspect), own[0])
        value, before = (each.values.get(name, {}).get(metric) for each in (choice, base))
        return value, before

    def _widths(self, moved: float, metric: str) -> float | None:
        """A change over the width of the range of real images."""
        floor = self.floor.get(metric)
        if floor is None or floor.low is None or floor.high is None or floor.high <= floor.low:
            return None
        return abs(moved) / (floor.high - floor.low)
