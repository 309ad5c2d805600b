"""What readers' answers come to: shares with exact intervals, d', the ROC, quality by set.

Each reader's first judgement of each image counts; repeats are for agreement alone. Answers of
several readers to one image are not independent: over readers, counts are pooled as published
studies do, and beside the exact interval, which takes them as independent, stands one that
resamples whole images.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from miua.analysis.checks import Numbers, UndecidedError
from miua.analysis.proportions import binomial_p, exact_interval
from miua.analysis.reader_tables import (
    ACCURACY,
    ALL,
    AUC,
    CRITERION,
    D_PRIME,
    EXACT,
    NONE,
    READERS_COLUMNS,
    REAL_CALLED_REAL,
    SETS_COLUMNS,
    SYNTHETIC_CALLED_REAL,
    ReaderScore,
)
from miua.analysis.resampling import Rows
from miua.study.store import COMPUTED
from miua.survey.answers import first_showings
from miua.survey.detection import area_under_roc, detection, detection_of, rating
from miua.survey.estimate import Estimate, attempt, by_images

GUESSING = 0.5

Flags = NDArray[np.bool_]
Who = tuple[str, str, int]  # role, reader, number of readers


def score_readers(judged: pd.DataFrame) -> pd.DataFrame:
    """Every reader's scores, by role and number, each role's readers together last.

    Args:
        judged: JUDGEMENT_COLUMNS.

    Returns:
        READERS_COLUMNS.
    """
    rows: list[ReaderScore] = []
    for role, of_role in first_showings(judged).groupby("role"):
        for reader, answers in of_role.groupby("reader"):
            rows += _scores(answers, str(role), str(reader))
        rows += _scores(of_role, str(role), ALL)
    return pd.DataFrame([asdict(row) for row in rows], columns=list(READERS_COLUMNS))


def score_sets(judged: pd.DataFrame) -> pd.DataFrame:
    """Mean quality of each set and of the real images, by role; intervals resample images.

    Args:
        judged: JUDGEMENT_COLUMNS.

    Returns:
        SETS_COLUMNS; the real images, whose `set` is empty, come first within a role.
    """
    rows = []
    first = first_showings(judged)
    for (role, kind, name), part in first.groupby(["role", "kind", "set"]):
        grades = part["quality"].to_numpy(float)
        found = by_images(partial(_mean, grades), part["image"].to_numpy(str))
        counts = (part["reader"].nunique(), part["image"].nunique(), len(part))
        quality = (found.value, found.low, found.high, found.interval)
        rows.append((role, kind, name, *counts, int(part["real"].sum()), *quality))
    return pd.DataFrame(rows, columns=list(SETS_COLUMNS))


def _mean(values: Numbers, rows: Rows) -> Numbers:
    return np.asarray(values[rows].mean(axis=-1))


def _scores(answers: pd.DataFrame, role: str, reader: str) -> Iterator[ReaderScore]:
    """All scores of one reader's answers, or of those of several."""
    who = (role, reader, int(answers["reader"].nunique()))
    several = who[2] > 1
    real = (answers["kind"] == "real").to_numpy()
    called = answers["real"].to_numpy(bool)
    images = answers["image"].to_numpy(str)
    shares = {
        SYNTHETIC_CALLED_REAL: (called, ~real),
        REAL_CALLED_REAL: (called, real),
        ACCURACY: (called == real, np.ones_like(real)),
    }
    for score, (hits, among) in shares.items():
        yield _exact_share(who, score, hits[among])
        if several and among.any():
            mean = partial(_mean, hits[among].astype(float))
            yield _resampled(who, score, mean, images[among], count=int(hits[among].sum()))
    counts = ((called & real).sum(), real.sum(), (called & ~real).sum(), (~real).sum())
    for place, score in enumerate((D_PRIME, CRITERION)):
        # One reader's with normal intervals, several readers' by images.
        alone = attempt(partial(_detection, place, *map(int, counts)))
        if several and alone.status == COMPUTED:
            yield _resampled(who, score, partial(_detected, place, real, called), images)
        else:
            yield _score(who, score, alone, real.size)
    ratings = rating(called, answers["confidence"])
    yield _resampled(who, AUC, lambda rows: area_under_roc(real[rows], ratings[rows]), images)


def _detection(place: int, *counts: int) -> Estimate:
    return detection(*counts)[place]


def _detected(place: int, real: Flags, called: Flags, rows: Rows) -> Numbers:
    return detection_of(real[rows], called[rows])[place]


def _exact_share(who: Who, score: str, hits: Flags) -> ReaderScore:
    count, n = int(hits.sum()), hits.size
    try:
        share = exact_interval(count, n)
    except UndecidedError:
        why = f"no image for {score} was judged"
        return ReaderScore(*who, score, interval=f"{NONE}{why}", status=f"undecided: {why}")
    p_value = binomial_p(count, n, GUESSING) if score == SYNTHETIC_CALLED_REAL else math.nan
    exact = Estimate(share.estimate, share.low, share.high, EXACT)
    return _score(who, score, exact, n, count=count, p_value=p_value)


def _resampled(
    who: Who,
    score: str,
    statistic: Callable[[Rows], Numbers],
    images: NDArray[np.str_],
    count: float = math.nan,
) -> ReaderScore:
    """A score whose interval resamples images, each with all of its answers."""
    found = attempt(lambda: by_images(statistic, images))
    return _score(who, score, found, images.size, count=count)


def _score(
    who: Who,
    score: str,
    found: Estimate,
    n: int,
    count: float = math.nan,
    p_value: float = math.nan,
) -> ReaderScore:
    answers = n if found.status == COMPUTED else math.nan
    return ReaderScore(*who, score, count, answers, p_value=p_value, **vars(found))
