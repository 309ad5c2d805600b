"""Tables that say which images belong together."""

from __future__ import annotations

from pathlib import Path
from unicodedata import normalize

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from miua.data.groups import read_groups
from miua.errors import MiuaError


def table(folder: Path, *rows: str, header: str = "file,group") -> Path:
    path = folder / "groups.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def refused(path: Path, *names: str) -> str:
    with pytest.raises(MiuaError) as caught:
        read_groups(path, names)
    return str(caught.value)


def test_groups_are_numbered_as_the_images_come(tmp_path: Path) -> None:
    path = table(tmp_path, "a/1.png,zoe", "b/1.png,Ann", "2.png,zoe", "not here.png,bob")
    groups = read_groups(path, ["a/1.png", "b/1.png", "c/2.png"])
    assert groups.dtype == np.int64
    assert groups.tolist() == [0, 1, 0]


def test_a_bare_name_serves_where_one_image_has_it(tmp_path: Path) -> None:
    path = table(tmp_path, "1.png,x", "2.png,y")
    assert read_groups(path, ["a/1.png", "b/2.png"]).tolist() == [0, 1]
    message = refused(path, "a/1.png", "b/1.png", "c/2.png")
    assert "  1.png (a/1.png, b/1.png)" in message
    assert "2 images without a group:\n  a/1.png\n  b/1.png" in message
    # A path is meant before a bare name.
    path = table(tmp_path, "1.png,x", "a/1.png,y")
    assert read_groups(path, ["1.png", "a/1.png"]).tolist() == [0, 1]


def test_frames_are_in_their_file_s_group_unless_named(tmp_path: Path) -> None:
    frames = ["s/x.dcm[0]", "s/x.dcm[1]", "y.dcm"]
    assert read_groups(table(tmp_path, "x.dcm,1", "./y.dcm,2"), frames).tolist() == [0, 0, 1]
    path = table(tmp_path, "s/x.dcm,1", "y.dcm,2", "s/x.dcm[1],2")
    assert read_groups(path, frames).tolist() == [0, 1, 1]


def test_further_columns_quotes_and_a_byte_order_mark_are_no_matter(tmp_path: Path) -> None:
    path = tmp_path / "groups.csv"
    path.write_text('age,group,file\r\n3,"x, y","a, b.png"\r\n', encoding="utf-8-sig")
    assert read_groups(path, ["a, b.png"]).tolist() == [0]


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    path = table(tmp_path, "1.png,x", "1.png,y", "1.png,x", "a/2.png,", "2.png,z", "2.png,z")
    message = refused(path, "1.png", "a/2.png", "3.png", "4.png")
    assert "1 rows without a group:\n  line 5: a/2.png" in message
    assert "1 files in more than one group:\n  1.png (x, y)" in message
    assert "2 images without a group:\n  3.png\n  4.png" in message


def test_rows_that_fit_no_image_are_an_error_if_none_does(tmp_path: Path) -> None:
    path = table(tmp_path, "1.tif,x", "2.tif,y")
    assert "no row for any of the images" in refused(path, "1.png", "2.png")
    assert "1.tif, 2.tif; the images are named 1.png, 2.png" in refused(path, "1.png", "2.png")
    assert "(nothing)" in refused(table(tmp_path), "1.png")


@pytest.mark.parametrize("content", [b"", b"file;group\na;b\n", b"name,group\n", b"\xff\xfe,\n"])
def test_what_is_no_such_table_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "groups.csv"
    path.write_bytes(content)
    assert "groups.csv" in refused(path, "a.png")
    assert "is missing" in refused(tmp_path / "gone.csv", "a.png")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.sampled_from([f"{d}/{n}.png" for d in "ab" for n in range(9)]),
        st.integers(0, 3),
        min_size=1,
    ),
    st.randoms(),
)
def test_equal_codes_are_equal_groups(tmp_path: Path, of: dict[str, int], random: object) -> None:
    rows = [f"{name},{group}" for name, group in of.items()]
    random.shuffle(rows)  # type: ignore[attr-defined]
    names = list(of)
    codes = read_groups(table(tmp_path, *rows), names)
    for name, code in zip(names, codes, strict=True):
        for other, its in zip(names, codes, strict=True):
            assert (code == its) == (of[name] == of[other])
    assert set(codes.tolist()) == set(range(len(set(of.values()))))


@pytest.mark.parametrize("row", ["é.png", "a/é.png"])
@pytest.mark.parametrize("in_table", ["NFC", "NFD"])
@pytest.mark.parametrize("on_disk", ["NFC", "NFD"])
def test_accents_match_however_they_are_stored(
    tmp_path: Path, row: str, in_table: str, on_disk: str
) -> None:
    path = table(tmp_path, f"{normalize(in_table, row)},x", "b.png,y")
    assert read_groups(path, ["b.png", normalize(on_disk, "a/é.png")]).tolist() == [0, 1]


def test_two_files_whose_names_look_alike_are_told_apart(tmp_path: Path) -> None:
    both = [normalize(form, "é.png") for form in ("NFC", "NFD")]
    assert read_groups(table(tmp_path, f"{both[0]},x", f"{both[1]},y"), both).tolist() == [0, 1]
