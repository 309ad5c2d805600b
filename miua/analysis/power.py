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

Every function raises UndecidedError where there are too few points for its test.
"""

import bisect
import math
from collections.abc import Callable

import numpy as np
from scipy import optimize, special, stats
from statsmodels.stats.oneway import power_equivalence_oneway
from statsmodels.stats.power import FTestAnovaPower

from miua.analysis.checks import FEWEST_POINTS, Numbers, UndecidedError

# Gauss-Legendre quadrature over the probabilities of each of the two chi-square variables.
POINTS, WEIGHTS = np.polynomial.legendre.leggauss(100)

# Effects are looked for between these; beyond, every test has its power or never will.
SMALLEST_EFFECT = 1e-9
LARGEST_CORRELATION = 0.999999
LARGEST_COHEN_F = 1000.0
MOST_PAIRS = 1_000_000

# Outcomes whose chances agree to this many parts are equally unlikely, as in scipy's exact tests.
EQUALLY_UNLIKELY = 1e-7


def correlation_power(n: int, r: float, *, alpha: float = 0.05) -> float:
    """Power of the two-sided t test of Pearson's r on n pairs with true correlation r, |r| < 1."""
    if n < FEWEST_POINTS:
        raise UndecidedError(f"{n} pairs, at least {FEWEST_POINTS} are needed")
    probabilities, weights = (POINTS + 1) / 2, WEIGHTS / 2
    spread_x = np.sqrt(stats.chi2.ppf(probabilities, n - 1))[:, np.newaxis]
    spread_residuals = np.sqrt(stats.chi2.ppf(probabilities, n - 2) / (n - 2))
    centre = abs(r) / math.sqrt(1 - r * r) * spread_x
    critical = stats.t.ppf(1 - alpha / 2, n - 2) * spread_residuals
    rejected = special.ndtr(centre - critical) + special.ndtr(-centre - critical)
    return float(weights @ rejected @ weights)


def anova_power(n: int, groups: int, f: float, *, alpha: float = 0.05) -> float:
    """Power of the one-way analysis of variance of n values in all, with true effect Cohen's f."""
    degrees_of_freedom(n, groups)
    power = float(FTestAnovaPower().power(f, n, alpha, k_groups=groups))
    return 1.0 if math.isnan(power) else power  # scipy's answer to a chance too near to 1


def anova_equivalence_power(n: int, groups: int, f: float, *, alpha: float = 0.05) -> float:
    """The chance of showing by Wellek's F test that equal means differ by less than Cohen's f.

    The test holds the F statistic of n values in all against the noncentral F distribution at f
    (Wellek, Testing Statistical Hypotheses of Equivalence and Noninferiority, 2nd ed. 2010, section
    7.2; its epsilon is f times the square root of the number of groups).
    """
    degrees_of_freedom(n, groups)
    return float(power_equivalence_oneway(0, f**2, n, groups, alpha=alpha))


def binomial_power(trials: int, share: float, *, chance: float, alpha: float = 0.05) -> float:
    """Power of the exact two-sided binomial test against `chance` where `share` is true."""
    counts = np.arange(trials + 1)
    p_values = as_unlikely(stats.binom.pmf(counts, trials, chance))
    return float(stats.binom.pmf(counts, trials, share)[p_values < alpha].sum())


def as_unlikely(chances: Numbers) -> Numbers:
    """The p value of each outcome: the chance of all outcomes that are as unlikely, or more so.

    This is the two-sided p of scipy.stats.binomtest and fisher_exact, for all outcomes at once, by
    the chances of every outcome under the hypothesis, shape (outcomes,).
    """
    ascending = np.sort(chances)
    upto = np.searchsorted(ascending, chances * (1 + EQUALLY_UNLIKELY), side="right")
    return np.asarray(np.cumsum(ascending)[upto - 1])


def smallest_correlation(n: int, *, power: float = 0.8, alpha: float = 0.05) -> float:
    """The smallest true correlation, above 0, that the test of r finds with this power."""
    return smallest_effect(
        lambda r: correlation_power(n, r, alpha=alpha), LARGEST_CORRELATION, power=power
    )


def fewest_pairs(r: float, *, power: float = 0.8, alpha: float = 0.05) -> int:
    """The fewest pairs with which the test of r finds a true correlation r with this power.

    UndecidedError: r is 0, or more than MOST_PAIRS would be needed.
    """
    if r == 0 or correlation_power(MOST_PAIRS, r, alpha=alpha) < power:
        raise UndecidedError(f"more than {MOST_PAIRS} pairs would be needed for r = {r:.3g}")
    pairs = range(FEWEST_POINTS, MOST_PAIRS + 1)
    return pairs[
        bisect.bisect_left(pairs, power, key=lambda n: correlation_power(n, r, alpha=alpha))
    ]


def expected_correlation(n: int, r: float) -> float:
    """The mean of Pearson's r over samples of n jointly normal pairs with true correlation r.

    It is 2 / (n - 1) times (Gamma(n / 2) / Gamma((n - 1) / 2))^2 times r times the hypergeometric
    function F(1/2, 1/2; (n + 1) / 2; r^2) (Hotelling, Journal of the Royal Statistical Society B
    15, 1953).
    """
    if n < FEWEST_POINTS:
        raise UndecidedError(f"{n} pairs, at least {FEWEST_POINTS} are needed")
    gammas = math.exp(2 * (math.lgamma(n / 2) - math.lgamma((n - 1) / 2)))
    return float(2 / (n - 1) * gammas * r * special.hyp2f1(0.5, 0.5, (n + 1) / 2, r * r))


def smallest_anova_effect(n: int, groups: int, *, power: float = 0.8, alpha: float = 0.05) -> float:
    """The smallest Cohen's f that the analysis of variance finds with this power."""
    return smallest_effect(
        lambda f: anova_power(n, groups, f, alpha=alpha), LARGEST_COHEN_F, power=power
    )


def smallest_effect(power_of: Callable[[float], float], most: float, *, power: float) -> float:
    """Where a power that grows with the effect, up to `most`, reaches the one asked for.

    ValueError: the power asked for is not above the test's level. UndecidedError: no effect has it.
    """
    if power_of(SMALLEST_EFFECT) >= power:
        raise ValueError(f"power must be above the test's level, not {power}")
    if power_of(most) < power:
        raise UndecidedError(f"too few points: no effect gives a power of {power:g}")
    return float(optimize.brentq(lambda effect: power_of(effect) - power, SMALLEST_EFFECT, most))


def degrees_of_freedom(n: int, groups: int) -> tuple[int, int]:
    """Between and within groups, for n values in all."""
    if groups < 2:
        raise UndecidedError(f"{groups} group(s), at least 2 are needed")
    if n <= groups:
        raise UndecidedError(f"{n} values in {groups} groups leave no variation within groups")
    return groups - 1, n - groups
