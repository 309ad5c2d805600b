"""The script `run` on machines that lack something: it says what, and stops."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOOLS = ("sh", "dirname", "sed", "grep", "cmp", "cat")


@pytest.fixture
def machine(tmp_path):
    """A copy of `run` and a path of commands of its own; returns a function that runs it."""
    for name in ("run", "system-packages.txt", "requirements-run.lock"):
        shutil.copy(ROOT / name, tmp_path)
    commands = tmp_path / "bin"
    commands.mkdir()
    for tool in TOOLS:
        (commands / tool).symlink_to(shutil.which(tool))

    def run(*arguments, **replaced):
        for name, script in replaced.items():
            path = commands / name.replace("_", "-")
            path.write_text(f"#!/bin/sh\n{script}\n")
            path.chmod(0o755)
        environment = {**os.environ, "PATH": str(commands)}
        return subprocess.run(
            [str(tmp_path / "run"), *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_no_python(machine):
    result = machine("tests")
    assert result.returncode == 1
    assert "python3 is missing. Install Python 3.11 or newer." in result.stderr


def test_old_python(machine):
    old = 'case "$1" in --version) echo Python 3.9.2;; *) exit 1;; esac'
    result = machine("tests", python3=old)
    assert result.returncode == 1
    assert "Python 3.11 or newer is needed; python3 is Python 3.9.2" in result.stderr


def test_without_the_right_to_install_it_names_the_packages(machine):
    result = machine(
        "tests",
        python3="exit 0",
        id="echo 1000",
        dpkg_query='case "$*" in *texlive*|*latexmk*) exit 1;; esac; echo install ok installed',
    )
    assert result.returncode == 1
    missing = result.stderr.partition("ask an administrator to install them:")[2].split()
    assert "latexmk" in missing
    assert "texlive-publishers" in missing
    assert "build-essential" not in missing


def test_where_debian_is_not_it_names_the_first_tool_that_lacks(machine):
    result = machine("tests", python3="exit 0", **{"c++": "exit 0", "git": "exit 0"})
    assert result.returncode == 1
    assert "latexmk is missing. Install what Debian calls:" in result.stderr
    assert "texlive-publishers" in result.stderr


def test_the_package_needs_no_latex(machine):
    everything = {"python3": "exit 0", "c++": "exit 0", "git": "exit 0"}
    assert "latexmk is missing" not in machine("package", **everything).stderr
    assert "latexmk is missing" in machine("package", "tests", **everything).stderr


def test_it_hands_its_arguments_to_nox(machine, tmp_path, monkeypatch):
    private = tmp_path / ".run"
    (private / "bin").mkdir(parents=True)
    shutil.copy(ROOT / "requirements-run.lock", private / "installed.lock")
    nox = private / "bin" / "nox"
    nox.write_text(
        '#!/bin/sh\nfor each in "$@" $PYTHONDONTWRITEBYTECODE; do echo "[$each]"; done\n'
    )
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")  # byte code is written all the same
    nox.chmod(0o755)
    everything = {"python3": "exit 0", "dpkg_query": "echo install ok installed"}
    result = machine("reproduce", "--", "--profile", "a b", **everything)
    assert result.stdout.split("\n")[:-1] == ["[-s]", "[reproduce]", "[--]", "[--profile]", "[a b]"]
    assert machine(**everything).stdout.strip() == "[--list]"
