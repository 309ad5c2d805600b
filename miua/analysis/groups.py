"""Groups of values: whether they differ, and whether they are shown to be equivalent.

A large p value of a test of differences does not show that groups are equal. The test of
equivalence asks the opposite question: there a small p value says that the means differ by less
than a bound that was stated beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats
from statsmodels.stats.oneway import equivalence_oneway, power_equivalence_oneway

from miua.analysis.checks import (
    Numbers,
    UndecidedError,
    check_fraction,
    check_positive,
    finite_columns,
    is_constant,
    label_codes,
)
from miua.analysis.power import degrees_of_freedom

# Friedman's test of two groups would be the sign test; scipy's asks for three groups.
FEWEST_BLOCKED_GROUPS = 3
FEWEST_BLOCKS = 2


@dataclass(frozen=True)
class GroupComparison:
    """Whether groups of independent values differ.

    Attributes:
        groups: number of groups.
        n: number of values in all.
        anova_f, anova_p: one-way analysis of variance.
        eta_squared: share of the sum of squares between groups, 0 to 1.
        kruskal_p: p of Kruskal and Wallis's rank test, from chi-square.
    """

    groups: int
    n: int
    anova_f: float
    anova_p: float
    eta_squared: float
    kruskal_p: float


@dataclass(frozen=True)
class BlockedComparison:
    """Whether groups differ that were each measured once in every block (Friedman's test).

    Attributes:
        chi_squared, p_value: Friedman's statistic and its p from chi-square with one degree of
            freedom fewer than groups; with few blocks this p is somewhat too large.
        kendall_w: Kendall's concordance, chi_squared / (blocks (groups - 1)): 0 no agreement of
            the blocks on the order of the groups, 1 the same order in each.
    """

    chi_squared: float
    p_value: float
    kendall_w: float


@dataclass(frozen=True)
class GroupEquivalence:
    """Whether the means of groups are shown to differ by less than a bound.

    Attributes:
        p_value: p of the hypothesis that the effect is at or beyond the bound.
        equivalent: whether p_value < alpha.
        power: chance of this verdict with this n if all means are equal.
    """

    p_value: float
    equivalent: bool
    power: float


def compare_groups(values: ArrayLike, groups: ArrayLike) -> GroupComparison:
    """Test whether groups of independent values differ.

    Eta squared follows from F and the degrees of freedom (Kirk, Experimental Design, 4th ed. 2013,
    chapter 4). Values that are no independent replicates, such as snapshots of one training, belong
    in compare_blocked.

    Args:
        values: numbers, shape (n,).
        groups: label of each value's group, shape (n,).

    Raises:
        ValueError: shapes differ, a value is not finite, or a label is missing.
        UndecidedError: no values, one group only, or no variation within the groups.
    """
    samples = _samples(values, groups)
    n = sum(map(len, samples))
    between, within = degrees_of_freedom(n, len(samples))
    test = stats.f_oneway(*samples)
    effect = between * float(test.statistic)
    return GroupComparison(
        groups=len(samples),
        n=n,
        anova_f=float(test.statistic),
        anova_p=float(test.pvalue),
        eta_squared=effect / (effect + within),
        kruskal_p=float(stats.kruskal(*samples).pvalue),
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
    statistic = float(test.statistic)
    most = len(block_labels) * (len(labels) - 1)
    return BlockedComparison(statistic, float(test.pvalue), statistic / most)


def equivalence_of_groups(
    values: ArrayLike, groups: ArrayLike, *, bound: float, alpha: float = 0.05
) -> GroupEquivalence:
    """Test whether the means of groups differ by less than a bound (Wellek's F test).

    statsmodels' equivalence_oneway compares the F statistic with the noncentral F distribution at
    the bound (Wellek, Testing Statistical Hypotheses of Equivalence and Noninferiority, 2nd ed.
    2010, section 7.2). The bound is Cohen's f, means weighted by group size, so that the
    noncentrality is n bound^2; Wellek's epsilon is bound sqrt(number of groups).

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
    samples = _samples(values, groups)
    n, k = sum(map(len, samples)), len(samples)
    p_value = float(equivalence_oneway(samples, bound**2, use_var="equal").pvalue)
    power = float(power_equivalence_oneway(0, bound**2, n, k, alpha=alpha))
    return GroupEquivalence(p_value, p_value < alpha, power)


def _samples(values: ArrayLike, groups: ArrayLike) -> list[Numbers]:
    """The values of each group, in the order of the groups' labels."""
    (numbers,) = finite_columns(values=values)
    labels, codes = label_codes("groups", groups, numbers.size)
    degrees_of_freedom(numbers.size, len(labels))
    samples = [numbers[codes == code] for code in range(len(labels))]
    residuals = np.concatenate([sample - sample.mean() for sample in samples])
    if is_constant(residuals, scale=float(np.abs(numbers).max())):
        raise UndecidedError("the values do not vary within any group")
    return samples
