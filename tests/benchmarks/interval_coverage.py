"""How often miua's 95 % intervals hold what they are of: the table of docs/intervals.md.

    python -m tests.benchmarks.interval_coverage

Data are drawn again and again, by fixed seeds, and each interval is held against the true value.
What an interval of `miua evaluate` is of is the value that another draw of as many synthetic
images would give on average, these real images being fixed; so there the truth is the mean over
the draws. One core takes some minutes.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.ndimage import gaussian_filter

from miua.analysis.checks import UndecidedError
from miua.analysis.clinician import fit_logarithm
from miua.analysis.correlation import correlate
from miua.analysis.detection import area_under_roc, detection, detection_of
from miua.analysis.resampling import Estimate, by_images
from miua.evaluation.measure import measured, one_blas_thread
from miua.metrics.comparison import Comparison, Side
from miua.metrics.frechet import distance, distance_at_infinity
from miua.metrics.kernel_distance import unbiased_distance
from miua.metrics.memorisation import clopper_pearson
from miua.metrics.neighbourhood import shares
from miua.metrics.records import Bounds
from miua.metrics.registry import entries_of
from miua.survey.agreement import FORMS, fleiss, intraclass_correlation, kappa
from miua.survey.score import mean_by_images

RESAMPLES = 400  # of a bootstrap here; the commands take more
SIDE = 16  # pixels
OF_PAIRS = ("mutual_information", "psnr", "ssim")
TEXTURES = ("lbpv", "lbpv_total_difference", "fd_lbp", "neighbourhood_lbp", "diversity")
# Features: dimensions, scale and shift of the synthetic ones, the real ones being normal.
CLOUDS = {"alike": (8, 1.0, 0.0), "narrower, moved": (4, 0.8, 0.5), "half outside": (4, 1.0, 2.0)}

Found = dict[str, tuple[float, Bounds]]
Draws = np.random.Generator


class Row(NamedTuple):
    """shown: share of draws with an interval. coverage: share of these that hold the truth."""

    what: str
    size: str
    draws: int
    shown: float
    coverage: float


def rows_of(
    size: str,
    draw: Callable[[Draws], Found],
    times: int,
    seed: int,
    truth: dict[str, float] | None = None,
) -> Iterator[Row]:
    """The rows of what `draw` finds so many times; without a truth it is the mean of the values."""
    generator = np.random.default_rng(seed)
    drawn = [draw(generator) for _ in range(times)]
    for what in dict.fromkeys(name for found in drawn for name in found):
        found = [each[what] for each in drawn if what in each]
        true = np.mean([value for value, _ in found]) if truth is None else truth[what]
        within = [low <= true <= high for _, (low, high) in found if low is not None]
        coverage = float(np.mean(within)) if within else math.nan
        yield Row(what, size, len(found), len(within) / len(found), coverage)


def pooled(parts: Iterable[Row]) -> list[Row]:
    """Rows of one name and size taken together, as of several sets of real images."""
    by_name: dict[tuple[str, str], list[Row]] = {}
    for row in parts:
        by_name.setdefault((row.what, row.size), []).append(row)
    return [_together(same) for same in by_name.values()]


def _together(same: list[Row]) -> Row:
    draws = sum(row.draws for row in same)
    shown = sum(row.draws * row.shown for row in same)
    held = sum(row.draws * row.shown * row.coverage for row in same if row.shown)
    return Row(
        same[0].what, same[0].size, draws, shown / draws, held / shown if shown else math.nan
    )


# --- miua evaluate ------------------------------------------------------------------------------


def images(generator: Draws, count: int, blur: float = 1.0) -> NDArray[np.uint8]:
    """Smooth textures that differ in contrast and brightness."""
    noise = generator.normal(size=(count, SIDE, SIDE))
    blurred = gaussian_filter(noise, (0, blur, blur))
    contrast = 40 * generator.lognormal(0, 0.3, (count, 1, 1))
    level = 128 + generator.normal(0, 15, (count, 1, 1))
    return np.clip(level + contrast * blurred / blurred.std(), 0, 255).astype(np.uint8)


def of_images(real: Side, count: int, generator: Draws) -> Found:
    comparison = Comparison(real, Side(images(generator, count, 1.1)), resamples=RESAMPLES)
    records = measured(comparison, entries_of((*OF_PAIRS, *TEXTURES)))
    found: Found = {}
    for record in records:
        if record.value is not None:
            found[record.metric] = record.value, (record.low, record.high)
    return found


def evaluated(real: int, synthetic: int, times: int) -> Iterator[Row]:
    """All of it on images; the LBPv elements that vary are one row."""
    rows: list[Row] = []
    for seed in range(2):
        side = Side(images(np.random.default_rng((seed, real)), real))
        draw = partial(of_images, side, synthetic)
        rows += rows_of(f"{real} + {synthetic} images", draw, times, seed)
    elements = [row for row in rows if row.what.endswith("_difference") and "total" not in row.what]
    yield from pooled(row for row in rows if row not in elements)
    yield from pooled(row._replace(what="V0 to V255") for row in elements if row.shown)


def in_features(
    kind: str, real: int, synthetic: int, times: int, metrics: tuple[Callable[..., object], ...]
) -> Iterator[Row]:
    d, scale, shift = CLOUDS[kind]
    rows: list[Row] = []
    for seed in range(4):
        fixed = np.random.default_rng((seed, real, d)).normal(size=(real, d))
        draw = partial(of_features, fixed, synthetic, scale, shift, metrics)
        rows += rows_of(f"{real} + {synthetic} images, {kind}", draw, times, seed)
    yield from pooled(rows)


def of_features(
    fixed: NDArray[np.float64],
    count: int,
    scale: float,
    shift: float,
    metrics: tuple[Callable[..., object], ...],
    generator: Draws,
) -> Found:
    made = shift + scale * generator.normal(size=(count, fixed.shape[1]))
    blank = (np.zeros((len(each), 1, 1), np.uint8) for each in (fixed, made))
    sides = [Side(b, made={"own": each}) for b, each in zip(blank, (fixed, made), strict=True)]
    comparison = Comparison(*sides, resamples=RESAMPLES, seed=int(generator.integers(2**32)))
    names: dict[object, tuple[str, ...]] = {
        shares: ("precision", "recall", "density", "coverage"),
        distance: ("FD",),
        unbiased_distance: ("KD",),
    }
    found: Found = {}
    for metric in metrics:
        for name, each in zip(names[metric], metric(comparison, "own"), strict=True):
            each = each.with_true_interval(count)
            found[name] = each.value, each.bounds
    return found


def at_infinity(times: int) -> Iterator[Row]:
    """Both sides are drawn: the truth is the distance of the two distributions."""
    d, count = 12, 48

    def draw(generator: Draws) -> Found:
        a, b = generator.normal(size=(count, d)), 0.3 + 1.2 * generator.normal(size=(count, d))
        sides = [Side(np.zeros((count, 1, 1), np.uint8), made={"own": each}) for each in (a, b)]
        (found,) = distance_at_infinity(Comparison(*sides, resamples=100), "own")
        return {"FD, extrapolated": (found.value, found.bounds)}

    truth = {"FD, extrapolated": d * (0.3**2 + 0.2**2)}
    yield from rows_of(f"{count} + {count} images, {d} features", draw, times, 0, truth)


# --- readers ------------------------------------------------------------------------------------


def found_in(estimate: Estimate) -> tuple[float, Bounds]:
    no_interval = math.isnan(estimate.low)
    return estimate.value, (None, None) if no_interval else (estimate.low, estimate.high)


def attempted(compute: Callable[[], Estimate]) -> tuple[float, Bounds]:
    try:
        return found_in(compute())
    except UndecidedError:
        return math.nan, (None, None)


def exact(times: int) -> Iterator[Row]:
    for n, share in ((11, 0.1), (57, 0.5), (400, 0.02)):

        def draw(generator: Draws, n: int = n, share: float = share) -> Found:
            low, high = clopper_pearson(int(generator.binomial(n, share)), n)
            return {"share, copies": (math.nan, (float(low), float(high)))}

        truth = {"share, copies": share}
        yield from rows_of(f"{n} answers, {share:.0%}", draw, times, n, truth)


def one_reader(times: int) -> Iterator[Row]:
    """Hits of real and synthetic images; d' 1, criterion 0.3."""
    for real_images, synthetic_images in ((11, 57), (40, 40)):
        real = np.arange(real_images + synthetic_images) < real_images

        def draw(generator: Draws, real: NDArray[np.bool_] = real) -> Found:
            called = generator.normal(np.where(real, 0.5, -0.5)) > 0.3
            d, c = detection(real, called)
            return {"d', one reader": found_in(d), "criterion, one reader": found_in(c)}

        truth = {"d', one reader": 1.0, "criterion, one reader": 0.3}
        size = f"{real_images} real + {synthetic_images} synthetic"
        yield from rows_of(size, draw, times, real_images, truth)


def several_readers(times: int) -> Iterator[Row]:
    """Three readers; half of the variance of what an image seems to be is the image's own."""
    for real_images, synthetic_images in ((11, 57), (40, 40)):
        n = real_images + synthetic_images
        real = np.repeat(np.arange(n) < real_images, 3)
        names = np.repeat(np.arange(n), 3).astype(str)

        def draw(
            generator: Draws,
            n: int = n,
            real: NDArray[np.bool_] = real,
            names: NDArray[np.str_] = names,
        ) -> Found:
            own, each = generator.normal(size=(n, 1)), generator.normal(size=(n, 3))
            seen = np.where(real, 0.5, -0.5) + ((own + each) / math.sqrt(2)).ravel()
            called, grades = seen > 0, np.digitize(seen, (-1.5, -0.5, 0.5, 1.5))
            values = seen[~real]
            by = partial(by_images, resamples=RESAMPLES)
            return {
                "d', several readers": attempted(
                    lambda: by(lambda rows: detection_of(real[rows], called[rows])[0], names)
                ),
                "criterion, several readers": attempted(
                    lambda: by(lambda rows: detection_of(real[rows], called[rows])[1], names)
                ),
                "area under the ROC": attempted(
                    lambda: by(lambda rows: area_under_roc(real[rows], grades[rows]), names)
                ),
                "share, several readers": attempted(
                    lambda: by(lambda rows: (values > 0)[rows].mean(axis=-1), names[~real])
                ),
            }

        edges = np.array([-1.5, -0.5, 0.5, 1.5, np.inf])
        up, down = (np.diff(stats.norm.cdf(edges, shift), prepend=0) for shift in (0.5, -0.5))
        area = float(up @ (np.cumsum(down) - down / 2))
        truth = {"d', several readers": 1.0, "criterion, several readers": 0.0}
        truth |= {"area under the ROC": area, "share, several readers": stats.norm.cdf(-0.5)}
        size = f"{real_images} real + {synthetic_images} synthetic, 3 readers"
        yield from rows_of(size, draw, times, real_images, truth)


def quality_of_sets(times: int) -> Iterator[Row]:
    for n in (3, 5, 10, 20):

        def draw(generator: Draws, n: int = n) -> Found:
            seen = generator.normal(2.5, 0.7, (n, 1)) + generator.normal(0, 0.7, (n, 2))
            grades = np.clip(np.rint(seen), 1, 5).ravel()
            names = np.repeat(np.arange(n), 2).astype(str)
            return {"quality of a set": attempted(lambda: mean_by_images(grades, names))}

        above = stats.norm.sf((1.5, 2.5, 3.5, 4.5), 2.5, 0.7 * math.sqrt(2))
        truth = {"quality of a set": 1 + float(above.sum())}
        yield from rows_of(f"{n} images, 2 readers", draw, times, n, truth)


def joint(categories: int, accuracy: float, shares_of: tuple[float, ...]) -> NDArray[np.float64]:
    """Chances of two readings (c, c), each right with this accuracy or else any other category."""
    right = np.eye(categories)
    read = accuracy * right + (1 - accuracy) / (categories - 1) * (1 - right)
    return np.asarray(read.T @ np.diag(shares_of) @ read)


KAPPAS = {
    "weighted kappa, 5 grades": (True, joint(5, 0.7, (0.2,) * 5)),
    "weighted kappa, 5 grades, most alike": (True, joint(5, 0.9, (0.05, 0.15, 0.4, 0.3, 0.1))),
    "kappa, half real": (False, joint(2, 0.8, (0.5, 0.5))),
    "kappa, few real": (False, joint(2, 0.9, (0.8, 0.2))),
}


def kappas(times: int, sizes: tuple[int, ...] = (11, 12, 20, 57)) -> Iterator[Row]:
    for name, (weighted, chances) in KAPPAS.items():
        c = len(chances)
        weights = (np.arange(c)[:, None] - np.arange(c)) ** 2
        by_chance = np.outer(chances.sum(axis=1), chances.sum(axis=0))
        true = 1 - float((weights * chances).sum() / (weights * by_chance).sum())
        for n in sizes:

            def draw(
                generator: Draws,
                n: int = n,
                c: int = c,
                chances: NDArray[np.float64] = chances,
                weighted: bool = weighted,
                name: str = name,
            ) -> Found:
                pairs = np.divmod(generator.choice(c * c, n, p=chances.ravel()), c)
                return {name: attempted(lambda: kappa(*pairs, range(c), weighted=weighted))}

            yield from rows_of(f"{n} images", draw, times, n, {name: true})


def agreements(times: int) -> Iterator[Row]:
    """Fleiss' kappa and the ICCs of three readers."""
    for n in (12, 20, 57):

        def draw_fleiss(generator: Draws, n: int = n) -> Found:
            truly = generator.random((n, 1)) < 0.5
            said = (truly ^ (generator.random((n, 3)) < 0.2)).astype(int)
            by = partial(by_images, vectorized=False, resamples=RESAMPLES // 2)
            images = np.arange(n).astype(str)
            return {"Fleiss' kappa": attempted(lambda: by(lambda rows: fleiss(said[rows]), images))}

        truth = {"Fleiss' kappa": (2 * 0.8 - 1) ** 2}
        yield from rows_of(f"{n} images, 3 readers", draw_fleiss, times // 4, n, truth)

        def draw(generator: Draws, n: int = n) -> Found:
            image, reader = generator.normal(size=(n, 1)), generator.normal(0, 0.5, (1, 3))
            table = image + reader + generator.normal(0, 0.8, (n, 3))
            return {
                form: attempted(lambda form=form: intraclass_correlation(table, form))
                for form in FORMS
            }

        one, rest = 1 / (1 + 0.5**2 + 0.8**2), 0.5**2 + 0.8**2
        truth = {"ICC(2,1)": one, "ICC(2,k)": 1 / (1 + rest / 3), "ICC(3,1)": 1 / (1 + 0.8**2)}
        yield from rows_of(f"{n} images, 3 readers", draw, times, n, truth)


# --- lines and correlations ---------------------------------------------------------------------


def correlations(times: int) -> Iterator[Row]:
    rho = 0.4
    for n in (20, 57):

        def draw(generator: Draws, n: int = n) -> Found:
            x = generator.normal(size=n)
            y = rho * x + math.sqrt(1 - rho**2) * generator.normal(size=n)
            found: Found = {}
            for method in ("pearson", "spearman"):
                each = correlate(x, y, method=method, resamples=RESAMPLES)
                found[f"{method.title()}'s r"] = each.r, (each.low, each.high)
            fit = fit_logarithm(np.exp(x), y)
            low, high = (float(end) for end in fit.band(math.exp(0.5)))
            return found | {"band of the regression": (math.nan, (low, high))}

        truth = {"Pearson's r": rho, "Spearman's r": 6 / math.pi * math.asin(rho / 2)}
        truth |= {"band of the regression": 0.5 * rho}
        yield from rows_of(f"{n} points", draw, times, n, truth)


def all_rows(scale: float = 1.0) -> Iterator[Row]:
    """Every row; scale: of the number of draws."""

    def times(number: int) -> int:
        return max(2, round(scale * number))

    for real, synthetic, number in ((25, 40, 100), (40, 25, 100), (100, 100, 60)):
        yield from evaluated(real, synthetic, times(number))
    for kind in CLOUDS:
        for real, synthetic, number in ((25, 40, 100), (40, 25, 100), (100, 100, 100)):
            metrics = (shares, distance, unbiased_distance)
            yield from in_features(kind, real, synthetic, times(number), metrics)
        yield from in_features(kind, 400, 400, times(50), (shares,))
    yield from at_infinity(times(200))
    yield from exact(times(4000))
    yield from one_reader(times(2000))
    yield from several_readers(times(300))
    yield from quality_of_sets(times(500))
    yield from kappas(times(1000))
    yield from agreements(times(1000))
    yield from correlations(times(300))


def main() -> None:
    """Print the table in Markdown, each row as soon as it is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="of the number of draws")
    print("| interval of | simulated | draws | shown | holds |")
    print("| --- | --- | --- | --- | --- |")
    with one_blas_thread():
        for row in all_rows(parser.parse_args().scale):
            held = "" if math.isnan(row.coverage) else f"{row.coverage:.1%}"
            print(
                f"| {row.what} | {row.size} | {row.draws} | {row.shown:.0%} | {held} |", flush=True
            )


if __name__ == "__main__":
    main()
