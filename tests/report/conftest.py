"""Results folders for tests that only read, drawn once, and a copy for those that damage one."""

import shutil

import pytest

from miua.report import make_figures
from tests.report.results_maker import STUDY, make_results


@pytest.fixture(scope="package")
def smoke(tmp_path_factory):
    """Phantoms, no FID, the full grid, with figures: five sizes and four epochs."""
    folder = make_results(tmp_path_factory.mktemp("report") / "smoke")
    make_figures(folder, STUDY)
    return folder


@pytest.fixture(scope="package")
def real(tmp_path_factory):
    """A scientific run with FID, but one run and one epoch only, with figures."""
    folder = make_results(
        tmp_path_factory.mktemp("report") / "real",
        scientific=True,
        fid=True,
        training_sizes=[300],
        epochs=[20],
    )
    make_figures(folder, STUDY)
    return folder


@pytest.fixture
def folder(smoke, tmp_path):
    shutil.copytree(smoke, tmp_path / "results")
    return tmp_path / "results"
