from __future__ import annotations

import errno
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import binary_fill_holes

from miua.data.hc18 import TABLE_HEADER, TABLE_NAME, check_folder, read_table, subject_of
from miua.data.head import CIRCUMFERENCES, PIXEL_SIZES, draw_head, draw_view
from miua.data.phantom import image_layout, phantom, write_phantoms
from miua.data.stack import read_stack
from miua.errors import MiuaError


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phantoms") / "set"
    write_phantoms(folder, 14, seed=5, threads=2)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_folder_is_in_hc18s_format(written: Path) -> None:
    images = written / "training_set"
    check_folder(images, 14)
    table = read_table(written / TABLE_NAME)
    assert list(table) == sorted(table) == list(read_stack(written, 8).names)
    subjects = [subject for subject, _ in image_layout(14, seed=5)]
    assert [subject_of(name) for name in table] == sorted(subjects)
    first_line = (written / TABLE_NAME).read_bytes().split(b"\r\n")[0]
    assert first_line.decode() == ",".join(TABLE_HEADER)
    for path in images.iterdir():
        with Image.open(path) as image:
            assert (image.size, image.mode, image.format) == ((800, 540), "L", "PNG")
    assert not list(written.parent.glob(".partial-*"))


def test_annotation_and_table_agree(written: Path) -> None:
    for name, (pixel_size, circumference) in read_table(written / TABLE_NAME).items():
        annotation = written / "training_set" / name.replace(".png", "_Annotation.png")
        outline = np.asarray(Image.open(annotation))
        assert set(np.unique(outline)) == {0, 255}
        # A thin line: a digital closed curve has between 0.7 and 1 pixels per unit length.
        perimeter = circumference / pixel_size
        assert 0.7 * perimeter < (outline > 0).sum() < 1.15 * perimeter
        # Its area and second moments give an ellipse of the table's circumference.
        inside = binary_fill_holes(outline > 0)
        y, x = np.nonzero(inside)
        axes = 2 * np.sqrt(np.linalg.eigvalsh(np.cov(x, y)))
        minor, major = axes - 0.25  # the filled outline reaches about that far beyond
        h = ((major - minor) / (major + minor)) ** 2
        measured = np.pi * (major + minor) * (1 + 3 * h / (10 + np.sqrt(4 - 3 * h)))
        assert measured == pytest.approx(perimeter, rel=0.003)


def test_the_table_gives_the_ellipses_perimeter_exactly() -> None:
    for subject in range(6):
        made = phantom(3, subject, 1)
        in_mm = made.ellipse.perimeter * made.pixel_size
        assert in_mm == pytest.approx(made.circumference, abs=1e-6)


def test_the_skull_is_bright_on_the_outline_and_the_brain_dark_inside() -> None:
    ring, brain = [], []
    for subject in range(8):
        made = phantom(3, subject, 1)
        x, y = np.arange(800.0)[None, :], np.arange(540.0)[:, None]
        radius = np.hypot(*made.ellipse.own_coordinates(x, y))
        ring.append(made.image[(radius > 0.93) & (radius < 1)].mean())
        brain.append(made.image[radius < 0.85].mean())
    assert np.mean(ring) > 2 * np.mean(brain)


def test_the_same_seed_gives_the_same_files_for_any_thread_count(tmp_path: Path) -> None:
    write_phantoms(tmp_path / "one", 5, seed=9, threads=1)
    write_phantoms(tmp_path / "three", 5, seed=9, threads=3)
    assert contents(tmp_path / "one") == contents(tmp_path / "three")
    write_phantoms(tmp_path / "fewer", 3, seed=9)
    fewer, all_five = contents(tmp_path / "fewer"), contents(tmp_path / "one")
    for name in fewer:
        if name.endswith(".png"):
            assert fewer[name] == all_five[name]


def test_seeds_subjects_and_images_differ() -> None:
    images = [phantom(*which).image for which in ((1, 0, 1), (2, 0, 1), (1, 1, 1), (1, 0, 2))]
    for index, first in enumerate(images):
        for second in images[index + 1 :]:
            assert np.abs(first.astype(int) - second).mean() > 8


def test_images_of_one_subject_share_its_head() -> None:
    first, second = phantom(1, 0, 1), phantom(1, 0, 2)
    assert first.circumference == second.circumference
    assert first.ellipse != second.ellipse
    ratios = [made.ellipse.minor / made.ellipse.major for made in (first, second)]
    assert ratios[0] == pytest.approx(ratios[1])


def test_heads_are_as_large_as_hc18s() -> None:
    heads = [draw_head(np.random.default_rng([0, subject, 0])) for subject in range(900)]
    sizes = np.array([head.circumference for head in heads])
    assert CIRCUMFERENCES[0] <= sizes.min() < 65
    assert 290 < sizes.max() <= CIRCUMFERENCES[1]
    # HC18's quartiles are 154, 174 and 190 mm.
    np.testing.assert_allclose(np.percentile(sizes, (25, 50, 75)), (154, 174, 190), rtol=0.07)
    trimesters = Counter(head.trimester for head in heads)
    assert trimesters[2] > 500
    assert min(trimesters.values()) > 80


def test_heads_lie_within_the_image() -> None:
    for subject in range(300):
        rng = np.random.default_rng([0, subject, 0])
        view = draw_view(draw_head(rng), rng)
        half_width, half_height = view.ellipse.half_extent
        assert half_width <= view.ellipse.x <= 799 - half_width
        assert half_height <= view.ellipse.y <= 539 - half_height
        assert PIXEL_SIZES[0] <= view.pixel_size <= PIXEL_SIZES[1]


def test_grey_levels_resemble_hc18s(written: Path) -> None:
    images = read_stack(written, 64).images
    # HC18 at 64 x 64: mean 40, median 28, a sixth black, 1 % above 179.
    assert 28 < images.mean() < 55
    assert 18 < np.median(images) < 45
    assert 0.1 < (images == 0).mean() < 0.4
    assert 140 < np.percentile(images, 99) < 215


def test_the_layout_repeats_subjects_as_hc18_does() -> None:
    layout = image_layout(999, seed=0)
    assert len(set(layout)) == 999
    numbers = Counter(number for _, number in layout)
    assert 760 < numbers[1] < 850
    assert numbers[1] > numbers[2] > numbers[3] > numbers[4] > 0
    assert image_layout(10, seed=0) == layout[:10]


def test_a_second_call_finds_its_phantoms_and_does_nothing(written: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in written.rglob("*")}
    assert write_phantoms(written, 14, seed=5) == written / "training_set"
    assert {path: path.stat().st_mtime_ns for path in written.rglob("*")} == before


def test_a_folder_that_holds_anything_else_is_refused(written: Path, tmp_path: Path) -> None:
    with pytest.raises(MiuaError, match="already holds something else"):
        write_phantoms(written, 14, seed=6)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(MiuaError, match="Name another folder"):
        write_phantoms(tmp_path / "mine", 2, seed=0)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"
    with pytest.raises(MiuaError, match="is a file"):
        write_phantoms(tmp_path / "mine" / "thesis.txt", 2, seed=0)


def test_an_empty_folder_may_be_filled(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    write_phantoms(tmp_path / "set", 1, seed=0)
    assert len(read_stack(tmp_path / "set", 8)) == 1


def test_a_full_disk_is_said_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("PIL.Image.Image.save", full)
    with pytest.raises(MiuaError, match=r"set cannot be written: No space left on device\."):
        write_phantoms(tmp_path / "set", 3, seed=5)
    assert list(tmp_path.iterdir()) == []
