"""What the page shows of one set, as the template wants it: texts and places of marks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from miua.evaluation import charts
from miua.evaluation.records import COMPUTED, LBPV_DIFFERENCES, MetricRecord
from miua.evaluation.result import Copies, Evaluation, Floor, FloorRecord, SetResult
from miua.evaluation.words import (
    DIRECTIONS,
    MINUS,
    Standing,
    chance_outside,
    counted,
    how_they_compare,
    number,
    percent,
    reason,
    span,
    standing,
)
from miua.metrics.contact_sheet import in_words
from miua.metrics.measures import STUDY_ELEMENTS, element_name, measure

COPIES = "copies"
_ELEMENTS = frozenset(LBPV_DIFFERENCES)
_STUDY = frozenset(map(element_name, STUDY_ELEMENTS))


@dataclass(frozen=True)
class MetricRow:
    """A metric of a set. exact: the value unrounded, for machines; at_floor_size: the value that is
    held against the range, "" where it is the same; mark: its place on the axis of chance, None
    where it has none."""

    label: str
    meaning: str
    direction: str
    unit: str
    value: str
    exact: str
    interval: str
    range: str
    range_mean: str
    at_floor_size: str
    standing: Standing | None
    mark: charts.Mark | None
    definition: str
    n: str


@dataclass(frozen=True)
class Missing:
    """Metrics that share a reason why they were not computed."""

    labels: str
    reason: str


@dataclass(frozen=True)
class LbpvView:
    """The LBP vector's differences: the figure, and every number of it."""

    sentence: str
    axis: charts.LbpvAxis
    bars: list[charts.Bar]
    labels: list[charts.Label]
    lines: int
    named: list[dict[str, Any]]
    rows: list[dict[str, Any]]
    ranges: bool


@dataclass(frozen=True)
class CopiesView:
    """The memorisation check.

    rule: when an image is called a copy, "" if none can be; synthetic, real: the histograms of
    relative distances on their axis; threshold: on it, in percent from the left.
    """

    sentence: str
    rule: str
    definition: str
    picture: charts.Picture
    pairs: list[dict[str, str]]
    axis: charts.ShareAxis
    synthetic: list[charts.Column]
    real: list[charts.Column]
    threshold: float | None
    any_found: bool


@dataclass(frozen=True)
class SetView:
    """One synthetic set; key: unique, for ids."""

    key: str
    result: SetResult
    sentence: str
    copies_sentence: str
    rows: list[MetricRow]
    elements: list[MetricRow]
    missing: list[Missing]
    samples: charts.Samples
    lbpv: LbpvView | None
    copies: CopiesView | None


def set_view(evaluation: Evaluation, result: SetResult, axis: charts.ChanceAxis) -> SetView:
    """`axis`: the one of `chance_axis`, so that figures of several sets can be held together."""
    floor = _floor_records(evaluation.floor)
    rows = [_row(result, record, floor.get(record.metric), axis) for record in metrics_of(result)]
    elements = [
        _row(result, record, floor.get(record.metric), axis)
        for record in result.records
        if record.metric in _STUDY and record.status == COMPUTED
    ]
    missing = _missing(result.records)
    placed = [
        (measure(record.metric).label, _standing(result.beside_floor(record), floor))
        for record in metrics_of(result)
        if record.metric != COPIES
    ]
    lacking = sum(r.status != COMPUTED and r.metric not in _ELEMENTS for r in result.records)
    copies = None if result.copies is None else _copies(result, result.copies)
    return SetView(
        key=f"set-{evaluation.sets.index(result) + 1}",
        result=result,
        sentence=how_they_compare(placed, lacking, bool(floor)),
        copies_sentence=copies.sentence if copies else "",
        rows=rows,
        elements=elements,
        missing=missing,
        samples=charts.samples(result.source.sample),
        lbpv=_lbpv(result, evaluation.floor),
        copies=copies,
    )


def metrics_of(result: SetResult) -> list[MetricRecord]:
    """The computed metrics, without the LBPv elements."""
    return [r for r in result.records if r.status == COMPUTED and r.metric not in _ELEMENTS]


def chance_axis(evaluation: Evaluation) -> charts.ChanceAxis:
    """One axis that holds every value of every set, and the intervals as far as they are finite."""
    floor = _floor_records(evaluation.floor)
    reached = [0.0]
    for result in evaluation.sets:
        for record in result.records:
            if record.metric in _ELEMENTS and record.metric not in _STUDY:
                continue
            beside = floor.get(record.metric)
            if beside is not None and _has_width(beside):
                held = result.beside_floor(record)
                reached += _in_half_widths((held.value, held.low, held.high), beside)
    return charts.ChanceAxis(max(map(abs, reached)))


def definitions(evaluation: Evaluation) -> list[tuple[str, str, str]]:
    """Each metric once, the LBPv elements as one: what it is called, what it is, what it was
    computed from; the last from the set that tells it in full."""
    found: dict[str, tuple[str, str, str]] = {}
    for record in evaluation.records:
        if record.metric in _ELEMENTS:
            key, head = "lbpv", "V0 to V255 (counts)"
            what = "differences of the elements of the LBP vector; nearer to 0 is better"
        else:
            shown = measure(record.metric)
            key, head = record.metric, shown.axis_label
            what = f"{shown.meaning}; {DIRECTIONS[shown.better]}"
        if len(record.definition) > len(found.get(key, ("", "", ""))[2]) or key not in found:
            found[key] = (head, what, record.definition)
    return list(found.values())


def _floor_records(floor: Floor | None) -> dict[str, FloorRecord]:
    return {} if floor is None else floor.records


def _standing(record: MetricRecord, floor: dict[str, FloorRecord]) -> Standing | None:
    return standing(record, floor.get(record.metric), measure(record.metric).better)


def _has_width(floor: FloorRecord) -> bool:
    return floor.low is not None and floor.high is not None and floor.high > floor.low


def _in_half_widths(numbers: Iterable[float | None], floor: FloorRecord) -> list[float]:
    """The finite ones among them."""
    assert floor.low is not None and floor.high is not None
    finite = [each for each in numbers if each is not None and math.isfinite(each)]
    return [charts.ChanceAxis.scaled(each, floor.low, floor.high) for each in finite]


def _row(
    result: SetResult, record: MetricRecord, floor: FloorRecord | None, axis: charts.ChanceAxis
) -> MetricRow:
    shown = measure(record.metric)
    held = result.beside_floor(record)
    smaller = ""
    if floor and record.metric in result.at_floor_size:
        smaller = f"{number(held.value, shown.decimals)} of {counted(floor.images, 'image')} a side"
    has_range = floor is not None and floor.low is not None
    return MetricRow(
        label=shown.label,
        meaning=shown.meaning,
        direction=DIRECTIONS[shown.better],
        unit=shown.unit,
        value=number(record.value, shown.decimals),
        exact="" if record.value is None else repr(float(record.value)),
        interval=span(record.low, record.high, shown.decimals),
        range=span(floor.low, floor.high, shown.decimals) if floor else "",
        range_mean=number(floor.mean, shown.decimals) if floor and has_range else "",
        at_floor_size=smaller,
        standing=standing(held, floor, shown.better),
        mark=_mark(held, floor, axis),
        definition=record.definition,
        n=f"{number(record.n_reference, 0)} real, {number(record.n_synthetic, 0)} synthetic",
    )


def _mark(
    record: MetricRecord, floor: FloorRecord | None, axis: charts.ChanceAxis
) -> charts.Mark | None:
    if record.value is None or floor is None or not _has_width(floor):
        return None
    assert floor.low is not None and floor.high is not None

    def scaled(value: float | None) -> float | None:
        if value is None or math.isinf(value):
            return value
        return charts.ChanceAxis.scaled(value, floor.low, floor.high)  # type: ignore[arg-type]

    value = scaled(record.value)
    assert value is not None
    return axis.mark(value, scaled(record.low), scaled(record.high))


def _missing(records: Iterable[MetricRecord]) -> list[Missing]:
    """What was not computed, each reason once."""
    by_reason: dict[str, list[str]] = {}
    for record in records:
        if record.status == COMPUTED:
            continue
        label = "LBPv" if record.metric in _ELEMENTS else measure(record.metric).label
        labels = by_reason.setdefault(reason(record.status), [])
        if label not in labels:
            labels.append(label)
    return [Missing(", ".join(labels), why) for why, labels in by_reason.items()]


def _lbpv(result: SetResult, floor: Floor | None) -> LbpvView | None:
    by_name = {r.metric: r for r in result.records if r.metric in _ELEMENTS}
    records = [by_name.get(name) for name in LBPV_DIFFERENCES]
    values = [record.value if record else None for record in records]
    if None in values:
        return None
    ranges = [_range_of(floor, name) for name in LBPV_DIFFERENCES]
    ends = [abs(each) for each in values if each is not None]
    ends += [abs(end) for both in ranges if both is not None for end in both]
    axis = charts.LbpvAxis(max(ends))
    rows, bars = [], []
    for element, record in enumerate(records):
        assert record is not None and record.value is not None
        both = ranges[element]
        found = _standing(record, _floor_records(floor))
        outside = found is not None and found.position != "within"
        bars.append(axis.bar(element, record.value, both, outside))
        rows.append(
            {
                "element": element,
                "value": number(record.value, 2),
                "interval": span(record.low, record.high, 2),
                "range": span(*both, 2) if both else "",
                "place": found.position if found else "",
                "study": element in STUDY_ELEMENTS,
                "far": element in result.farthest,
            }
        )
    kinds = dict.fromkeys(result.farthest, "far") | {
        element: "both" if element in result.farthest else "study" for element in STUDY_ELEMENTS
    }
    named = charts.labels(kinds)
    order = [*STUDY_ELEMENTS, *(each for each in result.farthest if each not in STUDY_ELEMENTS)]
    return LbpvView(
        sentence=_lbpv_sentence(bars, ranges, floor),
        axis=axis,
        bars=bars,
        labels=named,
        lines=1 + max(label.line for label in named),
        named=[rows[element] for element in order],
        rows=rows,
        ranges=any(ranges),
    )


def _range_of(floor: Floor | None, metric: str) -> tuple[float, float] | None:
    found = _floor_records(floor).get(metric)
    if found is None or found.low is None or found.high is None:
        return None
    return found.low, found.high


def _lbpv_sentence(
    bars: Sequence[charts.Bar], ranges: Sequence[object], floor: Floor | None
) -> str:
    with_range = sum(each is not None for each in ranges)
    if not with_range or floor is None:
        return "There is no range of real images to hold the elements against."
    outside = sum(bar.outside for bar in bars)
    chance = chance_outside(floor.splits) * with_range
    return (
        f"{outside} of {with_range} elements lie outside the range of real images; about "
        f"{number(chance, 0)} would by chance alone."
    )


def _copies(result: SetResult, copies: Copies) -> CopiesView:
    found = copies.found
    judged = found.status == COMPUTED
    rule = ""
    if judged:
        rule = (
            f"An image is called a copy if it is nearer to a real one than "
            f"{number(found.threshold, 3)} times its distance to the nearest real image of another "
            f"group. Of as many images of new subjects {found.expected_false_alarms:.2g} would be "
            "called so by chance."
        )
    axis = charts.ShareAxis(
        found.relative_distance, found.calibration_relative_distance, np.array([found.threshold])
    )
    return CopiesView(
        sentence=_copies_sentence(result, copies),
        rule=rule,
        definition=found.definition,
        picture=charts.picture(copies.sheet),
        pairs=[_pair(pair) for pair in copies.pairs],
        axis=axis,
        synthetic=axis.histogram(found.relative_distance),
        real=axis.histogram(found.calibration_relative_distance),
        threshold=axis.percent(found.threshold) if judged else None,
        any_found=len(found.flagged) > 0,
    )


def _copies_sentence(result: SetResult, copies: Copies) -> str:
    found, total = copies.found, result.source.images
    if found.status != COMPUTED:
        return f"Copies cannot be told from likeness: {reason(found.status)}"
    flagged = len(found.flagged)
    interval = ""
    for record in result.records:
        if record.metric == COPIES and record.low is not None and record.high is not None:
            interval = f", 95 % interval {percent(record.low)} to {percent(record.high)}"
    share = f"({percent(flagged / total)} of {number(total, 0)}{interval})"
    if not flagged:
        return f"No synthetic image is called a copy of a real one {share}."
    if flagged == 1:
        return f"1 synthetic image is called a copy of a real one {share}."
    return f"{number(flagged, 0)} synthetic images are called copies of a real one {share}."


def _pair(pair: dict[str, Any]) -> dict[str, str]:
    turned = in_words(pair["flipped"], pair["rotation_degrees"])
    return {
        "synthetic": pair["synthetic"],
        "real": pair["real"],
        "turned": turned.replace("-", MINUS),
        "distance": number(pair["distance"], 2),
        "relative": number(pair["relative_distance"], 3),
        "called": "copy" if pair["copy"] else "no copy",
    }
