"""The short table that a reproduction prints at its end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from miua.metrics.registry import MEASURES, Measure
from miua.report.study_tables import computed, read_regression
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
    title = f"Metrics by number of training images, after {opened.epochs[-1]} epochs"
    notes = [f"{m.label} {reason}" for m in MEASURES if (reason := not_computed(metrics, m.name))]
    notes.append(_about_refit(read_regression(opened)))
    if opened.plan.banner:
        notes.append(f"{opened.plan.banner}.")
    return Summary(title, [_row(opened, each) for each in MEASURES], notes)


def _row(results: Results, shown: Measure) -> dict[str, str]:
    rows = computed(read_metrics(results), shown.name)
    at_last = rows[rows["epoch"] == results.epochs[-1]].set_index("training_size")["value"]
    row = {"metric": shown.axis_label}
    for size in results.training_sizes:
        row[str(size)] = number(at_last.get(size), shown.decimals)
    reach = span(rows["value"].min(), rows["value"].max(), shown.decimals)
    row[f"all {len(results.sets)} sets"] = reach or MISSING
    regression = read_regression(results)
    line = regression[regression["metric"] == shown.name]
    low, high = (line[f"published_{end}"].min() for end in ("lowest", "highest"))
    row["published"] = span(low, high, 0) or MISSING
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
