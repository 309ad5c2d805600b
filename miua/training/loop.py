"""The training loop: from a run folder and an image stack to a finished run.

How long it will take is predicted from a few steps that are timed before it starts.
"""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from types import FrameType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from miua.checkpoint import Position
from miua.config import TrainingConfig
from miua.errors import MiuaError
from miua.files import locked
from miua.progress import Progress, duration, say
from miua.training.adversaries import Adversaries
from miua.training.device import choose_device, set_precision
from miua.training.draws import Draws
from miua.training.run_folder import (
    DIVERGED,
    LOG,
    SPEED,
    Run,
    claim,
    damage,
    damaged_sample_grids,
    divergence,
    lost_sample_grid,
    training_images,
)
from miua.training.signs import NON_FINITE, signs_of_epoch, starts_now, told
from miua.training.updates import EpochSums, train_batch

SECONDS_BETWEEN_CHECKPOINTS = 120
SECONDS_OF_TRIAL = 2.0  # what a trial takes at most, but for one step that takes longer
STEPS_OF_TRIAL = 3
WORTH_SAYING = 5.0  # seconds; a shorter training needs no prediction


class DivergedError(MiuaError):
    """The training ended before its last epoch, as a loss was no number any more."""


def train(
    config: TrainingConfig,
    stack: NDArray[np.uint8],
    run: Path,
    *,
    device: str = "auto",
    threads: int | None = None,
) -> None:
    """Train a DCGAN on an image stack, or go on where an interrupted training stopped.

    Ctrl-C or SIGTERM ends it after the batch at work, with a checkpoint there.

    Args:
        config: every choice; `config.training_size` images are drawn from the stack by the seed.
        stack: uint8 `(N, H, W)` with `H = W = config.image_size`.
        run: the run folder, made if needed: config.yaml, log.jsonl, speed.jsonl, checkpoints/,
            samples/, provenance.json.
        device: "auto" takes CUDA where available.
        threads: CPU threads; results on a CPU are bit-identical for the same number.

    MiuaError: the run folder belongs to another configuration or other images, there are too few
    images, or a file cannot be written. DivergedError: a loss stopped being finite. It would do so
    again, so the same call says it at once; the run folder holds diverged.json.
    """
    place = choose_device(device, threads)
    set_precision(config.precision, place)
    images = training_images(config, stack)
    busy = f"Another training is at work in {run}. Wait for it, or stop it."
    try:
        with locked(run / ".lock", busy), stop_requests() as stop:
            config = claim(run, config, images)
            if diverged := divergence(run):
                if not (problem := damage(run, config)):
                    for epoch in damaged_sample_grids(run, config, diverged["epoch"] - 1):
                        say(lost_sample_grid(run, epoch))
                    raise DivergedError(
                        f"{run}: {diverged['reason']} Remove the folder to try again."
                    )
                say(f"{problem} Training again to where it diverged.")
                (run / DIVERGED).unlink()
            started = Run(run, config, Adversaries(config, place), EpochSums(place))
            started.resume()
            started.record_start(images, place)
            if started.position.epoch == config.epochs[-1]:
                say(f"{run}: already trained to epoch {started.position.epoch}.")
            predicted = predict(run.name, config, len(images), started.position, place)
            dataset = torch.from_numpy(images).to(place)
            _Training(started, dataset, stop).to_last_epoch(predicted)
    except OSError as error:
        raise MiuaError(
            f"{run} cannot be written: {error.strerror or error}. The checkpoints written so "
            "far are kept. Fix the cause; the same command then continues from the newest."
        ) from error


@dataclass
class _Training:
    """A training at work. `saved_at` is when its state was saved last, in seconds."""

    run: Run
    dataset: Tensor
    stop: StopRequest
    saved_at: float = field(default_factory=time.monotonic)

    def to_last_epoch(self, predicted: float | None) -> None:
        """Train to the last epoch, saving what a person and a resume need."""
        run, config, size = self.run, self.run.config, len(self.dataset)
        last = config.epochs[-1]
        done = run.position.epoch * size + run.position.batch * config.batch_size
        with Progress(f"Training {run.folder.name}", last * size, "images", done=done) as bar:
            bar.note = f"predicted {duration(predicted)}" if predicted else ""
            while run.position.epoch < last:
                self._epoch(bar)
                # The picture first: behind a checkpoint, nobody would come back for it.
                run.save_sample_grid()
                self._save_when_due(run.position.epoch in config.epochs)
        run.thin(behind=0)
        columns = ([line[key] for line in run.history] for key in ("epoch", "events"))
        for words in told(*columns):
            say(f"{run.folder}: {words}.")

    def _epoch(self, bar: Progress) -> None:
        """Every image once, in the epoch's own order, and a line in the log."""
        run, config, size = self.run, self.run.config, len(self.dataset)
        epoch, first = run.position.epoch + 1, run.position.batch
        batches = -(-size // config.batch_size)
        if first == 0:
            run.sums = EpochSums(self.dataset.device)
        draws = Draws.of_epoch(config, epoch, size, self.dataset.device)
        run.networks.generator.train()
        run.networks.discriminator.train()
        started = time.monotonic()
        for batch in range(first, batches):
            chosen = draws.batch(batch, config.batch_size)
            train_batch(run.networks, self.dataset, chosen, config, run.sums)
            bar.advance(len(chosen.order))
            if batch + 1 < batches:
                run.position = Position(epoch - 1, batch + 1)
                self._save_when_due()
        means = run.sums.means(size)
        images, seconds = size - first * config.batch_size, time.monotonic() - started
        fast = {"seconds": round(seconds, 3), "images_per_second": round(images / seconds, 2)}
        run.append(SPEED, {"epoch": epoch, **fast})
        # JSON has no NaN.
        values = {key: value if math.isfinite(value) else None for key, value in means.items()}
        signs, updates = signs_of_epoch(means), epoch * batches
        line = {"epoch": epoch, "updates": updates, **values, "events": signs}
        run.append(LOG, line)
        if NON_FINITE in signs:  # for good
            raise DivergedError(f"{run.folder}: {run.record_divergence(epoch)} Try smaller ones.")
        for sign in signs:
            if starts_now(sign, run.history, line):
                say(f"{run.folder}: {sign} at epoch {epoch}.")
        run.history.append(line)
        run.position = Position(epoch)

    def _save_when_due(self, asked: bool = False) -> None:
        """Save if asked, if somebody wants to stop, or if the last save is long ago; then stop."""
        overdue = time.monotonic() - self.saved_at > SECONDS_BETWEEN_CHECKPOINTS
        if not (asked or self.stop or overdue):
            return  # a signal may come at any moment: nothing stops that was not saved
        run = self.run
        run.save()
        self.saved_at = time.monotonic()
        if self.stop and run.position.epoch < run.config.epochs[-1]:
            say(f"{run.folder}: stopped after {run.position}; the same command goes on there.")
            self.stop.obey()


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
    """The rate of training steps as `config` wants them, on networks and images for this alone."""
    networks = Adversaries(config, device)
    side, size = config.image_size, config.batch_size
    dataset = torch.zeros((size, side, side), dtype=torch.uint8, device=device)
    draws, sums = Draws.of_epoch(config, 1, size, device), EpochSums(device)
    seconds: list[float] = []
    # The first step prepares what the others use.
    while len(seconds) <= STEPS_OF_TRIAL and sum(seconds) < SECONDS_OF_TRIAL:
        started = time.perf_counter()
        train_batch(networks, dataset, draws, config, sums)
        if device.type == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
    return size / median(seconds[1:] or seconds)


class StopRequest:
    """Whether somebody has asked to stop, and with which signal."""

    signal: int | None = None

    def __bool__(self) -> bool:
        return self.signal is not None

    def obey(self) -> None:
        """End the program as the signal would have."""
        if self.signal == signal.SIGTERM:
            raise SystemExit(128 + signal.SIGTERM)
        raise KeyboardInterrupt


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Note SIGINT and SIGTERM instead of ending at once, so that a step is finished and saved.

    A second signal ends the program at once. Outside the main thread nothing is changed, as
    signals do not arrive there.
    """
    request = StopRequest()
    before: dict[int, Any] = {}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def note(number: int, frame: FrameType | None) -> None:
        request.signal = number
        restore()

    if threading.current_thread() is threading.main_thread():
        before = {each: signal.signal(each, note) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield request
    finally:
        restore()
