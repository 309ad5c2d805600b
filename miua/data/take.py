"""Files -> one array: every frame windowed, resized and put in its place; the refused set aside."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from miua.data.frame import Frame, RefusedError, in_words
from miua.data.notes import Notes
from miua.data.resize import Square, squared
from miua.data.threads import in_threads
from miua.data.window import Window, rounded, through_window, window_of
from miua.errors import MiuaError
from miua.progress import progress


class RefusedFilesError(MiuaError):
    """Some files cannot be taken, and others can: without the former it would go on."""


@dataclass(frozen=True)
class How:
    """All that decides the grey values that a frame gets."""

    square: Square
    window: Window | None
    depth: Literal[8, 16]

    @property
    def dtype(self) -> type[np.uint8] | type[np.uint16]:
        """The type of the stack."""
        return np.uint8 if self.depth == 8 else np.uint16


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


def take(files: Files, how: How, skip_bad: bool, threads: int) -> Taken:
    """Decode all files; MiuaError names those that are refused, or differ in size."""

    def decode(index: int) -> tuple[list[NDArray[Any]], Notes] | RefusedError:
        notes = Notes()
        try:
            return [_prepared(frame, how, notes) for frame in files.frames(index)], notes
        except RefusedError as refused:
            return refused

    count = len(files.names)
    images, notes = _Growing(count, how.dtype), Notes()
    counts: list[int] = []
    reasons: dict[int, str] = {}
    sizes: dict[tuple[int, ...], list[str]] = {}
    results = in_threads(decode, range(count), threads)
    for index, result in enumerate(progress(results, "Reading images", "images", total=count)):
        decoded = [] if isinstance(result, RefusedError) else result[0]
        counts.append(len(decoded))
        if isinstance(result, RefusedError):
            reasons[index] = str(result)
            continue
        for image in decoded:
            sizes.setdefault(image.shape, []).append(files.names[index])
            if len(sizes) == 1:
                images.append(image)
        notes.add(result[1])
    refuse(files, reasons, skip_bad)
    if len(sizes) > 1:
        raise MiuaError(
            f"The images in {files.source} differ in size. "
            f"Name one size for all of them (--size N).\n{_listed_by_size(sizes)}"
        )
    said = notes.sentences(how.square, how.window, how.depth)
    return Taken(images.done(), counts, reasons, said)


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


def _prepared(frame: Frame, how: How, notes: Notes) -> NDArray[Any]:
    """A frame as an image of the stack."""
    pixels = squared(_grey(frame, how, notes), how.square)
    height, width = frame.pixels.shape
    if how.square.resamples(height, width):
        notes.resized[width, height] += 1
    elif pixels.shape != frame.pixels.shape:
        notes.cropped[width, height] += 1
    notes.facts.update(frame.facts)
    return pixels if pixels.dtype == how.dtype else rounded(pixels, how.dtype)


def _grey(frame: Frame, how: How, notes: Notes) -> NDArray[Any]:
    """uint8 for stacks of 8 bits; for those of 16, 0..65535 as float64, not rounded yet."""
    if not frame.depth:
        notes.as_is += 1
        return frame.pixels if how.depth == 8 else frame.pixels * 257.0
    top = np.iinfo(how.dtype).max
    low, high = window_of(frame, how.window)
    values, clipped = through_window(frame.pixels, low, high, top)
    notes.windowed[frame.depth] += 1
    notes.pixels[frame.depth] += values.size
    notes.clipped[frame.depth] += clipped
    if frame.inverted:
        values = top - values
    return rounded(values, how.dtype) if how.depth == 8 else values


def _listed_by_size(sizes: dict[tuple[int, ...], list[str]]) -> str:
    return "\n".join(
        f"  {width} x {height} pixels: {in_words(dict.fromkeys(names))}"
        for (height, width), names in sorted(sizes.items())
    )


class _Growing:
    """An array (N, H, W) that is filled image by image, without holding each twice."""

    def __init__(self, expected: int, dtype: type[np.generic]) -> None:
        self._expected = expected
        self._dtype = dtype
        self._count = 0
        self._images: NDArray[Any] | None = None

    def append(self, image: NDArray[Any]) -> None:
        """Add one image; the first decides the size."""
        if self._images is None:
            self._images = np.empty((self._expected, *image.shape), self._dtype)
        if self._count == len(self._images):
            self._resize(self._count + self._count // 2 + 1)
        self._images[self._count] = image
        self._count += 1

    def done(self) -> NDArray[Any]:
        """The images that were added, C-contiguous."""
        self._resize(self._count)
        assert self._images is not None
        return self._images

    def _resize(self, count: int) -> None:
        # The system moves the pages of a large block without copying them; no view exists yet.
        assert self._images is not None
        self._images.resize((count, *self._images.shape[1:]), refcheck=False)
