"""DICOM files -> grey frames, through pydicom (the extra 'dicom').

Images of 8 bits are taken as stored; others are numbers that need a window, after the modality
rescale (slope and intercept, or table). MONOCHROME1, where the lowest value is white, is inverted.
Colour (RGB, YBR_*, PALETTE COLOR) is taken where it is grey by content.
"""

from __future__ import annotations

import io
import warnings
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from miua.data import jpeg
from miua.data.reading import Frame, RefusedError, check_size, one_channel
from miua.errors import MissingExtraError

if TYPE_CHECKING:
    from pydicom import Dataset
    from pydicom.pixels.decoders.base import Decoder

_MAGIC = b"DICM"  # at byte 128
_HEAD = 132  # bytes that tell whether a file is DICOM
# Without that, a file begins with an element of its meta information or of the group 8.
_FIRST_GROUPS = (b"\x02\x00", b"\x08\x00")
_LONGEST_FIRST = 256  # bytes of such an element
_DEFLATED = b"1.2.840.10008.1.2.1.99"  # a transfer syntax: all behind the file's head is packed
# The transfer syntaxes that are JPEG, of 8 and of up to 12 bits.
_JPEG = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51")
MAX_UNPACKED = 10**9  # bytes
SUFFIXES = (".dcm", ".dicom")
_MONOCHROME = ("MONOCHROME1", "MONOCHROME2")
_COLOUR = ("RGB", "PALETTE COLOR", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")


def is_dicom(head: bytes) -> bool:
    """Whether a file's first 132 bytes say that it is DICOM, by its mark or by an element."""
    if head[128:_HEAD] == _MAGIC:
        return True
    if head[:2] not in _FIRST_GROUPS or len(head) < _HEAD:
        return False
    explicit = head[4:6].isalpha() and head[4:6].isupper()
    length = int.from_bytes(head[6:8] if explicit else head[4:8], "little")
    return length % 2 == 0 and length <= _LONGEST_FIRST


def file_is_dicom(path: Path) -> bool:
    """`is_dicom` of a file; False if it cannot be read."""
    try:
        with path.open("rb") as file:
            return is_dicom(file.read(_HEAD))
    except OSError:
        return False


def frames_of(data: bytes) -> Iterator[Frame]:
    """The frames of a DICOM file's bytes, decoded one after another.

    RefusedError: it holds no image, other frames than it says, or colour, or is compressed in a way
    that cannot be decoded here. MissingExtraError: pydicom is not installed. Damage raises whatever
    pydicom raises.
    """
    try:
        import pydicom
    except ImportError:
        raise MissingExtraError("Reading DICOM files", "pydicom", extra="dicom") from None
    # It warns of tags that no grey value depends on; what one depends on is checked here.
    warnings.filterwarnings("ignore", module=r"pydicom(\.|$)")
    _refuse_bomb(data)
    dataset = pydicom.dcmread(io.BytesIO(data), force=True)
    _name_syntax(dataset)
    photometric = str(dataset.get("PhotometricInterpretation") or "missing")
    promised = int(dataset.get("NumberOfFrames") or 1)
    decoder, stored = _decoder(dataset, photometric), int(dataset.get("BitsStored") or 0)
    shift = _unshifted(dataset, stored)
    made = partial(_monochrome, bits=stored) if photometric in _MONOCHROME else _colour
    index = 0
    for index, (pixels, _) in enumerate(decoder.iter_array(dataset), 1):
        if index > promised:
            raise RefusedError(
                f"holds more frames than its NumberOfFrames says, {promised}. Correct the file."
            )
        _check_jpeg(dataset, stored, index - 1, promised)
        yield made(dataset, shift(pixels), index - 1, photometric)
    if index < promised:
        raise RefusedError(f"is damaged: it holds {index} of {promised} frames.")


def _refuse_bomb(data: bytes) -> None:
    """Refuse a deflated file that unpacks to more than any image: pydicom sets no limit."""
    head = 144 + int.from_bytes(data[140:144], "little")  # as the first element says
    if _DEFLATED not in data[:head]:
        return
    unpacking, unpacked, rest = zlib.decompressobj(-zlib.MAX_WBITS), 0, data[head:]
    while rest and not unpacking.eof:
        unpacked += len(unpacking.decompress(rest, 1 << 20))
        if unpacked > MAX_UNPACKED:
            raise RefusedError(f"is too large: it unpacks to more than {MAX_UNPACKED:,} bytes.")
        rest = unpacking.unconsumed_tail


def _name_syntax(dataset: Dataset) -> None:
    """A file without meta information names no transfer syntax: its bytes show one of three."""
    from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

    if "TransferSyntaxUID" not in dataset.file_meta:
        implicit, little = dataset.original_encoding
        explicit = ExplicitVRLittleEndian if little else ExplicitVRBigEndian
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else explicit


def _unshifted(dataset: Dataset, stored: int) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """What moves stored values down to bit 0, where HighBit says that they lie higher."""
    allocated, high = int(dataset.get("BitsAllocated") or 0), dataset.get("HighBit")
    if high is None or not stored or int(high) == stored - 1:
        return lambda pixels: pixels
    above = allocated - 1 - int(high)
    if not 0 <= above <= allocated - stored:
        raise RefusedError(
            f"stores {stored} of {allocated} bits, of which {high} is the highest. Correct it."
        )
    dataset.BitsStored, dataset.HighBit = allocated, allocated - 1  # or pydicom masks low bits
    # A number's sign is its highest bit: first up, then down.
    return lambda pixels: pixels << above >> (allocated - stored)


def _decoder(dataset: Dataset, photometric: str) -> Decoder:
    """What decodes the pixels; what cannot be decoded is refused before it is tried."""
    from pydicom.pixels import get_decoder  # type: ignore[attr-defined]

    if not any(
        dataset.get(name) for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
    ):
        raise RefusedError("is a DICOM file without an image, or one that was cut off.")
    if photometric not in (*_MONOCHROME, *_COLOUR):
        raise RefusedError(
            f"has the photometric interpretation {photometric}. Convert it to grey explicitly."
        )
    syntax = dataset.file_meta.TransferSyntaxUID
    for name in ("Columns", "Rows"):
        if not dataset.get(name):
            raise RefusedError(f"is damaged: it has no {name}. Fetch or make it again.")
    check_size(int(dataset.Columns), int(dataset.Rows))
    try:
        decoder: Decoder = get_decoder(syntax)
    # pydicom's own: what it raises for a compression that it does not know.
    except NotImplementedError:
        raise RefusedError(
            f"is compressed as {syntax.name}, which pydicom cannot decode. "
            "Save its frames as images."
        ) from None
    if not decoder.is_available:
        any_of = "; ".join(decoder.missing_dependencies)
        raise RefusedError(
            f"is compressed as {syntax.name}, which cannot be decoded here. "
            f"Install one of: {any_of}."
        )
    return decoder


def _check_jpeg(dataset: Dataset, stored: int, index: int, promised: int) -> None:
    """Refuse a frame of JPEG that is damaged: what pydicom decodes it with passes over that."""
    from pydicom.encaps import get_frame

    if dataset.file_meta.TransferSyntaxUID in _JPEG and stored <= 8:
        jpeg.decoded(get_frame(dataset.PixelData, index, number_of_frames=promised))


def _monochrome(
    dataset: Dataset, pixels: NDArray[Any], index: int, photometric: str, *, bits: int
) -> Frame:
    if pixels.ndim != 2:
        raise RefusedError(f"is {photometric} of several channels. Correct the file.")
    inverted = photometric == "MONOCHROME1"
    facts = [("DICOM", "MONOCHROME1", "inverted")] if inverted else []
    rescaled = _rescaled(dataset, pixels, index)
    if bits == 8 and dataset.PixelRepresentation == 0:
        if rescaled is not pixels:
            without = "taken as stored, without it"
            facts.append(("8-bit DICOM", "with a modality rescale", without))
        grey = pixels.astype(np.uint8)
        return Frame(255 - grey if inverted else grey, facts=tuple(facts))
    depth = f"{bits} bit{'' if bits == 1 else 's'}" if bits else f"{8 * pixels.itemsize}-bit floats"
    if bits == 8:
        depth += ", signed"
    return Frame(rescaled, depth, _window(dataset, index), inverted, tuple(facts))


def _colour(dataset: Dataset, pixels: NDArray[Any], index: int, photometric: str) -> Frame:
    from pydicom.pixels import apply_color_lut  # type: ignore[attr-defined]

    if photometric == "PALETTE COLOR":
        pixels = apply_color_lut(pixels, dataset)
    grey, fact = one_channel(pixels, f"DICOM {photometric}")
    if grey.dtype == np.uint16:
        low, high = grey & 255, grey >> 8
        if (low == 0).all() or (low == high).all():  # 8 bits, written as 16
            grey = high.astype(np.uint8)
    if grey.dtype == np.uint8:
        return Frame(grey, facts=(fact,))
    return Frame(grey, f"{8 * grey.itemsize} bits", _window(dataset, 0), facts=(fact,))


def _rescaled(dataset: Dataset, pixels: NDArray[Any], index: int) -> NDArray[Any]:
    """What the stored values stand for; the same array where that is they themselves."""
    from pydicom.pixels import apply_modality_lut  # type: ignore[attr-defined]

    if "ModalityLUTSequence" in dataset:
        table: NDArray[Any] = apply_modality_lut(pixels, dataset)
        return table
    item = _of_frame(dataset, "PixelValueTransformationSequence", index)
    slope = float(_value(item, "RescaleSlope", 1))
    intercept = float(_value(item, "RescaleIntercept", 0))
    return pixels if (slope, intercept) == (1, 0) else pixels * slope + intercept


def _window(dataset: Dataset, index: int) -> tuple[float, float] | None:
    """The file's own window (the first, if it has several), if it is linear."""
    item = _of_frame(dataset, "FrameVOILUTSequence", index)
    function = _value(item, "VOILUTFunction", "LINEAR")
    center, width = _value(item, "WindowCenter", None), _value(item, "WindowWidth", None)
    if center is None or width is None:
        return None
    center, width = (float(np.atleast_1d(value)[0]) for value in (center, width))
    if function == "LINEAR" and width >= 1:
        return center - width / 2, center + width / 2 - 1
    if function == "LINEAR_EXACT" and width > 0:
        return center - width / 2, center + width / 2
    return None


def _value(item: Dataset, name: str, default: Any) -> Any:
    """An element's value; the default where it is missing or empty, which the standard allows."""
    value = item.get(name)
    return default if value is None or value == "" else value


def _of_frame(dataset: Dataset, sequence: str, index: int) -> Dataset:
    """Where a property of one frame stands: in the frame's group, in the shared one, or outside."""
    places = {"PerFrameFunctionalGroupsSequence": index, "SharedFunctionalGroupsSequence": 0}
    for groups, at in places.items():
        group: Dataset = dataset[groups].value[at] if groups in dataset else dataset
        if sequence in group:
            item: Dataset = group[sequence].value[0]
            return item
    return dataset
