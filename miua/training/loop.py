"""The training loop: from a run folder and an image stack to a finished run."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
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
from miua.training.interruption import StopRequest, stop_requests
from miua.training.run_folder import (
    LOG,
    SPEED,
    State,
    append_line,
    claim,
    divergence,
    log_line,
    record_divergence,
    record_start,
    resume,
    save,
    save_sample_grid,
    thin,
    training_images,
    wants_sample_grid,
)
from miua.training.signs import NON_FINITE, signs_of_epoch, starts_now, told
from miua.training.speed import predict
from miua.training.steps import EpochSums, train_batch

SECONDS_BETWEEN_CHECKPOINTS = 120


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

    Raises:
        MiuaError: the run folder belongs to another configuration or other images, there are
            too few images, or a file cannot be written.
        DivergedError: a loss stopped being finite. It would do so again, so the same call says it
            at once; the run folder holds diverged.json.
    """
    place = choose_device(device, threads)
    set_precision(config.precision, place)
    images = training_images(config, stack)
    busy = f"Another training is at work in {run}. Wait for it, or stop it."
    try:
        with locked(run / ".lock", busy), stop_requests() as stop:
            config = claim(run, config, images)
            if diverged := divergence(run):
                raise DivergedError(f"{run}: {diverged['reason']} Remove the folder to try again.")
            state = State(Adversaries.create(config, place), EpochSums(place))
            resume(run, config, state)
            record_start(run, config, images, place, state.position)
            if state.position.epoch == config.epochs[-1]:
                say(f"{run}: already trained to epoch {state.position.epoch}.")
            predicted = predict(run.name, config, len(images), state.position, place)
            dataset = torch.from_numpy(images).to(place)
            _Training(run, config, dataset, state, stop).to_last_epoch(predicted)
    except OSError as error:
        raise MiuaError(
            f"{run} cannot be written: {error.strerror or error}. Checkpoints that are there are "
            "kept: mend the cause, then the same command goes on from the newest."
        ) from error


@dataclass
class _Training:
    """A training at work. `saved_at` is when its state was saved last, in seconds."""

    run: Path
    config: TrainingConfig
    dataset: Tensor
    state: State
    stop: StopRequest
    saved_at: float = field(default_factory=time.monotonic)

    def to_last_epoch(self, predicted: float | None) -> None:
        """Train to the last epoch, saving what a person and a resume need."""
        last, size = self.config.epochs[-1], len(self.dataset)
        position = self.state.position
        done = position.epoch * size + position.batch * self.config.batch_size
        with Progress(f"Training {self.run.name}", last * size, "images", done=done) as bar:
            bar.note = f"predicted {duration(predicted)}" if predicted else ""
            while self.state.position.epoch < last:
                self._epoch(bar)
                epoch = self.state.position.epoch
                # The picture first: behind a checkpoint, nobody would come back for it.
                if wants_sample_grid(self.config, epoch):
                    save_sample_grid(self.run, self.config, self.state.networks.generator, epoch)
                if epoch in self.config.epochs or self._is_time_to_save():
                    self._save()
                self._obey_stop()
        thin(self.run, self.config, behind=0)
        history = self.state.history
        for words in told(
            (line["epoch"] for line in history), (line["events"] for line in history)
        ):
            say(f"{self.run}: {words}.")

    def _epoch(self, bar: Progress) -> None:
        """Every image once, in the epoch's own order, and a line in the log."""
        state, config, size = self.state, self.config, len(self.dataset)
        epoch, first = state.position.epoch + 1, state.position.batch
        batches = -(-size // config.batch_size)
        if first == 0:
            state.sums = EpochSums(self.dataset.device)
        draws = Draws.of_epoch(config, epoch, size, self.dataset.device)
        state.networks.generator.train()
        state.networks.discriminator.train()
        started = time.monotonic()
        for batch in range(first, batches):
            chosen = draws.batch(batch, config.batch_size)
            train_batch(state.networks, self.dataset, chosen, config, state.sums)
            bar.advance(len(chosen.order))
            if batch + 1 < batches and self._is_time_to_save():
                state.position = Position(epoch - 1, batch + 1)
                self._save()
                self._obey_stop()
        means = state.sums.means(size)
        images = size - first * config.batch_size
        seconds = time.monotonic() - started
        fast = {"seconds": round(seconds, 3), "images_per_second": round(images / seconds, 2)}
        append_line(self.run / SPEED, {"epoch": epoch, **fast})
        self._log(log_line(epoch, epoch * batches, means, signs_of_epoch(means)))
        state.position = Position(epoch)

    def _log(self, line: dict[str, Any]) -> None:
        """Append the line to log.jsonl; a loss that is not finite ends the training, for good."""
        append_line(self.run / LOG, line)
        if NON_FINITE in line["events"]:
            reason = record_divergence(self.run, self.config, line["epoch"])
            raise DivergedError(f"{self.run}: {reason} Try smaller ones.")
        for sign in line["events"]:
            if starts_now(sign, self.state.history, line):
                say(f"{self.run}: {sign} at epoch {line['epoch']}.")
        self.state.history.append(line)

    def _is_time_to_save(self) -> bool:
        return bool(self.stop) or time.monotonic() - self.saved_at > SECONDS_BETWEEN_CHECKPOINTS

    def _save(self) -> None:
        save(self.run, self.config, self.state)
        self.saved_at = time.monotonic()

    def _obey_stop(self) -> None:
        """End here if somebody asked; the state has just been saved."""
        if self.stop and self.state.position.epoch < self.config.epochs[-1]:
            say(f"{self.run}: stopped after {self.state.position}; the same command goes on there.")
            self.stop.obey()
