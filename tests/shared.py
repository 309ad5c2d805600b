"""What takes long to make, and tests only read: made once for all workers of pytest-xdist."""

import fcntl
import os
import shutil


def made_once(tmp_path_factory, name, make):
    """The folder that `make(folder)` fills, made by the first worker that needs it."""
    place = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        place = place.parent
    folder, done = place / name, place / f"{name}.made"
    with (place / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            make(folder)
            done.touch()
    return folder
