"""What a verification says: one finding for each thing that was checked, and all of them."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

from miua.errors import MissingExtraError, MiuaError

# Of what can be checked exactly; "undecided" is for what only another machine can check so.
Integrity = Literal["passed", "failed", "not checked"]
# Of a number beside its reference distribution.
Consistency = Literal["within", "outside", "undecided"]
Verdict = Literal[Integrity, Consistency]

VERDICTS: tuple[Verdict, ...] = (*get_args(Integrity), *get_args(Consistency))
BAD: tuple[Verdict, ...] = ("failed", "outside")
EXPECTED = "expected"  # the check that holds numbers against repeated runs


@dataclass(frozen=True)
class Finding:
    """One thing that was checked: a file, a set, or one number of a table.

    Attributes:
        check: the part of the verification, such as "files".
        detail: in words: what was found, how exact the check is, and what to do if it is bad.
        value, expected: a number, and what it should be or the centre of its distribution.
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

    @property
    def open(self) -> bool:
        """Whether an integrity check could not tell: a strict verification fails on it."""
        # Right runs, too, have numbers between "within" and "outside".
        undecided = self.verdict == "undecided" and self.check != EXPECTED
        return undecided or self.verdict == "not checked"


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


def guarded(
    check: str, subject: str, find: Callable[..., Iterable[Finding]], *given: Any
) -> Iterator[Finding]:
    """The findings of `find(*given)`, or one that it reads damage; MissingExtraError passes."""
    try:
        yield from find(*given)
    except MissingExtraError:
        raise
    except Exception as error:
        yield Finding(check, subject, "failed", problem(error))


def problem(error: Exception) -> str:
    """What went wrong, in words: a stranger's content can make any library raise anything."""
    if isinstance(error, MiuaError):
        return str(error)
    return f"It cannot be read as what it should be ({type(error).__name__}: {error})."
