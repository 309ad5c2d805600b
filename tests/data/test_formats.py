"""One file of each kind, sound and bad, through `read_stack`."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from miua.data.formats import read_images
from miua.data.stack import ImageStack, read_stack
from miua.errors import MiuaError

DEEP = np.arange(64, dtype=np.uint16).reshape(8, 8) * 999


def grey(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)


def refused(folder: Path, **options: object) -> str:
    with pytest.raises(MiuaError) as caught:
        read_stack(folder, 8, **options)  # type: ignore[arg-type]
    return str(caught.value)


def windowed(values: NDArray[np.generic], low: float, high: float, top: int) -> NDArray[np.float64]:
    scaled = (values.astype(np.float64) - low) / (high - low) * top
    return np.floor(np.clip(scaled, 0, top) + 0.5)


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp", "pgm"])
def test_grey_images_of_each_lossless_format_are_taken_as_they_are(
    suffix: str, tmp_path: Path
) -> None:
    Image.fromarray(grey(8, 8)).save(tmp_path / f"a.{suffix}")
    stack = read_stack(tmp_path, None)
    np.testing.assert_array_equal(stack.images[0], grey(8, 8))
    assert stack.notes == ()


def test_a_jpeg_is_what_pillow_decodes(tmp_path: Path) -> None:
    Image.fromarray(grey(8, 8)).save(tmp_path / "a.jpg")
    with Image.open(tmp_path / "a.jpg") as opened:
        np.testing.assert_array_equal(read_stack(tmp_path, 8).images[0], np.asarray(opened))


def test_a_file_is_what_it_contains_not_what_it_is_called(tmp_path: Path) -> None:
    Image.fromarray(grey(8, 8)).save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a.dcm")
    np.testing.assert_array_equal(read_stack(tmp_path, 8).images[0], grey(8, 8))


def test_grey_by_content_is_taken_and_said(tmp_path: Path) -> None:
    image = Image.fromarray(grey(8, 8))
    for name, mode in {"a": "RGB", "b": "RGB", "c": "RGBA", "d": "P", "e": "LA"}.items():
        image.convert(mode).save(tmp_path / f"{name}.png")
    image.save(tmp_path / "f.png", transparency=999)
    Image.fromarray(grey(8, 8) > 127).save(tmp_path / "g.png")
    stack = read_stack(tmp_path, 8)
    for taken in stack.images[:6]:
        np.testing.assert_array_equal(taken, grey(8, 8))
    np.testing.assert_array_equal(stack.images[6], np.where(grey(8, 8) > 127, 255, 0))
    assert stack.notes == (
        "1 1-bit image is black and white: 0 and 1 made 0 and 255",
        "2 RGB images are grey by content: one channel taken",
        "1 RGBA image is grey by content: one channel taken",
        "1 grey-alpha image is grey by content: one channel taken",
        "1 palette image is grey by content: one channel taken",
    )


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
        (Image.new("RGB", (8, 8), (9, 9, 10)), "has coloured pixels"),
        (Image.new("RGBA", (8, 8), (9, 9, 9, 254)), "has transparent pixels"),
        (Image.new("RGB", (8, 8), (200, 0, 0)).quantize(4), "has coloured pixels"),
    ],
    ids=["colour", "alpha", "palette"],
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

    deep = np.repeat(np.arange(64, dtype=np.uint16).reshape(8, 8, 1) * 999, 3, axis=2)
    cv2.imwrite(str(tmp_path / "deep.png"), deep)
    assert "deeper than 8 bits" in refused(tmp_path)


def test_several_frames_are_refused(tmp_path: Path) -> None:
    frames = [Image.fromarray(grey(8, 8, seed)) for seed in (1, 2)]
    frames[0].save(tmp_path / "film.tiff", save_all=True, append_images=frames[1:])
    assert "film.tiff: holds several frames" in refused(tmp_path)


def test_every_bad_file_is_named_with_its_reason(tmp_path: Path) -> None:
    Image.fromarray(grey(8, 8)).save(tmp_path / "good.png")
    whole = (tmp_path / "good.png").read_bytes()
    (tmp_path / "sub").mkdir()
    (tmp_path / "truncated.png").write_bytes(whole[:-30])
    (tmp_path / "empty.tif").write_bytes(b"")
    (tmp_path / "text.jpg").write_text("no image")
    Image.new("RGB", (8, 8), (9, 9, 10)).save(tmp_path / "sub" / "colour.png")
    Image.new("RGBA", (8, 8), (9, 9, 9, 0)).save(tmp_path / "alpha.png")
    Image.new("CMYK", (8, 8), (9, 9, 9, 0)).save(tmp_path / "cmyk.jpg")
    Image.new("RGB", (8, 8), (200, 0, 0)).quantize(4).save(tmp_path / "palette.bmp")
    Image.fromarray(DEEP).save(tmp_path / "deep.png")
    bomb = b"P5 60000 60000 255\n"
    (tmp_path / "bomb.pgm").write_bytes(bomb)
    lines = dict(line.strip().split(": ", 1) for line in refused(tmp_path).splitlines()[1:])
    assert list(lines) == sorted(lines)
    reasons = {
        "alpha.png": "has transparent pixels",
        "bomb.pgm": "is too large",
        "cmyk.jpg": "has the colour mode CMYK",
        "deep.png": "is deeper than 8 bits (16 bits); its values run from 0 to 62937",
        "empty.tif": "is damaged: it is empty",
        "palette.bmp": "has coloured pixels",
        "sub/colour.png": "has coloured pixels",
        "text.jpg": "is damaged or no image. Fetch",
        "truncated.png": "is damaged (",
    }
    assert list(lines) == list(reasons)
    for name, reason in reasons.items():
        assert lines[name].startswith(reason)


def test_16_bits_go_through_the_window_that_is_given(tmp_path: Path) -> None:
    Image.fromarray(DEEP).save(tmp_path / "a.png")
    Image.fromarray(DEEP).save(tmp_path / "b.tif")
    Image.fromarray(grey(8, 8)).save(tmp_path / "c.png")
    assert "--window LOW:HIGH" in refused(tmp_path)
    assert "has no window of its own that is linear" in refused(tmp_path, window="dicom")
    stack = read_stack(tmp_path, 8, window=(1000, 50000))
    for taken in stack.images[:2]:
        np.testing.assert_array_equal(taken, windowed(DEEP, 1000, 50000, 255))
    np.testing.assert_array_equal(stack.images[2], grey(8, 8))
    assert stack.notes == (
        "2 images of 16 bits: window 1000:50000 to 0..255, 23.4 % of the pixels clipped",
        "1 image of 8 bits: taken as stored, without the window",
    )
    sixteen = read_stack(tmp_path, 8, window=(1000, 50000), depth=16)
    np.testing.assert_array_equal(sixteen.images[0], windowed(DEEP, 1000, 50000, 65535))
    assert "2 images of 16 bits: window 1000:50000 to 0..65535" in sixteen.notes[0]


def test_another_window_is_not_served_from_the_cache(tmp_path: Path) -> None:
    Image.fromarray(DEEP).save(tmp_path / "a.png")
    one, other = (read_stack(tmp_path, 4, window=window) for window in ((0, 9), (0, 9999)))
    assert (one.images != other.images).any()
    assert one.digest == other.digest
    assert "--window" in refused(tmp_path)


def deep_stack(folder: Path, values: NDArray[np.generic], name: str) -> ImageStack:
    """What cv2 writes, through a window that makes most values differ."""
    assert cv2.imwrite(str(folder / name), values)
    return read_stack(folder, None, window=(-100, 60000), depth=16)


@pytest.mark.parametrize(
    ("values", "name", "depth"),
    [
        (DEEP, "a.png", "16 bits"),
        (DEEP, "a.tif", "16 bits"),
        (DEEP, "a.pgm", "16 bits"),
        (DEEP.astype(np.float32) / 7, "a.tif", "32-bit floats"),
        (DEEP.astype(np.int32) - 30000, "a.tif", "32 bits"),
    ],
)
def test_deep_values_arrive_as_they_are_stored(
    values: NDArray[np.generic], name: str, depth: str, tmp_path: Path
) -> None:
    stack = deep_stack(tmp_path, values, name)
    np.testing.assert_array_equal(stack.images[0], windowed(values, -100, 60000, 65535))
    assert f"1 image of {depth}: window" in stack.notes[0]


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("maxval", [300, 4095, 65535])
def test_a_window_speaks_of_the_values_in_a_pgm_file(
    maxval: int, plain: bool, tmp_path: Path
) -> None:
    values = np.arange(64).reshape(8, 8) * (maxval // 64)
    data = " ".join(map(str, values.ravel())).encode() if plain else values.astype(">u2").tobytes()
    header = f"{'P2' if plain else 'P5'} 8 8 {maxval}\n".encode()
    (tmp_path / "a.pgm").write_bytes(header + data)
    stack = read_stack(tmp_path, 8, window=(10, maxval))
    np.testing.assert_array_equal(stack.images[0], windowed(values, 10, maxval, 255))


def test_a_pgm_file_with_a_smaller_maximum_is_stretched_and_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.pgm").write_bytes(b"P5 2 2 15\n" + bytes([0, 5, 10, 15]))
    stack = read_stack(tmp_path, None)
    assert stack.images.ravel().tolist() == [0, 85, 170, 255]
    assert stack.notes == ("1 PGM image is of maximum 15: 0..15 scaled to 0..255",)


def tiff(pixels: NDArray[np.generic], photometric: int) -> bytes:
    """The smallest little-endian TIFF file of one strip."""
    height, width = pixels.shape
    bits = 8 * pixels.itemsize
    tags = [(256, width), (257, height), (258, bits), (259, 1), (262, photometric)]
    data_at = 8 + 2 + 12 * (len(tags) + 3) + 4
    tags += [(273, data_at), (278, height), (279, pixels.nbytes)]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + b"\0" * 4 + pixels.tobytes()


def test_tiff_files_whose_zero_is_white_are_inverted_and_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(tiff(grey(8, 8), 0))
    (tmp_path / "b.tif").write_bytes(tiff(DEEP, 0))
    (tmp_path / "c.tif").write_bytes(tiff(DEEP, 1))
    stack = read_stack(tmp_path, 8, window=(0, 60000))
    np.testing.assert_array_equal(stack.images[0], 255 - grey(8, 8))
    np.testing.assert_array_equal(stack.images[2], windowed(DEEP, 0, 60000, 255))
    np.testing.assert_array_equal(stack.images[1], windowed(-1.0 * DEEP, -60000, 0, 255))
    assert stack.notes[0] == "2 TIFF images are stored with 0 as white: inverted"


def test_unsigned_32_bits_do_not_turn_negative(tmp_path: Path) -> None:
    values = DEEP.astype(np.uint32) * 65537
    (tmp_path / "a.tif").write_bytes(tiff(values, 1))
    stack = read_stack(tmp_path, 8, window=(0, 2**32))
    np.testing.assert_array_equal(stack.images[0], windowed(values, 0, 2**32, 255))


def test_floats_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    values = np.full((8, 8), np.nan, np.float32)
    assert cv2.imwrite(str(tmp_path / "a.tif"), values)
    assert "a.tif: holds values that are not finite" in refused(tmp_path, window=(0, 1))


def test_one_file_alone_is_read_as_it_is_or_named(tmp_path: Path) -> None:
    Image.fromarray(grey(5, 9)).save(tmp_path / "a.png")
    Image.fromarray(DEEP).save(tmp_path / "b.png")
    (image,) = read_images(tmp_path / "a.png")
    np.testing.assert_array_equal(image, grey(5, 9))
    for name in ("b.png", "gone.png"):
        with pytest.raises(MiuaError, match=name):
            list(read_images(tmp_path / name))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif"])
def test_an_orientation_is_applied_and_told(tmp_path: Path, name: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray(grey(5, 9)).save(tmp_path / name, exif=exif)
    stored = Image.fromarray(grey(5, 9))
    if name == "a.jpg":
        with Image.open(tmp_path / name) as opened:
            stored = opened.convert("L")
    stored.getexif()[274] = orientation
    stack = read_stack(tmp_path, None)
    np.testing.assert_array_equal(stack.images[0], np.asarray(ImageOps.exif_transpose(stored)))
    told = "1 image is stored with an EXIF orientation: turned upright"
    assert stack.notes == ((told,) if orientation > 1 else ())


def test_a_damaged_description_of_a_sound_image_does_not_matter(tmp_path: Path) -> None:
    for seed, exif in enumerate((b"Exif\0\0MM\0*", b"Exif\0\0nonsense", b"x")):
        Image.fromarray(grey(5, 9, seed)).save(tmp_path / f"{seed}.png", exif=exif)
    stack = read_stack(tmp_path, None)
    np.testing.assert_array_equal(stack.images, [grey(5, 9, seed) for seed in range(3)])
    assert stack.notes == ()


def test_a_link_to_itself_is_a_bad_file_like_others(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "a.png")
    (tmp_path / "self.png").symlink_to("self.png")
    with pytest.raises(MiuaError, match=r"self\.png: cannot be read \(Too many levels"):
        read_stack(tmp_path, None)
    stack = read_stack(tmp_path, None, skip_bad=True)
    assert (stack.names, stack.skipped[0].name) == (("a.png",), "self.png")
