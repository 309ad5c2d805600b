"""The images of sets and runs, as the page embeds them and figures show them."""

import re
from itertools import product
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image, UnidentifiedImageError

from miua.analysis.training_images import read_stack as read_stack
from miua.charts import style
from miua.charts.pictures import WHITE, Picture, Stack, evenly, picture, tile
from miua.errors import MiuaError
from miua.provenance import PROVENANCE, read_provenance
from miua.study.store import Results, poster_epochs, poster_sizes

SET_SIDE, STEP_SIDE = 4, 3  # images in a row and a column of what is shown of a set, of a step
SHOWN_PIXELS = 64  # of a side, at most: larger images are shown reduced by a whole factor
IN_A_ROW = 10  # images of the figure of real and synthetic ones
MAKE_SET_AGAIN = "Make the set again."
_NAME = re.compile(r"epoch_(\d{4,})\.png")


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


def show_set(axes: Axes, results: Results, name: str, rows: int, columns: int) -> None:
    """The first images of a set, or in their place the word for a training that ended early."""
    stack = read_set(results, name)
    if stack is not None:
        show(axes, tile(stack, rows, columns))
        return
    axes.set(xticks=[], yticks=[], xlim=(0, 1), ylim=(0, 1), box_aspect=rows / columns)
    for spine in axes.spines.values():
        spine.set(visible=True, color=style.GREY, linestyle=":")
    axes.text(0.5, 0.5, "diverged", ha="center", va="center", color=style.GREY, fontsize=6)


def show(axes: Axes, picture: Stack) -> None:
    """Show grey values 0 to 255 as they are, without an axis."""
    axes.imshow(picture, cmap="gray", vmin=0, vmax=WHITE, interpolation="none")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def draw_poster_grids(results: Results) -> Figure:
    """Synthetic images of the poster's training sizes (rows) and epochs (columns)."""
    sizes, epochs = poster_sizes(results), poster_epochs(results)
    height, width = len(sizes) * 26 * style.MILLIMETRE, 0.74 * style.TEXT_WIDTH
    figure = style.new_figure(height, width)
    panels = figure.subplots(len(sizes), len(epochs), squeeze=False)
    for axes, (size, epoch) in zip(panels.ravel(), product(sizes, epochs), strict=True):
        show_set(axes, results, results.cell(size, epoch).set, 3, 6)
        axes.set_title(f"{size} images, {epoch} epochs", pad=3)
    return figure


def draw_overview(results: Results) -> Figure:
    """Nine synthetic images of every set: training sizes across, epochs down."""
    sizes, epochs = results.training_sizes, results.epochs
    width = 0.6 * style.TEXT_WIDTH
    cell = width / max(len(sizes), 4)
    figure = style.new_figure(height=0.94 * len(epochs) * cell + 7 * style.MILLIMETRE, width=width)
    panels = figure.subplots(len(epochs), len(sizes), squeeze=False)
    for axes, (epoch, size) in zip(panels.ravel(), product(epochs, sizes), strict=True):
        show_set(axes, results, results.cell(size, epoch).set, 3, 3)
    for axes, size in zip(panels[0], sizes, strict=True):
        axes.set_title(f"{size} images", fontsize=6, pad=2)
    for axes, epoch in zip(panels[:, 0], epochs, strict=True):
        axes.set_ylabel(f"{epoch} epochs", fontsize=6)
    return figure


def draw_real_and_synthetic(results: Results) -> Figure:
    """Reference images above synthetic images of the largest training size at the last epoch."""
    last = results.sets[-1]
    figure = style.new_figure(height=36 * style.MILLIMETRE)
    panels = figure.subplots(2, 1)
    kind = "Real images (HC18)" if results.plan.scientific else "Phantom images"
    made = f"Synthetic images ({last.training_size} training images, {last.epoch} epochs)"
    for axes, caption in zip(panels, (kind, made), strict=True):
        axes.set_title(caption, loc="left", pad=3)
    # HC18 is roughly in order of head size: evenly spread images show all of it.
    shown = evenly(read_stack(results.reference_stack), IN_A_ROW)
    show(panels[0], tile(shown, 1, IN_A_ROW))
    show_set(panels[1], results, last.set, 1, IN_A_ROW)
    return figure
