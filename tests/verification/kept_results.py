"""Results folders made of the expected results of smoke: of the kept run and of its repeats."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd

from miua.config import read_config, write_config
from miua.files import write_text
from miua.study.compare import read_as_text
from miua.study.expected import COMPARED, NAMED_MEASURES, PLACE, REFERENCE, numbers
from miua.study.plan import Profile, cells_csv, make_plan, read_experiments
from miua.study.store import NOT_COMPUTED

STUDY = Path(__file__).parents[2] / "experiments"
SMOKE = STUDY / "expected" / "smoke"


def make_results(folder: Path, repeat: str | None = None) -> Path:
    """A results folder with the tables of the kept run, or with the numbers of one repeat."""
    kept_plan = read_config(SMOKE / "plan.yaml", Profile)
    paths = {name: SMOKE / f"{name}.csv" for name in COMPARED}
    tables = {name: read_as_text(path) for name, path in paths.items() if path.exists()}
    plan = kept_plan
    if repeat is not None:
        plan = kept_plan.with_seeds_moved(int(repeat.removeprefix("seed-")) - kept_plan.seed)
        tables = _with_numbers_of(repeat, tables, kept_plan, plan)
    write_config(folder / "plan.yaml", plan)
    write_text(folder / "sets.csv", cells_csv(make_plan(plan, read_experiments(STUDY)).cells))
    sets = tables.pop("sets")
    if "unseen" in tables:  # kept by experiment and arm, in a results folder by set
        key = ["experiment", "arm", "run", "training_size", "epoch"]
        tables["unseen"] = tables["unseen"].drop(columns=key).drop_duplicates(["set", "metric"])
    for name, table in [*tables.items(), *sets.groupby("experiment")]:
        path = folder / "tables" / f"{name}.csv"
        path.parent.mkdir(exist_ok=True)
        table.to_csv(path, index=False)
    shutil.copy(SMOKE / "summary.csv", folder / "tables")
    return folder


def edit_table(folder: Path, name: str, change) -> None:
    """Change a table of a results folder: `change` gets it as text, and returns it."""
    path = folder / "tables" / f"{name}.csv"
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    change(table).to_csv(path, index=False)


def _with_numbers_of(repeat, tables, kept_plan, plan):
    """The tables with a repeat's numbers in the place of the kept run's."""
    reference = pd.read_csv(SMOKE / REFERENCE, dtype=str, keep_default_na=False)
    values = reference.set_index(PLACE)[repeat]
    names = numbers(tables, kept_plan, kept_plan)
    changed = {}
    for name, table in tables.items():
        table = table.copy()
        known = (
            table["metric"].isin(NAMED_MEASURES)
            if "metric" in COMPARED[name].key
            else table.index >= 0
        )
        rows = table.index[known]
        places = names[names["table"] == name]
        columns = len(places) // len(rows)
        for index, place in enumerate(places[PLACE].itertuples(index=False, name=None)):
            if values[place] != NOT_COMPUTED:
                table.at[rows[index // columns], place[2]] = values[place]
        changed[name] = _renamed(table, kept_plan, plan)
    return changed


def _renamed(table, kept_plan, plan):
    """The table with the names and seeds of the same cells in another plan."""
    cells = [make_plan(each, read_experiments(STUDY)).cells for each in (kept_plan, plan)]
    pairs = [*zip(*cells, strict=True)]
    names = {
        column: {str(getattr(a, column)): str(getattr(b, column)) for a, b in pairs}
        for column in ("arm", "set", "run", "seed")
        if column in table
    }
    return table.replace(names)
