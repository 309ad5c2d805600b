"""Trainings in processes of their own; this module is all that they load besides the library."""

import os
import signal
import sys

from miua import checkpoint, cli
from miua.training import loop
from tests.training.runs import tiny

EPOCHS = [5, 10, 25]


def train(run, stack, between=0.0):
    """Train in this process, saving as often as it can."""
    loop.SECONDS_BETWEEN_CHECKPOINTS = between
    loop.train(tiny(epochs=EPOCHS), stack, run, device="cpu", threads=1)


def killed_in(place, run, stack):
    """Train, and be killed at the 30th checkpoint, at one place of its writing."""
    count = 0
    original = getattr(checkpoint, place)

    def deadly(*arguments, **options):
        nonlocal count
        count += 1
        if count == 30:
            if place == "save_file":
                arguments[1].write_bytes(b"half of the tensors")
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments, **options)

    setattr(checkpoint, place, deadly)
    train(run, stack)


def command(words, said):
    """The command line, which says what it has to say in a file."""
    with said.open("w") as file:
        os.dup2(file.fileno(), 2)
    sys.argv = ["miua", *map(str, words)]
    cli.main()
