import numpy as np
import pytest

from miua.metrics import (
    centred_interval,
    frechet_distance,
    frechet_extrapolated,
    frechet_lbp_distance,
    frechet_resampled,
    half_samples,
    lbp_histogram,
)
from miua.metrics.comparison import Comparison, Side
from miua.metrics.frechet import Extrapolation, distance_at_infinity, feature_statistics


def features(seed: int, n: int, d: int, scale: float = 1.0, shift: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) * scale + shift


def whitened(n: int, d: int) -> np.ndarray:
    """Features whose mean is exactly 0 and whose covariance is exactly the identity."""
    centred = np.random.default_rng(0).normal(size=(n, d))
    centred -= centred.mean(axis=0)
    q, _ = np.linalg.qr(centred)
    features: np.ndarray = q * np.sqrt(n - 1)
    return features


def test_equal_covariances_leave_the_distance_of_the_means():
    a = features(1, 50, 6)
    shift = np.array([1.0, -2.0, 0.5, 0.0, 3.0, 0.0])
    assert frechet_distance(a, a + shift) == pytest.approx(shift @ shift, rel=1e-12)


def test_commuting_covariances():
    """Diagonal covariances: the sum of the squared differences of standard deviations."""
    base = whitened(40, 4)
    first, second = np.array([1.0, 2.0, 3.0, 0.0]), np.array([2.0, 0.5, 3.0, 1.0])
    expected = ((first - second) ** 2).sum()
    assert frechet_distance(base * first, base * second) == pytest.approx(expected, rel=1e-12)


def test_one_dimension():
    a, b = np.array([[0.0], [2.0]]), np.array([[5.0], [5.0], [8.0]])
    deviation = np.sqrt(2.0) - np.sqrt(3.0)
    assert frechet_distance(a, b) == pytest.approx((6 - 1) ** 2 + deviation**2, rel=1e-14)


def test_a_set_against_itself_is_zero():
    for n, d in [(30, 5), (5, 30)]:
        a = features(2, n, d)
        assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)


def test_distance_is_symmetric_and_blind_to_order():
    a, b = features(3, 40, 8), features(4, 25, 8, 1.5, 0.3)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-12)
    assert frechet_distance(a[::-1], b) == pytest.approx(frechet_distance(a, b), rel=1e-12)
    assert frechet_distance(a, b) > 0.1


@pytest.mark.parametrize(("n", "m", "d"), [(60, 80, 12), (20, 90, 40), (15, 10, 40)])
def test_distance_equals_torch_fidelity_on_the_same_features(n, m, d):
    import torch
    from torch_fidelity.metric_fid import (
        KEY_METRIC_FID,
        fid_features_to_statistics,
        fid_statistics_to_metric,
    )

    a, b = features(5, n, d), features(6, m, d, 1.2, 0.1)
    statistics = [fid_features_to_statistics(torch.from_numpy(x)) for x in (a, b)]
    expected = fid_statistics_to_metric(*statistics, verbose=False)[KEY_METRIC_FID]
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-6)


def test_root_of_the_covariance_is_one_and_small():
    for n in (10, 200):
        a = features(7, n, 20)
        _, root = feature_statistics(a)
        assert len(root) == min(n, 20)
        assert root.T @ root == pytest.approx(np.cov(a, rowvar=False))


def test_statistics_are_in_float64():
    """A large mean with a small spread: float32 sums would lose the spread altogether."""
    spread = np.array([-1.0, 0.0, 1.0])[:, None] * np.ones((1, 4))
    a = (1e6 + spread).astype(np.float32)
    assert frechet_distance(a, a + np.float32(1)) == pytest.approx(4, rel=1e-9)


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (np.zeros((1, 3)), np.zeros((5, 3)), "n >= 2"),
        (np.zeros((5, 3)), np.zeros(5), "n >= 2"),
        (np.zeros((5, 3)), np.zeros((5, 4)), "equally many columns"),
        (np.zeros((5, 3)), np.full((5, 3), np.nan), "finite"),
        (np.zeros((5, 3)), np.full((5, 3), 1e154), "features_b must not exceed"),
    ],
)
def test_wrong_features_are_refused(a, b, message):
    with pytest.raises(ValueError, match=message):
        frechet_distance(a, b)


def images(seed: int, n: int, size: int = 16) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, size, size), dtype=np.uint8)


def test_frechet_lbp_distance_of_flat_images():
    """Flat images have one histogram, so the covariances vanish and the means' distance is left."""
    bright, black = np.full((2, 8, 8), 9, np.uint8), np.zeros((3, 8, 8), np.uint8)
    difference = (lbp_histogram(bright)[0] - lbp_histogram(black)[0]).astype(float)
    assert difference.any()
    assert frechet_lbp_distance(bright, black) == pytest.approx(difference @ difference)


def test_frechet_lbp_distance_sees_texture_and_not_brightness():
    dim = images(12, 30) // 4
    assert frechet_lbp_distance(dim, dim) == pytest.approx(0, abs=1e-6)
    assert frechet_lbp_distance(dim, 3 * dim) == pytest.approx(0, abs=1e-6)
    assert frechet_lbp_distance(dim, np.sort(dim, axis=2)) > 100
    with pytest.raises(ValueError, match="n >= 2"):
        frechet_lbp_distance(dim, dim[:1])


@pytest.mark.parametrize(
    ("n", "m", "d"),
    [(40, 30, 100), (40, 60, 100), (20, 60, 100), (90, 80, 12), (15, 80, 30), (80, 15, 30)],
)
def test_resampled_distances_are_those_of_repeated_rows(n, m, d):
    a, b = features(10, n, d), features(11, m, d, 1.2, 3.0)
    drawn = np.random.default_rng(12).multinomial(m, np.full(m, 1 / m), size=5)
    drawn[3] = np.arange(m) < 2
    drawn[4] = 1
    expected = [frechet_distance(a, np.repeat(b, times, axis=0)) for times in drawn]
    assert frechet_resampled(a, b, drawn) == pytest.approx(np.array(expected), rel=1e-9)
    assert frechet_resampled(a, b, drawn)[4] == pytest.approx(frechet_distance(a, b), rel=1e-9)


@pytest.mark.parametrize("d", [20, 200])
def test_resampled_distances_where_little_varies(d):
    """Constant columns, columns that others determine, copies, and a spectrum that falls steeply.

    Square roots of eigenvalues that should be 0 would show here.
    """
    scale = 10.0 ** -np.linspace(0, 4, d)
    a, b = (np.random.default_rng(i).normal(size=(60, d)) * scale for i in (13, 14))
    for stack in (a, b):
        stack[:, 1] = 5
        stack[:, 2] = stack[:, 0] - 3 * stack[:, 3]
    b[30:] = b[:30]
    drawn = np.random.default_rng(15).multinomial(60, np.full(60, 1 / 60), size=4)
    expected = [frechet_distance(a, np.repeat(b, times, axis=0)) for times in drawn]
    assert frechet_resampled(a, b, drawn) == pytest.approx(np.array(expected), rel=1e-6)


def test_resampled_distances_of_as_many_rows_as_columns():
    """Of a nearly singular matrix, most of whose singular values are far below the largest."""
    scale = 10.0 ** -np.linspace(0, 4, 60)
    a, b = (np.random.default_rng(i).normal(size=(120, 60)) * scale for i in (24, 25))
    drawn = half_samples(120, 4)
    expected = [frechet_distance(a, b[times == 1]) for times in drawn]
    assert frechet_resampled(a, b, drawn) == pytest.approx(np.array(expected), rel=1e-9)


def test_resamples_of_one_row_have_no_covariance():
    a, b = features(16, 10, 3), features(17, 5, 3)
    drawn = np.array([[3, 0, 0, 0, 0]])
    expected = np.square(a.mean(axis=0) - b[0]).sum() + np.trace(np.cov(a, rowvar=False))
    assert frechet_resampled(a, b, drawn) == pytest.approx([expected], rel=1e-12)


@pytest.mark.parametrize(
    ("drawn", "message"),
    [
        (np.ones((2, 4)), r"shape \(R, 5\)"),
        (np.ones(5), r"shape \(R, 5\)"),
        (np.array([[1, 0, 0, 0, 0]]), "two rows"),
        (np.array([[3, -1, 0, 0, 0]]), "at least 0"),
    ],
)
def test_wrong_counts_are_refused(drawn, message):
    with pytest.raises(ValueError, match=message):
        frechet_resampled(features(1, 6, 3), features(2, 5, 3), drawn)


def test_half_samples_are_halves_without_repetition():
    for images_, half in ((10, 5), (11, 5), (2, 1)):
        drawn = half_samples(images_, 300, seed=1)
        assert set(np.unique(drawn)) == {0, 1}
        assert (drawn.sum(axis=1) == half).all()
        assert drawn.mean(axis=0) == pytest.approx(half / images_, abs=0.1)
    assert (half_samples(10, 3, seed=1) == half_samples(10, 3, seed=1)).all()
    assert (half_samples(10, 3, seed=1) != half_samples(10, 3, seed=2)).any()
    with pytest.raises(ValueError, match="two images"):
        half_samples(1, 3)


def test_half_samples_vary_as_the_mean_does():
    values = np.random.default_rng(18).normal(size=200)
    means = half_samples(200, 20_000) @ values / 100
    assert means.std() == pytest.approx(values.std(ddof=1) / np.sqrt(200), rel=0.02)


def test_centred_interval():
    resampled = 7 + np.linspace(-1, 1, 2001)
    assert centred_interval(3.0, resampled) == pytest.approx((2.05, 3.95))
    assert centred_interval(0.5, resampled) == pytest.approx((0, 1.45))
    assert centred_interval(0.5, resampled, lowest=-np.inf) == pytest.approx((-0.45, 1.45))
    for wrong in ([], [1.0, np.nan]):
        with pytest.raises(ValueError, match="finite"):
            centred_interval(3.0, np.array(wrong))


@pytest.mark.parametrize(("n", "d"), [(60, 16), (40, 80)])
def test_interval_holds_the_expected_distance(n, d):
    """Of sets of n images from one distribution, against one reference: nominally 95 %."""
    generator = np.random.default_rng(19)
    scale = np.exp(-np.arange(d) / d * 3)
    reference = generator.normal(size=(n, d)) * scale

    def synthetic() -> np.ndarray:
        drawn: np.ndarray = generator.normal(size=(n, d)) * scale * 1.15 + 0.1 * scale
        return drawn

    expected = np.mean([frechet_distance(reference, synthetic()) for _ in range(200)])
    held, bootstrapped, shifts = 0, [], []
    for _ in range(100):
        stack = synthetic()
        value = frechet_distance(reference, stack)
        resampled = frechet_resampled(reference, stack, half_samples(n, 100))
        low, high = centred_interval(value, resampled)
        shifts.append(resampled.mean() - value)
        held += low <= expected <= high
        drawn = generator.multinomial(n, np.full(n, 1 / n), size=100)
        bootstrapped.append(frechet_resampled(reference, stack, drawn).std() / resampled.std())
    assert 90 <= held <= 100
    assert np.mean(shifts) > 0.3 * (high - low)  # why it has to be centred
    assert np.mean(bootstrapped) > 1.05


def gaussians(seed: int, n: int, d: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Two sets of n rows from Gaussians, and the distance of those."""
    generator = np.random.default_rng(seed)
    scale = np.exp(-np.arange(d) / d * 4)
    a = generator.normal(size=(n, d)) * scale
    b = generator.normal(size=(n, d)) * scale * 1.15 + 0.1 * scale
    return a, b, np.square(0.15 * scale).sum() + np.square(0.1 * scale).sum()


def test_extrapolation_takes_the_bias_away():
    plain, extrapolated = [], []
    for seed in range(20):
        a, b, truth = gaussians(seed, 150, 32)
        plain.append(frechet_distance(a, b) - truth)
        extrapolated.append(frechet_extrapolated(a, b).value - truth)
    assert np.mean(plain) > truth  # more bias than distance
    assert abs(np.mean(extrapolated)) < 0.2 * np.mean(plain)
    assert np.abs(extrapolated).mean() < 0.4 * np.mean(plain)


def test_extrapolation_is_less_biased_even_where_images_are_fewer_than_dimensions():
    a, b, truth = gaussians(20, 60, 200)
    found = frechet_extrapolated(a, b)
    assert truth < found.value < 0.5 * frechet_distance(a, b)
    assert (found.dimension, found.fewest_for_interval) == (200, 400)
    assert np.isnan([found.low, found.high]).all()


def coverage_at_infinity(images: int, d: int, draws: int) -> float:
    """How often the interval of the extrapolated distance holds the true one; nan without one."""
    truth, held = d * (0.3**2 + 0.2**2), []
    for seed in range(draws):
        generator = np.random.default_rng([seed, images, d])
        a = generator.normal(size=(images, d))
        b = 0.3 + 1.2 * generator.normal(size=(images, d))
        sides = [Side(np.zeros((images, 1, 1), np.uint8), made={"own": each}) for each in (a, b)]
        comparison = Comparison(*sides, resamples=50, seed=seed)
        (found,) = distance_at_infinity(comparison, "own")
        if found.bounds == (None, None):
            return np.nan
        held.append(found.bounds[0] <= truth <= found.bounds[1])
    return float(np.mean(held))


def test_the_interval_at_infinity_covers_with_twice_as_many_images_as_features():
    assert coverage_at_infinity(24, 12, 120) > 0.9
    assert np.isnan(coverage_at_infinity(23, 12, 1))


def test_with_fewer_images_than_features_the_interval_at_infinity_would_hardly_ever_cover(
    monkeypatch,
):
    monkeypatch.setattr(Extrapolation, "fewest_for_interval", 0)
    assert coverage_at_infinity(24, 40, 60) < 0.2


def test_extrapolation_is_the_line_through_its_distances():
    from scipy.stats import linregress, t

    a, b, _ = gaussians(21, 50, 20)
    found = frechet_extrapolated(a, b[:40])
    assert not np.isnan(found.low)
    assert np.isnan(frechet_extrapolated(a, b[:39]).low)
    assert found.sizes[0].tolist() == [25, 20]
    assert found.sizes[-1].tolist() == [50, 40]
    assert found.distances[-1] == pytest.approx(frechet_distance(a, b[:40]))
    line = linregress((np.array([50, 40]) / found.sizes).mean(axis=1), found.distances)
    half = t.ppf(0.975, 13) * line.intercept_stderr
    assert found.value == pytest.approx(line.intercept)
    assert (found.low, found.high) == pytest.approx((line.intercept - half, line.intercept + half))
    assert frechet_extrapolated(a, b, seed=1).value == frechet_extrapolated(a, b, seed=1).value
    assert frechet_extrapolated(a, b, seed=1).value != frechet_extrapolated(a, b, seed=2).value


def test_a_set_against_itself_is_extrapolated_to_below_zero():
    a, _, _ = gaussians(24, 100, 20)
    found = frechet_extrapolated(a, a)
    assert found.distances[-1] == pytest.approx(0, abs=1e-12)
    assert found.low < found.value < found.high < 0


def test_extrapolation_of_few_images():
    a, b = features(22, 4, 3), features(23, 4, 3)
    assert frechet_extrapolated(a, b).sizes.min() == 2
    with pytest.raises(ValueError, match="n >= 4"):
        frechet_extrapolated(a, b[:3])


FLAT, VARIED = np.full((6, 4), 2.0), features(26, 6, 4)


@pytest.mark.parametrize(
    ("a", "b"), [(FLAT, FLAT + 1), (FLAT, VARIED), (VARIED, FLAT), (FLAT[:, :1], FLAT[:, :1])]
)
def test_sides_of_equal_rows_have_no_covariance(a, b):
    """All that is left is the distance of the means, and the variance of the side that varies."""

    def by_definition(rows):
        spread = sum(np.trace(np.atleast_2d(np.cov(x, rowvar=False))) for x in (a, rows))
        return np.square(a.mean(axis=0) - rows.mean(axis=0)).sum() + spread

    drawn = np.array([[1, 1, 1, 1, 1, 1], [3, 1, 2, 0, 0, 0]])
    expected = [by_definition(np.repeat(b, times, axis=0)) for times in drawn]
    assert frechet_distance(a, b) == pytest.approx(expected[0], abs=1e-12)
    assert frechet_resampled(a, b, drawn) == pytest.approx(np.array(expected), abs=1e-12)
    found = frechet_extrapolated(a, b)
    assert found.distances[-1] == pytest.approx(expected[0], abs=1e-12)
    if a is not VARIED and b is not VARIED:
        assert (found.low, found.value, found.high) == pytest.approx((expected[0],) * 3)


def test_resampling_images_of_one_pixel():
    """Beside the black around them they have one code, and the other set has another."""
    dark, bright = (lbp_histogram(np.full((4, 1, 1), v, np.uint8)) for v in (0, 9))
    assert frechet_resampled(dark, bright, np.ones((1, 4))) == pytest.approx([2])


def test_extrapolation_is_blind_to_the_order_of_rows():
    a, b, _ = gaussians(27, 40, 6)
    b[10:20] = b[:10]  # copies, which have one place
    expected, shuffled = frechet_extrapolated(a, b), np.random.default_rng(28).permutation(40)
    for found in (frechet_extrapolated(a[shuffled], b), frechet_extrapolated(a, b[::-1])):
        assert (found.distances == expected.distances).all()
        assert found.value == expected.value


def test_extrapolation_draws_other_images_from_each_side():
    """Were they the same of both, a set would lie at 0 from itself in every subset."""
    a = features(29, 40, 3)
    assert (frechet_extrapolated(a, a).distances[:-1] > 1e-3).all()
