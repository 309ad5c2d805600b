import numpy as np
import pytest


@pytest.fixture
def stack():
    return np.random.default_rng(0).integers(0, 256, (25, 32, 32), dtype=np.uint8)
