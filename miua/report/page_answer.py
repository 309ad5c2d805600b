"""The first screen: did it reproduce? An answer drawn from the claims table's counts alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from miua.report.claims import NOT_JUDGED, JudgedClaim
from miua.study.plan import Profile
from miua.wording import listed

REPRODUCED, NOT_REPRODUCED = "reproduced", "not reproduced"
UNDECIDED, NOT_TESTABLE = "undecided", "not testable here"
# How to read a verdict, and the sign that stands for it beside its colour.
MEANINGS = {
    REPRODUCED: "the test finds what was claimed",
    NOT_REPRODUCED: "the test contradicts it, or would most likely have found it",
    UNDECIDED: "the data allow no decision; the evidence gives the power of the test",
    NOT_TESTABLE: "something is missing in this run, which the evidence names",
}
SIGNS = {REPRODUCED: "✓", NOT_REPRODUCED: "✕", UNDECIDED: "?", NOT_TESTABLE: "–", NOT_JUDGED: "–"}


@dataclass(frozen=True)
class Group:
    """The claims of one origin. title: whose they are. main: those that are no part of another."""

    title: str
    claims: list[JudgedClaim]

    @property
    def counts(self) -> dict[str, int]:
        """How many have each verdict, in their order; unjudged ones where there are any."""
        return counts_of(self.claims)

    @property
    def main(self) -> list[JudgedClaim]:
        """Those whose id does not begin with that of another: `stability`, not `stability-64`."""
        ids = [f"{claim.id}-" for claim in self.claims]
        return [claim for claim in self.claims if not claim.id.startswith(tuple(ids))]


@dataclass(frozen=True)
class Answer:
    """word: the answer in short. sentence: what it rests on. scale: how far that carries."""

    word: str
    sentence: str
    scale: str


def groups(claims: Sequence[JudgedClaim]) -> tuple[Group, Group]:
    """The paper's own claims, and what a careful reader adds."""
    paper = [claim for claim in claims if claim.of_the_paper]
    reader = [claim for claim in claims if not claim.of_the_paper]
    return (
        Group("The paper's claims and their parts", paper),
        Group("What a careful reader adds", reader),
    )


def answer(plan: Profile, paper: Group, full_scale: bool, published: str) -> Answer:
    """What the claims table says of the paper's main claims.

    The word is about those that a run can decide. Those that rest on published numbers alone come
    out the same whatever it makes, so they are told apart.

    published: the scale of the study, in words as `grid_in_words` gives.
    """
    main = paper.main
    by_run = [claim for claim in main if claim.needs]
    given = [claim for claim in main if not claim.needs]
    rest = ""
    if given:
        told = _listed(counts_of(given))
        rest = f" The other {len(given)} rest on published numbers alone: {told}."
        if len(given) == 1:
            rest = f" The other one rests on published numbers alone: {given[0].verdict}."
    if not plan.scientific:
        return Answer(
            "This run cannot tell.",
            f"Of the paper's {len(main)} main claims, {len(by_run)} need what a run on phantoms "
            f"does not have, above all real images.{rest}",
            "Phantoms are drawn by a program. They show that every part works, and cannot decide "
            "a claim about real images.",
        )
    grid = plan.grid
    here = grid_in_words(
        len(grid.training_sizes) * len(grid.epochs), plan.synthetic_images, max(grid.epochs)
    )
    scale = f"At the study's own scale: {here}."
    if not full_scale:
        scale = f"At another scale than the study's: {here}; the study has {published}."
    counts = counts_of(by_run)
    return Answer(
        _word(counts, len(by_run)),
        f"Of the paper's {len(main)} main claims, {len(by_run)} are for a rerun to decide: "
        f"{_listed(counts)}.{rest}",
        scale,
    )


def counts_of(claims: Sequence[JudgedClaim]) -> dict[str, int]:
    """How many have each verdict."""
    given = Counter(claim.verdict for claim in claims)
    verdicts = [*MEANINGS, *([NOT_JUDGED] if given[NOT_JUDGED] else [])]
    return {verdict: given[verdict] for verdict in verdicts}


def grid_in_words(sets: int | str, images: int | str, epochs: int | str) -> str:
    """How large a grid of sets is."""
    return f"{sets} sets of {images} images, after up to {epochs} epochs"


def _word(counts: dict[str, int], total: int) -> str:
    if total and counts[REPRODUCED] == total:
        return "Yes."
    if counts[REPRODUCED]:
        return "In part."
    return "No." if counts[NOT_REPRODUCED] else "It stays open."


def _listed(counts: dict[str, int]) -> str:
    return listed(f"{count} {verdict}" for verdict, count in counts.items() if count) or "none"
