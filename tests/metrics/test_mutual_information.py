import threading
from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import mutual_info_score

from miua.metrics import (
    entropy,
    joint_histogram,
    mutual_information,
    mutual_information_all_pairs,
)

THREADS = (1, 2, 3, 7)
BINS = (2, 3, 10, 64, 100, 256)


def images(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def binned(stack: np.ndarray, bins: int) -> np.ndarray:
    return stack.astype(np.int64) * bins // 256


def related(seed: int, n: int = 4, size: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """Pairs whose second image is a noisy version of the first."""
    a = images(seed, n, size, size)
    noise = np.random.default_rng(seed + 1).normal(0, 20, a.shape)
    return a, np.clip(a + noise, 0, 255).astype(np.uint8)


def ramp() -> np.ndarray:
    """Every grey value exactly once."""
    return np.arange(256, dtype=np.uint8).reshape(1, 16, 16)


@pytest.mark.parametrize("bins", [2, 4, 64, 256])
def test_information_of_an_image_with_itself_is_its_entropy(bins):
    assert entropy(ramp(), bins)[0] == pytest.approx(log(bins), rel=1e-14)
    assert mutual_information(ramp(), ramp(), bins)[0] == pytest.approx(log(bins), rel=1e-14)


def test_constant_image_holds_no_information():
    constant = np.full((1, 16, 16), 200, np.uint8)
    assert entropy(constant)[0] == 0
    assert mutual_information(constant, ramp())[0] == 0
    assert mutual_information(constant, constant)[0] == 0


def test_independent_images_share_nothing():
    """Rows in one image, columns in the other: every combination occurs equally often."""
    rows = np.repeat(np.arange(16) * 16, 16).astype(np.uint8).reshape(1, 16, 16)
    columns = np.ascontiguousarray(rows.transpose(0, 2, 1))
    assert mutual_information(rows, columns, 16)[0] == pytest.approx(0, abs=1e-14)


def test_two_levels_that_agree_in_three_of_four_pixels():
    a = np.array([0, 0, 255, 255] * 4, np.uint8).reshape(1, 4, 4)
    b = np.array([0, 255, 255, 0] * 2 + [0, 0, 255, 255] * 2, np.uint8).reshape(1, 4, 4)
    agree, differ = 6 / 16, 2 / 16
    expected = 2 * agree * log(agree / 0.25) + 2 * differ * log(differ / 0.25)
    assert mutual_information(a, b, 2)[0] == pytest.approx(expected, rel=1e-13)


@settings(max_examples=50, deadline=None)
@given(st.randoms(use_true_random=False))
def test_permuting_grey_levels_changes_nothing(random):
    levels = list(range(256))
    random.shuffle(levels)
    a, b = related(1)
    permuted = np.array(levels, np.uint8)[b]
    assert mutual_information(a, permuted, 256) == pytest.approx(
        mutual_information(a, b, 256), rel=1e-12
    )


def test_information_is_symmetric_and_bounded():
    a, b = related(2)
    forward, backward = mutual_information(a, b), mutual_information(b, a)
    assert forward == pytest.approx(backward, rel=1e-12)
    assert (forward > 0).all()
    assert (forward <= np.minimum(entropy(a), entropy(b))).all()


@pytest.mark.parametrize("bins", BINS)
def test_joint_histogram_equals_numpy(bins):
    a, b = related(3)
    edges = np.arange(bins + 1)
    for first, second, counts in zip(
        binned(a, bins), binned(b, bins), joint_histogram(a, b, bins), strict=True
    ):
        expected, _, _ = np.histogram2d(first.ravel(), second.ravel(), bins=(edges, edges))
        assert np.array_equal(counts, expected)


@pytest.mark.parametrize("bins", BINS)
def test_information_equals_scikit_learn(bins):
    a, b = related(4)
    found = mutual_information(a, b, bins)
    for first, second, value in zip(binned(a, bins), binned(b, bins), found, strict=True):
        assert value == pytest.approx(mutual_info_score(first.ravel(), second.ravel()), abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(
    arrays(np.uint8, (2, 5, 7), elements=st.sampled_from([0, 3, 4, 127, 128, 255])),
    st.integers(2, 256),
)
def test_information_of_small_images_equals_scikit_learn(pair, bins):
    a, b = binned(pair, bins)
    expected = mutual_info_score(a.ravel(), b.ravel())
    assert mutual_information(pair[:1], pair[1:], bins)[0] == pytest.approx(expected, abs=1e-12)


def test_counts_beyond_the_table_of_logarithms():
    """More equal pixels than n ln n is tabulated for."""
    image = np.zeros((1, 200, 200), np.uint8)
    image[0, :60] = 255
    p = 60 / 200
    expected = -p * log(p) - (1 - p) * log(1 - p)
    assert entropy(image)[0] == pytest.approx(expected, rel=1e-13)
    assert mutual_information(image, image)[0] == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (33, 37), (64, 1)])
def test_joint_counts_are_complete_for_any_size(shape):
    a, b = images(5, 2, *shape), images(6, 2, *shape)
    counts = joint_histogram(a, b, 256)
    assert np.array_equal(counts.sum(axis=(1, 2)), np.full(2, shape[0] * shape[1]))
    assert counts[0, a[0, 0, 0], b[0, 0, 0]] > 0


@pytest.mark.parametrize(("n", "m"), [(3, 5), (1, 130), (7, 1), (0, 4), (4, 0)])
def test_all_pairs_are_the_pairs(n, m):
    a, b = images(7, n, 9, 9), images(8, m, 9, 9)
    table = mutual_information_all_pairs(a, b, 16)
    assert table.shape == (n, m)
    for i in range(n):
        repeated = np.ascontiguousarray(np.broadcast_to(a[i], b.shape))
        assert np.array_equal(table[i], mutual_information(repeated, b, 16))


@pytest.mark.parametrize("bins", [5, 64])
def test_result_is_bit_identical_for_every_number_of_threads(bins):
    a, b = images(9, 11, 21, 19), images(10, 11, 21, 19)
    paired = [mutual_information(a, b, bins, threads=n) for n in THREADS]
    table = [mutual_information_all_pairs(a, b, bins, threads=n) for n in THREADS]
    counts = [joint_histogram(a, b, bins, threads=n) for n in THREADS]
    for results in (paired, table, counts):
        assert all(result.tobytes() == results[0].tobytes() for result in results)
    assert np.array_equal(np.diag(table[0]), paired[0])


def test_several_python_threads_may_call_at_once():
    a, b = images(11, 40, 32, 32), images(12, 40, 32, 32)
    expected = mutual_information_all_pairs(a, b)
    results: list[np.ndarray] = []
    workers = [
        threading.Thread(target=lambda: results.append(mutual_information_all_pairs(a, b)))
        for _ in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(results) == 4
    assert all(np.array_equal(result, expected) for result in results)


A, B = images(13, 2, 6, 6), images(14, 2, 6, 6)


@pytest.mark.parametrize(
    ("a", "b", "bins", "error", "message"),
    [
        (A.astype(np.int32), B, 64, TypeError, "a must have dtype uint8"),
        (A, B / 255, 64, TypeError, "b must have dtype uint8"),
        (A, None, 64, TypeError, "b must be a numpy array"),
        (A[0], B, 64, ValueError, "a must be an image stack"),
        (A, B[:, :, ::-1], 64, ValueError, "b must be C-contiguous"),
        (A, B[:, :3].copy(), 64, ValueError, "a and b must hold images of one size"),
        (A, B, 1, ValueError, "bins must be 2 to 256"),
        (A, B, 257, ValueError, "bins must be 2 to 256"),
    ],
)
def test_wrong_arguments_are_refused(a, b, bins, error, message):
    for function in (mutual_information, mutual_information_all_pairs, joint_histogram):
        with pytest.raises(error, match=message):
            function(a, b, bins)


def test_unequal_numbers_of_pairs_are_refused():
    for function in (mutual_information, joint_histogram):
        with pytest.raises(ValueError, match="equally many images"):
            function(A, B[:1])
