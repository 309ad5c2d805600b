"""Zip archives from elsewhere, unpacked so that they can only write where they should."""

from __future__ import annotations

import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from miua.errors import MiuaError
from miua.files import atomic_folder
from miua.progress import progress

MAX_BYTES = 4 * 10**9
MAX_RATIO = 100


def extract_zip(
    archive: Path, folder: Path, *, max_bytes: int = MAX_BYTES, max_ratio: float = MAX_RATIO
) -> None:
    """Unpack `archive` as `folder`, which must not exist and then appears whole.

    MiuaError, with nothing written: the archive is damaged; a member is encrypted, no plain file
    or folder, named twice, or would land outside `folder`; or all members together would take
    more than `max_bytes` bytes or more than `max_ratio` times the archive's size.
    """
    if folder.exists():
        raise FileExistsError(f"{folder} exists")
    try:
        with zipfile.ZipFile(archive) as opened:
            members = opened.infolist()
            _check_members(archive, members, max_bytes, max_ratio * archive.stat().st_size)
            with atomic_folder(folder) as unpacked:
                for member in progress(members, f"Unpacking {archive.name}", "files"):
                    _extract(opened, member, unpacked)
    except FileNotFoundError:
        raise MiuaError(f"{archive} is missing.") from None
    # zipfile's own: NotImplementedError for a compression method that it does not know.
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise MiuaError(
            f"{archive} is no readable zip archive ({error}). Remove it and fetch it again."
        ) from None


def _check_members(
    archive: Path, members: Iterable[zipfile.ZipInfo], max_bytes: int, max_by_ratio: float
) -> None:
    total = 0
    seen: set[str] = set()
    for member in members:
        fault = _fault(member)
        if member.filename in seen:
            fault = "is in it twice"
        seen.add(member.filename)
        if fault:
            raise MiuaError(
                f"{archive} is refused: its member {member.orig_filename!r} {fault}. "
                "Nothing was unpacked. Get the archive from its publisher."
            )
        total += member.file_size
    if total > min(max_bytes, max_by_ratio):
        raise MiuaError(
            f"{archive} is refused: unpacked it would take {total:,} bytes, more than such an "
            "archive can honestly hold. Nothing was unpacked. Get the archive from its publisher."
        )


def _fault(member: zipfile.ZipInfo) -> str:
    """Why `member` must not be unpacked; empty if it may be."""
    name = member.orig_filename
    path = PurePosixPath(name)
    # Backslashes and colons separate and root paths on Windows; NUL hides the rest of a name.
    if path.is_absolute() or ".." in path.parts or any(sign in name for sign in "\\:\0"):
        return "would be written outside the target folder"
    kind = stat.S_IFMT(member.external_attr >> 16)  # 0 where the archive comes from Windows
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a link or a device, not a plain file"
    if member.flag_bits & 0x1:
        return "is encrypted"
    return ""


def _extract(opened: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path) -> None:
    target = folder / member.filename
    if member.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    # zipfile reads no more than the declared size, and checks the content's checksum.
    with opened.open(member) as source, target.open("xb") as sink:
        shutil.copyfileobj(source, sink)
