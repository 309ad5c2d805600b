"""Synthetic images beside the training images nearest to them: does a network copy?"""

from typing import NamedTuple

from miua.analysis.columns import UNSEEN_COPIES, study_table
from miua.analysis.training_images import orientations, read_named, training_images
from miua.charts.pictures import Picture, picture
from miua.config import TrainingConfig, read_config
from miua.data.hc18 import subjects_of
from miua.metrics.contact_sheet import in_words
from miua.metrics.memorisation import Memorisation, find_copies
from miua.metrics.registry import COMPUTED
from miua.metrics.variants import transformed
from miua.progress import progress
from miua.report.image_figures import read_set
from miua.study.plan import Cell
from miua.study.store import Results
from miua.wording import number, p_value

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
    real = read_named(results.real(chosen.preparation))
    training, names = training_images(results, chosen, config, real)
    found = find_copies(training, synthetic, subjects_of(names), **orientations(config))
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
    return SetPairs(chosen, pairs, f"{_sentence(found)} {_beside_unseen(results, chosen)}")


def _sentence(found: Memorisation) -> str:
    images = len(found.index)
    if found.status != COMPUTED:
        return f"Which of the {images} images are copies was {found.status}."
    return (
        f"{len(found.flagged)} of {images} images are copies; chance alone would make "
        f"{found.expected_false_alarms:.2g}. A copy has a relative distance below "
        f"{number(found.threshold, 2)}."
    )


def _beside_unseen(results: Results, chosen: Cell) -> str:
    """How many images of a set lie nearer to its training images than to unseen ones."""
    table = study_table(results, UNSEEN_COPIES)
    row = None if table is None else table[table["set"] == chosen.set].iloc[0]
    if row is None or row["status"] != COMPUTED:
        why = "not computed: no set was measured so" if row is None else row["status"]
        return f"Whether they lie nearer to training images than to unseen ones was {why}."
    by_chance = f"{number(100 * row['low'], 0)} to {number(100 * row['high'], 0)} %"
    return (
        f"Of {int(row['images'])} training images and as many that no training saw, the nearest is "
        f"a training image for {number(100 * row['share'], 0)} % of the images; chance gives "
        f"{by_chance} (p {'' if row['p_value'] < 0.001 else '= '}{p_value(row['p_value'])})."
    )
