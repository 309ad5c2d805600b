"""Figures that show images: synthetic sets in grids, real images beside synthetic ones."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from miua.analysis.results import Results, SyntheticSet, poster_epochs, poster_sizes
from miua.errors import MiuaError
from miua.files import read_array
from miua.report import style

WHITE = 255
GAP = 2  # pixels between the images of a grid

Stack = NDArray[np.uint8]


def read_stack(results: Results, chosen: SyntheticSet | None) -> Stack:
    """The image stack of a synthetic set, or the reference stack for None: uint8 (N, H, W).

    Raises:
        MiuaError: the stack is missing or is none.
    """
    path = results.reference_stack if chosen is None else results.set_stack(chosen)
    stack = read_array(path)
    if stack.dtype != np.uint8 or stack.ndim != 3 or not len(stack):
        raise MiuaError(f"{path} holds {stack.dtype} {stack.shape}, not a uint8 (N, H, W) stack.")
    return stack


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
        height=len(sizes) * 32 * style.MILLIMETRE, width=0.88 * style.TEXT_WIDTH
    )
    panels = figure.subplots(len(sizes), len(epochs), squeeze=False)
    for down, size in enumerate(sizes):
        for across, epoch in enumerate(epochs):
            stack = read_stack(results, SyntheticSet(size, epoch))
            show(panels[down, across], tile(stack, rows, columns))
            panels[down, across].set_title(f"{size} training images, {epoch} epochs", pad=3)
    return figure


def draw_overview(results: Results) -> Figure:
    """Nine synthetic images of every set: training sizes across, epochs down."""
    sizes, epochs = results.training_sizes, results.epochs
    width = 0.8 * style.TEXT_WIDTH
    cell = width / max(len(sizes), 4)
    figure = style.new_figure(height=0.94 * len(epochs) * cell + 7 * style.MILLIMETRE, width=width)
    panels = figure.subplots(len(epochs), len(sizes), squeeze=False)
    for row, epoch in enumerate(epochs):
        for column, size in enumerate(sizes):
            axes = panels[row, column]
            show(axes, tile(read_stack(results, SyntheticSet(size, epoch)), 3, 3))
            if row == 0:
                axes.set_title(f"{size} images", pad=2)
            if column == 0:
                axes.set_ylabel(f"{epoch} epochs")
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
        stack = read_stack(results, chosen)
        if chosen is None:
            # HC18 is roughly in order of head size: evenly spread images show all of it.
            stack = stack[np.linspace(0, len(stack) - 1, min(len(stack), IN_A_ROW)).astype(int)]
        show(axes, tile(stack, 1, IN_A_ROW))
        axes.set_title(caption, loc="left", pad=3)
    return figure
