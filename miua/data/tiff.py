"""TIFF files -> grey frames. tifffile says what a file holds, and decodes most of it.

What tifffile decodes only with imagecodecs (LZW, JPEG, CCITT; 2 and 4 bits), Pillow decodes.
"""

from __future__ import annotations

import io
import logging
import re
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from miua.data import reading
from miua.data.reading import Frame, RefusedError

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# What tifffile undoes without imagecodecs. Compressions: none, Deflate (two numbers), PackBits,
# LZMA; predictors: none, horizontal differences.
_COMPRESSIONS, _PREDICTORS = (1, 8, 32946, 32773, 34925), (1, 2)
_WHITE_IS_ZERO, _PALETTE = 0, 3
_CHANNELS = {_WHITE_IS_ZERO: 1, 1: 1, 2: 3, _PALETTE: 1, 6: 3}  # of the kinds that may be grey
_BIG_ENDIAN = re.compile(r";(16|32|64)B")  # in what Pillow calls types of values
_ALPHA = (1, 2)  # the extra samples that say how opaque a pixel is
_ODD_BITS = (10, 12, 14)


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
    if channels is None:
        name = getattr(page.photometric, "name", kind)
        raise RefusedError(f"has the colour mode {name}. Convert it to 8-bit grey explicitly.")
    if samples > 1 and bits > 8:
        raise RefusedError(reading.DEEP_COLOUR)
    alpha = samples == channels + 1 and page.extrasamples[0] in _ALPHA
    if samples != channels and not alpha:
        raise RefusedError(
            f"holds {samples} channels that are no colours. Save the one you mean as a grey image."
        )
    if page.dtype is None or page.dtype.kind not in "buif" or (kind == _PALETTE and bits > 8):
        raise RefusedError(f"stores {bits} bits a value in a way that is not read. Save it anew.")
    by_tifffile = page.compression in _COMPRESSIONS and page.predictor in _PREDICTORS
    by_tifffile = by_tifffile and bits in (1, 8, 16, 32, 64)
    if by_tifffile:
        pixels = _by_tifffile(page)
    elif bits in _ODD_BITS:
        pixels = _unpacked(page, data)
    else:
        pixels = _by_pillow(page, data)
    facts = []
    if bits == 1 and kind != _PALETTE:
        facts = [("1-bit", "black and white", "0 and 1 made 0 and 255")]
        pixels = (pixels != 0).astype(np.uint8) * 255
    elif bits in (2, 4) and kind != _PALETTE:
        facts = [("TIFF", f"of {bits} bits", f"0..{2**bits - 1} scaled to 0..255")]
    if kind == _PALETTE:
        colours = np.asarray(page.colormap).T  # of 16 bits; some programs use only the lower 8
        colours = colours >> 8 if colours.max() > 255 else colours
        pixels, fact = reading.one_channel(colours.astype(np.uint8)[pixels], "palette")
        facts = [*facts, fact]
    elif samples > 1:
        of_grey = pixels[..., [0, 0, 0, 1]] if samples == 2 else pixels
        name = {2: "grey-alpha", 3: "RGB", 4: "RGBA"}[samples]
        pixels, fact = reading.one_channel(of_grey, name)
        facts = [*facts, fact]
    inverted = kind == _WHITE_IS_ZERO
    if inverted and bits > 1:
        facts = [("TIFF", "stored with 0 as white", "inverted"), *facts]
    depth = ""
    if pixels.dtype != np.uint8:
        signed = ", signed" if pixels.dtype == np.int8 else ""
        depth = f"{bits}-bit floats" if pixels.dtype.kind == "f" else f"{bits} bits{signed}"
    elif inverted and by_tifffile:  # Pillow has done so
        pixels = 255 - pixels
    tag = page.tags.get(reading.ORIENTATION)
    frame = Frame(pixels, depth, inverted=inverted and bool(depth), facts=tuple(facts))
    return reading.upright(frame, tag.value if tag else 1, turn=by_tifffile or bits in _ODD_BITS)


def _by_tifffile(page: TiffPage) -> NDArray[Any]:
    if 0 in page.databytecounts or 0 in page.dataoffsets:
        raise RefusedError("is damaged: a part of its pixels is missing. Fetch or make it again.")
    pixels = page.asarray()
    in_planes = page.planarconfig == 2 and page.samplesperpixel > 1
    return np.moveaxis(pixels, 0, -1) if in_planes else pixels


def _unpacked(page: TiffPage, data: bytes) -> NDArray[Any]:
    """Values that do not fill their bytes; each row begins with a byte of its own."""
    bits, (height, width) = page.bitspersample, page.shape[:2]
    if page.compression != 1 or page.is_tiled or page.samplesperpixel > 1:
        raise RefusedError(f"stores {bits} bits a value in a way that is not read. Save it anew.")
    strips = zip(page.dataoffsets, page.databytecounts, strict=True)
    raw = b"".join(data[start : start + size] for start, size in strips)
    length = (width * bits + 7) // 8
    rows = np.frombuffer(raw, np.uint8, height * length).reshape(height, length)
    order: Any = "little" if page.fillorder == 2 else "big"
    single = np.unpackbits(rows, axis=1, count=width * bits, bitorder=order)
    values = single.reshape(height, width, bits) @ (1 << np.arange(bits)[::-1])
    return values.astype(np.uint16)


def _by_pillow(page: TiffPage, data: bytes) -> NDArray[Any]:
    """As Pillow decodes it, which turns it reading.upright, too."""
    try:
        with Image.open(io.BytesIO(data), formats=("TIFF",)) as image:
            stored = str(image.tile[0][3]).partition(",")[0]
            pixels = np.asarray(image)
    except UnidentifiedImageError:
        how = getattr(page.compression, "name", page.compression)
        raise RefusedError(
            f"is compressed as {how}, with {page.bitspersample} bits a value, which is not read. "
            "Save it without compression."
        ) from None
    if page.bitspersample <= 8:
        return pixels
    pixels = pixels.astype(np.dtype(page.dtype).newbyteorder("="))
    # libtiff gives the machine's own byte order, which Pillow minds for some types only.
    return pixels.byteswap() if _BIG_ENDIAN.search(stored) and page.compression != 1 else pixels
