"""The tables of the experiments that train nothing and measure real images: all that they write."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from miua.analysis import noise_floor, sensitivity
from miua.data import ReadingOptions, Skipped, read_stack, subjects_of
from miua.data.degradation import (
    COLLAPSE,
    COLLAPSE_AMOUNTS,
    COLLAPSE_UNIT,
    IMAGE_DEGRADATIONS,
    MEMORISATION,
    MEMORISATION_AMOUNTS,
    MEMORISATION_UNIT,
    collapse,
    memorise,
)
from miua.data.threads import in_threads, usable_cores
from miua.evaluation.floor import draw_floor
from miua.evaluation.measure import make_features, measured
from miua.evaluation.splits import Split, SplitBy, draw_splits, half_size
from miua.metrics.blas import one_blas_thread
from miua.metrics.comparison import Comparison, Extractors, Pairing, Side
from miua.metrics.records import COMPUTED, NOT_COMPUTED, MetricRecord
from miua.metrics.registry import INCEPTION, entries_of
from miua.progress import Progress

Tables = dict[str, pd.DataFrame]
ASKED = (
    "mutual_information",
    "psnr",
    "fid",
    "fd_lbp",
    "diversity",
    "lbpv_total_difference",
    "lbpv",
)
PAIRINGS: tuple[Pairing, ...] = ("all", "index", "nearest")


@dataclass(frozen=True)
class MeasuredImages:
    """Real images against themselves: what was measured of them serves every table.

    half: images in each half. subjects: of each image. digest: SHA-256 of what was read. skipped:
    the bad files that were left out.
    """

    whole: Comparison
    subjects: NDArray[np.int64]
    half: int
    digest: str
    skipped: tuple[Skipped, ...]

    @property
    def fid_status(self) -> str:
        """ "computed", or why FID is not."""
        missing = self.whole.reference.extractors.missing
        return f"{NOT_COMPUTED}{missing[INCEPTION]}" if INCEPTION in missing else COMPUTED


def measure_images(
    real: Path,
    reading: ReadingOptions,
    images: int | None,
    *,
    inception_weights: Path | None = None,
    threads: int | None = None,
) -> MeasuredImages:
    """Read a folder of real images, named as HC18's are.

    Raises:
        MiuaError: they cannot be read, or halves of so many `images` do not fit.
    """
    stack = read_stack(real, **vars(reading))
    subjects = subjects_of(stack.names)
    half = half_size(subjects, images)
    extractors = Extractors.ready(inception_weights=inception_weights)
    side = Side(stack.images, extractors, threads=threads or 0)
    whole = Comparison(side, side, resamples=0, threads=threads or 0)
    return MeasuredImages(whole, subjects, half, stack.digest, stack.skipped)


def noise_floor_tables(measured: MeasuredImages, repeats: int, seed: int) -> Tables:
    """The noise floor: by the ending of its file's name, "" for the long table."""
    whole, subjects, half = measured.whole, measured.subjects, measured.half
    scale = {"half": half, "repeats": repeats, "seed": seed}
    workers = whole.threads or usable_cores()
    with one_blas_thread():
        found = floor_table(whole, subjects, **scale, workers=workers)
        pairing = pairing_table(whole, subjects, **scale)
    return {"": found, "-summary": noise_floor.summarise_noise_floor(found), "-pairing": pairing}


def sensitivity_tables(measured: MeasuredImages, repeats: int, seed: int) -> Tables:
    """Sensitivity: by the ending of its file's name, "" for the long table."""
    workers = measured.whole.threads or usable_cores()
    with one_blas_thread():
        found = damage_table(
            measured.whole,
            measured.subjects,
            half=measured.half,
            repeats=repeats,
            seed=seed,
            workers=workers,
        )
    return {"": found, "-summary": sensitivity.summarise_sensitivity(found)}


def floor_table(
    whole: Comparison,
    subjects: NDArray[np.int64],
    *,
    half: int,
    repeats: int,
    seed: int,
    workers: int = 1,
) -> pd.DataFrame:
    """The floor by subject, by image and in the order of the files: `noise_floor.COLUMNS`.

    Args:
        whole: real images against themselves.
        subjects: each image's subject, (N,).
        half: images in each half, as `half_size` allows.
        repeats: how many splits of each kind, and as many pairs of sets for MI and PSNR.
        seed: of all draws.
        workers: splits at a time; the table is the same for any number.

    MI and PSNR are means over all pairs; shared_subjects is of the repeat's halves.
    `lbpv_total_difference` is the sum of the 256 absolute LBPv differences. FID without weights is
    nan with a status that says why.
    """
    rows: list[tuple[object, ...]] = []
    for by in get_args(SplitBy):
        splits = draw_splits(subjects, half, repeats, seed, by)
        groups = subjects if by == "subject" else np.arange(len(subjects))
        found = draw_floor(
            whole,
            splits,
            groups,
            entries_of(ASKED),
            pair_draws=len(splits),
            seed=seed,
            workers=workers,
        )
        rows += [
            (by, half, place, split.shared_subjects, metric, draws.values[place], draws.status)
            for place, split in enumerate(splits)
            for metric, draws in found.items()
            if place < len(draws.values)  # identical images may leave a draw of PSNR without pairs
        ]
    return pd.DataFrame(rows, columns=list(noise_floor.COLUMNS))


def pairing_table(
    whole: Comparison, subjects: NDArray[np.int64], *, half: int, repeats: int, seed: int
) -> pd.DataFrame:
    """The floor's mean MI and PSNR under three ways to pair: `noise_floor.PAIRING_COLUMNS`.

    The study does not say how it paired images that have no counterpart. "all": every image of
    one set with every one of the other. "index": those of equal index, in random order. "nearest":
    each image of the second half with the one of the first that differs least from it (mean squared
    error). Parameters are those of `floor_table`.
    """
    splits = draw_splits(subjects, half, repeats, seed)
    rows: list[tuple[str, str, float]] = []
    for pairing in PAIRINGS:
        paired = Comparison(
            whole.reference,
            whole.synthetic,
            pairing=pairing,
            resamples=0,
            threads=whole.threads,
            tables=whole.tables,
        )
        found = draw_floor(
            paired,
            splits,
            subjects,
            entries_of(ASKED[:2]),
            pair_draws=len(splits),
            seed=seed,
            workers=1,
        )
        rows += [(pairing, metric, float(draws.values.mean())) for metric, draws in found.items()]
    return pd.DataFrame(rows, columns=list(noise_floor.PAIRING_COLUMNS))


def damage_table(
    whole: Comparison,
    subjects: NDArray[np.int64],
    *,
    half: int,
    repeats: int,
    seed: int,
    workers: int = 1,
) -> pd.DataFrame:
    """Every metric for every damage, level and repeat: one row each, `sensitivity.COLUMNS`.

    Damages and their amounts are those of `miua.data.degradation`; collapse leaves out amounts
    that are no fewer images than a half has. amount is nan where level 0 has none on its scale.

    Args:
        whole: real images against themselves.
        subjects: each image's subject, (N,).
        half: images in the reference and in the damaged set, as `half_size` allows.
        repeats: how many splits; two or more, for the spread that level 0 shows.
        seed: of the splits and of all that is random in the damages.
        workers: splits at a time; the table is the same for any number.

    Raises:
        MiuaError: the halves do not fit.
    """
    splits = draw_splits(subjects, half, repeats, seed)
    entries = entries_of(ASKED)
    images, extractors = whole.reference.images, whole.reference.extractors

    def readings(
        comparison: Comparison, others: list[NDArray[np.int64]]
    ) -> list[list[tuple[str, float, str]]]:
        """Each metric with its value and status, for every split."""
        make_features((comparison.reference, comparison.synthetic), entries)
        for entry in entries:
            if entry.of_pair is not None:
                comparison.make_table(entry.of_pair)

        def of_split(drawn: tuple[Split, NDArray[np.int64]]) -> list[tuple[str, float, str]]:
            found = measured(comparison.subset(drawn[0].first, drawn[1]), entries)
            by_metric = {record.metric: record for record in found}
            return [_reading(metric, by_metric[metric]) for metric in sensitivity.METRICS]

        return list(in_threads(of_split, zip(splits, others, strict=True), workers))

    def levels() -> Iterator[tuple[str, int, float, str, list[list[tuple[str, float, str]]]]]:
        halves = [split.second for split in splits]
        untouched = readings(whole, halves)
        for damage in IMAGE_DEGRADATIONS:
            yield damage.name, 0, damage.untouched, damage.unit, untouched
            for level, amount in enumerate(damage.amounts, start=1):
                side = Side(
                    damage.apply(images, amount, seed),
                    extractors,
                    threads=whole.threads,
                    keep=False,
                )
                damaged = Comparison(
                    whole.reference, side, resamples=0, seed=seed, threads=whole.threads
                )
                yield damage.name, level, amount, damage.unit, readings(damaged, halves)
        # These two rearrange images whose tables are there: no image is measured anew.
        yield COLLAPSE, 0, half, COLLAPSE_UNIT, untouched
        for level, amount in enumerate(kept, start=1):
            others = [collapse(split.second, amount, seed) for split in splits]
            yield COLLAPSE, level, amount, COLLAPSE_UNIT, readings(whole, others)
        yield MEMORISATION, 0, 0, MEMORISATION_UNIT, untouched
        for level, share in enumerate(MEMORISATION_AMOUNTS, start=1):
            others = [memorise(split.second, split.first, share, seed) for split in splits]
            yield MEMORISATION, level, share, MEMORISATION_UNIT, readings(whole, others)

    kept = [amount for amount in COLLAPSE_AMOUNTS if amount < half]
    count = sum(1 + len(damage.amounts) for damage in IMAGE_DEGRADATIONS)
    count += 1 + len(kept) + 1 + len(MEMORISATION_AMOUNTS)
    rows: list[tuple[object, ...]] = []
    with Progress("Sensitivity", count, "levels") as shown:
        for *level_of, found in levels():
            for split, each in zip(splits, found, strict=True):
                rows.extend((*level_of, split.repeat, *reading) for reading in each)
            shown.advance(note=str(level_of[0]))
    return pd.DataFrame(rows, columns=list(sensitivity.COLUMNS))


def _reading(metric: str, record: MetricRecord) -> tuple[str, float, str]:
    """The value, nan where the status says why: identical pairs have an infinite PSNR."""
    if record.value is None:
        return metric, float("nan"), record.status
    if not np.isfinite(record.value):
        return metric, float("nan"), f"{NOT_COMPUTED}all pairs are identical"
    return metric, record.value, COMPUTED
