from __future__ import annotations

import hashlib
import random
import sys
from pathlib import Path

import pytest

from miua.data.download import BLOCK, Download, download
from miua.errors import MissingExtraError, MiuaError
from tests.data.conftest import FileServer

BODY = random.Random(1).randbytes(700_000)


def published(server: FileServer, body: bytes = BODY, size: int | None = len(BODY)) -> Download:
    server.files["file.bin"] = body
    digest = hashlib.sha256(BODY).hexdigest()
    return Download(server.url("file.bin"), digest, size, "file.bin", "Downloading the test file")


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_whole_download_leaves_just_the_file(server: FileServer, tmp_path: Path) -> None:
    path = download(published(server), tmp_path / "new", pause=0)
    assert path == tmp_path / "new" / "file.bin"
    assert path.read_bytes() == BODY
    assert files_in(tmp_path / "new") == ["file.bin"]


def test_a_verified_file_is_not_fetched_again(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "file.bin").write_bytes(BODY)
    download(published(server), tmp_path, pause=0)
    assert server.requests == []


def test_a_damaged_file_is_fetched_again(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "file.bin").write_bytes(BODY[:-1] + b"?")
    assert download(published(server), tmp_path, pause=0).read_bytes() == BODY


def test_a_broken_connection_is_resumed_within_the_call(server: FileServer, tmp_path: Path) -> None:
    server.cuts = [3 * BLOCK, 2 * BLOCK]
    assert download(published(server), tmp_path, pause=0).read_bytes() == BODY
    asked = [wanted for _, wanted in server.requests]
    assert asked == [None, f"bytes={3 * BLOCK}-", f"bytes={5 * BLOCK}-"]


def test_the_next_call_resumes_what_an_interrupted_one_left(
    server: FileServer, tmp_path: Path
) -> None:
    item = published(server)
    server.cuts = [3 * BLOCK]
    with pytest.raises(MiuaError, match=r"196,608 bytes that arrived are kept.*goes on where"):
        download(item, tmp_path, attempts=1, pause=0)
    assert "file.bin" not in files_in(tmp_path)
    assert download(item, tmp_path, attempts=1, pause=0).read_bytes() == BODY
    assert server.requests[-1] == ("file.bin", "bytes=196608-")
    assert files_in(tmp_path) == ["file.bin"]


def test_a_server_without_ranges_makes_it_start_over(server: FileServer, tmp_path: Path) -> None:
    server.ranges, server.cuts = False, [300_000]
    assert download(published(server), tmp_path, pause=0).read_bytes() == BODY
    assert len(server.requests) == 2


def test_a_complete_part_needs_no_request(server: FileServer, tmp_path: Path) -> None:
    item = published(server)
    (tmp_path / f".file.bin.{item.sha256[:16]}.part").write_bytes(BODY)
    assert download(item, tmp_path, pause=0).read_bytes() == BODY
    assert server.requests == []


def test_a_part_of_unknown_size_that_cannot_go_on_starts_over(
    server: FileServer, tmp_path: Path
) -> None:
    item = published(server, size=None)
    (tmp_path / f".file.bin.{item.sha256[:16]}.part").write_bytes(BODY + b"more")
    assert download(item, tmp_path, pause=0).read_bytes() == BODY
    assert [wanted for _, wanted in server.requests] == ["bytes=700004-", None]


def test_a_part_of_the_file_is_refused_if_it_is_another_part(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = published(server)
    (tmp_path / f".file.bin.{item.sha256[:16]}.part").write_bytes(BODY[:1000])
    server.files["file.bin"] = BODY
    handler = server.RequestHandlerClass
    send_header = handler.send_header  # type: ignore[attr-defined]

    def elsewhere(self: object, name: str, value: str) -> None:
        send_header(self, name, value.replace("bytes 1000-", "bytes 0-"))

    monkeypatch.setattr(handler, "send_header", elsewhere)
    with pytest.raises(MiuaError, match="another part of the file"):
        download(item, tmp_path, pause=0)


@pytest.mark.parametrize("body", [BODY[:-1] + b"?", BODY + b"?"], ids=["changed", "longer"])
def test_another_file_is_one_clear_error_and_leaves_nothing(
    body: bytes, server: FileServer, tmp_path: Path
) -> None:
    with pytest.raises(MiuaError, match=r"another file than the published one.*Nothing was kept"):
        download(published(server, body), tmp_path, pause=0)
    assert files_in(tmp_path) == []


def test_a_body_always_cut_short_gives_up_after_the_attempts(
    server: FileServer, tmp_path: Path
) -> None:
    with pytest.raises(MiuaError, match="cannot be downloaded"):
        download(published(server, BODY[:500_000]), tmp_path, attempts=3, pause=0)
    assert len(server.requests) == 3


def test_a_missing_file_is_not_asked_for_twice(server: FileServer, tmp_path: Path) -> None:
    item = published(server)
    server.files.clear()
    with pytest.raises(MiuaError, match=r"file\.bin cannot be downloaded.*404.*--from"):
        download(item, tmp_path, pause=0)
    assert len(server.requests) == 1
    assert files_in(tmp_path) == []


def test_trouble_of_the_server_is_worth_another_attempt(server: FileServer, tmp_path: Path) -> None:
    server.statuses = [503, 429]
    assert download(published(server), tmp_path, pause=0).read_bytes() == BODY


def test_no_server_at_all(server: FileServer, tmp_path: Path) -> None:
    item = published(server)
    server.server_close()
    with pytest.raises(MiuaError, match=r"cannot be downloaded.*refused.*--from"):
        download(item, tmp_path, attempts=2, pause=0)
    assert files_in(tmp_path) == []


def test_without_pooch_the_remedy_is_named(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(MissingExtraError, match=r"miua\[study\]"):
        download(published(server), tmp_path, pause=0)
