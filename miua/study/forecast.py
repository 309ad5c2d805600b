"""What a reproduction takes on this machine: time, memory and disk of each step, before it starts.

Snakemake says which jobs are left. Trainings, sets and metrics are tried, by small pieces of them
(miua.study.trials); all other steps take as long as they did in an earlier run here. What is not
known so is told as such.
"""

from __future__ import annotations

import heapq
import json
import shutil
import tempfile
import time
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean

import psutil
from rich.console import Console
from rich.table import Table
from rich.text import Text

from miua.checkpoint import Position, saved_epochs, saved_positions
from miua.config import TrainingConfig, read_config
from miua.data.hc18 import PUBLISHED, hc18_folder
from miua.environment import hardware
from miua.errors import MiuaError
from miua.progress import duration, say
from miua.study.plan import Plan, Profile
from miua.study.steps import FINAL, Job, Study
from miua.study.trials import Linear, Training, try_metrics, try_set, try_training
from miua.training.run_folder import divergence

TRAIN, GENERATE, EVALUATE = "train", "generate", "evaluate"
# In the order in which a person reads them.
ROWS = {
    "images": ("phantoms", "real_images", "reference"),
    "trainings": (TRAIN,),
    "synthetic sets": (GENERATE,),
    "metrics of sets": (EVALUATE,),
    "noise floor": ("noise_floor",),
    "sensitivity": ("sensitivity",),
    "tables, claims": (
        "reference_lbpv", "experiment", "clinician", "analyse", "readers", "claims",
    ),
    "figures": ("figures",),
    "paper, report": ("paper", "report"),
}  # fmt: skip
# These take as long at any scale; all others only in a run of the same images and numbers.
OF_ANY_SCALE = (*ROWS["tables, claims"], *ROWS["figures"], *ROWS["paper, report"])
BUSY = 0.25  # a share of the cores: if others take more, it is said
NOT_PREDICTED = "not predicted"


@dataclass(frozen=True)
class Cost:
    """What one job asks for: seconds, bytes of memory at most (None: not known), and of disk.

    images, rate: of a training: images still to train on, and how many a second.
    """

    seconds: float
    memory: float | None = None
    disk: float = 0.0
    images: int = 0
    rate: float = 0.0


@dataclass(frozen=True)
class Row:
    """Jobs of one kind: how many there are, those that are left, and what these cost if known."""

    name: str
    jobs: int
    left: list[Job]
    costs: list[Cost]

    @property
    def known(self) -> bool:
        return len(self.costs) == len(self.left)

    @property
    def seconds(self) -> float:
        return sum(each.seconds for each in self.costs)

    @property
    def memory(self) -> float | None:
        return max((each.memory for each in self.costs if each.memory is not None), default=None)

    @property
    def disk(self) -> float | None:
        return sum(each.disk for each in self.costs) if self.known else None


@dataclass(frozen=True)
class Forecast:
    """A prediction, as `print_forecast` shows it.

    Attributes:
        where: device, and how many trainings at once.
        cores: CPU cores to use.
        rows: the steps.
        trainings: those of each experiment that no experiment before it has.
        costs: of each job that is left and is known, by its name.
        at_once: seconds of the jobs left on these cores: of each row by its name, of all by "".
        memory_at_once: bytes that jobs take together in the worst case.
        machine_memory, free_memory, free_disk: bytes.
        notes: what the numbers rest on.
    """

    where: str
    cores: int
    rows: list[Row]
    trainings: list[Row]
    costs: dict[str, Cost]
    at_once: dict[str, float]
    memory_at_once: float
    machine_memory: float
    free_memory: float
    free_disk: float
    notes: list[str] = field(default_factory=list)

    @property
    def disk(self) -> float:
        """Bytes of all that is known to be left."""
        return sum(cost.disk for cost in self.costs.values())

    @property
    def unpredicted(self) -> list[str]:
        return [row.name for row in self.rows if not row.known]


def forecast(
    study: Study, plan: Plan, targets: Collection[str], pending: Collection[str]
) -> Forecast:
    """Predict what a reproduction takes here; the trials for it take about a minute.

    Args:
        study: what is to be made; nothing in its folder is changed.
        plan: the same, with each training's configuration.
        targets: only what these files need; all if there are none.
        pending: the files that Snakemake would make now.
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
    costs |= _as_earlier(study, [job for job in left if job.name not in costs], notes)
    if any(job.step.name == "real_images" and not job.inputs for job in left):
        notes += _download()

    def row(name: str, chosen: Iterable[Job]) -> Row:
        all_of_it = list(chosen)
        todo = [job for job in all_of_it if job in left]
        known = [costs[job.name] for job in todo if job.name in costs]
        return Row(name, len(all_of_it), todo, known)

    rows = [row(name, (j for j in jobs if j.step.name in steps)) for name, steps in ROWS.items()]
    rows = [each for each in rows if each.jobs]
    owners = {cell.run: cell.experiment for cell in reversed(study.cells)}
    trainings = [job for job in jobs if job.step.name == TRAIN]
    names = dict.fromkeys(owners[job.wildcards["run"]] for job in trainings)
    return Forecast(
        where=_where(study),
        cores=study.cores,
        rows=rows,
        trainings=[
            row(name, (job for job in trainings if owners[job.wildcards["run"]] == name))
            for name in names
        ],
        costs=costs,
        memory_at_once=most_memory(study, left, costs),
        machine_memory=hardware()["memory_bytes"],
        free_memory=_free_memory(),
        free_disk=float(shutil.disk_usage(_that_exists(study.folder)).free),
        notes=notes,
        at_once={
            name: wall_clock(study, part, costs)
            for name, part in [("", left), *((each.name, each.left) for each in rows)]
        },
    )


def training_left(run: Path, config: TrainingConfig) -> int:
    """How many images a training has still to see, as `miua train` would go on."""
    if divergence(run):
        return 0
    if (run / "config.yaml").exists():
        before = read_config(run / "config.yaml", TrainingConfig).epochs
        config = config.model_copy(update={"epochs": sorted({*before, *config.epochs})})
    there = saved_epochs(run)
    missing = [epoch for epoch in config.epochs if epoch not in there]
    if not missing:
        return 0
    reached = [position for position in saved_positions(run) if position < (missing[0], 0)]
    start = max(reached, default=Position(0))
    # Whatever lies ahead of the start is made again.
    size = config.training_size or 0
    return (config.epochs[-1] - start.epoch) * size - start.batch * config.batch_size


def wall_clock(study: Study, jobs: Sequence[Job], costs: dict[str, Cost]) -> float:
    """Seconds until the last job ends, on cores that each hold one thread.

    Whenever cores come free, the jobs that are ready and fit start, by priority, then the longest
    first. What has no cost takes no time.
    """

    def seconds(job: Job) -> float:
        return costs[job.name].seconds if job.name in costs else 0.0

    def urgency(job: Job) -> tuple[float, float]:
        return -study.priority(job.step, job.wildcards), -seconds(job)

    waiting = sorted(jobs, key=urgency)
    made_later = {output for job in jobs for output in job.outputs}
    running: list[tuple[float, str, Job]] = []
    now, free = 0.0, study.cores
    while waiting or running:
        for job in list(waiting):
            threads = study.threads(job.step)
            if threads <= free and made_later.isdisjoint(job.inputs):
                waiting.remove(job)
                free -= threads
                heapq.heappush(running, (now + seconds(job), job.name, job))
        now, _, ended = heapq.heappop(running)
        made_later.difference_update(ended.outputs)
        free += study.threads(ended.step)
    return now


def most_memory(study: Study, jobs: Iterable[Job], costs: dict[str, Cost]) -> float:
    """Bytes that jobs take at once in the worst case: the largest that the cores hold together."""
    free, taken = study.cores, 0.0
    known = [(costs[job.name].memory or 0.0, job) for job in jobs if job.name in costs]
    for memory, job in sorted(known, key=lambda each: -each[0]):
        if (threads := study.threads(job.step)) <= free:
            free -= threads
            taken += memory
    return taken


def _tried(study: Study, plan: Plan, left: Sequence[Job]) -> tuple[dict[str, Cost], list[str]]:
    """The cost of trainings, sets and metrics, and why some could not be measured.

    There is a trial for each kind of training: what decides how fast it is.
    """
    costs: dict[str, Cost] = {}
    notes: list[str] = []
    kinds: dict[tuple[object, ...], list[Job]] = {}
    for job in left:
        if job.step.name in (TRAIN, GENERATE, EVALUATE):
            kinds.setdefault(_kind(plan.runs[job.wildcards["run"]]), []).append(job)
    metrics: dict[int, Linear] = {}
    trainings = sum(job.step.name == TRAIN for job in left)
    for jobs in kinds.values():
        config = plan.runs[jobs[0].wildcards["run"]]
        words = (
            f"{config.image_size} x {config.image_size} pixels, {config.feature_maps} feature "
            f"maps, batch {config.batch_size}"
        )
        with tempfile.TemporaryDirectory(prefix="miua-forecast-") as scratch:
            try:
                training, images = _try(config, study, words, trainings, Path(scratch))
                if config.image_size not in metrics:
                    say(f"Measuring: metrics of {config.image_size} x {config.image_size} images")
                    place = Path(scratch) / "metrics"
                    metrics[config.image_size] = try_metrics(config, study, place)
            except MiuaError as error:
                notes.append(
                    f"Training of {words}: {NOT_PREDICTED}, as its trial failed: {error}".rstrip(
                        "."
                    )
                    + "."
                )
                continue
        for job in jobs:
            measured = metrics[config.image_size]
            costs[job.name] = _cost(job, study, plan, training, images, measured)
    return costs, notes


def _try(
    config: TrainingConfig, study: Study, words: str, trainings: int, scratch: Path
) -> tuple[Training, Linear]:
    """One training alone, then as many as will run at once, as far as memory allows it; a set."""
    say(f"Measuring: training {words} ...")
    training = try_training(config, study, 1, scratch)
    threads = min(study.profile.threads_per_training, study.cores)
    fitting = max(1, int(_free_memory() // training.memory))
    at_once = min(study.cores // threads, trainings, fitting)
    if at_once > 1:
        say(f"Measuring: training {words}, {at_once} at once ...")
        training = try_training(config, study, at_once, scratch / "together")
    say(f"Measuring: synthetic images of {words} ...")
    return training, try_set(config, study, scratch)


def _cost(
    job: Job, study: Study, plan: Plan, training: Training, images: Linear, pairs: Linear
) -> Cost:
    config, profile = plan.runs[job.wildcards["run"]], study.profile
    number = profile.synthetic_images
    if job.step.name == GENERATE:
        return Cost(images.once + number * images.each, images.memory, number * images.disk)
    if job.step.name == EVALUATE:
        compared = number * profile.reference_images
        # Of each pair three float64 are held, of each image its pixels.
        memory = pairs.memory + 24 * compared + config.image_size**2 * number
        return Cost(pairs.once + compared * pairs.each, memory, pairs.disk / 2)
    run = study.folder / "runs" / job.wildcards["run"]
    left = training_left(run, config)
    kept = len([epoch for epoch in config.epochs if epoch not in saved_epochs(run)]) if left else 0
    seconds = training.once + left / training.rate
    return Cost(seconds, training.memory, kept * training.checkpoint, left, training.rate)


def _as_earlier(study: Study, left: Sequence[Job], notes: list[str]) -> dict[str, Cost]:
    """The costs of jobs as they were in the newest finished run that is beside the folder, or it.

    Snakemake keeps for each output when its job began and ended.
    """
    beside = [path.parent for path in study.folder.parent.glob("*/report.html")]
    runs = sorted(beside, key=lambda path: (path / "report.html").stat().st_mtime)
    runs.sort(key=study.folder.__eq__)
    costs: dict[str, Cost] = {}
    for folder in reversed(runs):
        seconds, same = _recorded(folder / ".snakemake" / "metadata"), _same_scale(study, folder)
        for job in left:
            name = job.step.name
            if job.name not in costs and name in seconds and (same or name in OF_ANY_SCALE):
                costs[job.name] = Cost(seconds[name], disk=_size(folder, job))
        if costs:
            notes.append(f"All other steps: as long as it took in {folder}.")
            break
    if any(job.name not in costs for job in left):
        notes.append(
            "Images, noise floor, sensitivity, tables, figures, paper, report: not predicted where "
            "there is no finished run here whose times could be taken."
        )
    return costs


def _same_scale(study: Study, folder: Path) -> bool:
    """Whether images, noise floor and sensitivity were the same work in an earlier run."""
    try:
        there = read_config(folder / "plan.yaml", Profile)
    except MiuaError:
        return False
    asked = study.profile
    same = [getattr(there, name) == getattr(asked, name) for name in ("data", "image_size")]
    scales = ("noise-floor", "sensitivity")
    return all(same) and all(
        there.experiments.get(name) == asked.experiments.get(name) for name in scales
    )


def _recorded(metadata: Path) -> dict[str, float]:
    times: dict[str, dict[float, float]] = {}
    for path in metadata.rglob("*"):
        if path.is_file():
            # A job has a record for each of its outputs: the mean is the same.
            with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
                record = json.loads(path.read_bytes())
                rule, start, end = record["rule"], record["starttime"], record["endtime"]
                times.setdefault(rule, {})[float(start)] = float(end) - float(start)
    return {rule: mean(seconds.values()) for rule, seconds in times.items()}


def _size(folder: Path, job: Job) -> float:
    """Bytes of what a job left in an earlier run: its folder, or its files in one of many."""
    places = [folder / output for output in job.outputs]
    whole = job.name.split("/")[0] in ("data", "real", "reference", "figures", "paper")
    files = places[0].parent.rglob("*") if whole else places
    return float(sum(path.stat().st_size for path in files if path.is_file()))


def _download() -> list[str]:
    try:
        hc18_folder()
    except MiuaError:
        size = (PUBLISHED.archive.size or 0) / 1e6
        said = f"The real images are not here yet. Their download ({size:.0f} MB) comes first; "
        return [said + "its time is not predicted."]
    return []


def _kind(config: TrainingConfig) -> tuple[object, ...]:
    """What decides how fast a training is, but for small things such as its augmentation."""
    networks = config.image_size, config.feature_maps, config.latent_size
    return *networks, config.batch_size, config.precision


def _free_memory() -> float:
    return float(min(psutil.virtual_memory().available, hardware()["memory_bytes"]))


def _that_exists(folder: Path) -> Path:
    """The folder, or the nearest above it that is there."""
    folder = folder.absolute()
    return next(place for place in (folder, *folder.parents) if place.exists())


def _where(study: Study) -> str:
    threads = min(study.profile.threads_per_training, study.cores)
    at_once = study.cores // threads
    gpus = hardware()["gpus"]
    where = gpus[0]["name"] if gpus else "the CPU"
    count = f"{threads} thread{'s' if threads > 1 else ''}"
    together = f"{at_once} trainings at once, {count} each" if at_once > 1 else f"with {count}"
    return f"on {where}, {_in_cores(study.cores)}: {together}"


def print_forecast(found: Forecast, console: Console | None = None) -> None:
    """Print it for people, on standard output if no console is given."""
    console = console or Console(highlight=False)
    cores = _in_cores(found.cores)
    console.print(f"\nForecast {found.where}.\n", markup=False)
    table = _table("step", "to do", "one takes", "in turn", f"on {cores}", "memory", "disk")
    for row in found.rows:
        table.add_row(row.name, _to_do(row), *(_step(row, found) if row.left else [""] * 5))
    console.print(table)
    if any(row.left for row in found.trainings):
        table = _table("trainings", "to do", "images", "images/s", "one takes", "disk")
        for row in found.trainings:
            table.add_row(row.name, _to_do(row), *(_training(row) if row.left else [""] * 4))
        console.print()
        console.print(table)
    console.print()
    for line in [*_totals(found), *found.notes]:
        console.print(line, markup=False)
    for warning in warnings_of(found):
        console.print(Text(f"Warning: {warning}", style="bold yellow"))


def warnings_of(found: Forecast) -> list[str]:
    """What does not fit on this machine, and what to do about it."""
    warnings = []
    if found.disk > found.free_disk:
        warnings.append(
            f"The disk is too small: {amount(found.disk)} are needed, {amount(found.free_disk)} "
            "are free. Make room, or choose another --results."
        )
    if found.memory_at_once > found.free_memory:
        warnings.append(
            f"Memory may not suffice: {amount(found.memory_at_once)} are needed at most, "
            f"{amount(found.free_memory)} are free. Use fewer --cores, or end other programs."
        )
    return warnings


def amount(size: float | None) -> str:
    """Bytes in MB or GB, with the digits that a prediction has."""
    if size is None:
        return "-"
    if size >= 1e9:
        return f"{size / 1e9:.1f} GB"
    return f"{size / 1e6:.0f} MB" if size >= 1e6 else "< 1 MB"


def about(seconds: float) -> str:
    """A time with the digits that a prediction has: "40 s", "12 min", "3 h 20 min", "110 h"."""
    if seconds < 1:
        return "< 1 s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes / 60:,.0f} h"


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=number > 0)
    return table


def _in_cores(cores: int) -> str:
    return f"{cores} core{'s' if cores > 1 else ''}"


def _step(row: Row, found: Forecast) -> list[str]:
    """One takes, in turn, on the cores there are, memory, disk."""
    if not row.known:
        return [NOT_PREDICTED, "", "", amount(row.memory), amount(row.disk)]
    in_turn, at_once = about(row.seconds), about(found.at_once[row.name])
    return [_between(row), in_turn, at_once, amount(row.memory), amount(row.disk)]


def _training(row: Row) -> list[str]:
    if not row.known:
        return [NOT_PREDICTED, NOT_PREDICTED, NOT_PREDICTED, amount(None)]
    images, rates = [each.images for each in row.costs], [each.rate for each in row.costs]
    return [_numbers(images), _numbers(rates), _between(row), amount(row.disk)]


def _to_do(row: Row) -> str:
    if not row.left:
        return "done"
    number = len(row.left)
    return str(number) if number == row.jobs else f"{number} of {row.jobs}"


def _between(row: Row) -> str:
    low, high = (about(end(each.seconds for each in row.costs)) for end in (min, max))
    if low == high:
        return low
    if low.split()[1:] == high.split()[1:] and " h " not in low:
        return f"{low.split()[0]}-{high}"  # one unit for both
    return f"{low} - {high}"


def _numbers(values: Sequence[float]) -> str:
    ends = min(values), max(values)
    low, high = (f"{value:,.0f}" if value >= 10 else f"{value:.1f}" for value in ends)
    return low if low == high else f"{low}-{high}"


def _totals(found: Forecast) -> list[str]:
    if not any(row.left for row in found.rows):
        return ["Everything is done already."]
    least = "at least " if found.unpredicted else ""
    lines = [
        f"Time    {least}{about(found.at_once[''])} on {_in_cores(found.cores)} "
        f"({about(sum(cost.seconds for cost in found.costs.values()))} one after the other)",
        f"Memory  {amount(found.memory_at_once)} at most at once; this machine has "
        f"{amount(found.machine_memory)}, {amount(found.free_memory)} of it free",
        f"Disk    {amount(found.disk)}; {amount(found.free_disk)} are free",
    ]
    if found.unpredicted:
        lines.append(f"Not predicted, and not in the time: {'; '.join(found.unpredicted)}.")
    return lines
