"""Image stacks: a folder of grey images, decoded once, as one array.

No grey value changes unless the caller asks for it, and a note says so: an image that is not 8-bit
grey by content is refused, or windowed as the caller says. miua.data.formats decodes,
miua.data.reading windows, miua.data.resize resizes.

Memory holds the result and a few decoded images, however many files there are. The result is
cached in data_folder()/"stacks", outside the image folder, which may be shared or read-only:
KEY.npy and, beside it, KEY.json with what an array cannot say (how many images each file gave,
which were skipped and why, and the notes). KEY is the SHA-256 of the files' contents and of all
that decides the result, but not of names: the same contents may have others.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from miua import files
from miua.data import dicom, folder, reading
from miua.data.arrays import open_array, split_name
from miua.data.formats import frames_of
from miua.data.reading import Depth, Fit, Frame, ReadingOptions, RefusedError, Resize, Window
from miua.data.resize import squared
from miua.data.threads import in_threads, usable_cores
from miua.errors import MiuaError
from miua.progress import progress
from miua.provenance import provenance, versions_of, write_provenance
from miua.wording import counted, first_few

# Raise it whenever the same files would give other grey values or notes.
CACHE_VERSION = 5
# What decodes; pydicom takes what is there of the others.
_DECODERS = ("pillow", "simplejpeg", "tifffile", "pydicom", "pylibjpeg", "pylibjpeg-libjpeg",
             "pylibjpeg-openjpeg", "pylibjpeg-rle", "pyjpegls", "python-gdcm")  # fmt: skip
REFERENCE_DRAW = 1


class RefusedFilesError(MiuaError):
    """Some files cannot be taken, but others can: skipping the bad ones would go on."""


@dataclass(frozen=True)
class Skipped:
    """A file that was left out: its name as an image's would be, and why."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"left out {self.name}: {self.reason}"


@dataclass(frozen=True)
class ImageStack:
    """Grey images of one size.

    images: uint8 (uint16 where 16 bits were asked for) (N, H, W), C-contiguous. names: of the N
    images, sorted by file; the frames of a file are "name[0]", "name[1]" ... in their order.
    digest: SHA-256 of the contents that the images were read from, for provenance. notes: a
    sentence for each kind of file passed over and of conversion. skipped: bad files left out.
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
    exclude: Sequence[str] | None = None,
    window: Window | None = None,
    resize: Resize = "bilinear",
    antialias: bool = True,
    depth: Depth = 8,
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
        exclude: files and folders whose names match one of these patterns are left out, and those
            whose paths in the source match one that has a "/". None: masks and thumbnails,
            `miua.data.reading.EXCLUDED`.
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
    how = (size, fit, crop_size, window, resize, antialias, depth, skip_bad, exclude)
    options = ReadingOptions(*how)
    threads = threads or usable_cores()
    source, array_name = split_name(Path(source))
    notes: list[str] = []
    if (source / "images.npy").is_file():
        notes = [folder.read_instead("images.npy", source)]
        source /= "images.npy"
    if source.is_file():
        notes += folder.unmatched(options.exclude)
    if source.is_file() and source.suffix.lower() in (".npy", ".npz"):
        stack = _read_array(source, array_name, options, threads)
    elif source.is_file():
        if source.suffix.lower() not in dicom.SUFFIXES and not dicom.file_is_dicom(source):
            raise MiuaError(f"{source} is neither a folder of images nor an .npy image stack.")
        stack = _read_files(source, [source], [source.name], options, threads, cache)
    else:
        paths, notes = folder.find_images(source, options.exclude)
        source = folder.image_folder(source)
        names = [folder.image_name(path, source) for path in paths]
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

    That gets names.json, provenance.json and, last, images.npy. So many `images` are drawn by
    `seed` without repetition, in the stack's order; all if None. source, cache: see `read_stack`.
    MiuaError: the source cannot be read, or has fewer images than asked.
    """
    stack = read_stack(source, **vars(options), cache=cache)
    if images is not None:
        if images > len(stack):
            raise MiuaError(f"{source} has {len(stack)} images; {images} cannot be drawn from it.")
        # Not the draw of training subsets: with it, the reference images would be exactly those
        # that one of the networks was trained on.
        order = np.random.default_rng((seed, REFERENCE_DRAW)).permutation(len(stack))
        chosen = np.sort(order[:images])
        names = tuple(stack.names[index] for index in chosen)
        stack = replace(stack, images=stack.images[chosen], names=names)
    always = {"fit": options.fit, "crop_size": options.crop_size, "images": images, "seed": seed}
    record = provenance(inputs={"source": stack.digest}, settings={**always, **options.settings()})
    record["outputs"] = {"images": files.sha256_array(stack.images)}
    files.write_json(out / "names.json", list(stack.names))
    write_provenance(out, record)
    files.write_array(out / "images.npy", stack.images)
    return stack


class _Taken(NamedTuple):
    """What reading files gave."""

    images: NDArray[Any]
    counts: list[int]  # the images of each file; 0 for one that was refused
    reasons: dict[int, str]  # why it was, by the file's place
    notes: tuple[str, ...]


def _read_array(path: Path, name: str | None, options: ReadingOptions, threads: int) -> ImageStack:
    array, digest = open_array(path, name, options.window)
    names = [f"{path.name}[{index}]" for index in range(len(array))]
    if array.shape[1:] == (options.size, options.size):
        # A stack that was made square and small already is not cropped or resized again.
        options = replace(options, size=None)
    if array.dtype == np.uint8 and (options.size, options.window, options.depth) == (None, None, 8):
        return ImageStack(np.array(array, order="C"), tuple(names), digest)
    depth = {"u": "{} bits", "i": "{} bits, signed", "f": "{}-bit floats"}[array.dtype.kind]
    depth = "" if array.dtype == np.uint8 else depth.format(8 * array.itemsize)

    def frames(index: int) -> list[Frame]:
        return [Frame(np.ascontiguousarray(array[index]), depth)]

    taken = _take(path, names, frames, options, threads)
    return _stack(names, taken, digest)


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
    decoders = ", ".join(map(" ".join, versions_of(_DECODERS).items()))
    decides = f"{CACHE_VERSION} {decoders} {options} {' '.join(digests)}"
    key = hashlib.sha256(decides.encode()).hexdigest()
    cached = files.data_folder() / "stacks" / f"{key}.npy"
    taken = _read_cache(cached, len(paths)) if cache else None
    if taken is None:
        taken = _take(source, names, lambda i: frames_of(paths[i], digests[i]), options, threads)
        if cache:
            _write_cache(cached, taken)
    _refuse(source, names, taken.reasons, options.skip_bad)
    kept = (digest for digest, count in zip(digests, taken.counts, strict=True) if count)
    return _stack(names, taken, hashlib.sha256("".join(kept).encode()).hexdigest())


def _digest(path: Path) -> str:
    """The SHA-256 of a file; empty if it is none or cannot be read, which decoding will say."""
    try:
        return files.sha256_file(path) if path.is_file() else ""
    except OSError:
        return ""


def _take(
    source: Path,
    names: list[str],
    frames: Callable[[int], Iterable[Frame]],
    options: ReadingOptions,
    threads: int,
) -> _Taken:
    """Decode `names`, each by its `frames`; MiuaError names those refused, or of other sizes."""

    def decode(index: int) -> tuple[list[NDArray[Any]], Notes, str]:
        done: Notes = Counter()
        try:
            return [prepared(frame, options, done) for frame in frames(index)], done, ""
        except RefusedError as refused:
            return [], Counter(), str(refused)

    notes: Notes = Counter()
    images: list[NDArray[Any]] = []
    counts: list[int] = []
    reasons: dict[int, str] = {}
    sizes: dict[tuple[int, ...], list[str]] = defaultdict(list)
    results = in_threads(decode, range(len(names)), threads)
    shown = progress(results, "Reading images", "images", total=len(names))
    for place, (made, done, refused) in enumerate(shown):
        if refused:
            reasons[place] = refused
        counts.append(len(made))
        notes.update(done)
        for image in made:
            sizes[image.shape].append(names[place])
        images += made if len(sizes) == 1 else []
    _refuse(source, names, reasons, options.skip_bad)
    if len(sizes) > 1:
        listed = "\n".join(
            f"  {width} x {height} pixels: {first_few(dict.fromkeys(of_size))}"
            for (height, width), of_size in sorted(sizes.items())
        )
        raise MiuaError(
            f"The images in {source} differ in size. "
            f"Name one size for all of them (--size N).\n{listed}"
        )
    stack = np.empty((len(images), *images[0].shape), options.dtype)
    for index in reversed(range(len(stack))):
        stack[index] = images.pop()  # which frees it: memory never holds the set twice
    return _Taken(stack, counts, reasons, sentences(notes, options))


def _refuse(source: Path, names: list[str], reasons: dict[int, str], skip_bad: bool) -> None:
    """MiuaError with all files that were refused, unless they are skipped and some are left."""
    if not reasons or (skip_bad and len(reasons) < len(names)):
        return
    listed = "\n".join(f"  {names[index]}: {why}" for index, why in sorted(reasons.items()))
    nothing = "No image is left. " if skip_bad else ""
    error = RefusedFilesError if len(reasons) < len(names) else MiuaError
    raise error(f"{nothing}{len(reasons)} of {len(names)} images in {source}:\n{listed}")


def _stack(names: list[str], taken: _Taken, digest: str) -> ImageStack:
    of_images = (
        f"{name}[{frame}]" if count > 1 else name
        for name, count in zip(names, taken.counts, strict=True)
        for frame in range(count)
    )
    skipped = (Skipped(names[index], why) for index, why in sorted(taken.reasons.items()))
    return ImageStack(taken.images, tuple(of_images), digest, taken.notes, tuple(skipped))


# Counts of images, by what was done to them: ("fact", Fact), ("as stored", "") for images of 8
# bits, ("resized" or "cropped", (width, height) before), ("windowed", depth); and ("pixels" or
# "clipped", depth): the pixels of windowed images, and how many of them lay outside the window.
Notes = Counter[tuple[str, Any]]


def prepared(frame: Frame, options: ReadingOptions, notes: Notes) -> NDArray[Any]:
    """A frame as an image of the stack; `notes` counts what was done to it."""
    pixels, top = frame.pixels, int(np.iinfo(options.dtype).max)
    height, width = pixels.shape
    notes.update(("fact", fact) for fact in frame.facts)
    if not frame.depth:
        notes["as stored", ""] += 1
        pixels = pixels if options.depth == 8 else pixels * 257.0
    else:
        low, high = reading.window_of(frame, options.window)
        pixels, clipped = reading.through_window(pixels, low, high, top)
        counts = {"windowed": 1, "pixels": pixels.size, "clipped": clipped}
        notes.update({(kind, frame.depth): count for kind, count in counts.items()})
        pixels = top - pixels if frame.inverted else pixels
        # What becomes 16 bits is rounded once, after it was resized.
        pixels = reading.rounded(pixels, np.uint8) if options.depth == 8 else pixels
    pixels, done = squared(pixels, options)
    if done:
        notes[done, (width, height)] += 1
    return pixels if pixels.dtype == options.dtype else reading.rounded(pixels, options.dtype)


def sentences(notes: Notes, options: ReadingOptions) -> tuple[str, ...]:
    """One sentence for each kind of conversion; none where nothing was done."""
    kinds: dict[str, dict[Any, int]] = {kind: {} for kind in ("fact", "windowed")}
    for (kind, what), n in sorted(notes.items()):
        kinds.setdefault(kind, {})[what] = n
    said = [
        f"{counted(n, f'{kind} image'.lstrip())} {'is' if n == 1 else 'are'} {state}: {done}"
        for (kind, state, done), n in kinds["fact"].items()
    ]
    as_stored = notes["as stored", ""]
    given = "each file's own window" if options.window == "dicom" else "window {:g}:{:g}"
    for depth, n in kinds["windowed"].items():
        share = 100 * notes["clipped", depth] / notes["pixels", depth]
        percent = "under 0.1 %" if 0 < share < 0.05 else f"{share:.1f} %"
        said.append(
            f"{counted(n, 'image')} of {depth}: {given.format(*options.window or ())} to "
            f"0..{2**options.depth - 1}, {percent} of the pixels clipped"
        )
    eight = f"{counted(as_stored, 'image')} of 8 bits:"
    if options.window is not None and as_stored:
        said.append(f"{eight} taken as stored, without the window")
    if options.depth == 16 and as_stored:
        said.append(f"{eight} scaled by 257 to 16 bits")
    to = f"{options.size} x {options.size}"
    if "cropped" in kinds:
        said.append(f"cropped {_sizes(kinds['cropped'])} to the centred {to}")
    if "resized" in kinds:
        said.append(f"resized {_sizes(kinds['resized'])} to {to}: {options.how()}")
    return tuple(said)


def _sizes(counts: dict[tuple[int, int], int]) -> str:
    width, height = max(counts, key=lambda size: (size[0] * size[1], size))
    images = counted(sum(counts.values()), "image")
    if len(counts) == 1:
        return f"{images} of {width} x {height}"
    return f"{images} of {len(counts):,} sizes (largest {width} x {height})"


def _read_cache(path: Path, count: int) -> _Taken | None:
    """What is cached of `count` files; None if nothing is or it is damaged, which costs time."""
    try:
        said = files.read_json(path.with_suffix(".json"))
        reasons = {int(index): str(reason) for index, reason in said["reasons"].items()}
        taken = _Taken(files.read_array(path), said["counts"], reasons, tuple(said["notes"]))
        sound = len(taken.counts) == count and sum(taken.counts) == len(taken.images)
        sound = sound and [taken.images.dtype.name, *taken.images.shape] == said["array"]
    except (MiuaError, OSError, KeyError, TypeError, ValueError, AttributeError):
        return None
    return taken if sound else None


def _write_cache(path: Path, taken: _Taken) -> None:
    said = taken._asdict()
    images = said.pop("images")
    try:
        said["array"] = [images.dtype.name, *images.shape]
        files.write_json(path.with_suffix(".json"), said)
        files.write_array(path, images)
    except OSError as error:
        raise MiuaError(
            f"Cannot write the cache {path} ({error}). "
            "Set MIUA_DATA_DIR to a folder that can be written and has room."
        ) from None
