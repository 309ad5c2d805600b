"""Files that are whole or absent: atomic writes, hashes, and the places for caches."""

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from platformdirs import user_cache_path

from miua.errors import MiuaError

PARTIAL = ".partial-"  # how the names of files begin that are being written
# What an archive may take when unpacked: bytes, and so many times what it takes packed.
MAX_UNPACKED_BYTES, MAX_UNPACKED_RATIO = 4 * 10**9, 100


@contextmanager
def atomic_path(path: Path, *, private: bool = False) -> Iterator[Path]:
    """A temporary path beside `path`, flushed to disk and renamed to it when the block succeeds.

    Whoever reads `path` sees the old file or the whole new one, whatever interrupts the block.
    A private file is readable by its owner alone.
    """
    path = Path(path)
    with _named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        # The suffix stays at the end, for writers that choose the format by it.
        handle, name = tempfile.mkstemp(prefix=PARTIAL, suffix=path.suffix, dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            mask = os.umask(0)  # which can only be read by setting it
            os.umask(mask)
            temporary.chmod(0o600 if private else 0o666 & ~mask)
            _flush(temporary)
            temporary.replace(path)
            _flush(path.parent)  # the rename, too, outlasts a power cut
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Let an OSError name `path`, where it names no file, as on a full disk, or a temporary one."""
    try:
        yield
    except OSError as error:
        if error.errno and (error.filename is None or PARTIAL in str(error.filename)):
            error.filename = str(path)
        raise


def remove_partial_files(folder: Path) -> None:
    """Remove what `atomic_path` and `atomic_folder` leave when their process is killed, however
    deep in a folder.

    Only for who knows that no other process writes there.
    """
    for path in [*folder.rglob(f"{PARTIAL}*")]:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path, *, replace: bool = False) -> Iterator[Path]:
    """A new folder that appears as `path`, whole, when the block succeeds.

    OSError: something that is no empty folder is there by then, and it was not to be replaced.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _named(path), tempfile.TemporaryDirectory(prefix=PARTIAL, dir=path.parent) as temporary:
        made = Path(temporary) / "made"
        made.mkdir()
        yield made
        if replace and path.exists():
            path.replace(Path(temporary) / "replaced")
        made.replace(path)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def atomic_open(path: Path, mode: str = "w") -> Iterator[IO[Any]]:
    """Open a file for writing that appears at `path` only when the block succeeds."""
    encoding = None if "b" in mode else "utf-8"
    with atomic_path(path) as temporary, temporary.open(mode, encoding=encoding) as file:
        yield file


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8, whole or not at all."""
    with atomic_open(path) as file:
        file.write(text)


def write_json(path: Path, value: Any, *, sort_keys: bool = True) -> None:
    """Write `value` as indented JSON, whole or not at all."""
    write_text(path, json.dumps(value, indent=2, sort_keys=sort_keys, allow_nan=False) + "\n")


def read_json(path: Path, **hooks: Any) -> Any:
    """Read JSON; a missing or damaged file is named in the error. hooks: those of `json.loads`."""
    try:
        # Some editors begin a file with a byte order mark.
        return json.loads(Path(path).read_text(encoding="utf-8-sig"), **hooks)
    except FileNotFoundError:
        raise MiuaError(f"{path} is missing.") from None
    except (ValueError, RecursionError) as error:  # no JSON, no text, a huge number, too deep
        said = f"{path} is not valid JSON ({error}). Remove it and make it again."
        raise MiuaError(said) from None


def write_array(path: Path, array: NDArray[Any]) -> None:
    """Write an array as .npy (no pickle), whole or not at all."""
    with atomic_open(path, "wb") as file:
        # Given a file itself, numpy writes by its descriptor, and of a full disk says only how
        # much is missing.
        opened: Any = SimpleNamespace(write=file.write)
        np.save(opened, array, allow_pickle=False)


def read_array(path: Path) -> NDArray[Any]:
    """Read a .npy file without pickle; a missing or damaged file is named in the error."""
    try:
        array: Any = np.load(path, allow_pickle=False)
        if not isinstance(array, np.ndarray):  # numpy goes by the content, not by the name
            raise ValueError("it is an archive")
    except FileNotFoundError:
        raise MiuaError(f"{path} is missing.") from None
    except (ValueError, EOFError, OSError, MemoryError) as error:
        raise MiuaError(f"{path} is not a readable .npy file ({error}).") from None
    return array


def write_png(path: Path, image: NDArray[np.uint8]) -> None:
    """Write grey levels (H, W) as PNG, whole or not at all."""
    with atomic_open(path, "wb") as file:
        Image.fromarray(image).save(file, "PNG")


def sha256_file(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_array(array: NDArray[Any]) -> str:
    """The SHA-256 of an array's type, shape and values."""
    digest = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


@contextmanager
def locked(path: Path, busy: str | None = None) -> Iterator[int]:
    """Hold the lock file `path`; yields its descriptor, which child processes may hold too.

    The lock ends with the last process that holds it, however that ends. If another process has
    it: MiuaError with the message `busy`, or, without one, wait. MiuaError: the path is a link.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink():
        raise MiuaError(f"{path} is a link, and a lock must not lead elsewhere. Remove it.")
    with path.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (fcntl.LOCK_NB if busy else 0))
        except BlockingIOError:
            raise MiuaError(busy or "") from None
        yield lock.fileno()


def data_folder() -> Path:
    """Where downloads and caches live: MIUA_DATA_DIR, else the platform's cache folder."""
    chosen = os.environ.get("MIUA_DATA_DIR")
    return Path(chosen).expanduser() if chosen else user_cache_path("miua")
