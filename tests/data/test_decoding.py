"""Files as cameras, scanners and programs really write and damage them, against second decoders."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import ImplicitVRLittleEndian, JPEGBaseline8Bit

from miua.data.arrays import open_array
from miua.data.formats import frames_of
from miua.data.reading import Frame, RefusedError
from miua.data.stack import read_stack
from miua.errors import MiuaError
from tests.data.mutations import SEEDS, array_seeds, decoded, mutated, opened
from tests.data.test_dicom import dicom, grey, save

TWELVE = np.random.default_rng(3).integers(0, 4096, (16, 16), np.uint16)
FLOATS = np.arange(48 * 48, dtype=np.float32).reshape(48, 48) / 7
MUTATIONS = 400  # of each format here; `nox -s fuzz` tries 100,000


def frame(path: Path) -> Frame:
    (one,) = frames_of(path)
    return one


def why_refused(path: Path) -> str:
    with pytest.raises(RefusedError) as caught:
        list(frames_of(path))
    return str(caught.value)


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


@pytest.mark.parametrize("harm", ["missing", "cut", "zeroed"])
def test_a_damaged_jpeg_is_refused(tmp_path: Path, harm: str) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(grey(200, 300)).save(path)
    whole = path.read_bytes()
    middle = len(whole) // 2
    path.write_bytes(
        {
            "missing": whole[:middle] + whole[middle + 4096 :],
            "cut": whole[:middle] + b"\xff\xd9",
            "zeroed": whole[:middle] + bytes(4096) + whole[middle + 4096 :],
        }[harm]
    )
    with Image.open(path) as image:
        image.load()  # which says nothing
    assert "is damaged (Corrupt JPEG data" in why_refused(path)
    path.write_bytes(whole)
    np.testing.assert_array_equal(frame(path).pixels, cv2.imread(str(path), cv2.IMREAD_UNCHANGED))


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_progressive_jpeg_is_what_a_second_decoder_reads(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(grey(50, 70)).convert(mode).save(path, progressive=True)
    np.testing.assert_array_equal(frame(path).pixels, cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))


def png(data: bytes, bits: int, kind: int, size: int, interlaced: int = 0) -> bytes:
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", size, size, bits, kind, 0, 0, interlaced))]
    chunks += [(b"IDAT", zlib.compress(data)), (b"IEND", b"")]
    made = b"\x89PNG\r\n\x1a\n"
    for name, body in chunks:
        made += struct.pack(">I", len(body)) + name + body
        made += struct.pack(">I", zlib.crc32(name + body))
    return made


def test_a_png_whose_stream_lacks_rows_is_refused(tmp_path: Path) -> None:
    path, rows = tmp_path / "short.png", [b"\0" + bytes(range(16))] * 16
    path.write_bytes(png(b"".join(rows[:8]), 8, 0, 16))
    assert "it holds 136 of 272 bytes of pixels" in why_refused(path)
    path.write_bytes(png(b"".join(rows), 8, 0, 16))
    np.testing.assert_array_equal(frame(path).pixels, np.tile(np.arange(16), (16, 1)))


@pytest.mark.parametrize("size", [1, 3, 8, 21])
def test_the_rows_of_interlaced_pngs_are_counted_right(tmp_path: Path, size: int) -> None:
    # Adam7's passes as the specification draws them, each pixel by the pass that sends it.
    pattern = np.array(
        [[1, 6, 4, 6, 2, 6, 4, 6], [7] * 8, [5, 6] * 4, [7] * 8,
         [3, 6, 4, 6, 3, 6, 4, 6], [7] * 8, [5, 6] * 4, [7] * 8]
    )  # fmt: skip
    sent = np.tile(pattern, (3, 3))[:size, :size]
    pixels, stream = grey(size, size), b""
    for each in range(1, 8):
        for row, of_pass in zip(pixels, sent == each, strict=True):
            stream += b"\0" + row[of_pass].tobytes() if of_pass.any() else b""
    path = tmp_path / "adam7.png"
    path.write_bytes(png(stream, 8, 0, size, interlaced=1))
    np.testing.assert_array_equal(frame(path).pixels, pixels)
    path.write_bytes(png(stream[:-1], 8, 0, size, interlaced=1))
    assert "is damaged" in why_refused(path)


@pytest.mark.parametrize("bits", [2, 4])
def test_a_png_of_few_bits_is_stretched_and_that_is_said(tmp_path: Path, bits: int) -> None:
    values = np.random.default_rng(0).integers(0, 2**bits, (16, 16), np.uint8)
    parts = values.reshape(16, -1, 8 // bits)
    packed = sum(parts[..., at] << (8 - bits * (at + 1)) for at in range(8 // bits))
    rows = b"".join(b"\0" + row.astype(np.uint8).tobytes() for row in packed)
    (tmp_path / "few.png").write_bytes(png(rows, bits, 0, 16))
    stack = read_stack(tmp_path, None)
    top = 2**bits - 1
    np.testing.assert_array_equal(stack.images[0], values * (255 // top))
    assert stack.notes == (f"1 PNG image is of maximum {top}: 0..{top} scaled to 0..255",)


@pytest.mark.parametrize("deep", [False, True])
def test_a_transparent_grey_value_is_refused_at_any_depth(tmp_path: Path, deep: bool) -> None:
    pixels = np.arange(64, dtype=np.uint16).reshape(8, 8) * (1000 if deep else 1)
    image = Image.fromarray(pixels if deep else pixels.astype(np.uint8))
    image.save(tmp_path / "there.png", transparency=int(pixels[3, 3]))
    assert why_refused(tmp_path / "there.png").startswith("has transparent pixels")
    image.save(tmp_path / "nowhere.png", transparency=255 if not deep else 7)
    np.testing.assert_array_equal(frame(tmp_path / "nowhere.png").pixels, pixels)


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
@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "f4"])
def test_lzw_values_arrive_in_either_byte_order(tmp_path: Path, order: str, dtype: str) -> None:
    values = (FLOATS[:16, :16] * 5 - (300 if dtype == "i2" else 0)).astype(dtype)
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


def test_a_pgm_whose_head_does_not_end_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "a.pgm"
    path.write_bytes(b"P5\n#" + b" endless" * 10**6)
    assert "its head does not end within 65,536 bytes" in why_refused(path)
    path.write_bytes(b"P5 # as written by hand\n16\n# width\n16\n255\n" + grey(16, 16).tobytes())
    np.testing.assert_array_equal(frame(path).pixels, grey(16, 16))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.webp", {"lossless": True}),
        ("a.gif", {}),
        ("a.jp2", {"irreversible": False}),
        ("a.bmp", {}),
    ],
)
def test_further_lossless_formats(tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    Image.fromarray(grey(16, 16)).save(tmp_path / name, **options)
    stack = read_stack(tmp_path, None)
    np.testing.assert_array_equal(stack.images[0], grey(16, 16))
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) * 2 // 3])
    assert "is damaged" in why_refused(tmp_path / name)


def test_jpeg_2000_of_16_bits(tmp_path: Path) -> None:
    Image.fromarray(TWELVE).save(tmp_path / "a.jp2", irreversible=False)
    read = frame(tmp_path / "a.jp2")
    np.testing.assert_array_equal(read.pixels, TWELVE)
    assert read.depth == "16 bits"


def test_a_moving_gif_is_refused(tmp_path: Path) -> None:
    frames = [Image.fromarray(grey(8, 8, seed=seed)) for seed in (1, 2)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert why_refused(tmp_path / "a.gif").startswith("holds 2 frames")


@pytest.mark.parametrize(("name", "kind"), [("a.ico", "ICO"), ("a.tga", "TGA"), ("a.pcx", "PCX")])
def test_a_sound_file_of_another_format_is_not_called_damaged(
    tmp_path: Path, name: str, kind: str
) -> None:
    Image.fromarray(grey(16, 16)).save(tmp_path / name)
    assert why_refused(tmp_path / name).startswith(f"is of the format {kind}, which is not read")


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("high", [11, 13, 15])
def test_dicom_values_above_bit_0(tmp_path: Path, high: int, signed: bool) -> None:
    values = TWELVE.astype(np.int16) - 2048 if signed else TWELVE
    stored = values << (high - 11)
    made = dicom(stored, bits=12, HighBit=high)
    read = frame(save(made, tmp_path / "a.dcm"))
    np.testing.assert_array_equal(read.pixels, values)
    assert read.depth == "12 bits"


def test_a_dicom_file_with_more_frames_than_it_says_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    made = dicom(grey(4, 16, 16), frames=4)
    made.NumberOfFrames = 2
    save(made, path)
    assert "than its NumberOfFrames says, 2" in why_refused(path)
    pictures = []
    for seed in range(4):
        saved = io.BytesIO()
        Image.fromarray(grey(16, 16, seed=seed)).save(saved, "JPEG")
        pictures.append(saved.getvalue())
    made = dicom(grey(16, 16), syntax=JPEGBaseline8Bit)
    made.PixelData = encapsulate(pictures)
    made["PixelData"].VR = "OB"
    save(made, path)
    assert "than its NumberOfFrames says, 1" in why_refused(path)


def test_empty_dicom_elements_are_as_if_they_were_missing(tmp_path: Path) -> None:
    for name in ("RescaleSlope", "RescaleIntercept", "WindowCenter", "VOILUTFunction"):
        made = dicom(TWELVE, bits=12, WindowCenter=100, WindowWidth=50)
        setattr(made, name, None if name != "VOILUTFunction" else "")
        read = frame(save(made, tmp_path / "a.dcm"))
        np.testing.assert_array_equal(read.pixels, TWELVE)
        assert read.window == (None if name == "WindowCenter" else (75, 124))


@pytest.mark.parametrize("with_meta", [False, True])
def test_dicom_without_a_preamble(tmp_path: Path, with_meta: bool) -> None:
    made = dicom(grey(16, 16), syntax=ImplicitVRLittleEndian)
    made.SOPClassUID, made.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.6.1", "1.2.3"
    save(made, tmp_path / "whole.dcm")
    bare = (tmp_path / "whole.dcm").read_bytes()[132:]
    (tmp_path / "whole.dcm").unlink()
    if not with_meta:
        bare = bare[12 + int.from_bytes(bare[8:12], "little") :]
    (tmp_path / "nosuffix").write_bytes(bare)
    stack = read_stack(tmp_path, None)
    assert stack.names == ("nosuffix",)
    np.testing.assert_array_equal(stack.images[0], grey(16, 16))


def test_monochrome_of_three_channels_is_refused(tmp_path: Path) -> None:
    path = save(dicom(np.stack([grey(16, 16)] * 3, axis=-1)), tmp_path / "a.dcm")
    assert why_refused(path).startswith("is MONOCHROME2 of several channels")


def test_pydicom_s_own_warnings_are_not_printed(tmp_path: Path) -> None:
    path = save(dicom(grey(16, 16)), tmp_path / "a.dcm")
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"1.2.826.0.1", b"1.2.826.0.x"))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        frame(path)
    assert caught == []


@pytest.mark.parametrize("name", SEEDS)
def test_no_mutation_of_a_file_ends_in_anything_but_words(name: str, tmp_path: Path) -> None:
    path, seed = tmp_path / name, SEEDS[name]()
    for number in range(MUTATIONS):
        path.write_bytes(mutated(seed, number))
        decoded(path)


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_no_mutation_of_an_array_ends_in_anything_but_words(name: str, tmp_path: Path) -> None:
    path, seed = tmp_path / name, array_seeds()[name]
    for number in range(MUTATIONS):
        path.write_bytes(mutated(seed, number))
        opened(path)


def test_arrays_whose_heads_are_no_python_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, grey(2, 4, 4))
    whole = path.read_bytes()
    for harm in (b"{{{{", b"'\\N{", b"(((("):
        path.write_bytes(whole.replace(b"{'de", harm))
        with pytest.raises(MiuaError, match=r"is not a readable \.npy file"):
            open_array(path, None, None)
