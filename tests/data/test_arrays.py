"""Image stacks as .npy and .npz files."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from miua.data.stack import read_stack
from miua.errors import MiuaError


def stack_of(count: int, height: int = 16, width: int = 16) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (count, height, width), np.uint8)


def refused(source: Path, size: int | None = 4, **options: object) -> str:
    with pytest.raises(MiuaError) as caught:
        read_stack(source, size, **options)  # type: ignore[arg-type]
    return str(caught.value)


def test_a_header_of_python_2_is_read_without_a_word(tmp_path: Path) -> None:
    path = tmp_path / "old.npy"
    header = "{'descr': '|u1', 'fortran_order': False, 'shape': (2L, 4L, 4L), }".ljust(117) + "\n"
    path.write_bytes(b"\x93NUMPY\x01\x00v\x00" + header.encode() + bytes(range(32)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stack = read_stack(path, None)
    assert stack.images.ravel().tolist() == list(range(32))


def test_an_npy_stack_is_a_source_too(tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", stack_of(3))
    stack = read_stack(tmp_path / "images.npy", 16)
    np.testing.assert_array_equal(stack.images, stack_of(3))
    assert stack.names == ("images.npy[0]", "images.npy[1]", "images.npy[2]")
    assert stack.notes == ()
    assert stack.images.flags.owndata
    small = read_stack(tmp_path / "images.npy", 8)
    for image, original in zip(small.images, stack_of(3), strict=True):
        resized = Image.fromarray(original).resize((8, 8), Image.Resampling.BILINEAR)
        np.testing.assert_array_equal(image, np.asarray(resized))
    assert "resized 3 images of 16 x 16 to 8 x 8" in small.notes[0]


def test_the_order_in_memory_does_not_matter(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.asfortranarray(stack_of(3)))
    stack = read_stack(tmp_path / "x.npy", None)
    np.testing.assert_array_equal(stack.images, stack_of(3))
    assert stack.images.flags.c_contiguous


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((0, 4, 4), np.uint8),
        np.zeros((2, 4, 4, 3), np.uint8),
        np.zeros((2, 4, 4), bool),
        np.zeros((2, 4, 4), complex),
        np.array("text"),
    ],
    ids=["one", "none", "colour", "bool", "complex", "text"],
)
def test_an_npy_file_of_another_kind_is_refused(array: NDArray[np.generic], tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", array)
    assert "x.npy is no image stack" in refused(tmp_path / "x.npy")


@pytest.mark.parametrize("name", ["x.npy", "x.npz"])
@pytest.mark.parametrize("damage", ["empty", "truncated", "foreign", "pickle"])
def test_a_damaged_file_is_named(name: str, damage: str, tmp_path: Path) -> None:
    path = tmp_path / name
    save = np.save if name == "x.npy" else np.savez
    save(path, np.array([{}], dtype=object) if damage == "pickle" else stack_of(3))
    if damage == "empty":
        path.write_bytes(b"")
    elif damage == "truncated":
        path.write_bytes(path.read_bytes()[:400])
    elif damage == "foreign":
        path.write_bytes(b"no array")
    assert f"{name} is not a readable {path.suffix} file" in refused(path)


def test_the_one_array_of_an_npz_file_or_a_named_one(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "one.npz", real=stack_of(2))
    np.testing.assert_array_equal(read_stack(tmp_path / "one.npz", None).images, stack_of(2))
    np.savez(tmp_path / "two.npz", real=stack_of(2), synthetic=stack_of(4))
    assert "two.npz holds real, synthetic. Name the array" in refused(tmp_path / "two.npz")
    assert "two.npz holds real, synthetic" in refused(tmp_path / "two.npz:other")
    named = [read_stack(tmp_path / f"two.npz:{name}", 16) for name in ("real", "synthetic")]
    assert [len(stack) for stack in named] == [2, 4]
    assert named[1].names[3] == "two.npz[3]"
    assert named[0].digest != named[1].digest
    assert "does not exist" in refused(tmp_path / "gone.npz")


def test_deeper_stacks_need_a_window(tmp_path: Path) -> None:
    values = stack_of(3) * 4.0 - 100
    path = tmp_path / "x.npy"
    np.save(path, values.astype(np.float32))
    message = refused(path)
    assert "x.npy holds float32; its values run from -100 to 920" in message
    assert "--window LOW:HIGH" in message
    assert "--window LOW:HIGH" in refused(path, window="dicom")
    stack = read_stack(path, None, window=(-100, 920))
    np.testing.assert_array_equal(stack.images, stack_of(3))
    assert stack.notes == (
        "3 images of 32-bit floats: window -100:920 to 0..255, 0.0 % of the pixels clipped",
    )


def test_bad_images_of_a_stack_are_named_or_skipped(tmp_path: Path) -> None:
    values = stack_of(4).astype(np.float64)
    values[1, 0, 0] = np.nan
    values[3, 0, 0] = np.inf
    path = tmp_path / "x.npy"
    np.save(path, values)
    message = refused(path, window=(0, 255))
    assert message.startswith(f"2 of 4 images in {path}")
    assert "  x.npy[1]: holds values that are not finite" in message
    assert "  x.npy[3]: " in message
    stack = read_stack(path, None, window=(0, 255), skip_bad=True)
    np.testing.assert_array_equal(stack.images, stack_of(4)[[0, 2]])
    assert stack.names == ("x.npy[0]", "x.npy[2]")
    assert [skipped.name for skipped in stack.skipped] == ["x.npy[1]", "x.npy[3]"]


def test_16_bits_from_8(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", stack_of(2))
    stack = read_stack(tmp_path / "x.npy", None, depth=16)
    np.testing.assert_array_equal(stack.images, stack_of(2).astype(np.uint16) * 257)
    assert stack.notes == ("2 images of 8 bits: scaled by 257 to 16 bits",)


def test_arrays_whose_heads_are_no_python_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, stack_of(2))
    whole = path.read_bytes()
    for harm in (b"{{{{", b"'\\N{", b"(((("):
        path.write_bytes(whole.replace(b"{'de", harm))
        assert "is not a readable .npy file" in refused(path)


def test_values_that_are_not_finite_are_no_range_of_values(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([[[0.5, np.nan]]]))
    for window in (None, (0.0, 1.0)):
        with pytest.raises(MiuaError, match="holds values that are not finite"):
            read_stack(tmp_path / "a.npy", None, window=window)


def test_an_array_that_is_named_as_an_archive(tmp_path: Path) -> None:
    with (tmp_path / "a.npz").open("wb") as file:
        np.save(file, np.zeros((1, 4, 4), np.uint8))
    with pytest.raises(MiuaError, match=r"it is an \.npy file"):
        read_stack(tmp_path / "a.npz", None)
