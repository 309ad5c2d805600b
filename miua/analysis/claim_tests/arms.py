"""Tests that compare an experiment's arms: which one is best, and which trained stably.

Arms are single trainings, so what differs between two of them may be the seed alone. The rule: the
difference of two single runs has the standard deviation sqrt(2) s, with s that over seeds at the
same training size and epoch, and is compared with Student's t on seeds - 1 degrees of freedom.
"""

from __future__ import annotations

import math
from contextlib import suppress

import pandas as pd
from pydantic import Field
from scipy import stats

from miua.analysis.checks import UndecidedError
from miua.analysis.claim_tests.base import (
    NOT_REPRODUCED,
    REPRODUCED,
    SEEDS,
    UNDECIDED,
    Evidence,
    Finding,
    Level,
    Metrics,
    NotTestableError,
    claim_test,
    computed,
    nearest_computed,
    number,
    of_arm,
)
from miua.config import Strict
from miua.metrics.measures import measure
from miua.study.store import STABILITY_COLUMNS, STABILITY_NUMBERS


class Best(Strict):
    distance: Metrics = Field(description="the first that was computed decides; lower is better")
    best: str
    others: list[str] = Field(min_length=1)
    beside: list[str] = Field(
        default_factory=list, description="arms whose distance is told and decides nothing"
    )


class Arms(Strict):
    stable: list[str] = Field(default_factory=list)
    unstable: list[str] = Field(default_factory=list)


class Signs(Strict):
    most_signs: int = Field(ge=0, description="signs of instability that a stable training shows")
    least_epochs: int = Field(ge=1, description="a shorter training without a sign shows nothing")


class MostStable(Strict):
    best: str
    others: list[str] = Field(min_length=1)


class FewSigns(Strict):
    most_signs: int = Field(ge=0)


@claim_test
def best_arm(evidence: Evidence, inputs: Best, thresholds: Level) -> Finding:
    """An arm is closer to real images than each other one, by more than seeds explain.

    Every margin over another arm must exceed the one-sided quantile at alpha; that another arm is
    better is found at alpha over all of them (Bonferroni). An arm whose images are prepared
    otherwise, such as cropped, has another reference: its distance is told and decides nothing.
    """
    experiment = evidence.experiments[0]
    sets, seeds = evidence.sets(experiment), evidence.sets(SEEDS)
    wanted = [inputs.best, *inputs.others]
    arms = {arm: of_arm(sets, arm, experiment) for arm in [*wanted, *inputs.beside]}
    metric = nearest_computed([arms[inputs.best], seeds], inputs.distance)
    # An arm without the metric that the best one has gave no images: its training diverged.
    distances = {arm: _last(rows, metric) for arm, rows in arms.items() if _has(rows, metric)}
    best = distances[inputs.best]
    failed = [arm for arm in inputs.others if arm not in distances]
    there = [arm for arm in inputs.others if arm in distances]
    others = [arm for arm in there if distances[arm]["preparation"] == best["preparation"]]
    elsewhere = [arm for arm in there if arm not in others]
    if not others:
        reasons = [f"{', '.join(failed)} gave no images to compare with"] if failed else []
        if elsewhere:
            reasons.append(f"the images of {', '.join(elsewhere)} are prepared otherwise")
        raise UndecidedError("; ".join(reasons))
    same = computed(seeds, metric)
    same = same[
        (same["epoch"] == best["epoch"]) & (same["training_size"] == best["training_size"])
    ]["value"]
    if len(same) < 2:
        raise UndecidedError(
            f"{len(same)} seeds at epoch {best['epoch']} and {best['training_size']} images, at "
            "least 2 are needed to say what seeds alone do"
        )
    spread = math.sqrt(2) * float(same.std())
    if not spread > 0:
        raise UndecidedError("the seeds do not vary")
    margins = {arm: distances[arm]["value"] - best["value"] for arm in others}
    next_best = min(margins, key=margins.__getitem__)
    freedom = len(same) - 1
    needed = float(stats.t.isf(thresholds.alpha, freedom)) * spread
    beaten = float(stats.t.isf(thresholds.alpha / len(margins), freedom)) * spread
    margin = margins[next_best]
    label, epoch = measure(metric).label, best["epoch"]
    said = (
        f"At epoch {epoch} {label} is {number(best['value'])} for {inputs.best} and "
        f"{number(distances[next_best]['value'])} for {next_best}, the best other arm"
    )
    if metric != inputs.distance[0]:
        said += f" ({measure(inputs.distance[0]).label} was not computed)"
    if failed:
        said += f" ({', '.join(failed)} gave no images)"
    if margin > needed:
        verdict, end = REPRODUCED, f"the margin exceeds what {len(same)} seeds explain"
    elif margin < -beaten:
        verdict, end = NOT_REPRODUCED, f"{next_best} is better by more than seeds explain"
    else:
        verdict, end = UNDECIDED, f"single trainings with {len(same)} seeds cannot tell them apart"
    bound = needed if margin > 0 else beaten
    beside = "".join(
        f"; {arm} has {number(distances[arm]['value'])} at epoch {distances[arm]['epoch']}"
        for arm in inputs.beside
        if arm in distances
    )
    beside += "".join(
        f"; {arm} has {number(distances[arm]['value'])} to images prepared otherwise, which no "
        "other arm can be compared with"
        for arm in elsewhere
    )
    return Finding(
        verdict,
        f"{said}: {end} ({number(bound)}){beside}.",
        {f"{metric} {arm}": row["value"] for arm, row in distances.items()}
        | {"margin": margin, "margin needed": needed, "margin to be beaten": beaten}
        | {"deviation over seeds": float(same.std())},
        n=len(same),
    )


@claim_test
def arms_are_stable(evidence: Evidence, inputs: Arms, thresholds: Signs) -> Finding:
    """Every run of the stable arms is without signs of instability, each unstable arm shows some.

    A sign that was seen is one at any length of training. That none was seen says nothing of a
    longer training.
    """
    table = _stability(evidence)
    sign_counts: dict[str, float] = {}
    told, contradicted, short = [], [], []
    for arm in [*inputs.stable, *inputs.unstable]:
        rows = of_arm(table, arm, evidence.experiments[0])
        counts = rows["signs"].map(_count)
        sign_counts[f"runs of {arm} with signs"] = int((counts > thresholds.most_signs).sum())
        shown = bool((counts > thresholds.most_signs).any())
        seen = "; ".join(sorted({sign for signs in rows["signs"] for sign in _signs(signs)}))
        told.append(f"{arm}: {seen or 'no sign'}")
        if shown == (arm in inputs.unstable):
            if not shown and rows["epochs"].min() < thresholds.least_epochs:
                short.append(arm)
        elif shown or rows["epochs"].min() >= thresholds.least_epochs:
            contradicted.append(arm)
        else:
            short.append(arm)
    chosen = table[table["arm"].isin([*inputs.stable, *inputs.unstable])]
    longest = int(chosen["epochs"].max())
    said = f"After {longest} epochs, {', '.join(told)}"
    verdict, end = REPRODUCED, "as claimed"
    if contradicted:
        verdict, end = NOT_REPRODUCED, f"{', '.join(contradicted)} against the claim"
    elif short:
        verdict = UNDECIDED
        end = (
            f"without a sign before {thresholds.least_epochs} epochs, {', '.join(short)} may "
            "still show one"
        )
    return Finding(verdict, f"{said}: {end}.", sign_counts | {"epochs": longest}, n=len(chosen))


@claim_test
def most_stable_arm(evidence: Evidence, inputs: MostStable, thresholds: FewSigns) -> Finding:
    """An arm shows no more signs than allowed, and each other arm more than it does."""
    table, experiment = _stability(evidence), evidence.experiments[0]
    counts = {
        arm: int(of_arm(table, arm, experiment)["signs"].map(_count).max())
        for arm in [inputs.best, *inputs.others]
    }
    best = counts[inputs.best]
    fewer = [arm for arm in inputs.others if counts[arm] < best]
    equal = [arm for arm in inputs.others if counts[arm] == best]
    said = "Signs of instability: " + ", ".join(f"{arm} {n}" for arm, n in counts.items())
    if fewer or best > thresholds.most_signs:
        verdict, end = NOT_REPRODUCED, f"{inputs.best} is not the most stable"
    elif equal:
        verdict, end = UNDECIDED, f"{inputs.best} and {', '.join(equal)} cannot be told apart"
    else:
        verdict, end = REPRODUCED, f"{inputs.best} is the most stable"
    numbers: dict[str, float] = {f"signs of {arm}": count for arm, count in counts.items()}
    return Finding(verdict, f"{said}: {end}.", numbers, n=len(counts))


def _stability(evidence: Evidence) -> pd.DataFrame:
    """The signs in the runs of the claim's first experiment."""
    table = evidence.table("stability", STABILITY_COLUMNS, STABILITY_NUMBERS)
    table = table[table["experiment"] == evidence.experiments[0]]
    if table.empty:
        raise NotTestableError(f"the experiment {evidence.experiments[0]} (no run of it is there)")
    return table


def _signs(signs: str) -> list[str]:
    return [sign for sign in signs.split("; ") if sign]


def _count(signs: str) -> int:
    return len(_signs(signs))


def _has(rows: pd.DataFrame, metric: str) -> bool:
    with suppress(NotTestableError):
        return not computed(rows, metric).empty
    return False


def _last(rows: pd.DataFrame, metric: str) -> pd.Series:
    """The row of an arm's last set."""
    return computed(rows, metric).sort_values("epoch").iloc[-1]
