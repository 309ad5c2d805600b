"""One file -> its grey frames.

PNG, JPEG, TIFF, BMP and PGM through Pillow, DICOM through pydicom (the extra 'dicom'). Which of
them a file is tells its content, not its suffix. A file is checked to its last byte, and what
cannot be taken without loss or a guess is refused: colour, transparency, damage, several pages.
"""

import hashlib
import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError

from miua.data import dicom
from miua.data.reading import Frame, RefusedError, one_channel, window_of
from miua.errors import MiuaError

# What Pillow raises on a damaged file, by its many decoders.
_DAMAGED = (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error, zlib.error)
# Pillow would read dozens of formats, some through other programs: EPS starts Ghostscript.
_FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "PPM")
_WHITE_IS_ZERO, _PHOTOMETRIC, _ORIENTATION = 0, 262, 274  # TIFF; EXIF has the last, too
# Modes that may be grey by content, and what notes call them.
_KINDS = {"L": "L", "1": "1", "LA": "grey-alpha", "P": "palette", "PA": "palette", "RGB": "RGB",
          "RGBA": "RGBA"}  # fmt: skip


def frames_of(path: Path, sha256: str = "") -> Iterator[Frame]:
    """The frames of one file, one after another: several only for DICOM.

    RefusedError: it cannot be taken. MissingExtraError: it is DICOM, and pydicom is not installed.
    MiuaError: it is no longer what had the `sha256`, if that is given.
    """
    data = _contents(path, sha256)
    if data[128:132] == dicom.MAGIC:
        yield from dicom.frames_of(data)
    else:
        yield _pillow_frame(data)


def read_images(path: Path) -> Iterator[NDArray[np.uint8]]:
    """The images of one file as they are, each (H, W); MiuaError: one is not 8-bit grey."""
    try:
        for frame in frames_of(path):
            if frame.depth:
                window_of(frame, None)
            yield frame.pixels
    except RefusedError as refused:
        raise MiuaError(f"{path} {refused}") from None


def _contents(path: Path, sha256: str) -> bytes:
    if path.exists() and not path.is_file():
        # Reading a pipe waits for ever, and some devices never end.
        raise RefusedError("is a pipe, a device or a link to one. Remove it.")
    try:
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


def _pillow_frame(data: bytes) -> Frame:
    try:
        # verify() checks the checksums that decoding skips, and spends the image.
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            image.verify()
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            frames = getattr(image, "n_frames", 1)
            if frames == 1:
                return _upright(image)
    except (Image.DecompressionBombError, MemoryError) as error:
        raise RefusedError(f"is too large ({error}).") from None
    except _DAMAGED as error:
        # Pillow's message on what is no image shows where in memory the file lies.
        why = "" if isinstance(error, UnidentifiedImageError) else f" ({error})"
        raise RefusedError(f"is damaged or no image{why}. Fetch or make it again.") from None
    raise RefusedError(f"holds {frames} frames. Save the one you mean as an image of its own.")


def _upright(image: ImageFile.ImageFile) -> Frame:
    """The frame, turned as an EXIF orientation says: as it is shown."""
    tiff = image.format == "TIFF"  # Pillow turns these itself, and forgets that
    turned: Any = getattr(image, "tag_v2", {}).get(_ORIENTATION) if tiff else None
    frame = _grey(image)
    try:
        turned = turned if tiff else image.getexif().get(_ORIENTATION)
    except _DAMAGED:  # a damaged description of a sound image
        return frame
    if turned not in range(2, 9):
        return frame
    pixels = frame.pixels
    if not tiff:
        rows, columns = -1 if turned in (3, 4, 7, 8) else 1, -1 if turned in (2, 3, 6, 7) else 1
        pixels = np.ascontiguousarray((pixels.T if turned > 4 else pixels)[::rows, ::columns])
    fact = ("", "stored with an EXIF orientation", "turned upright")
    return frame._replace(pixels=pixels, facts=(*frame.facts, fact))


def _grey(image: ImageFile.ImageFile) -> Frame:
    # Asked before the pixels are loaded, which forgets how the file stored them.
    stored, maxval = str(image.tile), _maxval(image)
    inverted = (
        image.format == "TIFF"
        and getattr(image, "tag_v2", {}).get(_PHOTOMETRIC) == _WHITE_IS_ZERO
        and image.mode != "1"
    )
    facts = [("TIFF", "stored with 0 as white", "inverted")] if inverted else []
    if image.mode.startswith(("I", "F")):
        pixels = np.asarray(image)
        depth = "12 bits" if "I;12" in stored else "16 bits" if ";16" in stored else "32 bits"
        if image.mode == "F":
            depth = "32-bit floats"
        elif image.format == "PPM":
            # Pillow stretches any maximum to 65535. A window speaks of the values in the file.
            depth = "16 bits"
            pixels = np.rint(pixels * (maxval / 65535)).astype(np.uint16)
        elif "I;32N" in stored:
            pixels = pixels.view(np.uint32)  # Pillow has no unsigned type of this size
        return Frame(pixels, depth, inverted=inverted, facts=tuple(facts))
    if ";16" in stored:
        raise RefusedError(
            "is deeper than 8 bits in several channels, which cannot be read without loss. "
            "Save it as a grey image."
        )
    if maxval != 255:
        facts.append(("PGM", f"of maximum {maxval}", f"0..{maxval} scaled to 0..255"))
    if image.mode == "1":
        facts.append(("1-bit", "black and white", "0 and 1 made 0 and 255"))
    if image.mode not in _KINDS:
        raise RefusedError(
            f"has the colour mode {image.mode}. Convert it to 8-bit grey explicitly."
        )
    single = image.mode in ("L", "1")
    if single and "transparency" not in image.info:
        return Frame(np.asarray(image.convert("L")), facts=tuple(facts))
    pixels, fact = one_channel(np.asarray(image.convert("RGBA")), _KINDS[image.mode])
    return Frame(pixels, facts=tuple(facts if single else [*facts, fact]))


def _maxval(image: ImageFile.ImageFile) -> int:
    """The value that a PGM file calls white; 255 for any other format."""
    if image.format != "PPM" or image.mode in ("1", "F"):
        return 255
    decoder, arguments = image.tile[0][0], image.tile[0][3]
    if decoder in ("ppm", "ppm_plain") and isinstance(arguments, tuple):
        return int(arguments[-1])
    return 65535 if image.mode == "I" else 255
