"""d', criterion and the area under the ROC against definitions, closed forms and peers."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from miua.analysis.checks import UndecidedError
from miua.analysis.detection import (
    area_under_roc,
    d_prime_of_area,
    d_prime_of_counts,
    detection,
    detection_of,
    equivalence_power,
    rating,
)
from miua.analysis.resampling import by_images

count = st.integers(0, 30)


def of_counts(hits, real, alarms, synthetic):
    """d' and criterion of so many real and synthetic images, so many of each called real."""
    called = [np.arange(n) < k for k, n in ((hits, real), (alarms, synthetic))]
    return detection(np.repeat([True, False], [real, synthetic]), np.concatenate(called))


def test_guessing_has_no_sensitivity_and_no_bias():
    d_prime, criterion = of_counts(10, 20, 10, 20)
    assert d_prime.value == pytest.approx(0)
    assert criterion.value == pytest.approx(0)
    assert d_prime.low == pytest.approx(-d_prime.high)


def test_known_rates_have_the_textbook_values():
    # (83.5 + 0.5) / 100 and (15.5 + 0.5) / 100 are not counts; 84 % and 16 % are one deviation off.
    d_prime, criterion = of_counts(8410, 9999, 1586, 9999)
    assert d_prime.value == pytest.approx(2.0, abs=0.01)
    assert criterion.value == pytest.approx(0, abs=0.01)


def test_the_correction_is_log_linear_and_in_proportion_to_the_images():
    d_prime, criterion = of_counts(5, 5, 0, 9)
    z = stats.norm.ppf
    hits, alarms = z((5 + 5 / 14) / (5 + 10 / 14)), z((9 / 14) / (9 + 18 / 14))
    assert d_prime.value == pytest.approx(hits - alarms)
    assert criterion.value == pytest.approx(-(hits + alarms) / 2)
    equal, _ = of_counts(7, 7, 0, 7)
    assert equal.value == pytest.approx(z(7.5 / 8) - z(0.5 / 8))


@given(st.integers(0, 10), st.integers(1, 10), st.integers(1, 12), st.integers(1, 12))
def test_equal_rates_have_no_sensitivity_whatever_the_numbers_of_images(called, of, times, others):
    called = min(called, of)
    d_prime, criterion = of_counts(called * times, of * times, called * others, of * others)
    assert d_prime.value == 0
    assert np.sign(criterion.value) == np.sign(of - 2 * called)


@pytest.mark.parametrize(
    ("share", "lean", "said"), [(0, 1, "called synthetic"), (1, -1, "called real")]
)
def test_the_same_answer_to_everything_shows_no_discrimination(share, lean, said):
    d_prime, criterion = of_counts(11 * share, 11, 57 * share, 57)
    assert d_prime.value == 0
    assert d_prime.interval == (f"none: no discrimination can be seen, as all images were {said}")
    assert criterion.value * lean > 2
    assert criterion.interval == f"none: all images were {said}"
    assert np.isnan([d_prime.low, d_prime.high, criterion.low, criterion.high]).all()


def test_the_interval_covers_as_often_as_it_says():
    draws = np.random.default_rng(0)
    n, hit, alarm = 60, 0.7, 0.35
    true = stats.norm.ppf(hit) - stats.norm.ppf(alarm)
    covered = 0
    for _ in range(2000):
        d_prime, _ = of_counts(int(draws.binomial(n, hit)), n, int(draws.binomial(n, alarm)), n)
        covered += d_prime.low <= true <= d_prime.high
    assert covered / 2000 == pytest.approx(0.95, abs=0.02)


@given(count, st.integers(0, 20), count, st.integers(0, 20))
def test_swapping_the_kinds_and_the_answers_turns_the_bias_round(hits, misses, alarms, rejections):
    if not (hits + misses and alarms + rejections):
        return
    d_prime, criterion = of_counts(hits, hits + misses, alarms, alarms + rejections)
    turned, turned_criterion = of_counts(rejections, alarms + rejections, misses, hits + misses)
    assert turned.value == pytest.approx(d_prime.value)
    assert turned_criterion.value == pytest.approx(-criterion.value)
    width = 2 * (criterion.high - criterion.low)
    assert d_prime.high - d_prime.low == pytest.approx(width, nan_ok=True)


@pytest.mark.parametrize(("real", "synthetic"), [(0, 4), (4, 0), (0, 0)])
def test_one_kind_alone_is_undecided(real, synthetic):
    with pytest.raises(UndecidedError, match=r"no (real|synthetic) images"):
        of_counts(0, real, 0, synthetic)


def test_rows_are_judged_as_each_alone():
    draws = np.random.default_rng(1)
    real, called = draws.random((3, 40)) < 0.3, draws.random((3, 40)) < 0.5
    rows = zip(real, called, strict=True)
    alone = np.array([[found.value for found in detection(*row)] for row in rows])
    assert np.array(detection_of(real, called)) == pytest.approx(alone.T)
    assert np.isnan(detection_of(np.zeros(4, bool), np.ones(4, bool))[0])


def test_ratings_go_from_certainly_synthetic_to_certainly_real():
    assert rating([True, True, False, False], [5, 1, 1, 5]).tolist() == [5, 1, -1, -5]


@given(st.lists(st.tuples(st.booleans(), st.integers(-5, 5)), min_size=2, max_size=40))
def test_the_area_is_the_share_of_right_pairs_and_that_of_a_peer(answers):
    real = np.array([kind for kind, _ in answers])
    ratings = np.array([value for _, value in answers])
    area = float(area_under_roc(real, ratings))
    if real.all() or not real.any():
        assert np.isnan(area)
        return
    pairs = [(r > s) + 0.5 * (r == s) for r in ratings[real] for s in ratings[~real]]
    assert area == pytest.approx(np.mean(pairs))
    assert area == pytest.approx(roc_auc_score(real, ratings))


# --- equivalence to guessing ------------------------------------------------------------------

MARGIN = d_prime_of_area(0.6)


def shown(hits, real, alarms, synthetic):
    """Which counts show that the two kinds cannot be told apart."""
    d, half = d_prime_of_counts(hits, real, alarms, synthetic)
    return np.abs(d) + half < MARGIN


def test_counts_give_what_the_answers_give():
    for hits, real, alarms, synthetic in ((8, 11, 32, 57), (0, 11, 3, 57), (11, 11, 57, 57)):
        d, half = d_prime_of_counts(hits, real, alarms, synthetic)
        found, _ = of_counts(hits, real, alarms, synthetic)
        assert d == found.value
        assert d - half == pytest.approx(found.low, nan_ok=True)


def test_the_d_prime_of_an_area_is_that_of_two_normal_ratings():
    draws = np.random.default_rng(2)
    ratings = np.concatenate([draws.normal(MARGIN, 1, 4000), draws.normal(0, 1, 4000)])
    area = area_under_roc(np.arange(8000) < 4000, ratings)
    assert area == pytest.approx(0.6, abs=0.02)
    assert d_prime_of_area(0.5) == 0


@pytest.mark.parametrize("rate", [0.3, 0.5, 0.7])
def test_readers_at_the_margin_seldom_pass_and_those_who_guess_do(rate):
    draws, n, repeats = np.random.default_rng(3), 400, 20_000
    alarms = draws.binomial(n, rate, repeats)
    for sign in (-1, 1):  # at the margin, so not equivalent
        hit = stats.norm.cdf(stats.norm.ppf(rate) + sign * MARGIN)
        wrong = shown(draws.binomial(n, hit, repeats), n, alarms, n).mean()
        assert wrong <= 0.03  # 2.5 % by a 95 % interval, and the error of the draws
    right = shown(draws.binomial(n, rate, repeats), n, alarms, n).mean()
    assert right == pytest.approx(equivalence_power(n, n, MARGIN, rate=rate), abs=0.01)
    assert right > 0.8


def test_eleven_real_images_never_show_that_they_cannot_be_told_apart():
    counts = np.arange(12)[:, np.newaxis], np.arange(58)
    assert not shown(counts[0], 11, counts[1], 57).any()
    assert equivalence_power(11, 57, MARGIN) == 0
    assert equivalence_power(57, 57, MARGIN) == 0


def d_prime_of_rows(real, called, rows):
    return detection_of(real[rows], called[rows])[0]


def test_two_readers_of_the_same_images_pass_at_the_margin_as_seldom():
    # Their answers hang together, so that the interval has to resample images.
    draws, images, passed = np.random.default_rng(8), 300, 0
    real, names = np.repeat([True, False], images // 2), np.tile(np.arange(images).astype(str), 2)
    for _ in range(100):
        seen = 0.6 * draws.normal(size=(2, images)) + 0.8 * draws.normal(size=images)
        called = seen + MARGIN * real > 0.2
        d_prime = partial(d_prime_of_rows, np.tile(real, 2), called.ravel())
        found = by_images(d_prime, names, resamples=399)
        passed += max(found.high, -found.low) < MARGIN
    assert stats.binom.sf(passed - 1, 100, 0.025) > 0.001
    assert np.corrcoef(called)[0, 1] > 0.3
