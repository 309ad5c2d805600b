"""What a reader study can find, before anyone is asked to judge an image.

All of it is exact but what says otherwise. One reader's answers to different images are taken as
independent. Answers of several readers to one image are not: their number is divided by the design
effect 1 + (readers - 1) image_correlation (Kish, Survey Sampling, 1965), rounded down.

UndecidedError: a study of this size finds nothing, or is too large to compute.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from miua.analysis.checks import UndecidedError
from miua.analysis.power import as_unlikely, binomial_power, smallest_correlation, smallest_effect
from miua.errors import MiuaError
from miua.metrics.memorisation import clopper_pearson

CHANCE, ALPHA, POWER = 0.5, 0.05, 0.8
LEVEL = 1 - ALPHA  # of intervals
Z = float(special.ndtri(1 - ALPHA / 2))  # normal quantile of a two-sided test at ALPHA
MOST_REPEATED = 0.5  # the second half of a session has no room for more
SUPPOSED_KAPPA, SUPPOSED_ICC = 0.6, 0.6
METRICS = 5  # that a set's scores are held against, as in the published study: FID, V8 to V240
LARGEST_DISCRIMINABILITY = 12.0
MOST_IMAGES = 20_000
# Beyond these exact tests take minutes, and a study finds whatever matters.
MOST_ANSWERS = 2_000
MOST_FISHER_TABLES = 250_000

Kind = Literal["minutes", "interval", "share", "half-width", "number", "count"]


@dataclass(frozen=True)
class Design:
    """The numbers of a study that decide how it is drawn, and what it can find.

    synthetic, real: images that each reader judges; 57 and 11 as in the published study. practice:
    images shown before those, half of them real. repeated: share of the judged images that each
    reader sees twice, 0 to 0.5. seconds: that a reader takes for an image. image_correlation: of
    two readers' answers to one image, 0 to 1: how far an image decides the answers to it.
    """

    synthetic: int = 57
    real: int = 11
    practice: int = 4
    repeated: float = 0.15
    readers: int = 20
    sets: int = 1
    seconds: float = 12.0
    image_correlation: float = 0.2

    def __post_init__(self) -> None:
        if min(self.synthetic, self.real, self.practice) < 0 or self.judged < 1:
            raise MiuaError("There must be at least one image to judge.")
        if not 0 <= self.repeated <= MOST_REPEATED:
            raise MiuaError(f"The repeated share is 0 to {MOST_REPEATED:g}, not {self.repeated:g}.")
        if self.readers < 1:
            raise MiuaError("There must be at least one reader.")
        if self.synthetic < self.sets:  # some would be without a score
            raise MiuaError(
                f"{self.synthetic} synthetic images cannot be of {self.sets} sets. Ask for at "
                f"least one of each (--synthetic-images {self.sets}), better for three or more."
            )

    @property
    def judged(self) -> int:
        """Different images that each reader judges."""
        return self.synthetic + self.real

    @property
    def repeats(self) -> int:
        """Images that each reader sees a second time."""
        return min(round(self.repeated * self.judged), self.judged // 2)

    @property
    def design_effect(self) -> float:
        """How many answers of all readers weigh as much as one of independent answers."""
        return 1 + (self.readers - 1) * self.image_correlation

    def effective(self, images: int) -> int:
        """How many independent answers those of all readers to so many images are worth."""
        return math.floor(images * self.readers / self.design_effect + 1e-9)


# What is said of a study: for programs, how its numbers are to be read, and in words.
SAID: dict[str, tuple[Kind, str]] = {
    "minutes": ("minutes", "Minutes, at {seconds:g} seconds an image"),
    "interval_at_half": (
        "interval",
        "If half of the synthetic images are called real: 95 % interval of the share",
    ),
    "interval_at_none": ("interval", "If none is called real: 95 % interval of the share"),
    "departure": ("share", "Smallest departure from 50 % called real that is found"),
    "equivalence_margin": (
        "share",
        "Smallest margin around 50 % within which the share is shown to lie, where it is 50 %",
    ),
    "discriminability": (
        "number",
        "Smallest d' (telling real from synthetic; 0: by chance, 1: 69 % right) that is found",
    ),
    "kappa": (
        "half-width",
        f"A reader's agreement with earlier answers, if kappa is {SUPPOSED_KAPPA:g}: plus or minus",
    ),
    "icc": (
        "half-width",
        f"Agreement of readers on quality, if the ICC is {SUPPOSED_ICC:g}: plus or minus",
    ),
    "correlation": (
        "number",
        "Smallest |r| of sets' scores with one metric that is found, with n = {sets}",
    ),
    "correlation_of_several": (
        "number",
        f"The same for the first of {METRICS} metrics, corrected as by Holm",
    ),
    "images_to_detect": (
        "count",
        "Synthetic images needed to tell {percent:g} % called real from 50 %",
    ),
}
Value = tuple[float, ...] | None


class PlanLine(NamedTuple):
    """One thing that a study can find.

    name: for programs. words: for people. kind: how the numbers are to be read: "share" is a
    fraction of 1, "interval" two of them. one, all: of one reader, of all together; None if none.
    """

    name: str
    words: str
    kind: Kind
    one: Value
    all: Value


def plan(design: Design, detect: float | None = None) -> list[PlanLine]:
    """All that can be said of a design.

    detect: a share of synthetic images called real for which the number of images is wanted that
    tells it from chance; none if not given.
    """
    minutes = (design.practice + design.judged + design.repeats) * design.seconds / 60
    answers = (design.synthetic, design.effective(design.synthetic))  # of one reader, of all
    to_real = (design.real, design.effective(design.real))
    of_several = partial(smallest_correlation, alpha=ALPHA / METRICS)
    values: dict[str, tuple[Value, ...]] = {
        "minutes": ((minutes,), (minutes * design.readers,)),
        "interval_at_half": tuple(_interval(n // 2, n) for n in answers),
        "interval_at_none": tuple(_interval(0, n) for n in answers),
        "departure": tuple(_or_none(smallest_departure, n) for n in answers),
        "equivalence_margin": tuple(_or_none(smallest_equivalence_margin, n) for n in answers),
        "discriminability": tuple(
            _or_none(smallest_discriminability, *each)
            for each in zip(to_real, answers, strict=True)
        ),
        "kappa": (_or_none(kappa_half_width, design.repeats), None),
        "icc": (None, _or_none(icc_half_width, design.judged, design.readers)),
        "correlation": (_or_none(smallest_correlation, design.sets),) * 2,
        "correlation_of_several": (_or_none(of_several, design.sets),) * 2,
    }
    if detect is not None:
        needed, shared = _or_none(images_to_detect, detect), design.design_effect / design.readers
        of_all = needed and (float(math.ceil(needed[0] * shared)),)
        values["images_to_detect"] = (needed, of_all)
    numbers = {"seconds": design.seconds, "sets": design.sets, "percent": 100 * (detect or 0)}
    return [
        PlanLine(name, SAID[name][1].format(**numbers), SAID[name][0], *both)
        for name, both in values.items()
    ]


def smallest_departure(trials: int) -> float:
    """How far from chance a share must be so that the exact binomial test finds it with POWER."""
    return smallest_effect(
        lambda away: binomial_power(trials, CHANCE + away, chance=CHANCE, alpha=ALPHA),
        0.5 - 1e-12,
        power=POWER,
    )


def images_to_detect(share: float) -> int:
    """The number of trials from which on the exact binomial test has POWER to find this share.

    The power goes up and down from one number to the next; all larger ones have it, too. The share
    must differ from CHANCE.
    """
    # The normal approximation, with room: the power of the exact test is past its ups and downs.
    rough = ((Z + special.ndtri(POWER)) / (2 * (share - CHANCE))) ** 2
    enough = math.ceil(1.5 * rough) + 40
    if enough > MOST_IMAGES:
        raise UndecidedError(f"more than {MOST_IMAGES} images")
    for trials in range(enough - 1, 0, -1):
        if binomial_power(trials, share, chance=CHANCE, alpha=ALPHA) < POWER:
            return trials + 1
    return 1


def smallest_equivalence_margin(trials: int) -> float:
    """How near to chance the exact 95 % interval lies with POWER, where chance is true."""
    if trials > MOST_ANSWERS:
        raise UndecidedError(f"more than {MOST_ANSWERS} answers")
    counts = np.arange(trials + 1)
    low, high = clopper_pearson(counts, trials, ALPHA)
    margins = np.maximum(high - CHANCE, CHANCE - low)
    order = np.argsort(margins, kind="stable")
    reached = np.cumsum(stats.binom.pmf(counts[order], trials, CHANCE)) >= POWER - 1e-12
    return float(margins[order][reached][0])


def smallest_discriminability(real: int, synthetic: int) -> float:
    """The smallest d' that Fisher's exact test finds with POWER, of a reader without a bias.

    Such a reader calls real images real with probability Phi(d'/2), synthetic ones Phi(-d'/2)
    (Green and Swets, Signal Detection Theory and Psychophysics, 1966).
    """
    if (real + 1) * (synthetic + 1) > MOST_FISHER_TABLES:
        raise UndecidedError("too many answers for Fisher's exact test")
    significant = _fisher_significant(real, synthetic)

    def power(d: float) -> float:
        of_real, of_synthetic = (
            stats.binom.pmf(np.arange(n + 1), n, special.ndtr(shift))
            for n, shift in ((real, d / 2), (synthetic, -d / 2))
        )
        return float(np.outer(of_real, of_synthetic)[significant].sum())

    return smallest_effect(power, LARGEST_DISCRIMINABILITY, power=POWER)


def kappa_half_width(pairs: int, kappa: float = SUPPOSED_KAPPA) -> float:
    """Half the 95 % interval of Cohen's kappa of two answers, each half of the time real.

    Asymptotic: Fleiss, Cohen and Everitt (Psychological Bulletin 72, 1969), whose variance is
    (1 - kappa^2) / pairs for such answers.
    """
    if pairs < 1:
        raise UndecidedError("no repeated images")
    return Z * math.sqrt((1 - kappa**2) / pairs)


def icc_half_width(images: int, readers: int, icc: float = SUPPOSED_ICC) -> float:
    """Half the 95 % interval of the intraclass correlation of single ratings.

    Approximate: Bonett (Statistics in Medicine 21, 2002), solved for the width.
    """
    if readers < 2 or images < 2:
        raise UndecidedError("at least two readers and two images are needed")
    spread = 2 * (1 - icc) ** 2 * (1 + (readers - 1) * icc) ** 2
    return Z * math.sqrt(spread / (readers * (readers - 1) * (images - 1)))


def _interval(successes: int, trials: int) -> tuple[float, ...]:
    return tuple(float(end) for end in clopper_pearson(successes, trials, 1 - LEVEL))


def _or_none(compute: Callable[..., float], *arguments: float) -> Value:
    """The number, or None where the data would allow no answer."""
    try:
        return (float(compute(*arguments)),)
    except UndecidedError:
        return None


def _fisher_significant(real: int, synthetic: int) -> NDArray[np.bool_]:
    """(real + 1, synthetic + 1): whether so many calls of each kind are significant."""
    found = np.zeros((real + 1, synthetic + 1), dtype=bool)
    for calls in range(real + synthetic + 1):
        of_real = np.arange(max(0, calls - synthetic), min(real, calls) + 1)
        chances = stats.hypergeom.pmf(of_real, real + synthetic, real, calls)
        found[of_real, calls - of_real] = as_unlikely(chances) < ALPHA
    return found
