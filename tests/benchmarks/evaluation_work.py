"""What is timed of an evaluation: all of it, and its numbers in plain loops over other libraries.

The peers give the values alone: no intervals, no noise floor, no search for copies.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from skimage.feature import local_binary_pattern
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from sklearn.metrics import mutual_info_score
from torch_fidelity.metric_fid import (
    KEY_METRIC_FID,
    fid_features_to_statistics,
    fid_statistics_to_metric,
)
from torch_fidelity.metric_prc import KEY_METRIC_PRECISION, prc_features_to_metric

from miua import evaluate
from miua.metrics.registry import REGISTRY
from tests.benchmarks.work import Array, Peer, Work
from tests.evaluation.measuring import measure_set

Stack = NDArray[np.uint8]
INCEPTION = ("fid", "fid_infinity", "kid", "neighbourhood")
PAIRS = ("mutual_information", "psnr", "ssim")
PART = 20  # images a side that the peer's loops over pairs are timed on


def two_sets() -> tuple[Stack, Stack]:
    """800 smooth images against 800 that are a little smoother, 64 x 64."""
    return smooth(0, 2.0), smooth(1, 2.1)


def smooth(seed: int, blur: float) -> Stack:
    noise = np.random.default_rng(seed).normal(size=(800, 64, 64))
    blurred = gaussian_filter(noise, (0, blur, blur))
    scaled = 128 + 50 * blurred / blurred.std()
    return np.clip(scaled, 0, 255).astype(np.uint8)


def all_but_inception(real: Stack, synthetic: Stack, threads: int) -> Array:
    metrics = [metric for metric in REGISTRY if metric not in INCEPTION]
    records = evaluate(real, synthetic, metrics=metrics, threads=threads).records
    return np.array([record.value for record in records])


def pairs_in_loops(real: Stack, synthetic: Stack) -> Array:
    values = [
        (
            mutual_info_score(a.ravel() // 4, b.ravel() // 4),
            peak_signal_noise_ratio(a, b, data_range=255),
            structural_similarity(a, b, data_range=255),
        )
        for a in real[:PART]
        for b in synthetic[:PART]
    ]
    return np.mean(values, axis=0)


def pairs_agree(theirs: Array, ours: Array) -> bool:
    """Of the part that the peer was timed on."""
    real, synthetic = two_sets()
    records = measure_set(real[:PART], synthetic[:PART], metrics=PAIRS, resamples=0)
    return np.allclose(theirs, [record.value for record in records], rtol=1e-9)


def textures_in_loops(real: Stack, synthetic: Stack) -> Array:
    """The sum of LBPv differences, FD-LBP and precision."""
    counts = [
        np.stack([np.bincount(_codes(image).ravel(), minlength=256) for image in stack])
        for stack in (real, synthetic)
    ]
    features = [torch.from_numpy(each.astype(np.float64)) for each in counts]
    statistics = [fid_features_to_statistics(each) for each in features]
    distance = fid_statistics_to_metric(*statistics, verbose=False)[KEY_METRIC_FID]
    # Here the synthetic images come first.
    found = prc_features_to_metric(*features[::-1], prc_neighborhood=5, verbose=False)
    difference = np.abs(counts[0].mean(axis=0) - counts[1].mean(axis=0)).sum()
    return np.array([difference, distance, found[KEY_METRIC_PRECISION]])


def textures(real: Stack, synthetic: Stack, threads: int) -> Array:
    """The same numbers of ours."""
    metrics = ("lbpv_total_difference", "fd_lbp", "neighbourhood_lbp")
    records = measure_set(real, synthetic, metrics=metrics, resamples=0, threads=threads)
    return np.array([record.value for record in records[:3]])


def textures_agree(theirs: Array, ours: Array) -> bool:
    """scikit-image decides exact ties otherwise, which moves a few counts in a million."""
    return np.allclose(theirs, ours, rtol=1e-3)


def _codes(image: Stack) -> NDArray[np.int64]:
    return local_binary_pattern(image, 8, 1).astype(np.int64)


WORKS = [
    Work(
        "evaluate: all but Inception, 800 against 800",
        two_sets,
        all_but_inception,
        (
            Peer(
                "scikit-learn, scikit-image: MI, PSNR, SSIM alone",
                pairs_in_loops,
                50,
                pairs_agree,
                parts=(800 // PART) ** 2,
            ),
        ),
        at_most=5,
    ),
    Work(
        "LBPv, FD-LBP, precision, 800 against 800",
        two_sets,
        textures,
        (Peer("scikit-image, torch-fidelity", textures_in_loops, 5, textures_agree),),
    ),
]
