"""How long jobs take together, and how much memory: several at once, each after what it needs."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Load:
    """What one job asks of the machine.

    Attributes:
        name: of the job; `after` names those that must have ended.
        seconds: how long it takes.
        threads: cores it holds meanwhile.
        memory: bytes at most.
        priority: higher starts earlier; of equal ones the longest.
    """

    name: str
    seconds: float
    threads: int = 1
    memory: float = 0.0
    priority: int = 0
    after: tuple[str, ...] = ()


def wall_clock(loads: Sequence[Load], cores: int) -> float:
    """Seconds until the last job ends, on `cores` cores that each hold one thread.

    Whenever cores come free, the jobs that are ready and fit start, by priority, then the longest
    first. A name in `after` that is no job here counts as ended. ValueError: jobs wait for each
    other.
    """
    waiting = sorted(loads, key=lambda load: (-load.priority, -load.seconds))
    ended = {name for load in loads for name in load.after} - {load.name for load in loads}
    running: list[tuple[float, int, Load]] = []
    now, free = 0.0, cores
    while waiting or running:
        for load in list(waiting):
            threads = min(load.threads, cores)
            if threads <= free and ended.issuperset(load.after):
                waiting.remove(load)
                free -= threads
                heapq.heappush(running, (now + load.seconds, id(load), load))
        if not running:
            raise ValueError(
                f"jobs wait for each other: {', '.join(load.name for load in waiting)}"
            )
        now, _, load = heapq.heappop(running)
        ended.add(load.name)
        free += min(load.threads, cores)
    return now


def most_memory(loads: Iterable[Load], cores: int) -> float:
    """Bytes that jobs take at once in the worst case: the largest that the cores hold together."""
    free, taken = cores, 0.0
    for load in sorted(loads, key=lambda load: -load.memory):
        threads = min(load.threads, cores)
        if threads <= free:
            free -= threads
            taken += load.memory
    return taken
