"""The plain tables of the page: the regressions refitted, and each experiment."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from miua.analysis.results import Results
from miua.analysis.tables import COMPUTED
from miua.metrics.measures import ALL_MEASURES, measure
from miua.report import sources
from miua.report.numbers import p_value, plain
from miua.report.rows import arm_rows, correlation_rows, event_rows, floor_rows, stability_rows
from miua.training.signs import COLLAPSED_DIVERSITY, SATURATED_ACCURACY

Cells = list[str]
SIGNS = ["Arm", "Pixels", "Epochs", "Updates", "D right on real", "D right on synthetic",
         "Epochs saturated (share)", "Diversity", "Signs of instability"]  # fmt: skip


@dataclass(frozen=True)
class PlainTable:
    """A table of an experiment: what it is, its heads and rows; no rows if it was not run.

    in_words: its cells are sentences rather than numbers, and may break.
    """

    experiment: str
    title: str
    head: list[str]
    rows: list[Cells]
    in_words: bool = False


def experiment_tables(results: Results, metrics: pd.DataFrame) -> list[PlainTable]:
    """The metrics of every arm, and what correlations and halves of real images tell."""
    stand_in = sources.fid_stand_in(metrics)
    arms = ["Arm", "Epochs", "Updates"]
    arms += [sources.marked(shown, stand_in).axis_label for shown in ALL_MEASURES]
    floor_there = sources.read_floor_summary(results) is not None
    tables = [
        PlainTable(
            "clinician",
            "What the published correlations can carry: 95 % bootstrap intervals, p adjusted "
            "after Holm, power at r = 0.2, and the least r found with a power of 0.8",
            ["Metric", "n", "Pearson's r", "p", "p (Holm)", "Spearman's r", "p", "Power",
             "Least r"],
            correlation_rows(results),
        ),
        PlainTable(
            "noise-floor",
            "Real halves against each other, the seeds' deviation, and the synthetic sets",
            ["Metric", "By subject, mean", "By subject, 95 % of splits", "By image, mean",
             "Deviation over seeds", "Synthetic sets"],
            floor_rows(results, metrics) if floor_there else [],
        ),
    ]  # fmt: skip
    for experiment in (sources.IMAGE_SIZE, sources.LEARNING_RATE, sources.AUGMENTATION):
        title = "Metrics of each arm at its end"
        tables.append(PlainTable(experiment, title, arms, arm_rows(results, experiment)))
    title = "Metrics of each seed at the end"
    tables.append(PlainTable("seeds", title, arms, arm_rows(results, sources.SEEDS)))
    return tables


def stability_tables(results: Results) -> list[PlainTable]:
    """The signs of instability in each arm, and the events in every training's log."""
    found = stability_rows(results)
    tables = [
        PlainTable(experiment, "Signs of instability", SIGNS, found.get(experiment, []))
        for experiment in (sources.IMAGE_SIZE, sources.LEARNING_RATE, sources.AUGMENTATION)
    ]
    bounds = (
        "Epochs in which a loss is not finite, the discriminator is right on "
        f"{100 * SATURATED_ACCURACY:.0f} % of both kinds of images, or synthetic images of a batch "
        f"differ from each other by less than {COLLAPSED_DIVERSITY} of what real ones do"
    )
    head = ["Training", "For", "Epochs", "Events in its log"]
    events = PlainTable("all trainings", bounds, head, event_rows(results), in_words=True)
    return [events, *tables]


def regression_rows(regression: pd.DataFrame) -> list[Cells]:
    """The published coefficients beside the refit, a row a metric."""
    rows = []
    for name, line in regression.set_index("metric").to_dict(orient="index").items():
        cells = [measure(str(name)).label, str(line["n"]).removesuffix(".0")]
        cells += [plain(line[key], 4) for key in ("a_published", "a", "b_published", "b")]
        cells += [plain(line["pearson_r"], 2), p_value(line["p_value"]).removeprefix("= ")]
        rows.append([*cells, line["agrees"] if line["status"] == COMPUTED else line["status"]])
    return rows
