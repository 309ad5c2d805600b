"""Power of the study's tests: the chance of a significant result where there is a true effect.

Correlation: exact for two jointly normal columns. Given x, the t statistic of r is noncentral t
with noncentrality rho / sqrt(1 - rho^2) times the square root of a chi-square with n - 1 degrees
of freedom (Gatsonis and Sampson, Psychological Bulletin 106, 1989), which is averaged out.

Groups: with Cohen's f, the standard deviation of the group means over the one within groups
(Cohen, Statistical Power Analysis for the Behavioral Sciences, 2nd ed. 1988, section 8.2), the F
statistic of n values in all is noncentral F with noncentrality n f^2. The test of equivalence calls
the means equivalent where F is below the alpha quantile at f = bound (Wellek, Testing Statistical
Hypotheses of Equivalence and Noninferiority, 2nd ed. 2010, section 7.2, where for groups of one
size epsilon^2 = groups f^2).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special, stats

from miua.analysis.checks import (
    FEWEST_POINTS,
    UndecidedError,
    check_count,
    check_fraction,
    check_positive,
)

# Gauss-Legendre points over the probabilities of each of the two chi-square variables.
QUADRATURE_POINTS = 100

# Effects are looked for between these; beyond, every test has its power or never will.
SMALLEST_EFFECT = 1e-9
LARGEST_CORRELATION = 0.999999
LARGEST_COHEN_F = 1000.0


def correlation_power(n: int, r: float, *, alpha: float = 0.05) -> float:
    """Power of the two-sided t test of Pearson's r on n pairs with true correlation r.

    Args:
        n: number of pairs.
        r: true correlation, between -1 and 1, both excluded.
        alpha: level of the test.

    Raises:
        ValueError: an argument is out of range.
        UndecidedError: fewer than three pairs.
    """
    check_count("n", n, 0)
    check_fraction("alpha", alpha)
    if not -1 < r < 1:
        raise ValueError(f"r must lie between -1 and 1, not {r}")
    if n < FEWEST_POINTS:
        raise UndecidedError(f"{n} pairs, at least {FEWEST_POINTS} are needed")
    points, weights = _quadrature()
    probabilities, weights = (points + 1) / 2, weights / 2
    spread_x = np.sqrt(stats.chi2.ppf(probabilities, n - 1))[:, np.newaxis]
    spread_residuals = np.sqrt(stats.chi2.ppf(probabilities, n - 2) / (n - 2))
    centre = abs(r) / math.sqrt(1 - r * r) * spread_x
    critical = stats.t.ppf(1 - alpha / 2, n - 2) * spread_residuals
    rejected = special.ndtr(centre - critical) + special.ndtr(-centre - critical)
    return float(weights @ rejected @ weights)


def anova_power(n: int, groups: int, f: float, *, alpha: float = 0.05) -> float:
    """Power of the one-way analysis of variance where the true effect is Cohen's f.

    Args:
        n: number of values, all groups together.
        groups: number of groups.
        f: true effect, 0 or more; 0.1, 0.25 and 0.4 are Cohen's small, medium and large.
        alpha: level of the test.

    Raises:
        ValueError: an argument is out of range.
        UndecidedError: fewer than two groups, or no more values than groups.
    """
    between, within = degrees_of_freedom(n, groups)
    check_fraction("alpha", alpha)
    critical = stats.f.ppf(1 - alpha, between, within)
    return 1 - chance_below(critical, n, groups, f)


def equivalence_power(
    n: int, groups: int, bound: float, *, f: float = 0.0, alpha: float = 0.05
) -> float:
    """Power of the F test of equivalence of means where the true effect is Cohen's f.

    Args:
        n: number of values, all groups together.
        groups: number of groups.
        bound: Cohen's f from which means no longer count as equivalent, above 0.
        f: true effect, 0 or more; 0 where all means are equal.
        alpha: level of the test.

    Raises:
        ValueError, UndecidedError: as anova_power.
    """
    return chance_below(equivalence_critical_f(n, groups, bound, alpha=alpha), n, groups, f)


def equivalence_critical_f(n: int, groups: int, bound: float, *, alpha: float = 0.05) -> float:
    """The F below which the test of equivalence calls the means equivalent; as equivalence_power.

    Raises:
        ValueError, UndecidedError: as anova_power.
    """
    between, within = degrees_of_freedom(n, groups)
    check_fraction("alpha", alpha)
    check_positive("bound", bound)
    return float(stats.ncf.ppf(alpha, between, within, n * bound**2))


def smallest_correlation(n: int, *, power: float = 0.8, alpha: float = 0.05) -> float:
    """The smallest true correlation, above 0, that the test of r finds with this power.

    Raises:
        ValueError: an argument is out of range.
        UndecidedError: fewer than three pairs, or too few for any correlation.
    """
    return _smallest(lambda r: correlation_power(n, r, alpha=alpha), power, LARGEST_CORRELATION)


def smallest_anova_effect(n: int, groups: int, *, power: float = 0.8, alpha: float = 0.05) -> float:
    """The smallest Cohen's f that the analysis of variance finds with this power.

    Raises:
        ValueError: an argument is out of range.
        UndecidedError: fewer than two groups, or too few values.
    """
    return _smallest(lambda f: anova_power(n, groups, f, alpha=alpha), power, LARGEST_COHEN_F)


def smallest_equivalence_bound(
    n: int, groups: int, *, power: float = 0.8, alpha: float = 0.05
) -> float:
    """The smallest bound, as Cohen's f, within which equal means are shown with this power.

    Raises:
        ValueError: an argument is out of range.
        UndecidedError: fewer than two groups, or too few values.
    """
    return _smallest(
        lambda bound: equivalence_power(n, groups, bound, alpha=alpha), power, LARGEST_COHEN_F
    )


def degrees_of_freedom(n: int, groups: int) -> tuple[int, int]:
    """Between and within groups, for n values in all.

    Raises:
        ValueError: an argument is no count.
        UndecidedError: fewer than two groups, or no more values than groups.
    """
    check_count("n", n, 0)
    check_count("groups", groups, 0)
    if groups < 2:
        raise UndecidedError(f"{groups} group(s), at least 2 are needed")
    if n <= groups:
        raise UndecidedError(f"{n} values in {groups} groups leave no variation within groups")
    return groups - 1, n - groups


def chance_below(statistic: float, n: int, groups: int, f: float) -> float:
    """Chance of a smaller F statistic of n values in all where the true effect is Cohen's f.

    Raises:
        ValueError: an argument is out of range.
        UndecidedError: fewer than two groups, or no more values than groups.
    """
    if not (math.isfinite(f) and f >= 0):
        raise ValueError(f"f must be 0 or more, not {f}")
    between, within = degrees_of_freedom(n, groups)
    noncentrality = n * f**2
    chance = float(stats.ncf.cdf(statistic, between, within, noncentrality))
    if math.isnan(chance):  # scipy's answer to a chance too far in a tail for a float
        return 0.0 if between * statistic < between + noncentrality else 1.0
    return chance


def _smallest(power_of: Callable[[float], float], power: float, most: float) -> float:
    """Where a growing power reaches the one asked for."""
    check_fraction("power", power)
    if power_of(SMALLEST_EFFECT) >= power:
        raise ValueError(f"power must be above the test's level, not {power}")
    if power_of(most) < power:
        raise UndecidedError(f"too few points: no effect gives a power of {power:g}")
    return float(optimize.brentq(lambda effect: power_of(effect) - power, SMALLEST_EFFECT, most))


@functools.cache
def _quadrature() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points and weights; finding them takes longer than using them."""
    points, weights = np.polynomial.legendre.leggauss(QUADRATURE_POINTS)
    return points, weights
