"""What is timed: each kernel's work, and the same work by its peers.

Inputs are noise, where ties, the only places where a peer may decide otherwise, are rare or absent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import mahotas.features
import numpy as np
from numpy.typing import NDArray
from skimage.feature import local_binary_pattern
from skimage.metrics import structural_similarity as scikit_image_similarity
from sklearn.metrics import mutual_info_score

from miua.metrics import (
    lbp_histogram,
    mutual_information,
    mutual_information_all_pairs,
    structural_similarity,
    structural_similarity_all_pairs,
)
from miua.metrics.lbp import Method

Array = NDArray[Any]
THREADS = 2  # ours; the targets are for two cores


@dataclass(frozen=True)
class Peer:
    """Another library's way to do a work, of whose time ours shall be a small part.

    at_least: how many times faster ours shall be. agree: whether its result is ours. parts: it does
    one part of so many equal parts of the work, and its time is extrapolated.
    """

    library: str
    call: Callable[..., Array]
    at_least: float
    agree: Callable[[Array, Array], bool]
    parts: int = 1


@dataclass(frozen=True)
class Work:
    """One work on inputs(); at_most: the seconds that ours may take, if there is such a limit."""

    name: str
    inputs: Callable[[], tuple[Array, ...]]
    ours: Callable[..., Array]
    peers: tuple[Peer, ...]
    at_most: float | None = None


def noise(*shape: int) -> tuple[Array]:
    return (np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8),)


def noisy_pairs() -> tuple[Array, Array]:
    (a,) = noise(800, 64, 64)
    b = np.clip(a + np.random.default_rng(1).normal(0, 30, a.shape), 0, 255)
    return a, b.astype(np.uint8)


def scikit_image(P: int, R: float, method: Method, labels: int) -> Callable[[Array], Array]:
    def histograms(stack: Array) -> Array:
        codes = (local_binary_pattern(image, P, R, method).astype(np.int64) for image in stack)
        return np.stack([np.bincount(each.ravel(), minlength=labels) for each in codes])

    return histograms


def mahotas_histograms(stack: Array) -> Array:
    return np.stack([mahotas.features.lbp(image, 1, 8) for image in stack])


def scikit_learn(a: Array, b: Array) -> Array:
    return np.array(
        [mutual_info_score(x.ravel() // 4, y.ravel() // 4) for x, y in zip(a, b, strict=True)]
    )


def opencv(a: Array, b: Array) -> Array:
    # Entropies of 64 histograms at a time: the fastest of the sizes tried.
    blocks = range(0, len(a), 64)
    return np.concatenate([opencv_block(a[i : i + 64], b[i : i + 64]) for i in blocks])


def opencv_block(a: Array, b: Array) -> Array:
    counts = [
        cv2.calcHist([x, y], [0, 1], None, [64, 64], [0, 256, 0, 256])
        for x, y in zip(a, b, strict=True)
    ]
    joint = np.stack(counts).astype(np.float64) / a[0].size

    def entropy(p: Array) -> Array:
        logarithm = np.log(p, out=np.zeros_like(p), where=p > 0)
        return -(p * logarithm).reshape(len(p), -1).sum(axis=1)

    return entropy(joint.sum(axis=1)) + entropy(joint.sum(axis=2)) - entropy(joint)


def opencv_20_rows(a: Array, b: Array) -> Array:
    return np.stack([opencv(np.broadcast_to(image, b.shape), b) for image in a[:20]])


def similarities(a: Array, b: Array) -> Array:
    pairs = zip(a, b, strict=True)
    return np.array([scikit_image_similarity(x, y, data_range=255) for x, y in pairs])


def similarities_of_one_row(a: Array, b: Array) -> Array:
    return similarities(np.broadcast_to(a[0], b.shape), b)[None]


def equal(peer: Array, ours: Array) -> bool:
    return np.array_equal(peer, ours)


def equal_but_for_ties(peer: Array, ours: Array) -> bool:
    """21 million pixels of noise hold about a hundred ties that the peer decides otherwise."""
    return bool(np.abs(peer - ours).sum() / 2 < 1e-5 * ours.sum())


def equally_many(peer: Array, ours: Array) -> bool:
    """mahotas follows another definition (`miua conformance`): only its pixels are counted."""
    return np.array_equal(peer.sum(axis=1), ours.sum(axis=1))


def close(peer: Array, ours: Array) -> bool:
    return np.allclose(peer, ours[: len(peer)], rtol=0, atol=1e-12)


def close_in_float32(peer: Array, ours: Array) -> bool:
    """Ours takes each window in float32; the mean of many is nearer than one."""
    return np.allclose(peer, ours[: len(peer)], rtol=0, atol=1e-7)


def lbp(P: int, R: float, method: Method) -> Callable[..., Array]:
    def histograms(stack: Array, threads: int) -> Array:
        return lbp_histogram(stack, P, R, method, threads=threads)

    return histograms


PLAIN = scikit_image(8, 1, "default", 256)
WORKS = [
    Work(
        "LBP(8, 1), 800 of 64x64",
        lambda: noise(800, 64, 64),
        lbp(8, 1, "default"),
        (Peer("scikit-image", PLAIN, 200, equal),),
    ),
    Work(
        "LBP(8, 1), 50 of 800x540",
        lambda: noise(50, 540, 800),
        lbp(8, 1, "default"),
        (Peer("scikit-image", PLAIN, 200, equal_but_for_ties),),
    ),
    Work(
        "LBP(24, 3) uniform, 800 of 64x64",
        lambda: noise(800, 64, 64),
        lbp(24, 3, "uniform"),
        (Peer("scikit-image", scikit_image(24, 3, "uniform", 26), 20, equal),),
    ),
    Work(
        "LBP(8, 1) ror, 800 of 64x64",
        lambda: noise(800, 64, 64),
        lbp(8, 1, "ror"),
        (Peer("mahotas", mahotas_histograms, 100, equally_many),),
    ),
    Work(
        "MI, 800 pairs of 64x64",
        noisy_pairs,
        mutual_information,
        (Peer("OpenCV", opencv, 5, close), Peer("scikit-learn", scikit_learn, 300, close)),
    ),
    Work(
        "MI, 800 x 800 pairs of 64x64",
        noisy_pairs,
        mutual_information_all_pairs,
        (Peer("OpenCV", opencv_20_rows, 10, close, parts=40),),
        at_most=1.5,
    ),
    Work(
        "SSIM, 800 pairs of 64x64",
        noisy_pairs,
        structural_similarity,
        (Peer("scikit-image", similarities, 25, close_in_float32),),
    ),
    Work(
        "SSIM, 800 x 800 pairs of 64x64",
        noisy_pairs,
        structural_similarity_all_pairs,
        (Peer("scikit-image", similarities_of_one_row, 60, close_in_float32, parts=800),),
        at_most=2,
    ),
    Work(
        "LBP(8, 1), one of 64x64",
        lambda: noise(1, 64, 64),
        lbp(8, 1, "default"),
        (Peer("scikit-image", PLAIN, 30, equal),),
    ),
    Work(
        "LBP(8, 1), one pixel: the call",
        lambda: noise(1, 1, 1),
        lbp(8, 1, "default"),
        (),
        at_most=10e-6,
    ),
]
