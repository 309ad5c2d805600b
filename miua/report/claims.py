"""What the text says of claims: their verdicts and reasons, as the ledger has them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from miua.analysis.claim_tests.base import number
from miua.analysis.ledger import read_claims, read_ledger
from miua.report.value import Value
from miua.study.store import Results

LEDGER = "claims.json"
NOT_JUDGED = "not judged"
READER = "reader"  # the section of claims that are not the paper's but a careful reader's


@dataclass(frozen=True)
class JudgedClaim:
    """One claim with its verdict.

    Attributes:
        id, claim, section: as in claims.yaml.
        means: what the verdict "reproduced" would mean, in words.
        verdict: one of the ledger's, or "not judged" where it does not hold the claim.
        reason: the sentence that says why, with its numbers.
        numbers: what the verdict rests on, by name.
        sources: the files that were read for it.
        needs: what a run must have to judge it; nothing where it rests on published numbers alone.
    """

    id: str
    claim: str
    section: str
    means: str
    verdict: str
    reason: str
    numbers: dict[str, float | None] = field(default_factory=dict)
    power: float | None = None
    n: int | None = None
    sources: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    @property
    def of_the_paper(self) -> bool:
        return self.section != READER


def judged_claims(results: Results, study: Path) -> list[JudgedClaim]:
    """Every claim of the study, in its order, with what the ledger of the results says of it.

    Raises:
        MiuaError: claims.yaml or claims.json is damaged.
    """
    entries = {}
    if results.ledger.exists():
        entries = {entry["id"]: entry for entry in read_ledger(results)["claims"]}
    judged = []
    for claim in read_claims(study):
        known = (claim.id, claim.claim, claim.section, claim.reproduced)
        entry = entries.get(claim.id)
        if entry is None:
            reason = f"The ledger of these results does not hold the claim {claim.id}."
            judged.append(JudgedClaim(*known, NOT_JUDGED, reason, needs=tuple(claim.needs)))
            continue
        judged.append(
            JudgedClaim(
                *known,
                verdict=entry["verdict"],
                reason=entry["reason"],
                numbers=entry["numbers"],
                power=entry["power"],
                n=entry["n"],
                sources=tuple(entry["sources"]),
                needs=tuple(claim.needs),
            )
        )
    return judged


def claim_values(claims: list[JudgedClaim]) -> Iterator[Value]:
    """Verdict, reason and every number of every claim, and how many have which verdict."""
    verdicts = ("reproduced", "not reproduced", "undecided", "not testable here")
    for kind, chosen in (
        ("", claims),
        ("of the paper ", [claim for claim in claims if claim.of_the_paper]),
    ):
        yield Value(f"claims {kind}number", str(len(chosen)), LEDGER)
        for verdict in verdicts:
            count = sum(claim.verdict == verdict for claim in chosen)
            yield Value(f"claims {kind}{verdict}", str(count), LEDGER)
    for claim in claims:
        name, row, files = f"claim {claim.id}", {"id": claim.id}, claim.sources
        yield Value(f"{name} verdict", claim.verdict, LEDGER, row, "verdict", files)
        yield Value(f"{name} reason", claim.reason, LEDGER, row, "reason", files)
        numbers = {**claim.numbers, "its power": claim.power, "its n": claim.n}
        for words, value in numbers.items():
            if value is not None:
                yield Value(f"{name} {words}", number(value), LEDGER, row, words, files)


def claim_conditions(claims: list[JudgedClaim]) -> dict[str, tuple[bool, str]]:
    """Which claims hold: "holds ID" for each."""
    return {f"holds {claim.id}": (claim.verdict == "reproduced", LEDGER) for claim in claims}
