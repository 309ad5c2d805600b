"""How far readers agree with themselves and with each other: kappa and ICC.

The value of kappa is that of statsmodels. ICC is computed here from two-way mean squares, as the
maintained libraries with an ICC are under licences that this package cannot take on.
"""

import math
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import combinations
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from statsmodels.stats.inter_rater import aggregate_raters, cohens_kappa, fleiss_kappa

from miua.analysis.checks import Numbers, UndecidedError
from miua.analysis.columns import ALL, JACKKNIFE
from miua.analysis.resampling import Estimate, attempt, by_images, undecided, without_interval
from miua.survey.answers import first_showings
from miua.survey.study_files import HIGHEST_QUALITY

INTRA, INTER = "intra-reader", "inter-reader"
REAL_OR_SYNTHETIC, QUALITY = "real or synthetic", "quality"
KAPPA, WEIGHTED_KAPPA, FLEISS = "kappa", "quadratic weighted kappa", "Fleiss' kappa"
UPPER = 0.975  # quantile of a 95 % interval
NO_VARIANCE = 1e-12  # zero, but for rounding
NO_DISAGREEMENT = "no disagreement to estimate it from"
# With fewer repeats kappa says next to nothing.
FEWEST_REPEATS = 5
# With fewer images no interval of kappa holds: docs/intervals.md.
FEWEST_FOR_INTERVAL = 12
# Each is computed by itself, so that many take long.
FLEISS_RESAMPLES = 1999

Form = Literal["ICC(2,1)", "ICC(2,k)", "ICC(3,1)"]
FORMS: tuple[Form, ...] = get_args(Form)

AGREEMENT_COLUMNS = ("kind", "role", "readers", "question", "measure", "n", *Estimate._fields)
Row = tuple[object, ...]


def score_agreement(judged: pd.DataFrame) -> pd.DataFrame:
    """Each reader with himself or herself, each pair of readers, each role, and all readers.

    Of JUDGEMENT_COLUMNS, in which every reader judged the same images: AGREEMENT_COLUMNS. role: of
    the readers; "all" where readers of several roles are compared. readers: their numbers, or "all"
    for each reader of the role. n: number of images that were judged twice, or by all of the
    readers. The others are those of an Estimate.
    """
    rows = [*_intra_reader(judged), *_inter_reader(first_showings(judged))]
    return pd.DataFrame(rows, columns=list(AGREEMENT_COLUMNS))


def kappa(
    first: ArrayLike, second: ArrayLike, categories: Sequence[int], *, weighted: bool = False
) -> Estimate:
    """Cohen's kappa of two series of answers.

    The value is statsmodels'. The 95 % interval is that of the jackknife, which leaves out one
    image at a time, on Fisher's scale artanh(kappa), with n - 1 degrees of freedom (Efron and
    Tibshirani, An Introduction to the Bootstrap, 1993, chapter 11). The large-sample interval
    (Fleiss, Cohen and Everitt, Psychological Bulletin 72, 1969) is too narrow for some dozens of
    images. From FEWEST_FOR_INTERVAL images on there is an interval.

    first, second: a category for each image, shape (n,). categories: all that there are, ascending.
    weighted: whether a disagreement counts by the square of its distance (Cohen 1968).
    UndecidedError: no answers, or all are the same.
    """
    one, other = np.asarray(first, dtype=int), np.asarray(second, dtype=int)
    if not one.size:
        raise UndecidedError("no answers to compare")
    if np.ptp([one, other]) == 0:
        raise UndecidedError("all answers are the same")
    table = np.array([[((one == a) & (other == b)).sum() for b in categories] for a in categories])
    value = _kappa(table, weighted)
    n = one.size
    if (one == other).all():
        return without_interval(value, NO_DISAGREEMENT)
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return without_interval(value, "one gave all images the same answer")
    if n < FEWEST_FOR_INTERVAL:
        return without_interval(value, f"{n} images, at least {FEWEST_FOR_INTERVAL} are needed")
    if value <= -1 + NO_VARIANCE:
        return without_interval(value, "no agreement to estimate it from")
    cells = np.argwhere(table)  # images of one cell are alike
    counts = table[tuple(cells.T)]
    left_out = np.array([_kappa(table - _one(table, cell), weighted) for cell in cells])
    spread = counts @ (left_out - counts @ left_out / n) ** 2
    if math.isnan(spread):
        return without_interval(value, "without one image all answers are the same")
    if spread <= NO_VARIANCE:
        return without_interval(value, "it is the same without any one of the images")
    half = stats.t.ppf(UPPER, n - 1) * math.sqrt((n - 1) / n * spread) / (1 - value**2)
    low, high = np.tanh(np.arctanh(value) + np.array([-half, half]))
    return Estimate(value, float(low), float(high), JACKKNIFE)


def _kappa(table: NDArray[np.int_], weighted: bool) -> float:
    """Of counts of pairs of answers (c, c); NaN where all are the same."""
    with np.errstate(invalid="ignore"):
        weights = "quadratic" if weighted else None
        return float(cohens_kappa(table, wt=weights, return_results=False))


def _one(table: NDArray[np.int_], cell: NDArray[np.intp]) -> NDArray[np.int_]:
    """1 at a cell, 0 elsewhere, in the shape of the table."""
    found = np.zeros_like(table)
    found[tuple(cell)] = 1
    return found


def fleiss(answers: ArrayLike) -> float:
    """Fleiss' kappa of answers, shape (images, readers) (Psychological Bulletin 76, 1971).

    UndecidedError: fewer than two readers, no images, or all answers are the same.
    """
    table = np.asarray(answers, dtype=int)
    _check_compared(table)
    return float(fleiss_kappa(aggregate_raters(table)[0]))


def intraclass_correlation(ratings: ArrayLike, form: Form) -> Estimate:
    """Intraclass correlation of ratings, with its 95 % interval.

    ICC(2,1): agreement of one reader's rating, readers being a sample of more. ICC(2,k): of the
    mean over these many readers. ICC(3,1): consistency of one of just these readers. Names after
    Shrout and Fleiss (Psychological Bulletin 86, 1979), intervals after McGraw and Wong
    (Psychological Methods 1, 1996, cases A,1, A,k and C,1).

    ICC(2,k) is that of ICC(2,1) by the formula of Spearman and Brown, which holds above -1/(k - 1)
    alone: below, more disagreement would give values above 1.

    ratings: shape (images, readers), one reader a column, none missing. UndecidedError: too few
    readers or images, all ratings are the same, or ICC(2,k) is not defined for them.
    """
    table = np.asarray(ratings, dtype=np.float64)
    _check_compared(table)
    n, k = table.shape
    if n < 2:
        raise UndecidedError("one image, at least 2 are needed")
    rows, columns, rest = _mean_squares(table)
    of_readers = 0 if form == "ICC(3,1)" else k * (columns - rest) / n
    one = _ratio(rows - rest, rows + (k - 1) * rest + of_readers)
    if not math.isfinite(one):
        raise UndecidedError("the images do not differ in their ratings")
    value = _of_mean(one, k) if form == "ICC(2,k)" else one
    if math.isnan(value):
        raise UndecidedError("readers disagree more than ICC(2,k) is defined for")
    if rest == 0:
        return without_interval(value, NO_DISAGREEMENT)
    low, high = _limits(rows, columns, rest, n, k, None if form == "ICC(3,1)" else one)
    if not low <= one <= high:
        return without_interval(value, "the approximation behind it fails for these ratings")
    if form == "ICC(2,k)":
        low, high = _of_mean(low, k), _of_mean(high, k)
        if math.isnan(low):
            return without_interval(value, "it reaches to where ICC(2,k) is not defined")
    return Estimate(value, low, high, "F distribution")


def _of_mean(one: float, k: int) -> float:
    """The ICC of the mean of k ratings (Spearman and Brown); NaN at -1/(k - 1) and below."""
    below = 1 + (k - 1) * one
    return k * one / below if below > 1e-12 else math.nan  # 0, but for rounding


def _limits(
    rows: float, columns: float, rest: float, n: int, k: int, icc: float | None
) -> tuple[float, float]:
    """McGraw and Wong's interval of this ICC(A,1), or that of ICC(C,1) for None.

    The first has Satterthwaite's degrees of freedom, and is NaN where an ICC below 0 leaves none.
    """
    if icc is None:
        freedom = (n - 1) * (k - 1)
        low = rows / rest / stats.f.ppf(UPPER, n - 1, freedom)
        high = rows / rest * stats.f.ppf(UPPER, freedom, n - 1)
        return float((low - 1) / (low + k - 1)), float((high - 1) / (high + k - 1))
    a = k * icc / (n * (1 - icc))
    b = 1 + k * icc * (n - 1) / (n * (1 - icc))
    satterthwaite = _ratio(
        (a * columns + b * rest) ** 2,
        (a * columns) ** 2 / (k - 1) + (b * rest) ** 2 / ((n - 1) * (k - 1)),
    )
    between = k * columns + (k * n - k - n) * rest
    f_low, f_high = stats.f.ppf(UPPER, (n - 1, satterthwaite), (satterthwaite, n - 1))
    with np.errstate(invalid="ignore", divide="ignore"):  # of freedoms near 0, which give NaN
        low = n * (rows - f_low * rest) / (f_low * between + n * rows)
        high = n * (f_high * rows - rest) / (between + n * f_high * rows)
    return float(low), float(high)


def _mean_squares(table: Numbers) -> tuple[float, float, float]:
    """Of images, of readers, and of what both leave over."""
    n, k = table.shape
    centred = table - table.mean()
    by_row, by_column = centred.mean(axis=1), centred.mean(axis=0)
    left = centred - by_row[:, None] - by_column
    # What rounding alone leaves is nothing.
    left[np.abs(left) < 1e-12 * np.abs(table).max()] = 0
    rows = k * float(by_row @ by_row) / (n - 1)
    columns = n * float(by_column @ by_column) / (k - 1)
    return rows, columns, float((left**2).sum()) / ((n - 1) * (k - 1))


def _ratio(above: float, below: float) -> float:
    return above / below if below else math.nan


def _check_compared(table: Numbers) -> None:
    if table.shape[1] < 2:
        raise UndecidedError("one reader alone agrees with nobody")
    if not table.size:
        raise UndecidedError("no images to compare")
    if np.ptp(table) == 0:
        raise UndecidedError("all answers are the same")


def _intra_reader(judged: pd.DataFrame) -> Iterator[Row]:
    for (role, reader), answers in judged.groupby(["role", "reader"]):
        first = first_showings(answers).set_index("image")
        again = answers[answers["repeat"]].drop_duplicates("image").set_index("image")
        who = (INTRA, str(role), str(reader))
        yield from _kappas(who, first.loc[again.index], again, FEWEST_REPEATS)


def _inter_reader(first: pd.DataFrame) -> Iterator[Row]:
    roles = {str(role): part for role, part in first.groupby("role")}
    if len(roles) > 1:
        roles[ALL] = first
    by_reader = {str(reader): part.set_index("image") for reader, part in first.groupby("reader")}
    for (one, mine), (other, theirs) in combinations(by_reader.items(), 2):
        both = {*mine["role"], *theirs["role"]}
        role = both.pop() if len(both) == 1 else ALL
        yield from _kappas((INTER, role, f"{one} and {other}"), mine, theirs.loc[mine.index])
    for role, part in roles.items():
        yield from _together((INTER, role, ALL), part)


def _kappas(who: Row, before: pd.DataFrame, again: pd.DataFrame, fewest: int = 0) -> Iterator[Row]:
    """Kappa of both questions for two series of answers to the same images, if so many."""
    n = len(before)
    for question, measure, column, categories in (
        (REAL_OR_SYNTHETIC, KAPPA, "real", range(2)),
        (QUALITY, WEIGHTED_KAPPA, "quality", range(1, HIGHEST_QUALITY + 1)),
    ):
        if n < fewest:
            found = undecided(f"{n} images were shown twice, at least {fewest} are needed")
        else:
            compared = partial(kappa, weighted=measure == WEIGHTED_KAPPA)
            found = attempt(compared, before[column], again[column], categories)
        yield (*who, question, measure, n, *found)


def _together(who: Row, first: pd.DataFrame) -> Iterator[Row]:
    """Fleiss' kappa and ICC of all readers of a table at once."""
    called, quality = (
        first.pivot(index="image", columns="reader", values=column).to_numpy()
        for column in ("real", "quality")
    )
    n = len(called)
    resampled = partial(by_images, vectorized=False, resamples=FLEISS_RESAMPLES)
    found = attempt(resampled, lambda rows: fleiss(called[rows]), np.arange(n).astype(str))
    yield (*who, REAL_OR_SYNTHETIC, FLEISS, n, *found)
    for form in FORMS:
        yield (*who, QUALITY, form, n, *attempt(intraclass_correlation, quality, form))
