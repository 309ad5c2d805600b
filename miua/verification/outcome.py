"""The numbers of a reproduction that a rerun is held against, each by name, from all its tables.

The same numbers come out of a results folder and out of the small outcome kept of one. The names
are those of the plan, with the seeds counted from the profile's own: so numbers of repeats with
other seeds meet.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from miua.analysis.reader_tables import READER
from miua.errors import MiuaError
from miua.metrics.registry import ALL_MEASURES, COMPUTED, LBPV_TOTAL_DIFFERENCE
from miua.study.plan import Profile, Seeds
from miua.study.store import NOT_COMPUTED, Results
from miua.study.store import read_cells as read_planned
from miua.verification.table_comparison import read_cells

# What is promised of a number. "exact": the same in every run, as it follows from published data.
# "seeded": the same for the same seeds, as nothing is trained. "chaotic": a training amplifies the
# last bit, so that it is the same on one kind of machine only; elsewhere it is one more draw.
Promise = Literal["exact", "seeded", "chaotic"]
EXACT: Promise = "exact"
SEEDED: Promise = "seeded"
CHAOTIC: Promise = "chaotic"

NAMED = [known.name for known in (*ALL_MEASURES, LBPV_TOTAL_DIFFERENCE)]
# The same for every set of a plan, and long: the results folder says it.
LEFT_OUT = ["preparation", "unit", "definition"]


@dataclass(frozen=True)
class _Table:
    """Which cells of a table are compared, and by what each row is known.

    key: columns that name a row. numbers, words: columns that are compared; numbers empty means all
    others that are neither of these nor `status`.
    """

    promise: Promise
    key: tuple[str, ...]
    numbers: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


# What joins the parts of a row's key.
SEPARATOR = "; "
_INTERVAL = ("value", "low", "high")
_CELL = ("experiment", "arm", "training_size", "epoch")
# Reasons, sources and events are words about these numbers, and not compared; summary.csv shows
# numbers of the sets a second time.
TABLES: dict[str, _Table] = {
    "claims": _Table(CHAOTIC, ("id",), ("power", "n"), ("verdict",)),
    "clinician": _Table(EXACT, ("metric",)),
    "regression": _Table(EXACT, ("metric",), words=("agrees",)),
    "noise-floor-summary": _Table(
        SEEDED, ("split", "metric"), ("mean", "deviation", "mean_absolute", "low", "high")
    ),
    "noise-floor-pairing": _Table(SEEDED, ("pairing", "metric"), ("value",)),
    "sensitivity-summary": _Table(
        SEEDED,
        ("degradation", "metric"),
        ("spearman",),
        ("monotone", "direction", "first_level_beyond_floor", "response"),
    ),
    "stability": _Table(
        CHAOTIC,
        ("experiment", "arm", "training_size", "epochs"),
        (
            "saturated_share",
            "accuracy_real_last",
            "accuracy_synthetic_last",
            "generator_loss_last",
            "discriminator_loss_last",
            "diversity",
        ),
        ("diverged_epoch", "signs", "stable"),
    ),
    "sets": _Table(CHAOTIC, (*_CELL, "metric"), _INTERVAL),
}
# The claims that rest on published data alone, and the halves of real images that no seed draws.
_EXACT_ROWS = {"claims": ("experiments", "clinician"), "noise-floor-summary": ("split", "order")}

PLACE = ["table", "key", "column"]
COLUMNS = (*PLACE, "promise", "type")


def results_tables(results: Results) -> dict[str, pd.DataFrame]:
    """The tables of a results folder that hold numbers to compare, as text, by name.

    Of each synthetic set the measures that have a name, not all 256 elements of its LBP vector:
    these are summed up in FD-LBP, and 252 more numbers a set would make every tolerance wider.

    Raises:
        MiuaError: a table is damaged, or there is no table of any experiment.
    """
    tables = {
        name: read_cells(path)
        for name in TABLES
        if (path := results.tables / f"{name}.csv").exists() and name != "sets"
    }
    if "claims" in tables:
        tables["claims"] = _without_readers(tables["claims"])
    return {**tables, "sets": _sets(results)}


def _without_readers(claims: pd.DataFrame) -> pd.DataFrame:
    """Without the claims that this study's own readers decide: no other run has their answers."""
    if "sources" not in claims.columns:
        return claims
    return claims[~claims["sources"].str.contains(f"tables/{READER}", regex=False)]


def kept_tables(folder: Path) -> dict[str, pd.DataFrame]:
    """The same of a folder that `write_expected` made."""
    return {name: read_cells(path) for name in TABLES if (path := folder / f"{name}.csv").exists()}


def numbers(tables: dict[str, pd.DataFrame], plan: Profile, kept_plan: Profile) -> pd.DataFrame:
    """Every number and word that is compared, one row each.

    Args:
        tables: see `results_tables`.
        plan: their profile.
        kept_plan: the profile whose names are used: the same but for the seeds.

    Returns:
        COLUMNS, and `value` as text: NOT_COMPUTED where the table says so, else as it stands
        there. `type` is "number" or "word".

    Raises:
        MiuaError: a table lacks a column, or names a row twice.
    """
    parts = [
        _cells_of(name, _named(table, plan, kept_plan, name), TABLES[name])
        for name, table in tables.items()
    ]
    found = pd.concat(parts, ignore_index=True)
    twice = found[found.duplicated(PLACE)]
    if not twice.empty:
        first = twice.iloc[0]
        raise MiuaError(f"{first['table']}.csv names a row twice: {first['key']}.")
    return found


def _named(table: pd.DataFrame, plan: Profile, kept_plan: Profile, name: str) -> pd.DataFrame:
    """The table with the arms named as in the kept plan, and without the unnamed measures."""
    spec = TABLES[name]
    missing = {*spec.key, *spec.numbers, *spec.words} - set(table.columns)
    if missing:
        raise MiuaError(f"{name}.csv lacks the column {', '.join(sorted(missing))}.")
    if "metric" in spec.key:
        table = table[table["metric"].isin(NAMED)]
    if "arm" in spec.key:
        arms = _seed_arms(plan, kept_plan)
        moved = table["experiment"].eq("seeds")
        table = table.assign(
            arm=table["arm"].where(~moved, table["arm"].replace(arms)),
            training_size=[_whole(text) for text in table["training_size"]],
        )
    return table


def _seed_arms(plan: Profile, kept_plan: Profile) -> dict[str, str]:
    here, there = plan.experiments.get("seeds"), kept_plan.experiments.get("seeds")
    if not isinstance(here, Seeds) or not isinstance(there, Seeds):
        return {}
    pairs = zip(here.seeds, there.seeds, strict=True)
    return {f"seed-{own}": f"seed-{kept}" for own, kept in pairs}


def _cells_of(name: str, table: pd.DataFrame, spec: _Table) -> pd.DataFrame:
    """One row for each compared cell of one table."""
    key = table[spec.key[0]]
    for column in spec.key[1:]:
        key = key + SEPARATOR + table[column].map(lambda text, c=column: _told(c, text))
    promise = pd.Series(spec.promise, index=table.index)
    if name in _EXACT_ROWS:
        column, word = _EXACT_ROWS[name]
        promise[table[column] == word] = EXACT
    others = {*spec.key, *spec.words, "status"}
    columns = spec.numbers or tuple(c for c in table.columns if c not in others)
    computed = table["status"].eq(COMPUTED) if "status" in table.columns else None
    parts = []
    for column in (*columns, *spec.words):
        value = table[column].map(_whole) if column in spec.words else table[column]
        if computed is not None:
            value = value.where(computed, NOT_COMPUTED)
        kind = "word" if column in spec.words else "number"
        parts.append(
            pd.DataFrame(
                {
                    "table": name,
                    "key": key,
                    "column": column,
                    "promise": promise,
                    "type": kind,
                    "value": value,
                }
            )
        )
    # By row of the table, then column.
    return pd.concat(parts).sort_index(kind="stable")


def _told(column: str, text: str) -> str:
    words = {"training_size": "{} images", "epoch": "epoch {}", "epochs": "{} epochs"}
    return words.get(column, "{}").format(_whole(text))


def _whole(text: str) -> str:
    """72.0, as some tables write whole numbers, is 72."""
    return text.removesuffix(".0")


def _sets(results: Results) -> pd.DataFrame:
    """All experiments' sets with the named measures."""
    measures = [known.name for known in ALL_MEASURES]
    tables = [
        table[table["metric"].isin(measures)].drop(columns=LEFT_OUT, errors="ignore")
        for experiment in read_planned(results)["experiment"].unique()
        if (path := results.tables / f"{experiment}.csv").exists()
        and "metric" in (table := read_cells(path)).columns
    ]
    if not tables:
        raise MiuaError(f"{results.tables} holds the table of no experiment.")
    return pd.concat(tables, ignore_index=True)
