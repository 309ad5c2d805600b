"""Tests of the human study's counts, and of the accuracy that its notebook computes."""

from __future__ import annotations

import fractions
import math
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from pydantic import Field
from scipy import stats

from miua.analysis import reader_tables
from miua.analysis.checks import UndecidedError
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
    decide,
    number,
    p_text,
    percent,
)
from miua.analysis.power import binomial_power
from miua.config import VARIANTS
from miua.metrics.memorisation import clopper_pearson

Role = Literal["clinician", "engineer"]


@claim_test
def percentage_is_possible(
    evidence: Evidence,
    decimals: Annotated[int, Field(ge=0)],
    readers: AtLeastOne,
    *,
    counts: AtLeastOne,
) -> Finding:
    """Among the judged images exactly so many counts of one reader print as the percentage.

    It was printed with so many decimals; `readers` is the most readers whose judgements were put
    together.
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
        decide(as_stated and len(found[1]) == counts),
        f"Of up to {images} images, {printed} % can only be {told or 'no count at all'}.",
        {**numbers, "judged images": images},
        n=images,
    )


def possible_counts(
    percent: str, decimals: int, trials: int, *, readers: int = 1
) -> list[tuple[int, int]]:
    """Which (successes, trials) print as a percentage that was rounded to so many decimals.

    A value half-way between two prints counts for both, since it is not known which way it was
    rounded. All arithmetic is exact. A percentage that was cut off instead of rounded is not
    looked for.

    Args:
        percent: as printed, 0 to 100, such as "56.14".
        decimals: how many decimals were printed; "50" for 50.0 asks for decimals=1.
        trials: the most trials there can have been for one reader.
        readers: how many readers' trials were put together; each had the same number.

    Returns:
        Counts over all readers, by trials, then successes.
    """
    printed, half = fractions.Fraction(percent), fractions.Fraction(1, 2 * 10**decimals)
    if printed % (2 * half):
        raise ValueError(f"{percent} has more than {decimals} decimals")
    least, most = (printed - half) / 100, (printed + half) / 100
    return [
        (successes, total)
        for total in range(readers, readers * trials + 1, readers)
        for successes in range(
            max(0, math.ceil(least * total)), min(total, math.floor(most * total)) + 1
        )
    ]


class _Calls(NamedTuple):
    """How often synthetic images were called real, of so many trials.

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
    calls = _calls(evidence, role)
    if calls is None:
        facts = evidence.facts()
        judged = int(facts["judged_synthetic"])
        calls = _Calls(int(facts["called_real"]), judged, "The engineers", judged)
    called, trials = calls.called, calls.trials
    if not trials:
        raise UndecidedError("no trials")
    share, p_value = called / trials, float(stats.binomtest(called, trials, chance).pvalue)
    level = 1 - alpha
    exact = [float(end) for end in clopper_pearson(called, trials, 1 - level)]
    power = binomial_power(trials, chance + margin, chance=chance, alpha=alpha)
    low, high = np.fmin(exact[0], calls.low), np.fmax(exact[1], calls.high)
    inside = max(high - chance, chance - low) < margin
    differs = p_value < alpha and not calls.low <= chance <= calls.high
    by_images = f"; resampling images: none, {calls.without}" if calls.without else ""
    if not math.isnan(calls.low):
        by_images = f"; resampling images: {percent(calls.low)} to {percent(calls.high)}"
    return Finding(
        UNDECIDED if calls.without else decide(inside and not differs, differs),
        f"{calls.whose} called {called} of {trials} synthetic images real, "
        f"{percent(share)} (exact {percent(level)} interval {percent(exact[0])} to "
        f"{percent(exact[1])}{by_images}), which against {percent(chance)} has "
        f"{p_text(p_value)}; the power to find "
        f"{percent(chance + margin)} is {number(power, 2)}.",
        {"called real": called, "share": share, "low": exact[0], "high": exact[1], "p": p_value},
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
    if calls:
        said = f"{calls.whose} called none of the synthetic images real{calls.of_real}: "
        images = calls.images
    else:
        said, images = "", int(evidence.facts()["judged_synthetic"])
    high = float(clopper_pearson(0, images, 1 - level)[1])
    return Finding(
        REPRODUCED if high <= share else UNDECIDED,
        f"{said}0 of {images} synthetic images called real allow a true share of "
        f"up to {percent(high)} (exact {percent(level)} interval).",
        {"called real": 0, "high": high},
        n=images,
    )


def _calls(evidence: Evidence, role: str | None) -> _Calls | None:
    """What this study's own readers of a role called real; None without readers or a role.

    NotTestableError: there are readers, and none has this role.
    """
    if role is None or not evidence.has(reader_tables.READERS):
        return None
    table = evidence.table(reader_tables.READERS)
    pooled = table[(table["role"] == role) & (table["reader"] == reader_tables.ALL)]
    rows, of_real = (
        {str(row.interval): row for row in pooled[pooled["score"] == score].itertuples()}
        for score in (reader_tables.SYNTHETIC_CALLED_REAL, reader_tables.REAL_CALLED_REAL)
    )
    if reader_tables.EXACT not in rows:
        raise NotTestableError(f"{role}s among this study's own readers")
    exact: Any = rows[reader_tables.EXACT]
    several = exact.readers > 1
    calls = _Calls(
        called=int(exact.count),
        trials=int(exact.n),
        whose=f"{int(exact.readers)} {role}{'s' if several else ''} of this study's own readers",
        images=int(exact.n // exact.readers),  # every reader judges every image once
    )
    if reader_tables.EXACT in of_real:
        real: Any = of_real[reader_tables.EXACT]
        calls = calls._replace(of_real=f", and {int(real.count)} of {int(real.n)} real ones real")
    if not several:
        return calls
    if reader_tables.RESAMPLED in rows:
        resampled: Any = rows[reader_tables.RESAMPLED]
        return calls._replace(low=float(resampled.low), high=float(resampled.high))
    none = reader_tables.NONE
    told = [kind.removeprefix(none) for kind in rows if kind.startswith(none)]
    return calls._replace(without=told[0] if told else "the table has none")


@claim_test
def label_is_truncated(
    evidence: Evidence, variant: Literal["notebook-128"], *, accuracy: Share
) -> Finding:
    """Comparing with the variant's real label cast to an integer gives that accuracy."""
    label = float(VARIANTS[variant]["real_label"])
    # A faultless discriminator answers 1, real, to every real image.
    given = float(int(label) == 1)
    return Finding(
        decide(given == accuracy),
        f"Cast to an integer the real label {label:g} is {int(label)}, so a discriminator that "
        f"calls every real image real gets an accuracy of {number(given)} on real images.",
        {"label": label, "accuracy": given},
    )
