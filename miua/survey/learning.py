"""Whether a reader's answers change over the session: its thirds, and the trend over all of it.

Orders are balanced: no set and no kind of image is shown early or late on average, so that a trend
is the reader's.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from miua.analysis.checks import Numbers, UndecidedError
from miua.analysis.correlation import correlate
from miua.study.store import COMPUTED
from miua.survey.answers import first_showings


@dataclass(frozen=True)
class Trend:
    """How one measure goes over one reader's session, repeats left out.

    Attributes:
        role, reader: the reader.
        measure: "accuracy", "called real" (shares), "quality" (1 to 5) or "seconds".
        n: number of images.
        first, middle, last: mean over each third of the session.
        spearman_r, low, high: rank correlation with the place in the session, and its 95 % interval
            by bootstrap.
        p_value: of the permutation test of no trend.
        status: "computed", or "undecided: why" where there is no trend to test.
    """

    role: str
    reader: int
    measure: str
    n: int
    first: float
    middle: float
    last: float
    spearman_r: float = math.nan
    low: float = math.nan
    high: float = math.nan
    p_value: float = math.nan
    status: str = COMPUTED


LEARNING_COLUMNS = tuple(Trend.__dataclass_fields__)


def score_learning(judged: pd.DataFrame) -> pd.DataFrame:
    """The trends of every reader, by role and number.

    Args:
        judged: JUDGEMENT_COLUMNS.

    Returns:
        LEARNING_COLUMNS.
    """
    rows = []
    for (role, reader), answers in first_showings(judged).groupby(["role", "reader"]):
        ordered = answers.sort_values("place")
        measures = {
            "accuracy": ordered["real"] == (ordered["kind"] == "real"),
            "called real": ordered["real"],
            "quality": ordered["quality"],
            "seconds": ordered["seconds"],
        }
        places = ordered["place"].to_numpy(float)
        rows += [
            _trend(str(role), int(str(reader)), name, places, values.to_numpy(float))
            for name, values in measures.items()
        ]
    return pd.DataFrame([asdict(row) for row in rows], columns=list(LEARNING_COLUMNS))


def _trend(role: str, reader: int, measure: str, places: Numbers, values: Numbers) -> Trend:
    first, middle, last = (
        float(part.mean()) if part.size else math.nan for part in np.array_split(values, 3)
    )
    known = (role, reader, measure, values.size, first, middle, last)
    try:
        found = correlate(places, values, method="spearman")
    except UndecidedError as error:
        # correlate calls what is correlated x and y.
        why = str(error).replace("all y values are equal", "all answers are the same")
        return Trend(*known, status=f"undecided: {why}")
    return Trend(*known, found.r, found.low, found.high, found.p_value)
