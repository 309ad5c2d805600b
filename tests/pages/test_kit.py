"""What pages carry: data that cannot end its element, a true hash, assets that stay in theirs."""

import base64
import hashlib
import json
import math
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miua.pages.kit import json_block, source_hash
from miua.wording import rounded

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


def test_the_hash_is_the_sources_sha256():
    digest = base64.b64decode(source_hash("let a = 1;").removeprefix("'sha256-").rstrip("'"))
    assert digest == hashlib.sha256(b"let a = 1;").digest()


@pytest.mark.parametrize("package", ["miua.pages", "miua.report", "miua.survey"])
def test_script_and_style_cannot_end_their_element(package):
    folder = resources.files(package) / "templates"
    files = [each for each in folder.iterdir() if each.name.endswith((".js", ".css"))]
    assert files
    for each in files:
        text = each.read_text(encoding="utf-8")
        assert ("</" if each.name.endswith(".js") else "<") not in text


def test_numbers_have_three_places_and_none_where_there_is_none():
    assert rounded([1.23456, math.nan, math.inf, 2]) == [1.235, None, None, 2.0]
