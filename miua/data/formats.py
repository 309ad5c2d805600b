"""One file -> its grey frames.

JPEG through simplejpeg, TIFF through tifffile, DICOM through pydicom (the extra 'dicom'); PNG, PGM,
BMP, GIF, WebP and JPEG 2000 through Pillow. A file is what its content says, not its suffix. It is
checked to its last byte, and what cannot be taken without loss or a guess is refused: colour,
transparency, damage, several frames.
"""

import hashlib
import io
import re
import warnings
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError

from miua.data import dicom, jpeg, reading, tiff
from miua.data.reading import Fact, Frame, RefusedError
from miua.errors import MiuaError

# Pillow would read dozens of formats, some through other programs: EPS starts Ghostscript.
_FORMATS = ("PNG", "JPEG", "PPM", "BMP", "GIF", "WEBP", "JPEG2000")
_PNG, _NETPBM = b"\x89PNG\r\n\x1a\n", re.compile(rb"P[1-6][\s#]")
# A PGM file's head: its numbers, between them white space and comments.
_PGM_HEAD = re.compile(rb"P[1-6](?:\s|#[^\r\n]*[\r\n])+\d+(?:\s|#[^\r\n]*[\r\n])+\d+")
_LONGEST_HEAD = 1 << 16
# Modes that may be grey by content, and what notes call them.
_KINDS = {"L": "L", "1": "1", "LA": "grey-alpha", "P": "palette", "PA": "palette", "RGB": "RGB",
          "RGBA": "RGBA"}  # fmt: skip
# Formats that Pillow does not know: how their files begin.
_NOT_READ = {
    name: re.compile(pattern, re.DOTALL)
    for name, pattern in {
        "JPEG-LS": rb"\xff\xd8(?:\xff[\xe0-\xef\xfe].{,65535}?)?\xff\xf7",
        "JPEG of 12 bits": rb"\xff\xd8.{,65535}?\xff[\xc0-\xc2]\0.\x0c",
        "JPEG XL": rb"\xff\x0a|\0\0\0\x0cJXL ",
        "JPEG XR": rb"II\xbc",
        "HEIF": rb".{4}ftyp(?:hei|hev|mif1|msf1)",
        "PAM": rb"P7\n",
        "OpenEXR": rb"v/1\x01",
        "HDF5": rb"\x89HDF",
        "NRRD": rb"NRRD000",
        "gzip": rb"\x1f\x8b",
        "ZIP": rb"PK\x03\x04",
        "PDF": rb"%PDF-",
        "video": rb".{4}ftyp|RIFF.{4}AVI |\x1a\x45\xdf\xa3",
        "NumPy array": rb"\x93NUMPY",
        "HTML or XML": rb"\s*<(?:!DOCTYPE|html|\?xml|svg)",
    }.items()
}
# PNG's colour types: how many values a pixel has; and which rows and columns Adam7's passes hold.
_PNG_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_ADAM7 = ((0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2), (0, 2, 1, 2),
          (1, 2, 0, 1))  # fmt: skip


def frames_of(path: Path, sha256: str = "") -> Iterator[Frame]:
    """The frames of one file, one after another: several only for DICOM. RefusedError: it cannot be
    taken. MissingExtraError: it is DICOM, and pydicom is not installed. MiuaError: it is no longer
    what had the `sha256`, if that is given."""
    data = _contents(path, sha256)
    # Pillow warns of what no grey value depends on, such as a damaged description.
    warnings.filterwarnings("ignore", module=r"PIL(\.|$)")
    try:
        if dicom.is_dicom(data):
            yield from dicom.frames_of(data)
        else:
            yield _frame_of(data)
    except (RefusedError, MiuaError):
        raise
    except (Image.DecompressionBombError, MemoryError) as error:
        raise RefusedError(f"is too large ({error}).") from None
    except Exception as error:  # of what decoders raise on bytes they do not expect: no list
        why = " ".join(str(error).split()) or type(error).__name__
        raise RefusedError(f"is damaged ({why}). Fetch or make it again.") from None


def read_images(path: Path) -> Iterator[NDArray[np.uint8]]:
    """The images of one file as they are, each (H, W); MiuaError: one is not 8-bit grey."""
    try:
        for frame in frames_of(path):
            if frame.depth:
                reading.window_of(frame, None)
            yield frame.pixels
    except RefusedError as refused:
        raise MiuaError(f"{path} {refused}") from None


def _contents(path: Path, sha256: str) -> bytes:
    try:
        if path.exists() and not path.is_file():
            # Reading a pipe waits for ever, and some devices never end.
            raise RefusedError("is a pipe, a device or a link to one. Remove it.")
        data = path.read_bytes()
    except OSError as error:
        if not sha256:
            raise RefusedError(f"cannot be read ({error.strerror}).") from None
        data = b""
    if sha256 and hashlib.sha256(data).hexdigest() != sha256:
        # Not refused, and so never skipped: another time it may be sound.
        raise MiuaError(f"{path} changed while it was read. Read again when nothing writes to it.")
    if not data:
        raise RefusedError("is damaged: it is empty. Fetch or make it again.")
    return data


def _frame_of(data: bytes) -> Frame:
    if data[:4] in tiff.MAGIC:
        return tiff.frame_of(data)
    if _NETPBM.match(data) and not _PGM_HEAD.match(data[:_LONGEST_HEAD]):
        raise RefusedError(
            f"is damaged: its head does not end within {_LONGEST_HEAD:,} bytes. "
            "Fetch or make it again."
        )
    with _opened(data) as image:
        # verify() checks the checksums that decoding skips, and spends the image.
        image.verify()
    with _opened(data) as image:
        reading.check_size(*image.size)
        if (frames := getattr(image, "n_frames", 1)) > 1:
            raise RefusedError(
                f"holds {frames} frames. Save the one you mean as an image of its own."
            )
        if data.startswith(_PNG):
            _refuse_missing_rows(data, *image.size)
        frame = _of_jpeg(data) if data.startswith(jpeg.MAGIC) else _of_pillow(image, data)
        try:
            orientation = image.getexif().get(reading.ORIENTATION)
        except Exception:  # a damaged description of a sound image
            orientation = None
    return reading.upright(frame, orientation)


def _opened(data: bytes) -> ImageFile.ImageFile:
    try:
        return Image.open(io.BytesIO(data), formats=_FORMATS)
    except UnidentifiedImageError:
        if known := _known_format(data):
            said = f"is of the format {known}, which is not read here. Save it as PNG."
            raise RefusedError(said) from None
        raise RefusedError("is damaged or no image. Fetch or make it again.") from None


def _known_format(data: bytes) -> str | None:
    """What the content is by what Pillow knows, or by its first bytes; nothing is decoded."""
    # Any error means: no image, or none that Pillow knows.
    with suppress(Exception), Image.open(io.BytesIO(data)) as image:
        return None if image.format in _FORMATS else image.format
    return next((name for name, begin in _NOT_READ.items() if begin.match(data)), None)


def _of_jpeg(data: bytes) -> Frame:
    pixels, colours = jpeg.decoded(data)
    if colours == "Gray":
        return Frame(pixels)
    pixels, fact = reading.one_channel(pixels, "RGB")
    return Frame(pixels, facts=(fact,))


def _refuse_missing_rows(data: bytes, width: int, height: int) -> None:
    """Refuse a PNG file whose stream ends before its last row: libpng makes the rest black."""
    bits, interlaced = data[24] * _PNG_SAMPLES[data[25]], data[28]
    passes = _ADAM7 if interlaced else ((0, 1, 0, 1),)
    expected = 0
    for top, down, left, across in passes:
        columns, rows = len(range(left, width, across)), len(range(top, height, down))
        expected += rows * (1 + (columns * bits + 7) // 8) if columns else 0
    stream, at = zlib.decompressobj(), len(_PNG)
    found = 0
    while found < expected and at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        rest = data[at + 8 : at + 8 + length] if data[at + 4 : at + 8] == b"IDAT" else b""
        while rest and found < expected:
            found += len(stream.decompress(rest, 1 << 20))
            rest = stream.unconsumed_tail
        at += 12 + length
    if found < expected:
        raise RefusedError(
            f"is damaged: it holds {found:,} of {expected:,} bytes of pixels. "
            "Fetch or make it again."
        )


def _of_pillow(image: ImageFile.ImageFile, data: bytes) -> Frame:
    # Asked before the pixels are loaded, which forgets how the file stored them.
    stored, maxval = str(image.tile), _maxval(image)
    facts: list[Fact] = []
    transparent = image.info.get("transparency")
    _check_netpbm(image, data, maxval)
    if image.format == "JPEG2000":
        return _of_jpeg2000(image, data)
    if image.mode.startswith(("I", "F")):
        pixels = np.asarray(image)
        if image.mode == "F":
            return Frame(pixels, "32-bit floats")
        if image.format == "PPM":
            # Pillow stretches any maximum to 65535. A window speaks of the values in the file.
            pixels = np.rint(pixels * (maxval / 65535)).astype(np.uint16)
        if transparent is not None and (pixels == transparent).any():
            raise RefusedError("has transparent pixels. Convert it to 8-bit grey explicitly.")
        return Frame(pixels, f"{16 if pixels.itemsize == 2 or ';16' in stored else 32} bits")
    if ";16" in stored:
        raise RefusedError(reading.DEEP_COLOUR)
    if maxval != 255:
        kind = "PNG" if image.format == "PNG" else "PGM"
        facts.append((kind, f"of maximum {maxval}", f"0..{maxval} scaled to 0..255"))
    if image.mode == "1":
        facts.append(("1-bit", "black and white", "0 and 1 made 0 and 255"))
    if image.mode not in _KINDS:
        raise RefusedError(
            f"has the colour mode {image.mode}. Convert it to 8-bit grey explicitly."
        )
    if image.mode in ("L", "1"):
        pixels = np.asarray(image.convert("L"))
        # Of 2 and 4 bits Pillow tells the value as the file has it, but stretches the pixels.
        if isinstance(transparent, int) and (pixels == transparent * 255 // maxval).any():
            raise RefusedError("has transparent pixels. Convert it to 8-bit grey explicitly.")
        return Frame(pixels, facts=tuple(facts))
    pixels, fact = reading.one_channel(np.asarray(image.convert("RGBA")), _KINDS[image.mode])
    return Frame(pixels, facts=(*facts, fact))


def _of_jpeg2000(image: ImageFile.ImageFile, data: bytes) -> Frame:
    """Pillow shifts the values of each channel up to 8 or 16 bits, and colours down to 8."""
    at = data.index(b"\xff\x4f\xff\x51") + 40  # the codestream's head: how many channels
    channels = int.from_bytes(data[at : at + 2], "big")
    depths = data[at + 2 : at + 2 + 3 * channels : 3]
    bits = depths[0] % 128 + 1
    if max(depths) >= 128:
        raise RefusedError("has signed values in JPEG 2000, which are not read. Save it anew.")
    if channels > 1 and max(depths) >= 8:
        raise RefusedError(reading.DEEP_COLOUR)
    if not 8 <= bits <= 16:
        raise RefusedError(f"stores {bits} bits a value in a way that is not read. Save it anew.")
    if bits > 8:
        return Frame(np.asarray(image).astype(np.uint16) >> (16 - bits), f"{bits} bits")
    if channels == 1 and image.mode == "L":
        return Frame(np.asarray(image))
    pixels, fact = reading.one_channel(np.asarray(image.convert("RGBA")), _KINDS[image.mode])
    return Frame(pixels, facts=(fact,))


def _check_netpbm(image: ImageFile.ImageFile, data: bytes, maxval: int) -> None:
    """RefusedError: a PGM file holds deep colours, several images, or values above its maximum."""
    if image.format != "PPM":
        return
    if image.mode == "RGB" and maxval > 255:
        raise RefusedError(reading.DEEP_COLOUR)
    if data[1:2] not in b"456":
        return
    # As many bytes as pixels, bits filled up to a byte, or two a value.
    start, (width, height) = image.tile[0][2], image.size
    if image.mode == "1":
        length = (width + 7) // 8 * height
    else:
        length = width * height * len(image.getbands()) * (1 if maxval < 256 else 2)
    if _NETPBM.match(data[start + length :].lstrip()):
        raise RefusedError("holds several frames. Save the one you mean as an image of its own.")
    if image.mode != "1":
        stored = np.frombuffer(data[start : start + length], ">u2" if maxval > 255 else ">u1")
        if stored.size and stored.max() > maxval:
            raise RefusedError(f"is damaged: it holds {stored.max()}, above its maximum {maxval}.")


def _maxval(image: ImageFile.ImageFile) -> int:
    """The value that a PGM file, or a PNG file of 2 or 4 bits, calls white; 255 for any other."""
    if image.format == "PNG" and image.mode == "L":
        raw = image.tile[0][3]
        bits = re.search(r";(\d)", raw if isinstance(raw, str) else "")
        return 2 ** int(bits[1]) - 1 if bits else 255
    if image.format != "PPM" or image.mode in ("1", "F"):
        return 255
    decoder, arguments = image.tile[0][0], image.tile[0][3]
    if decoder in ("ppm", "ppm_plain") and isinstance(arguments, tuple):
        return int(arguments[-1])
    return 65535 if image.mode == "I" else 255
