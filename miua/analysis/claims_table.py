"""The claims table: each claim of the paper with its verdicts, and the evidence under it.

A test gives each row of evidence its verdict, by data and thresholds alone. A claim has the
verdict of the row that decides it, of each kind; nothing else is made of verdicts.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from miua.analysis.checks import UndecidedError
from miua.analysis.claim_tests.base import (
    GRID,
    NOT_TESTABLE,
    TESTS,
    UNDECIDED,
    VERDICTS,
    ClaimFinding,
    Evidence,
    NotTestableError,
    Verdict,
)
from miua.analysis.paper_claims import (
    DECIDED_BY,
    PEOPLE,
    REAL_IMAGES,
    Claim,
    EvidenceRow,
    read_claims,
)
from miua.errors import MiuaError
from miua.files import read_json, write_json
from miua.provenance import record_step
from miua.study.plan import CLAIMS, read_experiments
from miua.study.store import Results, write_table

EVIDENCE = "evidence"  # the table beside claims.csv
# Raised by one whenever a key of claims.json changes its name or meaning.
SCHEMA = 2

# What decides a claim, for each kind: keys of claims.json, and columns of claims.csv.
DECISION = ("verdict", "line", "test", "means", "evidence")
CLAIMS_COLUMNS = (
    *("id", "claim", "section"),
    *(f"{kind}_{key}" for kind in DECIDED_BY for key in DECISION),
    "evidence",
)
EVIDENCE_COLUMNS = (
    *("id", "of", "basis", "claim", "section", "experiments", "test", "thresholds", "verdict"),
    *("reason", "missing", "power", "n", "sources"),
)


def judge(row: EvidenceRow, evidence: Evidence) -> ClaimFinding:
    """A row's verdict; where something it needs is missing, it says so, whatever was found."""
    test = TESTS[row.test]
    inputs = test.inputs.model_validate(row.inputs)
    thresholds = test.thresholds.model_validate(row.thresholds)
    try:
        finding = test.judge(evidence, **dict(inputs), **dict(thresholds))
    except NotTestableError as error:
        finding = ClaimFinding(NOT_TESTABLE, f"Missing: {error}.", missing=(str(error),))
    except UndecidedError as error:
        finding = ClaimFinding(UNDECIDED, f"The data allow no answer: {error}.")
    people = [PEOPLE[need] for need in row.needs if need in PEOPLE]
    lacking = [what for what, table in people if not evidence.has(table)]
    instead = "the published data give" if lacking else "phantoms give"
    if REAL_IMAGES in row.needs and not evidence.results.plan.scientific:
        lacking.insert(0, "real images")
    if not lacking:
        return finding
    missing = tuple(dict.fromkeys([*lacking, *finding.missing]))
    if finding.verdict == NOT_TESTABLE:
        reason = f"Missing: {'; '.join(missing)}."
    else:
        reason = f"Missing: {'; '.join(missing)}. What {instead}: {finding.reason}"
    return replace(finding, verdict=NOT_TESTABLE, reason=reason, missing=missing)


def at_scale(finding: ClaimFinding, epochs: list[int], published: dict[str, Any]) -> ClaimFinding:
    """A finding on trainings shorter than the published ones says so: it holds for this length.

    epochs: at which the experiment's sets were made; none where it trains nothing.
    """
    longest = max(published.get("epochs", [0]))
    if finding.verdict == NOT_TESTABLE or not epochs or epochs[-1] >= longest:
        return finding
    said = f"Trained for {epochs[-1]} epochs here, up to {longest} in the study."
    return replace(finding, reason=f"{finding.reason} {said}")


def write_claims(results: Path, study: Path) -> list[Path]:
    """Judge every row of evidence, and so the claims.

    Returns the files written: claims.json, tables/claims.csv with a row for each claim of the
    paper, and tables/evidence.csv. MiuaError: `study` is no study's folder, or claims.yaml, the
    results folder or a table is bad.
    """
    opened = Results.open(results)
    experiments = read_experiments(study)
    if GRID not in experiments:
        raise MiuaError(
            f"{study / GRID}.yaml is missing. Name the folder of the study's experiments: --study."
        )
    claims, entries = read_claims(study), {}
    plan, published = opened.plan, experiments[GRID].published
    for row in (row for claim in claims for row in claim.evidence):
        evidence = Evidence(opened, study, tuple(row.experiments))
        # Readers judge the sets of the main grid.
        tested = GRID if set(row.needs) & set(PEOPLE) else row.experiments[0]
        epochs = plan.epochs(tested) if REAL_IMAGES in row.needs else []
        finding = at_scale(judge(row, evidence), epochs, published)
        entries[row.id] = _entry(row, finding, list(dict.fromkeys(evidence.sources)))
    judged = [_claim_entry(claim, entries) for claim in claims]
    document = {
        "schema": SCHEMA,
        "profile": plan.profile,
        "scientific": plan.scientific,
        "banner": plan.banner,
        "verdicts": {
            kind: count_verdicts(claim[kind] for claim in judged if claim[kind])
            for kind in DECIDED_BY
        },
        "claims": judged,
        "evidence": [*entries.values()],
    }
    paths = [opened.claims_table, opened.table_path(CLAIMS), opened.table_path(EVIDENCE)]
    write_json(paths[0], document)
    flat = pd.DataFrame(map(_flat_claim, judged, claims))
    write_table(paths[1], flat[list(CLAIMS_COLUMNS)])
    flat = pd.DataFrame(map(_flat, entries.values()))
    write_table(paths[2], flat[list(EVIDENCE_COLUMNS)])
    sources = sorted({source for entry in entries.values() for source in entry["sources"]})
    # A source is named as seen from the results folder, or from beside the study.
    folders = [results if (results / each).exists() else study.parent for each in sources]
    inputs = [folder / each for folder, each in zip(folders, sources, strict=True)]
    inputs.append(study / f"{CLAIMS}.yaml")
    record_step(paths[1].with_suffix(".json"), base=results, inputs=inputs, files=paths)
    return paths


def read_claims_table(results: Results) -> dict[str, Any]:
    """claims.json as `write_claims` wrote it; MiuaError: it is missing, damaged or outdated."""
    path = results.claims_table
    document = read_json(path)
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise MiuaError(f"{path} is not of schema {SCHEMA}. Run `miua claims` again.")
    return document


def count_verdicts(entries: Iterable[dict[str, Any]]) -> dict[Verdict, int]:
    """How many entries of claims.json have each verdict, also those that none has."""
    given = [entry["verdict"] for entry in entries]
    return {verdict: given.count(verdict) for verdict in VERDICTS}


def in_one_line(finding: ClaimFinding) -> str:
    """The finding's own line, or the first sentence of its reason."""
    if finding.line and finding.verdict != NOT_TESTABLE:
        return finding.line
    return re.split(r"(?<=[.]) (?=[A-Z])", finding.reason, maxsplit=1)[0]


def _entry(row: EvidenceRow, finding: ClaimFinding, sources: list[str]) -> dict[str, Any]:
    return {
        **row.model_dump(exclude={"reproduced"}),
        "means": row.reproduced,
        "verdict": finding.verdict,
        "line": in_one_line(finding),
        "reason": finding.reason,
        "missing": list(finding.missing),
        "numbers": {name: _finite(value) for name, value in finding.numbers.items()},
        "power": _finite(finding.power),
        "n": finding.n,
        "sources": sources,
    }


def _claim_entry(claim: Claim, entries: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """A claim, and for each kind the row that decides it, or None."""
    decided = dict.fromkeys(DECIDED_BY) | {
        kind: {key: row.id if key == EVIDENCE else entries[row.id][key] for key in DECISION}
        for kind, row in claim.deciding.items()
    }
    return {"id": claim.id, "claim": claim.claim, "section": claim.section, **decided}


def _flat_claim(entry: dict[str, Any], claim: Claim) -> dict[str, Any]:
    """A claim as a row of a table: empty cells where a kind does not decide it."""
    cells = {
        f"{kind}_{key}": (entry[kind] or {}).get(key, "") for kind in DECIDED_BY for key in DECISION
    }
    return {**entry, **cells, EVIDENCE: "; ".join(row.id for row in claim.evidence)}


def _flat(entry: dict[str, Any]) -> dict[str, Any]:
    """A row of evidence as a row of a table: lists and mappings become text."""
    thresholds = "; ".join(f"{name} = {value}" for name, value in entry["thresholds"].items())
    lists = {key: "; ".join(entry[key]) for key in ("experiments", "missing", "sources")}
    return {**entry, **lists, "thresholds": thresholds}


def _finite(value: float | None) -> float | None:
    """JSON has no NaN: a number that is none is null."""
    return None if value is None or not math.isfinite(value) else float(value)
