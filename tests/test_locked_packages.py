"""The environment is held against the lock, and a difference is said once, in one line."""

import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from miua import locked_packages
from miua.errors import MiuaError
from miua.locked_packages import (
    LOCK,
    differences_from_lock,
    installed_packages,
    lock_warning,
    read_lock,
)
from miua.study.run import reproduce

ROOT = Path(__file__).parents[1]
HASH = f"    --hash=sha256:{64 * '0'}\n    # via something\n"


@pytest.fixture
def lock(tmp_path, monkeypatch):
    """Makes a lock file of these lines, which is then the one that counts."""

    def make(*pins):
        path = tmp_path / "requirements.lock"
        path.write_text("".join(f"{pin} \\\n{HASH}" for pin in pins))
        monkeypatch.setattr(locked_packages, "LOCK", path)
        return path

    return make


def test_the_lock_of_this_checkout_is_found_and_read():
    pinned = read_lock(LOCK)
    assert LOCK == ROOT / "requirements.lock"
    assert set(pinned) >= {"torch", "numpy", "snakemake"}
    assert "colorama" not in pinned or sys.platform == "win32"


def test_markers_decide_which_version_is_meant(lock):
    path = lock(
        "numpy==1.0 ; python_full_version < '3.0'",
        "numpy==2.0 ; python_full_version >= '3.0'",
        "Ruamel.Yaml==5.0 ; sys_platform == 'nowhere'",
    )
    assert read_lock(path) == {"numpy": "2.0"}


def test_what_differs_is_named_and_what_is_missing_is_told_apart(lock):
    path = lock(f"numpy=={version('numpy')}", "Scipy==0.1", "not-there==3.0")
    found = [(each.package, each.locked, each.installed) for each in differences_from_lock(path)]
    assert found == [("not-there", "3.0", None), ("scipy", "0.1", version("scipy"))]


def test_an_installation_that_was_broken_off_is_no_package(tmp_path, monkeypatch):
    before = installed_packages()
    assert before["typing-extensions"] == version("typing_extensions")
    (tmp_path / "broken-1.0.dist-info").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    assert installed_packages() == before


def test_a_local_build_is_another_version(lock):
    (found,) = differences_from_lock(lock(f"numpy=={version('numpy')}+cpu"))
    assert found.installed == version("numpy")


def test_the_warning_is_one_line_with_the_first_few(lock):
    lock("numpy==0.1", "scipy==0.1", "pillow==0.1", "typer==0.1", "rich==0.1", "not-there==3.0")
    warning = lock_warning()
    assert "\n" not in warning
    assert warning.startswith("Warning: 5 packages are not as in requirements.lock: numpy ")
    assert f"pillow {version('pillow')} (locked: 0.1)" in warning
    assert " and 2 more. " in warning
    assert warning.endswith("All of them: miua env")


def test_nothing_is_said_without_a_difference_or_without_a_lock(lock, tmp_path):
    path = lock(f"numpy=={version('numpy')}", "not-there==3.0")
    assert lock_warning() == ""
    path.unlink()
    assert lock_warning() == ""


def test_a_line_that_pins_nothing_is_an_error(lock):
    with pytest.raises(MiuaError, match=r"requirements\.lock pins no version here: 'numpy>=1,<2'"):
        read_lock(lock("numpy>=1,<2"))


def test_a_reproduction_says_it_once_at_its_start(lock, tmp_path, monkeypatch, capsys):
    lock("numpy==0.1")
    monkeypatch.setattr("miua.study.run._run", lambda *arguments: None)
    places = {"study": ROOT / "experiments", "paper": ROOT / "paper", "results": tmp_path / "r"}
    reproduce("smoke", cores=1, **places)
    reproduce("smoke", cores=1, experiment="seeds", **places)
    said = capsys.readouterr().err
    assert said.count("Warning: 1 package is not as in requirements.lock: numpy") == 2
