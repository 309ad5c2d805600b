"""Frechet distances: features of two sets -> statistics -> number, and how sure it is.

The Frechet inception distance (FID) is that of Heusel et al., "GANs trained by a two time-scale
update rule", NeurIPS 2017. FD-LBP takes each image's 256 LBP counts instead: texture alone, and no
weights to fetch. `miua.metrics.extractors` has features from other networks.

A Frechet distance of n images is biased upwards, the more the smaller n is.
`frechet_extrapolated` estimates it for infinitely many. How much it would vary with other images
is read off `frechet_resampled` by `centred_interval`.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from miua.metrics.comparison import Comparison
from miua.metrics.inception import InceptionNetwork
from miua.metrics.inception_weights import InceptionWeights
from miua.metrics.lbp import lbp_histogram
from miua.metrics.records import Bounds, MetricValue
from miua.metrics.stacks import Floats, Grey, Ints, order_by_content

EXTRAPOLATION_SIZES = 15  # as many as Chong and Forsyth take
FEWEST_TO_EXTRAPOLATE = 20  # images a side, for `miua.evaluate`
FEWEST_TO_HALVE = 4  # and to extrapolate, for `frechet_extrapolated`
HALVES_FOR_SPREAD = 50
LARGEST_FEATURE = 1e40  # to the sixth power and summed, as kernel distances do, it is finite
NORMAL_95 = 1.96
SMALLEST_FRACTION = 0.5  # below, the bias of few images is no straight line over 1 / n


def frechet_inception_distance(
    reference: Grey, synthetic: Grey, weights: InceptionWeights, *, device: str | None = None
) -> float:
    """FID of two stacks (N, H, W) and (M, H, W), each of two images or more; 0 for the same set.

    Parameters and errors are those of `inception_features` and `frechet_distance`.
    """
    network = InceptionNetwork(weights, device)
    return frechet_distance(network.features(reference), network.features(synthetic))


def frechet_lbp_distance(reference: Grey, synthetic: Grey, *, threads: int = 0) -> float:
    """Frechet distance of the images' LBP histograms (P=8, R=1), in squared counts; FD-LBP.

    Each stack holds two images or more (else ValueError), all of one size: counts grow with the
    number of pixels. As every Frechet distance it is biased upwards in small sets.
    """
    counts = (lbp_histogram(stack, threads=threads) for stack in (reference, synthetic))
    return frechet_distance(*counts)


def feature_statistics(features: Floats) -> tuple[Floats, Floats]:
    """Of features (n, d), n >= 2: the mean (d,) and a root (r, d) of the unbiased covariance,
    which is root.T @ root."""
    mean = features.mean(axis=0)
    varying = np.ptp(features, axis=0) > 0  # LBP codes that no image has are the same in all
    rows = (features[:, varying] - mean[varying]) / np.sqrt(len(features) - 1)
    if len(rows) > rows.shape[1]:
        rows = np.linalg.qr(rows, mode="r")  # the same rows.T @ rows in fewer of them
    root = np.zeros((len(rows), features.shape[1]))
    root[:, varying] = rows
    return mean, root


def feature_pair(
    a: NDArray[Any],
    b: NDArray[Any],
    fewest: int = 2,
    names: tuple[str, str] = ("features_a", "features_b"),
) -> tuple[Floats, Floats]:
    """Features (n, d) and (m, d) in float64; ValueError: fewer than `fewest` rows, no columns,
    values that are not finite or whose squares and cubes might not be, unequal d."""
    a, b = (np.asarray(features, dtype=np.float64) for features in (a, b))
    for name, features in zip(names, (a, b), strict=True):
        if features.ndim != 2 or len(features) < fewest or not features.shape[1]:
            wanted = f"(n, d) with n >= {fewest} and d >= 1"
            raise ValueError(f"{name} must have the shape {wanted}, not {features.shape}")
        if not np.isfinite(features).all():
            raise ValueError(f"{name} must be finite")
        if np.abs(features).max() > LARGEST_FEATURE:
            raise ValueError(f"{name} must not exceed {LARGEST_FEATURE:g} in size; scale them")
    if a.shape[1] != b.shape[1]:
        columns = f"{a.shape[1]} and {b.shape[1]}"
        raise ValueError(f"{' and '.join(names)} must have equally many columns, not {columns}")
    return a, b


def frechet_distance(features_a: NDArray[Any], features_b: NDArray[Any]) -> float:
    """Frechet distance of the Gaussians fitted to features (n, d) and (m, d), in float64.

    |mean_a - mean_b|^2 + Tr(Sigma_a) + Tr(Sigma_b) - 2 Tr (Sigma_a Sigma_b)^(1/2). With
    Sigma = root.T @ root the last trace is the nuclear norm of root_a @ root_b.T, whose size is
    that of the sets and not of the features, and which needs no root of a singular matrix.
    ValueError: fewer than two rows, values that are not finite, or unequal d.
    """
    pair = feature_pair(features_a, features_b)
    (mean_a, root_a), (mean_b, root_b) = map(feature_statistics, pair)
    difference = mean_a - mean_b
    cross = np.linalg.norm(root_a @ root_b.T, ord="nuc")
    distance = difference @ difference + np.sum(root_a**2) + np.sum(root_b**2) - 2 * cross
    return max(0.0, float(distance))  # rounding may leave a hair below zero for equal sets


def frechet_resampled(
    features_a: NDArray[Any], features_b: NDArray[Any], drawn: NDArray[Any]
) -> Floats:
    """Distance of A (n, d) and each resample of B (m, d), shape (R,).

    drawn: (R, m), how often each row of B occurs in each resample. Each distance is that of
    `frechet_distance(features_a, np.repeat(features_b, drawn[r], axis=0))`, from a symmetric
    eigenproblem about as large as the smallest of n, d and the number of different rows drawn.
    ValueError: as in `frechet_distance`, or a resample of fewer than two rows.
    """
    features_a, features_b = feature_pair(features_a, features_b)
    drawn = np.asarray(drawn, dtype=np.float64)
    check_drawn(drawn, len(features_b))
    mean_a, root_a = feature_statistics(features_a)
    mean_b = features_b.mean(axis=0)
    centred = features_b - mean_b
    totals = drawn.sum(axis=1)
    means = drawn @ centred / totals[:, None]
    lengths = np.einsum("md,md->m", centred, centred)
    squares = drawn @ lengths - totals * np.square(means).sum(axis=1)
    traces = np.sum(root_a**2) + squares / (totals - 1)
    between = np.square(mean_a - mean_b - means).sum(axis=1)
    # A rotation leaves the nuclear norm of any choice of rows of root_a @ centred.T as it is: this
    # one has as few columns as its rank is. They fall in size, and small eigenvalues of the
    # products of such columns come out to their own precision instead of that of the largest one.
    _, values, rows = np.linalg.svd(root_a @ centred.T, full_matrices=False)
    kept = values > 1e-12 * values.max(initial=0)  # none where a side's images are all the same
    crossed = (values[kept, None] * rows[kept]).T
    norms = np.array([_nuclear_norm(crossed, row) for row in drawn]) / np.sqrt(totals - 1)
    return np.asarray(np.maximum(0, between + traces - 2 * norms))


def _nuclear_norm(crossed: Floats, drawn: Floats) -> float:
    """Nuclear norm of a resample's rows of `crossed`, repeated and centred."""
    different = np.flatnonzero(drawn)
    weights = np.sqrt(drawn[different])
    mean = drawn @ crossed / drawn.sum()
    # A row that occurs k times counts in every product as one that is sqrt(k) times as long.
    rows = (crossed[different] - mean) * weights[:, None]
    if rows.shape[1] < 1.25 * len(rows):  # about square, rows @ rows.T would be nearly singular
        return _sum_of_roots(rows.T @ rows)
    product = rows @ rows.T
    # Centring leaves one eigenvalue 0, and its vector is known: it is moved to a size that rounding
    # does not touch, and taken out of the sum again.
    shift = np.trace(product) / len(product)
    product += shift * np.outer(weights, weights) / (weights @ weights)
    return _sum_of_roots(product) - float(np.sqrt(shift))


def _sum_of_roots(product: Floats) -> float:
    """Of its eigenvalues."""
    return float(np.sqrt(np.maximum(0, np.linalg.eigvalsh(product))).sum())


@dataclass(frozen=True)
class Extrapolation:
    """A Frechet distance at infinitely many images.

    value: the intercept of the line, which chance may bring below 0. low, high: its 95 % t
    interval, which tells how well the distances lie on a line, and not how they would vary with
    other images; nan where `fewest_for_interval` images are not there on both sides. distances:
    (15,). sizes: images of A and of B in each, (15, 2), the largest last. dimension: features that
    vary on either side.
    """

    value: float
    low: float
    high: float
    sizes: Ints
    distances: Floats
    dimension: int

    @property
    def fewest_for_interval(self) -> int:
        """Images a side with which the smallest parts, halves, outnumber the features.

        With fewer, the covariances of the parts lack rank, and their distances follow no line over
        1 / n: in simulations with 12 to 64 normal features the interval held the true distance in
        94 to 98 % of the cases from twice as many images as features on, in 0 to 90 % with as many,
        and in 0 to 62 % with half as many.
        """
        return 2 * self.dimension


def frechet_extrapolated(
    features_a: NDArray[Any], features_b: NDArray[Any], *, seed: int = 0
) -> Extrapolation:
    """The distance of A (n, d) and B (m, d) at infinite n and m, n and m being 4 or more.

    Chong and Forsyth, "Effectively unbiased FID and Inception score", CVPR 2020, arXiv:1911.07023:
    the bias falls as 1 / n, so a line through the distances of random subsets over 1 / n has the
    unbiased distance at 0. Both sides have a bias, so the same fraction of both is taken; it goes
    from half of the images to all of them, evenly in 1 / fraction. With fewer images than
    dimensions in which the features vary, the bias falls more slowly than 1 / n; then the value is
    still too large, though less so than the plain distance, and has no interval
    (`Extrapolation.fewest_for_interval`). The subsets follow from the seed and from what the rows
    hold, not from their order.
    ValueError: as in `frechet_distance`, or fewer than four rows.
    """
    a, b = feature_pair(features_a, features_b, FEWEST_TO_HALVE)
    a, b = a[order_by_content(a, seed)], b[order_by_content(b, seed)]
    generator = np.random.default_rng(seed)
    wanted = np.linspace(1 / SMALLEST_FRACTION, 1, EXTRAPOLATION_SIZES)
    whole = np.array([len(a), len(b)])
    sizes = np.rint(whole / wanted[:, None]).astype(np.int64)

    def part(features: Floats, size: int) -> Floats:
        return features[generator.permutation(len(features))[:size]]

    distances = np.array([frechet_distance(part(a, n), part(b, m)) for n, m in sizes])
    intercept, error = _intercept((whole / sizes).mean(axis=1), distances)
    dimension = int(np.logical_or(*(np.ptp(side, axis=0) > 0 for side in (a, b))).sum())
    found = Extrapolation(
        intercept, intercept - error, intercept + error, sizes, distances, dimension
    )
    if whole.min() < found.fewest_for_interval:
        found = replace(found, low=np.nan, high=np.nan)
    return found


def _intercept(x: Floats, y: Floats) -> tuple[float, float]:
    """Intercept of the least-squares line y(x), and half its 95 % t interval."""
    from scipy.special import stdtrit

    freedom = len(x) - 2
    spread = np.square(x - x.mean()).sum()
    slope = (x - x.mean()) @ (y - y.mean()) / spread
    intercept = y.mean() - slope * x.mean()
    variance = np.square(y - intercept - slope * x).sum() / freedom
    error = np.sqrt(variance * (1 / len(x) + x.mean() ** 2 / spread))
    return float(intercept), float(stdtrit(freedom, 0.975) * error)


def centred_interval(
    value: float, resampled: Floats, *, lowest: float = 0.0
) -> tuple[float, float]:
    """The 95 % interval of what `value` is an estimate of, from values of resamples (R,).

    It is the spread of the resamples, their 2.5 and 97.5 percentiles, laid around `value`: a
    Frechet distance is larger in resamples than in the set, as a bootstrap repeats images and a
    half has fewer, so that percentiles alone would not even hold the value. It covers the
    expected distance at this number of images, with these reference images; the bias of that
    number is not in it. In simulations with 25 to 100 images (docs/intervals.md) it held that
    distance in 92 to 99 % of the cases with `half_samples`, the most where both distributions were
    the same. A bootstrap held it about as often in 4 and 8 features; with fewer images than
    features it may be wider than need be, because the number of different images varies there, too.
    lowest: what the measure cannot fall below, -inf for `kernel_distance`.
    ValueError: no resamples, or some that are not finite.
    """
    if len(resampled) == 0 or not np.isfinite(resampled).all():
        raise ValueError("resampled must hold finite values")
    low, high = value + np.percentile(resampled, (2.5, 97.5)) - np.mean(resampled)
    return max(lowest, float(low)), float(high)


def check_drawn(drawn: Floats, images: int) -> None:
    """ValueError unless `drawn` is (R, images), no count below 0, two rows drawn or more."""
    if drawn.ndim != 2 or drawn.shape[1] != images:
        raise ValueError(f"drawn must have the shape (R, {images}), not {drawn.shape}")
    if drawn.size and (drawn.min() < 0 or drawn.sum(axis=1).min() < 2):
        raise ValueError("drawn must hold counts of at least 0 that draw two rows or more")


def distance(comparison: Comparison, extractor: str) -> list[MetricValue]:
    """The distance in the features of an extractor, with an interval from random halves."""
    a, b = comparison.features(extractor)
    value = frechet_distance(a, b)
    definition = f"Frechet distance of {comparison.describe(extractor)}"
    if comparison.resamples and len(b) < FEWEST_TO_HALVE:
        why = f"{len(b)} images to halve, at least {FEWEST_TO_HALVE} are needed"
        return [MetricValue(value, definition).without_interval(why)]
    resampled = np.empty(0)
    bounds: Bounds = None, None
    if comparison.resamples:
        resampled = frechet_resampled(a, b, comparison.halves)
        bounds = centred_interval(value, resampled)
    definition += (
        "; the interval, from random halves, "
        f"is of the distance of {len(b)} synthetic images, biased upwards as it is"
    )
    return [MetricValue(value, definition, bounds, resampled)]


def distance_at_infinity(comparison: Comparison, extractor: str) -> list[MetricValue]:
    """The same, extrapolated to infinitely many images."""
    a, b = comparison.features(
        extractor, fewest=FEWEST_TO_EXTRAPOLATE, otherwise="are too few to extrapolate from"
    )
    found = frechet_extrapolated(a, b, seed=comparison.seed)
    definition = (
        f"Frechet distance of {comparison.describe(extractor)}, of random parts of both sets, "
        "extrapolated to infinitely many images; the interval is that of the fitted line and that "
        "of the distance itself, taken together"
    )
    bounds: Bounds = None, None
    if comparison.resamples and np.isnan(found.low):
        why = (
            f"{min(len(a), len(b))} images a side, at least {found.fewest_for_interval} are needed "
            f"for {found.dimension} features: with fewer, the distances of the parts follow no line"
        )
        return [MetricValue(found.value, definition).without_interval(why)]
    if comparison.resamples:
        # Independent errors: of the line, and of these images, which no line through them shows.
        halves = frechet_resampled(a, b, comparison.halves[:HALVES_FOR_SPREAD])
        own = NORMAL_95 * float(halves.std())
        below, above = np.hypot([found.value - found.low, found.high - found.value], own).tolist()
        bounds = found.value - below, found.value + above
    return [MetricValue(found.value, definition, bounds)]
