"""`miua evaluate`: what a person types, reads and gets, and what bad input says."""

import json

import numpy as np
import pytest
from PIL import Image

from tests.evaluation.textures import textures, with_noise
from tests.test_cli import fails, miua

QUICK = ("--floor-splits", 2, "--resamples", 50)


@pytest.fixture
def folders(tmp_path):
    """my/real with 24 images of 12 subjects, sets/a and sets/b with 20 synthetic ones each."""
    real = textures(1, 24, size=24)
    stacks = {
        tmp_path / "my" / "real": real,
        tmp_path / "sets" / "a": textures(2, 20, size=24),
        tmp_path / "sets" / "b": with_noise(textures(3, 20, size=24), 40),
    }
    for folder, stack in stacks.items():
        folder.mkdir(parents=True)
        for number, image in enumerate(stack):
            Image.fromarray(image).save(folder / f"{number:03d}.png")
    rows = [f"{number:03d}.png,s{number // 2}" for number in range(24)]
    (tmp_path / "groups.csv").write_text("\n".join(["file,group", *rows]) + "\n")
    return tmp_path


def run(folders, *arguments):
    result = miua("evaluate", "--real", folders / "my" / "real", *arguments, *QUICK)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_one_set_is_a_table_with_intervals_the_floor_and_what_to_beware_of(folders):
    text = run(folders, "--synthetic", folders / "sets" / "a", "--size", 16)
    assert "real: 24 images of 16 x 16" in text
    assert "a: 20 images of 16 x 16" in text
    assert "resized" in text
    assert "MI, PSNR and SSIM are means over all pairs." in text
    rows = {line.split("  ")[0]: line for line in text.splitlines() if "  " in line}
    for label in ("MI", "PSNR", "SSIM", "V8", "V20", "V143", "V240", "Σ|V|", "FD-LBP", "Diversity"):
        assert " to " in rows[label], label
    assert any(word in rows["MI"] for word in ("within", "below", "above"))
    assert "FID, FID∞, KID, Precision, Recall, Density, Coverage: not computed: " in text
    assert "miua fetch inception" in text
    assert "Note: " in text


def test_groups_set_the_floor(folders):
    text = run(folders, "--synthetic", folders / "sets" / "a", "--groups", folders / "groups.csv")
    assert "12 groups (groups.csv)" in text
    assert "no grouping" not in text


def test_several_sets_one_row_each_and_a_ranking(folders):
    for given in (
        ("--synthetic", folders / "sets" / "a", "--synthetic", folders / "sets" / "b"),
        ("--synthetic", folders / "sets" / "*"),
        ("--synthetic", folders / "sets" / "a", folders / "sets" / "b"),
    ):
        text = run(folders, *given)
        lines = text.splitlines()
        assert any(line.startswith("a  ") for line in lines)
        assert any(line.startswith("b  ") for line in lines)
        assert any(line.startswith("real against real  ") for line in lines)
        assert "best first, by" in text
        (row,) = [line for line in lines if line.startswith("FD-LBP  ")]
        assert "a (1), b (2)" in row


def test_files_hold_what_the_terminal_shows(folders):
    out = folders / "out"
    text = run(
        folders,
        "--synthetic",
        folders / "sets" / "a",
        "--json",
        out / "all.json",
        "--csv",
        out / "table.csv",
        "--contact-sheet",
        out / "pairs.png",
        "--lbpv",
        out / "a.npy",
        "--quiet",
    )
    assert text.split() == [str(out / n) for n in ("all.json", "table.csv", "pairs.png", "a.npy")]
    found = json.loads((out / "all.json").read_text())
    assert found["sets"][0]["name"] == "a"
    assert (out / "table.csv").read_text().startswith("set,metric,value,low,high,")
    assert "inputs" in json.loads((out / "table.json").read_text())
    assert np.load(out / "a.npy").shape == (256,)
    with Image.open(out / "pairs.png") as sheet:
        assert sheet.width > 200


def test_a_choice_of_metrics_and_names(folders):
    text = run(
        folders,
        "--synthetic",
        folders / "sets" / "a",
        "--name",
        "mine",
        "--metrics",
        "psnr,diversity",
        "--pairing",
        "nearest",
    )
    assert "mine: 20 images" in text
    assert "each synthetic image and the real one that differs least from it" in text
    assert "PSNR" in text
    assert "FD-LBP" not in text


def test_the_crosswalk_shows_every_choice(folders):
    text = run(
        folders, "--synthetic", folders / "sets" / "*", "--size", 16, "--crosswalk", "--metrics",
        "psnr",
    )  # fmt: skip
    for choice in ("bicubic filter", "antialiasing off", "crop", "16 bits"):
        assert choice in text
    assert " %" in text


def test_bad_files_are_all_named_and_can_be_skipped(folders):
    made = folders / "sets" / "a"
    (made / "001.png").write_bytes(b"")
    Image.new("RGB", (24, 24), (200, 10, 10)).save(made / "002.png")
    real = folders / "my" / "real"
    message = fails("evaluate", "--real", real, "--synthetic", made, *QUICK)
    assert "001.png" in message
    assert "002.png" in message
    text = run(folders, "--synthetic", made, "--skip-bad")
    assert "a: 18 images" in text
    assert "left out: 001.png" in text
    assert "2 files of a were left out" in text


def test_mistakes_are_told(folders):
    real, a = folders / "my" / "real", folders / "sets" / "a"

    def message(*arguments):
        return fails("evaluate", "--real", real, *arguments)

    assert "nowhere does not exist" in message("--synthetic", folders / "nowhere")
    assert "Nothing matches" in message("--synthetic", folders / "no*")
    assert "Unknown metric vif" in message("--synthetic", a, "--metrics", "vif")
    assert "(none given)" in message("--synthetic", a, "--metrics", ",")
    assert "is no window" in message("--synthetic", a, "--window", "9:1")
    assert "named twice" in message("--synthetic", a, a)
    assert "1 synthetic sets and 2" in message("--synthetic", a, "--name", "x", "--name", "y")
    assert "one synthetic set; there are 2" in message(
        "--synthetic", folders / "sets" / "*", "--lbpv", "x.npy"
    )
    assert "need an --extractor" in message("--synthetic", a, "--extractor-size", 8)
    assert "holds no TorchScript" in message(
        "--synthetic", a, "--extractor", folders / "groups.csv"
    )
    assert "one number or three" in message(
        "--synthetic", a, "--extractor", folders / "groups.csv", "--extractor-mean", "1,2"
    )
    assert "provenance of" in message("--synthetic", a, "--json", "x.json", "--csv", "x.csv")
    assert "--size" in message("--synthetic", a, "--crosswalk", "--metrics", "psnr")
    assert "groups.csv is missing" in message(
        "--synthetic", a, "--groups", folders / "my" / "groups.csv"
    )
    Image.new("L", (9, 9)).save(a / "odd.png")
    assert "differ in size" in message("--synthetic", a)
    assert not list(folders.glob("*.npy"))


def test_images_of_16_bits_need_a_window(folders):
    deep = folders / "deep"
    deep.mkdir()
    for number, image in enumerate(textures(5, 10, size=24).astype(np.uint16) * 16):
        Image.fromarray(image).save(deep / f"{number}.png")
    real = folders / "my" / "real"
    message = fails("evaluate", "--real", real, "--synthetic", deep)
    assert message.count("--window LOW:HIGH") == 10
    text = run(folders, "--synthetic", deep, "--window", "0:4080")
    assert "window 0:4080" in text
