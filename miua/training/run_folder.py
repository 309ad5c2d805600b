"""What a run keeps: whose training it is, its provenance, log and pictures, and its checkpoints.

Checkpoints are saved often, thinned, and found again after any interruption.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from miua import checkpoint, files
from miua.checkpoint import START, DamagedError, Position, load_checkpoint, saved_positions
from miua.config import TrainingConfig, config_hash, differences, read_config, write_config
from miua.data import subset
from miua.data.formats import read_images
from miua.data.model_space import to_image_stack
from miua.errors import MiuaError
from miua.progress import say
from miua.provenance import provenance, read_provenance, write_provenance
from miua.training.adversaries import Adversaries, with_prefix
from miua.training.draws import Stream, seeded_generator
from miua.training.updates import EpochSums

LOG = "log.jsonl"  # what happened in each epoch: the same bytes in every rerun
SPEED = "speed.jsonl"  # how long each epoch took
DIVERGED = "diverged.json"  # where a training ended early, and why
GRID_SIDE = 8
KEPT_BEHIND = 2  # the newest checkpoints that stay, should one be damaged

Line = dict[str, Any]


def training_images(config: TrainingConfig, stack: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The images that the seed draws from the stack; smaller sizes are contained in larger ones.

    MiuaError: the stack has another type or size than `config` says, or too few images.
    """
    side = config.image_size
    if stack.dtype != np.uint8 or stack.ndim != 3 or stack.shape[1:] != (side, side):
        raise MiuaError(
            f"The configuration wants {side} x {side} images (uint8), "
            f"the stack has {stack.dtype} {stack.shape}."
        )
    size = len(stack) if config.training_size is None else config.training_size
    if size > len(stack):
        raise MiuaError(
            f"training_size is {size}, but there are only {len(stack)} images. "
            "Give more images or a smaller training_size."
        )
    return stack[subset(len(stack), size, config.seed)]


def claim(run: Path, config: TrainingConfig, images: NDArray[np.uint8]) -> TrainingConfig:
    """Write config.yaml; MiuaError if the folder holds a training with another configuration or on
    other images.

    Other epochs alone are no other training: the same run is then kept at these epochs too. The
    configuration that is returned and saved has all epochs that were ever asked for.
    """
    if (run / "provenance.json").exists():
        recorded = read_provenance(run, "Choose another folder for --out.")["inputs"]
        if recorded != {"images": files.sha256_array(images)}:
            raise MiuaError(
                f"{run} was trained on other images than these. Choose another folder for --out."
            )
    path = run / "config.yaml"
    if path.exists():
        before = read_config(path, TrainingConfig)
        if changes := differences(before, config):
            raise MiuaError(
                f"{run} holds a training with another configuration ({'; '.join(changes)}). "
                "Choose another folder for --out."
            )
        epochs = sorted({*before.epochs, *config.epochs})
        config = config.model_copy(update={"epochs": epochs})
    write_config(path, config)
    return config


def divergence(run: Path) -> dict[str, Any] | None:
    """Epoch and reason of the end of a training that diverged; None for any other run."""
    path = run / DIVERGED
    if not path.exists():
        return None
    found = files.read_json(path)
    if not isinstance(found, dict) or not isinstance(found.get("epoch"), int):
        raise MiuaError(f"{path} is damaged. Remove it: the training makes it again.")
    return {"reason": "", **found}


def divergence_reason(config: TrainingConfig, epoch: int) -> str:
    """Why a training ended at an epoch."""
    return (
        f"a loss is not finite at epoch {epoch}: the training diverged. "
        f"The learning rates are {config.learning_rate_generator} (generator) and "
        f"{config.learning_rate_discriminator} (discriminator)."
    )


def sample_grid_name(epoch: int) -> str:
    """Where a run keeps the images of one latent batch after an epoch, as seen from it."""
    return f"samples/epoch_{epoch:04d}.png"


def has_sample_grid(config: TrainingConfig, epoch: int) -> bool:
    """Each asked epoch has a grid, and as many others as it takes to watch: 1, 2, 5, 10, 20, ..."""
    return epoch in config.epochs or str(epoch).rstrip("0") in {"1", "2", "5"}


def damaged_sample_grids(run: Path, config: TrainingConfig, last: int) -> list[int]:
    """The epochs, up to the last that was reached, whose grid is missing or no such picture."""
    side = GRID_SIDE * config.image_size

    def is_whole(path: Path) -> bool:
        try:
            return [image.shape for image in read_images(path)] == [(side, side)]
        except Exception:  # whatever a decoder makes of noise
            return False

    asked = (epoch for epoch in range(1, last + 1) if has_sample_grid(config, epoch))
    return [epoch for epoch in asked if not is_whole(run / sample_grid_name(epoch))]


def restorable_sample_grids(run: Path, config: TrainingConfig, last: int) -> list[int]:
    """Of these epochs those whose grid can be made again from a checkpoint, or is there to go."""
    saved = saved_positions(run)
    damaged = damaged_sample_grids(run, config, last)
    return [n for n in damaged if Position(n) in saved or (run / sample_grid_name(n)).exists()]


def lost_sample_grid(run: Path, epoch: int) -> str:
    """That a picture is lost, in words."""
    path = run / sample_grid_name(epoch)
    said = f"No checkpoint of epoch {epoch} is kept to make it again from."
    return f"{path} is missing or damaged. {said}"


def damaged_checkpoint(run: Path, config: TrainingConfig) -> tuple[str, list[Line]]:
    """Which checkpoint of a finished run is missing or damaged, in words; and the log of its last.

    MiuaError: diverged.json says nothing that could be gone by.
    """
    diverged, history = divergence(run), list[Line]()
    last = config.epochs[-1] if diverged is None else diverged["epoch"] - 1
    saved = [position for position in saved_positions(run) if not position.batch]
    asked = [Position(epoch) for epoch in config.epochs if epoch <= last]
    for position in sorted({*asked, *saved}):
        if position not in saved:
            return f"{run}: the checkpoint of {position} is missing.", history
        try:
            facts = load_checkpoint(run, position, config)[1]
            _check_history(run, position, facts)
        except MiuaError as error:
            return str(error), history
        history = facts["history"]
    return "", history


def damage(run: Path, config: TrainingConfig) -> str:
    """What of a finished run is not as its training left it, in words; "" if all is."""
    problem, history = damaged_checkpoint(run, config)
    if problem:
        return problem
    try:
        log = (run / LOG).read_bytes().decode().splitlines(keepends=True)
        speed = (run / SPEED).read_bytes().decode() if (run / SPEED).exists() else ""
        lines = [json.loads(line) for line in log]
        last = len(history)
        if diverged := divergence(run):
            last = diverged["epoch"] - 1
            losses = [lines[-1][f"{name}_loss"] for name in ("generator", "discriminator")]
            epochs = [line["epoch"] for line in lines]
            whole = None in losses and epochs == [*range(1, last + 2)]
            whole &= diverged["reason"] == divergence_reason(config, last + 1)
            if not whole or lines[: len(history)] != history:
                return f"{run / DIVERGED} and {LOG} do not agree, or are damaged."
        elif lines != history:
            return f"{run / LOG} is damaged."
        if log != [f"{json.dumps(line)}\n" for line in lines]:
            return f"{run / LOG} is damaged."
        if not all(map(speed_of, speed.splitlines(keepends=True))):
            return f"{run / SPEED} is damaged."
    except (OSError, ValueError, RecursionError, LookupError, TypeError) as error:
        return f"{run}: its log or its speeds are damaged ({error})."
    grids = set(restorable_sample_grids(run, config, last))
    # Behind the last checkpoint of a training that diverged, all is made again on the way.
    grids |= {n for n in damaged_sample_grids(run, config, last) if n > len(history)}
    if grids:
        return f"{run / sample_grid_name(min(grids))} is missing or damaged."
    return ""


def sample_grid(networks: Adversaries, config: TrainingConfig) -> NDArray[np.uint8]:
    """The images of the run's own latent batch, side by side."""
    side = config.image_size
    draws = seeded_generator(config.seed, Stream.SAMPLE_GRID)
    latent = torch.randn(GRID_SIDE**2, config.latent_size, generator=draws)
    generator = networks.generator.eval()
    device = next(generator.parameters()).device
    with torch.inference_mode():
        stack = to_image_stack(generator(latent.to(device)))
    grid = stack.reshape(GRID_SIDE, GRID_SIDE, side, side).swapaxes(1, 2)
    return grid.reshape(GRID_SIDE * side, GRID_SIDE * side)


def start_of(positions: list[Position], config: TrainingConfig) -> tuple[Position, list[int]]:
    """The newest position that no asked epoch is missing before, and the epochs that are missing.

    positions: those that have a checkpoint.
    """
    missing = [epoch for epoch in config.epochs if Position(epoch) not in positions]
    reached = [each for each in positions if not missing or each < (missing[0], 0)]
    return max(reached, default=START), missing


@dataclass
class Run:
    """A run folder, and where its training stands.

    history: the lines of the log so far. sums: of the epoch that has begun. What else an epoch
    needs, its order and every random number, follows from the seed (`miua.training.draws`).
    """

    folder: Path
    config: TrainingConfig
    networks: Adversaries
    sums: EpochSums
    position: Position = START
    history: list[Line] = field(default_factory=list)

    def record_start(self, images: NDArray[np.uint8], device: torch.device) -> None:
        """Write provenance.json; a training that goes on is added to what started before it."""
        record = provenance(
            inputs={"images": files.sha256_array(images)},
            settings={**self.config.model_dump(), "config_sha256": config_hash(self.config)},
            device=str(device),
            threads=torch.get_num_threads(),
        )
        path = self.folder / "provenance.json"
        if path.exists():
            before, (epoch, batch) = files.read_json(path), self.position
            shared = ("command", "commit", "packages", "device", "threads")
            start = {"after_epoch": epoch, "after_batch": batch, **{k: record[k] for k in shared}}
            record = {**before, "settings": record["settings"]}
            if epoch < self.config.epochs[-1]:
                record["resumed"] = [*before.get("resumed", []), start]
        write_provenance(self.folder, record)

    def append(self, name: str, line: Line) -> None:
        """Add a line to log.jsonl or speed.jsonl."""
        with (self.folder / name).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def record_divergence(self, epoch: int) -> str:
        """Write diverged.json, for a loss that is not finite; the reason in words."""
        reason = divergence_reason(self.config, epoch)
        files.write_json(self.folder / DIVERGED, {"epoch": epoch, "reason": reason})
        return reason

    def save_sample_grid(self) -> None:
        """Draw the same latent batch again, so that one sees the images form."""
        epoch = self.position.epoch
        if has_sample_grid(self.config, epoch):
            grid = sample_grid(self.networks, self.config)
            files.write_png(self.folder / sample_grid_name(epoch), grid)

    def restore_sample_grids(self) -> None:
        """Make the pictures again that are missing or damaged, as far as checkpoints are kept.

        Others that are damaged go.
        """
        saved = saved_positions(self.folder)
        device = next(self.networks.generator.parameters()).device
        for epoch in damaged_sample_grids(self.folder, self.config, self.position.epoch):
            path, position = self.folder / sample_grid_name(epoch), Position(epoch)
            said = f"{path} is missing or damaged"
            if position in saved:
                tensors, _ = load_checkpoint(self.folder, position, self.config)
                networks = Adversaries(self.config, device)
                networks.load(tensors)
                files.write_png(path, sample_grid(networks, self.config))
                say(f"{said}; made again from the checkpoint of epoch {epoch}.")
            else:
                path.unlink(missing_ok=True)
                say(lost_sample_grid(self.folder, epoch))

    def save(self) -> None:
        """Save where it stands, then thin: keep the asked epochs and the newest two checkpoints."""
        tensors = self.networks.tensors()
        if self.position.batch:
            tensors |= {f"sums.{name}": tensor for name, tensor in self.sums.tensors().items()}
        # Without the epochs, which are no part of what the training is: a run can be extended.
        facts = {"config": self.config.model_dump(exclude={"epochs"}), "history": self.history}
        checkpoint.save_checkpoint(self.folder, self.position, tensors, facts)
        self.thin(KEPT_BEHIND)

    def thin(self, behind: int) -> None:
        """Remove all checkpoints but those of asked epochs and the newest `behind`."""
        positions = saved_positions(self.folder)
        for old in positions[: max(0, len(positions) - behind)]:
            if old.batch or old.epoch not in self.config.epochs:
                checkpoint.remove_checkpoint(self.folder, old)

    def resume(self) -> None:
        """Go to the newest checkpoint that no asked epoch is missing before.

        A damaged checkpoint counts as missing, and is removed. So are those after a missing one:
        the way to it leads through them again, to the same bytes. MiuaError: one is of another
        training.
        """
        run = self.folder
        files.remove_partial_files(run)
        checkpoint.remove_unfinished_checkpoints(run)
        for position in saved_positions(run):
            try:
                _check_history(run, position, load_checkpoint(run, position, self.config)[1])
            except DamagedError as error:
                say(f"{error} Falling back to the checkpoint before it.")
                checkpoint.remove_checkpoint(run, position)
        positions = saved_positions(run)
        start, missing = start_of(positions, self.config)
        # Nothing may lie ahead of where the training stands: it would be taken for finished work.
        if ahead := [position for position in positions if position > start]:
            for position in ahead:
                checkpoint.remove_checkpoint(run, position)
            again = ", ".join(map(str, ahead))
            say(f"{run}: epoch {missing[0]} is not there; made again with it: {again}.")
        if start > START:
            tensors, facts = load_checkpoint(run, start, self.config)
            self.networks.load(tensors)
            if start.batch:
                self.sums.load(with_prefix(tensors, "sums."))
            self.position, self.history = start, facts["history"]
            if missing:
                say(f"{run}: going on after {start}.")
        elif (run / LOG).exists():
            say(f"{run}: there is no checkpoint yet; starting again.")
        self._rewrite_logs()
        self.restore_sample_grids()

    def _rewrite_logs(self) -> None:
        """Let log.jsonl be the history, whatever an interruption has left; of speed, as much."""
        text = "".join(json.dumps(line) + "\n" for line in self.history)
        log, speed = self.folder / LOG, self.folder / SPEED
        if not log.exists() or log.read_bytes() != text.encode():
            files.write_text(log, text)
        if speed.exists():
            # A damaged line is forgotten, and so is one that a power cut broke off.
            whole = speed.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
            kept = [line for line in whole if 0 < speed_of(line) <= len(self.history)]
            if kept != whole:
                files.write_text(speed, "".join(kept))


def speed_of(line: str) -> int:
    """The epoch that a line of speed.jsonl is of; 0 where it is damaged, or not as written."""
    try:
        found = json.loads(line)
        epoch, *numbers = (found[key] for key in ("epoch", "seconds", "images_per_second"))
    except (ValueError, RecursionError, KeyError, TypeError):
        return 0
    whole = isinstance(epoch, int) and all(isinstance(each, float) for each in numbers)
    return int(epoch) if whole and len(found) == 3 and line == f"{json.dumps(found)}\n" else 0


def _check_history(run: Path, position: Position, facts: dict[str, Any]) -> None:
    """DamagedError: the log of a checkpoint does not lead to its epoch."""
    history = facts.get("history")
    lines = history if isinstance(history, list) else []
    epochs = [line.get("epoch") if isinstance(line, dict) else None for line in lines]
    if epochs != [*range(1, position.epoch + 1)]:
        raise DamagedError(f"{run}: the checkpoint of {position} is damaged: its log is not whole.")
