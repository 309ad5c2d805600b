"""The table of one experiment: its synthetic sets as planned, each with its metrics."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pandas as pd

from miua.analysis.results import Results
from miua.analysis.stability import STABILITY_COLUMNS, STABILITY_NUMBERS, stability
from miua.analysis.tables import NUMBERS, SET_COLUMNS, check_records, read_table, write_table
from miua.errors import MiuaError
from miua.plan import Cell

CELL_COLUMNS = tuple(field.name for field in fields(Cell))
CELL_NUMBERS = ("epoch", "updates", "training_size", "batch_size", "image_size", "seed")
EXPERIMENT_COLUMNS = (*CELL_COLUMNS, *SET_COLUMNS[1:])


def read_cells(results: Results) -> pd.DataFrame:
    """sets.csv: every synthetic set of the plan, by experiment and arm.

    Raises:
        MiuaError: the file is missing or damaged.
    """
    path = results.folder / "sets.csv"
    if not path.is_file():
        raise MiuaError(f"{path} is missing. `miua reproduce` writes it with the plan.")
    cells = read_table(path, CELL_COLUMNS, numbers=CELL_NUMBERS)
    return cells.astype(dict.fromkeys(CELL_NUMBERS, "int64"))


def collect(results: Results, experiment: str) -> pd.DataFrame:
    """The metrics of all sets of one experiment, in the order of the plan: EXPERIMENT_COLUMNS.

    Raises:
        MiuaError: the plan has no such experiment, or a set's table is missing or damaged.
    """
    cells = read_cells(results)
    chosen = cells[cells["experiment"] == experiment]
    if chosen.empty:
        known = ", ".join(cells["experiment"].unique())
        raise MiuaError(
            f"The plan of {results.folder} trains nothing for {experiment!r}. It has: {known}."
        )
    metrics = {name: _records(results, str(name)) for name in chosen["set"].unique()}
    return chosen.merge(pd.concat(metrics.values(), ignore_index=True), on="set")[
        list(EXPERIMENT_COLUMNS)
    ]


def experiment_path(results: Results, experiment: str) -> Path:
    return results.tables / f"{experiment}.csv"


def read_experiment(results: Results, experiment: str) -> pd.DataFrame | None:
    """The table that `collect` gave, or None if the experiment was not run.

    Raises:
        MiuaError: the table is damaged.
    """
    path = experiment_path(results, experiment)
    if not path.exists():
        return None
    table = read_table(path, EXPERIMENT_COLUMNS, numbers=(*CELL_NUMBERS, *NUMBERS))
    return table.astype(dict.fromkeys(CELL_NUMBERS, "int64"))


def write_experiment(results: Results, experiment: str) -> list[Path]:
    """Write the table of an experiment and of its runs' stability; returns both files.

    Raises:
        MiuaError: see `collect`; or a run's log is missing or damaged.
    """
    table = collect(results, experiment)
    signs = stability(results, table)
    paths = [experiment_path(results, experiment), stability_path(results, experiment)]
    for path, content in zip(paths, (table, signs), strict=True):
        write_table(path, content)
    return paths


def stability_path(results: Results, experiment: str) -> Path:
    return results.tables / f"{experiment}-stability.csv"


def join_stability(results: Results) -> list[Path]:
    """Write tables/stability.csv, the signs in the runs of all experiments that were collected."""
    experiments = read_cells(results)["experiment"].unique()
    tables = [
        read_table(path, STABILITY_COLUMNS, numbers=STABILITY_NUMBERS)
        for experiment in experiments
        if (path := stability_path(results, experiment)).exists()
    ]
    if not tables:
        return []
    path = results.tables / "stability.csv"
    write_table(path, pd.concat(tables, ignore_index=True))
    return [path]


def _records(results: Results, name: str) -> pd.DataFrame:
    path = results.folder / "metrics" / f"{name}.csv"
    if not path.exists():
        raise MiuaError(f"{path} is missing. Evaluate the set {name} first.")
    table = read_table(path, SET_COLUMNS, numbers=NUMBERS)
    check_records(path, table, name)
    return table
