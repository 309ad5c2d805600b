"""One look for every figure: colours, sizes, and files that are the same bytes each time."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from miua.files import atomic_path

MILLIMETRE = 1 / 25.4  # inches
TEXT_WIDTH = 122 * MILLIMETRE  # the text width of class llncs
PNG_DPI = 300

# Okabe and Ito (2008): distinguishable with every common colour vision.
ORANGE, SKY, GREEN, BLUE = "#E69F00", "#56B4E9", "#009E73", "#0072B2"
VERMILION, PURPLE = "#D55E00", "#CC79A7"
SERIES_COLOURS = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY)
# Colour never carries a difference alone: each series has its marker and line as well.
SERIES_MARKERS = ("o", "s", "^", "D", "v", "P")
SERIES_LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1, 1, 1)))
REAL_COLOUR, SYNTHETIC_COLOUR = BLUE, VERMILION
GREY = "#666666"

_SETTINGS: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib, so it is the same everywhere
    "font.size": 7,
    "axes.titlesize": 7.5,
    "axes.labelsize": 7,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "legend.fontsize": 6.5,
    "legend.frameon": False,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.1,
    "lines.markersize": 3.2,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "figure.dpi": 100,
    "savefig.facecolor": "white",
    "pdf.fonttype": 42,  # TrueType: text in the PDF stays text
    "svg.hashsalt": "miua",
    "image.cmap": "gray",
    "image.interpolation": "none",  # pixels are shown as they are
}


@contextmanager
def drawing() -> Iterator[None]:
    """Draw with this style, whatever the user's own matplotlib settings are."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        yield


def new_figure(height: float, width: float = TEXT_WIDTH) -> Figure:
    """An empty figure; sizes in inches. It belongs to no window and no global state."""
    return Figure(figsize=(width, height), layout="constrained")


def series(index: int) -> dict[str, Any]:
    """Colour, marker and line of the index-th series, to be passed to Axes.plot."""
    return {
        "color": SERIES_COLOURS[index % len(SERIES_COLOURS)],
        "marker": SERIES_MARKERS[index % len(SERIES_MARKERS)],
        "linestyle": SERIES_LINES[index % len(SERIES_LINES)],
    }


def empty_figure(text: str) -> Figure:
    """A low figure that says what is missing."""
    figure = new_figure(height=12 * MILLIMETRE)
    axes = figure.subplots()
    axes.set_axis_off()
    # Off the layout's books, or a long text would shrink the panel.
    _say(axes, text).set_in_layout(False)
    return figure


def say_not_computed(axes: Axes) -> None:
    """Say in an empty panel that its metric was not computed; the text and the tables say why."""
    axes.set(xticks=[], yticks=[])
    _say(axes, "not\ncomputed")


def _say(axes: Axes, text: str) -> Text:
    return axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=GREY)


def mark(figure: Figure, banner: str) -> None:
    """Write the banner of unscientific output across the top of a figure; "" writes nothing."""
    if banner:
        # Bold letters are about 0.7 times as wide as high: smaller where the figure is narrow.
        size = min(7.0, 72 * figure.get_figwidth() / (0.7 * len(banner)))
        figure.suptitle(banner, fontsize=size, color=VERMILION, fontweight="bold")


def save(figure: Figure, folder: Path, name: str, title: str) -> list[Path]:
    """Write NAME.pdf and NAME.png, each whole or not at all, without dates or versions in them."""
    metadata: dict[str, dict[str, str | None]] = {
        "pdf": {"Title": title, "CreationDate": None, "Creator": None, "Producer": None},
        "png": {"Title": title, "Software": None},
    }
    paths = [folder / f"{name}.{ending}" for ending in metadata]
    # Embedded font subsets carry a time of change; SOURCE_DATE_EPOCH is what fixes it.
    before = os.environ.get("SOURCE_DATE_EPOCH")
    os.environ.setdefault("SOURCE_DATE_EPOCH", "0")
    try:
        for path, entries in zip(paths, metadata.values(), strict=True):
            with atomic_path(path) as temporary:
                figure.savefig(temporary, dpi=PNG_DPI, metadata=entries)
    finally:
        if before is None:
            del os.environ["SOURCE_DATE_EPOCH"]
    return paths
