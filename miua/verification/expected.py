"""The small outcome of a reproduction, kept in place of its large one: what a rerun should give.

Of each synthetic set it holds the measures that have a name, not all 256 LBPv elements; of every
run the provenance, which leads to its images, configuration and commit. It is meant to be handed
on, so commands name the places of one machine by their last part alone.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from miua.errors import MiuaError
from miua.files import read_json, write_json
from miua.study.store import Results, write_table
from miua.verification.outcome import TABLES, results_tables
from miua.verification.reference import PLAN, write_reference

# Copied whole where the results hold them: what is compared, and what sums it up for people.
COPIED = sorted(f"{name}.csv" for name in {*TABLES, "summary"} - {"sets"})


def write_expected(results: Results, out: Path, repeats: Sequence[Results] = ()) -> list[Path]:
    """Write the outcome of a results folder into the folder `out`, in place of an older one.

    Returns:
        The files written: plan.yaml, claims.csv and the others of COPIED that there are, sets.csv
        (a row a set and measure), provenance/ (one file a run, one for the noise floor and
        sensitivity); with repeats, reference.csv (every compared number in each of them) and
        repeats.json.

    Raises:
        MiuaError: nothing was judged yet, `out` is no folder that this made, or a repeat does not
            belong to these results (see `write_reference`).
    """
    if not (results.tables / "claims.csv").exists():
        raise MiuaError(f"{results.folder} holds no ledger yet. Make it with: miua claims")
    if out.exists() and not (out / PLAN).exists() and any(out.iterdir()):
        raise MiuaError(f"{out} holds other files. Choose an empty or new folder for --out.")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=out.parent) as name:
        made = Path(name) / out.name
        _fill(results, made)
        if repeats:
            write_reference(made, results, list(repeats))
        if out.exists():
            out.replace(Path(name) / "replaced")
        made.replace(out)
    return sorted(path for path in out.rglob("*") if path.is_file())


def _fill(results: Results, folder: Path) -> None:
    provenance = folder / "provenance"
    provenance.mkdir(parents=True)
    shutil.copyfile(results.folder / "plan.yaml", folder / PLAN)
    for name in COPIED:
        if (results.tables / name).exists():
            shutil.copyfile(results.tables / name, folder / name)
    write_table(folder / "sets.csv", results_tables(results)["sets"])
    for run in sorted((results.folder / "runs").glob("*/provenance.json")):
        _copy_provenance(run, provenance / f"{run.parent.name}.json")
    for name in ("noise-floor", "sensitivity"):
        if (results.tables / f"{name}.json").exists():
            _copy_provenance(results.tables / f"{name}.json", provenance / f"{name}.json")


def _copy_provenance(source: Path, target: Path) -> None:
    record = read_json(source)
    for started in (record, *record.get("resumed", [])):
        started["command"] = [
            Path(word).name if Path(word).is_absolute() else word
            for word in started.get("command", [])
        ]
    write_json(target, record)
