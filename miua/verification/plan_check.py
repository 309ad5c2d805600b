"""Whether a results folder is of the study: its plan, configurations, checkpoints and seeds.

What should be is worked out from the folder that says what the study is, never from the results.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from miua.checkpoint import saved_epochs
from miua.config import TrainingConfig, config_hash, differences, read_config
from miua.errors import MiuaError
from miua.files import read_array, sha256_array, sha256_file
from miua.study.plan import (
    Cell,
    Plan,
    Profile,
    RealImages,
    cells_csv,
    make_plan,
    preparation,
    read_experiments,
)
from miua.study.store import Results
from miua.training.run_folder import divergence, training_images
from miua.verification.finding import Finding
from miua.verification.guard import guarded, read_record

CHECK = "plan"


def planned(results: Results, study: Path) -> Plan:
    """The plan that the study has for the profile of these results.

    Raises:
        MiuaError: the study has no such profile, or is damaged.
    """
    known = sorted(path.stem for path in (study / "profiles").glob("*.yaml"))
    if not known:
        raise MiuaError(f"{study} holds no profiles. Name the study's folder with --study.")
    name = results.plan.profile
    if name not in known:
        raise MiuaError(
            f"The study in {study} has no profile {name!r}, of which these results are. "
            f"Known: {', '.join(known)}. Name another study with --study."
        )
    profile = read_config(study / "profiles" / f"{name}.yaml", Profile)
    return make_plan(profile, read_experiments(study))


def made_cells(results: Results, plan: Plan) -> list[Cell]:
    """One cell for each set of the plan that the folder should hold.

    Who ran single experiments has no table of the others; their sets are not asked for.
    """
    run = {cell.experiment for cell in plan.cells if _was_run(results, cell.experiment)}
    return list({cell.set: cell for cell in plan.cells if cell.experiment in run}.values())


def check_plan(results: Results, plan: Plan) -> Iterator[Finding]:
    """Findings on the plan's files, every training, every checkpoint, every set and seed."""
    yield from guarded(CHECK, "plan.yaml", lambda: _profile(results, plan))
    yield from guarded(CHECK, "sets.csv", lambda: _sets_csv(results, plan))
    for experiment in plan.profile.experiments:
        if not _was_run(results, experiment):
            said = f"The experiment was not run: tables/{experiment}.csv is not there."
            yield Finding(CHECK, experiment, "not checked", said)
    cells = made_cells(results, plan)
    for run in dict.fromkeys(cell.run for cell in cells):
        epochs = [cell.epoch for cell in cells if cell.run == run]
        config = plan.runs[run]
        yield from guarded(CHECK, f"runs/{run}", partial(_run, results, run, config, epochs))
    for cell in cells:
        yield from guarded(CHECK, f"sets/{cell.set}", partial(_set, results, plan, cell))
    for name, scale in plan.profile.experiments.items():
        if isinstance(scale, RealImages) and _was_run(results, name):
            yield from guarded(
                CHECK, f"tables/{name}.json", partial(_real, results, plan.profile, name, scale)
            )


def _was_run(results: Results, experiment: str) -> bool:
    return (results.tables / f"{experiment}.csv").exists()


def _judged(subject: str, wrong: list[str], said: str) -> Finding:
    if wrong:
        return Finding(CHECK, subject, "failed", "; ".join(wrong) + ".")
    return Finding(CHECK, subject, "passed", said)


def _different(there: BaseModel, asked: BaseModel) -> list[str]:
    found, wanted = there.model_dump(), asked.model_dump()
    return [
        f"{key} is {found[key]}, the study says {wanted[key]}"
        for key in wanted
        if found[key] != wanted[key]
    ]


def _profile(results: Results, plan: Plan) -> Iterator[Finding]:
    yield _judged("plan.yaml", _different(results.plan, plan.profile), "It is the study's.")


def _sets_csv(results: Results, plan: Plan) -> Iterator[Finding]:
    text = (results.folder / "sets.csv").read_text(encoding="utf-8")
    wrong = [] if text == cells_csv(plan.cells) else ["It lists other sets than the study plans"]
    yield _judged("sets.csv", wrong, "It lists the sets that the study plans.")


def _run(results: Results, run: str, asked: TrainingConfig, epochs: list[int]) -> Iterator[Finding]:
    folder = results.folder / "runs" / run
    wrong = []
    planned_config = read_config(results.folder / "configs" / f"{run}.yaml", TrainingConfig)
    wrong += [f"configs/{run}.yaml: {said}" for said in _different(planned_config, asked)]
    config = read_config(folder / "config.yaml", TrainingConfig)
    wrong += [f"config.yaml: {said}" for said in differences(config, asked)]
    record = read_record(folder / "provenance.json")
    settings = {**record["settings"]}
    hashed = settings.pop("config_sha256")
    trained = TrainingConfig.model_validate(settings)
    wrong += [f"provenance.json: {said}" for said in differences(trained, asked)]
    if hashed != config_hash(trained):
        wrong.append("provenance.json: config_sha256 is not that of its settings")
    stack = read_array(results.folder / "real" / preparation(asked) / "images.npy")
    if record["inputs"]["images"] != sha256_array(training_images(asked, stack)):
        wrong.append("provenance.json: it was trained on other images than those in real/")
    yield _judged(f"runs/{run}", wrong, "Configuration, seed and training images are the study's.")
    diverged = divergence(folder)
    if diverged is not None:
        yield from guarded(CHECK, f"runs/{run}/diverged.json", partial(_diverged, folder, diverged))
    for epoch in epochs:
        if diverged is None or epoch < diverged["epoch"]:
            name = f"runs/{run}/checkpoints/epoch_{epoch:04d}"
            yield from guarded(CHECK, name, partial(_checkpoint, results, name, epoch, asked))


def _diverged(folder: Path, diverged: dict[str, Any]) -> Iterator[Finding]:
    """A training that diverged stops there: its log ends with a loss that is no number."""
    with (folder / "log.jsonl").open(encoding="utf-8") as log:
        last = json.loads(list(log)[-1])
    wrong = []
    if last["epoch"] != diverged["epoch"] or None not in (
        last["generator_loss"],
        last["discriminator_loss"],
    ):
        wrong.append(
            f"it says that the training diverged at epoch {diverged['epoch']}, but log.jsonl ends "
            f"at epoch {last['epoch']} with losses {last['generator_loss']} and "
            f"{last['discriminator_loss']}"
        )
    if later := [epoch for epoch in saved_epochs(folder) if epoch >= diverged["epoch"]]:
        wrong.append(f"there are checkpoints of later epochs: {later}")
    said = f"The training diverged at epoch {diverged['epoch']}, as its log says."
    yield _judged(f"runs/{folder.name}/diverged.json", wrong, said)


def _checkpoint(
    results: Results, name: str, epoch: int, asked: TrainingConfig
) -> Iterator[Finding]:
    facts = read_record(results.folder / f"{name}.json")
    wrong = differences(TrainingConfig.model_validate(facts["config"]), asked)
    if (facts["epoch"], facts.get("batch", 0)) != (epoch, 0):
        wrong.append(f"it says that it is of epoch {facts['epoch']}")
    if facts["sha256"] != sha256_file(results.folder / f"{name}.safetensors"):
        wrong.append("the weights are others: their SHA-256 is not the recorded one")
    yield _judged(name, wrong, "The weights are those recorded, of this training and epoch.")


def _set(results: Results, plan: Plan, cell: Cell) -> Iterator[Finding]:
    subject = f"sets/{cell.set}"
    record = read_record(results.folder / subject / "provenance.json")
    settings = record["settings"]
    diverged = divergence(results.folder / "runs" / cell.run)
    asked: dict[str, Any] = {"run": cell.run, "epoch": cell.epoch}
    if not record.get("not_made"):
        asked |= {"images": plan.profile.synthetic_images, "seed": plan.profile.seed}
    elif diverged is None or diverged["epoch"] > cell.epoch:
        said = "It has no images, although its training went on to this epoch. Generate it again."
        yield Finding(CHECK, subject, "failed", said)
        return
    wrong = [
        f"{key} is {settings.get(key)}, the study says {value}"
        for key, value in asked.items()
        if settings.get(key) != value
    ]
    if not record.get("not_made"):
        checkpoint = f"runs/{cell.run}/checkpoints/epoch_{cell.epoch:04d}.json"
        if record["inputs"]["checkpoint"] != read_record(results.folder / checkpoint)["sha256"]:
            wrong.append(f"it was made of another checkpoint than {checkpoint}")
        stack = read_array(results.folder / subject / "images.npy")
        if record["outputs"]["images"] != sha256_array(stack):
            wrong.append("images.npy holds other images than were generated")
    yield _judged(subject, wrong, "Run, epoch, seed and checkpoint are the study's.")


def _real(results: Results, profile: Profile, name: str, scale: RealImages) -> Iterator[Finding]:
    settings = read_record(results.tables / f"{name}.json")["settings"]
    asked = {
        "size": profile.image_size,
        "images": scale.images,
        "repeats": scale.repeats,
        "seed": profile.seed,
    }
    wrong = [
        f"{key} is {settings.get(key)}, the study says {value}"
        for key, value in asked.items()
        if settings.get(key) != value
    ]
    yield _judged(f"tables/{name}.json", wrong, "Images, repeats and seed are the study's.")
