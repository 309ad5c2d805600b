import threading
from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import digamma
from skimage.metrics import normalized_mutual_information
from sklearn.metrics import mutual_info_score, normalized_mutual_info_score

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


def test_checkerboards():
    """Two levels, equally often: a checkerboard tells all about its inverse, nothing of stripes."""
    rows, columns = np.indices((1, 8, 8))[1:]
    board = ((rows + columns) % 2 * 255).astype(np.uint8)
    stripes = (columns % 2 * 255).astype(np.uint8)
    assert entropy(board)[0] == pytest.approx(log(2), rel=1e-14)
    assert mutual_information(board, 255 - board)[0] == pytest.approx(log(2), rel=1e-14)
    assert mutual_information(board, stripes)[0] == 0


@pytest.mark.parametrize("estimator", ["plug-in", "grassberger"])
def test_where_pixels_lie_changes_nothing(estimator):
    """Transposed, turned, mirrored or shuffled, both images alike: the counts are the same."""
    a, b = related(21)
    expected = mutual_information(a, b, estimator=estimator)
    order = np.random.default_rng(22).permutation(a[0].size)
    for move in (
        lambda stack: stack.transpose(0, 2, 1),
        lambda stack: np.rot90(stack, axes=(1, 2)),
        lambda stack: stack[:, ::-1],
        lambda stack: stack.reshape(len(stack), -1)[:, order].reshape(stack.shape),
    ):
        moved = [np.ascontiguousarray(move(stack)) for stack in (a, b)]
        assert np.array_equal(mutual_information(*moved, estimator=estimator), expected)


def test_two_levels_that_agree_in_three_of_four_pixels():
    a = np.array([0, 0, 255, 255] * 4, np.uint8).reshape(1, 4, 4)
    b = np.array([0, 255, 255, 0] * 2 + [0, 0, 255, 255] * 2, np.uint8).reshape(1, 4, 4)
    agree, differ = 6 / 16, 2 / 16
    expected = 2 * agree * log(agree / 0.25) + 2 * differ * log(differ / 0.25)
    assert mutual_information(a, b, 2)[0] == pytest.approx(expected, rel=1e-13)


@settings(max_examples=50)
@given(st.randoms(use_true_random=False))
def test_permuting_grey_levels_changes_nothing(random):
    levels = list(range(256))
    random.shuffle(levels)
    a, b = related(1)
    permuted = np.array(levels, np.uint8)[b]
    assert np.array_equal(mutual_information(a, permuted, 256), mutual_information(a, b, 256))


def test_information_is_symmetric_and_bounded():
    a, b = related(2)
    forward, backward = mutual_information(a, b), mutual_information(b, a)
    assert np.array_equal(forward, backward)
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


def information_by_numpy(a: np.ndarray, b: np.ndarray, bins: int) -> float:
    counts, _, _ = np.histogram2d(a.ravel(), b.ravel(), bins=bins, range=[[0, bins], [0, bins]])
    p = counts / counts.sum()
    independent = np.outer(p.sum(axis=1), p.sum(axis=0))
    some = p > 0
    return float((p[some] * np.log(p[some] / independent[some])).sum())


@pytest.mark.parametrize("levels", [2, 5, 256])
@pytest.mark.parametrize("bins", [2, 10, 64])
def test_information_of_thousands_of_pairs_equals_that_of_numpy_and_scikit_learn(bins, levels):
    """Images of few levels, flat ones among them, and of many."""
    rng = np.random.default_rng([bins, levels])
    a, b = rng.choice(rng.integers(0, 256, levels), (2, 300, 4, 5)).astype(np.uint8)
    b[:100] = a[:100] | b[:100]  # related
    b[290:] = 7
    a[280:] = rng.integers(0, 256, (20, 1, 1))
    found = mutual_information(a, b, bins)
    for first, second, value in zip(binned(a, bins), binned(b, bins), found, strict=True):
        assert value == pytest.approx(information_by_numpy(first, second, bins), abs=1e-12)
        assert value == pytest.approx(mutual_info_score(first.ravel(), second.ravel()), abs=1e-12)


@pytest.mark.parametrize("bins", BINS)
def test_information_equals_scikit_learn(bins):
    a, b = related(4)
    found = mutual_information(a, b, bins)
    for first, second, value in zip(binned(a, bins), binned(b, bins), found, strict=True):
        assert value == pytest.approx(mutual_info_score(first.ravel(), second.ravel()), abs=1e-12)


@settings(max_examples=100)
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


@pytest.mark.parametrize("bins", [7, 64, 256])
def test_images_of_more_than_65535_pixels(bins):
    a, b = related(15, n=5, size=260)
    found = mutual_information(a, b, bins)
    for first, second, value in zip(binned(a, bins), binned(b, bins), found, strict=True):
        assert value == pytest.approx(mutual_info_score(first.ravel(), second.ravel()), abs=1e-12)
    black = np.zeros((1, 300, 300), np.uint8)
    assert entropy(black)[0] == 0
    assert entropy(black, estimator="grassberger")[0] == pytest.approx(0, abs=1e-9)


def test_grassberger_is_its_published_formula():
    def g(n: int) -> float:
        sign = -1 if n % 2 else 1
        return digamma(n) + sign / 2 * (digamma((n + 1) / 2) - digamma(n / 2))

    image = np.repeat(np.arange(10, dtype=np.uint8), [1, 2, 3, 5, 8, 13, 21, 34, 55, 58])
    counts = np.bincount(image)
    expected = log(200) - sum(n * g(n) for n in counts) / 200
    found = entropy(image.reshape(1, 10, 20), 256, estimator="grassberger")[0]
    assert found == pytest.approx(expected, abs=1e-12)


def test_bias_on_independent_images_is_the_documented_one():
    a, b = images(16, 50, 64, 64), images(17, 50, 64, 64)
    documented = {"plug-in": (0.006, 0.028, 0.558, 2.753), "grassberger": (0, 0, 0.049, 1.624)}
    for estimator, means in documented.items():
        for bins, mean in zip((8, 16, 64, 256), means, strict=True):
            found = mutual_information(a, b, bins, estimator=estimator).mean()
            assert found == pytest.approx(mean, abs=0.005)


@pytest.mark.parametrize("normaliser", ["min", "max", "arithmetic", "geometric"])
def test_normalised_information_equals_scikit_learn(normaliser):
    a, b = related(18)
    found = mutual_information(a, b, 32, normaliser=normaliser)
    for first, second, value in zip(binned(a, 32), binned(b, 32), found, strict=True):
        expected = normalized_mutual_info_score(
            first.ravel(), second.ravel(), average_method=normaliser
        )
        assert value == pytest.approx(expected, abs=1e-12)
    table = mutual_information_all_pairs(a, b, 32, normaliser=normaliser)
    assert np.array_equal(np.diag(table), found)


def test_studholme_is_scikit_image_s_and_joint_follows_from_it():
    a, b = related(19)
    studholme = mutual_information(a, b, 256, normaliser="studholme")
    for first, second, value in zip(a, b, studholme, strict=True):
        assert value == pytest.approx(normalized_mutual_information(first, second, bins=256))
    joint = mutual_information(a, b, 256, normaliser="joint")
    assert studholme == pytest.approx(joint + 1, rel=1e-12)


def test_an_image_with_itself_is_exactly_one_and_constants_are_undefined():
    a, _ = related(20)
    constant = np.full_like(a, 9)
    for normaliser in ("min", "max", "arithmetic", "geometric", "joint"):
        assert (mutual_information(a, a, normaliser=normaliser) == 1).all()
        assert np.isnan(mutual_information(constant, constant, normaliser=normaliser)).all()


@pytest.mark.parametrize("option", ["estimator", "normaliser"])
def test_unknown_options_are_refused(option):
    with pytest.raises(ValueError, match=f"{option} must be"):
        mutual_information(A, B, **{option: "best"})


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
        (A, None, 64, TypeError, "b must be a numpy array or a torch tensor"),
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
