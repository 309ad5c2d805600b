"""Image stacks: a folder of grey images, decoded once, as one array.

    stack = read_stack(folder, size=64)
    stack.images   uint8 (N, 64, 64), C-contiguous, in the order of
    stack.names    the images' paths in the folder, sorted
    stack.notes    what was passed over and what was done to the images, in sentences; or empty
    stack.skipped  which files were left out and why; only with skip_bad=True

No grey value changes unless the caller asks for it, and a note says so: an image that is not 8-bit
grey by content is refused, or windowed as the caller says. miua.data.formats decodes,
miua.data.reading windows, miua.data.resize resizes.

Memory holds the result and a few decoded images, however many files there are. The result is
cached in data_folder()/"stacks", outside the image folder, which may be shared or read-only:
KEY.npy and, beside it, KEY.json with what an array cannot say (how many images each file gave,
which were skipped and why, and the notes). KEY is the SHA-256 of the files' contents and of all
that decides the result, but not of names: the same contents may have others.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from miua.data import dicom
from miua.data.arrays import check_depth, frame_of, open_array, split_name
from miua.data.folder import (
    ANNOTATIONS,
    TRAINING_SET,
    count_beside,
    find_images,
    image_folder,
    image_name,
    is_dicom,
)
from miua.data.formats import frames_of
from miua.data.reading import Fit, ReadingOptions, Resize, Window
from miua.data.take import Files, Taken, refuse, take
from miua.data.threads import in_threads, usable_cores
from miua.errors import MiuaError
from miua.files import (
    data_folder,
    read_array,
    read_json,
    sha256_array,
    sha256_file,
    write_array,
    write_json,
)
from miua.progress import progress
from miua.provenance import provenance, write_provenance
from miua.wording import counted, first_few

# Raise it whenever the same files would give other grey values or notes.
CACHE_VERSION = 3
# What decodes; pydicom takes what is there of the others.
_DECODERS = ("pillow", "pydicom", "pylibjpeg", "pylibjpeg-libjpeg", "pylibjpeg-openjpeg",
             "pylibjpeg-rle", "pyjpegls", "python-gdcm")  # fmt: skip
REFERENCE_DRAW = 1


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
    options = ReadingOptions(size, fit, crop_size, window, resize, antialias, depth, skip_bad)
    threads = threads or usable_cores()
    source, array_name = split_name(Path(source))
    notes: tuple[str, ...] = ()
    if (source / "images.npy").is_file():
        notes = (_stands_for_folder("images.npy", count_beside(source, source / "images.npy")),)
        source /= "images.npy"
    if source.is_file() and source.suffix.lower() in (".npy", ".npz"):
        stack = _read_array(source, array_name, options, threads)
        return replace(stack, notes=(*notes, *stack.notes))
    if source.is_file():
        if source.suffix.lower() not in dicom.SUFFIXES and not is_dicom(source):
            raise MiuaError(f"{source} is neither a folder of images nor an .npy image stack.")
        paths, names = [source], [source.name]
    else:
        found = find_images(source, exclude)
        inner = image_folder(source)
        if inner != source:
            notes = (_stands_for_folder(f"{TRAINING_SET}/", count_beside(source, inner)),)
        notes += _left_out(found.excluded, found.unread)
        source, paths = inner, found.paths
        names = [image_name(path, source) for path in paths]
    stack = _read_files(source, paths, names, options, threads, cache)
    return replace(stack, notes=(*notes, *stack.notes))


def subset(n: int, count: int, seed: int) -> NDArray[np.int64]:
    """Indices of a random subset of `count` out of `n`: the first of one seeded permutation.

    Subsets of one seed are nested: that of 100 is the start of that of 300.
    """
    if not 0 <= count <= n:
        raise ValueError(f"count must be between 0 and n = {n}, got {count}")
    return np.random.default_rng(seed).permutation(n)[:count].astype(np.int64)


def save_stack(
    source: Path,
    out: Path,
    options: ReadingOptions,
    images: int | None = None,
    seed: int = 0,
    *,
    cache: bool = True,
) -> ImageStack:
    """Read `source` as an image stack and save it, or a random part of it, in the folder `out`.

    Args:
        source: a folder of images or an .npy image stack.
        out: gets images.npy, names.json and provenance.json; images.npy is written last.
        options: how the images are read.
        images: how many to draw, without repetition; all of them, in order, if None.
        seed: seed of the draw.
        cache: see `read_stack`.

    Raises:
        MiuaError: the source cannot be read, or has fewer images than asked.
    """
    stack = read_stack(source, **vars(options), cache=cache)
    if images is not None:
        if images > len(stack):
            raise MiuaError(f"{source} has {len(stack)} images; {images} cannot be drawn from it.")
        stack = drawn(stack, images, seed)
    always = {"fit": options.fit, "crop_size": options.crop_size, "images": images, "seed": seed}
    record = provenance(inputs={"source": stack.digest}, settings={**always, **options.settings()})
    record["outputs"] = {"images": sha256_array(stack.images)}
    write_json(out / "names.json", list(stack.names))
    write_provenance(out, record)
    write_array(out / "images.npy", stack.images)
    return stack


def drawn(stack: ImageStack, images: int, seed: int) -> ImageStack:
    """So many images of a stack, drawn at random without repetition, in the stack's order."""
    # Not the draw of training subsets: with it, the reference images would be exactly those
    # that one of the networks was trained on.
    order = np.random.default_rng((seed, REFERENCE_DRAW)).permutation(len(stack))
    chosen = np.sort(order[:images])
    names = tuple(stack.names[index] for index in chosen)
    return replace(stack, images=stack.images[chosen], names=names)


def _read_files(
    source: Path,
    paths: list[Path],
    names: list[str],
    options: ReadingOptions,
    threads: int,
    cache: bool,
) -> ImageStack:
    hashing = in_threads(_digest, paths, threads)
    digests = list(progress(hashing, "Hashing images", "images", total=len(paths)))
    files = Files(source, names, lambda index: frames_of(paths[index], digests[index] or None))
    decides = f"{CACHE_VERSION} {_decoders()} {options} {' '.join(digests)}"
    cached = data_folder() / "stacks" / f"{hashlib.sha256(decides.encode()).hexdigest()}.npy"
    taken = _read_cache(cached, len(paths)) if cache else None
    if taken is None:
        taken = take(files, options, threads)
        if cache:
            _write_cache(cached, taken)
    refuse(files, taken.reasons, options.skip_bad)
    kept = (digest for digest, count in zip(digests, taken.counts, strict=True) if count)
    return _stack(files, taken, hashlib.sha256("".join(kept).encode()).hexdigest())


def _digest(path: Path) -> str:
    """The SHA-256 of a file; empty if it is none or cannot be read, which decoding will say."""
    try:
        return sha256_file(path) if path.is_file() else ""
    except OSError:
        return ""


def _read_array(path: Path, name: str | None, options: ReadingOptions, threads: int) -> ImageStack:
    array, digest = open_array(path, name)
    check_depth(path, array, options.window)
    names = [f"{path.name}[{index}]" for index in range(len(array))]
    if array.shape[1:] == (options.size, options.size):
        # A stack that was made square and small already is not cropped or resized again.
        options = replace(options, size=None)
    if array.dtype == np.uint8 and (options.size, options.window, options.depth) == (None, None, 8):
        return ImageStack(np.array(array, order="C"), tuple(names), digest)
    files = Files(path, names, lambda index: iter([frame_of(array, index)]))
    return _stack(files, take(files, options, threads), digest)


def _stack(files: Files, taken: Taken, digest: str) -> ImageStack:
    names = (
        f"{name}[{frame}]" if count > 1 else name
        for name, count in zip(files.names, taken.counts, strict=True)
        for frame in range(count)
    )
    skipped = (Skipped(files.names[index], why) for index, why in sorted(taken.reasons.items()))
    return ImageStack(taken.images, tuple(names), digest, taken.notes, tuple(skipped))


def _stands_for_folder(name: str, beside: int) -> str:
    """That one folder or file in a folder was read, and not the images beside it."""
    rest = f", not the {counted(beside, 'image file')} beside it" if beside else ""
    return f"read {name} of the folder{rest}"


def _left_out(excluded: Counter[str], unread: Counter[str]) -> tuple[str, ...]:
    """One sentence for each kind of file in a folder that was not read; see `folder.Found`."""
    said = [
        f"left out {counted(n, 'file')} named {pattern}" for pattern, n in sorted(excluded.items())
    ]
    if unread:
        suffixes = first_few(sorted(unread, key=lambda suffix: (-unread[suffix], suffix)), 10)
        count = counted(unread.total(), "file")
        said.append(f"left out {count} of formats that are not read here ({suffixes})")
    return tuple(said)


def _read_cache(path: Path, files: int) -> Taken | None:
    """What is cached; None if nothing is or it is damaged, which only costs time."""
    try:
        said = read_json(path.with_suffix(".json"))
        reasons = {int(index): str(reason) for index, reason in said["reasons"].items()}
        taken = Taken(read_array(path), said["counts"], reasons, tuple(said["notes"]))
        sound = len(taken.counts) == files and sum(taken.counts) == len(taken.images)
        sound = sound and [taken.images.dtype.name, *taken.images.shape] == said["array"]
    except (MiuaError, OSError, KeyError, TypeError, ValueError, AttributeError):
        return None
    return taken if sound else None


def _write_cache(path: Path, taken: Taken) -> None:
    """Keep it; MiuaError where that cannot be done."""
    array = [taken.images.dtype.name, *taken.images.shape]
    said = {"array": array, **{key: value for key, value in vars(taken).items() if key != "images"}}
    try:
        write_json(path.with_suffix(".json"), said)
        write_array(path, taken.images)
    except OSError as error:
        raise MiuaError(
            f"Cannot write the cache {path} ({error}). "
            "Set MIUA_DATA_DIR to a folder that can be written and has room."
        ) from None


def _decoders() -> str:
    """The versions of what decodes."""
    found = []
    for package in _DECODERS:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)
