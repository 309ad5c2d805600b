"""DICOM files -> grey frames, through pydicom (the extra 'dicom').

Images of 8 bits are taken as stored; others are numbers that need a window, after the modality
rescale (slope and intercept, or table). MONOCHROME1, where the lowest value is white, is inverted.
Colour (RGB, YBR_*, PALETTE COLOR) is taken where it is grey by content.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from miua.data.reading import Frame, RefusedError, one_channel
from miua.errors import MissingExtraError, MiuaError

if TYPE_CHECKING:
    from pydicom import Dataset
    from pydicom.pixels.decoders.base import Decoder

MAGIC = b"DICM"  # at byte 128
_DEFLATED = b"1.2.840.10008.1.2.1.99"  # a transfer syntax: all behind the file's head is packed
MAX_UNPACKED = 10**9  # bytes
SUFFIXES = (".dcm", ".dicom")
_MONOCHROME = ("MONOCHROME1", "MONOCHROME2")
_COLOUR = ("RGB", "PALETTE COLOR", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")


def frames_of(data: bytes) -> Iterator[Frame]:
    """The frames of a DICOM file's bytes, decoded one after another.

    RefusedError: it is damaged, holds no image, is compressed in a way that cannot be decoded
    here, or has colour. MissingExtraError: pydicom is not installed.
    """
    try:
        import pydicom
    except ImportError:
        raise MissingExtraError("Reading DICOM files", "pydicom", extra="dicom") from None
    with _damage_refused():
        _refuse_bomb(data)
        dataset = pydicom.dcmread(io.BytesIO(data))
        photometric = str(dataset.get("PhotometricInterpretation", "missing"))
        promised = int(dataset.get("NumberOfFrames") or 1)
        decoded = _decoder(dataset, photometric).iter_array(dataset)
    for index in range(promised):
        with _damage_refused():
            pixels, _ = next(decoded, (None, None))
            if pixels is None:
                raise RefusedError(f"is damaged: it holds {index} of {promised} frames.")
            made = _monochrome if photometric in _MONOCHROME else _colour
            frame = made(dataset, pixels, index, photometric)
        yield frame


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


@contextmanager
def _damage_refused() -> Iterator[None]:
    """Of the errors of a parser that is given any bytes, there is no list."""
    try:
        yield
    except (RefusedError, MiuaError):
        raise
    except Exception as error:
        raise RefusedError(
            f"is a damaged or incomplete DICOM file ({error}). Fetch or make it again."
        ) from None


def _decoder(dataset: Dataset, photometric: str) -> Decoder:
    """What decodes the pixels; what cannot be decoded is refused before it is tried."""
    from pydicom.pixels import get_decoder  # type: ignore[attr-defined]

    if not any(name in dataset for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
        raise RefusedError("is a DICOM file without an image, or one that was cut off.")
    if photometric not in (*_MONOCHROME, *_COLOUR):
        raise RefusedError(
            f"has the photometric interpretation {photometric}. Convert it to grey explicitly."
        )
    syntax = dataset.file_meta.TransferSyntaxUID
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    if rows * columns > 2 * (Image.MAX_IMAGE_PIXELS or np.inf):
        raise RefusedError(f"is too large ({columns} x {rows} pixels).")
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


def _monochrome(dataset: Dataset, pixels: NDArray[Any], index: int, photometric: str) -> Frame:
    inverted = photometric == "MONOCHROME1"
    facts = [("DICOM", "MONOCHROME1", "inverted")] if inverted else []
    rescaled = _rescaled(dataset, pixels, index)
    bits = int(dataset.get("BitsStored", 0))
    if bits == 8 and dataset.PixelRepresentation == 0:
        if rescaled is not pixels:
            without = "taken as stored, without it"
            facts.append(("8-bit DICOM", "with a modality rescale", without))
        grey = pixels.astype(np.uint8)
        return Frame(255 - grey if inverted else grey, facts=tuple(facts))
    depth = f"{bits} bit{'' if bits == 1 else 's'}" if bits else f"{8 * pixels.itemsize}-bit floats"
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
    slope, intercept = float(item.get("RescaleSlope", 1)), float(item.get("RescaleIntercept", 0))
    return pixels if (slope, intercept) == (1, 0) else pixels * slope + intercept


def _window(dataset: Dataset, index: int) -> tuple[float, float] | None:
    """The file's own window (the first, if it has several), if it is linear."""
    item = _of_frame(dataset, "FrameVOILUTSequence", index)
    function = item.get("VOILUTFunction", "LINEAR")
    if "WindowCenter" not in item or "WindowWidth" not in item:
        return None
    center, width = (
        float(np.atleast_1d(item[name].value)[0]) for name in ("WindowCenter", "WindowWidth")
    )
    if function == "LINEAR" and width >= 1:
        return center - width / 2, center + width / 2 - 1
    if function == "LINEAR_EXACT" and width > 0:
        return center - width / 2, center + width / 2
    return None


def _of_frame(dataset: Dataset, sequence: str, index: int) -> Dataset:
    """Where a property of one frame stands: in the frame's group, in the shared one, or outside."""
    places = {"PerFrameFunctionalGroupsSequence": index, "SharedFunctionalGroupsSequence": 0}
    for groups, at in places.items():
        group: Dataset = dataset[groups].value[at] if groups in dataset else dataset
        if sequence in group:
            item: Dataset = group[sequence].value[0]
            return item
    return dataset
