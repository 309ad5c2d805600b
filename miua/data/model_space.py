"""Between image stacks (uint8, 0 black to 255 white) and the model's space ([-1, 1], -1 black).

Augmentation happens in model space, on a whole batch at once. The study flips horizontally and
rotates by up to 10 degrees, to mimic how a probe is held. The released DCGAN128 notebook fills the
corners that a rotation uncovers with 0, which is mid-grey there; that is available as
`corners="grey"`. Rotations interpolate bilinearly; torchvision's RandomRotation takes the nearest
pixel unless told otherwise.
"""

import math
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

Corners = Literal["black", "grey"]


def to_model_space(stack: Tensor) -> Tensor:
    """uint8 `(N, H, W)` to float32 `(N, 1, H, W)` in [-1, 1], on the same device."""
    if stack.dtype != torch.uint8 or stack.ndim != 3:
        raise TypeError(f"stack must be uint8 (N, H, W), not {stack.dtype} {tuple(stack.shape)}")
    return stack[:, None].to(torch.float32) / 127.5 - 1


def to_image_stack(images: Tensor) -> NDArray[np.uint8]:
    """Float `(N, 1, H, W)` in [-1, 1] to uint8 `(N, H, W)`, rounded to the nearest grey level."""
    if images.ndim != 4 or images.shape[1] != 1:
        raise TypeError(f"images must have shape (N, 1, H, W), not {tuple(images.shape)}")
    levels = ((images[:, 0] + 1) * 127.5).round().clamp(0, 255)
    stack: NDArray[np.uint8] = np.ascontiguousarray(levels.to(torch.uint8).cpu().numpy())
    return stack


def draw_augmentation(
    count: int, generator: torch.Generator, rotation: float = 10.0
) -> tuple[Tensor, Tensor]:
    """Draw for `count` images whether each is mirrored, and its angle in radians.

    `(count,)` bool, true with probability one half, and `(count,)` float32, uniform up to
    `rotation` degrees either way. Both are always drawn, so that leaving one out does not change
    the other; by a CPU generator, so that the draws are the same on every device.
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

    images: square, `(N, C, H, W)` in [-1, 1], on any device. mirrored: `(N,)` bool, which are
    mirrored left to right; None: none. angles: `(N,)` in radians, about the centre, for bilinear
    rotations; None: none. corners: what a rotation uncovers, "black" (-1) or "grey" (0).
    """
    if mirrored is not None:
        images = torch.where(mirrored[:, None, None, None], images.flip(-1), images)
    if angles is None:
        return images
    cosines, sines, zeros = angles.cos(), angles.sin(), torch.zeros_like(angles)
    rows = [torch.stack(row, dim=1) for row in ([cosines, -sines, zeros], [sines, cosines, zeros])]
    grid = functional.affine_grid(torch.stack(rows, dim=1), list(images.shape), align_corners=False)
    # grid_sample pads with 0 only: shifted so that `fill` is 0, then shifted back.
    fill = {"black": -1.0, "grey": 0.0}[corners]
    return functional.grid_sample(images - fill, grid, align_corners=False) + fill
