"""What made a file: command, configuration, code, versions, device, seed and inputs.

A record lies as provenance.json in a folder, or as NAME.json beside files. What it speaks for, it
names under `files`; one without that key, which a run, a set or a stack has, speaks for its whole
folder.
"""

import os
import platform
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from miua.errors import MiuaError
from miua.files import read_json, sha256_file, write_json

PROVENANCE = "provenance.json"
FILES = "files"  # the key of what a record speaks for

# What a record may hold: what `provenance` says, and what is added to it.
RECORD_KEYS = {
    *("command", "settings", "inputs", "commit", "uncommitted_changes", "packages", "python"),
    *("platform", "device", "threads", FILES, "outputs", "resumed", "not_made"),
}
# Parts of a record that others look into; a record may lack any of them.
_MAPPINGS = ("settings", "inputs", "outputs", "packages")
_OTHERS = {"uncommitted_changes": (bool, type(None)), "resumed": (list,)}

RECORDED_PACKAGES = ("miua", "numpy", "scipy", "pillow", "torch", "torchvision", "torch-fidelity")


def provenance(
    *, inputs: dict[str, str], settings: dict[str, Any], device: str = "cpu", threads: int = 1
) -> dict[str, Any]:
    """Describe how an output comes to be. Nothing in it changes between identical reruns.

    inputs: SHA-256 of each input by name. settings: as resolved, seed included. device, threads:
    what computed; results on a CPU may depend on the number of threads.
    """
    return {
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "settings": settings,
        "inputs": inputs,
        **code_version(),
        "packages": versions_of(RECORDED_PACKAGES),
        "python": platform.python_version(),
        "platform": platform_name(),
        "device": device,
        "threads": threads,
    }


def versions_of(packages: Iterable[str]) -> dict[str, str]:
    """The versions of those of these packages that are installed."""
    versions = {}
    for name in packages:
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    return versions


def platform_name() -> str:
    """The system and the processor's architecture, such as "Linux x86_64"."""
    return f"{platform.system()} {platform.machine()}"


def code_version() -> dict[str, Any]:
    """The commit that this package is of, and whether its files were changed; None if unknown."""
    root = Path(__file__).parent.parent
    changed = None

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(root), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    if commit := os.environ.get("MIUA_COMMIT"):  # set in the container image, which has no .git
        # Without the suffix nobody knows: by hand, an image is built without asking git.
        changed = True if commit.endswith("-dirty") else None
        commit = commit.removesuffix("-dirty")
    elif (root / ".git").exists():
        with suppress(OSError, subprocess.CalledProcessError):
            commit = git("rev-parse", "HEAD")
            changed = bool(git("status", "--porcelain", "--untracked-files=no"))
    return {"commit": commit or None, "uncommitted_changes": changed}


def read_provenance(folder: Path, again: str) -> dict[str, Any]:
    """The provenance.json of a run, a set or a stack; its mappings are there, if empty.

    again: what makes it again, as a sentence for the error. MiuaError: it is missing, not JSON, or
    not of the form that `provenance` gives.
    """
    path = folder / PROVENANCE
    record = read_json(path)
    if not isinstance(record, dict):
        raise MiuaError(f"{path} is no record of how the folder came to be. {again}")
    record = {**{name: {} for name in _MAPPINGS}, **record}
    types = {**dict.fromkeys(_MAPPINGS, (dict,)), **_OTHERS}
    for name, allowed in types.items():
        if name in record and not isinstance(record[name], allowed):
            raise MiuaError(f"{path} is damaged: its part {name} is not of the right kind. {again}")
    return record


def write_provenance(folder: Path, record: dict[str, Any]) -> None:
    """Save `record` as provenance.json in `folder`."""
    write_json(folder / PROVENANCE, record)


def write_file_provenance(place: Path, record: dict[str, Any], files: Iterable[Path]) -> None:
    """Save `record` at `place`, speaking for `files`: their SHA-256, named as seen from there."""
    write_json(place, {**record, FILES: _seen_from(place, files)})


def record_step(
    place: Path, *, base: Path, inputs: Iterable[Path], files: Iterable[Path], keep: bool = False
) -> None:
    """Write at `place` the provenance of a step that makes files from files.

    base: the results folder; inputs in it are named as seen from there, others by the last three
    parts of their path, and those that are not there are left out. files: what the step wrote.
    keep: leave a record that is there as it is, if it is of the same inputs and files.
    """

    def name(path: Path) -> str:
        path, folder = path.resolve(), base.resolve()
        inside = path.is_relative_to(folder)
        return path.relative_to(folder).as_posix() if inside else "/".join(path.parts[-3:])

    hashes = {name(path): sha256_file(path) for path in inputs if path.is_file()}
    named = _seen_from(place, files)
    before = read_json(place) if keep and place.is_file() else {}
    if (before.get("inputs"), before.get(FILES)) != (hashes, named):
        write_json(place, {**provenance(inputs=hashes, settings={}), FILES: named})


def _seen_from(place: Path, files: Iterable[Path]) -> dict[str, str]:
    """The SHA-256 of files, named as seen from the record at `place`."""
    return {os.path.relpath(path, place.parent): sha256_file(path) for path in files}
