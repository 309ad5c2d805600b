"""The tables of the experiments that train nothing and measure real images: all that they write."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from miua.analysis.noise_floor import noise_floor, pairing_effect, summarise_noise_floor
from miua.analysis.sensitivity import sensitivity, summarise_sensitivity
from miua.data import read_stack, subjects_of
from miua.evaluation.splits import draw_splits, half_size
from miua.evaluation.subsets import Instruments, SubsetTables

Tables = dict[str, pd.DataFrame]


@dataclass(frozen=True)
class MeasuredImages:
    """Real images, measured against themselves.

    half: images in each half. subjects: of each image. digest: SHA-256 of what was read.
    fid_status: "computed", or why FID is not.
    """

    tables: SubsetTables
    subjects: NDArray[np.int64]
    half: int
    digest: str
    fid_status: str


def measure_images(
    real: Path,
    size: int,
    images: int | None,
    *,
    inception_weights: Path | None = None,
    threads: int | None = None,
) -> MeasuredImages:
    """Read a folder of real images, named as HC18's are, at `size` pixels and measure them.

    Raises:
        MiuaError: they cannot be read, or halves of so many `images` do not fit.
    """
    stack = read_stack(real, size)
    subjects = subjects_of(stack.names)
    half = half_size(subjects, images)
    instruments = Instruments.ready(inception_weights=inception_weights, threads=threads or 0)
    tables = SubsetTables.of(stack.images, instruments)
    return MeasuredImages(tables, subjects, half, stack.digest, instruments.fid_status)


def noise_floor_tables(measured: MeasuredImages, repeats: int, seed: int) -> Tables:
    """The noise floor: by the ending of its file's name, "" for the long table."""
    drawn = [
        draw_splits(measured.subjects, measured.half, repeats, seed, by=by)
        for by in ("subject", "image", "order")
    ]
    found = noise_floor(measured.tables, [split for splits in drawn for split in splits])
    return {
        "": found,
        "-summary": summarise_noise_floor(found),
        "-pairing": pairing_effect(measured.tables, drawn[0]),
    }


def sensitivity_tables(measured: MeasuredImages, repeats: int, seed: int) -> Tables:
    """Sensitivity: by the ending of its file's name, "" for the long table."""
    found = sensitivity(
        measured.tables, measured.subjects, half=measured.half, repeats=repeats, seed=seed
    )
    return {"": found, "-summary": summarise_sensitivity(found)}
