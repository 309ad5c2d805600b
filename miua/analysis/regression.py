"""Least-squares lines of a value on a score (linear) or on its logarithm, as the study fits them.

Formulas: simple linear regression, value = a x + b with x = score or x = ln(score), as in Draper
and Smith, Applied Regression Analysis (3rd ed. 1998), chapter 1; the band is the confidence
interval of the mean value, b + a x0 +- t s sqrt(1/n + (x0 - mean x)^2 / Sxx).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from miua.analysis.checks import (
    Numbers,
    check_fraction,
    check_varied,
    finite_columns,
    largest,
    shapiro_p,
)


@dataclass(frozen=True)
class LeastSquaresFit(ABC):
    """A least-squares line, value = a x + b; the subclass says what x is of a score.

    Attributes:
        a, b: slope (value's unit per unit of x) and value at x = 0.
        error_a, error_b: their standard errors.
        n: number of points.
        pearson_r: correlation of the value with x.
        p_value: two-sided p of the hypothesis of no correlation (t test, n - 2 degrees of freedom).
        residual_deviation: standard deviation of the residuals, n - 2 in the denominator.
        mean_x, sum_squares_x: mean of x and its sum of squared deviations, for the band.
        shapiro_p: p of Shapiro and Wilk's test that the residuals are normal, which p_value and
            the band assume; NaN where it cannot be had (no residuals at all, more than 5000).
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
    shapiro_p: float

    @staticmethod
    @abstractmethod
    def abscissa(score: ArrayLike) -> Numbers:
        """What the line is straight in: x of each score."""

    def predict(self, score: ArrayLike) -> Numbers:
        """The line's value at each score."""
        return self.a * self.abscissa(score) + self.b

    def band(self, score: ArrayLike, level: float = 0.95) -> tuple[Numbers, Numbers]:
        """Lower and upper end of the confidence interval of the mean value at each score.

        Raises:
            ValueError: level is not between 0 and 1.
        """
        check_fraction("level", level)
        x = self.abscissa(score)
        quantile = stats.t.ppf(0.5 + level / 2, self.n - 2)
        half = (
            quantile
            * self.residual_deviation
            * np.sqrt(1 / self.n + (x - self.mean_x) ** 2 / self.sum_squares_x)
        )
        centre = self.a * x + self.b
        return centre - half, centre + half


class LinearFit(LeastSquaresFit):
    """A line in the score itself: value = a score + b."""

    @staticmethod
    def abscissa(score: ArrayLike) -> Numbers:
        """The score as it is."""
        return np.asarray(score, dtype=np.float64)


class LogarithmicFit(LeastSquaresFit):
    """A line in the natural logarithm of the score: value = a ln(score) + b; b is at score 1."""

    @staticmethod
    def abscissa(score: ArrayLike) -> Numbers:
        """ln(score).

        Raises:
            ValueError: a score is not positive.
        """
        scores = np.asarray(score, dtype=np.float64)
        if not (scores > 0).all():
            raise ValueError("score must be positive: its logarithm is taken")
        return np.log(scores)


Kind = TypeVar("Kind", bound=LeastSquaresFit)


def fit_line(score: ArrayLike, value: ArrayLike) -> LinearFit:
    """Fit value = a score + b by least squares.

    Args:
        score, value: numbers, shape (n,).

    Raises:
        ValueError: shapes differ, or a number is not finite.
        UndecidedError: fewer than three points, or constant scores or values.
    """
    return _fit(LinearFit, score, value)


def fit_logarithm(score: ArrayLike, value: ArrayLike) -> LogarithmicFit:
    """Fit value = a ln(score) + b by least squares.

    Args:
        score: positive numbers, shape (n,).
        value: numbers, shape (n,).

    Raises:
        ValueError: shapes differ, a number is not finite, or a score is not positive.
        UndecidedError: fewer than three points, or constant scores or values.
    """
    return _fit(LogarithmicFit, score, value)


def _fit(kind: type[Kind], score: ArrayLike, value: ArrayLike) -> Kind:
    scores, values = finite_columns(score=score, value=value)
    x = kind.abscissa(scores)
    check_varied(score=scores, value=values)
    line = stats.linregress(x, values)
    residuals = values - (line.slope * x + line.intercept)
    return kind(
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
        shapiro_p=shapiro_p(residuals, scale=largest(values)),
    )
