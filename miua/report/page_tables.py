"""The plain tables of the page: the regressions refitted, and each experiment."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from miua.analysis.tables import SATURATED_SHARE
from miua.metrics.registry import ALL_MEASURES, measure
from miua.report import readers, sources
from miua.report.rows import (
    arm_rows,
    correlation_rows,
    event_rows,
    floor_rows,
    scale_in_words,
    stability_rows,
)
from miua.study.plan import Experiment
from miua.study.store import COMPUTED, Results, read_experiment
from miua.training.signs import COLLAPSED_DIVERSITY, SATURATED_ACCURACY
from miua.wording import number, p_value

Cells = list[str]
ARMED = (sources.IMAGE_SIZE, sources.LEARNING_RATE, sources.AUGMENTATION)
SIGNS = ["Arm", "Pixels", "Epochs", "Updates", "D right on real, last epoch",
         "D right on synthetic, last epoch", "Saturated, share of last half", "Diversity, last set",
         "Signs of instability"]  # fmt: skip


@dataclass(frozen=True)
class PlainTable:
    """A table of an experiment: what it is, its heads and rows; no rows if it was not run.

    in_words: its cells are sentences rather than numbers, and may break. runs: of which training
    each row is; none where a row is of several. source: the table of the results that it is from.
    """

    experiment: str
    title: str
    head: list[str]
    rows: list[Cells]
    in_words: bool = False
    runs: list[str] = field(default_factory=list)
    source: str = ""


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
            source="tables/clinician.csv",
        ),
        PlainTable(
            "noise-floor",
            "Real halves against each other, the seeds' deviation, and the synthetic sets",
            ["Metric", "By subject, mean", "By subject, 95 % of splits", "By image, mean",
             "Deviation over seeds", "Synthetic sets"],
            floor_rows(results, metrics) if floor_there else [],
            source="tables/noise-floor-summary.csv",
        ),
    ]  # fmt: skip
    for experiment in (*ARMED, sources.SEEDS):
        each = "seed" if experiment == sources.SEEDS else "arm"
        tables.append(
            PlainTable(
                experiment,
                f"Metrics of each {each} at its end",
                arms,
                arm_rows(results, experiment),
                runs=_runs_of_arms(results, experiment),
                source=f"tables/{experiment}.csv",
            )
        )
    return tables


def _runs_of_arms(results: Results, experiment: str) -> list[str]:
    """The training of each arm, in the arms' order."""
    table = read_experiment(results, experiment)
    if table is None:
        return []
    last = sources.last_sets(table)
    return [str(last.loc[last["arm"] == arm, "run"].iloc[0]) for arm in sources.arms_of(last)]


def stability_tables(results: Results) -> list[PlainTable]:
    """The signs of instability in each arm, and the events in every training's log."""
    found = stability_rows(results)
    tables = [
        PlainTable(
            experiment,
            "Signs of instability",
            SIGNS,
            found.get(experiment, []),
            runs=_runs_of_arms(results, experiment) if experiment in found else [],
            source=f"tables/{experiment}-stability.csv",
        )
        for experiment in ARMED
    ]
    bounds = (
        "Epochs in which a loss is not finite, the discriminator is right on at least "
        f"{100 * SATURATED_ACCURACY:.0f} % of both kinds of images, or synthetic images of a batch "
        f"differ from each other by less than {COLLAPSED_DIVERSITY} of what real ones do. An event "
        "is no verdict: a training has a sign of instability only if it is saturated in more than "
        f"{100 * SATURATED_SHARE:.0f} % of the last half of its epochs, its last set is collapsed, "
        "or it diverged"
    )
    head = ["Training", "For", "Epochs", "Events in its log"]
    rows = event_rows(results)
    runs, source = [row[0] for row in rows], "tables/stability.csv"
    events = PlainTable("all trainings", bounds, head, rows, True, runs, source)
    return [events, *tables]


def reader_tables(results: Results) -> list[PlainTable]:
    """What this study's own readers answered; empty where nobody judged these sets."""
    found = readers.reader_tables(results)
    return [PlainTable("Readers", each.title, each.head, each.rows) for each in found]


def scale_table(results: Results, experiments: dict[str, Experiment]) -> PlainTable:
    """What each experiment asks, and how large it is here."""
    rows = [
        [name, each.question, scale_in_words(results, each)] for name, each in experiments.items()
    ]
    title = "What each asks, and its scale here"
    return PlainTable("Experiments", title, ["Experiment", "Question", "Here"], rows, True)


def regression_rows(regression: pd.DataFrame) -> list[Cells]:
    """The published coefficients beside the refit, a row a metric."""
    rows = []
    for name, line in regression.set_index("metric").to_dict(orient="index").items():
        cells = [measure(str(name)).label, str(line["n"]).removesuffix(".0")]
        cells += [number(line[key], 4) for key in ("a_published", "a", "b_published", "b")]
        cells += [number(line["pearson_r"], 2), p_value(line["p_value"])]
        rows.append([*cells, line["agrees"] if line["status"] == COMPUTED else line["status"]])
    return rows
