"""The HTML report: one folder that works without a network, beside the runs it links to."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import jinja2
import pandas as pd

from miua.analysis.results import Results
from miua.analysis.tables import COMPUTED, not_computed, read_metrics
from miua.errors import MiuaError
from miua.files import atomic_path, write_text
from miua.metrics.measures import ALL_MEASURES, FID, measure
from miua.report import sources
from miua.report.claims import judged_claims
from miua.report.figures import study_figures
from miua.report.numbers import p_value, plain
from miua.report.rows import arm_rows, correlation_rows, event_rows, floor_rows, stability_rows
from miua.report.sources import read_regression
from miua.report.values import study_values
from miua.training.signs import COLLAPSED_DIVERSITY, SATURATED_ACCURACY

Cells = list[str]

# How to read a verdict; the ledger's words first.
MEANINGS = {
    "reproduced": "the test finds what was claimed",
    "not reproduced": "the test contradicts it, or would most likely have found it",
    "undecided": "the data allow no decision; the evidence gives the power of the test",
    "not testable here": "something is missing in this run, which the evidence names",
}


def write_report(results: Path, study: Path) -> Path:
    """Write results/report/ from tables and figures; returns its index.html.

    Raises:
        MiuaError: a table or a figure is missing or damaged.
    """
    opened = Results.open(results)
    metrics, regression = read_metrics(opened), read_regression(opened)
    values, _ = study_values(opened, study, metrics, regression)
    claims = judged_claims(opened, study)
    figures = study_figures(opened, study)
    for figure in figures:
        _copy(opened.figures / f"{figure.name}.png", opened.report / f"{figure.name}.png")
    page = (
        _environment()
        .get_template("report.html")
        .render(
            plan=opened.plan,
            measures=[sources.marked(m, sources.fid_stand_in(metrics)) for m in ALL_MEASURES],
            values={value.name: value for value in values},
            claims=claims,
            counts=Counter(claim.verdict for claim in claims),
            meanings=MEANINGS,
            experiment_tables=_experiment_tables(opened, metrics),
            fid_stand_in=sources.fid_stand_in(metrics),
            training_sizes=opened.training_sizes,
            epochs=opened.epochs,
            sets=_sets(opened, metrics),
            regression=_regression(regression),
            figures=figures,
            fid_missing=not_computed(metrics, FID.name),
            paper=(opened.paper / "main.pdf").exists(),
        )
    )
    index = opened.report / "index.html"
    write_text(index, page)
    return index


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("miua.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _copy(source: Path, target: Path) -> None:
    if not source.exists():
        raise MiuaError(f"{source} is missing. Draw the figures first.")
    with atomic_path(target) as temporary:
        shutil.copyfile(source, temporary)


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


def _experiment_tables(results: Results, metrics: pd.DataFrame) -> list[PlainTable]:
    stand_in = sources.fid_stand_in(metrics)
    metric_heads = [sources.marked(shown, stand_in).axis_label for shown in ALL_MEASURES]
    arms = ["Arm", "Epochs", "Updates", *metric_heads]
    signs = ["Arm", "Pixels", "Epochs", "Updates", "D right on real", "D right on synthetic",
             "Epochs saturated (share)", "Diversity", "Signs of instability"]  # fmt: skip
    stability = stability_rows(results)
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
            floor_rows(results, metrics)
            if sources.read_floor_summary(results) is not None
            else [],
        ),
    ]  # fmt: skip
    for experiment in (sources.IMAGE_SIZE, sources.LEARNING_RATE, sources.AUGMENTATION):
        title = "Metrics of each arm at its end"
        tables.append(PlainTable(experiment, title, arms, arm_rows(results, experiment)))
        title = "Signs of instability"
        tables.append(PlainTable(experiment, title, signs, stability.get(experiment, [])))
    title = "Metrics of each seed at the end"
    tables.append(PlainTable("seeds", title, arms, arm_rows(results, sources.SEEDS)))
    bounds = (
        "Epochs in which a loss is not finite, the discriminator is right on "
        f"{100 * SATURATED_ACCURACY:.0f} % of both kinds of images, or synthetic images of a batch "
        f"differ from each other by less than {COLLAPSED_DIVERSITY} of what real ones do"
    )
    head = ["Training", "For", "Epochs", "Events in its log"]
    stable = "stability of all trainings"
    tables.append(PlainTable(stable, bounds, head, event_rows(results), in_words=True))
    return tables


def _sets(results: Results, metrics: pd.DataFrame) -> list[dict[str, object]]:
    """A row a set: its names, links, and a cell for each measure of the study."""
    by_set = dict(tuple(metrics.groupby("set")))
    return [
        {
            "set": chosen.name,
            "training_size": chosen.training_size,
            "epoch": chosen.epoch,
            "run": results.run(chosen.training_size).name,
            "cells": [
                _cell(by_set[chosen.name], shown.name, shown.decimals) for shown in ALL_MEASURES
            ],
        }
        for chosen in results.sets
    ]


def _cell(rows: pd.DataFrame, name: str, decimals: int) -> dict[str, str]:
    """Value and interval of one metric in one set, or the reason why there is none."""
    found = rows[rows["metric"] == name]
    if found.empty:
        return {"value": "not computed", "interval": "", "reason": f"the set has no metric {name}"}
    row = found.iloc[0]
    if row["status"] != COMPUTED:
        return {"value": "not computed", "interval": "", "reason": str(row["status"])}
    low, high = float(row["low"]), float(row["high"])
    shown = "" if pd.isna(low) else f"{plain(low, decimals)} to {plain(high, decimals)}"
    return {"value": plain(float(row["value"]), decimals), "interval": shown, "reason": ""}


def _regression(regression: pd.DataFrame) -> list[Cells]:
    rows = []
    for name, line in regression.set_index("metric").to_dict(orient="index").items():
        cells = [measure(str(name)).label, str(line["n"]).removesuffix(".0")]
        cells += [plain(line[key], 4) for key in ("a_published", "a", "b_published", "b")]
        cells += [plain(line["pearson_r"], 2), p_value(line["p_value"]).removeprefix("= ")]
        rows.append([*cells, line["agrees"] if line["status"] == COMPUTED else line["status"]])
    return rows
