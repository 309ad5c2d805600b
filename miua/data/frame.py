"""What a file holds, before it is windowed and resized: grey frames, and why one is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class RefusedError(Exception):
    """Why one image cannot be taken, and what would help; reads on after the file's name."""


class Fact(NamedTuple):
    """What was done to images of one kind: "3 DICOM images are MONOCHROME1: inverted"."""

    kind: str
    state: str
    done: str


@dataclass(frozen=True)
class Frame:
    """One grey image as its file holds it.

    pixels: (H, W); uint8, or numbers of another type, which need a window. depth: in words, such
    as "16 bits"; empty where the pixels are uint8. window: the file's own window (low, high).
    inverted: whether the lowest value means white; only where there is a depth, other pixels are
    inverted already. facts: what was done to get the pixels.
    """

    pixels: NDArray[Any]
    depth: str = ""
    window: tuple[float, float] | None = None
    inverted: bool = False
    facts: tuple[Fact, ...] = ()


def one_channel(pixels: NDArray[Any], kind: str) -> tuple[NDArray[Any], Fact]:
    """The one channel of pixels (H, W, 3 or 4) that are grey by content, of any type.

    RefusedError: a pixel has a colour, or is not opaque (the fourth channel, if there is one).
    """
    if pixels.shape[2] == 4 and (pixels[..., 3] != np.iinfo(pixels.dtype).max).any():
        raise RefusedError("has transparent pixels. Convert it to 8-bit grey explicitly.")
    grey = pixels[..., :1]
    if (pixels[..., 1:3] != grey).any():
        raise RefusedError("has coloured pixels. Convert it to 8-bit grey explicitly.")
    return np.ascontiguousarray(grey[..., 0]), Fact(kind, "grey by content", "one channel taken")
