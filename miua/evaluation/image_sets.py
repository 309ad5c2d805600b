"""From what a person gives (folders, stacks, arrays) to image stacks, their names and groups."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from miua.data import ImageStack, ReadingOptions, read_stack, subjects_of
from miua.data.arrays import split_name
from miua.data.dicom import SUFFIXES as DICOM_SUFFIXES
from miua.data.folder import natural_order
from miua.data.groups import read_groups
from miua.data.stack import RefusedFilesError
from miua.errors import MiuaError
from miua.evaluation.result import Source
from miua.files import sha256_array
from miua.metrics.stacks import Grey, Ints
from miua.wording import first_few, has_control, printable

# A folder of images, a file that holds a stack, or a stack itself, uint8 (N, H, W).
Images: TypeAlias = str | Path | ImageStack | Grey
Sets: TypeAlias = Images | Sequence[Images] | Mapping[str, Images]

_FILES = (".npy", ".npz", *DICOM_SUFFIXES)
_FRAME = re.compile(r"\[\d+\]$")
SAMPLE = 24  # images kept to look at


class Reading(ReadingOptions):
    """How a person's images are read, whether files or arrays."""

    def read(self, images: Images, name: str) -> tuple[ImageStack, Source]:
        """The stack, and what is told of it under this name."""
        path = Path(images) if isinstance(images, str | Path) else None
        try:
            stack = read_stack(path, **vars(self)) if path else _stack_of(images, name)
        except RefusedFilesError as error:
            raise MiuaError(f"{error}\n--skip-bad goes on without them.") from None
        count, height, width = stack.images.shape
        sample = stack.images[np.linspace(0, count - 1, min(count, SAMPLE)).astype(int)]
        return stack, Source(
            name=name,
            path=str(path) if path else None,
            images=count,
            height=height,
            width=width,
            sha256=stack.digest,
            notes=stack.notes,
            skipped=stack.skipped,
            sample=sample,
        )


class PairReading(Reading):
    """The same where images of equal place are pairs: `in_pairs`."""

    def read(self, images: Images, name: str) -> tuple[ImageStack, Source]:
        """The stack, and what is told of it under this name."""
        return in_pairs(images, *super().read(images, name))


def in_pairs(images: Images, stack: ImageStack, source: Source) -> tuple[ImageStack, Source]:
    """What was read of `images`, its files in the natural order of their names: 2.png, 10.png."""
    order = natural_order(stack.names)
    if isinstance(images, np.ndarray | ImageStack) or order == sorted(order):
        return stack, source
    names = tuple(stack.names[place] for place in order)
    note = f"paired in the order of numbers in names: {first_few(names)}"
    stack = replace(stack, images=np.ascontiguousarray(stack.images[order]), names=names)
    return stack, replace(source, notes=(*source.notes, note))


def named_sets(synthetic: Sets) -> dict[str, Images]:
    """Each set by its name: its key, or its folder's name, or "synthetic"; MiuaError: no set, or
    two of one name."""
    if isinstance(synthetic, Mapping):
        found = dict(synthetic)
    elif isinstance(synthetic, str | Path):
        found = {_name(Path(synthetic)): synthetic}
    elif isinstance(synthetic, np.ndarray | ImageStack):
        found = {"synthetic": synthetic}
    else:
        found = _of_list(list(synthetic))
    if not found:
        raise MiuaError("There is no synthetic set. Name at least one.")
    for name in filter(has_control, found):
        raise MiuaError(
            f"The name of the synthetic set {printable(name)} has control characters. "
            "Give it another one."
        )
    return found


def groups_of(groups: Path | str | ArrayLike | None, stack: ImageStack) -> tuple[Ints | None, str]:
    """Each real image's group, (N,), and where that came from in words; None without any. `groups`
    are those of `miua.evaluate`; MiuaError: they do not fit."""
    if groups is None:
        try:
            return subjects_of(stack.names), "subjects, by file names like HC18's"
        except MiuaError:
            pass
        # Frames of one file show one subject.
        files = [_FRAME.sub("", name) for name in stack.names]
        if not 1 < len(set(files)) < len(files):
            return None, "none: each image is taken for a subject of its own"
        return _codes(files), "files: the frames of one are taken for one subject"
    if isinstance(groups, str | Path):
        return read_groups(Path(groups), stack.names), f"{Path(groups).name}"
    codes = _codes(groups)
    if len(codes) != len(stack):
        raise MiuaError(
            f"There are {len(codes)} groups for {len(stack)} real images. Give one for each."
        )
    return codes, "as given"


def _codes(labels: ArrayLike) -> Ints:
    return np.unique(np.asarray(labels), return_inverse=True)[1].astype(np.int64).ravel()


def _stack_of(images: Any, name: str) -> ImageStack:
    if isinstance(images, ImageStack):
        return images
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8 or images.ndim != 3:
        found = type(images).__name__
        if isinstance(images, np.ndarray):
            found = f"{images.dtype} of shape {images.shape}"
        raise TypeError(f"{name} must be a path or a uint8 array of shape (N, H, W), not {found}")
    if images.size == 0:
        raise MiuaError(f"The set {name} holds no images.")
    images = np.ascontiguousarray(images)
    names = tuple(f"{name}[{index}]" for index in range(len(images)))
    return ImageStack(images, names, sha256_array(images))


def _of_list(given: list[Images]) -> dict[str, Images]:
    paths = [Path(each) if isinstance(each, str | Path) else None for each in given]
    names = [_name(path) if path else f"synthetic {n}" for n, path in enumerate(paths, start=1)]
    if len(set(names)) < len(names):
        # Folders of one name in different places: their paths tell them apart.
        names = [str(each) if path else name
                 for each, path, name in zip(given, paths, names, strict=True)]  # fmt: skip
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise MiuaError(f"The synthetic set {', '.join(twice)} is named twice. Name each once.")
    return dict(zip(names, given, strict=True))


def _name(path: Path) -> str:
    """Of a folder its name, of a file that without its suffix, as it was typed.

    images.npy has the name of its folder, and STACK.npz:NAME is "STACK:NAME".
    """
    file, array = split_name(path)
    if array is not None:
        return f"{file.stem}:{array}"
    if path.name == "images.npy" and not path.is_dir():
        path = path.parent
    elif path.suffix.lower() in _FILES and not path.is_dir():
        return path.stem
    name = path.resolve().name if path.name in ("", ".", "..") else path.name
    return name or str(path)
