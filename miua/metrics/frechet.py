"""Frechet distances: images -> features -> statistics -> number.

The Frechet inception distance (FID) is that of Heusel et al., "GANs trained by a two time-scale
update rule", NeurIPS 2017. The features are those of torch-fidelity's Inception network, layer
'2048', which reproduces the original one. FD-LBP takes each image's 256 LBP counts instead:
texture alone, and no weights to fetch.
"""

from __future__ import annotations

import io
import pickle
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from miua.errors import MissingExtraError, MiuaError
from miua.metrics.inception_weights import InceptionWeights
from miua.metrics.lbp import lbp_histogram
from miua.progress import Progress

LAYER = "2048"
BATCH_SIZE = 32


def frechet_inception_distance(
    reference: NDArray[np.uint8],
    synthetic: NDArray[np.uint8],
    weights: InceptionWeights,
    *,
    device: str | None = None,
) -> float:
    """FID of two stacks (N, H, W) and (M, H, W), each of two images or more; 0 for the same set.

    Parameters and errors are those of `inception_features` and `frechet_distance`.
    """
    network = InceptionNetwork(weights, device)
    return frechet_distance(network.features(reference), network.features(synthetic))


def frechet_lbp_distance(
    reference: NDArray[np.uint8], synthetic: NDArray[np.uint8], *, threads: int = 0
) -> float:
    """Frechet distance of the images' LBP histograms (P=8, R=1), in squared counts; FD-LBP.

    Each stack holds two images or more, all of one size: counts grow with the number of pixels.
    ValueError: fewer. As every Frechet distance it is biased upwards in small sets.
    """
    return frechet_distance(
        lbp_histogram(reference, threads=threads), lbp_histogram(synthetic, threads=threads)
    )


def inception_features(
    stack: NDArray[np.uint8], weights: InceptionWeights, *, device: str | None = None
) -> NDArray[np.float32]:
    """Inception features (N, 2048) of grey images (N, H, W), each repeated to three channels.

    device: where the network runs; None takes the GPU if torch sees one, else the CPU.
    MissingExtraError: torch or torch-fidelity is not installed. MiuaError: the weights do not
    fit the network. TypeError or ValueError: the stack is none.
    """
    return InceptionNetwork(weights, device).features(stack)


class InceptionNetwork:
    """torch-fidelity's Inception network with the given weights, ready to measure stacks."""

    def __init__(self, weights: InceptionWeights, device: str | None = None) -> None:
        self._torch = _import_torch()
        self._device = device or ("cuda" if self._torch.cuda.is_available() else "cpu")
        self._network = _load(self._torch, weights).to(self._device)

    def features(
        self, stack: NDArray[np.uint8], *, batch_size: int = BATCH_SIZE
    ) -> NDArray[np.float32]:
        """Features as `inception_features` describes them, `batch_size` images at a time."""
        if not isinstance(stack, np.ndarray) or stack.dtype != np.uint8:
            raise TypeError("stack must be a numpy array of dtype uint8")
        if stack.ndim != 3 or stack.size == 0:
            raise ValueError(f"stack must have the shape (N, H, W) and images, not {stack.shape}")
        features = np.empty((len(stack), int(LAYER)), dtype=np.float32)
        with (
            self._torch.inference_mode(),
            Progress("Inception features", len(stack), "images") as shown,
        ):
            for start in range(0, len(stack), batch_size):
                batch = stack[start : start + batch_size]
                grey = self._torch.from_numpy(batch.copy()).to(self._device)
                (found,) = self._network(grey[:, None].expand(-1, 3, -1, -1))
                features[start : start + batch_size] = found.cpu().numpy()
                shown.advance(len(batch))
        return features


def _load(torch: Any, weights: InceptionWeights) -> Any:
    try:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    except ImportError:
        raise MissingExtraError("FID", "torch-fidelity") from None
    try:
        # weights_only: the file is read as tensors, never as code. torch-fidelity reads without
        # that guard, so it is handed a file in memory that was written from those tensors.
        state = torch.load(weights.path, map_location="cpu", weights_only=True)
        clean = io.BytesIO()
        torch.save(state, clean)
        clean.seek(0)
        return FeatureExtractorInceptionV3(
            "inception-v3-compat", [LAYER], feature_extractor_weights_path=clean
        )
    except (RuntimeError, pickle.UnpicklingError, EOFError, TypeError, AttributeError) as error:
        raise MiuaError(
            f"{weights.path} does not hold the weights of torch-fidelity's Inception network. "
            "Get the published file with `miua fetch inception`."
        ) from error


def _import_torch() -> Any:
    try:
        import torch
    except ImportError:
        raise MissingExtraError("FID", "torch") from None
    return torch


@dataclass(frozen=True)
class FeatureStatistics:
    """Mean (d,) and a root of the covariance: a matrix (r, d) whose root.T @ root is it.

    The covariance is the unbiased one, as in the original code.
    """

    mean: NDArray[np.float64]
    root: NDArray[np.float64]


def feature_statistics(features: NDArray[Any]) -> FeatureStatistics:
    """Statistics in float64 of features (n, d), n >= 2; ValueError otherwise."""
    features = np.asarray(features, dtype=np.float64)
    if features.ndim != 2 or len(features) < 2:
        raise ValueError(f"features must have the shape (n, d) with n >= 2, not {features.shape}")
    if not np.isfinite(features).all():
        raise ValueError("features must be finite")
    mean = features.mean(axis=0)
    root = (features - mean) / np.sqrt(len(features) - 1)
    if len(root) > root.shape[1]:
        root = np.linalg.qr(root, mode="r")  # the same root.T @ root in fewer rows
    return FeatureStatistics(mean, root)


def frechet_distance(features_a: NDArray[Any], features_b: NDArray[Any]) -> float:
    """Frechet distance of the Gaussians fitted to features (n, d) and (m, d), in float64.

    |mean_a - mean_b|^2 + Tr(Sigma_a) + Tr(Sigma_b) - 2 Tr (Sigma_a Sigma_b)^(1/2). With
    Sigma = root.T @ root the last trace is the nuclear norm of root_a @ root_b.T, whose size is
    that of the sets and not of the features, and which needs no root of a singular matrix.
    ValueError: fewer than two rows, values that are not finite, or unequal d.
    """
    a, b = feature_statistics(features_a), feature_statistics(features_b)
    if a.mean.shape != b.mean.shape:
        raise ValueError(
            f"features_a and features_b must have equally many columns, not {a.mean.size} "
            f"and {b.mean.size}"
        )
    difference = a.mean - b.mean
    cross = np.linalg.norm(a.root @ b.root.T, ord="nuc")
    distance = difference @ difference + np.sum(a.root**2) + np.sum(b.root**2) - 2 * cross
    return max(0.0, float(distance))  # rounding may leave a hair below zero for equal sets
