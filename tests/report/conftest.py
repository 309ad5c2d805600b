"""Results folders for tests that only read, drawn once, and a copy for those that damage one."""

import shutil

import pytest

from miua.report import make_figures
from tests.report.results_maker import (
    PUBLISHED_WEIGHTS,
    STAND_IN_WEIGHTS,
    STUDY,
    make_results,
)


@pytest.fixture(scope="package")
def smoke(tmp_path_factory):
    """Phantoms, no FID, the full grid, with figures: five sizes and four epochs."""
    folder = make_results(tmp_path_factory.mktemp("report") / "smoke")
    make_figures(folder, STUDY)
    return folder


@pytest.fixture(scope="package")
def real(tmp_path_factory):
    """A scientific run with FID, without figures."""
    return make_results(
        tmp_path_factory.mktemp("report") / "real", scientific=True, fid=PUBLISHED_WEIGHTS
    )


@pytest.fixture(scope="package")
def single(tmp_path_factory):
    """A scientific run of one training and one epoch, without the other experiments."""
    folder = make_results(
        tmp_path_factory.mktemp("report") / "single",
        scientific=True,
        fid=PUBLISHED_WEIGHTS,
        training_sizes=[300],
        epochs=[20],
        everything=False,
    )
    make_figures(folder, STUDY)
    return folder


@pytest.fixture(scope="package")
def stand_in(tmp_path_factory):
    """Sets whose FID rests on weights that stand in for the published ones, with figures."""
    folder = make_results(
        tmp_path_factory.mktemp("report") / "stand_in",
        scientific=True,
        fid=STAND_IN_WEIGHTS,
        training_sizes=[300],
        epochs=[20],
        everything=False,
    )
    make_figures(folder, STUDY)
    return folder


@pytest.fixture
def folder(smoke, tmp_path):
    shutil.copytree(smoke, tmp_path / "results")
    return tmp_path / "results"
