"""What a study can find, against closed forms and against studies simulated by the thousand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from miua.analysis.checks import UndecidedError
from miua.survey.planning import (
    MOST_ANSWERS,
    POWER,
    Design,
    icc_half_width,
    images_to_detect,
    kappa_half_width,
    plan,
    smallest_departure,
    smallest_discriminability,
    smallest_equivalence_margin,
)

STUDIES = 4000
# Four standard deviations of a share of 0.8 in so many studies.
NEAR = 4 * np.sqrt(0.8 * 0.2 / STUDIES)


@pytest.fixture
def draw():
    return np.random.default_rng(20220601)


def design(**changes):
    return Design(**{"readers": 3, "sets": 20, "practice": 0} | changes)


def numbers(found, name):
    (finding,) = (each for each in found if each.name == name)
    return finding.one, finding.all


@pytest.mark.parametrize("trials", [12, 57, 122])
def test_a_departure_is_found_with_the_power(draw, trials):
    counts = draw.binomial(trials, 0.5 + smallest_departure(trials), STUDIES)
    p_values = {count: stats.binomtest(int(count), trials).pvalue for count in set(counts)}
    assert abs(np.mean([p_values[count] < 0.05 for count in counts]) - POWER) < NEAR


def test_too_few_answers_find_nothing():
    with pytest.raises(UndecidedError):
        smallest_departure(5)
    assert smallest_departure(6) > 0.4


@pytest.mark.parametrize(("real", "synthetic"), [(11, 57), (30, 30)])
def test_a_discriminability_is_found_with_the_power(draw, real, synthetic):
    d = smallest_discriminability(real, synthetic)
    of_real = draw.binomial(real, stats.norm.cdf(d / 2), STUDIES)
    of_synthetic = draw.binomial(synthetic, stats.norm.cdf(-d / 2), STUDIES)
    tables = list(zip(of_real.tolist(), of_synthetic.tolist(), strict=True))
    p_values = {
        (a, b): stats.fisher_exact([[a, real - a], [b, synthetic - b]]).pvalue
        for a, b in set(tables)
    }
    assert abs(np.mean([p_values[table] < 0.05 for table in tables]) - POWER) < NEAR


def test_the_equivalence_margin_is_kept_with_the_power(draw):
    margin = smallest_equivalence_margin(57)
    intervals = [stats.binomtest(count, 57).proportion_ci(method="exact") for count in range(58)]
    needed = np.array([max(each.high - 0.5, 0.5 - each.low) for each in intervals])
    kept = needed[draw.binomial(57, 0.5, STUDIES)] <= margin + 1e-9
    assert kept.mean() > POWER - NEAR
    # A margin that is smaller by a hair leaves out the farthest of the counts that it needs.
    assert np.abs(needed - margin).min() < 1e-9
    assert stats.binom.pmf(np.flatnonzero(needed < margin - 1e-9), 57, 0.5).sum() < POWER


def test_the_images_to_detect_are_enough_and_no_fewer(draw):
    needed = images_to_detect(0.7)

    def power(trials):
        counts = np.arange(trials + 1)
        found = [stats.binomtest(int(count), trials).pvalue < 0.05 for count in counts]
        return stats.binom.pmf(counts, trials, 0.7)[found].sum()

    assert all(power(trials) >= POWER for trials in range(needed, needed + 30))
    assert power(needed - 1) < POWER
    assert images_to_detect(0.3) == needed, "both sides of chance are alike"
    counts = draw.binomial(needed, 0.7, STUDIES)
    p_values = {count: stats.binomtest(int(count), needed).pvalue for count in set(counts)}
    assert np.mean([p_values[count] < 0.05 for count in counts]) > POWER - NEAR


def test_kappa_varies_as_much_as_said(draw):
    pairs, kappa = 400, 0.6
    first = draw.random((STUDIES, pairs)) < 0.5
    # Agreement (1 + kappa) / 2 where each answer is given half of the time.
    second = np.where(draw.random(first.shape) < (1 + kappa) / 2, first, ~first)
    agreed = (first == second).mean(axis=1)
    a, b = first.mean(axis=1), second.mean(axis=1)
    by_chance = a * b + (1 - a) * (1 - b)
    found = (agreed - by_chance) / (1 - by_chance)
    assert kappa_half_width(pairs, kappa) == pytest.approx(1.96 * found.std(), rel=0.05)


def test_the_icc_varies_as_much_as_said(draw):
    images, readers, icc = 60, 3, 0.6
    true = draw.normal(scale=np.sqrt(icc), size=(STUDIES, images, 1))
    ratings = true + draw.normal(scale=np.sqrt(1 - icc), size=(STUDIES, images, readers))
    between = readers * ratings.mean(axis=2).var(axis=1, ddof=1)
    within = ratings.var(axis=2, ddof=1).mean(axis=1)
    found = (between - within) / (between + (readers - 1) * within)
    assert icc_half_width(images, readers, icc) == pytest.approx(1.96 * found.std(), rel=0.06)


def test_answers_of_all_readers_weigh_as_the_design_effect_says(draw):
    images, readers, correlation = 57, 6, 0.2
    # Beta-binomial: an image's own share, with that correlation between two answers to it.
    spread = 0.5 * (1 - correlation) / correlation
    shares = draw.beta(spread, spread, (STUDIES, images))
    called = draw.binomial(readers, shares).sum(axis=1) / (images * readers)
    effective = design(readers=readers, image_correlation=correlation).effective(images)
    assert called.var() == pytest.approx(0.25 / effective, rel=0.08)


def test_of_one_reader_alone_nothing_is_gained_or_lost():
    found = plan(design(readers=1))
    for each in found:
        assert each.all == each.one or each.name == "kappa"
    assert numbers(found, "icc") == (None, None)
    # Of each reader, never of several together.
    assert numbers(found, "kappa")[1] is None


def test_of_the_published_study(draw):
    found = plan(design())
    assert numbers(found, "interval_at_none")[0][1] == pytest.approx(1 - 0.025 ** (1 / 57))
    assert numbers(found, "minutes")[0][0] == pytest.approx(78 * 12 / 60)
    # Fisher's z with bias left out: 0.59; the exact value is a little less.
    assert numbers(found, "correlation")[0][0] == pytest.approx(0.58, abs=0.01)
    assert numbers(found, "correlation_of_several")[0][0] > numbers(found, "correlation")[0][0]


@settings(max_examples=25)
@given(st.integers(4, 40), st.integers(0, 12), st.integers(1, 6), st.integers(1, 4))
def test_more_images_and_readers_never_find_less(synthetic, real, readers, sets):
    less = plan(design(synthetic=synthetic, real=real, readers=readers, sets=sets))
    # Where there are so few answers that nothing is found, no number is said.
    for each in less:
        for value in (each.one, each.all):
            assert value is None or all(np.isfinite(value))
    more = plan(design(synthetic=synthetic + 40, real=real + 10, readers=readers, sets=sets + 4))
    for name in ("departure", "discriminability", "correlation", "equivalence_margin"):
        small, large = numbers(less, name)[0], numbers(more, name)[0]
        assert small is None or large[0] <= small[0] + 1e-9


def test_images_wanted_of_all_readers_are_fewer():
    found = plan(design(readers=4, image_correlation=0.0), detect=0.7)
    one, every = numbers(found, "images_to_detect")
    assert every[0] == -(-one[0] // 4)
    assert numbers(plan(design(image_correlation=1.0), detect=0.7), "images_to_detect")[1] == one


def test_what_would_take_hours_is_left_open():
    with pytest.raises(UndecidedError, match="more than"):
        smallest_equivalence_margin(MOST_ANSWERS + 1)
    with pytest.raises(UndecidedError, match="Fisher"):
        smallest_discriminability(1_100, 5_700)
    found = {each.name: each for each in plan(design(readers=1000, image_correlation=0.0))}
    assert found["equivalence_margin"].all is None
    assert found["discriminability"].all is None
    assert found["discriminability"].one is not None
