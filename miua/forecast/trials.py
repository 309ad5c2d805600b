"""Small pieces of the real work, each measured in a process of its own (see `processes`).

Each trial takes `together` first: a call that returns when all processes of a trial are ready, so
that they compete for cores, memory and GPU as they will.

Seconds are those of a calm machine as far as they can be told: no more than the processor's time,
which other programs do not add to. On a GPU they are the clock's.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from miua.forecast.machine import peak_memory

if TYPE_CHECKING:
    from miua.config import TrainingConfig

Together = Callable[[], None]
Found = TypeVar("Found")

SECONDS_OF_STEPS = 2.0  # steps of a training are timed so long, or one if it takes longer
# Grey levels that a trial of metrics looks at on each side: 100 images of 64 x 64.
PIXELS_OF_METRICS = 100 * 64 * 64


@dataclass(frozen=True)
class TrainingTrial:
    """What a training costs.

    first: seconds until its first step is done, from when torch is loaded; images_per_second: of
    the others; save: seconds a checkpoint; memory, gpu_memory: bytes at most.
    """

    first: float
    images_per_second: float
    save: float
    memory: float
    gpu_memory: float


def training(
    together: Together, config: TrainingConfig, device: str, threads: int, run: Path
) -> TrainingTrial:
    """Steps of a training as `config` wants them, and a checkpoint, which stays in `run`."""
    import torch

    from miua.checkpoint import Position, save_checkpoint
    from miua.config import write_config
    from miua.training.adversaries import Adversaries
    from miua.training.device import choose_device, set_precision
    from miua.training.speed import trial_step

    on_gpu = device != "cpu"

    def prepare() -> tuple[Adversaries, Callable[[], None]]:
        place = choose_device(device, threads)
        set_precision(config.precision, place)
        networks = Adversaries.create(config, place)
        return networks, trial_step(networks, config, place)

    (networks, step), first = _timed(prepare, on_gpu)
    together()
    first += _seconds(step, on_gpu)  # it prepares what the others use
    seconds: list[float] = []
    started = time.perf_counter()
    while not seconds or time.perf_counter() - started < SECONDS_OF_STEPS:
        seconds.append(_seconds(step, on_gpu))
    write_config(run / "config.yaml", config)
    facts = {"config": config.model_dump(exclude={"epochs"}), "history": []}
    started = time.perf_counter()  # also waits for the disk, which the processor does not
    save_checkpoint(run, Position(1), networks.tensors(), facts)
    save = time.perf_counter() - started
    gpu_memory = float(torch.cuda.max_memory_allocated()) if on_gpu else 0.0
    return TrainingTrial(
        first, config.batch_size / _undisturbed(seconds), save, peak_memory(), gpu_memory
    )


@dataclass(frozen=True)
class SetTrial:
    """once: seconds to load the network and make one image; each: seconds for each image more."""

    once: float
    each: float
    memory: float


def synthetic_set(together: Together, run: Path, images: int, device: str, out: Path) -> SetTrial:
    """Sets of one and of a few images, from the checkpoint of a training trial."""
    from miua.config import TrainingConfig, read_config
    from miua.sampling import CHUNK, generate

    side = read_config(run / "config.yaml", TrainingConfig).image_size
    few = max(5, min(CHUNK, CHUNK * 64**2 // side**2))
    together()
    seconds, memory = [], []
    for number in (1, few):
        make = partial(generate, run, 1, out, images=number, device=device, threads=1)
        seconds.append(_seconds(make, device != "cpu"))
        memory.append(peak_memory())
    each_memory = (memory[1] - memory[0]) / (few - 1)
    most = memory[1] + each_memory * max(0, min(images, CHUNK) - few)
    return SetTrial(seconds[0], max(0.0, seconds[1] - seconds[0]) / (few - 1), most)


@dataclass(frozen=True)
class MetricsTrial:
    """seconds: to measure one set; bytes: of its tables."""

    seconds: float
    memory: float
    bytes: int


def metrics(together: Together, side: int, reference: int, synthetic: int) -> MetricsTrial:
    """All metrics of a smaller set: pairs are scaled by their number, images by theirs."""
    # As the workflow does, before numpy is loaded.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    import tempfile

    from miua.evaluation.measure import measure_set
    from miua.evaluation.records import write_records

    images = _heads(side, max(20, PIXELS_OF_METRICS // side**2))
    others, few = images[::-1].copy(), len(images)
    everything = ("mutual_information", "psnr", "lbpv", "fd_lbp", "diversity")
    together()
    # The first call loads what the others use.
    measure_set(images[:10], images[10:20], metrics=everything, threads=1)
    of_all = _seconds(lambda: measure_set(images, others, metrics=everything, threads=1))
    found = measure_set(images, others, metrics=("lbpv", "fd_lbp"), threads=1)
    linear = _seconds(lambda: measure_set(images, others, metrics=("lbpv", "fd_lbp"), threads=1))
    pairs = reference * synthetic / few**2
    seconds = max(0.0, of_all - linear) * pairs + linear * (reference + synthetic) / (2 * few)
    with tempfile.TemporaryDirectory() as folder:
        write_records(Path(folder) / "set.csv", found)
        size = (Path(folder) / "set.csv").stat().st_size
    # Of each image more: itself, and its row in tables of float64, of which three are held.
    more = max(0, reference - few) + max(0, synthetic - few)
    memory = more * side**2 + 3 * 8 * max(0, reference * synthetic - few**2)
    seconds += _seconds_of_fid(side, reference, synthetic)
    return MetricsTrial(seconds, peak_memory() + memory, size)


def _seconds_of_fid(side: int, reference: int, synthetic: int) -> float:
    """What FID adds; nothing without its weights, as it is not computed then."""
    import numpy as np

    from miua.metrics.frechet import frechet_distance
    from miua.metrics.inception import InceptionNetwork
    from miua.metrics.inception_weights import NotComputedError, find_inception_weights

    try:
        weights = find_inception_weights()
    except NotComputedError:
        return 0.0
    started = time.perf_counter()  # on a GPU or on all cores: the processor's time says little
    network, images = InceptionNetwork(weights), _heads(side, 8)
    network.features(images[:4])
    once = time.perf_counter() - started
    each = _seconds(lambda: network.features(images), on_gpu=True) / len(images)
    random = np.random.default_rng(0)
    features = [random.normal(size=(count, 2048)) for count in (reference, synthetic)]
    return once + each * (reference + synthetic) + _seconds(lambda: frechet_distance(*features))


@dataclass(frozen=True)
class RealTrial:
    """Seconds for the experiments that measure real images; nan for one without a scale."""

    noise_floor: float
    sensitivity: float
    memory: float


def real_images(
    together: Together,
    side: int,
    images: int,
    threads: int,
    floor: tuple[int, int] | None,
    damage: tuple[int, int] | None,
) -> RealTrial:
    """Tables of a few images, and comparisons at their true size; floor, damage: half, repeats."""
    # As the commands do, before numpy is loaded.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    import numpy as np

    from miua.analysis.real_images import ASKED
    from miua.evaluation.measure import make_features
    from miua.metrics.blas import one_blas_thread
    from miua.metrics.comparison import Comparison, Extractors, Side
    from miua.metrics.registry import entries_of

    few = min(images, max(20, PIXELS_OF_METRICS // side**2))
    stack, entries = _heads(side, few), entries_of(ASKED)
    extractors = Extractors.ready()
    together()

    def tables(stack: Any) -> Any:
        """What is made of images once: features, and tables of all pairs."""
        same = Side(stack, extractors, threads=threads, keep=False)
        whole = Comparison(same, same, resamples=0, threads=threads)
        make_features((same,), entries)
        for entry in entries:
            if entry.of_pair is not None:
                whole.make_table(entry.of_pair)
        return whole

    tables(stack[:10])
    of_tables = _seconds(lambda: tables(stack)) * (images / few) ** 2
    # The same images again and again: comparisons cost what those of others do.
    known = tables(stack)
    index = np.resize(np.arange(few), images)
    whole = known.subset(index, index)
    seconds_of_floor = seconds_of_damage = float("nan")
    with one_blas_thread():
        if floor is not None:
            half, repeats = floor
            comparison, pairing = _seconds_of_comparison(whole, images, half)
            seconds_of_floor = of_tables + (2 * repeats + 1) * comparison + repeats * pairing
        if damage is not None:
            half, repeats = damage
            comparison, _ = _seconds_of_comparison(whole, images, half)
            levels, rearranged, applied = _damage(stack, half)
            seconds_of_damage = of_tables * (1 + levels) + applied * images / few
            seconds_of_damage += (1 + levels + rearranged) * repeats * comparison
    return RealTrial(seconds_of_floor, seconds_of_damage, peak_memory())


def _seconds_of_comparison(whole: Any, images: int, half: int) -> tuple[float, float]:
    """Seconds to compare two halves, and to pair their images in three ways."""
    import numpy as np

    from miua.analysis.real_images import floor_table, pairing_table

    subjects = np.arange(images)
    splits = 2 * 4 + 1
    floor = partial(floor_table, whole, subjects, half=half, seed=0)
    floor(repeats=1)
    pairing = partial(pairing_table, whole, subjects, half=half, repeats=4, seed=0)
    return _seconds(lambda: floor(repeats=4)) / splits, _seconds(pairing) / 4


def _damage(stack: Any, half: int) -> tuple[int, int, float]:
    """Levels that damage images, levels that rearrange them, and seconds to damage `stack`."""
    from miua.data.degradation import COLLAPSE_AMOUNTS, IMAGE_DEGRADATIONS, MEMORISATION_AMOUNTS

    levels, seconds = 0, 0.0
    for kind in IMAGE_DEGRADATIONS:
        kind.apply(stack[:2], kind.amounts[0], 0)  # loads what it uses
        apply = partial(kind.apply, stack, kind.amounts[0], 0)
        seconds += _seconds(apply) * len(kind.amounts)
        levels += len(kind.amounts)
    rearranged = len(MEMORISATION_AMOUNTS) + sum(amount < half for amount in COLLAPSE_AMOUNTS)
    return levels, rearranged, seconds


@dataclass(frozen=True)
class ImagesTrial:
    """Seconds and bytes of one phantom with its annotation; seconds to read one real image."""

    phantom: float
    phantom_bytes: float
    read: float
    memory: float


def images(together: Together, threads: int) -> ImagesTrial:
    """Phantoms, which are in HC18's format, made and read."""
    import tempfile

    from miua.data import read_stack, write_phantoms

    number = 4 * threads
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "phantoms"
        together()
        made = _seconds(lambda: write_phantoms(folder, number, 0, threads)) / number
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / number
        read = _seconds(lambda: read_stack(folder, 64, cache=False, threads=threads)) / number
    return ImagesTrial(made, size, read, peak_memory())


def _undisturbed(seconds: list[float]) -> float:
    """The lower quartile: threads that wait for each other all wait when one is disturbed."""
    return sorted(seconds)[len(seconds) // 4]


def _seconds(work: Callable[[], object], on_gpu: bool = False) -> float:
    """How long work takes on a calm machine, at most; of a GPU, how long it took."""
    return _timed(work, on_gpu)[1]


def _timed(work: Callable[[], Found], on_gpu: bool = False) -> tuple[Found, float]:
    """What work gives, and how long it takes."""
    started = time.perf_counter(), time.process_time()
    found = work()
    clock, processor = time.perf_counter() - started[0], time.process_time() - started[1]
    return found, clock if on_gpu else min(clock, processor)


def _heads(side: int, number: int) -> Any:
    """Images whose grey levels and texture cost the metrics what real ones do."""
    import numpy as np
    from PIL import Image

    from miua.data.phantom import phantom

    size = (side, side)
    drawn = [
        np.asarray(
            Image.fromarray(phantom(0, subject, 1).image).resize(size, Image.Resampling.BILINEAR)
        )
        for subject in range(2)
    ]
    # Shifted copies differ as images do, and are made at once.
    return np.stack([np.roll(drawn[index % 2], 3 * index, (0, 1)) for index in range(number)])
