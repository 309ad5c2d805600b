"""The training that everyone knows, to hold the fast one against: for parity, and for speed.

The algorithm is that of PyTorch's DCGAN example: real and synthetic images go through the
discriminator one after the other, each with a backward pass, then the synthetic ones once more for
the generator. Nothing here is clever, and nothing is borrowed from `miua.training`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms
from torchvision.transforms import InterpolationMode

from miua.config import TrainingConfig
from miua.dcgan import Discriminator, Generator, initialise


@dataclass
class PlainNetworks:
    """Both networks and their optimisers, with what torch does unless it is told otherwise."""

    generator: Generator
    discriminator: Discriminator
    generator_optimiser: torch.optim.Adam
    discriminator_optimiser: torch.optim.Adam

    @classmethod
    def create(cls, config: TrainingConfig, device: torch.device) -> PlainNetworks:
        """Fresh networks; their weights come from the seed, but not as those of the fast loop."""
        draws = torch.Generator().manual_seed(config.seed)
        generator = Generator(config.image_size, config.latent_size, config.feature_maps)
        discriminator = Discriminator(config.image_size, config.feature_maps)
        for network in (generator, discriminator):
            initialise(network, config.weight_deviation, draws)
            network.to(device)
        return cls.around(generator, discriminator, config)

    @classmethod
    def around(
        cls, generator: Generator, discriminator: Discriminator, config: TrainingConfig
    ) -> PlainNetworks:
        """Networks that are there, with new optimisers."""

        def adam(network: nn.Module, learning_rate: float) -> torch.optim.Adam:
            return torch.optim.Adam(
                network.parameters(),
                lr=learning_rate,
                betas=(config.beta1, config.beta2),
                weight_decay=config.weight_decay,
            )

        return cls(
            generator,
            discriminator,
            adam(generator, config.learning_rate_generator),
            adam(discriminator, config.learning_rate_discriminator),
        )


@dataclass(frozen=True)
class Printed:
    """What the example prints at each step: both losses, and what the discriminator thinks.

    The probabilities are means over a batch: of real images, then of synthetic ones before and
    after the discriminator's update.
    """

    discriminator_loss: float
    generator_loss: float
    on_real: float
    on_synthetic_before: float
    on_synthetic_after: float


def plain_step(networks: PlainNetworks, real: Tensor, latent: Tensor, real_label: float) -> Printed:
    """One update of each network on a batch `(N, 1, H, W)` and latent vectors `(N, L)`."""
    # The published network ends in a sigmoid, which is part of the loss here.
    criterion = nn.BCEWithLogitsLoss()

    # The discriminator: what is real is real, what is synthetic is not.
    networks.discriminator.zero_grad()
    label = torch.full((len(real),), real_label, dtype=real.dtype, device=real.device)
    output = networks.discriminator(real)
    loss_on_real = criterion(output, label)
    loss_on_real.backward()
    on_real = output.sigmoid().mean().item()
    synthetic = networks.generator(latent)
    label.fill_(0.0)
    output = networks.discriminator(synthetic.detach())
    loss_on_synthetic = criterion(output, label)
    loss_on_synthetic.backward()
    on_synthetic_before = output.sigmoid().mean().item()
    discriminator_loss = loss_on_real + loss_on_synthetic
    networks.discriminator_optimiser.step()

    # The generator: the discriminator, as it is now, shall take its images for real.
    networks.generator.zero_grad()
    label.fill_(real_label)
    output = networks.discriminator(synthetic)
    generator_loss = criterion(output, label)
    generator_loss.backward()
    on_synthetic_after = output.sigmoid().mean().item()
    networks.generator_optimiser.step()

    return Printed(
        discriminator_loss.item(),
        generator_loss.item(),
        on_real,
        on_synthetic_before,
        on_synthetic_after,
    )


def plain_epoch(
    networks: PlainNetworks, loader: DataLoader[Tensor], config: TrainingConfig
) -> list[Printed]:
    """Every image of the loader once; what would be printed."""
    device = next(networks.generator.parameters()).device
    printed = []
    for batch in loader:
        real = batch.to(device)
        latent = torch.randn(len(real), config.latent_size, device=device)
        printed.append(plain_step(networks, real, latent, config.real_label))
    return printed


class ImagesInMemory(Dataset[Tensor]):
    """Images that were made small beforehand, `(N, H, W)` uint8; augmented one by one."""

    def __init__(self, stack: NDArray[np.uint8]) -> None:
        self.images = [Image.fromarray(image) for image in stack]
        self.transform = transforms.Compose(
            [
                *flip_and_rotation(fill=0),
                transforms.ToTensor(),
                transforms.Normalize([0.5], [0.5]),
            ]
        )

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        image: Tensor = self.transform(self.images[index])
        return image


class ImagesInFiles(Dataset[Tensor]):
    """The notebooks' way: an image is opened, decoded and made small whenever it is used.

    As there, it is read as RGB, and is a tensor of its full size before it becomes small and grey.
    """

    def __init__(self, files: Sequence[Path], image_size: int) -> None:
        self.files = list(files)
        self.transform = transforms.Compose(
            [
                transforms.ToTensor(),
                transforms.Grayscale(),
                transforms.Normalize([0.5], [0.5]),
                transforms.Resize((image_size, image_size)),
                *flip_and_rotation(fill=-1.0),
            ]
        )

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Tensor:
        with Image.open(self.files[index]) as file:
            image: Tensor = self.transform(file.convert("RGB"))
        return image


def flip_and_rotation(fill: float) -> list[nn.Module]:
    """The study's augmentation; `fill` is black, for what a rotation of 10 degrees uncovers."""
    bilinear = InterpolationMode.BILINEAR
    return [
        transforms.RandomHorizontalFlip(),
        transforms.RandomRotation(10, interpolation=bilinear, fill=fill),
    ]


def shuffled(images: Dataset[Tensor], config: TrainingConfig) -> DataLoader[Tensor]:
    """Batches in a new order each epoch, made by the process that trains."""
    return DataLoader(images, config.batch_size, shuffle=True, num_workers=0)
