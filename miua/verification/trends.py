"""The verdict on a metric over all sets at once: many small differences one way are a large one."""

from __future__ import annotations

import numpy as np

from miua.verification.distribution import median_scores, prediction_interval
from miua.verification.finding import Comparison, Finding
from miua.verification.outcome import SEPARATOR
from miua.verification.verdicts import (
    CHECK,
    FAMILY_LEVEL,
    LOGARITHMIC_MEASURES,
    WITHIN_LEVEL,
    Number,
    as_number,
    as_numbers,
)


def trends(lines: list[Number]) -> list[Finding]:
    """A finding for each metric of the synthetic sets."""
    metrics: dict[str, list[Number]] = {}
    for line in lines:
        known = as_number(line.here) is not None and as_numbers(line.repeats) is not None
        if line.table == "sets" and line.column == "value" and known:
            metrics.setdefault(line.key.rsplit(SEPARATOR, 1)[-1], []).append(line)
    outside_level = 1 - FAMILY_LEVEL / 2 / max(len(metrics), 1)
    return [_trend(metric, chosen, outside_level) for metric, chosen in metrics.items()]


def _trend(metric: str, lines: list[Number], outside_level: float) -> Finding:
    values = np.array([float(line.here) for line in lines])
    draws = np.array([[float(value) for value in line.repeats] for line in lines])
    if metric in LOGARITHMIC_MEASURES:
        floor = np.finfo(np.float64).tiny
        values, draws = np.log(np.maximum(values, floor)), np.log(np.maximum(draws, floor))
    here, others = median_scores(values, draws)
    likely = prediction_interval(others, WITHIN_LEVEL)
    possible = prediction_interval(others, outside_level)
    verdict: Comparison = "undecided"
    if likely.holds(here):
        verdict = "within"
    elif not possible.holds(here):
        verdict = "outside"
    detail = (
        f"median score {here:.3g} here, in standard deviations; {likely.low:.3g} to "
        f"{likely.high:.3g} has {WITHIN_LEVEL:.0%} of runs; outside is beyond {possible.low:.3g} "
        f"to {possible.high:.3g}"
    )
    subject = f"{metric} of all {len(lines)} sets together"
    return Finding(CHECK, subject, verdict, detail, here, likely.centre, likely.reach)
