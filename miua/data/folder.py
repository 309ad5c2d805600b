"""Which files in a folder are its images, and what they are called."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from miua.data import dicom
from miua.errors import MiuaError
from miua.wording import counted, first_few, has_control, printable

SUFFIXES = (".bmp", ".gif", ".j2k", ".jp2", ".jpeg", ".jpg", ".pgm", ".png", ".tif", ".tiff",
            ".webp", *dicom.SUFFIXES)  # fmt: skip
# HC18's layout: the folder of images, and the names of what lies among them.
TRAINING_SET = "training_set"
ANNOTATIONS = "*_Annotation.png"
_DICOM_INDEX = "DICOMDIR"  # lists the files of a medium
# What lies beside images and is none; a file without a suffix neither.
_PLAIN = (".csv", ".db", ".html", ".ini", ".json", ".log", ".md", ".pdf", ".toml", ".tsv", ".txt",
          ".xml", ".yaml", ".yml")  # fmt: skip


def image_paths(folder: Path, exclude: Sequence[str] = (ANNOTATIONS,)) -> list[Path]:
    """The images in `folder` and its subfolders, sorted by `image_name`; MiuaError: there are none.

    Images are known by their suffix, and DICOM files without one by their content. Hidden files
    and folders, and files whose own names match a pattern in `exclude`, are left out.
    """
    return find_images(folder, exclude)[0]


def find_images(folder: Path, exclude: Sequence[str]) -> tuple[list[Path], list[str]]:
    """`image_paths`, and what was passed over on the way, in sentences."""
    if not folder.is_dir():
        raise MiuaError(f"The image folder {folder} does not exist. Check the path.")
    notes = []
    if image_folder(folder) != folder:
        notes.append(read_instead(f"{TRAINING_SET}/", folder))
        folder = image_folder(folder)
    paths: list[Path] = []
    excluded: Counter[str] = Counter()  # by the pattern
    unread: Counter[str] = Counter()  # by the suffix
    for path in _files(folder, ()):
        if not _is_image(path):
            unread.update(_unread_suffix(path))
        elif pattern := next((each for each in exclude if fnmatchcase(path.name, each)), None):
            excluded[pattern] += 1
        else:
            paths.append(path)
    if not paths:
        raise MiuaError(
            f"The folder {folder} holds no images. Looked for files that end in "
            f"{', '.join(SUFFIXES)}, without those named {', '.join(exclude) or '(none)'}. "
            "An image stack is named by its file: STACK.npy, STACK.npz."
        )
    names = [image_name(path, folder) for path in paths]
    if strange := [name for name in names if has_control(name)]:
        # They would move the cursor of a terminal, break lines of a table, or have no bytes to be
        # written as.
        raise MiuaError(
            f"{len(strange)} images in {folder} have names or folders with control characters, "
            f"such as {printable(strange[0])}. Rename them."
        )
    notes += [f"left out {counted(n, 'file')} named {name}" for name, n in sorted(excluded.items())]
    if unread:
        suffixes = first_few(sorted(unread, key=lambda suffix: (-unread[suffix], suffix)), 10)
        count = counted(unread.total(), "file")
        notes.append(f"left out {count} of formats that are not read here ({suffixes})")
    return sorted(paths, key=lambda path: image_name(path, folder)), notes


def image_folder(folder: Path) -> Path:
    """The folder itself, or the training_set/ in it: HC18's dataset is named by either."""
    inner = folder / TRAINING_SET
    return inner if inner.is_dir() else folder


def image_name(path: Path, folder: Path) -> str:
    """An image's path in its `image_folder`, with "/": "a.png", "subject 1/a.png"."""
    return path.relative_to(folder).as_posix()


def read_instead(name: str, folder: Path) -> str:
    """The note that `name` in a folder was read, and not the images beside it."""
    beside = 0
    for above, folders, files in os.walk(folder):  # passes over what cannot be read
        kept = (each for each in folders if not each.startswith("."))
        folders[:] = [each for each in kept if Path(above, each) != folder / name]
        suffixes = [Path(each).suffix.lower() for each in files if not each.startswith(".")]
        beside += sum(suffix in SUFFIXES for suffix in suffixes)
    rest = f", not the {counted(beside, 'image file')} beside it" if beside else ""
    return f"read {name} of the folder{rest}"


def _files(folder: Path, above: tuple[Path, ...]) -> Iterator[Path]:
    """All files that are not hidden. A linked folder that holds this one is not entered again."""
    try:
        inside = list(os.scandir(folder))
    except OSError as error:
        raise MiuaError(f"The folder {folder} cannot be read ({error.strerror}).") from None
    above = (*above, folder.resolve())
    for entry in inside:
        path = folder / entry.name
        if entry.name.startswith("."):
            continue
        if not entry.is_dir():
            yield path
        elif path.resolve() not in above:
            yield from _files(path, above)


def _unread_suffix(path: Path) -> list[str]:
    """The suffix of a file that is no image here but may be one; none if it is plain."""
    name = path.name.lower()
    suffix = "".join(Path(name).suffixes[-2:]) if name.endswith(".gz") else Path(name).suffix
    return [suffix] if suffix and suffix not in _PLAIN and not suffix[1:].isdigit() else []


def _is_image(path: Path) -> bool:
    suffix = path.suffix.lower()
    # DICOM's unique identifiers, of numbers and dots, are often the names of files.
    nameless = (not suffix or suffix[1:].isdigit()) and path.name != _DICOM_INDEX
    return suffix in SUFFIXES or (nameless and path.is_file() and dicom.file_is_dicom(path))
