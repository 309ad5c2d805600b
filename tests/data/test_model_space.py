"""Grey levels to [-1, 1] and back, and flips and rotations there: exact where they can be."""

import numpy as np
import pytest
import torch

from miua.data.model_space import augment, draw_augmentation, to_image_stack, to_model_space


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


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def drawn(images, generator, *, flip=True, rotation=10.0, corners="black"):
    """The images as they are flipped and rotated by chance."""
    mirrored, angles = draw_augmentation(len(images), generator, rotation)
    return augment(images, mirrored if flip else None, angles if rotation else None, corners)


def random_images(count: int = 64, side: int = 16) -> torch.Tensor:
    return torch.rand(count, 1, side, side, generator=draws(9)) * 2 - 1


def test_nothing_asked_nothing_changed():
    images = random_images()
    assert torch.equal(drawn(images, draws(), flip=False, rotation=0), images)


def test_flip_mirrors_about_half_of_the_images_and_leaves_the_others():
    images = random_images(400)
    flipped = drawn(images, draws(), flip=True, rotation=0)
    mirrored = (flipped == images.flip(-1)).all(dim=(1, 2, 3))
    same = (flipped == images).all(dim=(1, 2, 3))
    assert (mirrored ^ same).all()
    assert 150 < mirrored.sum() < 250


def test_a_rotation_keeps_its_angle_within_the_limit():
    """A bar from the centre to the right ends where the angle says."""
    side = 129
    images = torch.full((200, 1, side, side), -1.0)
    images[:, :, 63:66, 64:] = 1.0
    rotated = drawn(images, draws(), flip=False, rotation=10.0)
    rows = torch.arange(side, dtype=torch.float32) - 64
    column = rotated[:, 0, :, 114] + 1  # 50 pixels right of the centre
    heights = (column * rows).sum(1) / column.sum(1)
    angles = torch.rad2deg(torch.atan(heights / 50))
    assert angles.abs().max() <= 10.2
    assert angles.min() < -8
    assert angles.max() > 8
    assert angles.mean().abs() < 1.2


@pytest.mark.parametrize(("corners", "value"), [("black", -1.0), ("grey", 0.0)])
def test_uncovered_corners(corners, value):
    white = torch.ones(50, 1, 64, 64)
    rotated = drawn(white, draws(), flip=False, rotation=10.0, corners=corners)
    assert rotated[:, 0, 0, 0].min() == value
    assert rotated.min() >= value - 1e-6
    assert torch.allclose(rotated[:, 0, 24:40, 24:40], torch.ones(()))


def test_black_image_stays_black_under_every_rotation():
    black = -torch.ones(20, 1, 32, 32)
    assert torch.equal(drawn(black, draws(), rotation=10.0), black)


def test_each_image_has_a_draw_of_its_own():
    same = random_images(1).expand(30, -1, -1, -1)
    augmented = drawn(same, draws(), rotation=10.0)
    assert len({image.numpy().tobytes() for image in augmented}) == 30


def test_same_seed_same_images_and_flip_does_not_move_the_angles():
    images = random_images(40)
    assert torch.equal(drawn(images, draws(3)), drawn(images, draws(3)))
    symmetric = images + images.flip(-1)
    with_flip = drawn(symmetric, draws(3), flip=True)
    without = drawn(symmetric, draws(3), flip=False)
    assert torch.equal(with_flip, without)
