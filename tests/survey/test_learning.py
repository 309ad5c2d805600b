"""Trends over a session that are planted, or not there."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from miua.survey.answers import JUDGEMENT_COLUMNS
from miua.survey.score import LEARNING_COLUMNS, score_learning


def session(n=60, *, reader=1, repeats=0, right=lambda place: place % 3 > 0,
            seconds=lambda place: 4.0, quality=lambda place: 1 + place % 5):  # fmt: skip
    rows = []
    for place in range(1, n + repeats + 1):
        kind = "real" if place % 2 else "synthetic"
        real = (kind == "real") == right(place)
        rows.append((reader, "engineer", place, f"i{(place - 1) % n}", kind, "", real,
                     quality(place), 3, seconds(place), place > n, ""))  # fmt: skip
    return pd.DataFrame(rows, columns=list(JUDGEMENT_COLUMNS))


def trends(judged):
    return score_learning(judged).set_index("measure")


def test_the_measures_of_each_reader_in_thirds():
    table = score_learning(pd.concat([session(), session(reader=2)]))
    assert tuple(table.columns) == LEARNING_COLUMNS
    assert table["reader"].tolist() == [1] * 4 + [2] * 4
    assert table["measure"].tolist()[:4] == ["accuracy", "called real", "quality", "seconds"]
    first = table.iloc[2]
    assert first["first"] == first["middle"] == first["last"] == 3


def test_a_reader_who_learns_is_found():
    row = trends(session(right=lambda place: place > 30)).loc["accuracy"]
    assert (row["first"], row["middle"], row["last"]) == (0, 0.5, 1)
    assert row["spearman_r"] > 0.8
    assert row["p_value"] < 0.001


def test_a_reader_who_tires_takes_longer_and_longer():
    judged = session(seconds=lambda place: 2 + 0.1 * place)
    row = trends(judged).loc["seconds"]
    assert row["spearman_r"] == pytest.approx(1)
    assert np.isnan([row["low"], row["high"]]).all()  # all resamples are 1 as well
    places = judged["place"].to_numpy()
    assert row["first"] == pytest.approx((2 + 0.1 * places[:20]).mean())


def test_the_trend_is_spearmans_and_its_p_that_of_permutations():
    draws = np.random.default_rng(0)
    drawn = draws.gamma(2, 2, 61)
    row = trends(session(seconds=lambda place: float(drawn[place]))).loc["seconds"]
    theirs = stats.spearmanr(np.arange(1, 61), drawn[1:])
    assert row["spearman_r"] == pytest.approx(theirs.statistic)
    assert row["p_value"] == pytest.approx(theirs.pvalue, abs=0.02)
    assert row["low"] < row["spearman_r"] < row["high"]


def test_rows_in_another_order_give_the_same():
    judged = session(seconds=lambda place: float(place % 7))
    pd.testing.assert_frame_equal(
        score_learning(judged), score_learning(judged.sample(frac=1, random_state=1))
    )


def test_repeats_are_left_out():
    judged = session(repeats=20, seconds=lambda place: 99.0 if place > 60 else float(place % 7))
    pd.testing.assert_frame_equal(score_learning(judged), score_learning(judged[~judged["repeat"]]))
    assert (score_learning(judged)["n"] == 60).all()


def test_one_answer_throughout_has_no_trend_and_says_so():
    table = trends(session(seconds=lambda place: 4.0, quality=lambda place: 3))
    for measure in ("seconds", "quality"):
        assert table.loc[measure, "status"] == "undecided: all answers are the same"
        assert np.isnan(table.loc[measure, "p_value"])
    assert table.loc["accuracy", "status"] == "computed"


def test_two_images_are_too_few():
    table = trends(session(2, right=lambda place: place > 1))
    assert table["status"].str.startswith("undecided: ").all()
    assert np.isnan(table.loc["accuracy", "last"])
