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
from typing import Any, Literal

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
    largest,
    shapiro_p,
)
from miua.analysis.resampling import BATCH, BootstrapInterval, bootstrap, cluster_bootstrap

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
        level: the interval's nominal coverage.
        n: number of pairs.
        method: "pearson" or "spearman".
        clusters: number of independent clusters; n where none were given.
        interval_method: "BCa", or "percentile" where BCa has no value.
        resamples: number of bootstrap resamples.
        degenerate: how many of them had no r, one column being constant; the interval is that of
            the others.
        seed: what the resampling started from.
        shapiro_p_x, shapiro_p_y: p of Shapiro and Wilk's test that the column is normal. The t test
            of Pearson's r needs one normal column; NaN where there is no such p.
    """

    r: float
    p_value: float
    low: float
    high: float
    level: float
    n: int
    method: str
    clusters: int
    interval_method: str
    resamples: int
    degenerate: int
    seed: int
    shapiro_p_x: float
    shapiro_p_y: float


@dataclass(frozen=True)
class FamilyTest:
    """The test of the largest |r| over all candidates.

    Attributes:
        p_value: p of the family's hypothesis, that no candidate correlates with the score.
        strongest, strongest_r: the candidate with the largest |r|, and its r.
        critical_r: 95 % quantile of the largest |r| where no candidate correlates; a candidate is
            significant over the family where its |r| is above.
        names, r, adjusted_p: each tested candidate, its Pearson's r, and its p adjusted for the
            family.
        left_out: candidates that are constant and so have no r.
        n: number of points.
        permutations: number of permutations; all of them where `exact`, or random ones.
        exact: whether all permutations were used.
        seed: what the permutations started from.
    """

    p_value: float
    strongest: str
    strongest_r: float
    critical_r: float
    names: tuple[str, ...]
    r: tuple[float, ...]
    adjusted_p: tuple[float, ...]
    left_out: tuple[str, ...]
    n: int
    permutations: int
    exact: bool
    seed: int


def correlate(
    x: ArrayLike,
    y: ArrayLike,
    *,
    method: Method = "pearson",
    level: float = 0.95,
    resamples: int = 9999,
    seed: int = 0,
    clusters: ArrayLike | None = None,
) -> Correlation:
    """Correlate two columns.

    The interval resamples pairs, or whole clusters of pairs where clusters are given. The p value
    of Pearson's r is that of the t test with n - 2 degrees of freedom (scipy.stats.pearsonr), that
    of Spearman's a permutation test (scipy.stats.permutation_test, all permutations where there
    are no more than `resamples`). Both take the pairs as independent, so with clusters the p value
    comes from the bootstrap instead: twice the smaller share of resamples on one side of zero,
    (count + 1) / (number + 1) (Davison and Hinkley 1997, sections 4.4 and 5.5).

    Args:
        x, y: numbers, shape (n,).
        method: "pearson" (straight line) or "spearman" (any monotone relation).
        level: coverage of the interval.
        resamples: number of resamples, and of permutations.
        seed: whole number, 0 or more.
        clusters: label of each pair's cluster, shape (n,), if pairs are not independent.

    Raises:
        ValueError: shapes differ, a number is not finite, or an argument is out of range.
        UndecidedError: fewer than three points or clusters, a constant column, or more than 5 % of
            the resamples constant.
    """
    if method not in ("pearson", "spearman"):
        raise ValueError(f"method must be 'pearson' or 'spearman', not {method!r}")
    xs, ys = finite_columns(x=x, y=y)
    check_varied(**{"x value": xs, "y value": ys})
    coefficient = _pearson if method == "pearson" else _spearman
    drawing: dict[str, Any] = {
        "level": level, "resamples": resamples, "seed": seed, "vectorized": True,
    }  # fmt: skip
    if clusters is None:
        interval = bootstrap(lambda rows: coefficient(xs[rows], ys[rows]), xs.size, **drawing)
        p_value = _p_value(xs, ys, method, resamples, seed)
    else:
        if np.shape(clusters) != xs.shape:
            raise ValueError(f"clusters must hold {xs.size} labels, one a pair")
        interval = cluster_bootstrap(
            lambda rows: coefficient(xs[rows], ys[rows]), clusters, **drawing
        )
        p_value = _bootstrap_p_value(interval)
    return Correlation(
        r=interval.value,
        p_value=p_value,
        low=interval.low,
        high=interval.high,
        level=level,
        n=xs.size,
        method=method,
        clusters=interval.clusters,
        interval_method=interval.method,
        resamples=resamples,
        degenerate=interval.degenerate,
        seed=seed,
        shapiro_p_x=shapiro_p(xs, scale=largest(xs)),
        shapiro_p_y=shapiro_p(ys, scale=largest(ys)),
    )


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
    best = int(np.abs(r).argmax())
    kept = [name for name, keep in zip(names, varied, strict=True) if keep]
    return FamilyTest(
        p_value=float(result.pvalue),
        strongest=kept[best],
        strongest_r=float(r[best]),
        critical_r=float(np.quantile(null, FAMILY_LEVEL, method="higher")),
        names=tuple(kept),
        r=tuple(r.tolist()),
        adjusted_p=tuple(adjusted.tolist()),
        left_out=tuple(name for name, keep in zip(names, varied, strict=True) if not keep),
        n=scores.size,
        permutations=null.size,
        exact=exact,
        seed=seed,
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


def _bootstrap_p_value(interval: BootstrapInterval) -> float:
    drawn = interval.distribution
    fewer = min(np.count_nonzero(drawn <= 0), np.count_nonzero(drawn >= 0))
    return min(1.0, 2 * (int(fewer) + 1) / (drawn.size + 1))


def _standardised(values: Numbers) -> Numbers:
    """Mean 0 and length 1 along the last axis, so that r is the product of two."""
    centred = values - values.mean(axis=-1, keepdims=True)
    return np.asarray(centred / np.linalg.norm(centred, axis=-1, keepdims=True))
