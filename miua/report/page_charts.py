"""The charts of the page: each published regression, and the curves of each run of the grid."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from miua.analysis.checks import UndecidedError
from miua.analysis.clinician import HIGHEST_SCORE, LOWEST_SCORE, fit_scores, read_scores
from miua.charts.axes import Axis, Tick, outline, path
from miua.metrics.registry import measure
from miua.pages.kit import rounded
from miua.study.store import Results, read_log
from miua.wording import number

LEFT, RIGHT, TOP = 48.0, 352.0, 10.0  # of a plot, in a chart 360 units wide
BOTTOM = 168.0
SCORES = np.linspace(1.2, 4.5, 45)  # where lines are drawn: as far as the points reach
# Columns of a run's log, how a curve is called, and its series.
LOSSES = (("generator_loss", "generator", "a"), ("discriminator_loss", "discriminator", "b"))
ACCURACIES = (("accuracy_real", "on real", "c"), ("accuracy_synthetic", "on synthetic", "d"))


@dataclass(frozen=True)
class Point:
    x: float
    y: float
    words: str


@dataclass(frozen=True)
class RegressionChart:
    """One published regression: the digitised points, the published line and the refit.

    line, published, band: the `d` of SVG paths; line and band are "" where no fit is possible.
    see: what to see in it.
    """

    metric: str
    label: str
    unit: str
    points: list[Point]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    line: str
    band: str
    published: str
    see: str


@dataclass(frozen=True)
class Curve:
    """One column of a log as a path; series: which of the colours and lines it has."""

    label: str
    series: str
    path: str


@dataclass(frozen=True)
class RunCharts:
    """Losses and accuracies of one run by epoch.

    x: the epochs' axis. data: a row an epoch, for the script: the epoch and the four values.
    """

    run: str
    training_size: int
    x: Axis
    losses: list[Curve]
    loss_ticks: list[Tick]
    accuracies: list[Curve]
    accuracy_ticks: list[Tick]
    data: list[list[float | int | None]]


def regression_charts(study: Path, regression: pd.DataFrame) -> list[RegressionChart]:
    """A chart for each metric with a published regression."""
    scores = read_scores(study)
    return [_regression_chart(scores, row) for row in regression.to_dict(orient="records")]


def _regression_chart(scores: pd.DataFrame, row: dict[Hashable, Any]) -> RegressionChart:
    name = str(row["metric"])
    shown = measure(name)
    own = scores[scores["metric"] == name]
    a, b = float(row["a_published"]), float(row["b_published"])
    published = a * np.log(SCORES) + b
    x = Axis(LOWEST_SCORE, HIGHEST_SCORE, LEFT, RIGHT)
    y = Axis.over([*own["value"], *published], BOTTOM, TOP)
    try:
        fit = fit_scores(scores, name)
    except UndecidedError as error:
        line = band = ""
        see = f"No refit: {error}."
    else:
        line = path(x, y, SCORES.tolist(), fit.predict(SCORES).tolist())
        low, high = (np.clip(end, y.low, y.high).tolist() for end in fit.band(SCORES))
        band = outline(x, y, SCORES.tolist(), low, high)
        see = (
            f"r = {number(fit.pearson_r, 2)}, n = {fit.n}. See whether the points follow the line, "
            "or scatter beside it."
        )
    points = [
        Point(x.at(score), y.at(value), f"score {score:.2f}: {number(value, shown.decimals)}")
        for score, value in zip(own["clinician_score"], own["value"], strict=True)
    ]
    drawn = path(x, y, SCORES.tolist(), published.tolist())
    return RegressionChart(
        name, shown.label, shown.unit, points, x.ticks, y.ticks, line, band, drawn, see
    )


def run_charts(results: Results) -> list[RunCharts]:
    """The curves of every run of the grid, up to its last epoch.

    Raises:
        MiuaError: a log is missing or damaged.
    """
    return [_run_charts(results, size) for size in results.training_sizes]


def _run_charts(results: Results, size: int) -> RunCharts:
    log = read_log(results, size)
    epochs = log["epoch"].tolist()
    x = Axis(0, max(1, results.epochs[-1]), LEFT, RIGHT)
    columns = {name: log[name].astype(float).tolist() for name, *_ in (*LOSSES, *ACCURACIES)}
    highest = max((v for name, *_ in LOSSES for v in columns[name] if np.isfinite(v)), default=1.0)
    loss = Axis(0, 1.05 * max(highest, 1.0), 110, TOP)
    accuracy = Axis(0, 1, 210, 132)
    return RunCharts(
        run=results.cell(size, results.epochs[-1]).run,
        training_size=size,
        x=x,
        losses=[Curve(label, s, path(x, loss, epochs, columns[n])) for n, label, s in LOSSES],
        loss_ticks=loss.ticks,
        accuracies=[
            Curve(label, s, path(x, accuracy, epochs, columns[n])) for n, label, s in ACCURACIES
        ],
        accuracy_ticks=[Tick(accuracy.at(value), f"{value:g}") for value in (0, 0.5, 1)],
        data=[
            [int(epoch), *rounded(values)]
            for epoch, *values in zip(epochs, *columns.values(), strict=True)
        ],
    )
