"""Which files in a folder are its images, and what they are called."""

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from unicodedata import normalize

from miua.data import dicom
from miua.data.reading import EXCLUDED
from miua.errors import MiuaError
from miua.wording import counted, first_few, has_control, printable

SUFFIXES = (".bmp", ".gif", ".j2k", ".jp2", ".jpeg", ".jpg", ".pgm", ".png", ".tif", ".tiff",
            ".webp", *dicom.SUFFIXES)  # fmt: skip
# The folder of images in HC18's layout.
TRAINING_SET = "training_set"
_DICOM_INDEX = "DICOMDIR"  # lists the files of a medium
# What lies beside images and is none; a file without a suffix neither.
_PLAIN = (".csv", ".db", ".html", ".ini", ".json", ".log", ".md", ".pdf", ".toml", ".tsv", ".txt",
          ".xml", ".yaml", ".yml")  # fmt: skip


def image_paths(folder: Path, exclude: Sequence[str] | None = None) -> list[Path]:
    """The images in `folder` and its subfolders, sorted by `image_name`; MiuaError: there are none.

    Images are known by their suffix, and DICOM files without one by their content. Left out are
    hidden files and folders, those whose names match a pattern in `exclude`, and those whose paths
    in the folder match one that has a "/". None: masks and thumbnails, EXCLUDED.
    """
    return find_images(folder, exclude)[0]


def find_images(folder: Path, exclude: Sequence[str] | None) -> tuple[list[Path], list[str]]:
    """`image_paths`, and what was passed over on the way, in sentences."""
    if not folder.is_dir():
        raise MiuaError(f"The image folder {folder} does not exist. Check the path.")
    exclude = EXCLUDED if exclude is None else exclude
    notes = []
    if image_folder(folder) != folder:
        notes.append(read_instead(f"{TRAINING_SET}/", folder))
        folder = image_folder(folder)
    paths: list[Path] = []
    excluded: Counter[tuple[str, str]] = Counter()  # by what it is and the pattern
    unread: Counter[str] = Counter()  # by the suffix
    for path, what, pattern in _found(folder, exclude, folder):
        if pattern:
            excluded[what, pattern] += 1
        elif _is_image(path):
            paths.append(path)
        else:
            unread.update(_unread_suffix(path))
    named = {pattern for _, pattern in excluded}
    without = [
        f"left out {counted(n, what)} named {pattern}"
        for (what, pattern), n in sorted(excluded.items())
    ]
    if not paths:
        raise MiuaError(
            f"The folder {folder} holds no images. Looked for files that end in "
            f"{', '.join(SUFFIXES)}, without those named {', '.join(exclude) or '(none)'}"
            f"{''.join(f'; {each}' for each in without)}. "
            "An image stack is named by its file: STACK.npy, STACK.npz."
        )
    names = [image_name(path, folder) for path in paths]
    if strange := [name for name in names if has_control(name)]:
        # They would move the cursor of a terminal, break lines of a table, or have no bytes to be
        # written as.
        raise MiuaError(
            f"The name or folder of {counted(len(strange), 'image')} in {folder} has control "
            f"characters, such as {printable(strange[0]).replace(chr(10), chr(92) + 'n')}. Rename "
            "what has them."
        )
    notes += without
    notes += unmatched([pattern for pattern in exclude if pattern not in named])
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


def excluding(path: str, exclude: Sequence[str]) -> str:
    """The first pattern that a path in the image folder matches, or "": by its last name, or as a
    whole where the pattern has a "/". Accents match whether composed (NFC) or not (NFD)."""
    path = normalize("NFC", path)
    for pattern in exclude:
        wanted = normalize("NFC", pattern).rstrip("/")
        shown = path if "/" in wanted else path.rpartition("/")[2]
        if shown == wanted or fnmatchcase(shown, wanted):  # names may have brackets
            return pattern
    return ""


def unmatched(exclude: Sequence[str] | None) -> list[str]:
    """A sentence for each pattern that left out nothing; what is left out by default aside."""
    given = [pattern for pattern in exclude or () if pattern not in EXCLUDED]
    return [f"nothing is left out for the pattern {pattern}" for pattern in given]


def natural_order(names: Sequence[str]) -> list[int]:
    """The places of names in the order in which people count: "2.png" before "10.png"."""

    def key(place: int) -> list[tuple[int, str]]:
        parts = re.split(r"([0-9]+)", normalize("NFC", names[place]))
        return [(int(part), "") if at % 2 else (0, part) for at, part in enumerate(parts)]

    return sorted(range(len(names)), key=key)


def _found(
    folder: Path, exclude: Sequence[str], top: Path, above: tuple[Path, ...] = ()
) -> Iterator[tuple[Path, str, str]]:
    """What lies in a folder below `top`: files, each with "file" and ""; and with its kind and the
    pattern, each image file or folder that is left out. What else is hidden is passed over.

    A linked folder that holds this one is not entered again.
    """
    try:
        inside = list(os.scandir(folder))
    except OSError as error:
        raise MiuaError(f"The folder {folder} cannot be read ({error.strerror}).") from None
    above = (*above, folder.resolve())
    for entry in inside:
        path, hidden = folder / entry.name, entry.name.startswith(".")
        pattern = excluding(image_name(path, top), exclude)
        if path.is_dir():  # not entry.is_dir(), which fails at a link to itself
            if pattern:
                yield path, "folder", pattern
            elif not hidden and path.resolve() not in above:
                yield from _found(path, exclude, top, above)
        elif not hidden or (pattern and path.suffix.lower() in SUFFIXES):
            yield path, "file", pattern if pattern and _is_image(path) else ""


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
