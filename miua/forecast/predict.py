"""From a plan to its forecast: what is left, what it costs here, and whether it fits.

Trials of small pieces of the work take seconds; no number is from another machine. What cannot be
measured so is told as such.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Collection
from pathlib import Path

from miua.data import hc18_folder
from miua.data.hc18 import PUBLISHED
from miua.errors import MiuaError
from miua.forecast.machine import EarlierRun, earlier_run, memory_of_machine, others_at_work
from miua.forecast.measure import Cost, Measured, measure
from miua.forecast.result import Forecast, Step, Totals, Trainings
from miua.forecast.schedule import Load, most_memory, wall_clock
from miua.forecast.table import print_forecast
from miua.forecast.work import (
    ANALYSE,
    CLAIMS,
    CLINICIAN,
    EVALUATE,
    EXPERIMENT,
    FIGURES,
    GENERATE,
    NOISE_FLOOR,
    PAPER,
    PHANTOMS,
    READERS,
    REFERENCE_LBPV,
    REFERENCES,
    REPORT,
    SENSITIVITY,
    STACKS,
    TRAIN,
    Job,
    jobs_of,
)
from miua.progress import duration
from miua.study.plan import Plan

__all__ = ["Forecast", "forecast", "print_forecast", "warnings_of"]

STEPS = {
    "images": (PHANTOMS, STACKS, REFERENCES),
    "trainings": (TRAIN,),
    "synthetic sets": (GENERATE,),
    "metrics of sets": (EVALUATE,),
    "noise floor": (NOISE_FLOOR,),
    "sensitivity": (SENSITIVITY,),
    "tables, claims": (REFERENCE_LBPV, EXPERIMENT, CLINICIAN, ANALYSE, READERS, CLAIMS),
    "figures": (FIGURES,),
    "paper, report": (PAPER, REPORT),
}
LATE = (*STEPS["tables, claims"], FIGURES, PAPER, REPORT)
BUSY = 0.25  # a share of the cores: if others take more, it is said


def forecast(
    plan: Plan,
    folder: Path,
    cores: int,
    *,
    experiment: str | None = None,
    remade: Collection[str] = (),
) -> Forecast:
    """Predict what a reproduction takes here; the trials for it take about half a minute.

    Args:
        plan: what is to be made.
        folder: the results folder; what is done in it is not counted. Nothing in it is changed.
        cores: CPU cores to use.
        experiment: only this one, up to its table; None for all.
        remade: outputs in the folder that are made anew though they are there.
    """
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    busy = others_at_work()
    jobs = jobs_of(plan, folder, cores, experiment=experiment, remade=remade)
    left = [job for job in jobs if not job.done]
    started = time.monotonic()
    measured = measure(plan, folder, left, cores, device)
    took = time.monotonic() - started
    earlier = earlier_run(folder, LATE)
    _add_late(measured, left, earlier)
    totals = _totals(left, measured.costs, folder, cores, device)
    steps = _steps(jobs, measured.costs, cores)
    notes = _notes(left, measured, earlier, busy, cores, took)
    return Forecast(
        where=_where(plan, cores, device),
        cores=cores,
        steps=steps,
        trainings=_trainings(jobs, measured.costs),
        totals=totals,
        unpredicted=[step.name for step in steps if step.left and step.in_turn is None],
        notes=notes,
        warnings=warnings_of(totals),
    )


def _add_late(measured: Measured, left: list[Job], earlier: EarlierRun | None) -> None:
    """Tables, figures, paper and report: as long as in an earlier run, if there is one."""
    late = [job for job in left if job.rule in LATE]
    for job in late:
        if earlier is not None:
            disk = earlier.bytes / len(late)
            measured.costs[job.name] = Cost(earlier.seconds[job.rule], disk=disk)


def _loads(jobs: list[Job], costs: dict[str, Cost]) -> list[Load]:
    loads = []
    for job in jobs:
        cost = costs.get(job.name, Cost())
        seconds, memory = cost.seconds or 0.0, cost.memory or 0.0
        loads.append(Load(job.name, seconds, job.threads, memory, job.priority, job.after))
    return loads


def _steps(jobs: list[Job], costs: dict[str, Cost], cores: int) -> list[Step]:
    steps = []
    for name, rules in STEPS.items():
        of_step = [job for job in jobs if job.rule in rules]
        if not of_step:
            continue
        left = [job for job in of_step if not job.done]
        known = [costs[job.name] for job in left if job.name in costs]
        seconds = [cost.seconds for cost in known if cost.seconds is not None]
        complete = len(seconds) == len(left)
        memories = [cost.memory for cost in known if cost.memory is not None]
        loads = _loads(left, costs)
        steps.append(
            Step(
                name,
                len(of_step),
                len(left),
                min(seconds) if complete and seconds else None,
                max(seconds) if complete and seconds else None,
                sum(seconds) if complete else None,
                wall_clock(loads, cores) if complete else None,
                max(memories, default=None),
                sum(cost.disk for cost in known) if len(known) == len(left) else None,
            )
        )
    return steps


def _trainings(jobs: list[Job], costs: dict[str, Cost]) -> list[Trainings]:
    rows = []
    of_training = [job for job in jobs if job.rule == TRAIN]
    for experiment in dict.fromkeys(job.subject for job in of_training):
        mine = [job for job in of_training if job.subject == experiment]
        left = [job for job in mine if not job.done]
        known = [costs[job.name] for job in left if job.name in costs]
        complete = bool(left) and len(known) == len(left)
        rows.append(
            Trainings(
                experiment,
                len(mine),
                len(left),
                _range([cost.images for cost in known]),
                _range([cost.rate for cost in known if cost.rate is not None]),
                _range([cost.seconds for cost in known if cost.seconds is not None]),
                sum(cost.disk for cost in known) if complete or not left else None,
            )
        )
    return rows


def _range(values: list[float] | list[int]) -> tuple[float, float] | None:
    return (min(values), max(values)) if values else None


def _totals(
    left: list[Job], costs: dict[str, Cost], folder: Path, cores: int, device: str
) -> Totals:
    known = [costs[job.name] for job in left if job.name in costs]
    machine, free = memory_of_machine()
    loads = _loads(left, costs)
    passing = [
        Load(job.name, 0, job.threads, costs[job.name].passing) for job in left if job.name in costs
    ]
    on_gpu = [
        Load(job.name, 0, job.threads, costs[job.name].gpu_memory)
        for job in left
        if job.name in costs
    ]
    return Totals(
        in_turn=sum(cost.seconds or 0 for cost in known),
        wall_clock=wall_clock(loads, cores),
        memory=most_memory(loads, cores),
        gpu_memory=most_memory(on_gpu, cores),
        disk=sum(cost.disk for cost in known) + most_memory(passing, cores),
        machine_memory=machine,
        free_memory=free,
        machine_gpu_memory=_memory_of_gpu(device),
        free_disk=float(shutil.disk_usage(_that_exists(folder)).free),
    )


def _memory_of_gpu(device: str) -> float:
    import torch

    if device != "cuda":
        return 0.0
    return float(torch.cuda.get_device_properties(0).total_memory)


def _that_exists(folder: Path) -> Path:
    """The folder, or the nearest above it that is there."""
    folder = folder.absolute()
    return next(place for place in (folder, *folder.parents) if place.exists())


def _where(plan: Plan, cores: int, device: str) -> str:
    import torch

    threads = min(plan.profile.threads_per_training, cores)
    at_once = cores // threads
    where = torch.cuda.get_device_name(0) if device == "cuda" else "the CPU"
    count = f"{threads} thread{'s' if threads > 1 else ''}"
    together = f"{at_once} trainings at once, {count} each" if at_once > 1 else f"with {count}"
    return f"on {where}, {cores} core{'s' if cores > 1 else ''}: {together}"


def _notes(
    left: list[Job],
    measured: Measured,
    earlier: EarlierRun | None,
    busy: float,
    cores: int,
    took: float,
) -> list[str]:
    notes = []
    if measured.costs:
        notes.append(f"Measured here and now, by trials of small pieces ({duration(took)}).")
    if busy > BUSY * cores:
        notes.append(
            f"Other programs keep about {busy:.1f} threads busy on {cores} cores. The times are "
            "those of a calm machine as far as that can be told; meanwhile it takes longer. Steps "
            "with several threads are disturbed most: for these, ask again on a calm machine."
        )
    if any(job.rule in LATE for job in left):
        if earlier is not None:
            notes.append(f"Tables, figures, paper, report: as long as it took in {earlier.folder}.")
        else:
            notes.append(
                "Tables, claims, figures, paper, report: not predicted, as there is no finished "
                "run here whose times could be taken. They hardly grow with the profile."
            )
    if any(job.rule == STACKS and not job.after for job in left) and not _hc18_is_here():
        size = (PUBLISHED.archive.size or 0) / 1e6
        notes.append(
            f"The real images are not here yet. Their download ({size:.0f} MB) comes first; "
            "its time is not predicted."
        )
    return notes + measured.reasons


def _hc18_is_here() -> bool:
    try:
        hc18_folder()
    except MiuaError:
        return False
    return True


def warnings_of(totals: Totals) -> list[str]:
    """What does not fit on this machine, and what to do about it."""
    warnings = []
    if totals.disk > totals.free_disk:
        warnings.append(
            f"The disk is too small: {totals.disk / 1e9:.1f} GB are needed, "
            f"{totals.free_disk / 1e9:.1f} GB are free. Make room, or choose another --results."
        )
    if totals.memory > totals.free_memory:
        warnings.append(
            f"Memory may not suffice: {totals.memory / 1e9:.1f} GB are needed at most, "
            f"{totals.free_memory / 1e9:.1f} GB are free. Use fewer --cores, or end other programs."
        )
    if totals.gpu_memory > totals.machine_gpu_memory:
        warnings.append(
            f"The GPU's memory may not suffice: {totals.gpu_memory / 1e9:.1f} GB are needed, it "
            f"has {totals.machine_gpu_memory / 1e9:.1f} GB. Use fewer --cores: fewer at once."
        )
    return warnings
