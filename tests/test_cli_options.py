"""The options of how images are read are the same for every command that reads them."""

import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from miua.cli import app
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
