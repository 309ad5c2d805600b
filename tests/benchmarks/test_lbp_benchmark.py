"""LBP histograms against scikit-image: `pytest tests/benchmarks --benchmark-enable`."""

import numpy as np
import pytest
from skimage.feature import local_binary_pattern

from miua.metrics import lbp_histogram


def images() -> np.ndarray:
    # Noise: exact ties, the only place where the peer may differ, do not occur in these images.
    return np.random.default_rng(0).integers(0, 256, (50, 64, 64), dtype=np.uint8)


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
