"""Exact intervals against R and by enumeration, and the counts behind a printed percentage."""

from decimal import ROUND_DOWN, ROUND_HALF_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from miua.analysis.checks import UndecidedError
from miua.analysis.proportions import binomial_p, exact_interval, possible_counts


def test_a_published_example():
    # Conover (1971), p. 97; R: binom.test(682, 925, p = 0.75): p-value = 0.3825,
    # 95 percent confidence interval 0.7076683 to 0.7654066, estimate 0.7372973.
    assert binomial_p(682, 925, 0.75) == pytest.approx(0.3825, abs=5e-5)
    found = exact_interval(682, 925)
    assert found.low == pytest.approx(0.7076683, abs=5e-8)
    assert found.high == pytest.approx(0.7654066, abs=5e-8)
    assert found.estimate == pytest.approx(0.7372973, abs=5e-8)


def test_none_and_all_have_the_closed_form():
    # (1 - high)^n = (1 - level) / 2 where there is no success.
    none, every = exact_interval(0, 57, 0.9), exact_interval(57, 57, 0.9)
    assert (none.low, none.high) == pytest.approx((0, 1 - 0.05 ** (1 / 57)))
    assert (every.low, every.high) == pytest.approx((0.05 ** (1 / 57), 1))


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_the_interval_covers_every_proportion_at_least_as_often_as_it_says(level):
    n = 17
    intervals = [exact_interval(k, n, level) for k in range(n + 1)]
    for p in np.linspace(0.01, 0.99, 99):
        holds = [interval.low <= p <= interval.high for interval in intervals]
        assert stats.binom.pmf(range(n + 1), n, p) @ holds >= level


@given(st.integers(0, 40), st.integers(1, 40))
def test_successes_and_failures_mirror_each_other(successes, more):
    trials = successes + more
    one, other = exact_interval(successes, trials), exact_interval(more, trials)
    assert (one.low, one.high) == pytest.approx((1 - other.high, 1 - other.low))


def test_the_test_counts_what_is_as_unlikely():
    # 8 of 10 against a half: 56 of 1024 on one side, twice that on both.
    assert binomial_p(8, 10, 0.5) == pytest.approx(112 / 1024)
    assert binomial_p(0, 10, 0.0) == 1


def test_the_test_keeps_its_level_by_enumeration():
    for stated in (0.1, 0.5, 11 / 68):
        chances = stats.binom.pmf(range(31), 30, stated)
        rejected = [binomial_p(k, 30, stated) <= 0.05 for k in range(31)]
        assert 0 < chances @ rejected <= 0.05


def test_the_study_s_percentage_leaves_one_count():
    assert possible_counts("56.14", 2, 68) == ((32, 57),)
    assert possible_counts(56.14, 2, 68, readers=2) == ((64, 114),)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 3), st.integers(1, 60), st.data())
def test_the_counts_are_those_that_some_rounding_prints(decimals, trials, data):
    total = data.draw(st.integers(1, trials))
    successes = data.draw(st.integers(0, total))
    unit = Decimal(1).scaleb(-decimals)

    def prints(count, of):
        # Fifty digits tell each fraction from every half-way mark; the marks themselves are exact.
        exact = Decimal(100 * count) / Decimal(of)
        roundings = (ROUND_HALF_UP, ROUND_HALF_DOWN, ROUND_HALF_EVEN)
        return {exact.quantize(unit, rounding=rounding) for rounding in roundings}

    percent = data.draw(st.sampled_from(sorted(prints(successes, total))))
    expected = tuple(
        (count, of)
        for of in range(1, trials + 1)
        for count in range(of + 1)
        if percent in prints(count, of)
    )
    found = possible_counts(percent, decimals, trials)
    assert found == expected
    assert (successes, total) in found
    assert possible_counts(str(percent), decimals, trials) == found


def test_half_way_values_print_both_ways_and_ends_stay_in_range():
    # 5 / 8 = 62.5 %: printed as 62 (half to even) or 63 (half up).
    assert (5, 8) in possible_counts("62", 0, 8)
    assert (5, 8) in possible_counts("63", 0, 8)
    assert (5, 8) not in possible_counts("62.4", 1, 8)
    assert Decimal("62.5").quantize(Decimal(1), rounding=ROUND_DOWN) == 62
    assert possible_counts("100", 0, 3) == ((1, 1), (2, 2), (3, 3))
    assert all(count <= of for count, of in possible_counts("100", 0, 300))
    assert possible_counts("0.0", 1, 2) == ((0, 1), (0, 2))
    assert possible_counts("33.4", 1, 20) == ()


def test_the_arithmetic_is_exact():
    # 0.145 is a binary number a little below the half-way mark; 145 / 1000 is on it.
    assert (145, 1000) in possible_counts("14", 0, 1000)
    assert (145, 1000) in possible_counts("15", 0, 1000)
    huge = possible_counts("50.00", 2, 3)
    assert huge == ((1, 2),)
    assert all(abs(Fraction(100 * k, n) - 50) <= Fraction(1, 200) for k, n in huge)


def test_no_trials_are_undecided():
    for call in (
        lambda: exact_interval(0, 0),
        lambda: possible_counts("50", 0, 0),
    ):
        with pytest.raises(UndecidedError, match="no trials"):
            call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: exact_interval(3, 2), "successes must be no more"),
        (lambda: exact_interval(-1, 2), "successes"),
        (lambda: exact_interval(1, 2.5), "trials"),
        (lambda: exact_interval(1, 2, 95), "level"),
        (lambda: possible_counts("56.14", 1, 68), "1 decimals"),
        (lambda: possible_counts("156", 0, 68), "percent"),
        (lambda: possible_counts("nan", 0, 68), "percent must be a number"),
        (lambda: possible_counts("many", 0, 68), "percent must be a number"),
        (lambda: possible_counts("56", -1, 68), "decimals"),
        (lambda: possible_counts("56", 0, 68, readers=0), "readers"),
    ],
)
def test_misuse_is_an_error(call, message):
    with pytest.raises(ValueError, match=message):
        call()
