"""Mutual information against scikit-learn and OpenCV, 64 bins.

pytest tests/benchmarks --benchmark-enable
"""

import cv2
import numpy as np
import pytest
from sklearn.metrics import mutual_info_score

from miua.metrics import mutual_information, mutual_information_all_pairs

PAIRS = pytest.mark.benchmark(group="mutual information, 800 pairs of 64 x 64")
ALL_PAIRS = pytest.mark.benchmark(group="mutual information, 20 x 20 pairs of 64 x 64")


def images(n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    a = rng.integers(0, 256, (n, 64, 64), dtype=np.uint8)
    return a, np.clip(a + rng.normal(0, 30, a.shape), 0, 255).astype(np.uint8)


def scikit_learn(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.array(
        [mutual_info_score(x.ravel() // 4, y.ravel() // 4) for x, y in zip(a, b, strict=True)]
    )


def opencv(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    counts = np.stack(
        [
            cv2.calcHist([x, y], [0, 1], None, [64, 64], [0, 256, 0, 256])
            for x, y in zip(a, b, strict=True)
        ]
    ).astype(np.float64)

    def entropy(p: np.ndarray) -> np.ndarray:
        logarithm = np.log(p, out=np.zeros_like(p), where=p > 0)
        return -(p * logarithm).reshape(len(p), -1).sum(axis=1)

    joint = counts / counts[0].sum()
    return entropy(joint.sum(axis=1)) + entropy(joint.sum(axis=2)) - entropy(joint)


def opencv_all_pairs(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.stack([opencv(np.repeat(x[None], len(b), axis=0), b) for x in a])


@PAIRS
@pytest.mark.parametrize("threads", [1, 2])
def test_miua(benchmark, threads):
    a, b = images(800)
    found = benchmark(mutual_information, a, b, threads=threads)
    assert found == pytest.approx(scikit_learn(a, b), abs=1e-12)


@PAIRS
@pytest.mark.parametrize("peer", [scikit_learn, opencv])
def test_peer(benchmark, peer):
    a, b = images(800)
    found = benchmark(peer, a, b)
    assert found == pytest.approx(mutual_information(a, b), abs=1e-12)


@ALL_PAIRS
@pytest.mark.parametrize("threads", [1, 2])
def test_miua_all_pairs(benchmark, threads):
    a, b = images(20)
    found = benchmark(mutual_information_all_pairs, a, b, threads=threads)
    assert found == pytest.approx(opencv_all_pairs(a, b), abs=1e-12)


@ALL_PAIRS
def test_opencv_all_pairs(benchmark):
    a, b = images(20)
    found = benchmark(opencv_all_pairs, a, b)
    assert found == pytest.approx(mutual_information_all_pairs(a, b), abs=1e-12)


@pytest.mark.benchmark(group="mutual information, 800 x 800 pairs of 64 x 64")
@pytest.mark.parametrize("threads", [1, 2])
def test_miua_800_by_800(benchmark, threads):
    a, b = images(800)
    found = benchmark.pedantic(
        mutual_information_all_pairs, (a, b), {"threads": threads}, rounds=2, warmup_rounds=1
    )
    assert np.array_equal(np.diag(found), mutual_information(a, b))
