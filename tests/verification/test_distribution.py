"""Intervals and scores keep their promises on draws whose distribution is known."""

import numpy as np
import pytest

from miua.study.verdicts import (
    LARGEST_SCORE,
    mean_square_score,
    prediction_interval,
    scores,
    with_repeats,
)

N = 10


@pytest.mark.parametrize("level", [0.5, 0.9, 0.99])
def test_a_new_normal_draw_lies_within_as_often_as_promised(level):
    draws = np.random.default_rng(3).normal(5, 2, (8_000, N + 1))
    held = [prediction_interval(row[:N], level).holds(row[N]) for row in draws]
    error = np.sqrt(level * (1 - level) / len(held))
    assert abs(np.mean(held) - level) < 4 * error


def test_the_interval_of_two_draws_is_that_of_the_cauchy_distribution():
    # Student's t with one degree of freedom has its quartiles at -1 and 1; s is sqrt(2).
    found = prediction_interval(np.array([0.0, 2.0]), 0.5)
    assert [found.low, found.centre, found.high] == pytest.approx([1 - 3**0.5, 1, 1 + 3**0.5])
    assert found.reach == pytest.approx(3**0.5)


def test_a_logarithmic_interval_is_that_of_the_logarithms():
    values = np.array([1.0, 2.0, 4.0, 8.0])
    found = prediction_interval(values, 0.9, logarithmic=True)
    plain = prediction_interval(np.log(values), 0.9)
    assert [found.low, found.high] == pytest.approx(np.exp([plain.low, plain.high]))
    assert found.centre == pytest.approx(8**0.5)
    assert found.low > 0


def test_scores_of_normal_draws_are_standard_normal():
    draws = np.random.default_rng(4).normal(-1, 3, (20_000, 6))
    found = scores(draws[:, 0], draws[:, 1:])
    assert abs(found.mean()) < 0.03
    assert found.std() == pytest.approx(1, abs=0.03)
    assert np.mean(np.abs(found) > 1.96) == pytest.approx(0.05, abs=0.006)


def test_scores_know_no_scatter_and_their_sign():
    found = scores(np.array([1.0, 2.0, 0.0]), np.ones((3, 4)))
    assert found.tolist() == [0.0, LARGEST_SCORE, -LARGEST_SCORE]


def test_a_small_shift_of_all_numbers_moves_the_median_score_and_few_large_ones_do_not():
    draws = np.random.default_rng(5).normal(size=(200, N + 1))
    values, earlier = draws[:, 0], draws[:, 1:]
    before, others = with_repeats(np.median, values, earlier)
    shifted, same = with_repeats(np.median, values + 0.8, earlier)
    few = values.copy()
    few[:10] = 100
    kept, _ = with_repeats(np.median, few, earlier)
    scatter = others.std()
    assert np.array_equal(others, same)
    assert abs(before) < 4 * scatter
    assert shifted - before > 5 * scatter
    assert abs(kept - before) < 2 * scatter


def test_draws_that_are_missing_are_left_out():
    found = scores(
        np.array([1.5, np.nan, 1.5, 1.5]),
        np.array([[1, 2, 4, np.nan], [1, 2, 3, 4], [1, np.nan, np.nan, np.nan], [np.nan] * 4]),
    )
    assert found[0] == scores(np.array([1.5]), np.array([[1.0, 2.0, 4.0]]))[0]
    assert np.isnan(found[1:]).all()


def test_the_mean_square_score_is_one_for_the_same_scatter_and_grows_with_it():
    draws = np.random.default_rng(6).normal(size=(400, N + 1))
    values, earlier = draws[:, 0], draws[:, 1:]
    earlier[:, 0] = np.where(np.arange(400) % 3 == 0, np.nan, earlier[:, 0])
    same, others = with_repeats(mean_square_score, values, earlier)
    wide, _ = with_repeats(mean_square_score, 2 * values, earlier)
    few = values.copy()
    few[:5] = 100
    pulled, _ = with_repeats(mean_square_score, few, earlier)
    assert same == pytest.approx(1, abs=0.2)
    assert others == pytest.approx(1, abs=0.2)
    assert wide > 2
    assert pulled < 1.3
