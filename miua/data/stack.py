"""Image stacks: a folder of grey images, decoded once, as one uint8 array.

    stack = read_stack(folder, size=64)
    stack.images   uint8 (N, 64, 64), C-contiguous, in the order of
    stack.names    the file names, sorted

Resizing uses Pillow's BILINEAR filter, a triangle whose support grows with the reduction, so it is
antialiased; torchvision's Resize, which the study used, does the same. Nothing else changes a grey
value: images that are not 8-bit grey by content are refused, never converted with loss.

The result is cached in data_folder()/"stacks", outside the image folder (which may be shared or
read-only), under the SHA-256 of the files' contents and of all that decides the result.
"""

from __future__ import annotations

import hashlib
import io
import os
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import starmap
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image

from miua.errors import MiuaError
from miua.files import data_folder, read_array, sha256_file, write_array
from miua.progress import progress

Fit = Literal["stretch", "crop"]
Item = TypeVar("Item")
Result = TypeVar("Result")

# Raise it whenever the same files would give other grey values.
FORMAT_VERSION = 1

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".tif", ".tiff")
# HC18's layout: the folder of images, and the names of what lies among them.
TRAINING_SET = "training_set"
ANNOTATIONS = "*_Annotation.png"

# What Pillow raises on a damaged file, by its many decoders.
_DAMAGED = (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error, zlib.error)


@dataclass(frozen=True)
class ImageStack:
    """Grey images of one size.

    images: uint8 (N, H, W), C-contiguous. names: the N file names, sorted.
    digest: SHA-256 of the contents that were read, for provenance.
    """

    images: NDArray[np.uint8]
    names: tuple[str, ...]
    digest: str

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class Square:
    """How an image becomes square and small: what `read_stack` says of the same arguments."""

    size: int | None
    fit: Fit
    crop_size: int | None


class _RefusedError(Exception):
    """Why one image cannot be taken, and what would help."""


def read_stack(
    source: Path,
    size: int | None,
    fit: Fit = "stretch",
    *,
    crop_size: int | None = None,
    exclude: Sequence[str] = (ANNOTATIONS,),
    threads: int | None = None,
    cache: bool = True,
) -> ImageStack:
    """Read a folder of images, or an .npy image stack, as square grey images of `size` pixels.

    `fit` makes an image square before it is reduced: "stretch" takes the whole image and changes
    its proportions, "crop" takes the centred square of `crop_size` pixels, or the largest one.
    With size None nothing is resized, and all images must be of one size. Files whose names match
    a pattern in `exclude` are left out (by default HC18's annotations); subfolders, hidden files
    and files that are no images by suffix are not looked at. But a folder that holds HC18's
    training_set/ stands for that one, and a folder with images.npy for that stack.
    `threads` defaults to the cores this process may use.

    MiuaError: `source` is missing, holds no images, or holds images that are damaged, coloured,
    transparent or deeper than 8 bits. All of them are named.
    """
    source = Path(source)
    if size is not None and size < 1:
        raise ValueError(f"size must be at least 1, got {size}")
    if fit not in ("stretch", "crop"):
        raise ValueError(f"fit must be 'stretch' or 'crop', got {fit!r}")
    if crop_size is not None and fit != "crop":
        raise ValueError("crop_size needs fit='crop'")
    square = Square(size, fit, crop_size)
    if source.is_file():
        return _read_npy(source, square)
    if (source / "images.npy").is_file():
        return _read_npy(source / "images.npy", square)
    paths = image_paths(source, exclude)
    threads = threads or usable_cores()
    names = tuple(path.name for path in paths)
    digests = list(_in_threads(_sha256, paths, threads))
    digest = hashlib.sha256("".join(digests).encode()).hexdigest()
    cached = _cache_path(digest, square)
    images = _read_cache(cached, len(paths), size) if cache else None
    if images is None:
        images = _decode_all(paths, digests, square, threads)
        if cache:
            _write_cache(cached, images)
    return ImageStack(images, names, digest)


def image_paths(folder: Path, exclude: Sequence[str] = (ANNOTATIONS,)) -> list[Path]:
    """The images directly in `folder`, sorted by file name; MiuaError if there are none."""
    if not folder.is_dir():
        raise MiuaError(f"The image folder {folder} does not exist. Check the path.")
    folder = image_folder(folder)
    paths = [
        path
        for path in folder.iterdir()
        if path.suffix.lower() in SUFFIXES
        and not path.name.startswith(".")
        and not any(fnmatchcase(path.name, pattern) for pattern in exclude)
    ]
    if not paths:
        raise MiuaError(
            f"The folder {folder} holds no images. Looked for files that end in "
            f"{', '.join(SUFFIXES)}, without those named {', '.join(exclude) or '(none)'}."
        )
    return sorted(paths, key=lambda path: path.name)


def image_folder(folder: Path) -> Path:
    """The folder itself, or the training_set/ in it: HC18's dataset is named by either."""
    inner = folder / TRAINING_SET
    return inner if inner.is_dir() else folder


def subset(n: int, count: int, seed: int) -> NDArray[np.int64]:
    """Indices of a random subset of `count` out of `n`: the first of one seeded permutation.

    Subsets of one seed are nested: that of 100 is the start of that of 300.
    """
    if not 0 <= count <= n:
        raise ValueError(f"count must be between 0 and n = {n}, got {count}")
    return np.random.default_rng(seed).permutation(n)[:count].astype(np.int64)


def usable_cores() -> int:
    """The number of cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # no such call outside Linux
        return os.cpu_count() or 1


def _in_threads(
    function: Callable[[Item], Result], items: Iterable[Item], threads: int
) -> Iterator[Result]:
    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(function, items)


def _read_npy(path: Path, square: Square) -> ImageStack:
    if path.suffix != ".npy":
        raise MiuaError(f"{path} is neither a folder of images nor an .npy image stack.")
    images = read_array(path)
    if images.dtype != np.uint8 or images.ndim != 3 or images.size == 0:
        raise MiuaError(
            f"{path} is no image stack: it holds {images.dtype} of shape {images.shape}, "
            "an image stack is uint8 of shape (N, H, W)."
        )
    names = tuple(f"{path.name}[{index}]" for index in range(len(images)))
    size = square.size
    if size is not None and images.shape[1:] != (size, size):
        try:
            images = np.stack([_resized(Image.fromarray(image), square) for image in images])
        except _RefusedError as refused:
            raise MiuaError(f"{path}: each image {refused}") from None
    return ImageStack(np.ascontiguousarray(images), names, sha256_file(path))


def _decode_all(
    paths: list[Path], digests: list[str], square: Square, threads: int
) -> NDArray[np.uint8]:
    def decode(item: tuple[Path, str]) -> NDArray[np.uint8] | _RefusedError:
        try:
            return _resized(_grey_image(*item), square)
        except _RefusedError as refused:
            return refused

    results = progress(
        _in_threads(decode, zip(paths, digests, strict=True), threads),
        "Reading images",
        "images",
        total=len(paths),
    )
    images: list[NDArray[np.uint8]] = []
    refused: list[str] = []
    for path, result in zip(paths, results, strict=True):
        if isinstance(result, _RefusedError):
            refused.append(f"  {path.name}: {result}")
        else:
            images.append(result)
    if refused:
        listed = "\n".join(refused)
        raise MiuaError(f"{len(refused)} of {len(paths)} images in {paths[0].parent}:\n{listed}")
    shapes = {image.shape for image in images}
    if len(shapes) > 1:
        found = ", ".join(sorted(starmap("{1} x {0}".format, shapes)))
        raise MiuaError(
            f"The images in {paths[0].parent} differ in size ({found} pixels). "
            "Name one size for all of them (--size N)."
        )
    return np.stack(images)


def _grey_image(path: Path, digest: str) -> Image.Image:
    """Decode one file, checked to its last byte, to mode "L" without loss."""
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != digest:
        raise _RefusedError("changed while it was read. Read again when nothing writes to it.")
    try:
        # verify() checks the checksums that decoding skips, and spends the image.
        with Image.open(io.BytesIO(data)) as image:
            image.verify()
        with Image.open(io.BytesIO(data)) as image:
            deep = ";16" in str(image.tile) or image.mode.startswith(("I", "F"))
            frames = getattr(image, "n_frames", 1)
            if not deep and frames == 1:
                return _without_colour(image)
    except _DAMAGED as error:
        raise _RefusedError(f"is damaged or no image ({error}). Fetch or make it again.") from None
    except Image.DecompressionBombError as error:
        raise _RefusedError(f"is too large ({error}).") from None
    if deep:
        raise _RefusedError(
            "is deeper than 8 bits. How to map it to 0..255 is your choice: "
            "convert it to 8-bit grey explicitly."
        )
    raise _RefusedError(f"holds {frames} frames. Save the one you mean as an image of its own.")


def _without_colour(image: Image.Image) -> Image.Image:
    """Take the one channel of an image that is grey by content, whatever its mode."""
    if image.mode in ("L", "1") and "transparency" not in image.info:
        return image.convert("L")
    if image.mode not in ("L", "1", "LA", "P", "PA", "RGB", "RGBA"):
        raise _RefusedError(
            f"has the colour mode {image.mode}. Convert it to 8-bit grey explicitly."
        )
    pixels = np.asarray(image.convert("RGBA"))
    if (pixels[..., 3] != 255).any():
        raise _RefusedError("has transparent pixels. Convert it to 8-bit grey explicitly.")
    if (pixels[..., 0] != pixels[..., 1]).any() or (pixels[..., 0] != pixels[..., 2]).any():
        raise _RefusedError("has coloured pixels. Convert it to 8-bit grey explicitly.")
    return Image.fromarray(np.ascontiguousarray(pixels[..., 0]))


def _resized(image: Image.Image, square: Square) -> NDArray[np.uint8]:
    size = square.size
    if size is None:
        return np.asarray(image)
    if square.fit == "crop":
        width, height = image.size
        side = square.crop_size or min(width, height)
        if side > min(width, height):
            raise _RefusedError(
                f"has {width} x {height} pixels, too few to crop {side} x {side} from it."
            )
        left, top = (width - side) // 2, (height - side) // 2
        image = image.crop((left, top, left + side, top + side))
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR))


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _cache_path(digest: str, square: Square) -> Path:
    decides = f"{FORMAT_VERSION} {PIL.__version__} {digest} {square}"
    return data_folder() / "stacks" / f"{hashlib.sha256(decides.encode()).hexdigest()}.npy"


def _read_cache(path: Path, count: int, size: int | None) -> NDArray[np.uint8] | None:
    """The cached stack; None if there is none or it is damaged, which only costs time."""
    try:
        images = read_array(path)
    except MiuaError:
        return None
    sound = images.dtype == np.uint8 and images.ndim == 3 and len(images) == count
    return images if sound and size in (None, *images.shape[1:]) else None


def _write_cache(path: Path, images: NDArray[np.uint8]) -> None:
    try:
        write_array(path, images)
    except OSError as error:
        raise MiuaError(
            f"Cannot write the cache {path} ({error}). "
            "Set MIUA_DATA_DIR to a folder that can be written and has room."
        ) from None
