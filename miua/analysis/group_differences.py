"""Groups of independent values: whether they differ, and whether they are shown to be equivalent.

A large p value of a test of differences does not show that groups are equal. Two one-sided tests
ask the opposite question: there a small p value says that the means differ by less than a margin
that was stated beforehand.

Everything here takes values as independent and of one variance. Several snapshots of one training
are not independent: take one value of each training, such as the mean over its snapshots (Matthews,
Altman, Campbell and Royston, BMJ 300, 1990, on summary measures). Where every training has the same
snapshots this is what a mixed model with the training as random effect tests.

Groups may have different numbers of values, also one each, as long as one group has several.
"""

import math
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from miua.analysis.checks import UndecidedError, is_constant
from miua.analysis.power import degrees_of_freedom

DRAWS = 20_000  # of equivalence_power: its standard error is at most 0.0036


class Groups(NamedTuple):
    """Groups that vary: what they have in common.

    names, means, counts: of each group, in the order of the names. deviation: within groups, from
    all of them together. freedom: its degrees of freedom, values minus groups.
    """

    names: tuple[object, ...]
    means: tuple[float, ...]
    counts: tuple[int, ...]
    deviation: float
    freedom: int

    def difference_p(self) -> float:
        """p of the one-way analysis of variance; small: the means differ."""
        means, counts = np.array(self.means), np.array(self.counts)
        between = float(counts @ (means - np.average(means, weights=counts)) ** 2)
        freedom = len(means) - 1
        return float(stats.f.sf(between / freedom / self.deviation**2, freedom, self.freedom))

    def difference(self, first: object, second: object) -> "Difference":
        """The mean of the first group minus that of the second. ValueError: there is no such."""
        one, other = self.names.index(first), self.names.index(second)
        error = self.deviation * math.sqrt(1 / self.counts[one] + 1 / self.counts[other])
        return Difference(self.means[one] - self.means[other], error, self.freedom)


class Difference(NamedTuple):
    """A difference of two means, its standard error, and the degrees of freedom of that."""

    value: float
    error: float
    freedom: int

    def beyond(self, margin: float) -> float:
        """p of the hypothesis that its size is at most `margin`; small: it is beyond it."""
        return float(stats.t.sf((abs(self.value) - margin) / self.error, self.freedom))

    def within(self, margin: float) -> float:
        """p of the two one-sided tests; small: its size is below the margin."""
        return float(stats.t.sf((margin - abs(self.value)) / self.error, self.freedom))

    def reach(self, level: float) -> float:
        """Half of the width of the interval whose ends each have this one-sided level."""
        return float(stats.t.isf(level, self.freedom)) * self.error


class Equivalence(NamedTuple):
    """Whether all groups are within a margin of each other.

    p: small, they are. beyond: small, two of them differ by more than the margin; of all pairs,
    after Bonferroni. pair, difference, low, high: the two groups that differ most, by how much, and
    the interval that must lie within the margin.
    """

    p: float
    beyond: float
    pair: tuple[object, object]
    difference: float
    low: float
    high: float


def grouped(values: ArrayLike, groups: ArrayLike) -> Groups:
    """The groups of values, shape (n,), by their labels, shape (n,).

    UndecidedError: fewer than two groups, one value in each, or no variation within any.
    """
    numbers = np.asarray(values, dtype=np.float64)
    by_group = pd.Series(numbers).groupby(np.asarray(groups))
    _, freedom = degrees_of_freedom(numbers.size, by_group.ngroups)
    residuals = numbers - by_group.transform("mean").to_numpy()
    if is_constant(residuals, scale=float(np.abs(numbers).max())):
        raise UndecidedError("the values do not vary within any group")
    means, deviation = by_group.mean(), math.sqrt(float(residuals @ residuals) / freedom)
    counts = tuple(map(int, by_group.size()))
    return Groups(tuple(means.index), tuple(map(float, means)), counts, deviation, freedom)


def equivalence(groups: Groups, *, margin: float, alpha: float = 0.05) -> Equivalence:
    """Test whether every two means differ by less than the margin, in units of the values.

    Two one-sided t tests for each pair (Schuirmann, Journal of Pharmacokinetics and
    Biopharmaceutics 15, 1987): equivalent at level alpha if every pair's interval of confidence
    1 - 2 alpha lies within the margin. As all pairs must pass, none needs an adjustment (Berger and
    Hsu, Statistical Science 11, 1996).
    """
    pairs = {pair: groups.difference(*pair) for pair in combinations(groups.names, 2)}
    most = max(pairs, key=lambda pair: abs(pairs[pair].value))
    difference, reach = pairs[most].value, pairs[most].reach(alpha)
    beyond = min(each.beyond(margin) for each in pairs.values())
    return Equivalence(
        p=max(each.within(margin) for each in pairs.values()),
        beyond=min(1.0, len(pairs) * beyond),
        pair=most,
        difference=difference,
        low=difference - reach,
        high=difference + reach,
    )


def equivalence_power(counts: ArrayLike, margin: float, *, alpha: float = 0.05) -> float:
    """The chance that `equivalence` shows groups of equal means to be equivalent.

    counts: values in each group, shape (groups,). margin: in standard deviations of the values.
    From DRAWS draws, always the same.
    """
    of_group = np.asarray(counts, dtype=np.float64)
    _, freedom = degrees_of_freedom(int(of_group.sum()), of_group.size)
    draws = np.random.default_rng(0)
    means = draws.normal(size=(DRAWS, of_group.size)) / np.sqrt(of_group)
    reach = stats.t.isf(alpha, freedom) * np.sqrt(draws.chisquare(freedom, DRAWS) / freedom)
    shown = np.ones(DRAWS, dtype=bool)
    for i, j in combinations(range(of_group.size), 2):
        error = math.sqrt(1 / of_group[i] + 1 / of_group[j])
        shown &= np.abs(means[:, i] - means[:, j]) + reach * error < margin
    return float(shown.mean())
