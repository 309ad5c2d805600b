"""The short table that a reproduction prints at its end."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from miua.analysis.measures import MEASURES, Measure
from miua.analysis.results import Results
from miua.analysis.tables import COMPUTED, read_metrics
from miua.report.latex import read_regression
from miua.report.numbers import MISSING, interval, plain


def summary_rows(results: Path) -> list[dict[str, str]]:
    """One row a metric: by training size at the last epoch, the range over all sets, as published.

    Raises:
        MiuaError: the tables are missing or damaged.
    """
    opened = Results.open(results)
    metrics = read_metrics(opened)
    published = read_regression(opened)
    return [_row(opened, metrics, published, shown) for shown in MEASURES]


def _row(
    results: Results, metrics: pd.DataFrame, published: pd.DataFrame, shown: Measure
) -> dict[str, str]:
    rows = metrics[metrics["metric"] == shown.name]
    computed = rows[rows["status"] == COMPUTED]
    at_last = computed[computed["epoch"] == results.epochs[-1]].set_index("training_size")["value"]
    row = {"metric": shown.axis_label}
    for size in results.training_sizes:
        value = float(at_last.get(size, float("nan")))
        missing = pd.isna(value)
        row[f"{size} images"] = "not computed" if missing else plain(value, shown.decimals)
    everywhere, published_range = f"all {len(results.sets)} sets", "published"
    row[everywhere] = "not computed"
    if not computed.empty:
        lowest, highest = float(computed["value"].min()), float(computed["value"].max())
        row[everywhere] = interval(lowest, highest, shown.decimals)
    line = published[published["metric"] == shown.name].dropna(subset=["published_lowest"])
    row[published_range] = MISSING
    if not line.empty:
        low, high = (float(line[f"published_{end}"].iloc[0]) for end in ("lowest", "highest"))
        row[published_range] = interval(low, high, 0)
    return row
