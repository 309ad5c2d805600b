"""Every command of the README is run by a test or by CI, or the list says why not."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from tests.entry_points import ROOT, SESSIONS, calls, exercised, sessions
from tests.small_study import call
from tests.test_docs import blocks

README = ROOT / "README.md"
OPENINGS = ("./run", "nox", "miua", "pip", "docker", "podman", "apptainer", "buildah")


class Elsewhere(NamedTuple):
    """What runs the commands that begin so: a test (file::function), or why nothing does."""

    opening: str
    test: str = ""
    reason: str = ""


HOURS = "hours; `.ci/run` does the same with the profile smoke"
ENGINE = "a container engine; `nox -s image` builds the image, and its check runs in it"
ELSEWHERE = (
    Elsewhere("./run reproduce -- --profile cpu --dry-run", test="tests/test_reproduce.py"),
    Elsewhere("./run reproduce -- --profile cpu", reason=HOURS),
    Elsewhere("./run experiment -- noise-floor --profile cpu", reason=HOURS),
    Elsewhere("./run experiment -- training-size --profile cpu", reason=HOURS),
    Elsewhere("./run paper -- results/cpu", reason=HOURS),
    Elsewhere("./run explore", reason="every night; a run finds other examples than the last"),
    Elsewhere("./run fuzz", test="tests/data/test_mutations.py"),
    Elsewhere("./run bench", reason="timings, which a busy machine makes worthless"),
    Elsewhere("nox -s image", reason=ENGINE),
    Elsewhere("./run image", reason=ENGINE),
    Elsewhere("nox -s audit", reason="asks a database of vulnerabilities"),
    Elsewhere("./run audit", reason="asks a database of vulnerabilities"),
    Elsewhere("nox -s expected", reason="an hour and a half; its commands have tests"),
    Elsewhere("nox -s lock", reason="changes the lock"),
    Elsewhere("docker ", reason=ENGINE),
    Elsewhere("podman ", reason=ENGINE),
    Elsewhere("apptainer ", reason=ENGINE),
    Elsewhere("miua evaluate ", test="tests/test_docs.py::test_evaluate_commands_run"),
    Elsewhere("miua fetch hc18 --from", test="tests/data/test_hc18.py"),
    Elsewhere("miua fetch hc18 --test-from", test="tests/data/test_hc18_test.py"),
    Elsewhere("miua fetch inception", reason="weights that the project may not ship"),
    Elsewhere("miua claims results/", test="tests/test_reproduce.py"),
    Elsewhere("miua trace ", test="tests/report/test_trace.py"),
    Elsewhere("miua expected results/", test="tests/verification/test_expected.py"),
    Elsewhere("./run expected", reason="eleven times as long as the smoke profile"),
    Elsewhere("miua verify", test="tests/verification/test_verify.py"),
    Elsewhere("miua conformance", test="tests/test_conformance.py"),
    Elsewhere("miua env", test="tests/test_environment.py"),
    Elsewhere("miua survey plan", test="tests/survey/test_build.py"),
    Elsewhere("miua survey build", test="tests/survey/test_build.py"),
    Elsewhere("miua survey score", test="tests/survey/test_command.py"),
)
# By `./run package`, with pip alone in an empty environment.
PACKAGED = ("pip install .",)
# Without a profile the hardware decides; `.ci/run` names the one for a small machine.
BY_HARDWARE = ("./run reproduce", "nox -s reproduce")
# Further dependencies only; the lock holds them, and every session installs it.
EXTRAS = re.compile(r"pip install '\.\[(\w+)\]'")

# What runs below, in this order, with smaller numbers than the README's.
RUN_HERE = {
    "miua --help": [],
    "miua phantom --out phantoms --images 200": [("200", "12")],
    "miua train-config > config.yaml": [],
    "miua train --config config.yaml --images phantoms --out run": [],
    "miua generate --run run --epoch 40 --out synthetic --png": [(" 40", " 2 --images 4")],
    "miua noise-floor my/real --size 64 --out floor.csv": [("64 --out", "16 --repeats 2 --out")],
    "miua sensitivity my/real --size 64 --out sensitivity.csv": [
        ("64 --out", "16 --repeats 2 --out")
    ],
}


def commands():
    """The command lines of the README's blocks, then those within its sentences."""
    text = README.read_text(encoding="utf-8")
    lines = []
    for block in blocks(README):
        if block.language in ("", "sh"):
            lines += block.text.replace("\\\n", " ").splitlines()
    lines += re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    stripped = [re.sub(r"\s+# .*", "", line).strip() for line in lines]
    return [line for line in dict.fromkeys(stripped) if line.split(" ")[0] in OPENINGS]


def elsewhere(command):
    return next((each for each in ELSEWHERE if command.startswith(each.opening)), None)


def by_ci(command):
    called = calls(command)
    return bool(called) and called <= exercised()


def test_every_command_is_run_or_the_list_says_why_not():
    found = commands()
    assert len(found) >= 20
    for command in found:
        if command in OPENINGS or by_ci(command) or command in RUN_HERE or elsewhere(command):
            continue
        assert command in PACKAGED + BY_HARDWARE or EXTRAS.fullmatch(command), (
            f"nothing runs: {command}"
        )


def test_the_package_session_runs_what_is_left_to_it():
    text = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    assert '"plain/bin/pip", "install", "--quiet", str(ROOT)' in text
    assert ("package", "") in exercised()


def test_extras_are_there():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for command in commands():
        if extra := EXTRAS.fullmatch(command):
            assert extra[1] in project["optional-dependencies"], command


def test_sessions_exist():
    for command in commands():
        assert set(sessions(command)[0]) <= SESSIONS, command


@pytest.mark.parametrize("entry", [each for each in ELSEWHERE if each.test], ids=lambda e: e.test)
def test_named_tests_exist_and_run_the_command(entry):
    path, _, function = entry.test.partition("::")
    text = (ROOT / path).read_text(encoding="utf-8")
    assert re.search(rf"^def {function or 'test_'}", text, re.MULTILINE)
    session_or_command = entry.opening.split()[1]
    assert session_or_command in text, f"{path} runs no {session_or_command}"


def shell(command, folder):
    """Run a line of the README as a person does."""
    place = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    run = subprocess.run(
        ["sh", "-ec", command],
        cwd=folder,
        env={**os.environ, "PATH": place},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, f"{command}\n{run.stdout}{run.stderr}"


def test_the_commands_that_are_cheap_run_in_their_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written = commands()
    for command, changes in RUN_HERE.items():
        assert command in written, f"no longer in the README: {command}"
        for old, new in changes:
            assert old in command
            command = command.replace(old, new)
        # A shell for the first alone: a process for each takes seconds to start.
        line, _, file = command.partition(" > ")
        if command == "miua --help":
            shell(command, tmp_path)
        else:
            said = call(*shlex.split(line)[1:])
        if file:
            (tmp_path / file).write_text(said)
            edit(tmp_path / file)
        if command.startswith("miua generate"):
            assert len(list((tmp_path / "synthetic").glob("*.png"))) == 4
            shutil.copytree(tmp_path / "phantoms" / "training_set", tmp_path / "my" / "real")
    for table in ("floor.csv", "sensitivity.csv"):
        assert (tmp_path / table).stat().st_size > 0


def edit(path):
    """What the README asks of the reader, and a narrower network."""
    config = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**config, "epochs": [1, 2], "feature_maps": 2}))
