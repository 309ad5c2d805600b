"""What a bug report needs: true, quick, without secrets, and in the light install too."""

import json
import os
import platform
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from miua import environment as module
from miua.environment import environment, hardware
from tests.small_study import call
from tests.test_cli import miua

LIGHT = """
import sys


class Hiding:
    def __init__(self, finder):
        self._finder = finder

    def __getattr__(self, name):
        return getattr(self._finder, name)

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "pandas", "pydicom", "jinja2"):
            return None
        return self._finder.find_spec(name, path, target)


sys.meta_path[:] = [Hiding(finder) for finder in sys.meta_path]
sys.argv = ["miua", "env", "--json"]
from miua.cli import main

main()
"""


def test_the_hardware_is_that_of_this_machine_and_needs_no_torch():
    program = (
        "from miua.environment import hardware; hardware();"
        "import sys; print('torch' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", program], text=True) == "False\n"
    found = hardware()
    assert found["architecture"] == platform.machine()
    assert found["cores"] == len(os.sched_getaffinity(0))
    assert 2**28 < found["memory_bytes"] <= os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert found["processor"]


def test_gpus_are_those_that_the_driver_tells(tmp_path, monkeypatch):
    tool = tmp_path / "nvidia-smi"
    tool.write_text(
        "#!/bin/sh\necho 'NVIDIA H100, 80GB HBM3, 81559, 550.54.15'\n"
        "echo 'NVIDIA A100 MIG, [N/A], 550.54.15'\n"
    )
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert hardware()["gpus"] == [
        {"name": "NVIDIA H100, 80GB HBM3", "memory_bytes": 81559 * 2**20, "driver": "550.54.15"},
        {"name": "NVIDIA A100 MIG", "memory_bytes": None, "driver": "550.54.15"},
    ]
    tool.write_text("#!/bin/sh\necho 'NVIDIA-SMI has failed'; exit 9\n")
    assert hardware()["gpus"] == []


def test_the_command_tells_the_same_to_people_and_to_machines():
    told = json.loads(call("env", "--json"))
    import torch

    assert told["torch"]["version"] == torch.__version__
    assert told["packages"]["torch"] == version("torch")
    assert told["kernels"]["instruction_sets"][0] == "baseline"
    assert {pool["user_api"] for pool in told["thread_pools"]} >= {"blas"}
    text = miua("env", MIUA_INSTRUCTION_SET="baseline").stdout
    lines = text.splitlines()
    assert lines[0].startswith(f"miua       {told['miua']['version']}, in ")
    assert f"Python     CPython {platform.python_version()}, " in text
    assert "kernels    baseline, of baseline" in text
    assert "variables  " in text
    assert "MIUA_INSTRUCTION_SET=baseline" in text


def test_nothing_of_the_home_folder_or_of_other_variables_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MIUA_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("MIUA_TOKEN", "secret-1")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-2")
    told = environment()
    assert "secret" not in json.dumps(told)
    assert str(tmp_path) not in json.dumps(told)
    assert told["data_folder"]["path"] == told["variables"]["MIUA_DATA_DIR"] == "~/data"
    assert not told["data_folder"]["exists"]


def test_every_variable_that_the_package_reads_is_told():
    package = Path(module.__file__).parent
    texts = [path.read_text(encoding="utf-8") for path in package.rglob("*.py")]
    named = {name for text in texts for name in re.findall(r'"(MIUA_[A-Z0-9_]+)"', text)}
    assert named == {name for name in module.VARIABLES if name.startswith("MIUA_")}
    assert "MIUA_HC18" in named


def test_a_folder_that_only_begins_like_the_home_folder_is_told_whole(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "ann"))
    assert module._short(str(tmp_path / "anna" / "x")) == str(tmp_path / "anna" / "x")
    assert module._short(str(tmp_path / "ann" / "x")) == "~/x"
    monkeypatch.setenv("HOME", "/")
    assert module._short("/etc/hosts") == "/etc/hosts"


def test_the_light_install_says_what_is_missing():
    result = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    told = json.loads(result.stdout)
    assert told["torch"] is None
    assert told["extras"]["study"][:2] == ["torch", "pandas"]
    assert told["extras"]["dicom"] == ["pydicom"]


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"MIUA_CONTAINER": "1"}, "the study's image"),
        ({"container": "podman"}, "another container"),
    ],
)
def test_a_container_is_told(variables, told, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_CONTAINER_MARKS", (tmp_path / "absent",))
    for name in ("MIUA_CONTAINER", "container"):
        monkeypatch.delenv(name, raising=False)
    assert module._container() is None
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert module._container() == told
