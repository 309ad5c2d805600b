"""Correlation of two columns with its bootstrap interval, and the largest one out of many.

The family test asks whether the largest |r| out of many candidates is more than chance: the score
is permuted, which keeps the dependence among candidates, and the largest |r| is compared with the
largest |r| of each permutation (Westfall and Young, Resampling-Based Multiple Testing, 1993,
single-step maxT). It controls the chance of one false finding or more over the whole family.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from miua.analysis.checks import (
    ROUNDING,
    Numbers,
    UndecidedError,
    check_count,
    check_varied,
    finite_array,
    finite_columns,
)
from miua.analysis.resampling import BATCH, cluster_bootstrap

Method = Literal["pearson", "spearman"]

# The family test's critical |r| is this quantile of the largest |r| under the null hypothesis.
FAMILY_LEVEL = 0.95


@dataclass(frozen=True)
class Correlation:
    """A correlation coefficient with its test and bootstrap interval.

    Attributes:
        r: Pearson's r, or Spearman's rank correlation.
        p_value: two-sided p of the hypothesis of no correlation; `correlate` says of which test.
        low, high: bootstrap interval of r.
    """

    r: float
    p_value: float
    low: float
    high: float


@dataclass(frozen=True)
class FamilyTest:
    """The test of the largest |r| over all candidates.

    Attributes:
        names, r, adjusted_p: each candidate that varies, its Pearson's r, and its p adjusted for
            the family. The smallest adjusted p is that of the family's hypothesis, that no
            candidate correlates with the score.
        critical_r: 95 % quantile of the largest |r| where no candidate correlates; a candidate is
            significant over the family where its |r| is above.
        permutations: number of permutations; all that there are, or random ones.
    """

    names: tuple[str, ...]
    r: tuple[float, ...]
    adjusted_p: tuple[float, ...]
    critical_r: float
    permutations: int


def correlate(
    x: ArrayLike,
    y: ArrayLike,
    *,
    method: Method = "pearson",
    level: float = 0.95,
    resamples: int = 9999,
    seed: int = 0,
) -> Correlation:
    """Correlate two columns.

    The interval resamples pairs. The p value of Pearson's r is that of the t test with n - 2
    degrees of freedom (scipy.stats.pearsonr), that of Spearman's a permutation test
    (scipy.stats.permutation_test, all permutations where there are no more than `resamples`). Both
    take the pairs as independent.

    Args:
        x, y: numbers, shape (n,).
        method: "pearson" (straight line) or "spearman" (any monotone relation).
        level: coverage of the interval.
        resamples: number of resamples, and of permutations.
        seed: whole number, 0 or more.

    Raises:
        ValueError: shapes differ, a number is not finite, or an argument is out of range.
        UndecidedError: fewer than three points, a constant column, or more than 5 % of the
            resamples constant.
    """
    if method not in ("pearson", "spearman"):
        raise ValueError(f"method must be 'pearson' or 'spearman', not {method!r}")
    xs, ys = finite_columns(x=x, y=y)
    check_varied(**{"x value": xs, "y value": ys})
    coefficient = _pearson if method == "pearson" else _spearman
    found = cluster_bootstrap(
        lambda rows: coefficient(xs[rows], ys[rows]),
        np.arange(xs.size),
        level=level,
        resamples=resamples,
        seed=seed,
        vectorized=True,
    )
    p_value = _p_value(xs, ys, method, resamples, seed)
    return Correlation(found.value, p_value, found.low, found.high)


def largest_correlation(
    candidates: ArrayLike,
    score: ArrayLike,
    *,
    names: Sequence[str],
    permutations: int = 9999,
    seed: int = 0,
) -> FamilyTest:
    """Permutation test of the largest |Pearson's r| of any candidate with the score.

    Assumes that under the null hypothesis every order of the scores is as likely as any other;
    points that hang together (snapshots of one training) weaken this. Ties do no harm. A p value is
    (count + 1) / (permutations + 1), or count / permutations where all permutations were used.
    Constant candidates are left out.

    Args:
        candidates: numbers, shape (n, C), one column a candidate.
        score: numbers, shape (n,); for a logarithmic relation, the score's logarithm.
        names: of the candidates, C different ones.
        permutations: number of permutations.
        seed: whole number, 0 or more.

    Raises:
        ValueError: shapes differ, a number is not finite, or names are not C different ones.
        UndecidedError: fewer than three points, a constant score, or no candidate that varies.
    """
    check_count("permutations", permutations, 1)
    check_count("seed", seed, 0)
    table = finite_array("candidates", candidates, dimensions=2)
    scores = finite_array("score", score)
    if table.shape[0] != scores.size:
        raise ValueError(
            f"candidates and score must be of one length, not {table.shape[0]}, {scores.size}"
        )
    if len(set(names)) != len(names) or len(names) != table.shape[1]:
        raise ValueError(f"names must be {table.shape[1]} different ones, one a candidate")
    check_varied(score=scores)
    varied = np.ptp(table, axis=0) > ROUNDING * np.abs(table).max(axis=0)
    if not varied.any():
        raise UndecidedError("no candidate varies")

    tested = _standardised(table.T[varied])
    standard = _standardised(scores)
    result = stats.permutation_test(
        (standard,),
        lambda permuted, axis: np.abs(permuted @ tested.T).max(axis=-1),
        permutation_type="pairings",
        vectorized=True,
        n_resamples=permutations,
        batch=max(1, BATCH // max(tested.shape)),
        alternative="greater",
        rng=np.random.default_rng(seed),
    )
    r = np.clip(tested @ standard, -1, 1)
    null = np.sort(result.null_distribution)
    exact = math.factorial(scores.size) <= permutations
    reached = null.size - np.searchsorted(null, np.abs(r) * (1 - ROUNDING))
    adjusted = reached / null.size if exact else (reached + 1) / (null.size + 1)
    return FamilyTest(
        names=tuple(name for name, keep in zip(names, varied, strict=True) if keep),
        r=tuple(r.tolist()),
        adjusted_p=tuple(adjusted.tolist()),
        critical_r=float(np.quantile(null, FAMILY_LEVEL, method="higher")),
        permutations=null.size,
    )


def _pearson(x: Numbers, y: Numbers) -> Numbers:
    """r along the last axis; NaN where a column is constant."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.ConstantInputWarning)
        warnings.simplefilter("ignore", stats.NearConstantInputWarning)
        r = np.asarray(stats.pearsonr(x, y, axis=-1).statistic)
    return np.where((np.ptp(x, axis=-1) == 0) | (np.ptp(y, axis=-1) == 0), np.nan, r)


def _spearman(x: Numbers, y: Numbers) -> Numbers:
    return _pearson(stats.rankdata(x, axis=-1), stats.rankdata(y, axis=-1))


def _p_value(x: Numbers, y: Numbers, method: Method, permutations: int, seed: int) -> float:
    if method == "pearson":
        return float(stats.pearsonr(x, y).pvalue)
    ranks = _standardised(stats.rankdata(y))
    result = stats.permutation_test(
        (_standardised(stats.rankdata(x)),),
        lambda permuted, axis: permuted @ ranks,
        permutation_type="pairings",
        vectorized=True,
        n_resamples=permutations,
        batch=max(1, BATCH // ranks.size),
        rng=np.random.default_rng(seed),
    )
    return float(result.pvalue)


def _standardised(values: Numbers) -> Numbers:
    """Mean 0 and length 1 along the last axis, so that r is the product of two."""
    centred = values - values.mean(axis=-1, keepdims=True)
    return np.asarray(centred / np.linalg.norm(centred, axis=-1, keepdims=True))
