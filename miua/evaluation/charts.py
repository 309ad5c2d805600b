"""Where the marks of the page's figures stand, and its pictures as text.

The figures are drawn by the page itself, from positions in percent: so they fit any width, follow
light and dark, and are the same bytes each time.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from miua.evaluation.words import number

NARROWEST, WIDEST = 3.0, 10_000.0  # half-widths of the range that an axis of chance shows
EDGE = 3.0  # percent of an axis left free at either end, for marks that stand there
LEAST_PIXELS, MOST_PIXELS = 96, 160  # on screen, of a sample image
LBPV_HEIGHT = 200.0  # of the LBPv figure, in its own units


@dataclass(frozen=True)
class Tick:
    """at: percent from the left (or the top)."""

    at: float
    label: str


@dataclass(frozen=True)
class Mark:
    """A value on an axis, and its interval, in percent from the left.

    beyond: -1 or 1 where the value lies off the axis on that side, else 0.
    """

    at: float
    low: float | None
    high: float | None
    beyond: int


class ChanceAxis:
    """An axis on which the range of real images is -1 to 1 for every metric, whatever its unit.

    Beyond, it is compressed as a logarithm is (inverse hyperbolic sine), alike on both sides.
    """

    def __init__(self, limit: float) -> None:
        self.limit = min(max(limit, NARROWEST), WIDEST)

    @staticmethod
    def scaled(value: float, low: float, high: float) -> float:
        """The value in half-widths of the range from its middle; the range must have a width."""
        return (2 * value - low - high) / (high - low)

    def percent(self, scaled: float) -> float:
        bounded = min(max(scaled, -self.limit), self.limit)
        return 50 + (50 - EDGE) * math.asinh(bounded) / math.asinh(self.limit)

    def mark(self, value: float, low: float | None, high: float | None) -> Mark:
        """All in half-widths."""
        beyond = 0 if abs(value) <= self.limit else int(math.copysign(1, value))
        return Mark(self.percent(value), self._end(low), self._end(high), beyond)

    def _end(self, value: float | None) -> float | None:
        return None if value is None else self.percent(value)

    @property
    def range(self) -> tuple[float, float]:
        """Where the range of real images begins, and how wide it is, in percent."""
        return self.percent(-1), self.percent(1) - self.percent(-1)

    @property
    def ticks(self) -> list[Tick]:
        steps = [10.0**power for power in range(5) if 10.0**power <= self.limit]
        both = [-step for step in reversed(steps)] + [0.0] + steps
        return [Tick(self.percent(step), number(step, 0)) for step in both]


class PlainAxis:
    """A linear axis over all the finite numbers it is given."""

    def __init__(self, numbers: Iterable[float | None]) -> None:
        finite = [each for each in numbers if each is not None and math.isfinite(each)]
        self.low, self.high = (min(finite), max(finite)) if finite else (0.0, 0.0)

    def percent(self, value: float) -> float:
        if self.high == self.low:
            share = 0.5 if value == self.low else float(value > self.low)
        else:
            share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return EDGE + (100 - 2 * EDGE) * share

    def mark(self, value: float, low: float | None, high: float | None) -> Mark:
        beyond = (value > self.high) - (value < self.low)
        return Mark(self.percent(value), self._end(low), self._end(high), beyond)

    def _end(self, value: float | None) -> float | None:
        return None if value is None else self.percent(value)


@dataclass(frozen=True)
class Bar:
    """One LBPv element in the figure: all in the figure's own units, from the left and the top."""

    element: int
    left: float
    top: float
    height: float
    floor_top: float | None
    floor_height: float | None
    outside: bool


@dataclass(frozen=True)
class Label:
    """A named element: its place in percent from the left, in which line, and how it is marked."""

    element: int
    at: float
    line: int
    kind: str


class LbpvAxis:
    """Differences of counts, up to `limit` either way; compressed beyond one count."""

    def __init__(self, limit: float) -> None:
        self.limit = max(limit, 1.0) * 1.05

    def top(self, value: float) -> float:
        """Of a value, from the figure's top."""
        return LBPV_HEIGHT / 2 * (1 - math.asinh(value) / math.asinh(self.limit))

    @property
    def ticks(self) -> list[Tick]:
        steps = [10.0**power for power in range(6) if 10.0**power <= self.limit]
        both = [*steps, 0.0, *(-step for step in steps)]
        return [Tick(100 * self.top(step) / LBPV_HEIGHT, number(step, 0)) for step in both]

    def bar(
        self, element: int, value: float, floor: tuple[float, float] | None, outside: bool
    ) -> Bar:
        tops = sorted((self.top(value), self.top(0)))
        floor_top = floor_height = None
        if floor is not None:
            floor_top = self.top(floor[1])
            floor_height = self.top(floor[0]) - floor_top
        return Bar(element, element, tops[0], tops[1] - tops[0], floor_top, floor_height, outside)


def labels(elements: dict[int, str], apart: int = 28) -> list[Label]:
    """Labels of elements, by their kinds; each in the first line where the one before is `apart`
    elements away, so that none covers another on a phone."""
    last: list[int] = []
    found = []
    for element in sorted(elements):
        line = next((n for n, before in enumerate(last) if element - before >= apart), len(last))
        last[line : line + 1] = [element]
        at = 100 * (element + 0.5) / 256
        found.append(Label(element, at, line, elements[element]))
    return found


@dataclass(frozen=True)
class Column:
    """One bar of a histogram, in percent: from the left, wide, high."""

    left: float
    width: float
    height: float


class ShareAxis:
    """From a whole tenth below all the finite numbers it is given, which are 0 to 1, up to 1."""

    def __init__(self, *numbers: NDArray[np.float64]) -> None:
        every = np.concatenate(numbers)
        least = float(every[np.isfinite(every)].min(initial=1.0))
        self.tenths = max(0, math.floor(10 * least - 0.5))

    def percent(self, share: float) -> float:
        return 100 * (10 * share - self.tenths) / (10 - self.tenths)

    @property
    def ticks(self) -> list[Tick]:
        return [Tick(self.percent(n / 10), number(n / 10, 1)) for n in range(self.tenths, 11)]

    def histogram(self, shares: NDArray[np.float64], bins: int = 50) -> list[Column]:
        """Columns of equal width, the highest of full height; without nan."""
        reach = (self.tenths / 10, 1.0)
        counts, _ = np.histogram(shares[np.isfinite(shares)], bins=bins, range=reach)
        width = 100 / bins
        return [
            Column(width * place, width, 100 * int(count) / int(counts.max()))
            for place, count in enumerate(counts)
            if count
        ]


@dataclass(frozen=True)
class Picture:
    """A picture as the page holds it: its bytes as text, and its pixels."""

    source: str
    width: int
    height: int


def picture(pixels: NDArray[np.uint8], reduced: int = 1) -> Picture:
    """uint8 (H, W) or (H, W, 3) as a PNG; `reduced` averages squares of so many pixels."""
    image = Image.fromarray(np.ascontiguousarray(pixels))
    if reduced > 1:
        image = image.reduce(reduced)
    data = io.BytesIO()
    image.save(data, format="PNG", optimize=True)
    text = base64.b64encode(data.getvalue()).decode("ascii")
    return Picture(f"data:image/png;base64,{text}", *image.size)


@dataclass(frozen=True)
class Samples:
    """Some images of one source. zoom: how many pixels on screen one of theirs takes; reduced:
    how many of theirs one on screen stands for; one of both is 1."""

    pictures: tuple[Picture, ...]
    zoom: int
    reduced: int


def samples(sample: NDArray[np.uint8], most: int = 16) -> Samples:
    """Up to `most` of the images (K, H, W), evenly spread, at a whole zoom."""
    side = max(sample.shape[1:])
    reduced = math.ceil(side / MOST_PIXELS)
    zoom = math.ceil(LEAST_PIXELS / side) if reduced == 1 else 1
    spread = np.linspace(0, len(sample) - 1, min(len(sample), most)).astype(int)
    return Samples(tuple(picture(each, reduced) for each in sample[spread]), zoom, reduced)


def chunks(items: Sequence[str], most: int) -> list[list[str]]:
    """In parts of nearly equal length, of at most `most`: tables that a page can hold."""
    if not items:
        return []
    parts = math.ceil(len(items) / most)
    return [list(part) for part in np.array_split(np.array(items, dtype=object), parts)]
