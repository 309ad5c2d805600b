"""Tests of whether training size, updates or the seed make a difference, and what could show it.

A run's sets are snapshots of one training and no independent repetitions. The one-way test, which
the study most likely made, takes them for such; Friedman's test, blocked by epoch, takes out what
the epochs have in common, but neither can tell a size from the one run that stands for it.
"""

from __future__ import annotations

import pandas as pd
from pydantic import Field
from scipy import stats

from miua.analysis.checks import UndecidedError
from miua.analysis.claim_tests.base import (
    NOT_REPRODUCED,
    REPRODUCED,
    UNDECIDED,
    Evidence,
    ExperimentName,
    Finding,
    Fraction,
    Metrics,
    NotTestableError,
    Positive,
    claim_test,
    computed,
    labels,
    nearest_computed,
    number,
    p_text,
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
from miua.metrics.measures import measure


class MetricsOfArm(Strict):
    metrics: Metrics
    arm: str


class Difference(Strict):
    alpha: Fraction
    cohen_f: Positive = Field(description="the effect sought, and the bound of equivalence")


class Design(Strict):
    alpha: Fraction
    cohen_f: Positive
    power: Fraction


class Runs(Strict):
    experiment: ExperimentName
    arm: str | None = Field(None, description="all arms if not given")


class Spreads(Strict):
    metrics: Metrics = Field(description="the first that was computed is compared")
    wide: Runs
    narrow: Runs


class SpreadRatio(Strict):
    alpha: Fraction
    variance_ratio: float = Field(gt=1, description="the effect sought")
    power: Fraction


@claim_test
def no_difference_over_sizes(
    evidence: Evidence, inputs: MetricsOfArm, thresholds: Difference
) -> Finding:
    """No metric differs with training size.

    A difference that is significant in either test (Holm over tests and metrics) refutes it, and
    equivalence of every metric shows it.
    """
    sets = evidence.sets(arm=inputs.arm)
    tested: dict[str, tuple[GroupComparison, BlockedComparison, GroupEquivalence]] = {}
    gaps, reasons = [], []
    for metric in inputs.metrics:
        try:
            tested[metric] = _compare(computed(sets, metric), thresholds)
        except NotTestableError as error:
            gaps.append(str(error))
        except UndecidedError as error:
            reasons.append(f"{measure(metric).label}: {error}")
    if not tested:
        raise UndecidedError("; ".join(reasons)) if reasons else NotTestableError("; ".join(gaps))
    p_values = [p for one, blocked, _ in tested.values() for p in (one.anova_p, blocked.p_value)]
    adjusted = holm(p_values)
    n, groups = (next(iter(tested.values()))[0].n, len(next(iter(tested.values()))[0].groups))
    power = anova_power(n, groups, thresholds.cohen_f, alpha=thresholds.alpha)
    numbers = {
        "smallest Cohen f found": smallest_anova_effect(n, groups, alpha=thresholds.alpha),
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
    differ = [m for m in tested if numbers[f"{m} p Holm"] < thresholds.alpha]
    equal_all = not gaps and not reasons and all(equal.equivalent for *_, equal in tested.values())
    said = "; ".join(
        f"{measure(metric).label} one-way {p_text(one.anova_p)}, by epoch {p_text(by.p_value)}"
        for metric, (one, by, _) in tested.items()
    )
    left = f"; without {'; '.join([*gaps, *reasons])}" if gaps or reasons else ""
    bound = f"Cohen's f = {thresholds.cohen_f:g}"
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
def design_is_weak(evidence: Evidence, inputs: Strict, thresholds: Design) -> Finding:
    """The study's own numbers of sets and sizes find the effect with less than that power."""
    facts = evidence.facts()
    n, groups = int(facts["sets"]), int(facts["training_sizes"])
    power = anova_power(n, groups, thresholds.cohen_f, alpha=thresholds.alpha)
    smallest = smallest_anova_effect(n, groups, power=thresholds.power, alpha=thresholds.alpha)
    return Finding(
        REPRODUCED if power < thresholds.power else NOT_REPRODUCED,
        f"{n} sets of {groups} sizes find an effect of Cohen's f = {thresholds.cohen_f:g} with a "
        f"power of {number(power, 2)}, and f = {number(smallest, 2)} with {thresholds.power:g}.",
        {"smallest Cohen f found": smallest},
        power=power,
        n=n,
    )


@claim_test
def spread_is_wider(evidence: Evidence, inputs: Spreads, thresholds: SpreadRatio) -> Finding:
    """The variance over some runs' last sets exceeds that over other runs' (one-sided F test)."""
    tables = [evidence.sets(runs.experiment, runs.arm) for runs in (inputs.wide, inputs.narrow)]
    metric = nearest_computed(tables, inputs.metrics)
    wide, narrow = (_last_values(computed(table, metric)) for table in tables)
    if min(len(wide), len(narrow)) < 2:
        raise UndecidedError(f"{len(wide)} and {len(narrow)} runs, at least 2 are needed of each")
    if not narrow.var() > 0:
        raise UndecidedError("the runs compared with do not vary")
    ratio = float(wide.var() / narrow.var())
    freedom = (len(wide) - 1, len(narrow) - 1)
    p = float(stats.f.sf(ratio, *freedom))
    critical = stats.f.isf(thresholds.alpha, *freedom)
    power = float(stats.f.sf(critical / thresholds.variance_ratio, *freedom))
    verdict = REPRODUCED if p < thresholds.alpha else without_significance(power, thresholds.power)
    names = [" ".join(filter(None, (of.experiment, of.arm))) for of in (inputs.wide, inputs.narrow)]
    return Finding(
        verdict,
        f"{measure(metric).label} has a standard deviation of {number(wide.std())} over "
        f"{len(wide)} runs ({names[0]}) and {number(narrow.std())} over {len(narrow)} "
        f"({names[1]}), {p_text(p)}; the power to find a variance {thresholds.variance_ratio:g} "
        f"times as large is {number(power, 2)}.",
        {
            "variance ratio": ratio,
            "p": p,
            "deviation wide": float(wide.std()),
            "deviation narrow": float(narrow.std()),
            "critical ratio": float(critical),
        },
        power=power,
        n=len(wide) + len(narrow),
    )


def _compare(
    rows: pd.DataFrame, thresholds: Difference
) -> tuple[GroupComparison, BlockedComparison, GroupEquivalence]:
    value, size = rows["value"], rows["training_size"]
    # A block is an epoch that has a set of every size; a training that diverged has fewer.
    whole = rows.groupby("epoch")["training_size"].transform("nunique") == size.nunique()
    blocks = rows[whole]
    return (
        compare_groups(value, size),
        compare_blocked(blocks["value"], blocks["training_size"], blocks["epoch"]),
        equivalence_of_groups(value, size, bound=thresholds.cohen_f, alpha=thresholds.alpha),
    )


def _last_values(rows: pd.DataFrame) -> pd.Series[float]:
    """The value of each run's last set; runs, as several sets of one run vary too little."""
    return rows.sort_values("epoch").groupby(["arm", "run"])["value"].last()
