"""Checkpoints: tensors in safetensors, facts in JSON beside them, never a pickle.

The tensors of an epoch are written first and its JSON, which holds their SHA-256, last: a
checkpoint exists when its JSON does, and is whole when the hash agrees.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from miua.errors import MiuaError
from miua.files import atomic_path, read_json, sha256_file, write_json


def save_checkpoint(
    run: Path, epoch: int, tensors: dict[str, Tensor], facts: dict[str, Any]
) -> None:
    """Save one epoch's tensors and facts, whole or not at all."""
    target = _tensors_path(run, epoch)
    with atomic_path(target) as temporary:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary)
    write_json(
        target.with_suffix(".json"), {**facts, "epoch": epoch, "sha256": sha256_file(target)}
    )


def load_checkpoint(run: Path, epoch: int) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and facts of one epoch.

    Raises:
        MiuaError: the run has no such epoch (the message lists those it has), or it is damaged.
    """
    path = _tensors_path(run, epoch)
    if epoch not in saved_epochs(run):
        available = ", ".join(str(each) for each in saved_epochs(run)) or "none"
        raise MiuaError(
            f"{run} has no checkpoint of epoch {epoch}; it has: {available}. "
            "Ask for one of these, or train with this epoch among `epochs`."
        )
    facts = read_json(path.with_suffix(".json"))
    if not path.exists() or sha256_file(path) != facts.get("sha256"):
        raise MiuaError(f"{path} is damaged: its SHA-256 is not the recorded one. Train again.")
    try:
        return load_file(path), facts
    except SafetensorError as error:
        raise MiuaError(f"{path} cannot be read: {error}") from None


def saved_epochs(run: Path) -> list[int]:
    """The epochs that have a checkpoint, rising."""
    return sorted(
        int(path.stem.removeprefix("epoch_")) for path in _folder(run).glob("epoch_*.json")
    )


def remove_checkpoint(run: Path, epoch: int) -> None:
    """Forget one epoch: its JSON first, so that no half checkpoint is ever seen."""
    _tensors_path(run, epoch).with_suffix(".json").unlink(missing_ok=True)
    _tensors_path(run, epoch).unlink(missing_ok=True)


def _folder(run: Path) -> Path:
    return run / "checkpoints"


def _tensors_path(run: Path, epoch: int) -> Path:
    return _folder(run) / f"epoch_{epoch:04d}.safetensors"
