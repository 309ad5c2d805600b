"""The tables of the paper, from the tables of results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from miua.metrics.registry import ALL_MEASURES, Measure, measure
from miua.report import sources
from miua.report.claims import JudgedClaim
from miua.report.latex_text import escape, long_table, tabular
from miua.report.rows import (
    NOT_COMPUTED,
    correlation_rows,
    floor_rows,
    scale_in_words,
    stability_rows,
)
from miua.study.plan import read_experiments
from miua.study.store import COMPUTED, Results, read_log
from miua.wording import MISSING, number, p_value

RAGGED = r">{\raggedright\arraybackslash}p{%dmm}"


def sets_table(results: Results, metrics: pd.DataFrame) -> str:
    """The table of all sets: one row a set, one column a metric."""
    stand_in = sources.fid_stand_in(metrics)
    shown_here = [sources.marked(shown, stand_in) for shown in ALL_MEASURES]
    head = ["Images", "Epochs", "Updates", *(shown.label for shown in shown_here)]
    units = ["", "", "", *(shown.unit.replace("counts", "cts.") for shown in shown_here)]
    rows: list[list[str] | None] = []
    for size in results.training_sizes:
        updates = read_log(results, size).set_index("epoch")["updates"]
        if rows:
            rows.append(None)
        for epoch in results.epochs:
            cells = [_cell(metrics, size, epoch, shown) for shown in shown_here]
            done = number(float(updates[epoch])) if epoch in updates.index else MISSING
            rows.append([str(size), str(epoch), done, *cells])
    half_widths = [_half_width(metrics, shown) for shown in shown_here]
    return tabular("r" * len(head), [head, units], rows, last=["Half-width", "", "", *half_widths])


def _cell(metrics: pd.DataFrame, size: int, epoch: int, shown: Measure) -> str:
    chosen = metrics[
        (metrics["training_size"] == size)
        & (metrics["epoch"] == epoch)
        & (metrics["metric"] == shown.name)
    ]
    if len(chosen) != 1 or chosen.iloc[0]["status"] != COMPUTED:
        return NOT_COMPUTED
    return number(float(chosen.iloc[0]["value"]), shown.decimals)


def _half_width(metrics: pd.DataFrame, shown: Measure) -> str:
    """Half of the median width of a metric's 95 % intervals."""
    rows = metrics[metrics["metric"] == shown.name]
    return number(float((rows["high"] - rows["low"]).median()) / 2, shown.decimals)


def regression_table(regression: pd.DataFrame) -> str:
    """Published and refitted coefficients side by side, with r and p."""
    head = ["Metric", "a publ.", "a refit", "b publ.", "b refit", "r", "p", "Agrees"]
    rows = [_regression_row(row) for row in regression.itertuples()]
    return tabular("l" + "r" * 6 + "l", [head], rows)


def _regression_row(row: Any) -> list[str]:
    return [
        measure(row.metric).label,
        number(row.a_published, 4),
        number(row.a, 4),
        number(row.b_published, 4),
        number(row.b, 4),
        number(row.pearson_r, 2),
        p_value(row.p_value),
        row.agrees,
    ]


def correlation_table(results: Results) -> str:
    """What each published correlation carries: intervals, adjusted p, power."""
    head = ["Metric", "n", "Pearson's r", "p", "p (Holm)", "Spearman's r", "p", "power", "least r"]
    return tabular("lr" + "r" * 7, [head], correlation_rows(results))


def floor_table(results: Results, metrics: pd.DataFrame) -> str:
    """Real halves against each other, the seeds' spread and the range of sets, by metric."""
    heads = [
        ["", "Real halves, by subject", "", "by image", "Seeds", "Synthetic sets"],
        ["Metric", "mean", "95 % of splits", "mean", "deviation", "lowest to highest"],
    ]
    return tabular("lrrrrr", heads, floor_rows(results, metrics))


def stability_table(results: Results) -> str:
    """The signs of instability in the arms of image-size, learning-rate and augmentation."""
    heads = [
        ["", "", "", "", "D right on", "", "", "Diver-", ""],
        ["Arm", "Pixels", "Epochs", "Updates", "real", "synth.", "Sat.", "sity", "Signs"],
    ]
    rows: list[list[str] | None] = []
    for part in stability_rows(results).values():
        rows += [None, *part] if rows else part
    return tabular("l" + "r" * 7 + "l", heads, rows)


def experiments_table(results: Results, study: Path) -> str:
    """The eight experiments: what each asks and what of it this run holds."""
    rows = []
    for name, experiment in read_experiments(study).items():
        rows.append([name, experiment.question, scale_in_words(results, experiment)])
    head = [["Experiment", "Question", "This run"]]
    return tabular("".join(RAGGED % width for width in (20, 54, 40)), head, rows)


def ledger_table(claims: list[JudgedClaim]) -> str:
    """Every claim with its verdict and what that rests on, the paper's own claims first."""
    parts = []
    for title, of_the_paper in (
        ("Claims of the paper", True),
        ("What a careful reader finds or asks", False),
    ):
        chosen = [claim for claim in claims if claim.of_the_paper == of_the_paper]
        parts.append((title, [_ledger_row(claim) for claim in chosen]))
    return long_table(
        ("27mm", "92mm"), ["Claim, verdict", "What is claimed, and what was found"], parts
    )


def _ledger_row(claim: JudgedClaim) -> list[str]:
    # A hyphen may end a line in the narrow column.
    name = escape(claim.id).replace("{-}", r"{-}\allowbreak{}")
    verdict = rf"{name}\newline\textbf{{{escape(claim.verdict)}}}"
    return [verdict, rf"\textit{{{escape(claim.claim)}}} {escape(claim.reason)}"]
