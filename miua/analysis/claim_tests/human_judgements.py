"""Tests of what people called real or synthetic: published counts, or this study's own readers."""

import fractions
import math
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from miua.analysis import columns
from miua.analysis.checks import UndecidedError
from miua.analysis.claim_tests.base import (
    UNDECIDED,
    AtLeastOne,
    ClaimFinding,
    Evidence,
    Fraction,
    NotTestableError,
    claim_test,
    decide,
    number,
    percent,
)
from miua.analysis.detection import (
    d_prime_of_area,
    d_prime_of_counts,
    detection,
    equivalence_power,
)
from miua.metrics.memorisation import clopper_pearson
from miua.study.store import COMPUTED

Role = Literal["clinician", "engineer"]
COUNTS = ["count", "n", "readers"]  # of tables/readers.csv: calls, out of so many, by how many
LEVEL = 0.95  # of the exact interval of a published share


@claim_test
def percentage_is_possible(
    evidence: Evidence,
    decimals: Annotated[int, Field(ge=0)],
    readers: AtLeastOne,
    *,
    counts: AtLeastOne,
) -> ClaimFinding:
    """Among the judged images exactly so many counts of one reader print as the percentage.

    `readers` is the most readers whose judgements were put together.
    """
    facts = evidence.facts()
    printed, images = facts["called_real_percent"], int(facts["judged_images"])
    together = range(1, readers + 1)
    found = {k: possible_counts(printed, decimals, images, readers=k) for k in together}
    told = ", ".join(f"{successes}/{trials}" for of in found.values() for successes, trials in of)
    numbers = {f"counts of {several} readers": len(of) for several, of in found.items()}
    as_stated = (int(facts["called_real"]), int(facts["judged_synthetic"])) in found[1]
    return ClaimFinding(
        decide(as_stated and len(found[1]) == counts),
        f"Of up to {images} images, {printed} % can only be {told or 'no count at all'}.",
        {**numbers, "judged images": images},
        n=images,
    )


def possible_counts(
    percent: str, decimals: int, trials: int, *, readers: int = 1
) -> list[tuple[int, int]]:
    """Which (successes, trials) print as a percentage, 0 to 100, rounded to so many decimals.

    A value half-way between two prints counts for both. All arithmetic is exact. A percentage that
    was cut off instead is not looked for.

    percent: as printed, such as "56.14". trials: the most of one reader. readers: how many readers'
    trials, as many of each, were put together. Returns counts over all, by trials, then successes.
    """
    printed, half = fractions.Fraction(percent), fractions.Fraction(1, 2 * 10**decimals)
    if printed % (2 * half):
        raise ValueError(f"{percent} has more than {decimals} decimals")
    least, most = (printed - half) / 100, (printed + half) / 100
    return [
        (successes, total)
        for total in range(readers, readers * trials + 1, readers)
        for successes in range(total + 1)
        if least * total <= successes <= most * total
    ]


@claim_test
def cannot_tell_apart(
    evidence: Evidence, role: Role | None = None, *, area: Annotated[float, Field(gt=0, lt=0.5)]
) -> ClaimFinding:
    """Readers cannot tell real from synthetic images: the interval of d' lies close around 0.

    An equivalence test: shown if the 95 % interval lies within the d' of an area under the ROC that
    is `area` away from one half, refuted if it leaves 0 out and is not within. A share called real
    cannot show it, as it does not tell a bias from guessing.

    The readers of the role are those of this study, where there are any. The published counts do
    not tell how the engineers called the real images, so without a role all counts are tried: it
    is shown or refuted if it is so with each of them.
    """
    margin = d_prime_of_area(0.5 + area)
    chance = f"±{number(margin, 2)}, the d' of an area under the ROC of {0.5 + area:g}"
    own_readers = _own_readers(evidence, role)
    if own_readers is None:
        return _published_d_prime(evidence.facts(), margin, chance)
    whose, own = own_readers
    rows = own.xs(columns.D_PRIME, level="score") if columns.D_PRIME in own.index else own.iloc[:0]
    if rows.empty:
        raise NotTestableError("the d' of this study's own readers")
    row = rows.iloc[0]
    if row["status"] != COMPUTED:
        raise UndecidedError(str(row["status"]).removeprefix("undecided: "))
    d, low, high = (float(each) for each in row[["value", "low", "high"]])
    readers = int(row["readers"])
    called, of_synthetic = map(
        int, own.loc[(columns.SYNTHETIC_CALLED_REAL, columns.EXACT), ["count", "n"]]
    )
    real, of_real = map(int, own.loc[(columns.REAL_CALLED_REAL, columns.EXACT), ["count", "n"]])
    power = equivalence_power(of_real // readers, of_synthetic // readers, margin)
    counts = (
        f"{whose} called {called} of {of_synthetic} synthetic images real and {real} of {of_real} "
        "real ones"
    )
    telling = f"The power of one reader who guesses is {number(power, 2)}."
    numbers = {"d'": d, "called real": called, "real called real": real, "margin": margin}
    if math.isnan(low):
        why = str(rows.index[0]).removeprefix(columns.NONE)
        return ClaimFinding(
            UNDECIDED,
            f"{counts}: d' is {number(d, 2)}, without an interval: {why}. {telling}",
            numbers,
            power=power,
            n=of_synthetic,
        )
    within = max(high, -low) < margin
    return ClaimFinding(
        decide(within, not low <= 0 <= high),
        f"{counts}: d' is {number(d, 2)} (95 % interval {number(low, 2)} to {number(high, 2)}; "
        f"guessing: within {chance}). {telling}",
        {**numbers, "low": low, "high": high},
        power=power,
        n=of_synthetic,
    )


def _published_d_prime(facts: dict[str, str], margin: float, chance: str) -> ClaimFinding:
    """What the published counts allow, whatever the engineers called the real images."""
    called, synthetic, real = (
        int(facts[name]) for name in ("called_real", "judged_synthetic", "judged_real")
    )
    d, half = d_prime_of_counts(np.arange(real + 1), real, called, synthetic)
    half = np.where(np.isnan(half), np.inf, half)
    within, apart = np.abs(d) + half < margin, np.abs(d) > half
    power = equivalence_power(real, synthetic, margin)
    low, high = (float(end) for end in clopper_pearson(called, synthetic, 1 - LEVEL))
    return ClaimFinding(
        decide(within.all(), (apart & ~within).all()),
        f"The engineers called {called} of {synthetic} synthetic images real, "
        f"{percent(called / synthetic)} (exact 95 % interval {percent(low)} to {percent(high)}). "
        f"How they called the {real} real ones was not published: d' is {number(d[0], 2)} if they "
        f"called none real and {number(d[-1], 2)} if all. Of these {real + 1} counts "
        f"{np.count_nonzero(apart)} would show that they tell the two apart, and "
        f"{np.count_nonzero(within) or 'none'} that they cannot (interval within {chance}). The "
        f"power of a reader who guesses is {number(power, 2)}.",
        {"called real": called, "share": called / synthetic, "low": low, "high": high}
        | {"lowest d'": d[0], "highest d'": d[-1], "counts that tell apart": apart.sum()}
        | {"counts that show guessing": within.sum(), "margin": margin},
        power=power,
        n=synthetic,
    )


@claim_test
def none_called_real(
    evidence: Evidence, role: Role, *, share: Fraction, level: Fraction
) -> ClaimFinding:
    """No image was called real, of the real ones neither, which excludes a share above `share`.

    One that was called real contradicts that all were called fake. Several readers who agree on
    the same images say no more of other images than one.
    """
    if (own_readers := _own_readers(evidence, role)) is not None:
        whose, own = own_readers
        counts = own.xs(columns.EXACT, level="interval")[COUNTS]
        if columns.REAL_CALLED_REAL not in counts.index:
            raise UndecidedError("no real image was judged")
        shown = {
            kind: tuple(map(int, counts.loc[score]))
            for kind, score in (
                ("synthetic", columns.SYNTHETIC_CALLED_REAL),
                ("real", columns.REAL_CALLED_REAL),
            )
        }
    else:
        facts = evidence.facts()
        whose = "The clinician of the study"
        none = int(facts["clinician_called_real"])
        shown = {kind: (none, int(facts[f"judged_{kind}"]), 1) for kind in ("synthetic", "real")}
    called = sum(each[0] for each in shown.values())
    # Every reader judges every image once.
    images = sum(trials // readers for _, trials, readers in shown.values())
    high = float(clopper_pearson(called, images, 1 - level)[1]) if not called else math.nan
    told = " and ".join(f"{each[0]} of {each[1]} {kind}" for kind, each in shown.items())
    bound = (
        ""
        if called
        else f"; none of {images} images allows a true share of up to {percent(high)} (exact "
        f"{percent(level)} interval)"
    )
    return ClaimFinding(
        decide(not called and high <= share, called),
        f"{whose} called {told} images real{bound}.",
        {"called real": called, "real called real": shown["real"][0]}
        | ({} if called else {"high": high}),
        n=images,
    )


@claim_test
def answers_hold_no_information(evidence: Evidence, *, level: Fraction) -> ClaimFinding:
    """The clinician's published answers are the same for all images, real and synthetic.

    Then they say nothing on realism: d' is 0 and has no interval, and a real image is accepted as
    rarely as a synthetic one. `level` is that of the exact bound on the share of real images.
    """
    facts = evidence.facts()
    called = int(facts["clinician_called_real"])
    synthetic, real = int(facts["judged_synthetic"]), int(facts["judged_real"])
    if called:
        raise UndecidedError(f"which {called} images the clinician called real was not published")
    is_real = np.arange(synthetic + real) < real
    d_prime, _ = detection(is_real, np.zeros_like(is_real))
    high = float(clopper_pearson(0, real, 1 - level)[1])
    why = d_prime.interval.removeprefix(columns.NONE)
    return ClaimFinding(
        decide(d_prime.value == 0),
        f"The clinician called 0 of {synthetic} synthetic and 0 of {real} real images real: d' is "
        f"{number(d_prime.value)}, without an interval ({why}). "
        f"That no real image was accepted allows a true share of up to {percent(high)} (exact "
        f"{percent(level)} interval).",
        {"d'": d_prime.value, "high of real": high},
        n=synthetic + real,
    )


def _own_readers(evidence: Evidence, role: str | None) -> tuple[str, Any] | None:
    """This study's own readers of a role, in words and by score and interval; None without any."""
    if role is None or not evidence.has(columns.READERS):
        return None
    table = evidence.table(columns.READERS)
    together = table[(table["role"] == role) & (table["reader"] == columns.ALL)]
    own = together.set_index(["score", "interval"]).sort_index()
    if (columns.SYNTHETIC_CALLED_REAL, columns.EXACT) not in own.index:
        raise NotTestableError(f"{role}s among this study's own readers")
    count = int(together["readers"].iloc[0])
    whose = f"{count} {role}{'s' if count > 1 else ''} of this study's own readers"
    return whose, own
