"""Downloads through pooch that resume, show themselves, and leave either the right file or none."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from miua.errors import MissingExtraError, MiuaError
from miua.progress import Progress

BLOCK = 1 << 16
SECONDS_WITHOUT_DATA = 60


@dataclass(frozen=True)
class Download:
    """A published file: its address, its SHA-256 in hexadecimal, its size in bytes (None where
    unknown), and what to call it."""

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
        known = f"sha256:{item.sha256}"
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
        if status == codes.requested_range_not_satisfiable:
            part.unlink()
            shown.done = 0
        if status >= 500 or status in (
            codes.requested_range_not_satisfiable, codes.too_many_requests
        ):  # fmt: skip
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
        raise requests.ConnectionError(
            f"the connection ended after {have:,} of {item.size:,} bytes"
        )


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _plain(error: Any) -> str:
    """The innermost reason of a connection error, without the layers around it."""
    for inner in (getattr(error, "reason", None), *error.args[:1]):
        if isinstance(inner, BaseException):
            return _plain(inner)
    return str(error.args[0] if error.args else "") or type(error).__name__
