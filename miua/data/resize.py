"""How an image becomes square and small.

With antialiasing (the default) it is Pillow's `resize`: the filter's support grows with the
reduction. The default, its BILINEAR, a triangle, is what torchvision's Resize does, which the
study used. Without antialiasing the filter keeps the width it has for enlarging, so that a
reduction skips pixels: each pixel i of S is a weighted mean about (i + 1/2) L / S - 1/2 in the L
pixels of the image, weights beyond the border left out and the others normalised. That is what
torch's `interpolate` does unless told otherwise.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from miua.data.reading import ReadingOptions, RefusedError, rounded


def squared(pixels: NDArray[Any], options: ReadingOptions) -> tuple[NDArray[Any], str]:
    """A grey image (H, W) as the options ask for it, in the type it has, uint8 or float64; and what
    was done: "resized", "cropped", or "". RefusedError: it is too small to crop."""
    size, (height, width) = options.size, pixels.shape
    if size is None:
        return pixels, ""
    if options.fit == "crop":
        side = options.crop_size or min(height, width)
        if side > min(width, height):
            few = f"has {width} x {height} pixels, too few"
            raise RefusedError(f"{few} to crop {side} x {side} from it.")
        left, top = (width - side) // 2, (height - side) // 2
        pixels = np.ascontiguousarray(pixels[top : top + side, left : left + side])
    if pixels.shape == (size, size):
        return pixels, "cropped" if (height, width) != (size, size) else ""
    if options.nearest:
        # The pixel in which each centre lies; in integers, while Pillow misses some by rounding.
        rows, columns = ((2 * np.arange(size) + 1) * side // (2 * size) for side in pixels.shape)
        return pixels[np.ix_(rows, columns)], "resized"
    if not options.antialias:
        return _sampled(pixels, size, *_KERNELS[options.resize]), "resized"
    # Pillow computes on 8 bits, or on 32-bit floats.
    deep = pixels.dtype != np.uint8
    image = Image.fromarray(pixels.astype(np.float32) if deep else pixels)
    resized = np.asarray(image.resize((size, size), Image.Resampling[options.resize.upper()]))
    return resized.astype(np.float64) if deep else resized, "resized"


Kernel = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def _sampled(pixels: NDArray[Any], size: int, kernel: Kernel, support: int) -> NDArray[Any]:
    result = pixels.astype(np.float64)
    for _ in range(2):  # columns, then rows
        length = len(result)
        # Which pixels go into each new one, and with what weight: (size, taps) both.
        centre = (np.arange(size) + 0.5) * (length / size) - 0.5
        first = np.floor(centre).astype(np.intp) - support + 1
        index = first[:, None] + np.arange(2 * support)
        weight = np.where((index >= 0) & (index < length), kernel(index - centre[:, None]), 0.0)
        weight /= weight.sum(axis=1, keepdims=True)
        # Sums over the few weights in a fixed order, not a matrix product, whose last bits depend
        # on the processor.
        taken = np.zeros((size, result.shape[1]))
        for column, weights in zip(np.clip(index, 0, length - 1).T, weight.T, strict=True):
            taken += weights[:, None] * result[column]
        result = taken.T
    return rounded(result, np.uint8) if pixels.dtype == np.uint8 else result


def _cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """R. Keys' cubic convolution with a = -0.5, as Pillow's BICUBIC."""
    x = np.abs(x)
    inner, outer = (1.5 * x - 2.5) * x * x + 1, ((2.5 - 0.5 * x) * x - 4) * x + 2
    return np.where(x < 1, inner, np.where(x < 2, outer, 0.0))


# Each filter, and how far it reaches.
_KERNELS: dict[str, tuple[Kernel, int]] = {
    "bilinear": (lambda x: np.where(np.abs(x) < 1, 1 - np.abs(x), 0.0), 1),
    "bicubic": (_cubic, 2),
    "lanczos": (lambda x: np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0.0), 3),
}
