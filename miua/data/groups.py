"""Which images belong together (to one subject, say), as a table tells: a CSV file with the
columns "file" and "group"; others may stand beside them.

A file is named by its path in the image folder ("a/1.png"), or by its bare name ("1.png") where
only one image has that. The frames of a file ("1.dcm[3]") are in the file's group, unless rows
name them. Rows for files that are not among the images are left aside, so that one table serves
for a whole dataset and for parts of it; but one row at least must fit.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from miua.errors import MiuaError
from miua.printable import in_words

FILE, GROUP = "file", "group"
_FRAME = re.compile(r"(.+)\[\d+\]")


def read_groups(path: Path, names: Sequence[str]) -> NDArray[np.int64]:
    """The group of each image of a stack, by `ImageStack.names`: (N,), codes 0, 1, 2 ... in the
    order in which the groups come.

    MiuaError: the table is missing or none, no row fits, or there are images without a group,
    files in different groups, rows without a group, or bare names that several images have. All
    of them are named.
    """
    rows = _read_rows(path)
    images = _Names(names)
    groups: dict[str, set[str]] = defaultdict(set)
    ambiguous: dict[str, list[str]] = {}
    without: list[str] = []
    for line, file, group in rows:
        fits = images.named_by(file)
        if len(fits) > 1:
            ambiguous[file] = fits
        elif fits and not group:
            without.append(f"line {line}: {file}")
        elif fits:
            groups[fits[0]].add(group)
    if not groups and not ambiguous and not without:
        raise MiuaError(
            f"{path} has no row for any of the images. Its column {FILE!r} says, for example, "
            f"{in_words(file for _, file, _ in rows) or '(nothing)'}; the images are named "
            f"{in_words(names)}."
        )
    of_images = [groups.get(name) or groups.get(images.file_of[name]) or set() for name in names]
    unnamed = [name for name, found in zip(names, of_images, strict=True) if not found]
    several = [f"{file} ({', '.join(sorted(of))})" for file, of in groups.items() if len(of) > 1]
    problems = [
        *_listed("rows without a group", without),
        *_listed("files in more than one group", several),
        *_listed(
            "names that several images have; give their paths in the folder",
            (f"{file} ({', '.join(fits)})" for file, fits in ambiguous.items()),
        ),
        *_listed("images without a group", unnamed),
    ]
    if problems:
        raise MiuaError("\n".join([f"{path} does not tell the group of each image:", *problems]))
    codes: dict[str, int] = {}
    return np.array(
        [codes.setdefault(min(found), len(codes)) for found in of_images], dtype=np.int64
    )


class _Names:
    """The names by which a table may call images.

    file_of: the file of each image, which is its name unless that is a frame's.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.file_of = {name: _file_of(name) for name in names}
        self._whole = {*self.file_of, *self.file_of.values()}
        self._bare: dict[str, list[str]] = defaultdict(list)
        for whole in sorted(self._whole):
            self._bare[PurePosixPath(whole).name].append(whole)

    def named_by(self, file: str) -> list[str]:
        """The files or frames that a row means: one at best."""
        file = str(PurePosixPath(file))  # without a leading "./"
        return [file] if file in self._whole else self._bare.get(file, [])


def _file_of(name: str) -> str:
    frame = _FRAME.fullmatch(name)
    return frame[1] if frame else name


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


def _listed(what: str, items: Iterable[str]) -> list[str]:
    listed = [f"  {item}" for item in items]
    return [f"{len(listed)} {what}:", *listed] if listed else []
