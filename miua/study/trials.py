"""Small pieces of the study's own work, run as its steps' own commands, and measured.

A trial lies in a folder like a results folder: one training of a few batches, a set of its, images.
Seconds are those of a calm machine as far as they can be told: of one thread, no more than the
processor's time, which other programs do not add to.
"""

import json
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil
import torch
from numpy.typing import NDArray
from PIL import Image

from miua.config import TrainingConfig, write_config
from miua.data.phantom import phantom
from miua.environment import hardware
from miua.errors import MiuaError
from miua.files import write_array, write_json
from miua.study.executors import steps_environment
from miua.study.plan import GRID, cell, preparation
from miua.study.steps import STEPS, Study

BATCHES = 8  # that an epoch of a trial has
RUN, EPOCH = "trial", 2  # the first epoch prepares what the second one uses
FEW, MANY = 1, 33  # images of the two sets of a trial
SECONDS_BETWEEN_LOOKS = 0.02
# Pixels of the larger set whose metrics are measured: 200 images of 64 x 64.
PIXELS_OF_METRICS = 200 * 64**2


class Usage(NamedTuple):
    """What a command took: seconds of a calm machine, the clock's over these, bytes at most."""

    seconds: float
    busy: float
    memory: float
    gpu: float


class Measured(NamedTuple):
    """What a step takes: seconds, and bytes at most.

    each: more seconds for each image, or for each pair of images that metrics compare. disk: of an
    image, of a checkpoint, or of a set's metrics.
    """

    once: float
    each: float
    memory: float
    gpu: float
    disk: float


def gpu_memory() -> tuple[float, float]:
    """Bytes of the GPU's memory that are free, and of all of it; 0 where there is no GPU."""
    return torch.cuda.mem_get_info() if torch.cuda.is_available() else (0, 0)


def try_training(config: TrainingConfig, study: Study, at_once: int, place: Path) -> Measured:
    """A few batches of `at_once` trainings together, in `place`. MiuaError: one failed."""
    images = BATCHES * config.batch_size
    small = config.model_copy(update={"epochs": [EPOCH], "training_size": images})
    folders = [place / str(number) for number in range(at_once)]
    for folder in folders:
        write_config(folder / "configs" / f"{RUN}.yaml", small)
        stack = folder / "real" / preparation(config) / "images.npy"
        write_array(stack, _heads(config.image_size, images))
    used = run_together([(_command("train", small, study), folder) for folder in folders])
    once, rates = [], []
    for usage, folder in zip(used, folders, strict=True):
        speed = (folder / "runs" / RUN / "speed.jsonl").read_text().splitlines()
        epochs = [json.loads(line) for line in speed]
        once.append(usage.seconds - sum(epoch["seconds"] for epoch in epochs) / usage.busy)
        rates.append(epochs[-1]["images_per_second"] * usage.busy)
    memory = max(each.memory for each in used)
    checkpoints = (folders[0] / "runs" / RUN / "checkpoints").glob("*.safetensors")
    disk = sum(path.stat().st_size for path in checkpoints)
    return Measured(max(0.0, *once), 1 / float(np.mean(rates)), memory, used[0].gpu, disk)


def try_set(config: TrainingConfig, study: Study, place: Path) -> Measured:
    """Sets of the training that was tried in `place`. MiuaError: see `try_training`."""
    used = []
    for images in (FEW, MANY):
        profile = study.profile.model_copy(update={"synthetic_images": images})
        command = _command("generate", config, replace(study, profile=profile))
        used += run_together([(command, place / "0")])
    return _line(used, [FEW, MANY], config.image_size**2)


def try_metrics(config: TrainingConfig, study: Study, place: Path) -> Measured:
    """The metrics of sets of two sizes; each: for a pair. MiuaError: see `try_training`."""
    side = config.image_size
    many = max(20, PIXELS_OF_METRICS // side**2)
    sizes = [many // 10, many]
    used, made = [], place / "sets" / f"{RUN}_e{EPOCH:04d}"
    for few in sizes:
        stack = _heads(side, many)
        write_array(place / "reference" / preparation(config) / "images.npy", stack[:few])
        write_array(made / "images.npy", stack[::-1])
        write_json(made / "provenance.json", {})
        used += run_together([(_command("evaluate", config, study), place)])
    disk = sum(path.stat().st_size for path in (place / "metrics").iterdir()) / 2
    return _line(used, [few * many for few in sizes], disk)


def _line(used: Sequence[Usage], counts: Sequence[int], disk: float) -> Measured:
    """What two trials of different sizes say of any size."""
    each = max(0.0, used[1].seconds - used[0].seconds) / (counts[1] - counts[0])
    once = max(0.0, used[0].seconds - each * counts[0])
    return Measured(once, each, used[1].memory, used[1].gpu, disk)


def run_together(commands: Sequence[tuple[str, Path]]) -> list[Usage]:
    """Run commands, each in a folder, all at the same time, and measure them.

    Memory on the GPU is what its free memory falls by, shared out equally. MiuaError: one of them
    failed or was killed; the message is its own last line.
    """
    processes: list[psutil.Popen] = []
    memory, clock = [0.0] * len(commands), [0.0] * len(commands)
    free = least = gpu_memory()[0]
    started, before = time.perf_counter(), os.times()
    try:
        for command, folder in commands:
            folder.mkdir(parents=True, exist_ok=True)
            with (folder / "said.txt").open("w") as said:
                words, where = ["/bin/sh", "-c", command], steps_environment()
                processes.append(
                    psutil.Popen(words, cwd=folder, env=where, stdout=said, stderr=said)
                )
        while not all(clock):
            time.sleep(SECONDS_BETWEEN_LOOKS)
            least = min(least, gpu_memory()[0])
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
    for process, (_, folder) in zip(processes, commands, strict=True):
        if process.returncode == -9:
            raise MiuaError("it was killed, most likely for lack of memory")
        if process.returncode:
            lines = (folder / "said.txt").read_text(errors="replace").strip().splitlines()
            raise MiuaError(lines[-1] if lines else f"it ended with status {process.returncode}")
    # Those of processes that have ended: in user mode and in the system's.
    worked = (sum(os.times()[2:4]) - sum(before[2:4])) / len(processes)
    # On a GPU the processor's time says little.
    calm = clock if hardware()["gpus"] else [min(took, worked) for took in clock]
    return [
        Usage(seconds, took / seconds, most, (free - least) / len(processes))
        for seconds, took, most in zip(calm, clock, memory, strict=True)
    ]


def _command(step: str, config: TrainingConfig, study: Study) -> str:
    trial = replace(study, cells=(cell(GRID, RUN, RUN, config, EPOCH),))
    (chosen,) = (each for each in STEPS if each.name == step)
    return trial.command(chosen, {"run": RUN, "epoch": f"{EPOCH:04d}"}, study.threads(chosen))


def _heads(side: int, number: int) -> NDArray[np.uint8]:
    """Images whose grey levels and texture cost the metrics what real ones do."""
    two = (Image.fromarray(phantom(0, subject, 1).image) for subject in range(2))
    drawn = [np.asarray(image.resize((side, side))) for image in two]
    # Shifted copies differ as images do, and are made at once.
    return np.stack([np.roll(drawn[index % 2], 3 * index, (0, 1)) for index in range(number)])
