"""The claims, their verdicts, and the answer to: did it reproduce?"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from miua.analysis.claim_tests.base import NOT_REPRODUCED, NOT_TESTABLE, REPRODUCED, UNDECIDED
from miua.analysis.claims_table import read_claims_table
from miua.analysis.paper_claims import read_evidence
from miua.study.plan import Profile
from miua.study.store import Results
from miua.wording import listed

CLAIMS_TABLE = "claims.json"
READER = "reader"  # the section of claims that are not the paper's but a careful reader's
NOT_JUDGED = "not judged"  # the claims table does not hold it
# How to read a verdict, and the sign that stands for it beside its colour.
MEANINGS = {
    REPRODUCED: "the test finds what was claimed",
    NOT_REPRODUCED: "the test contradicts it, or would most likely have found it",
    UNDECIDED: "the data allow no decision; the evidence gives the power of the test",
    NOT_TESTABLE: "something is missing in this run, which the evidence names",
}
SIGNS = {REPRODUCED: "✓", NOT_REPRODUCED: "✕", UNDECIDED: "?", NOT_TESTABLE: "–", NOT_JUDGED: "–"}


@dataclass(frozen=True)
class JudgedClaim:
    """A claim as claims.yaml has it, with what the claims table says of it.

    means: what the verdict "reproduced" would mean. numbers: what the verdict rests on. sources:
    the files read for it. needs: what a run must have to judge it; nothing where it rests on
    published numbers alone.
    """

    id: str
    claim: str
    section: str
    means: str
    verdict: str
    reason: str
    numbers: dict[str, float | None] = field(default_factory=dict)
    sources: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    @property
    def of_the_paper(self) -> bool:
        return self.section != READER


def judged_claims(results: Results, study: Path) -> list[JudgedClaim]:
    """Every claim of the study, in its order, with what the claims table says of it."""
    entries: dict[str, dict[str, Any]] = {}
    if results.claims_table.exists():
        entries = {entry["id"]: entry for entry in read_claims_table(results)["claims"]}
    judged = []
    for row in read_evidence(study):
        missing = f"The claims table of these results does not hold the claim {row.id}."
        unknown = {"verdict": NOT_JUDGED, "reason": missing, "numbers": {}, "sources": ()}
        entry = entries.get(row.id, unknown)
        said = (entry["verdict"], entry["reason"], entry["numbers"], tuple(entry["sources"]))
        words = (row.id, row.claim, row.section, row.reproduced)
        judged.append(JudgedClaim(*words, *said, tuple(row.needs)))
    return judged


@dataclass(frozen=True)
class Group:
    """The claims of one origin. title: whose they are."""

    title: str
    claims: list[JudgedClaim]

    @property
    def counts(self) -> dict[str, int]:
        return counts_of(self.claims)

    @property
    def main(self) -> list[JudgedClaim]:
        """Those whose id does not begin with that of another: `stability`, not `stability-64`."""
        ids = tuple(f"{claim.id}-" for claim in self.claims)
        return [claim for claim in self.claims if not claim.id.startswith(ids)]


class StudyAnswer(NamedTuple):
    """word: the answer in short. sentence: what it rests on. scale: how far that carries."""

    word: str
    sentence: str
    scale: str


def groups(claims: Sequence[JudgedClaim]) -> tuple[Group, Group]:
    """The paper's own claims, and what a careful reader adds."""
    return (
        Group("The paper's claims and their parts", [each for each in claims if each.of_the_paper]),
        Group("What a careful reader adds", [each for each in claims if not each.of_the_paper]),
    )


def answer(plan: Profile, paper: Group, full_scale: bool, published: str) -> StudyAnswer:
    """The answer that the paper's main claims give.

    The word is about those that a run can decide. Those that rest on published numbers alone come
    out the same whatever it makes, so they are told apart.

    published: the scale of the study, in words as `grid_in_words` gives.
    """
    main = paper.main
    by_run, given = [each for each in main if each.needs], [each for each in main if not each.needs]
    rest = ""
    if len(given) == 1:
        rest = f" The other one rests on published numbers alone: {given[0].verdict}."
    elif given:
        told = _listed(counts_of(given))
        rest = f" The other {len(given)} rest on published numbers alone: {told}."
    if not plan.scientific:
        return StudyAnswer(
            "This run cannot tell.",
            f"Of the paper's {len(main)} main claims, {len(by_run)} need what a run on phantoms "
            f"does not have, above all real images.{rest}",
            "Phantoms are drawn by a program. They show that every part works, and cannot decide "
            "a claim about real images.",
        )
    sizes, epochs = plan.grid.training_sizes, plan.grid.epochs
    here = grid_in_words(len(sizes) * len(epochs), plan.synthetic_images, max(epochs))
    scale = f"At the study's own scale: {here}."
    if not full_scale:
        scale = f"At another scale than the study's: {here}; the study has {published}."
    counts = counts_of(by_run)
    if by_run and counts[REPRODUCED] == len(by_run):
        word = "Yes."
    elif counts[REPRODUCED]:
        word = "In part."
    else:
        word = "No." if counts[NOT_REPRODUCED] else "It stays open."
    sentence = (
        f"Of the paper's {len(main)} main claims, {len(by_run)} are for a rerun to decide: "
        f"{_listed(counts)}.{rest}"
    )
    return StudyAnswer(word, sentence, scale)


def counts_of(claims: Sequence[JudgedClaim]) -> dict[str, int]:
    """How many have each verdict, in the order of MEANINGS; unjudged ones where there are any."""
    given = Counter(claim.verdict for claim in claims)
    verdicts = [*MEANINGS, *([NOT_JUDGED] if given[NOT_JUDGED] else [])]
    return {verdict: given[verdict] for verdict in verdicts}


def grid_in_words(sets: int | str, images: int | str, epochs: int | str) -> str:
    """How large a grid of sets is."""
    return f"{sets} sets of {images} images, after up to {epochs} epochs"


def _listed(counts: dict[str, int]) -> str:
    return listed(f"{count} {verdict}" for verdict, count in counts.items() if count) or "none"
