"""The verdict on all sets at once: many small differences are a large one."""

from __future__ import annotations

import numpy as np

from miua.verification.distribution import (
    Floats,
    mean_square_score,
    median_scores,
    prediction_interval,
)
from miua.verification.finding import Comparison, Finding
from miua.verification.outcome import CHAOTIC, SEPARATOR
from miua.verification.table_comparison import as_number
from miua.verification.verdicts import (
    CHECK,
    FAMILY_LEVEL,
    WITHIN_LEVEL,
    Number,
    States,
    as_numbers,
)

# A score beyond this counts as this much in the mean square.
COUNTED_AT_MOST = 3.0


def trends(lines: list[Number], states: States) -> list[Finding]:
    """A finding for each metric of the synthetic sets, and one for all numbers of trainings."""
    known = [line for line in lines if _is_drawn(line)]
    metrics: dict[str, list[Number]] = {}
    for line in known:
        if line.table == "sets" and line.column == "value":
            metrics.setdefault(line.key.rsplit(SEPARATOR, 1)[-1], []).append(line)
    outside_level = 1 - FAMILY_LEVEL / 2 / (len(metrics) + 1)
    found = [_shift(metric, chosen, outside_level) for metric, chosen in metrics.items()]
    return [*found, *_scatter(known, states, outside_level)]


def _is_drawn(line: Number) -> bool:
    """Whether a training made it, and it is a number here and in all repeats."""
    numbers = as_number(line.here) is not None and as_numbers(line.repeats) is not None
    return line.promise == CHAOTIC and not line.is_word and not line.stepped and numbers


def _shift(metric: str, lines: list[Number], outside_level: float) -> Finding:
    """Whether most sets are off in the same direction, collapsed ones and all."""
    values, draws = _arrays(lines)
    here, others = median_scores(values, draws)
    likely = prediction_interval(others, WITHIN_LEVEL)
    possible = prediction_interval(others, outside_level)
    verdict: Comparison = "undecided"
    if likely.holds(here):
        verdict = "within"
    elif not possible.holds(here):
        verdict = "outside"
    detail = (
        f"median score {here:.3g} here, in standard deviations; {WITHIN_LEVEL:.0%} of runs have "
        f"{likely.low:.3g} to {likely.high:.3g}; outside is beyond {possible.low:.3g} to "
        f"{possible.high:.3g}"
    )
    subject = f"{metric} of all {len(lines)} sets together"
    return Finding(CHECK, subject, verdict, detail, here, likely.centre, likely.reach)


def _scatter(lines: list[Number], states: States, outside_level: float) -> list[Finding]:
    """Whether the numbers of all sets that have not collapsed are further off than they should."""
    if not lines:
        return []
    values, draws = _arrays(lines)
    for index, line in enumerate(lines):
        collapsed, those = states.of(line)
        values[index] = np.nan if collapsed else values[index]
        draws[index, those] = np.nan
    if np.isnan(values).all():
        detail = "every set of these results is collapsed, so that no scatter can be told"
        return [Finding(CHECK, "all sets together", "undecided", detail)]
    here, others = mean_square_score(values, draws, COUNTED_AT_MOST)
    # Numbers that are nearer to the middle than they should be are no fault.
    likely = prediction_interval(others, 2 * WITHIN_LEVEL - 1)
    possible = prediction_interval(others, 2 * outside_level - 1)
    verdict: Comparison = "undecided"
    if here <= likely.high:
        verdict = "within"
    elif here > possible.high:
        verdict = "outside"
    detail = (
        f"mean square score {here:.3g} here, 1 where numbers scatter as in the repeats; "
        f"{WITHIN_LEVEL:.0%} of runs have at most {likely.high:.3g}; outside is above "
        f"{possible.high:.3g}"
    )
    subject = f"all {len(lines)} numbers of trainings together"
    return [Finding(CHECK, subject, verdict, detail, here, likely.centre, likely.reach)]


def _arrays(lines: list[Number]) -> tuple[Floats, Floats]:
    """What they are here, (k,), and in the n repeats, (k, n); logarithms where those scatter."""
    values = np.array([float(line.here) for line in lines])
    draws = np.array([[float(value) for value in line.repeats] for line in lines])
    both = np.column_stack([values, draws])
    logarithmic = np.array([line.logarithmic for line in lines]) & (both > 0).all(axis=1)
    both[logarithmic] = np.log(both[logarithmic])
    return both[:, 0], both[:, 1:]
