"""Several sets beside each other on the page of an evaluation, and what other choices move."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, TypeVar

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
from miua.pages.evaluation_views import metrics_of, range_of, row_of
from miua.wording import change, listed, number, percent

Item = TypeVar("Item")
COLUMNS, CHOICE_COLUMNS = 7, 6  # metrics that a table of sets, of choices has room for


def chunks(items: Sequence[Item], most: int) -> list[list[Item]]:
    """Parts of nearly equal length, at most `most` long, so that a table fits the page."""
    size = math.ceil(len(items) / math.ceil(len(items) / most)) if items else 1
    return [list(items[start : start + size]) for start in range(0, len(items), size)]


def beside_each_other(evaluation: Evaluation) -> dict[str, Any] | None:
    """summary: which sets lead; tables: the metrics, in parts that a table has room for. None for
    one set."""
    if len(evaluation.sets) < 2:
        return None
    computed = {record.metric: None for each in evaluation.sets for record in metrics_of(each)}
    there = {record.metric for record in evaluation.records if record.status == COMPUTED}
    elements = [name for name in map(element_name, STUDY_ELEMENTS) if name in there]
    rankings = {ranking.metric: ranking for ranking in evaluation.rankings}
    panels = [_panel(evaluation, metric, rankings.get(metric)) for metric in [*computed, *elements]]
    return {"summary": _summary(evaluation), "tables": chunks(panels, COLUMNS)}


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


def _panel(evaluation: Evaluation, metric: str, ranking: Ranking | None) -> dict[str, Any]:
    """One metric of all sets: their rows, None without a value, and places, the best first."""
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
    for name, row in rows.items():
        if (value := row.record.value) is not None:
            rows[name] = row._replace(mark=axis.mark(value, row.record.low, row.record.high))
    places = {place.set: place for place in ranking.places} if ranking else {}
    order = dict.fromkeys([*places, *(each.source.name for each in evaluation.sets)])
    return {
        "shown": measure(metric),
        "sentence": _order_words(ranking),
        "axis": axis,
        "floor": floor,
        "cells": {name: rows.get(name) for name in order},
        "places": places,
    }


def _leaders(ranking: Ranking) -> list[str]:
    """The sets in first place; several where their values are equal."""
    return [place.set for place in ranking.places if place.rank == 1]


def place_words(place: Place) -> str:
    """A place, and in brackets the places that 95 % of the resamples give."""
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
class PreprocessingView:
    """How far each choice of preparation moves each number of the sets of these names."""

    sensitivity: PreprocessingSensitivity
    names: tuple[str, ...]
    floor: dict[str, FloorRecord]

    @property
    def tables(self) -> list[list[Measure]]:
        """The metrics, in parts that fit a table."""
        return chunks([measure(metric) for metric in self.sensitivity.metrics], CHOICE_COLUMNS)

    def moved(self, choice: Choice, name: str, shown: Measure) -> tuple[str, str, bool]:
        """One metric of one set under a choice: value, change, and whether that is farther than
        the range of real images is wide."""
        value, base, widths = self._moved(choice, name, shown.name)
        text = number(value, shown.decimals)
        if choice.baseline or value is None or base is None or not math.isfinite(value - base):
            return text, "", False
        times = ""
        if widths is not None:
            times = f" ({number(widths, 1)}×)"
        elif in_per_cent(shown, value, base):
            times = f" ({percent(abs(value / base - 1))})"
        moved = f"{change(value - base, shown.decimals)}{times}"
        return text, moved, widths is not None and widths >= 1

    @property
    def summary(self) -> str:
        """What moves the most, in widths of the range."""
        choices = [choice for choice in self.sensitivity.choices if not choice.baseline]
        found = [
            (widths, measure(metric).label, choice.choice)
            for choice, name, metric in product(choices, self.names, self.sensitivity.metrics)
            if (widths := self._moved(choice, name, metric)[2]) is not None
            and math.isfinite(widths)
        ]
        if not found:
            return ""
        far = sum(widths >= 1 for widths, *_ in found)
        most, label, choice_name = max(found)
        return (
            f"{far} of {len(found)} numbers move by more than the width of the range that real "
            f"images show among themselves. The farthest: {label} under “{choice_name}”, by "
            f"{number(most, 1)} widths."
        )

    def _moved(
        self, choice: Choice, name: str, metric: str
    ) -> tuple[float | None, float | None, float | None]:
        """A number under a choice and under the evaluation's own, of the same aspect if it has
        one; and the change over the width of the range of real images."""
        own = [each for each in self.sensitivity.choices if each.baseline]
        base = next((each for each in own if each.aspect == choice.aspect), own[0])
        value, before = (each.values.get(name, {}).get(metric) for each in (choice, base))
        ends = range_of(self.floor.get(metric))
        if value is None or before is None or ends is None:
            return value, before, None
        return value, before, abs(value - before) / (ends[1] - ends[0])
