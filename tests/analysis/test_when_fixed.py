"""claims.yaml names the commit in which it was fixed, and has not changed since."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from miua.analysis.paper_claims import when_fixed
from miua.errors import MiuaError

ROOT = Path(__file__).parents[2]
PLACE = "experiments/claims.yaml"


def git(folder, *arguments):
    who = ("-c", "user.name=t", "-c", "user.email=t@t", "-c", "commit.gpgsign=false")
    done = subprocess.run(
        ["git", *who, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def fixed_in(folder):
    return yaml.safe_load((folder / PLACE).read_text(encoding="utf-8"))["fixed_in"]


def check(folder):
    """The rows are those of the commit that the file names; it is one of this history."""
    now = yaml.safe_load((folder / PLACE).read_text(encoding="utf-8"))
    if not now["fixed_in"]:
        return
    git(folder, "merge-base", "--is-ancestor", now["fixed_in"], "HEAD")
    then = yaml.safe_load(git(folder, "show", f"{now['fixed_in']}:{PLACE}"))
    assert now | {"fixed_in": ""} == then | {"fixed_in": ""}


def test_the_claims_are_those_of_the_commit_that_they_name():
    if (ROOT / ".git").exists() or not fixed_in(ROOT):
        check(ROOT)


@pytest.fixture
def history(tmp_path):
    """A repository whose claims were committed once, and that commit."""
    (tmp_path / "experiments").mkdir()
    shutil.copy(ROOT / PLACE, tmp_path / PLACE)
    text = (tmp_path / PLACE).read_text(encoding="utf-8")
    text = re.sub(r'fixed_in: "[0-9a-f]*"', 'fixed_in: ""', text)
    (tmp_path / PLACE).write_text(text, encoding="utf-8")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "Fix the claims")
    return tmp_path, git(tmp_path, "rev-parse", "HEAD")


def changed(folder, old, new):
    text = (folder / PLACE).read_text(encoding="utf-8")
    assert old in text
    (folder / PLACE).write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_threshold_that_changed_after_the_commit_is_noticed(history):
    folder, commit = history
    check(folder)  # not fixed yet
    changed(folder, 'fixed_in: ""', f'fixed_in: "{commit}"')
    check(folder)
    changed(folder, "alpha: 0.05", "alpha: 0.06")
    with pytest.raises(AssertionError):
        check(folder)
    changed(folder, "alpha: 0.06", "alpha: 0.05")
    changed(folder, commit, "0" * 40)
    with pytest.raises(subprocess.CalledProcessError):
        check(folder)


def test_the_commit_is_printed_and_so_is_that_there_is_none_yet(history):
    folder, commit = history
    study = folder / "experiments"
    assert "not fixed yet" in when_fixed(study)
    changed(folder, 'fixed_in: ""', f'fixed_in: "{commit}"')
    assert f"were fixed in commit {commit[:12]}, before the recorded" in when_fixed(study)
    changed(folder, commit, commit[:12])
    with pytest.raises(MiuaError, match="fixed_in"):
        when_fixed(study)
