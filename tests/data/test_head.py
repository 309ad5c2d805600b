from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import binary_fill_holes, label
from scipy.special import ellipe

from miua.data.head import Ellipse

RATIOS = st.floats(0.6, 1.0)


def test_a_circle_has_the_perimeter_of_a_circle() -> None:
    assert Ellipse(0, 0, 50, 50, 0).perimeter == pytest.approx(2 * math.pi * 50, rel=1e-14)


@given(RATIOS)
def test_the_perimeter_agrees_with_the_elliptic_integral(ratio: float) -> None:
    exact = 4 * 100 * ellipe(1 - ratio**2)
    assert Ellipse(0, 0, 100, 100 * ratio, 0.3).perimeter == pytest.approx(exact, rel=1e-9)


@given(RATIOS, st.floats(-math.pi, math.pi))
def test_own_coordinates_put_the_outline_on_the_unit_circle(ratio: float, angle: float) -> None:
    ellipse = Ellipse(120, 90, 60, 60 * ratio, angle)
    y, x = np.nonzero(ellipse.outline(240, 180))
    u, v = ellipse.own_coordinates(x.astype(float), y.astype(float))
    # Half a pixel's diagonal off at most.
    assert np.abs(np.hypot(u, v) - 1).max() < 0.75 / ellipse.minor


@given(RATIOS, st.floats(-math.pi, math.pi))
def test_the_outline_is_closed_thin_and_as_large_as_the_ellipse(ratio: float, angle: float) -> None:
    ellipse = Ellipse(120.3, 90.6, 60, 60 * ratio, angle)
    outline = ellipse.outline(240, 180) > 0
    assert label(outline, np.ones((3, 3)))[1] == 1
    inside = binary_fill_holes(outline)
    assert inside.sum() - outline.sum() / 2 == pytest.approx(math.pi * 60 * 60 * ratio, rel=0.01)
    rows, columns = np.nonzero(outline)
    half_width, half_height = ellipse.half_extent
    assert (columns.max() - columns.min()) / 2 == pytest.approx(half_width, abs=1)
    assert (rows.max() - rows.min()) / 2 == pytest.approx(half_height, abs=1)


def test_what_lies_beyond_the_image_is_cut_off() -> None:
    assert Ellipse(0, 0, 30, 20, 0).outline(40, 40).any()
    assert not Ellipse(-100, 0, 30, 20, 0).outline(40, 40).any()
