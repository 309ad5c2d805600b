"""Figures that show images: synthetic sets in grids, real images beside synthetic ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from miua.errors import MiuaError
from miua.files import read_array
from miua.provenance import PROVENANCE, read_provenance
from miua.report import style
from miua.study.store import Results, poster_epochs, poster_sizes

WHITE = 255
MAKE_SET_AGAIN = "Make the set again."
GAP = 2  # pixels between the images of a grid

Stack = NDArray[np.uint8]


def read_stack(path: Path) -> Stack:
    """An image stack: uint8 (N, H, W).

    Raises:
        MiuaError: the stack is missing or is none.
    """
    stack = read_array(path)
    if stack.dtype != np.uint8 or stack.ndim != 3 or not len(stack):
        raise MiuaError(f"{path} holds {stack.dtype} {stack.shape}, not a uint8 (N, H, W) stack.")
    return stack


def read_set(results: Results, name: str) -> Stack | None:
    """The images of a synthetic set; None if it has none, as its training diverged.

    Raises:
        MiuaError: the images are missing without that reason, or are none.
    """
    folder = results.folder / "sets" / name
    recorded = (folder / PROVENANCE).exists()
    if recorded and read_provenance(folder, MAKE_SET_AGAIN).get("not_made"):
        return None
    return read_stack(folder / "images.npy")


def tile(stack: Stack, rows: int, columns: int) -> Stack:
    """The first rows x columns images of a stack side by side, on white, with a gap between.

    The first images, never chosen ones. Places without an image stay white.
    """
    height, width = stack.shape[1:]
    tiled = np.full(
        (rows * (height + GAP) - GAP, columns * (width + GAP) - GAP), WHITE, dtype=np.uint8
    )
    for index, image in enumerate(stack[: rows * columns]):
        top = index // columns * (height + GAP)
        left = index % columns * (width + GAP)
        tiled[top : top + height, left : left + width] = image
    return tiled


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
    rows, columns = 3, 6
    figure = style.new_figure(
        height=len(sizes) * 26 * style.MILLIMETRE, width=0.74 * style.TEXT_WIDTH
    )
    panels = figure.subplots(len(sizes), len(epochs), squeeze=False)
    for down, size in enumerate(sizes):
        for across, epoch in enumerate(epochs):
            name = results.cell(size, epoch).set
            show_set(panels[down, across], results, name, rows, columns)
            panels[down, across].set_title(f"{size} images, {epoch} epochs", pad=3)
    return figure


def draw_overview(results: Results) -> Figure:
    """Nine synthetic images of every set: training sizes across, epochs down."""
    sizes, epochs = results.training_sizes, results.epochs
    width = 0.6 * style.TEXT_WIDTH
    cell = width / max(len(sizes), 4)
    figure = style.new_figure(height=0.94 * len(epochs) * cell + 7 * style.MILLIMETRE, width=width)
    panels = figure.subplots(len(epochs), len(sizes), squeeze=False)
    for row, epoch in enumerate(epochs):
        for column, size in enumerate(sizes):
            axes = panels[row, column]
            show_set(axes, results, results.cell(size, epoch).set, 3, 3)
            if row == 0:
                axes.set_title(f"{size} images", fontsize=6, pad=2)
            if column == 0:
                axes.set_ylabel(f"{epoch} epochs", fontsize=6)
    return figure


IN_A_ROW = 10


def draw_real_and_synthetic(results: Results) -> Figure:
    """Reference images above synthetic images of the largest training size at the last epoch."""
    last = results.sets[-1]
    figure = style.new_figure(height=36 * style.MILLIMETRE)
    panels = figure.subplots(2, 1)
    kind = "Real images (HC18)" if results.plan.scientific else "Phantom images"
    captions = (
        (None, kind),
        (last, f"Synthetic images ({last.training_size} training images, {last.epoch} epochs)"),
    )
    for axes, (chosen, caption) in zip(panels, captions, strict=True):
        axes.set_title(caption, loc="left", pad=3)
        if chosen is not None:
            show_set(axes, results, chosen.set, 1, IN_A_ROW)
            continue
        stack = read_stack(results.reference_stack)
        # HC18 is roughly in order of head size: evenly spread images show all of it.
        stack = stack[np.linspace(0, len(stack) - 1, min(len(stack), IN_A_ROW)).astype(int)]
        show(axes, tile(stack, 1, IN_A_ROW))
    return figure
