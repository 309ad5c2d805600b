"""Comparisons and equivalence of groups against published examples, closed forms and the null."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.weightstats import ttost_ind

from miua.analysis.checks import UndecidedError
from miua.analysis.group_differences import equivalence, equivalence_power, grouped

DRAWS = 400
# The trainings that there are: one of each size, and two more seeds of one.
SIZES = np.array([100, 300, 300, 300, 500, 800, 999])


def long_table(*samples):
    values = np.concatenate([np.asarray(sample, dtype=float) for sample in samples])
    return values, np.repeat(np.arange(len(samples)), [len(sample) for sample in samples])


def keeps_level(rejected, draws=DRAWS, level=0.05):
    return stats.binomtest(int(rejected), draws, level).pvalue > 0.001


def test_analysis_of_variance_of_a_published_example():
    # McDonald et al. (1991), mussel shells, as worked in the Handbook of Biological Statistics:
    # F(4, 34) = 7.12, p = 2.8e-4; the digits are scipy's documented ones.
    found = grouped(
        *long_table(
            [0.0571, 0.0813, 0.0831, 0.0976, 0.0817, 0.0859, 0.0735, 0.0659, 0.0923, 0.0836],
            [0.0873, 0.0662, 0.0672, 0.0819, 0.0749, 0.0649, 0.0835, 0.0725],
            [0.0974, 0.1352, 0.0817, 0.1016, 0.0968, 0.1064, 0.105],
            [0.1033, 0.0915, 0.0781, 0.0685, 0.0677, 0.0697, 0.0764, 0.0689],
            [0.0703, 0.1026, 0.0956, 0.0973, 0.1039, 0.1045],
        )
    )
    assert found.difference_p() == pytest.approx(0.0002812242314534544)
    assert (found.freedom, found.counts) == (34, (10, 8, 7, 8, 6))


def test_two_groups_are_student_s_t_test():
    a, b = np.random.default_rng(1).normal(size=(2, 9))
    found, t = grouped(*long_table(a, b)), stats.ttest_ind(a, b)
    assert found.difference_p() == pytest.approx(float(t.pvalue))
    difference = found.difference(0, 1)
    assert difference.value / difference.error == pytest.approx(float(t.statistic))
    interval = t.confidence_interval(0.9)
    assert difference.value - difference.reach(0.05) == pytest.approx(interval.low)
    assert difference.value + difference.reach(0.05) == pytest.approx(interval.high)


def test_a_group_of_one_is_compared_by_what_the_others_vary():
    values = np.array([5.0, 1.0, 2.0, 3.0, 2.5, 4.0, 0.0])
    found = grouped(values, SIZES)
    assert found.names == (100, 300, 500, 800, 999)
    assert (found.deviation, found.freedom) == (pytest.approx(1.0), 2)
    samples = [values[np.array(size) == SIZES] for size in found.names]
    assert found.difference_p() == pytest.approx(stats.f_oneway(*samples).pvalue)
    difference = found.difference(100, 300)
    assert difference.value == pytest.approx(3.0)
    assert difference.error == pytest.approx(math.sqrt(4 / 3))


def test_the_null_keeps_its_level_and_a_planted_effect_is_found():
    draws = np.random.default_rng(2)
    found = [grouped(draws.normal(size=7), SIZES).difference_p() for _ in range(DRAWS)]
    assert keeps_level(sum(p <= 0.05 for p in found))
    assert grouped(draws.normal(size=7) + SIZES, SIZES).difference_p() < 0.005


@settings(max_examples=40, deadline=None)
@given(st.floats(0.01, 100), st.floats(-100, 100), st.permutations(range(7)))
def test_units_order_and_names_decide_nothing(scale, shift, order):
    values = np.random.default_rng(4).normal(size=7)
    plain, order = grouped(values, SIZES), np.array(order)
    other = grouped((scale * values + shift)[order], np.char.mod("set %04d", SIZES[order]))
    assert other.difference_p() == pytest.approx(plain.difference_p(), rel=1e-6)
    before, after = equivalence(plain, margin=3.0), equivalence(other, margin=3.0 * scale)
    assert after.p == pytest.approx(before.p, rel=1e-6)
    assert after.beyond == pytest.approx(before.beyond, rel=1e-6)


def test_two_one_sided_tests_are_statsmodels():
    a, b = np.random.default_rng(3).normal(size=(2, 12))
    for margin in (0.3, 1.0, 2.0):
        found = equivalence(grouped(*long_table(a, b)), margin=margin)
        assert found.p == pytest.approx(ttost_ind(a, b, -margin, margin)[0])


def test_two_one_sided_tests_of_a_published_example():
    # Lakens, Social Psychological and Personality Science 8, 2017, with his TOSTER's summary data
    # m1 = 4.55, m2 = 4.87, sd 1.05 and 1.11, n 15 each, margin 0.5 d: not equivalent.
    # Student's form: t = -0.811, 28 df; upper and lower t 0.558 and -2.180, so p = 0.29.
    shape = stats.zscore(np.random.default_rng(5).normal(size=15), ddof=1)
    pooled = math.sqrt((1.05**2 + 1.11**2) / 2)
    groups = grouped(*long_table(4.55 + 1.05 * shape, 4.87 + 1.11 * shape))
    found = equivalence(groups, margin=0.5 * pooled)
    assert found.p == pytest.approx(stats.t.sf(0.558, 28), abs=1e-3)
    assert found.pair == (0, 1)
    assert found.difference == pytest.approx(-0.32)


def at_margin(margin):
    """Means of the trainings, of which the largest and the smallest size differ by the margin."""
    return np.where(SIZES == 100, margin, np.where(SIZES == 999, 0, margin / 2))


def test_groups_at_the_margin_are_called_equivalent_at_most_as_often_as_the_level_says():
    draws = np.random.default_rng(7)
    for margin, least in ((8.0, 0), (100.0, 8)):
        found = [
            equivalence(grouped(draws.normal(size=7) + at_margin(margin), SIZES), margin=margin)
            for _ in range(DRAWS)
        ]
        equivalent = sum(each.p < 0.05 for each in found)
        assert least <= equivalent <= DRAWS * 0.05 + 13  # three standard errors
        assert sum(each.beyond < 0.05 for each in found) <= DRAWS * 0.05 + 13


def test_groups_that_differ_by_more_than_the_margin_are_found():
    draws = np.random.default_rng(9)
    found = equivalence(grouped(draws.normal(size=7) + at_margin(200.0), SIZES), margin=50.0)
    assert found.p > 0.9
    assert found.beyond < 0.01
    assert found.pair == (100, 999)
    assert found.low < found.difference < found.high


@pytest.mark.parametrize("margin", [7.0, 8.0])
def test_equal_groups_are_called_equivalent_as_often_as_the_power_says(margin):
    draws = np.random.default_rng(8)
    power = equivalence_power([1, 3, 1, 1, 1], margin)
    assert 0.4 < power < 0.95
    found = [equivalence(grouped(draws.normal(size=7), SIZES), margin=margin) for _ in range(DRAWS)]
    assert keeps_level(sum(each.p < 0.05 for each in found), level=power)


def test_the_power_of_two_groups_is_the_closed_form():
    # Two groups, known deviation in the limit: 2 Phi(c) - 1 with c = margin / error - 1.645.
    n, margin = 2000, 0.15
    c = margin / math.sqrt(2 / n) - stats.norm.isf(0.05)
    expected = 2 * stats.norm.cdf(c) - 1
    assert equivalence_power([n, n], margin) == pytest.approx(expected, abs=0.01)
    assert equivalence_power([1, 2], 1e9) == 1
    assert equivalence_power([1, 2], 0.0) == 0


def test_absence_of_significance_is_no_equivalence():
    found = grouped(np.random.default_rng(6).normal(size=7), SIZES)
    assert found.difference_p() > 0.05
    assert equivalence(found, margin=2.0).p > 0.05
    assert equivalence_power(found.counts, 2.0) < 0.1


@pytest.mark.parametrize(
    ("values", "groups", "reason"),
    [
        ([], [], "0 group"),
        ([1, 2, 3], ["a", "a", "a"], "1 group"),
        ([1, 2, 3], ["a", "b", "c"], "3 values in 3 groups"),
        ([1, 1, 2, 2], ["a", "a", "b", "b"], "do not vary within any group"),
        ([5, 5, 5, 5], ["a", "a", "b", "b"], "do not vary within any group"),
    ],
)
def test_too_little_is_undecided(values, groups, reason):
    with pytest.raises(UndecidedError, match=reason):
        grouped(values, groups)
