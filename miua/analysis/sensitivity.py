"""Sensitivity: which metrics notice damage that is known, and which reward it.

One half of real images is the reference; the other, of other subjects, is damaged in steps. Level
0 is the untouched half. All damages and levels of a repeat share the same two halves, so that
levels differ by the damage alone.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from miua.analysis.noise_floor import check_table
from miua.errors import MiuaError
from miua.metrics.records import COMPUTED
from miua.metrics.registry import (
    DIVERSITY,
    FD_LBP,
    FID,
    LBPV_TOTAL_DIFFERENCE,
    MUTUAL_INFORMATION,
    PSNR,
    STUDY_ELEMENTS,
    badness,
    element_name,
    measure,
)

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
METRICS = (
    MUTUAL_INFORMATION.name,
    PSNR.name,
    FID.name,
    FD_LBP.name,
    DIVERSITY.name,
    *map(element_name, STUDY_ELEMENTS),
    LBPV_TOTAL_DIFFERENCE.name,
)

AS_IT_SHOULD, WRONG_WAY, NO_RESPONSE = "as it should", "wrong way", "none"


def summarise_sensitivity(table: pd.DataFrame) -> pd.DataFrame:
    """One row for each damage and metric: SUMMARY_COLUMNS, in the table's order.

    All of it follows from each level's mean over the repeats. spearman: rank correlation of
    level and mean. monotone: "yes" if every level's mean is above, or every one below, that of
    the level before. direction: "rises" or "falls", by the sign of spearman.
    first_level_beyond_floor: the first level whose mean lies outside the range of level 0's
    single values.

    response: of the levels beyond that floor the metric must call every one worse than level 0:
    "as it should"; one that it calls better makes it "wrong way"; without any it is "none".
    What is worse says the registry: lower for MI and PSNR, higher for FID, FD-LBP and the total
    LBPv difference, further from 0 for one LBPv element, further from 1 for diversity. The rule is
    the same for memorised copies, which are no improvement: there "wrong way" says that the
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
    better = measure(metric).better
    worse = [badness(mean, better) > badness(means[0], better) for mean in beyond]
    response = (AS_IT_SHOULD if all(worse) else WRONG_WAY) if worse else NO_RESPONSE
    return levels, spearman, monotone, direction, first, response, COMPUTED
