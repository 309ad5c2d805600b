"""The study's augmentation on image stacks, and the search for the nearest image under it.

Images are mirrored left to right, then rotated as `miua.data.model_space` does: about the centre,
bilinear, black where nothing was. Rotations use whole numbers, with weights in 1/256, so that every
machine gives the same grey levels; the augmentation, in floating point, lies within two grey levels
of them.
"""

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from miua.metrics.stacks import Floats, Grey, Ints

BLOCK_BYTES = 64 * 2**20  # of rotated reference images held at once, as float64
QUERIES = 64  # images compared with them at once, for each thread
WEIGHTS = 256  # The four weights of a pixel add up to it: 256 * 255 still fits in 16 bits.


def transformed(stack: Grey, flipped: bool, rotation: float) -> Grey:
    """A stack (N, H, W), mirrored if `flipped`, then rotated by `rotation` degrees, of which
    positive ones turn counter-clockwise as the images are shown."""
    # To mirror first and then rotate is to rotate the other way and then mirror. The search does
    # the second, which serves both; so does this, to be equal to the last bit.
    turned = rotations(stack, [-rotation if flipped else rotation])[0]
    return np.ascontiguousarray(turned[:, :, ::-1] if flipped else turned)


def rotations(stack: Grey, degrees: Sequence[float]) -> Grey:
    """A stack (N, H, W) rotated by each of A angles in turn, (A, N, H, W)."""
    count, height, width = stack.shape
    # Images along the last axis: a pixel of all images is then moved at once. The black frame
    # makes the interpolation fade to black at the border.
    framed = np.zeros((height + 3, width + 3, count), dtype=np.uint8)
    framed[1 : height + 1, 1 : width + 1] = stack.transpose(1, 2, 0)
    pixels = framed.reshape(-1, count)
    turned = np.empty((len(degrees), count, height * width), dtype=np.uint8)
    for place, angle in enumerate(degrees):
        if angle == 0:
            turned[place] = stack.reshape(count, -1)
            continue
        total = np.full((height * width, count), WEIGHTS // 2, dtype=np.uint16)
        for source, weight in _corners(height, width, angle):
            total += pixels[source] * weight[:, None]
        turned[place] = (total // WEIGHTS).T
    return turned.reshape(len(degrees), count, height, width)


class NearestTwo(NamedTuple):
    """The reference image nearest to each of M images, and how near another group's nearest is.

    nearest: int64 (M,), its index. flipped: bool (M,), rotation: float64 (M,), in degrees: how it
    lies nearest. squared: float64 (2, M), the sum of squared differences to it and to the nearest
    image of another group; whole numbers, or inf where there is no such image.
    """

    nearest: Ints
    flipped: NDArray[np.bool_]
    rotation: Floats
    squared: Floats


def nearest_two(
    images: Grey,
    reference: Grey,
    groups: Ints,
    *,
    excluded: Ints,
    degrees: Sequence[float],
    flip: bool,
    threads: int,
    progress: Callable[[float], None] | None = None,
) -> NearestTwo:
    """Search N reference images, mirrored or not and rotated, for those nearest to M images.

    images: uint8 (M, H, W); reference: (N, H, W). groups: (N,) codes of the reference images.
    excluded: (M,) the group that is left out for an image, -1 for none. degrees: the angles, each
    with its opposite. Of equally near ones the first reference image counts, then the image as it
    is, then the smaller angle. Sums of products of bytes are exact in float64, so the result is
    the same for any number of threads and any block size. progress: is told the share that is done.
    """
    angles = sorted(degrees, key=lambda angle: (abs(angle), angle))
    pixels = reference[0].size
    index, variant = np.zeros((2, len(images)), dtype=np.int64)
    squared = np.full((2, len(images)), np.inf)

    def search(start: int, turned: Floats, part: slice) -> None:
        """Enter what is nearer to a part of the images among the variants of some references."""
        forms = [images[part], images[part, :, ::-1]][: 1 + flip]
        rows = np.stack(forms, axis=1).reshape(-1, pixels).astype(np.float64)
        table = _lengths(rows)[:, None] + _lengths(turned) - 2 * (rows @ turned.T)
        of_group = groups[start : start + len(turned) // len(angles)]
        table = table.reshape(len(forms[0]), -1, len(of_group))
        distance = table.min(axis=1)
        distance[of_group == excluded[part, None]] = np.inf
        every, place = np.arange(len(distance)), distance.argmin(axis=1)
        first, former = distance[every, place], groups[index[part]]
        nearer = first < squared[0, part]
        group = np.where(nearer, of_group[place], former)
        others = np.where(of_group == group[:, None], np.inf, distance).min(axis=1)
        earlier = np.where(former == group, squared[1, part], squared[0, part])
        squared[:, part] = np.minimum(first, squared[0, part]), np.minimum(others, earlier)
        index[part] = np.where(nearer, start + place, index[part])
        variant[part] = np.where(nearer, table[every, :, place].argmin(axis=1), variant[part])

    step = max(1, BLOCK_BYTES // (8 * len(angles) * pixels))
    parts = [slice(start, start + QUERIES) for start in range(0, len(images), QUERIES)]
    with ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(reference), step):
            if progress is not None:
                progress(start / len(reference))
            turned = rotations(reference[start : start + step], angles).reshape(-1, pixels)
            list(pool.map(partial(search, start, turned.astype(np.float64)), parts))
    flipped, angle = np.divmod(variant, len(angles))
    # Found by mirroring the image and rotating the reference: the other way round, the angle
    # changes its sign. Adding 0 makes -0 a 0.
    rotation = np.array(angles, dtype=np.float64)[angle] * (1 - 2 * flipped) + 0.0
    return NearestTwo(index, flipped.astype(bool), rotation, squared)


def _lengths(rows: Floats) -> Floats:
    return np.asarray(np.einsum("np,np->n", rows, rows))


def _corners(height: int, width: int, degrees: float) -> list[tuple[Ints, NDArray[np.uint16]]]:
    """Where each pixel of a rotated image comes from: four pixels of the framed one, weighted."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    middle_y, middle_x = (height - 1) / 2, (width - 1) / 2
    down, across = np.indices((height, width)).reshape(2, -1)
    y = sine * (across - middle_x) + cosine * (down - middle_y) + middle_y
    x = cosine * (across - middle_x) - sine * (down - middle_y) + middle_x
    # What comes from further out than the frame comes from the frame, which is black as well.
    y, x = np.clip(y, -1, height) + 1, np.clip(x, -1, width) + 1
    top, left = np.floor(y).astype(np.int64), np.floor(x).astype(np.int64)
    lower = np.rint(WEIGHTS * (y - top))
    lower_right = np.rint(lower * (x - left))
    upper_right = np.rint((WEIGHTS - lower) * (x - left))
    weights = (WEIGHTS - lower - upper_right, upper_right, lower - lower_right, lower_right)
    stride = width + 3
    first = top * stride + left
    places = (first + step for step in (0, 1, stride, stride + 1))
    return [(p, w.astype(np.uint16)) for p, w in zip(places, weights, strict=True)]
