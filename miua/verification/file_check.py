"""Whether the files are those of the manifest, and whether each has a provenance."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from miua.errors import MiuaError
from miua.provenance import FILES, PROVENANCE
from miua.verification.finding import Finding
from miua.verification.guard import guarded, read_record
from miua.verification.manifest import (
    MANIFEST,
    Contents,
    contents_of,
    read_contents,
    read_manifest,
    sign_off,
)

CHECK = "files"
MARK = ".done"  # how the empty files are called that Snakemake leaves where a step has ended


def check_files(folder: Path) -> Iterator[Finding]:
    """Findings on the manifest, every file against it, and every file's provenance."""
    contents = read_contents(folder)
    yield from guarded(CHECK, MANIFEST, lambda: _against_manifest(folder, contents))
    for name, content in contents.items():
        if not content.sha256:
            yield Finding(
                CHECK,
                name,
                "failed",
                "It is no file but a link, a pipe or a device. Put a file there.",
            )
    yield from _provenance(folder, contents)


def _against_manifest(folder: Path, contents: Contents) -> Iterator[Finding]:
    manifest = read_manifest(folder)
    listed = contents_of(manifest)
    agreeing = 0
    for name in sorted({*listed, *contents}):
        if name not in contents:
            yield Finding(CHECK, name, "failed", "It is missing: the manifest lists it.")
        elif name not in listed:
            yield Finding(CHECK, name, "failed", "It was added: the manifest does not list it.")
        elif listed[name] != contents[name]:
            yield Finding(CHECK, name, "failed", "It was changed: its SHA-256 is another one.")
        else:
            agreeing += 1
    said = f"{agreeing} of {len(listed)} files are as listed; {sign_off(manifest)}."
    yield Finding(CHECK, MANIFEST, "passed", said)


def _provenance(folder: Path, contents: Contents) -> Iterator[Finding]:
    """Every file is spoken for by a record that names it, or that is of its whole folder."""
    records = {name for name in contents if PurePosixPath(name).name == PROVENANCE}
    whole: set[str] = set()
    named: dict[str, str] = {}
    for name in sorted(records):
        record = _record(folder / name)
        place = str(PurePosixPath(name).parent)
        if FILES in record:
            yield from guarded(CHECK, name, partial(_of_record, name, record, contents, named))
        elif place != ".":
            whole.add(place)
    for name in contents:
        if name.endswith(".json") and name not in records and not _inside(name, whole):
            record = _record(folder / name)
            if FILES in record and "inputs" in record:
                records.add(name)
                yield from guarded(CHECK, name, partial(_of_record, name, record, contents, named))
    spoken_for = 0
    for name, content in contents.items():
        mark = name.endswith(MARK) and content.size == 0
        if mark or name in records or name in named or _inside(name, whole):
            spoken_for += 1
        else:
            yield Finding(CHECK, name, "failed", "No provenance says what made it. Make it again.")
    yield Finding(CHECK, "provenance", "passed", f"{spoken_for} of {len(contents)} files have one.")


def _record(path: Path) -> dict[str, Any]:
    """What a JSON file holds; nothing if it is damaged or no object, and so no record."""
    try:
        return read_record(path)
    except MiuaError:
        return {}


def _of_record(
    name: str, record: dict[str, Any], contents: Contents, named: dict[str, str]
) -> Iterator[Finding]:
    """Add the files that a record names to `named`; findings on those that are others now."""
    for relative, digest in record[FILES].items():
        path = posixpath.normpath(posixpath.join(posixpath.dirname(name), relative))
        named[path] = name
        if path not in contents:
            yield Finding(CHECK, path, "failed", f"It is missing: {name} says that it was made.")
        elif contents[path].sha256 != digest:
            said = f"It is not what was made: {name} has another SHA-256."
            yield Finding(CHECK, path, "failed", said)


def _inside(name: str, folders: set[str]) -> bool:
    return any(str(parent) in folders for parent in PurePosixPath(name).parents)
