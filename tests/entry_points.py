"""The entry points of the project, and which of them `.ci/run` takes."""

import runpy
import shlex
from pathlib import Path

from nox import registry

ROOT = Path(__file__).parent.parent
NOXFILE = runpy.run_path(str(ROOT / "noxfile.py"))
SESSIONS = frozenset(registry.get())


def sessions(command):
    """The sessions of a command like `./run lint tests -- -x`, and what goes to them."""
    words = shlex.split(command, comments=True)
    start = {("./run",): 1, ("nox", "-s"): 2}
    for opening, length in start.items():
        if tuple(words[:length]) == opening:
            named, _, arguments = " ".join(words[length:]).partition(" -- ")
            return named.split(), arguments
    return [], ""


def exercised():
    """The sessions that `.ci/run` runs, each with what goes to it."""
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    commands = [line.removeprefix("timeout 30 ") for line in lines]
    return {each for command in commands if "./run" in command for each in calls(command)}


def calls(command):
    """The sessions of a command, each with what goes to it."""
    named, arguments = sessions(command)
    return {(name, arguments) for name in named}
