"""What a forecast says: numbers for each step, and all together."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """One row: a step of the study.

    Attributes:
        name: in words.
        jobs, left: how many there are, and how many are still to be done.
        least, most: seconds of one job; None if one of them cannot be predicted.
        in_turn: seconds of all that is left, one after the other; None likewise.
        at_once: seconds of all that is left on the cores there are; None likewise.
        memory: bytes of one job at most; None if not known.
        disk: bytes that it leaves; None if not known.
    """

    name: str
    jobs: int
    left: int
    least: float | None
    most: float | None
    in_turn: float | None
    at_once: float | None
    memory: float | None
    disk: float | None


@dataclass(frozen=True)
class Trainings:
    """One row: the trainings of one experiment that no experiment before it has.

    images, rate, seconds: the least and the most of one training that is left; images still to
    train on, images a second, and None where there is no training left, or no number.
    """

    experiment: str
    jobs: int
    left: int
    images: tuple[float, float] | None
    rate: tuple[float, float] | None
    seconds: tuple[float, float] | None
    disk: float | None


@dataclass(frozen=True)
class Totals:
    """All that is left: seconds, bytes, and beside them what the machine has.

    in_turn, wall_clock: without what is not predicted. memory: of the jobs that run at once, in
    the worst case; disk: with what passes while they run.
    """

    in_turn: float
    wall_clock: float
    memory: float
    gpu_memory: float
    disk: float
    machine_memory: float
    free_memory: float
    machine_gpu_memory: float
    free_disk: float


@dataclass(frozen=True)
class Forecast:
    """A prediction, as `print_forecast` shows it.

    where: device, and how many trainings at once. unpredicted: names of steps that are left and
    have no time. notes: what the numbers rest on. warnings: what does not fit.
    """

    where: str
    cores: int
    steps: list[Step]
    trainings: list[Trainings]
    totals: Totals
    unpredicted: list[str]
    notes: list[str]
    warnings: list[str]
