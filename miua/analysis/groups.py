"""Groups of values: do they differ, and if not, are they shown to be equivalent.

A large p value of a test of differences shows no equality: the equivalence tests here turn the
question round, so that a small p value says "equivalent", within a bound that is stated beforehand.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from miua.analysis.checks import (
    Numbers,
    UndecidedError,
    check_fraction,
    check_positive,
    finite_array,
    finite_columns,
    is_constant,
    label_codes,
    largest,
    shapiro_p,
)
from miua.analysis.power import (
    chance_below,
    degrees_of_freedom,
    equivalence_critical_f,
    equivalence_power,
)

# Friedman's test of two groups would be the sign test; scipy's asks for three groups.
FEWEST_BLOCKED_GROUPS = 3
FEWEST_BLOCKS = 2

# In groups of two both distances to the median are equal, so spread has no spread.
BROWN_FORSYTHE_FEWEST = 3


@dataclass(frozen=True)
class GroupComparison:
    """Whether groups of independent values differ.

    Attributes:
        groups: the groups' labels, sorted.
        sizes, means: number and mean (the values' unit) of each group's values.
        n: number of values in all.
        anova_f, anova_p: one-way analysis of variance.
        eta_squared: share of the sum of squares between groups, 0 to 1.
        omega_squared: the same share, nearly without bias (Hays 1963); below 0 where F < 1.
        kruskal_h, kruskal_p: Kruskal and Wallis's rank test, p from chi-square.
        epsilon_squared: its effect size H / (n - 1), 0 to 1 (Tomczak and Tomczak 2014).
        shapiro_p: p of Shapiro and Wilk's test that deviations from the group means are normal.
        levene_p: p of Brown and Forsythe's test (Levene's about the medians) that the groups have
            one variance; NaN with a group of fewer than three. The analysis of variance assumes
            both.
    """

    groups: tuple[Any, ...]
    sizes: tuple[int, ...]
    means: tuple[float, ...]
    n: int
    anova_f: float
    anova_p: float
    eta_squared: float
    omega_squared: float
    kruskal_h: float
    kruskal_p: float
    epsilon_squared: float
    shapiro_p: float
    levene_p: float


@dataclass(frozen=True)
class BlockedComparison:
    """Whether groups differ that were each measured once in every block (Friedman's test).

    Attributes:
        groups: the groups' labels, sorted.
        mean_ranks: each group's mean rank within blocks, 1 the smallest value.
        blocks: number of blocks.
        chi_squared, p_value: Friedman's statistic and its p from chi-square with one degree of
            freedom fewer than groups; with few blocks this p is somewhat too large.
        kendall_w: Kendall's concordance, chi_squared / (blocks (groups - 1)): 0 no agreement of
            the blocks on the order of the groups, 1 the same order in each.
    """

    groups: tuple[Any, ...]
    mean_ranks: tuple[float, ...]
    blocks: int
    chi_squared: float
    p_value: float
    kendall_w: float


@dataclass(frozen=True)
class GroupEquivalence:
    """Whether the means of groups are shown to differ by less than a bound.

    Attributes:
        groups: the groups' labels, sorted.
        n: number of values in all.
        anova_f: the F statistic.
        cohen_f: the observed effect, as Cohen's f.
        bound: Cohen's f from which means no longer count as equivalent.
        critical_f: below it the means are equivalent at level alpha.
        p_value: p of the hypothesis that the effect is at or beyond the bound.
        equivalent: whether p_value < alpha.
        power: chance of this verdict with this n if all means are equal.
        alpha: level of the test.
        shapiro_p, levene_p: the assumptions, as of GroupComparison.
    """

    groups: tuple[Any, ...]
    n: int
    anova_f: float
    cohen_f: float
    bound: float
    critical_f: float
    p_value: float
    equivalent: bool
    power: float
    alpha: float
    shapiro_p: float
    levene_p: float


@dataclass(frozen=True)
class Equivalence:
    """Whether two means are shown to differ by less than a margin (two one-sided Welch t tests).

    Attributes:
        difference: mean of a minus mean of b, in the values' unit.
        low, high: confidence interval of the difference, of level 1 - 2 alpha; it lies within
            the margin exactly where the means are equivalent at alpha.
        margin: the difference from which means no longer count as equivalent.
        p_lower, p_upper: one-sided p of the hypotheses difference <= -margin, >= margin.
        p_value: the larger of the two, p of the hypothesis of no equivalence.
        equivalent: whether p_value < alpha.
        alpha: level of the test.
        degrees_of_freedom: Welch and Satterthwaite's.
        n_a, n_b: numbers of values.
        shapiro_p: p of Shapiro and Wilk's test that deviations from the two means are normal.
    """

    difference: float
    low: float
    high: float
    margin: float
    p_lower: float
    p_upper: float
    p_value: float
    equivalent: bool
    alpha: float
    degrees_of_freedom: float
    n_a: int
    n_b: int
    shapiro_p: float


@dataclass(frozen=True)
class _Analysis:
    """What every one-way analysis starts from."""

    groups: tuple[Any, ...]
    samples: list[Numbers]
    n: int
    f: float
    p_value: float
    between: int
    within: int
    shapiro_p: float
    levene_p: float


def compare_groups(values: ArrayLike, groups: ArrayLike) -> GroupComparison:
    """Test whether groups of independent values differ.

    Eta and omega squared follow from F and the degrees of freedom (Kirk, Experimental Design,
    4th ed. 2013, chapter 4). Values that are no independent replicates, such as snapshots of one
    training, belong in compare_blocked.

    Args:
        values: numbers, shape (n,).
        groups: label of each value's group, shape (n,).

    Raises:
        ValueError: shapes differ, a value is not finite, or a label is missing.
        UndecidedError: no values, one group only, or no variation within the groups.
    """
    analysis = _analyse(values, groups)
    rank_test = stats.kruskal(*analysis.samples)
    between, n = analysis.between, analysis.n
    effect = between * analysis.f
    unbiased = between * (analysis.f - 1)
    return GroupComparison(
        groups=analysis.groups,
        sizes=tuple(sample.size for sample in analysis.samples),
        means=tuple(float(sample.mean()) for sample in analysis.samples),
        n=n,
        anova_f=analysis.f,
        anova_p=analysis.p_value,
        eta_squared=effect / (effect + analysis.within),
        omega_squared=unbiased / (unbiased + n),
        kruskal_h=float(rank_test.statistic),
        kruskal_p=float(rank_test.pvalue),
        epsilon_squared=float(rank_test.statistic) / (n - 1),
        shapiro_p=analysis.shapiro_p,
        levene_p=analysis.levene_p,
    )


def compare_blocked(values: ArrayLike, groups: ArrayLike, blocks: ArrayLike) -> BlockedComparison:
    """Test whether groups differ where each was measured once in every block.

    Assumes that blocks are independent of each other. Where a block is an epoch and a group one
    training, a difference says that these trainings differ; to say that what the groups stand for
    makes the difference, the blocks have to be independent repetitions, such as seeds.

    Args:
        values: numbers, shape (n,).
        groups: label of each value's group, shape (n,).
        blocks: label of each value's block, shape (n,).

    Raises:
        ValueError: shapes differ, a value is not finite, a label is missing, or a group has not
            exactly one value in a block.
        UndecidedError: no values, fewer than three groups or two blocks, or all values of each
            block equal.
    """
    (numbers,) = finite_columns(values=values)
    labels, group_codes = label_codes("groups", groups, numbers.size)
    block_labels, block_codes = label_codes("blocks", blocks, numbers.size)
    if len(labels) < FEWEST_BLOCKED_GROUPS or len(block_labels) < FEWEST_BLOCKS:
        raise UndecidedError(
            f"{len(labels)} group(s) in {len(block_labels)} block(s), at least "
            f"{FEWEST_BLOCKED_GROUPS} groups in {FEWEST_BLOCKS} blocks are needed"
        )
    counts = np.zeros((len(block_labels), len(labels)), dtype=np.intp)
    np.add.at(counts, (block_codes, group_codes), 1)
    if (counts != 1).any():
        block, group = np.argwhere(counts != 1)[0]
        raise ValueError(
            f"blocks must hold each group once: block {block_labels[block]!r} holds group "
            f"{labels[group]!r} {counts[block, group]} times"
        )
    table = np.empty(counts.shape)
    table[block_codes, group_codes] = numbers
    if (np.ptp(table, axis=1) == 0).all():
        raise UndecidedError("all values of each block are equal")
    test = stats.friedmanchisquare(*table.T)
    return BlockedComparison(
        groups=labels,
        mean_ranks=tuple(stats.rankdata(table, axis=1).mean(axis=0).tolist()),
        blocks=len(block_labels),
        chi_squared=float(test.statistic),
        p_value=float(test.pvalue),
        kendall_w=float(test.statistic) / (len(block_labels) * (len(labels) - 1)),
    )


def equivalence_of_groups(
    values: ArrayLike, groups: ArrayLike, *, bound: float, alpha: float = 0.05
) -> GroupEquivalence:
    """Test whether the means of groups differ by less than a bound (Wellek's F test).

    The F statistic is compared with the noncentral F distribution at the bound (Wellek, Testing
    Statistical Hypotheses of Equivalence and Noninferiority, 2nd ed. 2010, section 7.2). The bound
    is Cohen's f, means weighted by group size, so that the noncentrality is n bound^2; Wellek's
    epsilon is bound sqrt(number of groups).

    Args:
        values: numbers, shape (n,).
        groups: label of each value's group, shape (n,).
        bound: Cohen's f, above 0; Cohen (1988) calls 0.1 small, 0.25 medium and 0.4 large.
        alpha: level of the test.

    Raises:
        ValueError: shapes differ, a value is not finite, a label is missing, or an argument is out
            of range.
        UndecidedError: no values, one group only, or no variation within the groups.
    """
    check_positive("bound", bound)
    check_fraction("alpha", alpha)
    analysis = _analyse(values, groups)
    n, k = analysis.n, len(analysis.groups)
    p_value = chance_below(analysis.f, n, k, bound)
    return GroupEquivalence(
        groups=analysis.groups,
        n=n,
        anova_f=analysis.f,
        cohen_f=math.sqrt(analysis.f * analysis.between / analysis.within),
        bound=bound,
        critical_f=equivalence_critical_f(n, k, bound, alpha=alpha),
        p_value=p_value,
        equivalent=p_value < alpha,
        power=equivalence_power(n, k, bound, alpha=alpha),
        alpha=alpha,
        shapiro_p=analysis.shapiro_p,
        levene_p=analysis.levene_p,
    )


def equivalence(a: ArrayLike, b: ArrayLike, *, margin: float, alpha: float = 0.05) -> Equivalence:
    """Test whether two means differ by less than a margin.

    Two one-sided t tests (Schuirmann 1987) with Welch's degrees of freedom, so the two may differ
    in variance; both have to be independent samples of nearly normal values.

    Args:
        a, b: numbers, shapes (n_a,) and (n_b,).
        margin: above 0, in the values' unit.
        alpha: level of the test, below 0.5.

    Raises:
        ValueError: a value is not finite, or an argument is out of range.
        UndecidedError: fewer than two values in one of the two, or no variation in either.
    """
    check_positive("margin", margin)
    if not 0 < alpha < 0.5:
        raise ValueError(f"alpha must lie between 0 and 0.5, not {alpha}")
    first, second = finite_array("a", a), finite_array("b", b)
    if min(first.size, second.size) < 2:
        raise UndecidedError(
            f"{first.size} and {second.size} values, at least 2 are needed in each"
        )
    residuals = np.concatenate([first - first.mean(), second - second.mean()])
    scale = max(largest(first), largest(second))
    if is_constant(residuals, scale=scale):
        raise UndecidedError("the values do not vary within either sample")
    test = stats.ttest_ind(first, second, equal_var=False)
    low, high = test.confidence_interval(1 - 2 * alpha)
    above = stats.ttest_ind(first + margin, second, equal_var=False, alternative="greater")
    below = stats.ttest_ind(first - margin, second, equal_var=False, alternative="less")
    p_value = max(float(above.pvalue), float(below.pvalue))
    return Equivalence(
        difference=float(first.mean() - second.mean()),
        low=float(low),
        high=float(high),
        margin=margin,
        p_lower=float(above.pvalue),
        p_upper=float(below.pvalue),
        p_value=p_value,
        equivalent=p_value < alpha,
        alpha=alpha,
        degrees_of_freedom=float(test.df),
        n_a=first.size,
        n_b=second.size,
        shapiro_p=shapiro_p(residuals, scale=scale),
    )


def _analyse(values: ArrayLike, groups: ArrayLike) -> _Analysis:
    (numbers,) = finite_columns(values=values)
    labels, codes = label_codes("groups", groups, numbers.size)
    between, within = degrees_of_freedom(numbers.size, len(labels))
    samples = [numbers[codes == code] for code in range(len(labels))]
    residuals = numbers - np.array([sample.mean() for sample in samples])[codes]
    scale = largest(numbers)
    if is_constant(residuals, scale=scale):
        raise UndecidedError("the values do not vary within any group")
    test = stats.f_oneway(*samples)
    return _Analysis(
        groups=labels,
        samples=samples,
        n=numbers.size,
        f=float(test.statistic),
        p_value=float(test.pvalue),
        between=between,
        within=within,
        shapiro_p=shapiro_p(residuals, scale=scale),
        levene_p=_brown_forsythe_p(samples),
    )


def _brown_forsythe_p(samples: list[Numbers]) -> float:
    """p of the hypothesis of one variance; NaN where spreads do not vary within any group."""
    spreads = [np.abs(sample - np.median(sample)) for sample in samples]
    too_few = min(sample.size for sample in samples) < BROWN_FORSYTHE_FEWEST
    if too_few or all(is_constant(spread) for spread in spreads):
        return math.nan
    return float(stats.levene(*samples, center="median").pvalue)
