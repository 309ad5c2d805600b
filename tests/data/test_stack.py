from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

import miua.data.stack as stack_module
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
    with pytest.raises(MiuaError, match=r"differ in size \(20 x 30, .* pixels\)"):
        read_stack(folder, None)


def test_threads_do_not_matter(folder: Path) -> None:
    one = read_stack(folder, 16, threads=1, cache=False).images
    for threads in (2, 7):
        np.testing.assert_array_equal(
            read_stack(folder, 16, threads=threads, cache=False).images, one
        )


def count_decodings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    decoded: list[str] = []
    decode = stack_module._grey_image

    def counting(path: Path, digest: str) -> Image.Image:
        decoded.append(path.name)
        return decode(path, digest)

    monkeypatch.setattr(stack_module, "_grey_image", counting)
    return decoded


def test_the_cache_serves_the_same_content(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = count_decodings(monkeypatch)
    first = read_stack(folder, 16)
    assert len(decoded) == 4
    again = read_stack(folder, 16)
    assert len(decoded) == 4
    np.testing.assert_array_equal(first.images, again.images)
    assert (first.names, first.digest) == (again.names, again.digest)
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


@pytest.mark.parametrize("damage", [b"", b"no array", None], ids=["empty", "foreign", "other"])
def test_a_damaged_cache_only_costs_time(
    damage: bytes | None, folder: Path, own_data_folder: Path
) -> None:
    first = read_stack(folder, 16).images
    (cached,) = (own_data_folder / "stacks").iterdir()
    if damage is None:
        np.save(cached, first[:2])
    else:
        cached.write_bytes(damage)
    np.testing.assert_array_equal(read_stack(folder, 16).images, first)


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
    for name in ("a.png", "b.png", "d.JPG"):
        assert f"  {name}: is damaged" in message
    assert "c_HC.png" not in message
    assert not list(own_data_folder.iterdir())


def test_damage_that_decoding_does_not_notice_is_found(tmp_path: Path) -> None:
    Image.fromarray(grey(20, 20)).save(tmp_path / "a.png")
    changed = bytearray((tmp_path / "a.png").read_bytes())
    changed[-14] ^= 1  # in the checksum of the pixels; the last 12 bytes end the file
    (tmp_path / "a.png").write_bytes(changed)
    with Image.open(tmp_path / "a.png") as image:
        image.load()
    assert "a.png: is damaged" in refused(tmp_path)


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (Image.fromarray(np.arange(64, dtype=np.uint16).reshape(8, 8) * 999), "deeper than 8 bits"),
        (Image.new("RGB", (8, 8), (9, 9, 10)), "has coloured pixels"),
        (Image.new("RGBA", (8, 8), (9, 9, 9, 254)), "has transparent pixels"),
        (Image.new("RGB", (8, 8), (200, 0, 0)).quantize(4), "has coloured pixels"),
    ],
    ids=["16 bit", "colour", "alpha", "palette"],
)
def test_what_is_not_8_bit_grey_is_refused_by_name(
    image: Image.Image, reason: str, tmp_path: Path
) -> None:
    image.save(tmp_path / "odd.png")
    message = refused(tmp_path)
    assert "  odd.png: " in message
    assert reason in message
    assert "8-bit grey explicitly" in message


def test_16_bit_colour_is_not_reduced_in_silence(tmp_path: Path) -> None:
    import cv2

    deep = np.repeat(np.arange(64, dtype=np.uint16).reshape(8, 8, 1) * 999, 3, axis=2)
    cv2.imwrite(str(tmp_path / "deep.png"), deep)
    assert "deeper than 8 bits" in refused(tmp_path)


def test_several_frames_are_refused(tmp_path: Path) -> None:
    frames = [Image.fromarray(grey(8, 8, seed)) for seed in (1, 2)]
    frames[0].save(tmp_path / "film.tiff", save_all=True, append_images=frames[1:])
    assert "film.tiff: holds 2 frames" in refused(tmp_path)


def test_a_file_that_changes_while_it_is_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack_module, "_sha256", lambda path: "another")
    assert "changed while it was read" in refused(folder)


def test_an_npy_stack_is_a_source_too(tmp_path: Path) -> None:
    images = np.stack([grey(16, 16, seed) for seed in range(3)])
    np.save(tmp_path / "images.npy", images)
    stack = read_stack(tmp_path / "images.npy", 16)
    np.testing.assert_array_equal(stack.images, images)
    assert len(set(stack.names)) == 3
    assert read_stack(tmp_path / "images.npy", 8).images.shape == (3, 8, 8)


@pytest.mark.parametrize(
    "array", [np.zeros((2, 4, 4)), np.zeros((4, 4), np.uint8), np.zeros((0, 4, 4), np.uint8)]
)
def test_an_npy_file_of_another_kind_is_refused(array: NDArray[np.generic], tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(MiuaError, match=r"x\.npy is no image stack"):
        read_stack(tmp_path / "x.npy", 4)


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
    heavy = {"torch", "pandas", "pydantic", "matplotlib", "requests", "pooch", "rich"}
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
