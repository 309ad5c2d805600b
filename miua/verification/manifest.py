"""MANIFEST.json: every file of a results folder by its SHA-256, what made them, who vouches."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from miua.data.threads import in_threads, usable_cores
from miua.environment import hardware
from miua.errors import MiuaError
from miua.files import read_json, sha256_file, write_json
from miua.locked_packages import installed_packages
from miua.progress import Progress
from miua.provenance import code_version, platform_name
from miua.study.store import Results

MANIFEST = "MANIFEST.json"
# What is no part of the results: Snakemake's notes, the lock, the manifest and its signature.
LEFT_OUT_FOLDERS = (".snakemake",)
LEFT_OUT_FILES = (".lock", MANIFEST, f"{MANIFEST}.sig")
NOT_SIGNED_OFF = "not signed off"
# Raised by one whenever a key of the manifest changes its name or meaning.
SCHEMA = 1


@dataclass(frozen=True)
class Content:
    """A file of a results folder: its size in bytes and its SHA-256; "" for a symbolic link."""

    size: int
    sha256: str


Contents = dict[str, Content]


def read_contents(folder: Path) -> Contents:
    """Every file of a results folder by its path in it, sorted; links are not followed."""
    paths = sorted(_files(folder))
    sizes = [path.lstat().st_size for path in paths]
    found: Contents = {}
    with Progress("Hashing files", sum(sizes), "B") as shown:
        digests = in_threads(_digest, paths, usable_cores())
        for path, size, digest in zip(paths, sizes, digests, strict=True):
            found[path.relative_to(folder).as_posix()] = Content(size, digest)
            shown.advance(size)
    return found


def write_manifest(folder: Path, signed_off_by: str | None = None) -> Path:
    """Write the manifest of a results folder; returns its path.

    Where the files are those of the manifest that is there, that stays as it is, with its
    sign-off; a new sign-off takes the place of the old one. Else it is made anew: packages and
    hardware are those of the machine that makes it, and nobody vouches until someone signs off.

    Args:
        folder: a results folder.
        signed_off_by: who vouches for it: a name, a mail address, or both.

    Raises:
        MiuaError: it is no results folder, or the name is empty.
    """
    results = Results.open(folder)
    if signed_off_by is not None and not signed_off_by.strip():
        raise MiuaError('Nobody signs off. Give a name: --signed-off-by "Name <mail>".')
    path = folder / MANIFEST
    contents = read_contents(folder)
    manifest = _manifest(results, contents)
    try:
        before = read_manifest(folder)
    except MiuaError:
        before = {}  # missing or damaged: it says nothing that could stay
    if before.get("files") == manifest["files"]:
        manifest = before
    if signed_off_by is not None:
        manifest = {**manifest, "signed_off_by": signed_off_by.strip()}
    if manifest != before:
        write_json(path, manifest)
    return path


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a results folder.

    Raises:
        MiuaError: it is missing, damaged, or of another version.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise MiuaError(
            f"{path} is missing. Who made the results can make it: miua manifest {folder}. Made "
            "by somebody else or later, it says nothing of what happened before."
        )
    document = read_json(path)
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise MiuaError(f"{path} is not of schema {SCHEMA}. Make it anew: miua manifest {folder}")
    files = document.get("files")
    if not isinstance(files, dict) or not all(_is_entry(entry) for entry in files.values()):
        raise MiuaError(f"{path} is damaged: its files have no size or SHA-256.")
    return document


def sign_off(manifest: dict[str, Any]) -> str:
    """Who vouches for the results, in words."""
    said = str(manifest["signed_off_by"])
    return said if said == NOT_SIGNED_OFF else f"signed off by {said}"


def contents_of(manifest: dict[str, Any]) -> Contents:
    """What a manifest that was read says of each file."""
    return {
        name: Content(entry["size"], entry["sha256"]) for name, entry in manifest["files"].items()
    }


def _manifest(results: Results, contents: Contents) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "profile": results.plan.profile,
        "scientific": results.plan.scientific,
        "signed_off_by": NOT_SIGNED_OFF,
        **code_version(),
        "python": platform.python_version(),
        "platform": platform_name(),
        "packages": installed_packages(),
        "hardware": hardware(),
        "files": {
            name: {"size": content.size, "sha256": content.sha256}
            for name, content in contents.items()
        },
    }


def _files(folder: Path) -> list[Path]:
    found = []
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            if path.name not in LEFT_OUT_FOLDERS:
                found += [p for p in path.rglob("*") if p.is_symlink() or not p.is_dir()]
        elif path.name not in LEFT_OUT_FILES:
            found.append(path)
    return found


def _digest(path: Path) -> str:
    return sha256_file(path) if path.is_file() and not path.is_symlink() else ""


def _is_entry(entry: object) -> bool:
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("size"), int)
        and isinstance(entry.get("sha256"), str)
    )
