"""TIFF files as programs really write them, against second decoders and the specification."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from miua.data.stack import read_stack
from miua.errors import MiuaError
from tests.data.one_file import frame, why_refused
from tests.data.test_dicom import grey

TWELVE = np.random.default_rng(3).integers(0, 4096, (16, 16), np.uint16)
FLOATS = np.arange(48 * 48, dtype=np.float32).reshape(48, 48) / 7


def lzw(data: bytes) -> bytes:
    """TIFF's LZW without any compression: every code a byte, the table cleared in time."""
    codes = []
    for start in range(0, len(data), 200):
        codes += [256, *data[start : start + 200]]
    bits = "".join(f"{code:09b}" for code in [*codes, 257])
    return bytes(int(bits[at : at + 8].ljust(8, "0"), 2) for at in range(0, len(bits), 8))


def tiff(pixels: bytes, shape: tuple[int, int], order: str, **tags: int) -> bytes:
    """A TIFF of one strip, by the specification; tags: numbers of more elements by tN."""
    head = 8 + len(pixels) + len(pixels) % 2
    fixed = {256: shape[1], 257: shape[0], 273: 8, 278: shape[0], 279: len(pixels)}
    named = {int(name[1:]): value for name, value in tags.items()}
    elements = sorted((fixed | named).items())
    made = struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, head)
    made += pixels.ljust(head - 8, b"\0") + struct.pack(f"{order}H", len(elements))
    for tag, value in elements:
        made += struct.pack(f"{order}HHII", tag, 4, 1, value)
    return made + bytes(4)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib", "lzma"])
@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "u4", "i4", "f2", "f4", "f8"])
def test_tiff_values_arrive_in_either_byte_order(
    tmp_path: Path, order: str, compression: str | None, dtype: str
) -> None:
    values = (FLOATS * 5).astype(dtype)
    path = tmp_path / "a.tif"
    how: dict[str, Any] = {"predictor": 2} if compression == "zlib" and dtype[0] != "f" else {}
    tifffile.imwrite(path, values, byteorder=order, compression=compression, **how)
    read = frame(path)
    assert read.pixels.dtype.newbyteorder("=") == np.dtype(dtype)
    np.testing.assert_array_equal(read.pixels, values)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "f2", "f4", "f8"])
def test_lzw_values_arrive_in_either_byte_order(tmp_path: Path, order: str, dtype: str) -> None:
    below = {"i1": 100, "i2": 300}.get(dtype, 0)
    values = (FLOATS[:16, :16] % 40 * 5 - below).astype(dtype)
    form = {"u": 1, "i": 2, "f": 3}[dtype[0]]
    tags = {"t258": 8 * values.itemsize, "t259": 5, "t262": 1, "t277": 1, "t339": form}
    packed = lzw(values.astype(values.dtype.newbyteorder(order)).tobytes())
    (tmp_path / "a.tif").write_bytes(tiff(packed, (16, 16), order, **tags))
    np.testing.assert_array_equal(frame(tmp_path / "a.tif").pixels, values)


@pytest.mark.parametrize("bits", [1, 8])
@pytest.mark.parametrize("compression", [1, 5])
def test_0_is_white_where_a_tiff_says_so(tmp_path: Path, bits: int, compression: int) -> None:
    values = grey(16, 16)
    stored = np.packbits(values > 99, axis=1) if bits == 1 else values
    body = stored.tobytes() if compression == 1 else lzw(stored.tobytes())
    tags = {"t258": bits, "t259": compression, "t262": 0, "t277": 1}
    (tmp_path / "a.tif").write_bytes(tiff(body, (16, 16), "<", **tags))
    expected = np.where(values > 99, 0, 255) if bits == 1 else 255 - values
    np.testing.assert_array_equal(frame(tmp_path / "a.tif").pixels, expected)


def test_signed_bytes_of_a_tiff_are_signed(tmp_path: Path) -> None:
    values = np.arange(-128, 128, dtype=np.int8).reshape(16, 16)
    tifffile.imwrite(tmp_path / "a.tif", values)
    read = frame(tmp_path / "a.tif")
    np.testing.assert_array_equal(read.pixels, values)
    assert read.depth == "8 bits, signed"
    with pytest.raises(MiuaError, match=r"has signed values .*run from -128 to 127"):
        read_stack(tmp_path, None)
    stack = read_stack(tmp_path, None, window=(-128, 127))
    np.testing.assert_array_equal(stack.images[0], values.astype(int) + 128)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bits", [10, 12, 14])
def test_values_of_a_tiff_that_do_not_fill_their_bytes(
    tmp_path: Path, bits: int, order: str
) -> None:
    values = (TWELVE >> (12 - min(12, bits)))[:, :15]
    packed = b""
    for row in values:
        said = "".join(f"{value:0{bits}b}" for value in row)
        packed += bytes(int(said[at : at + 8].ljust(8, "0"), 2) for at in range(0, len(said), 8))
    tags = {"t258": bits, "t259": 1, "t262": 1, "t277": 1}
    (tmp_path / "a.tif").write_bytes(tiff(packed, (16, 15), order, **tags))
    read = frame(tmp_path / "a.tif")
    np.testing.assert_array_equal(read.pixels, values)
    assert read.depth == f"{bits} bits"
    (tmp_path / "a.tif").write_bytes(tiff(packed[:-20], (16, 15), order, **tags))
    assert "is damaged" in why_refused(tmp_path / "a.tif")


def test_other_depths_of_a_tiff_say_what_to_do(tmp_path: Path) -> None:
    tags = {"t258": 11, "t259": 1, "t262": 1, "t277": 1}
    (tmp_path / "a.tif").write_bytes(tiff(bytes(352), (16, 16), "<", **tags))
    assert "with 11 bits a value, which is not read" in why_refused(tmp_path / "a.tif")
    tifffile.imwrite(tmp_path / "b.tif", FLOATS.astype(np.complex64))
    assert why_refused(tmp_path / "b.tif").startswith("stores 64 bits a value")


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_colour_channels_of_a_tiff(tmp_path: Path, planar: str, dtype: type) -> None:
    one = grey(16, 16).astype(dtype)
    channels = [one, one, one]
    as_stored = np.stack(channels, axis=-1 if planar == "contig" else 0)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, as_stored, photometric="rgb", planarconfig=planar)
    if dtype == np.uint8:
        np.testing.assert_array_equal(frame(path).pixels, one)
        channels[1] = one ^ 1
        as_stored = np.stack(channels, axis=-1 if planar == "contig" else 0)
        tifffile.imwrite(path, as_stored, photometric="rgb", planarconfig=planar)
        assert why_refused(path).startswith("has coloured pixels")
    else:
        assert "deeper than 8 bits in several channels" in why_refused(path)


def test_a_second_channel_of_a_tiff_is_not_dropped(tmp_path: Path) -> None:
    two = np.stack([grey(16, 16), np.full((16, 16), 255, np.uint8)], axis=-1)
    path = tmp_path / "a.tif"
    how: dict[str, Any] = {"photometric": "minisblack", "planarconfig": "contig"}
    tifffile.imwrite(path, two, extrasamples=[0], **how)
    assert why_refused(path).startswith("holds 2 channels that are no colours")
    tifffile.imwrite(path, two, extrasamples=[2], **how)
    np.testing.assert_array_equal(frame(path).pixels, two[..., 0])
    two[3, 3, 1] = 254
    tifffile.imwrite(path, two, extrasamples=[2], **how)
    assert why_refused(path).startswith("has transparent pixels")


@pytest.mark.parametrize("how", [{"imagej": True}, {"ome": True}, {}])
def test_further_images_of_a_tiff_are_not_dropped(tmp_path: Path, how: dict[str, Any]) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((3, 16, 16), np.uint8), photometric="minisblack", **how)
    assert why_refused(path).startswith("holds several frames")


def test_a_tiff_with_a_page_without_dimensions_is_refused(tmp_path: Path) -> None:
    tags = {"t258": 8, "t259": 1, "t262": 1, "t277": 1}
    made = tiff(bytes(256), (16, 16), "<", **tags)
    nameless = struct.pack("<H", 1) + struct.pack("<HHII", 262, 4, 1, 1) + bytes(4)
    (tmp_path / "a.tif").write_bytes(made[:-4] + struct.pack("<I", len(made)) + nameless)
    assert why_refused(tmp_path / "a.tif").startswith("holds several frames")
    only = struct.pack("<2sHI", b"II", 42, 8) + nameless
    (tmp_path / "a.tif").write_bytes(only)
    assert why_refused(tmp_path / "a.tif").startswith(("holds no frames", "is damaged"))


def test_a_tiff_of_which_a_strip_is_missing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    for compression in (None, "zlib"):
        tifffile.imwrite(path, grey(64, 64), rowsperstrip=16, compression=compression)
        whole = path.read_bytes()
        with tifffile.TiffFile(path) as opened:
            offset = opened.pages.first.dataoffsets[3]
            tag = opened.pages.first.tags["StripByteCounts"]
        path.write_bytes(whole[: offset + 9])
        assert "is damaged" in why_refused(path)
        size = struct.calcsize("<H" if tag.dtype == 3 else "<I")
        at = tag.valueoffset + 3 * size
        path.write_bytes(whole[:at] + bytes(size) + whole[at + size :])
        assert "a part of its pixels is missing" in why_refused(path)


def test_of_a_file_of_30000_directories_few_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = struct.pack("<H", 1) + struct.pack("<HHII", 256, 4, 1, 1)
    made = bytearray(struct.pack("<2sHI", b"II", 42, 8))
    for _ in range(30_000):
        made += entry + struct.pack("<I", len(made) + len(entry) + 4)
    (tmp_path / "a.tif").write_bytes(made)
    read, real = [], tifffile.TiffPage.__init__

    def counted(self: Any, *given: Any, **named: Any) -> None:
        read.append(self)
        real(self, *given, **named)

    monkeypatch.setattr(tifffile.TiffPage, "__init__", counted)
    why_refused(tmp_path / "a.tif")
    assert 1 <= len(read) <= 3


@pytest.mark.parametrize("order", ["<", ">"])
def test_values_whose_bits_are_filled_from_the_lowest(tmp_path: Path, order: str) -> None:
    packed = b""
    for row in TWELVE:
        said = "".join(f"{value:012b}" for value in row)
        packed += bytes(int(said[at : at + 8][::-1], 2) for at in range(0, len(said), 8))
    tags = {"t258": 12, "t259": 1, "t262": 1, "t266": 2, "t277": 1}
    (tmp_path / "a.tif").write_bytes(tiff(packed, (16, 16), order, **tags))
    np.testing.assert_array_equal(frame(tmp_path / "a.tif").pixels, TWELVE)


def test_one_page_of_many_images_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    # As ImageJ writes more than 4 GB: one page, and its description says how many follow it.
    told = {"software": None, "metadata": None, "description": "ImageJ=1.53\nimages=3\nslices=3\n"}
    tifffile.imwrite(path, grey(16, 16), **told)
    path.write_bytes(path.read_bytes() + bytes(2 * 256))
    assert why_refused(path).startswith("holds several frames")
    volume = {"photometric": "minisblack", "volumetric": True, "tile": (16, 16, 16)}
    tifffile.imwrite(path, np.zeros((32, 16, 16), np.uint8), **volume)
    assert why_refused(path).startswith("holds several frames")


def test_a_tiff_of_which_a_strip_lies_nowhere_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, grey(64, 64), rowsperstrip=16)
    whole = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as opened:
        tag = opened.pages.first.tags["StripOffsets"]
    size = struct.calcsize("<H" if tag.dtype == 3 else "<I")
    at = tag.valueoffset + 3 * size
    whole[at : at + size] = bytes(size)
    path.write_bytes(whole)
    assert "a part of its pixels is missing" in why_refused(path)


@pytest.mark.parametrize("dtype", ["i2", "f4"])
def test_a_predictor_of_what_is_not_compressed_changes_no_byte(tmp_path: Path, dtype: str) -> None:
    values = (FLOATS[:16, :16] * 5 - 300).astype(dtype)
    tags = {"t258": 8 * values.itemsize, "t259": 1, "t262": 1, "t277": 1, "t317": 3}
    tags["t339"] = {"i": 2, "f": 3}[dtype[0]]
    stored = values.astype(values.dtype.newbyteorder(">")).tobytes()
    (tmp_path / "a.tif").write_bytes(tiff(stored, (16, 16), ">", **tags))
    np.testing.assert_array_equal(frame(tmp_path / "a.tif").pixels, values)


def differences(values: np.ndarray[Any, Any]) -> bytes:
    """As the floating-point predictor stores rows: all first bytes, all second ones ..., each the
    difference to the one before."""
    size = values.itemsize
    planes = values.astype(f">f{size}").view(np.uint8).reshape(len(values), -1, size)
    stored = planes.swapaxes(1, 2).reshape(len(values), -1)
    return np.diff(stored, axis=1, prepend=np.uint8(0)).tobytes()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_the_floating_point_predictor_is_undone(tmp_path: Path, order: str, dtype: str) -> None:
    values = FLOATS[:16, :15].astype(dtype)
    tags = {"t258": 8 * values.itemsize, "t262": 1, "t277": 1, "t317": 3, "t339": 3}
    for compression, packed in ((8, zlib.compress), (5, lzw)):
        made = tiff(packed(differences(values)), values.shape, order, **tags, t259=compression)
        (tmp_path / "a.tif").write_bytes(made)
        np.testing.assert_array_equal(frame(tmp_path / "a.tif").pixels, values)


def test_several_values_a_pixel_in_planes_that_are_compressed(tmp_path: Path) -> None:
    values = grey(16, 16)
    planes = [lzw(values.tobytes()), lzw(bytes([255]) * 256)]
    tags = {"t258": 8, "t259": 5, "t262": 1, "t277": 2, "t284": 2, "t338": 2}
    made = tiff(b"".join(planes), values.shape, "<", **tags)
    # Two strips: their places and sizes stand behind the file's end, as values of the tags.
    for tag, pair in ((273, (8, 8 + len(planes[0]))), (279, tuple(map(len, planes)))):
        at = made.index(struct.pack("<HHI", tag, 4, 1))
        made = made[:at] + struct.pack("<HHII", tag, 4, 2, len(made)) + made[at + 12 :]
        made += struct.pack("<II", *pair)
    (tmp_path / "a.tif").write_bytes(made)
    np.testing.assert_array_equal(frame(tmp_path / "a.tif").pixels, values)


def test_a_palette_with_transparency(tmp_path: Path) -> None:
    image = Image.fromarray(grey(16, 16)).convert("PA")
    image.save(tmp_path / "a.tif")
    read = frame(tmp_path / "a.tif")
    np.testing.assert_array_equal(read.pixels, np.asarray(image.convert("L")))
    image.putalpha(Image.new("L", image.size, 9))
    image.save(tmp_path / "a.tif")
    assert why_refused(tmp_path / "a.tif").startswith("has transparent pixels")


@pytest.mark.parametrize("mode", ["L", "RGB", "YCbCr"])
def test_tiff_that_holds_jpeg(tmp_path: Path, mode: str) -> None:
    one = cv2.GaussianBlur(np.random.default_rng(4).integers(0, 256, (96, 80), np.uint8), (0, 0), 2)
    path = tmp_path / "a.tif"
    Image.fromarray(one).convert(mode).save(path, compression="jpeg")
    read = frame(path)
    second = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    assert np.abs(read.pixels.astype(int) - second).max() <= 2
    assert np.abs(read.pixels.astype(int) - one).max() < 30
    whole = path.read_bytes()
    with tifffile.TiffFile(path) as opened:
        start = opened.pages.first.dataoffsets[0] + opened.pages.first.databytecounts[0] // 2
    path.write_bytes(whole[:start] + bytes(200) + whole[start + 200 :])
    assert why_refused(path).startswith("is damaged")


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_a_hole_in_what_is_compressed_is_damage_and_libtiff_keeps_quiet(
    tmp_path: Path, compression: str, capfd: pytest.CaptureFixture[str]
) -> None:
    image = Image.fromarray(np.random.default_rng(3).integers(0, 256, (64, 64), np.uint8))
    path = tmp_path / "a.tif"
    image.save(path, compression=compression)
    np.testing.assert_array_equal(frame(path).pixels, np.asarray(image.convert("L")))
    whole = path.read_bytes()
    with tifffile.TiffFile(path) as opened:
        start = opened.pages.first.dataoffsets[0] + opened.pages.first.databytecounts[0] // 2
    path.write_bytes(whole[:start] + bytes(100) + whole[start + 100 :])
    assert "is damaged" in why_refused(path)
    assert capfd.readouterr().err == ""


def test_colours_that_are_no_rgb_and_no_palette(tmp_path: Path) -> None:
    Image.fromarray(grey(16, 16)).convert("YCbCr").save(tmp_path / "a.tif")
    assert why_refused(tmp_path / "a.tif").startswith("has the colour mode YCBCR")
    tags = {"t259": 1, "t262": 2, "t277": 3}
    made = tiff(bytes(512), (16, 16), "<", **tags, t258=0)
    at = made.index(struct.pack("<HHI", 258, 4, 1))
    made = made[:at] + struct.pack("<HHII", 258, 3, 3, len(made)) + made[at + 12 :]
    (tmp_path / "b.tif").write_bytes(made + struct.pack("<HHH", 5, 6, 5))
    assert why_refused(tmp_path / "b.tif").startswith("has channels of different depths")
    # A fax, whose damage no reader notices.
    Image.new("1", (16, 16)).save(tmp_path / "c.tif", compression="group4")
    assert why_refused(tmp_path / "c.tif").startswith(
        "is compressed as CCITTFAX4, with 1 bit a value"
    )


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_palettes_of_every_depth(tmp_path: Path, bits: int) -> None:
    values = (np.arange(256) % 2**bits).astype(np.uint8).reshape(16, 16)
    single = np.unpackbits(values[..., None], axis=2)[..., 8 - bits :].reshape(16, -1)
    made = tiff(np.packbits(single, axis=1).tobytes(), (16, 16), "<",
                t258=bits, t259=1, t262=3, t277=1, t320=0)  # fmt: skip
    colours = np.linspace(65535, 0, 2**bits).astype("<u2")
    at = made.index(struct.pack("<HHI", 320, 4, 1))
    entry = struct.pack("<HHII", 320, 3, 3 * 2**bits, len(made))
    (tmp_path / "a.tif").write_bytes(made[:at] + entry + made[at + 12 :] + 3 * colours.tobytes())
    np.testing.assert_array_equal(frame(tmp_path / "a.tif").pixels, (colours >> 8)[values])
