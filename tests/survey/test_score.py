"""Scores of answers whose outcome is known."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from miua.analysis.columns import ALL, COLUMNS, EXACT, NORMAL, RESAMPLED
from miua.analysis.resampling import by_images
from miua.metrics.memorisation import clopper_pearson
from miua.survey.answers import JUDGEMENT_COLUMNS
from miua.survey.score import mean_by_images, score_readers, score_sets
from tests.benchmarks.interval_coverage import quality_of_sets


def answers(reader, role, kinds, called, *, quality=3, confidence=3, repeats=0, sets=None):
    """A reader's judgements of images i0, i1, ...; the first ones are shown again, all wrong."""
    rows = []
    qualities = np.broadcast_to(quality, len(kinds))
    for place, (kind, real) in enumerate(zip(kinds, called, strict=True), start=1):
        name = "" if kind == "real" else (sets[place - 1] if sets else "a")
        rows.append(
            (reader, role, place, f"i{place:02d}", kind, name, bool(real),
             int(qualities[place - 1]), confidence, 4.0, False, "")
        )  # fmt: skip
    for row in rows[:repeats]:
        wrong = (row[4] == "synthetic",)
        rows.append((*row[:2], len(rows) + 1, *row[3:6], *wrong, 1, *row[8:10], True, ""))
    return pd.DataFrame(rows, columns=list(JUDGEMENT_COLUMNS))


def of(table, reader, score, interval=None):
    rows = table[(table["reader"] == reader) & (table["score"] == score)]
    if interval:
        rows = rows[rows["interval"] == interval]
    (row,) = rows.itertuples()
    return row


KINDS = ["synthetic"] * 57 + ["real"] * 11
# The published engineer: 32 of 57 synthetic images called real.
ENGINEER = [True] * 32 + [False] * 25 + [True] * 8 + [False] * 3


@pytest.fixture(scope="module")
def two():
    other = [False] * 25 + [True] * 32 + [True] * 10 + [False]
    return score_readers(
        pd.concat(
            [
                answers(1, "engineer", KINDS, ENGINEER, repeats=10),
                answers(2, "engineer", KINDS, other),
                answers(3, "clinician", KINDS, [False] * 68),
            ]
        )
    )


def test_the_table_has_its_columns_readers_and_roles(two):
    assert tuple(two.columns) == COLUMNS["readers"]
    assert list(dict.fromkeys(zip(two["role"], two["reader"], strict=True))) == [
        ("clinician", "3"), ("clinician", ALL),
        ("engineer", "1"), ("engineer", "2"), ("engineer", ALL),
    ]  # fmt: skip


def test_the_published_counts_give_the_published_share_with_its_exact_interval(two):
    row = of(two, "1", "synthetic called real")
    assert (row.count, row.n, row.interval) == (32, 57, EXACT)
    assert f"{100 * row.value:.2f}" == "56.14"
    assert np.array(clopper_pearson(32, 57)) == pytest.approx((row.low, row.high))
    assert row.p_value == pytest.approx(stats.binomtest(32, 57, 0.5).pvalue)


def test_repeats_and_their_errors_count_for_nothing(two):
    without = score_readers(answers(1, "engineer", KINDS, ENGINEER))
    mine = two[two["reader"] == "1"].reset_index(drop=True)
    pd.testing.assert_frame_equal(mine, without[without["reader"] == "1"].reset_index(drop=True))


def test_accuracy_is_of_both_kinds(two):
    row = of(two, "1", "accuracy")
    assert (row.count, row.n) == (25 + 8, 68)
    assert of(two, "1", "real called real").count == 8
    assert np.isnan(row.p_value)


def test_several_readers_are_pooled_and_images_resampled_beside(two):
    engineers = two[two["role"] == "engineer"]
    exact = of(engineers, ALL, "synthetic called real", EXACT)
    assert (exact.count, exact.n, exact.readers) == (64, 114, 2)
    assert np.array(clopper_pearson(64, 114)) == pytest.approx((exact.low, exact.high))
    resampled = of(engineers, ALL, "synthetic called real", RESAMPLED)
    assert resampled.value == exact.value
    assert of(engineers, "1", "d'").interval == NORMAL
    assert of(engineers, ALL, "d'").interval == RESAMPLED


def test_readers_who_answer_alike_know_no_more_than_one():
    alike = pd.concat([answers(n, "engineer", KINDS, ENGINEER) for n in range(1, 9)])
    table = score_readers(alike)
    exact = of(table, ALL, "synthetic called real", EXACT)
    resampled = of(table, ALL, "synthetic called real", RESAMPLED)
    alone = of(table, "1", "synthetic called real")
    width = resampled.high - resampled.low
    assert width > 2 * (exact.high - exact.low)
    assert width == pytest.approx(alone.high - alone.low, rel=0.15)


def test_a_pooled_share_stands_once_where_images_cannot_be_resampled():
    alike = [answers(n, "clinician", KINDS, [False] * 68) for n in (1, 2, 3)]
    together = score_readers(pd.concat(alike)).query("reader == @ALL")
    shares = together[together["score"] == "synthetic called real"]
    assert list(shares["interval"]) == [EXACT]


def test_one_reader_of_a_role_needs_no_resampling(two):
    clinician = two[two["role"] == "clinician"]
    one, all_of_them = (clinician[clinician["reader"] == who] for who in ("3", ALL))
    pd.testing.assert_frame_equal(
        one.drop(columns="reader").reset_index(drop=True),
        all_of_them.drop(columns="reader").reset_index(drop=True),
    )


def test_confidence_ranks_images(two):
    sure = answers(1, "other", ["synthetic"] * 5 + ["real"] * 5, [False] * 5 + [True] * 5)
    assert of(score_readers(sure), "1", "area under the ROC").value == 1
    row = of(two, "3", "area under the ROC")
    assert (row.value, row.interval) == (0.5, "none: all resamples are equal")


def test_readers_who_call_everything_synthetic_discriminate_nothing(two):
    alike = [answers(n, "clinician", KINDS, [False] * 68) for n in (1, 2, 3)]
    for row in (of(two, "3", "d'"), of(score_readers(pd.concat(alike)), ALL, "d'")):
        assert row.value == 0
        assert row.interval.startswith("none: no discrimination can be seen")
        assert np.isnan([row.low, row.high]).all()


def test_readers_who_contradict_each_other_in_everything_discriminate_nothing():
    both = [answers(n, "other", KINDS, [bool(n)] * 68) for n in (0, 1)]
    row = of(score_readers(pd.concat(both)), ALL, "d'")
    assert (row.value, row.interval) == (0, "none: no discrimination can be seen")


def test_without_real_images_what_needs_them_is_undecided():
    table = score_readers(answers(1, "other", ["synthetic"] * 6, [True, False] * 3))
    for score in ("real called real", "d'", "criterion", "area under the ROC"):
        row = of(table, "1", score)
        assert row.status.startswith("undecided: ")
        assert np.isnan(row.value)
    assert of(table, "1", "synthetic called real").status == "computed"
    assert of(table, "1", "accuracy").count == 3


def test_every_value_has_an_interval_or_says_why_not(two):
    for row in two.itertuples():
        assert np.isfinite(row.value) == (row.status == "computed")
        assert np.isfinite(row.low) != row.interval.startswith("none: ")
        if np.isfinite(row.low):
            assert row.low <= row.value <= row.high


def test_quality_is_the_mean_over_a_sets_images_by_role():
    sets = ["a"] * 4 + ["b"] * 4 + [""] * 4
    kinds = ["synthetic"] * 8 + ["real"] * 4
    judged = pd.concat(
        [
            answers(1, "clinician", kinds, [False] * 12, quality=[1, 2, 1, 2] * 3, sets=sets),
            answers(2, "clinician", kinds, [True] * 12, quality=[3, 4, 5, 4] * 3, repeats=3,
                    sets=sets),
            answers(3, "engineer", kinds, [True] * 12, quality=5, sets=sets),
        ]
    )  # fmt: skip
    table = score_sets(judged)
    assert tuple(table.columns) == COLUMNS["reader-sets"]
    clinicians = table[table["role"] == "clinician"]
    assert clinicians["set"].tolist() == ["", "a", "b"]
    assert clinicians["kind"].tolist() == ["real", "synthetic", "synthetic"]
    a = clinicians[clinicians["set"] == "a"].iloc[0]
    assert (a["readers"], a["images"], a["answers"], a["called_real"]) == (2, 4, 8, 4)
    assert a["quality"] == pytest.approx(2.75)
    assert a["low"] < 2.75 < a["high"]
    engineer = table[table["role"] == "engineer"].iloc[0]
    assert (engineer["quality"], engineer["interval"]) == (5, "none: the images do not differ")


def test_two_images_of_a_set_have_a_mean_and_no_interval():
    judged = answers(1, "clinician", ["synthetic"] * 2, [False] * 2, quality=[1, 4])
    row = score_sets(judged).iloc[0]
    assert row["quality"] == 2.5
    assert np.isnan(row["low"])
    assert row["interval"] == "none: 2 to resample, at least 3 are needed"


@pytest.mark.parametrize("rows", [4, 20])
def test_the_interval_of_a_mean_is_students_over_images(rows):
    draws = np.random.default_rng(rows)
    grades = draws.integers(1, 6, (rows, 3)).astype(float)
    found = mean_by_images(grades.ravel(), np.repeat(np.arange(rows), 3).astype(str))
    of_images = stats.t.interval(
        0.95, rows - 1, grades.mean(), stats.sem(grades.mean(axis=1))
    )  # every image has as many grades
    assert [found.low, found.high] == pytest.approx(np.clip(of_images, 1, 5))
    assert found.interval == "Student's, by images"


def test_quality_of_few_images_is_covered_as_often_as_it_says():
    """A bootstrap of three images held in 73 %, of ten in 88 %."""
    for row in quality_of_sets(400):
        assert 0.91 <= row.coverage <= 0.985, row


def test_an_interval_keeps_the_answers_to_an_image_together():
    values = np.repeat(np.arange(10.0), 5)
    together, apart = (
        by_images(lambda rows: values[rows].mean(axis=-1), np.array(images))
        for images in (np.repeat([f"i{n}" for n in range(10)], 5), [f"i{n}" for n in range(50)])
    )
    assert together.value == apart.value == values.mean()
    assert together.high - together.low > 1.8 * (apart.high - apart.low)


def test_scores_do_not_depend_on_the_order_of_the_rows(two):
    judged = pd.concat(
        [answers(1, "engineer", KINDS, ENGINEER), answers(2, "engineer", KINDS, ENGINEER[::-1])]
    )
    again = judged.sample(frac=1, random_state=3)
    tables = [score_readers(each)[lambda t: t["interval"] != RESAMPLED] for each in (judged, again)]
    pd.testing.assert_frame_equal(tables[0], tables[1])
