"""The published regressions and the trainings' curves: what both figures and page draw."""

from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from miua.analysis import clinician
from miua.analysis.checks import UndecidedError
from miua.charts import style
from miua.charts.axes import Axis, Tick, path
from miua.metrics.registry import Measure, measure
from miua.report.study_tables import read_regression
from miua.study.store import Results, read_log
from miua.wording import number, rounded


class Curve(NamedTuple):
    """A column of a run's log: how it is called, its colour and line in figures, and the name of
    both in the page's style."""

    column: str
    label: str
    colour: str
    line: Literal["-", "--"]
    series: str


LOSSES = (
    Curve("generator_loss", "generator loss", style.GREEN, "-", "a"),
    Curve("discriminator_loss", "discriminator loss", style.ORANGE, "--", "b"),
)
ACCURACIES = (
    Curve("accuracy_real", "accuracy on real", style.REAL_COLOUR, "-", "c"),
    Curve("accuracy_synthetic", "accuracy on synthetic", style.SYNTHETIC_COLOUR, "--", "d"),
)
CURVES = (*LOSSES, *ACCURACIES)

LEFT, RIGHT, TOP = 48.0, 352.0, 10.0  # of a plot, in a chart 360 units wide
BOTTOM = 168.0
SCORES = np.linspace(1.2, 4.5, 45)  # where lines are drawn: as far as the points reach


class FittedMetric(NamedTuple):
    """A metric's digitised points and their refit; problem: why there is none, or "".

    scores, values: of the points, a clinician's score and the metric.
    """

    shown: Measure
    scores: list[float]
    values: list[float]
    fit: clinician.LogarithmicFit | None
    problem: str


def fitted_metrics(scores: pd.DataFrame) -> list[FittedMetric]:
    """Every metric of the digitised points, in their order."""
    found = []
    for name, points in scores.groupby("metric", sort=False):
        fit, problem = None, ""
        try:
            fit = clinician.fit_scores(scores, str(name))
        except UndecidedError as error:
            problem = str(error)
        known = (points["clinician_score"].tolist(), points["value"].tolist())
        found.append(FittedMetric(measure(str(name)), *known, fit, problem))
    return found


def regression_charts(results: Results, study: Path) -> list[dict[str, Any]]:
    """A chart for each metric with a published regression.

    points: places and what they are; line (the refit), band, published: the `d` of SVG paths; line
    and band are "" where no fit is possible. see: what to see in it.
    """
    published = read_regression(results).set_index("metric")
    charts = []
    for shown, scores, values, fit, problem in fitted_metrics(clinician.read_scores(study)):
        row = published.loc[shown.name]
        line = row["a_published"] * np.log(SCORES) + row["b_published"]
        x = Axis(clinician.LOWEST_SCORE, clinician.HIGHEST_SCORE, LEFT, RIGHT)
        y = Axis.over([*values, *line], BOTTOM, TOP)
        refit, band, see = "", "", f"No refit: {problem}."
        if fit is not None:
            low, high = fit.band(SCORES)
            refit = path(x, y, SCORES, fit.predict(SCORES))
            band = path(x, y, [*SCORES, *SCORES[::-1]], [*high, *low[::-1]]) + "Z"
            see = (
                f"r = {number(fit.pearson_r, 2)}, n = {fit.n}. See whether the "
                "points follow the line, or scatter beside it."
            )
        points = [
            (x.at(score), y.at(value), f"score {score:.2f}: {number(value, shown.decimals)}")
            for score, value in zip(scores, values, strict=True)
        ]
        chart = {
            "shown": shown,
            "points": points,
            "x_ticks": x.ticks,
            "y_ticks": y.ticks,
            "line": refit,
            "band": band,
            "published": path(x, y, SCORES, line),
            "see": see,
        }
        charts.append(chart)
    return charts


def run_charts(results: Results) -> list[dict[str, Any]]:
    """Losses and accuracies of every run of the grid, up to its last epoch.

    x: the epochs' axis. paths: each of CURVES and its `d`. data: one row for each epoch, for the
    script: the epoch and the four values.
    """
    return [_run_chart(results, size) for size in results.training_sizes]


def _run_chart(results: Results, size: int) -> dict[str, Any]:
    log = read_log(results, size)
    x = Axis(0, max(1, results.epochs[-1]), LEFT, RIGHT)
    values = log[[curve.column for curve in CURVES]].astype(float)
    losses = values[[curve.column for curve in LOSSES]].to_numpy()
    loss = Axis(0, 1.05 * losses.max(where=np.isfinite(losses), initial=1.0), 110, TOP)
    accuracy = Axis(0, 1, 210, 132)
    axes = {**dict.fromkeys(LOSSES, loss), **dict.fromkeys(ACCURACIES, accuracy)}
    rows = zip(log["epoch"].tolist(), values.to_numpy(), strict=True)
    return {
        "run": results.cell(size, results.epochs[-1]).run,
        "training_size": size,
        "x": x,
        "paths": [
            (each, path(x, y, log["epoch"], values[each.column])) for each, y in axes.items()
        ],
        "loss_ticks": loss.ticks,
        "accuracy_ticks": [Tick(accuracy.at(value), f"{value:g}") for value in (0, 0.5, 1)],
        "data": [[epoch, *rounded(row)] for epoch, row in rows],
    }
