"""Processes that are really killed, asked to stop, and out of disk: all end with the same bytes."""

import contextlib
import multiprocessing
import os
import random
import resource
import signal
import subprocess
import time

import numpy as np
import pytest

from miua.checkpoint import Position, saved_positions
from miua.config import write_config
from miua.training.loop import stop_requests
from tests.training.children import EPOCHS, command, killed_in, train
from tests.training.runs import result, tiny

KILLS = 25

# Children are forked from a server that has loaded torch, so that many start within a second.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.training.children"])


def start(target, *arguments, **options):
    child = FORKS.Process(target=target, args=arguments, kwargs=options)
    child.start()
    return child


def ended(child):
    """The exit status of a child, once it has ended."""
    child.join()
    return child.exitcode


def trained(run, stack, **options):
    """Train in a child to its end; the exit status."""
    return ended(start(train, run, stack, **options))


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
        child = start(train, run, stack)
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
    assert ended(start(killed_in, place, run, stack)) == -signal.SIGKILL
    assert saved_positions(run)[-1] == Position(29 // 3, 29 % 3)
    assert trained(run, stack) == 0
    assert result(run) == expected
    assert not list(run.rglob(".partial-*"))


@pytest.fixture
def asked(tmp_path, stack):
    """The command as a person gives it, all but --out; here it saves every two minutes only."""
    np.save(tmp_path / "stack.npy", stack)
    write_config(tmp_path / "config.yaml", tiny(epochs=EPOCHS))
    given = ["--config", tmp_path / "config.yaml", "--images", tmp_path / "stack.npy"]
    return ["train", *given, "--threads", "1", "--device", "cpu"]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_asked_to_stop_it_saves_and_goes_on_there(tmp_path, asked, expected, number, status):
    run, said = tmp_path / "run", tmp_path / "said.txt"
    child = start(command, [*asked, "--out", run], said)
    while not (run / "log.jsonl").exists() or (run / "log.jsonl").stat().st_size < 500:
        time.sleep(0.005)
    os.kill(child.pid, number)
    assert ended(child) == status
    stopped = saved_positions(run)[-1]
    assert (0, 0) < stopped < (EPOCHS[-1], 0)
    assert f"stopped after {stopped}; the same command goes on there" in said.read_text()
    assert "Traceback" not in said.read_text()
    assert ended(start(command, [*asked, "--out", run], said)) == 0
    assert f"going on after {stopped}" in said.read_text()
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
    child = start(train, run, stack)
    while not saved_positions(run):
        time.sleep(0.005)
    resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (50_000, 50_000))
    assert ended(child) == 1
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


def test_a_full_disk_is_told_and_with_room_again_the_run_goes_on(tmp_path, asked, expected):
    disk, said = tmp_path / "disk", tmp_path / "said.txt"
    with small_disk(disk, "1m"):
        filler = disk / "filler"
        filler.write_bytes(b"\0" * 850_000)
        assert ended(start(command, [*asked, "--out", disk / "run"], said)) == 1
        for words in (
            "cannot be written",
            "No space left on device",
            "the same command then continues from the newest",
        ):
            assert words in said.read_text()
        assert "Traceback" not in said.read_text()
        assert not list((disk / "run").rglob(".partial-*"))
        filler.unlink()
        assert ended(start(command, [*asked, "--out", disk / "run"], said)) == 0
        assert result(disk / "run") == expected
