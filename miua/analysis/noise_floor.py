"""The noise floor: what each metric reads on real images against other real images.

A difference between synthetic sets that is smaller than this is none. Real images are split again
and again into two disjoint halves. Images of one subject resemble each other, so a subject's
images must not lie on both sides; halves drawn by image, where they do, show what that changes.
So do halves that are not drawn but cut off in the order of the files: HC18's files go by head size.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from miua.errors import MiuaError
from miua.evaluation.records import COMPUTED
from miua.evaluation.splits import Split
from miua.evaluation.subsets import SubsetTables, finite_mean
from miua.progress import progress

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
