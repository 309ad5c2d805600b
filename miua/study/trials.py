"""Small pieces of the study's own work, run as its steps' own commands, and measured.

A trial lies in a folder like a results folder: one training of a few batches, a set of its, images.
Seconds are those of a calm machine as far as they can be told: of one thread, no more than the
processor's time, which other programs do not add to.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray
from PIL import Image

from miua.config import TrainingConfig, write_config
from miua.data.phantom import phantom
from miua.environment import hardware
from miua.errors import MiuaError
from miua.files import write_array, write_json
from miua.study.executors import steps_environment
from miua.study.plan import GRID, Cell, preparation
from miua.study.steps import STEPS, Study

BATCHES = 8  # that an epoch of a trial has
RUN, EPOCH = "trial", 2  # the first epoch prepares what the second one uses
FEW, MANY = 1, 33  # images of the two sets of a trial
SECONDS_BETWEEN_LOOKS = 0.02
# Pixels of the larger set whose metrics are measured: 200 images of 64 x 64.
PIXELS_OF_METRICS = 200 * 64**2


@dataclass(frozen=True)
class Usage:
    """What a command took.

    seconds: of a calm machine; busy: the clock's, over these; memory: bytes at most.
    """

    seconds: float
    busy: float
    memory: float


@dataclass(frozen=True)
class Training:
    """What a training takes.

    once: seconds without its steps; rate: images a second; memory, checkpoint: bytes.
    """

    once: float
    rate: float
    memory: float
    checkpoint: float


@dataclass(frozen=True)
class Linear:
    """What a step takes.

    once: seconds; each: more of them for each image or pair of images; memory: bytes at most; disk:
    bytes of an image, or of all outputs.
    """

    once: float
    each: float
    memory: float
    disk: float


def try_training(config: TrainingConfig, study: Study, at_once: int, place: Path) -> Training:
    """A few batches of `at_once` trainings together, in folders of `place`.

    Raises:
        MiuaError: a trial failed or was killed.
    """
    small = config.model_copy(
        update={"epochs": [EPOCH], "training_size": BATCHES * config.batch_size}
    )
    folders = [place / str(number) for number in range(at_once)]
    for folder in folders:
        write_config(folder / "configs" / f"{RUN}.yaml", small)
        stack = _heads(config.image_size, BATCHES * config.batch_size)
        write_array(folder / "real" / preparation(config) / "images.npy", stack)
    used = run_together([(_command("train", small, study), folder) for folder in folders])
    found = []
    for usage, folder in zip(used, folders, strict=True):
        run = folder / "runs" / RUN
        lines = [json.loads(line) for line in (run / "speed.jsonl").read_text().splitlines()]
        epochs = sum(line["seconds"] for line in lines) / usage.busy
        rate = lines[-1]["images_per_second"] * usage.busy
        size = sum(path.stat().st_size for path in (run / "checkpoints").glob("*.safetensors"))
        found.append(Training(max(0.0, usage.seconds - epochs), rate, usage.memory, size))
    return Training(
        once=max(each.once for each in found),
        rate=sum(each.rate for each in found) / at_once,
        memory=max(each.memory for each in found),
        checkpoint=found[0].checkpoint,
    )


def try_set(config: TrainingConfig, study: Study, place: Path) -> Linear:
    """Sets of the training that was tried in `place`. MiuaError: see `try_training`."""
    used = []
    for images in (FEW, MANY):
        profile = study.profile.model_copy(update={"synthetic_images": images})
        command = _command("generate", config, replace(study, profile=profile))
        used += run_together([(command, place / "0")])
    each = max(0.0, used[1].seconds - used[0].seconds) / (MANY - FEW)
    return Linear(used[0].seconds, each, used[1].memory, config.image_size**2)


def try_metrics(config: TrainingConfig, study: Study, place: Path) -> Linear:
    """The metrics of sets of two sizes; each: for a pair. MiuaError: see `try_training`."""
    side = config.image_size
    many = max(20, PIXELS_OF_METRICS // side**2)
    used, pairs = [], []
    for few in (many // 10, many):
        stack = _heads(side, many)
        write_array(place / "reference" / preparation(config) / "images.npy", stack[:few])
        write_array(place / "sets" / _cell(config).set / "images.npy", stack[::-1])
        write_json(place / "sets" / _cell(config).set / "provenance.json", {})
        used += run_together([(_command("evaluate", config, study), place)])
        pairs.append(few * many)
    each = max(0.0, used[1].seconds - used[0].seconds) / (pairs[1] - pairs[0])
    disk = sum(path.stat().st_size for path in (place / "metrics").iterdir())
    return Linear(max(0.0, used[0].seconds - each * pairs[0]), each, used[1].memory, disk)


def run_together(commands: Sequence[tuple[str, Path]]) -> list[Usage]:
    """Run commands, each in a folder, all at the same time, and measure them.

    Raises:
        MiuaError: one of them failed or was killed; the message is its own last line.
    """
    started, before = time.perf_counter(), os.times()
    processes = []
    try:
        for command, folder in commands:
            folder.mkdir(parents=True, exist_ok=True)
            with (folder / "said.txt").open("w") as said:
                words = ["/bin/sh", "-c", command]
                processes.append(
                    psutil.Popen(
                        words, cwd=folder, env=steps_environment(), stdout=said, stderr=said
                    )
                )
        memory, clock = [0.0] * len(processes), [0.0] * len(processes)
        while not all(clock):
            time.sleep(SECONDS_BETWEEN_LOOKS)
            for number, process in enumerate(processes):
                with suppress(psutil.Error):
                    all_of_it = [process, *process.children(recursive=True)]
                    most = max(each.memory_info().rss for each in all_of_it)
                    memory[number] = max(memory[number], most)
                if not clock[number] and process.poll() is not None:
                    clock[number] = time.perf_counter() - started
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
                process.wait()
    _check(processes, [folder / "said.txt" for _, folder in commands])
    after = os.times()
    worked = after.children_user + after.children_system
    worked = (worked - before.children_user - before.children_system) / len(processes)
    # On a GPU the processor's time says little.
    calm = clock if hardware()["gpus"] else [min(took, worked) for took in clock]
    return [
        Usage(seconds, took / seconds, most)
        for seconds, took, most in zip(calm, clock, memory, strict=True)
    ]


def _check(processes: Iterable[psutil.Popen], said: Iterable[Path]) -> None:
    for process, words in zip(processes, said, strict=True):
        if process.returncode == -9:
            raise MiuaError("it was killed, most likely for lack of memory")
        if process.returncode:
            lines = words.read_text(errors="replace").strip().splitlines()
            raise MiuaError(lines[-1] if lines else f"it ended with status {process.returncode}")


def _command(step: str, config: TrainingConfig, study: Study) -> str:
    cell = _cell(config)
    trial = replace(study, cells=(cell,))
    (chosen,) = (each for each in STEPS if each.name == step)
    wildcards: Mapping[str, str] = {"run": RUN, "epoch": f"{EPOCH:04d}"}
    return trial.command(chosen, wildcards, study.threads(chosen))


def _cell(config: TrainingConfig) -> Cell:
    name = f"{RUN}_e{EPOCH:04d}"
    sizes = (config.training_size or 0, config.batch_size, config.image_size)
    return Cell(GRID, RUN, name, RUN, EPOCH, 0, *sizes, config.seed, preparation(config))


def _heads(side: int, number: int) -> NDArray[np.uint8]:
    """Images whose grey levels and texture cost the metrics what real ones do."""
    drawn = [
        np.asarray(Image.fromarray(phantom(0, subject, 1).image).resize((side, side)))
        for subject in range(2)
    ]
    # Shifted copies differ as images do, and are made at once.
    return np.stack([np.roll(drawn[index % 2], 3 * index, (0, 1)) for index in range(number)])
