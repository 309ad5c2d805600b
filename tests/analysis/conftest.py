"""One results folder for all tests that only read, and a copy for those that damage it."""

import shutil
from functools import partial

import pytest

from tests.analysis.claim_tests.world import STUDY
from tests.drawn_results import make_results
from tests.shared import made_once


@pytest.fixture(scope="session")
def pristine(tmp_path_factory):
    make = partial(make_results, training_sizes=[30, 200], epochs=[5, 12, 20])
    return made_once(tmp_path_factory, "analysis-smoke", make)


@pytest.fixture
def folder(pristine, tmp_path):
    shutil.copytree(pristine, tmp_path / "results")
    return tmp_path / "results"


@pytest.fixture
def study(tmp_path):
    """The folder of experiments, to be changed."""
    shutil.copytree(STUDY, tmp_path / "experiments")
    return tmp_path / "experiments"
