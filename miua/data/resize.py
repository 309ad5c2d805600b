"""How an image becomes square and small.

With antialiasing (the default) it is Pillow's `resize`: the filter's support grows with the
reduction. The default, its BILINEAR, a triangle, is what torchvision's Resize does, which the
study used. Without antialiasing the filter keeps the width it has for enlarging, so that a
reduction skips pixels: each pixel i of S is a weighted mean about (i + 1/2) L / S - 1/2 in the L
pixels of the image, weights beyond the border left out and the others normalised. That is what
torch's `interpolate` does unless told otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from miua.data.frame import RefusedError
from miua.data.window import rounded

Fit = Literal["stretch", "crop"]
Resize = Literal["bilinear", "bicubic", "lanczos", "box", "nearest"]
Kernel = Callable[[NDArray[np.float64]], NDArray[np.float64]]

_PILLOW = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "box": Image.Resampling.BOX,
    "nearest": Image.Resampling.NEAREST,
}


@dataclass(frozen=True)
class Square:
    """How an image becomes square and small: what `read_stack` says of the same arguments."""

    size: int | None
    fit: Fit = "stretch"
    crop_size: int | None = None
    resize: Resize = "bilinear"
    antialias: bool = True

    def __post_init__(self) -> None:
        if self.size is not None and self.size < 1:
            raise ValueError(f"size must be at least 1, got {self.size}")
        if self.fit not in get_args(Fit):
            raise ValueError(f"fit must be 'stretch' or 'crop', got {self.fit!r}")
        if self.crop_size is not None and self.fit != "crop":
            raise ValueError("crop_size needs fit='crop'")
        if self.resize not in get_args(Resize):
            raise ValueError(f"resize must be one of {get_args(Resize)}, got {self.resize!r}")

    def side(self, height: int, width: int) -> int | None:
        """Side of the square that is cropped from an image; None where none is."""
        return self.crop_size or min(height, width) if self.fit == "crop" else None

    def resamples(self, height: int, width: int) -> bool:
        """Whether an image of this size is resized, and not only cropped or left as it is."""
        if self.size is None:
            return False
        side = self.side(height, width)
        return (side != self.size) if side else (height, width) != (self.size, self.size)

    def how(self) -> str:
        """What is done to an image that is resized, in words."""
        whole = "stretched"
        if self.fit == "crop":
            side = f"centred {self.crop_size} x {self.crop_size}"
            whole = f"{side if self.crop_size else 'the largest centred square'} cropped"
        if self.resize == "nearest" or (self.resize == "box" and not self.antialias):
            return f"{whole}, nearest pixel"
        return f"{whole}, {self.resize} {'with' if self.antialias else 'without'} antialiasing"


def squared(pixels: NDArray[Any], square: Square) -> NDArray[Any]:
    """A grey image (H, W) as the square asks for it, in the type it has: uint8 or float64.

    RefusedError: it is too small to crop.
    """
    if square.size is None:
        return pixels
    height, width = pixels.shape
    if side := square.side(height, width):
        if side > min(width, height):
            raise RefusedError(
                f"has {width} x {height} pixels, too few to crop {side} x {side} from it."
            )
        left, top = (width - side) // 2, (height - side) // 2
        pixels = np.ascontiguousarray(pixels[top : top + side, left : left + side])
    if not square.resamples(height, width):
        return pixels
    if square.antialias or square.resize == "nearest":
        return _filtered(pixels, square.size, square.resize)
    return _sampled(pixels, square.size, square.resize)


def _filtered(pixels: NDArray[Any], size: int, resize: Resize) -> NDArray[Any]:
    """Pillow computes on 8 bits, or on 32-bit floats."""
    deep = pixels.dtype != np.uint8
    image = Image.fromarray(pixels.astype(np.float32) if deep else pixels)
    resized = np.asarray(image.resize((size, size), _PILLOW[resize]))
    return resized.astype(np.float64) if deep else resized


def _sampled(pixels: NDArray[Any], size: int, resize: Resize) -> NDArray[Any]:
    # Sums over the few weights in a fixed order, not a matrix product, whose last bits depend on
    # the processor.
    result = pixels.astype(np.float64)
    for _ in range(2):  # columns, then rows
        index, weight = _taps(len(result), size, *_KERNELS[resize])
        taken = np.zeros((size, result.shape[1]))
        for tap in range(weight.shape[1]):
            taken += weight[:, tap, None] * result[index[:, tap]]
        result = taken.T
    return rounded(result, np.uint8) if pixels.dtype == np.uint8 else result


def _taps(
    length: int, size: int, kernel: Kernel, support: int
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Which of `length` pixels go into each of `size`, and with what weight: (size, taps) both."""
    centre = (np.arange(size) + 0.5) * (length / size) - 0.5
    first = np.floor(centre).astype(np.intp) - support + 1
    index = first[:, None] + np.arange(2 * support)
    weight = np.where((index >= 0) & (index < length), kernel(index - centre[:, None]), 0.0)
    return np.clip(index, 0, length - 1), weight / weight.sum(axis=1, keepdims=True)


def _triangle(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.abs(x) < 1, 1 - np.abs(x), 0.0)


def _cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """R. Keys' cubic convolution with a = -0.5, as Pillow's BICUBIC."""
    x = np.abs(x)
    inner, outer = (1.5 * x - 2.5) * x * x + 1, ((2.5 - 0.5 * x) * x - 4) * x + 2
    return np.where(x < 1, inner, np.where(x < 2, outer, 0.0))


def _lanczos(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0.0)


def _box(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of two pixels that are equally near, the right one, as Pillow's NEAREST."""
    return ((x > -0.5) & (x <= 0.5)).astype(np.float64)


_KERNELS: dict[str, tuple[Kernel, int]] = {
    "bilinear": (_triangle, 1),
    "bicubic": (_cubic, 2),
    "lanczos": (_lanczos, 3),
    "box": (_box, 1),
}
