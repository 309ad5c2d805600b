"""Files -> one array: every frame windowed, resized and put in its place; the refused set aside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from miua.data.frame import Frame, RefusedError
from miua.data.reading import ReadingOptions, rounded, through_window, window_of
from miua.data.resize import squared
from miua.data.threads import in_threads
from miua.errors import MiuaError
from miua.progress import progress
from miua.wording import counted, first_few

Sizes = dict[tuple[int, int], int]


class RefusedFilesError(MiuaError):
    """Some files cannot be taken, but others can: skipping the bad ones would go on."""


@dataclass(frozen=True)
class Files:
    """What is read: the frames of each of `names`, which lie in `source`."""

    source: object
    names: list[str]
    frames: Callable[[int], Iterator[Frame]]


@dataclass(frozen=True)
class Taken:
    """What reading files gave.

    images: (N, H, W). counts: the images of each file; 0 for one that was refused. reasons: why,
    by the file's place. notes: what was done, in sentences.
    """

    images: NDArray[Any]
    counts: list[int]
    reasons: dict[int, str]
    notes: tuple[str, ...]


class Notes(Counter[tuple[str, Any]]):
    """Counts of images, by what was done to them.

    ("fact", Fact), ("as stored", ""): images of 8 bits; ("resized" or "cropped", (width, height)
    before); ("windowed", depth), and ("pixels" or "clipped", depth): the pixels of these images,
    and how many of them lay outside the window.
    """

    def of(self, kind: str) -> dict[Any, int]:
        """The counts of one kind."""
        return {what: n for (each, what), n in self.items() if each == kind}

    def sentences(self, options: ReadingOptions) -> tuple[str, ...]:
        """One sentence for each kind of conversion; none where nothing was done."""
        said = [
            f"{counted(n, f'{kind} image'.lstrip())} {'is' if n == 1 else 'are'} {state}: {done}"
            for (kind, state, done), n in sorted(self.of("fact").items())
        ]
        window, size, as_stored = options.window, options.size, self["as stored", ""]
        if window is not None:
            given = "each file's own window" if window == "dicom" else "window {:g}:{:g}"
            for depth, n in sorted(self.of("windowed").items()):
                share = 100 * self["clipped", depth] / self["pixels", depth]
                percent = "under 0.1 %" if 0 < share < 0.05 else f"{share:.1f} %"
                said.append(
                    f"{counted(n, 'image')} of {depth}: {given.format(*window)} to "
                    f"0..{2**options.depth - 1}, {percent} of the pixels clipped"
                )
            if as_stored:
                said.append(
                    f"{counted(as_stored, 'image')} of 8 bits: taken as stored, without the window"
                )
        if options.depth == 16 and as_stored:
            said.append(f"{counted(as_stored, 'image')} of 8 bits: scaled by 257 to 16 bits")
        if cropped := self.of("cropped"):
            said.append(f"cropped {_sizes(cropped)} to the centred {size} x {size}")
        if resized := self.of("resized"):
            said.append(f"resized {_sizes(resized)} to {size} x {size}: {options.how()}")
        return tuple(said)


def _sizes(counts: Sizes) -> str:
    width, height = max(counts, key=lambda size: (size[0] * size[1], size))
    images = counted(sum(counts.values()), "image")
    if len(counts) == 1:
        return f"{images} of {width} x {height}"
    return f"{images} of {len(counts):,} sizes (largest {width} x {height})"


def take(files: Files, options: ReadingOptions, threads: int) -> Taken:
    """Decode all files; MiuaError names those that are refused, or differ in size."""

    def decode(index: int) -> tuple[list[NDArray[Any]], Notes] | RefusedError:
        notes = Notes()
        try:
            return [_prepared(frame, options, notes) for frame in files.frames(index)], notes
        except RefusedError as refused:
            return refused

    count, notes = len(files.names), Notes()
    images: list[NDArray[Any]] = []
    counts: list[int] = []
    reasons: dict[int, str] = {}
    sizes: dict[tuple[int, ...], list[str]] = {}
    results = in_threads(decode, range(count), threads)
    for index, result in enumerate(progress(results, "Reading images", "images", total=count)):
        if isinstance(result, RefusedError):
            reasons[index] = str(result)
            counts.append(0)
            continue
        counts.append(len(result[0]))
        for image in result[0]:
            sizes.setdefault(image.shape, []).append(files.names[index])
            if len(sizes) == 1:
                images.append(image)
        notes.update(result[1])
    refuse(files, reasons, options.skip_bad)
    if len(sizes) > 1:
        listed = "\n".join(
            f"  {width} x {height} pixels: {first_few(dict.fromkeys(names))}"
            for (height, width), names in sorted(sizes.items())
        )
        raise MiuaError(
            f"The images in {files.source} differ in size. "
            f"Name one size for all of them (--size N).\n{listed}"
        )
    stack = np.empty((len(images), *images[0].shape), options.dtype)
    for index in reversed(range(len(stack))):
        stack[index] = images.pop()  # which frees it: memory never holds the set twice
    return Taken(stack, counts, reasons, notes.sentences(options))


def refuse(files: Files, reasons: dict[int, str], skip_bad: bool) -> None:
    """MiuaError with all files that were refused, unless they are skipped and some are left.

    It is a RefusedFilesError if some are left.
    """
    count = len(files.names)
    if not reasons or (skip_bad and len(reasons) < count):
        return
    listed = "\n".join(f"  {files.names[index]}: {why}" for index, why in sorted(reasons.items()))
    nothing = "No image is left. " if skip_bad else ""
    error = RefusedFilesError if len(reasons) < count else MiuaError
    raise error(f"{nothing}{len(reasons)} of {count} images in {files.source}:\n{listed}")


def _prepared(frame: Frame, options: ReadingOptions, notes: Notes) -> NDArray[Any]:
    """A frame as an image of the stack."""
    pixels = squared(_grey(frame, options, notes), options)
    height, width = frame.pixels.shape
    if options.resamples(height, width):
        notes["resized", (width, height)] += 1
    elif pixels.shape != frame.pixels.shape:
        notes["cropped", (width, height)] += 1
    notes.update(("fact", fact) for fact in frame.facts)
    return pixels if pixels.dtype == options.dtype else rounded(pixels, options.dtype)


def _grey(frame: Frame, options: ReadingOptions, notes: Notes) -> NDArray[Any]:
    """uint8 for stacks of 8 bits; for those of 16, 0..65535 as float64, not rounded yet."""
    if not frame.depth:
        notes["as stored", ""] += 1
        return frame.pixels if options.depth == 8 else frame.pixels * 257.0
    top = np.iinfo(options.dtype).max
    low, high = window_of(frame, options.window)
    values, clipped = through_window(frame.pixels, low, high, top)
    notes.update(
        {
            ("windowed", frame.depth): 1,
            ("pixels", frame.depth): values.size,
            ("clipped", frame.depth): clipped,
        }
    )
    if frame.inverted:
        values = top - values
    return rounded(values, options.dtype) if options.depth == 8 else values
