"""Precision, recall, density and coverage: do the sets lie where each other's neighbours are?

Precision and recall: Kynkaanniemi et al., "Improved precision and recall metric for assessing
generative models", NeurIPS 2019, arXiv:1904.06991, with k = 3. Density and coverage: Naeem et
al., "Reliable fidelity and diversity metrics for generative models", ICML 2020, arXiv:2002.09797,
with k = 5. All of them look at balls around images in the space of features, each as wide as the
distance to the k-th nearest other image of its own set.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from miua.metrics.comparison import Comparison
from miua.metrics.records import MetricRecord, interval, mean_of

NEIGHBOURS = 5
BLOCK_BYTES = 64 * 2**20  # of the float64 table of distances held at once


@dataclass(frozen=True)
class Neighbourhood:
    """What each image adds to four metrics, which are the means.

    precision (M,): 1 where a synthetic image lies in a ball of a real one. recall (N,): 1 where a
    real image lies in a ball of a synthetic one. density (M,): in how many balls of real images a
    synthetic one lies, divided by k; its mean is about 1 for sets that are alike, and has no upper
    bound of 1. coverage (N,): 1 where the ball of a real image holds a synthetic one.
    All are float64; fidelity is in precision and density, variety in recall and coverage. A
    bootstrap of a mean leaves the balls as they are.
    """

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    density: NDArray[np.float64]
    coverage: NDArray[np.float64]


def neighbourhood(
    features_real: NDArray[Any], features_synthetic: NDArray[Any], *, k: int = 5
) -> Neighbourhood:
    """Features (N, d) and (M, d) as one `Neighbourhood`; both sets have more than k images.

    Distances are Euclidean, and a ball holds its border. So that a copy of the image that decides
    a radius lies on that border in spite of rounding, squared distances are found in float64 and
    compared in float32. ValueError: too few rows, values that are not finite, unequal d.
    """
    real, synthetic = (
        np.asarray(features, dtype=np.float64) for features in (features_real, features_synthetic)
    )
    _check(real, synthetic, k)
    # The same shift on both sides changes no distance, and keeps rounding small.
    centre = real.mean(axis=0)
    real, synthetic = real - centre, synthetic - centre
    radii_real, radii_synthetic = _radii(real, k), _radii(synthetic, k)
    balls_around = np.zeros(len(synthetic))
    recall, coverage = np.zeros(len(real)), np.zeros(len(real))
    for rows, squared in _squared_distances(real, synthetic):
        recall[rows] = (squared <= radii_synthetic).any(axis=1)
        inside = squared <= radii_real[rows, None]
        coverage[rows] = inside.any(axis=1)
        balls_around += inside.sum(axis=0)
    precision = (balls_around > 0).astype(np.float64)
    return Neighbourhood(precision, recall, balls_around / k, coverage)


def _radii(features: NDArray[np.float64], k: int) -> NDArray[np.float32]:
    """Squared distance of each row to its k-th nearest other row, (n,)."""
    radii = np.empty(len(features), dtype=np.float32)
    for rows, squared in _squared_distances(features, features):
        squared[np.arange(len(squared)), np.arange(rows.start, rows.stop)] = np.inf
        radii[rows] = np.partition(squared, k - 1, axis=1)[:, k - 1]
    return radii


def _squared_distances(
    a: NDArray[np.float64], b: NDArray[np.float64]
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """The table of squared distances (n, m) in blocks of rows, each with which rows they are."""
    norms_a, norms_b = (np.einsum("nd,nd->n", features, features) for features in (a, b))
    step = max(1, BLOCK_BYTES // (8 * len(b)))
    for start in range(0, len(a), step):
        rows = slice(start, min(start + step, len(a)))
        scale = norms_a[rows, None] + norms_b
        squared = scale - 2 * (a[rows] @ b.T)
        # Of equal rows rounding leaves more or less than 0.
        squared[squared < 1e-13 * scale] = 0
        yield rows, squared.astype(np.float32)


def _check(real: NDArray[np.float64], synthetic: NDArray[np.float64], k: int) -> None:
    for name, features in (("features_real", real), ("features_synthetic", synthetic)):
        if features.ndim != 2 or not 1 <= k < len(features):
            raise ValueError(
                f"{name} must have the shape (n, d) with n > k = {k} >= 1, not {features.shape}"
            )
        if not np.isfinite(features).all():
            raise ValueError(f"{name} must be finite")
    if real.shape[1] != synthetic.shape[1]:
        raise ValueError(
            "features_real and features_synthetic must have equally many columns, not "
            f"{real.shape[1]} and {synthetic.shape[1]}"
        )


def shares(
    comparison: Comparison, metrics: Mapping[str, str], meanings: Mapping[str, str], extractor: str
) -> list[MetricRecord]:
    """Precision, recall, density and coverage in the features of an extractor.

    metrics, meanings: the name and the meaning of each of them.
    """
    a, b = comparison.features(
        extractor,
        fewest=NEIGHBOURS + 1,
        otherwise=f"do not have {NEIGHBOURS} neighbours each",
    )
    near = neighbourhood(a, b, k=NEIGHBOURS)
    found = []
    for each, metric in metrics.items():
        terms = getattr(near, each)
        synthetic = each in ("precision", "density")
        drawn = comparison.drawn if synthetic else comparison.drawn_reference
        value, resampled = mean_of(terms, np.ones_like(terms), drawn)
        definition = (
            f"{meanings[each]}, {NEIGHBOURS} nearest neighbours in "
            f"{comparison.describe(extractor)}; the interval resamples "
            f"{'synthetic' if synthetic else 'real'} images"
        )
        bounds = interval(resampled)
        found.append(comparison.record(metric, value, bounds, "", definition, resampled))
    return found
