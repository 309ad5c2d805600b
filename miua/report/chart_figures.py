"""Figures of numbers: regression, curves, metrics by size and arm, noise floor, known damage."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from miua.analysis.clinician import HIGHEST_SCORE, LOWEST_SCORE, read_scores
from miua.analysis.columns import AS_IT_SHOULD, NO_RESPONSE, TOO_SHORT, WRONG_WAY
from miua.charts import style
from miua.metrics.registry import (
    ALL_MEASURES,
    DIVERSITY,
    FD_LBP,
    FID,
    MUTUAL_INFORMATION,
    PSNR,
    Measure,
)
from miua.report import study_tables as tables
from miua.report.image_figures import show_set
from miua.report.regression_and_curves import ACCURACIES, CURVES, LOSSES, Curve, fitted_metrics
from miua.report.study_tables import computed, last_sets, shown_measure, study_table
from miua.study import store
from miua.study.plan import EQUAL_EPOCHS, EQUAL_UPDATES
from miua.study.store import COMPUTED, Results, read_experiment, read_metrics
from miua.wording import change, number

CURVE_SCORES = np.linspace(LOWEST_SCORE, HIGHEST_SCORE, 200)
COMPARED = (FD_LBP, MUTUAL_INFORMATION, PSNR, DIVERSITY)  # over arms
SMALL = 5.5  # font size
LOSS_TICKS = [0, 1, 10, 100], ["0", "1", "10", "100"]


def draw_regression(results: Results, study: Path) -> Figure:
    """Figure 2: metrics against the clinician's score, and nine synthetic images."""
    figure = style.new_figure(height=60 * style.MILLIMETRE)
    left, right = figure.subplots(1, 2, width_ratios=(1.6, 1))
    handles = draw_scores(left, read_scores(study))
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    chosen = store.figure_two_set(results)
    show_set(right, results, chosen.set, 3, 3)
    right.set_title(f"{chosen.training_size} images, {chosen.epoch} epochs", pad=3)
    return figure


def draw_scores(left: Axes, scores: pd.DataFrame) -> list[Line2D]:
    """Points and fitted curves, FID on the left axis, the rest on the right; the legend's lines."""
    right = left.twinx()
    right.spines["right"].set_visible(True)
    handles = []
    for index, each in enumerate(fitted_metrics(scores)):
        axes = left if each.shown == FID else right
        look, fit = style.series(index), each.fit
        axes.plot(each.scores, each.values, **{**look, "linestyle": ""}, alpha=0.75)
        label = f"{each.shown.label}: undecided"
        if fit is not None:
            axes.plot(CURVE_SCORES, fit.predict(CURVE_SCORES), **{**look, "marker": ""})
            band = fit.band(CURVE_SCORES)
            axes.fill_between(CURVE_SCORES, *band, color=look["color"], alpha=0.1, linewidth=0)
            sign = "+" if fit.b >= 0 else "−"
            label = (
                f"{each.shown.label} = {number(fit.a, 2)} ln(x) {sign} {abs(fit.b):.2f}"
                f"  (r = {fit.pearson_r:.2f})"
            )
        handles.append(Line2D([], [], **look, label=label))
    left.set_xlabel("Clinician score x (1 poor to 5 high)")
    left.set_ylabel("FID")
    right.set_ylabel("V8, V20, V143, V240 (counts)")
    left.set_xlim(LOWEST_SCORE, HIGHEST_SCORE)
    return handles


def draw_training_curves(results: Results) -> Figure:
    """The poster's two runs: losses, accuracies, and accuracies as the notebook counts them."""
    sizes = store.poster_sizes(results)
    figure = style.new_figure(height=64 * style.MILLIMETRE)
    panels = figure.subplots(3, len(sizes), squeeze=False, sharex=True, sharey="row")
    for column, size in enumerate(sizes):
        log = store.read_log(results, size)
        losses, accuracies, published = panels[:, column]
        _draw_curves(losses, log, LOSSES)
        _draw_curves(accuracies, log, ACCURACIES)
        # The notebook casts the label 0.9 of a real image to an integer, which is 0, that of a
        # synthetic one: it counts the real images that were called fake.
        _draw_curves(published, log.assign(accuracy_real=1 - log["accuracy_real"]), ACCURACIES)
        for axes in (accuracies, published):
            axes.set_ylim(-0.03, 1.03)
        losses.set_title(f"{size} training images", pad=3)
        published.set_xlabel("Epoch")
        published.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    for row, label in enumerate(("Loss", "Accuracy", "As in the\nnotebook")):
        panels[row, 0].set_ylabel(label)
    _curves_legend(figure)
    return figure


def _draw_curves(axes: Axes, log: pd.DataFrame, curves: tuple[Curve, ...]) -> None:
    for curve in curves:
        x, y = log["epoch"], log[curve.column]
        axes.plot(x, y, color=curve.colour, linestyle=curve.line, linewidth=0.8)


def _curves_legend(figure: Figure) -> None:
    handles = [
        Line2D([], [], color=curve.colour, linestyle=curve.line, label=curve.label, linewidth=0.8)
        for curve in CURVES
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, columnspacing=1.2)


def _metric_panels(
    results: Results, measures: Sequence[Measure], height: float, *, sharey: bool = False
) -> tuple[Figure, list[Axes]]:
    """Panels in two rows, titled with one metric each, and one empty place or more."""
    figure = style.new_figure(height=height * style.MILLIMETRE)
    panels = list(figure.subplots(2, len(measures) // 2 + 1, sharey=sharey).ravel())
    for axes, each in zip(panels, measures, strict=False):
        axes.set_title(shown_measure(results, each.name).axis_label, fontsize=6, pad=3)
    for axes in panels[len(measures) :]:
        axes.set_axis_off()
    return figure, panels


def _series_lines(labels: Sequence[str]) -> list[Line2D]:
    return [Line2D([], [], **style.series(i), label=label) for i, label in enumerate(labels)]


def draw_metrics(results: Results) -> Figure:
    """Each metric against training size, one line an epoch, with 95 % intervals."""
    metrics = read_metrics(results)
    lines = [metrics[metrics["epoch"] == epoch] for epoch in results.epochs]
    figure, panels = _metric_panels(results, ALL_MEASURES, 56)
    for axes, each in zip(panels, ALL_MEASURES, strict=False):
        _draw_by_size(axes, results, lines, each, apart=0.09)
    handles = _series_lines([f"{epoch} epochs" for epoch in results.epochs])
    panels[len(ALL_MEASURES)].legend(handles=handles, loc="center", title="Trained for")
    figure.supxlabel("Training images", fontsize=7)
    return figure


def draw_equal_updates(results: Results) -> Figure:
    """Each metric against training size, at equal epochs and at equal updates."""
    table = read_experiment(results, tables.TRAINING_SIZE)
    if table is None or EQUAL_UPDATES not in set(table["arm"]):
        return style.empty_figure("Equal updates are not part of this run.")
    figure, panels = _metric_panels(results, tables.MEASURED, 56)
    table = tables.with_total_difference(table)
    epochs, updates = (
        last_sets(table[table["arm"] == arm]) for arm in (EQUAL_EPOCHS, EQUAL_UPDATES)
    )
    for axes, each in zip(panels, tables.MEASURED, strict=False):
        _draw_by_size(axes, results, [epochs, updates], each, apart=0.12)
    for axes in panels[len(panels) // 2 :]:
        axes.set_xlabel("Training images", fontsize=6)
    most_epochs, most_updates = epochs["epoch"].max(), number(updates["updates"].max())
    handles = _series_lines([f"{most_epochs} epochs each", f"{most_updates} updates each"])
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure


def _draw_by_size(
    axes: Axes, results: Results, lines: list[pd.DataFrame], shown: Measure, apart: float
) -> None:
    """A metric against training size with 95 % intervals, one line for each table of sets.

    Lines stand a little apart, so that their intervals can be told apart. They go through the mean
    where a size has several trainings.
    """
    places = {size: place for place, size in enumerate(results.training_sizes)}
    there = [computed(line, shown.name).sort_values("training_size") for line in lines]
    if all(line.empty for line in there):
        style.say_not_computed(axes)
        return
    for index, line in enumerate(there):
        x = line["training_size"].map(places) + apart * (index - (len(there) - 1) / 2)
        look = style.series(index)
        means = line["value"].groupby(x).mean()
        axes.plot(means.index, means, color=look["color"], linestyle=look["linestyle"], lw=0.8)
        axes.plot(x, line["value"], **{**look, "linestyle": ""}, markersize=2.6)
        axes.vlines(x, line["low"], line["high"], color=style.series(index)["color"], linewidth=0.8)
    axes.xaxis.set_major_locator(FixedLocator(list(places.values())))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels([str(size) for size in places], fontsize=5, rotation=45)
    axes.yaxis.set_major_locator(MaxNLocator(3))
    axes.tick_params(axis="y", labelsize=SMALL)


def draw_noise_floor(results: Results) -> Figure:
    """Real halves against each other beside the synthetic sets, one panel for each metric."""
    floor = study_table(results, tables.NOISE_FLOOR)
    if floor is None:
        return style.empty_figure(tables.not_run(tables.NOISE_FLOOR))
    sets = tables.with_total_difference(read_metrics(results))
    kinds = [
        ("By subject", floor[floor["split"] == "subject"], style.REAL_COLOUR, "|"),
        ("By image", floor[floor["split"] == "image"], style.SKY, "|"),
        ("In file order", floor[floor["split"] == "order"], style.PURPLE, "D"),
        ("Synthetic sets", sets, style.SYNTHETIC_COLOUR, "o"),
    ]
    figure, panels = _metric_panels(results, tables.MEASURED, 54, sharey=True)
    for axes, each in zip(panels, tables.MEASURED, strict=False):
        drawn = False
        for place, (_, table, colour, marker) in enumerate(kinds):
            values = computed(table, each.name)["value"]
            drawn = drawn or not values.empty
            _draw_strip(axes, values, place, colour, marker)
        if not drawn:
            style.say_not_computed(axes)
        axes.set_yticks(range(len(kinds)), [kind[0] for kind in kinds])
        axes.set_ylim(len(kinds) - 0.5, -0.5)
        if drawn:
            axes.xaxis.set_major_locator(MaxNLocator(2))
        axes.tick_params(axis="x", labelsize=SMALL)
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


def draw_arms(results: Results, experiment: str) -> Figure:
    """First images of each arm, and below them the metrics, with the seeds' range as a band.

    An arm with several trainings shows the images of the first, and a mark for each.
    """
    table = read_experiment(results, experiment)
    if table is None:
        return style.empty_figure(tables.not_run(experiment))
    last = last_sets(table)
    arms = tables.arms_of(last)
    side = style.TEXT_WIDTH / (max(len(arms), 6) + 1.2)
    figure = style.new_figure(height=side + (8 + 9 * len(COMPARED)) * style.MILLIMETRE)
    ratios = [side / style.MILLIMETRE, *[8] * len(COMPARED)]
    grid = figure.add_gridspec(1 + len(COMPARED), len(arms), height_ratios=ratios)
    for column, arm in enumerate(arms):
        axes = figure.add_subplot(grid[0, column])
        show_set(axes, results, str(last.loc[last["arm"] == arm, "set"].iloc[0]), 3, 3)
        axes.set_title(_arm_label(arm, 11), fontsize=6, pad=3)
    for row, each in enumerate(COMPARED, start=1):
        axes = figure.add_subplot(grid[row, :])
        values = computed(last, each.name).drop_duplicates(["arm", "run"])
        _draw_arm_values(axes, results, each.name, arms, values)
        label = each.axis_label.replace(" (", "\n(")
        axes.set_ylabel(label, fontsize=6, rotation=0, ha="right", va="center")
    return figure


def _arm_label(arm: str, width: int) -> str:
    """An arm's name in short lines."""
    return "\n".join(textwrap.wrap(arm.replace("-", " "), width))


def _draw_arm_values(
    axes: Axes, results: Results, metric: str, arms: list[str], values: pd.DataFrame
) -> None:
    spread = tables.seed_spread(results, metric)
    if spread is not None:
        axes.axhspan(spread.low, spread.high, color=style.SKY, alpha=0.3, linewidth=0)
    for place, arm in enumerate(arms):
        of_arm = values[values["arm"] == arm]
        if of_arm.empty:
            axes.text(place, 0.5, "–", transform=axes.get_xaxis_transform(), ha="center",
                      va="center", color=style.GREY)  # fmt: skip
            continue
        x = place + 0.08 * (np.arange(len(of_arm)) - (len(of_arm) - 1) / 2)
        axes.plot(x, of_arm["value"], "o", color=style.SYNTHETIC_COLOUR, markersize=3)
        axes.vlines(x, of_arm["low"], of_arm["high"], color=style.SYNTHETIC_COLOUR, linewidth=1)
    axes.set_xlim(-0.42, len(arms) - 0.58)  # so that points stand below their arm's images
    axes.margins(y=0.15)
    axes.set_xticks(range(len(arms)), [""] * len(arms))
    axes.grid(axis="x", color="#dddddd", linewidth=0.5)
    axes.set_axisbelow(True)
    axes.yaxis.set_major_locator(MaxNLocator(3))
    axes.tick_params(axis="y", labelsize=SMALL)


def draw_stability(results: Results) -> Figure:
    """Image sizes: samples, losses and accuracies of each arm, and the signs of instability."""
    table = read_experiment(results, tables.IMAGE_SIZE)
    signs = study_table(results, tables.STABILITY)
    if table is None or signs is None:
        return style.empty_figure(tables.not_run(tables.IMAGE_SIZE))
    labels = tables.trainings_of(table)
    signs = signs[signs["experiment"] == tables.IMAGE_SIZE].set_index(["arm", "run"])
    cells = last_sets(table).drop_duplicates(["arm", "run"]).set_index(["arm", "run"])
    epochs = cells["epoch"].to_dict()
    logs = {each: store.read_run_log(results.run(each[1]), epochs[each]) for each in labels}
    side = style.TEXT_WIDTH / (len(logs) + 0.8)
    figure = style.new_figure(height=side + 47 * style.MILLIMETRE)
    losses_seen = pd.concat(logs.values())[[curve.column for curve in LOSSES]].to_numpy()
    highest = 1.3 * max(1.0, float(np.nanmax(np.where(np.isfinite(losses_seen), losses_seen, 0))))
    ratios = [side / style.MILLIMETRE, 14, 14]
    panels = figure.subplots(3, len(logs), height_ratios=ratios, squeeze=False)
    for column, (each, log) in enumerate(logs.items()):
        label = labels[each]
        pictures, losses, accuracies = panels[:, column]
        show_set(pictures, results, str(cells.loc[each, "set"]), 2, 2)
        pictures.set_title(f"{label} pixels" if label.isdigit() else _arm_label(label, 16), pad=3)
        none = "too short to judge" if signs.loc[each, "stable"] == TOO_SHORT else "no sign"
        found = textwrap.fill(str(signs.loc[each, "signs"]) or none, 15)
        pictures.set_xlabel(found, fontsize=SMALL)
        _draw_curves(losses, log, LOSSES)
        _draw_curves(accuracies, log, ACCURACIES)
        losses.set_yscale("symlog", linthresh=1)
        losses.set_yticks(*LOSS_TICKS)
        losses.yaxis.set_minor_locator(NullLocator())
        losses.set_ylim(0, highest)
        accuracies.set_ylim(-0.04, 1.04)
        for axes in (losses, accuracies):
            axes.tick_params(labelsize=SMALL, labelleft=column == 0)
            axes.xaxis.set_major_locator(MaxNLocator(2, integer=True))
        losses.tick_params(labelbottom=False)
        accuracies.set_xlabel("Epoch", fontsize=6)
    panels[1, 0].set_ylabel("Loss")
    panels[2, 0].set_ylabel("Accuracy")
    _curves_legend(figure)
    return figure


# Responses are measured by the spread among undamaged halves; up to here linearly, then by orders
# of magnitude, as some are a thousand times the others.
LINEAR_TO, SHOWN_TO = 3.0, 1e5
HALF_ROW = 0.43  # of the distance between rows
# How the line of each response looks, and what the legend calls it.
RESPONSE_LOOKS: dict[str, dict[str, Any]] = {
    response: {"label": label, "color": colour, "marker": marker, "markersize": size, "ls": line}
    for response, label, colour, marker, size, line in (
        (AS_IT_SHOULD, "calls it worse", style.BLUE, "o", 2, "-"),
        (WRONG_WAY, "wrong way: calls it better", style.VERMILION, "x", 3, "--"),
        (NO_RESPONSE, "no response", style.GREY, "", 2, ":"),
    )
}


def draw_sensitivity(results: Results) -> Figure:
    """Each metric (rows) under each damage (columns), by level, in units of its own noise."""
    table = study_table(results, tables.SENSITIVITY)
    summary = study_table(results, tables.RESPONSES)
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
        moved = changes.get((name, damage))
        _draw_cell(axes, row, column, 0 if moved is None else _height(2) / full)
        if moved is None:
            axes.text(column, row, "not\ncomputed", ha="center", va="center", color=style.GREY,
                      fontsize=5.5, linespacing=0.95)  # fmt: skip
            continue
        x = column + 0.8 * (moved.index.to_numpy() / levels - 0.5)
        y = row - HALF_ROW * _height(moved.to_numpy()) / full
        look = RESPONSE_LOOKS.get(responses.get((name, damage), ""), RESPONSE_LOOKS[NO_RESPONSE])
        axes.plot(x, y, linewidth=0.9, **look)
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
    handles = [Line2D([], [], linewidth=0.9, **look) for look in RESPONSE_LOOKS.values()]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
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
