"""The training loops that are compared, each in a process of its own.

The fast loop tells malloc how to behave and CUDA to be repeatable, which no other loop may share.
Nothing here imports the kernels' peers: their thread pools would be in the way.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from miua.config import TrainingConfig
from miua.training.adversaries import Adversaries
from miua.training.device import choose_device, set_precision
from miua.training.draws import Draws
from miua.training.updates import EpochSums, train_batch
from tests.training.plain_loop import (
    ImagesInFiles,
    ImagesInMemory,
    PlainNetworks,
    plain_epoch,
    shuffled,
)

# Trains one epoch on the first so many images.
Epoch = Callable[[int], None]
# The seconds of such an epoch.
Timed = Callable[[int], float]


@dataclass(frozen=True)
class Setting:
    """What all loops are given.

    images: uint8 `(N, H, W)`, at the size of the network. files: the same N as they are on disk.
    threads: of the CPU.
    """

    config: TrainingConfig
    images: NDArray[np.uint8]
    files: tuple[Path, ...]
    device: str
    threads: int


def fast_loop(setting: Setting) -> Epoch:
    """What `miua train` does between two lines of its log."""
    config, place = setting.config, choose_device(setting.device, setting.threads)
    set_precision(config.precision, place)
    networks = Adversaries(config, place)
    networks.generator.train()
    networks.discriminator.train()
    everything = torch.from_numpy(setting.images).to(place)
    numbers = count(1)

    def epoch(images: int) -> None:
        dataset, sums = everything[:images], EpochSums(place)
        draws = Draws.of_epoch(config, next(numbers), images, place)
        for batch in range(-(-images // config.batch_size)):
            train_batch(networks, dataset, draws.batch(batch, config.batch_size), config, sums)
        sums.means(images)

    return epoch


def plain_loop(setting: Setting) -> Epoch:
    """A plain loop on images that are small and in memory."""
    return _plain(setting, lambda images: ImagesInMemory(setting.images[:images]))


def notebooks_loop(setting: Setting) -> Epoch:
    """The same loop, decoding every image in every epoch."""
    side = setting.config.image_size
    return _plain(setting, lambda images: ImagesInFiles(setting.files[:images], side))


def _plain(setting: Setting, dataset: Callable[[int], Dataset[Tensor]]) -> Epoch:
    config, place = setting.config, torch.device(setting.device)
    torch.set_num_threads(setting.threads)
    set_precision(config.precision, place)  # the same arithmetic for all
    networks = PlainNetworks.create(config, place)

    def epoch(images: int) -> None:
        plain_epoch(networks, shuffled(dataset(images), config), config)

    return epoch


LOOPS: dict[str, Callable[[Setting], Epoch]] = {
    "fast": fast_loop,
    "plain loop": plain_loop,
    "notebooks' way": notebooks_loop,
}


def timed(name: str, setting: Setting) -> Timed:
    """The loop of that name in this process, timed."""
    epoch = LOOPS[name](setting)

    def seconds(images: int) -> float:
        started = time.perf_counter()
        epoch(images)
        if setting.device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - started

    return seconds


@contextmanager
def in_own_process(name: str, setting: Setting) -> Iterator[Timed]:
    """The loop of that name in a process of its own, timed there."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, spawn, _prepare, (name, setting)) as process:
        yield lambda images: process.submit(_seconds, images).result()


_here: list[Timed] = []  # of the process that `in_own_process` has started


def _prepare(name: str, setting: Setting) -> None:
    _here.append(timed(name, setting))


def _seconds(images: int) -> float:
    return _here[0](images)
