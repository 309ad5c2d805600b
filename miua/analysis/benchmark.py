"""Which metrics see known damage: paired tests, detection power and a ranking of the metrics.

Everything here follows from the long table of the sensitivity (`miua.analysis.real_images`), in
which all damages and levels of a repeat share their halves of real images.

Two questions are kept apart. Whether a metric moves at all is asked in pairs: of each repeat, the
damaged half less the same half untouched. Whether one set is enough to see it is the power of
detection: the share of damaged sets that lie beyond what untouched sets show. Repeats are halves of
one pool of images and share many of them, so both speak of this pool, not of others.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from miua.analysis.columns import framed
from miua.metrics import registry
from miua.metrics.records import COMPUTED
from miua.metrics.registry import Better, badness

ALPHA = 0.05
FEWEST_REPEATS = 3  # of which a spread without the set itself can be had
DRAWS = 2000  # of the bootstrap
ROUNDING = 1e-9  # relative; smaller changes are those of sums in another order

Floats = NDArray[np.float64]


def paired_p(damaged: Floats, untouched: Floats) -> float:
    """Two-sided p value of the paired t test, values (R,) of the same halves; 1 where none moved.

    Where all moved by the same, there is no spread and p is 0.
    """
    moved = damaged - untouched
    moved = np.where(np.abs(moved) <= ROUNDING * np.abs(untouched), 0.0, moved)
    if not moved.any():
        return 1.0
    if np.ptp(moved) <= ROUNDING * np.abs(moved).max():
        return 0.0
    return float(stats.ttest_1samp(moved, 0.0).pvalue)


def calls(damaged: Floats, untouched: Floats, better: Better) -> Floats:
    """What a metric says of each damaged set (R,): 1 worse, -1 better, 0 neither.

    Untouched sets (R,) of the other repeats make the prediction interval of one more set, by
    Student's t: mean, and deviation times sqrt(1 + 1 / (R - 1)). With them at a level of 5 %:
    beyond one end where less is better or more is; of 0 and 1, beyond either and farther away.
    ValueError: fewer than three repeats.
    """
    repeats = len(untouched)
    if repeats < FEWEST_REPEATS:
        raise ValueError(f"there must be {FEWEST_REPEATS} repeats or more, not {repeats}")
    others = np.array([np.delete(untouched, place) for place in range(repeats)])
    mean, deviation = others.mean(axis=1), others.std(axis=1, ddof=1)
    spread = np.maximum(deviation, ROUNDING * np.abs(mean)) * np.sqrt(1 + 1 / (repeats - 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.nan_to_num((damaged - mean) / spread, nan=0.0)
    sides = 1 if better in ("lower", "higher") else 2
    beyond = np.abs(distance) > stats.t.ppf(1 - ALPHA / sides, repeats - 2)
    return np.where(beyond, np.sign(badness(damaged, better) - badness(mean, better)), 0.0)


def power_table(table: pd.DataFrame) -> pd.DataFrame:
    """A row for each damage, level above 0 and metric, in the table's order: sensitivity-power.

    change, low, high: how much worse the metric calls the damaged half than the same half
    untouched, mean over repeats with its 95 % t interval, in standard deviations of untouched
    halves over the repeats; negative where it calls it better. p_value: of the paired t test.
    worse, better: shares of damaged sets that the metric alone calls so (`calls`); worse is its
    power of detection at a level of 5 %.
    """
    rows = []
    for (damage, metric), group in table.groupby(["degradation", "metric"], sort=False):
        wide = group.pivot(index="repeat", columns="level", values="value")
        missing = group.loc[group["status"] != COMPUTED, "status"]
        better = registry.measure(str(metric)).better
        for level, at in group[group["level"] > 0].groupby("level"):
            first = at.iloc[0]
            key = (damage, level, first["amount"], first["unit"], metric, len(wide))
            if len(missing):
                rows.append((*key, *[np.nan] * 6, missing.iloc[0]))
                continue
            untouched, damaged = wide[0].to_numpy(), wide[level].to_numpy()
            scale = untouched.std(ddof=1) or np.finfo(float).tiny
            change = (badness(damaged, better) - badness(untouched, better)) / scale
            half = stats.t.ppf(0.975, len(change) - 1) * change.std(ddof=1) / np.sqrt(len(change))
            said = calls(damaged, untouched, better)
            found = (change.mean(), change.mean() - half, change.mean() + half)
            shares = ((said > 0).mean(), (said < 0).mean())
            rows.append((*key, *found, paired_p(damaged, untouched), *shares, COMPUTED))
    return framed("sensitivity-power", rows)


def ranking_table(table: pd.DataFrame, *, draws: int = DRAWS, seed: int = 0) -> pd.DataFrame:
    """The metrics that were computed, best first: sensitivity-ranking.

    score: share of damaged sets that a metric calls worse less the share that it calls better, mean
    over levels, then repeats, then damages, each damage counting the same. low, high: its 95 %
    percentile interval; rank_low, rank_high: those of its rank; best: how often it is first (ties
    shared). The bootstrap draws damages and repeats anew, the same for all metrics.
    """
    by_metric = {}
    for metric, group in table.groupby("metric", sort=False):
        if (group["status"] == COMPUTED).all():
            better = registry.measure(str(metric)).better
            by_metric[str(metric)] = _scores(group, better)
    if not by_metric:
        return framed("sensitivity-ranking", [])
    scores = np.array(list(by_metric.values()))  # (metrics, damages, repeats)
    draw = np.random.default_rng(seed)
    _, damages, repeats = scores.shape
    chosen = draw.integers(damages, size=(draws, damages))
    again = draw.integers(repeats, size=(draws, repeats))
    drawn = np.array(
        [
            scores[:, of_damages][:, :, of_repeats].mean(axis=(1, 2))
            for of_damages, of_repeats in zip(chosen, again, strict=True)
        ]
    )
    ranks = stats.rankdata(-drawn.round(9), axis=1)
    first = drawn.round(9) == drawn.round(9).max(axis=1, keepdims=True)
    best = (first / first.sum(axis=1, keepdims=True)).mean(axis=0)
    (low, high), (top, bottom) = (np.percentile(d, (2.5, 97.5), axis=0) for d in (drawn, ranks))
    mean = scores.mean(axis=(1, 2))
    rank = stats.rankdata(-mean.round(9), method="min").astype(int)
    rows = [
        (rank[at], metric, mean[at], low[at], high[at], top[at], bottom[at], best[at], damages,
         repeats)
        for at, metric in enumerate(by_metric)
    ]  # fmt: skip
    return framed("sensitivity-ranking", sorted(rows, key=lambda row: (row[0], row[1])))


def _scores(of_metric: pd.DataFrame, better: Better) -> Floats:
    """What a metric says of each damage (rows) and repeat (columns), mean over the levels."""
    found = []
    for _, group in of_metric.groupby("degradation", sort=False):
        wide = group.pivot(index="repeat", columns="level", values="value").to_numpy()
        levels = range(1, wide.shape[1])
        said = [calls(wide[:, level], wide[:, 0], better) for level in levels]
        found.append(np.mean(said, axis=0))
    return np.array(found)
