"""The cache of image stacks, in data_folder()/"stacks": KEY.npy and, beside it, KEY.json.

It lies outside the image folder, which may be shared or read-only. The key is the SHA-256 of the
files' contents and of all that decides the result. KEY.json has what an array cannot say: how many
images each file gave, which were skipped and why, and what was done to them. Names are not in it:
the same contents may have others.
"""

from __future__ import annotations

import hashlib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from miua.data.take import Taken
from miua.errors import MiuaError
from miua.files import data_folder, read_array, read_json, write_array, write_json

# Raise it whenever the same files would give other grey values or notes.
FORMAT_VERSION = 2
# What decodes; pydicom takes what is there of the others.
_DECODERS = ("pillow", "pydicom", "pylibjpeg", "pylibjpeg-libjpeg", "pylibjpeg-openjpeg",
             "pylibjpeg-rle", "pyjpegls", "python-gdcm")  # fmt: skip


def cache_path(digests: list[str], how: str) -> Path:
    """Where the stack of files with these digests, read in this way, is cached."""
    decides = f"{FORMAT_VERSION} {_versions()} {how} {' '.join(digests)}"
    return data_folder() / "stacks" / f"{hashlib.sha256(decides.encode()).hexdigest()}.npy"


def read_cache(path: Path, files: int) -> Taken | None:
    """What is cached; None if nothing is or it is damaged, which only costs time."""
    try:
        images, said = read_array(path), read_json(path.with_suffix(".json"))
        reasons = {int(index): str(reason) for index, reason in said["reasons"].items()}
        taken = Taken(images, said["counts"], reasons, tuple(said["notes"]))
        sound = (
            images.dtype.name == said["dtype"]
            and list(images.shape) == said["shape"]
            and len(taken.counts) == files
            and sum(taken.counts) == len(images)
        )
    except (MiuaError, KeyError, TypeError, ValueError, AttributeError):
        return None
    return taken if sound else None


def write_cache(path: Path, taken: Taken) -> None:
    """Keep it; MiuaError where that cannot be done."""
    said = {
        "dtype": taken.images.dtype.name,
        "shape": taken.images.shape,
        "counts": taken.counts,
        "reasons": taken.reasons,
        "notes": taken.notes,
    }
    try:
        write_json(path.with_suffix(".json"), said)
        write_array(path, np.ascontiguousarray(taken.images))
    except OSError as error:
        raise MiuaError(
            f"Cannot write the cache {path} ({error}). "
            "Set MIUA_DATA_DIR to a folder that can be written and has room."
        ) from None


def _versions() -> str:
    found = []
    for package in _DECODERS:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)
