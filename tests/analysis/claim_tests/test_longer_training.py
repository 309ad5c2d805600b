"""Longer training: trends over the snapshots of each training, judged over trainings."""

import math

import numpy as np
import pytest
from scipy import stats

from miua.analysis.claim_tests.longer_training import equivalence_of_trend, slopes_over_doublings
from miua.metrics.registry import measure
from tests.analysis.claim_tests.world import EPOCHS, MISSING_FID, SIZES

CHANGES = {"alpha": 0.05, "effect": 2.0}
DISTANCES = {"distance": ["fid", "fd_efficientnet", "fd_lbp"], "arm": "equal epochs"}
GAIN = {"alpha": 0.05, "margin": 0.1}


def planted(world, slope, *, scatter=0.05, seed=0, seen="fd_efficientnet"):
    """Sets whose PSNR and logarithm of a distance have a trend over doublings of the epochs."""
    draw = np.random.default_rng(seed)
    own = {size: (draw.normal(), draw.normal(slope, scatter)) for size in SIZES}

    def value(size, epoch):
        start, trend = own[size]
        change = start + trend * math.log2(epoch / EPOCHS[0])
        distance = 1000 * math.exp(change)
        return {"psnr": 14 + change, seen: distance, "fid": MISSING_FID}

    world.grid(value)


def judge(world, metrics, thresholds=CHANGES):
    inputs = {"metrics": metrics, "arm": "equal epochs"}
    return world.judge("longer-training-changes", inputs, thresholds)


@pytest.mark.parametrize(
    ("slope", "effect", "verdict"),
    [(0.5, 2.0, "reproduced"), (0.0, 2.0, "not reproduced"), (0.02, 0.3, "undecided")],
)
def test_a_trend_is_found_excluded_or_could_not_have_been_found(world, slope, effect, verdict):
    planted(world, slope)
    finding = judge(world, ["psnr"], CHANGES | {"effect": effect})
    assert (finding.verdict, finding.n) == (verdict, 5)
    assert (finding.power >= 0.8) == (effect == 2)


def test_a_missing_metric_is_told_and_leaves_what_was_not_found_open(world):
    planted(world, 0.0)
    finding = judge(world, ["psnr", "fid"])
    assert finding.verdict == "undecided"
    assert "have not been fetched" in finding.missing[0]
    planted(world, 0.5)
    assert judge(world, ["psnr", "fid"]).verdict == "reproduced"
    assert judge(world, ["fid"]).verdict == "not testable here"


@pytest.mark.parametrize(
    ("slope", "scatter", "verdict"),
    [
        (-0.5, 0.05, "not reproduced"),  # longer training comes closer
        (0.0, 0.03, "reproduced"),
        (0.5, 0.05, "reproduced"),  # farther away is no gain
        (-0.05, 0.01, "reproduced"),  # closer, by less than would matter
        (0.0, 0.4, "undecided"),
    ],
)
def test_longer_training_gains_nothing_something_or_is_open(world, slope, scatter, verdict):
    planted(world, slope, scatter=scatter)
    finding = world.judge("longer-training-gains-nothing", DISTANCES, GAIN)
    assert (finding.verdict, finding.n) == (verdict, 5)
    assert finding.reason.startswith(f"{measure('fd_efficientnet').label} changes by")


def test_texture_alone_says_nothing_of_an_upper_limit(world):
    planted(world, 0.0, scatter=0.03, seen="fd_lbp")
    finding = world.judge("longer-training-gains-nothing", DISTANCES, GAIN)
    assert finding.verdict == "undecided"
    assert finding.reason.startswith("FD-LBP changes by")
    assert "FD-LBP does not see anatomy" in finding.reason


def test_two_trainings_and_one_epoch_give_no_answer(world):
    draw = np.random.default_rng(1)
    for few in ({"sizes": SIZES[:2]}, {"epochs": EPOCHS[:1]}):
        world.grid(lambda *_: {"psnr": draw.normal()}, **few)
        finding = judge(world, ["psnr"])
        assert finding.verdict == "undecided"
        assert "at least 3 are needed" in finding.reason


def snapshots(draws, repeats, trend):
    """Trainings whose snapshots hang together: a level of their own and a random walk."""
    steps = draws.normal(size=(repeats, len(SIZES), len(EPOCHS)))
    level = draws.normal(0, 3, (repeats, len(SIZES), 1))
    return level + steps.cumsum(axis=2) + trend * np.log2(EPOCHS)


def test_dependent_snapshots_keep_the_level_and_a_trend_is_found():
    draws, repeats = np.random.default_rng(2), 20_000
    p = {}
    for trend in (0.0, 4.0):
        slopes = slopes_over_doublings(EPOCHS, snapshots(draws, repeats, trend))
        p[trend] = stats.ttest_1samp(slopes, 0, axis=1).pvalue
    assert (p[0.0] < 0.05).mean() == pytest.approx(0.05, abs=0.006)
    assert (p[4.0] < 0.05).mean() > 0.9
    # All 20 sets as independent points would be wrong far more often.
    values = snapshots(draws, 2000, 0.0).reshape(2000, -1)
    naive = stats.pearsonr(np.tile(np.log2(EPOCHS), len(SIZES)), values, axis=1).pvalue
    assert (naive < 0.05).mean() < 0.05  # here the trainings' levels hide everything
    assert slopes_over_doublings([1, 2, 4], [1.0, 3, 5]) == pytest.approx(2)


def test_a_trend_at_the_bound_is_seldom_called_smaller_and_none_often():
    draws = np.random.default_rng(4).normal(size=(4000, 5))
    at_bound = np.mean([equivalence_of_trend(each + 2.0, 2.0) < 0.05 for each in draws])
    assert at_bound == pytest.approx(0.05, abs=0.011)
    assert np.mean([equivalence_of_trend(each, 2.0) < 0.05 for each in draws]) > 0.8
