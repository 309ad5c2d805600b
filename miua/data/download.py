"""Downloads that resume, show themselves, and leave either the right file or none."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from miua.errors import MissingExtraError, MiuaError
from miua.files import sha256_file
from miua.progress import Progress

if TYPE_CHECKING:
    import requests

BLOCK = 1 << 16
SECONDS_WITHOUT_DATA = 60


@dataclass(frozen=True)
class Download:
    """A published file: its address, how to tell that it is the right one, and what to call it.

    sha256: the digest in hexadecimal, or its first 8 digits or more where a publisher gives no
    more than that. size: bytes, None where unknown.
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
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / item.name
    if target.is_file() and _is_right(target, item):
        return target
    target.unlink(missing_ok=True)

    def fetch_verified(_url: str, output_file: Any, _pooch: object) -> None:
        part = folder / f".{item.name}.{item.sha256[:16]}.part"
        _fetch_resuming(item, part, attempts, pause)
        if not _is_right(part, item):
            found = f"{part.stat().st_size:,} bytes, sha256 {sha256_file(part)}"
            part.unlink()
            raise MiuaError(
                f"{item.url} sent another file than the published one ({found}; expected sha256 "
                f"{item.sha256}). Nothing was kept. Try again later, or get the file by other "
                "means and name it with --from."
            )
        part.replace(output_file)

    full = len(item.sha256) == hashlib.sha256().digest_size * 2
    known = f"sha256:{item.sha256}" if full else None
    name = pooch.retrieve(item.url, known, item.name, folder, downloader=fetch_verified)
    return Path(name)


def _is_right(path: Path, item: Download) -> bool:
    if item.size is not None and path.stat().st_size != item.size:
        return False
    return sha256_file(path).startswith(item.sha256)


def _fetch_resuming(item: Download, part: Path, attempts: int, pause: float) -> None:
    """Fill `part` with the whole body, in as many requests as `attempts` allows."""
    import requests

    if part.exists() and item.size is not None and part.stat().st_size > item.size:
        part.unlink()  # no start of the file: another one, or one that grew twice
    have = part.stat().st_size if part.exists() else 0
    if have == item.size:
        return
    with Progress(item.description, item.size, "B", done=have) as shown:
        for attempt in range(attempts):
            if attempt:
                time.sleep(pause)
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
    have = part.stat().st_size if part.exists() else 0
    raise MiuaError(
        f"{item.url} cannot be downloaded: {reason}. "
        + (f"The {have:,} bytes that arrived are kept. " if have else "")
        + "Check the network and run the same command again"
        + (": it goes on where it stopped." if have else ", or name a local copy with --from.")
    )


def _fetch_rest(item: Download, part: Path, shown: Progress) -> None:
    """One request for what `part` lacks; RequestException if the body ends early."""
    import requests

    have = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={have}-"} if have else {})}
    with requests.get(
        item.url, headers=headers, stream=True, timeout=SECONDS_WITHOUT_DATA
    ) as answer:
        if answer.status_code == requests.codes.requested_range_not_satisfiable:
            part.unlink()
            shown.done = 0
            raise requests.ConnectionError("the server refused to continue the download")
        if answer.status_code >= 500 or answer.status_code == requests.codes.too_many_requests:
            # The server's trouble may pass: worth another attempt.
            raise requests.ConnectionError(
                f"the server answered {answer.status_code} {answer.reason}"
            )
        if answer.status_code >= 400:
            raise requests.HTTPError(f"{answer.status_code} {answer.reason}")
        resumes = answer.status_code == requests.codes.partial_content
        if resumes and not answer.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            raise requests.HTTPError("with another part of the file than was asked for")
        if not resumes:
            have = 0
        shown.done = have
        with part.open("ab" if resumes else "wb") as file:
            _copy_body(answer, file, item.size, have, shown)


def _copy_body(
    answer: requests.Response, file: Any, size: int | None, have: int, shown: Progress
) -> None:
    import requests

    for block in answer.iter_content(BLOCK):
        file.write(block)
        have += len(block)
        shown.advance(len(block))
        if size is not None and have > size:
            return  # too long to be the file: the check of its size says so
    if size is not None and have < size:
        raise requests.ConnectionError(f"the connection ended after {have:,} of {size:,} bytes")


def _plain(error: BaseException) -> str:
    """The innermost reason of a connection error, without the layers around it."""
    for inner in (getattr(error, "reason", None), *error.args[:1]):
        if isinstance(inner, BaseException):
            return _plain(inner)
    return str(error.args[0] if error.args else "") or type(error).__name__
