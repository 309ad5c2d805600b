"""The figure of known damage: which metrics respond, and in which direction."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from miua.analysis.columns import AS_IT_SHOULD, NO_RESPONSE, WRONG_WAY
from miua.charts import style
from miua.report import study_tables as tables
from miua.study.store import COMPUTED, Results
from miua.wording import change

# Responses are measured by the spread among undamaged halves; up to here linearly, then by orders
# of magnitude, as some are a thousand times the others.
LINEAR_TO, SHOWN_TO = 3.0, 1e5
HALF_ROW = 0.43  # of the distance between rows


def draw_sensitivity(results: Results) -> Figure:
    """Each metric (rows) under each damage (columns), by level, in units of its own noise."""
    table = tables.study_table(results, tables.SENSITIVITY)
    summary = tables.study_table(results, tables.RESPONSES)
    if table is None or summary is None:
        return style.empty_figure(tables.not_run(tables.SENSITIVITY))
    damages, names = (list(dict.fromkeys(table[key])) for key in ("degradation", "metric"))
    responses = summary.set_index(["metric", "degradation"])["response"].to_dict()
    changes = _changes(table)
    largest = max((float(each.abs().max()) for each in changes.values()), default=0.0)
    full = _height(1.2 * max(largest, 10 * LINEAR_TO))
    levels = int(table["level"].max())
    figure = style.new_figure(height=(18 + 5.8 * len(names)) * style.MILLIMETRE)
    axes = figure.subplots()  # one for all cells: seventy take many seconds
    for (row, name), (column, damage) in product(enumerate(names), enumerate(damages)):
        _draw_cell(axes, row, column, _height(2) / full if (name, damage) in changes else 0)
        if (name, damage) not in changes:
            axes.text(
                column, row, "not\ncomputed", ha="center", va="center", color=style.GREY,
                fontsize=5.5, linespacing=0.95,
            )  # fmt: skip
            continue
        moved = changes[name, damage]
        x = column + 0.8 * (moved.index.to_numpy() / levels - 0.5)
        y = row - HALF_ROW * _height(moved.to_numpy()) / full
        axes.plot(x, y, **_look(str(responses.get((name, damage), ""))))
    for mark in (-100, 100):  # beside the first row alone: those of neighbours would touch
        y = -HALF_ROW * _height(mark) / full
        axes.text(-0.5, y, change(mark, 0), ha="right", va="center", fontsize=4.5, color=style.GREY)
    labels = [tables.shown_measure(results, name).axis_label for name in names]
    axes.set_yticks(range(len(names)), [label.partition(" (counts")[0] for label in labels])
    axes.set_xticks(range(len(damages)), [damage.capitalize() for damage in damages])
    axes.tick_params(length=0, pad=1, labeltop=True, labelbottom=False)
    axes.tick_params(axis="y", pad=15)
    axes.set(xlim=(-0.5, len(damages) - 0.5), ylim=(len(names) - 0.5, -0.5))
    axes.set_xlabel(f"In each cell: level of damage from 0 (none) to {levels} (severe)")
    for spine in axes.spines.values():
        spine.set_visible(False)
    figure.legend(handles=_response_legend(), loc="outside lower center", ncols=3)
    return figure


def _draw_cell(axes: Axes, row: int, column: int, noise: float) -> None:
    """The cell's ground, and on it the noise, as a share of the cell's height."""
    for half, shade in ((HALF_ROW, "#f4f4f4"), (HALF_ROW * noise, "#d8d8d8")):
        corner = (column - 0.45, row - half)
        axes.add_patch(Rectangle(corner, 0.9, 2 * half, color=shade, linewidth=0, zorder=0))


def _height(change: Any) -> Any:
    """Linear in small changes, logarithmic in large ones, odd."""
    return np.arcsinh(np.asarray(change) / LINEAR_TO)


def _changes(table: pd.DataFrame) -> dict[tuple[str, str], pd.Series[float]]:
    """Mean change by level for each (metric, degradation), in deviations of undamaged halves."""
    changes: dict[tuple[str, str], pd.Series[float]] = {}
    for key, rows in table[table["status"] == COMPUTED].groupby(["metric", "degradation"]):
        metric, damage = map(str, key)
        means = rows.groupby("level")["value"].mean()
        noise = float(rows.loc[rows["level"] == 0, "value"].std(ddof=1))
        # A metric that never varies without damage has no noise: any response to it is vast.
        change = (means - means.iloc[0]) / (noise or np.finfo(float).tiny)
        changes[metric, damage] = change.clip(-SHOWN_TO, SHOWN_TO)
    return changes


# Of each response: its words, colour, marker, size of that, and line.
_LOOKS = {
    AS_IT_SHOULD: ("calls it worse", style.BLUE, "o", 2, "-"),
    WRONG_WAY: ("wrong way: calls it better", style.VERMILION, "x", 3, "--"),
    NO_RESPONSE: ("no response", style.GREY, "", 2, ":"),
}


def _look(response: str) -> dict[str, Any]:
    _, colour, marker, size, line = _LOOKS.get(response, _LOOKS[NO_RESPONSE])
    look = {"color": colour, "marker": marker, "linestyle": line}
    return {**look, "linewidth": 0.9, "markersize": size}


def _response_legend() -> list[Line2D]:
    return [Line2D([], [], **_look(each), label=look[0]) for each, look in _LOOKS.items()]
