"""Correlations against published values, and the family test against known truth."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from miua.analysis.checks import UndecidedError
from miua.analysis.columns import COLUMNS
from miua.analysis.correlation import (
    chance_of_best,
    chance_of_largest,
    correlate,
    equivalence_to_none,
    largest_correlation,
)
from miua.analysis.power import correlation_power

# Hollander and Wolfe (1973), p. 187: tuna's lightness and quality; the example of R's cor.test.
LIGHTNESS = np.array([44.4, 45.9, 41.9, 53.3, 44.7, 44.1, 50.7, 45.2, 60.1])
QUALITY = np.array([2.6, 3.1, 2.5, 5.0, 3.6, 4.0, 5.2, 2.8, 3.8])


def keeps_level(rejected, draws, level=0.05):
    return stats.binomtest(int(rejected), draws, level).pvalue > 0.001


def pair(draws, n, rho):
    x, noise = draws.normal(size=(2, n))
    return x, rho * x + math.sqrt(1 - rho**2) * noise


def test_pearson_of_a_published_example():
    # R: cor.test(x, y): t = 1.8411, df = 7, p-value = 0.1082, cor = 0.5711816.
    found = correlate(LIGHTNESS, QUALITY)
    assert found.r == pytest.approx(0.5711816, abs=5e-8)
    assert found.p_value == pytest.approx(0.1082, abs=5e-5)
    assert found.low < found.r < found.high


def test_spearman_of_a_published_example():
    # R: cor.test(x, y, method = "spearman"): rho = 0.6, exact p-value = 0.0968.
    found = correlate(LIGHTNESS, QUALITY, method="spearman")
    assert found.r == pytest.approx(0.6)
    assert found.p_value == pytest.approx(0.0968, abs=4 * math.sqrt(0.0968 / 9999))
    # Few points: all orders are tried. With 5 in one order, 2 of 120 are as extreme.
    assert correlate(range(5), np.arange(5.0) ** 3, method="spearman").p_value == pytest.approx(
        2 / 120
    )


@pytest.mark.parametrize("method", ["pearson", "spearman"])
def test_the_null_keeps_its_level_and_a_planted_effect_is_found(method):
    draws = np.random.default_rng(1)
    # With 39 permutations 2 / 40 is the smallest p of Spearman's two-sided test.
    found = [
        correlate(*pair(draws, 15, 0.0), method=method, resamples=39, seed=seed).p_value
        for seed in range(400)
    ]
    assert keeps_level(sum(p <= 0.05 for p in found), 400)
    assert correlate(*pair(draws, 40, 0.8), method=method).p_value < 0.001


@pytest.mark.parametrize("method", ["pearson", "spearman"])
def test_the_interval_covers_as_often_as_it_says(method):
    rho = 0.6
    # Of normal columns: rho_s = 6 / pi asin(rho / 2) (Pearson 1907).
    truth = rho if method == "pearson" else 6 / math.pi * math.asin(rho / 2)
    draws = np.random.default_rng(4)
    covered = 0
    for seed in range(200):
        found = correlate(*pair(draws, 60, rho), method=method, resamples=199, seed=seed)
        covered += found.low <= truth <= found.high
    assert keeps_level(covered, 200, 0.95)


@settings(max_examples=30, deadline=None)
@given(
    scale=st.floats(0.01, 100) | st.floats(-100, -0.01),
    shift=st.floats(-100, 100),
    order=st.permutations(range(9)),
)
def test_units_and_order_of_the_rows_decide_nothing(scale, shift, order):
    plain = correlate(LIGHTNESS, QUALITY, resamples=99)
    other = correlate(scale * LIGHTNESS + shift, QUALITY, resamples=99)
    assert math.copysign(1, scale) * other.r == pytest.approx(plain.r, abs=1e-9)
    assert other.p_value == pytest.approx(plain.p_value, rel=1e-6)
    if scale > 0:
        assert (other.low, other.high) == pytest.approx((plain.low, plain.high), abs=1e-6)
    moved = correlate(LIGHTNESS[order], QUALITY[order], resamples=99)
    assert (moved.r, moved.p_value) == pytest.approx((plain.r, plain.p_value))


def test_spearman_sees_order_alone():
    plain = correlate(LIGHTNESS, QUALITY, method="spearman", resamples=199)
    curved = correlate(np.exp(LIGHTNESS / 5), QUALITY**3, method="spearman", resamples=199)
    assert (curved.r, curved.low, curved.p_value) == (plain.r, plain.low, plain.p_value)


def test_points_on_a_line_have_no_interval():
    found = correlate(LIGHTNESS, 3 - 2 * LIGHTNESS, resamples=199)
    assert found.r == pytest.approx(-1)
    assert np.isnan([found.low, found.high]).all()  # all resamples are -1 as well


@pytest.mark.parametrize(
    ("x", "y", "reason"),
    [
        ([], [], "0 points"),
        ([1, 2], [1, 2], "2 points"),
        ([1, 1, 1], [1, 2, 3], "all x values are equal"),
        ([1, 2, 3], [0.1 + 0.2, 0.3, 0.3], "all y values are equal"),
        ([1, 1, 1, 1, 1, 1, 2], range(7), "resamples have no value"),
    ],
)
def test_too_little_is_undecided(x, y, reason):
    with pytest.raises(UndecidedError, match=reason):
        correlate(x, y)


def likert(draws, n):
    return draws.integers(1, 6, n).astype(float)


def family(table, score, **options):
    """The family test of an array's columns, in their order."""
    found = largest_correlation(pd.DataFrame(table), score, **options)
    return found.set_index("metric").sort_index()


def test_the_family_keeps_its_level_where_single_tests_do_not():
    draws = np.random.default_rng(6)
    together, single = 0, 0
    for seed in range(400):
        # Correlated candidates, and a score with ties, as in the study.
        table = draws.normal(size=(20, 1)) + draws.normal(size=(20, 30))
        score = likert(draws, 20)
        together += family(table, score, permutations=199, seed=seed)["adjusted_p"].min() <= 0.05
        single += stats.pearsonr(table, score[:, np.newaxis], axis=0).pvalue.min() <= 0.05
    assert keeps_level(together, 400)
    assert not keeps_level(single, 400)


def test_a_planted_candidate_is_found_among_the_study_s_259():
    draws = np.random.default_rng(7)
    table, score = draws.normal(size=(20, 259)), likert(draws, 20)
    table[:, 143] = -score + 0.3 * draws.normal(size=20)
    strongest = largest_correlation(pd.DataFrame(table), score)
    assert tuple(strongest.columns) == COLUMNS["reader-family"]
    assert strongest.loc[0, "metric"] == 143
    assert strongest["pearson_r"].abs().is_monotonic_decreasing
    found = strongest.set_index("metric").sort_index()
    assert found["pearson_r"][143] < -0.9
    assert found["adjusted_p"].min() == found["adjusted_p"][143] <= 0.001
    assert found["adjusted_p"].median() > 0.5
    peer = stats.pearsonr(table, score[:, np.newaxis], axis=0).statistic
    assert found["pearson_r"].to_numpy() == pytest.approx(peer)


def test_the_critical_r_of_independent_candidates_is_the_closed_form():
    # The maximum of C independent |r| stays below c with probability (1 - p(c))^C.
    draws = np.random.default_rng(8)
    found = family(draws.normal(size=(50, 200)), draws.normal(size=50))
    t = stats.t.isf((1 - 0.95 ** (1 / 200)) / 2, 48)
    assert found["critical_r"][0] == pytest.approx(t / math.sqrt(48 + t**2), abs=0.02)


def test_one_candidate_of_few_points_is_the_exact_test():
    # Of the 24 orders of four points, the given one and its reverse reach |r| = 1.
    found = family(np.arange(4.0)[:, np.newaxis], range(4))
    assert found["adjusted_p"][0] == pytest.approx(2 / 24)
    assert found["permutations"][0] == 24
    score = [1.0, 2, 2, 5, 3]
    wide = family(np.array([[3.0, 1, 4, 1, 5]]).T, score)
    peer = stats.permutation_test(
        ([3.0, 1, 4, 1, 5],),
        lambda x: abs(stats.pearsonr(x, score).statistic),
        permutation_type="pairings",
        alternative="greater",
    )
    assert wide["adjusted_p"][0] == pytest.approx(float(peer.pvalue))


def test_constant_candidates_are_left_out():
    draws = np.random.default_rng(9)
    table = draws.normal(size=(10, 4))
    table[:, 1], table[:, 3] = 7.0, 0.0
    assert family(table, likert(draws, 10), permutations=99).index.tolist() == [0, 2]


def test_the_seed_decides_and_more_candidates_never_help():
    draws = np.random.default_rng(10)
    table, score = draws.normal(size=(20, 40)), likert(draws, 20)
    first, again, other = (
        family(table, score, permutations=499, seed=seed)["adjusted_p"] for seed in (1, 1, 2)
    )
    assert first.equals(again)
    assert not first.equals(other)
    few = family(table[:, :5], score, permutations=499, seed=1)["adjusted_p"]
    assert (few <= first[:5]).all()


@pytest.mark.parametrize(
    ("table", "score", "reason"),
    [
        (np.eye(4), [2.0, 2, 2, 2], "all scores are equal"),
        (np.ones((4, 2)), range(4), "no candidate varies"),
        (np.ones((0, 2)), [], "0 points"),
        (np.ones((4, 0)), range(4), "no candidate varies"),
    ],
)
def test_a_family_without_an_answer_is_undecided(table, score, reason):
    with pytest.raises(UndecidedError, match=reason):
        family(table, score)


def drawn_correlations(rho, n, draws=4000):
    """Pearson's r of samples of n pairs with true correlation rho, (draws,)."""
    x, noise = np.random.default_rng(11).normal(size=(2, draws, n))
    y = rho * x + math.sqrt(1 - rho**2) * noise
    x, y = (each - each.mean(axis=1, keepdims=True) for each in (x, y))
    return (x * y).sum(axis=1) / np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))


@pytest.mark.parametrize("sign", [-1, 1])
def test_a_correlation_at_the_bound_is_called_none_as_often_as_the_level_says(sign):
    p = equivalence_to_none(drawn_correlations(sign * 0.4, 60), 60, bound=0.4)
    # Normal limits of 4000 draws, and the error of Fisher's approximation.
    assert np.mean(p < 0.05) == pytest.approx(0.05, abs=0.012)


def test_no_correlation_is_called_none_with_many_pairs_and_never_with_twenty():
    few, many = (
        np.mean(equivalence_to_none(drawn_correlations(0, n), n, bound=0.2) < 0.05)
        for n in (20, 300)
    )
    # |z| must lie 1.645 below atanh(0.2) sqrt(n - 3): never for 20, and within 1.849 for 300.
    assert few == 0
    assert many == pytest.approx(2 * stats.norm.cdf(1.849) - 1, abs=0.02)


def test_not_significant_and_powerful_is_not_equivalent_to_none():
    """r = 0.4 of 20 pairs has p = 0.08 where a true 0.6 is found with a power of 0.83."""
    assert correlation_power(20, 0.6) > 0.8
    assert equivalence_to_none(0.4, 20, bound=0.6) > 0.05
    with pytest.raises(UndecidedError, match="3 pairs"):
        equivalence_to_none(0.1, 3, bound=0.2)


def best_p_values(draws, repeats, candidates, n, *, rho=0.0):
    """The smallest p over independent candidates, one of which has a true correlation rho."""
    score = draws.normal(size=(repeats, 1, n))
    table = draws.normal(size=(repeats, candidates, n))
    table[:, 0] = rho * score[:, 0] + math.sqrt(1 - rho**2) * table[:, 0]
    r = np.abs(stats.pearsonr(score, table, axis=-1).statistic).max(axis=1)
    return 2 * stats.t.sf(r * np.sqrt((n - 2) / (1 - r**2)), n - 2)


def test_the_best_of_many_candidates_is_adjusted_for_their_number():
    draws, repeats = np.random.default_rng(5), 1500
    none = best_p_values(draws, repeats, 256, 20)
    adjusted = np.array([chance_of_best(p, 256) for p in none])
    assert keeps_level(np.sum(adjusted < 0.05), repeats)
    # The published V8 alone has p = 0.0092: nine of ten such choices do as well without an effect.
    assert np.mean(none <= 0.0092) == pytest.approx(chance_of_best(0.0092, 256), abs=0.03)
    assert chance_of_best(0.0092, 256) == pytest.approx(0.906, abs=0.001)
    strong = best_p_values(draws, 300, 256, 20, rho=0.9)
    assert np.mean([chance_of_best(p, 256) < 0.05 for p in strong]) > 0.9
    assert chance_of_best(0.03, 1) == pytest.approx(0.03)


def test_dependent_candidates_reach_it_less_often():
    draws, n = np.random.default_rng(6), 20
    score, common = draws.normal(size=n), draws.normal(size=(n, 1))
    apart = draws.normal(size=(n, 256))
    chances = [
        chance_of_largest(pd.DataFrame(share * common + (1 - share) * apart), score, 0.566)
        for share in (0.0, 0.7, 1.0)
    ]
    p = 2 * stats.t.sf(0.566 * math.sqrt(18 / (1 - 0.566**2)), 18)
    assert chances[0] == pytest.approx(chance_of_best(p, 256), abs=0.03)
    assert chances[0] > chances[1] > chances[2]
    assert chances[2] == pytest.approx(p, abs=0.005)  # all are one
    with pytest.raises(UndecidedError, match="no candidate varies"):
        chance_of_largest(pd.DataFrame(np.ones((n, 3))), score, 0.5)
