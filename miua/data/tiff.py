"""TIFF files -> grey frames. tifffile says what a file holds; the values are put together here.

Strips and tiles that are JPEG go through simplejpeg. Pillow's libtiff undoes LZW and Zstandard.
"""

from __future__ import annotations

import ctypes
import io
import logging
import lzma
import struct
import zlib
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from miua.data import jpeg, reading
from miua.data.reading import Frame, RefusedError
from miua.wording import counted

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_NONE, _LZW, _JPEG, _PACKBITS, _LZMA, _ZSTD = 1, 5, 7, 32773, 34925, 50000
_DEFLATE = (8, 32946)
_NO_PREDICTOR, _HORIZONTAL, _FLOATING = 1, 2, 3
_WHITE_IS_ZERO, _PALETTE, _YCBCR = 0, 3, 6
_CHANNELS = {_WHITE_IS_ZERO: 1, 1: 1, 2: 3, _PALETTE: 1, _YCBCR: 3}  # of the kinds that may be grey
_ALPHA = (1, 2)  # the extra samples that say how opaque a pixel is
_PARTS_OF_BYTES = (1, 2, 4, 10, 12, 14)
_WHOLE_BYTES = (8, 16, 32, 64)
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
# A segment of JPEG that says that three components are no YCbCr: Adobe's, transform 0.
_RGB_IN_JPEG = b"\xff\xee\0\x0eAdobe\0d\0\0\0\0\0"
_DAMAGED = "is damaged: a part of its pixels is missing. Fetch or make it again."


def frame_of(data: bytes) -> Frame:
    """The one frame of a TIFF file's bytes; RefusedError: it holds several, or colour."""
    from tifffile import TiffFile

    # What it would say there is found out and said below.
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)
    with TiffFile(io.BytesIO(data)) as tiff:
        page = tiff.pages.first
        reading.check_size(page.imagewidth, page.imagelength)
        if (frames := _frames(tiff, page)) != 1:
            many = "several" if frames > 1 else "no"
            raise RefusedError(
                f"holds {many} frames. Save the one you mean as an image of its own."
            )
        return _frame(page, data)


def _frames(tiff: TiffFile, page: TiffPage) -> int:
    """0, 1, or 2 for any more: a file may have 30,000 pages, which need not be read."""
    try:
        tiff.pages[1]
    except IndexError:
        # One page may describe many images that follow each other, as ImageJ writes them.
        there, one = (int(np.prod(each.shape)) for each in (tiff.series[0], page))
        return 0 if one == 0 else min(2, page.imagedepth * there // one)
    return 2


def _frame(page: TiffPage, data: bytes) -> Frame:
    bits, kind, samples = page.bitspersample, int(page.photometric), page.samplesperpixel
    channels = _CHANNELS.get(kind)
    # YCbCr that is not JPEG may be of any coefficients and any part of the pixels.
    if channels is None or (kind == _YCBCR and page.compression != _JPEG):
        name = getattr(page.photometric, "name", kind)
        raise RefusedError(f"has the colour mode {name}. Convert it to 8-bit grey explicitly.")
    if not isinstance(bits, int):
        raise RefusedError("has channels of different depths. Convert it to 8-bit grey explicitly.")
    if samples > 1 and bits > 8:
        raise RefusedError(reading.DEEP_COLOUR)
    alpha = samples == channels + 1 and page.extrasamples[0] in _ALPHA
    if samples != channels and not alpha:
        raise RefusedError(
            f"holds {samples} channels that are no colours. Save the one you mean as a grey image."
        )
    if page.dtype is None or page.dtype.kind not in "buif" or (kind == _PALETTE and bits > 8):
        raise RefusedError(f"stores {bits} bits a value in a way that is not read. Save it anew.")
    pixels = _values(page, data)
    facts = []
    if bits < 8 and kind != _PALETTE:
        white = 2**bits - 1
        pixels = pixels.astype(np.uint8) * (255 // white)
        facts = [("TIFF", f"of {bits} bits", f"0..{white} scaled to 0..255")]
        if bits == 1:
            facts = [("1-bit", "black and white", "0 and 1 made 0 and 255")]
    if kind == _PALETTE:
        colours = np.asarray(page.colormap).T  # of 16 bits; some programs use only the lower 8
        colours = (colours >> 8 if colours.max() > 255 else colours).astype(np.uint8)
        shown = colours[pixels[..., 0].astype(np.intp)]
        pixels, fact = reading.one_channel(np.dstack((shown, pixels[..., 1:])), "palette")
        facts = [fact]
    elif samples > 1:
        of_grey = pixels[..., [0, 0, 0, 1]] if samples == 2 else pixels
        name = {2: "grey-alpha", 3: "RGB", 4: "RGBA"}[samples]
        pixels, fact = reading.one_channel(of_grey, name)
        facts = [*facts, fact]
    else:
        pixels = pixels[..., 0]
    inverted = kind == _WHITE_IS_ZERO
    if inverted and bits > 1:
        facts = [("TIFF", "stored with 0 as white", "inverted"), *facts]
    depth = ""
    if pixels.dtype != np.uint8:
        signed = ", signed" if pixels.dtype == np.int8 else ""
        depth = f"{bits}-bit floats" if pixels.dtype.kind == "f" else f"{bits} bits{signed}"
    elif inverted:
        pixels = 255 - pixels
    tag = page.tags.get(reading.ORIENTATION)
    frame = Frame(pixels, depth, inverted=inverted and bool(depth), facts=tuple(facts))
    return reading.upright(frame, tag.value if tag else 1)


def _values(page: TiffPage, data: bytes) -> NDArray[Any]:
    """The stored values, (H, W, samples); RefusedError: a strip or tile lacks some."""
    bits, predictor, stored_as = page.bitspersample, page.predictor, np.dtype(page.dtype).kind
    if page.compression == _NONE:
        predictor = _NO_PREDICTOR  # nothing was predicted
    if bits not in (*_WHOLE_BYTES, *_PARTS_OF_BYTES) or (
        predictor not in (_NO_PREDICTOR, _HORIZONTAL, _FLOATING)
        or (predictor != _NO_PREDICTOR and bits not in _WHOLE_BYTES)
        or (predictor == _FLOATING and stored_as != "f")
        or (stored_as == "i" and bits not in _WHOLE_BYTES)
    ):
        raise _not_read(page)
    height, width, samples = page.imagelength, page.imagewidth, page.samplesperpixel
    in_planes = page.planarconfig == 2 and samples > 1
    tall, wide = page.tilelength, page.tilewidth
    if not page.is_tiled:
        tall, wide = min(page.rowsperstrip, height), width
    reading.check_size(wide, tall)
    # Where each part begins, plane by plane, in rows from left to right.
    corners = [
        (plane, top, left)
        for plane in range(samples if in_planes else 1)
        for top in range(0, height, tall)
        for left in range(0, width, wide)
    ]
    offsets, counts = page.dataoffsets, page.databytecounts
    if len(corners) > min(len(offsets), len(counts)) or 0 in (*offsets, *counts):
        raise RefusedError(_DAMAGED)
    values = np.empty((height, width, samples), page.dtype)
    for (plane, top, left), start, size in zip(corners, offsets, counts, strict=False):
        rows = tall if page.is_tiled else min(tall, height - top)
        shape = (rows, wide, 1 if in_planes else samples)
        part = _part(page, data[start : start + size], shape, tall, predictor)
        channels = slice(plane, plane + 1) if in_planes else slice(None)
        here = values[top : top + tall, left : left + wide, channels]
        here[:] = part[: here.shape[0], : here.shape[1]]
    return values


def _part(
    page: TiffPage, stored: bytes, shape: tuple[int, int, int], tall: int, predictor: int
) -> NDArray[Any]:
    """The values of one strip or tile, (rows, columns, samples); the last strip may be stored with
    as many rows as the others, `tall`."""
    bits, (rows, columns, samples) = page.bitspersample, shape
    if page.compression == _JPEG:
        return _of_jpeg(page, stored, shape)
    in_row = columns * samples
    row = (in_row * bits + 7) // 8
    length = rows * row
    if page.fillorder == 2:
        stored = stored.translate(_REVERSED)
    raw = np.frombuffer(_undone(page, stored, length, tall * row), np.uint8)[:length]
    if len(raw) < length:
        raise RefusedError(_DAMAGED)
    if bits in _PARTS_OF_BYTES:
        single = np.unpackbits(raw.reshape(rows, -1), axis=1, count=in_row * bits)
        values = single.reshape(*shape, bits) @ (1 << np.arange(bits)[::-1])
        return values.astype(page.dtype)
    size = bits // 8
    if predictor == _FLOATING:
        # Of a row all first bytes, then all second ones ...; each is the difference to the one
        # before, of the same channel.
        first = raw.reshape(rows, -1, samples).cumsum(axis=1, dtype=np.uint8)
        whole = np.ascontiguousarray(first.reshape(rows, size, in_row).swapaxes(1, 2))
        return whole.view(f">f{size}").reshape(shape).astype(page.dtype)
    order = page.parent.byteorder
    if predictor == _HORIZONTAL:
        numbers = raw.view(f"{order}u{size}").astype(f"u{size}").reshape(shape)
        return numbers.cumsum(axis=1, dtype=f"u{size}").view(np.dtype(page.dtype))
    return raw.view(np.dtype(page.dtype).newbyteorder(order)).reshape(shape)


def _of_jpeg(page: TiffPage, stored: bytes, shape: tuple[int, int, int]) -> NDArray[Any]:
    """The same of a strip or tile that is a JPEG file, whose tables may stand elsewhere."""
    rows, columns, samples = shape
    if page.bitspersample != 8 or samples not in (1, 3):
        raise _not_read(page)
    tables = bytes(page.jpegtables or b"\xff\xd8\xff\xd9")[:-2]
    if int(page.photometric) != _YCBCR and samples == 3:
        tables += _RGB_IN_JPEG
    pixels, _ = jpeg.decoded(tables + stored[2:])
    if pixels.shape[0] < rows or pixels.shape[1] < columns or pixels.size % samples:
        raise RefusedError(_DAMAGED)
    return pixels.reshape(*pixels.shape[:2], -1)[:rows, :columns]


def _undone(page: TiffPage, stored: bytes, length: int, most: int) -> bytes:
    """What was compressed to `stored`: bytes that should be `length`, or `most`."""
    from tifffile import TIFF

    packed = page.compression
    if packed == _NONE:
        return stored
    if packed in (_LZW, _ZSTD):
        return _by_libtiff(page, stored, length)
    if packed == _PACKBITS:
        raw = bytes(TIFF.DECOMPRESSORS[packed](stored))
    elif packed in (*_DEFLATE, _LZMA):
        stream: Any = lzma.LZMADecompressor() if packed == _LZMA else zlib.decompressobj()
        # One byte more, so that the checksum behind the last one is read.
        raw = stream.decompress(stored, most + 1)
        if not stream.eof:
            raise RefusedError(_DAMAGED)
    else:
        raise _not_read(page)
    # Other bytes come out where some are damaged.
    if len(raw) not in (length, most):
        raise RefusedError(_DAMAGED)
    return raw


def _by_libtiff(page: TiffPage, stored: bytes, length: int) -> bytes:
    """What libtiff makes of a strip, as the one row of an image of bytes."""
    tags = {256: length, 257: 1, 258: 8, 259: int(page.compression), 262: 1, 273: 8, 277: 1,
            278: 1, 279: len(stored)}  # fmt: skip
    made = struct.pack("<2sHI", b"II", 42, 8 + len(stored)) + stored
    made += struct.pack("<H", len(tags))
    made += b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    _silence_libtiff()
    try:
        with Image.open(io.BytesIO(made + bytes(4)), formats=("TIFF",)) as image:
            return image.tobytes()
    except UnidentifiedImageError:
        raise _not_read(page) from None


@cache
def _silence_libtiff() -> None:
    """Let libtiff print no lines of its own: what it finds wrong, Pillow raises."""
    with suppress(OSError, AttributeError):  # another system, or a Pillow without libtiff
        parts = [line.split() for line in Path("/proc/self/maps").read_text().splitlines()]
        for path in {part[-1] for part in parts if "libtiff" in part[-1]}:
            ctypes.CDLL(path).TIFFSetErrorHandler(None)


def _not_read(page: TiffPage) -> RefusedError:
    how = getattr(page.compression, "name", page.compression)
    depth = counted(page.bitspersample, "bit")
    return RefusedError(
        f"is compressed as {how}, with {depth} a value, which is not read. "
        "Save it without compression."
    )
