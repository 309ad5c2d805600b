"""What each run was: configuration, seed, code, device, hashes; and how long it took."""

import json
import math
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import pandas as pd

from miua.config import TrainingConfig, read_config
from miua.errors import MiuaError
from miua.pages.kit import in_rows
from miua.progress import duration
from miua.provenance import PROVENANCE, read_provenance
from miua.study.store import Results, read_cells
from miua.wording import MISSING, number

SPEED = "speed.jsonl"  # written by a training; a run may lack it
FILES = ("config.yaml", "log.jsonl", SPEED, PROVENANCE)


class RunRecord(NamedTuple):
    """One training, as its folder tells it.

    experiments: what it is part of. settings: its configuration, name and value. made: seed,
    device, code and hashes, name and value. files: those of FILES that there are. sets: its sets
    of any experiment, with their epochs. timing: training images, epochs, updates, median images
    a second, time, threads and device, as cells. hours: of a GPU, or of one core (hours times
    threads); None where speed.jsonl or the record does not tell them.
    """

    name: str
    experiments: str
    training_size: int
    epochs: int
    settings: list[tuple[str, str]]
    made: list[tuple[str, str]]
    files: list[str]
    sets: list[tuple[str, int]]
    timing: list[str]
    on_gpu: bool
    hours: float | None


class RunCost(NamedTuple):
    """What all trainings took together, as text. untimed: how many kept no time."""

    trainings: int
    untimed: int
    core_hours: str
    gpu_hours: str


def cost(records: list[RunRecord]) -> RunCost:
    """Sums over the trainings whose time is known."""
    timed = [(each.on_gpu, each.hours) for each in records if each.hours is not None]
    core_hours, gpu_hours = (
        [hours for on_gpu, hours in timed if on_gpu == gpus] for gpus in (False, True)
    )
    return RunCost(len(records), len(records) - len(timed), _sum(core_hours), _sum(gpu_hours))


def _sum(hours: list[float]) -> str:
    return number(sum(hours), 2 if sum(hours) >= 0.1 else 3) if hours else ""


def run_records(results: Results) -> list[RunRecord]:
    """Every training of the plan, in its order."""
    runs = read_cells(results).groupby("run", sort=False)
    return [_run_record(results.run(str(name)), part) for name, part in runs]


def commits(records: list[RunRecord]) -> list[str]:
    """The commits that the trainings were made at, each once."""
    told = [dict(record.made) for record in records]
    found = [f"{each.get('commit', 'not known')} {each.get('changes', '')}" for each in told]
    return list(dict.fromkeys(each.strip() for each in found))


def read_timing(run: Path) -> tuple[float, float] | tuple[None, None]:
    """Seconds of a training and its median images a second; None where it kept no speed."""
    path = run / SPEED
    if not path.exists():
        return None, None
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        seconds = [float(line["seconds"]) for line in lines]
        rates = [float(line["images_per_second"]) for line in lines]
        if not all(math.isfinite(number) and number >= 0 for number in (*seconds, *rates)):
            raise ValueError("a number is not finite, or below 0")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise MiuaError(f"{path} is damaged ({error}). Remove it: only timings are lost.") from None
    return (sum(seconds), median(rates)) if lines else (None, None)


def _run_record(run: Path, cells: pd.DataFrame) -> RunRecord:
    record = read_provenance(run, "Train the run again.")
    last = cells.sort_values("epoch").iloc[-1]
    device, threads = str(record.get("device", MISSING)), record.get("threads")
    threads = threads if isinstance(threads, int) else None
    seconds, rate = read_timing(run)
    on_gpu = device.startswith("cuda")
    cores = 1 if on_gpu else threads
    counts = (last["training_size"], last["epoch"], last["updates"], rate)
    time = MISSING if seconds is None else duration(seconds)
    return RunRecord(
        name=run.name,
        experiments=", ".join(dict.fromkeys(cells["experiment"])),
        training_size=int(last["training_size"]),
        epochs=int(last["epoch"]),
        settings=in_rows(read_config(run / "config.yaml", TrainingConfig).model_dump(), "."),
        made=_made(record),
        files=[name for name in FILES if (run / name).is_file()],
        sets=[(str(name), int(part["epoch"].iloc[0])) for name, part in cells.groupby("set")],
        timing=[*map(number, counts), time, number(threads), device],
        on_gpu=on_gpu,
        hours=None if seconds is None or cores is None else seconds * cores / 3600,
    )


def _made(record: dict[str, Any]) -> list[tuple[str, str]]:
    settings, packages = record["settings"], record["packages"]
    entries = {
        "seed": settings.get("seed"),
        "device": record.get("device"),
        "threads": record.get("threads"),
        "commit": record.get("commit"),
        "changes": "with uncommitted changes" if record.get("uncommitted_changes") else None,
        "training images (SHA-256)": record["inputs"].get("images"),
        "configuration (SHA-256)": settings.get("config_sha256"),
        "python": record.get("python"),
        "packages": ", ".join(f"{name} {version}" for name, version in packages.items()) or None,
        "resumed": len(record.get("resumed", [])) or None,
    }
    return [(name, str(value)) for name, value in entries.items() if value is not None]
