import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from miua.metrics import neighbourhood
from miua.metrics.neighbourhood import shares
from tests.benchmarks.interval_coverage import in_features

# The function of the same name hides the module as an attribute of the package.
MODULE = sys.modules["miua.metrics.neighbourhood"]


def features(seed: int, n: int, d: int, scale: float = 1.0, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d)) * scale + shift


def by_definition(real, synthetic, k):
    """Of each image, with distances as they are."""
    across = np.linalg.norm(real[:, None] - synthetic[None], axis=2)

    def radii(stack):
        return np.sort(np.linalg.norm(stack[:, None] - stack[None], axis=2), axis=1)[:, k]

    in_real, in_synthetic = across <= radii(real)[:, None], across <= radii(synthetic)[None]
    return (
        in_real.any(axis=0),
        in_synthetic.any(axis=1),
        in_real.sum(axis=0) / k,
        in_real.any(axis=1),
    )


@pytest.mark.parametrize("block_bytes", [8, 8 * 40 * 7, 2**20])
@pytest.mark.parametrize("k", [1, 3, 5])
def test_each_image_is_counted_as_defined(k, block_bytes, monkeypatch):
    monkeypatch.setattr(MODULE, "BLOCK_BYTES", block_bytes)
    real, synthetic = features(1, 50, 6), features(2, 40, 6, 0.8, 0.4)
    found = neighbourhood(real, synthetic, k=k)
    expected = by_definition(real, synthetic, k)
    names = ("precision", "recall", "density", "coverage")
    for name, values in zip(names, expected, strict=True):
        assert getattr(found, name).tolist() == values.tolist(), name
        assert 0 < values.mean() < 1 or name == "density"


@pytest.mark.parametrize(("n", "m"), [(60, 80), (80, 60)])
def test_precision_and_recall_are_those_of_torch_fidelity(n, m):
    import torch
    from torch_fidelity.metric_prc import prc_features_to_metric

    real, synthetic = features(3, n, 16), features(4, m, 16, 0.9, 0.1)
    expected = prc_features_to_metric(
        torch.from_numpy(synthetic),
        torch.from_numpy(real),
        prc_neighborhood=3,
        prc_batch_size=10,
        save_cpu_ram=False,
        verbose=False,
    )
    found = neighbourhood(real, synthetic, k=3)
    assert found.precision.mean() == pytest.approx(expected["precision"], rel=1e-6)
    assert found.recall.mean() == pytest.approx(expected["recall"], rel=1e-6)
    assert 0.1 < found.recall.mean() < 0.9


def test_sets_that_are_alike():
    """Naeem et al.: density has the mean 1, coverage 1 - (1/2)^k or so."""
    found = neighbourhood(features(5, 500, 4), features(6, 500, 4), k=5)
    assert found.density.mean() == pytest.approx(1, abs=0.1)
    assert found.coverage.mean() == pytest.approx(1 - 0.5**5, abs=0.03)


def test_sets_that_are_far_apart():
    found = neighbourhood(features(7, 20, 3), features(8, 30, 3, shift=100))
    for values in (found.precision, found.recall, found.density, found.coverage):
        assert not values.any()


def test_a_collapsed_set_is_true_to_the_real_one_without_its_variety():
    real = features(9, 50, 4)
    synthetic = real[:1] + features(10, 30, 4, 1e-3)
    found = neighbourhood(real, synthetic)
    assert found.precision.mean() == 1
    assert found.recall.mean() < 0.05
    assert found.coverage.mean() < 0.3


@given(seed=st.integers(0, 10**6), k=st.integers(1, 4), shift=st.sampled_from([0.0, 1e3]))
def test_a_set_against_its_copy_in_another_order(seed, k, shift):
    """Radii are distances to copies here: they lie on the border, which belongs to the ball."""
    generator = np.random.default_rng(seed)
    real = generator.normal(size=(23, 7)) + shift
    synthetic = real[generator.permutation(23)]
    found = neighbourhood(real, synthetic, k=k)
    assert found.precision.all()
    assert found.recall.all()
    assert found.coverage.all()
    # Each ball holds its centre and k others.
    assert round(found.density.sum() * k, 6) == 23 * (k + 1)


@given(seed=st.integers(0, 10**6), shift=st.sampled_from([0.0, 1e3]))
def test_radii_of_copies_are_zero_and_hold_further_copies(seed, shift):
    different = np.random.default_rng(seed).normal(size=(6, 50)) + shift
    found = neighbourhood(np.repeat(different, 4, axis=0), np.tile(different, (4, 1)), k=3)
    assert found.precision.all()
    assert found.recall.all()
    assert found.coverage.all()
    assert found.density == pytest.approx(np.full(24, 4 / 3))


def test_images_that_are_all_the_same():
    same = np.full((6, 3), 0.1)
    found = neighbourhood(same, same[:4], k=3)
    assert found.precision.all()
    assert found.recall.all()
    assert found.density.tolist() == [2, 2, 2, 2]


@pytest.mark.parametrize(
    ("real", "synthetic", "k", "message"),
    [
        (np.zeros((5, 3)), np.zeros((6, 3)), 5, "features_real must .* n >= 6"),
        (np.zeros((6, 3)), np.zeros((5, 3)), 5, "features_synthetic must"),
        (np.zeros((6, 3)), np.zeros((6, 3)), 0, "k must be at least 1"),
        (np.zeros((6, 3)), np.zeros(6), 1, "shape"),
        (np.zeros((6, 3)), np.zeros((6, 4)), 1, "equally many columns"),
        (np.full((6, 3), np.inf), np.zeros((6, 3)), 1, "finite"),
        (np.full((6, 3), 1e154), np.zeros((6, 3)), 1, "must not exceed 1e\\+40"),
        (np.zeros((6, 0)), np.zeros((6, 0)), 1, "d >= 1"),
    ],
)
def test_wrong_features_are_refused(real, synthetic, k, message):
    with pytest.raises(ValueError, match=message):
        neighbourhood(real, synthetic, k=k)


@pytest.mark.parametrize("exponent", [-600, -70, 0, 60, 120])
def test_the_scale_of_the_features_changes_nothing(exponent):
    real, synthetic = features(11, 40, 5), features(12, 50, 5, 0.9)
    found = neighbourhood(np.ldexp(real, exponent), np.ldexp(synthetic, exponent))
    expected = neighbourhood(real, synthetic)
    for name in ("precision", "recall", "density", "coverage"):
        assert getattr(found, name).tolist() == getattr(expected, name).tolist(), name


def test_clusters_far_from_each_other_keep_their_own_small_distances():
    """Scalar products of such rows have lost them."""
    far = np.repeat([[0.0], [1e8]], 50, axis=0)
    real, synthetic = features(13, 100, 4) + far, features(14, 100, 4) + far
    found = neighbourhood(real, synthetic, k=3)
    for name, values in zip(
        ("precision", "recall", "density", "coverage"),
        by_definition(real, synthetic, 3),
        strict=True,
    ):
        assert getattr(found, name).tolist() == values.tolist(), name
    assert found.precision.mean() < 1


@pytest.mark.parametrize("kind", ["alike", "half outside"])
@pytest.mark.parametrize(("real", "synthetic"), [(25, 40), (40, 25)])
def test_intervals_cover_another_draw_as_often_as_they_say(kind, real, synthetic):
    rows = {row.what: row for row in in_features(kind, real, synthetic, 60, (shares,))}
    assert rows["recall"].shown == rows["coverage"].shown == 0
    assert rows["precision"].shown == 1
    assert rows["precision"].coverage >= 0.95 - 2 * 0.014  # two deviations of 240 draws
    assert 0.92 <= rows["density"].coverage <= 0.99


def test_precision_of_1_keeps_the_interval_of_a_share():
    """A bootstrap of images that are all inside would say 1 to 1."""
    from miua.metrics.comparison import Comparison, Side

    real = features(15, 20, 3)
    blank = np.zeros((20, 1, 1), np.uint8)
    sides = [Side(blank, made={"own": each}) for each in (real, real[::-1])]
    precision, recall, density, coverage = shares(Comparison(*sides, resamples=50), "own")
    assert precision.value == 1
    assert precision.bounds == pytest.approx((0.025 ** (1 / 20), 1))
    assert density.bounds[0] < density.value < density.bounds[1]
    for each in (recall, coverage):
        assert each.bounds == (None, None)
        assert "no interval: another draw" in each.definition
    for each in shares(Comparison(*sides, resamples=0), "own"):
        assert each.bounds == (None, None)
        assert "interval" not in each.definition
