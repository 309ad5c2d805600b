"""The results whose sets readers judge."""

from functools import partial

import pytest

from tests.drawn_results import PUBLISHED_WEIGHTS, make_results
from tests.shared import made_once


@pytest.fixture(scope="session")
def main_grid(tmp_path_factory):
    """A scientific run of the main grid alone. Only to be read."""
    make = partial(make_results, scientific=True, fid=PUBLISHED_WEIGHTS, everything=False)
    return made_once(tmp_path_factory, "main-grid", make)
