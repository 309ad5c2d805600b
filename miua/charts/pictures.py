"""Pictures as a page holds them, and images side by side."""

import base64
import io
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from miua.errors import MiuaError

LEAST_PIXELS, MOST_PIXELS = 96, 160  # on screen, of a sample image
WHITE = 255
GAP = 2  # pixels between the images of a grid

Stack = NDArray[np.uint8]


class Picture(NamedTuple):
    """A picture as the page holds it: its bytes as text, and its pixels."""

    source: str
    width: int
    height: int


def png(pixels: Stack, reduced: int = 1) -> bytes:
    """uint8 (H, W) or (H, W, 3) as a PNG of its pixels and nothing else.

    reduced: averages squares of so many pixels.
    """
    image = Image.fromarray(np.ascontiguousarray(pixels))
    data = io.BytesIO()
    (image.reduce(reduced) if reduced > 1 else image).save(data, format="PNG", optimize=True)
    return data.getvalue()


def picture(pixels: Stack, reduced: int = 1) -> Picture:
    """Pixels as `png` takes them, for the page."""
    return _embedded(png(pixels, reduced))


def png_file(path: Path) -> Picture:
    """A PNG file as a picture of the page, byte for byte."""
    try:
        return _embedded(path.read_bytes())
    except FileNotFoundError:
        raise MiuaError(f"{path} is missing. Draw the figures first.") from None
    except (UnidentifiedImageError, OSError, ValueError) as error:
        raise MiuaError(f"{path} is no PNG ({error}). Draw the figures again.") from None


def _embedded(data: bytes) -> Picture:
    with Image.open(io.BytesIO(data), formats=("PNG",)) as opened:
        size = opened.size
    return Picture(f"data:image/png;base64,{base64.b64encode(data).decode('ascii')}", *size)


class Samples(NamedTuple):
    """Some images of one source. zoom: how many pixels on screen one of theirs takes; reduced:
    how many of theirs one on screen stands for; one of both is 1."""

    pictures: tuple[Picture, ...]
    zoom: int
    reduced: int


def samples(sample: Stack, most: int = 16) -> Samples:
    """Up to `most` of the images (K, H, W), evenly spread, at a whole zoom."""
    side = max(sample.shape[1:])
    reduced = math.ceil(side / MOST_PIXELS)
    zoom = math.ceil(LEAST_PIXELS / side) if reduced == 1 else 1
    spread = evenly(sample, most)
    return Samples(tuple(picture(each, reduced) for each in spread), zoom, reduced)


def evenly(stack: Stack, most: int) -> Stack:
    """Up to `most` images of a stack, evenly spread over it."""
    chosen: Stack = stack[np.linspace(0, len(stack) - 1, min(len(stack), most)).astype(int)]
    return chosen


def tile(stack: Stack, rows: int, columns: int) -> Stack:
    """The first rows x columns images of a stack side by side, on white, with a gap between.

    The first images, never chosen ones. Places without an image stay white.
    """
    height, width = stack.shape[1:]
    shape = rows * (height + GAP) - GAP, columns * (width + GAP) - GAP
    tiled = np.full(shape, WHITE, dtype=np.uint8)
    for index, image in enumerate(stack[: rows * columns]):
        top, left = index // columns * (height + GAP), index % columns * (width + GAP)
        tiled[top : top + height, left : left + width] = image
    return tiled
