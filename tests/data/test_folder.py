"""Which files of a folder are its images."""

from __future__ import annotations

from pathlib import Path
from unicodedata import normalize

import numpy as np
import pytest
from PIL import Image

from miua.data import hc18
from miua.data.folder import SUFFIXES, find_images, image_name, image_paths, natural_order
from miua.data.reading import EXCLUDED
from miua.data.stack import read_stack
from miua.errors import MiuaError

NAMES = ["b.png", "a/c.png", "a/b/d.tif", "Z.bmp", "a.png", "a/1.2.840"]


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"\0" * 128 + b"DICM")


def names_of(folder: Path, **options: object) -> list[str]:
    return [image_name(path, folder) for path in image_paths(folder, **options)]  # type: ignore[arg-type]


def test_subfolders_are_walked_and_names_are_paths(tmp_path: Path) -> None:
    touch(tmp_path, *NAMES)
    assert names_of(tmp_path) == sorted(NAMES)


def test_what_is_hidden_or_no_image_is_not_looked_at(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", ".b.png", ".c/d.png", "e.txt", "images.png.txt", "DICOMDIR", "f.md")
    touch(tmp_path, "c/1_Annotation.png", "scan", "1.2.3")
    (tmp_path / "README").write_text("no DICOM file")
    (tmp_path / "folder.png").mkdir()
    assert names_of(tmp_path) == ["1.2.3", "a.png", "scan"]
    assert "c/1_Annotation.png" in names_of(tmp_path, exclude=())


def test_suffixes_are_those_people_have(tmp_path: Path) -> None:
    wanted = [".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".pgm", ".gif", ".webp", ".jp2"]
    wanted += [".j2k", ".dcm", ".dicom"]
    assert set(wanted) == set(SUFFIXES)
    touch(tmp_path, *(f"x{suffix.upper()}" for suffix in wanted))
    assert len(names_of(tmp_path)) == len(wanted)


def test_a_linked_folder_is_entered_but_not_in_circles(tmp_path: Path) -> None:
    touch(tmp_path, "images/a.png", "elsewhere/b.png")
    (tmp_path / "images" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "images" / "circle").symlink_to(tmp_path / "images")
    (tmp_path / "elsewhere" / "up").symlink_to(tmp_path)
    found = names_of(tmp_path / "images")
    assert {"a.png", "linked/b.png"} <= set(found)
    assert len(found) < 10


def test_hc18_s_training_set_stands_for_its_folder(tmp_path: Path) -> None:
    made = tmp_path / "training_set"
    made.mkdir()
    for name in ("001_HC.png", "001_HC_Annotation.png"):
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(made / name)
    touch(tmp_path, "other.png")
    for folder in (tmp_path, made):
        assert read_stack(folder, 8).names == ("001_HC.png",)
    hc18.check_folder(made, 1)


def test_what_a_folder_holds_beside_its_images_is_counted(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "a.png")
    touch(tmp_path, "a_Annotation.png", "more/b_Annotation.png", "a.avif", "b.AVIF", "c.psd")
    touch(tmp_path, "v.nii.gz", "notes.txt", "t.csv", "p.json", ".h.gif", ".h/x.gif", "DICOMDIR")
    (tmp_path / "README").write_text("plain")
    assert read_stack(tmp_path, 8).notes == (
        "left out 2 files named *_Annotation.png",
        "left out 4 files of formats that are not read here (.avif, .nii.gz, .psd)",
    )
    touch(tmp_path, "c_HC.png")
    assert read_stack(tmp_path, 8, exclude=("*_*",)).notes[0] == "left out 3 files named *_*"


@pytest.mark.parametrize("name", ["training_set", "images.npy"])
def test_what_stands_for_a_folder_is_told(tmp_path: Path, name: str) -> None:
    if name == "images.npy":
        np.save(tmp_path / name, np.zeros((2, 8, 8), np.uint8))
    else:
        (tmp_path / name).mkdir()
        name = f"{name}/"
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / name / "a.png")
    assert read_stack(tmp_path, 8).notes == (f"read {name} of the folder",)
    touch(tmp_path, "names.json", ".a.png", ".b/c.png")
    assert read_stack(tmp_path, 8).notes == (f"read {name} of the folder",)
    touch(tmp_path, "test_set/001.png", "b.tif")
    told = f"read {name} of the folder, not the 2 image files beside it"
    assert read_stack(tmp_path, 8).notes == (told,)


def test_a_stray_image_below_hc18_is_noticed(tmp_path: Path) -> None:
    touch(tmp_path, "001_HC.png", "001_HC_Annotation.png", "more/002_HC.png")
    with pytest.raises(MiuaError, match=r"1\. it holds|more/002_HC\.png is without annotation"):
        hc18.check_folder(tmp_path)


def test_a_folder_without_images_says_what_was_looked_for(tmp_path: Path) -> None:
    touch(tmp_path, ".a.png", "b/c.txt")
    np.save(tmp_path / "stack.npy", np.zeros((1, 2, 2), np.uint8))
    with pytest.raises(MiuaError, match=r"holds no images.*\.dcm.*named by its file: STACK\.npy"):
        image_paths(tmp_path)


def test_masks_and_thumbnails_are_left_out_and_said(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "a_mask.png", "b/a_Mask.tif", "a_mask_1.png", "a_masked.png")
    touch(tmp_path, "a_Annotation.png", "._a.png", "b/._a.png", "._notes.txt", "a_mask.csv")
    touch(tmp_path, "@eaDir/a.png/SYNOPHOTO_THUMB.jpg", "b/.thumbnails/a.png", ".git/a.png")
    paths, notes = find_images(tmp_path, EXCLUDED)
    assert [path.name for path in paths] == ["a.png", "a_masked.png"]
    assert notes == [
        "left out 1 file named *_Annotation.png",
        "left out 1 file named *_Mask.*",
        "left out 1 file named *_mask.*",
        "left out 1 file named *_mask_[0-9].*",
        "left out 2 files named ._*",
        "left out 1 folder named .thumbnails",
        "left out 1 folder named @eaDir",
    ]
    everything = names_of(tmp_path, exclude=())
    assert {"a_mask.png", "b/a_Mask.tif", "@eaDir/a.png/SYNOPHOTO_THUMB.jpg"} < {*everything}
    assert not any("/." in f"/{name}" for name in everything)


@pytest.mark.parametrize(
    ("pattern", "kept"),
    [
        ("1.png", ["2.png", "a/b/2.png"]),
        ("a", ["1.png", "2.png"]),
        ("a/", ["1.png", "2.png"]),
        ("a/*", ["1.png", "2.png"]),
        ("b/*", ["1.png", "2.png", "a/1.png", "a/b/2.png"]),
        ("a/b", ["1.png", "2.png", "a/1.png"]),
        ("*/2.png", ["1.png", "2.png", "a/1.png"]),
    ],
)
def test_a_pattern_means_names_or_with_a_slash_paths(
    tmp_path: Path, pattern: str, kept: list[str]
) -> None:
    touch(tmp_path, "1.png", "2.png", "a/1.png", "a/b/2.png")
    assert names_of(tmp_path, exclude=(pattern,)) == kept


def test_accents_match_in_patterns_however_they_are_stored(tmp_path: Path) -> None:
    both = [normalize(form, "é_1.png") for form in ("NFC", "NFD")]
    touch(tmp_path, *both, "e_1.png")
    for form in ("NFC", "NFD"):
        assert names_of(tmp_path, exclude=(normalize(form, "é*"),)) == ["e_1.png"]


def test_a_name_with_brackets_is_itself(tmp_path: Path) -> None:
    touch(tmp_path, "a [v2]/1.png", "a w/1.png")
    assert names_of(tmp_path, exclude=("a [v2]",)) == ["a w/1.png"]


def test_a_folder_of_masks_alone_says_what_was_left_out(tmp_path: Path) -> None:
    touch(tmp_path, "a_mask.png", "b_mask.png")
    with pytest.raises(MiuaError, match=r"holds no images.*left out 2 files named \*_mask\.\*"):
        image_paths(tmp_path)


def test_natural_order_counts_as_people_do() -> None:
    names = ["10.png", "2.png", "02.png", "b/1.png", "a10b2", "a10b10", "a9b", "a", "é²", "1"]
    assert [names[place] for place in natural_order(names)] == [
        *("1", "2.png", "02.png", "10.png", "a", "a9b", "a10b2", "a10b10", "b/1.png", "é²")
    ]
    decomposed = [normalize("NFD", name) for name in ("é.png", "z.png", "f.png")]
    assert natural_order(decomposed) == natural_order(["é.png", "z.png", "f.png"])
