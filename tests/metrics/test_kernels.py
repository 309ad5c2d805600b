"""What all kernels have in common: instruction sets, interruption, forks, tensors."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from miua import _kernels
from miua.metrics import (
    entropy,
    joint_histogram,
    lbp_codes,
    lbp_histogram,
    mutual_information,
    mutual_information_all_pairs,
    peak_signal_to_noise_ratio_all_pairs,
)
from miua.metrics.stacks import image_stack

SETS = _kernels.instruction_sets()


def images(seed: int, *shape: int, levels: int = 256) -> np.ndarray:
    values = np.random.default_rng(seed).integers(0, levels, shape)
    return (values * (255 // (levels - 1))).astype(np.uint8)


def everything(stacks: list[np.ndarray], threads: int) -> list[bytes]:
    """The bytes of what every kernel makes of the stacks."""
    results = []
    for stack in stacks:
        for method in ("default", "ror", "uniform", "nri_uniform"):
            for P, R in ((8, 1.0), (8, 2.4), (13, 3.0)):
                results.append(lbp_codes(stack, P, R, method, threads=threads))
                results.append(lbp_histogram(stack, P, R, method, threads=threads))
            results.append(lbp_histogram(stack.astype(np.uint16), 8, 1.0, method, threads=threads))
        other = np.ascontiguousarray(stack[::-1])
        for bins in (2, 64, 100, 256):
            results.append(joint_histogram(stack, other, bins, threads=threads))
            for estimator in ("plug-in", "grassberger"):
                options = {"estimator": estimator, "threads": threads}
                results.append(entropy(stack, bins, **options))
                results.append(mutual_information(stack, other, bins, **options))
                results.append(mutual_information_all_pairs(stack, other, bins, **options))
    return [result.tobytes() for result in results]


def test_results_are_bit_identical_for_all_instruction_sets_and_threads(monkeypatch):
    stacks = [images(1, 11, 37, 53), images(2, 3, 65, 130, levels=2), images(3, 5, 1, 1)]
    expected = everything(stacks, threads=1)
    assert "baseline" in SETS
    for name in SETS:
        monkeypatch.setenv("MIUA_INSTRUCTION_SET", name)
        for threads in (1, 2, 3, 7):
            assert everything(stacks, threads) == expected, (name, threads)


def test_an_instruction_set_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setenv("MIUA_INSTRUCTION_SET", "avx1024")
    with pytest.raises(ValueError, match=r"MIUA_INSTRUCTION_SET is 'avx1024'.*baseline"):
        lbp_codes(images(4, 1, 3, 3))


def test_tensors_are_read_where_they_lie():
    stack = images(5, 4, 20, 20)
    tensor = torch.from_numpy(stack.copy())
    assert np.array_equal(lbp_histogram(tensor), lbp_histogram(stack))
    assert np.array_equal(lbp_codes(tensor.to(torch.uint16)), lbp_codes(stack))
    assert np.array_equal(mutual_information(tensor, stack), mutual_information(stack, stack))
    assert np.isposinf(np.diag(peak_signal_to_noise_ratio_all_pairs(tensor, stack))).all()
    assert image_stack(tensor, "stack").ctypes.data == tensor.data_ptr()


@pytest.mark.parametrize(
    ("tensor", "error", "message"),
    [
        (torch.zeros(2, 4, 4), TypeError, "stack must have dtype uint8 or uint16, not float32"),
        (torch.zeros(4, 4, dtype=torch.uint8), ValueError, "stack must be an image stack"),
        (torch.zeros(2, 4, 4, dtype=torch.uint8).mT[:, 1:], ValueError, "C-contiguous"),
        (torch.zeros(2, 4, 4, requires_grad=True), TypeError, "stack must be a tensor that numpy"),
        (
            torch.zeros(2, 4, 4, dtype=torch.bfloat16),
            TypeError,
            "stack must be a tensor that numpy",
        ),
        (np.ma.masked_equal(np.eye(4, dtype=np.uint8)[None], 1), TypeError, "must not be masked"),
        (np.zeros(65, np.uint8)[1:].view(np.uint16).reshape(2, 4, 4), ValueError, "aligned"),
    ],
)
def test_wrong_tensors_are_refused(tensor, error, message):
    with pytest.raises(error, match=message):
        lbp_codes(tensor)


def test_memory_of_another_device_is_refused():
    with pytest.raises(TypeError, match=r"stack must lie in the CPU's memory; pass stack.cpu\(\)"):
        lbp_codes(OnAnotherDevice())


class OnAnotherDevice:
    def __dlpack_device__(self) -> tuple[int, int]:
        return (2, 0)  # CUDA


def run(program: str, **options) -> subprocess.CompletedProcess:
    head = "import numpy as np\nfrom miua.metrics import *\n"
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", head + program],
        capture_output=True,
        text=True,
        timeout=600,
        **options,
    )


CALLS = (
    "lbp_codes(stack, 24, 9.0, threads={})",
    "lbp_histogram(stack, 24, 9.0, 'uniform', threads={})",
    "joint_histogram(stack, stack, threads={})",
    "entropy(stack, threads={})",
    "mutual_information(stack, stack, threads={})",
    "mutual_information_all_pairs(stack, stack, threads={})",
    "structural_similarity(stack, stack, threads={})",
    "structural_similarity_all_pairs(stack, stack, threads={})",
)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="counts threads as Linux does")
@pytest.mark.parametrize(
    ("call", "wanted", "threads", "started"),
    [
        *((call, "3", 0, 2) for call in CALLS),
        (CALLS[0], "1", 0, 0),
        (CALLS[0], "3", 1, 0),
        (CALLS[0], "1", 4, 3),
    ],
)
def test_threads_are_what_the_call_or_else_the_environment_says(call, wanted, threads, started):
    program = f"""
import os
stack = np.zeros((64, 8, 8), np.uint8)
before = len(os.listdir("/proc/self/task"))
{call.format(threads)}
print(len(os.listdir("/proc/self/task")) - before)
"""
    answer = run(program, env={**os.environ, "OMP_NUM_THREADS": wanted})
    assert answer.stdout == f"{started}\n"


@pytest.mark.parametrize(
    ("images", "call"),
    list(zip((400, 400, 5000, 40000, 20000, 400, 20000, 400), CALLS, strict=True)),
)
def test_other_python_threads_run_during_a_call(images, call):
    # Were the interpreter locked during the call, the main thread could not count until it is over.
    program = f"""
import threading
stack = np.zeros(({images}, 64, 64), np.uint8)
over = threading.Event()
def work():
    {call.format(1)}
    over.set()
threading.Thread(target=work).start()
times = 0
while not over.wait(0.001):
    times += 1
print(times)
"""
    assert int(run(program).stdout) > 10


def test_a_forked_child_does_not_wait_for_its_parents_threads():
    program = """
import os
stack = np.zeros((64, 32, 32), np.uint8)
expected = lbp_histogram(stack, threads=4)
child = os.fork()
if child == 0:
    same = np.array_equal(lbp_histogram(stack, threads=4), expected)
    os._exit(0 if same else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert run(program).stdout == "0\n"


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    "work",
    [
        "mutual_information_all_pairs(stack[:20000], stack[:20000], threads={})",
        "structural_similarity_all_pairs(stack[:20000], stack[:20000], threads={})",
        "lbp_histogram(stack, 24, 9.0, 'uniform', threads={})",
    ],
)
def test_ctrl_c_ends_a_long_call(work, threads):
    # Work for far longer than the limit, which is of processor time, as other work may be going on.
    # Reading untouched zeros takes no memory.
    program = f"""
import resource
resource.setrlimit(resource.RLIMIT_CPU, (10, 10))
stack = np.zeros((1000000, 64, 64), np.uint8)
try:
    print("ready", flush=True)
    {work.format(threads)}
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""
    head = "import numpy as np\nfrom miua.metrics import *\n"
    with subprocess.Popen(
        [sys.executable, "-c", head + program], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.3)
        os.kill(process.pid, signal.SIGINT)
        output, _ = process.communicate()
    assert output == "interrupted\n"
