"""What the text says of claims: their verdicts and reasons, as the claims table has them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from miua.analysis.claims_table import read_claims, read_claims_table
from miua.study.store import Results

CLAIMS_TABLE = "claims.json"
NOT_JUDGED = "not judged"
READER = "reader"  # the section of claims that are not the paper's but a careful reader's


@dataclass(frozen=True)
class JudgedClaim:
    """One claim with its verdict.

    Attributes:
        id, claim, section: as in claims.yaml.
        means: what the verdict "reproduced" would mean, in words.
        verdict: one of the claims table's, or "not judged" where it does not hold the claim.
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
    sources: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    @property
    def of_the_paper(self) -> bool:
        return self.section != READER


def judged_claims(results: Results, study: Path) -> list[JudgedClaim]:
    """Every claim of the study, in its order, with what the claims table of the results says of it.

    Raises:
        MiuaError: claims.yaml or claims.json is damaged.
    """
    entries: dict[str, dict[str, Any]] = {}
    if results.claims_table.exists():
        entries = {entry["id"]: entry for entry in read_claims_table(results)["claims"]}
    judged = []
    for claim in read_claims(study):
        missing = f"The claims table of these results does not hold the claim {claim.id}."
        entry: dict[str, Any] = {
            "verdict": NOT_JUDGED,
            "reason": missing,
            "numbers": {},
            "sources": (),
        }
        entry |= entries.get(claim.id, {})
        judged.append(
            JudgedClaim(
                claim.id,
                claim.claim,
                claim.section,
                claim.reproduced,
                verdict=entry["verdict"],
                reason=entry["reason"],
                numbers=entry["numbers"],
                sources=tuple(entry["sources"]),
                needs=tuple(claim.needs),
            )
        )
    return judged
