"""Correlation of two columns with its bootstrap interval, and the largest one out of many.

The family test asks whether the largest |r| out of many candidates is more than chance: the score
is permuted, which keeps the dependence among candidates, and the largest |r| is compared with the
largest |r| of each permutation (Westfall and Young, Resampling-Based Multiple Testing, 1993,
single-step maxT). It controls the chance of one false finding or more over the whole family.
"""

import math
import warnings
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from miua.analysis.checks import ROUNDING, Numbers, UndecidedError, check_varied
from miua.analysis.resampling import BATCH, cluster_bootstrap
from miua.metrics.registry import COMPUTED

Method = Literal["pearson", "spearman"]

# The family test's critical |r| is this quantile of the largest |r| under the null hypothesis.
FAMILY_LEVEL = 0.95
FEWEST_FOR_FISHER = 4  # pairs: Fisher's z has the variance 1 / (n - 3)


class Correlation(NamedTuple):
    """Pearson's r or Spearman's rank correlation, its two-sided p, and its bootstrap interval.

    low and high are NaN where all resamples are equal, as those of points on one line are.
    """

    r: float
    p_value: float
    low: float
    high: float


def correlate(
    x: ArrayLike, y: ArrayLike, *, method: Method = "pearson", resamples: int = 9999, seed: int = 0
) -> Correlation:
    """Correlate two columns of finite numbers, shape (n,).

    The 95 % interval resamples pairs. The p value of Pearson's r is that of the t test with n - 2
    degrees of freedom (scipy.stats.pearsonr), that of Spearman's a permutation test
    (scipy.stats.permutation_test, all permutations where there are no more than `resamples`). Both
    take the pairs as independent.

    UndecidedError: fewer than three points, a constant column, or over 5 % constant resamples.
    """
    xs, ys = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    check_varied(**{"x value": xs, "y value": ys})
    coefficient = _pearson if method == "pearson" else _spearman
    found = cluster_bootstrap(
        lambda rows: coefficient(xs[rows], ys[rows]),
        np.arange(xs.size),
        resamples=resamples,
        seed=seed,
        vectorized=True,
    )
    if method == "pearson":
        p_value = stats.pearsonr(xs, ys).pvalue
    else:
        first, second = (_standardised(stats.rankdata(column)) for column in (xs, ys))
        p_value = _permuted(first, lambda each: each @ second, first.size, resamples, seed).pvalue
    return Correlation(found.value, float(p_value), found.low, found.high)


def equivalence_to_none(r: ArrayLike, n: int, *, bound: float) -> Numbers:
    """p of the hypothesis that the true correlation is at or beyond `bound`, either way.

    Two one-sided tests on Fisher's z of Pearson's r from n pairs (Goertzen and Cribbie, "Detecting
    a lack of association: an equivalence testing approach", British Journal of Mathematical and
    Statistical Psychology 63, 2010, 527-537): below alpha, the correlation is equivalent to none.
    r: any shape, and p of that shape. UndecidedError: fewer than four pairs.
    """
    if n < FEWEST_FOR_FISHER:
        raise UndecidedError(f"{n} pairs, at least {FEWEST_FOR_FISHER} are needed")
    size = np.arctanh(np.minimum(np.abs(r), 1 - ROUNDING))
    return np.asarray(stats.norm.cdf(math.sqrt(n - 3) * (size - math.atanh(bound))))


def largest_correlation(
    candidates: pd.DataFrame, score: ArrayLike, *, permutations: int = 9999, seed: int = 0
) -> pd.DataFrame:
    """Permutation test of the largest |Pearson's r| of any candidate with the score.

    Assumes that under the null hypothesis every order of the scores is as likely as any other;
    points that hang together (snapshots of one training) weaken this. Ties do no harm. A p value is
    (count + 1) / (permutations + 1), or count / permutations where all permutations were used.

    candidates: finite numbers, a column for each candidate. score: finite numbers, one a row; for a
    logarithmic relation, the score's logarithm. permutations, seed: how many permutations are
    drawn, and by which seed.

    Returns tables/reader-family.csv: a row for each candidate that varies, the strongest first.
    adjusted_p: its p over the family; the smallest is that of the family's hypothesis, that no
    candidate correlates with the score. critical_r: what the largest |r| exceeds in 5 % of
    permutations. permutations: their number; all that there are, or random ones.

    UndecidedError: fewer than three points, a constant score, or no candidate that varies.
    """
    scores = np.asarray(score, dtype=np.float64)
    varied, tested, standard, null = _largest_by_chance(candidates, scores, permutations, seed)
    r = np.clip(tested @ standard, -1, 1)
    exact = math.factorial(scores.size) <= permutations
    reached = null.size - np.searchsorted(null, np.abs(r) * (1 - ROUNDING))
    found = {
        "metric": candidates.columns[varied],
        "n": scores.size,
        "pearson_r": r,
        "adjusted_p": reached / null.size if exact else (reached + 1) / (null.size + 1),
        "critical_r": float(np.quantile(null, FAMILY_LEVEL, method="higher")),
        "permutations": null.size,
        "status": COMPUTED,
    }
    return pd.DataFrame(found).sort_values(
        "pearson_r", key=lambda each: -each.abs(), kind="stable", ignore_index=True
    )


def chance_of_largest(
    candidates: pd.DataFrame, score: ArrayLike, r: float, *, permutations: int = 9999, seed: int = 0
) -> float:
    """The share of permutations of the score in which the largest |r| of any candidate reaches |r|.

    It is how often chance alone finds so strong a correlation by picking the best of as many
    candidates, as dependent on each other as these. The arguments and errors are those of
    `largest_correlation`; its single-step adjusted p adds the observed order to the permutations.
    """
    scores = np.asarray(score, dtype=np.float64)
    null = _largest_by_chance(candidates, scores, permutations, seed)[-1]
    return float((null >= abs(r) * (1 - ROUNDING)).mean())


def chance_of_best(p_value: float, candidates: int) -> float:
    """The chance that the smallest p of so many independent candidates is this or smaller.

    1 - (1 - p)^m (Sidak, Journal of the American Statistical Association 62, 1967), an upper bound
    where candidates depend on each other positively.
    """
    return -math.expm1(candidates * math.log1p(-p_value))


def _largest_by_chance(
    candidates: pd.DataFrame, scores: Numbers, permutations: int, seed: int
) -> tuple[NDArray[np.bool_], Numbers, Numbers, Numbers]:
    """Which candidates vary; they and the scores standardised; the largest |r| of each permutation.

    The last are sorted.
    """
    check_varied(score=scores)
    table = candidates.to_numpy(np.float64)
    varied = np.ptp(table, axis=0) > ROUNDING * np.abs(table).max(axis=0)
    if not varied.any():
        raise UndecidedError("no candidate varies")
    tested, standard = _standardised(table.T[varied]), _standardised(scores)

    def largest(permuted: Numbers) -> Numbers:
        return np.asarray(np.abs(permuted @ tested.T).max(axis=-1))

    result = _permuted(standard, largest, max(tested.shape), permutations, seed)
    return varied, tested, standard, np.sort(result.null_distribution)


def _permuted(
    values: Numbers, statistic: Callable[[Numbers], Any], size: int, permutations: int, seed: int
) -> Any:
    """scipy's test of a statistic of the values in all orders, or in so many random ones.

    size: how many numbers the statistic holds for each order.
    """
    return stats.permutation_test(
        (values,),
        lambda permuted, axis: statistic(permuted),
        permutation_type="pairings",
        vectorized=True,
        n_resamples=permutations,
        batch=max(1, BATCH // size),
        rng=np.random.default_rng(seed),
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


def _standardised(values: Numbers) -> Numbers:
    """Mean 0 and length 1 along the last axis, so that r is the product of two."""
    centred = values - values.mean(axis=-1, keepdims=True)
    return np.asarray(centred / np.linalg.norm(centred, axis=-1, keepdims=True))
