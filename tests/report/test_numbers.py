"""Numbers as they are printed."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miua.report.numbers import interval, p_value, plain, whole


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (3.14159, 2, "3.14"),
        (-3.14159, 2, "−3.14"),
        (-0.004, 2, "0.00"),
        (0.0, 1, "0.0"),
        (240.856, 0, "241"),
        (math.nan, 2, "–"),
        (1e-300, 3, "0.000"),
    ],
)
def test_plain(value, decimals, text):
    assert plain(value, decimals) == text


def test_an_infinite_number_is_an_error_not_a_word():
    with pytest.raises(ValueError, match="finite"):
        plain(math.inf, 2)


@given(st.floats(-1e9, 1e9), st.integers(0, 6))
def test_plain_is_right_to_its_last_place_and_never_a_negative_zero(value, decimals):
    text = plain(value, decimals).replace("−", "-")
    assert abs(float(text) - value) <= 0.5 * 10**-decimals + 1e-6
    assert not (text.startswith("-") and float(text) == 0)


@pytest.mark.parametrize(
    ("value", "text"),
    [(999, "999"), (9900, "9900"), (99000, "99 000"), (-1234567, "−1 234 567")],
)
def test_whole(value, text):
    assert whole(value).replace("\u202f", " ") == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.0759, "= 0.076"), (0.00099, "< 0.001"), (math.nan, "–")]
)
def test_p_value(value, text):
    assert p_value(value) == text


def test_interval():
    assert interval(-3.471, 1.818, 2) == "−3.47 to 1.82"
