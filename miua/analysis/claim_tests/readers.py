"""Tests of the human study's counts, and of the accuracy that its notebook computes."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from scipy import stats

from miua.analysis.claim_tests.base import (
    NOT_REPRODUCED,
    REPRODUCED,
    UNDECIDED,
    Evidence,
    Finding,
    Fraction,
    Nothing,
    claim_test,
    number,
    p_text,
    percent,
)
from miua.analysis.proportions import compare_proportion, exact_interval, possible_counts
from miua.config import VARIANTS, Strict


class Printed(Strict):
    decimals: int = Field(ge=0, description="decimals of the printed percentage")
    readers: int = Field(ge=1, description="readers whose judgements were put together, at most")


class Possible(Strict):
    counts: int = Field(ge=1, description="how many counts a reader may print as this percentage")


class Chance(Strict):
    chance: Fraction
    margin: Fraction = Field(description="a share this far from chance would matter")
    alpha: Fraction


class Bound(Strict):
    share: Fraction = Field(description="the largest share that the count has to exclude")
    level: Fraction


class Variant(Strict):
    variant: Literal["notebook-128"]  # the one that smooths the label


class Agreement(Strict):
    accuracy: float = Field(ge=0, le=1, description="what a faultless discriminator is given")


@claim_test
def percentage_is_possible(evidence: Evidence, inputs: Printed, thresholds: Possible) -> Finding:
    """Among the judged images exactly so many counts print as the published percentage."""
    facts = evidence.facts()
    printed, images = facts["called_real_percent"], int(facts["judged_images"])
    found = {
        readers: possible_counts(printed, inputs.decimals, images, readers=readers)
        for readers in range(1, inputs.readers + 1)
    }
    told = ", ".join(
        f"{successes}/{trials}" for counts in found.values() for successes, trials in counts
    )
    numbers = {f"counts of {readers} readers": len(counts) for readers, counts in found.items()}
    as_stated = (int(facts["called_real"]), int(facts["judged_synthetic"])) in found[1]
    return Finding(
        REPRODUCED if as_stated and len(found[1]) == thresholds.counts else NOT_REPRODUCED,
        f"Of up to {images} images, {printed} % can only be {told or 'no count at all'}.",
        {**numbers, "judged images": images},
        n=images,
    )


@claim_test
def share_is_at_chance(evidence: Evidence, inputs: Nothing, thresholds: Chance) -> Finding:
    """The engineers' share does not differ from chance: shown if its interval is within margin."""
    facts = evidence.facts()
    called, trials = int(facts["called_real"]), int(facts["judged_synthetic"])
    test = compare_proportion(called, trials, thresholds.chance, level=1 - thresholds.alpha)
    share = test.proportion
    power = _binomial_power(trials, thresholds)
    inside = max(share.high - thresholds.chance, thresholds.chance - share.low) < thresholds.margin
    if test.p_value < thresholds.alpha:
        verdict = NOT_REPRODUCED
    else:
        verdict = REPRODUCED if inside else UNDECIDED
    return Finding(
        verdict,
        f"The engineers called {called} of {trials} synthetic images real, "
        f"{percent(share.estimate)} (exact {percent(share.level)} interval {percent(share.low)} to "
        f"{percent(share.high)}), which against {percent(thresholds.chance)} has "
        f"{p_text(test.p_value)}; the power to find "
        f"{percent(thresholds.chance + thresholds.margin)} is {number(power, 2)}.",
        {
            "called real": called,
            "share": share.estimate,
            "low": share.low,
            "high": share.high,
            "p": test.p_value,
        },
        power=power,
        n=trials,
    )


@claim_test
def none_called_real(evidence: Evidence, inputs: Nothing, thresholds: Bound) -> Finding:
    """No image called real among those judged excludes a share above the threshold."""
    trials = int(evidence.facts()["judged_synthetic"])
    share = exact_interval(0, trials, thresholds.level)
    return Finding(
        REPRODUCED if share.high <= thresholds.share else UNDECIDED,
        f"0 of {trials} synthetic images called real allow a true share of up to "
        f"{percent(share.high)} (exact {percent(thresholds.level)} interval).",
        {"called real": 0, "high": share.high},
        n=trials,
    )


@claim_test
def label_is_truncated(evidence: Evidence, inputs: Variant, thresholds: Agreement) -> Finding:
    """Comparing with the variant's real label cast to an integer gives that accuracy."""
    label = float(VARIANTS[inputs.variant]["real_label"])
    # A faultless discriminator answers 1, real, to every real image.
    accuracy = float(int(label) == 1)
    return Finding(
        REPRODUCED if accuracy == thresholds.accuracy else NOT_REPRODUCED,
        f"Cast to an integer the real label {label:g} is {int(label)}, so a discriminator that "
        f"calls every real image real gets an accuracy of {number(accuracy)} on real images.",
        {"label": label, "accuracy": accuracy},
    )


def _binomial_power(trials: int, thresholds: Chance) -> float:
    """Chance that the exact test is significant where the share is `margin` above chance."""
    true = thresholds.chance + thresholds.margin
    return float(
        sum(
            stats.binom.pmf(count, trials, true)
            for count in range(trials + 1)
            if stats.binomtest(count, trials, thresholds.chance).pvalue < thresholds.alpha
        )
    )
