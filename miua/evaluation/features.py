"""Metrics in the features of an extractor: distances of the two clouds, and who lies in which."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from miua.evaluation.comparison import Comparison, MissingFeaturesError
from miua.evaluation.measurement import Measurement, interval, mean_interval, not_computed
from miua.metrics.frechet import (
    centred_interval,
    frechet_distance,
    frechet_extrapolated,
    frechet_resampled,
)
from miua.metrics.inception import LAYER, InceptionNetwork
from miua.metrics.inception_weights import NotComputedError
from miua.metrics.kernel_distance import kernel_distance, kernel_distance_resampled
from miua.metrics.measures import INCEPTION, LBP, Measure, feature_measures
from miua.metrics.neighbourhood import neighbourhood

NEIGHBOURS = 5
FEWEST_TO_EXTRAPOLATE = 20
FEWEST_TO_HALVE = 4
HALVES_FOR_SPREAD = 50
NORMAL_95 = 1.96
KINDS = ("distance", "infinity", "kernel", "neighbourhood")
SHARES = ("precision", "recall", "density", "coverage")

Features = NDArray[Any]


def feature_metrics(
    comparison: Comparison, extractor: str, kinds: Sequence[str] = KINDS
) -> list[Measurement]:
    """The metrics of these `kinds` in the features of an extractor, by its name.

    Where the extractor is not there or images are too few, they say so and have no value.
    """
    found: list[Measurement] = []
    measures, of = feature_measures(extractor), _words(comparison, extractor)
    fewest = min(len(comparison.reference), len(comparison.synthetic))
    for kind in kinds:
        try:
            _check_enough(kind, fewest)
            found += _KINDS[kind](comparison, *comparison.features(extractor), measures, of)
        except (NotComputedError, MissingFeaturesError) as error:
            found += [
                not_computed(measures[each].name, measures[each].unit, of, str(error))
                for each in (SHARES if kind == "neighbourhood" else (kind,))
            ]
    return found


def _check_enough(kind: str, images: int) -> None:
    if images < 2:
        raise NotComputedError(
            "a covariance needs two images", "give both sides two images or more"
        )
    if kind == "infinity" and images < FEWEST_TO_EXTRAPOLATE:
        raise NotComputedError(
            f"{images} images are too few to extrapolate from",
            f"give both sides {FEWEST_TO_EXTRAPOLATE} images or more",
        )
    if kind == "neighbourhood" and images <= NEIGHBOURS:
        raise NotComputedError(
            f"{images} images do not have {NEIGHBOURS} neighbours each",
            f"give both sides {NEIGHBOURS + 1} images or more",
        )


def _words(comparison: Comparison, extractor: str) -> str:
    """Which features, in words."""
    if extractor == LBP:
        return "LBP histograms (P=8, R=1)"
    known = comparison.reference.extractors.known.get(extractor)
    if isinstance(known, InceptionNetwork):
        weights = known.weights.sha256[:8]
        return f"torch-fidelity's Inception features '{known.layer}', weights {weights}"
    if extractor == INCEPTION:
        return f"torch-fidelity's Inception features '{LAYER}'"
    return f"features of {extractor}" + (f", {known.sha256[:8]}" if known else "")


def _distance(
    comparison: Comparison, a: Features, b: Features, measures: dict[str, Measure], of: str
) -> list[Measurement]:
    shown = measures["distance"]
    value = frechet_distance(a, b)
    resampled = np.empty(0)
    if comparison.resamples and len(b) >= FEWEST_TO_HALVE:
        resampled = frechet_resampled(a, b, comparison.halves)
    low, high = centred_interval(value, resampled) if len(resampled) else (None, None)
    definition = (
        f"Frechet distance of {of}; the interval, from random halves, is of the distance of "
        f"{len(b)} synthetic images, biased upwards as it is"
    )
    return [Measurement(shown.name, value, low, high, shown.unit, definition, resampled=resampled)]


def _infinity(
    comparison: Comparison, a: Features, b: Features, measures: dict[str, Measure], of: str
) -> list[Measurement]:
    shown = measures["infinity"]
    found = frechet_extrapolated(a, b, seed=comparison.seed)
    definition = (
        f"Frechet distance of {of}, of random parts of both sets, extrapolated to infinitely "
        "many images; the interval is that of the fitted line and that of the distance itself, "
        "taken together"
    )
    low = high = None
    if comparison.resamples:
        # Independent errors: of the line, and of these images, which no line through them shows.
        halves = frechet_resampled(a, b, comparison.halves[:HALVES_FOR_SPREAD])
        own = NORMAL_95 * float(halves.std())
        low = found.value - float(np.hypot(found.value - found.low, own))
        high = found.value + float(np.hypot(found.high - found.value, own))
    return [Measurement(shown.name, found.value, low, high, shown.unit, definition)]


def _kernel(
    comparison: Comparison, a: Features, b: Features, measures: dict[str, Measure], of: str
) -> list[Measurement]:
    shown = measures["kernel"]
    value = kernel_distance(a, b)
    resampled = kernel_distance_resampled(a, b, comparison.drawn)
    resampled = resampled[np.isfinite(resampled)]  # in small sets some draw one image alone
    definition = f"unbiased squared MMD of {of}, cubic kernel, over all images"
    return [
        Measurement(
            shown.name, value, *interval(resampled), shown.unit, definition, resampled=resampled
        )
    ]


def _neighbourhood(
    comparison: Comparison, a: Features, b: Features, measures: dict[str, Measure], of: str
) -> list[Measurement]:
    near = neighbourhood(a, b, k=NEIGHBOURS)
    over = {
        "precision": (near.precision, comparison.drawn, "synthetic"),
        "recall": (near.recall, comparison.drawn_reference, "real"),
        "density": (near.density, comparison.drawn, "synthetic"),
        "coverage": (near.coverage, comparison.drawn_reference, "real"),
    }
    found = []
    for kind, (each, drawn, side) in over.items():
        terms = np.asarray(each, dtype=np.float64)
        value, low, high, resampled = mean_interval(terms, np.ones_like(terms), drawn)
        definition = (
            f"{measures[kind].meaning.partition(',')[0]}, {NEIGHBOURS} nearest neighbours in {of}; "
            f"the interval resamples {side} images"
        )
        name = measures[kind].name
        found.append(Measurement(name, value, low, high, "", definition, resampled=resampled))
    return found


_KINDS: dict[str, Callable[..., list[Measurement]]] = {
    "distance": _distance,
    "infinity": _infinity,
    "kernel": _kernel,
    "neighbourhood": _neighbourhood,
}
