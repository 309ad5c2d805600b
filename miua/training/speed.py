"""How long a training will take on this machine: a few steps of it, timed before it starts."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import torch

from miua.checkpoint import Position
from miua.config import TrainingConfig
from miua.progress import duration, say
from miua.training.adversaries import Adversaries
from miua.training.draws import Draws
from miua.training.steps import EpochSums, train_batch

SECONDS_OF_TRIAL = 2.0  # what a trial takes at most, but for one step that takes longer
STEPS_OF_TRIAL = 3
WORTH_SAYING = 5.0  # seconds; a shorter training needs no prediction


def predict(
    name: str, config: TrainingConfig, images: int, position: Position, device: torch.device
) -> float | None:
    """Say how long the run `name` will take from `position` to its last epoch; the seconds.

    None where that is so short that nothing is said.
    """
    left = config.epochs[-1] * images - position.epoch * images - position.batch * config.batch_size
    if left <= STEPS_OF_TRIAL * config.batch_size:
        return None
    rate = images_per_second(config, device)
    seconds = left / rate
    if seconds < WORTH_SAYING:
        return None
    say(
        f"Training {name}: {config.epochs[-1] - position.epoch} epochs of {images} images, "
        f"predicted {duration(seconds)} from a trial at {rate:.0f} images/s"
    )
    return seconds


def images_per_second(config: TrainingConfig, device: torch.device) -> float:
    """The rate of training steps as `config` wants them, on networks made for this alone."""
    step = trial_step(Adversaries.create(config, device), config, device)
    seconds: list[float] = []
    # The first step prepares what the others use.
    while len(seconds) <= STEPS_OF_TRIAL and sum(seconds) < SECONDS_OF_TRIAL:
        started = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - started)
    return config.batch_size / median(seconds[1:] or seconds)


def trial_step(
    networks: Adversaries, config: TrainingConfig, device: torch.device
) -> Callable[[], None]:
    """A step of training on a batch of black images, to be called and timed; it ends when done."""
    networks.generator.train()
    networks.discriminator.train()
    side, size = config.image_size, config.batch_size
    dataset = torch.zeros((size, side, side), dtype=torch.uint8, device=device)
    draws = Draws.of_epoch(config, 1, size, device)
    sums = EpochSums(device)

    def step() -> None:
        train_batch(networks, dataset, draws, config, sums)
        if device.type == "cuda":
            torch.cuda.synchronize()

    return step
