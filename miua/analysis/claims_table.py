"""The claims table: each claim with its verdict, decided by data and thresholds alone."""

import math
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
from miua.analysis.paper_claims import PEOPLE, REAL_IMAGES, EvidenceRow, read_evidence
from miua.errors import MiuaError
from miua.files import read_json, write_json
from miua.provenance import record_step
from miua.study.plan import CLAIMS, read_experiments
from miua.study.store import Results, write_table

# Raised by one whenever a key of claims.json changes its name or meaning.
SCHEMA = 1

CLAIMS_COLUMNS = (
    *("id", "claim", "section", "experiments", "test", "thresholds", "verdict", "reason"),
    *("missing", "power", "n", "sources"),
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
    """Judge every claim; returns the files written: claims.json and tables/claims.csv.

    MiuaError: `study` is no study's folder, or claims.yaml, the results folder or a table is bad.
    """
    opened = Results.open(results)
    experiments = read_experiments(study)
    if GRID not in experiments:
        raise MiuaError(
            f"{study / GRID}.yaml is missing. Name the folder of the study's experiments: --study."
        )
    entries = []
    plan, published = opened.plan, experiments[GRID].published
    for row in read_evidence(study):
        evidence = Evidence(opened, study, tuple(row.experiments))
        # Readers judge the sets of the main grid.
        tested = GRID if set(row.needs) & set(PEOPLE) else row.experiments[0]
        epochs = plan.epochs(tested) if REAL_IMAGES in row.needs else []
        finding = at_scale(judge(row, evidence), epochs, published)
        entries.append(_entry(row, finding, list(dict.fromkeys(evidence.sources))))
    document = {
        "schema": SCHEMA,
        "profile": plan.profile,
        "scientific": plan.scientific,
        "banner": plan.banner,
        "verdicts": count_verdicts(entries),
        "claims": entries,
    }
    paths = [opened.claims_table, opened.table_path(CLAIMS)]
    write_json(paths[0], document)
    write_table(paths[1], pd.DataFrame([_flat(entry) for entry in entries])[list(CLAIMS_COLUMNS)])
    sources = sorted({source for entry in entries for source in entry["sources"]})
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
    """How many claims have each verdict, also those that none has; entries of claims.json."""
    given = [entry["verdict"] for entry in entries]
    return {verdict: given.count(verdict) for verdict in VERDICTS}


def _entry(row: EvidenceRow, finding: ClaimFinding, sources: list[str]) -> dict[str, Any]:
    return {
        **row.model_dump(exclude={"of", "basis", "reproduced"}),
        "means": row.reproduced,
        "verdict": finding.verdict,
        "reason": finding.reason,
        "missing": list(finding.missing),
        "numbers": {name: _finite(value) for name, value in finding.numbers.items()},
        "power": _finite(finding.power),
        "n": finding.n,
        "sources": sources,
    }


def _flat(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry as a row of a table: lists and mappings become text."""
    thresholds = "; ".join(f"{name} = {value}" for name, value in entry["thresholds"].items())
    lists = {key: "; ".join(entry[key]) for key in ("experiments", "missing", "sources")}
    return {**entry, **lists, "thresholds": thresholds}


def _finite(value: float | None) -> float | None:
    """JSON has no NaN: a number that is none is null."""
    return None if value is None or not math.isfinite(value) else float(value)
