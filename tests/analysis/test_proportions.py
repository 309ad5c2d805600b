"""Exact intervals against R and by enumeration, and the counts behind a printed percentage."""

from decimal import ROUND_DOWN, ROUND_HALF_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from miua.analysis.claim_tests.human_judgements import possible_counts
from miua.metrics.memorisation import clopper_pearson


def test_a_published_example():
    # Conover (1971), p. 97; R: binom.test(682, 925): 95 percent interval 0.7076683 to 0.7654066.
    assert clopper_pearson(682, 925) == pytest.approx((0.7076683, 0.7654066), abs=5e-8)


def test_none_and_all_have_the_closed_form():
    # (1 - high)^n = alpha / 2 where there is no success.
    assert clopper_pearson(0, 57, 0.1) == pytest.approx((0, 1 - 0.05 ** (1 / 57)))
    assert clopper_pearson(57, 57, 0.1) == pytest.approx((0.05 ** (1 / 57), 1))


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_the_interval_covers_every_proportion_at_least_as_often_as_it_says(level):
    n = 17
    low, high = clopper_pearson(np.arange(n + 1), n, 1 - level)
    for p in np.linspace(0.01, 0.99, 99):
        assert stats.binom.pmf(range(n + 1), n, p) @ ((low <= p) & (p <= high)) >= level


@given(st.integers(0, 40), st.integers(1, 40))
def test_successes_and_failures_mirror_each_other(successes, more):
    low, high = clopper_pearson(successes, successes + more)
    assert clopper_pearson(more, successes + more) == pytest.approx((1 - high, 1 - low))


def test_the_study_s_percentage_leaves_one_count():
    assert possible_counts("56.14", 2, 68) == [(32, 57)]
    assert possible_counts("56.14", 2, 68, readers=2) == [(64, 114)]


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
    expected = [
        (count, of)
        for of in range(1, trials + 1)
        for count in range(of + 1)
        if percent in prints(count, of)
    ]
    found = possible_counts(str(percent), decimals, trials)
    assert found == expected
    assert (successes, total) in found


def test_half_way_values_print_both_ways_and_ends_stay_in_range():
    # 5 / 8 = 62.5 %: printed as 62 (half to even) or 63 (half up).
    assert (5, 8) in possible_counts("62", 0, 8)
    assert (5, 8) in possible_counts("63", 0, 8)
    assert (5, 8) not in possible_counts("62.4", 1, 8)
    assert Decimal("62.5").quantize(Decimal(1), rounding=ROUND_DOWN) == 62
    assert possible_counts("100", 0, 3) == [(1, 1), (2, 2), (3, 3)]
    assert all(count <= of for count, of in possible_counts("100", 0, 300))
    assert possible_counts("0.0", 1, 2) == [(0, 1), (0, 2)]
    assert possible_counts("33.4", 1, 20) == []


def test_the_arithmetic_is_exact():
    # 0.145 is a binary number a little below the half-way mark; 145 / 1000 is on it.
    assert (145, 1000) in possible_counts("14", 0, 1000)
    assert (145, 1000) in possible_counts("15", 0, 1000)
    huge = possible_counts("50.00", 2, 3)
    assert huge == [(1, 2)]
    assert all(abs(Fraction(100 * k, n) - 50) <= Fraction(1, 200) for k, n in huge)


@pytest.mark.parametrize(("percent", "decimals"), [("56.14", 1), ("many", 0)])
def test_what_cannot_have_been_printed_is_an_error(percent, decimals):
    with pytest.raises(ValueError, match=percent):
        possible_counts(percent, decimals, 68)
