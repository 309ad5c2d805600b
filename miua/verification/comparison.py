"""A results folder held against what is expected: each number within, outside or undecided.

A number that is promised to be the same is compared with that of the kept run. A number that a
training made is compared with its distribution over repeats with other seeds:

- within: where 99 of 100 new runs have it, by a prediction interval of the repeats;
- outside: so far away that a right run rarely has even one such number among all (Bonferroni, with
  room for tails that are heavier than normal);
- undecided: between, or where too little is known to say.

A training collapses now and then: its images become alike, and all its numbers go anywhere. That is
no normal scatter, so that such a set is held against the collapsed sets of the repeats only, and
is never outside by itself. Trends are judged over all sets at once: how far they are off in one
direction with the collapsed ones, how far they scatter without them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from miua.errors import MiuaError
from miua.study.plan import Profile
from miua.study.store import NOT_COMPUTED, Results
from miua.verification.finding import Finding
from miua.verification.outcome import (
    EXACT,
    PLACE,
    SEEDED,
    SEPARATOR,
    numbers,
    results_tables,
)
from miua.verification.reference import Expected, plan_differences, read_expected
from miua.verification.trends import trends
from miua.verification.verdicts import (
    CHECK,
    Number,
    States,
    decide_by_interval,
    decide_by_range,
    decide_exact,
    too_alone,
)

# Fewer repeats say too little about where a new run may lie.
LEAST_REPEATS = 10


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
    opened = Results.open(results)
    wanted = expected_of(opened.plan, expected, whose=results)
    found = numbers(results_tables(opened), opened.plan, wanted.plan)
    same_seed = opened.plan.seed == wanted.plan.seed
    return compare_numbers(found, wanted, same_seed=same_seed)


def expected_of(plan: Profile, expected: Path, whose: Path) -> Expected:
    """Read a folder of expected results of this plan.

    Args:
        plan: what is to be compared with them.
        expected: the folder.
        whose: the folder of the plan, for the message.

    Raises:
        MiuaError: the folder is none or damaged, or its results are of another plan.
    """
    wanted = read_expected(expected)
    if problems := plan_differences(wanted.plan, plan):
        raise MiuaError(
            f"{whose} is of another plan than {expected}, so that nothing can be compared:\n  "
            + "\n  ".join(problems)
            + "\nCompare with results of the same profile, or make expected ones for this: "
            "docs/expected.md."
        )
    return wanted


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
    states = States(lines)
    drawn = [line for line in lines if not _is_exact(line, same_seed)]
    decidable = sum(not line.is_word and not line.stepped for line in drawn)
    findings: list[Finding] = []
    unknown: dict[_Unknown, int] = {}
    for line in lines:
        if (reason := _not_comparable(line)) is not None:
            decided: Finding | _Unknown = reason
        elif _is_exact(line, same_seed):
            decided = decide_exact(line)
        elif not enough:
            decided = _Unknown(line.table, _few(expected.repeats.shape[1], least_repeats))
        elif line.is_word or line.stepped:
            decided = decide_by_range(line)
        elif (alone := too_alone(line, states)) is not None:
            decided = _Unknown(f"{line.table}: {states.set_of(line)}", alone)
        else:
            decided = decide_by_interval(line, states, decidable)
        if isinstance(decided, Finding):
            findings.append(decided)
        else:
            unknown[decided] = unknown.get(decided, 0) + 1
    for table, count in extra.items():
        unknown[_Unknown(table, "expected results do not hold them")] = count
    findings += trends(lines, states) if enough else []
    findings += [
        Finding(CHECK, group.group, "undecided", f"{count} numbers: {group.reason}.")
        for group, count in unknown.items()
    ]
    return findings


def _joined(found: pd.DataFrame, expected: Expected) -> tuple[list[Number], dict[str, int]]:
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
        Number(
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


def _is_exact(line: Number, same_seed: bool) -> bool:
    return line.promise == EXACT or (line.promise == SEEDED and same_seed)


def _not_comparable(line: Number) -> _Unknown | None:
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
