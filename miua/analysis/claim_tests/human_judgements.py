"""Tests of what people judged, published or by this study's own readers.

Of scores: line, strength, significance, family. Of counts called real: possible or not, chance.
"""

import fractions
import math
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field
from scipy import stats

from miua.analysis import columns
from miua.analysis.checks import UndecidedError
from miua.analysis.claim_tests.base import (
    FID,
    GRID,
    NOT_REPRODUCED,
    REPRODUCED,
    UNDECIDED,
    AtLeastOne,
    ClaimFinding,
    Evidence,
    Fraction,
    Metric,
    Metrics,
    NotTestableError,
    Positive,
    claim_test,
    computed,
    decide,
    has_computed,
    labels,
    number,
    p_text,
    percent,
)
from miua.analysis.clinician import candidates, holm
from miua.analysis.correlation import FAMILY_LEVEL, equivalence_to_none, largest_correlation
from miua.analysis.power import binomial_power, correlation_power, smallest_correlation
from miua.metrics.memorisation import clopper_pearson
from miua.metrics.registry import measure
from miua.study.plan import EQUAL_EPOCHS
from miua.study.store import COMPUTED

# readers: those of the scores that this study's own clinicians gave to its sets.
Points = Literal["published", "readers"]
Role = Literal["clinician", "engineer"]
COUNTS = ["count", "n", "readers"]  # of tables/readers.csv: calls, out of so many, by how many


@claim_test
def coefficients_agree(
    evidence: Evidence, metrics: Metrics, *, reading_errors: Positive
) -> ClaimFinding:
    """Each refitted a and b lies within so many errors of reading a disc off the published plot."""
    rows = _rows(evidence.table("regression"), metrics)
    reading_error = evidence.published()["reading_error"]
    numbers, distances = {}, {}
    for metric, row in rows.iterrows():
        for coefficient in ("a", "b"):
            here, published = row[coefficient], row[f"{coefficient}_published"]
            distances[str(metric), coefficient] = abs(here - published) / reading_error[str(metric)]
            numbers[f"{metric} {coefficient}"] = here
            numbers[f"{metric} {coefficient} published"] = published
    furthest = max(distances, key=distances.__getitem__)
    worst = numbers["largest distance in reading errors"] = distances[furthest]
    return ClaimFinding(
        decide(worst <= reading_errors),
        f"The refitted coefficients lie within {number(worst, 2)} reading errors of the published "
        f"ones (furthest: {furthest[1]} of {measure(furthest[0]).label}; allowed: "
        f"{number(reading_errors, 2)}).",
        numbers,
        n=int(rows["n"].sum()),
    )


@claim_test
def correlations_exceed(evidence: Evidence, metrics: Metrics, *, r: Fraction) -> ClaimFinding:
    """Each |r| with the logarithm of the score is above the threshold, as a point estimate."""
    rows = _rows(evidence.table("regression"), metrics)
    strength = rows["pearson_r"].abs()
    return ClaimFinding(
        decide((strength > r).all()),
        f"|r| is {number(strength.min(), 2)} to {number(strength.max(), 2)} for "
        f"{labels(metrics)} (claimed: above {r:g}), without regard to chance.",
        {f"r {metric}": each for metric, each in rows["pearson_r"].items()},
        n=int(rows["n"].min()),
    )


@claim_test
def correlations_stronger(
    evidence: Evidence, strong: Metrics, weak: Metrics, points: Points = "published", *, r: Fraction
) -> ClaimFinding:
    """Each strong metric's |r| is above the threshold and above each weak one's.

    Without readers the published points stand in for theirs.
    """
    own = columns.READER_REGRESSION
    points = points if evidence.has(own) else "published"
    whose, rows = _points(evidence, points, "regression", own, [*strong, *weak])
    strength = rows["pearson_r"].abs()
    least, most = strength[strong].min(), strength[weak].max()
    return ClaimFinding(
        decide(least > max(most, r)),
        f"{whose}|r| is at least {number(least, 2)} for {labels(strong)} and at most "
        f"{number(most, 2)} for {labels(weak)}.",
        {f"r {metric}": each for metric, each in rows["pearson_r"].items()},
        n=int(rows["n"].min()),
    )


@claim_test
def correlations_significant(
    evidence: Evidence,
    metrics: Metrics,
    adjustment: Literal["none", "Holm"],
    points: Points = "published",
    *,
    alpha: Fraction,
    r: Fraction,
    power: Fraction,
) -> ClaimFinding:
    """Each correlation has p below alpha, as it is or adjusted for all metrics of the table.

    Refuted where one of them is equivalent to none: its true size is below `r` (two one-sided tests
    at alpha, Holm over the metrics). `power` is that of the smallest correlation that is told.
    """
    whose, rows = _points(evidence, points, "clinician", columns.READER_CORRELATION, metrics)
    p = rows["p_value" if adjustment == "none" else "p_holm"]
    n = int(rows["n"].min())
    found = correlation_power(n, r, alpha=alpha)
    smallest = smallest_correlation(n, power=power, alpha=alpha)
    significant = int((p < alpha).sum())
    none = holm(equivalence_to_none(rows["pearson_r"], n, bound=r))
    adjusted = ", adjusted after Holm" if adjustment == "Holm" else ""
    return ClaimFinding(
        decide(significant == len(p), none.min() < alpha),
        f"{whose}{significant} of {len(p)} correlations have p < {alpha:g}{adjusted} "
        f"(smallest {p_text(p.min())}, n = {n}); {int((none < alpha).sum())} are shown to be below "
        f"{r:g}; the power at r = {r:g} is {number(found, 2)}, and only r of {number(smallest, 2)} "
        f"or more would be found with a power of {power:g}.",
        {f"p {metric}": value for metric, value in p.items()}
        | {f"p equivalence {metric}": value for metric, value in zip(p.index, none, strict=True)}
        | {"smallest r found": smallest},
        power=found,
        n=n,
    )


@claim_test
def correlation_beyond_family(
    evidence: Evidence,
    metrics: Metrics,
    points: Points = "published",
    *,
    r: Fraction,
) -> ClaimFinding:
    """The largest |r| of the metrics exceeds what the best of all candidates reaches by chance.

    Refuted where all are equivalent to none: each true size is below `r` (two one-sided tests at
    the family's level).
    """
    own = columns.READER_FAMILY
    whose, rows = _points(evidence, points, "regression", own, metrics)
    largest = f"{whose}the largest" if whose else "The largest published"
    family = evidence.table(own) if whose else _family_of_sets(evidence, metrics[0])
    strength = rows["pearson_r"].abs()
    critical, n = float(family["critical_r"].iloc[0]), int(family["n"].iloc[0])
    # The level a single test needs, to be as strict as the family's critical |r|.
    single = 2 * float(stats.t.sf(critical * math.sqrt((n - 2) / (1 - critical**2)), n - 2))
    found = correlation_power(n, r, alpha=single)
    none = equivalence_to_none(strength, n, bound=r)
    without = "" if FID in family["metric"].to_numpy() else ", FID not among them"
    return ClaimFinding(
        decide(strength.max() > critical, none.max() < 1 - FAMILY_LEVEL),
        f"{largest} |r| is {number(strength.max(), 2)} ({measure(str(strength.idxmax())).label}), "
        f"and chance alone reaches {number(critical, 2)} as the largest of {len(family)} "
        f"candidates in {percent(1 - FAMILY_LEVEL)} of permutations{without}; the power at "
        f"r = {r:g} is {number(found, 2)}.",
        {f"largest {points} r": strength.max(), "critical r": critical}
        | {"p equivalence": none.max()}
        | {"candidates": len(family), "permutations": family["permutations"].iloc[0]},
        power=found,
        n=n,
    )


@claim_test
def slope_has_sign(
    evidence: Evidence, metric: Metric, sign: Literal["positive", "negative"], *, slope: float
) -> ClaimFinding:
    """The published slope and the refitted one both lie on the stated side of the threshold."""
    row = _rows(evidence.table("regression"), [metric]).iloc[0]
    side = 1 if sign == "positive" else -1
    here, published = row["a"], row["a_published"]
    return ClaimFinding(
        decide(all(side * (each - slope) > 0 for each in (here, published))),
        f"{measure(metric).label} changes by {number(here)} (published: {number(published)}) for "
        f"each unit of ln(score), r = {number(row['pearson_r'], 2)}, {p_text(row['p_value'])}.",
        {"a": here, "a published": published, "r": row["pearson_r"], "p": row["p_value"]},
        n=int(row["n"]),
    )


def _family_of_sets(evidence: Evidence, metric: str) -> pd.DataFrame:
    """The candidates of our own sets, as the published ones are not there.

    Their scores are the clinician's in random order, which says how large the largest |r| of so
    many metrics, as dependent on each other as these, becomes without any relation.
    """
    scores = evidence.scores()
    score = scores.loc[scores["metric"] == metric, "clinician_score"]
    sets = evidence.sets(GRID, EQUAL_EPOCHS)
    table = candidates(sets, fid=has_computed(sets, FID))
    n = len(table)
    if n != len(score):
        raise UndecidedError(f"{n} sets cannot take the places of the {len(score)} scored ones")
    return largest_correlation(table, np.log(score))


def _points(
    evidence: Evidence, points: Points, published: str, own: str, metrics: list[str]
) -> tuple[str, pd.DataFrame]:
    """Words that begin a sentence with whose points they are ("" if published), and their rows."""
    if points == "published":
        return "", _rows(evidence.table(published), metrics)
    if not evidence.has(own):
        raise NotTestableError(columns.SCORES_OF_OUR_SETS)
    table, sets = evidence.table(own), evidence.sets(GRID, EQUAL_EPOCHS)
    for metric in metrics:
        computed(sets, metric)
    if not table.iloc[0]["metric"]:  # of no metric: the whole table is undecided
        raise UndecidedError(str(table.iloc[0]["status"]).removeprefix("undecided: "))
    rows = _rows(table, metrics)
    return f"By the clinicians' scores of {int(rows['n'].min())} sets made here, ", rows


def _rows(table: pd.DataFrame, metrics: list[str]) -> pd.DataFrame:
    indexed = table.set_index("metric")
    absent = [metric for metric in metrics if metric not in indexed.index]
    if absent:
        raise NotTestableError(f"published points of {labels(absent)}")
    rows = indexed.loc[metrics]
    for metric, status in rows["status"].items():
        if status != COMPUTED:
            reason = str(status).removeprefix("undecided: ")
            raise UndecidedError(f"{measure(str(metric)).label}: {reason}")
    return rows


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
def share_is_at_chance(
    evidence: Evidence,
    role: Role | None = None,
    *,
    chance: Fraction,
    margin: Fraction,
    alpha: Fraction,
) -> ClaimFinding:
    """The share called real does not differ from chance: shown if its interval is within margin.

    The readers of the role are those of this study, where there are any; without a role the
    published counts are judged. A share that is `margin` away from chance would matter. Where
    several readers judged the same images, the interval that resamples images has to agree: the
    exact one takes their answers as independent, so it decides nothing without the other.
    """
    own_readers = _own_readers(evidence, role)
    resampled: tuple[float, ...] = (math.nan, math.nan)
    resampling = ""
    if own_readers is None:
        whose, facts = "The engineers", evidence.facts()
        called, trials = int(facts["called_real"]), int(facts["judged_synthetic"])
    else:
        whose, own = own_readers
        rows = own.loc[columns.SYNTHETIC_CALLED_REAL]
        called, trials, readers = map(int, rows.loc[columns.EXACT, COUNTS])
        if columns.RESAMPLED in rows.index:
            resampled = tuple(rows.loc[columns.RESAMPLED, ["low", "high"]])
            resampling = f"; resampling images: {' to '.join(map(percent, resampled))}"
        elif readers > 1:
            none = [kind for kind in rows.index if kind.startswith(columns.NONE)]
            why = none[0].removeprefix(columns.NONE) if none else "the table has none"
            resampling = f"; resampling images: none, {why}"
    if not trials:
        raise UndecidedError("no trials")
    share, p_value = called / trials, float(stats.binomtest(called, trials, chance).pvalue)
    level = 1 - alpha
    exact = [float(end) for end in clopper_pearson(called, trials, 1 - level)]
    power = binomial_power(trials, chance + margin, chance=chance, alpha=alpha)
    low, high = np.fmin(exact[0], resampled[0]), np.fmax(exact[1], resampled[1])
    inside = max(high - chance, chance - low) < margin
    differs = p_value < alpha and not resampled[0] <= chance <= resampled[1]
    without = bool(resampling) and math.isnan(resampled[0])
    return ClaimFinding(
        UNDECIDED if without else decide(inside and not differs, differs),
        f"{whose} called {called} of {trials} synthetic images real, {percent(share)} (exact "
        f"{percent(level)} interval {percent(exact[0])} to {percent(exact[1])}{resampling}), which "
        f"against {percent(chance)} has {p_text(p_value)}; the power to find "
        f"{percent(chance + margin)} is {number(power, 2)}.",
        {"called real": called, "share": share, "low": exact[0], "high": exact[1], "p": p_value},
        power=power,
        n=trials,
    )


@claim_test
def none_called_real(
    evidence: Evidence, role: Role | None = None, *, share: Fraction, level: Fraction
) -> ClaimFinding:
    """No image called real among those judged excludes a share above the threshold.

    One that was called real contradicts that all were called fake, whatever the share. Several
    readers who agree on the same images say no more of other images than one. What they called the
    real images decides nothing; it is told.
    """
    if (own_readers := _own_readers(evidence, role)) is not None:
        whose, own = own_readers
        counts = own.xs(columns.EXACT, level="interval")[COUNTS]
        called, trials, readers = map(int, counts.loc[columns.SYNTHETIC_CALLED_REAL])
        images = trials // readers  # every reader judges every image once
        of_real = ""
        if columns.REAL_CALLED_REAL in counts.index:
            real, judged, _ = map(int, counts.loc[columns.REAL_CALLED_REAL])
            of_real = f", and {real} of {judged} real ones real"
        if called:
            said = f"{whose} called {called} of {trials} synthetic images real{of_real}."
            return ClaimFinding(NOT_REPRODUCED, said, {"called real": called}, n=trials)
        said = f"{whose} called none of the synthetic images real{of_real}: "
    else:
        said, images = "", int(evidence.facts()["judged_synthetic"])
    high = float(clopper_pearson(0, images, 1 - level)[1])
    return ClaimFinding(
        REPRODUCED if high <= share else UNDECIDED,
        f"{said}0 of {images} synthetic images called real allow a true share of "
        f"up to {percent(high)} (exact {percent(level)} interval).",
        {"called real": 0, "high": high},
        n=images,
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
