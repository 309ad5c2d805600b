from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

import miua.data.stack as stack_module
from miua.data.reading import Frame
from miua.data.stack import read_stack, subset
from miua.errors import MiuaError


def grey(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Images of several sizes, one annotation, and files that are no images."""
    made = tmp_path / "images"
    made.mkdir()
    sizes = {"b.png": (54, 80), "a.png": (56, 74), "c_HC.png": (30, 20), "d.JPG": (40, 40)}
    for seed, (name, size) in enumerate(sizes.items()):
        Image.fromarray(grey(*size, seed)).save(made / name)
    Image.fromarray(grey(5, 5)).save(made / "c_HC_Annotation.png")
    (made / ".hidden.png").write_bytes(b"no image")
    (made / "notes.txt").write_text("no image")
    (made / "more").mkdir()
    return made


def refused(folder: Path) -> str:
    with pytest.raises(MiuaError) as caught:
        read_stack(folder, 8)
    return str(caught.value)


def test_a_folder_becomes_a_sorted_contiguous_stack(folder: Path) -> None:
    stack = read_stack(folder, size=16)
    assert stack.names == ("a.png", "b.png", "c_HC.png", "d.JPG")
    assert stack.images.shape == (4, 16, 16)
    assert stack.images.dtype == np.uint8
    assert stack.images.flags.c_contiguous
    assert len(stack) == 4


def test_exclusion_is_a_choice(folder: Path) -> None:
    assert "c_HC_Annotation.png" in read_stack(folder, 8, exclude=()).names
    assert read_stack(folder, 8, exclude=("*_HC*", "*.JPG")).names == ("a.png", "b.png")


def test_stretch_keeps_the_mean_and_crop_takes_the_middle(tmp_path: Path) -> None:
    image = np.zeros((40, 80), np.uint8)
    image[:, 20:60] = 200  # the centred square
    Image.fromarray(image).save(tmp_path / "a.png")
    stretched = read_stack(tmp_path, 10).images[0]
    assert stretched.mean() == pytest.approx(100, abs=1)
    assert stretched[0, 0] == 0
    cropped = read_stack(tmp_path, 10, fit="crop").images[0]
    assert (cropped == 200).all()


def test_reduction_is_antialiased(tmp_path: Path) -> None:
    checks = np.indices((64, 64)).sum(axis=0) % 2 * 255
    Image.fromarray(checks.astype(np.uint8)).save(tmp_path / "a.png")
    assert np.abs(read_stack(tmp_path, 8).images.astype(int) - 127).max() <= 3


def test_grey_values_are_kept_where_nothing_is_resized(tmp_path: Path) -> None:
    pixels = grey(24, 24)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    Image.fromarray(pixels).convert("RGB").save(tmp_path / "b.png")
    Image.fromarray(pixels).convert("RGBA").save(tmp_path / "c.png")
    palette = Image.fromarray(pixels, "L").convert("P")
    palette.save(tmp_path / "d.png")
    for size in (24, None):
        for image in read_stack(tmp_path, size).images:
            np.testing.assert_array_equal(image, pixels)


def test_without_a_size_images_must_agree(folder: Path) -> None:
    Image.fromarray(grey(30, 20)).save(folder / "e.png")
    with pytest.raises(MiuaError, match=r"differ in size.*--size N") as caught:
        read_stack(folder, None)
    for line in (
        "  20 x 30 pixels: c_HC.png, e.png",
        "  40 x 40 pixels: d.JPG",
        "  74 x 56 pixels: a.png",
        "  80 x 54 pixels: b.png",
    ):
        assert line in str(caught.value).splitlines()


def test_threads_do_not_matter(folder: Path) -> None:
    one = read_stack(folder, 16, threads=1, cache=False).images
    for threads in (2, 7):
        np.testing.assert_array_equal(
            read_stack(folder, 16, threads=threads, cache=False).images, one
        )


def count_decodings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    decoded: list[str] = []
    decode = stack_module.frames_of

    def counting(path: Path, sha256: str) -> Iterator[Frame]:
        decoded.append(path.name)
        return decode(path, sha256)

    monkeypatch.setattr(stack_module, "frames_of", counting)
    return decoded


def test_the_cache_serves_the_same_content(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = count_decodings(monkeypatch)
    first = read_stack(folder, 16)
    assert len(decoded) == 4
    again = read_stack(folder, 16)
    assert len(decoded) == 4
    np.testing.assert_array_equal(first.images, again.images)
    assert (first.names, first.digest) == (again.names, again.digest)
    assert first.notes == again.notes != ()
    assert sorted(path.name for path in folder.parent.iterdir()) == ["images"]


def test_changed_content_size_or_fit_is_not_served_from_the_cache(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = count_decodings(monkeypatch)
    first = read_stack(folder, 16)
    read_stack(folder, 8)
    read_stack(folder, 16, fit="crop")
    assert len(decoded) == 12
    before = (folder / "a.png").stat()
    Image.fromarray(grey(56, 74, 99)).save(folder / "a.png")
    os.utime(folder / "a.png", ns=(before.st_atime_ns, before.st_mtime_ns))
    changed = read_stack(folder, 16)
    assert len(decoded) == 16
    assert changed.digest != first.digest
    assert (changed.images[0] != first.images[0]).any()


@pytest.mark.parametrize("suffix", [".npy", ".json"])
@pytest.mark.parametrize(
    "damage",
    [b"", b"nothing", b"[]", b"{}", b'{"reasons": 3}', "other", "gone"],
)
def test_a_damaged_cache_only_costs_time(
    damage: bytes | str, suffix: str, folder: Path, own_data_folder: Path
) -> None:
    first = read_stack(folder, 16)
    (cached,) = (own_data_folder / "stacks").glob(f"*{suffix}")
    if isinstance(damage, bytes):
        cached.write_bytes(damage)
    elif damage == "gone":
        cached.unlink()
    elif suffix == ".npy":
        np.save(cached, first.images[:2])
    else:
        cached.write_text(cached.read_text().replace("1", "2"))
    again = read_stack(folder, 16)
    np.testing.assert_array_equal(again.images, first.images)
    assert again.notes == first.notes


def test_a_cache_that_cannot_be_written_is_named(folder: Path, own_data_folder: Path) -> None:
    (own_data_folder / "stacks").write_text("a file where a folder should be")
    with pytest.raises(MiuaError, match="MIUA_DATA_DIR"):
        read_stack(folder, 16)
    assert len(read_stack(folder, 16, cache=False)) == 4


def test_missing_and_empty_folders_are_named(tmp_path: Path) -> None:
    assert "nowhere does not exist" in refused(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    assert "empty holds no images" in refused(tmp_path / "empty")


def test_every_damaged_file_is_named(folder: Path, own_data_folder: Path) -> None:
    whole = (folder / "a.png").read_bytes()
    (folder / "a.png").write_bytes(whole[: len(whole) // 2])
    flipped = bytearray((folder / "b.png").read_bytes())
    flipped[len(flipped) // 2] ^= 0x10
    (folder / "b.png").write_bytes(flipped)
    (folder / "d.JPG").write_bytes(b"")
    message = refused(folder)
    assert message.startswith(f"3 of 4 images in {folder}")
    assert "at 0x" not in message
    for name in ("a.png", "b.png", "d.JPG"):
        assert f"  {name}: is damaged" in message
    assert "c_HC.png" not in message
    assert not list(own_data_folder.iterdir())


def test_a_file_that_changes_while_it_is_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("miua.files.sha256_file", lambda path: "another")
    for skip_bad in (False, True):
        with pytest.raises(MiuaError, match=r"a\.png changed while it was read"):
            read_stack(folder, 8, skip_bad=skip_bad)


def test_a_file_that_is_no_stack_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"")
    with pytest.raises(MiuaError, match="neither a folder"):
        read_stack(tmp_path / "x.zip", 4)


def test_wrong_arguments_are_named(folder: Path) -> None:
    with pytest.raises(ValueError, match="size"):
        read_stack(folder, 0)
    with pytest.raises(ValueError, match="fit"):
        read_stack(folder, 8, fit="squeeze")  # type: ignore[arg-type]


@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 2**32))
def test_subsets_are_nested_and_without_repetition(n: int, count: int, seed: int) -> None:
    if count > n:
        with pytest.raises(ValueError, match="count"):
            subset(n, count, seed)
        return
    chosen = subset(n, count, seed)
    np.testing.assert_array_equal(chosen, subset(n, n, seed)[:count])
    assert len(set(chosen.tolist())) == count
    assert set(chosen.tolist()) <= set(range(n))


def test_subsets_depend_on_the_seed() -> None:
    assert (subset(999, 100, 1) != subset(999, 100, 2)).any()


def test_images_are_light_to_import() -> None:
    heavy = {"torch", "pandas", "pydantic", "pydicom", "matplotlib", "requests", "pooch", "rich"}
    code = f"import sys, miua.data; print(sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_crop_takes_as_many_pixels_as_asked_or_says_that_there_are_too_few(tmp_path: Path) -> None:
    pixels = np.zeros((40, 60), np.uint8)
    pixels[10:30, 20:40] = 200
    Image.fromarray(pixels).save(tmp_path / "a.png")
    middle = read_stack(tmp_path, 10, fit="crop", crop_size=20).images
    assert (middle == 200).all()
    assert not (read_stack(tmp_path, 10, fit="crop", crop_size=30).images == 200).all()
    with pytest.raises(MiuaError, match=r"a\.png: has 60 x 40 pixels, too few to crop 50 x 50"):
        read_stack(tmp_path, 10, fit="crop", crop_size=50)
    np.save(tmp_path / "stack.npy", pixels[None])
    with pytest.raises(MiuaError, match="too few to crop"):
        read_stack(tmp_path / "stack.npy", 10, fit="crop", crop_size=50)
    with pytest.raises(ValueError, match="crop_size needs"):
        read_stack(tmp_path, 10, crop_size=20)


def test_a_folder_with_a_saved_stack_is_read_as_that_stack(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8), dtype=np.uint8)
    np.save(tmp_path / "images.npy", images)
    np.testing.assert_array_equal(read_stack(tmp_path, 8).images, images)


def test_grey_values_are_those_of_pillow_s_bilinear_filter(folder: Path) -> None:
    stack = read_stack(folder, 16)
    for image, name in zip(stack.images, stack.names, strict=True):
        with Image.open(folder / name) as opened:
            resized = opened.resize((16, 16), Image.Resampling.BILINEAR)
        np.testing.assert_array_equal(image, np.asarray(resized))


def test_skipping_goes_on_with_the_rest_and_tells_of_each(folder: Path) -> None:
    (folder / "b.png").write_bytes(b"")
    Image.new("RGB", (9, 9), (1, 2, 3)).save(folder / "more" / "colour.bmp")
    (folder / "gone.png").symlink_to("nowhere")
    stack = read_stack(folder, 8, skip_bad=True)
    assert stack.names == ("a.png", "c_HC.png", "d.JPG")
    assert [(skipped.name, skipped.reason[:20]) for skipped in stack.skipped] == [
        ("b.png", "is damaged: it is em"),
        ("gone.png", "cannot be read (No s"),
        ("more/colour.bmp", "has coloured pixels."),
    ]
    for name in ("b.png", "gone.png", "more/colour.bmp"):
        (folder / name).unlink()
    rest = read_stack(folder, 8)
    np.testing.assert_array_equal(stack.images, rest.images)
    assert (stack.names, stack.digest, stack.notes) == (rest.names, rest.digest, rest.notes)


def test_the_cache_hides_no_skipped_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "b.png").write_bytes(b"")
    decoded = count_decodings(monkeypatch)
    first = read_stack(folder, 8, skip_bad=True)
    again = read_stack(folder, 8, skip_bad=True)
    assert len(decoded) == 4
    assert first.skipped == again.skipped != ()
    assert first.notes == again.notes
    assert first.digest == again.digest
    assert "1 of 4 images" in refused(folder)


def test_skipping_everything_is_an_error(tmp_path: Path) -> None:
    for name in ("a.png", "b.tif"):
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(MiuaError, match=r"No image is left\. 2 of 2 images") as caught:
        read_stack(tmp_path, 8, skip_bad=True)
    assert "  a.png: " in str(caught.value)
    assert "  b.tif: " in str(caught.value)


def test_notes_say_what_was_done_and_nothing_where_nothing_was(folder: Path) -> None:
    (folder / "c_HC_Annotation.png").unlink()
    assert read_stack(folder, 16).notes == (
        "resized 4 images of 4 sizes (largest 80 x 54) to 16 x 16: "
        "stretched, bilinear with antialiasing",
    )
    assert read_stack(folder, 10, fit="crop", resize="box", antialias=False).notes == (
        "resized 4 images of 4 sizes (largest 80 x 54) to 10 x 10: "
        "the largest centred square cropped, nearest pixel",
    )
    for name in ("a.png", "b.png", "c_HC.png"):
        (folder / name).unlink()
    assert read_stack(folder, 40).notes == read_stack(folder, None).notes == ()
    assert read_stack(folder, 20, fit="crop", crop_size=20).notes == (
        "cropped 1 image of 40 x 40 to the centred 20 x 20",
    )
    assert read_stack(
        folder, 10, "crop", crop_size=20, resize="lanczos", antialias=False
    ).notes == (
        "resized 1 image of 40 x 40 to 10 x 10: "
        "the centred 20 x 20 cropped, lanczos without antialiasing",
    )


def test_16_bits_hold_what_8_bits_round_away(folder: Path) -> None:
    eight, sixteen = read_stack(folder, 16), read_stack(folder, 16, depth=16)
    assert sixteen.images.dtype == np.uint16
    assert sixteen.images.flags.c_contiguous
    # With 8 bits Pillow rounds twice, after the columns and after the rows.
    assert (np.abs(sixteen.images / 257 - eight.images) < 1.1).all()
    assert (sixteen.images % 257 != 0).any()
    assert "4 images of 8 bits: scaled by 257 to 16 bits" in sixteen.notes
    assert (sixteen.names, sixteen.digest) == (eight.names, eight.digest)
    (folder / "more" / "same.png").write_bytes((folder / "d.JPG").read_bytes())
    same = read_stack(folder / "more", None, depth=16).images
    with Image.open(folder / "d.JPG") as opened:
        np.testing.assert_array_equal(same[0], np.asarray(opened).astype(np.uint16) * 257)


MEMORY = """
import resource, sys
from pathlib import Path
from miua.data import read_stack
read_stack(Path(sys.argv[1]), 16, threads=2)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


def test_memory_does_not_grow_with_the_number_of_images(tmp_path: Path) -> None:
    side, few, many = 1000, 10, 130
    peak = {}
    for count in (few, many):
        made = tmp_path / str(count)
        made.mkdir()
        for index in range(count):
            Image.new("L", (side, side), index).save(made / f"{index}.bmp")
        done = subprocess.run(
            [sys.executable, "-c", MEMORY, made], capture_output=True, text=True, check=True
        )
        peak[count] = int(done.stdout)
    # All originals at once would be 120 megabytes more.
    assert peak[many] - peak[few] < (many - few) * side * side / 6


@pytest.mark.parametrize("depth", [8, 16])
def test_a_stack_of_the_asked_size_is_taken_as_it_is_whatever_the_fit(
    tmp_path: Path, depth: int
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 16, 16), dtype=np.uint8)
    np.save(tmp_path / "images.npy", images)
    read = read_stack(tmp_path, 16, fit="crop", crop_size=500, resize="lanczos", depth=depth)
    expected = images if depth == 8 else images.astype(np.uint16) * 257
    np.testing.assert_array_equal(read.images, expected)
