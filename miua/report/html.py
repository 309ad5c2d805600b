"""The HTML report: one folder that works without a network, beside the runs it links to."""

from __future__ import annotations

import shutil
from pathlib import Path

import jinja2
import pandas as pd

from miua.analysis.measures import FID, MEASURES, measure
from miua.analysis.results import Results
from miua.analysis.tables import COMPUTED, not_computed, read_metrics
from miua.errors import MiuaError
from miua.files import atomic_path, write_text
from miua.report.figures import study_figures
from miua.report.numbers import p_value, plain
from miua.report.sources import read_regression
from miua.report.values import Conditions, study_values

Cells = list[str]


def write_report(results: Path, study: Path) -> Path:
    """Write results/report/ from tables and figures; returns its index.html.

    Raises:
        MiuaError: a table or a figure is missing or damaged.
    """
    opened = Results.open(results)
    metrics, regression = read_metrics(opened), read_regression(opened)
    values, conditions = study_values(opened, study, metrics, regression)
    figures = study_figures(opened, study)
    for figure in figures:
        _copy(opened.figures / f"{figure.name}.png", opened.report / f"{figure.name}.png")
    page = (
        _environment()
        .get_template("report.html")
        .render(
            plan=opened.plan,
            measures=MEASURES,
            values={value.name: value for value in values},
            verdicts=_verdicts({value.name: value.text for value in values}, conditions),
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


def _verdicts(values: dict[str, str], conditions: Conditions) -> list[tuple[str, str]]:
    """What the data decide, as pairs of an answer and a sentence; for the first screen."""
    agree, fitted = values["refit number agreeing"], values["refit number fitted"]
    total, points = values["refit number of metrics"], values["refit number of points"]
    above, claim = values["refit number above claim"], values["study claimed_correlation"]
    significant = values["refit number significant"]
    return [
        (
            _yes(conditions["all agree"]),
            f"{agree} of {total} published regression lines come out of the published points.",
        ),
        (
            _yes(conditions["all above claim"]),
            f"{above} of {fitted} correlations with the clinician's score exceed {claim}.",
        ),
        (
            _yes(conditions["any significant"]),
            f"{significant} of {fitted} correlations reach p < 0.05 (n = {points}), before any "
            "correction for having been chosen among many.",
        ),
        (
            "Not tested",
            "Whether people take our images for real, and whether our metrics follow their "
            "opinion: nobody has judged these images.",
        ),
    ]


def _yes(condition: tuple[bool, str]) -> str:
    return "Yes" if condition[0] else "No"


def _sets(results: Results, metrics: pd.DataFrame) -> list[dict[str, object]]:
    """A row a set: its names, links, and a cell for each measure of the study."""
    by_set = dict(tuple(metrics.groupby("set")))
    return [
        {
            "set": chosen.name,
            "training_size": chosen.training_size,
            "epoch": chosen.epoch,
            "run": results.run(chosen.training_size).name,
            "cells": [_cell(by_set[chosen.name], shown.name, shown.decimals) for shown in MEASURES],
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
