"""Which files in a folder are its images, and what they are called."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from miua.data import dicom
from miua.errors import MiuaError

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".tif", ".tiff", *dicom.SUFFIXES)
# HC18's layout: the folder of images, and the names of what lies among them.
TRAINING_SET = "training_set"
ANNOTATIONS = "*_Annotation.png"
_DICOM_INDEX = "DICOMDIR"  # lists the files of a medium


def image_paths(folder: Path, exclude: Sequence[str] = (ANNOTATIONS,)) -> list[Path]:
    """The images in `folder` and its subfolders, sorted by `image_name`; MiuaError: there are none.

    Images are known by their suffix, and DICOM files without one by their content. Hidden files
    and folders, and files whose own names match a pattern in `exclude`, are left out.
    """
    if not folder.is_dir():
        raise MiuaError(f"The image folder {folder} does not exist. Check the path.")
    folder = image_folder(folder)
    paths = [
        path
        for path in _files(folder, ())
        if _is_image(path) and not any(fnmatchcase(path.name, pattern) for pattern in exclude)
    ]
    if not paths:
        raise MiuaError(
            f"The folder {folder} holds no images. Looked for files that end in "
            f"{', '.join(SUFFIXES)}, without those named {', '.join(exclude) or '(none)'}. "
            "An image stack is named by its file: STACK.npy, STACK.npz."
        )
    return sorted(paths, key=lambda path: image_name(path, folder))


def image_folder(folder: Path) -> Path:
    """The folder itself, or the training_set/ in it: HC18's dataset is named by either."""
    inner = folder / TRAINING_SET
    return inner if inner.is_dir() else folder


def image_name(path: Path, folder: Path) -> str:
    """An image's path in the folder of its images, with "/": "a.png", "subject 1/a.png"."""
    return path.relative_to(image_folder(folder)).as_posix()


def is_dicom(path: Path) -> bool:
    """Whether the file's content says that it is DICOM; False if it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == dicom.MAGIC
    except OSError:
        return False


def _files(folder: Path, above: tuple[Path, ...]) -> Iterator[Path]:
    """All files that are not hidden. A linked folder that holds this one is not entered again."""
    try:
        inside = sorted(folder.iterdir())
    except OSError as error:
        raise MiuaError(f"The folder {folder} cannot be read ({error.strerror}).") from None
    above = (*above, folder.resolve())
    for path in inside:
        if path.name.startswith("."):
            continue
        if not path.is_dir():
            yield path
        elif path.resolve() not in above:
            yield from _files(path, above)


def _is_image(path: Path) -> bool:
    suffix = path.suffix.lower()
    if suffix in SUFFIXES:
        return True
    # DICOM's unique identifiers, of numbers and dots, are often the names of files.
    nameless = not suffix or suffix[1:].isdigit()
    return nameless and path.name != _DICOM_INDEX and path.is_file() and is_dicom(path)
