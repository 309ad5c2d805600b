"""The grids that a training draws of one latent batch: how the same images form, epoch by epoch."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from miua.charts.pictures import Picture, picture
from miua.errors import MiuaError
from miua.report.pictures import tile

SET_SIDE, STEP_SIDE = 4, 3  # images in a row and a column of what is shown of a set, of a step
SHOWN_PIXELS = 64  # of a side, at most: larger images are shown reduced by a whole factor
_NAME = re.compile(r"epoch_(\d{4,})\.png")


@dataclass(frozen=True)
class Step:
    """The first images of the latent batch after an epoch."""

    epoch: int
    picture: Picture


def reduction(side: int) -> int:
    """How many pixels of a side one shown pixel stands for."""
    return -(-side // SHOWN_PIXELS)


def sheet(stack: NDArray[np.uint8], count: int) -> Picture:
    """The first images of a stack (N, H, W) as one picture of `count` rows and columns."""
    first, factor = stack[: count**2], reduction(stack.shape[1])
    if factor > 1:
        first = np.stack([np.asarray(Image.fromarray(image).reduce(factor)) for image in first])
    return picture(tile(first, count, count))


def sample_steps(run: Path, side: int, last_epoch: int) -> list[Step]:
    """What a run kept of its latent batch up to an epoch, in order; images have side x side pixels.

    Raises:
        MiuaError: a grid is not a grey PNG of whole images.
    """
    named = [(int(match[1]), path) for path in (run / "samples").glob("*.png")
             if (match := _NAME.fullmatch(path.name))]  # fmt: skip
    return [
        Step(epoch, sheet(_images(path, side), STEP_SIDE))
        for epoch, path in sorted(named)
        if epoch <= last_epoch
    ]


def _images(path: Path, side: int) -> NDArray[np.uint8]:
    """The images of a grid without gaps, row by row: uint8 (N, side, side)."""
    try:
        with Image.open(path, formats=("PNG",)) as opened:
            grid = np.asarray(opened)
    except (UnidentifiedImageError, OSError, ValueError) as error:
        raise MiuaError(f"{path} is not a readable PNG ({error}). Train the run again.") from None
    if grid.dtype != np.uint8 or grid.ndim != 2 or any(length % side for length in grid.shape):
        raise MiuaError(f"{path} is no grid of {side} x {side} grey images. Train the run again.")
    rows, columns = (length // side for length in grid.shape)
    return grid.reshape(rows, side, columns, side).swapaxes(1, 2).reshape(-1, side, side)
