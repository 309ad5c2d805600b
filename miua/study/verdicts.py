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
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from miua.metrics.registry import (
    DIVERSITY,
    FD_EFFICIENTNET,
    FD_LBP,
    FID,
    LBPV_TOTAL_DIFFERENCE,
    MUTUAL_INFORMATION,
)
from miua.study.compare import as_number
from miua.study.expected import (
    CHAOTIC,
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

Floats = NDArray[np.float64]
# A row of what `_joined` returns.
_Line = Any

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
    measure.name
    for measure in (
        *(MUTUAL_INFORMATION, FID, FD_LBP, FD_EFFICIENTNET, DIVERSITY),
        LBPV_TOTAL_DIFFERENCE,
    )
}
LOGARITHMIC_COLUMNS = {
    "generator_loss_last", "discriminator_loss_last", "diversity", "deviation", "mean_absolute",
}  # fmt: skip
# Shares and the like, with few values and an end that many runs reach: nothing near normal.
STEPPED_COLUMNS = {
    "saturated_share", "accuracy_real_last", "accuracy_synthetic_last", "spearman", "power", "n",
}  # fmt: skip
ABSENT = "absent"
# As far as a score goes; where draws have no scatter, any difference is infinitely unusual.
LARGEST_SCORE = 8.0
# In the mean square a score beyond this counts as this much, so that no few values decide.
COUNTED_AT_MOST = 3.0


class Prediction(NamedTuple):
    """From `low` to `high`, and what lies in the middle."""

    low: float
    centre: float
    high: float

    def __format__(self, form: str) -> str:
        return f"{self.low:{form}} to {self.high:{form}}"

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high

    @property
    def reach(self) -> float:
        """The larger distance from the centre to an end."""
        return max(self.high - self.centre, self.centre - self.low)


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
    decidable = int((~lines["promise"].isin(promised) & ~lines["stepped"]).sum())
    few = f"{repeats} repeats are too few: {least_repeats} are needed"
    few = f"made by trainings, and {few if repeats else 'one run is no distribution'}"

    def decided(line: _Line) -> Finding | _Unknown:
        if (reason := _not_comparable(line)) is not None:
            return reason
        if line.promise in promised:
            return _by_promise(line)
        if repeats < least_repeats:
            return _Unknown(line.table, few)
        return _by_range(line) if line.stepped else _by_interval(line, decidable)

    found_out = [decided(line) for line in lines.itertuples()]
    findings = [each for each in found_out if isinstance(each, Finding)]
    unknown = Counter(each for each in found_out if isinstance(each, _Unknown))
    for table, count in others.items():
        unknown[_Unknown(str(table), "expected results do not hold them")] = int(count)
    findings += _trends(lines) if repeats >= least_repeats else []
    return findings + [
        Finding(EXPECTED, group, "undecided", f"{count} numbers: {reason}.")
        for (group, reason), count in unknown.items()
    ]


def _joined(found: pd.DataFrame, expected: Expected) -> tuple[pd.DataFrame, pd.Series[int]]:
    """Every expected number with what it is here; how many others there are here, by table.

    As text in `kept`, `here`, and `repeats`, a list; as numbers, nan where the text is none, in
    `value` (here) and the array `draws`. Whether the number's set is collapsed stands in
    `collapsed` (here) and the array `those`.
    """
    texts = found.set_index(PLACE)["value"]
    lines = expected.kept.rename(columns={"value": "kept"})
    places = pd.MultiIndex.from_frame(lines[PLACE])
    lines["here"] = texts.reindex(places).fillna(ABSENT).to_numpy()
    lines["repeats"] = pd.Series(expected.repeats.to_numpy().tolist(), index=lines.index)
    values = expected.repeats.assign(here=lines["here"]).map(as_number).to_numpy(dtype=np.float64)
    lines["value"], lines["draws"] = values[:, -1], [*values[:, :-1]]
    lines["known"] = np.isfinite(values).all(axis=1)
    table, key, column = (lines[name] for name in PLACE)
    lines["subject"] = table + ": " + key + "; " + column
    lines["metric"] = key.str.rsplit(SEPARATOR, n=1).str[-1]
    lines["stepped"] = lines["type"].eq("word") | column.isin(STEPPED_COLUMNS)
    of_measure = column.isin(("value", "mean", "low", "high"))
    of_measure &= lines["metric"].isin(LOGARITHMIC_MEASURES)
    lines["logarithmic"] = of_measure | column.isin(LOGARITHMIC_COLUMNS)
    end = SEPARATOR + DIVERSITY.name
    tells = column.eq(DIVERSITY.name) | (column.eq("value") & key.str.endswith(end))
    sets = zip(table[tells], key[tells].str.removesuffix(end), strict=True)
    states = dict(zip(sets, values[tells] < COLLAPSED_BELOW, strict=True))
    its_set = [
        each if each in states else (each[0], each[1].rsplit(SEPARATOR, 1)[0])
        for each in zip(table, key, strict=True)
    ]
    none = [False] * values.shape[1]
    collapsed = np.array([states.get(each, none) for each in its_set], dtype=bool)
    lines["set"] = [each for _, each in its_set]
    lines["collapsed"], lines["those"] = collapsed[:, -1], [*collapsed[:, :-1]]
    others = texts.index.difference(places).get_level_values("table")
    return lines, others.value_counts(sort=False)


def _finding(line: _Line, verdict: Consistency, detail: str, *numbers: float | None) -> Finding:
    return Finding(EXPECTED, line.subject, verdict, detail, *numbers)


def _not_comparable(line: _Line) -> _Unknown | None:
    """Why there is nothing to compare, if there is nothing."""
    group = f"{line.table}: {line.metric}"
    if line.here == ABSENT:
        return _Unknown(line.table, "these results do not hold them")
    known = NOT_COMPUTED not in (line.kept, *line.repeats)
    if line.here == NOT_COMPUTED:
        beside = "where expected results have them" if known else "nor in expected results"
        return _Unknown(group, f"not computed here, {beside}")
    return None if known else _Unknown(group, "computed here, and not in all expected results")


def _by_promise(line: _Line) -> Finding:
    """The same as in the kept run, but for the order of sums."""
    here, kept = line.value, as_number(line.kept)
    if line.type == "word" or np.isnan(here) or kept is None:
        if line.here == line.kept:
            return _finding(line, "within", f"{_said(line.here)}, as promised")
        said = f"{_said(line.here)} here, and promised to be {_said(line.kept)}"
        return _finding(line, "outside", said)
    tolerance = max(RELATIVE * abs(kept), ABSOLUTE)
    said = f"{here:.9g} here, and promised to be {kept:.9g}; at most {tolerance:.1g} apart"
    verdict: Consistency = "within" if abs(here - kept) <= tolerance else "outside"
    return _finding(line, verdict, f"{said}, for sums in another order", here, kept, tolerance)


def _by_range(line: _Line) -> Finding:
    """Whether it occurred in the repeats; ten that agree do not exclude another value."""
    here, draws = line.value, line.draws
    said = f"here; in {len(line.repeats)} repeats"
    if line.type == "word" or not line.known:
        # Long words, such as a list of signs, are compared whole.
        words = sorted(Counter(line.repeats).items())
        told = ", ".join(f"{count} times {_said(word)}" for word, count in words)
        verdict: Consistency = "within" if line.here in line.repeats else "undecided"
        return _finding(line, verdict, f"{_said(line.here)} {said} {told}")
    span = Prediction(float(draws.min()), float(np.median(draws)), float(draws.max()))
    verdict = "within" if span.holds(here) or _occurred(here, draws) else "undecided"
    told = f"{here:.6g} {said} {span:.6g}; it moves in steps, not normally"
    return _finding(line, verdict, told, here, span.centre, span.reach)


def _by_interval(line: _Line, decidable: int) -> Finding | _Unknown:
    """By prediction intervals of the repeats in its set's state, as `decidable` numbers are."""
    collapsed, those = line.collapsed, line.those
    if collapsed and those.sum() < LEAST_DRAWS:
        few = f"the set is collapsed here, and in {those.sum()} of {those.size} repeats"
        return _Unknown(f"{line.table}: {line.set}", few)
    if not line.known:
        return _by_range(line)
    here, draws = line.value, line.draws
    alike = draws[those == collapsed]
    if not collapsed and alike.size < LEAST_DRAWS:
        alike = draws  # early in a training all sets are alike, and none has collapsed
    if _occurred(here, alike):
        return _finding(line, "within", "as in a repeat", here, here, 0.0)
    level = 1 - FAMILY_LEVEL / 2 / TAIL_EXCESS / max(decidable, 1)
    logarithmic = line.logarithmic and min(here, *alike) > 0
    likely, possible = (
        prediction_interval(alike, each, logarithmic=logarithmic) for each in (WITHIN_LEVEL, level)
    )
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
    return _finding(line, verdict, told, here, likely.centre, tolerance)


def _judged(here: float, likely: Prediction, possible: Prediction) -> Consistency:
    if likely.holds(here):
        return "within"
    return "undecided" if possible.holds(here) else "outside"


def _trends(lines: pd.DataFrame) -> list[Finding]:
    """A finding for each metric of the synthetic sets, and one for all numbers of trainings.

    Many small differences are a large one: whether most sets are off in the same direction,
    collapsed ones and all; and whether all numbers of sets that have not collapsed are further off
    than they should be.
    """
    drawn = lines[lines["promise"].eq(CHAOTIC) & ~lines["stepped"] & lines["known"]]
    if drawn.empty:
        return []
    both = np.column_stack([drawn["value"], np.stack([*drawn["draws"]])])
    logarithmic = drawn["logarithmic"].to_numpy() & (both > 0).all(axis=1)
    both[logarithmic] = np.log(both[logarithmic])  # these scatter evenly
    of_sets = drawn["metric"].where(drawn["table"].eq("sets") & drawn["column"].eq("value"))
    metrics = of_sets.dropna().unique()
    levels = WITHIN_LEVEL, 1 - FAMILY_LEVEL / 2 / (len(metrics) + 1)
    found = []
    for metric in metrics:
        chosen = both[of_sets.eq(metric)]
        here, others = with_repeats(np.median, chosen[:, 0], chosen[:, 1:])
        likely, possible = (prediction_interval(others, level) for level in levels)
        told = f"median score {here:.3g} here, in standard deviations; {WITHIN_LEVEL:.0%} of runs "
        told += f"have {likely:.3g}; outside is beyond {possible:.3g}"
        name = f"{metric} of all {len(chosen)} sets together"
        found.append(_trend(name, told, here, likely, possible))
    both[np.column_stack([drawn["collapsed"], np.stack([*drawn["those"]])])] = np.nan
    if np.isnan(both[:, 0]).all():
        told = "every set of these results is collapsed, so that no scatter can be told"
        return [*found, Finding(EXPECTED, "all sets together", "undecided", told)]
    here, others = with_repeats(mean_square_score, both[:, 0], both[:, 1:])
    # One-sided: numbers that are nearer to the middle than they should be are no fault.
    likely, possible = (
        prediction_interval(others, 2 * level - 1)._replace(low=-np.inf) for level in levels
    )
    told = (
        f"mean square score {here:.3g} here, 1 where numbers scatter as in the repeats; "
        f"{WITHIN_LEVEL:.0%} of runs have at most {likely.high:.3g}; outside is above "
        f"{possible.high:.3g}"
    )
    name = f"all {len(drawn)} numbers of trainings together"
    return [*found, _trend(name, told, here, likely, possible)]


def _trend(name: str, told: str, here: float, likely: Prediction, possible: Prediction) -> Finding:
    verdict, reach = _judged(here, likely, possible), likely.high - likely.centre
    return Finding(EXPECTED, name, verdict, told, here, likely.centre, reach)


def prediction_interval(values: Floats, level: float, *, logarithmic: bool = False) -> Prediction:
    """Where one more draw from a normal distribution lies with probability `level`.

    mean ± t s sqrt(1 + 1/n), with Student's t for n - 1 degrees of freedom: it allows for the n
    draws being few. (Hahn and Meeker, Statistical Intervals, Wiley 1991, section 4.7.)

    values: n draws, (n,), n of 2 or more; positive if logarithmic: then their logarithms are
    normal, and the centre is the geometric mean. level: from 0 to 1.
    """
    drawn = np.log(values) if logarithmic else values
    n = drawn.size
    centre = float(drawn.mean())
    # From the upper tail: so near to 1, the level has no digits left for `stats.t.interval`.
    half = stats.t.isf((1 - level) / 2, n - 1) * drawn.std(ddof=1) * np.sqrt(1 + 1 / n)
    ends = np.array([centre - half, centre, centre + half])
    if logarithmic:
        with np.errstate(over="ignore", under="ignore"):  # so wide that it excludes nothing
            ends = np.exp(ends)
    return Prediction(*ends.tolist())


def scores(values: Floats, draws: Floats) -> Floats:
    """How unusual each of k values, (k,), is among its n draws, (k, n), as a normal score, (k,).

    The probability that Student's t gives to the value beside the draws, as a quantile of the
    normal distribution, and no further from 0 than LARGEST_SCORE. Draws that are NaN are left out;
    NaN where the value is, or where there are fewer than two draws.
    """
    known = np.ma.masked_invalid(draws)
    n = known.count(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        scatter = known.std(axis=1, ddof=1).filled(np.nan) * np.sqrt(1 + 1 / n)
        away = values - known.mean(axis=1).filled(np.nan)
        ratio = np.where(away == 0, 0.0, away / scatter)
        size = stats.norm.isf(stats.t.sf(np.abs(ratio), n - 1))
    return np.where(n >= 2, np.sign(ratio) * np.minimum(size, LARGEST_SCORE), np.nan)


def mean_square_score(found: Floats) -> float:
    """About 1 where values scatter as their draws do."""
    return float(np.nanmean(np.minimum(np.abs(found), COUNTED_AT_MOST) ** 2))


def with_repeats(
    statistic: Callable[[Floats], Any], values: Floats, draws: Floats
) -> tuple[float, Floats]:
    """A statistic of the scores of many values, (k,), and that of each of n draws of them, (k, n).

    Each draw is scored among the others, so that the n results, (n,), say how the first scatters.
    """
    others = [
        statistic(scores(draws[:, each], np.delete(draws, each, axis=1)))
        for each in range(draws.shape[1])
    ]
    return float(statistic(scores(values, draws))), np.array(others)


def _occurred(here: float, draws: Floats) -> bool:
    return bool(np.isclose(draws, here, rtol=RELATIVE, atol=ABSOLUTE).any())


def _said(text: str) -> str:
    return repr(text) if text else "nothing"
