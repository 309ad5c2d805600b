"""Figures that show numbers: the regression, the training curves, metrics by training size."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from miua.analysis.checks import UndecidedError
from miua.analysis.clinician import HIGHEST_SCORE, LOWEST_SCORE, fit_scores
from miua.metrics.registry import ALL_MEASURES, FID, Measure, measure
from miua.report import sources, style
from miua.report.pictures import show_set
from miua.study.store import COMPUTED, Results, figure_two_set, poster_sizes, read_log
from miua.wording import number

CURVE_SCORES = np.linspace(LOWEST_SCORE, HIGHEST_SCORE, 200)


def draw_regression(results: Results, scores: pd.DataFrame) -> Figure:
    """Figure 2: metrics against the clinician's score, and nine synthetic images."""
    figure = style.new_figure(height=60 * style.MILLIMETRE)
    left, right = figure.subplots(1, 2, width_ratios=(1.6, 1))
    figure.legend(handles=_draw_scores(left, scores), loc="outside lower center", ncols=2)
    chosen = figure_two_set(results)
    show_set(right, results, chosen.set, 3, 3)
    right.set_title(f"{chosen.training_size} images, {chosen.epoch} epochs", pad=3)
    return figure


def _draw_scores(left: Axes, scores: pd.DataFrame) -> list[Line2D]:
    """Points and fitted curves, FID on the left axis, the rest on the right; the legend's lines."""
    right = left.twinx()
    right.spines["right"].set_visible(True)
    handles = []
    for index, name in enumerate(scores["metric"].unique()):
        shown = measure(name)
        axes = left if name == FID.name else right
        points = scores[scores["metric"] == name]
        look = style.series(index)
        axes.plot(
            points["clinician_score"], points["value"], **{**look, "linestyle": ""}, alpha=0.75
        )
        label = f"{shown.label}: undecided"
        try:
            fit = fit_scores(scores, name)
        except UndecidedError:
            pass
        else:
            axes.plot(CURVE_SCORES, fit.predict(CURVE_SCORES), **{**look, "marker": ""})
            band = fit.band(CURVE_SCORES)
            axes.fill_between(CURVE_SCORES, *band, color=look["color"], alpha=0.1, linewidth=0)
            sign = "+" if fit.b >= 0 else "−"
            label = (
                f"{shown.label} = {number(fit.a, 2)} ln(x) {sign} {abs(fit.b):.2f}"
                f"  (r = {fit.pearson_r:.2f})"
            )
        handles.append(Line2D([], [], **look, label=label))
    left.set_xlabel("Clinician score x (1 poor to 5 high)")
    left.set_ylabel("FID")
    right.set_ylabel("V8, V20, V143, V240 (counts)")
    left.set_xlim(LOWEST_SCORE, HIGHEST_SCORE)
    return handles


def draw_training_curves(results: Results) -> Figure:
    """Of the poster's two runs: losses, accuracies, and accuracies as the notebook counts them."""
    sizes = poster_sizes(results)
    figure = style.new_figure(height=64 * style.MILLIMETRE)
    panels = figure.subplots(3, len(sizes), squeeze=False, sharex=True, sharey="row")
    for column, size in enumerate(sizes):
        log = read_log(results, size)
        losses, accuracies, published = panels[:, column]
        _draw_curve(losses, log, "generator_loss", "generator loss", style.GREEN, "-")
        _draw_curve(losses, log, "discriminator_loss", "discriminator loss", style.ORANGE, "--")
        # The notebook casts the label 0.9 of a real image to an integer, which is 0, that of a
        # synthetic one: it counts the real images that were called fake.
        as_published = log.assign(accuracy_real=1 - log["accuracy_real"])
        for axes, counted in ((accuracies, log), (published, as_published)):
            _draw_curve(axes, counted, *REAL)
            _draw_curve(axes, counted, *SYNTHETIC)
            axes.set_ylim(-0.03, 1.03)
        losses.set_title(f"{size} training images", pad=3)
        published.set_xlabel("Epoch")
        published.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    for row, label in enumerate(("Loss", "Accuracy", "As in the\nnotebook")):
        panels[row, 0].set_ylabel(label)
    handles = [*panels[0, 0].get_lines(), *panels[1, 0].get_lines()]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, columnspacing=1.2)
    return figure


REAL = ("accuracy_real", "accuracy on real", style.REAL_COLOUR, "-")
SYNTHETIC = ("accuracy_synthetic", "accuracy on synthetic", style.SYNTHETIC_COLOUR, "--")


def _draw_curve(
    axes: Axes, log: pd.DataFrame, column: str, label: str, colour: str, line: str
) -> None:
    axes.plot(log["epoch"], log[column], color=colour, linestyle=line, label=label, linewidth=0.8)


def draw_metrics(results: Results, metrics: pd.DataFrame, stand_in: str = "") -> Figure:
    """Each metric against training size, one line an epoch, with 95 % intervals."""
    figure = style.new_figure(height=56 * style.MILLIMETRE)
    panels = figure.subplots(2, 5).ravel()
    for axes, shown in zip(panels, ALL_MEASURES, strict=False):
        _draw_metric(axes, results, metrics, sources.marked(shown, stand_in))
    handles = [
        Line2D([], [], **style.series(index), label=f"{epoch} epochs")
        for index, epoch in enumerate(results.epochs)
    ]
    legend = panels[len(ALL_MEASURES)]
    legend.set_axis_off()
    legend.legend(handles=handles, loc="center", title="Trained for")
    figure.supxlabel("Training images", fontsize=7)
    return figure


def _draw_metric(axes: Axes, results: Results, metrics: pd.DataFrame, shown: Measure) -> None:
    axes.set_title(shown.axis_label, fontsize=6.5, pad=3)
    rows = metrics[(metrics["metric"] == shown.name) & (metrics["status"] == COMPUTED)]
    if rows.empty:
        style.say_not_computed(axes)
        return
    places = {size: place for place, size in enumerate(results.training_sizes)}
    for index, epoch in enumerate(results.epochs):
        line = rows[rows["epoch"] == epoch].sort_values("training_size")
        # Lines of different epochs stand a little apart, so that their intervals can be told apart.
        shift = 0.09 * (index - (len(results.epochs) - 1) / 2)
        x = line["training_size"].map(places) + shift
        axes.plot(x, line["value"], **style.series(index), linewidth=0.8, markersize=2.6)
        axes.vlines(x, line["low"], line["high"], color=style.series(index)["color"], linewidth=0.8)
    axes.xaxis.set_major_locator(FixedLocator(list(places.values())))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels([str(size) for size in places], fontsize=5, rotation=45)
    axes.yaxis.set_major_locator(MaxNLocator(3))
    axes.tick_params(axis="y", labelsize=5.5)
