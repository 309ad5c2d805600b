"""Images paired by their places: the order of names, files left out, numbers that differ."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from miua.errors import MiuaError
from miua.evaluation.cautions import about_pairs
from miua.evaluation.evaluate import evaluate
from tests.evaluation.textures import textures, with_noise

REAL = textures(1, 40)


def numbered(folder: Path, stack: np.ndarray, pattern: str) -> Path:
    folder.mkdir()
    for number, image in enumerate(stack):
        Image.fromarray(image).save(folder / pattern.format(number))
    return folder


def test_pairs_of_equal_index_allow_no_files_left_out(tmp_path):
    real, made = (numbered(tmp_path / name, REAL, "{:03d}.png") for name in ("real", "made"))
    for folder, name in ((real, "003.png"), (made, "010.png")):
        (folder / name).write_bytes(b"no image")
    with pytest.raises(MiuaError, match="no pairs any more"):
        evaluate(real, made, metrics=["psnr"], pairing="index", skip_bad=True, floor_splits=0)


def test_pairs_of_equal_index_are_in_the_order_in_which_people_count(tmp_path):
    """Names without leading zeros, and an accent that macOS and Linux store differently."""
    real, made = REAL[:12], with_noise(REAL[:12], 5)
    folders = (
        numbered(tmp_path / "real", real, "e\u0301_{}.png"),
        numbered(tmp_path / "made", made, "\u00e9_{:03d}.png"),
    )
    settings = {
        **{"metrics": ["psnr", "diversity"], "pairing": "index", "size": 8},
        **{"floor_splits": 2, "resamples": 20},
    }
    groups = np.arange(12) // 2
    wanted = evaluate(
        *(numbered(tmp_path / name, stack, "{:03d}.png") for name, stack in
          (("a", real), ("b", made))), groups=groups, **settings,
    )  # fmt: skip
    # Labels are of the images in the order of `read_stack`: 0, 1, 10, 11, 2 ...
    labels = groups[sorted(range(12), key=str)]
    found = evaluate(*folders, groups=labels, preprocessing_sensitivity=True, **settings)
    assert [row.value for row in found.records] == [row.value for row in wanted.records]
    assert found.floor.records == wanted.floor.records
    (note,) = (note for note in found.real.notes if "order" in note)
    assert note.endswith("e\u0301_0.png, e\u0301_1.png, e\u0301_2.png and 9 more")
    assert not any("order" in note for note in found.sets[0].source.notes)
    assert not any("Pairs by index" in warning for warning in found.warnings)
    measured = found.preprocessing_sensitivity.choices[0].values["made"]
    assert measured["psnr"] == found.sets[0].record("psnr").value
    unpaired = evaluate(*folders, metrics=["psnr"], size=8, floor_splits=0, resamples=0)
    assert not any("order" in note for note in unpaired.real.notes)


def test_pairs_whose_numbers_differ_are_warned_of(tmp_path):
    shifted = np.roll(REAL[:12], -1, axis=0)
    real = numbered(tmp_path / "real", REAL[:12], "{}.png")
    made = numbered(tmp_path / "made", shifted[:11], "{:02d}_of_7.png")
    Image.fromarray(shifted[11]).save(made / "12_of_7.png")
    found = evaluate(real, made, metrics=["psnr"], pairing="index", floor_splits=0)
    assert found.warnings[0] == (
        "Pairs by index: in 1 of 12 pairs the numbers in the names differ, first 11.png with "
        "12_of_7.png. Check that these images belong together."
    )


@pytest.mark.parametrize(
    ("real", "synthetic", "differ"),
    [
        (["1.png", "2.png"], ["1.png", "3.png"], 1),
        (["001_HC.png", "001_2HC.png", "2_HC.png"], ["a1.png", "a1b2.png", "a2.png"], 0),
        (["real2_1.png", "real2_2.png"], ["epoch10_1.jp2", "epoch10_2.jp2"], 0),
        (["a/1_2.png", "a/2_2.png"], ["b/1.png", "b/3.png"], 1),
        (["a.png", "b.png"], ["1.png", "2.png"], 0),
        (["1.dcm[0]", "1.dcm[1]"], ["s.npy[0]", "s.npy[1]"], 0),
        (["1.png"], ["2.png"], 1),
    ],
)
def test_which_numbers_of_names_differ(real, synthetic, differ):
    said = [warning.split(" of ")[0] for warning in about_pairs(real, synthetic)]
    assert said == ([f"Pairs by index: in {differ}"] if differ else [])
