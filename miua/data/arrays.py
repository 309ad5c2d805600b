"""Image stacks as .npy and .npz files: one array (N, H, W).

An .npz file with several arrays needs the name of one: STACK.npz:NAME.
"""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from miua.data.reading import Window
from miua.errors import MiuaError
from miua.files import MAX_UNPACKED_BYTES, MAX_UNPACKED_RATIO, sha256_array, sha256_file
from miua.wording import first_few


def split_name(source: Path) -> tuple[Path, str | None]:
    """STACK.npz and NAME of STACK.npz:NAME; any other path, and None."""
    file, colon, name = str(source).rpartition(":")
    named = colon and file.lower().endswith(".npz") and not source.exists()
    return (Path(file), name) if named else (source, None)


def open_array(path: Path, name: str | None, window: Window | None) -> tuple[NDArray[Any], str]:
    """The array of an .npy or .npz file, and the SHA-256 of its contents.

    Of .npy only what is looked at is read into memory. MiuaError: the file is no such file or is
    damaged, the array is not there, it is no stack of images, or it needs a window.
    """
    try:
        if path.suffix.lower() == ".npz":
            name, array = _of_npz(path, name)
            shown, digest = f"{path}:{name}", sha256_array(np.asarray(array))
        else:
            with warnings.catch_warnings():
                # A header that Python 2 wrote is read like others; numpy says that it took longer.
                warnings.simplefilter("ignore", UserWarning)
                array = np.load(path, mmap_mode="r", allow_pickle=False)
            shown, digest = str(path), sha256_file(path)
        if not isinstance(array, np.ndarray):  # numpy goes by the content, not by the name
            raise ValueError("it holds no array")
    except FileNotFoundError:
        raise MiuaError(f"{path} is missing.") from None
    except MemoryError:
        raise MiuaError(f"{path} does not fit into memory.") from None
    except MiuaError:
        raise
    except Exception as error:  # of what a damaged file makes numpy and zipfile raise: no list
        why = " ".join(str(error).split()) or type(error).__name__
        raise MiuaError(f"{path} is not a readable {path.suffix} file ({why}).") from None
    if array.dtype.kind not in "uif" or array.ndim != 3 or array.size == 0:
        raise MiuaError(
            f"{shown} is no image stack: it holds {array.dtype} of shape {array.shape}, "
            "an image stack is uint8 (or with a window: integers, floats) of shape (N, H, W)."
        )
    if array.dtype != np.uint8 and (window is None or window == "dicom"):
        low, high = array.min(), array.max()
        if not np.isfinite([low, high]).all():
            raise MiuaError(f"{path} holds values that are not finite. Replace them.")
        raise MiuaError(
            f"{path} holds {array.dtype}; its values run from {low:g} to "
            f"{high:g}. How to map them to 0..255 is your choice: --window LOW:HIGH."
        )
    return array, digest


def _of_npz(path: Path, name: str | None) -> tuple[str, Any]:
    with path.open("rb") as opened:
        file: Any = np.load(opened, allow_pickle=False)
        if isinstance(file, np.ndarray):
            raise ValueError("it is an .npy file")
        if name is None and len(file.files) == 1:
            name = file.files[0]
        if name is None or name not in file.files:
            has = first_few(file.files, 10) or "no arrays"
            raise MiuaError(f"{path} holds {has}. Name the array that is meant: {path}:NAME.")
        member = file.zip.getinfo(f"{name}.npy")
        if member.file_size > max(MAX_UNPACKED_BYTES, MAX_UNPACKED_RATIO * member.compress_size):
            raise MiuaError(
                f"{path}:{name} is refused: unpacked it would take {member.file_size:,} bytes, "
                f"more than {MAX_UNPACKED_RATIO} times what it takes packed. "
                "Save it as an .npy file."
            )
        return name, file[name]
