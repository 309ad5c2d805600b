"""Groups of values: whether they differ, and whether they are shown to be equivalent.

A large p value of a test of differences does not show that groups are equal. The test of
equivalence asks the opposite question: there a small p value says that the means differ by less
than a bound that was stated beforehand.

Values and the labels of their groups and blocks are columns of one table, shape (n,).
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats
from statsmodels.stats.oneway import equivalence_oneway, power_equivalence_oneway

from miua.analysis.checks import Numbers, UndecidedError, is_constant
from miua.analysis.power import degrees_of_freedom

# Friedman's test of two groups would be the sign test; scipy's asks for three groups.
FEWEST_BLOCKED_GROUPS = 3
FEWEST_BLOCKS = 2


class GroupComparison(NamedTuple):
    """Whether groups of independent values differ.

    anova_f, anova_p: one-way analysis of variance. eta_squared: share of the sum of squares between
    groups, 0 to 1. kruskal_p: p of Kruskal and Wallis's rank test, from chi-square.
    """

    anova_f: float
    anova_p: float
    eta_squared: float
    kruskal_p: float


def compare_groups(values: ArrayLike, groups: ArrayLike) -> GroupComparison:
    """Test whether groups of independent values differ.

    Eta squared follows from F and the degrees of freedom (Kirk, Experimental Design, 4th ed. 2013,
    chapter 4). Snapshots of one training are not independent: see compare_blocked.
    """
    samples = _samples(values, groups)
    between, within = degrees_of_freedom(sum(map(len, samples)), len(samples))
    test = stats.f_oneway(*samples)
    effect = between * float(test.statistic)
    return GroupComparison(
        anova_f=float(test.statistic),
        anova_p=float(test.pvalue),
        eta_squared=effect / (effect + within),
        kruskal_p=float(stats.kruskal(*samples).pvalue),
    )


def compare_blocked(values: ArrayLike, groups: ArrayLike, blocks: ArrayLike) -> tuple[float, float]:
    """Friedman's test whether groups differ, each measured once in every block: p, Kendall's W.

    p is from chi-square with one degree of freedom fewer than groups; with few blocks it is
    somewhat too large. W is the blocks' concordance: 0 where they do not agree on the order of the
    groups, 1 where it is the same in each.

    Blocks that lack a group are left out. Assumes that blocks are independent of each other. Where
    a block is an epoch and a group one training, a difference says that these trainings differ,
    not why; that takes independent repetitions, such as seeds.

    ValueError: a group has several values in a block. UndecidedError: fewer than three groups or
    two blocks, or all values of each block equal.
    """
    long = pd.DataFrame({"value": values, "group": groups, "block": blocks})
    table = long.pivot(index="block", columns="group", values="value").dropna()
    count, of_groups = table.shape
    if of_groups < FEWEST_BLOCKED_GROUPS or count < FEWEST_BLOCKS:
        raise UndecidedError(
            f"{of_groups} group(s) in {count} block(s), at least "
            f"{FEWEST_BLOCKED_GROUPS} groups in {FEWEST_BLOCKS} blocks are needed"
        )
    if (np.ptp(table.to_numpy(), axis=1) == 0).all():
        raise UndecidedError("all values of each block are equal")
    test = stats.friedmanchisquare(*table.to_numpy().T)
    return float(test.pvalue), float(test.statistic) / (count * (of_groups - 1))


def equivalence_of_groups(
    values: ArrayLike, groups: ArrayLike, *, bound: float, alpha: float = 0.05
) -> tuple[float, float]:
    """Test whether the means of groups differ by less than a bound (Wellek's F test): p and power.

    p is of the hypothesis that the effect is at or beyond the bound. The power is the chance of a p
    below alpha with so many values if all means are equal.

    statsmodels' equivalence_oneway compares the F statistic with the noncentral F distribution at
    the bound (Wellek, Testing Statistical Hypotheses of Equivalence and Noninferiority, 2nd ed.
    2010, section 7.2). The bound is Cohen's f, means weighted by group size, so that the
    noncentrality is n bound^2; Wellek's epsilon is bound sqrt(number of groups). Cohen (1988)
    calls an f of 0.1 small, 0.25 medium and 0.4 large.
    """
    samples = _samples(values, groups)
    n, k = sum(map(len, samples)), len(samples)
    p_value = float(equivalence_oneway(samples, bound**2, use_var="equal").pvalue)
    return p_value, float(power_equivalence_oneway(0, bound**2, n, k, alpha=alpha))


def _samples(values: ArrayLike, groups: ArrayLike) -> list[Numbers]:
    """The values of each group, in the order of the labels; two groups or more that vary."""
    numbers = np.asarray(values, dtype=np.float64)
    parts = pd.Series(numbers).groupby(np.asarray(groups))
    samples = [np.asarray(part, dtype=np.float64) for _, part in parts]
    degrees_of_freedom(numbers.size, len(samples))
    residuals = np.concatenate([sample - sample.mean() for sample in samples])
    if is_constant(residuals, scale=float(np.abs(numbers).max())):
        raise UndecidedError("the values do not vary within any group")
    return samples
