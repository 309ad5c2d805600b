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


def augment(
    images: Tensor,
    generator: torch.Generator,
    *,
    flip: bool = True,
    rotation: float = 10.0,
    corners: Corners = "black",
) -> Tensor:
    """Flip each image with probability one half and rotate it by up to `rotation` degrees.

    Args:
        images: `(N, C, H, W)` in [-1, 1], on any device.
        generator: a CPU generator, so that the draws are the same on every device.
        flip: whether images may be mirrored left to right.
        rotation: the largest angle in degrees; angles are uniform in [-rotation, rotation].
        corners: what a rotation uncovers: "black" (-1) or the notebook's "grey" (0).

    Returns:
        A batch of the same shape; bilinear interpolation where an image was rotated.
    """
    count = len(images)
    # Both are always drawn, so that switching one off leaves the other's draws as they were.
    mirrored = torch.rand(count, generator=generator) < 0.5
    angles = (2 * torch.rand(count, generator=generator) - 1) * math.radians(rotation)
    if flip:
        images = torch.where(
            mirrored.to(images.device)[:, None, None, None], images.flip(-1), images
        )
    if rotation:
        images = _rotate(images, angles.to(images.device), CORNER_VALUES[corners])
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
