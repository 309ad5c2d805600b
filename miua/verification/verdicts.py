"""The verdict on one number: beside what is promised, or beside its draws in the repeats."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from miua.metrics.registry import DIVERSITY, FD_LBP, FID, LBPV_TOTAL_DIFFERENCE, MUTUAL_INFORMATION
from miua.verification.distribution import Floats, Interval, prediction_interval
from miua.verification.finding import Comparison, Finding
from miua.verification.outcome import SEPARATOR
from miua.verification.table_comparison import as_number

CHECK = "expected"
WITHIN_LEVEL = 0.99
# How often a right run may have anything outside: half for single numbers, half for trends.
FAMILY_LEVEL = 0.01
# Far out the numbers of trainings have heavier tails than normal ones: beyond the points that 1e-3,
# 1e-4 and 1e-5 of normal draws pass lay 4, 6 and 8 times as many, each of ten repeats of smoke held
# against the other nine (docs/expected.md).
TAIL_EXCESS = 10
# A set is collapsed where pairs of its images differ by less than this share of what pairs of real
# ones do. Where a set's diversity is larger, repeats of smoke scatter as normal draws do.
COLLAPSED_BELOW = 0.1
# Fewer draws of the same state (collapsed or not) give no interval.
LEAST_DRAWS = 3
# Sums in another order, as on another processor, differ by far less; a wrong number by far more.
RELATIVE, ABSOLUTE = 1e-6, 1e-9

# Cannot be negative: their logarithms scatter evenly, not they themselves.
LOGARITHMIC_MEASURES = {
    measure.name for measure in (MUTUAL_INFORMATION, FID, FD_LBP, DIVERSITY, LBPV_TOTAL_DIFFERENCE)
}
LOGARITHMIC_COLUMNS = {
    "generator_loss_last", "discriminator_loss_last", "diversity", "deviation", "mean_absolute",
}  # fmt: skip
# Shares and the like, with few values and an end that many runs reach: nothing near normal.
STEPPED_COLUMNS = {
    "saturated_share", "accuracy_real_last", "accuracy_synthetic_last", "spearman", "power", "n",
}  # fmt: skip


@dataclass(frozen=True)
class Number:
    """One compared cell: what it is here, in the kept run, and in each repeat, as text."""

    table: str
    key: str
    column: str
    promise: str
    is_word: bool
    here: str
    kept: str
    repeats: tuple[str, ...]

    @property
    def subject(self) -> str:
        return f"{self.table}: {self.key}; {self.column}"

    @property
    def stepped(self) -> bool:
        return self.column in STEPPED_COLUMNS

    @property
    def logarithmic(self) -> bool:
        measured = self.key.rsplit(SEPARATOR, 1)[-1] in LOGARITHMIC_MEASURES
        by_measure = measured and self.column in ("value", "mean", "low", "high")
        return by_measure or self.column in LOGARITHMIC_COLUMNS


class States:
    """Which sets and trainings are collapsed, here and in each repeat, by their diversity."""

    def __init__(self, lines: list[Number]) -> None:
        end = SEPARATOR + DIVERSITY.name
        self._diversity = {
            (line.table, line.key.removesuffix(end)): line
            for line in lines
            if line.column == "diversity" or (line.key.endswith(end) and line.column == "value")
        }

    def set_of(self, line: Number) -> str:
        """The key of the set or training that a number is of."""
        inner = line.key.rsplit(SEPARATOR, 1)[0]
        return line.key if (line.table, line.key) in self._diversity else inner

    def of(self, line: Number) -> tuple[bool, NDArray[np.bool_]]:
        """Whether the set or training of a number is collapsed; and in each repeat."""
        diversity = self._diversity.get((line.table, self.set_of(line)))
        if diversity is None:
            return False, np.zeros(len(line.repeats), dtype=bool)
        return _collapsed(diversity.here), np.array([_collapsed(v) for v in diversity.repeats])


def outside_level(decidable: int) -> float:
    """How much of a normal distribution is not outside, for each of so many numbers."""
    return 1 - FAMILY_LEVEL / 2 / TAIL_EXCESS / max(decidable, 1)


def too_alone(line: Number, states: States) -> str | None:
    """Why no interval can be given, if the set is collapsed and too few repeats' are; else None."""
    collapsed, those = states.of(line)
    if not collapsed or those.sum() >= LEAST_DRAWS:
        return None
    return f"the set is collapsed here, and in {those.sum()} of {those.size} repeats"


def decide_exact(line: Number) -> Finding:
    """The same as in the kept run, but for the order of sums."""
    here, kept = as_number(line.here), as_number(line.kept)
    if line.is_word or here is None or kept is None:
        if line.here == line.kept:
            return Finding(CHECK, line.subject, "within", f"{_said(line.here)}, as promised")
        detail = f"{_said(line.here)} here, and promised to be {_said(line.kept)}"
        return Finding(CHECK, line.subject, "outside", detail)
    tolerance = max(RELATIVE * abs(kept), ABSOLUTE)
    same = abs(here - kept) <= tolerance
    detail = (
        f"{here:.9g} here, and promised to be {kept:.9g}; at most {tolerance:.1g} apart, "
        "for sums in another order"
    )
    verdict: Comparison = "within" if same else "outside"
    return Finding(CHECK, line.subject, verdict, detail, here, kept, tolerance)


def decide_by_range(line: Number) -> Finding:
    """Whether it occurred in the repeats; ten that agree do not exclude another value."""
    here, draws = as_number(line.here), as_numbers(line.repeats)
    occurred = sorted(set(line.repeats))
    said = f"here; in {len(line.repeats)} repeats"
    if line.is_word or here is None or draws is None:
        # Long words, such as a list of signs, are compared whole.
        told = ", ".join(f"{line.repeats.count(word)} times {_said(word)}" for word in occurred)
        detail = f"{_said(line.here)} {said} {told}"
        verdict: Comparison = "within" if line.here in occurred else "undecided"
        return Finding(CHECK, line.subject, verdict, detail)
    span = Interval(float(draws.min()), float(np.median(draws)), float(draws.max()))
    same = bool(np.isclose(draws, here, rtol=RELATIVE, atol=ABSOLUTE).any())
    detail = f"{here:.6g} {said} {span.low:.6g} to {span.high:.6g}; it moves in steps, not normally"
    verdict = "within" if same or span.holds(here) else "undecided"
    return Finding(CHECK, line.subject, verdict, detail, here, span.centre, span.reach)


def decide_by_interval(line: Number, states: States, decidable: int) -> Finding:
    """By prediction intervals of the repeats whose set is in the same state.

    Collapsed sets that are `too_alone` have none. decidable: how many numbers are judged so.
    """
    here, draws = as_number(line.here), as_numbers(line.repeats)
    if here is None or draws is None:
        return decide_by_range(line)
    collapsed, those = states.of(line)
    alike = draws[those == collapsed]
    if not collapsed and alike.size < LEAST_DRAWS:
        alike = draws  # early in a training all sets are alike, and none has collapsed
    state = "collapsed" if collapsed else "not collapsed"
    if np.isclose(alike, here, rtol=RELATIVE, atol=ABSOLUTE).any():
        return Finding(CHECK, line.subject, "within", "as in a repeat", here, here, 0.0)
    logarithmic = line.logarithmic and min(here, *alike) > 0
    likely = prediction_interval(alike, WITHIN_LEVEL, logarithmic=logarithmic)
    possible = prediction_interval(alike, outside_level(decidable), logarithmic=logarithmic)
    told = f"{here:.6g} here; {WITHIN_LEVEL:.0%} of runs have {likely.low:.6g} to {likely.high:.6g}"
    if alike.size < draws.size:
        told += f" where the set is {state}, by {alike.size} repeats"
    if likely.holds(here):
        verdict: Comparison = "within"
    elif collapsed or possible.holds(here) or not likely.reach:
        verdict = "undecided"
    else:
        verdict = "outside"
    if verdict != "within" and not collapsed:
        told += (
            f"; outside is beyond {possible.low:.6g} to {possible.high:.6g} "
            f"(where a right run rarely has any of {decidable} numbers)"
        )
    tolerance = likely.reach if np.isfinite(likely.reach) else None
    return Finding(CHECK, line.subject, verdict, told, here, likely.centre, tolerance)


def _collapsed(diversity: str) -> bool:
    value = as_number(diversity)
    return value is not None and value < COLLAPSED_BELOW


def as_numbers(texts: tuple[str, ...]) -> Floats | None:
    values = [value for text in texts if (value := as_number(text)) is not None]
    return np.array(values) if values and len(values) == len(texts) else None


def _said(text: str) -> str:
    return repr(text) if text else "nothing"
