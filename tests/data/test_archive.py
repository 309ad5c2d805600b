from __future__ import annotations

import stat
import warnings
import zipfile
from pathlib import Path

import pytest

from miua.data import download
from miua.data.download import extract_zip
from miua.errors import MiuaError


def make_zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def assert_refused(archive: Path, reason: str) -> None:
    """Refused with `reason`, and nothing written, not even beside the target."""
    before = sorted(archive.parent.parent.rglob("*"))
    with pytest.raises(MiuaError, match=reason):
        extract_zip(archive, archive.parent / "out")
    assert sorted(archive.parent.parent.rglob("*")) == before


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "place").mkdir()
    return tmp_path / "place"


def test_members_and_folders_come_out_whole(place: Path) -> None:
    archive = make_zip(place / "a.zip", {"set/": b"", "set/a.png": b"A" * 500, "set/b/c": b"C"})
    extract_zip(archive, place / "out")
    assert (place / "out/set/a.png").read_bytes() == b"A" * 500
    assert (place / "out/set/b/c").read_bytes() == b"C"
    assert sorted(path.name for path in place.iterdir()) == ["a.zip", "out"]


def test_an_existing_folder_is_left_alone(place: Path) -> None:
    archive = make_zip(place / "a.zip", {"a": b"A"})
    (place / "out").mkdir()
    with pytest.raises(FileExistsError):
        extract_zip(archive, place / "out")
    assert list((place / "out").iterdir()) == []


@pytest.mark.parametrize(
    "name", ["../evil", "set/../../evil", "/evil", "..\\evil", "C:evil", "C:/evil"]
)
def test_a_member_that_would_land_elsewhere_is_refused(name: str, place: Path) -> None:
    archive = make_zip(place / "a.zip", {"good": b"G", name: b"E"})
    assert_refused(archive, "outside the target folder")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices_are_refused(kind: int, place: Path) -> None:
    member = zipfile.ZipInfo("link")
    member.external_attr = (kind | 0o777) << 16
    with zipfile.ZipFile(place / "a.zip", "w") as archive:
        archive.writestr(member, "/etc/passwd")
    assert_refused(place / "a.zip", "link or a device")


def test_an_encrypted_member_is_refused(place: Path) -> None:
    archive = make_zip(place / "a.zip", {"secret": b"S"})
    raw = bytearray(archive.read_bytes())
    raw[raw.index(b"PK\x01\x02") + 8] |= 1  # the flag in the central directory
    archive.write_bytes(raw)
    assert_refused(archive, "is encrypted")


def test_a_name_used_twice_is_refused(place: Path) -> None:
    with warnings.catch_warnings(), zipfile.ZipFile(place / "a.zip", "w") as archive:
        warnings.simplefilter("ignore")  # zipfile's own, about what this test wants
        archive.writestr("a", "1")
        archive.writestr("a", "2")
    assert_refused(place / "a.zip", "twice")


def test_a_bomb_is_refused_by_ratio_and_by_size(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = make_zip(place / "a.zip", {"zeros": bytes(3_000_000)})
    assert_refused(archive, "3,000,000 bytes")
    monkeypatch.setattr(download, "MAX_UNPACKED_RATIO", 10_000)
    with monkeypatch.context() as patch:
        patch.setattr(download, "MAX_UNPACKED_BYTES", 2_000_000)
        assert_refused(archive, "3,000,000 bytes")
    extract_zip(archive, place / "out")
    assert (place / "out/zeros").stat().st_size == 3_000_000


def test_damaged_and_cut_archives_are_named(place: Path) -> None:
    archive = make_zip(place / "a.zip", {"a": bytes(range(256)) * 40})
    raw = archive.read_bytes()
    archive.write_bytes(raw[:-30])
    assert_refused(archive, r"a\.zip is no readable zip archive")
    broken = bytearray(raw)
    broken[60] ^= 0xFF
    archive.write_bytes(broken)
    assert_refused(archive, r"a\.zip is no readable zip archive")


def test_a_missing_archive_is_named(place: Path) -> None:
    assert_refused(place / "none.zip", r"none\.zip is missing")
