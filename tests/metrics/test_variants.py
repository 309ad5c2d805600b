"""Flips and rotations: those of the study's augmentation, in whole numbers."""

import math

import numpy as np
import pytest

from miua.metrics.variants import rotations, transformed


def smooth(seed: int, *shape: int) -> np.ndarray:
    """Random images that change slowly, as a small shift of a sharp one changes all of it."""
    rng = np.random.default_rng(seed)
    count, height, width = shape
    y, x = np.indices((height, width)) / 5
    phases = rng.uniform(0, 6, (2, count, 1, 1))
    return np.rint(127 + 127 * np.sin(y + phases[0]) * np.cos(x + phases[1])).astype(np.uint8)


@pytest.mark.parametrize("flipped", [False, True])
@pytest.mark.parametrize("rotation", [0, 2, -10, 7.3])
@pytest.mark.parametrize("size", [16, 33])
def test_they_are_the_augmentation_of_the_training(flipped, rotation, size):
    import torch

    from miua.data.model_space import augment

    images = smooth(0, 3, size, size)
    batch = torch.from_numpy(images).double()[:, None] / 127.5 - 1
    turned = augment(
        batch,
        torch.full((3,), flipped),
        torch.full((3,), math.radians(rotation), dtype=torch.float64),
    )
    expected = (turned[:, 0].numpy() + 1) * 127.5
    assert np.abs(transformed(images, flipped, rotation) - expected).max() < 2


def test_nothing_is_left_as_it_is():
    images = smooth(1, 2, 7, 9)
    assert np.array_equal(transformed(images, False, 0), images)
    assert np.array_equal(transformed(images, True, 0), images[:, :, ::-1])


def test_a_quarter_turn_is_counter_clockwise():
    images = smooth(2, 2, 8, 8)
    assert np.array_equal(transformed(images, False, 90), np.rot90(images, axes=(1, 2)))


def test_corners_are_black_and_the_middle_of_a_flat_image_stays():
    white = np.full((1, 40, 60), 255, np.uint8)
    for turned in rotations(white, [10, -10])[:, 0]:
        assert (turned[[0, 0, -1, -1], [0, -1, 0, -1]] == 0).all()
        assert (turned[10:30, 10:50] == 255).all()
