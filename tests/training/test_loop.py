"""The real trainer, run small: learns, repeats bit for bit, and is refused what would mix two
trainings."""

import json
from contextlib import nullcontext

import numpy as np
import pytest

from miua.checkpoint import saved_epochs, saved_positions
from miua.data.model_space import to_model_space
from miua.errors import MiuaError
from miua.files import locked
from miua.sampling import generate
from miua.training import loop, updates
from miua.training.loop import train
from tests.training.runs import log, result, tiny, weights


def test_a_run_leaves_what_the_contract_says(tmp_path, stack):
    run = tmp_path / "run"
    train(tiny(), stack, run, device="cpu", threads=1)
    assert saved_epochs(run) == [1, 3]
    assert [line["epoch"] for line in log(run)] == [1, 2, 3]
    assert [line["updates"] for line in log(run)] == [3, 6, 9]  # 25 images in batches of 10
    assert {path.name for path in (run / "samples").iterdir()} == {
        "epoch_0001.png",
        "epoch_0002.png",
        "epoch_0003.png",
    }
    record = json.loads((run / "provenance.json").read_text())
    assert record["settings"]["batch_size"] == 10
    assert record["device"] == "cpu"


def test_a_rerun_gives_the_same_bytes(tmp_path, stack):
    for name in ("a", "b"):
        train(tiny(), stack, tmp_path / name, device="cpu", threads=1)
    assert result(tmp_path / "a") == result(tmp_path / "b")
    train(tiny(seed=1), stack, tmp_path / "c", device="cpu", threads=1)
    assert weights(tmp_path / "a", 3) != weights(tmp_path / "c", 3)


def test_a_finished_run_is_left_alone(tmp_path, stack, capsys):
    train(tiny(), stack, tmp_path / "run", device="cpu", threads=1)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("*.safetensors")}
    train(tiny(), stack, tmp_path / "run", device="cpu", threads=1)
    assert "already trained to epoch 3" in capsys.readouterr().err
    assert before == {path: path.stat().st_mtime_ns for path in before}


@pytest.mark.parametrize("reads", range(8))
def test_wherever_a_stop_arrives_the_state_that_is_told_was_saved(
    tmp_path, stack, monkeypatch, capsys, reads
):
    class Late(loop.StopRequest):
        """Asked for after so many looks."""

        looks = 0

        def __bool__(self):
            self.looks += 1
            return self.looks > reads

    monkeypatch.setattr(loop, "stop_requests", lambda: nullcontext(Late()))
    run = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        train(tiny(), stack, run, device="cpu", threads=1)
    assert f"stopped after {saved_positions(run)[-1]};" in capsys.readouterr().err


def test_another_configuration_is_refused_with_the_difference(tmp_path, stack):
    train(tiny(), stack, tmp_path / "run", device="cpu", threads=1)
    with pytest.raises(MiuaError, match="batch_size: 10 there, 5 asked"):
        train(tiny(batch_size=5), stack, tmp_path / "run", device="cpu", threads=1)


def test_other_images_are_refused(tmp_path, stack):
    train(tiny(), stack, tmp_path / "run", device="cpu", threads=1)
    with pytest.raises(MiuaError, match="other images"):
        train(tiny(), 255 - stack, tmp_path / "run", device="cpu", threads=1)


def test_too_few_images_or_another_size_are_refused(tmp_path, stack):
    with pytest.raises(MiuaError, match="training_size is 26, but there are only 25 images"):
        train(tiny(training_size=26), stack, tmp_path / "run", device="cpu")
    with pytest.raises(MiuaError, match="wants 64 x 64 images"):
        train(tiny(image_size=64), stack, tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists()


def test_a_diverging_training_stops_and_names_the_learning_rates(tmp_path, stack):
    config = tiny(learning_rate_discriminator=1e30, learning_rate_generator=1e30, epochs=[5])
    with pytest.raises(MiuaError, match=r"not finite at epoch .*1e\+30"):
        train(config, stack, tmp_path / "run", device="cpu", threads=1)


def test_training_learns(tmp_path):
    """Images of one bright square: after some epochs the synthetic mean comes close to theirs."""
    stack = np.zeros((40, 32, 32), dtype=np.uint8)
    stack[:, 8:24, 8:24] = 230
    config = tiny(
        epochs=[1, 40],
        feature_maps=8,
        learning_rate_generator=5e-3,
        learning_rate_discriminator=5e-4,
        augmentation={"flip": False, "rotation": 0},
    )
    train(config, stack, tmp_path / "run", device="cpu", threads=1)
    far, near = (
        np.abs(
            generate(tmp_path / "run", epoch, tmp_path / f"set{epoch}", images=20, device="cpu")
            .astype(float)
            .mean(axis=0)
            - stack[0]
        ).mean()
        for epoch in config.epochs
    )
    assert near < 0.4 * far


def test_every_image_is_used_once_an_epoch_in_an_order_of_its_own(tmp_path, stack, monkeypatch):
    batches = []

    def recorded(batch):
        batches.append(batch.numpy().copy())
        return to_model_space(batch)

    monkeypatch.setattr(updates, "to_model_space", recorded)
    monkeypatch.setattr(loop, "predict", lambda *_: None)  # a trial trains, too
    train(tiny(epochs=[3], training_size=21), stack, tmp_path / "run", device="cpu", threads=1)
    assert [len(batch) for batch in batches] == [10, 10, 1] * 3
    assert [line["updates"] for line in log(tmp_path / "run")] == [3, 6, 9]
    epochs = [np.concatenate(batches[start : start + 3]) for start in (0, 3, 6)]
    orders = {tuple(image.tobytes() for image in epoch) for epoch in epochs}
    assert len(orders) == 3
    assert len({frozenset(order) for order in orders}) == 1
    assert all(len(set(order)) == 21 for order in orders)


def test_two_trainings_do_not_share_a_folder(tmp_path, stack):
    (tmp_path / "run").mkdir()
    with locked(tmp_path / "run" / ".lock"), pytest.raises(MiuaError, match="is at work in"):
        train(tiny(), stack, tmp_path / "run", device="cpu", threads=1)
