"""DICOM files whose elements contradict the pixels, are empty, or are missing."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import ImplicitVRLittleEndian, JPEGBaseline8Bit

from miua.data.stack import read_stack
from tests.data.one_file import frame, why_refused
from tests.data.test_dicom import dicom, grey, save

TWELVE = np.random.default_rng(3).integers(0, 4096, (16, 16), np.uint16)


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
    made = dicom(grey(16, 16))
    made.PixelData += bytes(32)  # which pydicom calls excess padding
    path = save(made, tmp_path / "a.dcm")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert dcmread(path).pixel_array.shape == (16, 16)
    assert "excess padding" in str(caught[0].message)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        np.testing.assert_array_equal(frame(path).pixels, grey(16, 16))
    assert caught == []


@pytest.mark.parametrize(("bits", "high"), [(12, 16), (12, 10)])
def test_a_highest_bit_that_cannot_be_is_refused(tmp_path: Path, bits: int, high: int) -> None:
    path = save(dicom(TWELVE, bits=bits, HighBit=high), tmp_path / "a.dcm")
    said = f"stores {bits} of 16 bits, of which {high} is the highest"
    assert why_refused(path).startswith(said)


def test_a_compressed_dicom_file_with_fewer_frames_than_it_says_is_refused(tmp_path: Path) -> None:
    saved = io.BytesIO()
    Image.fromarray(grey(16, 16)).save(saved, "JPEG")
    made = dicom(grey(3, 16, 16), frames=3, syntax=JPEGBaseline8Bit)
    made.PixelData = encapsulate([saved.getvalue()] * 2)
    made["PixelData"].VR = "OB"
    assert "it holds 2 of 3 frames" in why_refused(save(made, tmp_path / "a.dcm"))
