"""Where a value lies relative to the range of real images, and how that is said."""

import math

import numpy as np
import pytest

from miua.evaluation.result import FloorRecord
from miua.evaluation.standing import chance_outside, how_they_compare, standing
from miua.metrics.records import MetricRecord


def record(value, low=None, high=None):
    return MetricRecord("set", "metric", value, low, high, "", 9, 9, "")


def ranged(low, high):
    return FloorRecord("metric", (low + high) / 2, low, high, 9, 20, "computed")


@pytest.mark.parametrize(
    ("value", "better", "position", "kind"),
    [
        (1.5, "lower", "within", "within"),
        (1.0, "lower", "within", "within"),
        (2.1, "lower", "above", "worse"),
        (0.9, "lower", "below", "better"),
        (2.1, "higher", "above", "better"),
        (0.9, "higher", "below", "worse"),
        (0.98, "one", "below", "better"),  # nearer to 1 than any of the range
        (2.1, "one", "above", "worse"),
        (-3.0, "zero", "below", "worse"),
        (0.5, "zero", "below", "better"),
        (math.inf, "higher", "above", "better"),
    ],
)
def test_a_value_stands_beside_the_range(value, better, position, kind):
    low, high = (1.05, 2.0) if better == "one" else (1.0, 2.0)
    found = standing(record(value), ranged(low, high), better)
    assert (found.position, found.kind) == (position, kind)


def test_an_interval_that_reaches_the_range_is_told():
    reaches = standing(record(3, 1.9, 4), ranged(1, 2), "lower")
    apart = standing(record(3, 2.1, 4), ranged(1, 2), "lower")
    assert reaches.words == "above, the worse side; its interval reaches the range"
    assert apart.words == "above, the worse side"
    assert standing(record(3), ranged(1, 2), "lower").touches is None


def test_there_is_no_standing_without_value_or_range():
    assert standing(record(None), ranged(1, 2), "lower") is None
    assert standing(record(1), None, "lower") is None
    missing = FloorRecord("metric", None, None, None, 9, 20, "not computed: why")
    assert standing(record(1), missing, "lower") is None


def test_the_share_that_chance_puts_outside_is_the_simulated_one():
    random = np.random.default_rng(1)
    for splits in (2, 20, 200):
        drawn = random.random((20_000, splits))
        low, high = np.percentile(drawn, (2.5, 97.5), axis=1)
        other = random.random(20_000)
        outside = ((other < low) | (other > high)).mean()
        assert chance_outside(splits) == pytest.approx(outside, abs=0.01)


def test_the_sentence_of_a_set():
    def placed(*values):
        return [("MI", standing(record(value), ranged(1, 2), "lower")) for value in values]

    assert how_they_compare(placed(1, 2), 0, True) == (
        "All 2 metrics with a range lie within what real images show among themselves."
    )
    assert how_they_compare(placed(1), 0, True) == (
        "The one metric with a range lies within what real images show among themselves."
    )
    assert how_they_compare(placed(1, 3), 0, True) == (
        "1 of 2 metrics lies outside what real images show among themselves, on the worse side."
    )
    assert how_they_compare(placed(0, 0.5, 1), 1, True) == (
        "2 of 3 metrics lie outside what real images show among themselves, all on the better "
        "side. 1 could not be computed."
    )
    assert "2 of 2 metrics lie outside" in how_they_compare(placed(0, 3), 0, True)
    assert "1 on the worse side" in how_they_compare(placed(0, 3), 0, True)
    assert how_they_compare([("MI", None)], 0, False) == (
        "1 metric computed, and none has a range of real images to be held against."
    )
