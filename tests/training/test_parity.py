"""The fast loop is the plain algorithm: for the same draws, the same losses and the same weights.

In float64 the two differ by rounding alone, so that nothing else can hide.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from miua.checkpoint import Position, load_checkpoint
from miua.config import TrainingConfig
from miua.data.model_space import augment, to_model_space
from miua.dcgan import Discriminator, Generator
from miua.training.adversaries import Adversaries
from miua.training.draws import Draws
from miua.training.loop import train
from miua.training.run_folder import training_images
from miua.training.updates import EpochSums, discriminator_step, generator_step, train_batch
from tests.training.plain_loop import PlainNetworks, Printed, plain_step
from tests.training.runs import log, tiny

CPU = torch.device("cpu")
EPOCHS = 2

# Weights and rates ten times the usual: the losses leave log 2, and every step matters.
LIVELY = {
    "weight_deviation": 0.2,
    "learning_rate_generator": 2e-3,
    "learning_rate_discriminator": 2e-3,
    "weight_decay": 1e-3,
}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small only lose time to a second thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def plain_twin(fast: Adversaries, config: TrainingConfig) -> PlainNetworks:
    """Networks of the plain loop with the weights of the fast one's, in their type."""
    generator = Generator(config.image_size, config.latent_size, config.feature_maps)
    discriminator = Discriminator(config.image_size, config.feature_maps)
    for twin, network in ((generator, fast.generator), (discriminator, fast.discriminator)):
        twin.to(next(network.parameters()).dtype).load_state_dict(network.state_dict())
    return PlainNetworks.around(generator, discriminator, config)


def draws_of_batches(config: TrainingConfig, images: Tensor) -> Iterator[Draws]:
    """The random numbers of each batch of all epochs; the last batch of an epoch is smaller."""
    for epoch in range(1, EPOCHS + 1):
        draws = Draws.of_epoch(config, epoch, len(images), CPU)
        for index in range(-(-len(images) // config.batch_size)):
            yield draws.batch(index, config.batch_size)


def real_batch(config: TrainingConfig, images: Tensor, draws: Draws) -> Tensor:
    """What the discriminator is shown of real images, in torch's own order of memory."""
    chosen = to_model_space(images[draws.order])
    return augment(chosen, draws.mirrored, draws.angles, config.augmentation.corners)


def losses(printed: Printed) -> tuple[float, float]:
    return printed.discriminator_loss, printed.generator_loss


def assert_same_networks(fast: Adversaries, plain: PlainNetworks, tolerance: float) -> None:
    """All weights and all running statistics of batch norm."""
    for ours, theirs in (
        (fast.generator, plain.generator),
        (fast.discriminator, plain.discriminator),
    ):
        expected = theirs.state_dict()
        for name, tensor in ours.state_dict().items():
            torch.testing.assert_close(tensor, expected[name], rtol=0, atol=tolerance)


@pytest.mark.parametrize("real_label", [1.0, 0.9])
def test_every_step_is_that_of_the_plain_loop(stack: NDArray[np.uint8], real_label: float):
    config, images = tiny(real_label=real_label, **LIVELY), torch.from_numpy(stack)
    fast = Adversaries(config, CPU)
    for network in (fast.generator, fast.discriminator):
        network.double()
    plain = plain_twin(fast, config)
    sizes, of_fast, of_plain = [], [], []
    for draws in draws_of_batches(config, images):
        real, latent = real_batch(config, images, draws).double(), draws.latent.double()
        innermost = real.contiguous(memory_format=torch.channels_last)
        loss, _, synthetic = discriminator_step(fast, innermost, latent, real_label)
        sizes.append(len(real))
        of_fast.append((loss.item(), generator_step(fast, synthetic, real_label).item()))
        of_plain.append(losses(plain_step(plain, real, latent, real_label)))
    assert sizes == [10, 10, 5, 10, 10, 5]
    np.testing.assert_allclose(of_fast, of_plain, rtol=1e-10)
    assert_same_networks(fast, plain, tolerance=1e-10)


def test_every_batch_is_that_of_the_plain_loop_but_for_rounding(stack: NDArray[np.uint8]):
    config, images = tiny(), torch.from_numpy(stack)
    fast = Adversaries(config, CPU)
    plain = plain_twin(fast, config)
    for draws in draws_of_batches(config, images):
        sums = EpochSums(CPU)
        train_batch(fast, images, draws, config, sums)
        means = sums.means(len(draws.order))
        printed = plain_step(plain, real_batch(config, images, draws), draws.latent, 1.0)
        of_fast = means["discriminator_loss"], means["generator_loss"]
        np.testing.assert_allclose(of_fast, losses(printed), rtol=1e-5)


def test_a_run_logs_and_saves_what_the_plain_loop_comes_to(tmp_path, stack: NDArray[np.uint8]):
    config = tiny(epochs=[EPOCHS])
    images = torch.from_numpy(training_images(config, stack))
    fast = Adversaries(config, CPU)
    plain = plain_twin(fast, config)
    printed = [
        losses(plain_step(plain, real_batch(config, images, draws), draws.latent, 1.0))
        for draws in draws_of_batches(config, images)
    ]
    train(config, stack, tmp_path / "run", device="cpu", threads=1)
    # 25 images an epoch: the last batch has half the weight.
    of_epochs = np.average(np.reshape(printed, (EPOCHS, 3, 2)), axis=1, weights=[10, 10, 5])
    logged = [
        (line["discriminator_loss"], line["generator_loss"]) for line in log(tmp_path / "run")
    ]
    np.testing.assert_allclose(logged, of_epochs, rtol=1e-5)
    tensors, _ = load_checkpoint(tmp_path / "run", Position(EPOCHS), config)
    fast.load(tensors)
    assert_same_networks(fast, plain, tolerance=1e-5)
