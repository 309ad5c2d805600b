"""Power of the study's tests: the chance of a significant result where there is a true effect.

Correlation: exact for two jointly normal columns. Given x, the t statistic of r is noncentral t
with noncentrality rho / sqrt(1 - rho^2) times the square root of a chi-square with n - 1 degrees
of freedom (Gatsonis and Sampson, Psychological Bulletin 106, 1989), which is averaged out.

Groups: with Cohen's f, the standard deviation of the group means over the one within groups
(Cohen, Statistical Power Analysis for the Behavioral Sciences, 2nd ed. 1988, section 8.2), the F
statistic of n values in all is noncentral F with noncentrality n f^2, as in statsmodels'
FTestAnovaPower.

Proportions: exact, by adding up the chances of all counts that the exact binomial test calls
significant.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special, stats
from statsmodels.stats.power import FTestAnovaPower

from miua.analysis.checks import (
    FEWEST_POINTS,
    Numbers,
    UndecidedError,
    check_count,
    check_fraction,
)

# Gauss-Legendre points over the probabilities of each of the two chi-square variables.
QUADRATURE_POINTS = 100

# Effects are looked for between these; beyond, every test has its power or never will.
SMALLEST_EFFECT = 1e-9
LARGEST_CORRELATION = 0.999999
LARGEST_COHEN_F = 1000.0

# Outcomes whose chances agree to this many parts are equally unlikely, as in scipy's exact tests.
EQUALLY_UNLIKELY = 1e-7


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
    degrees_of_freedom(n, groups)
    check_fraction("alpha", alpha)
    if not (math.isfinite(f) and f >= 0):
        raise ValueError(f"f must be 0 or more, not {f}")
    power = float(FTestAnovaPower().power(f, n, alpha, k_groups=groups))
    return 1.0 if math.isnan(power) else power  # scipy's answer to a chance too near to 1


def binomial_power(trials: int, share: float, *, chance: float, alpha: float = 0.05) -> float:
    """Power of the exact two-sided binomial test against `chance` where `share` is true."""
    counts = np.arange(trials + 1)
    p_values = as_unlikely(stats.binom.pmf(counts, trials, chance))
    return float(stats.binom.pmf(counts, trials, share)[p_values < alpha].sum())


def as_unlikely(chances: Numbers) -> Numbers:
    """The p value of each outcome: the chance of all outcomes that are as unlikely, or more so.

    This is the two-sided p of scipy.stats.binomtest and fisher_exact, for all outcomes at once.

    Args:
        chances: of every outcome under the hypothesis, shape (outcomes,).
    """
    ascending = np.sort(chances)
    upto = np.searchsorted(ascending, chances * (1 + EQUALLY_UNLIKELY), side="right")
    return np.asarray(np.cumsum(ascending)[upto - 1])


def smallest_correlation(n: int, *, power: float = 0.8, alpha: float = 0.05) -> float:
    """The smallest true correlation, above 0, that the test of r finds with this power.

    Raises:
        ValueError: an argument is out of range.
        UndecidedError: fewer than three pairs, or too few for any correlation.
    """
    return smallest_effect(
        lambda r: correlation_power(n, r, alpha=alpha), LARGEST_CORRELATION, power=power
    )


def smallest_anova_effect(n: int, groups: int, *, power: float = 0.8, alpha: float = 0.05) -> float:
    """The smallest Cohen's f that the analysis of variance finds with this power.

    Raises:
        ValueError: an argument is out of range.
        UndecidedError: fewer than two groups, or too few values.
    """
    return smallest_effect(
        lambda f: anova_power(n, groups, f, alpha=alpha), LARGEST_COHEN_F, power=power
    )


def smallest_effect(power_of: Callable[[float], float], most: float, *, power: float) -> float:
    """Where a power that grows with the effect, up to `most`, reaches the one asked for.

    Raises:
        ValueError: the power asked for is out of range.
        UndecidedError: no effect has it.
    """
    check_fraction("power", power)
    if power_of(SMALLEST_EFFECT) >= power:
        raise ValueError(f"power must be above the test's level, not {power}")
    if power_of(most) < power:
        raise UndecidedError(f"too few points: no effect gives a power of {power:g}")
    return float(optimize.brentq(lambda effect: power_of(effect) - power, SMALLEST_EFFECT, most))


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


@functools.cache
def _quadrature() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points and weights; finding them takes longer than using them."""
    points, weights = np.polynomial.legendre.leggauss(QUADRATURE_POINTS)
    return points, weights
