"""The reference distribution: every compared number in each of several repeats with other seeds."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from miua.config import config_hash, read_config
from miua.errors import MiuaError
from miua.files import read_json, sha256_file, write_json
from miua.study.plan import Profile
from miua.study.store import Results
from miua.verification.outcome import (
    COLUMNS,
    EXACT,
    PLACE,
    kept_tables,
    numbers,
    results_tables,
)
from miua.verification.table_comparison import read_cells

PLAN, REFERENCE, REPEATS = "plan.yaml", "reference.csv", "repeats.json"
# A number is kept to so many digits: far more than repeats share.
DIGITS = 9
# Settings of a profile that change neither what is computed nor how much of it.
WITHOUT_EFFECT = ("description", "banner", "threads_per_training", "gpus_per_training")


@dataclass(frozen=True)
class Expected:
    """What a rerun is held against.

    Attributes:
        folder: where it was read.
        plan: the profile of the run that was kept.
        kept: its numbers, as `miua.verification.outcome.numbers` gives them.
        repeats: a row for each row of `kept`, a column for each repeat; no columns if none were
            kept. Values are text, as in the tables.
    """

    folder: Path
    plan: Profile
    kept: pd.DataFrame
    repeats: pd.DataFrame


def read_expected(folder: Path) -> Expected:
    """Read what `write_expected` wrote.

    Raises:
        MiuaError: the folder is none, or a file in it is damaged or of other numbers.
    """
    folder = Path(folder)
    if not (folder / PLAN).is_file():
        raise MiuaError(
            f"{folder} is no folder of expected results: it has no {PLAN}. "
            "Name one such as experiments/expected/smoke."
        )
    plan = read_config(folder / PLAN, Profile)
    tables = kept_tables(folder)
    if not tables:
        raise MiuaError(f"{folder} holds no tables. Get it anew from the repository.")
    kept = numbers(tables, plan, plan)
    return Expected(folder, plan, kept, _read_repeats(folder / REFERENCE, kept))


def write_reference(folder: Path, results: Results, repeats: list[Results]) -> None:
    """Write reference.csv and repeats.json: the numbers of `results` in each of its repeats.

    Raises:
        MiuaError: a repeat is of another plan, shares its seed, lacks numbers, or gives another
            value where the same is promised.
    """
    kept = numbers(results_tables(results), results.plan, results.plan)
    wide = kept[list(COLUMNS)].copy()
    seeds = [results.plan.seed]
    for repeat in repeats:
        if problems := plan_differences(results.plan, repeat.plan):
            raise MiuaError(f"{repeat.folder} is of another plan: {'; '.join(problems)}.")
        if repeat.plan.seed in seeds:
            raise MiuaError(f"{repeat.folder}: another repeat has its seed {repeat.plan.seed}.")
        seeds.append(repeat.plan.seed)
        found = numbers(results_tables(repeat), repeat.plan, results.plan)
        values = found.set_index(PLACE)["value"].reindex(pd.MultiIndex.from_frame(kept[PLACE]))
        if len(found) != len(kept) or values.isna().any():
            raise MiuaError(
                f"{repeat.folder} does not hold the numbers that {results.folder} holds. "
                "Make both with the same code, to their end."
            )
        wide[_name(repeat)] = [_short(text) for text in values]
    _check_promises(wide, kept["value"])
    wide.to_csv(
        folder / REFERENCE, index=False, lineterminator="\n", encoding="utf-8",
        quoting=csv.QUOTE_MINIMAL,
    )  # fmt: skip
    write_json(folder / REPEATS, {_name(repeat): _origin(repeat) for repeat in repeats})


def plan_differences(kept: Profile, other: Profile) -> list[str]:
    """What makes `other` another plan than `kept`, in words; seeds may all be moved alike."""
    moved = kept.with_seeds_moved(other.seed - kept.seed)
    before, after = _settings(moved), _settings(other)
    return [
        f"{key}: {before.get(key, 'absent')} expected, {after.get(key, 'absent')} here"
        for key in {**before, **after}
        if before.get(key) != after.get(key)
    ]


def _settings(plan: Profile) -> dict[str, Any]:
    """The settings that matter, nested ones by their dotted names."""
    flat: dict[str, Any] = {}

    def put(values: dict[str, Any], before: str) -> None:
        for key, value in values.items():
            if isinstance(value, dict):
                put(value, f"{before}{key}.")
            else:
                flat[f"{before}{key}"] = value

    put(plan.model_dump(exclude=set(WITHOUT_EFFECT)), "")
    return flat


def _name(repeat: Results) -> str:
    return f"seed-{repeat.plan.seed}"


def _short(text: str) -> str:
    """A number to DIGITS significant digits; other words as they are."""
    try:
        return f"{float(text):.{DIGITS}g}"
    except ValueError:
        return text


def _check_promises(wide: pd.DataFrame, kept: pd.Series[str]) -> None:
    exact = wide["promise"] == EXACT
    for (_, row), value in zip(wide[exact].iterrows(), kept[exact], strict=True):
        values = {_short(value), *row.drop(list(COLUMNS))}
        if len(values) > 1:
            raise MiuaError(
                f"{row['table']}: {row['key']}, {row['column']} is promised to be the same in "
                f"every run, and is {' and '.join(sorted(values))}."
            )


def _origin(repeat: Results) -> dict[str, Any]:
    """Where a repeat's numbers come from, in short."""
    records = [read_json(path) for path in sorted(repeat.folder.glob("runs/*/provenance.json"))]
    said = {
        key: sorted({str(record[key]) for record in records if key in record})
        for key in ("commit", "uncommitted_changes", "python", "platform", "device")
    }
    packages = sorted(
        {f"{name} {number}" for record in records for name, number in record["packages"].items()}
    )
    tables = sorted(repeat.tables.glob("*.csv"))
    return {
        "seed": repeat.plan.seed,
        "plan": config_hash(repeat.plan),
        **said,
        "packages": packages,
        "tables": {path.name: sha256_file(path) for path in tables},
    }


def _read_repeats(path: Path, kept: pd.DataFrame) -> pd.DataFrame:
    if not path.exists():
        return pd.DataFrame(index=kept.index)
    table = read_cells(path)
    names = [name for name in table.columns if name not in COLUMNS]
    if not {*COLUMNS} <= {*table.columns} or not table[PLACE].equals(kept[PLACE]):
        raise MiuaError(
            f"{path} does not hold the numbers of the tables beside it. Get the folder anew from "
            "the repository, or make it with: miua expected"
        )
    return table[names].set_axis(kept.index)
