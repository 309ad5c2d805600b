"""Several sets beside each other: a row a set, and a figure and an order a metric."""

from __future__ import annotations

from dataclasses import dataclass

from miua.evaluation import charts
from miua.evaluation.page_views import metrics_of
from miua.evaluation.records import COMPUTED, MetricRecord
from miua.evaluation.result import Evaluation, FloorRecord, Place, Ranking, SetResult
from miua.evaluation.words import (
    DIRECTIONS,
    MISSING,
    Standing,
    listed,
    number,
    percent,
    span,
    standing,
)
from miua.metrics.measures import STUDY_ELEMENTS, Measure, element_name, measure

COLUMNS = 7  # metrics that a table of sets has room for


@dataclass(frozen=True)
class Cell:
    """A value of one set; place: its place among the sets, in words, "" without one."""

    set: str
    value: str
    interval: str
    standing: Standing | None
    mark: charts.Mark | None
    place: str
    first: str


@dataclass(frozen=True)
class Panel:
    """One metric of all sets, the best first; range: of the real images, in percent."""

    measure: Measure
    direction: str
    sentence: str
    axis_low: str
    axis_high: str
    range: tuple[float, float] | None
    range_words: str
    cells: list[Cell]


@dataclass(frozen=True)
class Beside:
    """tables: for each, its metrics and a row a set; first_places: set by set, of what it leads."""

    tables: list[tuple[list[Measure], list[tuple[str, list[Cell]]]]]
    panels: list[Panel]
    summary: str


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
    panels = {
        metric: _panel(evaluation, metric, rankings.get(metric))
        for metric in [*computed, *elements]
    }
    tables = []
    for part in charts.chunks(list(panels), COLUMNS):
        cells = [{cell.set: cell for cell in panels[metric].cells} for metric in part]
        rows = [
            (each.source.name, [by_set[each.source.name] for by_set in cells])
            for each in evaluation.sets
        ]
        tables.append(([measure(metric) for metric in part], rows))
    return Beside(tables, list(panels.values()), _summary(evaluation))


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
    shown = measure(metric)
    floor = evaluation.floor.records.get(metric) if evaluation.floor else None
    records: dict[str, MetricRecord | None] = {
        each.source.name: next((r for r in each.records if r.metric == metric), None)
        for each in evaluation.sets
    }
    results = {each.source.name: each for each in evaluation.sets}
    numbers = [end for r in records.values() if r for end in (r.value, r.low, r.high)]
    ends = [floor.low, floor.high] if floor else []
    axis = charts.PlainAxis([*numbers, *ends])
    places = {place.set: place for place in ranking.places} if ranking else {}
    order = [*places, *(name for name in records if name not in places)]
    band = None
    if floor and floor.low is not None and floor.high is not None:
        band = (axis.percent(floor.low), axis.percent(floor.high) - axis.percent(floor.low))
    return Panel(
        measure=shown,
        direction=DIRECTIONS[shown.better],
        sentence=_order_words(ranking),
        axis_low=number(axis.low, shown.decimals),
        axis_high=number(axis.high, shown.decimals),
        range=band,
        range_words=span(floor.low, floor.high, shown.decimals) if floor else "",
        cells=[
            _cell(results[name], records[name], floor, shown, axis, places.get(name))
            for name in order
        ],
    )


def _cell(
    result: SetResult,
    record: MetricRecord | None,
    floor: FloorRecord | None,
    shown: Measure,
    axis: charts.PlainAxis,
    place: Place | None,
) -> Cell:
    name = result.source.name
    if record is None or record.value is None:
        return Cell(name, MISSING, "", None, None, "", "")
    return Cell(
        set=name,
        value=number(record.value, shown.decimals),
        interval=span(record.low, record.high, shown.decimals),
        standing=standing(result.beside_floor(record), floor, shown.better),
        mark=axis.mark(record.value, record.low, record.high),
        place=_place_words(place) if place else "",
        first=f"first in {percent(place.first)}" if place and place.first is not None else "",
    )


def _leaders(ranking: Ranking) -> list[str]:
    """The first, and those of equal value."""
    return [place.set for place in ranking.places if place.rank == 1]


def _place_words(place: Place) -> str:
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
