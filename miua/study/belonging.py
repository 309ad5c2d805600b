"""Which files a results folder of a plan holds: those that the study makes, and no others."""

import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import PurePosixPath

from miua.checkpoint import NAME
from miua.provenance import PROVENANCE
from miua.report.document import GENERATED
from miua.study.finding import Finding
from miua.study.manifest import FILES_CHECK
from miua.study.plan import Plan
from miua.study.steps import Job
from miua.survey.into_claims_table import ANSWERS_FOLDER
from miua.survey.study_files import KEY_FILE, STUDY_FILE
from miua.training.run_folder import DIVERGED, LOG, SPEED, has_sample_grid, sample_grid_name

# In these every file is made again or found; only records, which are not, could be hidden there.
MADE_AGAIN = ("data/", "unseen_data/", "figures/", f"paper/{GENERATED}/", "tables/")
RECORDS = {"analyse": "tables/analysis.json", "claims": "tables/claims.json"}
ANSWERS = re.compile(rf"readers/{ANSWERS_FOLDER}/reader-\d+\.json")


def check_belonging(plan: Plan, jobs: Iterable[Job], names: Iterable[str]) -> Iterator[Finding]:
    """A finding for each file of a results folder, by its path, that nothing of the study makes."""
    known, names = _known(plan, jobs), {*names}
    made_again = MADE_AGAIN if plan.profile.data.source == "phantom" else MADE_AGAIN[2:]
    found = [
        name
        for name in sorted(names)
        if name not in known
        and not ANSWERS.fullmatch(name)
        and not _is_checkpoint(plan, name, names)
        and not (name.startswith(made_again) and not name.endswith(".json"))
    ]
    for name in found:
        yield Finding(
            FILES_CHECK, name, "failed", "Nothing of the study makes such a file. Remove it."
        )
    if not found:
        yield Finding(FILES_CHECK, "places", "passed", "Every file is one that the study makes.")


def record_of(job: Job) -> str:
    """The record of what a step made, by its path in the results folder."""
    place = PurePosixPath(job.name)
    if job.step.name in RECORDS:
        return RECORDS[job.step.name]
    with_others = place.parts[0] in ("tables", "metrics") or len(place.parts) == 1
    return str(place.with_suffix(".json") if with_others else place.with_name(PROVENANCE))


def _known(plan: Plan, jobs: Iterable[Job]) -> set[str]:
    known = {"plan.yaml", "sets.csv", PROVENANCE, f"data/{PROVENANCE}", "data/phantoms.json"}
    known |= {f"unseen_data/{PROVENANCE}", "unseen_data/phantoms.json"}
    known |= {f"paper/{GENERATED}/values.json"}
    known |= {f"readers/{name}" for name in (PROVENANCE, STUDY_FILE, KEY_FILE)}
    for job in jobs:
        place = PurePosixPath(job.name)
        known |= {*job.outputs}
        if job.step.name != "train":  # whose record lies in its run folder
            known.add(record_of(job))
        if place.parts[0] in ("real", "reference", "unseen", "sets"):
            known.add(str(place.with_name("images.npy")))
        if place.parts[0] in ("real", "reference", "unseen"):
            known.add(str(place.with_name("names.json")))
    for run, config in plan.runs.items():
        known |= {f"configs/{run}.yaml", f"runs/{run}.done"}
        for name in (".lock", "config.yaml", LOG, SPEED, DIVERGED, PROVENANCE):
            known.add(f"runs/{run}/{name}")
        for epoch in range(1, config.epochs[-1] + 1):
            if has_sample_grid(config, epoch):
                known.add(f"runs/{run}/{sample_grid_name(epoch)}")
    return known


def _is_checkpoint(plan: Plan, name: str, names: Collection[str]) -> bool:
    """Of an epoch that was asked for; where a training diverged, the newest were kept as well."""
    path = PurePosixPath(name)
    run = path.parts[1] if path.match("runs/*/checkpoints/*") else ""
    found = NAME.fullmatch(path.stem)
    if run not in plan.runs or path.suffix not in (".json", ".safetensors") or not found:
        return False
    asked = found[2] is None and int(found[1]) in plan.runs[run].epochs
    return asked or f"runs/{run}/{DIVERGED}" in names
