"""The contact sheet: what is drawn is what was found."""

import numpy as np
import pytest
from PIL import Image

from miua.metrics import contact_sheet, find_copies
from miua.metrics.contact_sheet import _broken, _cut, _width, in_words
from miua.metrics.variants import transformed


def images(seed: int, count: int, *size: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, *size), dtype=np.uint8)


REFERENCE = images(0, 20, 12, 16)
SYNTHETIC = np.concatenate([images(1, 5, 12, 16), transformed(REFERENCE[3:4], True, 4)])


def places(sheet: Image.Image, image: np.ndarray, zoom: int) -> list[tuple[int, int]]:
    """Where on the sheet a zoomed image lies, by row and column."""
    wanted = np.kron(image, np.ones((zoom, zoom), np.uint8))
    pixels = np.asarray(sheet)
    windows = np.lib.stride_tricks.sliding_window_view(pixels, wanted.shape)
    # The first row of its pixels is looked for, then all of it.
    first = (windows[:, :, 0, :: 2 * zoom] == image[0, ::2]).all(axis=2)
    corners = np.argwhere(first)
    return [(int(y), int(x)) for y, x in corners if np.array_equal(windows[y, x], wanted)]


@pytest.fixture(scope="module")
def found():
    return find_copies(REFERENCE, SYNTHETIC)


def test_pairs_are_shown_as_found_side_by_side_the_likeliest_first(found):
    sheet = contact_sheet(REFERENCE, SYNTHETIC, found)
    assert sheet.mode == "L"
    corners = []
    for place in found.closest:
        real = transformed(
            REFERENCE[found.index[place]][None],
            bool(found.flipped[place]),
            float(found.rotation[place]),
        )[0]
        # An exact copy is found twice: on the left as it was made, then as the real image.
        made_y, made_x = places(sheet, SYNTHETIC[place], 9)[0]
        real_y, real_x = places(sheet, real, 9)[-1]
        assert made_y == real_y
        assert 16 * 9 < real_x - made_x < 16 * 9 + 20
        corners.append((made_y, made_x))
    assert corners == sorted(corners)
    assert len({x for _, x in corners}) == 2


def test_an_exact_copy_differs_by_a_white_square_and_is_framed(found):
    assert list(found.flagged) == [5]
    assert found.distance[5] == 0
    sheet = np.asarray(contact_sheet(REFERENCE, SYNTHETIC, found, pairs=1))
    (y, x), _ = places(Image.fromarray(sheet), SYNTHETIC[5], 9)
    difference = sheet[y : y + 12 * 9, x + 2 * (16 * 9 + 6) :][:, : 16 * 9]
    assert (difference == 255).all()
    framed = (sheet[y] == 0).nonzero()[0]
    assert framed[0] < x - 5
    assert framed[-1] > x + 3 * 16 * 9
    unframed = np.asarray(
        contact_sheet(REFERENCE, SYNTHETIC[:5], find_copies(REFERENCE, SYNTHETIC[:5]))
    )
    assert (unframed[:, :25] == 255)[y].all()


def test_as_many_pairs_and_columns_as_asked(found):
    sizes = [
        contact_sheet(REFERENCE, SYNTHETIC, found, pairs=pairs, columns=columns).size
        for pairs, columns in ((1, 1), (2, 1), (2, 2), (4, 2), (99, 9))
    ]
    heights, widths = [height for _, height in sizes], [width for width, _ in sizes]
    assert heights[1] > heights[0]
    assert widths[2] > widths[0] == widths[1]
    assert widths[3] == widths[2]
    assert widths[4] > 2 * widths[3]


def test_the_same_input_gives_the_same_picture(found):
    first, second = (contact_sheet(REFERENCE, SYNTHETIC, found) for _ in range(2))
    assert first.tobytes() == second.tobytes()


def test_names_are_written(found):
    plain, named = (
        contact_sheet(
            REFERENCE,
            SYNTHETIC,
            found,
            reference_names=[f"{prefix}{i}" for i in range(20)],
            synthetic_names=[f"made {i}" for i in range(6)],
        )
        for prefix in ("a", "b")
    )
    assert plain.size == named.size
    assert plain.tobytes() != named.tobytes()


@pytest.mark.parametrize("size", [(1, 1), (5, 300), (700, 640)])
def test_images_of_any_size(size):
    reference = images(2, 11, *size)
    sheet = contact_sheet(reference, reference[:3], find_copies(reference, reference[:3]), pairs=3)
    assert 400 < sheet.width < 2500


def test_few_images_have_a_sheet_without_a_threshold():
    found = find_copies(REFERENCE[:4], SYNTHETIC, np.zeros(4))
    assert contact_sheet(REFERENCE[:4], SYNTHETIC, found).width > 400


def test_no_images_have_a_sheet_of_words():
    sheet = contact_sheet(REFERENCE, SYNTHETIC[:0], find_copies(REFERENCE, SYNTHETIC[:0]))
    assert (np.asarray(sheet) == 0).any()


@pytest.mark.parametrize(
    ("flipped", "rotation", "words"),
    [
        (False, 0.0, "as it is"),
        (True, 0.0, "flipped"),
        (False, -6.0, "rotated -6°"),
        (True, 2.5, "flipped, rotated 2.5°"),
    ],
)
def test_transformations_in_words(flipped, rotation, words):
    assert in_words(flipped, rotation) == words


def test_long_names_keep_their_end():
    name = "a hospital's very long name of a series 0123.png"
    cut = _cut(name, 150)
    assert _width(cut, 15) <= 150 < _width(name, 15)
    assert cut.startswith("a hosp")
    assert cut.endswith("0123.png")
    assert _cut("short", 150) == "short"
    assert _cut("any", 1) == "…"


def test_text_is_broken_between_words():
    text = "several words and a word that is muchlongerthanalinecanbe at the end"
    lines = _broken(text, 15, 120)
    assert " ".join(lines) == text
    assert all(_width(line, 15) <= 120 or " " not in line for line in lines)


def test_wrong_arguments_are_refused(found):
    with pytest.raises(ValueError, match="the stacks that find_copies judged"):
        contact_sheet(REFERENCE[:5], SYNTHETIC, found)
    with pytest.raises(ValueError, match="pairs and columns must be at least 1"):
        contact_sheet(REFERENCE, SYNTHETIC, found, columns=0)
    with pytest.raises(ValueError, match="synthetic_names must name 6 images"):
        contact_sheet(REFERENCE, SYNTHETIC, found, synthetic_names=["one"])
