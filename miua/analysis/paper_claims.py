"""claims.yaml: the paper's claims, and under each the rows of evidence with their tests."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError

from miua.analysis.claim_tests import (  # noqa: F401  (importing them registers their tests)
    arms,
    clinician_scores,
    human_judgements,
    images,
    longer_training,
    published_points,
    stability,
    training_size,
    unseen_images,
)
from miua.analysis.claim_tests.base import TESTS
from miua.analysis.columns import READER_REGRESSION, READERS, SCORES_OF_OUR_SETS
from miua.config import Strict, problems, read_config
from miua.errors import MiuaError
from miua.study.plan import CLAIMS, read_experiments

Need = Literal["real_images", "fid", "readers", "clinician_scores_of_our_sets"]
# What no run of this project has by itself, whatever its profile: people. And the table that is
# there once they answered.
PEOPLE: dict[Need, tuple[str, str]] = {
    "readers": ("readers who judge these sets", READERS),
    "clinician_scores_of_our_sets": (SCORES_OF_OUR_SETS, READER_REGRESSION),
}
REAL_IMAGES: Need = "real_images"

# What a row of evidence rests on: the study's numbers and points; sets that were trained here;
# people who judged these sets; or what a metric, a test or the released code does by itself.
Basis = Literal["published", "training", "readers", "method"]
# How a claim is decided, and the bases of a row that may decide it so.
Kind = Literal["published", "replicated"]
DECIDED_BY: dict[Kind, tuple[Basis, ...]] = {
    "published": ("published",),
    "replicated": ("training", "readers"),
}

Model = TypeVar("Model", bound=BaseModel)
Words = Annotated[str, Field(min_length=1)]
Id = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]


class EvidenceRow(Strict):
    """One row of evidence of claims.yaml.

    The first experiment is the one tested; others give what it is compared with. `inputs` and
    `thresholds` have the keys that the test defines.
    """

    id: Id
    claim: Words = Field(description="the statement that is tested")
    section: Words = Field(description="of the paper, or 'reader' for what a careful reader finds")
    of: Id = Field(description="the paper's claim that it bears upon")
    basis: Basis
    experiments: list[str] = Field(min_length=1)
    test: str
    inputs: dict[str, Any] = Field(default_factory=dict)
    thresholds: dict[str, Any] = Field(min_length=1)
    needs: list[Need] = Field(default_factory=list)
    reproduced: Words = Field(description="what the verdict 'reproduced' means, in words")


class _ClaimRow(Strict):
    """One of the paper's claims, as claims.yaml has it; a kind names the row that decides."""

    id: Id
    claim: Words
    section: Words
    published: Id | None = None
    replicated: Id | None = None


class ClaimsFile(Strict):
    """claims.yaml; its rows are checked one by one, so that an error names the row."""

    fixed_in: str = Field(pattern=r"^([0-9a-f]{40})?$", description="a commit, or empty")
    claims: list[dict[str, Any]] = Field(min_length=1)
    evidence: list[dict[str, Any]] = Field(min_length=1)


@dataclass(frozen=True)
class Claim:
    """One of the paper's claims with its evidence.

    deciding: the row of evidence whose verdict is that of the claim, by kind. evidence: all rows
    that bear upon it, in the file's order.
    """

    id: str
    claim: str
    section: str
    deciding: dict[Kind, EvidenceRow]
    evidence: tuple[EvidenceRow, ...]


def read_claims(study: Path) -> list[Claim]:
    """The claims of the folder `study` (experiments/), in their order, with their evidence.

    MiuaError: the file is missing; a row has an unknown key, test, experiment, metric or need, or
    an id twice; a row belongs to no claim, or a claim has no evidence; the row that is to decide a
    claim does not exist, belongs to another claim or has another basis. The message names file, row
    and what is known.
    """
    path = study / f"{CLAIMS}.yaml"
    document = read_config(path, ClaimsFile)
    claims = _by_id(_ClaimRow, document.claims, f"{path}: claim")
    evidence = _by_id(EvidenceRow, document.evidence, f"{path}: evidence")
    known = list(read_experiments(study))
    for row in evidence.values():
        where = f"{path}: evidence {row.id}"
        if row.of not in claims:
            raise MiuaError(f"{where}: unknown claim {row.of!r}. Known: {', '.join(claims)}.")
        for experiment in row.experiments:
            if experiment not in known:
                raise MiuaError(
                    f"{where}: unknown experiment {experiment!r}. Known: {', '.join(known)}."
                )
        if row.test not in TESTS:
            raise MiuaError(
                f"{where}: unknown test {row.test!r}. Known: {', '.join(sorted(TESTS))}."
            )
        test = TESTS[row.test]
        _checked(test.inputs, row.inputs, f"{where}: inputs of {row.test}")
        _checked(test.thresholds, row.thresholds, f"{where}: thresholds of {row.test}")
    return [
        _with_evidence(claim, evidence, f"{path}: claim {name}") for name, claim in claims.items()
    ]


def when_fixed(study: Path) -> str:
    """Since when claims, tests and thresholds have been fixed, in sentences ready to print.

    By `fixed_in` of claims.yaml; MiuaError as by `read_claims`.
    """
    commit = read_config(study / f"{CLAIMS}.yaml", ClaimsFile).fixed_in
    before = "Some of them were written or changed after smaller runs on real images."
    if not commit:
        return (
            "Claims, tests and thresholds are not fixed yet; they are to be fixed in a commit "
            "before the recorded results of the published-scale run are first judged. " + before
        )
    return (
        f"Claims, tests and thresholds were fixed in commit {commit[:12]}, before the recorded "
        f"results of the published-scale run were first judged. {before}"
    )


def _with_evidence(row: _ClaimRow, evidence: dict[str, EvidenceRow], where: str) -> Claim:
    own = tuple(each for each in evidence.values() if each.of == row.id)
    if not own:
        raise MiuaError(f"{where} has no evidence. Add a row to evidence with of: {row.id}.")
    deciding: dict[Kind, EvidenceRow] = {}
    for kind, bases in DECIDED_BY.items():
        name = getattr(row, kind)
        if name is None:
            continue
        fitting = [each.id for each in own if each.basis in bases]
        candidates = f"Evidence of this claim that may decide it: {', '.join(fitting) or 'none'}."
        if name not in evidence:
            raise MiuaError(f"{where}: {kind} names no row of evidence: {name!r}. {candidates}")
        chosen = evidence[name]
        if chosen.of != row.id:
            raise MiuaError(
                f"{where}: {kind} names {name}, which is evidence of {chosen.of}. {candidates}"
            )
        if chosen.basis not in bases:
            raise MiuaError(
                f"{where}: {kind} names {name}, whose basis is {chosen.basis}, "
                f"not {' or '.join(bases)}. {candidates}"
            )
        deciding[kind] = chosen
    if not deciding:
        raise MiuaError(f"{where} has nothing that decides it. Give it {' or '.join(DECIDED_BY)}.")
    return Claim(row.id, row.claim, row.section, deciding, own)


def _by_id(model: type[Model], rows: list[dict[str, Any]], where: str) -> dict[str, Model]:
    found: dict[str, Model] = {}
    for place, values in enumerate(rows, start=1):
        name = values.get("id", f"number {place}")
        if name in found:
            raise MiuaError(f"{where} {name} is there twice. Give each row its own id.")
        found[name] = _checked(model, values, f"{where} {name}")
    return found


def _checked(model: type[Model], values: Any, where: str) -> Model:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise MiuaError(f"{where}: {'; '.join(problems(model, error))}") from None
