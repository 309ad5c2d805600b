"""Pictures as a page carries them: byte for byte, at a whole zoom."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from miua.charts.pictures import picture, png_file, samples
from miua.errors import MiuaError


def test_a_picture_is_the_file(tmp_path):
    path = tmp_path / "a.png"
    Image.new("L", (30, 20)).save(path)
    shown = png_file(path)
    kind, _, text = shown.source.partition(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(text) == path.read_bytes()
    assert (shown.width, shown.height) == (30, 20)


def test_a_picture_that_is_missing_or_none_is_named(tmp_path):
    with pytest.raises(MiuaError, match=r"b\.png is missing"):
        png_file(tmp_path / "b.png")
    (tmp_path / "c.png").write_bytes(b"no picture")
    with pytest.raises(MiuaError, match=r"c\.png is no PNG"):
        png_file(tmp_path / "c.png")


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
