"""LBP histograms against scikit-image: `pytest tests/benchmarks --benchmark-enable`."""

import mahotas.features
import numpy as np
import pytest
from skimage.feature import local_binary_pattern

from miua.metrics import lbp_histogram


def images() -> np.ndarray:
    # Noise: exact ties, the only place where the peer may differ, do not occur in these images.
    return np.random.default_rng(0).integers(0, 256, (800, 64, 64), dtype=np.uint8)


def peer(stack: np.ndarray, P: int, R: float, method: str, labels: int) -> np.ndarray:
    return np.stack(
        [
            np.bincount(
                local_binary_pattern(image, P, R, method).astype(np.int64).ravel(),
                minlength=labels,
            )
            for image in stack
        ]
    )


PATTERNS = [
    pytest.param(8, 1.0, "default", 256, marks=pytest.mark.benchmark(group="lbp default P=8 R=1")),
    pytest.param(24, 3.0, "uniform", 26, marks=pytest.mark.benchmark(group="lbp uniform P=24 R=3")),
]


@pytest.mark.parametrize(("P", "R", "method", "labels"), PATTERNS)
@pytest.mark.parametrize("threads", [1, 2])
def test_miua(benchmark, P, R, method, labels, threads):
    stack = images()
    found = benchmark(lbp_histogram, stack, P, R, method, threads=threads)
    assert np.array_equal(found, peer(stack, P, R, method, labels))


@pytest.mark.parametrize(("P", "R", "method", "labels"), PATTERNS)
def test_scikit_image(benchmark, P, R, method, labels):
    stack = images()
    found = benchmark(peer, stack, P, R, method, labels)
    assert np.array_equal(found, lbp_histogram(stack, P, R, method))


RING = pytest.mark.benchmark(group="lbp rotation-invariant P=8 R=1")


@RING
@pytest.mark.parametrize("threads", [1, 2])
def test_miua_rotation_invariant(benchmark, threads):
    stack = images()
    found = benchmark(lbp_histogram, stack, 8, 1.0, "ror", threads=threads)
    assert np.array_equal(found, peer(stack, 8, 1.0, "ror", 256))


@RING
def test_mahotas(benchmark):
    # Its codes follow another definition (`miua conformance`), so only their number is compared.
    stack = images()
    found = benchmark(lambda: [mahotas.features.lbp(image, 1, 8) for image in stack])
    assert all(histogram.sum() == 64 * 64 for histogram in found)


LARGE = pytest.mark.benchmark(group="lbp default P=8 R=1, 800 x 540")


def large_images() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (50, 540, 800), dtype=np.uint8)


@LARGE
@pytest.mark.parametrize("threads", [1, 2])
def test_miua_large(benchmark, threads):
    found = benchmark(lbp_histogram, large_images(), threads=threads)
    assert (found.sum(axis=1) == 540 * 800).all()


@LARGE
def test_scikit_image_large(benchmark):
    stack = large_images()
    found = benchmark.pedantic(peer, (stack, 8, 1.0, "default", 256), rounds=2)
    # In 21 million pixels of noise there are about a hundred ties that the peer decides otherwise.
    assert np.abs(found - lbp_histogram(stack)).sum() / 2 < 1e-5 * stack.size


ONE = pytest.mark.benchmark(group="lbp default P=8 R=1, one image of 64 x 64")


@ONE
def test_miua_one(benchmark):
    stack = images()[:1]
    assert np.array_equal(benchmark(lbp_histogram, stack), peer(stack, 8, 1.0, "default", 256))


@ONE
def test_scikit_image_one(benchmark):
    stack = images()[:1]
    assert np.array_equal(benchmark(peer, stack, 8, 1.0, "default", 256), lbp_histogram(stack))


@pytest.mark.benchmark(group="call overhead: one image of 1 x 1")
def test_miua_call_overhead(benchmark):
    assert benchmark(lbp_histogram, np.zeros((1, 1, 1), np.uint8)).sum() == 1
