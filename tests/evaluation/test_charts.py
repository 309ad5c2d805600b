"""Where marks stand in the page's figures."""

import base64
import io
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from miua.evaluation.charts import (
    LBPV_HEIGHT,
    ChanceAxis,
    LbpvAxis,
    PlainAxis,
    ShareAxis,
    chunks,
    labels,
    picture,
    samples,
)


def test_the_range_is_minus_one_to_one_whatever_its_unit():
    assert ChanceAxis.scaled(20.0, 20.0, 30.0) == -1
    assert ChanceAxis.scaled(25.0, 20.0, 30.0) == 0
    assert ChanceAxis.scaled(75.0, 20.0, 30.0) == 10
    axis = ChanceAxis(50)
    start, width = axis.range
    assert start + width / 2 == pytest.approx(50)
    assert axis.percent(50) == pytest.approx(97)
    assert [tick.label for tick in axis.ticks] == ["−10", "−1", "0", "1", "10"]


@given(st.lists(st.floats(-1e6, 1e6), min_size=2), st.floats(0, 1e9))
def test_the_axis_of_chance_keeps_the_order_and_stays_inside(values, limit):
    axis = ChanceAxis(limit)
    places = [axis.percent(value) for value in sorted(values)]
    assert places == sorted(places)
    assert all(3 - 1e-9 <= place <= 97 + 1e-9 for place in places)


def test_marks_off_the_axis_say_so():
    axis = ChanceAxis(10)
    assert axis.mark(math.inf, math.inf, math.inf).beyond == 1
    assert axis.mark(-11, None, None).beyond == -1
    assert axis.mark(10, 9, 12).beyond == 0
    plain = PlainAxis([1.0, 3.0, None, math.inf])
    assert (plain.low, plain.high) == (1, 3)
    assert plain.mark(2, None, None).at == 50
    assert plain.mark(math.inf, None, None).beyond == 1
    assert PlainAxis([2.0]).percent(2) == 50
    assert PlainAxis([math.inf]).mark(math.inf, None, None).beyond == 1


def test_bars_stand_on_zero():
    axis = LbpvAxis(50)
    middle = LBPV_HEIGHT / 2
    up, down = axis.bar(3, 20, (-1, 1), True), axis.bar(4, -20, None, True)
    assert up.top + up.height == pytest.approx(middle)
    assert down.top == pytest.approx(middle)
    assert up.height == pytest.approx(down.height)
    assert up.floor_top + up.floor_height / 2 == pytest.approx(middle)
    assert down.floor_top is down.floor_height is None
    assert 0 < axis.top(50) < axis.top(-50) < LBPV_HEIGHT


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
    axis = ShareAxis(numbers)
    found = axis.histogram(numbers)
    assert max(column.height for column in found) == pytest.approx(100)
    assert min(column.height for column in found) >= 100 / len(shares)
    assert all(0 <= column.left < 100 for column in found)
    assert all(0 <= axis.percent(share) <= 100 for share in shares)
    assert (axis.ticks[0].at, axis.ticks[-1].at, axis.ticks[-1].label) == (0, 100, "1.0")
    for share in shares:
        assert any(
            column.left - 1e-6 <= axis.percent(share) <= column.left + column.width + 1e-6
            for column in found
        )


def test_a_histogram_of_nothing_is_empty():
    assert ShareAxis(np.array([math.nan])).histogram(np.array([math.nan])) == []


def test_a_picture_keeps_its_pixels():
    pixels = np.arange(48, dtype=np.uint8).reshape(6, 8)
    found = picture(pixels)
    assert (found.width, found.height) == (8, 6)
    data = base64.b64decode(found.source.removeprefix("data:image/png;base64,"))
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), pixels)
    assert (picture(pixels, 2).width, picture(pixels, 2).height) == (4, 3)
    assert picture(np.zeros((2, 3, 3), np.uint8)).width == 3


@pytest.mark.parametrize(
    ("side", "zoom", "reduced"), [(16, 6, 1), (64, 2, 1), (96, 1, 1), (128, 1, 1), (512, 1, 4)]
)
def test_samples_have_a_size_for_the_screen(side, zoom, reduced):
    found = samples(np.zeros((24, side, side), np.uint8))
    assert (len(found.pictures), found.zoom, found.reduced) == (16, zoom, reduced)
    assert len(samples(np.zeros((3, side, side), np.uint8)).pictures) == 3


def test_chunks_are_nearly_equal():
    assert chunks(list("abcdefgh"), 7) == [list("abcd"), list("efgh")]
    assert chunks([], 7) == []
