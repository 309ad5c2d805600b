"""values.json: for each number of the paper the files, sets and runs that it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from miua.analysis.reader_tables import READER_REGRESSION, READERS
from miua.report.values import Conditions, Value, macro_name
from miua.study.store import Results, read_cells

SCHEMA = 1
# Tables of the main grid, which hold the sets of training-size at equal epochs.
GRID_TABLES = (
    "tables/metrics.csv",
    "tables/summary.csv",
    # Readers judge these sets.
    f"tables/{READERS}.csv",
    f"tables/{READER_REGRESSION}.csv",
)
GRID_LOGS = "runs/*/log.jsonl"


def origins(results: Results, values: Sequence[Value], conditions: Conditions) -> dict[str, Any]:
    """The content of values.json.

    Raises:
        ValueError: two values have one id.
    """
    cells = read_cells(results)
    entries: dict[str, dict[str, Any]] = {}
    for value in values:
        if value.id in entries:
            raise ValueError(f"two values have the id {value.id}")
        files = [value.source, *value.inputs]
        sets, runs = _sets_and_runs(value, files, cells, results)
        entries[value.id] = {
            "text": value.text,
            "macro": value.macro,
            "sources": files,
            "row": value.row,
            "column": value.column,
            "sets": sets,
            "runs": runs,
        }
    for name, (truth, source) in conditions.items():
        value = Value(f"if {name}", str(truth).lower(), source)
        # \ifNAME is how the text asks for it.
        macro = f"if{macro_name(name)}"
        entries[value.id] = {"text": value.text, "macro": macro, "sources": [source]}
    return {"schema": SCHEMA, "values": entries}


def _sets_and_runs(
    value: Value, files: Sequence[str], cells: pd.DataFrame, results: Results
) -> tuple[list[str], list[str]]:
    """The sets that a value rests on, and the runs of these sets; of a log, its run alone."""
    if "set" in value.row:
        chosen = cells[cells["set"] == value.row["set"]]
        return _distinct(chosen["set"]), _distinct(chosen["run"])
    sets: list[str] = []
    runs: list[str] = []
    for file in files:
        folder, _, rest = file.partition("/")
        rows = cells.iloc[:0]
        if file in GRID_TABLES:
            rows = cells[cells["set"].isin([chosen.set for chosen in results.sets])]
        elif file == GRID_LOGS:
            runs += [chosen.run for chosen in results.sets]
        elif folder == "runs":
            runs.append(rest.partition("/")[0])
        elif file == "tables/stability.csv":
            rows = cells
        elif folder == "tables":
            rows = cells[cells["experiment"] == rest.removesuffix(".csv")]
            if "arm" in value.row:
                rows = rows[rows["arm"] == value.row["arm"]]
        sets += _distinct(rows["set"])
        runs += _distinct(rows["run"])
    return list(dict.fromkeys(sets)), list(dict.fromkeys(runs))


def _distinct(column: pd.Series[str]) -> list[str]:
    return [str(each) for each in dict.fromkeys(column)]
