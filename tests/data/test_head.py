from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import binary_fill_holes, label
from scipy.special import ellipe, gammainc

from miua.data import head as head_module
from miua.data.head import (
    Ellipse,
    Head,
    _brain,
    _smooth,
    _speckle,
    draw_head,
    draw_view,
    grey_image,
)

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


def test_outside_the_fan_is_black() -> None:
    for subject in range(4):
        rng = np.random.default_rng(subject)
        head = draw_head(rng)
        view = draw_view(head, rng)
        image, fan = grey_image(head, view, rng), view.fan
        y, x = np.indices(image.shape)
        distance = np.hypot(x - fan.apex_x, y - fan.apex_y)
        angle = np.arctan2(x - fan.apex_x, y - fan.apex_y)
        off = (distance < fan.near - 1) | (distance > fan.far + 1)
        off |= np.abs(angle) > fan.half_angle + 0.005
        assert off.any()
        assert not image[off].any()
        assert (image[~off] > 0).mean() > 0.8


@pytest.mark.parametrize("looks", [1, 4])
def test_speckle_is_exponentially_distributed_and_smoother_over_more_looks(looks: int) -> None:
    power = _speckle(np.random.default_rng(0), looks)
    assert power.mean() == pytest.approx(1, abs=0.02)
    # The mean of n exponential values follows a gamma distribution of shape n.
    assert power.std() == pytest.approx(1 / math.sqrt(looks), abs=0.04)
    shares = [(power < limit).mean() for limit in (0.5, 1, 2)]
    expected = gammainc(looks, looks * np.array((0.5, 1, 2)))
    np.testing.assert_allclose(shares, expected, atol=0.02)


def test_smooth_maps_are_smooth_and_of_unit_spread() -> None:
    rng = np.random.default_rng(0)
    maps = np.stack([_smooth(rng, 8, 6) for _ in range(40)])
    assert maps.shape[1:] == (540, 800)
    assert maps.std() == pytest.approx(1, abs=0.1)
    assert maps.mean() == pytest.approx(0, abs=0.1)
    assert np.abs(np.diff(maps, axis=1)).max() < 0.2
    assert np.abs(np.diff(maps, axis=2)).max() < 0.2


def test_a_brain_is_its_subjects_in_every_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head_module, "_smooth", lambda *_: np.float32(0))  # each image's own
    u, v = np.meshgrid(*2 * (np.linspace(-0.9, 0.9, 61, dtype=np.float32),))

    def brain(shape: int, image: int) -> NDArray[np.floating[Any]]:
        head, rng = Head(20.0, 174.0, 0.79, shape), np.random.default_rng(image)
        return _brain(head, u.copy(), v.copy(), rng).ravel()

    for shape in range(8):
        assert np.corrcoef(brain(shape, 1), brain(shape, 2))[0, 1] > 0.8
        assert np.corrcoef(brain(shape, 1), brain(shape + 8, 1))[0, 1] < 0.7
