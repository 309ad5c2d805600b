"""Where other libraries differ from the exact definitions, and by how much."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, groupby, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from miua.data import ReadingOptions, read_stack
from miua.data.folder import find_images, image_name
from miua.data.formats import frames_of
from miua.data.phantom import phantom
from miua.data.reading import RefusedError
from miua.data.stack import Notes, Skipped, prepared, sentences
from miua.errors import MiuaError
from miua.metrics import joint_histogram, lbp_codes, lbp_histogram
from miua.metrics.stacks import Grey
from miua.progress import Progress, say

IMAGES_AT_ONCE = 16  # so that memory stays bounded


@dataclass(frozen=True)
class PeerDifference:
    """How a peer differs on some images.

    pixels: how many of `of` pixels it codes or counts otherwise. ties: at how many of them both
    sides of every comparison that it decides otherwise are exactly equal, where that is known.
    """

    peer: str
    what: str
    pixels: int
    of: int
    ties: int | None = None

    @property
    def remark(self) -> str:
        """Why it differs, where it is known."""
        if self.peer == "mahotas":
            # A flat image has the code 0 there, and not 255.
            return "> instead of >=, neighbours not interpolated"
        if self.ties is None or self.pixels == 0:
            return ""
        if self.ties == self.pixels:
            return "all exact ties"
        return f"{self.pixels - self.ties:,} are no ties"

    def __add__(self, other: PeerDifference) -> PeerDifference:
        """The same comparison on both its and the other's images."""
        ties = None if self.ties is None or other.ties is None else self.ties + other.ties
        return replace(self, pixels=self.pixels + other.pixels, of=self.of + other.of, ties=ties)


class PeerComparison(NamedTuple):
    """rows: all comparisons. absent: the peers that are not installed.

    images: how many images were compared; sizes: of which sizes (height, width).
    """

    rows: list[PeerDifference]
    absent: list[str]
    images: int
    sizes: set[tuple[int, int]]


def compare(stacks: Iterable[Grey]) -> PeerComparison:
    """What the installed peers make of the images.

    stacks: (N, H, W) each, taken one after another; their sizes may differ.
    """
    peers, absent = [], []
    for library, module, differences in _PEERS:
        try:
            peers.append(partial(differences, importlib.import_module(module)))
        except ImportError:
            absent.append(library)
    found: dict[tuple[str, str], PeerDifference] = {}
    sizes = set()
    with Progress("Comparing with other libraries", unit="images") as shown:
        for stack in stacks:
            for row in chain.from_iterable(differences(stack) for differences in peers):
                key = (row.peer, row.what)
                found[key] = found[key] + row if key in found else row
            sizes.add(stack.shape[1:])
            shown.advance(len(stack))
    return PeerComparison(list(found.values()), absent, shown.done, sizes)


def stacks_of(source: Path, options: ReadingOptions) -> Iterator[Grey]:
    """The images of a folder or a stack, a few at a time; with no size, each in its own. What was
    done to them is told."""
    if options.size is None and source.is_dir() and not (source / "images.npy").is_file():
        images = _one_by_one(source, options)
    else:
        stack = read_stack(source, **vars(options))
        images = iter(stack.images)
        _tell(*stack.notes, *stack.skipped)
    for _, alike in groupby(images, key=np.shape):
        while some := list(islice(alike, IMAGES_AT_ONCE)):
            yield np.stack(some)


def _one_by_one(source: Path, options: ReadingOptions) -> Iterator[NDArray[Any]]:
    paths, notes = find_images(source, options.exclude)
    done: Notes = Counter()
    skipped = []
    for path in paths:
        try:
            made = [prepared(frame, options, done) for frame in frames_of(path)]
        except RefusedError as refused:
            if not options.skip_bad:
                raise MiuaError(f"{path} {refused}") from None
            skipped.append(Skipped(image_name(path, source), str(refused)))
        else:
            yield from made
    _tell(*notes, *sentences(done, options), *skipped)
    if len(skipped) == len(paths):
        raise MiuaError(f"No image is left in {source}.")


def _tell(*lines: str | Skipped) -> None:
    for line in lines:
        say(str(line))


def phantoms() -> Iterator[Grey]:
    """Four images that look like HC18's."""
    yield np.stack([phantom(0, subject, 1).image for subject in range(1, 5)])


def _scikit_image(peer: Any, images: Grey) -> list[PeerDifference]:
    rows = []
    for P, R in ((8, 1), (24, 3)):
        theirs = [peer.local_binary_pattern(image, P, R) for image in images]
        ours = lbp_codes(images, P, R)
        changed = ours ^ np.stack(theirs).astype(np.uint32)
        # A bit says "at least as bright as the centre". In the negative it says "at most", so that
        # both have the bit where neighbour and centre are equal. Outside is 0, 255 in the negative.
        negative = 255 - np.pad(images, ((0, 0), (R + 1, R + 1), (R + 1, R + 1)))
        inside = slice(R + 1, -R - 1)
        equal = ours & lbp_codes(negative, P, R)[:, inside, inside]
        tied = (changed != 0) & (changed & ~equal == 0)
        pixels, ties = (int(np.count_nonzero(each)) for each in (changed, tied))
        rows.append(PeerDifference("scikit-image", f"LBP, P={P} R={R}", pixels, images.size, ties))
    return rows


def _mahotas(peer: Any, images: Grey) -> list[PeerDifference]:
    ours = lbp_histogram(images, 8, 1, "ror")
    # Images whose rotation-invariant codes are all there are.
    noise = np.random.default_rng(0).integers(0, 256, (20, 100, 100), dtype=np.uint8)
    labels = np.unique(lbp_codes(noise, 8, 1, "ror"))
    theirs = np.stack([peer.lbp(image, 1, 8) for image in images])
    moved = np.abs(ours[:, labels] - theirs).sum() / 2
    return [PeerDifference("mahotas", "LBP, P=8 R=1, ror", int(np.ceil(moved)), images.size)]


def _opencv(peer: Any, images: Grey) -> list[PeerDifference]:
    rows = []
    others = np.ascontiguousarray(images[::-1])
    for bins in (64, 100):
        settings = [0, 1], None, [bins, bins], [0, 256, 0, 256]
        pairs = zip(images, others, strict=True)
        theirs = [peer.calcHist([*pair], *settings) for pair in pairs]
        moved = int(np.abs(joint_histogram(images, others, bins) - np.stack(theirs)).sum() / 2)
        rows.append(PeerDifference("OpenCV", f"joint, {bins} bins", moved, images.size))
    return rows


_PEERS: list[tuple[str, str, Callable[[Any, Grey], list[PeerDifference]]]] = [
    ("scikit-image", "skimage.feature", _scikit_image),
    ("mahotas", "mahotas.features", _mahotas),
    ("OpenCV", "cv2", _opencv),
]
