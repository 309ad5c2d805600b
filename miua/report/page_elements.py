"""The 256 elements of the LBP vector: how far each is from the reference, and its place."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from miua.charts.axes import labels
from miua.files import read_array
from miua.metrics.registry import LBPV_ELEMENTS, STUDY_ELEMENTS, element_name
from miua.pages.kit import rounded
from miua.report.page_sets import Floor
from miua.study.store import COMPUTED, Results
from miua.wording import MISSING, number

NAMED = 10  # of the closest and of the farthest elements, in the table
WIDTH, HEIGHT, LINE = 768.0, 180.0, 22  # of the figure and of a line of names, in its own units
NAMES = [element_name(element) for element in range(LBPV_ELEMENTS)]


@dataclass(frozen=True)
class ElementRow:
    """An element in numbers, as text. why: for what it is named."""

    element: int
    place: str
    distance: str
    reference: str
    floor: str
    why: str


@dataclass(frozen=True)
class Bar:
    """A bar of the figure in its own units, from the left and the top.

    marked: of the study; its name then stands in this line above the bars, from 0.
    """

    element: int
    left: float
    top: float
    height: float
    marked: bool
    line: int


@dataclass(frozen=True)
class Elements:
    """All elements over the sets of the grid that have images.

    values, low, high: float64 (S, 256), reference minus set in counts per image, and the 95 %
    interval of that. reference: float64 (256,), mean counts. distance: (256,), mean over the sets
    of the absolute difference. place: (256,), ranks of the distance from 1, ties share the mean.
    order: int64 (256,), elements from the closest to the farthest.
    """

    sets: list[tuple[str, int, int]]
    values: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    reference: NDArray[np.float64]
    distance: NDArray[np.float64]
    place: NDArray[np.float64]
    order: NDArray[np.int64]


def read_elements(results: Results, metrics: pd.DataFrame) -> Elements | None:
    """The elements of these results; None where no set has images.

    Raises:
        MiuaError: the reference's vector is missing.
    """
    rows = metrics[metrics["metric"].isin(NAMES) & (metrics["status"] == COMPUTED)]
    names = [each for each in results.sets if each.set in set(rows["set"])]
    if not names:
        return None
    order = [each.set for each in names]
    values, low, high = (
        rows.pivot(index="set", columns="metric", values=column)
        .reindex(index=order, columns=NAMES)
        .to_numpy(dtype=np.float64)
        for column in ("value", "low", "high")
    )
    distance = np.abs(values).mean(axis=0)
    return Elements(
        [(each.set, each.training_size, each.epoch) for each in names],
        values,
        low,
        high,
        read_array(results.reference_lbpv),
        distance,
        stats.rankdata(distance),
        np.argsort(distance, kind="stable").astype(np.int64),
    )


def bars(elements: Elements) -> list[Bar]:
    """The elements from the closest to the farthest, heights compressed as a logarithm is."""
    width, most = WIDTH / LBPV_ELEMENTS, math.asinh(float(elements.distance.max()) or 1.0)
    found = []
    named = {int(np.flatnonzero(elements.order == each)[0]): "" for each in STUDY_ELEMENTS}
    lines = {label.element: label.line for label in labels(named)}
    for place, element in enumerate(elements.order):
        height = max(1.0, HEIGHT * math.asinh(float(elements.distance[element])) / most)
        line = lines.get(place)
        bar = Bar(int(element), place * width, HEIGHT - height, height, line is not None, line or 0)
        found.append(bar)
    return found


def room_for_names(drawn: list[Bar]) -> int:
    """How high the names above the bars reach, in the figure's units."""
    return 26 + LINE * max((bar.line for bar in drawn), default=0)


def named_rows(elements: Elements, floors: dict[str, Floor]) -> list[ElementRow]:
    """The study's four, then the closest ones, then the farthest."""
    closest = [int(each) for each in elements.order[:NAMED]]
    farthest = [int(each) for each in elements.order[::-1][:NAMED]]
    return [
        *(_row(elements, floors, each, "of the study") for each in STUDY_ELEMENTS),
        *(_row(elements, floors, each, "closest") for each in closest),
        *(_row(elements, floors, each, "farthest") for each in farthest),
    ]


def _row(elements: Elements, floors: dict[str, Floor], element: int, why: str) -> ElementRow:
    floor = floors.get(NAMES[element])
    return ElementRow(
        element,
        number(float(elements.place[element]), 0),
        number(float(elements.distance[element]), 2),
        number(float(elements.reference[element]), 2),
        floor.words if floor else MISSING,
        why,
    )


def element_data(elements: Elements, floors: dict[str, Floor]) -> dict[str, object]:
    """What the script needs: numbers in counts per image, null where there is none."""
    ranges = [floors.get(name) for name in NAMES]
    return {
        "sets": [[size, epoch] for _, size, epoch in elements.sets],
        "values": _rounded(elements.values),
        "low": _rounded(elements.low),
        "high": _rounded(elements.high),
        "reference": _rounded(elements.reference),
        "distance": _rounded(elements.distance),
        "place": _rounded(elements.place),
        "order": elements.order.tolist(),
        "floor": [[round(each.low, 3), round(each.high, 3)] if each else None for each in ranges],
        "study": list(STUDY_ELEMENTS),
    }


def _rounded(values: NDArray[np.float64]) -> list[object]:
    """Nested lists, each number `rounded`."""
    if values.ndim > 1:
        return [_rounded(row) for row in values]
    return [*rounded(values)]
