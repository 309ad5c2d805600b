"""Axes and paths of the pages' own charts."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from miua.charts.axes import MOST_TICKS, Axis, histogram, labels, path

NUMBERS = st.floats(-1e6, 1e6).map(lambda value: round(value, 4))


@given(st.lists(NUMBERS, min_size=1, max_size=20))
def test_an_axis_holds_all_its_values_and_a_few_round_ticks(values):
    axis = Axis.over(values, 300.0, 10.0)
    assert all(10 - 1e-9 <= axis.at(value) <= 300 + 1e-9 for value in values)
    ticks = axis.ticks
    assert 1 <= len(ticks) <= MOST_TICKS + 1
    numbers = [float(tick.label.replace("−", "-").replace("\u202f", "")) for tick in ticks]
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


def test_a_compressed_axis_is_odd_and_has_powers_of_ten():
    axis = Axis(-50, 50, 3, 97, compressed=True)
    assert (axis.at(0), axis.at(50), axis.at(-50)) == pytest.approx((50, 97, 3))
    assert axis.at(1) + axis.at(-1) == pytest.approx(100)
    assert [tick.label for tick in axis.ticks] == ["−10", "−1", "0", "1", "10"]


@given(st.lists(st.floats(-1e6, 1e6), min_size=2), st.floats(1, 1e9), st.booleans())
def test_an_axis_keeps_the_order_and_stays_inside(values, limit, compressed):
    axis = Axis(-limit, limit, 3, 97, compressed)
    places = [axis.at(value) for value in sorted(values)]
    assert places == sorted(places)
    assert all(3 - 1e-9 <= place <= 97 + 1e-9 for place in places)


def test_marks_off_the_axis_say_so():
    axis = Axis(-10, 10)
    assert axis.mark(math.inf, math.inf, math.inf).beyond == 1
    assert axis.mark(-11, None, None).beyond == -1
    assert axis.mark(10, 9, 12).beyond == 0
    exact = Axis.over([1.0, 3.0, None, math.inf], 0, 100, room=0)
    assert (exact.low, exact.high) == (1, 3)
    assert exact.mark(2, None, None).at == 50
    assert exact.mark(math.inf, None, None).beyond == 1


def test_a_band_is_long_whichever_way_the_axis_runs():
    assert Axis(0, 10, 200, 0).band(2, 5) == pytest.approx((100, 60))
    assert Axis(0, 10, 0, 200).band(0, 5) == pytest.approx((0, 100))


@given(st.sets(st.integers(0, 255), min_size=1, max_size=14))
def test_no_label_covers_another(elements):
    found = labels(dict.fromkeys(elements, "far"), apart=28)
    assert [label.element for label in found] == sorted(elements)
    for line in {label.line for label in found}:
        at = [label.element for label in found if label.line == line]
        assert all(np.diff(at) >= 28)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50))
def test_a_histogram_holds_every_number(shares):
    numbers = np.array([*shares, math.nan])
    axis = Axis(0, 1)
    found = histogram(axis, numbers)
    assert max(column.height for column in found) == pytest.approx(100)
    assert min(column.height for column in found) >= 100 / len(shares)
    assert all(0 <= column.left < 100 for column in found)
    for share in shares:
        assert any(
            column.left - 1e-6 <= axis.at(share) <= column.left + column.width + 1e-6
            for column in found
        )


def test_a_histogram_of_nothing_is_empty():
    assert histogram(Axis(0, 1), np.array([math.nan])) == []
