"""From each set's metrics to the tables that figures, paper and report read.

`collect` makes the table of one experiment, and of the stability of its trainings: the signs and
their bounds are those of `miua.training.signs`, which a training itself logs for each epoch. Here
they are judged of a training as a whole, after its burn-in: of its discriminator by the last half
of its epochs, of its samples by the last set. `analyse` joins the sets of the main grid.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from miua.analysis.columns import TOO_SHORT, framed, study_table
from miua.errors import MiuaError
from miua.files import read_array, read_json, write_array, write_json
from miua.metrics.registry import LBPV_ELEMENTS, MEASURES
from miua.provenance import record_step
from miua.study.store import (
    COMPUTED,
    EXPERIMENT_COLUMNS,
    METRICS_COLUMNS,
    Results,
    read_cells,
    read_run_log,
    read_set_metrics,
    write_table,
)
from miua.training import signs

# The discriminator counts as saturated in a training where it is so in more than this share of the
# last half of its epochs, those of the burn-in left out.
SATURATED_SHARE = 0.5


def collect(results: Path, experiment: str) -> list[Path]:
    """Write the table of one experiment's sets, and the signs of instability in its runs.

    Returns the files written: tables/EXPERIMENT.csv, tables/EXPERIMENT-stability.csv. MiuaError:
    the plan has no such experiment, or a table or log is missing or damaged.
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

    Returns the files written: tables/metrics.csv, summary.csv, lbpv.npy, lbpv_sets.json and, where
    an experiment was collected, stability.csv. MiuaError: an input is missing or damaged.
    """
    opened = Results.open(results)
    sets = [
        read_set_metrics(opened, each.set).assign(
            training_size=each.training_size, epoch=each.epoch
        )
        for each in opened.sets
    ]
    metrics = pd.concat(sets, ignore_index=True)[list(METRICS_COLUMNS)]
    write_table(opened.table_path("metrics"), metrics)
    write_table(opened.table_path("summary"), _summarise(metrics))
    names = sorted(each.set for each in opened.sets)
    write_array(opened.tables / "lbpv.npy", np.stack([_lbpv(opened.set_lbpv(n)) for n in names]))
    write_json(opened.tables / "lbpv_sets.json", names)
    files = ["metrics.csv", "summary.csv", "lbpv.npy", "lbpv_sets.json"]
    experiments = read_cells(opened)["experiment"].unique()
    found = [study_table(opened, f"{experiment}-stability") for experiment in experiments]
    if stability := [table for table in found if table is not None]:
        write_table(opened.table_path("stability"), pd.concat(stability, ignore_index=True))
        files.append("stability.csv")
    written = [opened.tables / name for name in files]
    inputs = [
        path(each.set) for each in opened.sets for path in (opened.set_metrics, opened.set_lbpv)
    ]
    inputs += sorted(opened.tables.glob("*-stability.csv"))
    record_step(opened.tables / "analysis.json", base=results, inputs=inputs, files=written)
    return written


def saturated_share(log: pd.DataFrame) -> float:
    """The share of the last half of epochs in which the discriminator is saturated.

    Epochs of the burn-in are left out, unless there are no others.
    """
    late = log.iloc[len(log) // 2 :]
    if (after := late[late["updates"] > signs.BURN_IN_UPDATES]).size:
        late = after
    both = late[["accuracy_real", "accuracy_synthetic"]].min(axis=1)
    return float((both >= signs.SATURATED_ACCURACY).mean())


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
    names = [known.name for known in MEASURES]
    wanted = metrics[metrics["metric"].isin(names)]
    order = pd.CategoricalDtype(names, ordered=True)
    wide = wanted.astype({"metric": order}).pivot(
        index=["metric", "training_size"], columns="epoch", values="value"
    )
    return wide.add_prefix("epoch_").sort_index().reset_index().astype({"metric": str})


def _stability(results: Results, table: pd.DataFrame) -> pd.DataFrame:
    """The signs in every run of an experiment's table, up to its last set."""
    cells = table.sort_values("epoch").drop_duplicates(["arm", "run"], keep="last")
    rows = []
    for cell in cells.itertuples():
        chosen = (table["set"] == cell.set) & (table["metric"] == "diversity")
        rows.append(_row(results, cell, table[chosen & (table["status"] == COMPUTED)]["value"]))
    return framed("stability", rows)


def _row(results: Results, cell: Any, diversities: pd.Series[float]) -> dict[str, object]:
    folder = results.run(cell.run)
    log = read_run_log(folder, cell.epoch)
    diverged = folder / "diverged.json"
    diverged_epoch = read_json(diverged)["epoch"] if diverged.exists() else None
    diversity = float(diversities.iloc[0]) if len(diversities) else None
    share = saturated_share(log)
    trained = log.iloc[-1]["updates"] > signs.BURN_IN_UPDATES
    collapsed = diversity is not None and diversity < signs.COLLAPSED_DIVERSITY
    seen = {
        signs.NON_FINITE: diverged_epoch is not None and diverged_epoch <= cell.epoch,
        signs.SATURATED: trained and share > SATURATED_SHARE,
        signs.COLLAPSED: trained and collapsed,
    }
    shown = [sign for sign, is_seen in seen.items() if is_seen]
    last = ("accuracy_real", "accuracy_synthetic", "generator_loss", "discriminator_loss")
    copied = ("experiment", "arm", "run", "image_size", "training_size", "updates")
    return {
        **{name: getattr(cell, name) for name in copied},
        **{f"{name}_last": log.iloc[-1][name] for name in last},
        "epochs": cell.epoch,
        "diverged_epoch": diverged_epoch,
        "saturated_share": share,
        "diversity": diversity,
        "signs": "; ".join(shown),
        "stable": "no" if shown else "yes" if trained else TOO_SHORT,
        "events": "; ".join(signs.told(log["epoch"], log["events"])),
    }
