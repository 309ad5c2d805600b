"""The regressions, against known answers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from miua.analysis.checks import UndecidedError
from miua.analysis.clinician import fit_logarithm

SCORES = np.array([1.0, 1.5, 2.0, 2.0, 3.0, 4.0, 5.0])


def test_a_planted_line_is_recovered():
    fit = fit_logarithm(SCORES, 3.25 * np.log(SCORES) - 7.5)
    assert fit.a == pytest.approx(3.25, abs=1e-12)
    assert fit.b == pytest.approx(-7.5, abs=1e-12)
    assert fit.pearson_r == pytest.approx(1)
    assert fit.p_value < 1e-12
    assert fit.residual_deviation == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(fit.predict([1.0, np.e]), [-7.5, -4.25])


def test_norris_of_the_reference_datasets():
    # NIST Statistical Reference Datasets, Norris: certified values of a straight line.
    pairs = """0.1 0.2 338.8 337.4 118.1 118.2 888.0 884.6 9.2 10.1 228.1 226.5 668.5 666.3
        998.5 996.3 449.1 448.6 778.9 777.0 559.2 558.2 0.3 0.4 0.1 0.6 778.1 775.5 668.8 666.9
        339.3 338.0 448.9 447.5 10.8 11.6 557.7 556.0 228.3 228.1 998.0 995.8 888.8 887.6
        119.6 120.2 0.3 0.3 0.6 0.3 557.6 556.8 339.3 339.1 888.0 887.2 998.5 999.0 778.9 779.0
        10.2 11.1 117.6 118.3 228.9 229.2 668.4 669.1 449.2 448.9 0.2 0.5"""
    value, score = np.array(pairs.split(), dtype=float).reshape(-1, 2).T
    fit = fit_logarithm(np.exp(score / 10), value)
    assert fit.a == pytest.approx(10.0211681802045, rel=1e-11)
    assert fit.b == pytest.approx(-0.262323073774029, rel=1e-10)
    assert fit.error_a == pytest.approx(0.429796848199937e-2, rel=1e-10)
    assert fit.error_b == pytest.approx(0.232818234301152, rel=1e-10)
    assert fit.residual_deviation == pytest.approx(0.884796396144373, rel=1e-10)


@given(st.floats(-50, 50), st.floats(-50, 50))
def test_a_line_moves_with_the_value(slope, shift):
    values = np.arange(7.0) ** 2
    plain = fit_logarithm(SCORES, values)
    moved = fit_logarithm(SCORES, values + slope * np.log(SCORES) + shift)
    assert moved.a == pytest.approx(plain.a + slope, abs=1e-9)
    assert moved.b == pytest.approx(plain.b + shift, abs=1e-9)
    assert moved.residual_deviation == pytest.approx(plain.residual_deviation, rel=1e-6)


def test_noise_orthogonal_to_the_line_leaves_it_in_place_and_gives_the_closed_form():
    # Noise without a component along 1 and ln(x) changes neither coefficient.
    x = np.log(SCORES)
    noise = np.array([1.0, -2.0, 0.5, 1.5, -1.0, 2.0, -3.0])
    design = np.stack([np.ones_like(x), x], axis=1)
    noise -= design @ np.linalg.lstsq(design, noise, rcond=None)[0]
    fit = fit_logarithm(SCORES, 2 * x + 1 + noise)
    assert (fit.a, fit.b) == (pytest.approx(2), pytest.approx(1))
    explained = 4 * ((x - x.mean()) ** 2).sum()
    r = np.sqrt(explained / (explained + (noise**2).sum()))
    assert fit.pearson_r == pytest.approx(r)
    t = r * np.sqrt((SCORES.size - 2) / (1 - r**2))
    assert fit.p_value == pytest.approx(2 * stats.t.sf(t, SCORES.size - 2))
    assert fit.residual_deviation == pytest.approx(np.sqrt((noise**2).sum() / (SCORES.size - 2)))


def test_the_null_keeps_its_level():
    draws = np.random.default_rng(1)
    rejected = [fit_logarithm(SCORES, draws.normal(size=7)).p_value < 0.05 for _ in range(1000)]
    assert stats.binomtest(sum(rejected), 1000, 0.05).pvalue > 0.001


def test_the_band_covers_the_true_line_as_often_as_it_says():
    draws = np.random.default_rng(2)
    truth = 2 * np.log(3.0) + 1
    covered = 0
    for _ in range(1000):
        fit = fit_logarithm(SCORES, 2 * np.log(SCORES) + 1 + draws.normal(size=7))
        low, high = fit.band(3.0, level=0.9)
        covered += int(low <= truth <= high)
    assert stats.binomtest(covered, 1000, 0.9).pvalue > 0.001


def test_the_band_is_narrowest_at_the_mean_of_ln_score():
    fit = fit_logarithm(SCORES, np.arange(7.0) ** 2)
    low, high = fit.band([1.0, np.exp(np.log(SCORES).mean()), 5.0])
    width = high - low
    assert width[1] < width[0]
    assert width[1] < width[2]


@pytest.mark.parametrize(
    ("score", "value", "reason"),
    [
        ([], [], "0 points"),
        ([1.0, 2.0], [1.0, 2.0], "2 points"),
        ([0.1 + 0.2, 0.3, 0.3], [1.0, 2.0, 3.0], "scores are equal"),
        ([2.0, 2.0, 2.0], [1.0, 2.0, 3.0], "scores are equal"),
        ([1.0, 2.0, 3.0], [4.0, 4.0, 4.0], "values are equal"),
    ],
)
def test_too_little_is_undecided(score, value, reason):
    with pytest.raises(UndecidedError, match=reason):
        fit_logarithm(score, value)
