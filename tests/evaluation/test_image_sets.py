"""What a person gives becomes stacks with names and groups, or an error that says what to do."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from miua.data import ImageStack, read_stack
from miua.errors import MiuaError
from miua.evaluation.image_sets import Reading, groups_of, named_sets


def images(seed: int, n: int, size: int = 16) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, size, size), dtype=np.uint8)


def folder(path: Path, stack: np.ndarray, pattern: str = "{:03d}.png") -> Path:
    path.mkdir(parents=True)
    for number, image in enumerate(stack, start=1):
        Image.fromarray(image).save(path / pattern.format(number))
    return path


def test_a_folder_a_stack_and_an_array_give_the_same_images(tmp_path):
    stack = images(1, 3)
    source = folder(tmp_path / "some", stack)
    np.save(tmp_path / "stack.npy", stack)
    read = Reading().read
    for given in (source, str(source), tmp_path / "stack.npy", read_stack(source, None), stack):
        found, told = read(given, "real")
        np.testing.assert_array_equal(found.images, stack)
        assert (told.name, told.images, told.height, told.width) == ("real", 3, 16, 16)
        np.testing.assert_array_equal(told.sample, stack)
        assert told.sha256 == found.digest
    assert told.path is None
    assert read(str(source), "real")[1].path == str(source)


def test_what_was_done_to_the_files_is_told(tmp_path):
    source = folder(tmp_path / "some", images(1, 3))
    (source / "bad.png").write_bytes(b"no image")
    _, told = Reading(size=8, skip_bad=True).read(source, "real")
    assert any("8 x 8" in note for note in told.notes)
    assert [skipped.name for skipped in told.skipped] == ["bad.png"]
    with pytest.raises(MiuaError, match=r"bad\.png[\s\S]*\n--skip-bad goes on without them\.$"):
        Reading(size=8).read(source, "real")


def test_skipping_is_no_remedy_where_nothing_would_be_left(tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no image")
    for skip_bad in (False, True):
        with pytest.raises(MiuaError, match=r"bad\.png") as caught:
            Reading(skip_bad=skip_bad).read(tmp_path, "real")
        assert "--skip-bad" not in str(caught.value)


def test_a_sample_is_spread_over_the_set():
    stack = images(1, 200)
    _, told = Reading().read(stack, "real")
    assert len(told.sample) == 24
    np.testing.assert_array_equal(told.sample[[0, -1]], stack[[0, -1]])


@pytest.mark.parametrize("given", [images(1, 2) / 255, images(1, 2)[0], 3])
def test_what_is_no_stack_is_refused(given):
    with pytest.raises(TypeError, match="real must be a path or a uint8 array"):
        Reading().read(given, "real")
    with pytest.raises(MiuaError, match="The set real holds no images"):
        Reading().read(images(1, 0), "real")


def test_sets_are_named_after_their_folders(tmp_path):
    a, b = tmp_path / "gan" / "a", tmp_path / "b.npy"
    assert named_sets(a) == {"a": a}
    assert named_sets([a, b]) == {"a": a, "b": b}
    assert named_sets(tmp_path / "gan" / "images.npy") == {"gan": tmp_path / "gan" / "images.npy"}
    stack = images(1, 2)
    assert list(named_sets(stack)) == ["synthetic"]
    assert list(named_sets([stack, stack])) == ["synthetic 1", "synthetic 2"]
    assert named_sets({"mine": a}) == {"mine": a}


def test_names_are_as_typed(tmp_path, monkeypatch):
    def name(path):
        (found,) = named_sets(path)
        return found

    for folder_name in ("s50.v1", "gan-0.5", "x.npy"):
        (tmp_path / folder_name).mkdir()
        assert name(tmp_path / folder_name) == folder_name
    (tmp_path / "latest").symlink_to(tmp_path / "gan-0.5")
    assert name(tmp_path / "latest") == "latest"
    assert name(tmp_path / "latest" / "images.npy") == "latest"
    assert name("sets/gan-0.5.npy") == "gan-0.5"
    assert name("sets/gan.npz:fake") == "gan:fake"
    assert name("scan.dcm") == "scan"
    assert name("/") == "/"
    (tmp_path / "gan-0.5" / "inner").mkdir()
    monkeypatch.chdir(tmp_path / "gan-0.5")
    for here in (".", "", "images.npy", "./images.npy", "inner/.."):
        assert name(here) == "gan-0.5"


def test_sets_of_one_name_are_told_apart_by_their_paths_and_not_named_twice(tmp_path):
    a, b = tmp_path / "x" / "set", tmp_path / "y" / "set"
    assert list(named_sets([a, b])) == [str(a), str(b)]
    with pytest.raises(MiuaError, match="is named twice"):
        named_sets([a, a])
    with pytest.raises(MiuaError, match="no synthetic set"):
        named_sets([])


def test_groups_by_file_by_label_and_by_name(tmp_path):
    stack = read_stack(folder(tmp_path / "some", images(1, 3)), None)
    table = tmp_path / "groups.csv"
    table.write_text("file,group\n001.png,anna\n002.png,berta\n003.png,anna\n")
    codes, words = groups_of(table, stack)
    assert codes[0] == codes[2] != codes[1]
    assert words == "groups.csv"
    codes, _ = groups_of(["x", "y", "x"], stack)
    assert codes[0] == codes[2] != codes[1]
    codes, words = groups_of(None, stack)
    assert codes is None
    assert words.startswith("none")
    named = read_stack(folder(tmp_path / "hc18", images(1, 3), "{:03d}_HC.png"), None)
    codes, words = groups_of(None, named)
    assert codes.tolist() == [1, 2, 3]
    assert "HC18" in words
    with pytest.raises(MiuaError, match="2 groups for 3 real images"):
        groups_of([1, 2], stack)


def test_frames_of_one_file_are_one_group(tmp_path):
    def stack(*names):
        return ImageStack(images(1, len(names)), names, "digest")

    codes, words = groups_of(None, stack("a.dcm[0]", "a.dcm[1]", "b.dcm[0]", "b.dcm[1]"))
    assert codes.tolist() == [0, 0, 1, 1]
    assert "frames" in words
    for names in (("a.dcm[0]", "a.dcm[1]"), ("a.png", "b.png"), ("real[0]", "real[1]")):
        assert groups_of(None, stack(*names))[0] is None
