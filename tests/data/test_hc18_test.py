"""HC18's test images: from a folder, an archive or the network, and told by what they show."""

import zipfile
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image

from miua.cli.making import fetch_command
from miua.data import hc18_test
from miua.data.download import Download
from miua.data.hc18_test import PUBLISHED_TEST, digest_of_images, fetch_test_set
from miua.errors import MiuaError
from tests.data.conftest import FileServer


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    folder = tmp_path / "copy" / "test_set"
    folder.mkdir(parents=True)
    for index in range(3):
        Image.fromarray(np.full((54, 80), 40 * index, np.uint8)).save(folder / f"00{index}_HC.png")
    return folder.parent


@pytest.fixture
def archive(dataset: Path, tmp_path: Path) -> Path:
    path = tmp_path / "test_set.zip"
    with zipfile.ZipFile(path, "w") as made:
        for member in sorted((dataset / "test_set").iterdir()):
            made.write(member, f"test_set/{member.name}")
    return path


@pytest.fixture
def release(server: FileServer, archive: Path, dataset: Path):
    server.files[archive.name] = archive.read_bytes()
    item = Download(server.url(archive.name), "", None, archive.name, archive.name)
    digest = digest_of_images(dataset / "test_set")
    return replace(PUBLISHED_TEST, archive=item, images=3, digest=digest)


def test_a_folder_is_remembered_where_it_is(dataset, release):
    with pytest.raises(MiuaError, match="all else works without them"):
        hc18_test.folder_of_test_set(release)
    for source in (dataset, dataset / "test_set"):
        assert fetch_test_set(source, release) == dataset / "test_set"
        assert hc18_test.folder_of_test_set(release) == dataset / "test_set"
    (dataset / "test_set" / "000_HC.png").unlink()
    with pytest.raises(MiuaError, match="--test-from"):
        hc18_test.folder_of_test_set(release)


def test_an_archive_is_unpacked_and_a_download_too(archive, dataset, release):
    folder = fetch_test_set(archive, release)
    assert digest_of_images(folder) == release.digest
    assert folder != dataset / "test_set"
    (folder / "001_HC.png").unlink()
    downloaded = fetch_test_set(None, release)
    assert digest_of_images(downloaded) == release.digest
    assert not (downloaded.parents[1] / "test_set.zip").exists()


def test_the_digest_is_of_what_images_show_and_not_of_their_files(dataset, release):
    first = dataset / "test_set" / "000_HC.png"
    Image.open(first).save(first, compress_level=0)
    assert fetch_test_set(dataset, release) == dataset / "test_set"
    pixels = np.array(Image.open(first))
    pixels[0, 0] += 1
    Image.fromarray(pixels).save(first)
    with pytest.raises(MiuaError, match="does not hold the published test images"):
        fetch_test_set(dataset, release)


def test_what_is_no_test_set_is_refused(dataset, release, tmp_path):
    with pytest.raises(MiuaError, match="does not exist"):
        fetch_test_set(tmp_path / "nowhere", release)
    with pytest.raises(MiuaError, match="holds 3 images, not the 335"):
        fetch_test_set(dataset)
    first = dataset / "test_set" / "000_HC.png"
    Image.open(first).convert("RGB").save(first)
    with pytest.raises(MiuaError, match="not an 8-bit grey image"):
        fetch_test_set(dataset, release)
    first.write_bytes(b"no image")
    with pytest.raises(MiuaError, match="cannot be read"):
        fetch_test_set(dataset, release)


def test_the_command_says_what_it_lacks(dataset):
    with pytest.raises(MiuaError, match="holds 3 images, not the 335"):
        fetch_command("hc18", test_source=dataset)
    with pytest.raises(MiuaError, match="--test-from is for hc18"):
        fetch_command("inception", test_source=dataset)


def test_without_test_images_the_command_gives_the_others(dataset, monkeypatch, capsys):
    refused = MiuaError("no network")
    monkeypatch.setattr("miua.data.fetch_hc18", lambda source=None: Path("training"))
    monkeypatch.setattr("miua.data.fetch_test_set", Mock(side_effect=refused))
    assert fetch_command("hc18") == Path("training")
    assert "Without HC18's test images: no network" in capsys.readouterr().err
