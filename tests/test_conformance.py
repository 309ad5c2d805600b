import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from miua import conformance
from miua.cli import app
from miua.errors import MiuaError
from miua.peers import differences
from tests.make_conformance import cases as listed_cases

ON_FILE = Path(__file__).with_name("conformance.json")


def test_the_build_carries_the_committed_file():
    assert conformance.FILE.read_bytes() == ON_FILE.read_bytes()


def test_the_file_holds_the_listed_cases():
    on_file = [replace(case, sha256="") for case in conformance.read_cases(ON_FILE)]
    assert on_file == listed_cases()


@pytest.mark.parametrize("threads", [1, 3])
def test_the_kernels_conform_with_every_instruction_set(threads):
    cases = conformance.read_cases(ON_FILE)
    for name in conformance.instruction_sets():
        with conformance.forced(name):
            assert conformance.failures(cases, conformance.installed, threads) == []
    assert conformance.VARIABLE not in os.environ


def test_another_result_is_found_and_named():
    case = conformance.read_cases(ON_FILE)[0]
    wrong = replace(case, parameters=[8, 1.0, "ror"])
    assert conformance.failures([case, wrong], conformance.installed) == [wrong]
    assert str(wrong) == "lbp_histogram(8, 1.0, ror) of uint8 5 x 64 x 64, mask 0xff"


def test_a_file_without_cases_proves_nothing(tmp_path):
    empty = tmp_path / "conformance.json"
    with pytest.raises(MiuaError, match="is missing"):
        conformance.read_cases(empty)
    empty.write_text('{"version": 1, "cases": []}')
    with pytest.raises(MiuaError, match="holds no cases"):
        conformance.read_cases(empty)


def test_a_runner_that_fails_is_told():
    program = [sys.executable, "-c", "import sys; sys.exit('no such kernel')"]
    case = conformance.read_cases(ON_FILE)[0]
    with pytest.raises(MiuaError, match="no such kernel"):
        conformance.runner(program)(case, 1)


def test_the_command_checks_and_compares():
    answer = subprocess.run(
        [str(Path(sys.executable).with_name("miua")), "conformance"], capture_output=True, text=True
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.count("with 1, 2 and 7 threads") == len(conformance.instruction_sets())
    assert "LBP, P=24 R=3" in answer.stdout


def test_the_command_says_when_results_are_others():
    wrong = f"{sys.executable} -c pass"
    answer = CliRunner().invoke(app, ["conformance", "--runner", wrong])
    assert isinstance(answer.exception, MiuaError)
    assert "Do not trust this build" in str(answer.exception)


def test_scikit_image_differs_at_exact_ties_only():
    flat = np.repeat(np.repeat(np.arange(16, dtype=np.uint8), 8), 16).reshape(1, 32, 64) * 16
    found, _ = differences(np.concatenate([flat, flat[:, ::-1]]))
    rows = [row for row in found if row.peer == "scikit-image"]
    assert len(rows) == 2
    for row in rows:
        assert row.pixels == 0 or row.remark == f"{row.pixels:,} exact ties"
