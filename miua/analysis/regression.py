"""Least-squares lines of a value on the logarithm of a score, as the study fits them.

Formulas: simple linear regression, value = a x + b with x = ln(score), as in Draper and Smith,
Applied Regression Analysis (3rd ed. 1998), chapter 1; the band is the confidence interval of the
mean value, b + a x0 +- t s sqrt(1/n + (x0 - mean x)^2 / Sxx).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from miua.analysis.checks import Numbers, check_varied, finite_columns


@dataclass(frozen=True)
class LogarithmicFit:
    """The line value = a ln(score) + b.

    Attributes:
        a, b: slope (value's unit per unit of ln(score)) and value at score 1.
        error_a, error_b: their standard errors; n: number of points.
        pearson_r: correlation of the value with ln(score).
        p_value: two-sided p of the hypothesis of no correlation (t test, n - 2 degrees of freedom).
        residual_deviation: standard deviation of the residuals, n - 2 in the denominator.
        mean_x, sum_squares_x: mean of ln(score) and its sum of squared deviations, for the band.
    """

    a: float
    b: float
    error_a: float
    error_b: float
    n: int
    pearson_r: float
    p_value: float
    residual_deviation: float
    mean_x: float
    sum_squares_x: float

    def predict(self, score: ArrayLike) -> Numbers:
        """The line's value at each score."""
        return self.a * _logarithm(score) + self.b

    def band(self, score: ArrayLike, level: float = 0.95) -> tuple[Numbers, Numbers]:
        """Lower and upper end of the confidence interval of the mean value at each score."""
        x, centre = _logarithm(score), self.predict(score)
        quantile = stats.t.ppf(0.5 + level / 2, self.n - 2)
        spread = np.sqrt(1 / self.n + (x - self.mean_x) ** 2 / self.sum_squares_x)
        half = quantile * self.residual_deviation * spread
        return centre - half, centre + half


def fit_logarithm(score: ArrayLike, value: ArrayLike) -> LogarithmicFit:
    """Fit value = a ln(score) + b by least squares (scipy.stats.linregress).

    ValueError: lengths differ, a number is not finite, or a score is not positive. UndecidedError:
    fewer than three points, or constant scores or values.
    """
    scores, values = finite_columns(score=score, value=value)
    x = _logarithm(scores)
    check_varied(score=scores, value=values)
    line = stats.linregress(x, values)
    residuals = values - (line.slope * x + line.intercept)
    return LogarithmicFit(
        a=float(line.slope),
        b=float(line.intercept),
        error_a=float(line.stderr),
        error_b=float(line.intercept_stderr),
        n=values.size,
        pearson_r=float(line.rvalue),
        p_value=float(line.pvalue),
        residual_deviation=math.sqrt(float(residuals @ residuals) / (values.size - 2)),
        mean_x=float(x.mean()),
        sum_squares_x=float(((x - x.mean()) ** 2).sum()),
    )


def _logarithm(score: ArrayLike) -> Numbers:
    scores = np.asarray(score, dtype=np.float64)
    if not (scores > 0).all():
        raise ValueError("score must be positive: its logarithm is taken")
    return np.log(scores)
