"""Image stacks: a folder of grey images, decoded once, as one array.

    stack = read_stack(folder, size=64)
    stack.images   uint8 (N, 64, 64), C-contiguous, in the order of
    stack.names    the images' paths in the folder, sorted
    stack.notes    what was passed over and what was done to the images, in sentences; or empty
    stack.skipped  which files were left out and why; only with skip_bad=True

Nothing changes a grey value without being asked for and said: an image that is not 8-bit grey by
content is refused, or windowed as the caller says. What the formats are: miua.data.formats; how
images are windowed: miua.data.window; how they are resized: miua.data.resize.

Memory holds the result and a few decoded images, however many files there are. The result is
cached (miua.data.stack_cache).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from miua.data import dicom
from miua.data.arrays import check_depth, frame_of, open_array, split_name
from miua.data.folder import (
    ANNOTATIONS,
    SUFFIXES,
    TRAINING_SET,
    count_beside,
    find_images,
    image_folder,
    image_name,
    image_paths,
    is_dicom,
)
from miua.data.formats import frames_of
from miua.data.notes import left_out, stands_for_folder
from miua.data.resize import Fit, Resize, Square
from miua.data.stack_cache import cache_path, read_cache, write_cache
from miua.data.take import Files, How, Taken, refuse, take
from miua.data.threads import in_threads, usable_cores
from miua.data.window import Window, checked_window
from miua.errors import MiuaError
from miua.files import sha256_file
from miua.progress import progress

__all__ = [
    "ANNOTATIONS",
    "SUFFIXES",
    "TRAINING_SET",
    "Fit",
    "ImageStack",
    "Resize",
    "Skipped",
    "Square",
    "Window",
    "image_folder",
    "image_paths",
    "read_stack",
    "subset",
    "usable_cores",
]


@dataclass(frozen=True)
class Skipped:
    """A file that was left out: its name as an image's would be, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class ImageStack:
    """Grey images of one size.

    images: uint8 (uint16 where 16 bits were asked for) (N, H, W), C-contiguous. names: of the N
    images, sorted by file; the frames of a file are "name[0]", "name[1]" ... in their order.
    digest: SHA-256 of the contents that the images were read from, for provenance. notes: one
    sentence for each kind of file that was passed over and for each kind of conversion. skipped:
    the bad files that were left out.
    """

    images: NDArray[Any]
    names: tuple[str, ...]
    digest: str
    notes: tuple[str, ...] = ()
    skipped: tuple[Skipped, ...] = ()

    def __len__(self) -> int:
        return len(self.names)


def read_stack(
    source: Path,
    size: int | None,
    fit: Fit = "stretch",
    *,
    crop_size: int | None = None,
    exclude: Sequence[str] = (ANNOTATIONS,),
    window: Window | None = None,
    resize: Resize = "bilinear",
    antialias: bool = True,
    depth: Literal[8, 16] = 8,
    skip_bad: bool = False,
    threads: int | None = None,
    cache: bool = True,
) -> ImageStack:
    """Read images as square grey images of `size` pixels.

    Args:
        source: a folder of images, its subfolders included; an image stack as STACK.npy, STACK.npz
            or, if that holds several arrays, STACK.npz:NAME; or one DICOM file. A folder that
            holds HC18's training_set/ stands for that one, a folder with images.npy for that stack.
        size: side of the square, in pixels. None resizes nothing; then all must be of one size.
        fit: how an image becomes square before it is reduced. "stretch" takes the whole image and
            changes its proportions, "crop" the centred square of `crop_size` pixels, or the
            largest one.
        exclude: files whose own names match one of these patterns are left out.
        window: (LOW, HIGH), or "dicom" for each DICOM file's own: how images deeper than 8 bits
            are mapped to the grey values. Those of 8 bits are taken as stored.
        resize: the filter. antialias: whether it widens with the reduction.
        depth: 16 gives uint16: images of 8 bits are scaled by 257, windows map to 0..65535, and
            what is resized is rounded once.
        skip_bad: go on without the files that cannot be taken; `ImageStack.skipped` tells them.
        threads: by default the cores that this process may use.
        cache: whether to keep the result and to take one that was kept.

    Raises:
        MiuaError: the source is missing, holds no images, or holds some that are damaged, empty,
            coloured, transparent, too large, or deeper than 8 bits without a window. All of them
            are named. Or they differ in size, and none is given.
        MissingExtraError: an image is DICOM, and pydicom is not installed.
    """
    square = Square(size, fit, crop_size, resize, antialias)
    if depth not in (8, 16):
        raise ValueError(f"depth must be 8 or 16, got {depth}")
    how = How(square, None if window is None else checked_window(window), depth)
    threads = threads or usable_cores()
    source, array_name = split_name(Path(source))
    notes: tuple[str, ...] = ()
    if (source / "images.npy").is_file():
        notes = (stands_for_folder("images.npy", count_beside(source, source / "images.npy")),)
        source /= "images.npy"
    if source.is_file() and source.suffix.lower() in (".npy", ".npz"):
        stack = _read_array(source, array_name, how, skip_bad, threads)
        return replace(stack, notes=(*notes, *stack.notes))
    if source.is_file():
        if source.suffix.lower() not in dicom.SUFFIXES and not is_dicom(source):
            raise MiuaError(f"{source} is neither a folder of images nor an .npy image stack.")
        paths, names = [source], [source.name]
    else:
        found = find_images(source, exclude)
        inner = image_folder(source)
        if inner != source:
            notes = (stands_for_folder(f"{TRAINING_SET}/", count_beside(source, inner)),)
        notes += left_out(found.excluded, found.unread)
        source, paths = inner, found.paths
        names = [image_name(path, source) for path in paths]
    stack = _read_files(source, paths, names, how, skip_bad, threads, cache)
    return replace(stack, notes=(*notes, *stack.notes))


def subset(n: int, count: int, seed: int) -> NDArray[np.int64]:
    """Indices of a random subset of `count` out of `n`: the first of one seeded permutation.

    Subsets of one seed are nested: that of 100 is the start of that of 300.
    """
    if not 0 <= count <= n:
        raise ValueError(f"count must be between 0 and n = {n}, got {count}")
    return np.random.default_rng(seed).permutation(n)[:count].astype(np.int64)


def _read_files(
    source: Path,
    paths: list[Path],
    names: list[str],
    how: How,
    skip_bad: bool,
    threads: int,
    cache: bool,
) -> ImageStack:
    hashing = in_threads(_digest, paths, threads)
    digests = list(progress(hashing, "Hashing images", "images", total=len(paths)))
    files = Files(source, names, lambda index: frames_of(paths[index], digests[index] or None))
    cached = cache_path(digests, str(how))
    taken = read_cache(cached, len(paths)) if cache else None
    if taken is None:
        taken = take(files, how, skip_bad, threads)
        if cache:
            write_cache(cached, taken)
    refuse(files, taken.reasons, skip_bad)
    kept = (digest for digest, count in zip(digests, taken.counts, strict=True) if count)
    return _stack(files, taken, hashlib.sha256("".join(kept).encode()).hexdigest())


def _digest(path: Path) -> str:
    """The SHA-256 of a file; empty if it is none or cannot be read, which decoding will say."""
    try:
        return sha256_file(path) if path.is_file() else ""
    except OSError:
        return ""


def _read_array(path: Path, name: str | None, how: How, skip_bad: bool, threads: int) -> ImageStack:
    array, digest = open_array(path, name)
    check_depth(path, array, how.window)
    names = [f"{path.name}[{index}]" for index in range(len(array))]
    size = how.square.size
    if size is not None and array.shape[1:] == (size, size):
        # A stack that was made square and small already is not cropped or resized again.
        how = How(Square(None), how.window, how.depth)
    if array.dtype == np.uint8 and how == How(Square(None), None, 8):
        return ImageStack(np.array(array, order="C"), tuple(names), digest)
    files = Files(path, names, lambda index: iter([frame_of(array, index)]))
    return _stack(files, take(files, how, skip_bad, threads), digest)


def _stack(files: Files, taken: Taken, digest: str) -> ImageStack:
    names = (
        f"{name}[{frame}]" if count > 1 else name
        for name, count in zip(files.names, taken.counts, strict=True)
        for frame in range(count)
    )
    skipped = (Skipped(files.names[index], why) for index, why in sorted(taken.reasons.items()))
    return ImageStack(taken.images, tuple(names), digest, taken.notes, tuple(skipped))
