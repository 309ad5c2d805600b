"""Intervals and scores keep their promises on draws whose distribution is known."""

import numpy as np
import pytest

from miua.verification.distribution import (
    LARGEST_SCORE,
    median_scores,
    prediction_interval,
    scores,
)

N = 10


@pytest.mark.parametrize("level", [0.5, 0.9, 0.99])
def test_a_new_normal_draw_lies_within_as_often_as_promised(level):
    draws = np.random.default_rng(3).normal(5, 2, (20_000, N + 1))
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


def test_one_draw_has_no_interval():
    with pytest.raises(ValueError, match="two values or more"):
        prediction_interval(np.array([1.0]), 0.9)


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
    before, others = median_scores(values, earlier)
    shifted, same = median_scores(values + 0.8, earlier)
    few = values.copy()
    few[:10] = 100
    kept, _ = median_scores(few, earlier)
    scatter = others.std()
    assert np.array_equal(others, same)
    assert abs(before) < 4 * scatter
    assert shifted - before > 5 * scatter
    assert abs(kept - before) < 2 * scatter
