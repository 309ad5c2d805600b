"""MANIFEST.json: every file of a results folder by its SHA-256, what made them, who vouches."""

import platform
import posixpath
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any

from miua.data.threads import in_threads, usable_cores
from miua.environment import hardware
from miua.errors import MiuaError
from miua.files import PARTIAL, locked, sha256_file, write_json
from miua.locked_packages import installed_packages
from miua.progress import Progress, say
from miua.provenance import FILES, PROVENANCE, RECORD_KEYS, code_version, platform_name
from miua.study.compare import read_strict_json
from miua.study.finding import Finding, guarded
from miua.study.store import Results

FILES_CHECK = "files"  # the check of a verification that is made here
MANIFEST = "MANIFEST.json"
LOCK, SIGNATURE = ".lock", f"{MANIFEST}.sig"
# What is no part of the results: Snakemake's notes, the lock, the manifest and its signature.
LEFT_OUT = (".snakemake", LOCK, MANIFEST, SIGNATURE)
MARK = ".done"  # the ending of the empty files that Snakemake leaves where a step has ended
NOT_SIGNED_OFF = "not signed off"
# What it says of who made it, beside the plan's facts, the files and who vouches.
MADE_HERE = ("commit", "uncommitted_changes", "python", "platform", "packages", "hardware")
# Raised by one whenever a key of the manifest changes its name or meaning.
SCHEMA = 1
READERS = "readers/"  # where JSON of a reader study is kept as it came

# By a file's path in the folder its `size` in bytes and its `sha256`; "" for what is no file.
Contents = dict[str, dict[str, Any]]


def read_contents(folder: Path) -> Contents:
    """Every file of a results folder by its path in it, sorted; links are not followed.

    Files that an interrupted write has left are none of the results.
    """
    return _contents(folder, [folder / name for name in file_names(folder)])


def file_names(folder: Path) -> list[str]:
    """The paths of all files in a results folder, without what an interrupted write has left."""
    paths = (path for path in _files(folder) if not _is_partial(folder, path))
    return [path.relative_to(folder).as_posix() for path in paths]


def _files(folder: Path) -> list[Path]:
    paths = sorted(path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return [path for path in paths if path.relative_to(folder).parts[0] not in LEFT_OUT]


def _is_partial(folder: Path, path: Path) -> bool:
    return any(part.startswith(PARTIAL) for part in path.relative_to(folder).parts)


def _contents(folder: Path, paths: list[Path]) -> Contents:
    sizes = [path.lstat().st_size for path in paths]
    found: Contents = {}
    with Progress("Hashing files", sum(sizes), "B") as shown:
        digests = in_threads(_digest, paths, usable_cores())
        for path, size, digest in zip(paths, sizes, digests, strict=True):
            found[path.relative_to(folder).as_posix()] = {"size": size, "sha256": digest}
            shown.advance(size)
    return found


def write_manifest(folder: Path, signed_off_by: str | None = None) -> Path:
    """Write the manifest of a results folder; returns its path.

    Where the files are as listed, it stays as it is; only a new sign-off replaces the old. Else it
    is made anew: packages and hardware are those of the machine that makes it, and nobody vouches
    until someone signs off. signed_off_by: a name, a mail address, or both. MiuaError: no results
    folder, or no name.
    """
    results = Results.open(folder)
    if signed_off_by is not None and not signed_off_by.strip():
        raise MiuaError('Nobody signs off. Give a name: --signed-off-by "Name <mail>".')
    contents = read_contents(folder)
    before: dict[str, Any] = {}
    with suppress(MiuaError):  # missing or damaged: it says nothing that could stay
        before = read_manifest(folder)
    manifest = before
    if before.get("files") != contents or any(_foreign(before, results)):
        manifest = {
            **_of_plan(results),
            "signed_off_by": NOT_SIGNED_OFF,
            **_of_here(),
            "files": contents,
        }
    if signed_off_by is not None:
        manifest = {**manifest, "signed_off_by": signed_off_by.strip()}
    if manifest != before:
        write_json(folder / MANIFEST, manifest)
    return folder / MANIFEST


def _of_plan(results: Results) -> dict[str, Any]:
    """What a manifest says of the plan that the results are of."""
    plan = results.plan
    return {"schema": SCHEMA, "profile": plan.profile, "scientific": plan.scientific}


def _of_here() -> dict[str, Any]:
    """What a manifest says of the code and the machine that make it."""
    return {
        **code_version(),
        "python": platform.python_version(),
        "platform": platform_name(),
        "packages": installed_packages(),
        "hardware": hardware(),
    }


def _foreign(manifest: dict[str, Any], results: Results) -> Iterator[str]:
    """What a manifest says that does not belong to it, in words."""
    of_plan = _of_plan(results)
    known = {*of_plan, *MADE_HERE, "signed_off_by", "files"}
    if surplus := ", ".join(sorted(manifest.keys() - known)):
        yield f"No manifest has {surplus}."
    for key, value in of_plan.items():
        if manifest.get(key) != value:
            yield f"Its {key} is {manifest.get(key)}; that of plan.yaml is {value}."


@contextmanager
def renewed(folder: Path) -> Iterator[None]:
    """Renew the entries of what the block writes in a manifest that is there, and say so.

    All other entries stay, so that a change that somebody else made is still found. While a
    reproduction is at work nothing is renewed: it ends with a new manifest itself.
    """
    manifest: dict[str, Any] | None = None
    if (folder / MANIFEST).is_file() and not _at_work(folder):
        try:
            manifest = read_manifest(folder)
        except MiuaError as error:
            say(f"{error} It is left as it is.")
    before = _stamps(folder) if manifest else {}
    yield
    if manifest is None:
        return
    after, listed = _stamps(folder), manifest["files"]
    written = [folder / name for name, stamp in after.items() if before.get(name) != stamp]
    kept = {name: it for name, it in listed.items() if name in after or name not in before}
    contents = dict(sorted({**kept, **_contents(folder, written)}.items()))
    if contents != listed:
        anew = {**manifest, "files": contents, "signed_off_by": NOT_SIGNED_OFF}
        write_json(folder / MANIFEST, anew)
        signed = sign_off(manifest) != NOT_SIGNED_OFF or (folder / SIGNATURE).exists()
        lost = " It was signed, and is no longer: sign it again." if signed else ""
        say(
            f"{folder / MANIFEST} now lists what was written.{lost} "
            f"What does not follow from it yet: miua verify {folder}"
        )


def _at_work(folder: Path) -> bool:
    """Whether a reproduction holds the results folder."""
    try:
        with locked(folder / LOCK, "It is at work."):
            return False
    except MiuaError:
        return True


def _stamps(folder: Path) -> dict[str, tuple[int, int, int]]:
    """What changes when a file is written, by its path in the folder."""
    stats = ((name, (folder / name).lstat()) for name in file_names(folder))
    return {name: (it.st_ino, it.st_mtime_ns, it.st_size) for name, it in stats}


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a results folder. MiuaError: it is missing, damaged, or of another kind."""
    path, remedy = folder / MANIFEST, f"miua manifest {folder}"
    if not path.is_file():
        raise MiuaError(
            f"{path} is missing. Whoever made the results can make it: {remedy}. "
            "Made by somebody else or later, it says nothing of what happened before."
        )
    document = read_record(path)
    if document.get("schema") != SCHEMA:
        raise MiuaError(f"{path} is not of schema {SCHEMA}. Make it anew: {remedy}")
    files = document.get("files")
    if not isinstance(files, dict) or not all(_is_entry(entry) for entry in files.values()):
        raise MiuaError(f"{path} is damaged: its files have no size or SHA-256.")
    if not all(isinstance(document.get(key, {}), dict) for key in ("packages", "hardware")):
        raise MiuaError(f"{path} is damaged: packages or hardware are not named.")
    return document


def sign_off(manifest: dict[str, Any]) -> str:
    """Who vouches for the results, in words."""
    said = str(manifest["signed_off_by"])
    return said if said == NOT_SIGNED_OFF else f"signed off by {said}"


def read_record(path: Path) -> dict[str, Any]:
    """A provenance record or other JSON object. MiuaError: it is missing or none."""
    record = read_strict_json(path)
    if not isinstance(record, dict):
        raise MiuaError(f"{path} holds no record. Make it again.")
    return record


def check_files(folder: Path) -> Iterator[Finding]:
    """Findings on the manifest, every file against it, and every file's provenance."""
    contents = read_contents(folder)
    yield from guarded(FILES_CHECK, MANIFEST, _against_manifest, folder, contents)
    said = "It is no file but a link, a pipe or a device. Put a file there."
    for name, content in contents.items():
        if not content["sha256"]:
            yield _failed(name, said)
        elif name.endswith(".json"):
            yield from guarded(FILES_CHECK, name, _read_strictly, folder / name, name)
        elif posixpath.basename(name) == LOCK and content["size"]:
            yield _failed(name, "A lock is empty. Remove it.")
    said = "An interrupted write has left it. `miua reproduce` removes it."
    for path in _files(folder):
        if _is_partial(folder, path):
            yield _failed(path.relative_to(folder).as_posix(), said)
    yield from _provenance(folder, contents)


def _read_strictly(path: Path, name: str) -> Iterator[Finding]:
    """A finding on a record that says too much; an error if readers could see other content."""
    is_record = path.name == PROVENANCE or named_files(path) is not None
    document = read_strict_json(path, ours=is_record or not name.startswith(READERS))
    if is_record and (surplus := ", ".join(sorted(document.keys() - RECORD_KEYS))):
        yield _failed(name, f"No record has {surplus}. Make it again.")


def _against_manifest(folder: Path, contents: Contents) -> Iterator[Finding]:
    manifest = read_manifest(folder)
    listed: Contents = manifest["files"]
    for said in _foreign(manifest, Results.open(folder)):
        yield _failed(MANIFEST, said)
    for name in sorted({*listed, *contents}):
        if name not in contents:
            yield _failed(name, "It is missing: the manifest lists it.")
        elif name not in listed:
            yield _failed(name, "It was added: the manifest does not list it.")
        elif listed[name] != contents[name]:
            yield _failed(name, "It was changed: its SHA-256 is another one.")
    agreeing = sum(contents.get(name) == entry for name, entry in listed.items())
    said = f"{agreeing} of {len(listed)} files are as listed; {sign_off(manifest)}."
    yield Finding(FILES_CHECK, MANIFEST, "passed", said)


def _provenance(folder: Path, contents: Contents) -> Iterator[Finding]:
    """Each file needs a record that names it, or one that is of its whole folder."""
    marks = {name for name, it in contents.items() if name.endswith(MARK) and not it["size"]}
    records = [name for name in contents if posixpath.basename(name) == PROVENANCE]
    whole = {PurePosixPath(name).parent for name in records if named_files(folder / name) is None}
    whole.discard(PurePosixPath("."))
    inside = {name for name in contents if not whole.isdisjoint(PurePosixPath(name).parents)}
    records += [name for name in {*contents} - inside - {*records} if name.endswith(".json")]
    covered = {*marks, *inside}
    for record in sorted(records):
        named = named_files(folder / record)
        if named is not None:
            covered.add(record)
            yield from guarded(FILES_CHECK, record, _of_record, record, named, contents, covered)
    for name in sorted(contents.keys() - covered):
        yield _failed(name, "No provenance says what made it. Make it again.")
    said = f"{len(contents.keys() & covered)} of {len(contents)} files have one."
    yield Finding(FILES_CHECK, "provenance", "passed", said)


def _of_record(
    record: str, named: dict[str, str], contents: Contents, covered: set[str]
) -> Iterator[Finding]:
    """Add the files that a record names to `covered`; findings on those that are others now."""
    for relative, digest in named.items():
        name = posixpath.normpath(posixpath.join(posixpath.dirname(record), relative))
        covered.add(name)
        if name not in contents:
            yield _failed(name, f"It is missing: {record} says that it was made.")
        elif contents[name]["sha256"] != digest:
            yield _failed(name, f"It is not what was made: {record} has another SHA-256.")


def named_files(path: Path) -> Any:
    """What a record of provenance says of each file it names; None if it is none or names none."""
    try:
        record = read_record(path)
    except MiuaError:
        return None
    return record.get(FILES) if path.name == PROVENANCE or "inputs" in record else None


def _failed(name: str, said: str) -> Finding:
    return Finding(FILES_CHECK, name, "failed", said)


def _digest(path: Path) -> str:
    return sha256_file(path) if path.is_file() and not path.is_symlink() else ""


def _is_entry(entry: Any) -> bool:
    kinds = {"size": int, "sha256": str}
    return isinstance(entry, dict) and all(isinstance(entry.get(k), t) for k, t in kinds.items())
