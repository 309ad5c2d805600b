"""A real HTTP server that can misbehave."""

from __future__ import annotations

import http.server
import re
import threading
from collections.abc import Iterator

import pytest


class FileServer(http.server.ThreadingHTTPServer):
    """Serves `files` by name on 127.0.0.1.

    ranges: whether it honours Range requests. cuts: for each coming request, after how many bytes
    the connection breaks. statuses: for each coming request, an error status. requests: what was
    asked, as (name, Range header).
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.ranges = True
        self.cuts: list[int] = []
        self.statuses: list[int] = []
        self.requests: list[tuple[str, str | None]] = []

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{name}"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: FileServer

    def do_GET(self) -> None:
        server, name = self.server, self.path.strip("/")
        asked = self.headers.get("Range")
        server.requests.append((name, asked))
        if server.statuses:
            self.send_error(server.statuses.pop(0))
            return
        if name not in server.files:
            self.send_error(404)
            return
        body, start = server.files[name], 0
        if asked and server.ranges:
            match = re.fullmatch(r"bytes=(\d+)-", asked)
            assert match is not None
            start = int(match[1])
            if start >= len(body):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        else:
            self.send_response(200)
        rest = body[start:]
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        self.wfile.write(rest[: server.cuts.pop(0)] if server.cuts else rest)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, loopback: None) -> Iterator[FileServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with FileServer() as started:
        thread = threading.Thread(target=started.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield started
        started.shutdown()
        thread.join()
