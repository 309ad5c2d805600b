from fractions import Fraction
from math import cos, floor, pi, sin

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.feature import local_binary_pattern

from miua.metrics import lbp_codes, lbp_histogram, lbp_vector
from miua.metrics.lbp import Method

METHODS = ("default", "ror", "uniform", "nri_uniform")
THREADS = (1, 2, 3, 7)


def images(seed: int, *shape: int, levels: int = 256) -> np.ndarray:
    values = np.random.default_rng(seed).integers(0, levels, shape)
    return (values * (255 // (levels - 1))).astype(np.uint8)


def offsets(P: int, R: float) -> list[tuple[Fraction, Fraction]]:
    def decimal(value: float) -> Fraction:
        return Fraction(round(value * 10**5), 10**5)

    angles = [2 * pi * p / P for p in range(P)]
    return [(decimal(-R * sin(angle)), decimal(R * cos(angle))) for angle in angles]


def bilinear(image: np.ndarray, row: Fraction, column: Fraction) -> Fraction:
    def pixel(y: int, x: int) -> int:
        inside = 0 <= y < image.shape[0] and 0 <= x < image.shape[1]
        return int(image[y, x]) if inside else 0

    y, x = floor(row), floor(column)
    down, right = row - y, column - x
    top = (1 - right) * pixel(y, x) + right * pixel(y, x + 1)
    bottom = (1 - right) * pixel(y + 1, x) + right * pixel(y + 1, x + 1)
    return (1 - down) * top + down * bottom


def differences(image: np.ndarray, row: int, column: int, P: int, R: float) -> list[Fraction]:
    """Each neighbour's value minus the centre's, exactly."""
    centre = int(image[row, column])
    return [bilinear(image, row + dy, column + dx) - centre for dy, dx in offsets(P, R)]


def reference_codes(image: np.ndarray, P: int, R: float) -> np.ndarray:
    codes = np.zeros(image.shape, dtype=np.uint32)
    for row, column in np.ndindex(image.shape):
        signs = (d >= 0 for d in differences(image, row, column, P, R))
        codes[row, column] = sum(1 << p for p, sign in enumerate(signs) if sign)
    return codes


small_images = arrays(
    np.uint8,
    st.tuples(st.integers(1, 6), st.integers(1, 6)),
    elements=st.one_of(st.integers(0, 255), st.sampled_from([0, 1, 254, 255])),
    fill=st.sampled_from([0, 128, 255]),
)


@settings(max_examples=150, deadline=None)
@given(small_images)
def test_codes_equal_the_exact_reference(image):
    assert np.array_equal(lbp_codes(image[None])[0], reference_codes(image, 8, 1.0))


@settings(max_examples=60, deadline=None)
@given(
    small_images,
    st.sampled_from([(1, 1.0), (4, 1.0), (8, 1.5), (8, 0.3), (12, 2.0), (6, 2.5)]),
)
def test_codes_for_any_points_and_radius_equal_the_exact_reference(image, pattern):
    P, R = pattern
    assert np.array_equal(lbp_codes(image[None], P, R)[0], reference_codes(image, P, R))


def test_every_diagonal_comparison_of_three_pixels_and_centre_is_exact():
    """All (corner, side + side) against a centre: the 16-bit test leaves no room for error."""
    rng = np.random.default_rng(1)
    stack = rng.integers(0, 256, (20000, 3, 3), dtype=np.uint8)
    # Half of the images are put close to the diagonal's decision: side ~ centre - 1.2 x.
    centre = rng.integers(60, 196, 10000)
    x = rng.integers(-50, 51, 10000)
    stack[:10000, 1, 1] = centre
    stack[:10000, 0, 2] = centre + x
    stack[:10000, 0, 1] = np.clip(centre - np.round(1.207 * x), 0, 255)
    stack[:10000, 1, 2] = np.clip(centre - np.round(1.207 * x) + rng.integers(-1, 2), 0, 255)
    pixels = stack.astype(np.int64)
    a, b = 70711, 29289
    value = a * a * pixels[:, 0, 2] + a * b * (pixels[:, 0, 1] + pixels[:, 1, 2])
    value += b * b * pixels[:, 1, 1]
    expected = value >= (a + b) ** 2 * pixels[:, 1, 1]
    found = lbp_codes(stack)[:, 1, 1] >> 1 & 1
    assert np.array_equal(found.astype(bool), expected)


@settings(max_examples=60, deadline=None)
@given(
    arrays(
        np.uint16,
        st.tuples(st.integers(1, 5), st.integers(1, 5)),
        elements=st.one_of(st.integers(0, 65535), st.sampled_from([0, 1, 255, 256, 65535])),
    ),
    st.sampled_from([(8, 1.0), (5, 1.4), (24, 3.0)]),
)
def test_codes_of_16_bits_equal_the_exact_reference(image, pattern):
    P, R = pattern
    assert np.array_equal(lbp_codes(image[None], P, R)[0], reference_codes(image, P, R))


def test_bytes_in_16_bits_have_the_codes_of_bytes():
    stack = images(11, 3, 30, 31)
    wide = stack.astype(np.uint16)
    assert np.array_equal(lbp_codes(wide), lbp_codes(stack))
    assert np.array_equal(lbp_histogram(wide * 257), lbp_histogram(stack))


def test_strips_of_a_large_image_join_without_a_seam():
    """An image that is coded in several strips, against windows of it that take one."""
    image = images(12, 1, 700, 300)[0]
    for P, R in ((8, 1.0), (12, 2.5)):
        whole = lbp_codes(image[None], P, R, threads=2)[0]
        for first in range(0, 640, 40):
            window = np.ascontiguousarray(image[first : first + 60])
            found = lbp_codes(window[None], P, R)[0][4:-4]
            assert np.array_equal(found, whole[first + 4 : first + 56])


def test_constant_image_sets_every_bit_inside():
    codes = lbp_codes(np.full((1, 5, 6), 77, np.uint8))[0]
    assert (codes[1:-1, 1:-1] == 255).all()
    # Below the top edge: only the neighbours to the east, west and south reach the centre.
    assert codes[0, 2] == 0b11110001


def test_black_image_sets_every_bit_everywhere():
    assert (lbp_codes(np.zeros((2, 4, 4), np.uint8)) == 255).all()


def test_horizontal_ramp():
    ramp = np.tile(np.arange(0, 200, 10, dtype=np.uint8), (5, 1))
    # Greater to the east (bits 7, 0, 1), equal above and below (bits 2, 6), less to the west.
    assert (lbp_codes(ramp[None])[0, 1:-1, 1:-1] == 0b11000111).all()


def test_checkerboard():
    board = (np.indices((6, 6)).sum(axis=0) % 2 * 200).astype(np.uint8)
    inside = lbp_codes(board[None])[0, 1:-1, 1:-1]
    # A white centre exceeds all eight neighbours (the diagonal ones are partly black).
    assert set(inside[board[1:-1, 1:-1] == 200]) == {0}
    assert set(inside[board[1:-1, 1:-1] == 0]) == {255}


def test_bright_pixel():
    image = np.zeros((3, 3), np.uint8)
    image[1, 1] = 9
    codes = lbp_codes(image[None])[0]
    assert codes[1, 1] == 0
    assert (np.delete(codes.ravel(), 4) == 255).all()


@pytest.mark.parametrize("method", METHODS)
def test_labels_are_below_their_number(method):
    stack = images(2, 3, 9, 11)
    for P in (1, 2, 5, 8):
        labels = {"uniform": P + 2, "nri_uniform": P * (P - 1) + 3}.get(method, 2**P)
        histogram = lbp_histogram(stack, P, 1.5, method)
        assert histogram.shape == (3, labels)
        assert histogram.dtype == np.int64


def test_rotation_by_90_degrees_leaves_rotation_invariant_labels():
    stack = images(3, 2, 8, 8)
    turned = np.ascontiguousarray(np.rot90(stack, axes=(1, 2)))
    for method in ("ror", "uniform"):
        expected = np.rot90(lbp_codes(stack, method=method), axes=(1, 2))
        assert np.array_equal(lbp_codes(turned, method=method), expected)
    assert not np.array_equal(lbp_codes(turned), np.rot90(lbp_codes(stack), axes=(1, 2)))


@pytest.mark.parametrize("levels", [2, 4, 256])
@pytest.mark.parametrize(("P", "R"), [(8, 1.0), (8, 2.3), (16, 2.0)])
def test_codes_equal_scikit_image_except_at_exact_ties(P, R, levels):
    for image in images(4, 6, 16, 19, levels=levels):
        ours = lbp_codes(image[None], P, R)[0]
        theirs = local_binary_pattern(image, P, R).astype(np.uint32)
        for row, column in np.argwhere(ours != theirs):
            changed = int(ours[row, column] ^ theirs[row, column])
            exact = differences(image, row, column, P, R)
            assert all(exact[p] == 0 for p in range(P) if changed >> p & 1)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("P", "R"), [(8, 1.0), (7, 1.7), (24, 3.0)])
def test_labels_are_those_of_scikit_image(P, R, method):
    image = images(5, 20, 20)
    ours = lbp_codes(image[None], P, R, method)[0]
    agreed = lbp_codes(image[None], P, R)[0] == local_binary_pattern(image, P, R)
    assert agreed.mean() > 0.99
    assert np.array_equal(ours[agreed], local_binary_pattern(image, P, R, method)[agreed])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("P", "R"), [(8, 1.0), (10, 2.0)])
def test_histogram_counts_the_codes(P, R, method):
    stack = images(6, 4, 13, 17)
    histogram = lbp_histogram(stack, P, R, method)
    for codes, counts in zip(lbp_codes(stack, P, R, method), histogram, strict=True):
        assert np.array_equal(np.bincount(codes.ravel(), minlength=len(counts)), counts)
    assert (histogram.sum(axis=1) == 13 * 17).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 1), (3, 2)])
def test_histogram_of_tiny_images_is_complete(shape):
    assert lbp_histogram(images(7, 2, *shape)).sum() == 2 * shape[0] * shape[1]


def test_vector_is_the_mean_histogram():
    stack = images(8, 5, 12, 12)
    expected = lbp_histogram(stack).mean(axis=0)
    vector = lbp_vector(stack)
    assert vector.dtype == np.float64
    assert np.array_equal(vector, expected)
    assert vector.sum() == pytest.approx(144)


def test_result_does_not_depend_on_threads():
    stack = images(9, 11, 15, 14)
    patterns: list[tuple[int, float, Method]] = [(8, 1.0, "default"), (12, 2.0, "uniform")]
    for P, R, method in patterns:
        codes = [lbp_codes(stack, P, R, method, threads=n) for n in THREADS]
        histograms = [lbp_histogram(stack, P, R, method, threads=n) for n in THREADS]
        assert all(np.array_equal(codes[0], other) for other in codes)
        assert all(np.array_equal(histograms[0], other) for other in histograms)


STACK = images(10, 2, 6, 6)


@pytest.mark.parametrize(
    ("stack", "error", "message"),
    [
        (STACK.astype(np.float64), TypeError, "stack must have dtype uint8"),
        (STACK.astype(np.int16), TypeError, "stack must have dtype uint8"),
        (STACK.tolist(), TypeError, "stack must be a numpy array or a torch tensor, not list"),
        (STACK[0], ValueError, "stack must be an image stack"),
        (STACK[:, ::2], ValueError, "stack must be C-contiguous"),
        (np.asfortranarray(STACK), ValueError, "stack must be C-contiguous"),
        (STACK[:, :0], ValueError, "stack holds images without pixels"),
    ],
)
def test_wrong_stack_is_refused(stack, error, message):
    for function in (lbp_codes, lbp_histogram):
        with pytest.raises(error, match=message):
            function(stack)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"P": 0}, "P must be 1 to 24"),
        ({"P": 25}, "P must be 1 to 24"),
        ({"R": 0.0}, "R must be"),
        ({"R": float("nan")}, "R must be"),
        ({"R": 101.0}, "R must be"),
        ({"method": "var"}, "method must be"),
        ({"threads": -1}, "threads must be"),
    ],
)
def test_parameters_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        lbp_histogram(STACK, **arguments)


def test_histogram_with_too_many_labels_is_refused():
    with pytest.raises(ValueError, match="too many for a histogram"):
        lbp_histogram(STACK, 24, 3.0, "default")


def test_empty_stack():
    assert lbp_codes(STACK[:0]).shape == (0, 6, 6)
    assert lbp_histogram(STACK[:0]).shape == (0, 256)
    with pytest.raises(ValueError, match="no images"):
        lbp_vector(STACK[:0])
