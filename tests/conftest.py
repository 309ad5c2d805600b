"""Every test gets an empty cache folder of its own, so that none sees or touches the user's."""

import os
import shutil
import signal
import socket

if workers := os.environ.get("PYTEST_XDIST_WORKER_COUNT"):
    # Before anything loads OpenMP: the workers share the cores, and do not fight for them.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores // int(workers))))

import hypothesis
import pytest

from container.loopback import switch_on
from tests.shared import made_once

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what runs in its background deaf to Ctrl-C, and so would be what tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The examples of every run are the same ones: a test fails because of the code, and at once.
# `nox -s explore` looks for others. How long an example takes says how busy the machine is.
hypothesis.settings.register_profile("fixed", deadline=None, derandomize=True)
hypothesis.settings.register_profile(
    "explore", deadline=None, max_examples=1000, print_blob=True, derandomize=False
)
hypothesis.settings.load_profile("fixed")


def pytest_collection_modifyitems(items):
    # What takes longest begins first, so that no core is idle at the end.
    items.sort(key=lambda item: "without_latex" not in getattr(item, "fixturenames", ()))


@pytest.fixture(autouse=True)
def own_data_folder(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.mktemp("data-folder")
    monkeypatch.setenv("MIUA_DATA_DIR", str(folder))
    for name in ("MIUA_HC18", "MIUA_INCEPTION_WEIGHTS", "MIUA_TRACEBACK", "MIUA_COMMIT"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """A path of commands of its own; returns a function that adds one."""
    folder = tmp_path / "commands"
    folder.mkdir()
    (folder / "sh").symlink_to(shutil.which("sh"))
    monkeypatch.setenv("PATH", str(folder))

    def add(name, script):
        path = folder / name
        path.write_text(f"#!{folder}/sh\n{script}\n")
        path.chmod(0o755)

    return add


@pytest.fixture(scope="session")
def loopback():
    """Make sure that servers of this machine can be reached at 127.0.0.1.

    A machine with its network cut off (`unshare -n`) has the loopback interface, switched off.
    """
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname(), timeout=5).close()
    except OSError:
        switch_on()


@pytest.fixture(scope="session")
def small_study(tmp_path_factory):
    """A tiny study and its results with a manifest, as a World. Only to be read."""
    from tests.small_study import World, make_small_study  # not for tests that need no torch

    return World(made_once(tmp_path_factory, "small-study", make_small_study))
