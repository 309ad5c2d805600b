"""JPEG, PNG and the formats that Pillow decodes, sound and damaged, against second decoders."""

from __future__ import annotations

import struct
import zlib
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from miua.data.stack import read_stack
from tests.data.one_file import frame, why_refused
from tests.data.test_dicom import grey

TWELVE = np.random.default_rng(3).integers(0, 4096, (16, 16), np.uint16)


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


def scans_of(data: bytes) -> list[int]:
    """Where the scans of a JPEG file begin, with the tables before them; and where it ends."""
    starts, at, after = [], 2, 0
    while data[at + 1] != 0xD9:
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at + 1] == 0xC4 or (data[at + 1] == 0xDA and (not starts or after != 0xC4)):
            starts.append(at)
        after = data[at + 1]
        at += 2 + length
        while after == 0xDA and (data[at] != 0xFF or data[at + 1] == 0):
            at += 1
    return [*starts, at]


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_progressive_jpeg_without_one_of_its_scans_is_refused(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(grey(50, 70)).convert(mode).save(path, progressive=True)
    whole = path.read_bytes()
    starts = scans_of(whole)
    assert len(starts) > 6
    for start, end in pairwise(starts[1:]):
        path.write_bytes(whole[:start] + whole[end:])
        assert "is damaged" in why_refused(path)
    path.write_bytes(whole[: starts[-2]] + whole[starts[-1] :])
    with Image.open(path) as image:
        image.load()  # which says nothing
    assert why_refused(path).startswith("is damaged: a part of its scans is missing")


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


def test_a_damaged_colour_jpeg_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(grey(200, 300)).convert("RGB").save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] + b"\xff\xd9")
    assert "is damaged (Corrupt JPEG data" in why_refused(path)


@pytest.mark.parametrize("bits", [1, 2, 4])
@pytest.mark.parametrize("interlaced", [0, 1])
def test_a_transparent_grey_of_a_shallow_png(tmp_path: Path, bits: int, interlaced: int) -> None:
    """Its value is the file's, whatever the pixels are stretched to."""
    white = 2**bits - 1
    for value in range(white + 1):
        row = np.packbits(
            np.unpackbits(np.full(8, value, np.uint8)[:, None], axis=1)[:, 8 - bits :]
        )
        passes = (
            [(1, 1), (1, 1), (1, 2), (2, 2), (2, 4), (4, 4), (4, 8)] if interlaced else [(8, 8)]
        )
        made = b"".join(
            rows * (b"\0" + row.tobytes()[: (columns * bits + 7) // 8]) for rows, columns in passes
        )
        plain = png(made, bits, 0, 8, interlaced)
        for transparent in range(white + 1):
            body = struct.pack(">H", transparent)
            chunk = struct.pack(">I", 2) + b"tRNS" + body
            chunk += struct.pack(">I", zlib.crc32(b"tRNS" + body))
            (tmp_path / "a.png").write_bytes(plain[:33] + chunk + plain[33:])
            if transparent == value:
                assert why_refused(tmp_path / "a.png").startswith("has transparent pixels")
            else:
                assert (frame(tmp_path / "a.png").pixels == value * 255 // white).all()


def codestream(values: np.ndarray[Any, Any]) -> bytes:
    made = cv2.imencode(".jp2", values, [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000])[1]
    return bytes(made)


def test_jpeg_2000_has_the_values_and_the_depth_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.jp2"
    deep = np.kron(TWELVE * 16 + 7, np.ones((4, 4), np.uint16))
    path.write_bytes(codestream(deep))
    np.testing.assert_array_equal(frame(path).pixels, deep)
    whole = path.read_bytes()
    at = whole.index(b"\xff\x4f\xff\x51") + 42  # how many bits: 12, 4, or 8 with a sign
    box = whole.index(b"ihdr") + 14
    Image.fromarray(grey(16, 16)).save(path)
    np.testing.assert_array_equal(frame(path).pixels, grey(16, 16))
    for depth, said in ((3, "stores 4 bits a value"), (0x87, "has signed values in JPEG 2000")):
        changed = bytearray(whole)
        changed[at] = changed[box] = depth
        path.write_bytes(changed)
        assert why_refused(path).startswith(said)
    path.write_bytes(codestream(np.dstack([deep] * 3)))
    assert "deeper than 8 bits in several channels" in why_refused(path)
    Image.fromarray(grey(16, 16)).convert("RGB").save(path)
    np.testing.assert_array_equal(frame(path).pixels, grey(16, 16))


def test_jpeg_2000_of_12_bits_is_not_stretched(tmp_path: Path) -> None:
    path = tmp_path / "a.j2k"
    # One flat tile of a single code block that holds nothing: every value is half of the range.
    size = struct.pack(">HHIIIIIIIIHBBB", 41, 0, 4, 4, 0, 0, 4, 4, 0, 0, 1, 11, 1, 1)
    coding = struct.pack(">HBBHBBBBBB", 12, 0, 0, 1, 0, 0, 0, 0, 0, 1)
    steps = struct.pack(">HBB", 4, 64, 12 << 3)
    tile = b"\xff\x90" + struct.pack(">HHIBB", 10, 0, 15, 0, 1) + b"\xff\x93\0"
    main = b"\xff\x4f\xff\x51" + size + b"\xff\x52" + coding + b"\xff\x5c" + steps
    path.write_bytes(main + tile + b"\xff\xd9")
    read = frame(path)
    assert (read.pixels == 2048).all()
    assert read.depth == "12 bits"


def test_what_a_netpbm_file_holds_beside_one_grey_image(tmp_path: Path) -> None:
    path, pixels = tmp_path / "a.pgm", grey(16, 16).tobytes()
    path.write_bytes(2 * (b"P5 16 16 255\n" + pixels))
    assert why_refused(path).startswith("holds several frames")
    path.write_bytes(b"P5 16 16 99\n" + pixels)
    assert why_refused(path).startswith("is damaged: it holds 2")
    path.write_bytes(b"P5 16 16 4094\n" + TWELVE.astype(">u2").tobytes()[:-2] + b"\x0f\xff")
    assert why_refused(path).startswith("is damaged: it holds 4095, above its maximum 4094")
    path.write_bytes(b"P6 16 16 65535\n" + np.repeat(TWELVE.astype(">u2"), 3).tobytes())
    assert "deeper than 8 bits in several channels" in why_refused(path)


@pytest.mark.parametrize(
    ("begin", "name"),
    [
        (b"\xff\xd8\xff\xf7\0\x0b\x08\0\1\0\1\1\1\x11\0", "JPEG-LS"),
        (b"\xff\xd8\xff\xdb\0\x43" + bytes(65) + b"\xff\xc1\0\x0b\x0c", "JPEG of 12 bits"),
        (b"\0\0\0\x0cJXL \r\n", "JPEG XL"),
        (b"\0\0\0\x18ftypheic", "HEIF"),
        (b"P7\nWIDTH 1\n", "PAM"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"<!DOCTYPE html>", "HTML or XML"),
    ],
)
def test_a_format_that_is_not_read_is_named(tmp_path: Path, begin: bytes, name: str) -> None:
    (tmp_path / "a.png").write_bytes(begin + bytes(99))
    assert why_refused(tmp_path / "a.png").startswith(f"is of the format {name}, which is not read")
