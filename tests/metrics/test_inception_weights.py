import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from miua.data.download import Download
from miua.errors import MiuaError
from miua.metrics import inception_weights
from miua.metrics.inception_weights import (
    FILE_NAME,
    NotComputedError,
    fetch_inception,
    find_inception_weights,
    weights_folder,
)

CONTENT = b"stand-in for the weights" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path, loopback: None) -> Iterator[tuple[str, Path]]:
    """A folder and the address of a server that serves it."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = partial(QuietHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        worker = threading.Thread(target=server.serve_forever, args=(0.02,))
        worker.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", folder
        server.shutdown()
        worker.join()


def stand_in(url: str = "http://127.0.0.1:9/none") -> Download:
    return Download(url, SHA256, None, "weights.pth", "stand-in")


def test_published_file_is_the_one_torch_fidelity_names():
    from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3

    assert inception_weights.URL == URL_INCEPTION_V3
    assert FILE_NAME.endswith(f"-{inception_weights.SHA256[:8]}.pth")


def test_missing_weights_say_what_to_do():
    with pytest.raises(NotComputedError) as caught:
        find_inception_weights()
    assert caught.value.reason == "the Inception weights have not been fetched"
    assert "miua fetch inception" in caught.value.remedy
    assert "miua fetch inception" in caught.value.remedy
    assert str(caught.value) == f"{caught.value.reason}; {caught.value.remedy}"


def test_other_content_is_not_accepted(tmp_path):
    path = tmp_path / FILE_NAME
    path.write_bytes(CONTENT)
    with pytest.raises(NotComputedError, match="is not the published file"):
        find_inception_weights(path)


def test_places_are_tried_in_order(tmp_path, monkeypatch):
    places = {name: tmp_path / name for name in ("given", "named")}
    fetched = weights_folder() / FILE_NAME
    fetched.parent.mkdir(parents=True)
    for path in (*places.values(), fetched):
        path.write_bytes(CONTENT)
    find = partial(find_inception_weights, expected_sha256=SHA256[:8])
    assert find().path == fetched
    monkeypatch.setenv(inception_weights.ENVIRONMENT_VARIABLE, str(places["named"]))
    assert find().path == places["named"]
    assert find(places["given"]).path == places["given"]
    assert find().sha256 == SHA256


def test_a_named_file_that_is_missing_is_not_replaced_by_another(tmp_path, monkeypatch):
    fetched = weights_folder() / FILE_NAME
    fetched.parent.mkdir(parents=True)
    fetched.write_bytes(CONTENT)
    monkeypatch.setenv(inception_weights.ENVIRONMENT_VARIABLE, str(tmp_path / "missing.pth"))
    with pytest.raises(NotComputedError, match=r"missing\.pth"):
        find_inception_weights(expected_sha256=SHA256)


def test_fetch_from_a_server(served):
    address, folder = served
    (folder / "weights.pth").write_bytes(CONTENT)
    item = stand_in(f"{address}/weights.pth")
    path = fetch_inception(item=item)
    assert path == weights_folder() / "weights.pth"
    assert path.read_bytes() == CONTENT
    (folder / "weights.pth").unlink()
    assert fetch_inception(item=item) == path  # what is there is not fetched again


def test_another_file_on_the_server_is_refused(served):
    address, folder = served
    (folder / "weights.pth").write_bytes(CONTENT + b"!")
    with pytest.raises(MiuaError, match="another file"):
        fetch_inception(item=stand_in(f"{address}/weights.pth"))
    assert list(weights_folder().iterdir()) == []


def test_no_such_file_on_the_server(served):
    address, _ = served
    with pytest.raises(MiuaError, match="404"):
        fetch_inception(item=stand_in(f"{address}/weights.pth"))
    assert list(weights_folder().iterdir()) == []


def test_fetch_from_a_copy(tmp_path):
    copy = tmp_path / "any name.pth"
    copy.write_bytes(CONTENT)
    path = fetch_inception(copy, item=stand_in())
    assert path.read_bytes() == CONTENT
    assert copy.exists()


def test_a_wrong_copy_is_refused_and_leaves_the_right_file(tmp_path):
    right, wrong = tmp_path / "right.pth", tmp_path / "wrong.pth"
    right.write_bytes(CONTENT)
    wrong.write_bytes(CONTENT[:-1])
    path = fetch_inception(right, item=stand_in())
    with pytest.raises(MiuaError, match=r"wrong\.pth is not the published file"):
        fetch_inception(wrong, item=stand_in())
    assert path.read_bytes() == CONTENT
    assert list(weights_folder().iterdir()) == [path]


def test_a_copy_that_does_not_exist(tmp_path):
    with pytest.raises(MiuaError, match=r"no file .*nowhere\.pth"):
        fetch_inception(tmp_path / "nowhere.pth")
