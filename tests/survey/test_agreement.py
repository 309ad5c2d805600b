"""Kappa and ICC against published examples, peers and limiting cases."""

import warnings

import numpy as np
import pandas as pd
import pingouin
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import cohen_kappa_score

from miua.analysis.checks import UndecidedError
from miua.survey.agreement import (
    AGREEMENT_COLUMNS,
    FORMS,
    fleiss,
    intraclass_correlation,
    kappa,
    score_agreement,
)
from miua.survey.answers import JUDGEMENT_COLUMNS
from tests.benchmarks.interval_coverage import kappas

# Shrout and Fleiss (1979), table 2: six targets, four judges; table 4: their ICCs.
SHROUT_FLEISS = [
    [9, 2, 5, 8],
    [6, 1, 3, 2],
    [8, 4, 6, 8],
    [7, 1, 2, 6],
    [10, 5, 6, 9],
    [6, 2, 4, 7],
]
PUBLISHED = {"ICC(2,1)": 0.29, "ICC(2,k)": 0.62, "ICC(3,1)": 0.71}
PEERS_NAMES = {"ICC(2,1)": "ICC(A,1)", "ICC(2,k)": "ICC(A,k)", "ICC(3,1)": "ICC(C,1)"}
grades = st.integers(1, 5)


# --- ICC --------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_icc_of_the_published_example(form):
    found = intraclass_correlation(SHROUT_FLEISS, form)
    assert found.value == pytest.approx(PUBLISHED[form], abs=0.005)
    assert found.interval == "F distribution"


def peer(table):
    rows = [(i, j, float(v)) for i, row in enumerate(table) for j, v in enumerate(row)]
    frame = pd.DataFrame(rows, columns=["image", "reader", "quality"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own calls of pandas and of scipy
        found = pingouin.intraclass_corr(frame, "image", "reader", "quality")
    return found.set_index("Type")


@pytest.mark.parametrize("seed", range(6))
def test_icc_and_its_interval_are_those_of_a_peer(seed):
    draws = np.random.default_rng(seed)
    n, k = int(draws.integers(4, 30)), int(draws.integers(2, 6))
    table = draws.normal(3, 1, (n, 1)) + draws.normal(0, 0.8, (1, k)) + draws.normal(0, 0.7, (n, k))
    theirs = peer(table)
    for form in FORMS:
        found = intraclass_correlation(table, form)
        row = theirs.loc[PEERS_NAMES[form]]
        assert found.value == pytest.approx(row["ICC"], abs=1e-6)
        # The peer rounds its interval to two places.
        assert [found.low, found.high] == pytest.approx(list(row["CI95"]), abs=0.0051)


def test_the_interval_covers_as_often_as_it_says():
    draws = np.random.default_rng(5)
    covered = 0
    for _ in range(1500):
        table = draws.normal(0, 1, (20, 1)) + draws.normal(0, 1, (20, 3))
        found = intraclass_correlation(table, "ICC(3,1)")
        covered += found.low <= 0.5 <= found.high
    assert covered / 1500 == pytest.approx(0.95, abs=0.02)


def test_a_severe_reader_breaks_agreement_and_not_consistency():
    table = np.array([[1, 3], [2, 4], [3, 5], [1, 3.5]], dtype=float)
    assert intraclass_correlation(table, "ICC(3,1)").value > 0.95
    assert intraclass_correlation(table, "ICC(2,1)").value < 0.5


def test_perfect_agreement_is_1_without_an_interval():
    for form in FORMS:
        found = intraclass_correlation([[1, 1], [3, 3], [5, 5]], form)
        assert found.value == 1
        assert np.isnan(found.low)
        assert found.interval.startswith("none: ")


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ([[1], [2], [3]], "one reader alone"),
        ([[3, 3], [3, 3]], "all answers are the same"),
        ([[1, 2]], "one image"),
        ([[1, 2], [1, 2], [1, 2]], "do not differ"),
        (np.empty((0, 2)), "no images"),
    ],
)
def test_icc_without_an_answer_says_why(table, said):
    with pytest.raises(UndecidedError, match=said):
        intraclass_correlation(table, "ICC(3,1)")


@pytest.mark.parametrize("shape", [(5, 2), (10, 2), (5, 3), (10, 4), (3, 2), (2, 3)])
@given(data=st.data())
def test_the_interval_holds_the_value_or_is_none(shape, data):
    images, readers = shape
    row = st.lists(grades, min_size=readers, max_size=readers)
    table = data.draw(st.lists(row, min_size=images, max_size=images))
    for form in FORMS:
        try:
            found = intraclass_correlation(table, form)
        except UndecidedError:
            continue
        assert found.value <= 1 + 1e-12
        if found.interval.startswith("none: "):
            assert np.isnan([found.low, found.high]).all()
        else:
            assert found.low <= found.value <= found.high <= 1


@pytest.mark.parametrize(
    "table",
    [
        [[1, 4], [5, 2], [5, 1], [3, 3], [2, 4], [2, 5], [5, 1], [1, 5], [4, 1], [1, 3]],  # beyond
        [[1, 5], [5, 1], [1, 1], [5, 1], [1, 5]],  # at the limit, but for rounding
    ],
)
def test_a_mean_of_opposed_readers_has_no_icc(table):
    assert intraclass_correlation(table, "ICC(2,1)").value == pytest.approx(-1, abs=0.05)
    with pytest.raises(UndecidedError, match=r"more than ICC\(2,k\) is defined for"):
        intraclass_correlation(table, "ICC(2,k)")


def test_an_interval_that_leaves_the_definition_is_none():
    table = [[1, 1], [1, 5], [1, 1], [1, 5], [5, 1]]
    one, mean = (intraclass_correlation(table, form) for form in ("ICC(2,1)", "ICC(2,k)"))
    assert one.low < -1 < one.value
    assert mean.value == pytest.approx(2 * one.value / (1 + one.value))
    assert mean.interval == "none: it reaches to where ICC(2,k) is not defined"


def test_ratings_without_degrees_of_freedom_have_no_interval():
    found = intraclass_correlation([[5, 1], [1, 5], [5, 1]], "ICC(2,1)")
    assert found.interval.startswith("none: ")


# --- kappa ------------------------------------------------------------------------------------


def test_kappa_by_its_definition():
    # 20 yes/yes, 5 yes/no, 10 no/yes, 15 no/no: 0.7 agree, 0.5 by chance.
    first = [1] * 25 + [0] * 25
    second = [1] * 20 + [0] * 5 + [1] * 10 + [0] * 15
    found = kappa(first, second, [0, 1])
    assert found.value == pytest.approx((0.7 - 0.5) / (1 - 0.5))
    assert 0 < found.low < 0.4 < found.high < 1
    assert found.interval == "jackknife"


@given(st.lists(st.tuples(grades, grades), min_size=2, max_size=40))
def test_kappa_is_that_of_a_peer(pairs):
    first, second = (list(column) for column in zip(*pairs, strict=True))
    if len({*first, *second}) == 1:
        with pytest.raises(UndecidedError, match="all answers are the same"):
            kappa(first, second, range(1, 6))
        return
    for weighted, weights in ((False, None), (True, "quadratic")):
        found = kappa(first, second, range(1, 6), weighted=weighted)
        theirs = cohen_kappa_score(first, second, labels=range(1, 6), weights=weights)
        assert found.value == pytest.approx(theirs)
        if found.interval.startswith("none: "):
            assert np.isnan([found.low, found.high]).all()
        else:
            assert -1 <= found.low <= found.value <= found.high <= 1
            assert found.low < found.high


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        ([1, 2] * 100, [2, 3] * 100, "it is the same without any one of the images"),
        ([1, 5] * 10, [5, 1] * 10, "no agreement to estimate it from"),
        ([1] * 12 + [2], [1] * 12 + [3], "without one image all answers are the same"),
        ([1, 2, 3, 4] * 3, [2, 2, 3, 4] * 3, ""),
        (([1, 2, 3, 4] * 3)[1:], ([2, 2, 3, 4] * 3)[1:], "11 images, at least 12 are needed"),
    ],
)
def test_kappa_says_why_it_has_no_interval(first, second, why):
    found = kappa(first, second, range(1, 6), weighted=True)
    assert found.interval == (f"none: {why}" if why else "jackknife")
    assert np.isnan([found.low, found.high]).all() == bool(why)


def test_the_interval_of_kappa_is_that_of_the_jackknife_on_fishers_scale():
    draws = np.random.default_rng(7)
    first = draws.integers(1, 6, 15)
    second = np.where(draws.random(15) < 0.6, first, draws.integers(1, 6, 15))
    found = kappa(first, second, range(1, 6), weighted=True)
    kept = [np.delete(np.arange(15), place) for place in range(15)]
    left_out = [
        cohen_kappa_score(first[rows], second[rows], labels=range(1, 6), weights="quadratic")
        for rows in kept
    ]
    error = np.sqrt(14 / 15 * np.square(left_out - np.mean(left_out)).sum())
    half = stats.t.ppf(0.975, 14) * error / (1 - found.value**2)
    expected = np.tanh(np.arctanh(found.value) + np.array([-half, half]))
    assert [found.low, found.high] == pytest.approx(expected)


def test_the_interval_of_kappa_covers_as_often_as_it_says():
    rows = list(kappas(300, (12, 57)))
    for row in rows:
        assert 0.91 <= row.coverage <= 0.99, row
        assert row.shown > 0.8, row


def test_kappa_of_three_pairs_by_its_definition():
    first, second = [2, 2, 4], [1, 1, 2]
    none = kappa(first, second, range(1, 6))
    assert none.value == pytest.approx((0 - 2 / 9) / (1 - 2 / 9))  # by chance 2/3 x 1/3 agree
    weighted = kappa(first, second, range(1, 6), weighted=True)
    # Squared differences: found 1, 1, 4; of all nine pairs of both series 1 and 9 four times
    # and twice, 0 twice, 4 once.
    assert weighted.value == pytest.approx(1 - (6 / 3) / ((4 * 1 + 2 * 9 + 2 * 0 + 4) / 9))
    assert weighted.interval.startswith("none: ")


def test_weights_forgive_the_neighbouring_grade():
    first, near, far = [1, 2, 3, 4, 5] * 4, [2, 3, 4, 5, 4] * 4, [5, 4, 1, 2, 1] * 4
    assert kappa(first, near, range(1, 6)).value < 0
    assert kappa(first, near, range(1, 6), weighted=True).value > 0.6
    assert kappa(first, far, range(1, 6), weighted=True).value < 0


def test_fleiss_by_its_definition():
    answers = np.array([[1, 1, 1], [1, 1, 0], [0, 0, 0], [0, 1, 0]])
    each = np.array([1, 1 / 3, 1, 1 / 3])
    share = answers.mean()
    by_chance = share**2 + (1 - share) ** 2
    assert fleiss(answers) == pytest.approx((each.mean() - by_chance) / (1 - by_chance))


@pytest.mark.parametrize("table", [[[1, 1], [1, 1]], [[1], [0]], np.empty((0, 3))])
def test_fleiss_without_an_answer_is_undecided(table):
    with pytest.raises(UndecidedError):
        fleiss(table)


# --- the table --------------------------------------------------------------------------------


def judgements(readers, repeats=8, images=30):
    """readers: (number, role, how far each answer strays from the image's own)."""
    draws = np.random.default_rng(0)
    own = draws.integers(1, 6, images)
    rows = []
    for number, role, noise in readers:
        for place in range(images + repeats):
            image = place % images
            grade = int(np.clip(own[image] + round(draws.normal(0, noise)), 1, 5))
            rows.append((number, role, place + 1, f"i{image:02d}", "synthetic", "a", grade > 2,
                         grade, 3, 2.0, place >= images, ""))  # fmt: skip
    return pd.DataFrame(rows, columns=list(JUDGEMENT_COLUMNS))


def test_every_reader_pair_role_and_all_of_them_are_compared():
    readers = [(1, "clinician", 0.5), (2, "clinician", 0.5), (3, "engineer", 2.0)]
    table = score_agreement(judgements(readers))
    assert tuple(table.columns) == AGREEMENT_COLUMNS
    intra = table[table["kind"] == "intra-reader"]
    assert intra["readers"].tolist() == ["1", "1", "2", "2", "3", "3"]
    assert set(intra["n"]) == {8}
    inter = table[table["kind"] == "inter-reader"]
    pairs = inter[inter["readers"].str.contains("and")]
    assert pairs["readers"].unique().tolist() == ["1 and 2", "1 and 3", "2 and 3"]
    assert pairs["role"].unique().tolist() == ["clinician", "all"]
    together = inter[inter["readers"] == "all"]
    assert together["role"].unique().tolist() == ["clinician", "engineer", "all"]
    assert together.groupby("role")["measure"].apply(list).loc["all"] == [
        "Fleiss' kappa", *FORMS
    ]  # fmt: skip
    lone = together[together["role"] == "engineer"]
    assert (lone["status"] == "undecided: one reader alone agrees with nobody").all()
    assert lone["value"].isna().all()
    assert set(inter["n"]) == {30}


def test_steady_readers_agree_more():
    table = score_agreement(judgements([(1, "other", 0.2), (2, "other", 0.2), (3, "other", 3)]))
    value = table.set_index(["kind", "readers", "measure"])["value"]
    weighted = "quadratic weighted kappa"
    assert value["intra-reader", "1", weighted] > value["intra-reader", "3", weighted]
    assert value["inter-reader", "1 and 2", weighted] > value["inter-reader", "1 and 3", weighted]


def test_readers_who_agree_fully_have_kappa_and_icc_1_and_no_false_certainty():
    table = score_agreement(judgements([(1, "other", 0), (2, "other", 0)]))
    assert np.allclose(table["value"], 1)
    assert table["low"].isna().all()
    assert table["interval"].str.startswith("none: ").all()


def test_few_repeats_decide_nothing():
    table = score_agreement(judgements([(1, "other", 1), (2, "other", 1)], repeats=4))
    intra = table[table["kind"] == "intra-reader"]
    said = "undecided: 4 images were shown twice, at least 5 are needed"
    assert (intra["status"] == said).all()


def test_same_answers_everywhere_are_undecided_not_nan():
    judged = judgements([(1, "other", 0), (2, "other", 0)]).assign(quality=3, real=True)
    table = score_agreement(judged)
    assert (table["status"] == "undecided: all answers are the same").all()
