"""Whether tables, claims, the paper's numbers and the report follow from the metrics.

All of them are computed again, in a folder of their own that links to the results' inputs.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from miua.analysis.clinician import refit_clinician
from miua.analysis.ledger import write_claims
from miua.analysis.reader_tables import READERS
from miua.analysis.tables import analyse, collect
from miua.files import read_array, read_json, write_text
from miua.report.document import GENERATED
from miua.report.latex import write_latex
from miua.report.page import write_report
from miua.study.store import Results
from miua.study.store import read_cells as read_planned
from miua.survey.into_ledger import write_reader_tables
from miua.verification.finding import Finding
from miua.verification.guard import guarded
from miua.verification.table_comparison import RELATIVE, compare_tables, read_cells

CHECK = "tables"
FORMER_REPORT = "report/index.html"  # where the report was before it was one file
# What tables are made of, and the report shows.
INPUTS = (
    "plan.yaml", "sets.csv", "metrics", "runs", "sets", "reference", "real", "figures", READERS,
)  # fmt: skip
# Not made of metrics but of real images: check_metrics makes them again.
GIVEN = (
    "noise-floor.csv",
    "noise-floor-summary.csv",
    "noise-floor-pairing.csv",
    "sensitivity.csv",
    "sensitivity-summary.csv",
)


def check_tables(results: Results, study: Path, scratch: Path) -> Iterator[Finding]:
    """Findings on tables/, claims.json, paper/generated/ and report.html.

    Args:
        results: the results folder.
        study: the folder that says what the study is.
        scratch: an empty folder to write in.
    """
    again = _linked(results, scratch)
    steps = {
        "tables/ of the experiments": lambda: _collect(results, again),
        "tables/clinician.csv": lambda: _clinician(again, study),
        "tables/metrics.csv": lambda: _analyse(again),
        f"{READERS}/": lambda: _readers(again),
        "claims.json": lambda: _claims(results, again, study),
    }
    for subject, step in steps.items():
        yield from guarded(CHECK, subject, step)
    for path in sorted((scratch / "tables").glob("*.csv")):
        if path.name not in GIVEN and _should_exist(results, path.name):
            yield from guarded(CHECK, f"tables/{path.name}", partial(_table, results, path))
    for path in sorted(results.tables.glob("*.csv")):
        if path.name not in GIVEN and not (scratch / "tables" / path.name).exists():
            said = "Nothing makes it here: what it is made of is missing, or it does not belong."
            yield Finding(CHECK, f"tables/{path.name}", "failed", said)
    yield from guarded(CHECK, "tables/lbpv.npy", lambda: _lbpv(results, scratch))
    if (results.paper / GENERATED).is_dir() or (results.paper / "main.pdf").exists():
        yield from guarded(CHECK, "paper", lambda: _paper(results, again, study))
    else:
        yield Finding(CHECK, "paper", "not checked", "There is no paper: it was not printed.")
    if results.report.exists():
        yield from guarded(CHECK, results.report.name, lambda: _report(results, again, study))
    else:
        said = "There is no report: it was not written."
        yield Finding(CHECK, results.report.name, "not checked", said)
    if (results.folder / FORMER_REPORT).exists():
        said = "A page of an earlier version, which nothing makes or checks. Remove its folder."
        yield Finding(CHECK, FORMER_REPORT, "failed", said)


def _linked(results: Results, scratch: Path) -> Results:
    for name in INPUTS:
        if (results.folder / name).exists():
            (scratch / name).symlink_to((results.folder / name).resolve())
    (scratch / "tables").mkdir()
    for name in GIVEN:
        if (results.tables / name).exists():
            (scratch / "tables" / name).symlink_to((results.tables / name).resolve())
    return Results(scratch, results.plan)


def _should_exist(results: Results, name: str) -> bool:
    """After a single experiment there are no tables but its own; claims.csv comes last."""
    return (results.tables / name).exists() or (results.tables / "claims.csv").exists()


def _collect(results: Results, again: Results) -> Iterator[Finding]:
    for experiment in dict.fromkeys(read_planned(results)["experiment"]):
        if (results.tables / f"{experiment}.csv").exists():
            subject = f"tables/{experiment}.csv"
            yield from guarded(CHECK, subject, partial(_collect_one, again, str(experiment)))


def _collect_one(again: Results, experiment: str) -> Iterator[Finding]:
    collect(again.folder, experiment)
    yield from ()


def _clinician(again: Results, study: Path) -> Iterator[Finding]:
    refit_clinician(again.folder, study)
    yield from ()


def _analyse(again: Results) -> Iterator[Finding]:
    if (again.tables / "training-size.csv").exists():
        analyse(again.folder)
    yield from ()


def _readers(again: Results) -> Iterator[Finding]:
    if again.readers.is_dir():
        tables = write_reader_tables(again.folder)
        answers = len(list(again.readers.rglob("reader-*.json")))
        said = f"{answers} readers' files are of this study and these images; {len(tables)} tables."
        yield Finding(CHECK, f"{READERS}/", "passed", said)


def _claims(results: Results, again: Results, study: Path) -> Iterator[Finding]:
    path = results.folder / "claims.json"
    if not path.exists() and not (results.tables / "claims.csv").exists():
        said = "There is no ledger: not all experiments were run."
        yield Finding(CHECK, "claims.json", "not checked", said)
        return
    write_claims(again.folder, study)
    there, wanted = read_json(path), read_json(again.folder / "claims.json")
    different = list(_apart(there, wanted, ""))
    for place, found, right in different[:5]:
        said = f"{place}: {found!r} stands there, judged again it is {right!r}."
        yield Finding(CHECK, "claims.json", "failed", said)
    if len(different) > 5:
        yield Finding(CHECK, "claims.json", "failed", f"{len(different) - 5} more values differ.")
    if not different:
        said = f"{len(wanted['claims'])} claims, judged again the same."
        yield Finding(CHECK, "claims.json", "passed", said)


def _apart(there: Any, again: Any, place: str) -> Iterator[tuple[str, Any, Any]]:
    """The places at which two JSON values differ, numbers by more than RELATIVE."""
    if isinstance(there, dict) and isinstance(again, dict):
        for key in dict.fromkeys([*again, *there]):
            yield from _apart(there.get(key), again.get(key), f"{place}.{key}".lstrip("."))
    elif isinstance(there, list) and isinstance(again, list) and len(there) == len(again):
        for index, (found, right) in enumerate(zip(there, again, strict=True)):
            name = right.get("id", index) if isinstance(right, dict) else index
            yield from _apart(found, right, f"{place}[{name}]")
    elif isinstance(there, float) and isinstance(again, float):
        if not math.isclose(there, again, rel_tol=RELATIVE, abs_tol=1e-12):
            yield place, there, again
    elif there != again:
        yield place, there, again


def _table(results: Results, made: Path) -> Iterator[Finding]:
    subject = f"tables/{made.name}"
    there = read_cells(results.folder / subject)
    yield from compare_tables(CHECK, subject, there, read_cells(made))


def _lbpv(results: Results, scratch: Path) -> Iterator[Finding]:
    if not (scratch / "tables" / "lbpv.npy").exists():
        yield Finding(CHECK, "tables/lbpv.npy", "not checked", "training-size was not analysed.")
        return
    there, again = (
        read_array(folder / "lbpv.npy") for folder in (results.tables, scratch / "tables")
    )
    names = [read_json(f / "lbpv_sets.json") for f in (results.tables, scratch / "tables")]
    same = there.dtype == again.dtype and np.array_equal(there, again, equal_nan=True)
    if same and names[0] == names[1]:
        yield Finding(CHECK, "tables/lbpv.npy", "passed", f"{len(again)} vectors, the same.")
    else:
        said = "It does not hold the sets' LBP vectors. No difference is allowed."
        yield Finding(CHECK, "tables/lbpv.npy", "failed", said)


def _paper(results: Results, again: Results, study: Path) -> Iterator[Finding]:
    """Every generated number, with its origin, and every table of the paper."""
    for made in write_latex(again, study, again.paper / GENERATED):
        subject = f"paper/{GENERATED}/{made.name}"
        there = results.paper / GENERATED / made.name
        yield from guarded(CHECK, subject, partial(_text, subject, there, made))


def _report(results: Results, again: Results, study: Path) -> Iterator[Finding]:
    if (results.paper / "main.pdf").exists():
        # Whether there is one is all that the report asks of it.
        write_text(again.paper / "main.pdf", "")
    made = write_report(again.folder, study)
    yield from _text(made.name, results.report, made)


def _text(subject: str, there: Path, made: Path) -> Iterator[Finding]:
    found = there.read_text(encoding="utf-8").splitlines()
    right = made.read_text(encoding="utf-8").splitlines()
    if found == right:
        yield Finding(CHECK, subject, "passed", f"{len(right)} lines, the same.")
        return
    lines = [i for i, pair in enumerate(zip(found, right, strict=False)) if pair[0] != pair[1]]
    place = lines[0] if lines else min(len(found), len(right))
    was, should = (text[place][:120] if place < len(text) else "" for text in (found, right))
    said = (
        f"Line {place + 1}: {json.dumps(was, ensure_ascii=False)} stands there, "
        f"made again it is {json.dumps(should, ensure_ascii=False)}."
    )
    yield Finding(CHECK, subject, "failed", said)
