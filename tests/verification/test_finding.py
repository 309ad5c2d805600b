"""A verification is bad as soon as one finding is."""

import pytest

from miua.verification.finding import VERDICTS, Finding, Verification


@pytest.mark.parametrize("verdict", VERDICTS)
def test_only_what_failed_or_lies_outside_is_bad(verdict):
    checked = Verification((Finding("files", "a", "passed"), Finding("files", "b", verdict)))
    assert checked.ok == (verdict not in ("failed", "outside"))


def test_findings_are_counted_by_check_in_order():
    joined = Verification.joined(
        [
            [Finding("tables", "a", "passed"), Finding("tables", "b", "failed")],
            [],
            [Finding("expected", "c", "undecided"), Finding("expected", "d", "within")],
        ]
    )
    assert joined.checks == ("tables", "expected")
    assert joined.counts("tables") == {"passed": 1, "failed": 1}
    assert list(joined.counts()) == ["passed", "failed", "within", "undecided"]
    assert [finding.subject for finding in joined.of("failed", "undecided")] == ["b", "c"]
