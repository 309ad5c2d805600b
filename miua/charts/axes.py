"""Axes of the pages' own charts: where marks stand. The templates write the marks.

The pages draw their charts as HTML and SVG rather than as matplotlib's SVG: they follow light and
dark and the width of the screen, their scripts can point into them, and `miua evaluate --report`
needs no matplotlib. The same numbers give the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from miua.wording import number

MOST_TICKS = 6
STEPS = (1.0, 2.0, 5.0, 10.0)
EDGE = 3.0  # percent of an axis left free at either end, for marks that stand there


class Tick(NamedTuple):
    """at: in the chart's own units, along its axis."""

    at: float
    label: str


class Mark(NamedTuple):
    """A value on an axis, and its interval, in the chart's units.

    beyond: -1 or 1 where the value lies off the axis on that side, else 0.
    """

    at: float
    low: float | None
    high: float | None
    beyond: int


@dataclass(frozen=True)
class Axis:
    """The values `low` to `high` lie from `start` to `end` in the chart's units.

    compressed: by the inverse hyperbolic sine, linear near 0 and as a logarithm far from it.
    """

    low: float
    high: float
    start: float = 0.0
    end: float = 100.0
    compressed: bool = False

    @classmethod
    def over(
        cls, values: Iterable[float | None], start: float, end: float, room: float = 0.05
    ) -> Axis:
        """An axis over all finite values, with some room beyond them; 0 to 1 without any."""
        finite = [value for value in values if value is not None and math.isfinite(value)]
        low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
        margin = room * (high - low) if high > low else 0.5
        return cls(low - margin, high + margin, start, end)

    def at(self, value: float) -> float:
        """Where a value stands; a value off the axis stands at its end."""
        low, high, bounded = self.low, self.high, min(max(value, self.low), self.high)
        if self.compressed:
            low, high, bounded = map(math.asinh, (low, high, bounded))
        return self.start + (bounded - low) / (high - low) * (self.end - self.start)

    def mark(self, value: float, low: float | None, high: float | None) -> Mark:
        """A value with its interval."""
        beyond = (value > self.high) - (value < self.low)
        start, end = (None if each is None else self.at(each) for each in (low, high))
        return Mark(self.at(value), start, end, beyond)

    def band(self, low: float, high: float) -> tuple[float, float]:
        """Where a range begins, and how long it is."""
        start, end = sorted((self.at(low), self.at(high)))
        return start, end - start

    @property
    def ticks(self) -> list[Tick]:
        """At most six round values on the axis; on a compressed one, 0 and powers of ten."""
        if self.compressed:
            steps = [10.0**power for power in range(6) if 10.0**power <= self.high]
            both = [*(-step for step in reversed(steps)), 0.0, *steps]
            return [Tick(self.at(step), number(step)) for step in both]
        rough = (self.high - self.low) / (MOST_TICKS - 1)
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * each for each in STEPS if power * each >= rough * (1 - 1e-9))
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        decimals = max(0, -math.floor(math.log10(step) + 1e-9))
        return [
            Tick(self.at(place * step), number(place * step, decimals))
            for place in range(first, last + 1)
        ]


def path(x: Axis, y: Axis, xs: Iterable[float], ys: Iterable[float]) -> str:
    """The `d` of an SVG path through the points; it breaks where a value is not finite."""
    parts, pen = [], "M"
    for across, up in zip(xs, ys, strict=True):
        if math.isfinite(up):
            parts.append(f"{pen}{x.at(across):.1f} {y.at(up):.1f}")
        pen = "L" if math.isfinite(up) else "M"
    return "".join(parts)


class Column(NamedTuple):
    """One bar of a histogram, in the chart's units: from the left, wide, and high in percent."""

    left: float
    width: float
    height: float


def histogram(axis: Axis, values: NDArray[np.float64], bins: int = 50) -> list[Column]:
    """Columns of equal width over a linear axis, the highest at full height; nan is left out."""
    reach = (axis.low, axis.high)
    counts, _ = np.histogram(values[np.isfinite(values)], bins=bins, range=reach)
    width = (axis.end - axis.start) / bins
    return [
        Column(axis.start + width * place, width, 100 * int(count) / int(counts.max()))
        for place, count in enumerate(counts)
        if count
    ]


class Label(NamedTuple):
    """A named element of a vector: its place in percent from the left, its line, its kind."""

    element: int
    at: float
    line: int
    kind: str


def labels(elements: dict[int, str], apart: int = 28) -> list[Label]:
    """Labels of some of 256 elements, by their kinds; each in the first line where the one before
    is `apart` elements away, so that none covers another on a phone."""
    last: list[int] = []
    found = []
    for element, kind in sorted(elements.items()):
        line = next((n for n, before in enumerate(last) if element - before >= apart), len(last))
        last[line : line + 1] = [element]
        found.append(Label(element, 100 * (element + 0.5) / 256, line, kind))
    return found
