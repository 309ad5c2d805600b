"""Results folders for tests that only read, drawn once, and a copy for those that damage one."""

import shutil
from functools import partial

import pytest

from miua.report.latex import write_latex
from miua.study.store import Results
from tests.drawn_results import PUBLISHED_WEIGHTS, STAND_IN_WEIGHTS, STUDY, make_results
from tests.shared import made_once

ONE_TRAINING = {"training_sizes": [300], "epochs": [20], "everything": False}


@pytest.fixture(scope="session")
def smoke(tmp_path_factory):
    """Phantoms, no FID, the full grid, with figures: five sizes and four epochs."""
    return made_once(tmp_path_factory, "report-smoke", partial(make_results, figures=True))


@pytest.fixture(scope="session")
def several(tmp_path_factory):
    """As smoke, with trainings of two seeds in some arms, and without figures."""
    return made_once(tmp_path_factory, "report-several", partial(make_results, several=True))


@pytest.fixture(scope="session")
def real(tmp_path_factory):
    """A scientific run with FID, without figures."""
    make = partial(make_results, scientific=True, fid=PUBLISHED_WEIGHTS)
    return made_once(tmp_path_factory, "report-real", make)


@pytest.fixture(scope="session")
def single(tmp_path_factory):
    """A scientific run of one training and one epoch, without the other experiments."""
    options = {"scientific": True, "fid": PUBLISHED_WEIGHTS, "figures": True}
    return made_once(
        tmp_path_factory, "report-single", partial(make_results, **options, **ONE_TRAINING)
    )


@pytest.fixture(scope="session")
def stand_in(tmp_path_factory):
    """Sets whose FID rests on weights that stand in for the published ones, with figures."""
    options = {"scientific": True, "fid": STAND_IN_WEIGHTS, "figures": True}
    return made_once(
        tmp_path_factory, "report-stand-in", partial(make_results, **options, **ONE_TRAINING)
    )


@pytest.fixture(scope="session")
def generated(smoke, tmp_path_factory):
    """What LaTeX reads of smoke's results."""
    place = tmp_path_factory.mktemp("generated")
    write_latex(Results.open(smoke), STUDY, place)
    return place


@pytest.fixture
def folder(smoke, tmp_path):
    shutil.copytree(smoke, tmp_path / "results")
    return tmp_path / "results"


@pytest.fixture
def few(single, tmp_path):
    shutil.copytree(single, tmp_path / "results")
    return tmp_path / "results"
