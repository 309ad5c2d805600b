"""Windows: how values deeper than 8 bits become grey values, where the person says so.

    v <= LOW -> 0,   v >= HIGH -> top,   between them   top (v - LOW) / (HIGH - LOW)

top is 255, or 65535 where a stack of 16 bits is asked for. Rounded half up. A DICOM file's own
window, of centre c and width w, is LOW, HIGH = c - 0.5 -+ (w - 1) / 2 for the function LINEAR and
c -+ w / 2 for LINEAR_EXACT (DICOM PS3.3, C.11.2.1.2); it applies after the modality rescale, as
LOW:HIGH does.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from miua.data.frame import Frame, RefusedError
from miua.errors import MiuaError

# (LOW, HIGH), or each DICOM file's own.
Window = tuple[float, float] | Literal["dicom"]


def parse_window(text: str) -> Window:
    """A window as it is given on the command line, LOW:HIGH or dicom; MiuaError if it is none."""
    if text == "dicom":
        return "dicom"
    try:
        low, high = map(float, text.split(":"))
        return checked_window((low, high))
    except ValueError:
        raise MiuaError(
            f"{text!r} is no window. Give LOW:HIGH, two numbers with LOW < HIGH, such as "
            "100:3000, or dicom for each DICOM file's own."
        ) from None


def checked_window(window: Window) -> Window:
    """The window itself; ValueError unless LOW < HIGH are finite or it is "dicom"."""
    if window == "dicom":
        return window
    low, high = window
    if not (isinstance(low, (int, float)) and math.isfinite(low) and math.isfinite(high)):
        raise ValueError(f"a window is (LOW, HIGH) or 'dicom', got {window!r}")
    if low >= high:
        raise ValueError(f"a window needs LOW < HIGH, got {low:g} and {high:g}")
    return float(low), float(high)


def window_in_words(window: Window) -> str:
    """The window as it is said in notes."""
    return "each file's own window" if window == "dicom" else f"window {window[0]:g}:{window[1]:g}"


def window_of(frame: Frame, window: Window | None) -> tuple[float, float]:
    """LOW and HIGH for a frame that needs a window; RefusedError where none is given."""
    if window == "dicom" and frame.window is not None:
        return frame.window
    if window is not None and window != "dicom":
        return window
    if window == "dicom":
        raise RefusedError("has no window of its own. Name one: --window LOW:HIGH.")
    own = ""
    if frame.window is not None:
        low, high = frame.window
        own = f", or --window dicom for its own ({low:g}:{high:g})"
    raise RefusedError(
        f"is deeper than 8 bits ({frame.depth}); its values run from {frame.pixels.min():g} to "
        f"{frame.pixels.max():g}. How to map them to 0..255 is your choice: "
        f"--window LOW:HIGH{own}."
    )


def through_window(
    values: NDArray[Any], low: float, high: float, top: int
) -> tuple[NDArray[np.float64], int]:
    """The values mapped to 0..top, not rounded, and how many lay outside LOW..HIGH."""
    values = values.astype(np.float64)
    if not np.isfinite(values).all():
        raise RefusedError("holds values that are not finite. Replace them.")
    clipped = int(np.count_nonzero((values < low) | (values > high)))
    if low == high:  # a DICOM window of width 1 is a threshold
        return np.where(values > low, float(top), 0.0), clipped
    return np.clip((values - low) / (high - low), 0.0, 1.0) * top, clipped


def rounded(values: NDArray[Any], dtype: type[np.uint8] | type[np.uint16]) -> NDArray[Any]:
    """Rounded half up to a type's whole range; what a filter swung beyond it is clipped."""
    return np.clip(np.floor(values + 0.5), 0, np.iinfo(dtype).max).astype(dtype)
