"""Features that were found once: kept by the content of the images and of the extractor."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from miua.errors import MiuaError
from miua.files import atomic_open, data_folder, sha256_array
from miua.metrics.extractors import FeatureExtractor, check_stack

FORMAT_VERSION = 1


def cached_features(
    extractor: FeatureExtractor, stack: NDArray[np.uint8], *, cache: bool = True
) -> NDArray[np.float32]:
    """The extractor's features (N, d) of a stack (N, H, W), from the cache if they are there.

    The cache is data_folder()/"features", one file for each stack and extractor; a damaged file
    is made again. cache=False neither reads nor writes it.
    Errors are those of the extractor; MiuaError: the extractor gives anything but one row of
    finite numbers an image, or the cache cannot be written.
    """
    check_stack(stack)
    if not cache:
        return _made(extractor, stack)
    path = _path(extractor, stack)
    features = _read(path)
    if features is None:
        features = _made(extractor, stack)
        _write(path, features)
    return features


def _made(extractor: FeatureExtractor, stack: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What the extractor gives; MiuaError unless that is (N, d), d >= 1, of finite numbers."""
    given: Any = extractor.features(stack)  # anyone's class, which may give anything
    if fault := _fault(given, len(stack)):
        raise MiuaError(
            f"The extractor {extractor.name!r} must give a numpy array of shape "
            f"({len(stack)}, d), one row of finite numbers for each image, not {fault}."
        )
    features: NDArray[np.float32] = given
    return features


def _fault(given: Any, images: int) -> str:
    """What is wrong with features of so many images, in words; "" if nothing is."""
    if not isinstance(given, np.ndarray):
        return f"an object of the type {type(given).__name__}"
    if given.dtype.kind not in "fiu":
        return f"an array of {given.dtype}"
    if given.ndim != 2 or len(given) != images or given.shape[1] == 0:
        return f"one of shape {given.shape}"
    broken = np.flatnonzero(~np.isfinite(given).all(axis=1))
    if len(broken):
        return (
            f"one in which the rows of {len(broken)} images have NaN or infinite numbers "
            f"(the first: image {broken[0]})"
        )
    return ""


def _path(extractor: FeatureExtractor, stack: NDArray[np.uint8]) -> Path:
    decides = f"{FORMAT_VERSION} {sha256_array(stack)} {extractor.sha256}"
    return data_folder() / "features" / hashlib.sha256(decides.encode()).hexdigest()


def _read(path: Path) -> NDArray[np.float32] | None:
    """The cached features; None if there are none or they are damaged, which only costs time.

    The file is a .npy behind the SHA-256 of its bytes, so that any damage is noticed.
    """
    try:
        content = path.read_bytes()
    except OSError:
        return None
    digest, array = content[:32], content[32:]
    if hashlib.sha256(array).digest() != digest:
        return None
    features: NDArray[np.float32] = np.load(io.BytesIO(array), allow_pickle=False)
    return features


def _write(path: Path, features: NDArray[np.float32]) -> None:
    array = io.BytesIO()
    np.save(array, features, allow_pickle=False)
    try:
        with atomic_open(path, "wb") as file:
            file.write(hashlib.sha256(array.getvalue()).digest())
            file.write(array.getvalue())
    except OSError as error:
        raise MiuaError(
            f"Cannot write the cache {path} ({error}). "
            "Set MIUA_DATA_DIR to a folder that can be written and has room."
        ) from None
