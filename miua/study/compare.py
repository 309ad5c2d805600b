"""One comparator for what a step made and what it makes again, file by file.

Files with the same bytes agree. Of others, tables are compared cell by cell, JSON value by value,
arrays and image stacks element by element, pictures pixel by pixel, other text line by line;
anything else must have the same bytes. Tables and JSON are read strictly: where two readers could
see different content, or the file is not written as miua writes it, it fails.
"""

import csv
import io
import json
import math
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from miua.errors import MiuaError
from miua.files import read_array, read_json
from miua.metrics.registry import FID
from miua.study.finding import Finding
from miua.study.store import COMPUTED, NOT_COMPUTED

Array = NDArray[Any]
Row = dict[str, str]
# Sums of floats depend on the order of summation, which differs between processors and libraries.
RELATIVE = 1e-9
SHOWN = 5  # differences of a file that are named
_NOTHING = type("Nothing", (), {"__repr__": lambda _: "nothing"})()  # what a missing key has


@dataclass(frozen=True)
class Tolerance:
    """How far a file that is made again may be off.

    Attributes:
        relative: of the numbers in tables and JSON; metrics: in the rows of these metrics.
        exact: metrics whose values and counts must be equal.
        levels, share: image stacks that are off by so many grey levels in so large a share of the
            pixels are undecided; beyond that they are wrong. why: what allows images to be off.
    """

    relative: float = RELATIVE
    metrics: Mapping[str, float] = field(default_factory=dict)
    exact: frozenset[str] = frozenset()
    levels: int = 0
    share: float = 0.0
    why: str = "made on this processor with this torch"

    def of(self, metric: str, column: str) -> float:
        """Of a cell of a table, relative."""
        if metric in self.exact and column in ("value", "n_reference", "n_synthetic"):
            return 0.0
        return self.metrics.get(metric, self.relative)


def compare(
    check: str, subject: str, there: Path, again: Path, tolerance: Tolerance
) -> Iterator[Finding]:
    """One finding if they agree; else one for each of the first differences, and one on the rest.

    there: a file of the results; again: as it should be. MiuaError: it is missing, or cannot be
    read as what its name says.
    """
    if not again.is_file():
        raise MiuaError("It does not belong here: made again, it is not there.")
    if not there.is_file():
        raise MiuaError("It is missing: made again, it is there.")
    if there.read_bytes() == again.read_bytes():
        yield Finding(check, subject, "passed", "Made again, it has the same bytes.")
        return
    content = COMPARED_BY.get(again.suffix, _texts)
    told = content(there, again, tolerance)
    found = [replace(each, check=check, subject=subject + each.subject) for each in told]
    failed = [each for each in found if each.bad]
    yield from failed[:SHOWN]
    if len(failed) > SHOWN:
        yield Finding(check, subject, "failed", f"{len(failed) - SHOWN} more places differ.")
    yield from (each for each in found if not each.bad)
    if not any(each.bad or each.verdict == "undecided" for each in found):
        yield Finding(check, subject, "passed", "Made again, it agrees within the tolerance.")


def read_as_text(path: Path) -> pd.DataFrame:
    """A table as text, as it stands in its file. MiuaError: it is missing or no such table."""
    head, *rows = _cells(path)
    return pd.DataFrame(rows, columns=head, dtype=str)


def read_strict_json(path: Path, *, ours: bool = True) -> Any:
    """JSON in which each object has a key once, written by `write_json` if it is ours.

    MiuaError: it is missing, none, or written in another way.
    """
    value = read_json(path, object_pairs_hook=_once, parse_constant=_refused)
    if ours and path.read_bytes() != f"{json.dumps(value, indent=2)}\n".encode():
        raise MiuaError(f"{path} is not written as miua writes it. Make it again.")
    return value


def differences(there: Any, again: Any, place: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Each place where two JSON values differ, floats by more than RELATIVE, with both values;
    items of a list are named by their `id`, if they have one."""
    if isinstance(there, dict) and isinstance(again, dict):
        for key in dict.fromkeys([*again, *there]):
            both = there.get(key, _NOTHING), again.get(key, _NOTHING)
            yield from differences(*both, f"{place}.{key}".lstrip("."))
    elif isinstance(there, list) and isinstance(again, list) and len(there) == len(again):
        for index, (found, right) in enumerate(zip(there, again, strict=True)):
            name = right.get("id", index) if isinstance(right, dict) else index
            yield from differences(found, right, f"{place}[{name}]")
    elif isinstance(there, float) and isinstance(again, float):
        if not _close(there, again, RELATIVE):
            yield place, there, again
    elif there != again or type(there) is not type(again):
        yield place, there, again


def agree(there: str, again: str, relative: float) -> bool:
    """Whether two cells are the same text, or numbers within a relative tolerance; the first one
    written as tables have it, since programs and people read other forms differently."""
    if there == again:
        return True
    found, wanted = as_number(there), as_number(again)
    if found is None or wanted is None or there not in (repr(found), f"{found:.0f}"):
        return False
    return _close(found, wanted, relative)


def _close(found: float, wanted: float, relative: float) -> bool:
    # Near 0 a sum of terms of order 1 keeps an absolute error.
    return math.isclose(found, wanted, rel_tol=relative, abs_tol=min(relative, RELATIVE) * 1e-3)


def as_number(text: str) -> float | None:
    """The finite number that a cell holds, or None."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _tables(there: Path, again: Path, tolerance: Tolerance) -> Iterator[Finding]:
    try:
        columns, *others = _cells(again)
    except MiuaError:  # a table of another source's form, such as that of the phantoms
        yield from _texts(there, again, tolerance)
        return
    head, *rows = _cells(there)
    if head != columns:
        yield _failed(f"Its columns are {', '.join(head)}, not {', '.join(columns)}.")
        return
    both = ([dict(zip(head, row, strict=True)) for row in each] for each in (rows, others))
    found, wanted, missing = _comparable(*both)
    if missing:
        yield Finding("", f", {FID.label}", "not checked", missing)
    if len(found) != len(wanted):
        yield _failed(f"It has {len(found)} rows; made again there are {len(wanted)}.")
        return
    for line, (row, right) in enumerate(zip(found, wanted, strict=True), 2):
        for column, should in right.items():
            was, allowed = row[column], tolerance.of(right.get("metric", ""), column)
            if not agree(was, should, allowed):
                said = (
                    f"Line {line} ({', '.join([*right.values()][:4])}), column {column}: "
                    f"{was or 'nothing'} stands there, made again it is {should or 'nothing'} "
                    f"(relative tolerance {allowed:g})."
                )
                yield _failed(said, as_number(was), as_number(should), allowed)


def _comparable(there: list[Row], again: list[Row]) -> tuple[list[Row], list[Row], str]:
    """Both tables, without FID if only one side has the weights for it, and that in words."""
    computed = []
    for rows in (there, again):
        fid = [row for row in rows if row.get("metric") == FID.name and "status" in row]
        computed.append(any(row["status"] == COMPUTED for row in fid))
        for row in fid:
            if row["status"].startswith(NOT_COMPUTED):  # the reason has a machine's own words
                row["status"] = NOT_COMPUTED
    if computed[0] == computed[1]:
        return there, again, ""
    side = "there but not here" if computed[0] else "here but not there"
    kept = [[row for row in rows if row["metric"] != FID.name] for rows in (there, again)]
    return kept[0], kept[1], f"The Inception weights are {side}, so FID was not compared."


def _json(there: Path, again: Path, tolerance: Tolerance) -> Iterator[Finding]:
    for place, found, right in differences(read_strict_json(there), read_strict_json(again)):
        yield _failed(f"{place}: {found!r} stands there, made again it is {right!r}.")


def _arrays(there: Path, again: Path, tolerance: Tolerance) -> Iterator[Finding]:
    found, wanted = read_array(there), read_array(again)
    if (found.dtype, found.shape) != (wanted.dtype, wanted.shape):
        here, made = (f"{array.dtype} {array.shape}" for array in (found, wanted))
        yield _failed(f"It holds {here}; made again it is {made}.")
    elif there.stat().st_size != again.stat().st_size:
        yield _failed("It holds more than its array, or has another header.")
    elif wanted.dtype == np.uint8 and wanted.ndim == 3:
        yield from _images(found, wanted, tolerance)
    elif not np.array_equal(found, wanted, equal_nan=True):
        different = np.flatnonzero((found != wanted) & ~(np.isnan(found) & np.isnan(wanted)))
        said = f"{len(different)} of {wanted.size} elements are others, the first number"
        yield _failed(f"{said} {different[0]}, from 0. No difference is allowed.")


def _images(found: Array, wanted: Array, tolerance: Tolerance) -> Iterator[Finding]:
    apart = np.abs(found.astype(np.int16) - wanted.astype(np.int16))
    levels, share = int(apart.max(initial=0)), float((apart > 0).mean())
    if not levels:
        return
    off = np.flatnonzero(apart.any(axis=(1, 2)))
    listed = ", ".join(map(str, off[:SHOWN])) + (", ..." if len(off) > SHOWN else "")
    said = (
        f"{len(off)} of {len(wanted)} images (number {listed}, from 0) are not what is made again:"
        f" up to {levels} grey levels off in {100 * share:.2g} % of the pixels (allowed: "
        f"{tolerance.levels} grey levels in {100 * tolerance.share:g} %, as it was "
        f"{tolerance.why})."
    )
    numbers = levels, 0, tolerance.levels
    if levels > tolerance.levels or share > tolerance.share:
        yield _failed(f"{said} Make it again, or find out who changed it.", *numbers)
    else:
        said += " Only a machine of the kind that made it can tell rounding from tampering."
        yield Finding("", "", "undecided", said, *numbers)


def _pictures(there: Path, again: Path, tolerance: Tolerance) -> Iterator[Finding]:
    (found, about), (wanted, asked) = _pixels(there), _pixels(again)
    if (found.shape, about) != (wanted.shape, asked):
        yield _failed(f"It is another kind of picture: {about}; made again it is {asked}.")
    else:
        yield from _images(found, wanted, tolerance)


def _pixels(path: Path) -> tuple[Array, dict[Any, Any]]:
    """A picture as a stack of one image, and all else that is in its file."""
    with Image.open(path, formats=("PNG",)) as image:
        pixels = np.asarray(image)
        about = {"size": image.size, "mode": image.mode, "other chunks": _other_chunks(path)}
        return pixels.reshape(1, len(pixels), -1), about


def _other_chunks(path: Path) -> list[tuple[bytes, bytes]]:
    """All of a PNG file but its compressed pixels: names and contents, and what follows its end."""
    data, found, at = path.read_bytes(), [], 8
    while at < len(data):
        name, start = data[at + 4 : at + 8], at + 8
        at = start + int.from_bytes(data[at : at + 4])
        if name != b"IDAT":
            found.append((name, data[start:at]))
        at += 4  # the checksum
    return found


def _documents(there: Path, again: Path, tolerance: Tolerance) -> Iterator[Finding]:
    """PDF; undecided where another library compressed it, or other programs made it."""
    found, wanted = (_inflated(path.read_bytes()) for path in (there, again))
    banners = [re.findall(rb"/PTEX\.Fullbanner *\(([^)]*)\)", data) for data in (found, wanted)]
    if found == wanted:
        said = "Its content is that of the file that is made again, compressed in another way."
        yield Finding("", "", "undecided", said)
    elif tolerance.levels or banners[0] != banners[1]:
        made = tolerance.why if tolerance.levels else "printed by another TeX"
        said = f"It is another document than the one that is made again, as it was {made}."
        yield Finding("", "", "undecided", f"{said} Only a machine of that kind can tell.")
    else:
        yield _failed("It is another document than the one that is made again.")


def _inflated(data: bytes) -> bytes:
    """A PDF with its streams unpacked, without what depends on how long they were packed."""

    def unpacked(stream: re.Match[bytes]) -> bytes:
        try:
            return b"stream" + zlib.decompress(stream[1])
        except zlib.error:
            return stream[0]

    data = re.sub(rb"stream\r?\n(.*?)\r?\nendstream", unpacked, data, flags=re.DOTALL)
    packed = rb"/Length\d? \d+|\d+ 0 obj\s+\d+\s+endobj|^\d{10} \d{5} [nf] *$|startxref\s+\d+"
    return re.sub(packed, b"", data, flags=re.MULTILINE)


def _texts(there: Path, again: Path, tolerance: Tolerance) -> Iterator[Finding]:
    try:
        found, wanted = (path.read_bytes().decode() for path in (there, again))
    except UnicodeDecodeError:
        yield _failed("Its bytes are others than those of the file that is made again.")
        return
    pairs = enumerate(zip_longest(found.split("\n"), wanted.split("\n")), 1)
    line, lines = next((line, both) for line, both in pairs if both[0] != both[1])
    was, should = (
        "nothing" if text is None else json.dumps(text[:120], ensure_ascii=False) for text in lines
    )
    yield _failed(f"Line {line}: {was} stands there, made again it is {should}.")


COMPARED_BY = {
    ".csv": _tables,
    ".json": _json,
    ".npy": _arrays,
    ".png": _pictures,
    ".pdf": _documents,
}


def _failed(detail: str, *numbers: float | None) -> Finding:
    return Finding("", "", "failed", detail, *numbers)


def _cells(path: Path) -> list[list[str]]:
    """The rows of a CSV file, each with as many cells as the first, whose names are all others."""
    try:
        text = path.read_bytes().decode()
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except FileNotFoundError:
        raise MiuaError(f"{path} is missing.") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise MiuaError(f"{path} is not a readable CSV table ({error}).") from None
    again = io.StringIO(newline="")
    csv.writer(again, lineterminator="\n").writerows(rows)
    if text != again.getvalue() or not rows or len({*rows[0]}) < len(rows[0]):
        problem = "its head, its quotes or its line ends differ"
        raise MiuaError(f"{path} is no table as miua writes them: {problem}.")
    for line, row in enumerate(rows, 1):
        if len(row) != len(rows[0]):
            raise MiuaError(f"{path}: row {line} has {len(row)} cells for {len(rows[0])} columns.")
    return rows


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    for key, count in Counter(key for key, _ in pairs).items():
        if count > 1:
            raise ValueError(f"the key {key!r} stands there twice")
    return dict(pairs)


def _refused(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")
