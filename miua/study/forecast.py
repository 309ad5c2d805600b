"""What a reproduction takes on this machine: time, memory and disk of each step, before it starts.

Snakemake says which jobs are left. Trainings, sets and metrics are measured by trials
(miua.study.trials); all other steps are taken from what Snakemake measured in an earlier run here.
What neither tells is said to be unknown.
"""

import heapq
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import psutil

from miua.checkpoint import saved_epochs, saved_positions
from miua.config import TrainingConfig, read_config
from miua.data.hc18 import PUBLISHED, hc18_folder
from miua.environment import hardware, that_exists
from miua.errors import MiuaError
from miua.progress import duration, say
from miua.study.plan import Plan, Profile
from miua.study.steps import BENCHMARKS, FINAL, Job, Study
from miua.study.trials import Measured, gpu_memory, try_metrics, try_set, try_training
from miua.training.run_folder import divergence, start_of

TRIED = TRAIN, GENERATE, EVALUATE = "train", "generate", "evaluate"
# In the order in which a person reads them.
ROWS = {
    "images": ("phantoms", "real_images", "reference", "unseen_phantoms", "unseen_images"),
    "trainings": (TRAIN,),
    "synthetic sets": (GENERATE,),
    "metrics of sets": (EVALUATE,),
    "unseen images": ("unseen",),
    "noise floor": ("noise_floor",),
    "sensitivity": ("sensitivity",),
    "tables, claims": (
        "reference_lbpv", "experiment", "clinician", "analyse", "readers", "claims",
    ),
    "figures": ("figures",),
    "paper, report": ("paper", "report"),
}  # fmt: skip
ROW_OF = {step: row for row, steps in ROWS.items() for step in steps}
# These take as long at any scale; all others only in a run of the same images and numbers.
OF_ANY_SCALE = (*ROWS["tables, claims"], *ROWS["figures"], *ROWS["paper, report"])
WHOLE_FOLDERS = ("data", "unseen_data", "real", "reference", "unseen", "figures", "paper")
BUSY = 0.25  # a share of the cores: if others take more, it is said
NOT_PREDICTED = "not predicted"


class Cost(NamedTuple):
    """What one job takes: seconds, and at most so many bytes.

    memory: None if not known. images, rate: that a training still has to see, and sees a second.
    """

    seconds: float
    memory: float | None = None
    gpu: float = 0.0
    disk: float = 0.0
    images: int = 0
    rate: float = 0.0


class ForecastRow(NamedTuple):
    """Jobs of one kind: how many there are, those that are left, and what these cost if known.

    at_once: seconds of those that are left, on all cores.
    """

    name: str
    jobs: int
    left: list[Job]
    costs: list[Cost]
    at_once: float

    @property
    def known(self) -> bool:
        return len(self.costs) == len(self.left)

    @property
    def memory(self) -> float | None:
        """That of the largest job; None if that of any job is not known."""
        each = [cost.memory for cost in self.costs if cost.memory is not None]
        return max(each, default=None) if len(each) == len(self.left) else None

    @property
    def disk(self) -> float | None:
        return sum(each.disk for each in self.costs) if self.known else None


class Need(NamedTuple):
    """Bytes that are needed at most, that this machine has, and that are free."""

    needed: float
    has: float
    free: float


class Forecast(NamedTuple):
    """A prediction, as `print_forecast` shows it.

    rows, trainings: by step, and by the experiment that is the first to want a training. costs: of
    each job that is left and known, by its name. at_once: seconds of all that is left, on all
    cores. memory, gpu: of jobs that run at once, in the worst case. notes: what all this rests on.
    """

    study: Study
    rows: list[ForecastRow]
    trainings: list[ForecastRow]
    costs: dict[str, Cost]
    at_once: float
    memory: Need
    gpu: Need
    disk: Need
    notes: list[str]


def forecast(
    study: Study, plan: Plan, targets: Collection[str], pending: Collection[str]
) -> Forecast:
    """Predict what a reproduction takes here; the trials take about a minute and change nothing.

    targets: only what these files need; all if there are none. pending: the files that Snakemake
    would make now.
    """
    jobs = study.jobs(targets or FINAL)
    left = [job for job in jobs if not set(pending).isdisjoint(job.outputs)]
    busy = psutil.getloadavg()[0]
    started = time.monotonic()
    costs, notes = _tried(study, plan, left)
    if costs:
        took = duration(time.monotonic() - started)
        notes.insert(0, f"Measured here and now, by trials of small pieces ({took}).")
    if busy > BUSY * study.cores:
        notes.append(
            f"Other programs keep about {busy:.1f} threads busy on {study.cores} cores. The times "
            "are those of a calm machine as far as that can be told; meanwhile it takes longer."
        )
    costs |= _as_earlier(study, [job for job in left if job.step.name not in TRIED], notes)
    if any(job.step.name == "real_images" and not job.inputs for job in left):
        try:
            hc18_folder()
        except MiuaError:
            size = f"{(PUBLISHED.archive.size or 0) / 1e6:.0f} MB"
            said = f"The real images are not here yet. Their download ({size}) comes first"
            notes.append(f"{said}; its time is not predicted.")

    def row(name: str, chosen: list[Job]) -> ForecastRow:
        todo = [job for job in chosen if job in left]
        known = [costs[job.name] for job in todo if job.name in costs]
        return ForecastRow(name, len(chosen), todo, known, wall_clock(study, todo, costs))

    def at_once(kind: str) -> float:
        known = [job for job in left if job.name in costs]
        return most_at_once(study, [(job, getattr(costs[job.name], kind) or 0.0) for job in known])

    owners = {cell.run: cell.experiment for cell in reversed(study.cells)}
    rows, trainings = defaultdict(list), defaultdict(list)
    for job in jobs:
        rows[ROW_OF[job.step.name]].append(job)
        if job.step.name == TRAIN:
            trainings[owners[job.wildcards["run"]]].append(job)
    gpu_free, gpu = gpu_memory()
    if gpu and costs:
        notes.append("Memory on the GPU is by how much its free memory fell during the trials.")
    disk = shutil.disk_usage(that_exists(study.folder))
    return Forecast(
        study=study,
        rows=[row(name, rows[name]) for name in ROWS if name in rows],
        trainings=[row(*each) for each in trainings.items()],
        costs=costs,
        at_once=wall_clock(study, left, costs),
        memory=Need(at_once("memory"), hardware()["memory_bytes"], _free_memory()),
        gpu=Need(at_once("gpu"), gpu, gpu_free),
        disk=Need(sum(cost.disk for cost in costs.values()), disk.total, disk.free),
        notes=notes,
    )


def training_left(run: Path, config: TrainingConfig) -> int:
    """How many images a training has still to see, as `miua train` would go on."""
    if (run / "config.yaml").exists():
        before = read_config(run / "config.yaml", TrainingConfig).epochs
        config = config.model_copy(update={"epochs": sorted({*before, *config.epochs})})
    start, missing = start_of(saved_positions(run), config)
    if divergence(run) or not missing:
        return 0
    # Whatever lies ahead of the start is made again.
    size = config.training_size or 0
    return (config.epochs[-1] - start.epoch) * size - start.batch * config.batch_size


def wall_clock(study: Study, jobs: Sequence[Job], costs: dict[str, Cost]) -> float:
    """Seconds until the last job ends, on cores that each hold one thread.

    Whenever cores come free, the jobs that are ready and fit start, by priority, then the longest
    first. What has no cost takes no time.
    """
    seconds = {job.name: costs[job.name].seconds if job.name in costs else 0.0 for job in jobs}
    waiting = sorted(
        jobs, key=lambda job: (-study.priority(job.step, job.wildcards), -seconds[job.name])
    )
    made_later = {output for job in jobs for output in job.outputs}
    running: list[tuple[float, str, Job]] = []
    now, free = 0.0, study.cores
    while waiting or running:
        for job in list(waiting):
            threads = study.threads(job.step)
            if threads <= free and made_later.isdisjoint(job.inputs):
                waiting.remove(job)
                free -= threads
                heapq.heappush(running, (now + seconds[job.name], job.name, job))
        now, _, ended = heapq.heappop(running)
        made_later.difference_update(ended.outputs)
        free += study.threads(ended.step)
    return now


def most_at_once(study: Study, jobs: Iterable[tuple[Job, float]]) -> float:
    """Bytes of jobs at once in the worst case: of the largest that the cores hold together."""
    free, taken = study.cores, 0.0
    for job, size in sorted(jobs, key=lambda each: -each[1]):
        if (threads := study.threads(job.step)) <= free:
            free -= threads
            taken += size
    return taken


def _tried(study: Study, plan: Plan, left: Sequence[Job]) -> tuple[dict[str, Cost], list[str]]:
    """The cost of trainings, sets and metrics, and why some could not be measured."""
    costs: dict[str, Cost] = {}
    notes: list[str] = []
    kinds = defaultdict(list)
    for job in left:
        if job.step.name in TRIED:
            c = plan.runs[job.wildcards["run"]]
            # What decides how fast a training is, but for small things such as its augmentation.
            kind = c.image_size, c.feature_maps, c.latent_size, c.batch_size, c.precision
            kinds[kind].append(job)
    metrics: dict[int, Measured] = {}
    trainings = sum(job.step.name == TRAIN for job in left)
    for jobs in kinds.values():
        config = plan.runs[jobs[0].wildcards["run"]]
        size = f"{config.image_size} x {config.image_size}"
        words = f"{size} pixels, {config.feature_maps} feature maps, batch {config.batch_size}"
        try:
            with tempfile.TemporaryDirectory(prefix="miua-forecast-") as scratch:
                found = _try(config, study, words, trainings, Path(scratch))
                if config.image_size not in metrics:
                    say(f"Measuring: metrics of {size} images")
                    metrics[config.image_size] = try_metrics(config, study, Path(scratch) / "sets")
        except MiuaError as error:
            said = f"{NOT_PREDICTED}, as its trial failed: {error}".rstrip(".")
            notes.append(f"Training of {words}: {said}.")
            continue
        found[EVALUATE] = metrics[config.image_size]
        costs |= {job.name: _cost(job, study, plan, found[job.step.name]) for job in jobs}
    return costs, notes


def _try(
    config: TrainingConfig, study: Study, words: str, trainings: int, scratch: Path
) -> dict[str, Measured]:
    """One training alone, then as many as will run at once, as far as memory allows it; a set."""
    say(f"Measuring: training {words} ...")
    training = try_training(config, study, 1, scratch)
    threads = min(study.profile.threads_per_training, study.cores)
    fitting = [_free_memory() / training.memory]
    fitting += [gpu_memory()[0] / training.gpu] if training.gpu else []
    at_once = min(study.cores // threads, trainings, max(1, int(min(fitting))))
    if at_once > 1:
        say(f"Measuring: training {words}, {at_once} at once ...")
        training = try_training(config, study, at_once, scratch / "together")
    say(f"Measuring: synthetic images of {words} ...")
    return {TRAIN: training, GENERATE: try_set(config, study, scratch)}


def _cost(job: Job, study: Study, plan: Plan, one: Measured) -> Cost:
    config, number = plan.runs[job.wildcards["run"]], study.profile.synthetic_images
    if job.step.name == GENERATE:
        return Cost(one.once + number * one.each, one.memory, one.gpu, number * one.disk)
    if job.step.name == EVALUATE:
        pairs = number * study.profile.reference_images
        # Of each pair three float64 are held, of each image its pixels.
        memory = one.memory + 24 * pairs + config.image_size**2 * number
        return Cost(one.once + pairs * one.each, memory, one.gpu, one.disk)
    run = study.folder / "runs" / job.wildcards["run"]
    left = training_left(run, config)
    kept = len({*config.epochs} - {*saved_epochs(run)}) if left else 0
    seconds = one.once + left * one.each
    return Cost(seconds, one.memory, one.gpu, kept * one.disk, left, 1 / one.each)


def _as_earlier(study: Study, left: Sequence[Job], notes: list[str]) -> dict[str, Cost]:
    """The costs of jobs as they were in a finished run: this folder's, or the newest beside it."""
    costs: dict[str, Cost] = {}
    reports = study.folder.parent.glob("*/report.html")
    finished = {path.parent: path.stat().st_mtime for path in reports}
    for folder in sorted(finished, key=lambda each: (each != study.folder, -finished[each])):
        same = _same_scale(study, folder)
        for job in left:
            if (same or job.step.name in OF_ANY_SCALE) and (cost := _benchmarked(folder, job)):
                costs[job.name] = cost
        if costs:
            notes.append(f"All other steps: as long, and as much memory, as in {folder}.")
            break
    if any(job.name not in costs for job in left):
        notes.append(
            "Images, unseen images, noise floor, sensitivity, tables, figures, paper, report: not "
            "predicted where there is no finished run here whose times could be taken."
        )
    return costs


def _same_scale(study: Study, folder: Path) -> bool:
    """Whether images, noise floor and sensitivity were the same work in an earlier run."""

    def work(plan: Profile) -> list[object]:
        measured = map(plan.experiments.get, ("noise-floor", "sensitivity"))
        return [plan.data, plan.image_size, *measured]

    try:
        return work(read_config(folder / "plan.yaml", Profile)) == work(study.profile)
    except MiuaError:
        return False


def _benchmarked(folder: Path, job: Job) -> Cost | None:
    """What Snakemake measured of the jobs of this step in an earlier run: on average, at most."""
    tables = []
    for path in (folder / BENCHMARKS / job.step.name).glob("*.tsv"):
        with suppress(OSError, ValueError, KeyError):
            tables.append(pd.read_csv(path, sep="\t")[["s", "max_rss"]].astype(float))
    if not tables:
        return None
    measured = pd.concat(tables)
    seconds, memory = float(measured["s"].mean()), float(measured["max_rss"].max()) * 2**20
    places = [folder / output for output in job.outputs]
    # Its whole folder, or its files in one of many.
    whole = job.name.split("/")[0] in WHOLE_FOLDERS
    files = places[0].parent.rglob("*") if whole else places
    disk = sum(path.stat().st_size for path in files if path.is_file())
    return Cost(seconds, None if pd.isna(memory) else memory, disk=float(disk))


def _free_memory() -> float:
    return float(min(psutil.virtual_memory().available, hardware()["memory_bytes"]))
