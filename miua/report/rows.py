"""Rows of tables that paper and report both print, as plain text."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from miua.metrics.registry import ALL_MEASURES, Measure, measure
from miua.report import sources
from miua.report.experiment_values import MEASURED
from miua.study.plan import Experiment, RealImages
from miua.study.store import COMPUTED, Results, read_experiment
from miua.wording import MISSING, number, p_value, span

NOT_COMPUTED = "n. c."
CLINICIAN = "clinician"


def correlation_rows(results: Results) -> list[list[str]]:
    """What each published correlation carries: intervals, adjusted p, power."""
    table = sources.read_clinician(results)
    return [_correlation_row(row) for row in table.itertuples()] if table is not None else []


def _correlation_row(row: Any) -> list[str]:
    p_values = (row.p_value, row.p_holm, row.spearman_p)
    single, adjusted, rank = (p_value(p) for p in p_values)
    return [
        measure(row.metric).label,
        str(int(row.n)),
        _with_interval(row.pearson_r, row.pearson_low, row.pearson_high),
        single,
        adjusted,
        _with_interval(row.spearman_r, row.spearman_low, row.spearman_high),
        rank,
        number(row.power_at_claimed, 2),
        number(row.smallest_detectable_r, 2),
    ]


def _with_interval(value: Any, low: Any, high: Any) -> str:
    if math.isnan(value):
        return MISSING
    return f"{number(value, 2)} ({span(low, high, 2)})"


def floor_rows(results: Results, metrics: pd.DataFrame) -> list[list[str]]:
    """Real halves against each other, the seeds' spread and the range of sets, by metric."""
    stand_in = sources.fid_stand_in(metrics)
    floor = sources.read_floor_summary(results)
    sets = sources.with_total_difference(metrics)
    rows = []
    for each in (sources.marked(shown, stand_in) for shown in MEASURED):
        by_subject, by_image = (_floor_row(floor, split, each) for split in ("subject", "image"))
        values = sources.computed(sets, each.name)["value"]
        spread = sources.seed_spread(results, each.name)
        deviation = number(spread.deviation, each.decimals + 1) if spread else MISSING
        reach = span(values.min(), values.max(), each.decimals) or NOT_COMPUTED
        rows.append([each.axis_label, *by_subject, by_image[0], deviation, reach])
    return rows


def _floor_row(floor: pd.DataFrame | None, split: str, shown: Measure) -> list[str]:
    """Mean and range of the splits."""
    if floor is None:
        return [MISSING, MISSING]
    rows = floor[(floor["split"] == split) & (floor["metric"] == shown.name)]
    if rows.empty or rows.iloc[0]["status"] != COMPUTED:
        return [NOT_COMPUTED, NOT_COMPUTED]
    mean, low, high = (float(rows.iloc[0][column]) for column in ("mean", "low", "high"))
    return [number(mean, shown.decimals), span(low, high, shown.decimals)]


def stability_rows(results: Results) -> dict[str, list[list[str]]]:
    """What shows how stable each arm was, by experiment; without those that were not run."""
    table = sources.read_stability(results)
    rows = {}
    for experiment in (sources.IMAGE_SIZE, sources.LEARNING_RATE, sources.AUGMENTATION):
        planned = read_experiment(results, experiment)
        if table is None or planned is None:
            continue
        part, order = table[table["experiment"] == experiment], sources.arms_of(planned)
        arms = sorted(part.itertuples(), key=lambda each: order.index(str(each.arm)))
        rows[experiment] = [_stability_row(row) for row in arms]
    return rows


def event_rows(results: Results) -> list[list[str]]:
    """What each training's log says of its stability, and the experiments that it is part of."""
    table = sources.read_stability(results)
    if table is None:
        return []
    rows = []
    for run, part in table.groupby("run", sort=False):
        longest = part.sort_values("epochs").iloc[-1]
        experiments = ", ".join(dict.fromkeys(part["experiment"]))
        rows.append([str(run), experiments, number(longest["epochs"]), longest["events"] or "none"])
    return rows


def _stability_row(row: Any) -> list[str]:
    numbers = [str(int(row.image_size)), str(int(row.epochs)), number(row.updates)]
    shares = (row.accuracy_real_last, row.accuracy_synthetic_last, row.saturated_share)
    words = row.signs.replace(" discriminator", " D").replace(" samples", "")
    signs = words.replace("; ", ", ") or "none"
    shown = [number(share, 2) for share in shares]
    return [str(row.arm), *numbers, *shown, number(row.diversity, 2), signs]


def scale_in_words(results: Results, experiment: Experiment) -> str:
    """How large an experiment is in these results."""
    if experiment.name == CLINICIAN:
        return "published points, no training"
    scale = results.plan.experiments.get(experiment.name)
    if not results.table_path(experiment.name).exists():
        return "not run"
    if isinstance(scale, RealImages):
        return f"{scale.repeats} pairs of halves of {scale.images} images each"
    table = read_experiment(results, experiment.name)
    assert table is not None
    sizes, epochs = sorted(set(table["training_size"])), sorted(set(table["epoch"]))
    images = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    length = f"{epochs[0]}" if len(epochs) == 1 else f"{epochs[0]} to {epochs[-1]}"
    runs, sets = table["run"].nunique(), table["set"].nunique()
    return f"{runs} trainings on {images} images, {length} epochs; {sets} sets"


def arm_rows(results: Results, experiment: str) -> list[list[str]]:
    """The metrics of every arm's last set, its epoch and updates; nothing if it was not run."""
    table = read_experiment(results, experiment)
    if table is None:
        return []
    last = sources.last_sets(table)
    rows = []
    for arm in sources.arms_of(last):
        part = last[last["arm"] == arm]
        cell = part.iloc[0]
        row = [arm, str(cell["epoch"]), number(cell["updates"])]
        for shown in ALL_MEASURES:
            found = sources.computed(part, shown.name)["value"]
            row.append(number(found.iloc[0], shown.decimals) if len(found) else NOT_COMPUTED)
        rows.append(row)
    return rows
