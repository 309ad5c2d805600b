"""The tables of the experiments that train nothing and measure real images: all that they write.

Noise floor: a difference between synthetic sets that is smaller than this is none. It is the floor
of `miua.evaluation.floor`, by subject. Halves drawn by image, where images of one subject may lie
on both sides, show what that changes, and so do halves in the order of HC18's files, by head size.

Sensitivity: which metrics notice damage that is known, and which reward it. One half of real images
is the reference; the other, of other subjects, is damaged in steps. Level 0 is the untouched half.
All damages and levels of a repeat share their halves, so that levels differ by the damage alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from miua.analysis.benchmark import (
    ALPHA,
    FEWEST_REPEATS,
    paired_p,
    power_table,
    ranking_table,
)
from miua.analysis.clinician import holm
from miua.analysis.columns import AS_IT_SHOULD, COLUMNS, NO_RESPONSE, WRONG_WAY, framed
from miua.data import ReadingOptions, Skipped, read_stack, subjects_of
from miua.data import degradation as known
from miua.data.threads import in_threads, usable_cores
from miua.errors import MiuaError
from miua.evaluation.floor import MANY_SPLITS, FloorDraws, draw_floor
from miua.evaluation.measure import make_features, measured, one_blas_thread
from miua.evaluation.splits import FEWEST_SPLITS, Split, SplitBy, draw_splits, half_size
from miua.metrics import registry
from miua.metrics.comparison import Comparison, Extractors, Pairing, Side
from miua.metrics.records import COMPUTED, NOT_COMPUTED, MetricRecord
from miua.progress import Progress

Tables = dict[str, pd.DataFrame]
PAIRED = ("mutual_information", "psnr")
# What the sensitivity asks of: in the study, and in the benchmark.
SENSITIVITY_OF = (*PAIRED, "fid", "fd_lbp", "diversity", "lbpv", "lbpv_total_difference")
BENCHMARK_OF = tuple(name for name, entry in registry.REGISTRY.items() if entry.has_floor)
ASKED = (*PAIRED, "fid", "fd_lbp", "diversity", "lbpv_total_difference", "lbpv")
FLOOR_OF = (*ASKED, *registry.DEEP_METRICS)
BENCHMARK_DAMAGES = (*known.IMAGE_DEGRADATIONS, *known.CLINICAL_DEGRADATIONS)
PAIRINGS: tuple[Pairing, ...] = ("all", "index", "nearest")

Indices = NDArray[np.int64]
Reading = tuple[str, float, str]  # a metric, its value and status


@dataclass(frozen=True)
class MeasuredImages:
    """Real images against themselves: what was measured of them serves every table.

    half: images in each half. digest: SHA-256 of what was read. notes, skipped: as `ImageStack`
    has them.
    """

    whole: Comparison
    subjects: Indices
    half: int
    digest: str = ""
    notes: tuple[str, ...] = ()
    skipped: tuple[Skipped, ...] = ()

    @property
    def fid_status(self) -> str:
        """ "computed", or why FID is not."""
        why = self.whole.reference.extractors.missing.get(registry.INCEPTION)
        return COMPUTED if why is None else f"{NOT_COMPUTED}{why}"

    @property
    def workers(self) -> int:
        """Splits at a time; tables are the same for any number."""
        return self.whole.threads or usable_cores()


def measure_images(
    real: Path,
    reading: ReadingOptions,
    images: int | None,
    inception_weights: Path | None = None,
    threads: int | None = None,
) -> MeasuredImages:
    """Read a folder of real images, named as HC18's are.

    MiuaError: they cannot be read, or halves of so many `images` do not fit.
    """
    stack = read_stack(real, **vars(reading))
    subjects = subjects_of(stack.names)
    half = half_size(subjects, images)
    extractors = Extractors.ready(inception_weights=inception_weights)
    side = Side(stack.images, extractors, threads=threads or 0)
    whole = Comparison(side, side, resamples=0, threads=threads or 0)
    return MeasuredImages(whole, subjects, half, stack.digest, stack.notes, stack.skipped)


def noise_floor_tables(real: MeasuredImages, repeats: int, seed: int) -> Tables:
    """The noise floor: by the ending of its file's name, "" for the long table.

    The long table holds the first `repeats` splits of every metric; the summary is of all.
    """
    with one_blas_thread():
        found, pairing = floor_table(real, repeats, seed), pairing_table(real, repeats, seed)
    kinds = found[found["repeat"] < repeats].groupby("split", sort=False)
    by_split = [rows.sort_values("repeat", kind="stable") for _, rows in kinds]
    first = pd.concat(by_split, ignore_index=True)
    return {"": first, "-summary": summarise_noise_floor(found), "-pairing": pairing}


def sensitivity_tables(real: MeasuredImages, repeats: int, seed: int) -> Tables:
    """Sensitivity: by the ending of its file's name, "" for the long table."""
    with one_blas_thread():
        found = damage_table(real, repeats, seed)
    return {"": found, "-summary": summarise_sensitivity(found)}


def benchmark_tables(
    real: MeasuredImages,
    repeats: int,
    seed: int,
    *,
    damages: Sequence[known.ImageDegradation] = BENCHMARK_DAMAGES,
    metrics: Sequence[str] = BENCHMARK_OF,
) -> Tables:
    """The sensitivity of these metrics to these damages, to collapse and to copies, with detection
    power and ranking: by the ending of the file's name, "" for the long table.

    Three repeats or more. ValueError: fewer, or an unknown metric.
    """
    if repeats < FEWEST_REPEATS:
        raise ValueError(f"there must be {FEWEST_REPEATS} repeats or more, not {repeats}")
    with one_blas_thread():
        found = damage_table(real, repeats, seed, damages=damages, metrics=metrics)
    return {
        "": found,
        "-summary": summarise_sensitivity(found),
        "-power": power_table(found),
        "-ranking": ranking_table(found, seed=seed),
    }


def floor_table(real: MeasuredImages, repeats: int, seed: int) -> pd.DataFrame:
    """The floor by subject, by image and in the order of the files, one row a split and metric.

    Columns of tables/noise-floor.csv. shared_subjects is of the repeat's halves; a value is nan
    where the status says why. `repeats` splits of each kind are drawn for metrics that cost more,
    MANY_SPLITS or more for the others, and as many pairs of sets for MI and PSNR, means over all
    pairs.
    """
    parts: list[pd.DataFrame] = []
    for by in get_args(SplitBy):
        splits = _splits(real, repeats, seed, by)
        shared = np.array([split.shared_subjects for split in splits])
        for metric, draws in _floor(real, real.whole, FLOOR_OF, splits, repeats, seed).items():
            taken = len(draws.values)  # identical images may leave a draw of PSNR without pairs
            columns = {"split": by, "images": real.half, "repeat": np.arange(taken)}
            columns |= {"shared_subjects": shared[:taken], "metric": metric}
            parts.append(pd.DataFrame(columns | {"value": draws.values, "status": draws.status}))
    return pd.concat(parts, ignore_index=True)[list(COLUMNS["noise-floor"])]


def pairing_table(real: MeasuredImages, repeats: int, seed: int) -> pd.DataFrame:
    """The floor's mean MI and PSNR under three ways to pair: noise-floor-pairing.

    The study's text leaves open how images without a counterpart were paired. "all": every image of
    one set with every one of the other. "index": those of equal index, in random order. "nearest":
    each image of the second half with the nearest of the first (mean squared error),
    over `repeats` splits.
    """
    rows: list[tuple[str, str, float]] = []
    splits = _splits(real, repeats, seed)
    for pairing in PAIRINGS:
        paired = replace(real.whole, pairing=pairing)
        found = _floor(real, paired, PAIRED, splits, repeats, seed)
        rows += [(pairing, metric, float(draws.values.mean())) for metric, draws in found.items()]
    return framed("noise-floor-pairing", rows)


def damage_table(
    real: MeasuredImages,
    repeats: int,
    seed: int,
    *,
    damages: Sequence[known.ImageDegradation] = known.IMAGE_DEGRADATIONS,
    metrics: Sequence[str] = SENSITIVITY_OF,
) -> pd.DataFrame:
    """Every metric for every damage, level and repeat: one row each, tables/sensitivity.csv.

    Damages and their amounts are those of `miua.data.degradation`; collapse leaves out amounts
    that are no fewer images than a half has. amount is nan where level 0 has none on its scale.
    All damages share `repeats` splits, two or more, for the spread that level 0 shows. metrics: as
    the registry names them; of the LBP vector the study's elements are told.
    """
    whole, entries = real.whole, registry.entries_of(metrics)
    told = told_of(metrics)
    splits = draw_splits(real.subjects, real.half, repeats, seed)
    halves = [split.second for split in splits]
    used = np.unique(np.concatenate(halves))

    def readings(comparison: Comparison, others: list[Indices]) -> list[list[Reading]]:
        """Of every split's first half against the other images: each metric."""
        make_features((comparison.reference, comparison.synthetic), entries)
        pairs = len(comparison.reference) * len(comparison.synthetic)
        for entry in entries:
            # Tables hold all pairs; few and small halves are measured sooner without.
            if entry.of_pair is not None and pairs <= len(splits) * real.half**2:
                comparison.make_table(entry.of_pair)

        def of_split(pair: tuple[Split, Indices]) -> list[Reading]:
            split, other = pair
            found = measured(comparison.subset(split.first, other), entries)
            by_metric = {record.metric: record for record in found}
            return [_reading(by_metric[metric]) for metric in told]

        return list(in_threads(of_split, zip(splits, others, strict=True), real.workers))

    def damaged(damage: known.ImageDegradation, amount: float) -> list[list[Reading]]:
        images = damage.apply(whole.reference.images, amount, seed)[used]
        extractors, threads = whole.reference.extractors, whole.threads
        side = Side(images, extractors, threads=threads, keep=False)
        of_side = Comparison(whole.reference, side, resamples=0, seed=seed, threads=threads)
        return readings(of_side, [np.searchsorted(used, half) for half in halves])

    # These two rearrange images whose tables are there: no image is measured anew.
    def collapsed(kept: float) -> list[list[Reading]]:
        return readings(whole, [known.collapse(half, kept, seed) for half in halves])

    def memorised(share: float) -> list[list[Reading]]:
        others = [known.memorise(split.second, split.first, share, seed) for split in splits]
        return readings(whole, others)

    # Name and unit, amounts from level 0 on, and what measures all splits at an amount.
    steps: list[tuple[str, str, list[float], Callable[[float], list[list[Reading]]]]] = [
        (each.name, each.unit, [each.untouched, *each.amounts], partial(damaged, each))
        for each in damages
    ]
    fewer = [amount for amount in known.COLLAPSE_AMOUNTS if amount < real.half]
    copied = [0, *known.MEMORISATION_AMOUNTS]
    steps.append((known.COLLAPSE, known.COLLAPSE_UNIT, [real.half, *fewer], collapsed))
    steps.append((known.MEMORISATION, known.MEMORISATION_UNIT, copied, memorised))
    rows: list[tuple[object, ...]] = []
    count = sum(len(amounts) for _, _, amounts, _ in steps)
    with Progress("Sensitivity", count, "levels") as shown:
        untouched = readings(whole, halves)
        for name, unit, amounts, measure_at in steps:
            for level, amount in enumerate(amounts):
                found = measure_at(amount) if level else untouched
                for split, each in zip(splits, found, strict=True):
                    rows += [(name, level, amount, unit, split.repeat, *one) for one in each]
                shown.advance(note=name)
    return framed("sensitivity", rows)


def told_of(metrics: Sequence[str]) -> tuple[str, ...]:
    """The names in the tables of these entries' metrics, of the LBP vector the study's alone."""
    chosen = set(map(registry.element_name, registry.STUDY_ELEMENTS))
    return tuple(
        shown.name
        for entry in registry.entries_of(metrics)
        for shown in entry.shows
        if entry.name != "lbpv" or shown.name in chosen
    )


def summarise_noise_floor(table: pd.DataFrame) -> pd.DataFrame:
    """A row for each kind of split, half and metric, in the table's order: noise-floor-summary.

    mean, deviation (n - 1), mean_absolute (the expected size of a signed difference), low and high
    (2.5 and 97.5 percentiles over the repeats). There are no percentiles of a single split, nor of
    fewer than FEWEST_SPLITS where the images can be split in no other way. repeats: of how many
    splits, fewer for metrics that cost more. Numbers are nan where
    there are none, or where the status is not "computed".
    """
    rows: list[tuple[object, ...]] = []
    asked = table.groupby(["split", "metric"]).size().groupby("metric").max()
    for key, group in table.groupby(["split", "images", "metric"], sort=False):
        values = group["value"].to_numpy(np.float64)
        status = next((each for each in group["status"].unique() if each != COMPUTED), COMPUTED)
        deviation = values.std(ddof=1) if len(values) > 1 else np.nan
        spread = (values.mean(), deviation, np.abs(values).mean())
        enough = len(values) >= max(2, min(FEWEST_SPLITS, asked[str(key[2])]))
        ends = np.percentile(values, (2.5, 97.5)) if enough else (np.nan, np.nan)
        rows.append((*key, len(values), *spread, *ends, status))
    return framed("noise-floor-summary", rows)


def summarise_sensitivity(table: pd.DataFrame) -> pd.DataFrame:
    """One row for each damage and metric, in the table's order: sensitivity-summary.

    spearman, monotone and direction follow from each level's mean over the repeats. spearman: rank
    correlation of level and mean. monotone: "yes" if every level's mean is above, or every one
    below, that of the level before. direction: "rises" or "falls", by the sign of spearman.

    Levels share their halves, so each is compared with level 0 in pairs, by a t test at 5 % with
    Holm's adjustment over the levels. first_level_noticed: the first level that differs so.
    first_level_beyond_floor: the first whose mean also lies outside the range of level 0's single
    values, so that one set could show it.

    response: "as it should" where the metric calls every level that differs worse than level 0, as
    the registry says what is worse; "wrong way" where it calls one better; "none" without any. The
    same holds of memorised copies, which are no improvement: there "wrong way" says that
    the metric rewards copying, and "none" that it is blind to it.

    Where a metric was not computed, status says why. MiuaError: the table holds one repeat only.
    """
    if table["repeat"].nunique() < 2:
        raise MiuaError("The sensitivity table holds one repeat: level 0 shows no range.")
    rows = [
        (damage, metric, *_summary(str(metric), group))
        for (damage, metric), group in table.groupby(["degradation", "metric"], sort=False)
    ]
    summary = framed("sensitivity-summary", rows)
    return summary.astype({"first_level_noticed": "Int64", "first_level_beyond_floor": "Int64"})


def _summary(metric: str, group: pd.DataFrame) -> tuple[object, ...]:
    means = group.groupby("level")["value"].mean()
    levels = len(means)
    if missing := [status for status in group["status"] if status != COMPUTED]:
        return levels, np.nan, "", "", None, None, "", missing[0]
    steps = np.diff(means)
    spearman = float(stats.spearmanr(means.index, means).statistic) if steps.any() else np.nan
    direction = "rises" if spearman > 0 else "falls" if spearman < 0 else ""
    monotone = "yes" if levels > 1 and ((steps > 0).all() or (steps < 0).all()) else "no"
    floor = group.loc[group["level"] == 0, "value"]
    beyond = means[(means < floor.min()) | (means > floor.max())]
    wide = group.pivot(index="repeat", columns="level", values="value").to_numpy()
    p_values = holm(np.array([paired_p(of_level, wide[:, 0]) for of_level in wide.T[1:]]))
    noticed = means.iloc[1:][p_values <= ALPHA]
    better = registry.measure(metric).better
    worse = [
        badness > registry.badness(means[0], better)
        for badness in registry.badness(noticed.to_numpy(), better)
    ]
    response = (AS_IT_SHOULD if all(worse) else WRONG_WAY) if worse else NO_RESPONSE
    first = (int(each.index[0]) if len(each) else None for each in (noticed, beyond))
    return levels, spearman, monotone, direction, *first, response, COMPUTED


def _splits(real: MeasuredImages, repeats: int, seed: int, by: SplitBy = "subject") -> list[Split]:
    return draw_splits(real.subjects, real.half, max(repeats, MANY_SPLITS), seed, by)


def _floor(
    real: MeasuredImages,
    whole: Comparison,
    metrics: tuple[str, ...],
    splits: list[Split],
    repeats: int,
    seed: int,
) -> dict[str, FloorDraws]:
    """What is drawn of each metric over splits of one kind."""
    groups = real.subjects if splits[0].by == "subject" else np.arange(len(real.subjects))
    entries = registry.entries_of(metrics)
    return draw_floor(whole, splits, groups, entries, few=repeats, seed=seed, workers=real.workers)


def _reading(record: MetricRecord) -> Reading:
    """The value, nan where the status says why: identical pairs have an infinite PSNR."""
    if record.value is None:
        return record.metric, float("nan"), record.status
    if not np.isfinite(record.value):
        return record.metric, float("nan"), f"{NOT_COMPUTED}all pairs are identical"
    return record.metric, record.value, COMPUTED
