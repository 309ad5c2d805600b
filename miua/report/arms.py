"""Figures of the experiments that train in several ways: one column an arm."""

from __future__ import annotations

import textwrap
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullLocator

from miua.metrics.registry import DIVERSITY, FD_LBP, MUTUAL_INFORMATION, PSNR
from miua.report import sources, style
from miua.report.experiment_charts import empty_figure
from miua.report.pictures import show_set
from miua.study.store import Results, read_experiment, read_run_log

COMPARED = (FD_LBP, MUTUAL_INFORMATION, PSNR, DIVERSITY)
SMALL = 5.5


def draw_arms(results: Results, experiment: str) -> Figure:
    """First images of each arm, and below them the metrics, with the seeds' range as a band."""
    table = read_experiment(results, experiment)
    if table is None:
        return empty_figure(sources.not_run(experiment))
    last = sources.last_sets(table)
    arms = sources.arms_of(last)
    side = style.TEXT_WIDTH / (max(len(arms), 6) + 1.2)
    height = side + (8 + 9 * len(COMPARED)) * style.MILLIMETRE
    figure = style.new_figure(height=height)
    ratios = [side / style.MILLIMETRE, *[8] * len(COMPARED)]
    grid = figure.add_gridspec(1 + len(COMPARED), len(arms), height_ratios=ratios)
    for column, arm in enumerate(arms):
        cell = last[last["arm"] == arm].iloc[0]
        axes = figure.add_subplot(grid[0, column])
        show_set(axes, results, str(cell["set"]), 3, 3)
        axes.set_title(arm_label(arm, 11), fontsize=6, pad=3)
    for row, each in enumerate(COMPARED, start=1):
        axes = figure.add_subplot(grid[row, :])
        values = sources.computed(last, each.name).drop_duplicates("arm").set_index("arm")
        _draw_values(axes, results, each.name, arms, values)
        label = each.axis_label.replace(" (", "\n(")
        axes.set_ylabel(label, fontsize=6, rotation=0, ha="right", va="center")
    return figure


def arm_label(arm: str, width: int) -> str:
    """An arm's name in short lines."""
    return "\n".join(textwrap.wrap(arm.replace("-", " "), width))


def _draw_values(
    axes: Axes, results: Results, metric: str, arms: list[str], values: pd.DataFrame
) -> None:
    spread = sources.seed_spread(results, metric)
    if spread is not None:
        axes.axhspan(spread.low, spread.high, color=style.SKY, alpha=0.3, linewidth=0)
    for place, arm in enumerate(arms):
        if arm not in values.index:
            axes.text(place, 0.5, "–", transform=axes.get_xaxis_transform(), ha="center",
                      va="center", color=style.GREY)  # fmt: skip
            continue
        row = values.loc[arm]
        axes.plot(place, row["value"], "o", color=style.SYNTHETIC_COLOUR, markersize=3)
        axes.vlines(place, row["low"], row["high"], color=style.SYNTHETIC_COLOUR, linewidth=1)
    axes.set_xlim(-0.42, len(arms) - 0.58)  # so that points stand below their arm's images
    axes.margins(y=0.15)
    axes.set_xticks(range(len(arms)), [""] * len(arms))
    axes.grid(axis="x", color="#dddddd", linewidth=0.5)
    axes.set_axisbelow(True)
    axes.yaxis.set_major_locator(MaxNLocator(3))
    axes.tick_params(axis="y", labelsize=SMALL)


def draw_stability(results: Results) -> Figure:
    """Image sizes: samples, losses and accuracies of each arm, and the signs of instability."""
    table, signs = read_experiment(results, sources.IMAGE_SIZE), sources.read_stability(results)
    if table is None or signs is None:
        return empty_figure(sources.not_run(sources.IMAGE_SIZE))
    signs = signs[signs["experiment"] == sources.IMAGE_SIZE].set_index("arm")
    last = sources.last_sets(table)
    arms = sources.arms_of(last)
    cells = {arm: last[last["arm"] == arm].iloc[0] for arm in arms}
    side = style.TEXT_WIDTH / (len(arms) + 0.8)
    figure = style.new_figure(height=side + 47 * style.MILLIMETRE)
    ratios = [side / style.MILLIMETRE, 14, 14]
    logs = {
        arm: read_run_log(results.folder / "runs" / str(cell["run"]), int(cell["epoch"]))
        for arm, cell in cells.items()
    }
    losses_seen = pd.concat(logs.values())[[name for name, *_ in LOSSES]].to_numpy()
    highest = 1.3 * max(1.0, float(np.nanmax(np.where(np.isfinite(losses_seen), losses_seen, 0))))
    panels = figure.subplots(3, len(arms), height_ratios=ratios, squeeze=False)
    for column, (arm, cell) in enumerate(cells.items()):
        log = logs[arm]
        pictures, losses, accuracies = panels[:, column]
        show_set(pictures, results, str(cell["set"]), 2, 2)
        found = textwrap.fill(str(signs.loc[arm, "signs"]) or "no sign", 15)
        pictures.set_title(f"{arm} pixels" if arm.isdigit() else arm_label(arm, 16), pad=3)
        pictures.set_xlabel(found, fontsize=SMALL)
        for name, colour, line in LOSSES:
            losses.plot(log["epoch"], log[name], color=colour, linestyle=line, linewidth=0.8)
        for name, colour, line in ACCURACIES:
            accuracies.plot(log["epoch"], log[name], color=colour, linestyle=line, linewidth=0.8)
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
    labels = ("generator loss", "discriminator loss", "accuracy on real", "accuracy on synthetic")
    handles = [
        Line2D([], [], color=colour, linestyle=line, label=label)
        for label, (_, colour, line) in zip(labels, (*LOSSES, *ACCURACIES), strict=True)
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, columnspacing=1.2)
    return figure


LOSS_TICKS = [0, 1, 10, 100], ["0", "1", "10", "100"]
Curve = tuple[str, str, Literal["-", "--"]]  # column of the log, colour, line
LOSSES: tuple[Curve, ...] = (
    ("generator_loss", style.GREEN, "-"),
    ("discriminator_loss", style.ORANGE, "--"),
)
ACCURACIES: tuple[Curve, ...] = (
    ("accuracy_real", style.REAL_COLOUR, "-"),
    ("accuracy_synthetic", style.SYNTHETIC_COLOUR, "--"),
)
