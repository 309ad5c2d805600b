"""`miua evaluate`: what a person types, reads and gets, and what bad input says."""

import json
import os
import warnings

import numpy as np
import pytest
from PIL import Image

from tests.evaluation.textures import textures, with_noise
from tests.test_cli import fails, miua

QUICK = ("--floor-splits", 10, "--resamples", 50)


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
    rows = {line.split("  ")[0].split(" (")[0]: line for line in text.splitlines() if "  " in line}
    for label in ("MI", "PSNR", "SSIM", "V8", "V20", "V143", "V240", "Σ|V|", "FD-LBP", "Diversity"):
        assert " to " in rows[label], label
    assert any(word in rows["MI"] for word in ("within", "below", "above"))
    assert "FID, FID∞, KID, Precision, Recall, Density, Coverage: not computed: " in text
    assert "miua fetch inception" in text
    assert "Note: " in text


def test_numbers_are_whole_in_a_narrow_terminal_and_in_a_file(folders):
    long_name = folders / "sets" / "a_very_long_name_of_a_set_of_synthetic_images_of_epoch_1000"
    (folders / "sets" / "a").rename(long_name)
    for given in (("--synthetic", long_name), ("--synthetic", folders / "sets" / "*")):
        arguments = ("evaluate", "--real", folders / "my" / "real", *given, *QUICK)
        result = miua(*arguments, COLUMNS="60")
        assert result.returncode == 0, result.stderr
        assert "…" not in result.stdout


def test_outputs_do_not_land_among_the_images(folders):
    image = folders / "my" / "real" / "000.png"
    before = image.read_bytes()
    message = fails(
        "evaluate", "--real", image.parent, "--synthetic", folders / "sets" / "a", "--json", image
    )
    assert "lies among the images" in message
    assert image.read_bytes() == before


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


def test_preprocessing_sensitivity_shows_every_choice(folders):
    text = run(
        folders, "--synthetic", folders / "sets" / "*", "--size", 16, "--preprocessing-sensitivity",
        "--metrics", "psnr",
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
    assert message.rstrip().endswith("--skip-bad goes on without them.")
    text = run(folders, "--synthetic", made, "--skip-bad")
    assert "a: 18 images" in text
    assert "left out: 001.png" in text
    assert "2 files of a were left out" in text


def test_mistakes_are_told(folders, monkeypatch):
    monkeypatch.chdir(folders)  # some outputs are named without a folder, and are not to be made
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
    assert "provenance beside" in message("--synthetic", a, "--json", "x.json", "--csv", "x.csv")
    assert "--size" in message("--synthetic", a, "--preprocessing-sensitivity", "--metrics", "psnr")
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


def test_options_without_effect_are_refused(folders):
    def message(*arguments):
        return fails("evaluate", "--real", folders, "--synthetic", folders, *arguments)

    assert "--crop-size needs --fit crop" in message("--size", 16, "--crop-size", 8)
    assert "--fit crop needs the size" in message("--fit", "crop")
    assert "--preprocessing-sensitivity needs the size" in message("--preprocessing-sensitivity")
    assert "--synthetic is empty" in fails("evaluate", "--real", folders, "--synthetic", "")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--extractor-mean", "1,2"), "--extractor-mean takes one number or three"),
        (("--extractor-mean", "nan"), "It got nan"),
        (("--extractor-std", "0"), "--extractor-std divides: give numbers above 0, not 0"),
        (("--extractor-std", "0.2,0.2,-1"), "numbers above 0"),
        (("--extractor-channels", "1", "--extractor-mean", "0.4,0.4,0.4"), "takes one number, "),
    ],
)
def test_what_an_extractor_cannot_take_is_refused(folders, given, said):
    a = folders / "sets" / "a"
    assert said in fails(
        "evaluate", "--real", a, "--synthetic", a, "--extractor", folders / "groups.csv", *given
    )


def test_channels_need_an_extractor(folders):
    a = folders / "sets" / "a"
    message = fails("evaluate", "--real", a, "--synthetic", a, "--extractor-channels", "1")
    assert "need an --extractor" in message


def test_an_extractor_of_one_channel(folders):
    torch = pytest.importorskip("torch")

    class Means(torch.nn.Module):
        def forward(self, images):
            assert images.shape[1] == 1
            return images.mean(3)[:, 0]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing is deprecated
        torch.jit.trace(Means(), torch.zeros(1, 1, 24, 24)).save(folders / "means.pt")
    text = run(
        folders, "--synthetic", folders / "sets" / "a", "--extractor", folders / "means.pt",
        "--extractor-channels", "1", "--extractor-mean", "0.5", "--extractor-std", "0.5",
    )  # fmt: skip
    assert "means" in text


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--json", "x", "--report", "./x"), "--report would be x, which is --json already"),
        (
            ("--json", "x.json", "--csv", "x.csv"),
            "the provenance beside --csv would be x.json, which is --json already",
        ),
        (("--csv", "x.json"), "--csv x.json is a table"),
        (
            ("--csv", "groups.csv", "--groups", "groups.csv"),
            "--csv would be groups.csv, which is an input already",
        ),
        (("--json", "sets"), "--json sets is a folder"),
        (("--report", "groups.csv/x/page.html"), "groups.csv is no folder"),
        (("--contact-sheet", "x.jpg"), "--contact-sheet x.jpg must end in .png"),
        (("--contact-sheet", "x.png", "--metrics", "psnr"), "needs the metric copies"),
        (("--lbpv", "x.csv"), "--lbpv x.csv must end in .npy"),
    ],
)
def test_outputs_that_cannot_be_written_are_named_before_the_work(
    folders, monkeypatch, given, said
):
    monkeypatch.chdir(folders)
    before = sorted(folders.rglob("*"))
    # The images do not exist: to say so would need a look at them.
    assert said in fails("evaluate", "--real", "nowhere", "--synthetic", "no-set", *given)
    assert sorted(folders.rglob("*")) == before


def test_a_folder_of_someone_else_is_named_before_the_work(folders, monkeypatch):
    from miua.cli import evaluating
    from miua.errors import MiuaError

    monkeypatch.setattr(evaluating.os, "access", lambda path, mode: mode == os.F_OK)
    with pytest.raises(MiuaError, match="not yours to write to"):
        evaluating._check_writable("--csv", folders / "x.csv")


def not_made(folder):
    (folder / "provenance.json").write_text('{"not_made": "it diverged"}')
    return folder


def test_a_set_that_was_not_made_has_a_table_and_a_vector_alone(folders):
    made = not_made(folders / "sets" / "a")
    given = ("--synthetic", made, "--allow-divergence")
    csv, lbpv = folders / "a.csv", folders / "a.npy"
    text = run(folders, *given, "--csv", csv, "--lbpv", lbpv)
    assert text.split() == [str(csv), str(lbpv)]
    assert "it diverged" in csv.read_text()
    for option in ("--json", "--report", "--contact-sheet"):
        path = folders / "x.png"
        message = fails("evaluate", "--real", made, *given, option, path)
        assert "it diverged" in message
        assert f"leave out {option}" in message


def test_the_current_folder_s_provenance_is_of_no_set(folders, monkeypatch):
    monkeypatch.chdir(not_made(folders / "my"))
    text = run(folders, "--synthetic", folders / "sets" / "*", "--allow-divergence")
    assert "best first, by" in text


def test_files_that_are_passed_over_are_told(folders):
    made = folders / "sets" / "a"
    (made / "000_Annotation.png").write_bytes(b"")
    (made / "x.avif").write_bytes(b"")
    text = run(folders, "--synthetic", made, "--metrics", "psnr")
    assert "left out 1 file named *_Annotation.png" in text
    assert "left out 1 file of formats that are not read here (.avif)" in text
