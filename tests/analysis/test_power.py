"""Power against published tables and repeated draws."""

import math

import numpy as np
import pytest
from scipy import stats

from miua.analysis.checks import UndecidedError
from miua.analysis.power import (
    anova_equivalence_power,
    anova_power,
    as_unlikely,
    binomial_power,
    correlation_power,
    expected_correlation,
    fewest_pairs,
    smallest_anova_effect,
    smallest_correlation,
)


@pytest.mark.parametrize(
    ("n", "r", "power"),
    # Cohen (1988), table 3.3.5, two-sided 5 %.
    [(20, 0.3, 0.25), (20, 0.5, 0.64), (50, 0.3, 0.57), (84, 0.3, 0.80)],
)
def test_the_power_of_a_correlation_is_the_published_one(n, r, power):
    assert correlation_power(n, r) == pytest.approx(power, abs=0.006)
    assert correlation_power(n, -r) == correlation_power(n, r)


def test_84_pairs_are_the_fewest_for_a_correlation_of_0_3():
    # G*Power 3.1, exact bivariate normal model: rho = 0.3, power 0.8, two-sided 5 % needs n = 84.
    assert correlation_power(83, 0.3) < 0.8 <= correlation_power(84, 0.3)


@pytest.mark.parametrize("n", [3, 5, 20, 1000])
def test_without_correlation_the_power_is_the_level(n):
    assert correlation_power(n, 0.0) == pytest.approx(0.05, abs=1e-5)
    assert correlation_power(n, 0.0, alpha=0.01) == pytest.approx(0.01, abs=1e-5)


def test_drawn_correlations_are_found_as_often_as_the_power_says():
    draws, count = np.random.default_rng(1), 20000
    for n, rho in ((5, 0.8), (20, 0.41)):
        x, noise = draws.normal(size=(2, count, n))
        found = stats.pearsonr(x, rho * x + math.sqrt(1 - rho**2) * noise, axis=-1).pvalue < 0.05
        assert stats.binomtest(int(found.sum()), count, correlation_power(n, rho)).pvalue > 0.001


def test_the_power_of_analysis_of_variance_is_the_published_one():
    # R: pwr.anova.test(f = 0.28, k = 4, n = 20, sig.level = 0.05): power = 0.5149793.
    assert anova_power(80, 4, 0.28) == pytest.approx(0.5149793, abs=5e-7)
    # PASS manual, one-way analysis of variance: three groups of 12, f = 0.559, power 0.8251.
    means = np.array([527.86, 660.43, 649.14])
    assert anova_power(36, 3, means.std() / 107.4304) == pytest.approx(0.8251, abs=1e-4)
    assert anova_power(20, 5, 0.0, alpha=0.1) == pytest.approx(0.1)


def test_drawn_groups_are_found_as_often_as_the_power_says():
    draws, count = np.random.default_rng(2), 5000
    means = np.array([-1.0, 0, 0, 0, 1])
    values = draws.normal(size=(5, 4, count)) + means[:, np.newaxis, np.newaxis]
    result = stats.f_oneway(*values)
    power = anova_power(20, 5, float(means.std()))
    assert stats.binomtest(int((result.pvalue < 0.05).sum()), count, power).pvalue > 0.001


def test_the_study_s_design_shows_equivalence_with_a_power_of_0_17():
    # 20 sets of five sizes, Cohen's f = 0.4: the F statistic must lie below the 5 % quantile of the
    # noncentral F with noncentrality 20 * 0.16.
    critical = stats.ncf.ppf(0.05, 4, 15, 20 * 0.4**2)
    power = anova_equivalence_power(20, 5, 0.4)
    assert power == pytest.approx(stats.f.cdf(critical, 4, 15))
    assert power == pytest.approx(0.165, abs=0.0005)
    draws = np.random.default_rng(3).normal(size=(5, 4, 5000))
    found = (stats.f_oneway(*draws).statistic < critical).sum()
    assert stats.binomtest(int(found), 5000, power).pvalue > 0.001


@pytest.mark.parametrize("power", [0.5, 0.8, 0.95])
def test_the_smallest_effect_has_the_power_asked_for(power):
    assert correlation_power(20, smallest_correlation(20, power=power)) == pytest.approx(power)
    assert anova_power(20, 5, smallest_anova_effect(20, 5, power=power)) == pytest.approx(power)


def test_the_power_of_an_effect_beyond_scipy_s_reach_is_one():
    # Here scipy 1.17's noncentral F gives NaN.
    assert anova_power(20, 5, 10.804718223181286) == 1


@pytest.mark.parametrize("chance", [0.5, 11 / 68])
def test_the_exact_binomial_test_is_scipy_s(chance):
    counts = np.arange(31)
    theirs = np.array([stats.binomtest(count, 30, chance).pvalue for count in counts.tolist()])
    assert as_unlikely(stats.binom.pmf(counts, 30, chance)) == pytest.approx(theirs)
    power = stats.binom.pmf(counts, 30, 0.7)[theirs < 0.05].sum()
    assert binomial_power(30, 0.7, chance=chance) == pytest.approx(power)


def test_published_sample_sizes_come_out_as_smallest_effects():
    # R: pwr.anova.test(f = 0.28, k = 4, power = 0.80): n = 35.75789 a group.
    assert smallest_anova_effect(36 * 4, 4) < 0.28 < smallest_anova_effect(35 * 4, 4)
    assert smallest_correlation(84) < 0.3 < smallest_correlation(83)


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda: correlation_power(2, 0.5), "2 pairs"),
        (lambda: smallest_correlation(0), "0 pairs"),
        (lambda: anova_power(20, 1, 0.5), "1 group"),
        (lambda: anova_power(5, 5, 0.5), "no variation within groups"),
        (lambda: anova_power(0, 0, 0.5), "0 group"),
        (lambda: anova_equivalence_power(5, 5, 0.5), "no variation within groups"),
        (lambda: smallest_correlation(3, power=0.999999), "too few points"),
    ],
)
def test_too_little_is_undecided(call, reason):
    with pytest.raises(UndecidedError, match=reason):
        call()


def test_no_power_below_the_level_is_sought():
    with pytest.raises(ValueError, match="power must be above the test's level"):
        smallest_correlation(20, power=0.01)


def test_the_fewest_pairs_are_the_first_with_the_power():
    assert fewest_pairs(0.3) == 84  # as G*Power 3.1 says, see above
    assert fewest_pairs(-0.41) == fewest_pairs(0.41) == 44
    assert fewest_pairs(0.26) == 113
    assert fewest_pairs(0.41, power=0.9) > 44
    assert fewest_pairs(0.41, alpha=0.01) > 44
    for r in (0.0, 1e-4):
        with pytest.raises(UndecidedError, match="pairs would be needed"):
            fewest_pairs(r)


def test_so_many_pairs_find_it_as_often_as_they_should():
    draws, count = np.random.default_rng(3), 20000
    x, noise = draws.normal(size=(2, count, fewest_pairs(0.41)))
    found = stats.pearsonr(x, 0.41 * x + math.sqrt(1 - 0.41**2) * noise, axis=-1).pvalue < 0.05
    assert found.mean() == pytest.approx(0.8, abs=0.015)


@pytest.mark.parametrize("rho", [0.26, 0.41, 0.9])
def test_the_mean_of_drawn_correlations_is_the_expected_one(rho):
    draws, count, n = np.random.default_rng(4), 40000, 20
    x, noise = draws.normal(size=(2, count, n))
    r = stats.pearsonr(x, rho * x + math.sqrt(1 - rho**2) * noise, axis=-1).statistic
    assert r.mean() == pytest.approx(
        expected_correlation(n, rho), abs=4 * r.std() / math.sqrt(count)
    )
    assert 0.97 < expected_correlation(n, rho) / rho < 1
    assert expected_correlation(n, -rho) == -expected_correlation(n, rho)
    with pytest.raises(UndecidedError, match="2 pairs"):
        expected_correlation(2, rho)
