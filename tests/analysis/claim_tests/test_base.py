"""Numbers as they are printed, and where evidence comes from."""

import math
from pathlib import Path

import pytest

from miua.analysis.claim_tests.base import TESTS, Evidence, number, percent
from miua.study.store import Results
from tests.analysis.claim_tests.world import STUDY


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.40575, "0.406"), (240.856, "241"), (-7.0, "−7.00"), (0.9996, "1.00"), (0, "0"),
     (2.5e7, "2.50e+07"), (3e-6, "3.00e−06"), (math.nan, "–"), (99.96, "100")],
)  # fmt: skip
def test_numbers_have_significant_digits(value, text):
    assert number(value) == text


def test_shares_are_printed_as_percentages_with_a_true_minus():
    assert (percent(0.5614), percent(-0.00863)) == ("56.1 %", "−0.863 %")


def test_evidence_tells_its_sources(world):
    world.grid(lambda *_: {"diversity": (0.8, 0.7, 0.9)})
    evidence = Evidence(Results.open(world.folder), STUDY, ("training-size",))
    thresholds = {"ratio": 1.0, "margin": 0.05, "share": 0.5}
    TESTS["variety-is-reduced"].judge(evidence, "diversity", "equal epochs", **thresholds)
    assert evidence.sources == ["tables/training-size.csv"]


def test_every_registered_test_is_tested_here():
    text = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("*.py"))
    assert [name for name in TESTS if f'"{name}"' not in text] == []
