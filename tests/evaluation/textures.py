"""Grey images that look like something: smooth noise, and copies with a little more of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter


def textures(seed: int, n: int, size: int = 16, blur: float = 1.0) -> NDArray[np.uint8]:
    """n smooth images (n, size, size), each different."""
    noise = np.random.default_rng(seed).normal(size=(n, size, size))
    smooth = gaussian_filter(noise, (0, blur, blur))
    smooth /= smooth.std()
    return np.clip(128 + 50 * smooth, 0, 255).astype(np.uint8)


def with_noise(stack: NDArray[np.uint8], sigma: float, seed: int = 9) -> NDArray[np.uint8]:
    """The same images with Gaussian noise of that many grey levels."""
    noise = np.random.default_rng(seed).normal(0, sigma, stack.shape)
    return np.clip(stack + noise, 0, 255).astype(np.uint8)
