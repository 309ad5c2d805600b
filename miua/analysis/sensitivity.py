"""Sensitivity: which metrics notice damage that is known, and which reward it.

One half of real images is the reference; the other, of other subjects, is damaged in steps. Level
0 is the untouched half. All damages and levels of a repeat share the same two halves, so that
levels differ by the damage alone.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from miua.analysis.noise_floor import check_table
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
from miua.errors import MiuaError
from miua.evaluation.records import COMPUTED
from miua.evaluation.splits import draw_splits
from miua.evaluation.subsets import Reading, SubsetTables
from miua.metrics.measures import (
    DIVERSITY,
    FD_LBP,
    FID,
    LBPV_TOTAL_DIFFERENCE,
    MUTUAL_INFORMATION,
    PSNR,
    STUDY_ELEMENTS,
    element_name,
)
from miua.progress import Progress

COLUMNS = ("degradation", "level", "amount", "unit", "repeat", "metric", "value", "status")
SUMMARY_COLUMNS = (
    "degradation",
    "metric",
    "levels",
    "spearman",
    "monotone",
    "direction",
    "first_level_beyond_floor",
    "response",
    "status",
)
ELEMENTS = tuple(element_name(element) for element in STUDY_ELEMENTS)
METRICS = (
    MUTUAL_INFORMATION.name,
    PSNR.name,
    FID.name,
    FD_LBP.name,
    DIVERSITY.name,
    *ELEMENTS,
    LBPV_TOTAL_DIFFERENCE.name,
)

AS_IT_SHOULD, WRONG_WAY, NO_RESPONSE = "as it should", "wrong way", "none"


def sensitivity(
    tables: SubsetTables, subjects: NDArray[np.int64], *, half: int, repeats: int, seed: int
) -> pd.DataFrame:
    """Every metric of METRICS for every damage, level and repeat: one row each, COLUMNS.

    Damages and their amounts are those of `miua.data.degradation`; collapse leaves out amounts
    that are no fewer images than a half has. amount is nan where level 0 has none on its scale.

    Args:
        tables: real images against themselves, `SubsetTables.of(images)`.
        subjects: each image's subject, (N,).
        half: images in the reference and in the damaged set, as `half_size` allows.
        repeats: how many splits; two or more, for the spread that level 0 shows.
        seed: of the splits and of all that is random in the damages.

    Raises:
        MiuaError: the halves do not fit.
    """
    splits = draw_splits(subjects, half, repeats, seed)
    images = tables.reference.images
    untouched = [_readings(tables, split.first, split.second) for split in splits]
    rows: list[tuple[object, ...]] = []

    def add(name: str, level: int, amount: float, unit: str, found: list[list[Reading]]) -> None:
        for split, readings in zip(splits, found, strict=True):
            rows.extend((name, level, amount, unit, split.repeat, *each) for each in readings)
        shown.advance(note=name)

    kept = [amount for amount in COLLAPSE_AMOUNTS if amount < half]
    levels = sum(1 + len(damage.amounts) for damage in IMAGE_DEGRADATIONS)
    levels += 1 + len(kept) + 1 + len(MEMORISATION_AMOUNTS)
    with Progress("Sensitivity", levels, "levels") as shown:
        for damage in IMAGE_DEGRADATIONS:
            add(damage.name, 0, damage.untouched, damage.unit, untouched)
            for level, amount in enumerate(damage.amounts, start=1):
                damaged = tables.against(damage.apply(images, amount, seed))
                found = [_readings(damaged, split.first, split.second) for split in splits]
                add(damage.name, level, amount, damage.unit, found)
        # These two rearrange images whose tables are there: no image is measured anew.
        add(COLLAPSE, 0, half, COLLAPSE_UNIT, untouched)
        for level, amount in enumerate(kept, start=1):
            found = [
                _readings(tables, split.first, collapse(split.second, amount, seed))
                for split in splits
            ]
            add(COLLAPSE, level, amount, COLLAPSE_UNIT, found)
        add(MEMORISATION, 0, 0, MEMORISATION_UNIT, untouched)
        for level, share in enumerate(MEMORISATION_AMOUNTS, start=1):
            found = [
                _readings(tables, split.first, memorise(split.second, split.first, share, seed))
                for split in splits
            ]
            add(MEMORISATION, level, share, MEMORISATION_UNIT, found)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def summarise_sensitivity(table: pd.DataFrame) -> pd.DataFrame:
    """One row for each damage and metric: SUMMARY_COLUMNS, in the table's order.

    All of it follows from each level's mean over the repeats. spearman: rank correlation of
    level and mean. monotone: "yes" if every level's mean is above, or every one below, that of
    the level before. direction: "rises" or "falls", by the sign of spearman.
    first_level_beyond_floor: the first level whose mean lies outside the range of level 0's
    single values.

    response: of the levels beyond that floor the metric must call every one worse than level 0:
    "as it should"; one that it calls better makes it "wrong way"; without any it is "none".
    Worse means lower for MI and PSNR, higher for FID, FD-LBP and the total LBPv difference,
    further from 0 for the difference in one LBPv element, further from 1 for diversity. The rule
    is the same for memorised copies, which are no improvement: there "wrong way" says that the
    metric rewards copying, and "none" that it is blind to it.

    Where a metric was not computed, status says why and the other columns are empty.

    Raises:
        MiuaError: the table is empty, lacks a column, or holds one repeat only.
    """
    check_table(table, COLUMNS, "sensitivity")
    if table["repeat"].nunique() < 2:
        raise MiuaError("The sensitivity table holds one repeat: level 0 shows no range.")
    rows = [
        (*key, *_summary(str(key[1]), group))
        for key, group in table.groupby(["degradation", "metric"], sort=False)
        if isinstance(key, tuple)
    ]
    summary = pd.DataFrame(rows, columns=list(SUMMARY_COLUMNS))
    return summary.astype({"first_level_beyond_floor": "Int64"})


def _readings(
    tables: SubsetTables, reference: NDArray[np.int64], other: NDArray[np.int64]
) -> list[Reading]:
    found = {reading.metric: reading for reading in tables.compare(reference, other)}
    return [found[metric] for metric in METRICS]


def _summary(metric: str, group: pd.DataFrame) -> tuple[object, ...]:
    means = group.groupby("level")["value"].mean()
    levels = len(means)
    reasons = group.loc[group["status"] != COMPUTED, "status"]
    if not reasons.empty:
        return levels, float("nan"), "", "", None, "", str(reasons.iloc[0])
    steps = np.diff(means)
    constant = not steps.any()
    spearman = float("nan") if constant else float(stats.spearmanr(means.index, means).statistic)
    direction = "rises" if spearman > 0 else "falls" if spearman < 0 else ""
    monotone = "yes" if levels > 1 and ((steps > 0).all() or (steps < 0).all()) else "no"
    floor = group.loc[group["level"] == 0, "value"]
    beyond = means[(means < floor.min()) | (means > floor.max())]
    first = int(beyond.index[0]) if len(beyond) else None
    worse = [_badness(metric, mean) > _badness(metric, means[0]) for mean in beyond]
    response = (AS_IT_SHOULD if all(worse) else WRONG_WAY) if worse else NO_RESPONSE
    return levels, spearman, monotone, direction, first, response, COMPUTED


def _badness(metric: str, value: float) -> float:
    """How far the metric calls a set bad, as those read it who use it."""
    if metric in (MUTUAL_INFORMATION.name, PSNR.name):
        return -value
    if metric == DIVERSITY.name:
        return abs(value - 1)
    return abs(value)
