"""The small study, to be read, and a copy of it for a test that damages one."""

import shutil

import pytest

from tests.small_study import World


@pytest.fixture(scope="session")
def made(small_study):
    """The results with a manifest. Only to be read."""
    return small_study


@pytest.fixture
def world(made, tmp_path):
    """A copy of all of it, to damage."""
    shutil.copytree(made.folder, tmp_path / "world")
    return World(tmp_path / "world")
