"""The real trainer, run small: learns, repeats to the bit, resumes to the bit, and is refused
what would mix two trainings."""

import json
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from miua.checkpoint import load_checkpoint, saved_epochs
from miua.config import TrainingConfig
from miua.data.model_space import to_model_space
from miua.errors import MiuaError
from miua.files import locked
from miua.sampling import generate
from miua.training import (
    Adversaries,
    discriminator_step,
    generator_step,
    seeded_generator,
    train,
)

CPU = torch.device("cpu")


def tiny(**values) -> TrainingConfig:
    defaults = {"image_size": 32, "feature_maps": 4, "latent_size": 8, "epochs": [1, 3]}
    return TrainingConfig.model_validate({**defaults, **values})


@pytest.fixture
def stack():
    return np.random.default_rng(0).integers(0, 256, (25, 32, 32), dtype=np.uint8)


def weights(run, epoch):
    tensors, _ = load_checkpoint(run, epoch)
    return {name: tensor.numpy().tobytes() for name, tensor in tensors.items()}


def losses(run):
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    kept = ("epoch", "updates", "generator_loss", "discriminator_loss", "accuracy_real")
    return [[line[key] for key in kept] for line in lines]


def test_a_run_leaves_what_the_contract_says(tmp_path, stack):
    run = tmp_path / "run"
    train(tiny(), stack, run, device="cpu", threads=1)
    assert saved_epochs(run) == [1, 3]
    assert [line[0] for line in losses(run)] == [1, 2, 3]
    assert [line[1] for line in losses(run)] == [3, 6, 9]  # 25 images in batches of 10
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
    assert weights(tmp_path / "a", 3) == weights(tmp_path / "b", 3)
    assert losses(tmp_path / "a") == losses(tmp_path / "b")
    train(tiny(seed=1), stack, tmp_path / "c", device="cpu", threads=1)
    assert weights(tmp_path / "a", 3) != weights(tmp_path / "c", 3)


class KilledError(Exception):
    pass


def test_an_interrupted_run_ends_with_the_same_bytes(tmp_path, stack, monkeypatch):
    config = tiny(epochs=[1, 2, 4])
    train(config, stack, tmp_path / "whole", device="cpu", threads=1)

    import miua.training as module

    real_epoch = module._train_epoch

    def killed_in_epoch_4(networks, dataset, settings, epoch, bar):
        result = real_epoch(networks, dataset, settings, epoch, bar)
        if epoch == 4:
            raise KilledError
        return result

    with monkeypatch.context() as patch:
        patch.setattr(module, "_train_epoch", killed_in_epoch_4)
        with pytest.raises(KilledError):
            train(config, stack, tmp_path / "cut", device="cpu", threads=1)
    assert saved_epochs(tmp_path / "cut") == [1, 2]
    train(config, stack, tmp_path / "cut", device="cpu", threads=1)
    assert weights(tmp_path / "cut", 4) == weights(tmp_path / "whole", 4)
    assert losses(tmp_path / "cut") == losses(tmp_path / "whole")


def test_a_damaged_newest_checkpoint_falls_back_and_says_so(tmp_path, stack, capsys):
    config = tiny(epochs=[1, 2, 3])
    train(config, stack, tmp_path / "whole", device="cpu", threads=1)
    expected = weights(tmp_path / "whole", 3)
    newest = tmp_path / "whole" / "checkpoints" / "epoch_0003.safetensors"
    newest.write_bytes(newest.read_bytes()[:100])
    train(config, stack, tmp_path / "whole", device="cpu", threads=1)
    assert weights(tmp_path / "whole", 3) == expected
    said = capsys.readouterr().err
    assert "epoch_0003.safetensors is damaged" in said
    assert "going on after epoch 2" in said


def test_a_finished_run_is_left_alone(tmp_path, stack, capsys):
    train(tiny(), stack, tmp_path / "run", device="cpu", threads=1)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("*.safetensors")}
    train(tiny(), stack, tmp_path / "run", device="cpu", threads=1)
    assert "already trained to epoch 3" in capsys.readouterr().err
    assert before == {path: path.stat().st_mtime_ns for path in before}


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


def test_every_image_is_used_once_an_epoch_in_an_order_of_its_own(tmp_path, stack, monkeypatch):
    import miua.training as module

    batches = []

    def recorded(batch):
        batches.append(batch.numpy().copy())
        return to_model_space(batch)

    monkeypatch.setattr(module, "to_model_space", recorded)
    train(tiny(epochs=[3], training_size=21), stack, tmp_path / "run", device="cpu", threads=1)
    assert [len(batch) for batch in batches] == [10, 10, 1] * 3
    assert [line[1] for line in losses(tmp_path / "run")] == [3, 6, 9]
    epochs = [np.concatenate(batches[start : start + 3]) for start in (0, 3, 6)]
    orders = {tuple(image.tobytes() for image in epoch) for epoch in epochs}
    assert len(orders) == 3
    assert len({frozenset(order) for order in orders}) == 1
    assert all(len(set(order)) == 21 for order in orders)


def test_a_run_is_extended_and_kept_at_other_epochs_too(tmp_path, stack):
    everything = [1, 2, 3, 5]
    train(tiny(epochs=everything), stack, tmp_path / "at once", device="cpu", threads=1)
    for epochs in ([1, 3], [3, 5], [2, 3]):
        train(tiny(epochs=epochs), stack, tmp_path / "steps", device="cpu", threads=1)
    assert saved_epochs(tmp_path / "steps") == everything
    for epoch in everything:
        assert weights(tmp_path / "steps", epoch) == weights(tmp_path / "at once", epoch)
    assert losses(tmp_path / "steps") == losses(tmp_path / "at once")
    record = json.loads((tmp_path / "steps" / "provenance.json").read_text())
    assert [start["after_epoch"] for start in record["resumed"]] == [3, 1]
    assert record["settings"]["epochs"] == everything


def test_an_extension_that_is_interrupted_is_not_taken_for_finished(tmp_path, stack, monkeypatch):
    import miua.training as module

    real_epoch = module._train_epoch

    def killed_in_epoch_5(networks, dataset, settings, epoch, bar):
        if epoch == 5:
            raise KilledError
        return real_epoch(networks, dataset, settings, epoch, bar)

    train(tiny(epochs=[2, 4, 6]), stack, tmp_path / "at once", device="cpu", threads=1)
    train(tiny(epochs=[2, 6]), stack, tmp_path / "run", device="cpu", threads=1)
    with monkeypatch.context() as patch, pytest.raises(KilledError):
        patch.setattr(module, "_train_epoch", killed_in_epoch_5)
        train(tiny(epochs=[2, 4, 6]), stack, tmp_path / "run", device="cpu", threads=1)
    train(tiny(epochs=[2, 4, 6]), stack, tmp_path / "run", device="cpu", threads=1)
    assert losses(tmp_path / "run") == losses(tmp_path / "at once")
    for epoch in (2, 4, 6):
        assert weights(tmp_path / "run", epoch) == weights(tmp_path / "at once", epoch)


def test_a_damaged_earlier_checkpoint_is_made_again(tmp_path, stack):
    train(tiny(), stack, tmp_path / "run", device="cpu", threads=1)
    expected = {epoch: weights(tmp_path / "run", epoch) for epoch in (1, 3)}
    (tmp_path / "run" / "checkpoints" / "epoch_0001.safetensors").write_bytes(b"")
    train(tiny(), stack, tmp_path / "run", device="cpu", threads=1)
    assert {epoch: weights(tmp_path / "run", epoch) for epoch in (1, 3)} == expected
    assert [line[0] for line in losses(tmp_path / "run")] == [1, 2, 3]


def test_two_trainings_do_not_share_a_folder(tmp_path, stack):
    (tmp_path / "run").mkdir()
    with locked(tmp_path / "run" / ".lock"), pytest.raises(MiuaError, match="is at work in"):
        train(tiny(), stack, tmp_path / "run", device="cpu", threads=1)


def test_a_training_killed_at_any_moment_ends_with_the_same_bytes(tmp_path, stack):
    """Processes that are killed, not asked: half-written files and log lines included."""
    np.save(tmp_path / "stack.npy", stack)
    (tmp_path / "config.yaml").write_text(
        "{image_size: 32, feature_maps: 4, latent_size: 8, epochs: [20, 40, 60]}"
    )
    program = (
        "import miua.training as t; t.SECONDS_BETWEEN_CHECKPOINTS = 0;"
        "from miua.cli import app; app()"
    )

    def command(run):
        return [
            sys.executable, "-c", program, "train", "--config", tmp_path / "config.yaml",
            "--images", tmp_path / "stack.npy", "--out", tmp_path / run, "--threads", "1",
            "--device", "cpu",
        ]  # fmt: skip

    subprocess.run(command("whole"), check=True, capture_output=True)
    log = tmp_path / "cut" / "log.jsonl"
    for lines in (7, 31):  # killed somewhere behind these epochs
        with subprocess.Popen(command("cut"), stderr=subprocess.DEVNULL) as process:
            while process.poll() is None:
                if log.exists() and len(log.read_bytes().splitlines()) > lines:
                    process.kill()
                time.sleep(0.002)
        assert process.returncode == -9
    subprocess.run(command("cut"), check=True, capture_output=True)
    assert saved_epochs(tmp_path / "cut") == [20, 40, 60]
    for epoch in (20, 40, 60):
        assert weights(tmp_path / "cut", epoch) == weights(tmp_path / "whole", epoch)
    assert losses(tmp_path / "cut") == losses(tmp_path / "whole")


def plain_step(config, real, latent):
    """One step as the DCGAN example of PyTorch takes it: no frozen weights, no shared sums."""
    networks = Adversaries.create(config, CPU)
    networks.discriminator.zero_grad()
    on_real = networks.discriminator(real)
    loss_real = binary_cross_entropy_with_logits(
        on_real, torch.full_like(on_real, config.real_label)
    )
    loss_real.backward()
    fake = networks.generator(latent)
    on_fake = networks.discriminator(fake.detach())
    loss_fake = binary_cross_entropy_with_logits(on_fake, torch.zeros_like(on_fake))
    loss_fake.backward()
    networks.discriminator_optimiser.step()
    networks.generator.zero_grad()
    again = networks.discriminator(fake)
    loss_generator = binary_cross_entropy_with_logits(
        again, torch.full_like(again, config.real_label)
    )
    loss_generator.backward()
    networks.generator_optimiser.step()
    return (loss_real + loss_fake).item(), loss_generator.item(), networks


@pytest.mark.parametrize("real_label", [1.0, 0.9])
def test_steps_equal_the_plain_algorithm(stack, real_label):
    config = tiny(real_label=real_label)
    real = to_model_space(torch.from_numpy(stack[:10]))
    latent = torch.randn(10, 8, generator=seeded_generator(5))
    discriminator_loss, generator_loss, expected = plain_step(config, real, latent)
    networks = Adversaries.create(config, CPU)
    loss, _, synthetic = discriminator_step(networks, real, latent, real_label)
    assert loss.item() == pytest.approx(discriminator_loss, rel=1e-6)
    assert generator_step(networks, synthetic, real_label).item() == pytest.approx(
        generator_loss, rel=1e-6
    )
    for name, tensor in expected.tensors().items():
        if tensor.is_floating_point():
            torch.testing.assert_close(networks.tensors()[name], tensor, rtol=1e-4, atol=1e-6)


def test_accuracy_counts_what_was_called_right_even_with_smoothed_labels(stack):
    """The released notebook compared real predictions with 0.9 cast to an integer, that is 0."""
    config = tiny(real_label=0.9)
    networks = Adversaries.create(config, CPU)

    class Oracle(torch.nn.Module):
        """Calls bright images real, and learns nothing."""

        def __init__(self):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.tensor(100.0))

        def forward(self, images):
            return images.mean(dim=(1, 2, 3)) * self.scale

    networks.discriminator = Oracle()
    bright = torch.full((10, 1, 32, 32), 0.9)
    bright[:3] = -0.9
    with torch.no_grad():
        for parameter in networks.generator.parameters():
            parameter.zero_()
    networks.generator.network.append(torch.nn.Hardtanh(-1.0, -0.5))
    _, correct, _ = discriminator_step(networks, bright, torch.randn(10, 8), 0.9)
    assert correct.tolist() == [7, 10]


def test_the_discriminator_gets_no_gradient_from_the_generators_step(stack):
    networks = Adversaries.create(tiny(), CPU)
    real = to_model_space(torch.from_numpy(stack[:10]))
    _, _, synthetic = discriminator_step(networks, real, torch.randn(10, 8), 1.0)
    before = [parameter.grad.clone() for parameter in networks.discriminator.parameters()]
    generator_step(networks, synthetic, 1.0)
    after = [parameter.grad for parameter in networks.discriminator.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert all(parameter.requires_grad for parameter in networks.discriminator.parameters())


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
