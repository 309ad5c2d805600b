"""The claims table: each claim with its verdict, decided by data and thresholds alone."""

import math
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import pandas as pd
from pydantic import BaseModel, Field, ValidationError

from miua.analysis.checks import UndecidedError
from miua.analysis.claim_tests import human_judgements, images, trainings  # noqa: F401  (importing them registers their tests)
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
from miua.analysis.columns import READER_REGRESSION, READERS, SCORES_OF_OUR_SETS
from miua.config import Strict, problems, read_config
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

Need = Literal["real_images", "fid", "readers", "clinician_scores_of_our_sets"]
# What no run of this project has by itself, whatever its profile: people. And the table that is
# there once they answered.
PEOPLE: dict[Need, tuple[str, str]] = {
    "readers": ("readers who judge these sets", READERS),
    "clinician_scores_of_our_sets": (SCORES_OF_OUR_SETS, READER_REGRESSION),
}
REAL_IMAGES: Need = "real_images"
Model = TypeVar("Model", bound=BaseModel)
Words = Annotated[str, Field(min_length=1)]


class Claim(Strict):
    """One row of claims.yaml.

    The first experiment is the one tested; others give what it is compared with. `inputs` and
    `thresholds` have the keys that the test defines.
    """

    id: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    claim: Words
    section: Words = Field(description="of the paper, or 'reader' for what a careful reader finds")
    experiments: list[str] = Field(min_length=1)
    test: str
    inputs: dict[str, Any] = Field(default_factory=dict)
    thresholds: dict[str, Any] = Field(min_length=1)
    needs: list[Need] = Field(default_factory=list)
    reproduced: Words = Field(description="what the verdict 'reproduced' means, in words")


class ClaimsFile(Strict):
    """claims.yaml; its rows are checked one by one, so that an error names the claim."""

    claims: list[dict[str, Any]] = Field(min_length=1)


def read_claims(study: Path) -> list[Claim]:
    """The claims of the folder `study` (experiments/), in their order.

    MiuaError: the file is missing, or a claim has an unknown key, test, experiment, metric or need,
    or an id twice; the message names file, claim and what is known.
    """
    path = study / f"{CLAIMS}.yaml"
    known = list(read_experiments(study))
    claims: dict[str, Claim] = {}
    for place, row in enumerate(read_config(path, ClaimsFile).claims, start=1):
        where = f"{path}: claim {row.get('id', f'number {place}')}"
        claim = _checked(Claim, row, where)
        if claim.id in claims:
            raise MiuaError(f"{where} is there twice. Give each claim its own id.")
        for experiment in claim.experiments:
            if experiment not in known:
                raise MiuaError(
                    f"{where}: unknown experiment {experiment!r}. Known: {', '.join(known)}."
                )
        if claim.test not in TESTS:
            raise MiuaError(
                f"{where}: unknown test {claim.test!r}. Known: {', '.join(sorted(TESTS))}."
            )
        test = TESTS[claim.test]
        _checked(test.inputs, claim.inputs, f"{where}: inputs of {claim.test}")
        _checked(test.thresholds, claim.thresholds, f"{where}: thresholds of {claim.test}")
        claims[claim.id] = claim
    return list(claims.values())


def judge(claim: Claim, evidence: Evidence) -> ClaimFinding:
    """A claim's verdict; where something it needs is missing, it says so, whatever was found."""
    test = TESTS[claim.test]
    inputs = test.inputs.model_validate(claim.inputs)
    thresholds = test.thresholds.model_validate(claim.thresholds)
    try:
        finding = test.judge(evidence, **dict(inputs), **dict(thresholds))
    except NotTestableError as error:
        finding = ClaimFinding(NOT_TESTABLE, f"Missing: {error}.", missing=(str(error),))
    except UndecidedError as error:
        finding = ClaimFinding(UNDECIDED, f"The data allow no answer: {error}.")
    people = [PEOPLE[need] for need in claim.needs if need in PEOPLE]
    lacking = [what for what, table in people if not evidence.has(table)]
    instead = "the published data give" if lacking else "phantoms give"
    if REAL_IMAGES in claim.needs and not evidence.results.plan.scientific:
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
    for claim in read_claims(study):
        evidence = Evidence(opened, study, tuple(claim.experiments))
        # Readers judge the sets of the main grid.
        tested = GRID if set(claim.needs) & set(PEOPLE) else claim.experiments[0]
        epochs = plan.epochs(tested) if REAL_IMAGES in claim.needs else []
        finding = at_scale(judge(claim, evidence), epochs, published)
        entries.append(_entry(claim, finding, list(dict.fromkeys(evidence.sources))))
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


def _checked(model: type[Model], values: Any, where: str) -> Model:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise MiuaError(f"{where}: {'; '.join(problems(model, error))}") from None


def _entry(claim: Claim, finding: ClaimFinding, sources: list[str]) -> dict[str, Any]:
    return {
        **claim.model_dump(exclude={"reproduced"}),
        "means": claim.reproduced,
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
