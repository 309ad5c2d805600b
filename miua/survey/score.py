"""What readers' answers come to: shares with exact intervals, d', the ROC, quality, learning.

Each reader's first judgement of each image counts; repeats are for agreement alone. Answers of
several readers to one image are not independent: over readers, counts are pooled as published
studies do, and beside the exact interval, which takes them as independent, stands one that
resamples whole images.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd
from scipy import stats

from miua.analysis import reader_tables as tables
from miua.analysis.checks import Numbers, UndecidedError
from miua.analysis.columns import framed
from miua.analysis.correlation import correlate
from miua.analysis.resampling import Rows
from miua.metrics.memorisation import clopper_pearson
from miua.study.store import COMPUTED
from miua.survey.answers import first_showings
from miua.survey.detection import Flags, area_under_roc, detection, detection_of, rating
from miua.survey.estimate import Estimate, attempt, by_images, undecided

GUESSING = 0.5
LEVEL = 0.95  # of exact intervals

LEARNING_COLUMNS = (
    *("role", "reader", "measure", "n", "first", "middle", "last"),
    *("spearman_r", "low", "high", "p_value", "status"),
)

Row = tuple[object, ...]


def score_readers(judged: pd.DataFrame) -> pd.DataFrame:
    """Every reader's scores, by role and number, each role's readers together: readers.csv."""
    rows: list[Row] = []
    for role, of_role in first_showings(judged).groupby("role"):
        parts = {str(reader): answers for reader, answers in of_role.groupby("reader")}
        for reader, answers in (parts | {tables.ALL: of_role}).items():
            who = (role, reader, answers["reader"].nunique())
            rows += [(*who, *score) for score in _scores(answers)]
    return framed(tables.READERS, rows)


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
    return framed(tables.READER_SETS, rows)


def score_learning(judged: pd.DataFrame) -> pd.DataFrame:
    """The trends of every reader, by role and number, repeats left out: LEARNING_COLUMNS.

    Orders are balanced: no set and no kind of image is shown early or late on average, so that a
    trend is the reader's.

    measure: "accuracy", "called real" (shares), "quality" (1 to 5) or "seconds". n: number of
    images. first, middle, last: mean over each third of the session. spearman_r, low, high: rank
    correlation with the place in the session, and its 95 % interval by bootstrap. p_value: of the
    permutation test of no trend. status: "computed", or "undecided: why" where there is none.
    """
    rows = []
    for key, answers in first_showings(judged).groupby(["role", "reader"]):
        ordered = answers.sort_values("place")
        measures = {
            "accuracy": ordered["real"] == (ordered["kind"] == "real"),
            "called real": ordered["real"],
            "quality": ordered["quality"],
            "seconds": ordered["seconds"],
        }
        for name, column in measures.items():
            values = column.to_numpy(float)
            thirds = [part.mean() if part.size else math.nan for part in np.array_split(values, 3)]
            try:
                found = correlate(ordered["place"], values, method="spearman")
                trend: tuple[object, ...] = (
                    found.r,
                    found.low,
                    found.high,
                    found.p_value,
                    COMPUTED,
                )
            except UndecidedError as error:
                # correlate calls what is correlated x and y.
                why = str(error).replace("all y values are equal", "all answers are the same")
                trend = (*[math.nan] * 4, f"undecided: {why}")
            rows.append((*key, name, values.size, *thirds, *trend))
    return pd.DataFrame(rows, columns=list(LEARNING_COLUMNS))


def _mean(values: Numbers, rows: Rows) -> Numbers:
    return np.asarray(values[rows].mean(axis=-1))


def _scores(answers: pd.DataFrame) -> Iterator[Row]:
    """All scores of one reader's answers, or of those of several: readers.csv from score on."""
    several = answers["reader"].nunique() > 1
    real = (answers["kind"] == "real").to_numpy()
    called = answers["real"].to_numpy(bool)
    images = answers["image"].to_numpy(str)
    shares = {
        tables.SYNTHETIC_CALLED_REAL: (called, ~real),
        tables.REAL_CALLED_REAL: (called, real),
        tables.ACCURACY: (called == real, np.ones_like(real)),
    }
    for score, (hits, among) in shares.items():
        count, n = int(hits[among].sum()), int(among.sum())
        if not n:
            yield _row(score, undecided(f"no image for {score} was judged"), n)
            continue
        guessed = score == tables.SYNTHETIC_CALLED_REAL
        p_value = float(stats.binomtest(count, n, GUESSING).pvalue) if guessed else math.nan
        low, high = (float(end) for end in clopper_pearson(count, n, 1 - LEVEL))
        yield _row(score, Estimate(count / n, low, high, tables.EXACT), n, count, p_value)
        if several:
            mean = partial(_mean, hits[among].astype(float))
            yield _row(score, attempt(by_images, mean, images[among]), n, count)
    for place, score in enumerate((tables.D_PRIME, tables.CRITERION)):
        # One reader's with normal intervals, several readers' by images.
        found = attempt(lambda chosen: detection(real, called)[chosen], place)
        if several and found.status == COMPUTED:
            detected = partial(_detected, place, real, called)
            found = attempt(by_images, detected, images)
        yield _row(score, found, real.size)
    ratings = rating(called, answers["confidence"])
    area = attempt(by_images, lambda rows: area_under_roc(real[rows], ratings[rows]), images)
    yield _row(tables.AUC, area, real.size)


def _detected(place: int, real: Flags, called: Flags, rows: Rows) -> Numbers:
    return detection_of(real[rows], called[rows])[place]


def _row(
    score: str, found: Estimate, n: int, count: float = math.nan, p_value: float = math.nan
) -> Row:
    answers = n if found.status == COMPUTED else math.nan
    *interval, status = found
    return (score, count, answers, *interval, p_value, status)
