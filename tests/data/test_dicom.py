"""DICOM files, made with pydicom, through `read_stack`."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels import apply_voi_lut
from pydicom.sequence import Sequence
from pydicom.uid import (
    MPEG4HP41,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    RLELossless,
    UltrasoundImageStorage,
    generate_uid,
)

from miua.data.stack import ImageStack, read_stack
from miua.errors import MissingExtraError, MiuaError

TWELVE = np.random.default_rng(1).integers(0, 4096, (6, 8), np.uint16)


def grey(*shape: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def dicom(
    pixels: NDArray[Any],
    photometric: str = "MONOCHROME2",
    *,
    bits: int | None = None,
    frames: int | None = None,
    syntax: str = ExplicitVRLittleEndian,
    **elements: Any,
) -> FileDataset:
    """A DICOM file of pixels ([frames,] rows, columns[, 3])."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    meta.MediaStorageSOPClassUID = UltrasoundImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["miua"])
    made = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    shape = pixels.shape if frames is None else pixels.shape[1:]
    made.Rows, made.Columns = shape[:2]
    made.SamplesPerPixel = shape[2] if len(shape) == 3 else 1
    if made.SamplesPerPixel > 1:
        made.PlanarConfiguration = 0
    if frames is not None:
        made.NumberOfFrames = frames
    made.PhotometricInterpretation = photometric
    made.BitsAllocated = 8 * pixels.itemsize
    made.BitsStored = bits or made.BitsAllocated
    made.HighBit = made.BitsStored - 1
    made.PixelRepresentation = int(pixels.dtype.kind == "i")
    made.PixelData = pixels.tobytes() + b"\0" * (pixels.nbytes % 2)
    made["PixelData"].VR = "OB" if pixels.itemsize == 1 else "OW"
    for name, value in elements.items():
        setattr(made, name, value)
    return made


def save(made: FileDataset, path: Path) -> Path:
    made.save_as(path, enforce_file_format=True)
    return path


def refused(folder: Path, **options: Any) -> str:
    with pytest.raises(MiuaError) as caught:
        read_stack(folder, None, **options)
    return str(caught.value)


def read(made: FileDataset, folder: Path, **options: Any) -> ImageStack:
    return read_stack(save(made, folder / "x.dcm").parent, None, **options)


def windowed(values: NDArray[Any], low: float, high: float, top: int = 255) -> NDArray[Any]:
    scaled = (values.astype(np.float64) - low) / (high - low) * top
    return np.floor(np.clip(scaled, 0, top) + 0.5)


def test_8_bits_are_taken_as_they_are(tmp_path: Path) -> None:
    save(dicom(grey(6, 8)), tmp_path / "a.dcm")
    save(dicom(grey(6, 8), WindowCenter=10, WindowWidth=5), tmp_path / "b.DICOM")
    save(dicom(grey(6, 8)), tmp_path / "IM0001")
    save(dicom(grey(6, 8)), tmp_path / "1.2.840.10")
    save(dicom(grey(6, 8).astype(np.uint16), bits=8), tmp_path / "d.dcm")
    stack = read_stack(tmp_path, None)
    assert stack.names == ("1.2.840.10", "IM0001", "a.dcm", "b.DICOM", "d.dcm")
    for image in stack.images:
        np.testing.assert_array_equal(image, grey(6, 8))
    assert stack.notes == ()


def test_each_frame_is_an_image(tmp_path: Path) -> None:
    save(dicom(grey(5, 6, 7), frames=5), tmp_path / "b.dcm")
    save(dicom(grey(6, 7, seed=1)), tmp_path / "a.dcm")
    save(dicom(grey(1, 6, 7, seed=2), frames=1), tmp_path / "c.dcm")
    stack = read_stack(tmp_path, None, threads=3)
    assert stack.names == ("a.dcm", *(f"b.dcm[{frame}]" for frame in range(5)), "c.dcm")
    np.testing.assert_array_equal(stack.images[1:6], grey(5, 6, 7))
    again = read_stack(tmp_path, None)  # from the cache
    assert again.names == stack.names
    np.testing.assert_array_equal(again.images, stack.images)
    alone = read_stack(tmp_path / "b.dcm", 4)
    assert alone.names == tuple(f"b.dcm[{frame}]" for frame in range(5))
    assert alone.images.shape == (5, 4, 4)
    assert "resized 5 images of 7 x 6" in alone.notes[0]


def test_more_frames_than_files_and_few_of_them_skipped(tmp_path: Path) -> None:
    for index in range(4):
        save(dicom(grey(9, 6, 7, seed=index), frames=9), tmp_path / f"{index}.dcm")
    save(dicom(grey(6, 7)), tmp_path / "bad.dcm").write_bytes(b"")
    stack = read_stack(tmp_path, None, skip_bad=True)
    expected = np.concatenate([grey(9, 6, 7, seed=index) for index in range(4)])
    np.testing.assert_array_equal(stack.images, expected)
    assert [skipped.name for skipped in stack.skipped] == ["bad.dcm"]
    again = read_stack(tmp_path, None, skip_bad=True)
    assert (again.names, again.skipped, again.notes) == (stack.names, stack.skipped, stack.notes)


def test_monochrome1_is_inverted_and_that_is_said(tmp_path: Path) -> None:
    stack = read(dicom(grey(6, 8), "MONOCHROME1"), tmp_path)
    np.testing.assert_array_equal(stack.images[0], 255 - grey(6, 8))
    assert stack.notes == ("1 DICOM image is MONOCHROME1: inverted",)
    stack = read(dicom(TWELVE, "MONOCHROME1", bits=12), tmp_path, window=(100, 3000))
    np.testing.assert_array_equal(stack.images[0], 255 - windowed(TWELVE, 100, 3000))


def test_more_than_8_bits_need_a_window(tmp_path: Path) -> None:
    own = dicom(TWELVE, bits=12, WindowCenter=2000, WindowWidth=1001)
    save(own, tmp_path / "x.dcm")
    message = refused(tmp_path)
    assert "x.dcm: is deeper than 8 bits (12 bits)" in message
    assert "--window LOW:HIGH, or --window dicom for its own (1499.5:2499.5)" in message
    stack = read_stack(tmp_path, None, window=(100, 3000))
    np.testing.assert_array_equal(stack.images[0], windowed(TWELVE, 100, 3000))
    share = 100 * np.mean((TWELVE < 100) | (TWELVE > 3000))
    assert stack.notes == (
        f"1 image of 12 bits: window 100:3000 to 0..255, {share:.1f} % of the pixels clipped",
    )
    stack = read_stack(tmp_path, None, window="dicom")
    assert "1 image of 12 bits: each file's own window to 0..255" in stack.notes[0]
    save(dicom(TWELVE, bits=12), tmp_path / "x.dcm")
    assert "x.dcm: has no window of its own that is linear" in refused(tmp_path, window="dicom")


@pytest.mark.parametrize("function", [None, "LINEAR", "LINEAR_EXACT"])
@pytest.mark.parametrize(("center", "width"), [(2000, 1000), (2047.5, 4096), ([30, 900], [50, 1])])
def test_a_file_s_own_window_is_the_standard_s(
    function: str | None, center: Any, width: Any, tmp_path: Path
) -> None:
    elements = {"VOILUTFunction": function} if function else {}
    made = dicom(
        TWELVE, bits=12, WindowCenter=center, WindowWidth=width, RescaleSlope=1, RescaleIntercept=0,
        **elements,
    )  # fmt: skip
    stack = read(made, tmp_path, window="dicom")
    # pydicom's own windowing maps to the range of the stored values.
    expected = np.clip(apply_voi_lut(TWELVE, made), 0, 4095) / 4095 * 255
    assert np.abs(stack.images[0] - expected).max() <= 0.5 + 1e-9


def test_other_ways_to_window_are_not_guessed(tmp_path: Path) -> None:
    made = dicom(TWELVE, bits=12, WindowCenter=9, WindowWidth=9, VOILUTFunction="SIGMOID")
    save(made, tmp_path / "x.dcm")
    assert "has no window of its own that is linear" in refused(tmp_path, window="dicom")


def test_the_window_applies_after_the_modality_rescale(tmp_path: Path) -> None:
    made = dicom(
        TWELVE, bits=12, RescaleSlope=0.5, RescaleIntercept=-1024, WindowCenter=0, WindowWidth=401
    )
    values = TWELVE * 0.5 - 1024
    for window in ((-200.5, 199.5), "dicom"):
        stack = read(made, tmp_path, window=window)
        np.testing.assert_array_equal(stack.images[0], windowed(values, -200.5, 199.5))


def test_signed_values(tmp_path: Path) -> None:
    values = TWELVE.astype(np.int16) - 2048
    stack = read(dicom(values, bits=16), tmp_path, window=(-2000, 2000))
    np.testing.assert_array_equal(stack.images[0], windowed(values, -2000, 2000))
    signed = grey(6, 8).view(np.int8)
    assert "has signed values (8 bits, signed)" in refused(
        save(dicom(signed), tmp_path / "x.dcm").parent
    )


def test_a_rescale_of_8_bits_is_left_aside_and_that_is_said(tmp_path: Path) -> None:
    stack = read(dicom(grey(6, 8), RescaleSlope=2, RescaleIntercept=3), tmp_path)
    np.testing.assert_array_equal(stack.images[0], grey(6, 8))
    assert stack.notes == (
        "1 8-bit DICOM image is with a modality rescale: taken as stored, without it",
    )


def test_frames_with_windows_and_rescales_of_their_own(tmp_path: Path) -> None:
    values = np.stack([TWELVE, TWELVE[::-1]])
    made = dicom(values, bits=12, frames=2)
    shared, groups = Dataset(), []
    rescale = Dataset()
    rescale.RescaleSlope, rescale.RescaleIntercept = 2, -10
    shared.PixelValueTransformationSequence = Sequence([rescale])
    for center in (1000, 5000):
        voi, group = Dataset(), Dataset()
        voi.WindowCenter, voi.WindowWidth = center, 2001
        group.FrameVOILUTSequence = Sequence([voi])
        groups.append(group)
    made.SharedFunctionalGroupsSequence = Sequence([shared])
    made.PerFrameFunctionalGroupsSequence = Sequence(groups)
    stack = read(made, tmp_path, window="dicom")
    for image, stored, center in zip(stack.images, values, (1000, 5000), strict=True):
        low = center - 0.5 - 1000
        np.testing.assert_array_equal(image, windowed(stored * 2.0 - 10, low, low + 2000))


@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL"])
def test_colour_that_is_grey_by_content(photometric: str, tmp_path: Path) -> None:
    pixels = np.repeat(grey(6, 8)[..., None], 3, axis=2)
    if photometric == "YBR_FULL":
        pixels[..., 1:] = 128
    stack = read(dicom(pixels, photometric), tmp_path)
    np.testing.assert_array_equal(stack.images[0], grey(6, 8))
    assert stack.notes == (f"1 DICOM {photometric} image is grey by content: one channel taken",)
    pixels[0, 0, 2] ^= 64
    save(dicom(pixels, photometric), tmp_path / "x.dcm")
    assert "x.dcm: has coloured pixels" in refused(tmp_path)


def test_subsampled_colour_that_is_grey_by_content(tmp_path: Path) -> None:
    pairs = grey(6, 8).reshape(6, 4, 2)
    packed = np.concatenate([pairs, np.full_like(pairs, 128)], axis=2)
    made = dicom(np.repeat(grey(6, 8)[..., None], 3, axis=2), "YBR_FULL_422")
    made.PixelData = packed.tobytes()
    np.testing.assert_array_equal(read(made, tmp_path).images[0], grey(6, 8))


@pytest.mark.parametrize("scale", [1, 256, 257])
@pytest.mark.parametrize("coloured", [False, True])
def test_palettes(scale: int, coloured: bool, tmp_path: Path) -> None:
    entries = np.arange(256)[::-1] * scale
    made = dicom(grey(6, 8), "PALETTE COLOR")
    dtype, bits = (np.uint8, 8) if scale == 1 else (np.uint16, 16)
    for name in ("Red", "Green", "Blue"):
        setattr(made, f"{name}PaletteColorLookupTableDescriptor", [256, 0, bits])
        table = entries.astype(dtype)
        if coloured and name == "Green":
            table[:] = 0
        setattr(made, f"{name}PaletteColorLookupTableData", table.tobytes())
    if coloured:
        assert "has coloured pixels" in refused(save(made, tmp_path / "x.dcm").parent)
        return
    stack = read(made, tmp_path)
    np.testing.assert_array_equal(stack.images[0], 255 - grey(6, 8))
    assert "DICOM PALETTE COLOR image is grey by content" in stack.notes[0]


def encoded(format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(grey(6, 8)).save(buffer, format, **options)
    return encapsulate([buffer.getvalue()])


def test_compressed_files_that_can_be_decoded(tmp_path: Path) -> None:
    run_lengths = dicom(grey(6, 8))
    run_lengths.compress(RLELossless)
    save(run_lengths, tmp_path / "a.dcm")
    for name, syntax, data in (
        ("b.dcm", JPEG2000Lossless, encoded("JPEG2000", no_jp2=True)),
        ("c.dcm", JPEGBaseline8Bit, encoded("JPEG", quality=100)),
    ):
        made = dicom(grey(6, 8), syntax=syntax)
        made.PixelData = data
        made["PixelData"].is_undefined_length = True
        save(made, tmp_path / name)
    stack = read_stack(tmp_path, None)
    for image in stack.images[:2]:
        np.testing.assert_array_equal(image, grey(6, 8))
    assert np.abs(stack.images[2].astype(int) - grey(6, 8)).max() < 10


def test_compressed_files_that_cannot_be_decoded_say_what_to_install(tmp_path: Path) -> None:
    for name, syntax in (("a.dcm", JPEGLosslessSV1), ("b.dcm", MPEG4HP41)):
        made = dicom(grey(6, 8), syntax=syntax)
        made.PixelData = encapsulate([b"\xff\xd8\xff\xd9"])
        made["PixelData"].is_undefined_length = True
        save(made, tmp_path / name)
    message = refused(tmp_path)
    assert "a.dcm: is compressed as JPEG Lossless" in message
    assert "Install one of: gdcm - requires gdcm" in message
    assert "pylibjpeg-libjpeg" in message
    assert "b.dcm: is compressed as MPEG-4" in message


def test_every_bad_dicom_file_is_named_with_its_reason(tmp_path: Path) -> None:
    good = save(dicom(grey(6, 8)), tmp_path / "good.dcm").read_bytes()
    (tmp_path / "empty.dcm").write_bytes(b"")
    (tmp_path / "foreign.dcm").write_bytes(b"no image" * 99)
    (tmp_path / "truncated.dcm").write_bytes(good[:-20])
    (tmp_path / "header.dcm").write_bytes(good[:140])
    save(dicom(grey(6, 8), Rows=60000, Columns=60000), tmp_path / "bomb.dcm")
    save(dicom(grey(2, 6, 8), frames=3), tmp_path / "frames.dcm")
    save(dicom(grey(6, 8), "HSV"), tmp_path / "hsv.dcm")
    imageless = dicom(grey(6, 8))
    del imageless.PixelData
    save(imageless, tmp_path / "report.dcm")
    rowless = dicom(grey(6, 8))
    del rowless.Rows
    save(rowless, tmp_path / "rowless.dcm")
    lines = dict(line.strip().split(": ", 1) for line in refused(tmp_path).splitlines()[1:])
    reasons = {
        "bomb.dcm": "is too large",
        "empty.dcm": "is damaged: it is empty",
        "foreign.dcm": "is damaged or no image",
        "frames.dcm": "is damaged (",
        "header.dcm": "is a DICOM file without an image, or one that was cut off",
        "hsv.dcm": "has the photometric interpretation HSV",
        "report.dcm": "is a DICOM file without an image",
        "rowless.dcm": "is damaged: it has no Rows",
        "truncated.dcm": "is damaged (",
    }
    assert list(lines) == list(reasons)
    for name, reason in reasons.items():
        assert lines[name].startswith(reason), lines[name]
    assert read_stack(tmp_path, None, skip_bad=True).names == ("good.dcm",)


def test_without_pydicom_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(dicom(grey(6, 8)), tmp_path / "x.dcm")
    monkeypatch.setitem(sys.modules, "pydicom", None)
    for skip_bad in (False, True):
        with pytest.raises(MissingExtraError, match=r"'dicom': pip install 'miua\[dicom\]'"):
            read_stack(tmp_path, None, skip_bad=skip_bad)


def test_16_bits(tmp_path: Path) -> None:
    stack = read(dicom(TWELVE, bits=12), tmp_path, window=(0, 4095), depth=16)
    np.testing.assert_array_equal(stack.images[0], windowed(TWELVE, 0, 4095, 65535))
    assert "to 0..65535" in stack.notes[0]


def test_the_files_are_what_pydicom_reads_too(tmp_path: Path) -> None:
    path = save(dicom(TWELVE, bits=12), tmp_path / "x.dcm")
    np.testing.assert_array_equal(pydicom.dcmread(path).pixel_array, TWELVE)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_damaged_jpeg_in_a_dicom_file_is_refused(tmp_path: Path, mode: str) -> None:
    saved = io.BytesIO()
    pixels = grey(90, 80)
    image = Image.fromarray(pixels).convert(mode)
    image.save(saved, "JPEG")
    whole = saved.getvalue()
    middle = len(whole) // 2
    for held in (whole, whole[:middle] + bytes(400) + whole[middle + 400 :],
                 whole[:middle] + whole[middle + 400 :], whole[:middle] + b"\xff\xd9"):  # fmt: skip
        photometric = "MONOCHROME2" if mode == "L" else "YBR_FULL_422"
        made = dicom(np.asarray(image), photometric, syntax=JPEGBaseline8Bit)
        made.PixelData = encapsulate([held])
        made["PixelData"].is_undefined_length = True
        save(made, tmp_path / "a.dcm")
        if held is whole:
            expected = cv2.imdecode(np.frombuffer(whole, np.uint8), cv2.IMREAD_GRAYSCALE)
            np.testing.assert_array_equal(read_stack(tmp_path, None).images[0], expected)
        else:
            assert "a.dcm: is damaged" in refused(tmp_path)


def test_elements_that_are_missing_or_empty_are_named(tmp_path: Path) -> None:
    for name in ("Rows", "Columns"):
        for harmed in (False, True):
            made = dicom(grey(8, 8))
            if harmed:
                delattr(made, name)
            else:
                setattr(made, name, None)
            save(made, tmp_path / "a.dcm")
            assert f"is damaged: it has no {name}" in refused(tmp_path)
    save(dicom(grey(8, 8), ""), tmp_path / "a.dcm")
    assert "has the photometric interpretation missing" in refused(tmp_path)
    made = dicom(grey(8, 8))
    made.PixelData = None
    save(made, tmp_path / "a.dcm")
    assert "is a DICOM file without an image" in refused(tmp_path)
