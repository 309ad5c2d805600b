"""Known damage to image sets, in known amounts: `uint8` stack (N, H, W) in, `uint8` stack out.

Most damages change each image, as a scanner, its settings or a failing generator would; collapse
and memorise change which images a set holds. Results are rounded to the nearest grey level and
clipped to 0..255. What is random depends on the seed alone; the rest takes one and leaves it.
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


SPECKLE_DEVIATION = 0.3  # of speckle whose grains grow
TILES = 4  # a side, of anatomy that is shuffled


def coarse_speckle(stack: NDArray[np.uint8], grain: float, seed: int) -> NDArray[np.uint8]:
    """Speckle of one contrast with coarser and coarser grains, as at a lower frequency, beyond the
    focus, or from a generator that draws texture at the wrong scale.

    Every pixel is multiplied by a log-normal factor of mean 1 and deviation 0.3; grain: standard
    deviation in pixels of the Gaussian that smooths its field. 0 leaves the images as they are.
    """
    from scipy.ndimage import gaussian_filter

    _check(grain >= 0, "grain must not be negative", grain)
    if grain == 0:
        return stack.copy()
    field = np.random.default_rng(seed).standard_normal(stack.shape)
    field = gaussian_filter(field, (0, grain, grain), mode="wrap")
    spread = math.sqrt(math.log1p(SPECKLE_DEVIATION**2))
    return _grey_levels(stack * np.exp(spread * field / field.std() - spread**2 / 2))


def shadow(stack: NDArray[np.uint8], share: float, seed: int) -> NDArray[np.uint8]:
    """An acoustic shadow, as behind bone or gas: below a random depth (20 to 50 % of the height) a
    soft band about a quarter of the width wide loses a `share` of its grey level, 0 to 1."""
    _check(0 <= share <= 1, "share must be from 0 to 1", share)
    count, height, width = stack.shape
    draw = np.random.default_rng(seed)
    centre = draw.uniform(0.2, 0.8, (count, 1, 1)) * width
    top = draw.uniform(0.2, 0.5, (count, 1, 1)) * height
    across = np.exp(-np.square((np.arange(width) - centre) / (width / 8)))
    down = np.clip((np.arange(height)[:, None] - top) / (height / 16), 0, 1)
    return _grey_levels(stack * (1 - share * across * down))


def skull_dropout(stack: NDArray[np.uint8], degrees: float, seed: int) -> NDArray[np.uint8]:
    """Echoes of the skull are lost in a random sector about the centre, as where the beam runs
    along the bone. There, what is brighter than the median of its 9 x 9 pixels by 20 grey levels,
    as a skull two or three pixels thick is, falls to that median. degrees: of the sector, to 360.
    """
    from scipy.ndimage import median_filter

    _check(0 <= degrees <= 360, "degrees must be from 0 to 360", degrees)
    count, height, width = stack.shape
    turned = np.random.default_rng(seed).uniform(0, 360, (count, 1, 1))
    y, x = np.mgrid[:height, :width] - np.array([height - 1, width - 1])[:, None, None] / 2
    inside = (np.degrees(np.arctan2(y, x)) - turned) % 360 < degrees
    around = median_filter(stack, (1, 9, 9))
    return np.where(inside & (stack > around + 20.0), around, stack)


def dynamic_range(stack: NDArray[np.uint8], share: float, seed: int = 0) -> NDArray[np.uint8]:
    """A narrower dynamic range on the scanner: the darkest `share` of the grey scale, 0 to below 1,
    becomes black, and the rest is stretched over the whole scale."""
    _check(0 <= share < 1, "share must be from 0 to below 1", share)
    return _grey_levels((stack - 255.0 * share) / (1 - share))


def shuffle_anatomy(stack: NDArray[np.uint8], share: float, seed: int) -> NDArray[np.uint8]:
    """Anatomy that does not fit together: of each image's 4 x 4 tiles a `share`, 0 to 1, comes from
    the same place of another image of the stack. Grey levels and texture stay those of real images,
    but for the seams."""
    _check(0 <= share <= 1, "share must be from 0 to 1", share)
    count, height, width = stack.shape
    draw = np.random.default_rng(seed)
    order = draw.random((count, TILES**2)).argsort(axis=1).argsort(axis=1)
    others = (np.arange(count)[:, None] + draw.integers(1, max(2, count), order.shape)) % count
    changed = stack.copy()
    rows, columns = (np.arange(TILES + 1) * side // TILES for side in (height, width))
    for tile in range(TILES**2):
        row, column = divmod(tile, TILES)
        place = slice(rows[row], rows[row + 1]), slice(columns[column], columns[column + 1])
        moved = np.flatnonzero(order[:, tile] < round(share * TILES**2))
        changed[(moved, *place)] = stack[(others[moved, tile], *place)]
    return changed


def magnify(stack: NDArray[np.uint8], factor: float, seed: int = 0) -> NDArray[np.uint8]:
    """A wrong scale, as from a wrong pixel size: the middle of each image, enlarged by `factor`, 1
    or more (bilinear, which smooths a little)."""
    from scipy.ndimage import affine_transform

    _check(factor >= 1, "factor must not be below 1", factor)
    _, height, width = stack.shape
    offset = [0, *((side - 1) / 2 * (1 - 1 / factor) for side in (height, width))]
    scales = [1, 1 / factor, 1 / factor]
    return _grey_levels(affine_transform(stack.astype(np.float64), scales, offset, order=1))


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
# What goes wrong in ultrasound itself: `miua sensitivity --benchmark` adds it.
CLINICAL_DEGRADATIONS = (
    ImageDegradation("speckle size", "pixels", 0, (0.5, 1, 2), coarse_speckle),
    ImageDegradation("shadow", "share of grey level", 0, (0.3, 0.6, 0.9), shadow),
    ImageDegradation("skull dropout", "degrees", 0, (60, 180, 360), skull_dropout),
    ImageDegradation("dynamic range", "share cut off", 0, (0.05, 0.15, 0.3), dynamic_range),
    ImageDegradation("shuffled anatomy", "share of tiles", 0, (0.125, 0.5, 1), shuffle_anatomy),
    ImageDegradation("wrong scale", "", 1, (1.05, 1.15, 1.4), magnify),
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
