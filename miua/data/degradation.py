"""Known damage to image sets, in known amounts: `uint8` stack (N, H, W) in, `uint8` stack out.

Blur, speckle, gain, compression and rotation change each image; collapse and memorise change
which images a set holds. Results are rounded to the nearest grey level and clipped to 0..255.
What is random depends on the seed alone; the rest takes one and leaves it.
"""

import io
import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Kind = TypeVar("Kind", bound=np.generic)


def blur(stack: NDArray[np.uint8], sigma: float, seed: int = 0) -> NDArray[np.uint8]:
    """Gaussian blur; sigma: standard deviation in pixels. Beyond the border its pixels go on."""
    from scipy.ndimage import gaussian_filter

    _check(sigma >= 0, "sigma must not be negative", sigma)
    blurred = gaussian_filter(stack.astype(np.float64), (0, sigma, sigma), mode="nearest")
    return _grey_levels(blurred)


def speckle(stack: NDArray[np.uint8], deviation: float, seed: int) -> NDArray[np.uint8]:
    """Multiplicative noise: every pixel times an own factor of mean 1, gamma distributed.

    deviation: standard deviation of the factor. It is that of speckle's intensity averaged over
    1 / deviation^2 looks (Goodman, "Statistical properties of laser speckle patterns", 1975).
    """
    _check(deviation >= 0, "deviation must not be negative", deviation)
    if deviation == 0:
        return stack.copy()
    looks = 1 / deviation**2
    factors = np.random.default_rng(seed).gamma(looks, 1 / looks, size=stack.shape)
    return _grey_levels(stack * factors)


def gain(stack: NDArray[np.uint8], factor: float, seed: int = 0) -> NDArray[np.uint8]:
    """Every grey level times `factor`, as a scanner's gain turned up; what exceeds 255 is 255."""
    _check(factor >= 0, "factor must not be negative", factor)
    return _grey_levels(stack * float(factor))


def compress(stack: NDArray[np.uint8], quality: float, seed: int = 0) -> NDArray[np.uint8]:
    """Write each image as JPEG and read it again; quality: 1 (worst) to 95, on the scale of
    libjpeg, whose version decides the last grey level."""
    _check(1 <= quality <= 95, "quality must be from 1 to 95", quality)
    damaged = np.empty_like(stack)
    for index, image in enumerate(stack):
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=round(quality))
        damaged[index] = np.asarray(Image.open(file))
    return damaged


def rotate(stack: NDArray[np.uint8], degrees: float, seed: int) -> NDArray[np.uint8]:
    """Turn each image about its centre by `degrees`, half of them each way; corners are black.
    Bilinear, which smooths a little at any angle but a multiple of 90."""
    from scipy.ndimage import rotate as turn

    clockwise = np.random.default_rng(seed).permutation(len(stack)) < len(stack) / 2
    damaged = stack.astype(np.float64)
    for which, angle in ((clockwise, -degrees), (~clockwise, degrees)):
        if which.any():
            damaged[which] = turn(damaged[which], angle, axes=(2, 1), reshape=False, order=1)
    return _grey_levels(damaged)


def collapse(members: NDArray[Kind], kept: float, seed: int) -> NDArray[Kind]:
    """A set of the same size that holds only `kept` of its images, each about equally often.

    members: images (N, H, W), or anything that stands for them, such as their indices (N,). With
    one seed the images of a smaller `kept` are among those of a larger one.
    """
    _check(1 <= kept <= len(members), f"kept must be from 1 to {len(members)}", kept)
    chosen = np.random.default_rng(seed).permutation(len(members))[: round(kept)]
    copies: NDArray[Kind] = members[chosen[np.arange(len(members)) % len(chosen)]]
    return copies


def memorise(
    members: NDArray[Kind], originals: NDArray[Kind], share: float, seed: int
) -> NDArray[Kind]:
    """A set in which a `share` of the images, 0 to 1, is replaced by copies of `originals`.

    Images, or what stands for them. No original is copied twice while there are enough. With one
    seed a larger share replaces what a smaller one does, and more.
    """
    _check(0 <= share <= 1, "share must be from 0 to 1", share)
    draw = np.random.default_rng(seed)
    replaced = draw.permutation(len(members))[: round(share * len(members))]
    copied = np.resize(draw.permutation(len(originals)), len(replaced))
    changed = members.copy()
    changed[replaced] = originals[copied]
    return changed


class ImageDegradation(NamedTuple):
    """Damage to each image, with its name and unit in tables ("" for a bare number).

    untouched: the amount that changes nothing; nan if there is none on the scale. amounts: from
    mild to severe. apply: stack, amount and seed to damaged stack.
    """

    name: str
    unit: str
    untouched: float
    amounts: tuple[float, ...]
    apply: Callable[[NDArray[np.uint8], float, int], NDArray[np.uint8]]


# For images of about 64 pixels, where a skull is two or three pixels thick.
IMAGE_DEGRADATIONS = (
    ImageDegradation("blur", "pixels", 0, (0.5, 0.75, 1, 1.5, 2), blur),
    ImageDegradation("speckle", "", 0, (0.1, 0.2, 0.3, 0.5, 0.7), speckle),
    ImageDegradation("gain", "", 1, (1.1, 1.25, 1.5, 2, 3), gain),
    ImageDegradation("compression", "JPEG quality", math.nan, (90, 70, 50, 25, 10), compress),
    ImageDegradation("rotation", "degrees", 0, (2, 5, 10, 20, 45), rotate),
)
COLLAPSE, COLLAPSE_UNIT = "collapse", "images"
COLLAPSE_AMOUNTS = (100, 30, 10, 3, 1)
MEMORISATION, MEMORISATION_UNIT = "memorisation", "share of the set"
MEMORISATION_AMOUNTS = (0.1, 0.25, 0.5, 0.75, 1.0)


def _grey_levels(values: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    levels: NDArray[np.uint8] = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return levels


def _check(right: bool, message: str, amount: float) -> None:
    if not right:
        raise ValueError(f"{message}, not {amount}")
