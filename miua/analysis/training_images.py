"""What a training of the study learned from, and how it may have shown it to its networks."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from miua.config import TrainingConfig
from miua.data.stack import subset
from miua.errors import MiuaError
from miua.files import read_array, read_json
from miua.metrics.memorisation import ROTATIONS
from miua.study.plan import Cell
from miua.study.store import Results

Named = tuple[NDArray[np.uint8], list[str]]  # images and the names of their files


def read_stack(path: Path) -> NDArray[np.uint8]:
    """An image stack, checked: uint8 (N, H, W). MiuaError: it is none."""
    stack = read_array(path)
    if stack.dtype != np.uint8 or stack.ndim != 3 or not len(stack):
        raise MiuaError(f"{path} holds {stack.dtype} {stack.shape}, not a uint8 (N, H, W) stack.")
    return stack


def read_named(folder: Path) -> Named:
    """The images of a folder of real/ or unseen/, and their names. MiuaError: it is damaged."""
    stack, names = read_stack(folder / "images.npy"), read_json(folder / "names.json")
    if not isinstance(names, list) or len(names) != len(stack):
        raise MiuaError(
            f"{folder / 'names.json'} does not name {len(stack)} images. Make it again."
        )
    return stack, [str(name) for name in names]


def training_images(results: Results, chosen: Cell, config: TrainingConfig, real: Named) -> Named:
    """What a set's training learned from. MiuaError: there are too few images."""
    stack, names = real
    size = len(stack) if config.training_size is None else config.training_size
    if size > len(stack):
        folder = results.real(chosen.preparation)
        raise MiuaError(
            f"{folder} holds {len(stack)} images, but {chosen.set} learned from {size}."
        )
    order = subset(len(stack), size, config.seed)
    return stack[order], [names[index] for index in order]


def orientations(config: TrainingConfig) -> dict[str, Any]:
    """How a training may have shown its images: rotations and flip, as the search takes them."""
    turned = config.augmentation
    return {
        "rotations": [each for each in ROTATIONS if abs(each) <= turned.rotation],
        "flip": turned.flip,
    }
