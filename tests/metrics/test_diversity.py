"""Diversity: closed forms, and a bootstrap that never pairs an image with its own copy."""

import itertools

import numpy as np
import pytest

from miua.metrics import diversity, mean_squared_error_all_pairs, root_mean_squared_difference


def images(seed: int, n: int, size: int = 8, high: int = 256) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, high, (n, size, size), dtype=np.uint8)


def flat(*levels: int) -> np.ndarray:
    return np.stack([np.full((4, 4), level, np.uint8) for level in levels])


def within(stack: np.ndarray) -> float:
    return float(root_mean_squared_difference(mean_squared_error_all_pairs(stack, stack)))


def test_flat_images_differ_by_their_grey_levels():
    assert within(flat(10, 40)) == 30
    assert within(flat(0, 0, 30)) == pytest.approx(np.sqrt((0 + 900 + 900) / 3))
    assert diversity(flat(0, 40), flat(5, 15)) == 0.25


def test_the_square_is_twice_the_variance_of_a_pixel():
    stack = images(1, 9)
    assert within(stack) ** 2 == pytest.approx(2 * stack.astype(float).var(axis=0, ddof=1).mean())


def test_a_set_is_as_varied_as_itself_and_as_its_negative():
    stack = images(2, 6)
    assert diversity(stack, stack) == diversity(stack, 255 - stack) == 1


def test_twice_the_contrast_is_twice_the_diversity():
    stack = images(3, 6, high=128)
    assert diversity(stack, 2 * stack) == pytest.approx(2)


def test_collapse_to_one_image_is_zero():
    assert diversity(images(4, 5), np.repeat(images(5, 1), 7, axis=0)) == 0


@pytest.mark.parametrize("kept", [2, 3, 10])
def test_collapse_to_a_few_images_is_nearly_as_varied(kept):
    """Of m copies of k images, a share of m (k - 1) / (m k - 1) of the pairs still differs."""
    stack, copies = images(6, kept), 4
    share = copies * (kept - 1) / (copies * kept - 1)
    assert diversity(stack, np.tile(stack, (copies, 1, 1))) == pytest.approx(np.sqrt(share))


def test_resamples_count_pairs_of_different_images_only():
    stack = images(7, 4)
    errors = mean_squared_error_all_pairs(stack, stack)
    drawn = np.array([[2.0, 1, 1, 0], [0, 3, 0, 1], [1, 1, 1, 1], [4, 0, 0, 0]])
    found = root_mean_squared_difference(errors, drawn)
    for row, value in zip(drawn[:3], found[:3], strict=True):
        resample = np.repeat(np.arange(4), row.astype(int))
        pairs = [errors[i, j] for i, j in itertools.combinations(resample, 2) if i != j]
        assert value == pytest.approx(np.sqrt(np.mean(pairs)))
    assert found[2] == pytest.approx(within(stack))
    assert np.isnan(found[3])


def test_too_few_or_equal_images_are_refused():
    with pytest.raises(ValueError, match="two images or more"):
        diversity(images(1, 1), images(2, 3))
    with pytest.raises(ValueError, match="two images or more"):
        diversity(images(1, 3), images(2, 1))
    with pytest.raises(TypeError, match="synthetic must have dtype uint8, not float64"):
        diversity(images(1, 3), images(2, 3) / 2)
    with pytest.raises(ValueError, match="reference must be an image stack"):
        diversity(images(1, 3)[0], images(2, 3))
    with pytest.raises(ValueError, match="reference must hold images that differ"):
        diversity(flat(7, 7), images(2, 3, size=4))
