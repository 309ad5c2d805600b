"""The first screen's answer follows from the claims table, and says what a run cannot tell."""

import pytest

from miua.report.claims import MEANINGS, JudgedClaim, answer, groups
from miua.study.store import Results

NEEDS = ("real_images",)
# It comes out the same whatever a run makes.
PUBLISHED = JudgedClaim("points", "Points agree.", "Results", "so", "reproduced", "")


def claims_of(**verdicts):
    """Claims of the paper with the verdicts' underlines read as spaces, and one of a reader."""
    made = [
        JudgedClaim(f"{name}-{n}", "So.", "Results", "so", name.replace("_", " "), "", needs=NEEDS)
        for name, count in verdicts.items()
        for n in range(count)
    ]
    return [*made, JudgedClaim("other", "So it is.", "reader", "so", "not reproduced", "")]


@pytest.fixture(scope="module")
def scientific(real):
    return Results.open(real).plan


@pytest.mark.parametrize(
    ("verdicts", "word"),
    [
        ({"reproduced": 3}, "Yes."),
        ({"reproduced": 3, "not_testable_here": 1}, "In part."),
        ({"reproduced": 1, "not_reproduced": 5}, "In part."),
        ({"not_reproduced": 1, "undecided": 5}, "No."),
        ({"undecided": 2, "not_testable_here": 5}, "It stays open."),
        ({"not_judged": 2}, "It stays open."),
    ],
)
def test_the_word_follows_from_the_papers_claims_alone(scientific, verdicts, word):
    paper, _ = groups(claims_of(**verdicts))
    assert answer(scientific, paper, True, "1000").word == word


def test_the_counts_are_told_and_add_up(scientific):
    paper, reader = groups(claims_of(reproduced=2, undecided=3, not_judged=1))
    said = answer(scientific, paper, True, "1000").sentence
    assert said == (
        "Of the paper's 6 main claims, 6 are for a rerun to decide: "
        "2 reproduced, 3 undecided and 1 not judged."
    )
    assert sum(paper.counts.values()) == 6
    assert list(reader.counts) == list(MEANINGS)
    assert reader.counts["not reproduced"] == 1


@pytest.mark.parametrize(
    ("verdicts", "word"),
    [
        ({"not_reproduced": 4}, "No."),
        ({"undecided": 4}, "It stays open."),
        ({"reproduced": 1}, "Yes."),
    ],
)
def test_what_published_numbers_give_anyway_makes_no_answer(scientific, verdicts, word):
    paper, _ = groups([PUBLISHED, *claims_of(**verdicts)])
    told = answer(scientific, paper, True, "1000")
    assert told.word == word
    assert told.sentence.endswith("The other one rests on published numbers alone: reproduced.")


def test_another_scale_is_told(scientific):
    paper, _ = groups(claims_of(reproduced=1))
    own = "20 sets of 24 images, after up to 1000 epochs"
    assert answer(scientific, paper, True, "more").scale == f"At the study's own scale: {own}."
    said = answer(scientific, paper, False, "20 sets of 800").scale
    assert said == f"At another scale than the study's: {own}; the study has 20 sets of 800."


def test_phantoms_decide_nothing_whatever_the_claims_table_says(smoke):
    plan = Results.open(smoke).plan
    paper, _ = groups([PUBLISHED, *claims_of(not_testable_here=4)])
    told = answer(plan, paper, True, "1000")
    assert told.word == "This run cannot tell."
    assert "Of the paper's 5 main claims, 4 need" in told.sentence
    assert told.sentence.endswith("The other one rests on published numbers alone: reproduced.")
    assert "cannot decide a claim about real images" in told.scale


def test_the_main_claims_are_those_that_are_no_part_of_another(smoke):
    ids = ["stability", "stability-64", "stab", "fid-range", "lbpv-range", "stability-larger"]
    claims = [JudgedClaim(name, "", "Results", "", "undecided", "") for name in ids]
    paper, _ = groups(claims)
    assert [claim.id for claim in paper.main] == ["stability", "stab", "fid-range", "lbpv-range"]
