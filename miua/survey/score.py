"""What readers' answers come to: shares with exact intervals, d', the ROC, quality, learning.

Each reader's first judgement of each image counts; repeats are for agreement alone. Answers of
several readers to one image are not independent: over readers, counts are pooled as published
studies do, and beside the exact interval, which takes them as independent, stands one that
resamples whole images.

For d', the criterion and the ROC the signal is "real": a hit is a real image called real, a false
alarm a synthetic one called real. d' is the sensitivity, in standard deviations: 0 is guessing,
below 0 is the wrong way round. The criterion c is the bias, in standard deviations: above 0 leans
to "synthetic", below to "real". `real` says of each judged image whether it is.
"""

import math
from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from miua.analysis import columns
from miua.analysis.checks import Numbers, UndecidedError
from miua.analysis.correlation import correlate
from miua.analysis.resampling import (
    Estimate,
    Rows,
    attempt,
    by_images,
    undecided,
    without_interval,
)
from miua.metrics.memorisation import clopper_pearson
from miua.study.store import COMPUTED
from miua.survey.answers import first_showings

GUESSING = 0.5
NO_DISCRIMINATION = "no discrimination can be seen"
LEVEL = 0.95  # of exact intervals

LEARNING_COLUMNS = (
    *("role", "reader", "measure", "n", "first", "middle", "last"),
    *("spearman_r", "low", "high", "p_value", "status"),
)

Row = tuple[object, ...]
Flags = NDArray[np.bool_]


def score_readers(judged: pd.DataFrame) -> pd.DataFrame:
    """Every reader's scores, by role and number, each role's readers together: readers.csv."""
    rows: list[Row] = []
    for role, of_role in first_showings(judged).groupby("role"):
        parts = {str(reader): answers for reader, answers in of_role.groupby("reader")}
        for reader, answers in (parts | {columns.ALL: of_role}).items():
            who = (role, reader, answers["reader"].nunique())
            rows += [(*who, *score) for score in _scores(answers)]
    return columns.framed(columns.READERS, rows)


def score_sets(judged: pd.DataFrame) -> pd.DataFrame:
    """Mean quality of each set and of the real images, by role; intervals resample images.

    As tables/reader-sets.csv; the real images, whose `set` is empty, come first within a role.
    """
    rows = []
    first = first_showings(judged)
    for (role, kind, name), part in first.groupby(["role", "kind", "set"]):
        grades = part["quality"].to_numpy(float)
        found = by_images(partial(_mean, grades), part["image"].to_numpy(str))
        counts = (part["reader"].nunique(), part["image"].nunique(), len(part))
        rows.append((role, kind, name, *counts, int(part["real"].sum()), *found[:4]))
    return columns.framed(columns.READER_SETS, rows)


def score_learning(judged: pd.DataFrame) -> pd.DataFrame:
    """The trends of every reader, by role and number, repeats left out: LEARNING_COLUMNS.

    Orders are balanced: no set and no kind of image is shown early or late on average, so that a
    trend is the reader's.

    measure: "accuracy", "called real" (shares), "quality" (1 to 5) or "seconds". n: number of
    images. first, middle, last: mean over each third of the session. spearman_r, low, high,
    p_value: rank correlation with the place in the session, as `correlate` gives it. status:
    "computed", or "undecided: why" where there is none.
    """
    rows = []
    for key, answers in first_showings(judged).groupby(["role", "reader"]):
        ordered = answers.sort_values("place")
        right = ordered["real"] == (ordered["kind"] == "real")
        measures = {"accuracy": right, "called real": ordered["real"]}
        measures |= {name: ordered[name] for name in ("quality", "seconds")}
        for name, column in measures.items():
            values = column.to_numpy(float)
            thirds = [part.mean() if part.size else math.nan for part in np.array_split(values, 3)]
            try:
                found = correlate(ordered["place"], values, method="spearman")
                trend: Row = (found.r, found.low, found.high, found.p_value, COMPUTED)
            except UndecidedError as error:
                # correlate calls what is correlated x and y.
                why = str(error).replace("all y values are equal", "all answers are the same")
                trend = (*[math.nan] * 4, f"undecided: {why}")
            rows.append((*key, name, values.size, *thirds, *trend))
    return pd.DataFrame(rows, columns=list(LEARNING_COLUMNS))


def detection(real: Flags, called_real: Flags) -> tuple[Estimate, Estimate]:
    """d' and criterion c of answers, shape (n,), with normal 95 % intervals.

    The variance is Gourevitch and Galanter's (Psychometrika 32, 1967), for independent answers.
    Where all answers are the same there is no interval: d' is 0, and c follows from the correction.
    UndecidedError: no image of one kind.
    """
    if real.all() or not real.any():
        raise UndecidedError(f"no {'synthetic' if real.any() else 'real'} images were judged")
    d, c = map(float, detection_of(real, called_real))
    if called_real.all() or not called_real.any():
        same = f"all images were called {'real' if called_real.all() else 'synthetic'}"
        return without_interval(d, f"{NO_DISCRIMINATION}, as {same}"), without_interval(c, same)
    deviation = math.sqrt(sum(_variance(kind, called_real) for kind in (real, ~real)))
    half = float(stats.norm.ppf(0.975)) * deviation
    return (
        Estimate(d, d - half, d + half, columns.NORMAL),
        Estimate(c, c - half / 2, c + half / 2, columns.NORMAL),
    )


def detection_of(real: Flags, called_real: Flags) -> tuple[Numbers, Numbers]:
    """d' and criterion along the last axis; NaN where there is no image of one kind.

    Equal rates have a d' of exactly 0, however many images there are of each kind.
    """
    z_hit, z_alarm = (stats.norm.ppf(_rate(kind, called_real)) for kind in (real, ~real))
    return np.asarray(z_hit - z_alarm), np.asarray(-(z_hit + z_alarm) / 2)


def rating(called_real: ArrayLike, confidence: ArrayLike) -> NDArray[np.int_]:
    """How real an image was rated: confidence, below 0 where it was called synthetic."""
    return np.asarray(np.where(called_real, 1, -1) * np.asarray(confidence, dtype=int))


def area_under_roc(real: Flags, ratings: NDArray[np.int_]) -> Numbers:
    """Share of pairs in which the real image has the higher rating; ties count half.

    It is Mann and Whitney's statistic (Hanley and McNeil, Radiology 143, 1982), along the last
    axis; NaN where there is no image of one kind.
    """
    ranks = stats.rankdata(ratings, axis=-1)
    n, rest = real.sum(axis=-1), (~real).sum(axis=-1)
    above = np.where(real, ranks, 0.0).sum(axis=-1) - n * (n + 1) / 2
    pairs = n * rest
    return np.where(pairs == 0, np.nan, above / np.maximum(pairs, 1))


def _rate(kind: Flags, called_real: Flags) -> Numbers:
    """The corrected rate at which images of one kind are called real; NaN if there are none.

    The log-linear correction (Hautus, Behavior Research Methods 27, 1995), so that rates of 0 and 1
    have a normal quantile. Its two extra answers are shared out as the images are: with n of N
    images of this kind the rate is (count + n / N) / (n + 2 n / N). The same half an answer for
    both kinds would tell a rate of 0 of few images from a rate of 0 of many.
    """
    n, count = kind.sum(axis=-1), (kind & called_real).sum(axis=-1)
    total = kind.shape[-1]
    share = np.divide(count, n, out=np.full(np.shape(n), np.nan), where=n > 0)
    return np.asarray((share + 1 / total) / (1 + 2 / total))


def _variance(kind: Flags, called_real: Flags) -> float:
    """Of the normal quantile of the corrected rate of one kind of image."""
    rate = _rate(kind, called_real)
    return float(rate * (1 - rate) / (kind.sum() * stats.norm.pdf(stats.norm.ppf(rate)) ** 2))


def _mean(values: Numbers, rows: Rows) -> Numbers:
    return np.asarray(values[rows].mean(axis=-1))


def _scores(answers: pd.DataFrame) -> Iterator[Row]:
    """All scores of one reader's answers, or of those of several: readers.csv from score on."""
    several = answers["reader"].nunique() > 1
    real = (answers["kind"] == "real").to_numpy()
    called = answers["real"].to_numpy(bool)
    images = answers["image"].to_numpy(str)
    shares = {
        columns.SYNTHETIC_CALLED_REAL: (called, ~real),
        columns.REAL_CALLED_REAL: (called, real),
        columns.ACCURACY: (called == real, np.ones_like(real)),
    }
    for score, (hits, among) in shares.items():
        count, n = int(hits[among].sum()), int(among.sum())
        if not n:
            yield _row(score, undecided(f"no image for {score} was judged"), n)
            continue
        guessed = score == columns.SYNTHETIC_CALLED_REAL
        p_value = float(stats.binomtest(count, n, GUESSING).pvalue) if guessed else math.nan
        low, high = (float(end) for end in clopper_pearson(count, n, 1 - LEVEL))
        yield _row(score, Estimate(count / n, low, high, columns.EXACT), n, count, p_value)
        if several:
            mean = partial(_mean, hits[among].astype(float))
            yield _row(score, attempt(by_images, mean, images[among]), n, count)
    for place, score in enumerate((columns.D_PRIME, columns.CRITERION)):
        # One reader's with normal intervals, several readers' by images.
        found = attempt(lambda chosen: detection(real, called)[chosen], place)
        if several and not found.interval.startswith(columns.NONE):
            found = attempt(by_images, partial(_detected, place, real, called), images)
            if score == columns.D_PRIME and found.value == 0 and math.isnan(found.low):
                found = without_interval(0.0, NO_DISCRIMINATION)
        yield _row(score, found, real.size)
    ratings = rating(called, answers["confidence"])
    area = attempt(by_images, lambda rows: area_under_roc(real[rows], ratings[rows]), images)
    yield _row(columns.AUC, area, real.size)


def _detected(place: int, real: Flags, called: Flags, rows: Rows) -> Numbers:
    return detection_of(real[rows], called[rows])[place]


def _row(
    score: str, found: Estimate, n: int, count: float = math.nan, p_value: float = math.nan
) -> Row:
    answers = n if found.status == COMPUTED else math.nan
    return (score, count, answers, *found[:-1], p_value, found.status)
