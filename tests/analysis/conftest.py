"""One results folder for all tests that only read, and a copy for those that damage it."""

import shutil

import pytest

from tests.report.results_maker import make_results


@pytest.fixture(scope="package")
def pristine(tmp_path_factory):
    return make_results(
        tmp_path_factory.mktemp("analysis") / "smoke", training_sizes=[30, 200], epochs=[5, 12, 20]
    )


@pytest.fixture
def folder(pristine, tmp_path):
    shutil.copytree(pristine, tmp_path / "results")
    return tmp_path / "results"
