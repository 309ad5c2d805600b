"""The tables of the paper, from the tables of results."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd

from miua.analysis.experiments import experiment_path, read_experiment
from miua.analysis.measures import ALL_MEASURES, Measure, measure
from miua.analysis.results import Results, read_log
from miua.analysis.tables import COMPUTED
from miua.plan import Experiment, RealImages, read_experiments
from miua.report import sources
from miua.report.claims import JudgedClaim
from miua.report.experiment_values import MEASURED
from miua.report.latex_text import escape, long_table, tabular
from miua.report.numbers import MISSING, interval, p_value, plain, whole

NOT_COMPUTED = "n. c."
CLINICIAN = "clinician"
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
            done = whole(float(updates[epoch])) if epoch in updates.index else MISSING
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
    return plain(float(chosen.iloc[0]["value"]), shown.decimals)


def _half_width(metrics: pd.DataFrame, shown: Measure) -> str:
    """Half of the median width of a metric's 95 % intervals."""
    rows = metrics[metrics["metric"] == shown.name]
    return plain(float((rows["high"] - rows["low"]).median()) / 2, shown.decimals)


def regression_table(regression: pd.DataFrame) -> str:
    """Published and refitted coefficients side by side, with r and p."""
    head = ["Metric", "a publ.", "a refit", "b publ.", "b refit", "r", "p", "Agrees"]
    rows = [_regression_row(row) for row in regression.itertuples()]
    return tabular("l" + "r" * 6 + "l", [head], rows)


def _regression_row(row: Any) -> list[str]:
    return [
        measure(row.metric).label,
        plain(row.a_published, 4),
        plain(row.a, 4),
        plain(row.b_published, 4),
        plain(row.b, 4),
        plain(row.pearson_r, 2),
        p_value(row.p_value).removeprefix("= "),
        row.agrees,
    ]


def correlation_table(results: Results) -> str:
    """What each published correlation carries: intervals, adjusted p, power."""
    heads = [
        ["Metric", "n", "Pearson's r", "p", "p (Holm)", "Spearman's r", "p", "power", "least r"]
    ]
    table = sources.read_clinician(results)
    rows = [_correlation_row(row) for row in table.itertuples()] if table is not None else []
    return tabular("lr" + "r" * 7, heads, rows)


def _correlation_row(row: Any) -> list[str]:
    p_values = (row.p_value, row.p_holm, row.spearman_p)
    single, adjusted, rank = (p_value(p).removeprefix("= ") for p in p_values)
    return [
        measure(row.metric).label,
        str(int(row.n)),
        _with_interval(row.pearson_r, row.pearson_low, row.pearson_high),
        single,
        adjusted,
        _with_interval(row.spearman_r, row.spearman_low, row.spearman_high),
        rank,
        plain(row.power_at_claimed, 2),
        plain(row.smallest_detectable_r, 2),
    ]


def _with_interval(value: Any, low: Any, high: Any) -> str:
    if math.isnan(value):
        return MISSING
    return f"{plain(value, 2)} ({interval(low, high, 2)})"


def floor_table(results: Results, metrics: pd.DataFrame) -> str:
    """Real halves against each other, the seeds' spread and the range of sets, by metric."""
    stand_in = sources.fid_stand_in(metrics)
    floor = sources.read_floor_summary(results)
    sets = sources.with_total_difference(metrics)
    heads = [
        ["", "Real halves, by subject", "", "by image", "Seeds", "Synthetic sets"],
        ["Metric", "mean", "95 % of splits", "mean", "deviation", "lowest to highest"],
    ]
    rows = []
    for each in (sources.marked(shown, stand_in) for shown in MEASURED):
        by_subject, by_image = (_floor_row(floor, split, each) for split in ("subject", "image"))
        values = sources.computed(sets, each.name)["value"]
        spread = sources.seed_spread(results, each.name)
        span = interval(values.min(), values.max(), each.decimals) if len(values) else NOT_COMPUTED
        deviation = plain(spread.deviation, each.decimals + 1) if spread else MISSING
        rows.append([each.axis_label, *by_subject, by_image[0], deviation, span])
    return tabular("lrrrrr", heads, rows)


def _floor_row(floor: pd.DataFrame | None, split: str, shown: Measure) -> list[str]:
    """Mean and range of the splits."""
    if floor is None:
        return [MISSING, MISSING]
    rows = floor[(floor["split"] == split) & (floor["metric"] == shown.name)]
    if rows.empty or rows.iloc[0]["status"] != COMPUTED:
        return [NOT_COMPUTED, NOT_COMPUTED]
    mean, low, high = (float(rows.iloc[0][column]) for column in ("mean", "low", "high"))
    return [plain(mean, shown.decimals), interval(low, high, shown.decimals)]


def stability_table(results: Results) -> str:
    """The signs of instability in the arms of image-size, learning-rate and augmentation."""
    heads = [
        ["", "", "", "", "D right on", "", "", "Diver-", ""],
        ["Arm", "Pixels", "Epochs", "Updates", "real", "synth.", "Sat.", "sity", "Signs"],
    ]
    table = sources.read_stability(results)
    rows: list[list[str] | None] = []
    for experiment in (sources.IMAGE_SIZE, sources.LEARNING_RATE, sources.AUGMENTATION):
        part = table[table["experiment"] == experiment] if table is not None else pd.DataFrame()
        if len(part) and rows:
            rows.append(None)
        planned = read_experiment(results, experiment)
        order = sources.arms_of(planned) if planned is not None else []
        arms = sorted(part.itertuples(), key=lambda each: order.index(str(each.arm)))
        rows += [_stability_row(row) for row in arms]
    return tabular("l" + "r" * 7 + "l", heads, rows)


def _stability_row(row: Any) -> list[str]:
    numbers = [str(int(row.image_size)), str(int(row.epochs)), whole(row.updates)]
    shares = (row.accuracy_real_last, row.accuracy_synthetic_last, row.saturated_share)
    signs = row.signs.replace(" discriminator", " D").replace("; ", ", ") or "none"
    shown = [plain(share, 2) for share in shares]
    return [str(row.arm), *numbers, *shown, plain(row.diversity, 2), signs]


def experiments_table(results: Results, study: Path) -> str:
    """The eight experiments: what each asks and what of it this run holds."""
    rows = []
    for name, experiment in read_experiments(study).items():
        rows.append([name, experiment.question, scale_in_words(results, experiment)])
    head = [["Experiment", "Question", "This run"]]
    return tabular("".join(RAGGED % width for width in (20, 54, 40)), head, rows)


def scale_in_words(results: Results, experiment: Experiment) -> str:
    """How large an experiment is in these results."""
    if experiment.name == CLINICIAN:
        return "published points, no training"
    scale = results.plan.experiments.get(experiment.name)
    if not experiment_path(results, experiment.name).exists():
        return "not run"
    if isinstance(scale, RealImages):
        return f"{scale.repeats} pairs of halves of {scale.images} images"
    table = read_experiment(results, experiment.name)
    assert table is not None
    sizes, epochs = sorted(set(table["training_size"])), sorted(set(table["epoch"]))
    images = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    length = f"{epochs[0]}" if len(epochs) == 1 else f"{epochs[0]} to {epochs[-1]}"
    runs, sets = table["run"].nunique(), table["set"].nunique()
    return f"{runs} trainings on {images} images, {length} epochs; {sets} sets"


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
