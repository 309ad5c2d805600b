"""What the synthetic sets are like: closest elements, variety, ranges."""

import math

import numpy as np
import pytest

from miua.analysis.claim_tests.images import _among_lowest
from miua.files import write_array
from miua.metrics.registry import STUDY_ELEMENTS, element_name
from tests.analysis.claim_tests.world import EPOCHS

CLOSEST = ("elements-are-closest", {"elements": list(STUDY_ELEMENTS), "arm": "equal epochs"})
RANKS = {"alpha": 0.05, "least_count": 1.0, "lowest": 0.25}


def elements(world, size_of, **kwargs):
    world.grid(lambda *_: {element_name(e): size_of(e) for e in range(256)}, **kwargs)


def test_the_four_elements_rank_low_or_as_random_ones(world):
    elements(world, lambda e: 0.01 * e if e in STUDY_ELEMENTS else -10 - e)
    finding = world.judge(*CLOSEST, RANKS)
    assert finding.verdict == "reproduced"
    assert [finding.numbers[f"V{e} rank"] for e in STUDY_ELEMENTS] == [1, 2, 3, 4]
    assert finding.numbers["p"] == pytest.approx(1 / math.comb(256, 4))
    elements(world, lambda e: 1 + 0.1 * e)  # ranks 9, 21, 144, 241
    finding = world.judge(*CLOSEST, RANKS)
    assert finding.verdict == "not reproduced"
    assert finding.power > 0.95
    near_all = world.judge(*CLOSEST, RANKS | {"lowest": 0.9})
    assert near_all.verdict == "undecided"


def test_elements_near_the_lowest_are_undecided_though_the_power_is_high(world):
    """Ranks near 30, 70, 95 and 90 miss significance, and some of the lowest 40 % rank as high."""
    places = dict(zip(STUDY_ELEMENTS, (30.5, 70.5, 95.5, 90.5), strict=True))
    elements(world, lambda e: places.get(e, float(e)))
    finding = world.judge(*CLOSEST, RANKS | {"lowest": 0.4})
    assert finding.numbers["p"] > 0.05
    assert finding.power > 0.5
    assert finding.verdict == "undecided"


@pytest.mark.parametrize("lowest", [0.25, 1.0])
def test_elements_of_the_lowest_share_are_refuted_as_often_as_the_level_says(lowest):
    """Refuting them takes ranks that such elements have in one case of twenty; random elements are
    refuted as often as not to be of the lowest quarter."""
    draw = np.random.default_rng(5)
    among = round(lowest * 171)
    own = [draw.permutation(among)[:4] + 1.0 for _ in range(60)]
    refuted = sum(_among_lowest(171, ranks, 0.05, 0.25)[1] < 0.05 for ranks in own)
    assert refuted <= 8 if lowest == 0.25 else refuted >= 40


def test_rare_elements_differ_little_and_are_left_out(world):
    # Sixty rare elements differ less than the four do; among those that occur the four are first.
    rare = set(range(30, 90))
    size = {e: 0.001 if e in rare else 0.1 if e in STUDY_ELEMENTS else 5.0 + e for e in range(256)}
    elements(world, lambda e: size[e] + 1e-6 * e)
    counts = np.array([0.1 if e in rare else 16.0 for e in range(256)])
    write_array(world.folder / "metrics" / "reference.npy", counts)
    finding = world.judge(*CLOSEST, RANKS)
    assert finding.numbers["elements compared"] == 196
    assert finding.numbers["V8 rank"] == 1
    assert finding.numbers["V8 rank of all"] == 61
    assert finding.verdict == "reproduced"


def test_elements_that_all_differ_equally_are_undecided(world):
    elements(world, lambda _: 1.0)
    assert world.judge(*CLOSEST, RANKS).verdict == "undecided"


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [
        ((0.7, 0.6, 0.8), "reproduced"),
        ((1.0, 0.98, 1.02), "not reproduced"),
        ((0.98, 0.97, 0.99), "not reproduced"),  # below 1, but by less than the margin
        ((0.95, 0.85, 1.05), "undecided"),
        (0.7, "undecided"),  # no interval
    ],
)
def test_variety_is_reduced_where_intervals_are_clear_of_one(world, interval, verdict):
    world.grid(lambda *_: {"diversity": interval})
    inputs = {"metric": "diversity", "arm": "equal epochs"}
    thresholds = {"ratio": 1.0, "margin": 0.05, "share": 0.5}
    assert world.judge("variety-is-reduced", inputs, thresholds).verdict == verdict


def test_a_set_of_equal_images_counts_by_its_value(world):
    inputs = {"metric": "diversity", "arm": "equal epochs"}
    thresholds = {"ratio": 1.0, "margin": 0.05, "share": 0.99}
    first = EPOCHS[0]
    world.grid(lambda _, epoch: {"diversity": 0.0 if epoch == first else (0.7, 0.6, 0.8)})
    assert world.judge("variety-is-reduced", inputs, thresholds).verdict == "reproduced"
