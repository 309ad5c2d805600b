from __future__ import annotations

import hashlib
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from miua.data.download import Download
from miua.data.hc18 import (
    PUBLISHED,
    TABLE_HEADER,
    TABLE_NAME,
    Release,
    fetch_hc18,
    hc18_folder,
    read_table,
    subject_of,
    subjects_of,
)
from miua.data.stack import read_stack
from miua.errors import MiuaError
from tests.data.conftest import FileServer

NAMES = ["000_HC.png", "001_2HC.png", "001_HC.png"]


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Three images in HC18's layout: training_set/ and the table beside it."""
    folder = tmp_path / "copy"
    (folder / "training_set").mkdir(parents=True)
    for index, name in enumerate(NAMES):
        image = Image.fromarray(np.full((54, 80), 40 * index, np.uint8))
        image.save(folder / "training_set" / name)
        image.save(folder / "training_set" / name.replace(".png", "_Annotation.png"))
    rows = [",".join(TABLE_HEADER), *(f"{name},0.1,170.5" for name in NAMES)]
    (folder / TABLE_NAME).write_bytes("\r\n".join(rows).encode())
    return folder


@pytest.fixture
def archive(dataset: Path, tmp_path: Path) -> Path:
    path = tmp_path / "training_set.zip"
    with zipfile.ZipFile(path, "w") as made:
        for member in sorted((dataset / "training_set").iterdir()):
            made.write(member, f"training_set/{member.name}")
    return path


@pytest.fixture
def release(server: FileServer, archive: Path, dataset: Path) -> Release:
    def serve(path: Path) -> Download:
        content = path.read_bytes()
        server.files[path.name] = content
        digest = hashlib.sha256(content).hexdigest()
        return Download(server.url(path.name), digest, len(content), path.name, path.name)

    return Release(serve(archive), serve(dataset / TABLE_NAME), images=3)


def test_nothing_fetched_names_the_command() -> None:
    with pytest.raises(MiuaError, match="miua fetch hc18"):
        hc18_folder()


def test_fetch_downloads_verifies_and_unpacks(
    release: Release, server: FileServer, own_data_folder: Path
) -> None:
    folder = fetch_hc18(release=release)
    assert folder == hc18_folder(release)
    assert read_stack(folder, size=8).names == tuple(NAMES)
    assert read_table(own_data_folder / "hc18" / TABLE_NAME)["001_HC.png"] == (0.1, 170.5)
    left = sorted(path.name for path in (own_data_folder / "hc18").iterdir())
    assert left == [".lock", "archive", "hc18.json", TABLE_NAME]
    asked = len(server.requests)
    assert fetch_hc18(release=release) == folder
    assert len(server.requests) == asked


def test_an_incomplete_copy_is_fetched_again(release: Release) -> None:
    folder = fetch_hc18(release=release)
    (folder / NAMES[0]).unlink()
    with pytest.raises(MiuaError, match="2 images instead of 3"):
        hc18_folder(release)
    assert fetch_hc18(release=release) == folder == hc18_folder(release)


def test_an_interrupted_unpacking_is_done_again(release: Release, own_data_folder: Path) -> None:
    folder = fetch_hc18(release=release)
    (own_data_folder / "hc18" / "hc18.json").unlink()
    (folder / NAMES[0]).unlink()
    assert fetch_hc18(release=release) == folder == hc18_folder(release)


def test_an_archive_at_hand_is_verified_and_unpacked(
    release: Release, archive: Path, server: FileServer
) -> None:
    folder = fetch_hc18(archive, release)
    assert read_stack(folder, size=8).names == tuple(NAMES)
    assert server.requests == []
    assert archive.is_file()


def test_another_archive_is_refused(release: Release, archive: Path, own_data_folder: Path) -> None:
    archive.write_bytes(archive.read_bytes() + b"?")
    with pytest.raises(MiuaError, match="is not the published archive"):
        fetch_hc18(archive, release)
    assert [path.name for path in own_data_folder.rglob("*")] == ["hc18", ".lock"]


@pytest.mark.parametrize("inner", ["", "training_set"])
def test_a_folder_is_remembered_where_it_is(inner: str, release: Release, dataset: Path) -> None:
    assert fetch_hc18(dataset / inner, release) == dataset / "training_set"
    assert hc18_folder(release) == dataset / "training_set"
    shutil.rmtree(dataset)
    with pytest.raises(MiuaError, match="does not exist any more"):
        hc18_folder(release)


def test_a_folder_that_is_not_hc18_is_refused(release: Release, dataset: Path) -> None:
    images = dataset / "training_set"
    (images / "001_HC_Annotation.png").unlink()
    with pytest.raises(MiuaError, match=r"001_HC\.png is without annotation"):
        fetch_hc18(dataset, release)
    shutil.copy(images / NAMES[0], images / "cat.png")
    with pytest.raises(MiuaError, match=r"4 images instead of 3; cat\.png is not named"):
        fetch_hc18(dataset, release)
    with pytest.raises(MiuaError, match="HC18 is not here"):
        hc18_folder(release)


def test_a_table_of_other_images_is_refused(release: Release, dataset: Path) -> None:
    (dataset / TABLE_NAME).write_text(",".join(TABLE_HEADER) + "\n000_HC.png,0.1,170\n")
    with pytest.raises(MiuaError, match="does not list the images"):
        fetch_hc18(dataset, release)


def test_an_archive_that_is_no_dataset_is_not_remembered(
    release: Release, own_data_folder: Path
) -> None:
    with pytest.raises(MiuaError, match="3 images instead of 5"):
        fetch_hc18(release=replace(release, images=5))
    assert not (own_data_folder / "hc18" / "hc18.json").exists()


@pytest.mark.parametrize("inner", ["", "training_set"])
def test_the_copy_that_the_environment_names_comes_first_and_nothing_is_written(
    inner: str,
    release: Release,
    dataset: Path,
    own_data_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MIUA_HC18", str(dataset / inner))
    folder = dataset.resolve() / "training_set"
    assert hc18_folder(release) == fetch_hc18(release=release) == folder
    assert not any(own_data_folder.iterdir())
    (folder / NAMES[0]).unlink()
    with pytest.raises(MiuaError, match="holds 2 images instead of 3"):
        fetch_hc18(release=release)


def test_a_copy_that_the_environment_names_and_is_not_there(
    release: Release, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MIUA_HC18", str(tmp_path / "absent"))
    with pytest.raises(MiuaError, match=r"MIUA_HC18 names .*absent, which is no folder"):
        hc18_folder(release)


def test_a_missing_source_is_named(tmp_path: Path) -> None:
    with pytest.raises(MiuaError, match=r"nowhere\.zip does not exist"):
        fetch_hc18(tmp_path / "nowhere.zip")


@pytest.mark.parametrize(
    "text", ["", "a,b,c\n1,2,3\n", ",".join(TABLE_HEADER) + "\n000_HC.png,x,1\n"]
)
def test_a_table_of_another_kind_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text(text)
    with pytest.raises(MiuaError, match=r"table\.csv is not a table"):
        read_table(tmp_path / "table.csv")


def test_subjects_by_file_name() -> None:
    assert subject_of("clinic 2/part/003_2HC.png") == 3
    assert [subject_of(name) for name in ("003_HC.png", "003_2HC.png", "1203_4HC.png")] == [
        3,
        3,
        1203,
    ]
    for name in ("003_HC_Annotation.png", "3_HC.png", "cat.png", "003_HC.png.bak"):
        with pytest.raises(ValueError, match="not named as HC18"):
            subject_of(name)


def test_subjects_of_a_folder() -> None:
    assert subjects_of(["003_2HC.png", "010_HC.png"]).tolist() == [3, 10]
    with pytest.raises(MiuaError, match=r"'cat\.png' is not named as HC18's images are"):
        subjects_of(["003_HC.png", "cat.png"])


def test_the_published_release_is_as_documented() -> None:
    assert PUBLISHED.archive.size == 132_926_838
    assert PUBLISHED.images == 999
    for item in (PUBLISHED.archive, PUBLISHED.table):
        assert item.url.startswith("https://zenodo.org/records/1327317/files/")
        assert len(bytes.fromhex(item.sha256)) == 32
