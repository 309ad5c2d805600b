"""Every random number of a training, from the seed alone.

The draws of an epoch come from one generator seeded by (seed, epoch), and are made before its
first batch. So a training that was interrupted anywhere draws again what it would have drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import torch
from torch import Tensor

from miua.config import TrainingConfig
from miua.data.model_space import draw_augmentation


class Stream(IntEnum):
    """What a random draw is for; no two purposes share a generator."""

    WEIGHTS = 0
    EPOCH = 1
    SAMPLE_GRID = 2
    SYNTHETIC_IMAGE = 3


def seeded_generator(*key: int) -> torch.Generator:
    """A CPU generator for one purpose, independent of every other key's."""
    state = np.random.SeedSequence(key).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state[0]))


@dataclass(frozen=True)
class Draws:
    """The random numbers for N images, on the training's device.

    order: `(N,)` int64, which images. mirrored: `(N,)` bool, or None without flips. angles:
    `(N,)` float32 in radians, or None without rotations. latent: `(N, latent_size)` float32.
    """

    order: Tensor
    mirrored: Tensor | None
    angles: Tensor | None
    latent: Tensor

    @classmethod
    def of_epoch(
        cls, config: TrainingConfig, epoch: int, images: int, device: torch.device
    ) -> Draws:
        """All draws of one epoch, which uses each of `images` images once."""
        generator = seeded_generator(config.seed, Stream.EPOCH, epoch)
        order = torch.randperm(images, generator=generator)
        flip, rotation = config.augmentation.flip, config.augmentation.rotation
        batches = []
        for batch in torch.split(order, config.batch_size):
            augmentation = draw_augmentation(len(batch), generator, rotation)
            latent = torch.randn(len(batch), config.latent_size, generator=generator)
            batches.append((*augmentation, latent))
        mirrored, angles, latent = (torch.cat(draws) for draws in zip(*batches, strict=True))
        # One transfer an epoch: small ones at every step would make a GPU wait.
        return cls(
            order.to(device),
            mirrored.to(device) if flip else None,
            angles.to(device) if rotation else None,
            latent.to(device),
        )

    def batch(self, index: int, size: int) -> Draws:
        """The draws of the batch `index`, counted from 0, of `size` images; the last has fewer."""
        part = slice(index * size, (index + 1) * size)
        mirrored = None if self.mirrored is None else self.mirrored[part]
        angles = None if self.angles is None else self.angles[part]
        return Draws(self.order[part], mirrored, angles, self.latent[part])
