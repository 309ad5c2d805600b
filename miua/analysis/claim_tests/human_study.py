"""Tests of the human study's counts, and of the accuracy that its notebook computes."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from miua.analysis import reader_tables as readers
from miua.analysis.claim_tests.base import (
    NOT_REPRODUCED,
    REPRODUCED,
    UNDECIDED,
    AtLeastOne,
    Evidence,
    Finding,
    Fraction,
    NotTestableError,
    Share,
    claim_test,
    number,
    p_text,
    percent,
    reproduced_if,
)
from miua.analysis.power import binomial_power
from miua.analysis.proportions import binomial_p, exact_interval, possible_counts
from miua.config import VARIANTS

Role = Literal["clinician", "engineer"]


@claim_test
def percentage_is_possible(
    evidence: Evidence,
    decimals: Annotated[int, Field(ge=0)],
    readers: AtLeastOne,
    *,
    counts: AtLeastOne,
) -> Finding:
    """Among the judged images exactly so many counts print as the published percentage.

    Args:
        evidence: of the published facts.
        decimals: of the printed percentage.
        readers: the most readers whose judgements were put together.
        counts: how many counts one reader may print as this percentage.
    """
    facts = evidence.facts()
    printed, images = facts["called_real_percent"], int(facts["judged_images"])
    found = {
        several: possible_counts(printed, decimals, images, readers=several)
        for several in range(1, readers + 1)
    }
    told = ", ".join(f"{successes}/{trials}" for of in found.values() for successes, trials in of)
    numbers = {f"counts of {several} readers": len(of) for several, of in found.items()}
    as_stated = (int(facts["called_real"]), int(facts["judged_synthetic"])) in found[1]
    return Finding(
        reproduced_if(as_stated and len(found[1]) == counts),
        f"Of up to {images} images, {printed} % can only be {told or 'no count at all'}.",
        {**numbers, "judged images": images},
        n=images,
    )


@dataclass(frozen=True)
class _Calls:
    """How often synthetic images were called real.

    whose: who called them so, in words. images: how many different ones there were; several readers
    judge the same. low, high: with several readers the interval of the share that resamples images;
    else NaN. without: why several readers have no such interval; else "".
    of_real: ", and k of n real ones real" of the same readers, where they judged any.
    """

    called: int
    trials: int
    whose: str
    images: int
    low: float = math.nan
    high: float = math.nan
    without: str = ""
    of_real: str = ""


@claim_test
def share_is_at_chance(
    evidence: Evidence,
    role: Role | None = None,
    *,
    chance: Fraction,
    margin: Fraction,
    alpha: Fraction,
) -> Finding:
    """The share called real does not differ from chance: shown if its interval is within margin.

    The readers of the role are those of this study, where there are any; without a role the
    published counts are judged. A share that is `margin` away from chance would matter. Where
    several readers judged the same images, the interval that resamples images has to agree: the
    exact one takes their answers as independent, so it decides nothing without the other.
    """
    calls = _calls(evidence, role) or _published_calls(evidence)
    called, trials = calls.called, calls.trials
    share, p_value = exact_interval(called, trials, 1 - alpha), binomial_p(called, trials, chance)
    power = binomial_power(trials, chance + margin, chance=chance, alpha=alpha)
    low, high = np.fmin(share.low, calls.low), np.fmax(share.high, calls.high)
    inside = max(high - chance, chance - low) < margin
    possible = calls.low <= chance <= calls.high
    if calls.without:
        verdict = UNDECIDED
    elif p_value < alpha and not possible:
        verdict = NOT_REPRODUCED
    else:
        verdict = REPRODUCED if inside else UNDECIDED
    by_images = f"; resampling images: none, {calls.without}" if calls.without else ""
    if not math.isnan(calls.low):
        by_images = f"; resampling images: {percent(calls.low)} to {percent(calls.high)}"
    return Finding(
        verdict,
        f"{calls.whose} called {called} of {trials} synthetic images real, "
        f"{percent(share.estimate)} (exact {percent(share.level)} interval {percent(share.low)} to "
        f"{percent(share.high)}{by_images}), which against {percent(chance)} has "
        f"{p_text(p_value)}; the power to find "
        f"{percent(chance + margin)} is {number(power, 2)}.",
        {
            "called real": called,
            "share": share.estimate,
            "low": share.low,
            "high": share.high,
            "p": p_value,
        },
        power=power,
        n=trials,
    )


@claim_test
def none_called_real(
    evidence: Evidence, role: Role | None = None, *, share: Fraction, level: Fraction
) -> Finding:
    """No image called real among those judged excludes a share above the threshold.

    One that was called real contradicts that all were called fake, whatever the share. Several
    readers who agree on the same images say no more of other images than one. What they called the
    real images decides nothing; it is told.
    """
    calls = _calls(evidence, role)
    if calls and calls.called:
        return Finding(
            NOT_REPRODUCED,
            f"{calls.whose} called {calls.called} of {calls.trials} synthetic images real"
            f"{calls.of_real}.",
            {"called real": calls.called},
            n=calls.trials,
        )
    images = calls.images if calls else int(evidence.facts()["judged_synthetic"])
    said = (
        f"{calls.whose} called none of the synthetic images real{calls.of_real}: " if calls else ""
    )
    high = exact_interval(0, images, level).high
    return Finding(
        REPRODUCED if high <= share else UNDECIDED,
        f"{said}0 of {images} synthetic images called real allow a true share of up to "
        f"{percent(high)} (exact {percent(level)} interval).",
        {"called real": 0, "high": high},
        n=images,
    )


def _published_calls(evidence: Evidence) -> _Calls:
    facts = evidence.facts()
    judged = int(facts["judged_synthetic"])
    return _Calls(int(facts["called_real"]), judged, "The engineers", judged)


def _calls(evidence: Evidence, role: str | None) -> _Calls | None:
    """What this study's own readers of a role called real; None without readers or a role.

    Raises:
        NotTestableError: there are readers, and none has this role.
    """
    if role is None or not evidence.has(readers.READERS):
        return None
    table = evidence.table(readers.READERS, readers.READERS_COLUMNS, readers.READERS_NUMBERS)
    pooled = table[(table["role"] == role) & (table["reader"] == readers.ALL)]
    rows, of_real = (
        {str(row.interval): row for row in pooled[pooled["score"] == score].itertuples()}
        for score in (readers.SYNTHETIC_CALLED_REAL, readers.REAL_CALLED_REAL)
    )
    if readers.EXACT not in rows:
        raise NotTestableError(f"{role}s among this study's own readers")
    exact: Any = rows[readers.EXACT]
    several = exact.readers > 1
    whose = f"{int(exact.readers)} {role}{'s' if several else ''} of this study's own readers"
    # Every reader judges every image once.
    images = int(exact.n // exact.readers)
    calls = _Calls(int(exact.count), int(exact.n), whose, images, of_real=_told(of_real))
    if not several:
        return calls
    if readers.RESAMPLED in rows:
        resampled: Any = rows[readers.RESAMPLED]
        return replace(calls, low=float(resampled.low), high=float(resampled.high))
    told = [kind.removeprefix(readers.NONE) for kind in rows if kind.startswith(readers.NONE)]
    return replace(calls, without=told[0] if told else "the table has none")


def _told(of_real: dict[str, Any]) -> str:
    """What readers called the real images, as the end of a clause; "" if they judged none."""
    if readers.EXACT not in of_real:
        return ""
    row = of_real[readers.EXACT]
    return f", and {int(row.count)} of {int(row.n)} real ones real"


@claim_test
def label_is_truncated(
    evidence: Evidence, variant: Literal["notebook-128"], *, accuracy: Share
) -> Finding:
    """Comparing with the variant's real label cast to an integer gives that accuracy."""
    label = float(VARIANTS[variant]["real_label"])
    # A faultless discriminator answers 1, real, to every real image.
    given = float(int(label) == 1)
    return Finding(
        reproduced_if(given == accuracy),
        f"Cast to an integer the real label {label:g} is {int(label)}, so a discriminator that "
        f"calls every real image real gets an accuracy of {number(given)} on real images.",
        {"label": label, "accuracy": given},
    )
