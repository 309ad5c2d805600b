"""The tests that claims.yaml may name, each registered where it is defined."""

from miua.analysis.claim_tests import (  # noqa: F401  (importing them registers their tests)
    clinician_scores,
    images,
    readers,
    trainings,
)
from miua.analysis.claim_tests.base import (
    NOT_REPRODUCED,
    NOT_TESTABLE,
    REPRODUCED,
    TESTS,
    UNDECIDED,
    VERDICTS,
    ClaimTest,
    Evidence,
    Finding,
    NotTestableError,
    Verdict,
)

__all__ = [
    "NOT_REPRODUCED",
    "NOT_TESTABLE",
    "REPRODUCED",
    "TESTS",
    "UNDECIDED",
    "VERDICTS",
    "ClaimTest",
    "Evidence",
    "Finding",
    "NotTestableError",
    "Verdict",
]
