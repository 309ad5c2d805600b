"""Random flips and small rotations, drawn once per image, applied to a whole batch at once.

The study augments with a horizontal flip and a rotation of up to 10 degrees, to mimic how a probe
is held. Everything happens in model space, [-1, 1], where black is -1. The released DCGAN128
notebook fills the corners that a rotation uncovers with 0, which is mid-grey there; that is
available as `corners="grey"`. Rotations interpolate bilinearly; torchvision's RandomRotation takes
the nearest pixel unless told otherwise.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

Corners = Literal["black", "grey"]
CORNER_VALUES: dict[Corners, float] = {"black": -1.0, "grey": 0.0}


def draw_augmentation(
    count: int, generator: torch.Generator, rotation: float = 10.0
) -> tuple[Tensor, Tensor]:
    """Draw for `count` images whether each is mirrored, and its angle in radians.

    Both are always drawn, so that leaving one out does not change the other.

    Args:
        count: how many images.
        generator: a CPU generator, so that the draws are the same on every device.
        rotation: the largest angle in degrees; angles are uniform in [-rotation, rotation].

    Returns:
        `(count,)` bool, true with probability one half, and `(count,)` float32.
    """
    mirrored = torch.rand(count, generator=generator) < 0.5
    angles = (2 * torch.rand(count, generator=generator) - 1) * math.radians(rotation)
    return mirrored, angles


def augment(
    images: Tensor,
    mirrored: Tensor | None = None,
    angles: Tensor | None = None,
    corners: Corners = "black",
) -> Tensor:
    """Flip and rotate each image of a batch as it was drawn.

    Args:
        images: `(N, C, H, W)` in [-1, 1], on any device.
        mirrored: `(N,)` bool, which images are mirrored left to right; None for no flips.
        angles: `(N,)` in radians, about the centre; None for no rotations.
        corners: what a rotation uncovers: "black" (-1) or the notebook's "grey" (0).

    Returns:
        A batch of the same shape; bilinear interpolation where an image was rotated.
    """
    if mirrored is not None:
        images = torch.where(mirrored[:, None, None, None], images.flip(-1), images)
    if angles is not None:
        images = _rotate(images, angles, CORNER_VALUES[corners])
    return images


def _rotate(images: Tensor, angles: Tensor, fill: float) -> Tensor:
    """Rotate square images about their centre by `angles` in radians."""
    cosines, sines, zeros = angles.cos(), angles.sin(), torch.zeros_like(angles)
    rows = (
        torch.stack([cosines, -sines, zeros], dim=1),
        torch.stack([sines, cosines, zeros], dim=1),
    )
    grid = functional.affine_grid(torch.stack(rows, dim=1), list(images.shape), align_corners=False)
    # grid_sample pads with 0 only: shifted so that `fill` is 0, then shifted back.
    return functional.grid_sample(images - fill, grid, align_corners=False) + fill
