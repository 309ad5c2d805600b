"""Figures that show images: synthetic sets in grids, real images beside synthetic ones."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from miua.charts import style
from miua.charts.pictures import WHITE, Stack, evenly, tile
from miua.report.set_images import read_set, read_stack
from miua.study.store import Results, poster_epochs, poster_sizes

IN_A_ROW = 10


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
