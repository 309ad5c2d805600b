"""A results folder held against what is expected: each number within, outside or undecided.

A number that is promised to be the same is compared with that of the kept run. A number that a
training made is compared with its distribution over repeats with other seeds:

- within: where 99 of 100 new runs have it, by a prediction interval of the repeats;
- outside: so far away that among all numbers of a right run there is such a one in less than
  FAMILY_LEVEL of all runs (Bonferroni);
- undecided: between, or where too little is known to say.

A training collapses now and then: its images become alike, and all its numbers go anywhere. That is
no normal scatter, so that such a set is held against the collapsed sets of the repeats only, and
is never outside by itself. Trends are judged over all sets at once, with the collapsed ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from miua.analysis.results import Results
from miua.errors import MiuaError
from miua.metrics.measures import DIVERSITY, FD_LBP, FID, LBPV_TOTAL_DIFFERENCE, MUTUAL_INFORMATION
from miua.verification.distribution import Interval, median_scores, prediction_interval
from miua.verification.finding import Comparison, Finding
from miua.verification.outcome import (
    EXACT,
    NOT_COMPUTED,
    PLACE,
    SEEDED,
    SEPARATOR,
    numbers,
    results_tables,
)
from miua.verification.reference import Expected, plan_differences, read_expected

CHECK = "expected"
# Fewer repeats say too little about where a new run may lie.
LEAST_REPEATS = 10
WITHIN_LEVEL = 0.99
# How often a right run may have anything outside: half for single numbers, half for trends.
FAMILY_LEVEL = 0.01
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

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _Number:
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


@dataclass(frozen=True)
class _Unknown:
    """Why a whole group of numbers cannot be decided; one finding for all of them."""

    group: str
    reason: str


def compare_with_expected(results: Path, expected: Path) -> list[Finding]:
    """Hold every number of a results folder against a folder of expected results.

    Args:
        results: a results folder whose claims were judged.
        expected: what `miua expected` wrote, such as experiments/expected/smoke.

    Returns:
        One finding for each number that can be decided, and for each trend over all sets; and one
        for each group of numbers of which too little is known.

    Raises:
        MiuaError: a folder is none or damaged, or the results are of another plan.
    """
    opened, wanted = Results.open(results), read_expected(expected)
    if problems := plan_differences(wanted.plan, opened.plan):
        raise MiuaError(
            f"{results} is of another plan than {expected}, so that nothing can be compared:\n  "
            + "\n  ".join(problems)
            + "\nCompare with results of the same profile, or make expected ones for this: "
            "docs/verify.md."
        )
    found = numbers(results_tables(opened), opened.plan, wanted.plan)
    same_seed = opened.plan.seed == wanted.plan.seed
    return compare_numbers(found, wanted, same_seed=same_seed)


def compare_numbers(
    found: pd.DataFrame,
    expected: Expected,
    *,
    same_seed: bool,
    least_repeats: int = LEAST_REPEATS,
) -> list[Finding]:
    """The findings on numbers that were read already (`miua.verification.outcome.numbers`).

    Args:
        found: the numbers of a run, named as in `expected`.
        expected: the kept run and its repeats.
        same_seed: whether the run has the seed of the kept run, so that what is promised for the
            same seeds can be held against it.
        least_repeats: with fewer, no number that a training made is decided.
    """
    lines, extra = _joined(found, expected)
    enough = expected.repeats.shape[1] >= least_repeats
    states = _States(lines)
    drawn = [line for line in lines if not _is_exact(line, same_seed)]
    decidable = sum(not line.is_word and not line.stepped for line in drawn)
    outside_level = 1 - FAMILY_LEVEL / 2 / max(decidable, 1)
    findings: list[Finding] = []
    unknown: dict[_Unknown, int] = {}
    for line in lines:
        if (reason := _not_comparable(line)) is not None:
            decided: Finding | _Unknown = reason
        elif _is_exact(line, same_seed):
            decided = _decide_exact(line)
        elif not enough:
            decided = _Unknown(line.table, _few(expected.repeats.shape[1], least_repeats))
        elif line.is_word or line.stepped:
            decided = _decide_by_range(line)
        else:
            decided = _decide_by_interval(line, states, outside_level, decidable)
        if isinstance(decided, Finding):
            findings.append(decided)
        else:
            unknown[decided] = unknown.get(decided, 0) + 1
    for table, count in extra.items():
        unknown[_Unknown(table, "expected results do not hold them")] = count
    findings += _trends(lines) if enough else []
    findings += [
        Finding(CHECK, group.group, "undecided", f"{count} numbers: {group.reason}.")
        for group, count in unknown.items()
    ]
    return findings


def _joined(found: pd.DataFrame, expected: Expected) -> tuple[list[_Number], dict[str, int]]:
    """Every expected number with what it is here; how many others there are here, by table."""
    here = found.set_index(PLACE)["value"]
    places = pd.MultiIndex.from_frame(expected.kept[PLACE])
    values = here.reindex(places)
    rows = zip(
        expected.kept.itertuples(),
        values,
        expected.repeats.itertuples(index=False, name=None),
        strict=True,
    )
    lines = [
        _Number(
            table=str(row.table),
            key=str(row.key),
            column=str(row.column),
            promise=str(row.promise),
            is_word=bool(row.type == "word"),
            here=value if isinstance(value, str) else _ABSENT,
            kept=str(row.value),
            repeats=repeats,
        )
        for row, value, repeats in rows
    ]
    others = here.index.difference(places)
    extra = pd.Series(others.get_level_values("table"), dtype=str).value_counts(sort=False)
    return lines, {str(table): int(count) for table, count in extra.items()}


_ABSENT = "absent"


def _is_exact(line: _Number, same_seed: bool) -> bool:
    return line.promise == EXACT or (line.promise == SEEDED and same_seed)


def _not_comparable(line: _Number) -> _Unknown | None:
    """Why there is nothing to compare, if there is nothing."""
    group = f"{line.table}: {line.key.rsplit(SEPARATOR, 1)[-1]}"
    if line.here == _ABSENT:
        return _Unknown(line.table, "these results do not hold them")
    known = [value != NOT_COMPUTED for value in (line.kept, *line.repeats)]
    if line.here == NOT_COMPUTED:
        beside = "where expected results have them" if all(known) else "nor in expected results"
        return _Unknown(group, f"not computed here, {beside}")
    if not all(known):
        return _Unknown(group, "computed here, and not in all expected results")
    return None


def _few(repeats: int, least: int) -> str:
    if repeats == 0:
        return "made by trainings, and one run is no distribution"
    return f"made by trainings, and {repeats} repeats are too few: {least} are needed"


def _decide_exact(line: _Number) -> Finding:
    """The same as in the kept run, but for the order of sums."""
    here, kept = _number(line.here), _number(line.kept)
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


def _decide_by_range(line: _Number) -> Finding:
    """Whether it occurred in the repeats; ten that agree do not exclude another value."""
    here, draws = _number(line.here), _numbers(line.repeats)
    occurred = sorted(set(line.repeats))
    detail = f"{_said(line.here)} here; in {len(line.repeats)} repeats "
    if line.is_word or here is None or draws is None:
        # Long words, such as a list of signs, are compared whole.
        detail += ", ".join(f"{line.repeats.count(word)} times {_said(word)}" for word in occurred)
        verdict: Comparison = "within" if line.here in occurred else "undecided"
        return Finding(CHECK, line.subject, verdict, detail)
    span = Interval(float(draws.min()), float(np.median(draws)), float(draws.max()))
    same = bool(np.isclose(draws, here, rtol=RELATIVE, atol=ABSOLUTE).any())
    detail += f"{span.low:.6g} to {span.high:.6g}, in steps, so that nothing says how far it may go"
    verdict = "within" if same or span.holds(here) else "undecided"
    return Finding(CHECK, line.subject, verdict, detail, here, span.centre, span.reach)


def _decide_by_interval(
    line: _Number, states: _States, outside_level: float, decidable: int
) -> Finding:
    """By prediction intervals of the repeats whose set is in the same state."""
    here, draws = _number(line.here), _numbers(line.repeats)
    if here is None or draws is None:
        return _decide_by_range(line)
    collapsed, those = states.of(line)
    alike = draws[those == collapsed]
    state = "collapsed" if collapsed else "not collapsed"
    if alike.size < LEAST_DRAWS:
        detail = (
            f"{here:.6g} here, where the set is {state}; so it is in {alike.size} of "
            f"{draws.size} repeats ({draws.min():.6g} to {draws.max():.6g} in all)"
        )
        return Finding(CHECK, line.subject, "undecided", detail, here)
    if np.isclose(alike, here, rtol=RELATIVE, atol=ABSOLUTE).any():
        return Finding(CHECK, line.subject, "within", "as in a repeat", here, here, 0.0)
    logarithmic = line.logarithmic and min(here, *alike) > 0
    likely = prediction_interval(alike, WITHIN_LEVEL, logarithmic=logarithmic)
    possible = prediction_interval(alike, outside_level, logarithmic=logarithmic)
    told = f"{here:.6g} here; {likely.low:.6g} to {likely.high:.6g} has {WITHIN_LEVEL:.0%} of runs"
    if those.any() or collapsed:
        told += f" in which the set is {state}, by {alike.size} repeats"
    if likely.holds(here):
        verdict: Comparison = "within"
    elif collapsed or possible.holds(here) or not likely.reach:
        verdict = "undecided"
    else:
        verdict = "outside"
    if verdict != "within" and not collapsed:
        told += (
            f"; outside is beyond {possible.low:.6g} to {possible.high:.6g} "
            f"({FAMILY_LEVEL / 2:.1%} for all {decidable} numbers together)"
        )
    return Finding(CHECK, line.subject, verdict, told, here, likely.centre, likely.reach)


class _States:
    """Which sets and trainings are collapsed, here and in each repeat, by their diversity."""

    def __init__(self, lines: list[_Number]) -> None:
        end = SEPARATOR + DIVERSITY.name
        self._diversity = {
            (line.table, line.key.removesuffix(end)): line
            for line in lines
            if line.column == "diversity" or (line.key.endswith(end) and line.column == "value")
        }

    def of(self, line: _Number) -> tuple[bool, NDArray[np.bool_]]:
        """Whether the set or training of a number is collapsed; and in each repeat."""
        keys = (line.key, line.key.rsplit(SEPARATOR, 1)[0])
        found = [self._diversity.get((line.table, key)) for key in keys]
        diversity = next((each for each in found if each is not None), None)
        if diversity is None:
            return False, np.zeros(len(line.repeats), dtype=bool)
        return _collapsed(diversity.here), np.array([_collapsed(v) for v in diversity.repeats])


def _collapsed(diversity: str) -> bool:
    value = _number(diversity)
    return value is not None and value < COLLAPSED_BELOW


def _trends(lines: list[_Number]) -> list[Finding]:
    """Each metric over all sets at once: many small differences one way are a large one."""
    metrics: dict[str, list[_Number]] = {}
    for line in lines:
        known = _number(line.here) is not None and _numbers(line.repeats) is not None
        if line.table == "sets" and line.column == "value" and known:
            metrics.setdefault(line.key.rsplit(SEPARATOR, 1)[-1], []).append(line)
    outside_level = 1 - FAMILY_LEVEL / 2 / max(len(metrics), 1)
    return [_trend(metric, chosen, outside_level) for metric, chosen in metrics.items()]


def _trend(metric: str, lines: list[_Number], outside_level: float) -> Finding:
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


def _number(text: str) -> float | None:
    """A finite number, or None."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if np.isfinite(value) else None


def _numbers(texts: tuple[str, ...]) -> Floats | None:
    values = [value for text in texts if (value := _number(text)) is not None]
    return np.array(values) if values and len(values) == len(texts) else None


def _said(text: str) -> str:
    return repr(text) if text else "nothing"
