"""Grey levels to [-1, 1] and back: every level survives."""

import numpy as np
import pytest
import torch

from miua.data.model_space import to_image_stack, to_model_space


def test_every_grey_level_survives_the_way_there_and_back():
    stack = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    space = to_model_space(torch.from_numpy(stack))
    assert space.dtype == torch.float32
    assert space.shape == (1, 1, 16, 16)
    assert (space.min(), space.max()) == (-1, 1)
    back = to_image_stack(space)
    assert back.flags.c_contiguous
    np.testing.assert_array_equal(back, stack)


def test_values_round_to_the_nearest_level():
    halves = torch.tensor([-1.0, 1.0, 0.0, 0.001])[:, None, None, None]
    np.testing.assert_array_equal(to_image_stack(halves)[:, 0, 0], [0, 255, 128, 128])


def test_other_types_and_shapes_are_refused():
    with pytest.raises(TypeError, match="uint8"):
        to_model_space(torch.zeros(1, 4, 4))
    with pytest.raises(TypeError, match=r"\(N, 1, H, W\)"):
        to_image_stack(torch.zeros(2, 3, 4, 4))
