"""What the page carries: pictures byte for byte, data that cannot end its element, a true hash."""

import base64
import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from miua.errors import MiuaError
from miua.report.embedded import asset, json_block, png_file, script_policy

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(VALUES)
def test_data_reads_back_and_holds_no_markup(value):
    text = str(json_block(value))
    assert json.loads(text) == value
    assert not set("<>&\u2028\u2029") & set(text)


def test_the_end_of_a_script_in_data_does_not_end_it():
    assert "</script>" not in json_block({"name": "</script><script>alert(1)</script>"})


def test_a_number_that_is_none_is_refused():
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_block([float("nan")])


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


def test_the_policy_is_the_scripts_sha256():
    digest = base64.b64decode(script_policy("let a = 1;").strip("'").removeprefix("sha256-"))
    assert digest == hashlib.sha256(b"let a = 1;").digest()


def test_script_and_style_cannot_end_their_element():
    assert "</" not in asset("report.js")
    assert "<" not in asset("report.css")
