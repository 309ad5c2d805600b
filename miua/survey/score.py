"""What readers' answers come to: shares with exact intervals, d', the ROC, quality, learning.

Each reader's first judgement of each image counts; repeats are for agreement alone. Answers of
several readers to one image are not independent: over readers, counts are pooled as published
studies do, and beside the exact interval, which takes them as independent, stands one that
resamples whole images, where there is one.

d', the criterion and the area under the ROC are those of `miua.analysis.detection`.
"""

import math
from collections.abc import Iterator
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from miua.analysis import columns
from miua.analysis.checks import FEWEST_POINTS, ROUNDING, Numbers, UndecidedError
from miua.analysis.correlation import correlate
from miua.analysis.detection import (
    NO_DISCRIMINATION,
    Flags,
    area_under_roc,
    detection,
    detection_of,
    rating,
)
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
from miua.survey.study_files import HIGHEST_QUALITY

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
        for reader, answers in (parts | {columns.ALL: of_role}).items():
            who = (role, reader, answers["reader"].nunique())
            rows += [(*who, *score) for score in _scores(answers)]
    return columns.framed(columns.READERS, rows)


def score_sets(judged: pd.DataFrame) -> pd.DataFrame:
    """Mean quality of each set and of the real images, by role; intervals take images as drawn.

    As tables/reader-sets.csv; the real images, whose `set` is empty, come first within a role.
    """
    rows = []
    first = first_showings(judged)
    for (role, kind, name), part in first.groupby(["role", "kind", "set"]):
        grades = part["quality"].to_numpy(float)
        found = attempt(mean_by_images, grades, part["image"].to_numpy(str))
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


def mean_by_images(grades: Numbers, images: NDArray[np.str_]) -> Estimate:
    """The mean of grades from 1 up, shape (n,), with Student's 95 % interval over images.

    All grades of one image hang together, so what an image adds to the mean is taken as a whole
    (the linearised variance of a ratio: Cochran, Sampling Techniques, 3rd ed. 1977, section 6.3). A
    set may have few images, and a bootstrap of so few is too narrow. UndecidedError: no grades.
    """
    _, codes = np.unique(images, return_inverse=True)
    if not codes.size:
        raise UndecidedError("no images were judged")
    count, mean = int(codes.max()) + 1, float(grades.mean())
    if count < FEWEST_POINTS:
        return without_interval(mean, f"{count} to resample, at least {FEWEST_POINTS} are needed")
    added = np.bincount(codes, grades - mean) / grades.size
    error = math.sqrt(count / (count - 1) * float(added @ added))
    if error <= ROUNDING * abs(mean):
        return without_interval(mean, "the images do not differ")
    half = float(stats.t.ppf(0.975, count - 1)) * error
    low, high = max(1.0, mean - half), min(float(HIGHEST_QUALITY), mean + half)
    return Estimate(mean, low, high, columns.STUDENT)


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
            resampled = attempt(by_images, mean, images[among])
            if not resampled.interval.startswith(columns.NONE):
                yield _row(score, resampled, n, count)
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
