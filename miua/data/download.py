"""Published files: downloads that resume, verified, and zip archives that are unpacked safely.

A download, through pooch, leaves either the right file or none; an archive can only write where
it should.
"""

import stat
import time
import zipfile
import zlib
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from miua.errors import MissingExtraError, MiuaError
from miua.files import MAX_UNPACKED_BYTES, MAX_UNPACKED_RATIO, atomic_folder
from miua.progress import Progress, progress

BLOCK = 1 << 16
SECONDS_WITHOUT_DATA = 60


class Download(NamedTuple):
    """A published file: its address, its SHA-256 in hexadecimal, its size in bytes (None where
    unknown), and what to call it. Where the SHA-256 is unknown, "", the content has to be checked.
    """

    url: str
    sha256: str
    size: int | None
    name: str
    description: str


def download(item: Download, folder: Path, *, attempts: int = 5, pause: float = 2.0) -> Path:
    """Fetch `item` into `folder` under its name, verified; a verified file there is left alone.

    What a broken connection left is kept as a hidden part file and continued, in this call up to
    `attempts` times with `pause` seconds between, and in the next call. MiuaError: the server
    cannot be reached or refuses, or what it sent is not the published file; then nothing is kept.
    """
    try:
        import pooch
    except ImportError:
        raise MissingExtraError(item.description, "pooch") from None
    pooch.get_logger().setLevel("WARNING")
    part = folder / f".{item.name}.{item.sha256[:16]}.part"

    def fetch(_url: str, output_file: str, _pooch: object) -> None:
        _fetch_resuming(item, part, attempts, pause)
        part.replace(output_file)

    try:
        known = f"sha256:{item.sha256}" if item.sha256 else None
        return Path(pooch.retrieve(item.url, known, item.name, folder, downloader=fetch))
    except ValueError as error:  # pooch's, where the checksum is another
        raise MiuaError(
            f"{item.url} sent another file than the published one ({error}). Nothing was kept. "
            "Try again later, or get the file by other means and name it with --from."
        ) from None


def _fetch_resuming(item: Download, part: Path, attempts: int, pause: float) -> None:
    """Fill `part` with the whole body, in as many requests as `attempts` allows."""
    import requests

    if _size(part) > (item.size or _size(part)):
        part.unlink()  # no start of the file: another one, or one that grew twice
    if _size(part) == item.size:
        return
    with Progress(item.description, item.size, "B", done=_size(part)) as shown:
        for attempt in range(attempts):
            time.sleep(pause if attempt else 0)
            try:
                _fetch_rest(item, part, shown)
                return
            except requests.HTTPError as error:
                raise MiuaError(
                    f"{item.url} cannot be downloaded: the server answered {error}. Check that "
                    "the address still exists, or get the file by other means and name it with "
                    "--from."
                ) from None
            except requests.RequestException as error:
                reason = _plain(error)
            except OSError as error:
                raise MiuaError(
                    f"Cannot write {part} ({error}). Make room there, or set MIUA_DATA_DIR to "
                    "another folder."
                ) from None
    kept = f"The {_size(part):,} bytes that arrived are kept. " if _size(part) else ""
    then = ": it goes on where it stopped." if kept else ", or name a local copy with --from."
    raise MiuaError(
        f"{item.url} cannot be downloaded: {reason}. {kept}"
        f"Check the network and run the same command again{then}"
    )


def _fetch_rest(item: Download, part: Path, shown: Progress) -> None:
    """One request for what `part` lacks; HTTPError if the server refuses, another
    RequestException if another attempt may do better."""
    import requests

    have, codes = _size(part), requests.codes
    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={have}-"} if have else {})}
    with requests.get(
        item.url, headers=headers, stream=True, timeout=SECONDS_WITHOUT_DATA
    ) as answer:
        status, said = answer.status_code, f"{answer.status_code} {answer.reason}"
        out_of_range = status == codes.requested_range_not_satisfiable
        if out_of_range:
            part.unlink()
            shown.done = 0
        if out_of_range or status >= 500 or status == codes.too_many_requests:
            raise requests.ConnectionError(f"the server answered {said}")
        if status >= 400:
            raise requests.HTTPError(said)
        resumes = status == codes.partial_content
        if resumes and not answer.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            raise requests.HTTPError("with another part of the file than was asked for")
        shown.done = have = have if resumes else 0
        with part.open("ab" if resumes else "wb") as file:
            for block in answer.iter_content(BLOCK):
                have += file.write(block)
                shown.advance(len(block))
                if have > (item.size or have):
                    return  # too long to be the file, as its checksum will say
    if have < (item.size or 0):
        reason = f"the connection ended after {have:,} of {item.size:,} bytes"
        raise requests.ConnectionError(reason)


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _plain(error: Any) -> str:
    """The innermost reason of a connection error, without the layers around it."""
    for inner in (getattr(error, "reason", None), *error.args[:1]):
        if isinstance(inner, BaseException):
            return _plain(inner)
    return str(error.args[0] if error.args else "") or type(error).__name__


def extract_zip(archive: Path, folder: Path) -> None:
    """Unpack `archive` as `folder`, which must not exist and then appears whole.

    MiuaError, with nothing written: the archive is damaged; a member is encrypted, no plain file
    or folder, named twice, or would land outside `folder`; or all together would take too much.
    """
    if folder.exists():
        raise FileExistsError(f"{folder} exists")
    try:
        with zipfile.ZipFile(archive) as opened:
            members = opened.infolist()
            most = min(MAX_UNPACKED_BYTES, MAX_UNPACKED_RATIO * archive.stat().st_size)
            if fault := _fault(members, most):
                raise MiuaError(
                    f"{archive} is refused: {fault}. Nothing was unpacked. "
                    "Get the archive from its publisher."
                )
            with atomic_folder(folder) as unpacked:
                for member in progress(members, f"Unpacking {archive.name}", "files"):
                    # Reads no more than the declared size, and checks the content's checksum.
                    opened.extract(member, unpacked)
    except FileNotFoundError:
        raise MiuaError(f"{archive} is missing.") from None
    # zipfile's own: NotImplementedError for a compression method that it does not know.
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise MiuaError(
            f"{archive} is no readable zip archive ({error}). Remove it and fetch it again."
        ) from None


def _fault(members: list[zipfile.ZipInfo], most: float) -> str:
    """Why an archive must not be unpacked; empty if it may be."""
    named = Counter(member.filename for member in members)
    for member in members:
        name = member.orig_filename
        path, kind = PurePosixPath(name), stat.S_IFMT(member.external_attr >> 16)
        fault = ""
        # Backslashes and colons separate and root paths on Windows; NUL hides the rest of a name.
        if path.is_absolute() or ".." in path.parts or any(sign in name for sign in "\\:\0"):
            fault = "would be written outside the target folder"
        elif kind not in (0, stat.S_IFREG, stat.S_IFDIR):  # 0 where it comes from Windows
            fault = "is a link or a device, not a plain file"
        elif member.flag_bits & 0x1:
            fault = "is encrypted"
        elif named[member.filename] > 1:
            fault = "is in it twice"
        if fault:
            return f"its member {name!r} {fault}"
    total = sum(member.file_size for member in members)
    more = "more than such an archive can honestly hold"
    return f"unpacked it would take {total:,} bytes, {more}" if total > most else ""
