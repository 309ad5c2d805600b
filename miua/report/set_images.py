"""The images of sets and runs as page and figures show them, reduced where they are large."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from miua.charts.pictures import Picture, Stack, picture, tile
from miua.errors import MiuaError
from miua.files import read_array
from miua.provenance import PROVENANCE, read_provenance
from miua.study.store import Results

SET_SIDE, STEP_SIDE = 4, 3  # images in a row and a column of what is shown of a set, of a step
SHOWN_PIXELS = 64  # of a side, at most: larger images are shown reduced by a whole factor
MAKE_SET_AGAIN = "Make the set again."
_NAME = re.compile(r"epoch_(\d{4,})\.png")


def read_stack(path: Path) -> Stack:
    """An image stack, checked: uint8 (N, H, W)."""
    stack = read_array(path)
    if stack.dtype != np.uint8 or stack.ndim != 3 or not len(stack):
        raise MiuaError(f"{path} holds {stack.dtype} {stack.shape}, not a uint8 (N, H, W) stack.")
    return stack


def read_set(results: Results, name: str) -> Stack | None:
    """The images of a synthetic set; None if it has none, as its training diverged."""
    folder = results.set(name)
    recorded = (folder / PROVENANCE).exists()
    if recorded and read_provenance(folder, MAKE_SET_AGAIN).get("not_made"):
        return None
    return read_stack(results.set_stack(name))


def reduction(side: int) -> int:
    """How many pixels of a side one shown pixel stands for."""
    return -(-side // SHOWN_PIXELS)


def sheet(stack: Stack, count: int) -> Picture:
    """The first images of a stack (N, H, W) as one picture of `count` rows and columns."""
    first, factor = stack[: count**2], reduction(stack.shape[1])
    if factor > 1:
        first = np.stack([np.asarray(Image.fromarray(image).reduce(factor)) for image in first])
    return picture(tile(first, count, count))


def sample_steps(run: Path, side: int, last_epoch: int) -> list[tuple[int, Picture]]:
    """How the images of one latent batch form: the first of them after each epoch that a run kept.

    Up to an epoch, in order; images have side x side pixels.
    """
    named = [(int(match[1]), path) for path in (run / "samples").glob("*.png")
             if (match := _NAME.fullmatch(path.name))]  # fmt: skip
    return [
        (epoch, sheet(_images(path, side), STEP_SIDE))
        for epoch, path in sorted(named)
        if epoch <= last_epoch
    ]


def _images(path: Path, side: int) -> Stack:
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
