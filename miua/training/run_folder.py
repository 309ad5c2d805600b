"""What a run keeps: whose training it is, its provenance, log and pictures, and its checkpoints.

Checkpoints are saved often, thinned, and found again after any interruption.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from miua.checkpoint import (
    START,
    DamagedError,
    Position,
    load_checkpoint,
    remove_checkpoint,
    remove_unfinished_checkpoints,
    save_checkpoint,
    saved_positions,
)
from miua.config import TrainingConfig, config_hash, differences, read_config, write_config
from miua.data import subset
from miua.data.model_space import to_image_stack
from miua.dcgan import Generator
from miua.errors import MiuaError
from miua.files import (
    atomic_path,
    read_json,
    remove_partial_files,
    sha256_array,
    write_json,
    write_text,
)
from miua.progress import say
from miua.provenance import provenance, write_provenance
from miua.training.adversaries import Adversaries, with_prefix
from miua.training.draws import Stream, seeded_generator
from miua.training.steps import EpochSums

LOG = "log.jsonl"  # what happened in each epoch: the same bytes in every rerun
SPEED = "speed.jsonl"  # how long each epoch took
DIVERGED = "diverged.json"  # where a training ended early, and why
GRID_SIDE = 8
KEPT_BEHIND = 2  # the newest checkpoints that stay, should one be damaged

Line = dict[str, Any]


def training_images(config: TrainingConfig, stack: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The images that the seed draws from the stack; smaller sizes are contained in larger ones.

    Raises:
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
    chosen: NDArray[np.uint8] = stack[subset(len(stack), size, config.seed)]
    return chosen


def claim(run: Path, config: TrainingConfig, images: NDArray[np.uint8]) -> TrainingConfig:
    """Write config.yaml, or refuse a folder that holds another training.

    Other epochs alone are no other training: the same run is then kept at these epochs too. The
    configuration that is returned and saved has all epochs that were ever asked for.

    Raises:
        MiuaError: the folder holds a training with another configuration or on other images.
    """
    if (run / "provenance.json").exists():
        recorded = read_json(run / "provenance.json")["inputs"]
        if recorded != {"images": sha256_array(images)}:
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


def record_start(
    run: Path,
    config: TrainingConfig,
    images: NDArray[np.uint8],
    device: torch.device,
    position: Position,
) -> None:
    """Write provenance.json; a training that goes on is added to what started before it.

    position: where it goes on.
    """
    record = provenance(
        inputs={"images": sha256_array(images)},
        settings={**config.model_dump(), "config_sha256": config_hash(config)},
        device=str(device),
        threads=torch.get_num_threads(),
    )
    path = run / "provenance.json"
    if path.exists():
        before = read_json(path)
        again = {key: record[key] for key in ("command", "commit", "packages", "device", "threads")}
        record = {**before, "settings": record["settings"]}
        if position.epoch < config.epochs[-1]:
            start = {"after_epoch": position.epoch, "after_batch": position.batch, **again}
            record["resumed"] = [*before.get("resumed", []), start]
    write_provenance(run, record)


def divergence(run: Path) -> dict[str, Any] | None:
    """Epoch and reason of the end of a training that diverged; None for any other run."""
    return dict(read_json(run / DIVERGED)) if (run / DIVERGED).exists() else None


def record_divergence(run: Path, config: TrainingConfig, epoch: int) -> str:
    """Write diverged.json, for a loss that is not finite; the reason in words."""
    reason = (
        f"a loss is not finite at epoch {epoch}: the training diverged. "
        f"The learning rates are {config.learning_rate_generator} (generator) and "
        f"{config.learning_rate_discriminator} (discriminator)."
    )
    write_json(run / DIVERGED, {"epoch": epoch, "reason": reason})
    return reason


def log_line(epoch: int, updates: int, means: dict[str, float], signs: list[str]) -> Line:
    """One epoch in the log: counts, mean values, and the signs of instability that were seen."""
    # JSON has no NaN.
    values = {key: value if np.isfinite(value) else None for key, value in means.items()}
    return {"epoch": epoch, "updates": updates, **values, "events": signs}


def append_line(path: Path, line: Line) -> None:
    """Add a line to log.jsonl or speed.jsonl."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def rewrite_logs(run: Path, history: list[Line]) -> None:
    """Let log.jsonl be `history`, whatever an interruption has left; of speed, keep as much."""
    text = "".join(json.dumps(line) + "\n" for line in history)
    log, speed = run / LOG, run / SPEED
    if not log.exists() or log.read_bytes() != text.encode():
        write_text(log, text)
    if speed.exists():
        # A line that a power cut broke off has no newline, and is forgotten too.
        whole = speed.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
        lines = [line for line in whole if line.endswith("}\n")]
        kept = [line for line in lines if json.loads(line)["epoch"] <= len(history)]
        if kept != whole:
            write_text(speed, "".join(kept))


def wants_sample_grid(config: TrainingConfig, epoch: int) -> bool:
    """At each asked epoch, and at 1, 2, 5, 10, 20, 50, ...: often enough to watch images form."""
    return epoch in config.epochs or str(epoch).rstrip("0") in {"1", "2", "5"}


def save_sample_grid(run: Path, config: TrainingConfig, generator: Generator, epoch: int) -> None:
    """Draw the same latent batch at every saved epoch, so that one sees the images form."""
    draws = seeded_generator(config.seed, Stream.SAMPLE_GRID)
    latent = torch.randn(GRID_SIDE**2, config.latent_size, generator=draws)
    device = next(generator.parameters()).device
    generator.eval()
    with torch.inference_mode():
        stack = to_image_stack(generator(latent.to(device)))
    side = config.image_size
    grid = stack.reshape(GRID_SIDE, GRID_SIDE, side, side).swapaxes(1, 2)
    with atomic_path(run / "samples" / f"epoch_{epoch:04d}.png") as path:
        Image.fromarray(grid.reshape(GRID_SIDE * side, GRID_SIDE * side)).save(path)


@dataclass
class State:
    """Where a training stands.

    history: the lines of the log so far. sums: of the epoch that has begun. What else an epoch
    needs, its order and every random number, follows from the seed (`miua.training.draws`).
    """

    networks: Adversaries
    sums: EpochSums
    position: Position = START
    history: list[dict[str, Any]] = field(default_factory=list)


def save(run: Path, config: TrainingConfig, state: State) -> None:
    """Save the state, then thin: keep the asked epochs and the newest two checkpoints."""
    tensors = state.networks.tensors()
    if state.position.batch:
        tensors |= {f"sums.{name}": tensor for name, tensor in state.sums.tensors().items()}
    # Without the epochs, which are no part of what the training is: a run can be extended.
    facts = {"config": config.model_dump(exclude={"epochs"}), "history": state.history}
    save_checkpoint(run, state.position, tensors, facts)
    thin(run, config, KEPT_BEHIND)


def thin(run: Path, config: TrainingConfig, behind: int) -> None:
    """Remove all checkpoints but those of asked epochs and the newest `behind`."""
    positions = saved_positions(run)
    for old in positions[: max(0, len(positions) - behind)]:
        if old.batch or old.epoch not in config.epochs:
            remove_checkpoint(run, old)


def resume(run: Path, config: TrainingConfig, state: State) -> None:
    """Go to the newest checkpoint that no asked epoch is missing before.

    A damaged checkpoint counts as missing, and is removed. So are those after a missing one: the
    way to it leads through them again, to the same bytes.

    Raises:
        MiuaError: a checkpoint is of another training.
    """
    for folder in (run, run / "samples"):
        remove_partial_files(folder)
    remove_unfinished_checkpoints(run)
    for position in saved_positions(run):
        try:
            load_checkpoint(run, position, config)
        except DamagedError as error:
            say(f"{error} Falling back to the checkpoint before it.")
            remove_checkpoint(run, position)
    positions = saved_positions(run)
    missing = [epoch for epoch in config.epochs if Position(epoch) not in positions]
    goal = missing[0] if missing else config.epochs[-1]
    start = max([each for each in positions if each < (goal, 0) or not missing], default=START)
    # Nothing may lie ahead of where the training stands: it would be taken for finished work.
    if ahead := [position for position in positions if position > start]:
        for position in ahead:
            remove_checkpoint(run, position)
        again = ", ".join(str(position) for position in ahead)
        say(f"{run}: epoch {goal} is not there; made again with it: {again}.")
    if start > START:
        tensors, facts = load_checkpoint(run, start, config)
        state.networks.load(tensors)
        if start.batch:
            state.sums.load(with_prefix(tensors, "sums."))
        state.position, state.history = start, facts["history"]
        if missing:
            say(f"{run}: going on after {start}.")
    elif (run / LOG).exists():
        say(f"{run}: there is no checkpoint yet; starting again.")
    rewrite_logs(run, state.history)
