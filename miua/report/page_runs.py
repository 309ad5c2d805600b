"""What each run was: configuration, seed, code, device, hashes; and how long it took."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from miua.config import TrainingConfig, read_config
from miua.errors import MiuaError
from miua.progress import duration
from miua.provenance import PROVENANCE, read_provenance
from miua.study.store import Results, read_cells
from miua.wording import MISSING, number

SPEED = "speed.jsonl"  # written by a training; a run may lack it
FILES = ("config.yaml", "log.jsonl", SPEED, PROVENANCE)


@dataclass(frozen=True)
class Timing:
    """What a training's speed.jsonl tells. seconds: of all epochs; rate: median images a second."""

    seconds: float
    rate: float


@dataclass(frozen=True)
class RunRecord:
    """One training, as its folder tells it.

    experiments: what it is part of. settings: its configuration, name and value. made: seed,
    device, code and hashes, name and value. files: those of FILES that there are. sets: its sets
    of any experiment, with their epochs. threads: of the training; None where it is not told.
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
    timing: Timing | None

    @property
    def hours(self) -> float | None:
        """Hours of training; of one core or GPU if it had one."""
        return None if self.timing is None else self.timing.seconds / 3600

    @property
    def on_gpu(self) -> bool:
        return self.device.startswith("cuda")

    @property
    def core_hours(self) -> float | None:
        """Hours times threads, of a training without a GPU."""
        if self.hours is None or self.threads is None or self.on_gpu:
            return None
        return self.hours * self.threads


@dataclass(frozen=True)
class Cost:
    """Of all trainings together, as text. untimed: trainings whose time is not known."""

    trainings: int
    untimed: int
    core_hours: str
    gpu_hours: str


def run_records(results: Results) -> list[RunRecord]:
    """Every training of the plan, in its order.

    Raises:
        MiuaError: a file of a run is missing or damaged.
    """
    cells = read_cells(results)
    return [
        _run_record(results.folder / "runs" / str(name), part)
        for name, part in cells.groupby("run", sort=False)
    ]


def cost(records: list[RunRecord]) -> Cost:
    """Sums over the trainings whose time is known."""
    on_gpu = [record.hours for record in records if record.on_gpu and record.hours is not None]
    on_cores = [record.core_hours for record in records if record.core_hours is not None]
    return Cost(
        trainings=len(records),
        untimed=len(records) - len(on_gpu) - len(on_cores),
        core_hours=_hours(sum(on_cores)) if on_cores else "",
        gpu_hours=_hours(sum(on_gpu)) if on_gpu else "",
    )


def commits(records: list[RunRecord]) -> list[str]:
    """The commits that the trainings were made at, each once."""
    told = [dict(record.made) for record in records]
    found = [f"{each.get('commit', 'not known')} {each.get('changes', '')}" for each in told]
    return list(dict.fromkeys(each.strip() for each in found))


def timing_row(record: RunRecord) -> list[str]:
    """Epochs, updates, training images, rate, time, threads and device, as cells."""
    rate = time = MISSING
    if record.timing is not None:
        rate, time = number(record.timing.rate), duration(record.timing.seconds)
    threads = MISSING if record.threads is None else str(record.threads)
    size = str(record.training_size)
    return [size, number(record.epochs), number(record.updates), rate, time, threads, record.device]


def read_timing(run: Path) -> Timing | None:
    """Time and rate of a training; None where it kept no speed.

    Raises:
        MiuaError: the file is damaged.
    """
    path = run / SPEED
    if not path.exists():
        return None
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        seconds = [float(line["seconds"]) for line in lines]
        rates = [float(line["images_per_second"]) for line in lines]
        if not all(math.isfinite(number) and number >= 0 for number in (*seconds, *rates)):
            raise ValueError("a number is not finite, or below 0")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise MiuaError(f"{path} is damaged ({error}). Remove it: only timings are lost.") from None
    return Timing(sum(seconds), median(rates)) if lines else None


def _run_record(run: Path, cells: Any) -> RunRecord:
    config = read_config(run / "config.yaml", TrainingConfig)
    record = read_provenance(run, "Train the run again.")
    last = cells.sort_values("epoch").iloc[-1]
    threads = record.get("threads")
    return RunRecord(
        name=run.name,
        experiments=", ".join(dict.fromkeys(cells["experiment"])),
        training_size=int(last["training_size"]),
        epochs=int(last["epoch"]),
        updates=int(last["updates"]),
        settings=_settings(config),
        made=_made(record),
        files=[name for name in FILES if (run / name).is_file()],
        sets=[(str(name), int(part["epoch"].iloc[0])) for name, part in cells.groupby("set")],
        device=str(record.get("device", MISSING)),
        threads=threads if isinstance(threads, int) else None,
        timing=read_timing(run),
    )


def _settings(config: TrainingConfig) -> list[tuple[str, str]]:
    """The configuration in the order of its definition, nested names joined by a dot."""
    found = []
    for name, value in config.model_dump().items():
        if isinstance(value, dict):
            found += [(f"{name}.{key}", _text(each)) for key, each in value.items()]
        else:
            found.append((name, _text(value)))
    return found


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


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(str(each) for each in value)
    return "none" if value is None else str(value)
