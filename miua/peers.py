"""Where other libraries differ from the exact definitions, and by how much."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from math import cos, floor, pi, sin
from typing import Any

import numpy as np
from numpy.typing import NDArray

from miua.metrics import joint_histogram, lbp_codes, lbp_histogram

Stack = NDArray[np.uint8]
UNIT = 10**5  # neighbours' offsets are rounded to five decimals


@dataclass(frozen=True)
class Difference:
    """How a peer differs on some images.

    pixels: how many of `of` pixels it codes or counts otherwise. remark: why, where it is known.
    """

    peer: str
    what: str
    pixels: int
    of: int
    remark: str = ""


def differences(images: Stack) -> tuple[list[Difference], list[str]]:
    """What the installed peers make of the images (N, H, W), and which are not there."""
    found, absent = [], []
    for library, module, compare in _PEERS:
        try:
            peer = importlib.import_module(module)
        except ImportError:
            absent.append(library)
            continue
        found += [
            Difference(library, what, pixels, images.size, remark)
            for what, pixels, remark in compare(peer, images)
        ]
    return found, absent


_Rows = list[tuple[str, int, str]]


def _scikit_image(peer: Any, images: Stack) -> _Rows:
    rows = []
    for P, R in ((8, 1), (24, 3)):
        ours = lbp_codes(images, P, R)
        theirs = np.stack([peer.local_binary_pattern(image, P, R) for image in images])
        changed = ours ^ theirs.astype(np.uint32)
        places = np.argwhere(changed)
        ties = sum(_only_ties(images, place, int(changed[tuple(place)]), P, R) for place in places)
        remark = f"{ties:,} exact ties" if len(places) else ""
        rows.append((f"LBP, P={P} R={R}", len(places), remark))
    return rows


def _only_ties(images: Stack, place: NDArray[np.int64], bits: int, P: int, R: int) -> bool:
    """Whether all neighbours in `bits` are exactly as bright as the centre."""
    index, row, column = (int(part) for part in place)
    image = images[index]

    def pixel(y: int, x: int) -> int:
        inside = 0 <= y < image.shape[0] and 0 <= x < image.shape[1]
        return int(image[y, x]) if inside else 0

    def excess(p: int) -> int:
        y = row * UNIT + round(-R * sin(2 * pi * p / P) * UNIT)
        x = column * UNIT + round(R * cos(2 * pi * p / P) * UNIT)
        top, left = floor(y / UNIT), floor(x / UNIT)
        down, right = y - top * UNIT, x - left * UNIT
        value = (UNIT - down) * (UNIT - right) * pixel(top, left)
        value += (UNIT - down) * right * pixel(top, left + 1)
        value += down * (UNIT - right) * pixel(top + 1, left)
        value += down * right * pixel(top + 1, left + 1)
        return value - UNIT * UNIT * pixel(row, column)

    return all(excess(p) == 0 for p in range(P) if bits >> p & 1)


def _mahotas(peer: Any, images: Stack) -> _Rows:
    ours = lbp_histogram(images, 8, 1, "ror")
    labels = np.unique(lbp_codes(_all_codes(), 8, 1, "ror"))
    theirs = np.stack([peer.lbp(image, 1, 8) for image in images])
    moved = np.abs(ours[:, labels] - theirs).sum() / 2
    # It asks for a neighbour above the centre, so that a flat image has the code 0 and not 255.
    return [("LBP, P=8 R=1, ror", int(np.ceil(moved)), "> instead of >=")]


def _all_codes() -> Stack:
    """Images whose rotation-invariant codes are all there are."""
    return np.random.default_rng(0).integers(0, 256, (20, 100, 100), dtype=np.uint8)


def _opencv(peer: Any, images: Stack) -> _Rows:
    rows = []
    others = np.ascontiguousarray(images[::-1])
    for bins in (64, 100):
        ours = joint_histogram(images, others, bins)
        ranges = [0, 256, 0, 256]
        theirs = np.stack(
            [
                peer.calcHist([a, b], [0, 1], None, [bins, bins], ranges)
                for a, b in zip(images, others, strict=True)
            ]
        )
        rows.append((f"joint, {bins} bins", int(np.abs(ours - theirs).sum() / 2), ""))
    return rows


_PEERS: list[tuple[str, str, Callable[[Any, Stack], _Rows]]] = [
    ("scikit-image", "skimage.feature", _scikit_image),
    ("mahotas", "mahotas.features", _mahotas),
    ("OpenCV", "cv2", _opencv),
]
