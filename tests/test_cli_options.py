"""The options of how images are read are the same for every command that reads them."""

import json

import numpy as np
import pytest
from PIL import Image
from typer.main import get_command
from typer.testing import CliRunner

from miua.cli import app
from miua.cli.evaluating import set_paths
from miua.errors import MiuaError


def run(*arguments):
    answer = CliRunner().invoke(app, [str(each) for each in arguments], catch_exceptions=False)
    assert answer.exit_code == 0, answer.output
    return answer


@pytest.fixture
def deep(tmp_path):
    """Three images of 16 bits, and a file that is none."""
    folder = tmp_path / "deep"
    folder.mkdir()
    for index in range(3):
        pixels = np.full((40, 40), 1000 * index, np.uint16)
        pixels[:, 20:] += 500
        Image.fromarray(pixels).save(folder / f"{index}.png")
    (folder / "bad.png").write_bytes(b"no image")
    return folder


def options_of(*names):
    command = get_command(app)
    for name in names:
        command = command.commands[name]
    return {option: each.help for each in command.params for option in each.opts}


READING = ("--window", "0:2550", "--skip-bad")
SQUARE = ("--size", "32", "--fit", "crop", "--crop-size", "40")


def test_a_stack_of_deep_images_is_windowed_and_the_bad_file_told(deep, tmp_path):
    out = tmp_path / "stack"
    assert "left out bad.png: is damaged" in run("stack", deep, "--out", out, *READING).stderr
    images = np.load(out / "images.npy")
    assert images.shape == (3, 64, 64)
    assert images[:, 0, 0].tolist() == [0, 100, 200]
    settings = json.loads((out / "provenance.json").read_text())["settings"]
    assert settings["window"] == [0.0, 2550.0]
    assert settings["skip_bad"] is True


def test_lbp_vector_and_training_read_the_same_images(deep, tmp_path):
    stack, vector = tmp_path / "stack", tmp_path / "vector.npy"
    run("stack", deep, "--out", stack, *READING, *SQUARE)
    run("lbpv", deep, "--out", vector, *READING, *SQUARE)
    run("lbpv", stack, "--out", tmp_path / "again.npy")
    assert np.load(vector).tolist() == np.load(tmp_path / "again.npy").tolist()
    assert "crop_size" in json.loads(vector.with_suffix(".json").read_text())["settings"]
    config = tmp_path / "config.yaml"
    config.write_text("{image_size: 32, feature_maps: 2, latent_size: 4, epochs: [1], fit: crop}")
    run("train", "--config", config, "--images", deep, "--out", tmp_path / "run", *READING)
    assert (tmp_path / "run" / "checkpoints" / "epoch_0001.json").exists()


@pytest.mark.parametrize("name", ["noise-floor", "sensitivity"])
def test_real_images_of_16_bits_are_measured_as_those_of_8(name, tmp_path):
    pixels = np.random.default_rng(1).integers(0, 256, (8, 24, 24))
    for depth in (8, 16):
        (tmp_path / f"{depth}").mkdir()
        for index, image in enumerate(pixels.astype(f"uint{depth}") * (depth // 8) ** 4):
            Image.fromarray(image).save(tmp_path / f"{depth}" / f"00{index}_HC.png")
    Image.new("RGB", (9, 9), "red").save(tmp_path / "16" / "000_mask.png")
    Image.new("RGB", (9, 9), "red").save(tmp_path / "16" / "000_seg.png")
    few = ("--size", 16, "--images", 4, "--repeats", 2)
    run(name, tmp_path / "8", "--out", tmp_path / "a.csv", *few)
    deep = ("--window", "0:4080", "--exclude", "*_seg.png")
    said = run(name, tmp_path / "16", "--out", tmp_path / "b.csv", *few, *deep).stderr
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    for told in ("file named *_mask.*", "file named *_seg.png", "8 images of 16 bits: window"):
        assert told in said
    settings = json.loads((tmp_path / "b.json").read_text())["settings"]
    assert settings["exclude"][-1] == "*_seg.png"


def test_every_command_that_reads_images_has_the_same_reading_options():
    wanted = {"--size", "--fit", "--crop-size", "--window", "--exclude", "--skip-bad"}
    found = options_of("evaluate")
    assert found.keys() >= wanted
    others_that_read = (
        "stack",
        "lbpv",
        "noise-floor",
        "sensitivity",
        "conformance",
        "survey build",
    )
    for names in map(str.split, others_that_read):
        others = options_of(*names)
        assert all(others[each] == found[each] for each in wanted - {"--size"}), names
    # Size and fit of a training are in its configuration.
    assert options_of("train").keys() >= {"--window", "--exclude", "--skip-bad"}


def test_what_is_excluded_is_told_and_recorded(deep, tmp_path):
    Image.fromarray(np.zeros((40, 40), np.uint8)).save(deep / "0_mask.png")
    excluding = ("--exclude", "bad.png", "--exclude", "1.*", "--window", "0:2550")
    said = run("stack", deep, "--out", tmp_path / "two", *excluding).stderr.splitlines()
    for pattern in ("bad.png", "1.*", "*_mask.*"):
        assert f"left out 1 file named {pattern}" in said
    assert json.loads((tmp_path / "two" / "names.json").read_text()) == ["0.png", "2.png"]
    run("stack", deep, "--out", tmp_path / "all", "--exclude", "", *READING)
    names = json.loads((tmp_path / "all" / "names.json").read_text())
    assert names == ["0.png", "0_mask.png", "1.png", "2.png"]
    exclude = json.loads((tmp_path / "two" / "provenance.json").read_text())["settings"]["exclude"]
    assert exclude[-2:] == ["bad.png", "1.*"]
    assert "*_mask.*" in exclude


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("sets [v2]/*", ["sets [v2]/a [1]", "sets [v2]/b"]),
        ("sets [v2]/[ab]", ["sets [v2]/b"]),
        ("sets [v2]/a [1]", ["sets [v2]/a [1]"]),
        ("sets*/b", ["sets [v2]/b", "sets v/b"]),
        ("sets [v]/*/", ["sets v/b"]),
        ("{}/sets [v2]/b*", ["sets [v2]/b"]),
    ],
)
def test_a_pattern_that_names_a_folder_is_that_folder(pattern, found, tmp_path, monkeypatch):
    for name in ("sets [v2]/a [1]", "sets [v2]/b", "sets v/b", "sets [v2]/@eaDir"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    paths = set_paths([pattern.format(tmp_path)]).values()
    assert [str(path.absolute().relative_to(tmp_path)) for path in paths] == found


def test_a_pattern_that_matches_nothing_is_named(tmp_path):
    (tmp_path / "a").mkdir()
    patterns = [str(tmp_path / name) for name in ("*", "b [2]/*")]
    with pytest.raises(MiuaError, match=r"Nothing matches the pattern .*b \[2\]/\*\."):
        set_paths(patterns)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--crop-size", "8"), "--crop-size needs --fit crop"),
        (("--window", "5"), "Give LOW:HIGH"),
        ((), "deeper than 8 bits"),
    ],
)
def test_what_is_wrong_is_told_before_the_work(options, message, deep, tmp_path):
    for command in ("stack", "lbpv"):
        with pytest.raises(MiuaError, match=message):
            run(command, deep, "--out", tmp_path / "out.npy", *options)


def test_an_evaluation_excludes_as_the_other_commands_do(deep, tmp_path):
    out = tmp_path / "o.json"
    sides = ("--real", deep, "--synthetic", deep, "--window", "0:2550", "--json", out)
    quick = ("--metrics", "lbpv_total_difference", "--floor-splits", 0, "--resamples", 0)
    said = run("evaluate", *sides, *quick, "--exclude", "bad.png", "--exclude", "*_seg.png").stdout
    assert "left out 1 file named bad.png" in said
    assert "nothing is left out for the pattern *_seg.png" in said
    document = json.loads(out.read_text())
    assert document["sets"][0]["source"]["images"] == 3
    assert document["provenance"]["settings"]["exclude"][-2:] == ["bad.png", "*_seg.png"]


def test_a_pattern_that_leaves_out_nothing_is_told(deep, tmp_path):
    wanted = "nothing is left out for the pattern *_seg.png"
    given = ("--exclude", "*_seg.png", "--exclude", "*_mask.*", *READING)
    said = run("stack", deep, "--out", tmp_path / "a", *given).stderr
    assert wanted in said
    assert "_mask" not in said  # left out by default, so nobody misses one
    assert wanted in run("stack", tmp_path / "a", "--out", tmp_path / "b", *given).stderr
