"""The DCGAN of Radford, Metz and Chintala (2016), for any power-of-two image size.

One list of layers says what a network is; the network and the paper's figure are both made from
it. At 64 x 64 it is the published architecture: five convolutions of 4 x 4, batch norm and ReLU
in the generator, batch norm (not on the first layer) and LeakyReLU 0.2 in the discriminator, no
biases. Other sizes add or drop stages in the middle: the feature maps double as the side halves.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn

from miua.config import ImageSize


class Layer(NamedTuple):
    """One convolution with what follows it. Sizes are the side of the square, in pixels."""

    kind: Literal["conv", "transposed_conv"]
    in_channels: int
    out_channels: int
    in_size: int
    out_size: int
    kernel: int
    stride: int
    padding: int
    batch_norm: bool
    activation: Literal["relu", "leaky_relu", "tanh", "none"]


def generator_layers(image_size: int, latent_size: int, feature_maps: int) -> list[Layer]:
    """From a latent vector of `latent_size` to an image: 1 x 1 -> 4 x 4 -> ... -> image_size.

    ValueError: the image size is not one that a DCGAN can have here.
    """
    if image_size not in get_args(ImageSize):
        raise ValueError(f"image_size must be a power of two from 32 to 512, not {image_size}")
    stages = image_size.bit_length() - 3
    # Feature maps at 4 x 4, 8 x 8, ..., half the image size.
    widths = [feature_maps * 2**stage for stage in reversed(range(stages))]
    up: Literal["transposed_conv"] = "transposed_conv"
    layers = [Layer(up, latent_size, widths[0], 1, 4, 4, 1, 0, True, "relu")]
    size = 4
    for before, after in pairwise(widths):
        layers.append(Layer(up, before, after, size, 2 * size, 4, 2, 1, True, "relu"))
        size *= 2
    return [*layers, Layer(up, widths[-1], 1, size, 2 * size, 4, 2, 1, False, "tanh")]


def discriminator_layers(image_size: int, feature_maps: int) -> list[Layer]:
    """From an image to one number, the logit of "real": image_size -> ... -> 4 x 4 -> 1 x 1.

    The generator's layers the other way round. The published network ends in a sigmoid; here the
    loss applies it, which is numerically safer and otherwise the same.
    """
    layers = [
        Layer("conv", outward, inward, large, small, kernel, stride, padding, norm, "leaky_relu")
        for _, inward, outward, small, large, kernel, stride, padding, norm, _ in reversed(
            generator_layers(image_size, 1, feature_maps)
        )
    ]
    return [*layers[:-1], layers[-1]._replace(batch_norm=False, activation="none")]


class Generator(nn.Module):
    """Latent vectors `(N, latent_size)` to images `(N, 1, H, W)` in [-1, 1]."""

    def __init__(self, image_size: int, latent_size: int, feature_maps: int) -> None:
        super().__init__()
        self.latent_size = latent_size
        self.network = _network(generator_layers(image_size, latent_size, feature_maps))

    def forward(self, latent: Tensor) -> Tensor:
        images: Tensor = self.network(latent[:, :, None, None])
        return images


class Discriminator(nn.Module):
    """Images `(N, 1, H, W)` in [-1, 1] to logits `(N,)`, positive for "real"."""

    def __init__(self, image_size: int, feature_maps: int) -> None:
        super().__init__()
        self.network = _network(discriminator_layers(image_size, feature_maps))

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network(images)
        return logits.flatten()

    def of_each(self, batches: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The logits of each batch, as if each went through alone, one after the other.

        Convolutions see all batches at once, which is faster; batch norm sees one by one.
        """
        sizes = [len(batch) for batch in batches]
        together = torch.cat(list(batches))
        for module in self.network:
            if isinstance(module, nn.BatchNorm2d):
                together = torch.cat([module(batch) for batch in torch.split(together, sizes)])
            else:
                together = module(together)
        logits: tuple[Tensor, ...] = torch.split(together.flatten(), sizes)
        return logits


def initialise(network: nn.Module, deviation: float, generator: torch.Generator) -> None:
    """Draw weights from N(0, deviation), batch-norm scales from N(1, deviation), shifts 0.

    `generator` is a CPU generator: the same seed gives the same weights on every device.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0.0, deviation, generator=generator)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, deviation, generator=generator)
            nn.init.zeros_(module.bias)


def _network(layers: Sequence[Layer]) -> nn.Sequential:
    modules: list[nn.Module] = []
    for layer in layers:
        convolution = nn.Conv2d if layer.kind == "conv" else nn.ConvTranspose2d
        channels, shape = (layer.in_channels, layer.out_channels), (layer.stride, layer.padding)
        modules.append(convolution(*channels, layer.kernel, *shape, bias=False))
        if layer.batch_norm:
            modules.append(nn.BatchNorm2d(layer.out_channels))
        if layer.activation == "relu":
            modules.append(nn.ReLU(inplace=True))
        elif layer.activation == "leaky_relu":
            modules.append(nn.LeakyReLU(0.2, inplace=True))
        elif layer.activation == "tanh":
            modules.append(nn.Tanh())
    return nn.Sequential(*modules)
