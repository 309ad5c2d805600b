"""Tests of trainings: which arm is best or most stable, and whether their number of images matters.

Arms are single trainings, so what differs between two of them may be the seed alone. The rule: the
difference of two single runs has the standard deviation sqrt(2) s, with s that over seeds at the
same training size and epoch, and is compared with Student's t on seeds - 1 degrees of freedom.

A run's sets are snapshots of one training and no independent repetitions. The one-way test, which
the study most likely made, takes them for such; Friedman's test, blocked by epoch, takes out what
the epochs have in common, but neither can tell a size from the one run that stands for it.
"""

import math
from collections.abc import Sequence
from typing import Annotated, Literal

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
    ClaimFinding,
    Evidence,
    ExperimentName,
    Fraction,
    Metrics,
    Names,
    NotTestableError,
    Positive,
    Share,
    claim_test,
    computed,
    decide,
    has_computed,
    labels,
    nearest_computed,
    number,
    of_arm,
    p_text,
)
from miua.analysis.clinician import holm
from miua.analysis.group_differences import compare_blocked, compare_groups, equivalence_of_groups
from miua.analysis.power import anova_power, smallest_anova_effect
from miua.config import VARIANTS, Strict
from miua.metrics.registry import measure

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
) -> ClaimFinding:
    """An arm is closer to real images than each other one, by more than seeds explain.

    Every margin over another arm must exceed the one-sided quantile at alpha; that another arm is
    better is found at alpha over all of them (Bonferroni). An arm whose images are prepared
    otherwise, such as cropped, has another reference: its distance is told and decides nothing, as
    that of the arms `beside`. Of `distance` the first metric that was computed decides.
    """
    sets, seeds = evidence.sets(), evidence.sets(SEEDS)
    arms = {arm: of_arm(sets, arm, evidence.experiments[0]) for arm in [best, *others, *beside]}
    metric = nearest_computed([arms[best], seeds], distance)
    # An arm without the metric that the best one has gave no images: its training diverged.
    last = {
        arm: computed(rows, metric).sort_values("epoch").iloc[-1]
        for arm, rows in arms.items()
        if has_computed(rows, metric)
    }
    own = last[best]
    failed = [arm for arm in others if arm not in last]
    alike = [arm for arm in last if last[arm]["preparation"] == own["preparation"]]
    elsewhere = [arm for arm in others if arm in last and arm not in alike]
    margins = {arm: last[arm]["value"] - own["value"] for arm in others if arm in alike}
    if not margins:
        reasons = [f"{', '.join(failed)} gave no images to compare with"] if failed else []
        if elsewhere:
            reasons.append(f"the images of {', '.join(elsewhere)} are prepared otherwise")
        raise UndecidedError("; ".join(reasons))
    epoch, size = own["epoch"], own["training_size"]
    same = computed(seeds, metric)
    same = same[(same["epoch"] == epoch) & (same["training_size"] == size)]["value"]
    if len(same) < 2:
        raise UndecidedError(
            f"{len(same)} seeds at epoch {epoch} and {size} images, at least 2 are needed to say "
            "what seeds alone do"
        )
    spread = math.sqrt(2) * float(same.std())
    if not spread > 0:
        raise UndecidedError("the seeds do not vary")
    next_best = min(margins, key=margins.__getitem__)
    margin, levels = margins[next_best], (alpha, alpha / len(margins))
    needed, beaten = (float(stats.t.isf(each, len(same) - 1)) * spread for each in levels)
    if margin > needed:
        verdict, end = REPRODUCED, f"the margin exceeds what {len(same)} seeds explain"
    elif margin < -beaten:
        verdict, end = NOT_REPRODUCED, f"{next_best} is better by more than seeds explain"
    else:
        verdict, end = UNDECIDED, f"single trainings with {len(same)} seeds cannot tell them apart"
    found = {arm: number(row["value"]) for arm, row in last.items()}
    said = (
        f"At epoch {epoch} {measure(metric).label} is {found[best]} for {best} and "
        f"{found[next_best]} for {next_best}, the best other arm"
    )
    if metric != distance[0]:
        said += f" ({measure(distance[0]).label} was not computed)"
    if failed:
        said += f" ({', '.join(failed)} gave no images)"
    said += f": {end} ({number(needed if margin > 0 else beaten)})"
    for arm in beside:
        if arm in last:
            said += f"; {arm} has {found[arm]} at epoch {last[arm]['epoch']}"
    for arm in elsewhere:
        said += (
            f"; {arm} has {found[arm]} to images prepared otherwise, "
            "which no other arm can be compared with"
        )
    return ClaimFinding(
        verdict,
        f"{said}.",
        {f"{metric} {arm}": row["value"] for arm, row in last.items()}
        | {"margin": margin, "margin needed": needed, "margin to be beaten": beaten}
        | {"deviation over seeds": same.std()},
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
) -> ClaimFinding:
    """Every run of the stable arms is without signs of instability, each unstable arm shows some.

    `most_signs` is how many signs a stable training may show. A sign that was seen is one at any
    length of training; that fewer than `least_epochs` epochs show none proves nothing.
    """
    table = _stability(evidence)
    sign_counts: dict[str, float] = {}
    told, contradicted, short = [], [], []
    for arm in [*stable, *unstable]:
        rows = of_arm(table, arm, evidence.experiments[0])
        shown = int((rows["signs"].map(len) > most_signs).sum())
        sign_counts[f"runs of {arm} with signs"] = shown
        told.append(f"{arm}: {'; '.join(sorted({*rows['signs'].explode().dropna()})) or 'no sign'}")
        if not shown and rows["epochs"].min() < least_epochs:
            short.append(arm)
        elif bool(shown) != (arm in unstable):
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
    return ClaimFinding(verdict, reason, sign_counts | {"epochs": longest}, n=len(chosen))


@claim_test
def most_stable_arm(
    evidence: Evidence, best: str, others: Names, *, most_signs: Count
) -> ClaimFinding:
    """An arm shows no more signs than allowed, and each other arm more than it does."""
    table, experiment = _stability(evidence), evidence.experiments[0]
    counts = {
        arm: int(of_arm(table, arm, experiment)["signs"].map(len).max()) for arm in [best, *others]
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
    return ClaimFinding(verdict, f"{said}: {end}.", numbers, n=len(counts))


@claim_test
def no_difference_over_sizes(
    evidence: Evidence, metrics: Metrics, arm: str, *, alpha: Fraction, cohen_f: Positive
) -> ClaimFinding:
    """No metric differs with training size.

    A difference that is significant in either test (Holm over tests and metrics) refutes it, and
    equivalence of every metric within `cohen_f` shows it.
    """
    sets = evidence.sets(arm=arm)
    tested: dict[str, dict[str, float]] = {}
    sizes, chances, gaps, reasons = [], [], [], []
    for metric in metrics:
        try:
            rows = computed(sets, metric)
            value, size = rows["value"], rows["training_size"]
            one = compare_groups(value, size)
            # A block is an epoch; where a training diverged, it lacks a size.
            by_epoch, concordance = compare_blocked(value, size, rows["epoch"])
            equal, chance = equivalence_of_groups(value, size, bound=cohen_f, alpha=alpha)
        except NotTestableError as error:
            gaps.append(str(error))
        except UndecidedError as error:
            reasons.append(f"{measure(metric).label}: {error}")
        else:
            sizes.append((len(rows), size.nunique()))
            chances.append(chance)
            tested[metric] = {
                **{"p one-way": one.anova_p, "p Kruskal-Wallis": one.kruskal_p},
                **{"p blocked": by_epoch, "p equivalence": equal},
                **{"eta squared": one.eta_squared, "Kendall W": concordance},
            }
    if not tested:
        raise UndecidedError("; ".join(reasons)) if reasons else NotTestableError("; ".join(gaps))
    table = pd.DataFrame.from_dict(tested, orient="index")
    p_values = table[["p one-way", "p blocked"]].to_numpy()
    table["p Holm"] = holm(p_values.ravel()).reshape(-1, 2).min(axis=1)
    n, groups = sizes[0]
    power = anova_power(n, groups, cohen_f, alpha=alpha)
    smallest = smallest_anova_effect(n, groups, alpha=alpha)
    numbers = {"smallest Cohen f found": smallest, "power of equivalence": min(chances)}
    for which, row in table.iterrows():
        numbers |= {f"{which} {name}": value for name, value in row.items()}
    differ = [metric for metric in tested if numbers[f"{metric} p Holm"] < alpha]
    left = "; ".join([*gaps, *reasons])
    bound = f"Cohen's f = {cohen_f:g}"
    if differ:
        verb = "differs" if len(differ) == 1 else "differ"
        verdict, end = NOT_REPRODUCED, f"{labels(differ)} {verb} with training size"
    elif not left and (table["p equivalence"] < alpha).all():
        verdict, end = REPRODUCED, f"the sizes are equivalent within {bound}"
    else:
        verdict = UNDECIDED
        end = (
            f"no difference is significant after Holm, and equivalence within {bound} is not "
            f"shown; the power to find such a difference is {number(power, 2)}"
        )
    said = "; ".join(
        f"{measure(metric).label} one-way {p_text(p['p one-way'])}, by epoch "
        f"{p_text(p['p blocked'])}"
        for metric, p in tested.items()
    )
    reason = f"{said} ({n} sets){f'; without {left}' if left else ''}: {end}."
    return ClaimFinding(verdict, reason, numbers, power=power, n=n)


@claim_test
def design_is_weak(
    evidence: Evidence, *, alpha: Fraction, cohen_f: Positive, power: Fraction
) -> ClaimFinding:
    """The study's own numbers of sets and sizes find the effect with less than that power."""
    facts = evidence.facts()
    n, groups = int(facts["sets"]), int(facts["training_sizes"])
    found = anova_power(n, groups, cohen_f, alpha=alpha)
    smallest = smallest_anova_effect(n, groups, power=power, alpha=alpha)
    return ClaimFinding(
        decide(found < power),
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
) -> ClaimFinding:
    """The variance over some runs' last sets exceeds that over other runs' (one-sided F test).

    The first metric that was computed decides; the test should find `variance_ratio` with `power`.
    """
    tables = [evidence.sets(runs.experiment, runs.arm) for runs in (wide, narrow)]
    metric = nearest_computed(tables, metrics)
    # Of each run its last set, as several sets of one run vary too little.
    more, less = (
        computed(table, metric).sort_values("epoch").groupby(["arm", "run"])["value"].last()
        for table in tables
    )
    if min(len(more), len(less)) < 2:
        raise UndecidedError(f"{len(more)} and {len(less)} runs, at least 2 are needed of each")
    if not less.var() > 0:
        raise UndecidedError("the runs compared with do not vary")
    ratio = more.var() / less.var()
    freedom = (len(more) - 1, len(less) - 1)
    p = stats.f.sf(ratio, *freedom)
    critical = stats.f.isf(alpha, *freedom)
    found = float(stats.f.sf(critical / variance_ratio, *freedom))
    names = [" ".join(filter(None, (runs.experiment, runs.arm))) for runs in (wide, narrow)]
    return ClaimFinding(
        decide(p < alpha, found >= power),
        f"{measure(metric).label} has a standard deviation of {number(more.std())} over "
        f"{len(more)} runs ({names[0]}) and {number(less.std())} over {len(less)} "
        f"({names[1]}), {p_text(p)}; the power to find a variance {variance_ratio:g} "
        f"times as large is {number(found, 2)}.",
        {"variance ratio": ratio, "p": p, "critical ratio": critical}
        | {"deviation wide": more.std(), "deviation narrow": less.std()},
        power=found,
        n=len(more) + len(less),
    )


@claim_test
def label_is_truncated(
    evidence: Evidence, variant: Literal["notebook-128"], *, accuracy: Share
) -> ClaimFinding:
    """Comparing with the variant's real label cast to an integer gives that accuracy."""
    label = float(VARIANTS[variant]["real_label"])
    # A faultless discriminator answers 1, real, to every real image.
    given = float(int(label) == 1)
    return ClaimFinding(
        decide(given == accuracy),
        f"Cast to an integer the real label {label:g} is {int(label)}, so a discriminator that "
        f"calls every real image real gets an accuracy of {number(given)} on real images.",
        {"label": label, "accuracy": given},
    )


def _stability(evidence: Evidence) -> pd.DataFrame:
    """The runs of the claim's first experiment; in `signs`, the list of each run's signs."""
    table = evidence.table("stability")
    table = table[table["experiment"] == evidence.experiments[0]]
    if table.empty:
        raise NotTestableError(f"the experiment {evidence.experiments[0]} (no run of it is there)")
    signs = table["signs"].str.split("; ").map(lambda each: [sign for sign in each if sign])
    return table.assign(signs=signs)
