"""From each set's metrics to the tables that figures, paper and report read.

`collect` makes the table of one experiment, and of the stability of its trainings: the signs and
their bounds are those of `miua.training.signs`, which a training itself logs for each epoch. Here
they are judged of a training as a whole: of its discriminator by the last half of its epochs, of
its samples by the last set. `analyse` joins the sets of the main grid.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from miua.errors import MiuaError
from miua.files import read_array, read_json, write_array, write_json
from miua.metrics.registry import LBPV_ELEMENTS, MEASURES
from miua.provenance import record_step
from miua.study.store import (
    COMPUTED,
    EXPERIMENT_COLUMNS,
    METRICS_COLUMNS,
    STABILITY_COLUMNS,
    STABILITY_NUMBERS,
    Results,
    read_cells,
    read_run_log,
    read_set_metrics,
    write_table,
)
from miua.training.signs import (
    COLLAPSED,
    COLLAPSED_DIVERSITY,
    NON_FINITE,
    SATURATED,
    SATURATED_ACCURACY,
    told,
)

# The discriminator counts as saturated in a training where it is so in more than this share of the
# last half of its epochs.
SATURATED_SHARE = 0.5


def collect(results: Path, experiment: str) -> list[Path]:
    """Write the table of one experiment's sets, and the signs of instability in its runs.

    Returns:
        The files written: tables/EXPERIMENT.csv, tables/EXPERIMENT-stability.csv.

    Raises:
        MiuaError: the plan has no such experiment, or a table or log is missing or damaged.
    """
    opened = Results.open(results)
    cells = read_cells(opened)
    chosen = cells[cells["experiment"] == experiment]
    if chosen.empty:
        known = ", ".join(cells["experiment"].unique())
        raise MiuaError(
            f"The plan of {results} trains nothing for {experiment!r}. It has: {known}."
        )
    sets, runs = (list(dict.fromkeys(chosen[name])) for name in ("set", "run"))
    metrics = pd.concat([read_set_metrics(opened, name) for name in sets], ignore_index=True)
    table = chosen.merge(metrics, on="set")[list(EXPERIMENT_COLUMNS)]
    written = [opened.table_path(name) for name in (experiment, f"{experiment}-stability")]
    write_table(written[0], table)
    write_table(written[1], _stability(opened, table))
    inputs = [opened.set_metrics(name) for name in sets]
    inputs += [opened.run(name) / file for name in runs for file in ("log.jsonl", "diverged.json")]
    record = written[0].with_suffix(".json")
    record_step(record, base=results, inputs=inputs, files=written)
    return written


def analyse(results: Path) -> list[Path]:
    """Write the tables of the main grid, and join what the experiments say of stability.

    Returns:
        The files written: tables/metrics.csv, summary.csv, lbpv.npy, lbpv_sets.json and, where an
        experiment was collected, stability.csv.

    Raises:
        MiuaError: an input is missing or damaged; the message names it.
    """
    opened = Results.open(results)
    metrics = _join_sets(opened)
    write_table(opened.table_path("metrics"), metrics)
    write_table(opened.table_path("summary"), _summarise(metrics))
    names = sorted(each.set for each in opened.sets)
    write_array(opened.tables / "lbpv.npy", np.stack([_lbpv(opened.set_lbpv(n)) for n in names]))
    write_json(opened.tables / "lbpv_sets.json", names)
    files = ("metrics.csv", "summary.csv", "lbpv.npy", "lbpv_sets.json")
    written = [*(opened.tables / name for name in files), *_join_stability(opened)]
    paths = (opened.set_metrics, opened.set_lbpv)
    inputs = [path(each.set) for each in opened.sets for path in paths]
    inputs += sorted(opened.tables.glob("*-stability.csv"))
    record_step(opened.tables / "analysis.json", base=results, inputs=inputs, files=written)
    return written


def saturated_share(log: pd.DataFrame) -> float:
    """The share of the last half of epochs in which the discriminator is saturated."""
    late = log.iloc[len(log) // 2 :]
    both = late[["accuracy_real", "accuracy_synthetic"]].min(axis=1)
    return float((both >= SATURATED_ACCURACY).mean())


def _join_sets(results: Results) -> pd.DataFrame:
    """The metrics of all sets of the main grid: METRICS_COLUMNS, by set, in the sets' own order."""
    tables = []
    for each in results.sets:
        table = read_set_metrics(results, each.set)
        table.insert(1, "training_size", each.training_size)
        table.insert(2, "epoch", each.epoch)
        tables.append(table[list(METRICS_COLUMNS)])
    return pd.concat(tables, ignore_index=True)


def _lbpv(path: Path) -> np.ndarray[Any, np.dtype[np.float64]]:
    vector = read_array(path)
    if vector.shape != (LBPV_ELEMENTS,) or vector.dtype != np.float64:
        raise MiuaError(
            f"{path} holds {vector.dtype} {vector.shape}, not one float64 LBPv of "
            f"{LBPV_ELEMENTS} elements. Evaluate the set again."
        )
    return vector


def _summarise(metrics: pd.DataFrame) -> pd.DataFrame:
    """Metric and training size against epoch: one row each, one column `epoch_N` an epoch."""
    wanted = metrics[metrics["metric"].isin([known.name for known in MEASURES])]
    order = pd.CategoricalDtype([known.name for known in MEASURES], ordered=True)
    wide = wanted.astype({"metric": order}).pivot(
        index=["metric", "training_size"], columns="epoch", values="value"
    )
    wide.columns = [f"epoch_{epoch}" for epoch in wide.columns]
    return wide.sort_index().reset_index().astype({"metric": str})


def _join_stability(results: Results) -> list[Path]:
    """Write tables/stability.csv, the signs in the runs of all experiments that were collected."""
    experiments = read_cells(results)["experiment"].unique()
    found = [
        results.table(f"{experiment}-stability", STABILITY_COLUMNS, STABILITY_NUMBERS)
        for experiment in experiments
    ]
    tables = [table for table in found if table is not None]
    if not tables:
        return []
    path = results.table_path("stability")
    write_table(path, pd.concat(tables, ignore_index=True))
    return [path]


def _stability(results: Results, table: pd.DataFrame) -> pd.DataFrame:
    """The signs in every run of an experiment's table, up to its last set: STABILITY_COLUMNS."""
    last = table.sort_values("epoch").groupby(["arm", "run"], sort=False).tail(1)
    last = last.drop_duplicates(["arm", "run"])
    rows = []
    for cell in last.itertuples():
        chosen = table[(table["set"] == cell.set) & (table["metric"] == "diversity")]
        rows.append(_row(results, cell, chosen))
    return pd.DataFrame(rows, columns=list(STABILITY_COLUMNS))


def _row(results: Results, cell: Any, diversities: pd.DataFrame) -> dict[str, object]:
    folder = results.run(cell.run)
    log = read_run_log(folder, cell.epoch)
    diverged = folder / "diverged.json"
    diverged_epoch = read_json(diverged)["epoch"] if diverged.exists() else None
    computed = diversities[diversities["status"] == COMPUTED]
    diversity = float(computed["value"].iloc[0]) if len(computed) else None
    share = saturated_share(log)
    signs = [
        sign
        for sign, seen in (
            (NON_FINITE, diverged_epoch is not None and diverged_epoch <= cell.epoch),
            (SATURATED, share > SATURATED_SHARE),
            (COLLAPSED, diversity is not None and diversity < COLLAPSED_DIVERSITY),
        )
        if seen
    ]
    end = log.iloc[-1]
    return {
        "experiment": cell.experiment,
        "arm": cell.arm,
        "run": cell.run,
        "image_size": cell.image_size,
        "training_size": cell.training_size,
        "epochs": cell.epoch,
        "updates": cell.updates,
        "diverged_epoch": diverged_epoch,
        "saturated_share": share,
        "accuracy_real_last": end["accuracy_real"],
        "accuracy_synthetic_last": end["accuracy_synthetic"],
        "generator_loss_last": end["generator_loss"],
        "discriminator_loss_last": end["discriminator_loss"],
        "diversity": diversity,
        "signs": "; ".join(signs),
        "stable": "no" if signs else "yes",
        "events": "; ".join(told(log["epoch"], log["events"])),
    }
