from fractions import Fraction
from functools import cache
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


@cache
def neighbours(P: int, R: float) -> list[list[tuple[int, int, Fraction]]]:
    """For each neighbour the pixels around its place: row, column, bilinear weight."""

    def decimal(value: float) -> Fraction:
        return Fraction(round(value * 10**5), 10**5)

    found = []
    for p in range(P):
        angle = 2 * pi * p / P
        row, column = decimal(-R * sin(angle)), decimal(R * cos(angle))
        y, x = floor(row), floor(column)
        down, right = row - y, column - x
        corners = [
            (y, x, (1 - down) * (1 - right)),
            (y, x + 1, (1 - down) * right),
            (y + 1, x, down * (1 - right)),
            (y + 1, x + 1, down * right),
        ]
        found.append([corner for corner in corners if corner[2] != 0])
    return found


def differences(image: np.ndarray, row: int, column: int, P: int, R: float) -> list[Fraction]:
    """Each neighbour's value minus the centre's, exactly; pixels outside the image are 0."""
    height, width = image.shape

    def pixel(y: int, x: int) -> int:
        return int(image[y, x]) if 0 <= y < height and 0 <= x < width else 0

    centre = pixel(row, column)
    return [
        sum((weight * pixel(row + y, column + x) for y, x, weight in around), -Fraction(centre))
        for around in neighbours(P, R)
    ]


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


@settings(max_examples=150)
@given(small_images)
def test_codes_equal_the_exact_reference(image):
    assert np.array_equal(lbp_codes(image[None])[0], reference_codes(image, 8, 1.0))


@settings(max_examples=60)
@given(
    small_images,
    st.sampled_from([(1, 1.0), (4, 1.0), (8, 1.5), (8, 0.3), (12, 2.0), (6, 2.5)]),
)
def test_codes_for_any_points_and_radius_equal_the_exact_reference(image, pattern):
    P, R = pattern
    assert np.array_equal(lbp_codes(image[None], P, R)[0], reference_codes(image, P, R))


def noise(rng: np.random.Generator, shape: tuple[int, int, int]) -> np.ndarray:
    return rng.integers(0, 256, shape)


def neighbouring_levels(rng: np.random.Generator, shape: tuple[int, int, int]) -> np.ndarray:
    return rng.integers(126, 129, shape)


def two_levels(rng: np.random.Generator, shape: tuple[int, int, int]) -> np.ndarray:
    one, other = rng.integers(0, 256, (2, shape[0], 1, 1))
    return np.where(rng.integers(0, 2, shape), one, other)


def flat_regions(rng: np.random.Generator, shape: tuple[int, int, int]) -> np.ndarray:
    """Two regions with a straight edge between them, or one."""
    one, other = rng.integers(0, 256, (2, shape[0], 1, 1))
    edge = rng.integers(0, shape[2] + 1, (shape[0], 1, 1))
    return np.where(np.broadcast_to(np.arange(shape[2]) < edge, shape), one, other)


@pytest.mark.parametrize("kind", [noise, neighbouring_levels, two_levels, flat_regions])
@pytest.mark.parametrize(
    ("number", "P", "R"),
    [(1000, 8, 1.0), (300, 4, 1.0), (300, 5, 1.4), (300, 8, 1.5), (150, 12, 2.0), (50, 24, 3.0)],
)
def test_codes_of_thousands_of_images_equal_the_exact_reference(number, P, R, kind):
    stack = kind(np.random.default_rng(P), (number, 3, 4)).astype(np.uint8)
    for image, codes in zip(stack, lbp_codes(stack, P, R), strict=True):
        assert np.array_equal(codes, reference_codes(image, P, R))


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


@settings(max_examples=60)
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


def test_vertical_and_diagonal_ramps():
    rows = np.tile(np.arange(0, 200, 10, dtype=np.uint8)[:, None], (1, 5))
    # Greater to the south (bits 5, 6, 7), equal to the east and west (bits 0, 4).
    assert (lbp_codes(rows[None])[0, 1:-1, 1:-1] == 0b11110001).all()
    diagonal = 10 * np.indices((8, 9)).sum(axis=0).astype(np.uint8)
    # Greater to the east, south and between (bits 0, 6, 7), equal across (bits 1, 5).
    assert (lbp_codes(diagonal[None])[0, 1:-1, 1:-1] == 0b11100011).all()
    for method, label in (("ror", 0b00011111), ("uniform", 5)):
        for ramp in (rows, diagonal):
            assert (lbp_codes(ramp[None], method=method)[0, 1:-1, 1:-1] == label).all()


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


def ror(code: int, P: int) -> int:
    return min((code >> by | code << (P - by)) & (2**P - 1) for by in range(P))


def reflected(codes: np.ndarray, P: int, shift: int) -> np.ndarray:
    """Bit (shift - p) mod P becomes bit p."""
    out = np.zeros_like(codes)
    for p in range(P):
        out |= (codes >> ((shift - p) % P) & 1) << p
    return out


@pytest.mark.parametrize(("P", "R"), [(4, 1.0), (8, 1.0), (8, 2.3), (12, 2.0), (24, 3.0)])
def test_rotation_by_90_degrees_leaves_rotation_invariant_labels(P, R):
    """A quarter turn maps the circle's points onto each other where 4 divides P."""
    stack = images(3, 2, 8, 9, levels=4)
    turned = np.ascontiguousarray(np.rot90(stack, axes=(1, 2)))
    for method in ("ror", "uniform"):
        expected = np.rot90(lbp_codes(stack, P, R, method), axes=(1, 2))
        assert np.array_equal(lbp_codes(turned, P, R, method), expected)
    plain = np.rot90(lbp_codes(stack, P, R), axes=(1, 2))
    assert not np.array_equal(lbp_codes(turned, P, R), plain)


# Transposing swaps a neighbour's row and column offset, (-R sin t, R cos t), which turns the angle
# t into 3/4 of a turn minus t: a point of the circle again where 4 divides P. Turning an image
# upside down turns t into -t, and turning it left to right into half a turn minus t.
REFLECTIONS = [
    *[((0, 2, 1), None, P, R, 3 * P // 4) for P, R in ((4, 1.0), (8, 1.0), (8, 2.3), (24, 3.0))],
    *[((0, 1, 2), 1, P, R, 0) for P, R in ((5, 1.4), (7, 2.0), (8, 1.0))],
    *[((0, 1, 2), 2, P, R, P // 2) for P, R in ((6, 1.4), (8, 1.0), (10, 2.0))],
]


@pytest.mark.parametrize("levels", [2, 256])
@pytest.mark.parametrize(("axes", "flipped", "P", "R", "shift"), REFLECTIONS)
def test_reflecting_an_image_reverses_its_circles(axes, flipped, P, R, shift, levels):
    def reflect(stack: np.ndarray) -> np.ndarray:
        stack = stack.transpose(axes)
        return stack if flipped is None else np.flip(stack, flipped)

    stack = images(13, 4, 9, 12, levels=levels)
    mirrored = np.ascontiguousarray(reflect(stack))
    codes = reflect(lbp_codes(stack, P, R))
    assert np.array_equal(lbp_codes(mirrored, P, R), reflected(codes, P, shift))

    # Reversing the circle keeps the number of set bits and of changes: `uniform` stays as it is.
    uniform = lbp_histogram(stack, P, R, "uniform")
    assert np.array_equal(lbp_histogram(mirrored, P, R, "uniform"), uniform)
    expected = reflect(lbp_codes(stack, P, R, "uniform"))
    assert np.array_equal(lbp_codes(mirrored, P, R, "uniform"), expected)

    # `ror` becomes the smallest rotation of its own reversal, which may be another label.
    label, place = np.unique(reflect(lbp_codes(stack, P, R, "ror")), return_inverse=True)
    reversed_label = np.array([ror(each, P) for each in reflected(label, P, 0).tolist()])
    expected = reversed_label[place].reshape(codes.shape)
    assert np.array_equal(lbp_codes(mirrored, P, R, "ror"), expected)


def test_reversal_changes_ror_for_patterns_unlike_their_mirror_image():
    """Of the 36 rotation-invariant patterns of 8 bits, 6 come in pairs that mirror each other."""
    patterns = {ror(code, 8) for code in range(256)}
    mirrored = {code: ror(int(reflected(np.array(code), 8, 0)), 8) for code in patterns}
    assert len(patterns) == 36
    assert sum(code != other for code, other in mirrored.items()) == 12
    assert mirrored[0b00001011] == 0b00001101
    # From P = 6 on: below, every pattern is like its mirror image.
    for P in range(1, 7):
        alike = all(ror(c, P) == ror(int(reflected(np.array(c), P, 0)), P) for c in range(2**P))
        assert alike == (P < 6)


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
