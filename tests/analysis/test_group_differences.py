"""Comparisons and equivalence of groups against published examples, closed forms and the null."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from miua.analysis.checks import UndecidedError
from miua.analysis.group_differences import compare_blocked, compare_groups, equivalence_of_groups

DRAWS = 400
SIZES = np.repeat([100, 300, 500, 800, 999], 4)
EPOCHS = np.tile([300, 500, 800, 1000], 5)


def long_table(*samples):
    values = np.concatenate([np.asarray(sample, dtype=float) for sample in samples])
    return values, np.repeat(np.arange(len(samples)), [len(sample) for sample in samples])


def keeps_level(rejected, draws=DRAWS, level=0.05):
    return stats.binomtest(int(rejected), draws, level).pvalue > 0.001


def test_analysis_of_variance_of_a_published_example():
    # McDonald et al. (1991), mussel shells, as worked in the Handbook of Biological Statistics:
    # F(4, 34) = 7.12, p = 2.8e-4; the digits are scipy's documented ones.
    found = compare_groups(
        *long_table(
            [0.0571, 0.0813, 0.0831, 0.0976, 0.0817, 0.0859, 0.0735, 0.0659, 0.0923, 0.0836],
            [0.0873, 0.0662, 0.0672, 0.0819, 0.0749, 0.0649, 0.0835, 0.0725],
            [0.0974, 0.1352, 0.0817, 0.1016, 0.0968, 0.1064, 0.105],
            [0.1033, 0.0915, 0.0781, 0.0685, 0.0677, 0.0697, 0.0764, 0.0689],
            [0.0703, 0.1026, 0.0956, 0.0973, 0.1039, 0.1045],
        )
    )
    assert found.anova_f == pytest.approx(7.121019471642447)
    assert found.anova_p == pytest.approx(0.0002812242314534544)


def test_kruskal_and_wallis_of_a_published_example():
    # Hollander and Wolfe (1973), p. 116; R: kruskal.test: H = 0.77143, df = 2, p-value = 0.68.
    found = compare_groups(
        *long_table([2.9, 3.0, 2.5, 2.6, 3.2], [3.8, 2.7, 4.0, 2.4], [2.8, 3.4, 3.7, 2.2, 2.0])
    )
    assert found.kruskal_p == pytest.approx(stats.chi2.sf(0.77143, 2), abs=5e-6)


def test_the_effect_size_is_the_share_of_the_sum_of_squares():
    values, groups = long_table([1, 2, 6], [4, 8, 9, 7], [3, 3])
    found = compare_groups(values, groups)
    means = np.array([3, 7, 3])[groups]
    between, within = ((means - values.mean()) ** 2).sum(), ((values - means) ** 2).sum()
    assert found.eta_squared == pytest.approx(between / (between + within))


def test_two_groups_are_student_s_t_test():
    a, b = np.random.default_rng(1).normal(size=(2, 9))
    found, t = compare_groups(*long_table(a, b)), stats.ttest_ind(a, b)
    assert found.anova_f == pytest.approx(float(t.statistic) ** 2)
    assert found.anova_p == pytest.approx(float(t.pvalue))


def test_the_null_keeps_its_level_and_a_planted_effect_is_found():
    draws = np.random.default_rng(2)
    found = [compare_groups(draws.normal(size=20), SIZES) for _ in range(DRAWS)]
    for name in ("anova_p", "kruskal_p"):
        assert keeps_level(sum(getattr(each, name) <= 0.05 for each in found)), name
    planted = compare_groups(draws.normal(size=20) + SIZES / 100, SIZES)
    assert max(planted.anova_p, planted.kruskal_p) < 0.005
    assert planted.eta_squared > 0.7


@settings(max_examples=40, deadline=None)
@given(st.floats(0.01, 100), st.floats(-100, 100), st.permutations(range(20)))
def test_units_order_and_names_decide_nothing(scale, shift, order):
    values = np.random.default_rng(4).normal(size=20)
    plain = compare_groups(values, SIZES)
    order = np.array(order)
    other = compare_groups((scale * values + shift)[order], np.char.mod("set %04d", SIZES[order]))
    assert other == pytest.approx(plain, rel=1e-6)


def test_friedman_of_a_published_example():
    # Hollander and Wolfe (1973), p. 140, rounding first base; R: friedman.test(RoundingTimes):
    # chi-squared = 11.143, df = 2, p-value = 0.003805.
    printed = """5.40 5.50 5.55 5.85 5.70 5.75 5.20 5.60 5.50 5.55 5.50 5.40 5.90 5.85 5.70 5.45
        5.55 5.60 5.40 5.40 5.35 5.45 5.50 5.35 5.25 5.15 5.00 5.85 5.80 5.70 5.25 5.20 5.10 5.65
        5.55 5.45 5.60 5.35 5.45 5.05 5.00 4.95 5.50 5.50 5.40 5.45 5.55 5.50 5.55 5.55 5.35 5.45
        5.50 5.55 5.50 5.45 5.25 5.65 5.60 5.40 5.70 5.65 5.55 6.30 6.30 6.25"""
    times = np.array(printed.split(), dtype=float)
    p, w = compare_blocked(times, np.tile(["round", "narrow", "wide"], 22), np.arange(66) // 3)
    assert p == pytest.approx(0.003805, abs=5e-7)
    assert w == pytest.approx(11.143 / 44, abs=1e-5)


def test_kendall_s_w_is_one_for_one_order_and_zero_for_none():
    same = compare_blocked(SIZES + EPOCHS, SIZES, EPOCHS)
    assert same[1] == pytest.approx(1)
    latin = np.array([[1, 2, 3], [2, 3, 1], [3, 1, 2]])
    groups, blocks = np.tile(range(3), 3), np.repeat(range(3), 3)
    assert compare_blocked(latin.ravel(), groups, blocks)[1] == pytest.approx(0)
    order = np.random.default_rng(5).permutation(20)
    assert compare_blocked((SIZES + EPOCHS)[order], SIZES[order], EPOCHS[order]) == same


def test_friedman_keeps_its_level_whatever_the_blocks_add():
    draws = np.random.default_rng(6)
    rejected = sum(
        compare_blocked(draws.normal(size=60) + 10 * (np.arange(60) // 5),
                        np.arange(60) % 5, np.arange(60) // 5)[0] <= 0.05
        for _ in range(DRAWS)
    )  # fmt: skip
    assert keeps_level(rejected)


def test_equivalence_of_a_published_example():
    # Jan and Shieh (British Journal of Mathematical and Statistical Psychology 72, 2019), with
    # Wellek's epsilon = 0.5, that is f = 0.5 / sqrt(4): F = 0.0926, p = 0.0083.
    values, groups = long_table(
        [112.488, 103.738, 86.344, 101.708, 95.108, 105.931, 95.815, 91.864, 102.479, 102.644],
        [100.421, 101.966, 99.636, 105.983, 88.377, 102.618, 105.486, 98.662, 94.137, 98.626,
         89.367, 106.204],
        [84.846, 100.488, 119.763, 103.736, 93.141, 108.254, 99.510, 89.005, 108.200, 82.209,
         100.104, 103.706, 107.067],
        [100.825, 100.255, 103.363, 93.230, 95.325, 100.288, 94.750, 107.129, 98.246, 96.365,
         99.740, 106.049, 92.691, 93.111, 98.243],
    )  # fmt: skip
    p, power = equivalence_of_groups(values, groups, bound=0.25)
    assert compare_groups(values, groups).anova_f == pytest.approx(0.0926, abs=6e-4)
    assert p == pytest.approx(0.0083, abs=1e-4)
    critical = stats.ncf.ppf(0.05, 3, 46, 50 / 16)
    assert power == pytest.approx(stats.f.cdf(critical, 3, 46))
    strict_p, strict_power = equivalence_of_groups(values, groups, bound=0.25, alpha=0.005)
    assert strict_p == p
    assert strict_power < power


def at_effect(f):
    """Group means of this Cohen's f, for five groups of four."""
    shape = np.array([-1.0, -0.5, 0, 0.5, 1])
    return (f * shape / shape.std())[np.arange(20) // 4]


def test_groups_at_the_bound_are_called_equivalent_as_often_as_the_level_says():
    draws = np.random.default_rng(7)
    found = [
        equivalence_of_groups(draws.normal(size=20) + at_effect(0.9), SIZES, bound=0.9)
        for _ in range(DRAWS)
    ]
    assert keeps_level(sum(p < 0.05 for p, _ in found))


def test_equal_groups_are_called_equivalent_as_often_as_the_power_says():
    draws = np.random.default_rng(8)
    found = [equivalence_of_groups(draws.normal(size=20), SIZES, bound=0.9) for _ in range(DRAWS)]
    power = found[0][1]
    assert 0.7 < power < 0.9
    assert keeps_level(sum(p < 0.05 for p, _ in found), level=power)


def test_absence_of_significance_is_no_equivalence():
    values = np.random.default_rng(9).normal(size=20)
    assert compare_groups(values, SIZES).anova_p > 0.05
    p, power = equivalence_of_groups(values, SIZES, bound=0.25)
    assert p > 0.05
    assert power < 0.1


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
        compare_groups(values, groups)
    with pytest.raises(UndecidedError, match=reason):
        equivalence_of_groups(values, groups, bound=0.5)


def test_too_little_is_undecided_in_blocks():
    with pytest.raises(UndecidedError, match="2 group"):
        compare_blocked([1, 2, 3, 4], [0, 1, 0, 1], [0, 0, 1, 1])
    with pytest.raises(UndecidedError, match="1 block"):
        compare_blocked([1, 2, 3], [0, 1, 2], [0, 0, 0])
    with pytest.raises(UndecidedError, match="0 group"):
        compare_blocked([], [], [])
    with pytest.raises(UndecidedError, match="each block are equal"):
        compare_blocked(EPOCHS, SIZES, EPOCHS)


def test_a_block_that_lacks_a_group_is_left_out():
    values = np.random.default_rng(10).normal(size=20)
    whole = EPOCHS > 300
    assert compare_blocked(values[1:], SIZES[1:], EPOCHS[1:]) == compare_blocked(
        values[whole], SIZES[whole], EPOCHS[whole]
    )


def test_two_values_of_a_group_in_a_block_are_an_error():
    with pytest.raises(ValueError, match="duplicate"):
        compare_blocked(range(20), SIZES, SIZES)
