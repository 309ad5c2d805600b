"""The study's augmentation on image stacks: mirrored left to right, then rotated.

Rotations are those of `miua.data.model_space`: about the centre, bilinear, black where nothing
was. They are made in whole numbers, with weights in 1/256, so that every machine gives the same
grey levels; the augmentation, in floating point, lies within two grey levels of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

WEIGHTS = 256  # The four weights of a pixel add up to it: 256 * 255 still fits in 16 bits.


def transformed(stack: NDArray[np.uint8], flipped: bool, rotation: float) -> NDArray[np.uint8]:
    """A stack (N, H, W), mirrored if `flipped`, then rotated by `rotation` degrees.

    Positive angles turn counter-clockwise as the images are shown.
    """
    # To mirror first and then rotate is to rotate the other way and then mirror. The search does
    # the second, which serves both; so does this, to be equal to the last bit.
    turned = rotations(stack, [-rotation if flipped else rotation])[0]
    return np.ascontiguousarray(turned[:, :, ::-1] if flipped else turned)


def rotations(stack: NDArray[np.uint8], degrees: Sequence[float]) -> NDArray[np.uint8]:
    """A stack (N, H, W) rotated by each of A angles in turn, (A, N, H, W)."""
    count, height, width = stack.shape
    # Images along the last axis: a pixel of all images is then moved at once. The black frame
    # makes the interpolation fade to black at the border.
    framed = np.zeros((height + 3, width + 3, count), dtype=np.uint8)
    framed[1 : height + 1, 1 : width + 1] = stack.transpose(1, 2, 0)
    pixels = framed.reshape(-1, count)
    turned = np.empty((len(degrees), count, height * width), dtype=np.uint8)
    for place, angle in enumerate(degrees):
        if angle == 0:
            turned[place] = stack.reshape(count, -1)
            continue
        total = np.full((height * width, count), WEIGHTS // 2, dtype=np.uint16)
        for source, weight in _corners(height, width, angle):
            total += pixels[source] * weight[:, None]
        turned[place] = (total // WEIGHTS).T
    return turned.reshape(len(degrees), count, height, width)


def _corners(
    height: int, width: int, degrees: float
) -> list[tuple[NDArray[np.int64], NDArray[np.uint16]]]:
    """Where each pixel of a rotated image comes from: four pixels of the framed one, weighted."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    middle_y, middle_x = (height - 1) / 2, (width - 1) / 2
    down, across = np.indices((height, width)).reshape(2, -1)
    y = sine * (across - middle_x) + cosine * (down - middle_y) + middle_y
    x = cosine * (across - middle_x) - sine * (down - middle_y) + middle_x
    # What comes from further out than the frame comes from the frame, which is black as well.
    y, x = np.clip(y, -1, height) + 1, np.clip(x, -1, width) + 1
    top, left = np.floor(y).astype(np.int64), np.floor(x).astype(np.int64)
    lower = np.rint(WEIGHTS * (y - top))
    lower_right = np.rint(lower * (x - left))
    upper_right = np.rint((WEIGHTS - lower) * (x - left))
    weights = (WEIGHTS - lower - upper_right, upper_right, lower - lower_right, lower_right)
    stride = width + 3
    first = top * stride + left
    steps = (0, 1, stride, stride + 1)
    return [
        (first + step, weight.astype(np.uint16))
        for step, weight in zip(steps, weights, strict=True)
    ]
