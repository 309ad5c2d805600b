"""What each job costs on this machine, now: trials of small pieces, and what follows from them."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import nn

from miua.config import TrainingConfig
from miua.dcgan import Discriminator, Generator
from miua.forecast import trials
from miua.forecast.machine import memory_of_machine
from miua.forecast.processes import Result, TrialFailedError, run_together, seconds_to_start
from miua.forecast.work import (
    EVALUATE,
    GENERATE,
    NOISE_FLOOR,
    PHANTOMS,
    REFERENCES,
    SENSITIVITY,
    STACKS,
    TRAIN,
    Job,
    training_left,
)
from miua.progress import say
from miua.study.plan import Plan, RealImages
from miua.training.loop import SECONDS_BETWEEN_CHECKPOINTS
from miua.training.run_folder import GRID_SIDE

BYTES_OF_WEIGHT = 16  # float32: itself, its gradient and two moments


@dataclass(frozen=True)
class Cost:
    """What one job asks for.

    Attributes:
        seconds: None if it cannot be predicted.
        memory, gpu_memory: bytes at most; None if not known.
        disk: bytes that it leaves; passing: bytes more while it runs.
        images, rate: of a training: images still to train on, and how many a second.
    """

    seconds: float | None = None
    memory: float | None = None
    gpu_memory: float = 0.0
    disk: float = 0.0
    passing: float = 0.0
    images: int = 0
    rate: float | None = None


@dataclass
class Measured:
    """Costs by the jobs' names, and why some could not be measured."""

    costs: dict[str, Cost] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)


def checkpoint_bytes(config: TrainingConfig) -> int:
    """Bytes of the tensors of one checkpoint of a training, from its networks' shapes alone."""
    with torch.device("meta"):  # shapes without memory or random numbers
        networks = _networks(config)
        total = 0
        for network in networks:
            tensors = [*network.state_dict().values()]
            total += sum(tensor.numel() * tensor.element_size() for tensor in tensors)
            for weight in network.parameters():
                # Adam keeps two moments for each weight, and counts the steps in a float32.
                total += 2 * weight.numel() * weight.element_size() + 4
    return total


def measure(plan: Plan, folder: Path, jobs: list[Job], cores: int, device: str) -> Measured:
    """Measure what the jobs that are left cost; says what it is at.

    Args:
        plan: what is to be made.
        folder: the results folder.
        jobs: those that are left.
        cores: of the machine, as many as jobs may take together.
        device: "cpu" or "cuda", of trainings and sets.
    """
    measuring = _Measuring(plan, folder, jobs, cores, device)
    with tempfile.TemporaryDirectory(prefix="miua-forecast-") as scratch:
        measuring.trainings_and_sets(Path(scratch))
    measuring.metrics()
    measuring.real_images()
    measuring.images()
    return measuring.found


class _Measuring:
    def __init__(self, plan: Plan, folder: Path, jobs: list[Job], cores: int, device: str) -> None:
        self.plan, self.folder, self.cores, self.device = plan, folder, cores, device
        self.jobs: dict[str, list[Job]] = defaultdict(list)
        for job in jobs:
            self.jobs[job.rule].append(job)
        self.found = Measured()
        self._starts: dict[str, float] = {}

    def trainings_and_sets(self, scratch: Path) -> None:
        """A trial for each kind of network: first its training, then sets from its checkpoint."""
        kinds: dict[tuple[object, ...], list[Job]] = defaultdict(list)
        for job in self.jobs[TRAIN] + self.jobs[GENERATE]:
            kinds[_kind(self.plan.runs[job.run])].append(job)
        sets: dict[tuple[object, ...], trials.SetTrial] = {}
        for number, jobs in enumerate(kinds.values()):
            config = self.plan.runs[jobs[0].run]
            try:
                training = self._training_trial(config, jobs, scratch / str(number))
                network = (config.image_size, config.feature_maps, config.latent_size)
                if network not in sets:
                    sets[network] = self._set_trial(config, jobs, training, scratch / str(number))
            except TrialFailedError as error:
                self._not_measured(f"Training of {_in_words(config)}", error)
                continue
            for job in jobs:
                cost = self._training if job.rule == TRAIN else self._set
                self.found.costs[job.name] = cost(job, training, sets[network])

    def _training_trial(
        self, config: TrainingConfig, jobs: list[Job], place: Path
    ) -> trials.TrainingTrial:
        threads = min(self.plan.profile.threads_per_training, self.cores)
        least = BYTES_OF_WEIGHT * sum(_weights(network) for network in _on_meta(config))
        _, free = memory_of_machine()
        fitting = int(free // least)
        if self.device == "cpu" and not fitting:
            raise TrialFailedError(
                f"its weights alone need {least / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free"
            )
        at_once = min(self.cores // threads, len(self.jobs[TRAIN]) or 1, max(1, fitting))
        say(f"Measuring: training {_in_words(config)}{_at_once(at_once)} ...")
        config = config.model_copy(update={"epochs": [1]})
        arguments = [
            (config, self.device, threads, place / str(number)) for number in range(at_once)
        ]
        found = run_together(trials.training, arguments, torch=True)
        return trials.TrainingTrial(
            max(each.first for each in found),
            sum(each.images_per_second for each in found) / at_once,
            max(each.save for each in found),
            max(each.memory for each in found),
            max(each.gpu_memory for each in found),
        )

    def _set_trial(
        self, config: TrainingConfig, jobs: list[Job], training: trials.TrainingTrial, place: Path
    ) -> trials.SetTrial:
        fitting = int(memory_of_machine()[1] // training.memory)
        at_once = max(1, min(self.cores, len(self.jobs[GENERATE]), fitting))
        say(f"Measuring: synthetic images of {_in_words(config)}{_at_once(at_once)} ...")
        number = self.plan.profile.synthetic_images
        arguments = [
            (place / "0", number, self.device, place / f"set-{each}") for each in range(at_once)
        ]
        found = run_together(trials.synthetic_set, arguments, torch=True)
        return trials.SetTrial(
            *(max(getattr(each, name) for each in found) for name in ("once", "each", "memory"))
        )

    def _training(self, job: Job, trial: trials.TrainingTrial, images: trials.SetTrial) -> Cost:
        config = self.plan.runs[job.run]
        left = training_left(self.folder / "runs" / job.run, config)
        steps = left.images / trial.images_per_second
        saves = left.epochs + int(steps // SECONDS_BETWEEN_CHECKPOINTS)
        seconds = self._start("torch") + steps + saves * trial.save
        seconds += trial.first if left.images else 0.0
        seconds += left.grids * GRID_SIDE**2 * images.each
        size = checkpoint_bytes(config)
        return Cost(
            seconds,
            trial.memory,
            trial.gpu_memory,
            disk=left.epochs * size,
            passing=2 * size if left.images else 0,
            images=left.images,
            rate=trial.images_per_second,
        )

    def _set(self, job: Job, _: trials.TrainingTrial, trial: trials.SetTrial) -> Cost:
        number = self.plan.profile.synthetic_images
        seconds = self._start("torch") + trial.once + (number - 1) * trial.each
        disk = number * self.plan.runs[job.run].image_size ** 2
        return Cost(seconds, trial.memory, disk=disk)

    def metrics(self) -> None:
        """A trial for each image size."""
        sizes: dict[int, list[Job]] = defaultdict(list)
        for job in self.jobs[EVALUATE]:
            sizes[self.plan.runs[job.run].image_size].append(job)
        profile = self.plan.profile
        for side, jobs in sizes.items():
            at_once = min(self.cores, len(self.jobs[EVALUATE]))
            say(f"Measuring: metrics of {side} x {side} images{_at_once(at_once)} ...")
            arguments = [(side, profile.reference_images, profile.synthetic_images)] * at_once
            for found in self._try("Metrics", trials.metrics, arguments):
                seconds = self._start("metrics") + found.seconds
                cost = Cost(seconds, found.memory, disk=found.bytes + 8 * 256)
                self.found.costs |= dict.fromkeys((job.name for job in jobs), cost)

    def real_images(self) -> None:
        """A trial for both experiments that measure real images."""
        profile, wanted = self.plan.profile, {}
        for rule, name in ((NOISE_FLOOR, "noise-floor"), (SENSITIVITY, "sensitivity")):
            scale = profile.experiments.get(name) if self.jobs[rule] else None
            wanted[rule] = (scale.images, scale.repeats) if isinstance(scale, RealImages) else None
        if not any(wanted.values()):
            return
        say("Measuring: real images against real images ...")
        side, images = profile.image_size, profile.available_images
        arguments = [(side, images, self.cores, wanted[NOISE_FLOOR], wanted[SENSITIVITY])]
        for found in self._try("Real images", trials.real_images, arguments):
            start = self._start("analysis")
            for rule, seconds in (
                (NOISE_FLOOR, found.noise_floor),
                (SENSITIVITY, found.sensitivity),
            ):
                for job in self.jobs[rule]:
                    self.found.costs[job.name] = Cost(start + seconds, found.memory)

    def images(self) -> None:
        """A trial for phantoms, image stacks and references."""
        jobs = self.jobs[PHANTOMS] + self.jobs[STACKS] + self.jobs[REFERENCES]
        if not jobs:
            return
        say("Measuring: making and reading images ...")
        profile = self.plan.profile
        number = profile.available_images
        for found in self._try("Images", trials.images, [(self.cores,)]):
            costs = {
                PHANTOMS: Cost(number * found.phantom, disk=number * found.phantom_bytes),
                STACKS: Cost(number * found.read, disk=number),
                REFERENCES: Cost(0.0, disk=profile.reference_images),
            }
            for job in jobs:
                cost, pixels = costs[job.rule], 1
                if job.rule != PHANTOMS:
                    pixels = int(job.subject.partition("_")[0]) ** 2
                seconds = (cost.seconds or 0.0) + self._start("metrics")
                disk = cost.disk * pixels
                memory = found.memory + (number * pixels if job.rule != PHANTOMS else 0)
                self.found.costs[job.name] = replace(
                    cost, seconds=seconds, disk=disk, memory=memory
                )

    def _try(
        self,
        what: str,
        trial: Callable[..., Result],
        arguments: Sequence[tuple[object, ...]],
    ) -> Iterable[Result]:
        """What the first of the trials that ran together found; nothing if one failed."""
        try:
            return run_together(trial, arguments, torch=False)[:1]
        except TrialFailedError as error:
            self._not_measured(what, error)
            return []

    def _start(self, kind: str) -> float:
        if kind not in self._starts:
            self._starts[kind] = seconds_to_start(kind)
        return self._starts[kind]

    def _not_measured(self, what: str, error: Exception) -> None:
        reason = f"{what}: not predicted, as its trial failed: {error}".rstrip(".") + "."
        if reason not in self.found.reasons:
            self.found.reasons.append(reason)


def _networks(config: TrainingConfig) -> tuple[nn.Module, nn.Module]:
    generator = Generator(config.image_size, config.latent_size, config.feature_maps)
    return generator, Discriminator(config.image_size, config.feature_maps)


def _on_meta(config: TrainingConfig) -> tuple[nn.Module, nn.Module]:
    with torch.device("meta"):
        return _networks(config)


def _weights(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


def _kind(config: TrainingConfig) -> tuple[object, ...]:
    """What decides how fast a training is, but for small things such as its augmentation."""
    return (
        config.image_size,
        config.feature_maps,
        config.latent_size,
        config.batch_size,
        config.precision,
    )


def _in_words(config: TrainingConfig) -> str:
    return (
        f"{config.image_size} x {config.image_size} pixels, {config.feature_maps} feature maps, "
        f"batch {config.batch_size}"
    )


def _at_once(number: int) -> str:
    return f", {number} at once" if number > 1 else ""
