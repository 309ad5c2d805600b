"""Which images belong together (to one subject, say), read from a CSV file with the
columns "file" and "group"; other columns are ignored.

A file is named by its path in the image folder ("a/1.png"), or by its bare name ("1.png") where
only one image has that. The frames of a file ("1.dcm[3]") are in the file's group, unless rows
name them. Rows for files that are not among the images are left aside, so that one table serves
for a whole dataset and for parts of it; but one row at least must fit.
"""

import csv
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from unicodedata import normalize

import numpy as np
from numpy.typing import NDArray

from miua.errors import MiuaError
from miua.wording import first_few

FILE, GROUP = "file", "group"


def read_groups(path: Path, names: Sequence[str]) -> NDArray[np.int64]:
    """The group of each image of a stack, by `ImageStack.names`: (N,), codes 0, 1, 2 ... in the
    order in which the groups come.

    MiuaError: the table is missing or none, no row fits, or it names all images without a group,
    files in different groups, rows without a group, and bare names that several images have.
    """
    rows = _read_rows(path)
    file_of = {name: re.sub(r"(?<=.)\[\d+\]$", "", name) for name in names}
    # The files or frames that a row may mean, by their whole and by their bare names. Accents match
    # whether composed (NFC, as Linux has names) or not (NFD, as macOS does).
    known = {*names, *file_of.values()}
    whole: dict[str, list[str]] = defaultdict(list)
    bare: dict[str, list[str]] = defaultdict(list)
    for each in sorted(known):
        whole[normalize("NFC", each)].append(each)
        bare[normalize("NFC", PurePosixPath(each).name)].append(each)
    groups: dict[str, set[str]] = defaultdict(set)
    ambiguous: dict[str, list[str]] = {}
    without: list[str] = []
    for line, file, group in rows:
        path_of = str(PurePosixPath(file))  # without a leading "./"
        composed = normalize("NFC", path_of)
        fits = [path_of] if path_of in known else whole[composed] or bare[composed]
        if len(fits) > 1:
            ambiguous[file] = fits
        elif fits and not group:
            without.append(f"line {line}: {file}")
        elif fits:
            groups[fits[0]].add(group)
    if not groups and not ambiguous and not without:
        raise MiuaError(
            f"{path} has no row for any of the images. Its column {FILE!r} says, for example, "
            f"{first_few(file for _, file, _ in rows) or '(nothing)'}; the images are named "
            f"{first_few(names)}."
        )
    found = {name: groups.get(name) or groups.get(file_of[name]) for name in names}
    several = [(file, sorted(of)) for file, of in groups.items() if len(of) > 1]
    problems = {
        "rows without a group": without,
        "files in more than one group": [f"{file} ({', '.join(of)})" for file, of in several],
        "names that several images have; give their paths in the folder": [
            f"{file} ({', '.join(fits)})" for file, fits in ambiguous.items()
        ],
        "images without a group": [name for name in names if not found[name]],
    }
    if any(problems.values()):
        said = [f"{path} does not tell the group of each image:"]
        for what, items in problems.items():
            said += [f"{len(items)} {what}:", *(f"  {item}" for item in items)] if items else []
        raise MiuaError("\n".join(said))
    codes: dict[str, int] = {}
    of_images = (min(found[name] or ()) for name in names)
    return np.array([codes.setdefault(group, len(codes)) for group in of_images], dtype=np.int64)


def _read_rows(path: Path) -> list[tuple[int, str, str]]:
    """Line, file and group of each row."""
    try:
        # Spreadsheets begin their files with a byte order mark.
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file, strict=True)
            columns = table.fieldnames or []
            if FILE not in columns or GROUP not in columns:
                raise MiuaError(
                    f"{path} needs a first line that names the columns {FILE} and {GROUP}, with "
                    f"commas; it says {','.join(columns) or 'nothing'}."
                )
            return [
                (table.line_num, (row[FILE] or "").strip(), (row[GROUP] or "").strip())
                for row in table
            ]
    except FileNotFoundError:
        raise MiuaError(f"{path} is missing.") from None
    except (csv.Error, UnicodeDecodeError, OSError) as error:
        raise MiuaError(f"{path} is no readable CSV table ({error}).") from None
