"""What the page of an evaluation shows of one set: its numbers, places of marks, sentences."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from miua.charts.axes import EDGE, Axis, Mark, histogram, labels
from miua.charts.pictures import picture, samples
from miua.evaluation.result import Copies, Evaluation, FloorRecord, SetResult
from miua.evaluation.standing import Standing, chance_outside, how_they_compare, reason, standing
from miua.metrics.lbpv import LBPV_DIFFERENCES
from miua.metrics.records import COMPUTED, NO_INTERVAL, MetricRecord
from miua.metrics.registry import COPIES, DIRECTIONS, STUDY_ELEMENTS, Measure, element_name, measure
from miua.wording import number, percent

NARROWEST, WIDEST = 3.0, 10_000.0  # half-widths of the range that the axis of chance shows
LBPV_HEIGHT = 200.0  # of the figure of the LBP vector, in its own units
_ELEMENTS = frozenset(LBPV_DIFFERENCES)
_STUDY = frozenset(map(element_name, STUDY_ELEMENTS))


class MetricRow(NamedTuple):
    """A metric of a set beside the range of real images.

    held: the record as it is held against the range, of as many images as the floor's halves;
    standing: None without a range; mark: on a figure's axis, None where it has no place there.
    """

    record: MetricRecord
    shown: Measure
    floor: FloorRecord | None
    held: MetricRecord
    standing: Standing | None
    mark: Mark | None = None

    @property
    def outside(self) -> bool:
        return self.standing is not None and self.standing.position != "within"

    @property
    def half_widths(self) -> tuple[float | None, ...]:
        """What is held and both ends of its interval, in half-widths of the range from its middle;
        None for what is missing, or where the range has no width."""
        ends, ours = range_of(self.floor), (self.held.value, self.held.low, self.held.high)
        if ends is None:
            return (None, None, None)
        low, high = ends
        return tuple(
            None if each is None else (2 * each - low - high) / (high - low) for each in ours
        )


def range_of(floor: FloorRecord | None) -> tuple[float, float] | None:
    """The range of real images, if it has a width."""
    if floor is None or floor.low is None or floor.high is None or not floor.high > floor.low:
        return None
    return floor.low, floor.high


def set_view(evaluation: Evaluation, result: SetResult, axis: Axis) -> dict[str, Any]:
    """One synthetic set, as the template shows it.

    axis: the one of `chance_axis`, so that figures of several sets can be held together. key: of
    the set, for ids. missing: what was not computed, by reason.
    """
    rows = [_marked(row_of(evaluation, result, each), axis) for each in metrics_of(result)]
    elements = [
        _marked(row_of(evaluation, result, record), axis)
        for record in result.records
        if record.metric in _STUDY and record.status == COMPUTED
    ]
    placed = [(r.shown.label, r.standing) for r in rows if r.shown.name != COPIES.name]
    lacking = sum(r.status != COMPUTED and r.metric not in _ELEMENTS for r in result.records)
    there = evaluation.floor is not None and bool(evaluation.floor.records)
    copies = None if result.copies is None else _copies(result, result.copies)
    return {
        "key": f"set-{evaluation.sets.index(result) + 1}",
        "result": result,
        "sentence": how_they_compare(placed, lacking, there),
        "copies_sentence": copies["sentence"] if copies else "",
        "rows": rows,
        "elements": elements,
        "missing": missing(result.records),
        "samples": samples(result.source.sample),
        "lbpv": _lbpv(evaluation, result),
        "copies": copies,
    }


def metrics_of(result: SetResult) -> list[MetricRecord]:
    """The computed metrics, without the LBPv elements."""
    return [r for r in result.records if r.status == COMPUTED and r.metric not in _ELEMENTS]


def row_of(evaluation: Evaluation, result: SetResult, record: MetricRecord) -> MetricRow:
    """A record beside the noise floor, without a mark."""
    shown, floor = measure(record.metric), None
    if evaluation.floor is not None:
        floor = evaluation.floor.records.get(record.metric)
    held = result.beside_floor(record)
    return MetricRow(record, shown, floor, held, standing(held, floor, shown.better))


def chance_axis(evaluation: Evaluation) -> Axis:
    """The range of real images is -1 to 1 for every metric, whatever its unit; compressed beyond.

    One axis that holds every value of every set, and the intervals as far as they are finite.
    """
    reached = [NARROWEST]
    for result in evaluation.sets:
        for record in result.records:
            if record.metric not in _ELEMENTS or record.metric in _STUDY:
                ends = row_of(evaluation, result, record).half_widths
                reached += [abs(end) for end in ends if end is not None and math.isfinite(end)]
    limit = min(max(reached), WIDEST)
    return Axis(-limit, limit, EDGE, 100 - EDGE, compressed=True)


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
        told = record.definition.partition(NO_INTERVAL)[0]  # why there is none stands by the value
        if len(told) > len(found.get(key, ("", "", ""))[2]) or key not in found:
            found[key] = (head, what, told)
    return list(found.values())


def _marked(row: MetricRow, axis: Axis) -> MetricRow:
    """The row with its mark on the axis of chance, if the range has a width."""
    value, low, high = row.half_widths
    return row if value is None else row._replace(mark=axis.mark(value, low, high))


def missing(records: Iterable[MetricRecord]) -> dict[str, list[str]]:
    """The labels of what was not computed, by the reason."""
    by_reason: dict[str, dict[str, None]] = {}
    for record in records:
        if record.status != COMPUTED:
            label = "LBPv" if record.metric in _ELEMENTS else measure(record.metric).label
            by_reason.setdefault(reason(record.status), {})[label] = None
    return {why: list(labels) for why, labels in by_reason.items()}


def _lbpv(evaluation: Evaluation, result: SetResult) -> dict[str, Any] | None:
    """The LBP vector's differences. named: elements of the study, then the farthest."""
    known = {record.metric: record for record in result.records if record.value is not None}
    if not all(name in known for name in LBPV_DIFFERENCES):
        return None
    rows = [row_of(evaluation, result, known[name]) for name in LBPV_DIFFERENCES]
    ends = [row.record.value for row in rows]
    ends += [end for row in rows if row.floor for end in (row.floor.low, row.floor.high)]
    limit = 1.05 * max(1.0, *(abs(end) for end in ends if end is not None))
    farthest = [each for each in result.farthest if each not in STUDY_ELEMENTS]
    kinds = dict.fromkeys(farthest, "far") | {
        element: "both" if element in result.farthest else "study" for element in STUDY_ELEMENTS
    }
    named = labels(kinds)
    return {
        "sentence": _lbpv_sentence(evaluation, rows),
        "axis": Axis(-limit, limit, LBPV_HEIGHT, 0, compressed=True),
        "rows": rows,
        "labels": named,
        "lines": 1 + max(label.line for label in named),
        "named": [*STUDY_ELEMENTS, *farthest],
    }


def _lbpv_sentence(evaluation: Evaluation, rows: Sequence[MetricRow]) -> str:
    with_range = sum(row.standing is not None for row in rows)
    if not with_range or evaluation.floor is None:
        return "There is no range of real images to hold the elements against."
    outside = sum(row.outside for row in rows)
    taken = [row.floor.splits for row in rows if row.floor is not None and row.standing is not None]
    chance = sum(map(chance_outside, taken))
    return (
        f"{outside} of {with_range} elements lie outside the range of real images; about "
        f"{number(chance)} would by chance alone."
    )


def _copies(result: SetResult, copies: Copies) -> dict[str, Any]:
    """The memorisation check.

    rule: when an image is called a copy, "" if none can be; synthetic, real: the histograms of
    relative distances on their axis; threshold: on it, in percent from the left.
    """
    found, rule, threshold = copies.found, "", None
    distances, real = found.relative_distance, found.calibration_relative_distance
    every = np.array([*distances, *real, found.threshold])
    least = float(every[np.isfinite(every)].min(initial=1.0))
    # From a whole tenth below all distances, which are 0 to 1, up to 1.
    axis = Axis(max(0, math.floor(10 * least - 0.5)) / 10, 1.0)
    if found.status == COMPUTED:
        threshold = axis.at(found.threshold)
        rule = (
            f"An image is called a copy if it is nearer to a real one than "
            f"{number(found.threshold, 3)} times its distance to the nearest real image of another "
            f"group. Of as many images of new subjects {found.expected_false_alarms:.2g} would be "
            "called so by chance."
        )
    return {
        "sentence": _copies_sentence(result, copies),
        "rule": rule,
        "picture": picture(copies.sheet),
        "axis": axis,
        "synthetic": histogram(axis, distances),
        "real": histogram(axis, real),
        "threshold": threshold,
    }


def _copies_sentence(result: SetResult, copies: Copies) -> str:
    found, total = copies.found, result.source.images
    if found.status != COMPUTED:
        return f"Copies cannot be told from likeness: {reason(found.status)}"
    flagged, interval = len(found.flagged), ""
    for record in result.records:
        if record.metric == COPIES.name and record.low is not None and record.high is not None:
            interval = f", 95 % interval {percent(record.low)} to {percent(record.high)}"
    share = f"({percent(flagged / total)} of {number(total)}{interval})"
    if not flagged:
        return f"No synthetic image is called a copy of a real one {share}."
    if flagged == 1:
        return f"1 synthetic image is called a copy of a real one {share}."
    return f"{number(flagged)} synthetic images are called copies of a real one {share}."
