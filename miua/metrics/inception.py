"""torch-fidelity's Inception network, the reference extractor of FID and KID: TensorFlow's network
of 2015-12-05 with its resizing to 299 x 299 pixels."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from miua.errors import MissingExtraError, MiuaError
from miua.metrics.extractors import (
    check_stack,
    default_device,
    features_in_batches,
    require_packages,
)
from miua.metrics.inception_weights import InceptionWeights
from miua.metrics.stacks import Grey

Layer = Literal["64", "192", "768", "2048"]
LAYER: Layer = "2048"

# On a CPU a few images at a time stay in its caches.
BATCH_SIZE_CPU, BATCH_SIZE_GPU = 8, 32


def inception_features(
    stack: Grey, weights: InceptionWeights, *, layer: Layer = LAYER, device: str | None = None
) -> NDArray[np.float32]:
    """Inception features (N, int(layer)) of grey images (N, H, W), each repeated to three channels.

    Parameters and errors are those of `InceptionNetwork`; TypeError or ValueError: no image stack.
    """
    return InceptionNetwork(weights, device, layer=layer).features(stack)


class InceptionNetwork:
    """torch-fidelity's Inception network with the given weights, loaded on its first use.

    device: where the network runs; None takes the GPU if torch sees one, else the CPU. layer:
    which of the features that torch-fidelity offers, by their number: '2048' is that of the
    published FIDs, the others are the means of earlier layers over the image.
    MissingExtraError: torch or torch-fidelity is not installed. MiuaError (from `features`): the
    file does not hold the weights of this network. ValueError: an unknown layer.
    """

    def __init__(
        self, weights: InceptionWeights, device: str | None = None, *, layer: Layer = LAYER
    ) -> None:
        if layer not in get_args(Layer):
            raise ValueError(f"layer must be one of {', '.join(get_args(Layer))}, not {layer!r}")
        require_packages("FID", "torch", "torch_fidelity")
        self.weights = weights
        self.layer = layer
        self._device = device
        self._network: Any = None

    def of_layer(self, layer: Layer) -> InceptionNetwork:
        """The same weights on the same device, with the features of another layer."""
        return InceptionNetwork(self.weights, self._device, layer=layer)

    @property
    def name(self) -> str:
        return "inception" if self.layer == LAYER else f"inception_{self.layer}"

    @property
    def sha256(self) -> str:
        identity = f"torch-fidelity inception-v3-compat {self.layer} {self.weights.sha256}"
        return hashlib.sha256(identity.encode()).hexdigest()

    def features(self, stack: Grey, *, batch_size: int | None = None) -> NDArray[np.float32]:
        """Features as `inception_features` describes them, `batch_size` images at a time."""
        check_stack(stack)
        device = self._device or default_device()
        if self._network is None:
            self._network = _load(self.weights.path, self.layer).to(device)
        batch_size = batch_size or (BATCH_SIZE_CPU if device == "cpu" else BATCH_SIZE_GPU)
        return features_in_batches(self._rows, stack, "Inception features", device, batch_size)

    def _rows(self, grey: Any) -> Any:
        (rows,) = self._network(grey[:, None].expand(-1, 3, -1, -1))
        return rows


def _load(path: Path, layer: Layer) -> Any:
    import torch

    try:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    except ImportError:
        raise MissingExtraError("FID", "torch-fidelity") from None
    try:
        # weights_only: the file is read as tensors, never as code. torch-fidelity reads without
        # that guard, so it is handed a file in memory that was written from those tensors.
        state = torch.load(path, map_location="cpu", weights_only=True)
        clean = io.BytesIO()
        torch.save(state, clean)
        clean.seek(0)
        network = FeatureExtractorInceptionV3(
            "inception-v3-compat", [layer], feature_extractor_weights_path=clean
        )
    except (RuntimeError, UnpicklingError, EOFError, TypeError, AttributeError) as error:
        raise MiuaError(
            f"{path} does not hold the weights of torch-fidelity's Inception network. "
            "Get the published file with `miua fetch inception`."
        ) from error
    # This order of the weights about halves the time on a CPU and moves features by rounding alone.
    return network.to(memory_format=torch.channels_last)
