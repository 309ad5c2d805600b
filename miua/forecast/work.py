"""What a reproduction still has to do: one job for each job of the workflow, and what is there.

The rules are those of experiments/Snakefile: a job is done when its outputs are there and nothing
that it is made from is still to be made.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from miua.checkpoint import Position, saved_epochs, saved_positions
from miua.config import TrainingConfig, read_config
from miua.study.plan import Cell, Plan, RealImages, preparation
from miua.training.run_folder import divergence, wants_sample_grid

# In the order in which a person reads them; "later" steps are known by an earlier run only.
PHANTOMS, STACKS, REFERENCES = "phantoms", "real_images", "reference"
TRAIN, GENERATE, EVALUATE = "train", "generate", "evaluate"
NOISE_FLOOR, SENSITIVITY = "noise_floor", "sensitivity"
REFERENCE_LBPV, EXPERIMENT, CLINICIAN = "reference_lbpv", "experiment", "clinician"
ANALYSE, CLAIMS, FIGURES, PAPER, REPORT = "analyse", "claims", "figures", "paper", "report"
READERS = "readers"

# What `miua collect` and its like write, in the results folder.
ANALYSED = ("stability.csv", "metrics.csv", "summary.csv", "lbpv.npy", "lbpv_sets.json")


@dataclass(frozen=True)
class Job:
    """One job of the workflow.

    Attributes:
        rule: of the Snakefile.
        name: what it makes, first of `outputs`, which are paths in the results folder.
        after: names of the jobs whose outputs it is made from.
        threads: CPU threads it takes.
        priority: higher starts earlier.
        run: of a training, a set or its metrics.
        subject: the experiment that a training is done for first; the preparation of images.
        done: nothing is left of it.
    """

    rule: str
    outputs: tuple[str, ...]
    after: tuple[str, ...] = ()
    threads: int = 1
    priority: int = 0
    run: str = ""
    subject: str = ""
    done: bool = False

    @property
    def name(self) -> str:
        return self.outputs[0]


def jobs_of(
    plan: Plan,
    folder: Path,
    cores: int,
    *,
    experiment: str | None = None,
    remade: Collection[str] = (),
) -> list[Job]:
    """Every job of a reproduction, each after those that it needs, and whether it is done.

    Args:
        plan: what is to be made.
        folder: the results folder, which need not exist.
        cores: of the machine; no job takes more threads.
        experiment: only what its table needs; None for everything.
        remade: outputs that are made anew though they are there, as their code has changed.
    """
    judged = (folder / READERS).is_dir()
    wanted = [job for job in _all_jobs(plan, experiment, judged) if job.outputs]
    jobs: dict[str, Job] = {}
    for job in wanted:
        there = not any(output in remade for output in job.outputs) and _is_there(job, folder, plan)
        done = there and all(jobs[name].done for name in job.after)
        jobs[job.name] = replace(job, done=done, threads=min(job.threads, cores))
    return list(jobs.values())


@dataclass(frozen=True)
class Left:
    """What a training still has to do: images to train on, and epochs that it will keep.

    grids: how often it will draw its sample images, which takes time too.
    """

    images: int
    epochs: int
    grids: int


def training_left(run: Path, config: TrainingConfig) -> Left:
    """What is left of a training, wherever it was interrupted, as `miua train` would go on."""
    size = config.training_size
    assert size is not None
    if divergence(run):
        return Left(0, 0, 0)
    if (run / "config.yaml").exists():
        before = read_config(run / "config.yaml", TrainingConfig).epochs
        config = config.model_copy(update={"epochs": sorted({*before, *config.epochs})})
    there = saved_epochs(run)
    missing = [epoch for epoch in config.epochs if epoch not in there]
    if not missing:
        return Left(0, 0, 0)
    reached = [position for position in saved_positions(run) if position < (missing[0], 0)]
    start = max(reached, default=Position(0))
    last = config.epochs[-1]
    images = (last - start.epoch) * size - start.batch * config.batch_size
    # Whatever lies ahead of the start is made again.
    kept = [epoch for epoch in config.epochs if epoch > start.epoch]
    grids = sum(wants_sample_grid(config, epoch) for epoch in range(start.epoch + 1, last + 1))
    return Left(images, len(kept), grids)


def _is_there(job: Job, folder: Path, plan: Plan) -> bool:
    if not all((folder / output).exists() for output in job.outputs):
        return False
    if job.rule != TRAIN:
        return True
    return training_left(folder / "runs" / job.run, plan.runs[job.run]).images == 0


def _all_jobs(plan: Plan, experiment: str | None, judged: bool) -> Iterator[Job]:
    cells = [cell for cell in plan.cells if experiment in (None, cell.experiment)]
    real = [
        name
        for name, scale in plan.profile.experiments.items()
        if isinstance(scale, RealImages) and experiment in (None, name)
    ]
    yield from _image_jobs(plan, cells, bool(real))
    yield from _set_jobs(plan, cells)
    phantoms = _phantoms(plan)
    for name in real:
        suffixes = ("", "-summary", "-pairing") if name == "noise-floor" else ("", "-summary")
        tables = tuple(f"tables/{name}{suffix}.csv" for suffix in suffixes)
        yield Job(name.replace("-", "_"), tables, phantoms, threads=_EVERY_CORE)
    yield from _late_jobs(plan, cells, real, experiment, judged)


_EVERY_CORE = 10**6  # until it is known how many there are
_FIRST = 10_000  # images come before all trainings, as in the Snakefile


def _phantoms(plan: Plan) -> tuple[str, ...]:
    found = ("data/training_set_pixel_size_and_HC.csv",)
    return found if plan.profile.data.source == "phantom" else ()


def _image_jobs(plan: Plan, cells: list[Cell], real: bool) -> Iterator[Job]:
    phantoms = _phantoms(plan)
    if phantoms and (cells or real):
        yield Job(PHANTOMS, phantoms, threads=_EVERY_CORE, priority=_FIRST)
    for name in dict.fromkeys(cell.preparation for cell in cells):
        stack, reference = f"real/{name}/images.npy", f"reference/{name}/images.npy"
        yield Job(STACKS, (stack,), phantoms, threads=_EVERY_CORE, subject=name, priority=_FIRST)
        yield Job(REFERENCES, (reference,), (stack,), subject=name, priority=_FIRST)


def _set_jobs(plan: Plan, cells: list[Cell]) -> Iterator[Job]:
    """Trainings, the sets made of them, and their metrics."""
    owners: dict[str, Cell] = {}
    for cell in cells:
        owners.setdefault(cell.run, cell)
    threads = plan.profile.threads_per_training
    for run, cell in owners.items():
        stack = (f"real/{cell.preparation}/images.npy",)
        outputs, size = (f"runs/{run}.done",), cell.training_size
        yield Job(TRAIN, outputs, stack, threads, size, run=run, subject=cell.experiment)
    for cell in {cell.set: cell for cell in cells}.values():
        where = preparation(plan.runs[cell.run])
        provenance = f"sets/{cell.set}/provenance.json"
        yield Job(GENERATE, (provenance,), (f"runs/{cell.run}.done",), run=cell.run, subject=where)
        metrics = f"metrics/{cell.set}.csv", f"metrics/{cell.set}.npy"
        needs = f"reference/{where}/images.npy", provenance
        yield Job(EVALUATE, metrics, needs, run=cell.run, subject=where)


def _late_jobs(
    plan: Plan, cells: list[Cell], real: list[str], experiment: str | None, judged: bool
) -> Iterator[Job]:
    """Tables, those of readers where readers judged, claims, figures, paper and report."""
    collected = []
    for name in dict.fromkeys(cell.experiment for cell in cells):
        metrics = [f"metrics/{cell.set}.csv" for cell in cells if cell.experiment == name]
        tables = (f"tables/{name}.csv", f"tables/{name}-stability.csv")
        collected.append(tables[0])
        yield Job(EXPERIMENT, tables, tuple(dict.fromkeys(metrics)))
    clinician = ("tables/clinician.csv", "tables/regression.csv")
    if experiment in (None, "clinician"):
        yield Job(CLINICIAN, clinician)
    if experiment is None:
        reference = (f"reference/{plan.profile.image_size}/images.npy",)
        lbpv, analysed = ("metrics/reference.npy",), tuple(f"tables/{name}" for name in ANALYSED)
        yield Job(REFERENCE_LBPV, lbpv, reference)
        yield Job(ANALYSE, analysed, (*collected, *lbpv))
        measured = [f"tables/{name}.csv" for name in real]
        needs = (*collected, *measured, clinician[0], analysed[0])
        if judged:
            readers = ("tables/readers.csv", "tables/readers.json")
            yield Job(READERS, readers, (analysed[0],))
            needs = (*needs, readers[0])
        yield Job(CLAIMS, ("claims.json", "tables/claims.csv"), needs)
        yield Job(FIGURES, ("figures/.done",), ("claims.json",))
        yield Job(PAPER, ("paper/main.pdf",), ("figures/.done",))
        yield Job(REPORT, ("report.html",), ("paper/main.pdf",))
