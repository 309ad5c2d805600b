from __future__ import annotations

import hashlib
import os
import resource
import stat
from pathlib import Path

import numpy as np
import pytest

from miua.errors import MiuaError
from miua.files import (
    PARTIAL,
    atomic_folder,
    atomic_open,
    atomic_path,
    data_folder,
    read_array,
    read_json,
    remove_partial_files,
    sha256_array,
    sha256_file,
    write_array,
    write_json,
    write_text,
)


def test_a_file_appears_whole_with_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "a.txt"
    with atomic_open(path) as file:
        file.write("half")
        file.flush()
        assert not path.exists()
        file.write(" and half")
    assert path.read_text() == "half and half"
    assert [child.name for child in path.parent.iterdir()] == ["a.txt"]


def test_a_failure_keeps_the_old_file_and_leaves_no_part(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(RuntimeError), atomic_open(path) as file:
        file.write("new")
        raise RuntimeError
    assert path.read_text() == "old"
    assert [child.name for child in tmp_path.iterdir()] == ["a.txt"]


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    place = tmp_path / "new" / "folder"
    with pytest.raises(RuntimeError), atomic_folder(place) as made:
        (made / "half").touch()
        raise RuntimeError
    with atomic_folder(place) as made:
        (made / "a").write_text("whole")
        assert not place.exists()
    assert [path.name for path in place.parent.rglob("*")] == ["folder", "a"]


def test_a_folder_replaces_another_only_when_asked(tmp_path: Path) -> None:
    place = tmp_path / "folder"
    place.mkdir()
    (place / "old").touch()
    with pytest.raises(OSError, match="not empty"), atomic_folder(place) as made:
        (made / "new").touch()
    assert [path.name for path in tmp_path.rglob("*")] == ["folder", "old"]
    with atomic_folder(place, replace=True) as made:
        (made / "new").touch()
    assert [path.name for path in tmp_path.rglob("*")] == ["folder", "new"]


def test_what_a_kill_has_left_is_removed_however_deep(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "deep" / "er"):
        (place / f"{PARTIAL}folder" / f"{PARTIAL}inner").mkdir(parents=True)
        (place / f"{PARTIAL}a.csv").touch()
    (tmp_path / "deep" / "whole.csv").touch()
    remove_partial_files(tmp_path)
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")}
    assert left == {"deep", "deep/er", "deep/whole.csv"}


def test_writers_that_go_by_suffix_see_it(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "a.npy") as temporary:
        assert temporary.suffix == ".npy"
        assert temporary.parent == tmp_path
        np.save(temporary, np.arange(3))
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), np.arange(3))


def test_files_get_the_permissions_that_the_person_chose(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "a.txt", "a")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o640


def test_a_private_file_is_its_owners_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with atomic_path(tmp_path / "a", private=True) as temporary:
            temporary.write_text("a")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600


def test_json_is_the_same_bytes_for_the_same_value(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"b": 1, "a": [1.5, None, "ä"]})
    write_json(tmp_path / "b.json", {"a": [1.5, None, "ä"], "b": 1})
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert read_json(tmp_path / "a.json") == {"a": [1.5, None, "ä"], "b": 1}
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "nan.json", float("nan"))
    assert not (tmp_path / "nan.json").exists()


def test_json_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"a": "ä"}', encoding="utf-8-sig")
    assert read_json(tmp_path / "a.json") == {"a": "ä"}


def test_missing_and_damaged_files_are_named(tmp_path: Path) -> None:
    for read in (read_json, read_array):
        with pytest.raises(MiuaError, match=r"none\.x is missing"):
            read(tmp_path / "none.x")
    (tmp_path / "bad.json").write_bytes(b'{"a": \xff')
    with pytest.raises(MiuaError, match=r"bad\.json is not valid JSON"):
        read_json(tmp_path / "bad.json")
    write_array(tmp_path / "cut.npy", np.arange(100))
    whole = (tmp_path / "cut.npy").read_bytes()
    for content in (whole[:-8], whole[:20], b""):
        (tmp_path / "cut.npy").write_bytes(content)
        with pytest.raises(MiuaError, match=r"cut\.npy is not a readable \.npy file"):
            read_array(tmp_path / "cut.npy")


def test_pickles_are_not_read(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(MiuaError, match="not a readable"):
        read_array(tmp_path / "a.npy")


def test_hashes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc" * 1000)
    assert sha256_file(tmp_path / "a") == hashlib.sha256(b"abc" * 1000).hexdigest()
    array = np.arange(12, dtype=np.uint8)
    digests = {
        sha256_array(other)
        for other in (array, array.reshape(3, 4), array.astype(np.int8), array[::-1])
    }
    assert len(digests) == 4
    table = array.reshape(3, 4)
    assert sha256_array(np.asfortranarray(table)) == sha256_array(table)


def test_the_data_folder_can_be_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIUA_DATA_DIR", str(tmp_path / "here"))
    assert data_folder() == tmp_path / "here"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MIUA_DATA_DIR", "~/there")
    assert data_folder() == tmp_path / "there"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("MIUA_DATA_DIR", "")
    assert data_folder().name == "miua"


def test_an_error_of_the_disk_names_the_file_that_was_asked_for(tmp_path: Path) -> None:
    for write in (atomic_path, atomic_folder):
        with pytest.raises(OSError, match="No space left") as raised, write(tmp_path / "a.npy"):
            raise OSError(28, "No space left on device")  # as a full disk does: without a name
        assert raised.value.filename == str(tmp_path / "a.npy")
        (tmp_path / "file").touch()
        with pytest.raises(OSError, match="file") as raised, write(tmp_path / "file" / "a.npy"):
            pass
        assert PARTIAL not in str(raised.value)


def test_a_full_disk_says_so_while_an_array_is_written(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(OSError, match="File too large") as raised:
            write_array(tmp_path / "a.npy", np.zeros(10**6))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert raised.value.filename == str(tmp_path / "a.npy")
