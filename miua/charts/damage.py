"""The figure of the benchmark: detection power by metric and damage, and the ranking."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from miua.charts import style
from miua.metrics.registry import measure

# From called better (wrong way) over no call to called worse, as a damaged set should be.
COLOURS = LinearSegmentedColormap.from_list("calls", [style.VERMILION, "#ffffff", style.BLUE])
WIDTH = 180 * style.MILLIMETRE


def draw_benchmark(power: pd.DataFrame, ranking: pd.DataFrame) -> Figure:
    """Each metric (rows, best first) under each damage: the share of damaged sets that it calls
    worse, and in brackets better where it does; beside it its score with a 95 % interval.

    power, ranking: as `miua.analysis.benchmark` makes them.
    """
    if ranking.empty:
        return style.empty_figure("No metric was computed.")
    names = list(ranking["metric"])
    damages = list(dict.fromkeys(power["degradation"]))
    shares = power.groupby(["metric", "degradation"])[["worse", "better"]].mean()
    worse, better = (shares[key].unstack().loc[names, damages].to_numpy() for key in shares)
    height = (34 + 5.2 * len(names)) * style.MILLIMETRE
    figure = style.new_figure(height=height, width=WIDTH)
    cells, scores = figure.subplots(1, 2, sharey=True, width_ratios=(4, 1))
    cells.imshow(worse - better, cmap=COLOURS, vmin=-1, vmax=1, aspect="auto")
    for row, column in np.ndindex(worse.shape):
        right, wrong = (round(100 * float(each[row, column])) for each in (worse, better))
        text = f"{right} ({wrong})" if wrong else f"{right}"
        light = abs(worse[row, column] - better[row, column]) > 0.6
        cells.text(column, row, text, ha="center", va="center", fontsize=5.5,
                   color="white" if light else "black")  # fmt: skip
    cells.set_yticks(range(len(names)), [measure(name).label for name in names])
    shown = [damage.capitalize() for damage in damages]
    cells.set_xticks(range(len(damages)), shown, rotation=40, ha="left", rotation_mode="anchor")
    cells.tick_params(length=0, labeltop=True, labelbottom=False)
    cells.set_xlabel("Damaged sets called worse, % over all levels (in brackets: called better)")
    for spine in cells.spines.values():
        spine.set_visible(False)
    _draw_scores(scores, ranking)
    return figure


def _draw_scores(axes: Axes, ranking: pd.DataFrame) -> None:
    score, places = ranking["score"], range(len(ranking))
    axes.hlines(places, ranking["low"], ranking["high"], color=style.GREY, linewidth=0.8)
    axes.plot(score, places, "o", color=style.BLUE, markersize=3)
    axes.axvline(0, color=style.GREY, linewidth=0.5)
    axes.set(xlim=(-1, 1), xticks=(-1, 0, 1))
    axes.set_xlabel("Score, 95 % interval")
    axes.tick_params(axis="y", length=0)


def write_benchmark(
    power: pd.DataFrame, ranking: pd.DataFrame, folder: Path, name: str
) -> list[Path]:
    """Draw it as NAME.pdf and NAME.png in a folder."""
    with style.drawing():
        figure = draw_benchmark(power, ranking)
        return style.save(figure, folder, name, "Which metrics notice known damage")
