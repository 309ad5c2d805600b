"""The workflows do what a person does, with no more rights than that takes."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from check_jsonschema import main as check_jsonschema
from click.testing import CliRunner

from tests.entry_points import NOXFILE, ROOT, SESSIONS, calls, exercised

GITHUB = ROOT / ".github"
WORKFLOWS = sorted(GITHUB.glob("workflows/*.yml"))
# Entry points of workflows that .ci/run leaves out, and why.
NOT_IN_CI = {
    "audit": "asks a database of vulnerabilities, which a change does not alter",
    "explore": "looks for examples that no run had before, so that it may fail for no change",
    "fuzz": "takes half an hour; the tests try some hundreds of each format",
    "image": "needs a container engine and a base image; the rebuild takes hours",
    "wheels": "builds for every system and Python; .ci/run only asks for which",
}
BIN = Path(sys.executable).parent


def load(path):
    # Without BaseLoader, `on` would be read as true.
    return yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader)


def jobs():
    return [(path.stem, job) for path in WORKFLOWS for job in load(path)["jobs"].values()]


def steps(key):
    """What the steps of all jobs and of the project's own action say under `key`."""
    of_jobs = [step for _, job in jobs() for step in job["steps"]]
    of_actions = [
        step for path in GITHUB.glob("actions/*/action.yml") for step in load(path)["runs"]["steps"]
    ]
    return [step for step in of_jobs + of_actions if key in step]


def test_the_workflows_are_those_that_are_wanted():
    wanted = ["audit", "explore", "image", "lint", "rebuild", "reproduction", "tests", "wheels"]
    assert [path.stem for path in WORKFLOWS] == wanted


def test_every_step_is_a_door_that_ci_exercises():
    commands = [step["run"] for step in steps("run")]
    assert len(commands) >= 8
    left_out = set()
    for command in commands:
        if command == "sudo .ci/run --full":
            continue
        called = calls(command)
        assert called, f"{command}: not a way into the project"
        assert {name for name, _ in called} <= SESSIONS, command
        left_out |= {name for name, _ in called - exercised()}
    assert left_out == set(NOT_IN_CI)


def test_what_ci_runs_exists():
    assert {name for name, _ in exercised()} <= SESSIONS


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_rights_are_the_least_and_runs_are_limited(path):
    workflow = load(path)
    assert workflow["permissions"] == {"contents": "read"}
    assert all("permissions" not in job for job in workflow["jobs"].values())
    assert workflow["concurrency"]["cancel-in-progress"] == "true"
    assert "github.ref" in workflow["concurrency"]["group"]
    assert "secrets." not in path.read_text(encoding="utf-8")
    assert "pull_request_target" not in workflow["on"]


def test_actions_are_pinned_and_keep_no_credentials():
    for step in steps("uses"):
        used = step["uses"]
        if used.startswith("./"):
            assert (ROOT / used / "action.yml").exists()
            continue
        assert re.fullmatch(r"actions/[\w/-]+@v\d+|[\w./-]+@[0-9a-f]{40}", used), used
        if used.startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] == "false"


def test_the_cache_follows_the_locks():
    caches = [step for step in steps("uses") if step["uses"].startswith("actions/cache")]
    cache, save = sorted(caches, key=lambda step: step["uses"])
    assert cache["uses"].startswith("actions/cache/restore@")
    assert save["uses"].startswith("actions/cache/save@")
    assert save["with"]["path"] == cache["with"]["path"]
    # Another branch's cache is found by that branch alone, and takes the room of main's.
    assert "github.ref == 'refs/heads/main'" in save["if"]
    (pattern,) = re.findall(r"hashFiles\('(.+?)'\)", cache["with"]["key"])
    found = {path.name for path in ROOT.glob(pattern)}
    assert found >= {"requirements.lock", "requirements-run.lock"}


def test_the_rebuild_keeps_nothing_from_before():
    text = (GITHUB / "workflows" / "rebuild.yml").read_text(encoding="utf-8")
    assert "cache" not in text
    assert "set-up" not in text


def test_every_supported_python_is_tested_and_built_for():
    versions = load(GITHUB / "workflows" / "tests.yml")["jobs"]["tests"]["strategy"]["matrix"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["requires-python"] == f">={versions['python'][0]}"
    for platform, machine in (("linux", "x86_64"), ("linux", "aarch64"), ("macos", "arm64")):
        command = [BIN / "cibuildwheel", "--platform", platform, "--archs", machine]
        found = subprocess.run(
            [*command, "--print-build-identifiers"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        tags = [line.partition("-")[0] for line in found.stdout.split()]
        assert tags == [f"cp{version.replace('.', '')}" for version in versions["python"]]


@pytest.fixture
def checkout(tmp_path):
    """A copy of what lint holds against a schema."""
    shutil.copytree(GITHUB, tmp_path / ".github")
    shutil.copy(ROOT / "CITATION.cff", tmp_path)
    return tmp_path


def complaints(checkout):
    """What lint's checks say of the files, "" where they are in order."""
    said = ""
    # In this process: each would take a second to start, and there are sixty.
    for schema, pattern in NOXFILE["SCHEMAS"]:
        files = map(str, sorted(checkout.glob(pattern)))
        run = CliRunner().invoke(check_jsonschema, [*NOXFILE["SCHEMA_OPTIONS"], schema, *files])
        said += run.output if run.exit_code else ""
    command = [BIN / "zizmor", "--offline", "--quiet", "."]
    run = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    return said + (run.stdout + run.stderr if run.returncode else "")


def test_the_files_are_valid(checkout):
    assert complaints(checkout) == ""


@pytest.mark.parametrize(
    ("file", "right", "wrong", "complaint"),
    [
        ("workflows/tests.yml", "runs-on: ubuntu", "run-on: ubuntu", "runs-on"),
        ("workflows/lint.yml", "    timeout-minutes: 30\n", "", "timeout-minutes"),
        ("workflows/lint.yml", "contents: read", "contents: wrote", "'wrote' is not one of"),
        ("workflows/lint.yml", "permissions:\n  contents: read", "", "excessive-permissions"),
        ("workflows/lint.yml", "persist-credentials: false", "fetch-depth: 1", "artipacked"),
        ("workflows/lint.yml", "actions/checkout@v6", "someone/checkout@v6", "unpinned-uses"),
        ("workflows/lint.yml", "actions/checkout@v6", "actions/checkout", "missing `@<ref>`"),
        ("workflows/lint.yml", "./run lint", "./run ${{ github.head_ref }}", "template-injection"),
        ("actions/set-up/action.yml", "using: composite", "using: composed", "composed"),
        ("dependabot.yml", "interval: monthly", "interval: often", "'often'"),
        ("../CITATION.cff", "cff-version: 1.2.0", "", "cff-version"),
    ],
)
def test_lint_finds_what_is_wrong(checkout, file, right, wrong, complaint):
    path = checkout / ".github" / file
    text = path.read_text(encoding="utf-8")
    assert right in text
    path.write_text(text.replace(right, wrong), encoding="utf-8")
    assert complaint in complaints(checkout)


CI = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
GATE = CI[CI.index("sources()") : CI.index("rm -rf results")]
LISTS = "\n".join(re.findall(r"^\w+=\([^)]+\)", CI, re.MULTILINE))


def gate(folder, command, full=""):
    """Whether a call of the functions of .ci/run succeeds in a folder."""
    text = f"full={full}\n{GATE}\n{command}"
    return subprocess.run(["bash", "-euc", text], cwd=folder, check=False).returncode == 0


def test_what_passed_is_checked_again_when_its_sources_change(tmp_path):
    (tmp_path / "csrc").mkdir()
    source = tmp_path / "csrc" / "a.cpp"
    source.write_text("1")
    for words in (["init", "-q"], ["add", "csrc"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    assert gate(tmp_path, "changed kernels csrc")  # nothing has passed here
    assert gate(tmp_path, "passed kernels csrc")
    assert not gate(tmp_path, "changed kernels csrc")
    assert gate(tmp_path, "changed kernels csrc", full="--full")
    source.write_text("2")
    assert gate(tmp_path, "changed kernels csrc")
    assert gate(tmp_path, "passed kernels csrc")
    source.with_name("b.cpp").write_text("")
    subprocess.run(["git", "add", "csrc"], cwd=tmp_path, check=True)
    assert gate(tmp_path, "changed kernels csrc")


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="git knows the sources; here is no git")
def test_the_sources_that_ci_compares_are_there():
    names = re.findall(r"^(\w+)=\(", LISTS, re.MULTILINE)
    assert names == ["kernels", "package"]
    for name in names:
        listed = f'{LISTS}\ngit ls-files --error-unmatch -- "${{{name}[@]}}" >/dev/null'
        assert gate(ROOT, listed), name
