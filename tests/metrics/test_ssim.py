from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from skimage.metrics import structural_similarity as peer

from miua import conformance
from miua.data.phantom import phantom
from miua.metrics import (
    mutual_information_all_pairs,
    structural_similarity,
    structural_similarity_all_pairs,
)

ROUNDING = 7e-7  # of a single window in float32, at most
MANY_ROUNDINGS = 1e-7  # of a mean over windows that differ
SIZES = st.tuples(st.integers(7, 24), st.integers(7, 40))


def images(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def noisy(stack: np.ndarray, seed: int, deviation: float) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, deviation, stack.shape)
    return np.clip(stack + noise, 0, 255).astype(np.uint8)


def phantoms(numbers: range, height: int, width: int) -> np.ndarray:
    pictures = (Image.fromarray(phantom(3, subject, 1).image) for subject in numbers)
    return np.stack([np.asarray(picture.resize((width, height))) for picture in pictures])


def by_peer(a: np.ndarray, b: np.ndarray) -> list[float]:
    return [peer(x, y, data_range=255) for x, y in zip(a, b, strict=True)]


def by_definition(x: np.ndarray, y: np.ndarray) -> Fraction:
    """Means, sample variances and covariance of each window in exact fractions."""
    c1, c2 = Fraction(255, 100) ** 2, Fraction(3 * 255, 100) ** 2
    similarities = []
    for row in range(x.shape[0] - 6):
        for column in range(x.shape[1] - 6):
            window = np.s_[row : row + 7, column : column + 7]
            first, second = x[window].ravel().tolist(), y[window].ravel().tolist()
            mean_x, mean_y = Fraction(sum(first), 49), Fraction(sum(second), 49)
            dx, dy = [v - mean_x for v in first], [v - mean_y for v in second]
            variances = (sum(v * v for v in dx) + sum(v * v for v in dy)) / 48
            covariance = sum(v * w for v, w in zip(dx, dy, strict=True)) / 48
            similarities.append(
                (2 * mean_x * mean_y + c1)
                * (2 * covariance + c2)
                / ((mean_x**2 + mean_y**2 + c1) * (variances + c2))
            )
    return sum(similarities, Fraction(0)) / len(similarities)


@pytest.mark.parametrize(
    "shape", [(5, 64, 64), (2, 61, 75), (3, 7, 7), (2, 7, 90), (2, 200, 9), (1, 300, 333)]
)
def test_noise_equals_scikit_image(shape):
    a = images(1, *shape)
    error = ROUNDING if shape[1:] == (7, 7) else MANY_ROUNDINGS
    for b in (images(2, *shape), noisy(a, 3, 40), 255 - a):
        assert structural_similarity(a, b) == pytest.approx(by_peer(a, b), abs=error)


@pytest.mark.parametrize("size", [(64, 64), (108, 160), (540, 800)])
def test_phantoms_equal_scikit_image(size):
    a, b = phantoms(range(3), *size), phantoms(range(3, 6), *size)
    for other in (b, noisy(a, 4, 10)):
        expected = pytest.approx(by_peer(a, other), abs=MANY_ROUNDINGS)
        assert structural_similarity(a, other) == expected


def test_constant_images_equal_scikit_image_and_the_formula():
    levels = np.array([0, 1, 9, 128, 254, 255], np.uint8)
    stack = np.broadcast_to(levels[:, None, None], (6, 20, 30)).copy()
    table = structural_similarity_all_pairs(stack, stack)
    level = levels.astype(float)
    squares = level[:, None] ** 2 + level[None, :] ** 2
    expected = (2 * np.outer(level, level) + 2.55**2) / (squares + 2.55**2)
    assert table == pytest.approx(expected, abs=ROUNDING)
    for row, image in zip(table, stack, strict=True):
        expected = by_peer(np.broadcast_to(image, stack.shape), stack)
        assert row == pytest.approx(expected, abs=ROUNDING)


@settings(max_examples=15)
@given(st.data(), st.sampled_from([1, 2, 255]))
def test_small_images_equal_the_definition_in_exact_fractions(data, largest):
    shape = (data.draw(st.integers(7, 10)), data.draw(st.integers(7, 10)))
    levels = st.integers(0, largest).map(lambda level: level * (255 // largest))
    a, b = (data.draw(arrays(np.uint8, shape, elements=levels)) for _ in range(2))
    difference = Fraction(structural_similarity(a[None], b[None])[0]) - by_definition(a, b)
    assert abs(difference) <= ROUNDING


@settings(max_examples=50)
@given(st.data())
def test_bounds_symmetry_and_identity(data):
    height, width = data.draw(SIZES)
    shape = (2, height, width)
    a, b = data.draw(arrays(np.uint8, shape)), data.draw(arrays(np.uint8, shape))
    similarity = structural_similarity(a, b)
    assert (np.abs(similarity) <= 1).all()
    assert np.array_equal(structural_similarity(b, a), similarity)
    assert (structural_similarity(a, a) == 1).all()


@settings(max_examples=50)
@given(st.data())
def test_turned_and_mirrored_pairs_are_equally_similar(data):
    height, width = data.draw(SIZES)
    a, b = images(data.draw(st.integers(0, 99)), 2, 1, height, width)
    expected = structural_similarity(a, b)
    for move in (
        lambda stack: stack.transpose(0, 2, 1),
        lambda stack: stack[:, ::-1],
        lambda stack: np.rot90(stack, axes=(1, 2)),
    ):
        moved = [np.ascontiguousarray(move(stack)) for stack in (a, b)]
        assert np.array_equal(structural_similarity(*moved), expected)


@pytest.mark.parametrize("size", [(7, 7), (40, 30)])
def test_images_that_differ_anywhere_are_less_than_identical(size):
    # Largest sums, beside which float32 loses most of a difference of one level.
    rows, columns = np.indices((1, *size))[1:]
    board = ((rows + columns) % 2 * 255).astype(np.uint8)
    white = np.full_like(board, 255)
    for image, pixels in ((board, np.s_[0, 0, 0]), (white, np.s_[0, 0, 0]), (white, np.s_[:])):
        other = image.copy()
        other[pixels] ^= 1
        assert structural_similarity(image, other)[0] < 1


def test_more_noise_is_less_similar():
    a = phantoms(range(2), 64, 64)
    similarity = [structural_similarity(a, noisy(a, 5, level)) for level in (0, 5, 20, 80)]
    assert (np.diff(similarity, axis=0) < 0).all()


def test_an_inverted_pattern_is_dissimilar():
    rows, columns = np.indices((1, 30, 30))[1:]
    board = ((rows + columns) % 2 * 255).astype(np.uint8)
    assert structural_similarity(board, 255 - board)[0] < -0.99


@pytest.mark.parametrize(("n", "m"), [(3, 5), (1, 40), (33, 1), (17, 19), (0, 4), (4, 0)])
@pytest.mark.parametrize("size", [(9, 23), (70, 80)])
def test_all_pairs_are_the_pairs_bit_by_bit(n, m, size):
    a, b = images(6, n, *size), images(7, m, *size)
    table = structural_similarity_all_pairs(a, b)
    assert table.shape == (n, m)
    for i in range(n):
        repeated = np.ascontiguousarray(np.broadcast_to(a[i], b.shape))
        assert np.array_equal(table[i], structural_similarity(repeated, b))


@pytest.mark.parametrize("n", [1, 16, 37, 130])
@pytest.mark.parametrize(
    "function", [structural_similarity_all_pairs, mutual_information_all_pairs]
)
def test_a_stack_with_itself_has_the_same_bits_as_with_its_copy(function, n):
    a = images(8, n, 12, 11)
    table = function(a, a, threads=3)
    assert np.array_equal(table, function(a, a.copy()))
    assert np.array_equal(table, table.T)
    assert np.array_equal(function(a, a[: n // 2]), table[:, : n // 2])


def test_result_is_bit_identical_for_all_instruction_sets_and_threads():
    # Several strips of rows, whole and broken vectors of columns, whole and broken blocks.
    stacks = [images(9, 35, 21, 19), images(10, 3, 150, 77), images(11, 18, 64, 64)]

    def results(threads: int) -> list[bytes]:
        pairs = [(stack, np.ascontiguousarray(stack[::-1])) for stack in stacks]
        found = [structural_similarity(a, b, threads=threads) for a, b in pairs]
        found += [structural_similarity_all_pairs(a, b, threads=threads) for a, b in pairs]
        found += [structural_similarity_all_pairs(a, a, threads=threads) for a in stacks]
        return [result.tobytes() for result in found]

    expected = results(threads=1)
    for name in conformance.instruction_sets():
        with conformance.forced(name):
            for threads in (1, 2, 7):
                assert results(threads) == expected, (name, threads)


def test_tensors_are_read_where_they_lie():
    a, b = images(12, 3, 20, 20), images(13, 3, 20, 20)
    expected = structural_similarity(a, b)
    assert np.array_equal(structural_similarity(torch.from_numpy(a), torch.from_numpy(b)), expected)
    table = structural_similarity_all_pairs(torch.from_numpy(a), b)
    assert np.array_equal(np.diag(table), expected)


A, B = images(14, 2, 8, 9), images(15, 2, 8, 9)


@pytest.mark.parametrize(
    ("a", "b", "error", "message"),
    [
        (A.astype(np.int32), B, TypeError, "a must have dtype uint8"),
        (A, B / 255, TypeError, "b must have dtype uint8"),
        (A, None, TypeError, "b must be a numpy array or a torch tensor"),
        (A[0], B, ValueError, "a must be an image stack"),
        (A, B[:, :, ::-1], ValueError, "b must be C-contiguous"),
        (A, B[:, :7].copy(), ValueError, "a and b must hold images of one size"),
        (A[:, :6].copy(), B[:, :6].copy(), ValueError, r"of 7 x 7 pixels or more.*\(2, 6, 9\)"),
        (A[..., :6].copy(), B[..., :6].copy(), ValueError, r"of 7 x 7 pixels or more"),
    ],
)
def test_wrong_arguments_are_refused(a, b, error, message):
    for function in (structural_similarity, structural_similarity_all_pairs):
        with pytest.raises(error, match=message):
            function(a, b)


def test_unequal_numbers_of_pairs_and_of_threads_are_refused():
    with pytest.raises(ValueError, match="equally many images"):
        structural_similarity(A, B[:1])
    with pytest.raises(ValueError, match="threads must be 0"):
        structural_similarity_all_pairs(A, B, threads=-1)
