"""The first screen's answer follows from the claims table, and says what a run cannot tell."""

import pytest

from miua.report.claims import (
    MEANINGS,
    JudgedClaim,
    JudgedEvidence,
    answer,
    counts_of,
    deciding,
    judged_claims,
)
from miua.study.store import Results
from tests.analysis.claim_tests.world import STUDY

PUBLISHED = "Recomputed from published numbers"


def row(verdict, basis="training"):
    return JudgedEvidence("row", "So.", "reader", basis, "test", "so", verdict, "So.", "So.")


def claims_of(published=(), **verdicts):
    """Claims, replicated with the verdicts whose underlines are read as spaces.

    Each has evidence besides that decides nothing. published: verdicts of further claims.
    """
    other, made = row("not reproduced", "method"), []
    for name, count in verdicts.items():
        decided = row(name.replace("_", " "))
        made += count * [JudgedClaim("c", "", "", {"replicated": decided}, (decided, other))]
    for verdict in published:
        decided = row(verdict, "published")
        made.append(JudgedClaim("p", "", "", {"published": decided}, (decided, other)))
    return made


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
def test_the_word_follows_from_what_decides_the_claims_alone(scientific, verdicts, word):
    assert answer(scientific, claims_of(**verdicts), True, "1000").word == word


def test_the_counts_are_told_and_add_up(scientific):
    claims = claims_of(reproduced=2, undecided=3, not_judged=1)
    assert answer(scientific, claims, True, "1000").sentence == (
        "Of the paper's 6 claims, 6 are for new training or new readers to replicate: "
        "2 reproduced, 3 undecided and 1 not judged."
    )
    assert sum(counts_of(deciding(claims, "replicated")).values()) == 6
    assert list(counts_of(claims_of(undecided=1)[0].evidence)) == list(MEANINGS)
    assert deciding(claims, "published") == []


@pytest.mark.parametrize(
    ("verdicts", "word"),
    [
        ({"not_reproduced": 4}, "No."),
        ({"undecided": 4}, "It stays open."),
        ({"reproduced": 1}, "Yes."),
    ],
)
def test_what_published_numbers_give_anyway_makes_no_answer(scientific, verdicts, word):
    told = answer(scientific, claims_of(["reproduced"], **verdicts), True, "1000")
    assert told.word == word
    assert told.sentence.endswith(f" {PUBLISHED}, 1 of them: 1 reproduced.")


def test_another_scale_is_told(scientific):
    claims = claims_of(reproduced=1)
    own = "20 sets of 24 images, after up to 1000 epochs"
    assert answer(scientific, claims, True, "more").scale == f"At the study's own scale: {own}."
    said = answer(scientific, claims, False, "20 sets of 800").scale
    assert said == f"At another scale than the study's: {own}; the study has 20 sets of 800."


def test_phantoms_decide_nothing_whatever_the_claims_table_says(smoke):
    plan = Results.open(smoke).plan
    told = answer(plan, claims_of(["reproduced"], not_testable_here=4), True, "1000")
    assert told.word == "This run cannot tell."
    assert told.sentence == (
        "Of the paper's 5 claims, a run on phantoms replicates none: it lacks above all real "
        f"images. {PUBLISHED}, 1 of them: 1 reproduced."
    )
    assert "cannot decide a claim about real images" in told.scale


def test_a_row_that_the_claims_table_lacks_is_not_judged(smoke, tmp_path):
    results = Results.open(smoke)
    judged = judged_claims(results, STUDY)
    assert len(judged) == 9
    assert all(claim.evidence for claim in judged)
    # Nothing was judged in an empty folder.
    (tmp_path / "plan.yaml").write_bytes((smoke / "plan.yaml").read_bytes())
    for claim in judged_claims(Results.open(tmp_path), STUDY):
        for decided in claim.deciding.values():
            assert decided.verdict == "not judged"
            assert decided.line.endswith(f"does not hold the evidence {decided.id}.")
