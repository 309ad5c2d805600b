"""Synthetic sets: seeded image by image, whole or absent, and refused with the remedy."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from miua.config import TrainingConfig
from miua.errors import MiuaError
from miua.files import sha256_array
from miua.sampling import generate
from miua.training.loop import train


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("training") / "run"
    stack = np.random.default_rng(0).integers(0, 256, (20, 32, 32), dtype=np.uint8)
    config = TrainingConfig(image_size=32, feature_maps=4, latent_size=8, epochs=[1, 2])
    train(config, stack, folder, device="cpu", threads=1)
    return folder


def make(run, out, **options):
    return generate(run, 2, out, **{"images": 12, "device": "cpu", "threads": 1, **options})


def test_a_set_holds_its_images_and_names_its_checkpoint(run, tmp_path):
    stack = make(run, tmp_path / "set")
    assert stack.shape == (12, 32, 32)
    assert stack.dtype == np.uint8
    np.testing.assert_array_equal(np.load(tmp_path / "set" / "images.npy"), stack)
    record = json.loads((tmp_path / "set" / "provenance.json").read_text())
    checkpoint = json.loads((run / "checkpoints" / "epoch_0002.json").read_text())
    assert record["inputs"]["checkpoint"] == checkpoint["sha256"]
    assert record["outputs"]["images"] == sha256_array(stack)
    assert record["settings"]["epoch"] == 2


def test_an_image_depends_on_its_own_seed_alone(run, tmp_path):
    many, few = make(run, tmp_path / "many", images=12), make(run, tmp_path / "few", images=5)
    # A batch of another size may round the last bit of a float another way.
    assert np.abs(many[:5].astype(int) - few).max() <= 1
    assert len({image.tobytes() for image in many}) == 12


def test_the_seed_decides(run, tmp_path):
    first, again = make(run, tmp_path / "a"), make(run, tmp_path / "b")
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, make(run, tmp_path / "c", seed=1))


def test_whatever_a_training_was_allowed_its_sets_are_made_in_float32(run, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr("miua.sampling.set_precision", lambda *words: asked.append(words))
    make(run, tmp_path / "set")
    assert asked == [("float32", torch.device("cpu"))]


def test_png_files_hold_the_same_images_in_order(run, tmp_path):
    stack = make(run, tmp_path / "npy")
    make(run, tmp_path / "png", as_png=True)
    files = sorted((tmp_path / "png").glob("*.png"))
    assert files[0].name == "0000.png"
    np.testing.assert_array_equal(np.stack([np.asarray(Image.open(f)) for f in files]), stack)


def test_absent_epoch_and_absent_run_leave_nothing(run, tmp_path):
    with pytest.raises(MiuaError, match="no checkpoint of epoch 7; it has: 1, 2"):
        generate(run, 7, tmp_path / "set", images=3)
    with pytest.raises(MiuaError, match="is not a run folder"):
        generate(tmp_path / "nowhere", 1, tmp_path / "set", images=3)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_other_files_is_not_overwritten(run, tmp_path):
    out = tmp_path / "mine"
    out.mkdir()
    (out / "notes.txt").write_text("precious")
    with pytest.raises(MiuaError, match="holds other files"):
        make(run, out)
    assert (out / "notes.txt").read_text() == "precious"


def test_a_run_folder_is_not_overwritten(run):
    with pytest.raises(MiuaError, match="holds other files"):
        make(run, run)
    assert (run / "checkpoints" / "epoch_0002.safetensors").exists()


def test_an_image_stack_that_is_no_set_is_not_overwritten(run, tmp_path):
    np.save(tmp_path / "images.npy", np.zeros((1, 4, 4), np.uint8))
    (tmp_path / "provenance.json").write_text('{"inputs": {"source": "x"}}')
    with pytest.raises(MiuaError, match="holds other files"):
        make(run, tmp_path)
    assert np.load(tmp_path / "images.npy").shape == (1, 4, 4)


def test_an_existing_set_is_replaced_as_a_whole(run, tmp_path):
    make(run, tmp_path / "set", as_png=True)
    make(run, tmp_path / "set", images=3)
    assert {path.name for path in (tmp_path / "set").iterdir()} == {"images.npy", "provenance.json"}
