"""Axes and paths of the page's own charts."""

import itertools
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miua.report.plots import MOST_TICKS, Axis, outline, path

NUMBERS = st.floats(-1e6, 1e6).map(lambda value: round(value, 4))


@given(st.lists(NUMBERS, min_size=1, max_size=20))
def test_an_axis_holds_all_its_values_and_a_few_round_ticks(values):
    axis = Axis.over(values, 300.0, 10.0)
    assert all(10 - 1e-9 <= axis.at(value) <= 300 + 1e-9 for value in values)
    ticks = axis.ticks
    assert 1 <= len(ticks) <= MOST_TICKS + 1
    numbers = [float(tick.label.replace("−", "-")) for tick in ticks]
    for number, tick in zip(numbers, ticks, strict=True):
        assert axis.at(number) == pytest.approx(tick.at, abs=1e-3)
    steps = [later - before for before, later in itertools.pairwise(numbers)]
    assert all(step == pytest.approx(steps[0]) for step in steps)


def test_ticks_are_the_round_numbers_one_expects():
    assert [tick.label for tick in Axis(0, 1000, 0, 1).ticks] == ["0", "200", "400", "600", "800",
                                                                  "1000"]  # fmt: skip
    assert [tick.label for tick in Axis(-0.1, 0.1, 0, 1).ticks] == ["−0.10", "−0.05", "0.00",
                                                                    "0.05", "0.10"]  # fmt: skip


def test_an_axis_without_numbers_or_of_one_has_a_width():
    assert Axis.over([math.nan], 0, 1).high > Axis.over([], 0, 1).low
    one = Axis.over([5.0, 5.0], 0, 100)
    assert one.at(5.0) == pytest.approx(50)


def test_a_path_goes_through_its_points_and_breaks_where_there_is_none():
    x = y = Axis(0, 10, 0, 100)
    drawn = path(x, y, [0, 1, 2, 3], [0.0, 1.0, math.nan, 3.0])
    assert drawn == "M0.0 0.0L10.0 10.0M30.0 30.0"


def test_an_outline_is_closed_and_goes_there_and_back():
    x = y = Axis(0, 10, 0, 100)
    drawn = outline(x, y, [0, 10], [1, 2], [3, 4])
    assert re.findall(r"[\d.]+ [\d.]+", drawn) == ["0.0 30.0", "100.0 40.0", "100.0 20.0",
                                                   "0.0 10.0"]  # fmt: skip
    assert drawn.endswith("Z")
