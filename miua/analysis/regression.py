"""The study's regression: value = a ln(score) + b by least squares, with Pearson's r.

Formulas: simple linear regression of the value on x = ln(score), as in any textbook; the band is
the confidence interval of the mean value, b + a x0 +- t s sqrt(1/n + (x0 - mean x)^2 / Sxx).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from miua.errors import MiuaError

FEWEST_POINTS = 3


class UndecidedError(MiuaError):
    """The points allow no regression; the message says why."""


@dataclass(frozen=True)
class LogarithmicFit:
    """A least-squares line of a value on the natural logarithm of a score.

    Attributes:
        a, b: slope (value's unit per unit of ln score) and value at score 1.
        error_a, error_b: their standard errors.
        n: number of points.
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

    def predict(self, score: ArrayLike) -> NDArray[np.float64]:
        """The line's value at each score (> 0)."""
        return self.a * np.log(np.asarray(score, dtype=np.float64)) + self.b

    def band(
        self, score: ArrayLike, level: float = 0.95
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lower and upper end of the confidence interval of the mean value at each score (> 0)."""
        if not 0 < level < 1:
            raise ValueError(f"level must lie between 0 and 1, not {level}")
        x = np.log(np.asarray(score, dtype=np.float64))
        quantile = stats.t.ppf(0.5 + level / 2, self.n - 2)
        half = (
            quantile
            * self.residual_deviation
            * np.sqrt(1 / self.n + (x - self.mean_x) ** 2 / self.sum_squares_x)
        )
        centre = self.a * x + self.b
        return centre - half, centre + half


def fit_logarithm(score: ArrayLike, value: ArrayLike) -> LogarithmicFit:
    """Fit value = a ln(score) + b by least squares.

    Args:
        score: positive numbers, shape (n,).
        value: numbers, shape (n,).

    Raises:
        ValueError: shapes differ, a number is not finite, or a score is not positive.
        UndecidedError: fewer than three points, or constant scores or values.
    """
    scores = np.asarray(score, dtype=np.float64)
    values = np.asarray(value, dtype=np.float64)
    if scores.ndim != 1 or scores.shape != values.shape:
        raise ValueError(
            f"score and value must be of one length, not of shapes {scores.shape}, {values.shape}"
        )
    if not (np.isfinite(scores).all() and np.isfinite(values).all()):
        raise ValueError("score and value must be finite")
    if (scores <= 0).any():
        raise ValueError("score must be positive: its logarithm is taken")
    if scores.size < FEWEST_POINTS:
        raise UndecidedError(f"{scores.size} points, at least {FEWEST_POINTS} are needed")
    if np.ptp(scores) == 0:
        raise UndecidedError("all scores are equal")
    if np.ptp(values) == 0:
        raise UndecidedError("all values are equal")

    x = np.log(scores)
    line = stats.linregress(x, values)
    residuals = values - (line.slope * x + line.intercept)
    return LogarithmicFit(
        a=float(line.slope),
        b=float(line.intercept),
        error_a=float(line.stderr),
        error_b=float(line.intercept_stderr),
        n=scores.size,
        pearson_r=float(line.rvalue),
        p_value=float(line.pvalue),
        residual_deviation=math.sqrt(float(residuals @ residuals) / (scores.size - 2)),
        mean_x=float(x.mean()),
        sum_squares_x=float(((x - x.mean()) ** 2).sum()),
    )
