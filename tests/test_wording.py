"""Numbers and lists as they are printed."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miua.wording import change, counted, listed, number, p_value, percent, span


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (3.14159, 2, "3.14"),
        (-3.14159, 2, "−3.14"),
        (-0.004, 2, "0.00"),
        (240.856, 0, "241"),
        (9999, 0, "9999"),
        (-1234567.8, 1, "−1\u202f234\u202f567.8"),
        (math.inf, 2, "∞"),
        (-math.inf, 2, "−∞"),
        (math.nan, 2, "–"),
        (None, 2, "–"),
        (1e-300, 3, "0.000"),
    ],
)
def test_number(value, decimals, text):
    assert number(value, decimals) == text


@given(st.floats(-1e9, 1e9), st.integers(0, 6))
def test_a_number_is_right_to_its_last_place_and_never_a_negative_zero(value, decimals):
    text = number(value, decimals).replace("−", "-").replace("\u202f", "")
    assert abs(float(text) - value) <= 0.5 * 10**-decimals + 1e-6
    assert not (text.startswith("-") and float(text) == 0)


def test_other_forms():
    assert span(-3.471, 1.818, 2) == "−3.47 to 1.82"
    assert span(None, 1, 2) == span(math.nan, 1, 2) == ""
    assert [change(each, 2) for each in (0.001, 0.01, -0.01, -0.001, math.nan)] == [
        "0", "+0.01", "−0.01", "0", "–",
    ]  # fmt: skip
    assert [p_value(each) for each in (0.0759, 0.00099, math.nan)] == ["0.076", "< 0.001", "–"]
    assert [percent(each) for each in (0, 0.004, 0.5)] == ["0\u00a0%", "0.4\u00a0%", "50\u00a0%"]
    assert [counted(1, "image"), counted(12345, "image"), counted(2, "is", "are")] == [
        "1 image", "12\u202f345 images", "2 are",
    ]  # fmt: skip
    assert [listed(each) for each in ([], [3], "ab", [3, 4, 5])] == [
        "",
        "3",
        "a and b",
        "3, 4 and 5",
    ]
