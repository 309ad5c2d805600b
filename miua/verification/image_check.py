"""Whether the images are what phantoms, real images and checkpoints give when they are made again.

Image stacks are remade bit for bit. A network's arithmetic is the same to the bit on the same
processor with the same torch; another one sums in another order, and some grey values are rounded
to the neighbour. A set that is a little off is therefore undecided where its record names another
machine: a record can be written by anybody, so it never makes a set agree.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from miua.config import TrainingConfig
from miua.data import read_stack, write_phantoms
from miua.data.hc18 import hc18_folder
from miua.data.stack import drawn
from miua.data.threads import usable_cores
from miua.environment import hardware
from miua.errors import MiuaError
from miua.files import read_array, sha256_file
from miua.progress import Progress
from miua.provenance import platform_name
from miua.sampling import draw_set
from miua.study.plan import Cell, Plan
from miua.study.store import Results
from miua.training.device import choose_device
from miua.verification.finding import Finding
from miua.verification.guard import guarded, read_record
from miua.verification.manifest import read_manifest

CHECK = "images"


@dataclass(frozen=True)
class Tolerance:
    """How far a set that is made again may be off: grey levels, and the share of such pixels.

    Within it the set is undecided, beyond it wrong; where nothing may be off, there is no between.
    """

    levels: int
    share: float
    why: str


EXACT = Tolerance(0, 0.0, "made on this processor with this torch")
# Measured: at most 1 level in 0.001 % of the pixels, between AVX-512, AVX2 and SSE4.1.
OTHER_PROCESSOR = Tolerance(1, 1e-3, "made on another processor or with another torch")
# A GPU that torch is left to convolves with 10 bits of mantissa (TensorFloat-32): 1/1000 of the
# range of 255, and the error of a layer goes through the next. An estimate, not measured.
OTHER_DEVICE = Tolerance(4, 1.0, "made on another kind of device")


def check_images(results: Results, plan: Plan, cells: list[Cell]) -> Iterator[Finding]:
    """Findings on the phantoms, the stacks in real/ and reference/, and every synthetic set."""
    if plan.profile.data.source == "phantom":
        yield from guarded(CHECK, "data", lambda: _phantoms(results, plan))
    source = None
    try:
        source = real_images(results, plan)
    except MiuaError as error:
        said = f"The real images are not at hand, so real/ was not remade. {error}"
        yield Finding(CHECK, "real", "not checked", said)
    wanted = plan.preparations()
    for name in dict.fromkeys(cell.preparation for cell in cells):
        if source is not None:
            remake = partial(_real, results, name, wanted[name], source)
            yield from guarded(CHECK, f"real/{name}", remake)
        yield from guarded(CHECK, f"reference/{name}", partial(_reference, results, plan, name))
    processor = _recorded_processor(results.folder)
    with Progress("Making the sets again", len(cells), "sets") as shown:
        for cell in cells:
            remake = partial(_set, results, plan, cell, processor)
            yield from guarded(CHECK, f"sets/{cell.set}", remake)
            shown.advance(note=cell.set)


def real_images(results: Results, plan: Plan) -> Path:
    """The folder of the images that the study is of. MiuaError: they are HC18's, and not here."""
    if plan.profile.data.source == "phantom":
        return results.folder / "data" / "training_set"
    return hc18_folder()


def _phantoms(results: Results, plan: Plan) -> Iterator[Finding]:
    data = plan.profile.data
    assert data.images is not None
    there = results.folder / "data"
    with tempfile.TemporaryDirectory(prefix="miua-verify-") as name:
        again = Path(name) / "data"
        write_phantoms(again, data.images, data.seed)
        made = {path.relative_to(again) for path in again.rglob("*.png")}
        found = {path.relative_to(there) for path in there.rglob("*.png")}
        made |= {path.relative_to(again) for path in again.glob("*.csv")}
        found |= {path.relative_to(there) for path in there.glob("*.csv")}
        wrong = made ^ found
        wrong |= {
            path for path in made & found if sha256_file(there / path) != sha256_file(again / path)
        }
    for path in sorted(wrong):
        said = f"It is not the phantom that seed {data.seed} gives. Make data/ again."
        yield Finding(CHECK, f"data/{path}", "failed", said)
    if not wrong:
        said = f"{data.images} phantoms of seed {data.seed} were made again: the same files."
        yield Finding(CHECK, "data", "passed", said)


def _real(results: Results, name: str, config: TrainingConfig, source: Path) -> Iterator[Finding]:
    stack = read_stack(
        source,
        config.image_size,
        config.fit,
        crop_size=config.crop_size,
        cache=False,
    )
    yield _equal(results.folder, f"real/{name}", stack.images)


def _reference(results: Results, plan: Plan, name: str) -> Iterator[Finding]:
    stack = read_stack(results.folder / "real" / name, None)
    again = drawn(stack, plan.profile.reference_images, plan.profile.seed)
    yield _equal(results.folder, f"reference/{name}", again.images)


def _equal(folder: Path, subject: str, again: NDArray[np.uint8]) -> Finding:
    there = read_array(folder / subject / "images.npy")
    if there.dtype != again.dtype or there.shape != again.shape:
        said = f"It holds {there.dtype} {there.shape}; made again: {again.dtype} {again.shape}."
        return Finding(CHECK, subject, "failed", said)
    different = _images_apart(there, again)
    if len(different):
        said = f"{_which(different, len(there))} not what is made again. No difference is allowed."
        return Finding(CHECK, subject, "failed", said)
    return Finding(CHECK, subject, "passed", f"{len(there)} images, the same to the bit.")


def _set(results: Results, plan: Plan, cell: Cell, processor: str | None) -> Iterator[Finding]:
    subject = f"sets/{cell.set}"
    folder = results.folder / subject
    record = read_record(folder / "provenance.json")
    if record.get("not_made"):
        yield Finding(CHECK, subject, "passed", f"It has no images: {record['not_made']}")
        return
    trained = read_record(results.folder / "runs" / cell.run / "provenance.json")
    if (record["device"] == "cpu") != (trained["device"] == "cpu"):
        said = f"on {record['device']}, but its training on {trained['device']}"
        yield Finding(CHECK, subject, "undecided", f"It says that it was made {said}.")
    tolerance = _tolerance(record, processor)
    threads = min(max(1, int(record["threads"])), usable_cores())
    again, _ = draw_set(
        results.folder / "runs" / cell.run,
        cell.epoch,
        plan.runs[cell.run],
        images=plan.profile.synthetic_images,
        seed=plan.profile.seed,
        device=choose_device(_device(record), threads),
    )
    yield _compared(subject, read_array(folder / "images.npy"), again, tolerance)


def _compared(
    subject: str, there: NDArray[Any], again: NDArray[np.uint8], tolerance: Tolerance
) -> Finding:
    if there.dtype != again.dtype or there.shape != again.shape:
        said = f"It holds {there.dtype} {there.shape}; made again: {again.dtype} {again.shape}."
        return Finding(CHECK, subject, "failed", said)
    apart = np.abs(there.astype(np.int16) - again.astype(np.int16))
    levels, share = int(apart.max()), float((apart > 0).mean())
    allowed = f"{tolerance.levels} grey levels in {100 * tolerance.share:g} % of the pixels"
    basis = f"allowed: {allowed}, as it was {tolerance.why}"
    if levels > tolerance.levels or share > tolerance.share:
        different = _images_apart(there, again)
        said = (
            f"{_which(different, len(there))} not what the checkpoint gives: up to {levels} grey "
            f"levels off in {100 * share:.2g} % of the pixels ({basis}). Generate the set again, "
            "or find out who changed it."
        )
        return Finding(CHECK, subject, "failed", said, levels, 0, tolerance.levels)
    if levels:
        said = (
            f"Up to {levels} grey levels off in {100 * share:.2g} % of the pixels ({basis}). Only "
            "a machine of the kind that made it can tell rounding from tampering."
        )
        return Finding(CHECK, subject, "undecided", said, levels, 0, tolerance.levels)
    said = f"{len(there)} images, the same to the bit."
    return Finding(CHECK, subject, "passed", said, 0, 0, 0)


def _tolerance(record: dict[str, Any], processor: str | None) -> Tolerance:
    """By where and with what the set was made, as its provenance and the manifest say."""
    if record["device"] != "cpu":
        return OTHER_DEVICE
    same_torch = record["packages"].get("torch") == version("torch")
    same_machine = record["platform"] == platform_name() and processor == hardware()["processor"]
    return EXACT if same_torch and same_machine else OTHER_PROCESSOR


def _recorded_processor(folder: Path) -> str | None:
    try:
        return str(read_manifest(folder)["hardware"]["processor"])
    except (MiuaError, KeyError, TypeError):
        return None


def _device(record: dict[str, Any]) -> str:
    """The kind of device that made the set, or this one's processor where there is no such."""
    return "cuda" if record["device"] != "cpu" and torch.cuda.is_available() else "cpu"


def _images_apart(there: NDArray[Any], again: NDArray[Any]) -> NDArray[np.int64]:
    return np.flatnonzero((there != again).any(axis=(1, 2)))


def _which(images: NDArray[np.int64], of: int) -> str:
    listed = ", ".join(str(index) for index in images[:5])
    more = ", ..." if len(images) > 5 else ""
    return f"{len(images)} of {of} images (number {listed}{more}, from 0) are"
