"""The spine: profiles and plans are checked, the workflow is real, failures say what to do."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from miua.config import Profile, read_config
from miua.errors import MiuaError
from miua.reproduce import reproduce, training_configs

STUDY = Path(__file__).parents[1] / "experiments"
PAPER = Path(__file__).parents[1] / "paper"
PROFILES = sorted(path.stem for path in (STUDY / "profiles").glob("*.yaml"))


def rerun(tmp_path, profile="smoke", **options):
    places = {"study": STUDY, "paper": PAPER, "results": tmp_path / "results", **options}
    return reproduce(profile, cores=1, **places)


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_is_valid_and_named_as_its_file(name):
    profile = read_config(STUDY / "profiles" / f"{name}.yaml", Profile)
    assert profile.profile == name
    assert profile.scientific == (profile.data.source == "hc18")
    available = profile.data.images or 999
    assert profile.reference_images <= available
    assert all(c.training_size <= available for c in training_configs(profile).values())


def test_the_paper_profile_is_the_published_grid():
    profile = read_config(STUDY / "profiles" / "paper.yaml", Profile)
    published = yaml.safe_load((STUDY / "training-size.yaml").read_text())["published"]
    grid = profile.experiments["training-size"]
    assert grid.training_sizes == published["training_sizes"] == [100, 300, 500, 800, 999]
    assert grid.epochs == published["epochs"] == [300, 500, 800, 1000]
    assert profile.synthetic_images == published["synthetic_images"] == 800


@pytest.mark.parametrize("name", PROFILES)
def test_a_dry_run_plans_every_cell_and_makes_nothing(tmp_path, name, capfd):
    rerun(tmp_path, name, dry_run=True)
    planned = capfd.readouterr().out
    for rule, jobs in (("train", 5), ("generate", 20), ("evaluate", 20), ("paper", 1)):
        assert f"{rule} {jobs}".split() in [line.split() for line in planned.splitlines()]
    made = {path.name for path in (tmp_path / "results" / name).iterdir()}
    assert made <= {"plan.yaml", "configs", ".snakemake", ".lock"}


def test_two_reproductions_do_not_work_in_one_folder(tmp_path):
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
    rerun(tmp_path, dry_run=True)


def test_an_unchanged_plan_keeps_its_time_stamp(tmp_path):
    rerun(tmp_path, dry_run=True)
    plan = tmp_path / "results" / "smoke" / "plan.yaml"
    before = plan.stat().st_mtime_ns
    rerun(tmp_path, dry_run=True)
    assert plan.stat().st_mtime_ns == before


def test_unknown_profile_and_experiment_list_the_known_ones(tmp_path):
    with pytest.raises(MiuaError, match=r"no profile 'huge'\. Known: cpu, paper, smoke"):
        rerun(tmp_path, "huge")
    with pytest.raises(MiuaError, match=r"no experiment 'colour'\. Known: training-size"):
        rerun(tmp_path, experiment="colour")
    with pytest.raises(MiuaError, match="at the top of the repository"):
        rerun(tmp_path, study=tmp_path / "nowhere")


def test_without_cuda_the_small_profile_is_taken_and_said(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    folder = rerun(tmp_path, None, dry_run=True)
    assert folder.name == "smoke"
    said = capsys.readouterr().err
    assert "'smoke'" in said
    assert "no CUDA device" in said
    assert "--profile" in said


def test_with_cuda_the_full_profile_is_taken(tmp_path, monkeypatch):
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


def test_a_failing_step_stops_with_its_message_and_the_remedy(tmp_path, capfd):
    """More reference images than there are phantoms: the step says so, the command fails."""
    study = tmp_path / "experiments"
    shutil.copytree(STUDY, study)
    path = study / "profiles" / "smoke.yaml"
    profile = yaml.safe_load(path.read_text())
    profile["data"]["images"] = 4
    profile["experiments"]["training-size"] = {"training_sizes": [4], "epochs": [1]}
    profile["feature_maps"] = 2
    path.write_text(yaml.safe_dump(profile))
    with pytest.raises(MiuaError, match="run the same command again"):
        rerun(tmp_path, study=study)
    assert "has 4 images; 120 cannot be drawn from it" in capfd.readouterr().err
    results = tmp_path / "results" / "smoke"
    assert (results / "runs" / "n0004.done").exists()
    assert not (results / "reference" / "images.npy").exists()
    assert not (results / "tables").exists()
