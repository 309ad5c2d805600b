"""What a rerun should give: a run's small outcome, and its numbers in repeats with other seeds.

Of each synthetic set it holds the measures that have a name, not all 256 LBPv elements; of every
run the provenance. The same numbers are read from a results folder and from what was kept of one,
under the names of the kept plan: an arm named after its seed has the name of the kept run's arm,
and of an arm with several trainings each is named with its seed in the kept plan.
"""

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from miua.analysis.columns import READER, UNSEEN
from miua.config import config_hash, read_config
from miua.errors import MiuaError
from miua.files import atomic_folder, read_json, sha256_file, write_json
from miua.metrics.registry import ALL_MEASURES, COMPUTED, LBPV_TOTAL_DIFFERENCE
from miua.study.compare import as_number, read_as_text
from miua.study.plan import Profile, Seeds
from miua.study.store import NOT_COMPUTED, Results, read_cells, write_table

PLAN, REFERENCE, REPEATS = "plan.yaml", "reference.csv", "repeats.json"
# What is promised of a number. "exact": the same in every run, as it follows from published data.
# "seeded": the same for the same seeds, as nothing is trained. "chaotic": a training amplifies the
# last bit, so that it is the same on one kind of machine only; elsewhere it is one more draw.
EXACT, SEEDED, CHAOTIC = "exact", "seeded", "chaotic"

NAMED_MEASURES = [known.name for known in (*ALL_MEASURES, LBPV_TOTAL_DIFFERENCE)]
SEPARATOR = "; "  # joins the parts of a row's key
PLACE = ["table", "key", "column"]
COLUMNS = (*PLACE, "promise", "type")
# The same for every set of a plan, and long: the results folder says it.
LEFT_OUT = ["preparation", "unit", "definition"]
# Settings of a profile that change neither what is computed nor how much of it.
WITHOUT_EFFECT = {"description", "banner", "threads_per_training", "gpus_per_training"}


class _Table(NamedTuple):
    """Which cells of a table are compared.

    key: columns that name a row. numbers, words: columns that are compared; numbers empty means all
    others that are neither of these nor `status`.
    """

    promise: str
    key: tuple[str, ...]
    numbers: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


# Reasons, sources and events are words about these numbers, and not compared; summary.csv shows
# numbers of the sets a second time.
COMPARED: dict[str, _Table] = {
    "evidence": _Table(CHAOTIC, ("id",), ("power", "n"), ("verdict",)),
    "clinician": _Table(EXACT, ("metric",)),
    "regression": _Table(EXACT, ("metric",), words=("agrees",)),
    "noise-floor-summary": _Table(
        SEEDED, ("split", "metric"), ("mean", "deviation", "mean_absolute", "low", "high")
    ),
    "noise-floor-pairing": _Table(SEEDED, ("pairing", "metric"), ("value",)),
    "sensitivity-summary": _Table(
        SEEDED, ("degradation", "metric"), ("spearman",),
        ("monotone", "direction", "first_level_beyond_floor", "response"),
    ),
    "stability": _Table(
        CHAOTIC, ("experiment", "arm", "training_size", "epochs"),
        ("saturated_share", "accuracy_real_last", "accuracy_synthetic_last",
         "generator_loss_last", "discriminator_loss_last", "diversity"),
        ("diverged_epoch", "signs", "stable"),
    ),
    "unseen": _Table(
        CHAOTIC, ("experiment", "arm", "training_size", "epoch", "metric"), ("value",)
    ),
    "sets": _Table(
        CHAOTIC, ("experiment", "arm", "training_size", "epoch", "metric"), ("value", "low", "high")
    ),
}  # fmt: skip
# Evidence that rests on published data alone, and the halves of real images that no seed draws.
_EXACT_ROWS = {"evidence": ("experiments", "clinician"), "noise-floor-summary": ("split", "order")}
# Copied whole where the results hold them: what is compared, and what sums it up for people.
COPIED = sorted(f"{name}.csv" for name in {*COMPARED, "summary"} - {"sets", UNSEEN})


class Expected(NamedTuple):
    """What a rerun is held against.

    plan: the profile of the run that was kept. kept: its numbers, as `numbers` gives them. repeats:
    the same rows, with a column for each repeat; no columns if none were kept. Values are text.
    """

    plan: Profile
    kept: pd.DataFrame
    repeats: pd.DataFrame


def write_expected(results: Results, out: Path, repeats: Sequence[Results] = ()) -> list[Path]:
    """Write the outcome of a results folder into the folder `out`, in place of an older one.

    It is meant to be handed on, so commands name the places of one machine by their last part.
    docs/expected.md says what the files hold, whose paths this returns. MiuaError: nothing was
    judged yet, `out` is no folder that this made, or a repeat is of another plan, shares a seed,
    lacks numbers, or breaks a promise.
    """
    if not results.table_path("evidence").exists():
        raise MiuaError(f"{results.folder} holds no claims table yet. Make it with: miua claims")
    if out.exists() and not (out / PLAN).exists() and any(out.iterdir()):
        raise MiuaError(f"{out} holds other files. Choose an empty or new folder for --out.")
    with atomic_folder(out, replace=True) as made:
        for path in (results.folder / PLAN, *(results.tables / name for name in COPIED)):
            if path.exists():
                shutil.copyfile(path, made / path.name)
        write_table(made / "sets.csv", _sets(results))
        if (unseen := _unseen(results)) is not None:
            write_table(made / f"{UNSEEN}.csv", unseen)
        runs = (results.folder / "runs").glob("*/provenance.json")
        records = {run.parent.name: run for run in runs}
        records |= {n: results.tables / f"{n}.json" for n in ("noise-floor", "sensitivity")}
        for name, record in records.items():
            if record.exists():
                _copy_provenance(record, made / "provenance" / f"{name}.json")
        if repeats:
            _write_reference(made, results, repeats)
    return sorted(path for path in out.rglob("*") if path.is_file())


def read_expected(folder: Path, plan: Profile | None = None, whose: Path | None = None) -> Expected:
    """Read what `write_expected` wrote.

    plan: of what is to be compared with it; whose: the folder of that plan, for the message.
    MiuaError: the folder is none, damaged, or of other numbers or another plan.
    """
    if not (folder / PLAN).is_file():
        raise MiuaError(
            f"{folder} is no folder of expected results: it has no {PLAN}. "
            "Name one such as experiments/expected/smoke."
        )
    kept_plan = read_config(folder / PLAN, Profile)
    if plan is not None and (problems := plan_differences(kept_plan, plan)):
        said = f"{whose} is of another plan than {folder}, so that nothing can be compared:"
        remedy = "Compare with results of the same profile, or make expected ones for this:"
        raise MiuaError("\n  ".join([said, *problems]) + f"\n{remedy} docs/expected.md.")
    tables = _read_tables(folder, COMPARED)
    if not tables:
        raise MiuaError(f"{folder} holds no tables. Get it anew from the repository.")
    kept = numbers(tables, kept_plan, kept_plan)
    path = folder / REFERENCE
    if not path.exists():
        return Expected(kept_plan, kept, pd.DataFrame(index=kept.index))
    table = read_as_text(path)
    if not {*COLUMNS} <= {*table.columns} or not table[PLACE].equals(kept[PLACE]):
        raise MiuaError(
            f"{path} does not hold the numbers of the tables beside it. Get the folder anew from "
            "the repository, or make it with: miua expected"
        )
    return Expected(kept_plan, kept, table.drop(columns=list(COLUMNS)).set_axis(kept.index))


def results_tables(results: Results) -> dict[str, pd.DataFrame]:
    """The tables that are compared, by name, as text. MiuaError: one is damaged, or all missing."""
    tables = _read_tables(results.tables, {*COMPARED} - {"sets", UNSEEN})
    if "sources" in tables.get("evidence", ()):
        # No other run has the answers of this study's own readers.
        by_readers = tables["evidence"]["sources"].str.contains(f"tables/{READER}", regex=False)
        tables["evidence"] = tables["evidence"][~by_readers]
    if (unseen := _unseen(results)) is not None:
        tables[UNSEEN] = unseen
    return {**tables, "sets": _sets(results)}


def numbers(tables: dict[str, pd.DataFrame], plan: Profile, kept_plan: Profile) -> pd.DataFrame:
    """Every number and word that is compared, one row each.

    Returns COLUMNS, and `value` as text: NOT_COMPUTED where the table says so, else as it stands
    there. `type` is "number" or "word". kept_plan: the profile whose names are used: that of the
    tables but for the seeds. MiuaError: a table lacks a column, or names a row twice.
    """
    seeds = [each.experiments.get("seeds") for each in (plan, kept_plan)]
    known = [each.seeds for each in seeds if isinstance(each, Seeds)]
    pairs = zip(*known, strict=True) if len(known) == 2 else ()
    arms = {f"seed-{own}": f"seed-{kept}" for own, kept in pairs}
    named = _with_seeds(tables, kept_plan.seed - plan.seed)
    found = pd.concat([_cells_of(*each, arms) for each in named.items()], ignore_index=True)
    twice = found[found.duplicated(PLACE)]
    if not twice.empty:
        first = twice.iloc[0]
        raise MiuaError(f"{first['table']}.csv names a row twice: {first['key']}.")
    return found


def plan_differences(kept: Profile, other: Profile) -> list[str]:
    """What makes `other` another plan than `kept`, in words; seeds may all be moved alike."""
    moved = kept.with_seeds_moved(other.seed - kept.seed)
    plans = (plan.model_dump(exclude=WITHOUT_EFFECT) for plan in (moved, other))
    before, after = (pd.json_normalize(plan).loc[0].to_dict() for plan in plans)
    return [
        f"{key}: {before.get(key, 'absent')} expected, {after.get(key, 'absent')} here"
        for key in {**before, **after}
        if before.get(key) != after.get(key)
    ]


def _read_tables(folder: Path, names: Iterable[str]) -> dict[str, pd.DataFrame]:
    """Those of these tables that a folder holds, in the order of COMPARED."""
    paths = {name: folder / f"{name}.csv" for name in COMPARED if name in names}
    return {name: read_as_text(path) for name, path in paths.items() if path.exists()}


def _sets(results: Results) -> pd.DataFrame:
    """All experiments' sets with the named measures."""
    measures = [known.name for known in ALL_MEASURES]
    paths = map(results.table_path, read_cells(results)["experiment"].unique())
    tables = [
        table[table["metric"].isin(measures)].drop(columns=LEFT_OUT, errors="ignore")
        for table in (read_as_text(path) for path in paths if path.exists())
        if "metric" in table
    ]
    if not tables:
        raise MiuaError(f"{results.tables} holds the table of no experiment.")
    return pd.concat(tables, ignore_index=True)


def _unseen(results: Results) -> pd.DataFrame | None:
    """The named measures of all experiments' sets against unseen images; None without them."""
    path = results.table_path(UNSEEN)
    if not path.exists():
        return None
    table = read_as_text(path)
    table = table[table["metric"].isin([known.name for known in ALL_MEASURES])]
    key = ["experiment", "arm", "set", "run", "training_size", "epoch"]
    cells = read_as_text(results.folder / "sets.csv")[key]
    return cells.merge(table.drop(columns=LEFT_OUT, errors="ignore"), on="set")


def _with_seeds(tables: dict[str, pd.DataFrame], offset: int) -> dict[str, pd.DataFrame]:
    """The same, with the seed, so much higher, behind the name of an arm with several trainings."""
    if "seed" not in tables.get("sets", ()):
        return tables
    found, seeds = {}, tables["sets"].drop_duplicates("run").set_index("run")["seed"]
    for name, table in tables.items():
        place = [key for key in COMPARED[name].key if key != "metric"]
        if "run" in table and "arm" in place and {*place} <= {*table}:
            several = table.groupby(place)["run"].transform("nunique") > 1
            own = table.loc[several, "run"].map(seeds).astype(float).astype(int) + offset
            label = table.loc[several, "arm"] + ", seed " + own.astype(str)
            table = table.assign(arm=label.reindex(table.index).fillna(table["arm"]))
        found[name] = table
    return found


def _cells_of(name: str, table: pd.DataFrame, arms: dict[str, str]) -> pd.DataFrame:
    """One row for each compared cell, by rows; arms: of seeds, as the kept plan calls them."""
    spec = COMPARED[name]
    if missing := {*spec.key, *spec.numbers, *spec.words} - {*table}:
        raise MiuaError(f"{name}.csv lacks the column {', '.join(sorted(missing))}.")
    if "metric" in spec.key:
        table = table[table["metric"].isin(NAMED_MEASURES)]
    if "arm" in spec.key:
        moved = table["experiment"].eq("seeds")
        table = table.assign(arm=table["arm"].mask(moved, table["arm"].replace(arms)))
    # 72.0, as some tables write whole numbers, is 72.
    whole = table[[*spec.key, *spec.words]].apply(lambda column: column.str.removesuffix(".0"))
    key = table[spec.key[0]]
    for column in spec.key[1:]:
        form = {"training_size": "{} images", "epoch": "epoch {}", "epochs": "{} epochs"}
        key = key + SEPARATOR + whole[column].map(form.get(column, "{}").format)
    promise = pd.Series(spec.promise, index=table.index)
    if name in _EXACT_ROWS:
        column, word = _EXACT_ROWS[name]
        promise[table[column] == word] = EXACT
    others = {*spec.key, *spec.words, "status"}
    columns = spec.numbers or tuple(column for column in table.columns if column not in others)
    cells = table[[*columns]].join(whole[[*spec.words]])
    if "status" in table:
        cells = cells.where(table["status"].eq(COMPUTED), NOT_COMPUTED, axis=0)
    by_row = cells.rename_axis(columns="column").stack(future_stack=True)
    found = pd.Series(by_row, name="value").reset_index("column")
    kind = found["column"].isin(spec.words).map({True: "word", False: "number"})
    found = found.assign(table=name, key=key, promise=promise, type=kind)
    return found[[*COLUMNS, "value"]]


def _copy_provenance(source: Path, target: Path) -> None:
    record = read_json(source)
    for started in (record, *record.get("resumed", [])):
        words = started.get("command", [])
        started["command"] = [Path(w).name if Path(w).is_absolute() else w for w in words]
    write_json(target, record)


def _write_reference(folder: Path, results: Results, repeats: Sequence[Results]) -> None:
    """Write reference.csv and repeats.json: the numbers of `results` in each of its repeats."""
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
        wide[f"seed-{repeat.plan.seed}"] = _short(values)
    same = wide.drop(columns=list(COLUMNS)).assign(kept=_short(kept["value"]))
    broken = wide[wide["promise"].eq(EXACT) & (same.nunique(axis=1) > 1)]
    if not broken.empty:
        row = broken.iloc[0]
        raise MiuaError(
            f"{row['table']}: {row['key']}, {row['column']} is promised to be the same in every "
            f"run, and is {' and '.join(sorted({*same.loc[broken.index[0]]}))}."
        )
    write_table(folder / REFERENCE, wide)
    origins = {f"seed-{repeat.plan.seed}": _origin(repeat) for repeat in repeats}
    write_json(folder / REPEATS, origins)


def _short(texts: Iterable[str]) -> list[str]:
    """Numbers to nine significant digits, far more than repeats share; words as they are."""
    known = ((text, as_number(text)) for text in texts)
    return [text if number is None else f"{number:.9g}" for text, number in known]


def _origin(repeat: Results) -> dict[str, Any]:
    """Where a repeat's numbers come from, in short."""
    records = [read_json(path) for path in repeat.folder.glob("runs/*/provenance.json")]
    asked = ("commit", "uncommitted_changes", "python", "platform", "device")
    packages = {" ".join(each) for record in records for each in record["packages"].items()}
    return {
        "seed": repeat.plan.seed,
        "plan": config_hash(repeat.plan),
        **{key: sorted({str(each[key]) for each in records if key in each}) for key in asked},
        "packages": sorted(packages),
        "tables": {path.name: sha256_file(path) for path in sorted(repeat.tables.glob("*.csv"))},
    }
