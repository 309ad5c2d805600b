"""What each run was: configuration, seed, code, device, hashes; and how long it took."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

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


@dataclass(frozen=True)
class RunRecord:
    """One training, as its folder tells it.

    experiments: what it is part of. settings: its configuration, name and value. made: seed,
    device, code and hashes, name and value. files: those of FILES that there are. sets: its sets
    of any experiment, with their epochs. threads: of the training; seconds: of all its epochs, and
    rate: median images a second, as speed.jsonl tells; None where it is not told.
    """

    name: str
    experiments: str
    training_size: int
    epochs: int
    updates: int
    settings: list[tuple[str, str]]
    made: list[tuple[str, str]]
    files: list[str]
    sets: list[tuple[str, int]]
    device: str
    threads: int | None
    seconds: float | None
    rate: float | None

    @property
    def hours(self) -> float | None:
        """Hours of a GPU, or of one core: hours times threads; None where they are not known."""
        cores = 1 if self.on_gpu else self.threads
        return None if self.seconds is None or cores is None else self.seconds * cores / 3600

    @property
    def on_gpu(self) -> bool:
        return self.device.startswith("cuda")

    @property
    def timing(self) -> list[str]:
        """Training images, epochs, updates, rate, time, threads and device, as cells."""
        counts = (self.training_size, self.epochs, self.updates, self.rate)
        time = MISSING if self.seconds is None else duration(self.seconds)
        return [*map(number, counts), time, number(self.threads), self.device]


@dataclass(frozen=True)
class Cost:
    """Of all trainings together, as text. untimed: trainings whose time is not known."""

    trainings: int
    untimed: int
    core_hours: str
    gpu_hours: str


def cost(records: list[RunRecord]) -> Cost:
    """Sums over the trainings whose time is known."""
    hours = {
        on_gpu: [each.hours for each in records if each.on_gpu == on_gpu and each.hours is not None]
        for on_gpu in (False, True)
    }
    untimed = len(records) - sum(map(len, hours.values()))
    core_hours, gpu_hours = (_hours(sum(each)) if each else "" for each in hours.values())
    return Cost(len(records), untimed, core_hours, gpu_hours)


def run_records(results: Results) -> list[RunRecord]:
    """Every training of the plan, in its order.

    Raises:
        MiuaError: a file of a run is missing or damaged.
    """
    cells = read_cells(results)
    return [
        _run_record(results.run(str(name)), part) for name, part in cells.groupby("run", sort=False)
    ]


def commits(records: list[RunRecord]) -> list[str]:
    """The commits that the trainings were made at, each once."""
    told = [dict(record.made) for record in records]
    found = [f"{each.get('commit', 'not known')} {each.get('changes', '')}" for each in told]
    return list(dict.fromkeys(each.strip() for each in found))


def read_timing(run: Path) -> tuple[float, float] | tuple[None, None]:
    """Seconds of a training and its median images a second; None where it kept no speed.

    Raises:
        MiuaError: the file is damaged.
    """
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
    config = read_config(run / "config.yaml", TrainingConfig)
    record = read_provenance(run, "Train the run again.")
    last = cells.sort_values("epoch").iloc[-1]
    threads = record.get("threads")
    seconds, rate = read_timing(run)
    return RunRecord(
        name=run.name,
        experiments=", ".join(dict.fromkeys(cells["experiment"])),
        training_size=int(last["training_size"]),
        epochs=int(last["epoch"]),
        updates=int(last["updates"]),
        settings=in_rows(config.model_dump(), "."),
        made=_made(record),
        files=[name for name in FILES if (run / name).is_file()],
        sets=[(str(name), int(part["epoch"].iloc[0])) for name, part in cells.groupby("set")],
        device=str(record.get("device", MISSING)),
        threads=threads if isinstance(threads, int) else None,
        seconds=seconds,
        rate=rate,
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


def _hours(hours: float) -> str:
    return number(hours, 2 if hours >= 0.1 else 3)
