"""Files from elsewhere, as an attacker would make them: refused, and nothing of them is run."""

import io
import os
import pickle
import struct
import subprocess
import sys
import tarfile
import warnings
import zipfile
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from miua.config import read_config
from miua.data import arrays as arrays_module
from miua.data import dicom as dicom_module
from miua.data import read_stack
from miua.data.hc18 import fetch_hc18
from miua.errors import MiuaError
from miua.files import locked, read_array, read_json
from miua.metrics.extractors import TorchExtractor
from miua.metrics.inception import inception_features
from miua.metrics.inception_weights import find_inception_weights
from miua.study.plan import Experiment, Profile
from tests.data.test_dicom import dicom, grey, save
from tests.test_checkpoint import TENSORS, load
from tests.test_checkpoint import save as save_checkpoint

IMAGE = grey(6, 8)


class Payload:
    """Unpickled, it leaves a file."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


@pytest.fixture
def mark(tmp_path):
    """What an attack would leave; checked after the test."""
    path = tmp_path / "pwned"
    yield path
    assert not path.exists()


def test_a_pickle_runs_in_no_guise(tmp_path, mark):
    raw = pickle.dumps(Payload(mark), protocol=2)  # torch warns of newer ones
    array = io.BytesIO()
    np.save(array, np.array([Payload(mark)], dtype=object), allow_pickle=True)
    archive = io.BytesIO()
    torch.save(Payload(mark), archive)
    for content in (raw, array.getvalue(), archive.getvalue()):
        path = tmp_path / "stack.npy"
        path.write_bytes(content)
        for read in (read_array, lambda path: read_stack(path, None)):
            with pytest.raises(MiuaError, match=r"stack\.npy"):
                read(path)
        with zipfile.ZipFile(tmp_path / "stack.npz", "w") as packed:
            packed.writestr("a.npy", content)
        with pytest.raises(MiuaError, match=r"stack\.npz"):
            read_stack(tmp_path / "stack.npz", None)
        path = tmp_path / "network.pt"
        path.write_bytes(content)
        with pytest.raises(MiuaError, match=r"network\.pt"):
            TorchExtractor(path).features(IMAGE[None])
        weights = find_inception_weights(path, expected_sha256="")
        with pytest.raises(MiuaError, match=r"network\.pt"):
            inception_features(IMAGE[None], weights, device="cpu")


def test_a_pickle_as_a_checkpoint_is_not_loaded(tmp_path, mark):
    save_checkpoint(tmp_path, 1, TENSORS)
    path = tmp_path / "checkpoints" / "epoch_0001.safetensors"
    path.write_bytes(pickle.dumps(Payload(mark)))
    from miua.files import sha256_file, write_json

    facts = path.with_suffix(".json")
    write_json(facts, {**read_json(facts), "sha256": sha256_file(path)})
    with pytest.raises(MiuaError, match="cannot be read"):
        load(tmp_path, 1)


def save_scripted(module, path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch advises against writing TorchScript
        torch.jit.script(module).save(str(path))
    return path


def test_a_network_that_writes_or_reads_files_is_refused(tmp_path, mark):
    target = str(mark)

    class Writes(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.target = target

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            torch.save(x, self.target)
            return x.flatten(1)

    class Reads(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.from_file("/etc/passwd", False, 64, dtype=torch.uint8).expand(len(x), 64)

    for module, word in ((Writes(), "save"), (Reads(), "from_file")):
        path = save_scripted(module, tmp_path / "network.pt")
        with pytest.raises(MiuaError, match=rf"network\.pt is refused: .* uses {word}"):
            TorchExtractor(path).features(IMAGE[None])


def test_a_network_with_a_hidden_part_is_refused(tmp_path):
    class Plain(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.flatten(1)

    path = save_scripted(Plain(), tmp_path / "network.pt")
    assert TorchExtractor(path).features(IMAGE[None]).shape == (1, 3 * IMAGE.size)
    content = path.read_bytes()
    path.write_bytes(b"another format" + content)  # zipfile finds the archive behind it
    with pytest.raises(MiuaError, match="holds no TorchScript"):
        TorchExtractor(path)
    path.write_bytes(content)
    with zipfile.ZipFile(path, "a") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile's own, about what this test wants
        code = next(name for name in archive.namelist() if name.endswith(".py"))
        archive.writestr(code, "")
    with pytest.raises(MiuaError, match="holds no TorchScript"):
        TorchExtractor(path)


def test_no_other_program_reads_an_image(tmp_path, mark, monkeypatch):
    tool = tmp_path / "bin" / "gs"
    tool.parent.mkdir()
    tool.write_text(f"#!/bin/sh\nmkdir '{mark}'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_text(
        "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n%%EOF\n"
    )
    with pytest.raises(MiuaError, match=r"a\.png: is of the format EPS, which is not read"):
        read_stack(tmp_path / "images", None)


def png(width, height):
    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    packed = zlib.compress(bytes(1000))
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def test_a_png_bomb_is_refused(tmp_path):
    (tmp_path / "a.png").write_bytes(png(50_000, 50_000))
    with pytest.raises(MiuaError, match=r"a\.png: is too large"):
        read_stack(tmp_path, None)


def deflated(path, head, body):
    """A DICOM file whose part behind the head is packed."""
    packing = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    path.write_bytes(head + packing.compress(body) + packing.flush())


def test_a_deflated_dicom_bomb_is_refused(tmp_path, monkeypatch):
    made = dicom(IMAGE, syntax="1.2.840.10008.1.2.1.99")
    path = save(made, tmp_path / "a.dcm")
    assert np.array_equal(read_stack(path, None).images[0], IMAGE)
    monkeypatch.setattr(dicom_module, "MAX_UNPACKED", 10**6)
    data = path.read_bytes()
    head = data[: 144 + int.from_bytes(data[140:144], "little")]
    deflated(path, head, zlib.decompress(data[len(head) :], -zlib.MAX_WBITS) + bytes(2 * 10**6))
    with pytest.raises(MiuaError, match="too large: it unpacks to more than 1,000,000 bytes"):
        read_stack(path, None)


def test_an_npz_bomb_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, a=np.zeros((10, 500, 500), np.uint8))
    assert len(read_stack(path, None)) == 10
    monkeypatch.setattr(arrays_module, "MAX_UNPACKED_BYTES", 10**6)
    with pytest.raises(MiuaError, match=r"a\.npz:a is refused: unpacked .* 2,500,128 bytes"):
        read_stack(path, None)


def test_an_array_that_promises_more_than_there_is_memory_is_refused(tmp_path):
    path = tmp_path / "a.npy"
    head = {"descr": "|u1", "fortran_order": False, "shape": (10**6, 10**6, 100)}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, head)
        file.write(bytes(100))
    for read in (read_array, lambda path: read_stack(path, None)):
        with pytest.raises(MiuaError, match=r"a\.npy is not a readable"):
            read(path)


def test_pipes_and_devices_among_images_are_refused(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    (tmp_path / "b.png").symlink_to("/dev/zero")
    Image.fromarray(IMAGE).save(tmp_path / "c.png")
    program = f"from miua.data import read_stack; read_stack({str(tmp_path)!r}, None)"
    # In a process of its own, which the time limit can end: what it guards against never does.
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=600, check=False
    )
    assert "a.png: is a pipe, a device or a link to one" in done.stderr
    assert "b.png: is a pipe, a device or a link to one" in done.stderr
    assert "c.png" not in done.stderr


def test_yaml_with_tags_makes_no_objects(tmp_path, mark):
    path = tmp_path / "profile.yaml"
    for tag in (
        f"!!python/object/apply:os.mkdir ['{mark}']",
        f"profile: !!python/object/new:os.mkdir ['{mark}']",
        "profile: !!python/name:os.system",
    ):
        path.write_text(tag)
        with pytest.raises(MiuaError, match=r"profile\.yaml is not valid YAML: .*tag"):
            read_config(path, Profile)


@pytest.mark.parametrize("text", ["[" * 5000, "a: 2026-99-99", "a: " + "9" * 5000])
def test_yaml_that_no_parser_survives_is_one_message(text, tmp_path):
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(MiuaError, match=r"a\.yaml is not valid YAML"):
        read_config(tmp_path / "a.yaml", Profile)


@pytest.mark.parametrize("text", ["[" * 200_000, "9" * 5000])
def test_json_that_no_parser_survives_is_one_message(text, tmp_path):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(MiuaError, match=r"a\.json is not valid JSON"):
        read_json(tmp_path / "a.json")


@pytest.mark.parametrize(
    "name", ["../../x", "/etc/x", "a b", "`id`", "$(id)", "a;b", "", "-x", "a\n"]
)
def test_names_of_experiments_and_arms_are_plain(name, tmp_path):
    for values in ({"name": name}, {"name": "x", "arms": {name: {}}}):
        with pytest.raises(ValueError, match="String should match pattern"):
            Experiment.model_validate({"question": "?", **values})


def test_a_tar_archive_is_not_unpacked(tmp_path, own_data_folder):
    path = tmp_path / "training_set.tar"
    link = tarfile.TarInfo("link")
    link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path)
    with tarfile.open(path, "w") as archive:
        archive.addfile(link)
        for name in ("../../escaped", "link/escaped", str(tmp_path / "escaped")):
            archive.addfile(tarfile.TarInfo(name))
    with pytest.raises(MiuaError, match="is not the published archive"):
        fetch_hc18(path)
    assert not list(tmp_path.parent.rglob("escaped"))
    assert [each.name for each in (own_data_folder / "hc18").iterdir()] == [".lock"]


@pytest.mark.parametrize("there", [True, False])
def test_a_lock_that_is_a_link_is_refused_and_leads_to_nothing(there, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    if there:
        elsewhere.write_text("mine")
    (tmp_path / ".lock").symlink_to(elsewhere)
    with pytest.raises(MiuaError, match="is a link"), locked(tmp_path / ".lock", "busy"):
        pass
    assert elsewhere.read_text() == "mine" if there else not elsewhere.exists()
