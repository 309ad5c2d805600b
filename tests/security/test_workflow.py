"""No shell reads what a file, a folder or a run is called, and no code here asks one to."""

import ast
import csv
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from miua.config import read_config
from miua.data.download import Download
from miua.data.hc18 import PUBLISHED
from miua.data.hc18_test import PUBLISHED_TEST
from miua.errors import MiuaError
from miua.metrics import inception_weights
from miua.study.plan import Cell, Profile, make_plan, read_experiments
from miua.study.run import _snakemake_command, _write_plan, reproduce, study_of
from miua.study.steps import STEPS, Shell, Study
from tests.entry_points import NOXFILE
from tests.small_study import write_profile
from tests.test_reproduce import PAPER, STUDY, plan_here

ROOT = Path(__file__).parents[2]
FOLDERS = (ROOT / "miua", ROOT / "container")
SOURCES = sorted([*(path for at in FOLDERS for path in at.rglob("*.py")), ROOT / "noxfile.py"])
# Each is a way for data to become code, or for text to become a shell's command.
FORBIDDEN = {
    "os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput", "eval", "exec",
    "pickle.load", "pickle.loads", "pickle.Unpickler", "marshal.loads", "shelve.open",
    "pd.read_pickle", "pandas.read_pickle", "joblib.load", "torch.hub.load", "torch.export.load",
    "yaml.load", "yaml.unsafe_load", "yaml.full_load", "shutil.unpack_archive", "tarfile.open",
    "zipfile.ZipFile.extractall", "tempfile.mktemp", "np.fromregex",
}  # fmt: skip
# Whatever is taken from them, and under whatever name.
FORBIDDEN_MODULES = {"pickle", "marshal", "shelve"}
NEEDED = {"np.load": ("allow_pickle", False), "torch.load": ("weights_only", True)}


def imports(path):
    """The modules whose functions a source can call; importing an exception to catch is no such."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name.split(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and any(
            not name.name.endswith("Error") for name in node.names
        ):
            yield (node.module or "").split(".")[0]


def calls(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


@pytest.mark.parametrize("path", SOURCES, ids=[str(p.relative_to(ROOT)) for p in SOURCES])
def test_no_source_makes_code_or_shell_commands_of_data(path):
    assert not FORBIDDEN_MODULES & set(imports(path))
    for name, call in calls(path):
        given = {word.arg: word.value for word in call.keywords}
        where = f"{name}, line {call.lineno}"
        assert name not in FORBIDDEN, where
        assert not name.endswith((".extractall", ".create_subprocess_shell")), where
        assert "shell" not in given, where
        if name in NEEDED:
            keyword, value = NEEDED[name]
            assert keyword in given, where
            assert ast.literal_eval(given[keyword]) is value, where


def test_every_name_in_a_command_of_a_step_is_quoted():
    """Each command, cut into words as a shell does, holds the strange values whole."""
    profile = read_config(STUDY / "profiles" / "smoke.yaml", Profile)
    bad = "a'b $(c) `d`; e & {f}"
    cell = Cell(bad, "arm", f"{bad}_e0001", bad, 1, 1, 4, 4, 64, 0, bad)
    study = Study(profile, (cell,), study=Path(bad), paper=Path(bad))
    plain = {name for name, value in study.values({"run": bad}).items() if isinstance(value, Shell)}
    assert plain == {"real", "crop", "unseen"}  # words of our own, and numbers
    for step in STEPS:
        names = {"run": bad, "epoch": "0001", "preparation": bad, "experiment": bad}
        chosen = {name: names[name] for name in step.wildcards}
        words = shlex.split(study.command(step, chosen, 1))
        named = re.findall(r"{(\w+)}", step.command)
        strange = [name for name in named if str(study.values(chosen).get(name)) == bad]
        assert sum(word.count(bad) for word in words) == len(strange), step.name


@pytest.fixture
def strange(tmp_path):
    """A place whose name a shell would take for commands."""
    place = tmp_path / "a 'b' $(mkdir pwned) `mkdir pwned`; mkdir pwned & c"
    place.mkdir()
    return place


def test_names_that_are_commands_stay_names_in_a_real_reproduction(strange):
    """Down to a training: folders with a strange name, and a run that is called by a command."""
    study = write_profile(
        strange / "experiments",
        experiments={
            "training-size": {"training_sizes": [4], "epochs": [1]},
            "augmentation": {"training_size": 3, "epochs": [1]},
        },
    )
    paper = shutil.copytree(PAPER, strange / "paper")
    folder = strange / "results"
    plan = make_plan(
        read_config(study / "profiles" / "smoke.yaml", Profile), read_experiments(study)
    )
    _write_plan(folder, plan, study)
    # The plan refuses such a name: this is what would happen if it did not.
    old, new = "augmentation_none", "augmentation_`mkdir pwned`; mkdir pwned"
    with (folder / "sets.csv").open(newline="") as file:
        rows = [[cell.replace(old, new) for cell in row] for row in csv.reader(file)]
    with (folder / "sets.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    (folder / "configs" / f"{old}.yaml").rename(folder / "configs" / f"{new}.yaml")
    asked = study_of(plan, folder, study, paper, 1)
    command = _snakemake_command(asked, folder, [f"runs/{new}.done"])
    path = f"{Path(command[0]).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [*command, "--cores", "1"],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (folder / "runs" / new / "checkpoints").is_dir()
    assert not list(strange.parent.rglob("pwned"))
    assert not Path("pwned").exists()


def test_the_whole_plan_is_made_in_a_place_with_a_strange_name(strange, capfd, monkeypatch):
    monkeypatch.setattr("miua.study.run._run", plan_here)
    study, paper = (shutil.copytree(at, strange / at.name) for at in (STUDY, PAPER))
    reproduce("smoke", study=study, paper=paper, results=strange / "r", cores=1, dry_run=True)
    assert "paper" in capfd.readouterr().out
    assert not list(strange.parent.rglob("pwned"))


@pytest.mark.parametrize("name", ["../../x", "../experiments/profiles/smoke", "/etc/x", "", "a\nb"])
def test_a_profile_or_experiment_is_one_of_those_there(name, tmp_path):
    places = {"study": STUDY, "paper": PAPER, "results": tmp_path / "results", "dry_run": True}
    if name:  # without one, the hardware decides
        with pytest.raises(MiuaError, match="There is no profile"):
            reproduce(name, **places)
    with pytest.raises(MiuaError, match="There is no experiment"):
        reproduce("smoke", experiment=name, **places)
    assert not (tmp_path / "results").exists()


def test_every_download_has_a_whole_checksum_and_comes_over_tls():
    weights = inception_weights
    known = Download(weights.URL, weights.SHA256, weights.SIZE, weights.FILE_NAME, "weights")
    for item in (PUBLISHED.archive, PUBLISHED.table, known):
        assert re.fullmatch(r"[0-9a-f]{64}", item.sha256)
        assert item.size
        assert item.url.startswith("https://")
    # No checksum of this archive is known; tests/data/test_hc18_test.py shows what stands for it.
    assert PUBLISHED_TEST.archive.url.startswith("https://")
    assert re.fullmatch(r"[0-9a-f]{64}", PUBLISHED_TEST.digest)
    # There is no other: all go through one function, and nothing else opens connections.
    users = {path.name for path in SOURCES if re.search(r"\bimport requests", path.read_text())}
    assert users == {"download.py"}
    makers = {path.name for path in SOURCES for name, _ in calls(path) if name == "Download"}
    assert makers == {"hc18.py", "hc18_test.py", "inception_weights.py"}


def test_an_audit_that_was_told_nothing_is_no_audit():
    judge_audit = NOXFILE["judge_audit"]

    class Session:
        said = ""

        def warn(self, text):
            self.said += text

        log = warn

        def error(self, text):
            raise RuntimeError(text)

    fine = {"name": "a", "version": "1", "vulns": []}
    silent = {"name": "b", "skip_reason": "not found"}
    bad = {"name": "c", "version": "2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3"]}]}
    judge_audit(Session(), "x.lock", [fine])
    with pytest.raises(RuntimeError, match="silent about 1 of 2 packages: this is no audit"):
        judge_audit(Session(), "x.lock", [fine, silent])
    session = Session()
    with pytest.raises(RuntimeError, match=r"x\.lock: 1 advisories"):
        judge_audit(session, "x.lock", [fine, bad])
    assert session.said == "c 2: PYSEC-1 (mended in 3)"
