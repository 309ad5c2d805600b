"""Time the training loop beside a plain one and the notebooks' way: `./run bench`.

The loops take turns, round by round. Where nothing is timed, each trains a tiny network once.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from miua.config import TrainingConfig, write_config
from miua.data import read_stack
from miua.data.phantom import write_phantoms
from tests.benchmarks.loop_rows import against, limited
from tests.benchmarks.loops import LOOPS, Setting, Timed, in_own_process, timed
from tests.benchmarks.work import THREADS
from tests.training.runs import tiny

PHANTOMS = 8  # repeated: what an image shows does not change its cost
ROUNDS = 5


@dataclass(frozen=True)
class Bout:
    """Loops to be timed together, and how many times faster than its peers ours shall be."""

    device: str
    batch_size: int
    images: int
    at_least: dict[str, float]

    @property
    def name(self) -> str:
        return f"batch {self.batch_size}, {self.device.upper()}"


BOUTS = [
    Bout("cpu", 10, 100, {"plain loop": 1.25, "notebooks' way": 2}),
    Bout("cuda", 10, 100, {"plain loop": 5, "notebooks' way": 50}),
    Bout("cuda", 128, 512, {"plain loop": 2, "notebooks' way": 50}),
]

# The study's grid: 20 synthetic sets, which are four epochs each of five trainings.
GRID_IMAGES = 1000 * sum((100, 300, 500, 800, 999))
GRID_MINUTES = 15  # at most, on one GPU

SIZES = (100, 200, 400)
MOST_UNEVEN = 1.1  # an image's cost in the dearest epoch, over that in the cheapest
MOST_SECONDS_TO_START = 5.0


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_phantoms(tmp_path_factory.mktemp("phantoms") / "images", PHANTOMS, seed=0)


def setting(folder: Path, images: int, device: str, batch_size: int, full: bool) -> Setting:
    """The published network on `images` images of the folder; or a tiny one, to try the code."""
    config = TrainingConfig(batch_size=batch_size) if full else tiny(batch_size=batch_size)
    stack = read_stack(folder, config.image_size)
    files = [folder / name for name in stack.names]
    order = np.resize(np.arange(len(files)), images)
    threads = THREADS if full else 1
    return Setting(config, stack.images[order], tuple(files[i] for i in order), device, threads)


@contextmanager
def started(names: Sequence[str], given: Setting, processes: bool) -> Iterator[dict[str, Timed]]:
    """The loops, ready and warm."""
    with ExitStack() as stack:
        loops = {
            name: stack.enter_context(in_own_process(name, given))
            if processes
            else timed(name, given)
            for name in names
        }
        for seconds in loops.values():
            seconds(2 * given.config.batch_size)
        yield loops


@pytest.mark.parametrize("bout", BOUTS, ids=lambda bout: bout.name)
def test_loops(benchmark, phantoms: Path, bout: Bout):
    if bout.device == "cuda" and not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    full = benchmark.enabled
    images = bout.images if full else 20
    given = setting(phantoms, images, bout.device, bout.batch_size, full)
    took: dict[str, list[float]] = {name: [] for name in LOOPS}

    def one_round() -> None:
        for name, seconds in loops.items():
            took[name].append(seconds(images))

    with started(list(LOOPS), given, processes=full) as loops:
        benchmark.pedantic(one_round, rounds=ROUNDS)
    rows = [
        against(bout.name, peer, images, took["fast"], took[peer], least)
        for peer, least in bout.at_least.items()
    ]
    minutes = GRID_IMAGES / rows[0]["ours"] / 60
    limit = GRID_MINUTES if bout.device == "cuda" else None
    # Projected from the rate that was just measured.
    rows.append(limited(f"20 sets, {bout.device.upper()} {bout.batch_size}", minutes, "min", limit))
    benchmark.extra_info["loop_rows"] = rows


def test_an_epoch_costs_as_much_as_it_has_images(benchmark, phantoms: Path):
    full = benchmark.enabled
    sizes = SIZES if full else (10, 20)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    given = setting(phantoms, sizes[-1], device, 10, full)
    costs: dict[int, list[float]] = {size: [] for size in sizes}

    def one_round() -> None:
        for size in sizes:
            # As many images for each size, so that noise has the same chance.
            epochs = sizes[-1] // size
            took = sum(loops["fast"](size) for _ in range(epochs))
            costs[size].append(1000 * took / (epochs * size))

    with started(["fast"], given, processes=full) as loops:
        benchmark.pedantic(one_round, rounds=3)
    of_one_image = {size: min(each) for size, each in costs.items()}
    rows = [
        limited(f"image, epoch of {size}", cost, "ms", None) for size, cost in of_one_image.items()
    ]
    uneven = max(of_one_image.values()) / min(of_one_image.values())
    rows.append(limited("dearest / cheapest", uneven, "", MOST_UNEVEN))
    benchmark.extra_info["loop_rows"] = rows


def test_start_up(benchmark, phantoms: Path, tmp_path: Path):
    if not benchmark.enabled:
        pytest.skip("a process and the import of torch, for nothing but their time")
    # Enough images that their time is predicted from a trial, which is part of starting up.
    config = TrainingConfig(epochs=[1])
    write_config(tmp_path / "config.yaml", config)
    np.save(tmp_path / "images.npy", setting(phantoms, 100, "cpu", 10, full=True).images)
    took: list[float] = []

    def one_round() -> None:
        took.append(seconds_to_first_batch(tmp_path, tmp_path / f"run {len(took)}"))

    benchmark.pedantic(one_round, rounds=2)
    # The first may have read torch from the disk; whoever starts a study starts many.
    benchmark.extra_info["loop_rows"] = [
        limited("call to first batch", min(took), "s",
                MOST_SECONDS_TO_START)
    ]  # fmt: skip


def seconds_to_first_batch(inputs: Path, run: Path) -> float:
    """Train one epoch by the command; when it ended, and how long it took, is in its records."""
    arguments = ["train", "--config", inputs / "config.yaml", "--images", inputs / "images.npy",
                 "--out", run, "--threads", str(THREADS)]  # fmt: skip
    miua = [sys.executable, "-c", "from miua.cli import main; main()"]
    started = time.time()
    subprocess.run([*miua, *arguments], check=True, capture_output=True)
    speed = run / "speed.jsonl"
    epoch = json.loads(speed.read_text().splitlines()[0])["seconds"]
    return speed.stat().st_mtime - started - epoch
