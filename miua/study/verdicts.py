"""A results folder held against what is expected: each number within, outside or undecided.

A number that is promised to be the same is compared with that of the kept run. A number that a
training made is compared with its distribution over repeats with other seeds:

- within: where 99 of 100 new runs have it, by a prediction interval of the repeats;
- outside: so far away that a right run rarely has even one such number among all (Bonferroni, with
  room for tails that are heavier than normal);
- undecided: between, or where too little is known to say.

A training collapses now and then: its images become alike, and all its numbers go anywhere. That is
no normal scatter, so such a set is held against the collapsed sets of the repeats only, and it is
never outside by itself. Trends are judged over all sets at once: how far they are off in one
direction with the collapsed ones, how far they scatter without them.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from miua.metrics.registry import DIVERSITY, FD_LBP, FID, LBPV_TOTAL_DIFFERENCE, MUTUAL_INFORMATION
from miua.study import scatter
from miua.study.compare import as_number
from miua.study.expected import (
    CHAOTIC,
    COLUMNS,
    EXACT,
    PLACE,
    SEEDED,
    SEPARATOR,
    Expected,
    numbers,
    read_expected,
    results_tables,
)
from miua.study.finding import EXPECTED, Consistency, Finding
from miua.study.store import NOT_COMPUTED, Results

# Fewer repeats say too little about where a new run may lie.
LEAST_REPEATS = 10
# Fewer draws of the same state (collapsed or not) give no interval.
LEAST_DRAWS = 3
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
ABSENT = "absent"


class _Number(NamedTuple):
    """One compared cell: what it is in the kept run, here, and in each repeat, as text.

    collapsed: whether its set is; those: the same in each repeat.
    """

    table: str
    key: str
    column: str
    promise: str
    type: str
    kept: str
    here: str
    repeats: list[str]
    set: str
    collapsed: bool
    those: NDArray[np.bool_]

    @property
    def subject(self) -> str:
        return f"{self.table}: {self.key}; {self.column}"

    @property
    def metric(self) -> str:
        return self.key.rsplit(SEPARATOR, 1)[-1]

    @property
    def is_word(self) -> bool:
        return self.type == "word"

    @property
    def stepped(self) -> bool:
        return self.is_word or self.column in STEPPED_COLUMNS

    @property
    def logarithmic(self) -> bool:
        by_measure = self.column in ("value", "mean", "low", "high")
        by_column = self.column in LOGARITHMIC_COLUMNS
        return by_column or (by_measure and self.metric in LOGARITHMIC_MEASURES)

    @property
    def value(self) -> float | None:
        return as_number(self.here)

    @property
    def draws(self) -> scatter.Floats | None:
        found = [as_number(text) for text in self.repeats]
        return None if None in found or not found else np.array(found, dtype=np.float64)

    def finding(self, verdict: Consistency, detail: str, *numbers: float | None) -> Finding:
        return Finding(EXPECTED, self.subject, verdict, detail, *numbers)


class _Unknown(NamedTuple):
    """Why a whole group of numbers cannot be decided; one finding for all of them."""

    group: str
    reason: str


def compare_with_expected(results: Path, expected: Path) -> list[Finding]:
    """Hold every number of a results folder against a folder that `miua expected` wrote.

    Returns one finding for each number that can be decided, for each trend over all sets, and for
    each group of numbers of which too little is known. MiuaError: a folder is none or damaged, or
    the results are of another plan.
    """
    opened = Results.open(results)
    wanted = read_expected(expected, opened.plan, whose=results)
    found = numbers(results_tables(opened), opened.plan, wanted.plan)
    return compare_numbers(found, wanted, same_seed=opened.plan.seed == wanted.plan.seed)


def compare_numbers(
    found: pd.DataFrame, expected: Expected, *, same_seed: bool, least_repeats: int = LEAST_REPEATS
) -> list[Finding]:
    """The findings on numbers that were read already (`miua.study.expected.numbers`).

    same_seed: whether the run has the seed of the kept run, so that what is promised for the same
    seeds can be held against it. least_repeats: with fewer, no number that a training made is
    decided.
    """
    lines, others = _joined(found, expected)
    repeats = expected.repeats.shape[1]
    promised = (EXACT, SEEDED) if same_seed else (EXACT,)
    decidable = sum(line.promise not in promised and not line.stepped for line in lines)
    few = f"{repeats} repeats are too few: {least_repeats} are needed"
    few = f"made by trainings, and {few if repeats else 'one run is no distribution'}"

    def decided(line: _Number) -> Finding | _Unknown:
        if (reason := _not_comparable(line)) is not None:
            return reason
        if line.promise in promised:
            return _by_promise(line)
        if repeats < least_repeats:
            return _Unknown(line.table, few)
        return _by_range(line) if line.stepped else _by_interval(line, decidable)

    found_out = [decided(line) for line in lines]
    findings = [each for each in found_out if isinstance(each, Finding)]
    unknown = Counter(each for each in found_out if isinstance(each, _Unknown))
    for table, count in others.items():
        unknown[_Unknown(str(table), "expected results do not hold them")] = int(count)
    findings += _trends(lines) if repeats >= least_repeats else []
    return findings + [
        Finding(EXPECTED, group, "undecided", f"{count} numbers: {reason}.")
        for (group, reason), count in unknown.items()
    ]


def _joined(found: pd.DataFrame, expected: Expected) -> tuple[list[_Number], pd.Series[int]]:
    """Every expected number with what it is here; how many others there are here, by table."""
    here = found.set_index(PLACE)["value"]
    places = pd.MultiIndex.from_frame(expected.kept[PLACE])
    kept = expected.kept[[*COLUMNS, "value"]].assign(
        here=here.reindex(places).fillna(ABSENT).to_numpy(),
        repeats=pd.Series(expected.repeats.to_numpy().tolist(), index=expected.kept.index),
    )
    rows = [*kept.itertuples(index=False, name=None)]
    end = SEPARATOR + DIVERSITY.name
    states: dict[tuple[str, str], list[bool]] = {}  # of a set: here, and in each repeat
    for table, key, column, *_, text, draws in rows:
        if column == DIVERSITY.name or (column == "value" and key.endswith(end)):
            values = [as_number(each) for each in (text, *draws)]
            state = [each is not None and each < COLLAPSED_BELOW for each in values]
            states[table, key.removesuffix(end)] = state
    none = [False] * (1 + expected.repeats.shape[1])
    lines = []
    for row in rows:
        table, key = row[:2]
        its_set = key if (table, key) in states else key.rsplit(SEPARATOR, 1)[0]
        collapsed, *those = states.get((table, its_set), none)
        lines.append(_Number._make((*row, its_set, collapsed, np.array(those, dtype=bool))))
    others = here.index.difference(places).get_level_values("table")
    return lines, others.value_counts(sort=False)


def _not_comparable(line: _Number) -> _Unknown | None:
    """Why there is nothing to compare, if there is nothing."""
    group = f"{line.table}: {line.metric}"
    if line.here == ABSENT:
        return _Unknown(line.table, "these results do not hold them")
    known = NOT_COMPUTED not in (line.kept, *line.repeats)
    if line.here == NOT_COMPUTED:
        beside = "where expected results have them" if known else "nor in expected results"
        return _Unknown(group, f"not computed here, {beside}")
    return None if known else _Unknown(group, "computed here, and not in all expected results")


def _by_promise(line: _Number) -> Finding:
    """The same as in the kept run, but for the order of sums."""
    here, kept = line.value, as_number(line.kept)
    if line.is_word or here is None or kept is None:
        if line.here == line.kept:
            return line.finding("within", f"{_said(line.here)}, as promised")
        said = f"{_said(line.here)} here, and promised to be {_said(line.kept)}"
        return line.finding("outside", said)
    tolerance = max(RELATIVE * abs(kept), ABSOLUTE)
    said = f"{here:.9g} here, and promised to be {kept:.9g}; at most {tolerance:.1g} apart"
    verdict: Consistency = "within" if abs(here - kept) <= tolerance else "outside"
    return line.finding(verdict, f"{said}, for sums in another order", here, kept, tolerance)


def _by_range(line: _Number) -> Finding:
    """Whether it occurred in the repeats; ten that agree do not exclude another value."""
    here, draws = line.value, line.draws
    said = f"here; in {len(line.repeats)} repeats"
    if line.is_word or here is None or draws is None:
        # Long words, such as a list of signs, are compared whole.
        words = sorted(Counter(line.repeats).items())
        told = ", ".join(f"{count} times {_said(word)}" for word, count in words)
        verdict: Consistency = "within" if line.here in line.repeats else "undecided"
        return line.finding(verdict, f"{_said(line.here)} {said} {told}")
    span = scatter.Prediction(float(draws.min()), float(np.median(draws)), float(draws.max()))
    verdict = "within" if span.holds(here) or _occurred(here, draws) else "undecided"
    told = f"{here:.6g} {said} {span:.6g}; it moves in steps, not normally"
    return line.finding(verdict, told, here, span.centre, span.reach)


def _by_interval(line: _Number, decidable: int) -> Finding | _Unknown:
    """By prediction intervals of the repeats whose set is in the same state.

    decidable: how many numbers are judged so.
    """
    collapsed, those = line.collapsed, line.those
    if collapsed and those.sum() < LEAST_DRAWS:
        few = f"the set is collapsed here, and in {those.sum()} of {those.size} repeats"
        return _Unknown(f"{line.table}: {line.set}", few)
    here, draws = line.value, line.draws
    if here is None or draws is None:
        return _by_range(line)
    alike = draws[those == collapsed]
    if not collapsed and alike.size < LEAST_DRAWS:
        alike = draws  # early in a training all sets are alike, and none has collapsed
    if _occurred(here, alike):
        return line.finding("within", "as in a repeat", here, here, 0.0)
    logarithmic = line.logarithmic and min(here, *alike) > 0
    level = 1 - FAMILY_LEVEL / 2 / TAIL_EXCESS / max(decidable, 1)
    likely = scatter.prediction_interval(alike, WITHIN_LEVEL, logarithmic=logarithmic)
    possible = scatter.prediction_interval(alike, level, logarithmic=logarithmic)
    told = f"{here:.6g} here; {WITHIN_LEVEL:.0%} of runs have {likely:.6g}"
    if alike.size < draws.size:
        state = "collapsed" if collapsed else "not collapsed"
        told += f" where the set is {state}, by {alike.size} repeats"
    verdict = _judged(here, likely, possible)
    if verdict == "outside" and (collapsed or not likely.reach):
        verdict = "undecided"
    if verdict != "within" and not collapsed:
        told += f"; outside is beyond {possible:.6g} "
        told += f"(where a right run rarely has any of {decidable} numbers)"
    tolerance = likely.reach if np.isfinite(likely.reach) else None
    return line.finding(verdict, told, here, likely.centre, tolerance)


def _judged(here: float, likely: scatter.Prediction, possible: scatter.Prediction) -> Consistency:
    if likely.holds(here):
        return "within"
    return "undecided" if possible.holds(here) else "outside"


def _trends(lines: list[_Number]) -> list[Finding]:
    """A finding for each metric of the synthetic sets, and one for all numbers of trainings.

    Many small differences are a large one: whether most sets are off in the same direction,
    collapsed ones and all; and whether all numbers of sets that have not collapsed are further off
    than they should be.
    """
    drawn = [line for line in lines if line.promise == CHAOTIC and not line.stepped]
    drawn = [line for line in drawn if line.value is not None and line.draws is not None]
    of_sets = [line for line in drawn if (line.table, line.column) == ("sets", "value")]
    metrics = list(dict.fromkeys(line.metric for line in of_sets))
    level = 1 - FAMILY_LEVEL / 2 / (len(metrics) + 1)
    found = []
    for metric in metrics:
        chosen = [line for line in of_sets if line.metric == metric]
        here, others = scatter.with_repeats(scatter.median_score, *_arrays(chosen))
        likely, possible = (
            scatter.prediction_interval(others, each) for each in (WITHIN_LEVEL, level)
        )
        told = f"median score {here:.3g} here, in standard deviations; {WITHIN_LEVEL:.0%} of runs "
        told += f"have {likely:.3g}; outside is beyond {possible:.3g}"
        subject = f"{metric} of all {len(chosen)} sets together"
        found.append(_trend(subject, told, here, likely, possible))
    if not drawn:
        return found
    values, draws = _arrays(drawn)
    values[[line.collapsed for line in drawn]] = np.nan
    draws[[line.those for line in drawn]] = np.nan
    if np.isnan(values).all():
        told = "every set of these results is collapsed, so that no scatter can be told"
        return [*found, Finding(EXPECTED, "all sets together", "undecided", told)]
    here, others = scatter.with_repeats(scatter.mean_square_score, values, draws)
    # One-sided: numbers that are nearer to the middle than they should be are no fault.
    likely, possible = (
        scatter.prediction_interval(others, 2 * each - 1)._replace(low=-np.inf)
        for each in (WITHIN_LEVEL, level)
    )
    told = (
        f"mean square score {here:.3g} here, 1 where numbers scatter as in the repeats; "
        f"{WITHIN_LEVEL:.0%} of runs have at most {likely.high:.3g}; outside is above "
        f"{possible.high:.3g}"
    )
    subject = f"all {len(drawn)} numbers of trainings together"
    return [*found, _trend(subject, told, here, likely, possible)]


def _trend(
    subject: str, told: str, here: float, likely: scatter.Prediction, possible: scatter.Prediction
) -> Finding:
    verdict, reach = _judged(here, likely, possible), likely.high - likely.centre
    return Finding(EXPECTED, subject, verdict, told, here, likely.centre, reach)


def _arrays(lines: list[_Number]) -> tuple[scatter.Floats, scatter.Floats]:
    """What they are here, (k,), and in the n repeats, (k, n); logarithms where those scatter."""
    both = np.array([[float(text) for text in (line.here, *line.repeats)] for line in lines])
    logarithmic = np.array([line.logarithmic for line in lines]) & (both > 0).all(axis=1)
    both[logarithmic] = np.log(both[logarithmic])
    return both[:, 0], both[:, 1:]


def _occurred(here: float, draws: scatter.Floats) -> bool:
    return bool(np.isclose(draws, here, rtol=RELATIVE, atol=ABSOLUTE).any())


def _said(text: str) -> str:
    return repr(text) if text else "nothing"
