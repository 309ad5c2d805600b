"""Small trainings, and what of a run must be the same bit for bit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from miua.checkpoint import Position, load_checkpoint, saved_epochs
from miua.config import TrainingConfig, read_config
from miua.files import sha256_file


def tiny(**values: Any) -> TrainingConfig:
    defaults = {"image_size": 32, "feature_maps": 4, "latent_size": 8, "epochs": [1, 3]}
    return TrainingConfig.model_validate({**defaults, **values})


def weights(run: Path, epoch: int) -> dict[str, bytes]:
    """Every tensor of a checkpoint, optimisers included."""
    config = read_config(run / "config.yaml", TrainingConfig)
    tensors, _ = load_checkpoint(run, Position(epoch), config)
    return {name: tensor.numpy().tobytes() for name, tensor in tensors.items()}


def log(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


def result(run: Path) -> dict[str, str]:
    """The hash of each file that an interruption may not change: all but times and provenance."""
    files = [run / "log.jsonl", *(run / "samples").iterdir()]
    files += [
        run / "checkpoints" / f"epoch_{epoch:04d}{suffix}"
        for epoch in saved_epochs(run)
        for suffix in (".safetensors", ".json")
    ]
    return {str(path.relative_to(run)): sha256_file(path) for path in files}
