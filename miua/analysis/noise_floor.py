"""The noise floor: what each metric reads on real images against other real images.

A difference between synthetic sets that is smaller than this is none. Real images are split again
and again into two disjoint halves. Images of one subject resemble each other, so a subject's
images must not lie on both sides; halves drawn by image, where they do, show what that changes.
So do halves that are not drawn but cut off in the order of the files: HC18's files go by head size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from miua.errors import MiuaError
from miua.metrics.evaluate import COMPUTED
from miua.metrics.subsets import SubsetTables, finite_mean
from miua.progress import progress

SplitBy = Literal["subject", "image", "order"]

COLUMNS = ("split", "images", "repeat", "shared_subjects", "metric", "value", "status")
SUMMARY_COLUMNS = (
    "split",
    "images",
    "metric",
    "repeats",
    "mean",
    "deviation",
    "mean_absolute",
    "low",
    "high",
    "status",
)
PAIRING_COLUMNS = ("pairing", "metric", "value")
# The half that the study's 800 real images have.
STUDY_HALF = 400
FEWEST_IMAGES = 2


@dataclass(frozen=True)
class Split:
    """Two disjoint halves of a stack, as indices, equally many in each.

    Attributes:
        by: what was drawn, whole "subject"s or single "image"s; or "order", where nothing was.
        repeat: 0, 1, ...
        first, second: indices of images, (half,) each, in random order.
        shared_subjects: how many subjects have images in both halves; 0 by subject.
    """

    by: SplitBy
    repeat: int
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    shared_subjects: int


def half_size(subjects: NDArray[np.int64], images: int | None = None) -> int:
    """How many images a half has: `images` if they fit, or as many as fit, up to 400.

    A half takes whole subjects, and of the last one as many images as it lacks; the rest of
    that subject's images are in neither half. So much must be there whatever the draw.

    Raises:
        MiuaError: too few images or subjects.
    """
    _, counts = np.unique(subjects, return_counts=True)
    fits = (len(subjects) - (int(counts.max(initial=1)) - 1)) // 2
    have = f"{len(subjects)} images of {len(counts)} subject{'s' if len(counts) != 1 else ''}"
    if len(counts) < 2 or fits < FEWEST_IMAGES:
        raise MiuaError(
            f"{have} are too few: two halves of at least {FEWEST_IMAGES} images are needed "
            "that share no subject. Give more images."
        )
    if images is None:
        return min(fits, STUDY_HALF)
    if not FEWEST_IMAGES <= images <= fits:
        raise MiuaError(
            f"Halves of {images} images cannot be drawn from {have}: from {FEWEST_IMAGES} to "
            f"{fits} images fit in each half without sharing a subject. Choose --images there."
        )
    return images


def draw_splits(
    subjects: NDArray[np.int64], half: int, repeats: int, seed: int, by: SplitBy = "subject"
) -> list[Split]:
    """Draw `repeats` splits into halves of `half` images, as `half_size` allows.

    Args:
        subjects: each image's subject, (N,).
        half: images in each half.
        repeats: how many splits; those of fewer are the first of more.
        seed: of the draw.
        by: whole subjects; or images whatever their subject; or "order", for the first images and
            those that follow them, of which there is one split, whatever `repeats` says.

    Raises:
        MiuaError: the halves do not fit.
    """
    if by not in get_args(SplitBy):
        raise ValueError(f"by must be 'subject', 'image' or 'order', not {by!r}")
    if repeats < 1:
        raise ValueError(f"repeats must be at least 1, not {repeats}")
    half = half_size(subjects, half)
    if by == "order":
        repeats = 1
    return [_draw(subjects, half, repeat, seed, by) for repeat in range(repeats)]


def noise_floor(tables: SubsetTables, splits: Sequence[Split]) -> pd.DataFrame:
    """Every metric of each split's second half against its first: one row each, COLUMNS.

    Args:
        tables: real images against themselves, `SubsetTables.of(images)`.
        splits: what `draw_splits` draws, of either kind or both.

    MI and PSNR are means over all pairs; `lbpv_total_difference` is the sum of the 256 absolute
    LBPv differences. FID without weights is nan with a status that says why.
    """
    rows = [
        (split.by, len(split.first), split.repeat, split.shared_subjects, *reading)
        for split in progress(splits, "Noise floor", "splits")
        for reading in tables.compare(split.first, split.second)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def summarise_noise_floor(table: pd.DataFrame) -> pd.DataFrame:
    """One row for each kind of split, half and metric: SUMMARY_COLUMNS, in the table's order.

    mean, deviation (n - 1), mean_absolute (of the values, so the expected size of a signed
    difference), low and high (2.5 and 97.5 percentiles over the repeats). Numbers are nan where
    the status is not "computed".

    Raises:
        MiuaError: the table is empty or lacks a column.
    """
    check_table(table, COLUMNS, "noise floor")
    rows = []
    for key, group in table.groupby(["split", "images", "metric"], sort=False):
        values = group["value"].to_numpy(dtype=np.float64)
        reasons = group.loc[group["status"] != COMPUTED, "status"]
        status = COMPUTED if reasons.empty else str(reasons.iloc[0])
        low, high = np.percentile(values, (2.5, 97.5))
        deviation = values.std(ddof=1) if len(values) > 1 else float("nan")
        numbers = (values.mean(), deviation, np.abs(values).mean(), low, high)
        assert isinstance(key, tuple)
        rows.append((*key, len(values), *numbers, status))
    return pd.DataFrame(rows, columns=list(SUMMARY_COLUMNS))


def pairing_effect(tables: SubsetTables, splits: Sequence[Split]) -> pd.DataFrame:
    """MI and PSNR of real against real images under three ways to pair: PAIRING_COLUMNS.

    The study does not say how it paired images that have no counterpart. "all": every image of
    the second half with every one of the first. "index": those of equal index, in random order.
    "nearest": each image of the second half with the one of the first that differs least from
    it (mean squared error). Means over the splits; identical pairs are left out of PSNR.
    """
    if not splits:
        raise ValueError("splits must not be empty")
    rows: dict[tuple[str, str], list[float]] = {}
    for split in splits:
        pairs = np.ix_(split.first, split.second)
        information, decibels = tables.information[pairs], tables.decibels[pairs]
        each = np.arange(len(split.second))
        partners = {"all": each[:, None], "index": each, "nearest": decibels.argmax(axis=0)}
        for pairing, partner in partners.items():
            chosen = information[partner, each], decibels[partner, each]
            rows.setdefault((pairing, "mutual_information"), []).append(float(chosen[0].mean()))
            rows.setdefault((pairing, "psnr"), []).append(finite_mean(chosen[1]))
    means = [(*key, float(np.mean(values))) for key, values in rows.items()]
    return pd.DataFrame(means, columns=list(PAIRING_COLUMNS))


def check_table(table: pd.DataFrame, columns: Sequence[str], name: str) -> None:
    """MiuaError unless the table has these columns and rows."""
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise MiuaError(f"The {name} table lacks the column {', '.join(missing)}. Make it again.")
    if table.empty:
        raise MiuaError(f"The {name} table has no rows. Make it again.")


def _draw(subjects: NDArray[np.int64], half: int, repeat: int, seed: int, by: SplitBy) -> Split:
    # The last number keeps these draws apart from others of the same seed.
    draw = np.random.default_rng([seed, repeat, 1])
    if by != "subject":
        every = np.arange(len(subjects))
        order = draw.permutation(every) if by == "image" else every
        first, second = order[:half], order[half : 2 * half]
    else:
        unique, inverse = np.unique(subjects, return_inverse=True)
        place = draw.permutation(len(unique))[inverse]  # each image's place in line: its subject's
        order = np.argsort(place, kind="stable")
        first = order[:half]
        second = order[place[order] > place[first[-1]]][:half]
        # A subject's images stand together in line; pairs of equal index must not.
        first, second = draw.permutation(first), draw.permutation(second)
    shared = np.intersect1d(subjects[first], subjects[second]).size
    return Split(by, repeat, first, second, int(shared))
