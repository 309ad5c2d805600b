import warnings

import numpy as np
import pytest
from skimage.metrics import mean_squared_error as peer_mean_squared_error
from skimage.metrics import peak_signal_noise_ratio

from miua.metrics import (
    mean_squared_error,
    mean_squared_error_all_pairs,
    nearest_neighbours,
    peak_signal_to_noise_ratio,
    peak_signal_to_noise_ratio_all_pairs,
    squared_error,
)


def images(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def test_black_against_white_is_zero_decibels():
    black, white = np.zeros((1, 5, 5), np.uint8), np.full((1, 5, 5), 255, np.uint8)
    assert peak_signal_to_noise_ratio(black, white)[0] == 0
    assert peak_signal_to_noise_ratio_all_pairs(black, white)[0, 0] == 0


def test_one_grey_level_everywhere():
    a, b = np.full((1, 5, 5), 100, np.uint8), np.full((1, 5, 5), 101, np.uint8)
    expected = 20 * np.log10(255)
    assert peak_signal_to_noise_ratio(a, b)[0] == pytest.approx(expected, rel=1e-15)
    assert peak_signal_to_noise_ratio(b, a)[0] == pytest.approx(expected, rel=1e-15)


def test_identical_images_are_infinite_without_a_warning():
    a = images(0, 3, 8, 8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isposinf(peak_signal_to_noise_ratio(a, a)).all()
        table = peak_signal_to_noise_ratio_all_pairs(a, a)
    assert np.array_equal(np.isposinf(table), np.eye(3, dtype=bool))


def test_pairs_equal_scikit_image():
    a, b = images(1, 4, 31, 17), images(2, 4, 31, 17)
    expected = [peak_signal_noise_ratio(x, y, data_range=255) for x, y in zip(a, b, strict=True)]
    assert np.array_equal(peak_signal_to_noise_ratio(a, b), expected)


@pytest.mark.parametrize("block_bytes", [1, 5000, 2**25])
def test_all_pairs_equal_the_pairs_exactly(block_bytes, monkeypatch):
    monkeypatch.setattr(squared_error, "BLOCK_BYTES", block_bytes)
    a, b = images(3, 5, 12, 13), images(4, 7, 12, 13)
    table = peak_signal_to_noise_ratio_all_pairs(a, b)
    for i in range(5):
        expected = peak_signal_to_noise_ratio(np.repeat(a[i : i + 1], 7, axis=0), b)
        assert np.array_equal(table[i], expected)


@pytest.mark.parametrize("size", [1100, 1500])
def test_all_pairs_of_large_bright_images_are_exact(size):
    """The sums of their squares are no longer integers that float64 holds."""
    a = np.full((2, size, size), 65535, np.uint16)
    a[1, 0, 0] -= 1
    table = mean_squared_error_all_pairs(a, a)
    assert table.tolist() == [[0, 1 / size**2], [1 / size**2, 0]]
    assert nearest_neighbours(a[:1], a[1:]).mean_squared_error == [1 / size**2]


def test_strided_stacks_are_read_as_they_are():
    a, b = images(5, 3, 10, 20)[:, :, ::2], images(6, 3, 10, 10)
    expected = peak_signal_to_noise_ratio(a.copy(), b)
    assert np.array_equal(peak_signal_to_noise_ratio(a, b), expected)
    assert np.array_equal(np.diag(peak_signal_to_noise_ratio_all_pairs(a, b)), expected)


def test_mean_squared_error_is_that_of_scikit_image():
    a, b = images(8, 4, 9, 11), images(9, 4, 9, 11)
    expected = [peer_mean_squared_error(x, y) for x, y in zip(a, b, strict=True)]
    assert np.array_equal(mean_squared_error(a, b), expected)
    assert np.array_equal(np.diag(mean_squared_error_all_pairs(a, b)), expected)


@pytest.mark.parametrize("block_bytes", [1, 2000, 2**25])
def test_nearest_neighbours_are_the_smallest_of_all_pairs(block_bytes, monkeypatch):
    monkeypatch.setattr(squared_error, "BLOCK_BYTES", block_bytes)
    a, b = images(10, 6, 7, 5), images(11, 9, 7, 5)
    b[4], b[7] = a[2], a[2]  # equally near: the first counts
    nearest = nearest_neighbours(a, b)
    table = mean_squared_error_all_pairs(a, b)
    assert np.array_equal(nearest.index, table.argmin(axis=1))
    assert nearest.index[2] == 4
    assert np.array_equal(nearest.mean_squared_error, table.min(axis=1))
    assert np.array_equal(nearest.psnr, peak_signal_to_noise_ratio_all_pairs(a, b).max(axis=1))


def test_nearest_neighbour_among_none_is_refused():
    with pytest.raises(ValueError, match="b holds no images"):
        nearest_neighbours(A, A[:0])


A = images(7, 2, 6, 6)


@pytest.mark.parametrize(
    ("a", "b", "error", "message"),
    [
        (A / 255, A, TypeError, "a must have dtype uint8"),
        (A, A.tolist(), TypeError, "b must be a numpy array or a torch tensor, not list"),
        (A, A[0], ValueError, "b must be an image stack"),
        (A, A[:, :4], ValueError, "images of one size"),
    ],
)
def test_wrong_arguments_are_refused(a, b, error, message):
    for function in (peak_signal_to_noise_ratio, peak_signal_to_noise_ratio_all_pairs):
        with pytest.raises(error, match=message):
            function(a, b)


def test_unequal_numbers_of_pairs_are_refused():
    with pytest.raises(ValueError, match="equally many images"):
        peak_signal_to_noise_ratio(A, A[:1])


def test_sixteen_bits_are_measured_as_well():
    a, b = (images(seed, 3, 5, 4).astype(np.uint16) * 257 for seed in (8, 9))
    a[0], b[0] = 0, 65535  # the largest difference there is
    table = np.square(a[:, None].astype(float) - b[None].astype(float)).mean(axis=(2, 3))
    assert (mean_squared_error(a, b) == np.diagonal(table)).all()
    assert (mean_squared_error_all_pairs(a, b) == table).all()
    found = nearest_neighbours(a, b)
    assert (found.index == table.argmin(axis=1)).all()
    assert found.psnr == pytest.approx(10 * np.log10(65535**2 / table.min(axis=1)))
