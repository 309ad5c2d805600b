"""Trainings and sets that are copies of others, though their records name another seed."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor

from miua.files import sha256_array
from miua.study.plan import Cell
from miua.training.adversaries import with_prefix

# Weights of different seeds begin independent and stay so: in the smoke profile their correlation
# was at most 0.03. A copy with as much noise added as it has signal still has one of 0.7.
ALIKE = 0.5
SKETCHED = 4096  # elements of a tensor that are compared, spread over it


class Seen:
    """What has been checked so far, to find copies of it."""

    def __init__(self) -> None:
        self._weights: dict[str, str] = {}
        self._sketches: list[tuple[str, int, NDArray[np.float64]]] = []
        self._images: dict[str, Cell] = {}

    def weights(self, name: str, seed: int, path: Path) -> list[str]:
        """Of which other checkpoint the generator of this one is, exactly or nearly, in words."""
        tensors = with_prefix(load_file(path), "generator.")
        sketch = _sketch(tensors)
        if (other := self._weights.setdefault(_digest(tensors), name)) != name:
            return [f"its weights are those of {other}"]
        alike = max(
            (
                (float(known @ sketch), other)
                for other, its_seed, known in self._sketches
                if its_seed != seed and len(known) == len(sketch)
            ),
            default=(0.0, ""),
        )
        self._sketches.append((name, seed, sketch))
        if alike[0] <= ALIKE:
            return []
        return [
            f"its weights are those of {alike[1]}, changed a little (correlation {alike[0]:.2f})"
        ]

    def images(self, cell: Cell, stack: NDArray[Any]) -> list[str]:
        """Whether a set, or an image of one, is that of another training, in words.

        Trainings of one seed that has hardly begun are alike, so of these whole sets are compared;
        and a generator that has failed makes images of one grey level, which say nothing.
        """
        for part in (stack, *stack):
            other = self._images.setdefault(sha256_array(part), cell)
            alike = other.run != cell.run and np.ptp(part)
            if alike and (part is stack or other.seed != cell.seed):
                return [f"it has images of sets/{other.set}, which is of another training"]
        return []


def _digest(tensors: dict[str, Tensor]) -> str:
    """Of tensors in whatever order."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tuple(tensor.shape)}".encode())
        digest.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _sketch(tensors: dict[str, Tensor]) -> NDArray[np.float64]:
    """Elements of the convolutions, each tensor of mean 0 and length 1, all together of length 1.

    The product of two sketches is the mean correlation of their tensors.
    """
    parts = []
    for _, tensor in sorted(tensors.items()):
        if tensor.ndim > 1:
            values = tensor.reshape(-1)[:: max(1, tensor.numel() // SKETCHED)].double().numpy()
            values = np.nan_to_num(values - values.mean())
            parts.append(values / max(float(np.linalg.norm(values)), np.finfo(float).tiny))
    return np.concatenate(parts) / np.sqrt(len(parts)) if parts else np.empty(0)
