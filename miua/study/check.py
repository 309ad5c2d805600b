"""`miua verify`: what can be made again is made again, and compared.

What should be there is read from the study, never from the results.
"""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from miua import conformance
from miua.checkpoint import Position, saved_epochs
from miua.config import TrainingConfig, config_hash, config_text, differences, read_config
from miua.errors import MiuaError
from miua.files import read_array, sha256_array, sha256_file
from miua.progress import say
from miua.provenance import PROVENANCE
from miua.study.belonging import check_belonging
from miua.study.copies import Seen
from miua.study.expected import read_expected
from miua.study.finding import EXPECTED, Finding, Verification, guarded
from miua.study.manifest import FILES_CHECK, check_files, file_names, read_record
from miua.study.plan import (
    Cell,
    Plan,
    Profile,
    RealImages,
    cells_csv,
    make_plan,
    preparation,
    read_experiments,
    read_profile,
)
from miua.study.remake import FIGURES, IMAGES, METRICS, TABLES, Remake
from miua.study.store import Results
from miua.study.verdicts import compare_with_expected
from miua.training.run_folder import (
    DIVERGED,
    LOG,
    SPEED,
    divergence,
    divergence_reason,
    speed_of,
    training_images,
)

PLAN, KERNELS = "plan", "kernels"
FACTS = {"config", "history", *Position._fields, "sha256"}  # of a checkpoint
TITLES = {
    FILES_CHECK: "hashes and provenance",
    PLAN: "configurations, checkpoints, seeds",
    IMAGES: "phantoms, stacks and synthetic sets, made again",
    METRICS: "measured again",
    TABLES: "tables, claims, paper and report, made again",
    FIGURES: "figures, samples and the printed paper, made again",
    KERNELS: "the conformance file",
    EXPECTED: "beside repeated runs",
}
CHECKS = tuple(TITLES)


def verify(
    folder: Path, study: Path, expected: Path | None = None, only: Collection[str] = CHECKS
) -> Verification:
    """Check a results folder in eight parts; nothing in it is changed, and no part stops another.

    study: the folder that says what the study is. expected: the reference distribution to compare
    with; STUDY/expected/PROFILE if None. only: which of CHECKS to do. MiuaError: there is no
    results folder, study or check to begin with, or `expected` is not of the study's plan.
    """
    unknown = ", ".join(sorted(set(only) - set(CHECKS)))
    if unknown or not only:
        problem = f"Unknown check {unknown}" if unknown else "No check is named"
        raise MiuaError(f"{problem}. There are {', '.join(CHECKS)}.")
    if not folder.is_dir():
        raise MiuaError(f"There is no folder {folder}, seen from {Path.cwd()}.")
    results = Results.open(folder)
    plan = make_plan(read_profile(study, results.plan.profile), read_experiments(study))
    if expected is not None:
        read_expected(expected, plan.profile, whose=study)
    # Reading a pipe waits for ever, and some devices have no end.
    others = (path for path in folder.rglob("*") if not (path.is_file() or path.is_dir()))
    if endless := sorted(path for path in others if path.exists()):
        said = "It is a pipe or a device, so nothing was read here. Remove it."
        return Verification(
            tuple(Finding(FILES_CHECK, str(path), "failed", said) for path in endless)
        )
    kept = _as_kept(results, plan)
    again = Remake(results, kept, study)
    finders: dict[str, Callable[[], Iterable[Finding]]] = {
        FILES_CHECK: partial(_check_files, folder, kept, again),
        PLAN: partial(_check_plan, results, plan, kept),
        **{check: partial(again.check, check) for check in (IMAGES, METRICS, TABLES, FIGURES)},
        KERNELS: _check_kernels,
        EXPECTED: partial(_check_expected, results, study, expected),
    }
    findings: list[Finding] = []
    for number, (check, find) in enumerate(finders.items(), start=1):
        if check in only:
            say(f"{number}/{len(finders)} {check}: {TITLES[check]}")
            findings += guarded(check, str(folder), find)
    return Verification(tuple(findings))


def _check_files(folder: Path, plan: Plan, again: Remake) -> Iterator[Finding]:
    yield from check_files(folder)
    yield from check_belonging(plan, again.known, file_names(folder))


def _check_kernels() -> Iterator[Finding]:
    """The installed kernels, which measure above, against the results on file."""
    cases = conformance.read_cases()
    for name, found in conformance.failures_of_installed(cases).items():
        for threads, wrong in found.items():
            said = f"All {len(cases)} results are those on file, bit for bit."
            if wrong:
                said = f"{len(wrong)} of {len(cases)} results are not those on file: {wrong[0]}."
                said += " Install the package anew."
            subject = f"{name}, {threads} threads"
            yield Finding(KERNELS, subject, "failed" if wrong else "passed", said)


def _check_expected(results: Results, study: Path, expected: Path | None) -> Iterable[Finding]:
    place = expected or study / EXPECTED / results.plan.profile
    if not (place / "plan.yaml").is_file():
        said = f"There is no {place}, so no number was compared with repeated runs."
        return [Finding(EXPECTED, str(place), "not checked", said)]
    return compare_with_expected(results.folder, place)


def _as_kept(results: Results, plan: Plan) -> Plan:
    """The plan, with the epochs at which trainings of the results were kept for another."""
    runs = {}
    for run, config in plan.runs.items():
        runs[run] = config
        with suppress(MiuaError, OSError):
            found = read_config(results.run(run) / "config.yaml", TrainingConfig)
            if not differences(found, config):
                epochs = sorted({*found.epochs, *config.epochs})
                runs[run] = config.model_copy(update={"epochs": epochs})
    return replace(plan, runs=runs)


def _check_plan(results: Results, plan: Plan, kept: Plan) -> Iterator[Finding]:
    """Findings on the plan's files, every training, every checkpoint, every set and seed."""
    profile = plan.profile
    planned = _apart(results.plan.model_dump(), profile.model_dump())
    planned += _foreign(results.folder, "plan.yaml", config_text(results.plan, flow=False))
    yield _judged("plan.yaml", planned, "It is the study's.")
    yield from guarded(PLAN, "sets.csv", _sets_csv, results, plan)
    was_run = {name for name in profile.experiments if results.table_path(name).exists()}
    for name in profile.experiments:
        if name not in was_run:
            said = f"The experiment was not run: tables/{name}.csv is not there."
            yield Finding(PLAN, name, "not checked", said)
    cells = list({cell.set: cell for cell in plan.cells if cell.experiment in was_run}.values())
    seen = Seen()
    for run in dict.fromkeys(cell.run for cell in cells):
        config = plan.runs[run]
        yield from guarded(PLAN, f"runs/{run}", _run, results, run, config)
        diverged = divergence(results.run(run))
        if diverged is not None:
            told = guarded(
                PLAN, f"runs/{run}/{DIVERGED}", _diverged, results, run, diverged, config
            )
            yield from told
        yield from guarded(PLAN, f"runs/{run}/log.jsonl", _log, results, run, diverged is not None)
        name = f"runs/{run}/{SPEED}"
        yield from guarded(PLAN, name, _speed, results.folder / name, name)
        wanted = {cell.epoch for cell in cells if cell.run == run}
        for epoch in sorted(wanted | ({*kept.runs[run].epochs} - {*config.epochs})):
            if diverged is None or epoch < diverged["epoch"]:
                name = f"runs/{run}/checkpoints/epoch_{epoch:04d}"
                yield from guarded(PLAN, name, _checkpoint, results, name, epoch, config, seen)
    for cell in cells:
        yield from guarded(PLAN, f"sets/{cell.set}", _set, results, profile, cell, seen)
    for name, scale in profile.experiments.items():
        if isinstance(scale, RealImages) and name in was_run:
            yield from guarded(PLAN, f"tables/{name}.json", _real, results, profile, name, scale)


def _judged(subject: str, wrong: list[str], said: str) -> Finding:
    said = f"{'; '.join(wrong)}." if wrong else said
    return Finding(PLAN, subject, "failed" if wrong else "passed", said)


def _apart(there: Mapping[str, Any], asked: Mapping[str, Any]) -> list[str]:
    """What is not as asked, in words."""
    return [
        f"{key} is {there.get(key)}, the study says {value}"
        for key, value in asked.items()
        if there.get(key) != value
    ]


def _foreign(folder: Path, name: str, text: str) -> list[str]:
    """That a configuration holds more than it says to a program, in words."""
    same = (folder / name).read_bytes() == text.encode()
    return [] if same else [f"{name}: it is not written as miua writes it"]


def _sets_csv(results: Results, plan: Plan) -> Iterator[Finding]:
    same = (results.folder / "sets.csv").read_bytes() == cells_csv(plan.cells).encode()
    wrong = [] if same else ["It lists other sets than the study plans"]
    yield _judged("sets.csv", wrong, "It lists the sets that the study plans.")


def _run(results: Results, run: str, asked: TrainingConfig) -> Iterator[Finding]:
    folder = results.run(run)
    config = read_config(results.folder / "configs" / f"{run}.yaml", TrainingConfig)
    wrong = [f"configs/{run}.yaml: {s}" for s in _apart(config.model_dump(), asked.model_dump())]
    wrong += _foreign(results.folder, f"configs/{run}.yaml", config_text(config, flow=False))
    config = read_config(folder / "config.yaml", TrainingConfig)
    wrong += [f"config.yaml: {said}" for said in differences(config, asked)]
    wrong += _foreign(folder, "config.yaml", config_text(config))
    record = read_record(folder / PROVENANCE)
    settings = {**record["settings"]}
    hashed = settings.pop("config_sha256")
    trained = TrainingConfig.model_validate(settings)
    wrong += [f"provenance.json: {said}" for said in differences(trained, asked)]
    if hashed != config_hash(trained):
        wrong.append("provenance.json: config_sha256 is not that of its settings")
    stack = read_array(results.real(preparation(asked)) / "images.npy")
    if record["inputs"]["images"] != sha256_array(training_images(asked, stack)):
        wrong.append("provenance.json: it was trained on other images than those in real/")
    yield _judged(f"runs/{run}", wrong, "Configuration, seed and training images are the study's.")


def _diverged(
    results: Results, run: str, diverged: dict[str, Any], asked: TrainingConfig
) -> Iterator[Finding]:
    """A training that diverged stops there: its log ends with a loss that is no number."""
    folder, epoch = results.run(run), diverged["epoch"]
    wrong = []
    log = (folder / LOG).read_bytes().decode().splitlines(keepends=True)
    lines = [json.loads(line) for line in log]
    last = lines[-1]
    if log != [f"{json.dumps(line)}\n" for line in lines] or len(log) != epoch:
        wrong.append(f"{LOG} does not hold a line for each epoch, as it is written")
    if diverged != {"epoch": epoch, "reason": divergence_reason(asked, epoch)}:
        wrong.append("its reason is another than that of such a training")
    losses = last["generator_loss"], last["discriminator_loss"]
    if last["epoch"] != epoch or None not in losses:
        ends = f"log.jsonl ends at epoch {last['epoch']} with losses {losses[0]} and {losses[1]}"
        wrong.append(f"it says that the training diverged at epoch {epoch}, but {ends}")
    if later := [saved for saved in saved_epochs(folder) if saved >= epoch]:
        wrong.append(f"there are checkpoints of later epochs: {later}")
    said = f"The training diverged at epoch {epoch}, as its log says."
    yield _judged(f"runs/{run}/diverged.json", wrong, said)


def _checkpoint(
    results: Results, name: str, epoch: int, asked: TrainingConfig, seen: Seen
) -> Iterator[Finding]:
    facts = read_record(results.folder / f"{name}.json")
    wrong = differences(TrainingConfig.model_validate(facts["config"]), asked)
    if (facts["epoch"], facts.get("batch", 0)) != (epoch, 0):
        wrong.append(f"it says that it is of epoch {facts['epoch']}")
    digest = sha256_file(results.folder / f"{name}.safetensors")
    if facts["sha256"] != digest:
        wrong.append("the weights are others: their SHA-256 is not the recorded one")
    wrong += seen.weights(name, asked.seed, results.folder / f"{name}.safetensors")
    if surplus := ", ".join(sorted(facts.keys() - FACTS)):
        wrong.append(f"no checkpoint has {surplus}")
    yield _judged(name, wrong, "The weights are those recorded, of this training and epoch.")


def _log(results: Results, run: str, diverged: bool) -> Iterator[Finding]:
    """The log is what the checkpoints remember of it; a training that diverged goes on."""
    folder, wrong = results.run(run), []
    log = (folder / LOG).read_bytes().decode().splitlines(keepends=True)
    saved, whole = saved_epochs(folder), diverged
    for epoch in saved:
        facts = read_record(folder / "checkpoints" / f"epoch_{epoch:04d}.json")
        history = [f"{json.dumps(line)}\n" for line in facts["history"]]
        whole |= history == log
        if len(history) != epoch or log[:epoch] != history:
            wrong.append(f"It is not the log that the checkpoint of epoch {epoch} holds")
    if not whole and not wrong:
        wrong.append("It is longer than the one that the last checkpoint holds")
    yield _judged(f"runs/{run}/{LOG}", wrong, "It is the log that all checkpoints hold.")


def _speed(path: Path, subject: str) -> Iterator[Finding]:
    """Times cannot be made again, but a file of them holds nothing else."""
    if path.exists():
        lines = path.read_bytes().decode().splitlines(keepends=True)
        wrong = [] if all(map(speed_of, lines)) else ["It holds more than how fast each epoch was"]
        yield _judged(subject, wrong, "It says how fast epochs were, and no more.")


def _set(results: Results, profile: Profile, cell: Cell, seen: Seen) -> Iterator[Finding]:
    subject, run = f"sets/{cell.set}", results.run(cell.run)
    record = read_record(results.set(cell.set) / PROVENANCE)
    asked: dict[str, Any] = {"run": cell.run, "epoch": cell.epoch}
    if record.get("not_made"):
        wrong = _apart(record["settings"], asked)
        diverged = divergence(run)
        if diverged is None or diverged["epoch"] > cell.epoch:
            wrong.append("it has no images, although its training went on to this epoch")
        elif record["not_made"] != diverged["reason"]:
            wrong.append("it says another reason than its training")
        yield _judged(subject, wrong, "It has no images, as its training had diverged.")
        return
    asked |= {"images": profile.synthetic_images, "seed": profile.seed}
    wrong = _apart(record["settings"], asked)
    checkpoint = f"checkpoints/epoch_{cell.epoch:04d}.json"
    if record["inputs"]["checkpoint"] != read_record(run / checkpoint)["sha256"]:
        wrong.append(f"it was made of another checkpoint than runs/{cell.run}/{checkpoint}")
    stack = read_array(results.set_stack(cell.set))
    if record["outputs"]["images"] != sha256_array(stack):
        wrong.append("images.npy holds other images than were generated")
    wrong += seen.images(cell, stack)
    yield _judged(subject, wrong, "Run, epoch, seed and checkpoint are the study's.")
    trained = read_record(run / PROVENANCE)
    if (record["device"] == "cpu") != (trained["device"] == "cpu"):
        said = f"on {record['device']}, but its training on {trained['device']}"
        yield Finding(PLAN, subject, "undecided", f"It says that it was made {said}.")


def _real(results: Results, profile: Profile, name: str, scale: RealImages) -> Iterator[Finding]:
    asked = {"size": profile.image_size, "seed": profile.seed, **scale.model_dump()}
    wrong = _apart(read_record(results.tables / f"{name}.json")["settings"], asked)
    yield _judged(f"tables/{name}.json", wrong, "Images, repeats and seed are the study's.")
