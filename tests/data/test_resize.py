"""Resizing by definition, beside Pillow and torch."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from miua.data.reading import ReadingOptions, Resize
from miua.data.resize import squared

FILTERS: list[Resize] = ["bilinear", "bicubic", "lanczos", "box", "nearest"]
PILLOW = Image.Resampling


def square(pixels: NDArray[Any], options: ReadingOptions) -> NDArray[Any]:
    return squared(pixels, options)[0]


def grey(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)


@pytest.mark.parametrize("resize", ["bilinear", "bicubic", "lanczos", "box"])
def test_with_antialiasing_it_is_pillow_s(resize: Resize) -> None:
    pixels = grey(54, 80)
    expected = Image.fromarray(pixels).resize((16, 16), PILLOW[resize.upper()])
    np.testing.assert_array_equal(
        square(pixels, ReadingOptions(16, resize=resize)), np.asarray(expected)
    )


@pytest.mark.parametrize("resize", ["bilinear", "bicubic", "lanczos"])
def test_without_antialiasing_an_enlargement_is_the_same(resize: Resize) -> None:
    pixels = grey(9, 11)
    wide, plain = (
        square(pixels * 257.0, ReadingOptions(40, resize=resize, antialias=antialias))
        for antialias in (True, False)
    )
    np.testing.assert_allclose(plain, wide, atol=0.05)  # Pillow has 32-bit floats
    eight = square(pixels, ReadingOptions(40, resize=resize, antialias=False))
    assert eight.dtype == np.uint8
    np.testing.assert_allclose(eight, np.clip(plain / 257, 0, 255), atol=0.501)


@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 30), st.integers(0, 99))
def test_bilinear_without_antialiasing_is_torch_s_interpolate(
    height: int, width: int, size: int, seed: int
) -> None:
    pixels = grey(height, width, seed).astype(np.float64)
    if (height, width) == (size, size):
        return
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(pixels)[None, None], (size, size), mode="bilinear"
    )
    got = square(pixels, ReadingOptions(size, antialias=False))
    np.testing.assert_allclose(got, expected[0, 0].numpy(), atol=1e-9)


@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 30))
def test_a_box_without_antialiasing_is_the_nearest_pixel(
    height: int, width: int, size: int
) -> None:
    pixels = grey(height, width)
    rows, columns = (
        [math.floor(Fraction((2 * i + 1) * length, 2 * size)) for i in range(size)]
        for length in (height, width)
    )
    expected = pixels[np.ix_(rows, columns)]
    got = square(pixels, ReadingOptions(size, resize="box", antialias=False))
    np.testing.assert_array_equal(got, expected)
    np.testing.assert_array_equal(square(pixels, ReadingOptions(size, resize="nearest")), expected)


@pytest.mark.parametrize("resize", FILTERS)
@pytest.mark.parametrize("antialias", [True, False])
def test_flat_images_stay_flat(resize: Resize, antialias: bool) -> None:
    flat = np.full((23, 31), 77, np.uint8)
    for size in (1, 8, 50):
        assert (square(flat, ReadingOptions(size, resize=resize, antialias=antialias)) == 77).all()


def test_antialiasing_is_what_keeps_a_fine_pattern_grey() -> None:
    checks = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)
    assert np.ptp(square(checks, ReadingOptions(9)).astype(int)) < 20
    assert np.ptp(square(checks, ReadingOptions(9, resize="nearest")).astype(int)) == 255
    assert np.ptp(square(checks, ReadingOptions(9, antialias=False)).astype(int)) > 100


@pytest.mark.parametrize("antialias", [True, False])
def test_an_image_of_the_size_stays_as_it_is(antialias: bool) -> None:
    pixels = grey(12, 12)
    for resize in FILTERS:
        for size in (12, None):
            options = ReadingOptions(size, resize=resize, antialias=antialias)
            np.testing.assert_array_equal(square(pixels, options), pixels)


@given(st.integers(1, 20), st.integers(1, 20), st.integers(1, 20), st.integers(1, 20))
def test_what_is_counted_as_resized_was(height: int, width: int, size: int, side: int) -> None:
    def done(*options: Any) -> str:
        return squared(grey(height, width), ReadingOptions(*options))[1]

    assert done(None, "crop") == ""
    assert (done(size) == "resized") == ((height, width) != (size, size))
    assert (done(size, "crop") == "resized") == (min(height, width) != size)
    if side <= min(height, width):
        assert (done(size, "crop", side) == "resized") == (side != size)
        assert (done(side, "crop", side) == "cropped") == ((height, width) != (side, side))


def test_wrong_choices_are_named() -> None:
    with pytest.raises(ValueError, match="resize must be one of"):
        ReadingOptions(8, resize="hamming")  # type: ignore[arg-type]
