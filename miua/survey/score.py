"""What readers' answers come to: shares with exact intervals, d', the ROC, quality by set.

Each reader's first judgement of each image counts; repeats are for agreement alone. Answers of
several readers to one image are not independent: over readers, counts are pooled as published
studies do, and beside the exact interval, which takes them as independent, stands one that
resamples whole images.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from miua.analysis.checks import Numbers, UndecidedError
from miua.analysis.proportions import compare_proportion, exact_interval
from miua.analysis.readers import (
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
)
from miua.analysis.resampling import Rows
from miua.study.store import COMPUTED
from miua.survey.answers import first_showings
from miua.survey.detection import area_under_roc, detection, detection_of, rating
from miua.survey.estimate import Estimate, by_images

GUESSING = 0.5

Flags = NDArray[np.bool_]
Names = NDArray[np.str_]


@dataclass(frozen=True)
class Score:
    """One score of one reader, or of a role's readers together: a row of READERS_COLUMNS.

    Attributes:
        role: of the reader.
        reader: the reader's number, or "all" for the role's readers together.
        readers: how many answered.
        score: which.
        count, n: of a share: the answers that count, out of so many; else n alone, all answers.
        value, low, high: the score and its 95 % interval.
        interval: how the interval was made, or "none: why".
        p_value: exact two-sided p of guessing, of a share that guessing makes one half.
        status: "computed", or "undecided: why".
    """

    role: str
    reader: str
    readers: int
    score: str
    count: float = math.nan
    n: float = math.nan
    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    interval: str = ""
    p_value: float = math.nan
    status: str = COMPUTED


def score_readers(judged: pd.DataFrame) -> pd.DataFrame:
    """Every reader's scores, by role and number, each role's readers together last.

    Args:
        judged: JUDGEMENT_COLUMNS.

    Returns:
        READERS_COLUMNS.
    """
    rows: list[Score] = []
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
        row = {
            "role": role,
            "kind": kind,
            "set": name,
            "readers": part["reader"].nunique(),
            "images": part["image"].nunique(),
            "answers": len(part),
            "called_real": int(part["real"].sum()),
            "quality": found.value,
            "low": found.low,
            "high": found.high,
            "interval": found.interval,
        }
        rows.append(row)
    return pd.DataFrame(rows, columns=list(SETS_COLUMNS))


def _mean(values: Numbers, rows: Rows) -> Numbers:
    return np.asarray(values[rows].mean(axis=-1))


def _scores(answers: pd.DataFrame, role: str, reader: str) -> Iterator[Score]:
    """All scores of one reader's answers, or of those of several."""
    who = Score(role, reader, int(answers["reader"].nunique()), "")
    real = (answers["kind"] == "real").to_numpy()
    called = answers["real"].to_numpy(bool)
    images = answers["image"].to_numpy(str)
    shares = {
        SYNTHETIC_CALLED_REAL: (called, ~real),
        REAL_CALLED_REAL: (called, real),
        ACCURACY: (called == real, np.ones_like(real)),
    }
    for score, (hits, among) in shares.items():
        base = replace(who, score=score)
        yield _exact_share(base, hits[among])
        if who.readers > 1 and among.any():
            yield _resampled_share(base, hits[among], images[among])
    yield from _detection(who, real, called, images)
    ratings = rating(called, answers["confidence"])
    yield _resampled(
        replace(who, score=AUC),
        lambda rows: area_under_roc(real[rows], ratings[rows]),
        images,
    )


def _exact_share(base: Score, hits: Flags) -> Score:
    count, n = int(hits.sum()), hits.size
    if n == 0:
        return _undecided(base, f"no image for {base.score} was judged")
    share, p_value = exact_interval(count, n), math.nan
    if base.score == SYNTHETIC_CALLED_REAL:
        p_value = compare_proportion(count, n, GUESSING).p_value
    found = replace(base, count=count, n=n, value=share.estimate, p_value=p_value)
    return replace(found, low=share.low, high=share.high, interval=EXACT)


def _resampled_share(base: Score, hits: Flags, images: Names) -> Score:
    return _resampled(
        replace(base, count=int(hits.sum())), partial(_mean, hits.astype(float)), images
    )


def _detection(who: Score, real: Flags, called: Flags, images: Names) -> Iterator[Score]:
    """d' and criterion: one reader's with normal intervals, several readers' by images."""
    counts = ((called & real).sum(), real.sum(), (called & ~real).sum(), (~real).sum())
    try:
        found = detection(*map(int, counts))
    except UndecidedError as error:
        for score in (D_PRIME, CRITERION):
            yield _undecided(replace(who, score=score), str(error))
        return
    for place, (score, alone) in enumerate(
        ((D_PRIME, found.d_prime), (CRITERION, found.criterion))
    ):
        base = replace(who, score=score, n=real.size)
        if who.readers == 1:
            yield _estimated(base, alone)
        else:
            yield _resampled(base, partial(_detected, place, real, called), images)


def _detected(place: int, real: Flags, called: Flags, rows: Rows) -> Numbers:
    return detection_of(real[rows], called[rows])[place]


def _resampled(base: Score, statistic: Callable[[Rows], Numbers], images: Names) -> Score:
    """A score whose interval resamples images, each with all of its answers."""
    try:
        return _estimated(replace(base, n=images.size), by_images(statistic, images))
    except UndecidedError as error:
        return _undecided(base, str(error))


def _estimated(base: Score, found: Estimate) -> Score:
    return replace(base, value=found.value, low=found.low, high=found.high, interval=found.interval)


def _undecided(base: Score, why: str) -> Score:
    return replace(base, interval=f"{NONE}{why}", status=f"undecided: {why}")
