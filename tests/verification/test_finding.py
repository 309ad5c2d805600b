"""A verification is bad as soon as one finding is."""

import pytest

from miua.cli.verifying import _line
from miua.study.finding import VERDICTS, Finding, Verification, guarded


@pytest.mark.parametrize("verdict", VERDICTS)
def test_only_what_failed_or_lies_outside_is_bad(verdict):
    checked = Verification((Finding("files", "a", "passed"), Finding("files", "b", verdict)))
    assert checked.ok == (verdict not in ("failed", "outside"))


def test_findings_are_counted_by_check_in_order():
    verification = Verification(
        (
            Finding("tables", "a", "passed"),
            Finding("tables", "b", "failed"),
            Finding("expected", "c", "undecided"),
            Finding("expected", "d", "within"),
        )
    )
    assert verification.checks == ("tables", "expected")
    assert verification.counts("tables") == {"passed": 1, "failed": 1}
    assert list(verification.counts()) == ["passed", "failed", "within", "undecided"]
    assert [finding.subject for finding in verification.of("failed", "undecided")] == ["b", "c"]


def test_a_finding_of_a_strangers_text_does_not_control_the_terminal():
    finding = Finding("files", "a\x1b[2Jb", "failed", "signed by \x1b]0;x\x07")
    assert "\x1b" not in _line(finding).plain
    assert "\\x1b[2Jb" in _line(finding).plain


@pytest.mark.parametrize("error", [RuntimeError, ZeroDivisionError, AssertionError, MemoryError])
def test_whatever_damaged_content_raises_is_a_finding(error):
    def find():
        raise error("damaged")

    assert [found.verdict for found in guarded("plan", "x", find)] == ["failed"]
