"""Repeats differ by their seeds alone, and are found again."""

import shutil
from pathlib import Path

import pytest
import yaml

from miua.config import read_config
from miua.errors import MiuaError
from miua.study.plan import Profile
from miua.study.run import SEED_STEP, find_repeats, make_repeats
from tests.test_cli import miua

ROOT = Path(__file__).parents[1]
STUDY, PAPER = ROOT / "experiments", ROOT / "paper"


@pytest.fixture
def command(monkeypatch):
    """The commands that Snakemake would be started with."""
    commands = []
    monkeypatch.setattr("miua.study.run._run", lambda command, *rest: commands.append(command))
    monkeypatch.setattr("miua.study.run.code_hash", lambda modules: "")  # reads every source
    return commands


@pytest.fixture
def smoke():
    return read_config(STUDY / "profiles" / "smoke.yaml", Profile)


def repeats(out, times=2, study=STUDY):
    return make_repeats("smoke", times, study=study, paper=PAPER, out=out, cores=1)


def test_each_repeat_has_its_seeds_and_ends_with_the_claims_table(tmp_path, command, smoke):
    folders = repeats(tmp_path)
    assert folders == [tmp_path / f"seed-{k * SEED_STEP}" / "smoke" for k in (1, 2)]
    for offset, folder, words in zip((SEED_STEP, 2 * SEED_STEP), folders, command, strict=True):
        plan = read_config(folder / "plan.yaml", Profile)
        assert plan == smoke.with_seeds_moved(offset)
        assert plan.seed == smoke.seed + offset
        assert plan.data == smoke.data
        assert words[words.index("--directory") + 1] == str(folder)
        assert "tables/claims.csv" in words
        assert "all" not in words
        run = yaml.safe_load((folder / "configs" / "n0072.yaml").read_text())
        assert run["seed"] == plan.seed
    assert find_repeats(tmp_path, "smoke") == folders


def test_moved_seeds_leave_all_else_as_it_is(smoke):
    moved = smoke.with_seeds_moved(5000)
    assert moved.experiments["seeds"].seeds == [5000, 5001, 5002]
    assert moved.with_seeds_moved(-5000) == smoke


def test_seeds_stay_in_their_range(smoke):
    with pytest.raises(MiuaError, match="leave the range"):
        smoke.with_seeds_moved(-1)
    with pytest.raises(MiuaError, match="leave the range"):
        smoke.with_seeds_moved(2**32 - 1)


def test_repeats_are_found_by_offset_not_by_name(tmp_path):
    for offset in (10000, 2000):
        (tmp_path / f"seed-{offset}" / "smoke").mkdir(parents=True)
    found = find_repeats(tmp_path, "smoke")
    assert [folder.parent.name for folder in found] == ["seed-2000", "seed-10000"]
    (tmp_path / "seed-x" / "smoke").mkdir(parents=True)
    with pytest.raises(MiuaError, match="named seed-NUMBER"):
        find_repeats(tmp_path, "smoke")


def test_where_there_are_none_the_command_is_told(tmp_path):
    with pytest.raises(MiuaError, match="miua repeat --profile smoke"):
        find_repeats(tmp_path, "smoke")


def test_one_repeat_is_refused(tmp_path):
    result = miua("repeat", "--profile", "smoke", "--times", 1, "--out", tmp_path / "out")
    assert result.returncode == 2
    assert "greater than or equal to 2" in result.stderr
    assert not (tmp_path / "out").exists()


def test_seeds_that_repeats_would_share_are_refused(tmp_path, command):
    study = shutil.copytree(STUDY, tmp_path / "study")
    path = study / "profiles" / "smoke.yaml"
    values = yaml.safe_load(path.read_text())
    values["experiments"]["seeds"]["seeds"] = [0, SEED_STEP]
    path.write_text(yaml.safe_dump(values))
    with pytest.raises(MiuaError, match="would share some"):
        repeats(tmp_path / "out", study=study)
    assert not command
