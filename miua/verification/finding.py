"""What a verification says: one finding for each thing that was checked, and all of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal, get_args

# Of what can be checked exactly; "undecided" is for what only another machine can check so.
Integrity = Literal["passed", "failed", "not checked"]
# Of a number beside its reference distribution.
Comparison = Literal["within", "outside", "undecided"]
Verdict = Literal[Integrity, Comparison]

VERDICTS: tuple[Verdict, ...] = (*get_args(Integrity), *get_args(Comparison))
BAD: tuple[Verdict, ...] = ("failed", "outside")


@dataclass(frozen=True)
class Finding:
    """One thing that was checked.

    Attributes:
        check: the part of the verification: "files", "plan", "images", "metrics", "tables",
            "kernels" or "expected".
        subject: what was checked: a file, a set, or one number of a table.
        verdict: one of VERDICTS.
        detail: in words: what was found, how exact the check is, and what to do if it is bad.
        value: the number that was checked, if it is one.
        expected: what it should be, or the centre of its distribution.
        tolerance: the most that they may differ by and still agree; 0 where they must be equal.
    """

    check: str
    subject: str
    verdict: Verdict
    detail: str = ""
    value: float | None = None
    expected: float | None = None
    tolerance: float | None = None

    @property
    def bad(self) -> bool:
        """Whether it makes the whole verification fail."""
        return self.verdict in BAD


@dataclass(frozen=True)
class Verification:
    """All findings, in the order in which things were checked."""

    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """No finding is "failed" or "outside"."""
        return not any(finding.bad for finding in self.findings)

    @property
    def checks(self) -> tuple[str, ...]:
        """The names of the checks that found something, in order."""
        return tuple(dict.fromkeys(finding.check for finding in self.findings))

    def counts(self, check: str | None = None) -> dict[Verdict, int]:
        """How many findings have each verdict that occurs, of one check or of all."""
        found = Counter(f.verdict for f in self.findings if check in (None, f.check))
        return {verdict: found[verdict] for verdict in VERDICTS if found[verdict]}

    def of(self, *verdicts: Verdict) -> tuple[Finding, ...]:
        """The findings with one of these verdicts."""
        return tuple(finding for finding in self.findings if finding.verdict in verdicts)
