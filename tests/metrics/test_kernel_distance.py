import sys
from itertools import permutations, product

import numpy as np
import pytest

from miua.metrics import (
    frechet_distance,
    half_samples,
    kernel_distance,
    kernel_distance_resampled,
    kernel_distance_subsets,
)

# The function of the same name hides the module as an attribute of the package.
MODULE = sys.modules["miua.metrics.kernel_distance"]


def features(seed: int, n: int, d: int, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d)) + shift


def by_definition(a, b, degree=3, gamma=None, coef0=1.0):
    gamma = gamma or 1 / a.shape[1]

    def kernel(x, y):
        return (gamma * x @ y + coef0) ** degree

    within_a = np.mean([kernel(x, y) for x, y in permutations(a, 2)])
    within_b = np.mean([kernel(x, y) for x, y in permutations(b, 2)])
    return within_a + within_b - 2 * np.mean([kernel(x, y) for x, y in product(a, b)])


@pytest.mark.parametrize("block_bytes", [8, 8 * 9 * 2, 2**20])
def test_distance_is_that_of_the_definition(block_bytes, monkeypatch):
    monkeypatch.setattr(MODULE, "BLOCK_BYTES", block_bytes)
    a, b = features(1, 7, 4), features(2, 9, 4, 0.5)
    assert kernel_distance(a, b) == pytest.approx(by_definition(a, b), rel=1e-12)
    other = {"degree": 2, "gamma": 0.7, "coef0": 0.3}
    assert kernel_distance(a, b, **other) == pytest.approx(by_definition(a, b, **other), rel=1e-12)
    assert kernel_distance(b, a) == pytest.approx(kernel_distance(a, b), rel=1e-12)
    assert kernel_distance(a[::-1], b) == pytest.approx(kernel_distance(a, b), rel=1e-12)


def test_distance_is_unbiased_on_gaussians():
    """The kernel's expectation follows from the moments of two independent normal variables."""

    def expected_kernel(m, n):
        return 1 + 3 * m * n + 3 * (1 + m**2) * (1 + n**2) + (m**3 + 3 * m) * (n**3 + 3 * n)

    shift = 0.5
    truth = expected_kernel(0, 0) + expected_kernel(shift, shift) - 2 * expected_kernel(0, shift)
    found = [
        kernel_distance(features(2 * i, 20, 1), features(2 * i + 1, 30, 1, shift))
        for i in range(3000)
    ]
    error = np.std(found) / np.sqrt(len(found))
    assert np.mean(found) == pytest.approx(truth, abs=4 * error)
    assert error < 0.05 * truth


def test_distance_of_sets_of_one_kind_is_about_zero_on_both_sides():
    found = [kernel_distance(features(2 * i, 10, 5), features(2 * i + 1, 10, 5)) for i in range(50)]
    assert min(found) < 0 < max(found)


@pytest.mark.parametrize(("n", "m", "size"), [(40, 40, 40), (40, 60, 25), (60, 40, 25)])
def test_subsets_are_those_of_torch_fidelity(n, m, size):
    import torch
    from torch_fidelity.metric_kid import kid_features_to_metric

    a, b = features(3, n, 16), features(4, m, 16, 0.3)
    expected = kid_features_to_metric(
        torch.from_numpy(a),
        torch.from_numpy(b),
        kid_subsets=7,
        kid_subset_size=size,
        rng_seed=2020,
        verbose=False,
    )
    found = kernel_distance_subsets(a, b, subsets=7, subset_size=size)
    assert found.shape == (7,)
    assert found.mean() == pytest.approx(expected["kernel_inception_distance_mean"], rel=1e-9)
    deviation = expected["kernel_inception_distance_std"]
    assert found.std() == pytest.approx(deviation, rel=1e-6, abs=1e-12)
    if n == m == size:
        assert found == pytest.approx(kernel_distance(a, b), rel=1e-9)


def test_subsets_follow_their_seed():
    a, b = features(5, 20, 3), features(6, 20, 3)
    first, again, other = (
        kernel_distance_subsets(a, b, subsets=3, subset_size=10, seed=seed) for seed in (1, 1, 2)
    )
    assert (first == again).all()
    assert (first != other).all()
    for size in (1, 21):
        with pytest.raises(ValueError, match="from 2 to the number of rows, 20"):
            kernel_distance_subsets(a, b, subset_size=size)


@pytest.mark.parametrize("block_bytes", [8 * 9, 2**20])
def test_resampled_distances_leave_copies_out(block_bytes, monkeypatch):
    monkeypatch.setattr(MODULE, "BLOCK_BYTES", block_bytes)
    a, b = features(7, 6, 4), features(8, 9, 4, 0.4)
    drawn = np.random.default_rng(9).multinomial(9, np.full(9, 1 / 9), size=4)
    drawn[3] = 1
    found = kernel_distance_resampled(a, b, drawn)

    def kernel(x, y):
        return (x @ y / 4 + 1) ** 3

    for times, distance in zip(drawn, found, strict=True):
        rows = np.repeat(np.arange(9), times)
        within_a = np.mean([kernel(x, y) for x, y in permutations(a, 2)])
        within_b = np.mean([kernel(b[i], b[j]) for i, j in product(rows, rows) if i != j])
        between = np.mean([kernel(x, b[j]) for x, j in product(a, rows)])
        assert distance == pytest.approx(within_a + within_b - 2 * between, rel=1e-12)
    assert found[3] == pytest.approx(kernel_distance(a, b), rel=1e-12)


def test_resampling_leaves_the_distance_where_it_is():
    """Had copies been paired, the resamples would lie above it."""
    a, b = features(10, 30, 8), features(11, 30, 8, 0.2)
    drawn = np.random.default_rng(12).multinomial(30, np.full(30, 1 / 30), size=4000)
    for counts in (drawn, half_samples(30, 4000)):
        found = kernel_distance_resampled(a, b, counts)
        error = found.std() / np.sqrt(len(found))
        assert found.mean() == pytest.approx(kernel_distance(a, b), abs=4 * error)


def test_a_resample_of_one_image_alone_has_no_pairs():
    a, b = features(13, 5, 3), features(14, 4, 3)
    found = kernel_distance_resampled(a, b, np.array([[4, 0, 0, 0], [3, 1, 0, 0]]))
    assert np.isnan(found).tolist() == [True, False]


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (np.zeros((1, 3)), np.zeros((5, 3)), "n >= 2"),
        (np.zeros((5, 3)), np.zeros(5), "n >= 2"),
        (np.zeros((5, 3)), np.zeros((5, 4)), "equally many columns"),
        (np.zeros((5, 3)), np.full((5, 3), np.nan), "finite"),
        (np.zeros((5, 0)), np.zeros((5, 0)), "d >= 1"),
        (np.zeros((5, 3)), np.full((5, 3), 1e52), "features_b must not exceed"),
    ],
)
def test_wrong_features_are_refused(a, b, message):
    with pytest.raises(ValueError, match=message):
        kernel_distance(a, b)


def test_resampling_needs_no_second_table_as_large_as_the_draw(monkeypatch):
    import tracemalloc

    monkeypatch.setattr(MODULE, "BLOCK_BYTES", 2**19)
    a, b = features(15, 20, 2), features(16, 1500, 2)
    drawn = np.random.default_rng(17).multinomial(1500, np.full(1500, 1 / 1500), size=1000)
    drawn = drawn.astype(np.float64)
    tracemalloc.start()
    found = kernel_distance_resampled(a, b, drawn)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 0.75 * drawn.nbytes
    monkeypatch.setattr(MODULE, "BLOCK_BYTES", 2**30)
    assert kernel_distance_resampled(a, b, drawn) == pytest.approx(found, rel=1e-9, abs=1e-12)


def test_the_largest_features_have_finite_distances():
    a, b = (np.random.default_rng(seed).uniform(-1e40, 1e40, (500, 8)) for seed in (1, 2))
    assert np.isfinite(kernel_distance(a, b))
    assert frechet_distance(a, b) == pytest.approx(1e80 * frechet_distance(a / 1e40, b / 1e40))
