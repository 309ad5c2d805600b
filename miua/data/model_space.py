"""Between image stacks (uint8, 0 black to 255 white) and the model's space ([-1, 1])."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


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
