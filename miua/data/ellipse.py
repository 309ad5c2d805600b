"""The ellipse that stands for a fetal skull: its length, its inside and its outline in pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Ellipse:
    """Centre (x, y) and semi-axes in pixels, y pointing down; `angle` turns `major` from x to y.

    x, y: pixel centres are whole numbers. angle: radians.
    """

    x: float
    y: float
    major: float
    minor: float
    angle: float

    @property
    def perimeter(self) -> float:
        """Length in pixels, by Ramanujan's second formula (1914); error below 1e-9 for heads."""
        total = self.major + self.minor
        h = ((self.major - self.minor) / total) ** 2
        return math.pi * total * (1 + 3 * h / (10 + math.sqrt(4 - 3 * h)))

    @property
    def half_extent(self) -> tuple[float, float]:
        """Half the width and half the height of the upright box around it, in pixels."""
        cosine, sine = math.cos(self.angle), math.sin(self.angle)
        return (
            math.hypot(self.major * cosine, self.minor * sine),
            math.hypot(self.major * sine, self.minor * cosine),
        )

    def own_coordinates(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Coordinates (u, v) along the axes in which the ellipse is the unit circle."""
        cosine, sine = math.cos(self.angle), math.sin(self.angle)
        dx, dy = x - self.x, y - self.y
        return (dx * cosine + dy * sine) / self.major, (dy * cosine - dx * sine) / self.minor

    def outline(self, width: int, height: int) -> NDArray[np.uint8]:
        """The ellipse as a closed line one pixel wide: uint8 (height, width), 255 on 0."""
        # Twice as many points as pixels, so that no pixel of the line is left out.
        t = np.linspace(0, 2 * math.pi, max(16, math.ceil(2 * self.perimeter)), endpoint=False)
        along, across = self.major * np.cos(t), self.minor * np.sin(t)
        cosine, sine = math.cos(self.angle), math.sin(self.angle)
        x = np.rint(self.x + along * cosine - across * sine).astype(np.int64)
        y = np.rint(self.y + along * sine + across * cosine).astype(np.int64)
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        image = np.zeros((height, width), np.uint8)
        image[y[inside], x[inside]] = 255
        return image


def ellipse_of_perimeter(perimeter: float, ratio: float) -> tuple[float, float]:
    """Semi-axes (major, minor) of the ellipse with this perimeter and minor/major `ratio`."""
    unit = Ellipse(0, 0, 1.0, ratio, 0).perimeter
    return perimeter / unit, ratio * perimeter / unit
