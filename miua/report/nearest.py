"""Synthetic images beside the training images nearest to them: does a network copy?"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from miua.charts.pictures import Picture, picture
from miua.config import TrainingConfig, read_config
from miua.data.hc18 import subjects_of
from miua.data.stack import subset
from miua.errors import MiuaError
from miua.files import read_json
from miua.metrics.contact_sheet import in_words
from miua.metrics.memorisation import ROTATIONS, Memorisation, find_copies
from miua.metrics.registry import COMPUTED
from miua.metrics.variants import transformed
from miua.progress import progress
from miua.report.image_figures import read_set, read_stack
from miua.study.plan import Cell
from miua.study.store import Results
from miua.wording import number

PAIRS = 6  # of a set, the likeliest copies first


class Pair(NamedTuple):
    """A synthetic image and the training image nearest to it, turned as it lies nearest.

    synthetic: its place in the set, from 0. training: the file of the other. distance: root mean
    squared difference, grey levels; relative: that over the distance to another subject's image.
    """

    synthetic: int
    training: str
    pictures: tuple[Picture, Picture]
    turned: str
    distance: str
    relative: str
    copied: bool


class SetPairs(NamedTuple):
    """The pairs of one set. sentence: what was found in all of it, or why there are none."""

    chosen: Cell
    pairs: list[Pair]
    sentence: str


def nearest_pairs(results: Results) -> list[SetPairs]:
    """The nearest pairs of the last set of every training size."""
    sizes = progress(results.training_sizes, "Nearest pairs", "sets")
    return [_of_set(results, results.cell(size, results.epochs[-1])) for size in sizes]


def _of_set(results: Results, chosen: Cell) -> SetPairs:
    synthetic = read_set(results, chosen.set)
    if synthetic is None:
        return SetPairs(chosen, [], "The training diverged: there is no set.")
    config = read_config(results.run(chosen.run) / "config.yaml", TrainingConfig)
    training, names = _training_images(results, chosen, config)
    found = find_copies(
        training,
        synthetic,
        subjects_of(names),
        rotations=[each for each in ROTATIONS if abs(each) <= config.augmentation.rotation],
        flip=config.augmentation.flip,
    )
    pairs = []
    for index in found.closest[:PAIRS].tolist():
        nearest = int(found.index[index])
        flipped, rotation = bool(found.flipped[index]), float(found.rotation[index])
        turned = transformed(training[nearest : nearest + 1], flipped, rotation)[0]
        pair = Pair(
            synthetic=index,
            training=names[nearest],
            pictures=(picture(synthetic[index]), picture(turned)),
            turned=in_words(flipped, rotation),
            distance=number(found.distance[index], 1),
            relative=number(found.relative_distance[index], 2),
            copied=index in found.flagged,
        )
        pairs.append(pair)
    return SetPairs(chosen, pairs, _sentence(found))


def _training_images(
    results: Results, chosen: Cell, config: TrainingConfig
) -> tuple[NDArray[np.uint8], list[str]]:
    """What the run learned from, and the files' names."""
    folder = results.real(chosen.preparation)
    stack, names = read_stack(folder / "images.npy"), read_json(folder / "names.json")
    if not isinstance(names, list) or len(names) != len(stack):
        raise MiuaError(
            f"{folder / 'names.json'} does not name {len(stack)} images. Make it again."
        )
    size = len(stack) if config.training_size is None else config.training_size
    if size > len(stack):
        raise MiuaError(
            f"{folder} holds {len(stack)} images, but {chosen.set} learned from {size}."
        )
    order = subset(len(stack), size, config.seed)
    return stack[order], [str(names[index]) for index in order]


def _sentence(found: Memorisation) -> str:
    images = len(found.index)
    if found.status != COMPUTED:
        return f"Which of the {images} images are copies was {found.status}."
    return (
        f"{len(found.flagged)} of {images} images are copies; chance alone would make "
        f"{found.expected_false_alarms:.2g}. A copy has a relative distance below "
        f"{number(found.threshold, 2)}."
    )
