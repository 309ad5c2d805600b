"""Windows by their formula."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from miua.data.reading import RefusedError, checked_window, parse_window, rounded, through_window
from miua.errors import MiuaError


def test_windows_are_read_as_they_are_written() -> None:
    assert parse_window("100:3000") == (100.0, 3000.0)
    assert parse_window("-1e3:.5") == (-1000.0, 0.5)
    assert parse_window("dicom") == "dicom"


@pytest.mark.parametrize("text", ["", "5", "1:2:3", "a:b", "3:3", "4:1", "nan:1", "0:inf", "DICOM"])
def test_what_is_no_window_says_what_one_is(text: str) -> None:
    with pytest.raises(MiuaError, match="Give LOW:HIGH"):
        parse_window(text)


def test_a_window_from_python_is_checked() -> None:
    assert checked_window((1, 2)) == (1.0, 2.0)
    for wrong in ((2, 1), (0, math.nan), ("1", 2)):
        with pytest.raises(ValueError, match="window"):
            checked_window(wrong)  # type: ignore[arg-type]


@given(
    st.integers(-(2**15), 2**15),
    st.integers(1, 2**16),
    st.lists(st.integers(-(2**16), 2**17), min_size=1, max_size=30),
    st.sampled_from([(255, np.uint8), (65535, np.uint16)]),
)
def test_the_formula(
    low: int, width: int, values: list[int], target: tuple[int, type[np.uint8]]
) -> None:
    top, dtype = target
    mapped, clipped = through_window(np.array([values]), low, low + width, top)
    got = rounded(mapped, dtype)[0]
    for value, grey in zip(values, got.tolist(), strict=True):
        exact = min(max(Fraction(value - low, width), Fraction(0)), Fraction(1)) * top
        # Half a level is where the last bit of a double decides.
        assert abs(grey - exact) <= Fraction(1, 2) + Fraction(1, 10**9)
    assert clipped == sum(not low <= value <= low + width for value in values)


def test_the_ends_of_a_window_are_black_and_white() -> None:
    mapped, clipped = through_window(np.array([[99, 100, 3000, 3001]], np.uint16), 100, 3000, 255)
    assert rounded(mapped, np.uint8).tolist() == [[0, 0, 255, 255]]
    assert clipped == 2


def test_a_window_without_width_is_a_threshold() -> None:
    mapped, _ = through_window(np.array([[1.0, 2.0, 2.1]]), 2, 2, 255)
    assert mapped.tolist() == [[0, 0, 255]]


def test_values_that_are_not_finite_are_refused() -> None:
    with pytest.raises(RefusedError, match="not finite"):
        through_window(np.array([[1.0, np.nan]]), 0, 1, 255)


def test_rounding_is_half_up_and_stays_in_range() -> None:
    assert rounded(np.array([-3.0, 0.5, 1.49, 254.5, 300]), np.uint8).tolist() == [
        0,
        1,
        1,
        255,
        255,
    ]
