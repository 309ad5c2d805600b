"""Counts out of trials: exact intervals and tests, and which counts a printed percentage allows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction

from scipy import stats

from miua.analysis.checks import UndecidedError, check_count, check_fraction
from miua.metrics.memorisation import clopper_pearson


@dataclass(frozen=True)
class Proportion:
    """A proportion with its exact interval.

    Attributes:
        estimate: successes / trials.
        low, high: Clopper and Pearson's interval of the true proportion.
        level: the least coverage that the interval has.
    """

    estimate: float
    low: float
    high: float
    level: float


def exact_interval(successes: int, trials: int, level: float = 0.95) -> Proportion:
    """Clopper and Pearson's interval of a proportion (Biometrika 26, 1934).

    Args:
        successes, trials: whole numbers, successes no more than trials. Trials have to be
            independent: repeated judgements of one image, or images of one subject, are not quite.
        level: least coverage.

    Raises:
        ValueError: an argument is out of range.
        UndecidedError: no trials.
    """
    check_fraction("level", level)
    check_count("trials", trials, 0)
    check_count("successes", successes, 0)
    if successes > trials:
        raise ValueError(f"successes must be no more than trials, not {successes} of {trials}")
    if trials == 0:
        raise UndecidedError("no trials")
    low, high = map(float, clopper_pearson(successes, trials, 1 - level))
    return Proportion(successes / trials, low, high, level)


def binomial_p(successes: int, trials: int, stated: float) -> float:
    """p of the exact two-sided binomial test of a proportion against a stated one.

    Raises:
        ValueError: an argument is out of range.
    """
    return float(stats.binomtest(successes, trials, stated).pvalue)


def possible_counts(
    percent: str | Decimal | float, decimals: int, trials: int, *, readers: int = 1
) -> tuple[tuple[int, int], ...]:
    """Which (successes, trials) print as a percentage that was rounded to so many decimals.

    A value half-way between two prints counts for both, since it is not known which way it was
    rounded. All arithmetic is exact. A percentage that was cut off instead of rounded is not
    looked for.

    Args:
        percent: as printed, 0 to 100, such as "56.14".
        decimals: how many decimals were printed; "50" for 50.0 asks for decimals=1.
        trials: the most trials there can have been for one reader.
        readers: how many readers' trials were put together; each had the same number.

    Returns:
        Pairs of counts over all readers, sorted by trials, then successes; none where no count
        gives this percentage.

    Raises:
        ValueError: an argument is out of range.
        UndecidedError: no trials.
    """
    check_count("decimals", decimals, 0)
    check_count("readers", readers, 1)
    check_count("trials", trials, 0)
    if trials == 0:
        raise UndecidedError("no trials")
    try:
        # The decimal number as it is printed: 56.14, not the binary number next to it.
        printed = Fraction(Decimal(str(percent)))
    except (InvalidOperation, OverflowError, ValueError):
        raise ValueError(f"percent must be a number, not {percent!r}") from None
    unit = Fraction(1, 10**decimals)
    if not 0 <= printed <= 100 or printed % unit:
        raise ValueError(
            f"percent must lie between 0 and 100 and have {decimals} decimals, not {percent}"
        )
    least, most = (printed - unit / 2) / 100, (printed + unit / 2) / 100
    return tuple(
        (successes, total)
        for total in range(readers, readers * trials + 1, readers)
        for successes in range(
            max(0, math.ceil(least * total)), min(total, math.floor(most * total)) + 1
        )
    )
