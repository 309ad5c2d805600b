"""Files of a results folder that are not what their step made: they go, to be made again.

Of a training only the mark is looked at: it makes whole what it can by itself
(`miua.training.run_folder`).
"""

import os
import shutil
from contextlib import suppress
from pathlib import Path, PurePosixPath

from miua.errors import MiuaError
from miua.files import read_array, read_json, sha256_array, sha256_file
from miua.progress import say
from miua.provenance import FILES
from miua.study.belonging import record_of
from miua.study.manifest import read_manifest
from miua.study.steps import Job, Study

# Steps whose record speaks for a whole folder.
OF_A_FOLDER = ("real_images", "reference", "unseen_images", "generate")


def remove_damaged(study: Study) -> list[str]:
    """Remove the outputs of each step whose files or record are damaged or missing, and say so.

    So are those with an output that is a link: Snakemake would make its mark where the link leads.

    Returns the name of each such job: Snakemake makes what lies in between only if it is asked.
    Only for who holds the results folder.
    """
    found = []
    for job in study.jobs():
        outputs = [study.folder / name for name in job.outputs]
        record = study.folder / record_of(job)
        signs = [*outputs, record, *([record.parent] if job.step.name in OF_A_FOLDER else [])]
        link = next((path for path in outputs if path.is_symlink()), None)
        there = job.step.name != "train" and any(os.path.lexists(path) for path in signs)
        if not (link or there):
            continue
        try:
            damaged = link or _damaged(study.folder, job)
        except (MiuaError, OSError, LookupError, TypeError, AttributeError):
            damaged = record
        if damaged:
            say(f"{damaged} is missing, or not what was made. It is made again.")
            for path in (damaged, *outputs):
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
            found.append(job.name)
    return found


def _damaged(folder: Path, job: Job) -> Path | None:
    """A file that is not what a record, or for phantoms the manifest, says was made."""
    place = folder / record_of(job)
    record = read_json(place)
    if FILES in record:
        named = {
            os.path.normpath(place.parent / name): digest for name, digest in record[FILES].items()
        }
        return _other_than(named)
    if job.step.name.endswith("phantoms"):
        with suppress(MiuaError):
            listed, within = read_manifest(folder)["files"], f"{PurePosixPath(job.name).parent}/"
            of_data = {name: entry for name, entry in listed.items() if name.startswith(within)}
            return _other_than({str(folder / n): it["sha256"] for n, it in of_data.items()})
        return None
    images, names = place.with_name("images.npy"), place.with_name("names.json")
    if "not_made" in record:
        return None
    try:
        stack = read_array(images)
    except MiuaError:
        return images
    if record["outputs"]["images"] != sha256_array(stack):
        return images
    if job.step.name != "generate":
        try:
            return None if len(read_json(names)) == len(stack) else names
        except (MiuaError, OSError, TypeError):
            return names
    return None


def _other_than(named: dict[str, str]) -> Path | None:
    """The first of these files that is missing, a link, or has another SHA-256."""

    def is_it(path: Path, digest: str) -> bool:
        return path.is_file() and not path.is_symlink() and sha256_file(path) == digest

    paths = ((Path(name), digest) for name, digest in named.items())
    return next((path for path, digest in paths if not is_it(path, digest)), None)
