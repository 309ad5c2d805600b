"""Checkpoints: tensors in safetensors, facts in JSON beside them, never a pickle.

The tensors are written first and the JSON, which holds their SHA-256, last: a checkpoint exists
when its JSON does, and is whole when the hash agrees.
"""

import re
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from miua.config import TrainingConfig, differences
from miua.errors import MiuaError
from miua.files import atomic_path, read_json, sha256_file, write_json

NAME = re.compile(r"epoch_(\d{4,})(?:_batch_(\d{4,}))?")


class DamagedError(MiuaError):
    """A checkpoint is not what was saved; it can only be made again."""


class Position(NamedTuple):
    """How far a training is: whole epochs, and batches of the next one."""

    epoch: int
    batch: int = 0

    def __str__(self) -> str:
        within = f" and {self.batch} batches" if self.batch else ""
        return f"epoch {self.epoch}{within}"


START = Position(0)


def save_checkpoint(
    run: Path, position: Position, tensors: dict[str, Tensor], facts: dict[str, Any]
) -> None:
    """Save the state at one position, whole or not at all; OSError, as on a full disk."""
    target = _tensors_path(run, position)
    with atomic_path(target) as temporary:
        try:
            save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary)
        except SafetensorError as error:
            raise OSError(f"{target} cannot be written: {error}") from None
    known = {**facts, **position._asdict(), "sha256": sha256_file(target)}
    # In the order given: the lines of the log are among the facts, and come back as they were.
    write_json(target.with_suffix(".json"), known, sort_keys=False)


def load_checkpoint(
    run: Path, position: Position, config: TrainingConfig
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and facts of one of `saved_positions(run)`.

    MiuaError: the run has no such checkpoint (the message lists the epochs it has), or it belongs
    to another training than `config` (the message names the differences). DamagedError: it is
    damaged.
    """
    path = _tensors_path(run, position)
    if position not in saved_positions(run):
        available = ", ".join(str(epoch) for epoch in saved_epochs(run)) or "none"
        raise MiuaError(
            f"{run} has no checkpoint of {position}; it has: {available}. "
            "Ask for one of these, or train with this epoch among `epochs`."
        )
    try:
        facts = read_json(path.with_suffix(".json"))
    except MiuaError as error:
        raise DamagedError(str(error)) from None
    if not isinstance(facts, dict):
        raise DamagedError(f"{path.with_suffix('.json')} is damaged: it holds no facts.")
    if not path.exists() or sha256_file(path) != facts.get("sha256"):
        raise DamagedError(f"{path} is damaged: its SHA-256 is not the recorded one.")
    try:
        made_by = TrainingConfig.model_validate(facts.get("config"))
    except ValidationError:
        raise MiuaError(
            f"{path} is of another version of miua: its configuration cannot be read. "
            "Train in another folder."
        ) from None
    if changes := differences(made_by, config):
        raise MiuaError(
            f"{path} is of another training ({'; '.join(changes)}). Remove it from this run."
        )
    try:
        return load_file(path), facts
    except SafetensorError as error:
        raise DamagedError(f"{path} cannot be read: {error}") from None


def saved_positions(run: Path) -> list[Position]:
    """The positions that have a checkpoint, rising."""
    names = (NAME.fullmatch(path.stem) for path in (run / "checkpoints").glob("*.json"))
    return sorted(Position(int(name[1]), int(name[2] or 0)) for name in names if name)


def saved_epochs(run: Path) -> list[int]:
    """The whole epochs that have a checkpoint, rising."""
    return [epoch for epoch, batch in saved_positions(run) if not batch]


def remove_checkpoint(run: Path, position: Position) -> None:
    """Forget one checkpoint: its JSON first, so that no half checkpoint is ever seen."""
    tensors = _tensors_path(run, position)
    for path in (tensors.with_suffix(".json"), tensors):
        path.unlink(missing_ok=True)


def remove_unfinished_checkpoints(run: Path) -> None:
    """Remove weights that a kill or a full disk left without their position; only for who holds
    the run."""
    for path in (run / "checkpoints").glob("*.safetensors"):
        if not path.with_suffix(".json").exists():
            path.unlink()


def _tensors_path(run: Path, position: Position) -> Path:
    within = f"_batch_{position.batch:04d}" if position.batch else ""
    return run / "checkpoints" / f"epoch_{position.epoch:04d}{within}.safetensors"
