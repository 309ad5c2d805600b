"""The short table that a reproduction prints at its end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from miua.metrics.registry import MEASURES, Measure
from miua.report.sources import read_regression
from miua.study.store import COMPUTED, Results, not_computed, read_metrics
from miua.wording import MISSING, number, span


@dataclass(frozen=True)
class Summary:
    """What came out, in short.

    Attributes:
        title: what the columns with a number as head are.
        rows: one a metric; keys are the column heads.
        notes: what the table cannot say, one sentence each.
    """

    title: str
    rows: list[dict[str, str]]
    notes: list[str]


def summarise(results: Path) -> Summary:
    """Sum up a results folder: metrics by training size at the last epoch, and the refit.

    Raises:
        MiuaError: the tables are missing or damaged.
    """
    opened = Results.open(results)
    metrics = read_metrics(opened)
    regression = read_regression(opened)
    title = f"Metrics by number of training images, after {opened.epochs[-1]} epochs"
    notes = [f"{m.label} {reason}" for m in MEASURES if (reason := not_computed(metrics, m.name))]
    notes.append(_about_refit(regression))
    if opened.plan.banner:
        notes.append(f"{opened.plan.banner}.")
    return Summary(title, [_row(opened, metrics, regression, each) for each in MEASURES], notes)


def _row(
    results: Results, metrics: pd.DataFrame, regression: pd.DataFrame, shown: Measure
) -> dict[str, str]:
    rows = metrics[metrics["metric"] == shown.name]
    computed = rows[rows["status"] == COMPUTED]
    at_last = computed[computed["epoch"] == results.epochs[-1]].set_index("training_size")["value"]
    row = {"metric": shown.axis_label}
    for size in results.training_sizes:
        row[str(size)] = number(float(at_last.get(size, float("nan"))), shown.decimals)
    everywhere, published = f"all {len(results.sets)} sets", "published"
    row[everywhere] = MISSING
    if not computed.empty:
        lowest, highest = float(computed["value"].min()), float(computed["value"].max())
        row[everywhere] = span(lowest, highest, shown.decimals)
    line = regression[regression["metric"] == shown.name].dropna(subset=["published_lowest"])
    row[published] = MISSING
    if not line.empty:
        low, high = (float(line[f"published_{end}"].iloc[0]) for end in ("lowest", "highest"))
        row[published] = span(low, high, 0)
    return row


def _about_refit(regression: pd.DataFrame) -> str:
    """One sentence on the published regressions, refitted on the digitised points."""
    fitted = regression[regression["status"] == COMPUTED]
    if fitted.empty:
        return "The published regressions could not be refitted."
    agreeing = int((fitted["agrees"] == "yes").sum())
    correlations = span(fitted["pearson_r"].min(), fitted["pearson_r"].max(), 2)
    significant = int((fitted["p_value"] < 0.05).sum())
    return (
        f"Published regressions on the clinician's scores: {agreeing} of {len(regression)} agree "
        f"with a refit of the digitised points; r is {correlations}, p < 0.05 in {significant}."
    )
