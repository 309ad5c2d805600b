"""Tidy tables: each set's metrics joined with its training size and epoch, checked on the way."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from miua.analysis.results import Results, SyntheticSet
from miua.errors import MiuaError
from miua.files import atomic_path, read_array, read_json, write_array, write_json
from miua.metrics.measures import LBPV_ELEMENTS, MEASURES, measure

SET_COLUMNS = (
    "set",
    "metric",
    "value",
    "low",
    "high",
    "unit",
    "n_reference",
    "n_synthetic",
    "definition",
    "status",
)
METRICS_COLUMNS = ("set", "training_size", "epoch", *SET_COLUMNS[1:])
COMPUTED = "computed"
NOT_COMPUTED = "not computed"
NUMBERS = ("value", "low", "high", "n_reference", "n_synthetic")


def read_table(path: Path, columns: Sequence[str], numbers: Sequence[str]) -> pd.DataFrame:
    """Read a CSV that has exactly these columns, in any order; `numbers` become float64.

    Raises:
        MiuaError: the file is missing, not CSV or empty, a column is missing or unknown, or a
            field of a number column is no number.
    """
    try:
        # Text first: an empty field is empty, and a word among numbers is found and named.
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    except FileNotFoundError:
        raise MiuaError(
            f"{path} is missing. `miua analyse RESULTS` makes the tables of results; "
            "`--study FOLDER` says where the study's own files are."
        ) from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise MiuaError(f"{path} is not a readable CSV table ({error}).") from None
    missing = [column for column in columns if column not in table.columns]
    unknown = [column for column in table.columns if column not in columns]
    if missing:
        raise MiuaError(f"{path} lacks the column {', '.join(missing)}. Make the table again.")
    if unknown:
        raise MiuaError(f"{path} has the unknown column {', '.join(unknown)}.")
    if table.empty:
        raise MiuaError(f"{path} has a head and no rows.")
    for column in numbers:
        table[column] = _numbers(table[column], path)
    return table[list(columns)]


def join_sets(results: Results) -> pd.DataFrame:
    """The metrics of all sets of the plan: METRICS_COLUMNS, by set, then in the sets' own order.

    Raises:
        MiuaError: a set's table is missing or damaged, or holds another set's rows.
    """
    return pd.concat(
        [_read_set(results.set_metrics(chosen), chosen) for chosen in results.sets],
        ignore_index=True,
    )


def join_lbpv(results: Results) -> tuple[NDArray[np.float64], list[str]]:
    """The LBPv of every set, (S, 256) in counts per image, and the sorted names of the rows.

    Raises:
        MiuaError: a set's vector is missing or is none.
    """
    sets = sorted(results.sets, key=lambda chosen: chosen.name)
    rows = []
    for chosen in sets:
        path = results.set_lbpv(chosen)
        vector = read_array(path)
        if vector.shape != (LBPV_ELEMENTS,) or vector.dtype != np.float64:
            raise MiuaError(
                f"{path} holds {vector.dtype} {vector.shape}, not one float64 LBPv of "
                f"{LBPV_ELEMENTS} elements. Evaluate the set again."
            )
        rows.append(vector)
    return np.stack(rows), [chosen.name for chosen in sets]


def summarise(metrics: pd.DataFrame) -> pd.DataFrame:
    """Metric and training size against epoch: one row each, one column `epoch_N` an epoch."""
    wanted = metrics[metrics["metric"].isin([known.name for known in MEASURES])]
    order = pd.CategoricalDtype([known.name for known in MEASURES], ordered=True)
    wide = wanted.astype({"metric": order}).pivot(
        index=["metric", "training_size"], columns="epoch", values="value"
    )
    wide.columns = [f"epoch_{epoch}" for epoch in wide.columns]
    return wide.sort_index().reset_index().astype({"metric": str})


def write_table(path: Path, table: pd.DataFrame, *, private: bool = False) -> None:
    """Write a CSV that reads back to the same floats, whole or not at all.

    Its owner alone may read a private one.
    """
    with atomic_path(path, private=private) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n", encoding="utf-8")


def write_tables(results: Results) -> None:
    """Write tables/metrics.csv, summary.csv, lbpv.npy and lbpv_sets.json."""
    metrics = join_sets(results)
    lbpv, names = join_lbpv(results)
    write_table(results.tables / "metrics.csv", metrics)
    write_table(results.tables / "summary.csv", summarise(metrics))
    write_array(results.tables / "lbpv.npy", lbpv)
    write_json(results.tables / "lbpv_sets.json", names)


def read_metrics(results: Results) -> pd.DataFrame:
    """tables/metrics.csv as analysis wrote it.

    Raises:
        MiuaError: it is missing, damaged, or made for another plan.
    """
    path = results.tables / "metrics.csv"
    table = read_table(path, METRICS_COLUMNS, numbers=("training_size", "epoch", *NUMBERS))
    infinite = table[np.isinf(table[["training_size", "epoch", *NUMBERS]]).any(axis=1)]
    if len(infinite):
        line = int(infinite.index[0]) + 2
        raise MiuaError(f"{path}: line {line} holds an infinite number. Measure the sets again.")
    table = table.astype({"training_size": "int64", "epoch": "int64"})
    if set(table["set"]) != {chosen.name for chosen in results.sets}:
        raise MiuaError(f"{path} does not hold the sets of the plan. Run `miua analyse` again.")
    return table


def read_lbpv(results: Results) -> tuple[NDArray[np.float64], list[str]]:
    """tables/lbpv.npy and the set names of its rows, as analysis wrote them."""
    return read_array(results.tables / "lbpv.npy"), read_json(results.tables / "lbpv_sets.json")


def not_computed(metrics: pd.DataFrame, name: str) -> str:
    """Why a metric is missing in some set, in the words of its status; "" if it never is."""
    status = metrics.loc[metrics["metric"] == name, "status"]
    missing = status[status != COMPUTED]
    if status.empty:
        return f"{NOT_COMPUTED}: no set has the metric {name}"
    return "" if missing.empty else str(missing.iloc[0])


def _read_set(path: Path, chosen: SyntheticSet) -> pd.DataFrame:
    if not path.exists():
        raise MiuaError(f"{path} is missing. Evaluate the set {chosen.name} first.")
    table = read_table(path, SET_COLUMNS, numbers=NUMBERS)
    check_records(path, table, chosen.name)
    table.insert(1, "training_size", chosen.training_size)
    table.insert(2, "epoch", chosen.epoch)
    return table[list(METRICS_COLUMNS)]


def check_records(path: Path, table: pd.DataFrame, name: str) -> None:
    """Raise MiuaError unless the table at `path` holds each metric of the set `name` once."""
    if set(table["set"]) != {name}:
        raise MiuaError(f"{path} holds rows of another set than {name}.")
    if table["metric"].duplicated().any():
        raise MiuaError(f"{path} holds a metric twice. Evaluate the set again.")
    for row in table.itertuples():
        _check_row(path, str(row.metric), str(row.status), float(str(row.value)))


def _check_row(path: Path, metric: str, status: str, value: float) -> None:
    try:
        measure(metric)
    except ValueError as error:
        raise MiuaError(f"{path}: {error}.") from None
    if status == COMPUTED:
        if not np.isfinite(value):
            raise MiuaError(f"{path}: {metric} is computed but has no finite value.")
    elif not status.startswith(NOT_COMPUTED):
        raise MiuaError(f"{path}: {metric} has the unknown status {status!r}.")
    elif not np.isnan(value):
        raise MiuaError(f"{path}: {metric} is not computed but has a value.")


def _numbers(column: pd.Series[str], path: Path) -> list[float]:
    numbers = []
    for row, text in enumerate(column):
        try:
            # Python's float reads back exactly what was written; pandas' parser may not.
            numbers.append(float(text) if text else float("nan"))
        except ValueError:
            raise MiuaError(
                f"{path}: line {row + 2}, column {column.name}: {text!r} is not a number."
            ) from None
    return numbers
