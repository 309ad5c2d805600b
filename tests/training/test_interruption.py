"""Processes that are really killed, asked to stop, and out of disk: all end with the same bytes."""

import contextlib
import multiprocessing
import os
import random
import resource
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from miua.checkpoint import Position, saved_positions
from miua.config import write_config
from miua.training.loop import stop_requests
from tests.training.children import EPOCHS, killed_in, train
from tests.training.runs import result, tiny

KILLS = 25

# Children are forked from a server that has loaded torch, so that many start within a second.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.training.children"])


def trained(run, stack, **options):
    """Train in a child to its end; the exit status."""
    child = FORKS.Process(target=train, args=(run, stack), kwargs=options)
    child.start()
    child.join()
    return child.exitcode


@pytest.fixture(scope="module")
def stack():
    return np.random.default_rng(0).integers(0, 256, (25, 32, 32), dtype=np.uint8)


@pytest.fixture(scope="module")
def expected(tmp_path_factory, stack):
    """What a run gives that was left alone, and saved only what it was asked for."""
    run = tmp_path_factory.mktemp("undisturbed") / "run"
    assert trained(run, stack, between=3600.0) == 0
    return result(run)


def wait_for_checkpoints(count, child, run):
    """Wait until a child has saved so many more checkpoints, or has ended."""
    before = newest = saved_positions(run)[-1:]
    while count and child.is_alive():
        if newest != saved_positions(run)[-1:]:
            newest = saved_positions(run)[-1:]
            count -= newest > before
        time.sleep(0.001)


def test_killed_at_random_moments_again_and_again(tmp_path, stack, expected):
    draws = random.Random(2022)
    run = tmp_path / "run"
    killed = damaged = 0
    while killed < KILLS:
        child = FORKS.Process(target=train, args=(run, stack))
        child.start()
        # Before its first batch, or some checkpoints later, wherever it is in the next one.
        wait_for_checkpoints(draws.randrange(4), child, run)
        child.join(draws.uniform(0.0, 0.05))
        if child.exitcode == 0:
            break
        child.kill()
        child.join()
        killed += 1
        if draws.random() < 0.5 and (positions := saved_positions(run)):
            # As if the power had gone before the disk had all of it.
            newest = max((run / "checkpoints").glob("epoch_*.safetensors"))
            os.truncate(newest, draws.randrange(newest.stat().st_size))
            damaged += newest.stem.startswith(f"epoch_{positions[-1].epoch:04d}")
    assert killed > 5
    assert damaged
    assert trained(run, stack) == 0
    assert result(run) == expected


@pytest.mark.parametrize("place", ["save_file", "sha256_file", "write_json"])
def test_killed_while_a_checkpoint_is_written(tmp_path, stack, expected, place):
    """Half the tensors; all of them, without their facts; and before the facts are there."""
    run = tmp_path / "run"
    child = FORKS.Process(target=killed_in, args=(place, run, stack))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    assert saved_positions(run)[-1] == Position(29 // 3, 29 % 3)
    assert trained(run, stack) == 0
    assert result(run) == expected
    assert not list(run.rglob(".partial-*"))


def command(tmp_path, stack):
    """The command as a person gives it; here it saves every two minutes only."""
    np.save(tmp_path / "stack.npy", stack)
    write_config(tmp_path / "config.yaml", tiny(epochs=EPOCHS))
    return [
        sys.executable, "-c", "from miua.cli import main; main()", "train",
        "--config", tmp_path / "config.yaml", "--images", tmp_path / "stack.npy",
        "--out", tmp_path / "run", "--threads", "1", "--device", "cpu",
    ]  # fmt: skip


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_asked_to_stop_it_saves_and_goes_on_there(tmp_path, stack, expected, number, status):
    run = tmp_path / "run"
    with subprocess.Popen(command(tmp_path, stack), stderr=subprocess.PIPE, text=True) as process:
        while not (run / "log.jsonl").exists() or (run / "log.jsonl").stat().st_size < 500:
            time.sleep(0.005)
        process.send_signal(number)
        said = process.communicate()[1]
    assert process.returncode == status
    stopped = saved_positions(run)[-1]
    assert (0, 0) < stopped < (EPOCHS[-1], 0)
    assert f"stopped after {stopped}; the same command goes on there" in said
    assert "Traceback" not in said
    finished = subprocess.run(
        command(tmp_path, stack), stderr=subprocess.PIPE, text=True, check=True
    )
    assert f"going on after {stopped}" in finished.stderr
    assert result(run) == expected


def test_a_second_signal_ends_at_once():
    before = signal.getsignal(signal.SIGINT)
    with stop_requests() as stop:
        assert not stop
        signal.raise_signal(signal.SIGINT)
        assert stop
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_disk_that_is_suddenly_full_costs_nothing_that_was_saved(tmp_path, stack, expected):
    """Without a small disk: a limit on the size of files, set while the training is at work."""
    run = tmp_path / "run"
    child = FORKS.Process(target=train, args=(run, stack))
    child.start()
    while not saved_positions(run):
        time.sleep(0.005)
    resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (50_000, 50_000))
    child.join()
    assert child.exitcode == 1
    assert (0, 0) < saved_positions(run)[-1] < (EPOCHS[-1], 0)
    assert not list(run.rglob(".partial-*"))
    assert trained(run, stack) == 0
    assert result(run) == expected


@contextlib.contextmanager
def small_disk(folder, size):
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder]
    if subprocess.run(["mount", *options], capture_output=True, check=False).returncode != 0:
        pytest.skip("a small disk can be mounted by root alone")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_full_disk_is_told_and_with_room_again_the_run_goes_on(tmp_path, stack, expected):
    disk = tmp_path / "disk"
    with small_disk(disk, "1m"):
        asked = [*command(tmp_path, stack)]
        asked[asked.index("--out") + 1] = disk / "run"
        filler = disk / "filler"
        filler.write_bytes(b"\0" * 850_000)
        full = subprocess.run(asked, stderr=subprocess.PIPE, text=True, check=False)
        assert full.returncode == 1
        assert "cannot be written" in full.stderr
        assert "No space left on device" in full.stderr
        assert "the same command then continues from the newest" in full.stderr
        assert "Traceback" not in full.stderr
        assert not list((disk / "run").rglob(".partial-*"))
        filler.unlink()
        subprocess.run(asked, stderr=subprocess.PIPE, check=True)
        assert result(disk / "run") == expected
