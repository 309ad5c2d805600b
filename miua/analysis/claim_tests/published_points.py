"""Tests of the published points alone: what they are, and what so few of them can carry.

The coefficients of their lines, the direction of FID, what closeness to the reference tells, what
the number of points explains, and how reliable the scores are.
"""

import math
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from pydantic import Field
from scipy import stats

from miua.analysis.checks import FEWEST_POINTS, ROUNDING, UndecidedError
from miua.analysis.claim_tests.base import (
    GRID,
    ClaimFinding,
    Evidence,
    Fraction,
    Metric,
    Metrics,
    NotTestableError,
    Positive,
    claim_test,
    decide,
    labels,
    number,
    p_text,
    percent,
)
from miua.analysis.claim_tests.clinician_scores import rows_of
from miua.analysis.clinician import candidates, fit_logarithm, holm, score_reliability
from miua.analysis.correlation import chance_of_best, chance_of_largest, equivalence_to_none
from miua.analysis.power import correlation_power, expected_correlation, fewest_pairs
from miua.metrics.registry import LBPV_ELEMENTS, element_name, measure
from miua.study.plan import EQUAL_EPOCHS


@claim_test
def coefficients_agree(
    evidence: Evidence, metrics: Metrics, *, reading_errors: Positive
) -> ClaimFinding:
    """Each refitted a and b lies within so many errors of reading a disc off the published plot."""
    rows = rows_of(evidence.table("regression"), metrics)
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
def slope_has_sign(
    evidence: Evidence,
    metric: Metric,
    sign: Literal["positive", "negative"],
    *,
    alpha: Fraction,
    r: Fraction,
) -> ClaimFinding:
    """The published slope and the refitted one have the sign, and r has p below alpha.

    Refuted by slopes of the other sign with p below alpha, or by a correlation that is equivalent
    to none: its true size is below `r` (two one-sided tests at alpha). Spearman's r and Pearson's
    without the sets of the lowest score are told beside it: they show what a few points carry.
    """
    row = rows_of(evidence.table("regression"), [metric]).iloc[0]
    points = evidence.scores()
    points = points[points["metric"] == metric]
    score, value = np.log(points["clinician_score"]), points["value"]
    above = score > score.min()
    ranks = float(stats.spearmanr(score, value).statistic)
    numbers = {"a": row["a"], "a published": row["a_published"], "r": row["pearson_r"]}
    numbers |= {"p": row["p_value"], "spearman r": ranks}
    without = ""
    if above.sum() >= FEWEST_POINTS and score[above].nunique() > 1:
        rest = numbers["r without the lowest"] = float(
            stats.pearsonr(score[above], value[above]).statistic
        )
        without = (
            f", and without the {(~above).sum()} sets of the lowest score r = {number(rest, 2)}"
        )
    n, side = int(row["n"]), 1 if sign == "positive" else -1
    slopes = side * row[["a", "a_published"]].astype(float)
    found, significant = correlation_power(n, r, alpha=alpha), row["p_value"] < alpha
    none = float(equivalence_to_none(row["pearson_r"], n, bound=r))
    numbers["p equivalence"] = none
    return ClaimFinding(
        decide(
            significant and (slopes > 0).all(),
            (significant and (slopes < 0).all()) or none < alpha,
        ),
        f"{measure(metric).label} changes by {number(row['a'])} (published: "
        f"{number(row['a_published'])}) for each unit of ln(score), r = "
        f"{number(row['pearson_r'], 2)}, {p_text(row['p_value'])}. Spearman's r is "
        f"{number(ranks, 2)}{without}. The power at r = {r:g} is {number(found, 2)}.",
        numbers,
        power=found,
        n=n,
    )


@claim_test
def closeness_predicts(
    evidence: Evidence, metrics: Metrics, *, alpha: Fraction, r: Fraction
) -> ClaimFinding:
    """The closer to the reference, the better the score: beyond the best of all elements by chance.

    By |value| of the published points, so the distance of an element from the reference; FID is a
    distance by itself. The strongest |r| counts if chance finds one as strong in fewer than alpha
    of the draws among all 256 elements, taken as independent. On real images it is told, too, how
    often it does among elements as dependent as those of our own sets. Refuted if the strongest is
    as rare and positive, or if all are equivalent to none: each true size is below `r` (two
    one-sided tests at alpha). The power at `r` is told, at the level that the family leaves a
    single test.
    """
    points = evidence.scores()
    told, p, found_r = [], {}, {}
    for metric in metrics:
        of_metric = points[points["metric"] == metric]
        if of_metric.empty:
            raise NotTestableError(f"published points of {labels([metric])}")
        found = fit_logarithm(of_metric["clinician_score"], of_metric["value"].abs())
        found_r[metric], p[metric] = found.pearson_r, found.p_value
        told.append(f"{measure(metric).label} {number(found.pearson_r, 2)}")
    best = min(p, key=p.__getitem__)
    adjusted = dict(zip(p, holm(list(p.values())), strict=True))
    by_chance = chance_of_best(p[best], LBPV_ELEMENTS)
    strongest = points[points["metric"] == best]
    n, single = len(strongest), 1 - (1 - alpha) ** (1 / LBPV_ELEMENTS)
    detects = correlation_power(n, r, alpha=single)
    none = equivalence_to_none(list(found_r.values()), n, bound=r)
    numbers = {f"r {metric}": each for metric, each in found_r.items()}
    numbers |= {f"p {metric}": each for metric, each in p.items()}
    numbers |= {f"p_holm {metric}": each for metric, each in adjusted.items()}
    numbers |= {"chance of the best of 256": by_chance, "p equivalence": none.max()}
    often = percent(by_chance)
    ours = _chance_of_our_elements(evidence, strongest["clinician_score"], found_r[best])
    if ours is not None:
        numbers["chance of the best of 256, as dependent as ours"] = ours
        often = f"{percent(ours)} (as dependent as in our sets) to {often} (independent)"
    significant = by_chance < alpha
    return ClaimFinding(
        decide(
            significant and found_r[best] < 0,
            (significant and found_r[best] > 0) or none.max() < alpha,
        ),
        f"r of |value| with ln(score) is {', '.join(told)}. The strongest is "
        f"{measure(best).label}: {p_text(p[best])}, {p_text(adjusted[best])} after Holm over "
        f"{len(p)}. The study picked its four elements out of {LBPV_ELEMENTS}, and the best of so "
        f"many reaches this p by chance in {often} of draws. The power at r = {r:g} is "
        f"{number(detects, 2)}.",
        numbers,
        power=detects,
        n=n,
    )


@claim_test
def published_sets_within_floor(
    evidence: Evidence,
    floor: Annotated[dict[Metric, Positive], Field(min_length=1)],
    *,
    multiple: Positive,
) -> ClaimFinding:
    """The published sets' mean |difference| is no larger than real images show among themselves.

    floor: the difference of each element, in counts per image, that 95 % of splits of real images
    into halves stay within. The study compares 800 images with 800, so that the floor of smaller
    halves is generous to it. This is a rule and no test: a mean over sets is held against the limit
    of a single split, which is generous again.
    """
    points = evidence.scores()
    if absent := [metric for metric in floor if metric not in set(points["metric"])]:
        raise NotTestableError(f"published points of {labels(absent)}")
    of_metrics = points[points["metric"].isin(floor)].groupby("metric")["value"]
    means = of_metrics.agg(lambda each: each.abs().mean())
    beyond = [metric for metric, bound in floor.items() if means[metric] > multiple * bound]
    told = ", ".join(
        f"{measure(metric).label} {number(means[metric])} (floor {number(bound, 2)})"
        for metric, bound in floor.items()
    )
    return ClaimFinding(
        decide(not beyond),
        f"Mean |reference minus set| of the published points, beside what 95 % of splits of real "
        f"images stay within: {told}; {labels(beyond) if beyond else 'none'} beyond it.",
        {f"{metric} mean": means[metric] for metric in floor}
        | {f"{metric} multiple": means[metric] / bound for metric, bound in floor.items()},
        n=int(of_metrics.size().min()),
    )


@claim_test
def points_explain_weakness(
    evidence: Evidence, metrics: Metrics, *, shrinkage: Fraction, alpha: Fraction, power: Fraction
) -> ClaimFinding:
    """So few points make a correlation smaller: its mean falls short of the true one by that share.

    The mean of r over samples is Hotelling's. How many points each correlation needs for p < alpha
    with the power is told.
    """
    rows = rows_of(evidence.table("regression"), metrics)
    n = int(rows["n"].min())
    # Power is asked just below r = 1, where it has no bound.
    strength = {
        str(metric): min(abs(r), 1 - ROUNDING) for metric, r in rows["pearson_r"].items() if r
    }
    if not strength:
        raise UndecidedError("all correlations are 0")
    short = {metric: 1 - expected_correlation(n, r) / r for metric, r in strength.items()}
    most = max(short.values())
    needed = {
        metric: fewest_pairs(strength[metric], power=power, alpha=alpha)
        for metric in (
            max(strength, key=strength.__getitem__),
            min(strength, key=strength.__getitem__),
        )
    }
    sought = " and ".join(
        f"{pairs} (r = {number(strength[metric], 2)}, {measure(metric).label})"
        for metric, pairs in needed.items()
    )
    return ClaimFinding(
        decide(most > shrinkage),
        f"The mean r of {n} points falls short of the true one by {percent(most)} at most: few "
        f"points do not make r small, they make it uncertain. For p < {alpha:g} with a power of "
        f"{power:g} it takes {sought} points.",
        {f"shortfall {metric}": each for metric, each in short.items()}
        | {f"points needed {metric}": pairs for metric, pairs in needed.items()},
        n=n,
    )


@claim_test
def scores_are_reliable(
    evidence: Evidence,
    metric: Metric,
    least_deviation: Positive,
    most_deviation: Positive,
    *,
    reliability: Fraction,
) -> ClaimFinding:
    """The reliability of the sets' mean scores reaches the threshold, whatever grades scatter by.

    The grades of single images were not published, so their standard deviation within a set is
    taken from a range: the threshold is reached at its upper end, or missed at its lower end.
    Grades a set: judged synthetic images by sets. The scores are those of the metric's points.
    """
    points, facts = evidence.scores(), evidence.facts()
    scores = points.loc[points["metric"] == metric, "clinician_score"]
    judged, sets = int(facts["judged_synthetic"]), int(facts["sets"])
    of = {
        deviation: score_reliability(scores, judged / sets, deviation)
        for deviation in (least_deviation, most_deviation)
    }
    high, low = of[least_deviation], of[most_deviation]
    open_ = low < reliability <= high
    return ClaimFinding(
        decide(low >= reliability, high < reliability),
        f"{judged} images over {sets} sets are {number(judged / sets)} grades a set, and the sets' "
        f"scores have a standard deviation of {number(scores.std(), 2)}. If grades of one set "
        f"scatter by {most_deviation:g}, the reliability is {number(low, 2)} (with 3 grades a set "
        f"{number(score_reliability(scores, 3, most_deviation), 2)}), and a true correlation "
        f"shows as {number(math.sqrt(low), 2)} times itself; if by {least_deviation:g}, "
        f"{number(high, 2)}. The scatter was not published"
        f"{', so the data allow no answer' if open_ else ''}.",
        {"reliability at least": low, "reliability at most": high, "grades a set": judged / sets},
        n=len(scores),
    )


def _chance_of_our_elements(
    evidence: Evidence, score: "pd.Series[float]", r: float
) -> float | None:
    """How often chance finds so large an |r| among the distances of our own sets' 256 elements.

    None: there are no sets of real images, as many as scores, with all elements.
    """
    if not evidence.results.plan.scientific or not evidence.has(GRID):
        return None
    names = [element_name(element) for element in range(LBPV_ELEMENTS)]
    table = candidates(evidence.sets(GRID, EQUAL_EPOCHS), fid=False)
    if len(table) != len(score) or not set(names) <= set(table):
        return None
    return chance_of_largest(table[names].abs(), np.log(score), r)
