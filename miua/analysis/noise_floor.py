"""The tables of the noise floor of the study's real images; `real_images` measures them.

A difference between synthetic sets that is smaller than this is none. It is the floor of
`miua.evaluation.floor`, by subject; halves drawn by image, where images of one subject may lie on
both sides, show what that changes. So do halves that are not drawn but cut off in the order of the
files: HC18's files go by head size.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from miua.errors import MiuaError
from miua.metrics.records import COMPUTED

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


def check_table(table: pd.DataFrame, columns: Sequence[str], name: str) -> None:
    """MiuaError unless the table has these columns and rows."""
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise MiuaError(f"The {name} table lacks the column {', '.join(missing)}. Make it again.")
    if table.empty:
        raise MiuaError(f"The {name} table has no rows. Make it again.")
