"""The paper's claims, their verdicts and evidence, and the answer to: did it reproduce?"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from miua.analysis.claim_tests.base import NOT_REPRODUCED, NOT_TESTABLE, REPRODUCED, UNDECIDED
from miua.analysis.claims_table import read_claims_table
from miua.analysis.paper_claims import Basis, Kind, read_claims
from miua.study.plan import Profile
from miua.study.store import Results
from miua.wording import counted, listed

CLAIMS_TABLE = "claims.json"
READER = "reader"  # the section of evidence that is not the paper's but a careful reader's
NOT_JUDGED = "not judged"  # the claims table does not hold it
# How to read a verdict, and the sign that stands for it beside its colour.
MEANINGS = {
    REPRODUCED: "the test finds what was claimed",
    NOT_REPRODUCED: "the test contradicts it, or would most likely have found it",
    UNDECIDED: "the data allow no decision; the evidence gives the power of the test",
    NOT_TESTABLE: "something is missing in this run, which the evidence names",
}
SIGNS = {REPRODUCED: "✓", NOT_REPRODUCED: "✕", UNDECIDED: "?", NOT_TESTABLE: "–", NOT_JUDGED: "–"}
# How a claim is decided, in a heading and in a few words.
KIND_TITLES: dict[Kind, str] = {
    "published": "Recomputed from published numbers",
    "replicated": "Replicated by new training or readers",
}
# What a row of evidence rests on, in words.
BASES: dict[Basis, str] = {
    "published": "published numbers",
    "training": "new training",
    "readers": "new readers",
    "method": "how the method behaves",
}


@dataclass(frozen=True)
class JudgedEvidence:
    """A row of evidence as claims.yaml has it, with what the claims table says of it.

    means: what the verdict "reproduced" would mean. line: the reason in short. numbers: what the
    verdict rests on. sources: the files read for it.
    """

    id: str
    claim: str
    section: str
    basis: Basis
    test: str
    means: str
    verdict: str
    reason: str
    line: str
    numbers: dict[str, float | None] = field(default_factory=dict)
    sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class JudgedClaim:
    """One of the paper's claims. deciding: the row that decides it, by kind. evidence: all rows."""

    id: str
    claim: str
    section: str
    deciding: dict[Kind, JudgedEvidence]
    evidence: tuple[JudgedEvidence, ...]


def judged_claims(results: Results, study: Path) -> list[JudgedClaim]:
    """The claims of the study, in their order, with what the claims table says of the evidence."""
    entries: dict[str, dict[str, Any]] = {}
    if results.claims_table.exists():
        entries = {entry["id"]: entry for entry in read_claims_table(results)["evidence"]}
    judged = []
    for claim in read_claims(study):
        rows = {}
        for row in claim.evidence:
            missing = f"The claims table of these results does not hold the evidence {row.id}."
            unknown = {"verdict": NOT_JUDGED, "reason": missing, "line": missing}
            entry = {"numbers": {}, "sources": ()} | entries.get(row.id, unknown)
            said = {key: entry[key] for key in ("verdict", "reason", "line", "numbers")}
            words = (row.id, row.claim, row.section, row.basis, row.test, row.reproduced)
            rows[row.id] = JudgedEvidence(*words, **said, sources=tuple(entry["sources"]))
        decided = {kind: rows[row.id] for kind, row in claim.deciding.items()}
        evidence = tuple(rows.values())
        judged.append(JudgedClaim(claim.id, claim.claim, claim.section, decided, evidence))
    return judged


def all_evidence(claims: Iterable[JudgedClaim]) -> list[JudgedEvidence]:
    """The evidence of all claims, claim by claim."""
    return [row for claim in claims for row in claim.evidence]


def deciding(claims: Iterable[JudgedClaim], kind: Kind) -> list[JudgedEvidence]:
    """What decides the claims, of one kind; fewer than there are claims where some lack it."""
    return [claim.deciding[kind] for claim in claims if kind in claim.deciding]


class StudyAnswer(NamedTuple):
    """word: the answer in short. sentence: what it rests on. scale: how far that carries."""

    word: str
    sentence: str
    scale: str


def answer(
    plan: Profile, claims: Sequence[JudgedClaim], full_scale: bool, published: str
) -> StudyAnswer:
    """The answer that the paper's claims give.

    The word is about what was replicated. What is recomputed from published numbers comes out the
    same whatever a run makes, so it is told apart.

    published: the scale of the study, in words as `grid_in_words` gives.
    """
    replicated, given = (deciding(claims, kind) for kind in ("replicated", "published"))
    rest = ""
    if given:
        told = _listed(counts_of(given))
        rest = f" {KIND_TITLES['published']}, {len(given)} of them: {told}."
    of_all = f"Of the paper's {counted(len(claims), 'claim')}"
    if not plan.scientific:
        return StudyAnswer(
            "This run cannot tell.",
            f"{of_all}, a run on phantoms replicates none: it lacks above all real images.{rest}",
            "Phantoms are drawn by a program. They show that every part works, and cannot decide "
            "a claim about real images.",
        )
    sizes, epochs = plan.grid.training_sizes, plan.grid.epochs
    here = grid_in_words(len(sizes) * len(epochs), plan.synthetic_images, max(epochs))
    scale = f"At the study's own scale: {here}."
    if not full_scale:
        scale = f"At another scale than the study's: {here}; the study has {published}."
    counts = counts_of(replicated)
    if replicated and counts[REPRODUCED] == len(replicated):
        word = "Yes."
    elif counts[REPRODUCED]:
        word = "In part."
    else:
        word = "No." if counts[NOT_REPRODUCED] else "It stays open."
    sentence = (
        f"{of_all}, {len(replicated)} are for new training or new readers to replicate: "
        f"{_listed(counts)}.{rest}"
    )
    return StudyAnswer(word, sentence, scale)


def counts_of(rows: Iterable[JudgedEvidence]) -> dict[str, int]:
    """How many have each verdict, in the order of MEANINGS; unjudged ones where there are any."""
    given = Counter(row.verdict for row in rows)
    verdicts = [*MEANINGS, *([NOT_JUDGED] if given[NOT_JUDGED] else [])]
    return {verdict: given[verdict] for verdict in verdicts}


def grid_in_words(sets: int | str, images: int | str, epochs: int | str) -> str:
    """How large a grid of sets is."""
    return f"{sets} sets of {images} images, after up to {epochs} epochs"


def _listed(counts: dict[str, int]) -> str:
    return listed(f"{count} {verdict}" for verdict, count in counts.items() if count) or "none"
