"""A planted results folder, and a copy of the study that a test may change."""

import shutil

import pytest

from tests.analysis.claim_tests.world import STUDY, World


@pytest.fixture
def world(tmp_path):
    return World(tmp_path / "results")


@pytest.fixture
def study(tmp_path):
    shutil.copytree(STUDY / "data", tmp_path / "study" / "data")
    return tmp_path / "study"
