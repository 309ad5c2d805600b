"""Small charts that the page draws itself, as SVG: places only, the templates write the marks.

They follow light and dark, stay sharp, and are the same bytes each time.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

MOST_TICKS = 6
STEPS = (1.0, 2.0, 5.0, 10.0)


@dataclass(frozen=True)
class Tick:
    """at: in the chart's own units, along its axis."""

    at: float
    label: str


@dataclass(frozen=True)
class Axis:
    """A linear axis: the values `low` to `high` lie from `start` to `end` in the chart's units."""

    low: float
    high: float
    start: float
    end: float

    @classmethod
    def over(cls, values: Iterable[float], start: float, end: float, room: float = 0.05) -> Axis:
        """An axis over all finite values, with some room beyond them; 0 to 1 without any."""
        finite = [value for value in values if math.isfinite(value)]
        low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
        margin = room * (high - low) or 0.5
        return cls(low - margin, high + margin, start, end)

    def at(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    @property
    def ticks(self) -> list[Tick]:
        """Round values within the axis, six at most."""
        rough = (self.high - self.low) / (MOST_TICKS - 1)
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * each for each in STEPS if power * each >= rough * (1 - 1e-9))
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        decimals = max(0, -math.floor(math.log10(step) + 1e-9))
        return [
            Tick(self.at(place * step), f"{place * step + 0.0:.{decimals}f}".replace("-", "−"))
            for place in range(first, last + 1)
        ]


def path(x: Axis, y: Axis, xs: Sequence[float], ys: Sequence[float]) -> str:
    """The `d` of an SVG path through the points; it breaks where a value is not finite."""
    parts, pen_is_down = [], False
    for across, up in zip(xs, ys, strict=True):
        if not math.isfinite(up):
            pen_is_down = False
            continue
        parts.append(f"{'L' if pen_is_down else 'M'}{x.at(across):.1f} {y.at(up):.1f}")
        pen_is_down = True
    return "".join(parts)


def outline(
    x: Axis, y: Axis, xs: Sequence[float], low: Sequence[float], high: Sequence[float]
) -> str:
    """The `d` of the area between two lines of finite values."""
    there = [f"{x.at(a):.1f} {y.at(b):.1f}" for a, b in zip(xs, high, strict=True)]
    back = [f"{x.at(a):.1f} {y.at(b):.1f}" for a, b in zip(xs, low, strict=True)]
    return f"M{'L'.join([*there, *reversed(back)])}Z"


def with_gaps(values: Iterable[float | None]) -> list[float]:
    """The numbers, with NaN where there is none: a gap in the path."""
    return [float(np.nan) if value is None else float(value) for value in values]
