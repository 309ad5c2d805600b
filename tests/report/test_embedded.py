"""What the page carries: pictures byte for byte, and numbers that JSON has."""

import base64
import math

import pytest
from PIL import Image

from miua.errors import MiuaError
from miua.report.embedded import png_file, rounded


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


def test_numbers_have_three_places_and_none_where_there_is_none():
    assert rounded([1.23456, math.nan, math.inf, 2]) == [1.235, None, None, 2.0]
