"""Tests of trainings: which arm is best or most stable, and whether their number of images matters.

Arms are single trainings, so what differs between two of them may be the seed alone. The rule: the
difference of two single runs has the standard deviation sqrt(2) s, with s that over seeds at the
same training size and epoch, and is compared with Student's t on seeds - 1 degrees of freedom.

A run's sets are snapshots of one training and no independent repetitions. The one-way test, which
the study most likely made, takes them for such; Friedman's test, blocked by epoch, takes out what
the epochs have in common, but neither can tell a size from the one run that stands for it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated

import pandas as pd
from pydantic import Field
from scipy import stats

from miua.analysis.checks import UndecidedError
from miua.analysis.claim_tests.base import (
    NOT_REPRODUCED,
    REPRODUCED,
    SEEDS,
    UNDECIDED,
    AtLeastOne,
    Evidence,
    ExperimentName,
    Finding,
    Fraction,
    Metrics,
    Names,
    NotTestableError,
    Positive,
    claim_test,
    computed,
    has_computed,
    labels,
    nearest_computed,
    number,
    of_arm,
    p_text,
    reproduced_if,
    without_significance,
)
from miua.analysis.clinician import holm
from miua.analysis.groups import (
    BlockedComparison,
    GroupComparison,
    GroupEquivalence,
    compare_blocked,
    compare_groups,
    equivalence_of_groups,
)
from miua.analysis.power import anova_power, smallest_anova_effect
from miua.config import Strict
from miua.metrics.registry import measure
from miua.study.store import STABILITY_COLUMNS, STABILITY_NUMBERS

Count = Annotated[int, Field(ge=0)]


class Runs(Strict):
    """Trainings of an experiment: those of one arm, or of all arms."""

    experiment: ExperimentName
    arm: str | None = None


@claim_test
def best_arm(
    evidence: Evidence,
    distance: Metrics,
    best: str,
    others: Names,
    beside: Sequence[str] = (),
    *,
    alpha: Fraction,
) -> Finding:
    """An arm is closer to real images than each other one, by more than seeds explain.

    Every margin over another arm must exceed the one-sided quantile at alpha; that another arm is
    better is found at alpha over all of them (Bonferroni). An arm whose images are prepared
    otherwise, such as cropped, has another reference: its distance is told and decides nothing.

    Args:
        evidence: of the experiment, and of the seeds.
        distance: the first of these metrics that was computed decides; lower is better.
        best: the arm that is claimed to be the best.
        others: the arms that it is compared with.
        beside: arms whose distance is told and decides nothing.
        alpha: level.
    """
    experiment = evidence.experiments[0]
    sets, seeds = evidence.sets(experiment), evidence.sets(SEEDS)
    arms = {arm: of_arm(sets, arm, experiment) for arm in [best, *others, *beside]}
    metric = nearest_computed([arms[best], seeds], distance)
    # An arm without the metric that the best one has gave no images: its training diverged.
    last = {arm: _last(rows, metric) for arm, rows in arms.items() if has_computed(rows, metric)}
    own = last[best]
    failed = [arm for arm in others if arm not in last]
    there = [arm for arm in others if arm in last]
    compared = [arm for arm in there if last[arm]["preparation"] == own["preparation"]]
    elsewhere = [arm for arm in there if arm not in compared]
    if not compared:
        reasons = [f"{', '.join(failed)} gave no images to compare with"] if failed else []
        if elsewhere:
            reasons.append(f"the images of {', '.join(elsewhere)} are prepared otherwise")
        raise UndecidedError("; ".join(reasons))
    same = computed(seeds, metric)
    alike = (same["epoch"] == own["epoch"]) & (same["training_size"] == own["training_size"])
    same = same[alike]["value"]
    if len(same) < 2:
        raise UndecidedError(
            f"{len(same)} seeds at epoch {own['epoch']} and {own['training_size']} images, at "
            "least 2 are needed to say what seeds alone do"
        )
    spread = math.sqrt(2) * float(same.std())
    if not spread > 0:
        raise UndecidedError("the seeds do not vary")
    margins = {arm: last[arm]["value"] - own["value"] for arm in compared}
    next_best = min(margins, key=margins.__getitem__)
    margin, freedom = margins[next_best], len(same) - 1
    needed = float(stats.t.isf(alpha, freedom)) * spread
    beaten = float(stats.t.isf(alpha / len(margins), freedom)) * spread
    said = (
        f"At epoch {own['epoch']} {measure(metric).label} is {number(own['value'])} for {best} and "
        f"{number(last[next_best]['value'])} for {next_best}, the best other arm"
    )
    if metric != distance[0]:
        said += f" ({measure(distance[0]).label} was not computed)"
    if failed:
        said += f" ({', '.join(failed)} gave no images)"
    if margin > needed:
        verdict, end = REPRODUCED, f"the margin exceeds what {len(same)} seeds explain"
    elif margin < -beaten:
        verdict, end = NOT_REPRODUCED, f"{next_best} is better by more than seeds explain"
    else:
        verdict, end = UNDECIDED, f"single trainings with {len(same)} seeds cannot tell them apart"
    bound = needed if margin > 0 else beaten
    told = "".join(
        f"; {arm} has {number(last[arm]['value'])} at epoch {last[arm]['epoch']}"
        for arm in beside
        if arm in last
    )
    told += "".join(
        f"; {arm} has {number(last[arm]['value'])} to images prepared otherwise, which no "
        "other arm can be compared with"
        for arm in elsewhere
    )
    return Finding(
        verdict,
        f"{said}: {end} ({number(bound)}){told}.",
        {f"{metric} {arm}": row["value"] for arm, row in last.items()}
        | {"margin": margin, "margin needed": needed, "margin to be beaten": beaten}
        | {"deviation over seeds": float(same.std())},
        n=len(same),
    )


@claim_test
def arms_are_stable(
    evidence: Evidence,
    stable: Sequence[str] = (),
    unstable: Sequence[str] = (),
    *,
    most_signs: Count,
    least_epochs: AtLeastOne,
) -> Finding:
    """Every run of the stable arms is without signs of instability, each unstable arm shows some.

    A sign that was seen is one at any length of training. That none was seen says nothing of a
    longer training. `most_signs` is how many signs a stable training may show; that a training of
    fewer than `least_epochs` shows none proves nothing.
    """
    table = _stability(evidence)
    sign_counts: dict[str, float] = {}
    told, contradicted, short = [], [], []
    for arm in [*stable, *unstable]:
        rows = of_arm(table, arm, evidence.experiments[0])
        beyond = rows["signs"].map(_signs).map(len) > most_signs
        sign_counts[f"runs of {arm} with signs"] = int(beyond.sum())
        seen = "; ".join(sorted({sign for signs in rows["signs"] for sign in _signs(signs)}))
        told.append(f"{arm}: {seen or 'no sign'}")
        shown, long = bool(beyond.any()), rows["epochs"].min() >= least_epochs
        as_claimed = shown == (arm in unstable)
        if not shown and not long:
            short.append(arm)
        elif not as_claimed:
            contradicted.append(arm)
    chosen = table[table["arm"].isin([*stable, *unstable])]
    longest = int(chosen["epochs"].max())
    verdict, end = REPRODUCED, "as claimed"
    if contradicted:
        verdict, end = NOT_REPRODUCED, f"{', '.join(contradicted)} against the claim"
    elif short:
        verdict = UNDECIDED
        end = f"without a sign before {least_epochs} epochs, {', '.join(short)} may still show one"
    reason = f"After {longest} epochs, {', '.join(told)}: {end}."
    return Finding(verdict, reason, sign_counts | {"epochs": longest}, n=len(chosen))


@claim_test
def most_stable_arm(evidence: Evidence, best: str, others: Names, *, most_signs: Count) -> Finding:
    """An arm shows no more signs than allowed, and each other arm more than it does."""
    table, experiment = _stability(evidence), evidence.experiments[0]
    counts = {
        arm: int(of_arm(table, arm, experiment)["signs"].map(_signs).map(len).max())
        for arm in [best, *others]
    }
    equal = [arm for arm in others if counts[arm] == counts[best]]
    if min(counts.values()) < counts[best] or counts[best] > most_signs:
        verdict, end = NOT_REPRODUCED, f"{best} is not the most stable"
    elif equal:
        verdict, end = UNDECIDED, f"{best} and {', '.join(equal)} cannot be told apart"
    else:
        verdict, end = REPRODUCED, f"{best} is the most stable"
    said = "Signs of instability: " + ", ".join(f"{arm} {n}" for arm, n in counts.items())
    numbers: dict[str, float] = {f"signs of {arm}": count for arm, count in counts.items()}
    return Finding(verdict, f"{said}: {end}.", numbers, n=len(counts))


@claim_test
def no_difference_over_sizes(
    evidence: Evidence, metrics: Metrics, arm: str, *, alpha: Fraction, cohen_f: Positive
) -> Finding:
    """No metric differs with training size.

    A difference that is significant in either test (Holm over tests and metrics) refutes it, and
    equivalence of every metric within `cohen_f` shows it.
    """
    sets = evidence.sets(arm=arm)
    tested: dict[str, tuple[GroupComparison, BlockedComparison, GroupEquivalence]] = {}
    gaps, reasons = [], []
    for metric in metrics:
        try:
            tested[metric] = _compare(computed(sets, metric), alpha, cohen_f)
        except NotTestableError as error:
            gaps.append(str(error))
        except UndecidedError as error:
            reasons.append(f"{measure(metric).label}: {error}")
    if not tested:
        raise UndecidedError("; ".join(reasons)) if reasons else NotTestableError("; ".join(gaps))
    p_values = [p for one, blocked, _ in tested.values() for p in (one.anova_p, blocked.p_value)]
    adjusted = holm(p_values)
    first, *_ = next(iter(tested.values()))
    n = first.n
    power = anova_power(n, first.groups, cohen_f, alpha=alpha)
    numbers = {
        "smallest Cohen f found": smallest_anova_effect(n, first.groups, alpha=alpha),
        "power of equivalence": min(equal.power for *_, equal in tested.values()),
    }
    for place, (metric, (one, blocked, equal)) in enumerate(tested.items()):
        numbers |= {
            f"{metric} p one-way": one.anova_p,
            f"{metric} p Kruskal-Wallis": one.kruskal_p,
            f"{metric} p blocked": blocked.p_value,
            f"{metric} p Holm": float(adjusted[2 * place : 2 * place + 2].min()),
            f"{metric} eta squared": one.eta_squared,
            f"{metric} Kendall W": blocked.kendall_w,
            f"{metric} p equivalence": equal.p_value,
        }
    differ = [m for m in tested if numbers[f"{m} p Holm"] < alpha]
    equal_all = not gaps and not reasons and all(equal.equivalent for *_, equal in tested.values())
    said = "; ".join(
        f"{measure(metric).label} one-way {p_text(one.anova_p)}, by epoch {p_text(by.p_value)}"
        for metric, (one, by, _) in tested.items()
    )
    left = f"; without {'; '.join([*gaps, *reasons])}" if gaps or reasons else ""
    bound = f"Cohen's f = {cohen_f:g}"
    if differ:
        verb = "differs" if len(differ) == 1 else "differ"
        verdict, end = NOT_REPRODUCED, f"{labels(differ)} {verb} with training size"
    elif equal_all:
        verdict, end = REPRODUCED, f"the sizes are equivalent within {bound}"
    else:
        verdict = UNDECIDED
        end = (
            f"no difference is significant after Holm, and equivalence within {bound} is not "
            f"shown; the power to find such a difference is {number(power, 2)}"
        )
    reason = f"{said} ({n} sets){left}: {end}."
    return Finding(verdict, reason, numbers, power=power, n=n)


@claim_test
def design_is_weak(
    evidence: Evidence, *, alpha: Fraction, cohen_f: Positive, power: Fraction
) -> Finding:
    """The study's own numbers of sets and sizes find the effect with less than that power."""
    facts = evidence.facts()
    n, groups = int(facts["sets"]), int(facts["training_sizes"])
    found = anova_power(n, groups, cohen_f, alpha=alpha)
    smallest = smallest_anova_effect(n, groups, power=power, alpha=alpha)
    return Finding(
        reproduced_if(found < power),
        f"{n} sets of {groups} sizes find an effect of Cohen's f = {cohen_f:g} with a "
        f"power of {number(found, 2)}, and f = {number(smallest, 2)} with {power:g}.",
        {"smallest Cohen f found": smallest},
        power=found,
        n=n,
    )


@claim_test
def spread_is_wider(
    evidence: Evidence,
    metrics: Metrics,
    wide: Runs,
    narrow: Runs,
    *,
    alpha: Fraction,
    variance_ratio: Annotated[float, Field(gt=1)],
    power: Fraction,
) -> Finding:
    """The variance over some runs' last sets exceeds that over other runs' (one-sided F test).

    The first of the metrics that was computed is compared. `variance_ratio` is the effect sought,
    for which the test should have `power`.
    """
    tables = [evidence.sets(runs.experiment, runs.arm) for runs in (wide, narrow)]
    metric = nearest_computed(tables, metrics)
    more, less = (_last_values(computed(table, metric)) for table in tables)
    if min(len(more), len(less)) < 2:
        raise UndecidedError(f"{len(more)} and {len(less)} runs, at least 2 are needed of each")
    if not less.var() > 0:
        raise UndecidedError("the runs compared with do not vary")
    ratio = float(more.var() / less.var())
    freedom = (len(more) - 1, len(less) - 1)
    p = float(stats.f.sf(ratio, *freedom))
    critical = stats.f.isf(alpha, *freedom)
    found = float(stats.f.sf(critical / variance_ratio, *freedom))
    names = [" ".join(filter(None, (runs.experiment, runs.arm))) for runs in (wide, narrow)]
    return Finding(
        REPRODUCED if p < alpha else without_significance(found, power),
        f"{measure(metric).label} has a standard deviation of {number(more.std())} over "
        f"{len(more)} runs ({names[0]}) and {number(less.std())} over {len(less)} "
        f"({names[1]}), {p_text(p)}; the power to find a variance {variance_ratio:g} "
        f"times as large is {number(found, 2)}.",
        {
            "variance ratio": ratio,
            "p": p,
            "deviation wide": float(more.std()),
            "deviation narrow": float(less.std()),
            "critical ratio": float(critical),
        },
        power=found,
        n=len(more) + len(less),
    )


def _compare(
    rows: pd.DataFrame, alpha: float, bound: float
) -> tuple[GroupComparison, BlockedComparison, GroupEquivalence]:
    value, size = rows["value"], rows["training_size"]
    # A block is an epoch that has a set of every size; a training that diverged has fewer.
    whole = rows.groupby("epoch")["training_size"].transform("nunique") == size.nunique()
    blocks = rows[whole]
    return (
        compare_groups(value, size),
        compare_blocked(blocks["value"], blocks["training_size"], blocks["epoch"]),
        equivalence_of_groups(value, size, bound=bound, alpha=alpha),
    )


def _stability(evidence: Evidence) -> pd.DataFrame:
    """The signs in the runs of the claim's first experiment."""
    table = evidence.table("stability", STABILITY_COLUMNS, STABILITY_NUMBERS)
    table = table[table["experiment"] == evidence.experiments[0]]
    if table.empty:
        raise NotTestableError(f"the experiment {evidence.experiments[0]} (no run of it is there)")
    return table


def _signs(signs: str) -> list[str]:
    return [sign for sign in signs.split("; ") if sign]


def _last(rows: pd.DataFrame, metric: str) -> pd.Series:
    """The row of an arm's last set."""
    return computed(rows, metric).sort_values("epoch").iloc[-1]


def _last_values(rows: pd.DataFrame) -> pd.Series[float]:
    """The value of each run's last set; runs, as several sets of one run vary too little."""
    return rows.sort_values("epoch").groupby(["arm", "run"])["value"].last()
