"""Figures of the experiments that measure: equal updates, the noise floor, known damage."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from miua.analysis.sensitivity import AS_IT_SHOULD, NO_RESPONSE, WRONG_WAY
from miua.metrics.registry import ALL_MEASURES, LBPV_TOTAL_DIFFERENCE, Measure, measure
from miua.report import sources, style
from miua.study.plan import EQUAL_EPOCHS, EQUAL_UPDATES
from miua.study.store import COMPUTED, Results, read_experiment
from miua.wording import number

MEASURED = (*ALL_MEASURES, LBPV_TOTAL_DIFFERENCE)


def empty_figure(text: str) -> Figure:
    """A low figure that says what is missing."""
    figure = style.new_figure(height=12 * style.MILLIMETRE)
    style.annotate_missing(figure.subplots(), text)
    return figure


def draw_equal_updates(results: Results, stand_in: str = "") -> Figure:
    """Each metric against training size, at equal epochs and at equal updates."""
    table = read_experiment(results, sources.TRAINING_SIZE)
    if table is None or EQUAL_UPDATES not in set(table["arm"]):
        return empty_figure("Equal updates are not part of this run.")
    figure = style.new_figure(height=56 * style.MILLIMETRE)
    panels = figure.subplots(2, 5)
    table = sources.with_total_difference(table)
    arms = (EQUAL_EPOCHS, EQUAL_UPDATES)
    shown = {arm: sources.last_sets(table[table["arm"] == arm]) for arm in arms}
    for axes, each in zip(panels.ravel(), MEASURED, strict=True):
        axes.set_title(sources.marked(each, stand_in).axis_label, fontsize=6.5, pad=3)
        _draw_arms_by_size(axes, results, shown, each)
    for axes in panels[-1]:
        axes.set_xlabel("Training images", fontsize=6)
    epoch = int(shown[EQUAL_EPOCHS]["epoch"].max())
    updates = int(shown[EQUAL_UPDATES]["updates"].max())
    labels = (f"{epoch} epochs each", f"{number(updates)} updates each")
    handles = [Line2D([], [], **style.series(i), label=label) for i, label in enumerate(labels)]
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure


def _draw_arms_by_size(
    axes: Axes, results: Results, shown: dict[str, pd.DataFrame], each: Measure
) -> None:
    places = {size: place for place, size in enumerate(results.training_sizes)}
    drawn = False
    for index, rows in enumerate(shown.values()):
        line = sources.computed(rows, each.name).sort_values("training_size")
        x = line["training_size"].map(places) + 0.12 * (index - 0.5)
        axes.plot(x, line["value"], **style.series(index), linewidth=0.8, markersize=2.6)
        axes.vlines(x, line["low"], line["high"], color=style.series(index)["color"], linewidth=0.8)
        drawn = drawn or not line.empty
    if not drawn:
        style.say_not_computed(axes)
        return
    axes.xaxis.set_major_locator(FixedLocator(list(places.values())))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels([str(size) for size in places], fontsize=5, rotation=45)
    axes.yaxis.set_major_locator(MaxNLocator(3))
    axes.tick_params(axis="y", labelsize=5.5)


def draw_noise_floor(results: Results, metrics: pd.DataFrame, stand_in: str = "") -> Figure:
    """Real halves against each other beside the synthetic sets, a panel a metric."""
    floor = sources.read_noise_floor(results)
    if floor is None:
        return empty_figure(sources.not_run(sources.NOISE_FLOOR))
    sets = sources.with_total_difference(metrics)
    figure = style.new_figure(height=54 * style.MILLIMETRE)
    panels = figure.subplots(2, 5, sharey=True)
    kinds = [
        ("By subject", floor[floor["split"] == "subject"], style.REAL_COLOUR, "|"),
        ("By image", floor[floor["split"] == "image"], style.SKY, "|"),
        ("In file order", floor[floor["split"] == "order"], style.PURPLE, "D"),
        ("Synthetic sets", sets, style.SYNTHETIC_COLOUR, "o"),
    ]
    for axes, each in zip(panels.ravel(), MEASURED, strict=True):
        axes.set_title(sources.marked(each, stand_in).axis_label, fontsize=6.5, pad=3)
        drawn = False
        for place, (_, table, colour, marker) in enumerate(kinds):
            values = sources.computed(table, each.name)["value"]
            drawn = drawn or not values.empty
            _draw_strip(axes, values, place, colour, marker)
        if not drawn:
            style.say_not_computed(axes)
        axes.set_yticks(range(len(kinds)), [kind[0] for kind in kinds])
        axes.set_ylim(len(kinds) - 0.5, -0.5)
        if drawn:
            axes.xaxis.set_major_locator(MaxNLocator(2))
        axes.tick_params(axis="x", labelsize=5.5)
        axes.tick_params(axis="y", length=0, labelsize=6)
    return figure


def _draw_strip(axes: Axes, values: pd.Series[float], place: int, colour: str, marker: str) -> None:
    """Every value as a mark, their mean as a bar, in one row of a panel."""
    if values.empty:
        return
    size, edge = (5, 0.5) if marker == "|" else (2.4, 0)
    rows = np.full(len(values), place)
    axes.plot(values, rows, marker, color=colour, alpha=0.6, markersize=size, markeredgewidth=edge)
    if len(values) > 1:
        axes.vlines(values.mean(), place - 0.34, place + 0.34, color="black", linewidth=1.2)


# Responses are measured by the spread among undamaged halves; up to here linearly, then by orders
# of magnitude, as some are a thousand times the others.
LINEAR_TO, SHOWN_TO = 3.0, 1e5
HALF_ROW = 0.43  # of the distance between rows


def draw_sensitivity(results: Results, stand_in: str = "") -> Figure:
    """Each metric (rows) under each damage (columns), by level, in units of its own noise."""
    table, summary = sources.read_sensitivity(results), sources.read_sensitivity_summary(results)
    if table is None or summary is None:
        return empty_figure(sources.not_run(sources.SENSITIVITY))
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
        change = changes[name, damage]
        x = column + 0.8 * (change.index.to_numpy() / levels - 0.5)
        y = row - HALF_ROW * _height(change.to_numpy()) / full
        axes.plot(x, y, **_look(str(responses.get((name, damage), ""))))
    for mark in (-100, 100):  # beside the first row alone: those of neighbours would touch
        y = -HALF_ROW * _height(mark) / full
        text = f"{mark:+d}".replace("-", "−")
        axes.text(-0.5, y, text, ha="right", va="center", fontsize=4.5, color=style.GREY)
    labels = [sources.marked(measure(name), stand_in).axis_label for name in names]
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


_COLOURS = {AS_IT_SHOULD: style.BLUE, WRONG_WAY: style.VERMILION}
_MARKERS = {AS_IT_SHOULD: "o", WRONG_WAY: "x"}
_LINES = {AS_IT_SHOULD: "-", WRONG_WAY: "--"}


def _look(response: str) -> dict[str, Any]:
    return {
        "color": _COLOURS.get(response, style.GREY),
        "marker": _MARKERS.get(response, ""),
        "linestyle": _LINES.get(response, ":"),
        "linewidth": 0.9,
        "markersize": 3 if response == WRONG_WAY else 2,
    }


def _response_legend() -> list[Line2D]:
    labels = {
        AS_IT_SHOULD: "calls it worse",
        WRONG_WAY: "wrong way: calls it better",
        NO_RESPONSE: "no response",
    }
    return [Line2D([], [], **_look(each), label=label) for each, label in labels.items()]
