"""The spine: profiles and plans are checked, the workflow is real, failures say what to do."""

import json
import os
import shutil
import signal
import subprocess
import sys
import warnings
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from snakemake import cli as snakemake

from miua.config import read_config
from miua.data import ReadingOptions, subset
from miua.data.stack import save_stack
from miua.errors import MiuaError
from miua.report import make_figures
from miua.study.manifest import MANIFEST
from miua.study.plan import Profile, make_plan, read_experiments
from miua.study.run import _on_one_line, _survives, reproduce
from miua.study.steps import BENCHMARKS, STEPS
from tests.small_study import write_profile

STUDY = Path(__file__).parents[1] / "experiments"
PAPER = Path(__file__).parents[1] / "paper"
PROFILES = sorted(path.stem for path in (STUDY / "profiles").glob("*.yaml"))


def rerun(tmp_path, profile="smoke", **options):
    places = {"study": STUDY, "paper": PAPER, "results": tmp_path / "results", **options}
    return reproduce(profile, cores=1, **places)


def plan_here(command, *_):
    """Let Snakemake plan in this process: it plans in much less time than it takes to start."""
    assert command[:3] == [sys.executable, "-m", "snakemake"]
    assert command[-1] == "--dry-run"
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit) as ended, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            snakemake.main(command[3:])
    finally:
        signal.signal(signal.SIGTERM, before)
    assert ended.value.code == 0


@pytest.fixture
def planned(capfd, monkeypatch):
    """Returns a function that says how many jobs of which rule a call would run now."""
    monkeypatch.setattr("miua.study.run._run", plan_here)

    def plan(tmp_path, profile="smoke", **options):
        capfd.readouterr()
        rerun(tmp_path, profile, dry_run=True, **options)
        rows = [line.split() for line in capfd.readouterr().out.splitlines()]
        return {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[1].isdigit()}

    return plan


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_is_valid_and_named_as_its_file(name):
    profile = read_config(STUDY / "profiles" / f"{name}.yaml", Profile)
    assert profile.profile == name
    assert profile.scientific == (profile.data.source == "hc18")
    assert profile.reference_images <= profile.available_images


def test_the_paper_profile_is_the_published_grid():
    profile = read_config(STUDY / "profiles" / "paper.yaml", Profile)
    published = yaml.safe_load((STUDY / "training-size.yaml").read_text())["published"]
    grid = profile.grid
    assert grid.training_sizes == published["training_sizes"] == [100, 300, 500, 800, 999]
    assert grid.epochs == published["epochs"] == [300, 500, 800, 1000]
    assert profile.synthetic_images == published["synthetic_images"] == 800


@pytest.mark.parametrize("name", PROFILES)
def test_a_dry_run_plans_every_cell_and_makes_nothing(tmp_path, name, planned):
    profile = read_config(STUDY / "profiles" / f"{name}.yaml", Profile)
    plan = make_plan(profile, read_experiments(STUDY))
    sets = len({cell.set for cell in plan.cells})
    jobs = {"train": len(plan.runs), "generate": sets, "evaluate": sets, "experiment": 5}
    jobs |= {"noise_floor": 1, "sensitivity": 1, "clinician": 1, "claims": 1, "paper": 1}
    assert jobs.items() <= planned(tmp_path, name).items()
    made = {path.name for path in (tmp_path / "results" / name).iterdir()}
    assert made <= {".snakemake", ".lock"}


@pytest.fixture
def command(monkeypatch):
    """The command that Snakemake would be started with."""
    commands = []
    monkeypatch.setattr("miua.study.run._run", lambda command, *rest: commands.append(command))
    monkeypatch.setattr("miua.study.run.code_hash", lambda modules: "")  # reads every source
    return commands


@pytest.mark.parametrize("experiment", list(read_experiments(STUDY)))
def test_each_experiment_is_asked_for_alone(tmp_path, experiment, command):
    rerun(tmp_path, dry_run=True, experiment=experiment)
    assert [word for word in command[0] if word.endswith(".csv")] == [f"tables/{experiment}.csv"]


# One with trainings, and one that is a rule of its own.
@pytest.mark.parametrize("experiment", ["image-size", "noise-floor"])
def test_an_experiment_is_planned_without_what_is_made_of_all(tmp_path, experiment, planned):
    jobs = planned(tmp_path, experiment=experiment)
    trains = experiment == "image-size"
    assert ("train" in jobs) == trains
    assert ("experiment" if trains else experiment.replace("-", "_")) in jobs
    assert not {"claims", "figures", "paper"} & set(jobs)


def test_two_reproductions_do_not_work_in_one_folder(tmp_path, command):
    folder = tmp_path / "results" / "smoke"
    folder.mkdir(parents=True)
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX);"
            "print('locked', flush=True); sys.stdin.read()",
            str(folder / ".lock"),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout.readline() == b"locked\n"
        with pytest.raises(MiuaError, match="Another reproduction is at work"):
            rerun(tmp_path, dry_run=True)
        holder.kill()
    assert not command
    rerun(tmp_path, dry_run=True)
    assert command


def test_unknown_profile_and_experiment_list_the_known_ones(tmp_path):
    with pytest.raises(MiuaError, match=r"no profile 'huge'\. Known: cpu, paper, smoke"):
        rerun(tmp_path, "huge")
    with pytest.raises(MiuaError, match=r"no experiment 'colour'\. Known: training-size, aug"):
        rerun(tmp_path, experiment="colour")
    with pytest.raises(MiuaError, match="at the top of the repository"):
        rerun(tmp_path, study=tmp_path / "nowhere")


def test_an_executor_hands_its_settings_to_snakemake(tmp_path, command, monkeypatch):
    monkeypatch.setattr("miua.study.executors._need_slurm", lambda: None)
    rerun(tmp_path, executor="slurm")
    words = command[0]
    settings = (STUDY / "executors" / "slurm").resolve()
    assert words[words.index("--workflow-profile") + 1] == str(settings)
    assert words[words.index("--local-cores") + 1] == "1"
    assert "--cores" not in words
    # What a cluster's job failed of is told by rule.
    assert "rules" not in words


def test_without_an_executor_the_cores_of_this_machine_are_used(tmp_path, command):
    rerun(tmp_path)
    words = command[0]
    assert words[words.index("--cores") + 1] == "1"
    assert "rules" in words
    assert "--workflow-profile" not in words


def test_an_unknown_executor_stops_before_anything_is_made(tmp_path):
    with pytest.raises(MiuaError, match="no executor 'cloud'"):
        rerun(tmp_path, executor="cloud")
    assert not (tmp_path / "results").exists()


@given(st.text())
def test_snakemake_is_told_of_any_path_or_the_path_is_refused(path):
    told = snakemake.parse_config([f"study={_on_one_line(path)}"])["study"]
    assert (told == path) == _survives(path)


def test_quotes_hashes_braces_and_accents_in_a_path_are_told_as_they_are():
    assert _survives("/a b/q\"uo'te/ #x/{y}: z\\/$HOME/größe/😀")


@pytest.mark.parametrize(
    ("option", "name", "said"),
    [
        ("results", "a\x7fb", "cannot be told"),
        ("results", "a\udcffb", "cannot be told"),
        ("study", "a{b}", "in braces for the name of a wildcard"),
        ("paper", "a{b", "in braces for the name of a wildcard"),
    ],
)
def test_a_folder_that_snakemake_cannot_be_told_of_is_refused(tmp_path, option, name, said):
    with pytest.raises(MiuaError, match=f"--{option} .*{said}.*Rename the folder"):
        rerun(tmp_path, **{option: tmp_path / name})
    assert list(tmp_path.iterdir()) == []


def test_without_cuda_the_small_profile_is_taken_and_said(tmp_path, command, monkeypatch, capsys):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    folder = rerun(tmp_path, None, dry_run=True)
    assert folder.name == "smoke"
    said = capsys.readouterr().err
    assert "'smoke'" in said
    assert "no CUDA device" in said
    assert "--profile" in said


def test_with_cuda_the_full_profile_is_taken(tmp_path, command, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert rerun(tmp_path, None, dry_run=True).name == "paper"


def test_a_profile_with_an_unknown_key_is_refused(tmp_path):
    study = tmp_path / "experiments"
    shutil.copytree(STUDY, study)
    path = study / "profiles" / "smoke.yaml"
    path.write_text(path.read_text() + "epoch: 3\n")
    with pytest.raises(MiuaError, match=r"smoke\.yaml.*\n.*epoch: unknown key"):
        rerun(tmp_path, study=study)
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"batch_size": 0}, "batch_size"),
        ({"reference_images": 5}, "4 at most, as there are 4 images"),
        ({"experiments": {"colour": {"training_sizes": [4], "epochs": [1]}}}, "training-size"),
        ({"experiments": {"training-size": {"training_sizes": [4], "epochs": [2, 1]}}}, "rising"),
        ({"experiments": {"training-size": {"training_sizes": [9], "epochs": [1]}}}, "4 at most"),
    ],
)
def test_an_impossible_scale_is_refused_before_anything_runs(tmp_path, change, said):
    study = write_profile(tmp_path / "experiments", **change)
    with pytest.raises(MiuaError, match=r"smoke\.yaml") as caught:
        rerun(tmp_path, study=study)
    assert said in str(caught.value)
    assert not (tmp_path / "results").exists()


@pytest.fixture(scope="module")
def without_latex(tmp_path_factory):
    """A tiny study run for real on a machine without LaTeX: its folder, and what was said."""
    folder = tmp_path_factory.mktemp("reproduction")
    study = write_profile(folder / "experiments")
    tools = folder / "tools"
    tools.mkdir()
    for name in ("bash", "rm", "git", "which"):
        (tools / name).symlink_to(shutil.which(name))
    program = (
        "import sys; from pathlib import Path; from miua.cli import main;"
        f"sys.argv = ['miua', 'reproduce', '--profile', 'smoke', '--study', {str(study)!r},"
        f" '--paper', {str(PAPER)!r}, '--results', {str(folder / 'results')!r}, '--cores', '1'];"
        "main()"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PATH": str(tools), "MIUA_DATA_DIR": str(folder / "data")},
        capture_output=True,
        text=True,
        check=False,
    )
    return folder, finished


def test_without_latex_all_but_the_paper_is_made_and_the_remedy_is_said(without_latex):
    folder, finished = without_latex
    assert finished.returncode == 1
    profile, note = finished.stderr.splitlines()[:2]
    assert profile.startswith("Profile 'smoke': ")
    assert note.startswith("Note: The paper needs LaTeX, and latexmk")
    assert "apt-get install latexmk" in finished.stderr
    assert "run the same command again" in finished.stderr.splitlines()[-1]
    assert "Traceback" not in finished.stderr
    results = folder / "results" / "smoke"
    assert (results / "tables" / "regression.csv").exists()
    assert (results / "figures" / "regression.pdf").exists()
    assert not (results / "paper" / "main.pdf").exists()


def test_time_and_memory_of_every_step_are_kept_for_the_next_forecast(without_latex):
    kept = without_latex[0] / "results" / "smoke" / BENCHMARKS
    measured = {path.parent.name: pd.read_csv(path, sep="\t") for path in kept.glob("*/*.tsv")}
    not_run = {"noise_floor", "sensitivity", "readers", "report", "paper"}
    assert {*measured} - {"paper"} == {step.name for step in STEPS} - not_run  # that failed
    assert all(table["s"].min() > 0 for table in measured.values())
    # In mebibytes. Snakemake looks twice a second: others may be over before they are that large.
    assert measured["figures"]["max_rss"].min() > 50


@pytest.fixture
def again(without_latex, planned):
    """Returns a function that says which jobs of the finished study would run now."""
    folder, _ = without_latex
    return lambda: planned(folder, study=folder / "experiments")


@pytest.fixture
def change_profile(without_latex):
    """Returns a function that changes the finished study's profile, until the test ends."""
    study = without_latex[0] / "experiments"
    yield partial(write_profile, study)
    write_profile(study)


def test_what_is_finished_is_not_repeated(again):
    assert set(again()) == {"all", "paper", "report", "total"}


def test_damaged_samples_are_made_again_and_nothing_else(without_latex, monkeypatch, capfd):
    folder, _ = without_latex
    runs = folder / "results" / "smoke" / "runs"
    path, mark = runs / "n0004" / "samples" / "epoch_0001.png", runs / "n0004.done"
    whole, done = path.read_bytes(), mark.stat().st_mtime_ns
    path.write_bytes(b"noise")
    monkeypatch.setattr("miua.study.run._run", lambda *_: None)
    rerun(folder, study=folder / "experiments")
    assert "made again from the checkpoint of epoch 1" in capfd.readouterr().err
    assert path.read_bytes() == whole
    assert mark.stat().st_mtime_ns == done


def test_fid_is_computed_once_its_weights_are_there(again, monkeypatch):
    weights = SimpleNamespace(sha256="6726825d")
    monkeypatch.setattr("miua.study.run.find_inception_weights", lambda: weights)
    jobs = again()
    assert jobs["evaluate"] == jobs["analyse"] == jobs["claims"] == jobs["figures"] == 1
    assert "train" not in jobs


def test_changed_published_numbers_are_analysed_again(without_latex, again):
    path = without_latex[0] / "experiments" / "data" / "published_coefficients.csv"
    before, times = path.read_text(), path.stat()
    try:
        path.write_text(before.replace("7.0221", "7.1"))
        jobs = again()
        assert jobs["clinician"] == jobs["claims"] == 1
        assert "evaluate" not in jobs
    finally:
        path.write_text(before)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_another_banner_is_drawn_and_printed(again, change_profile):
    change_profile(banner="Another banner")
    jobs = again()
    assert jobs["figures"] == 1
    assert "evaluate" not in jobs


def test_more_epochs_extend_the_training(again, change_profile):
    change_profile(experiments={"training-size": {"training_sizes": [4], "epochs": [1, 2]}})
    jobs = again()
    assert jobs["train"] == 1
    assert "phantoms" not in jobs


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"data": {"source": "phantom", "images": 4, "seed": 5}},
            r"all runs: data: .*seed=2022 there, .*seed=5 asked",
        ),
        ({"feature_maps": 3}, r"n0004: feature_maps: 2 there, 3 asked\n.*remove"),
    ],
)
def test_a_profile_of_other_trainings_is_refused_before_anything_is_removed(
    without_latex, change_profile, command, change, said
):
    folder, _ = without_latex
    change_profile(**change)
    with pytest.raises(MiuaError, match=said):
        rerun(folder, study=folder / "experiments")
    assert not command


def test_another_process_draws_the_same_bytes(without_latex, tmp_path):
    folder = without_latex[0]
    drawn, again = folder / "results" / "smoke", tmp_path / "again"
    shutil.copytree(drawn, again, ignore=shutil.ignore_patterns("figures", ".snakemake"))
    make_figures(again, folder / "experiments")
    names = sorted(path.name for path in again.glob("figures/*.p*") if path.suffix != ".json")
    assert len(names) == 2 * len({Path(name).stem for name in names}) > 20
    for name in names:
        assert (drawn / "figures" / name).read_bytes() == (again / "figures" / name).read_bytes()


def test_the_reference_is_not_the_draw_of_a_training_subset(tmp_path):
    np.save(tmp_path / "all.npy", np.arange(999, dtype=np.uint16).view(np.uint8).reshape(999, 1, 2))
    reference = save_stack(
        tmp_path / "all.npy", tmp_path / "reference", ReadingOptions(), images=800, seed=0
    )
    numbers = set(reference.images.reshape(800, 2).view(np.uint16).ravel().tolist())
    for size in (100, 300, 500, 800):
        share = len(numbers & set(subset(999, size, 0).tolist())) / size
        assert share == pytest.approx(800 / 999, abs=0.1)


def test_a_manifest_ends_a_reproduction_and_stays_while_nothing_changes(tmp_path):
    """In folders whose names a shell, YAML or Python would read as something else."""
    study = write_profile(tmp_path / 'ex"p #e: rimënts')
    places = {"study": study, "results": tmp_path / 'q"u #o: {t}é', "experiment": "clinician"}
    folder = rerun(tmp_path, **places)
    before = (folder / MANIFEST).read_bytes()
    plan = (folder / "provenance.json").read_bytes()
    assert {"plan.yaml", "provenance.json", "tables/clinician.csv"} <= set(
        json.loads(before)["files"]
    )
    (folder / "tables" / ".partial-a.csv").touch()  # as a kill leaves it
    rerun(tmp_path, **places)
    assert not (folder / "tables" / ".partial-a.csv").exists()
    assert (folder / MANIFEST).read_bytes() == before
    assert (folder / "provenance.json").read_bytes() == plan
