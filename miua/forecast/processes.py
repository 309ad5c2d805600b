"""Trials in processes of their own, so that each has its own peak memory, several at once."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.synchronize import Barrier
from typing import Any, TypeVar

Result = TypeVar("Result")

SECONDS_TO_GET_READY = 300.0
# What each kind of command loads before its work; a provenance is part of every one.
PROVENANCE = "from miua.provenance import provenance; provenance(inputs={}, settings={})"
COMMANDS = {
    "torch": f"import miua.cli.training, miua.training.loop, miua.sampling; {PROVENANCE}",
    "metrics": f"import miua.cli.measuring, miua.metrics, miua.data; {PROVENANCE}",
    "analysis": f"import miua.cli.measuring, miua.analysis.sensitivity; {PROVENANCE}",
}


class TrialFailedError(Exception):
    """A trial came to no end; the message says why."""


def seconds_to_start(kind: str) -> float:
    """Seconds until a command that needs `kind` of COMMANDS begins with its work.

    The processor's time: one thread loads, and other programs do not add to it.
    """
    before = os.times()
    subprocess.run([sys.executable, "-c", COMMANDS[kind]], check=True, stderr=subprocess.DEVNULL)
    after = os.times()
    taken = after.children_user + after.children_system
    return taken - before.children_user - before.children_system


def run_together(
    trial: Callable[..., Result], arguments: Sequence[tuple[Any, ...]], *, torch: bool
) -> list[Result]:
    """Run a trial once for each tuple of arguments, all at the same time; their results.

    trial: a function of a module, whose first argument is a call that waits for the others.
    torch: start from a process that has it loaded, which saves seconds each time; else from a
    bare one, as torch would count as memory.

    Raises:
        TrialFailedError: one of them failed or was killed.
    """
    context: Any = multiprocessing.get_context("forkserver" if torch else "spawn")
    if torch:
        context.set_forkserver_preload(["miua.training.loop", "miua.sampling"])
    barrier = context.Barrier(len(arguments))
    started: dict[Connection, Any] = {}
    try:
        for each in arguments:
            ours, theirs = context.Pipe(duplex=False)
            process = context.Process(target=_child, args=(theirs, barrier, trial, each))
            process.start()
            theirs.close()
            started[ours] = process
        found: dict[Connection, Any] = {}
        while len(found) < len(started):
            for ready in wait([each for each in started if each not in found]):
                assert isinstance(ready, Connection)
                found[ready] = _received(ready, started[ready], barrier)
        return [found[each] for each in started]
    finally:
        for connection, process in started.items():
            process.kill()
            process.join()
            connection.close()


def _received(connection: Connection, process: Any, barrier: Barrier) -> Any:
    try:
        succeeded, found = connection.recv()
    except EOFError:
        barrier.abort()  # or the others would wait for it
        process.join()
        killed = "it was killed, most likely for lack of memory"
        raise TrialFailedError(
            killed if process.exitcode == -9 else f"it ended with status {process.exitcode}"
        ) from None
    if not succeeded:
        raise TrialFailedError(found)
    return found


def _child(
    connection: Connection,
    barrier: Barrier,
    trial: Callable[..., object],
    arguments: tuple[Any, ...],
) -> None:
    with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123
        sys.stderr = nowhere  # the pieces show their progress, which is not that of the whole
        try:
            found = trial(lambda: barrier.wait(SECONDS_TO_GET_READY), *arguments)
            connection.send((True, found))
        except Exception as error:
            connection.send((False, f"{type(error).__name__}: {error}"))
            barrier.abort()
        finally:
            sys.stderr = sys.__stderr__
