"""Copies of training images: all that are planted are found, and nothing among other subjects."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from miua.data import read_stack, subjects_of
from miua.data.phantom import phantom
from miua.metrics import Memorisation, find_copies
from miua.metrics import memorisation as module
from miua.metrics import variants as search
from miua.metrics.memorisation import FEWEST_GROUPS, nearer_to_training
from miua.metrics.variants import transformed

HC18 = Path(__file__).parents[3] / "shared" / "data" / "hc18"
SUBJECTS = 34  # phantoms of the reference; some have a second image
SECOND = 3


@pytest.fixture(scope="module")
def phantoms() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Reference images (64 x 64), their subjects, and images of other subjects."""
    which = [(subject, 1) for subject in range(SUBJECTS)]
    which += [(subject, 2) for subject in range(SECOND)]
    others = [(subject, 1) for subject in range(100, 108)]

    def small(one: tuple[int, int]) -> np.ndarray:
        picture = Image.fromarray(phantom(5, *one).image)
        return np.asarray(picture.resize((64, 64), Image.Resampling.BILINEAR))

    with ThreadPoolExecutor() as pool:
        made = np.stack(list(pool.map(small, which + others)))
    return made[: len(which)], np.array(which)[:, 0], made[len(which) :]


def copies(images: np.ndarray, noise: float, seed: int = 0) -> np.ndarray:
    """Mirrored every second, rotated by any angle up to 10 degrees, with noise: by Pillow."""
    rng = np.random.default_rng(seed)
    made = []
    for number, image in enumerate(images):
        picture = Image.fromarray(image if number % 2 else image[:, ::-1])
        turned = picture.rotate(rng.uniform(-10, 10), Image.Resampling.BILINEAR)
        noisy = np.asarray(turned, dtype=float) + rng.normal(0, noise, image.shape)
        made.append(np.clip(np.rint(noisy), 0, 255))
    return np.array(made, dtype=np.uint8)


@pytest.mark.parametrize("noise", [0, 5, 10])
def test_planted_copies_are_found_and_nothing_else(phantoms, noise):
    reference, subjects, others = phantoms
    sources = np.array([3, 8, 0, 36, 21, 30, 12, 17])
    synthetic = np.concatenate([others, copies(reference[sources], noise)])
    found = find_copies(reference, synthetic, subjects)
    assert sorted(found.flagged) == list(range(len(others), len(synthetic)))
    assert np.array_equal(found.index[len(others) :], sources)
    assert np.array_equal(found.flipped[len(others) :], np.arange(8) % 2 == 0)
    assert (np.diff(found.relative_distance[found.flagged]) >= 0).all()
    assert np.array_equal(found.closest[: len(found.flagged)], found.flagged)


def test_the_angle_of_a_copy_is_told_to_the_nearest_of_the_grid(phantoms):
    reference, subjects, _ = phantoms
    for flipped in (False, True):
        for rotation in (-7.7, 0.4, 9.6):
            copy = transformed(reference[4:6], flipped, rotation)
            found = find_copies(reference, copy, subjects)
            assert list(found.index) == [4, 5]
            assert (found.flipped == flipped).all()
            assert (np.abs(found.rotation - rotation) < 1).all()


def test_copies_in_large_images_are_found(phantoms):
    reference, subjects, others = phantoms
    large, other = (np.kron(stack, np.ones((3, 4), np.uint8)) for stack in (reference, others[:3]))
    found = find_copies(large, np.concatenate([other, copies(large[7:9], 20)]), subjects)
    assert found.reduction == 3
    assert sorted(found.flagged) == [3, 4]
    assert list(found.index[3:]) == [7, 8]
    assert "means of 3 x 3 pixels" in found.definition


def test_other_grey_levels_in_all_images_change_nothing_that_is_judged(phantoms):
    """Doubling all grey levels doubles the distances, up to rounding in the rotation."""
    reference, subjects, others = phantoms
    synthetic = np.concatenate([others, reference[4:6]])
    dark = find_copies(reference // 4, synthetic // 4, subjects)
    bright = find_copies(2 * (reference // 4), 2 * (synthetic // 4), subjects)
    assert list(dark.flagged) == list(bright.flagged) == [8, 9]
    assert bright.distance == pytest.approx(2 * dark.distance, rel=0.01)
    assert bright.relative_distance == pytest.approx(dark.relative_distance, rel=0.01)


def test_a_set_of_the_reference_itself_is_all_copies(phantoms):
    reference, subjects, _ = phantoms
    found = find_copies(reference, reference, subjects)
    assert np.array_equal(found.index, np.arange(len(reference)))
    assert not found.distance.any()
    assert not found.flipped.any()
    assert not found.rotation.any()
    assert sorted(found.flagged) == list(range(len(reference)))


def test_calibration_leaves_out_the_image_s_own_subject(phantoms):
    reference, subjects, _ = phantoms
    found = find_copies(reference, reference[:1], subjects)
    assert np.array_equal(found.calibration_index, np.arange(len(reference)))
    for place in (0, 20):
        alone = find_copies(reference[subjects != subjects[place]], reference[place][None])
        assert alone.distance[0] == found.calibration_distance[place]


def test_the_threshold_is_that_of_the_law(phantoms):
    reference, subjects, others = phantoms
    found = find_copies(reference, others, subjects)
    quantile = np.quantile(found.calibration_relative_distance, 0.5 - 0.5 / np.sqrt(SUBJECTS))
    # P(r < t) = t^m: the quantile is the median, one half.
    m = np.log(0.5) / np.log(quantile)
    assert found.threshold**m == pytest.approx(1e-5)
    assert found.expected_false_alarms == pytest.approx(len(others) * 1e-5)
    assert f"{found.threshold:.3f} times" in found.definition
    assert found.status == "computed"


def test_the_law_holds_for_points_spread_evenly():
    """Images of three random pixels: m is 3 (a little less, as some points lie at the border)."""
    rng = np.random.default_rng(1)
    points = rng.integers(0, 256, (2000, 1, 3), dtype=np.uint8)
    found = find_copies(points, points[:0], rotations=[0], flip=False)
    m = np.log(1e-5) / np.log(found.threshold)
    assert 2.4 < m < 3.1
    assert len(found.calibration_index) == 400


def test_a_copy_under_another_subject_s_name_is_told(phantoms):
    reference, subjects, others = phantoms
    doubled = np.concatenate([reference, reference[10:11]])
    found = find_copies(doubled, others, [*subjects, 999])
    assert list(found.reference_copies) == [10, len(reference)]
    assert found.expected_false_alarms == pytest.approx(len(others) * 2 / len(doubled))
    told = find_copies(doubled, others, [*subjects, subjects[10]])
    assert len(told.reference_copies) == 0


# The search, by its definition: everything compared with everything.

SMALL = st.tuples(st.integers(1, 9), st.integers(1, 9))


def brute_force(reference, images, groups, excluded, degrees, flip):
    """The nearest and the nearest of another group: (squared, index, flipped, rotation)."""
    results = []
    for image, left_out in zip(images.astype(int), excluded, strict=True):
        rows = []
        for flipped in (False, True) if flip else (False,):
            for rotation in degrees:
                turned = transformed(reference, flipped, rotation).astype(int)
                squared = np.square(turned - image).sum(axis=(1, 2))
                order = (flipped, abs(rotation), -rotation if flipped else rotation)
                rows += [
                    (squared[place], place, order, rotation)
                    for place in range(len(reference))
                    if groups[place] != left_out
                ]
        rows.sort()
        others = [row for row in rows if groups[row[1]] != groups[rows[0][1]]]
        results.append([rows[0], others[0] if others else None] if rows else [None, None])
    return results


@settings(max_examples=60)
@given(
    size=SMALL,
    count=st.integers(1, 9),
    group_count=st.integers(1, 5),
    levels=st.sampled_from([1, 2, 256]),
    flip=st.booleans(),
    degrees=st.sampled_from([[0.0], [-10.0, 0.0, 10.0], [-33.3, -5.0, 5.0, 33.3]]),
    block_bytes=st.sampled_from([1, 500, 10**6]),
    queries=st.sampled_from([1, 3, 64]),
    threads=st.sampled_from([1, 3]),
    seed=st.integers(0, 2**32),
)
def test_the_search_is_exact(
    size,
    count,
    group_count,
    levels,
    flip,
    degrees,
    block_bytes,
    queries,
    threads,
    seed,
):
    rng = np.random.default_rng(seed)
    reference = rng.integers(256 - levels, 256, (count, *size), dtype=np.uint8)
    images = rng.integers(256 - levels, 256, (7, *size), dtype=np.uint8)
    groups, excluded = rng.integers(0, group_count, count), rng.integers(-1, group_count, 7)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "BLOCK_BYTES", block_bytes)
        patch.setattr(search, "QUERIES", queries)
        found = search.nearest_two(
            images,
            reference,
            groups,
            excluded=excluded,
            degrees=degrees,
            flip=flip,
            threads=threads,
        )
    for place, rows in enumerate(brute_force(reference, images, groups, excluded, degrees, flip)):
        assert list(found.squared[:, place]) == [np.inf if row is None else row[0] for row in rows]
        if rows[0] is not None:
            _, index, (flipped, *_), rotation = rows[0]
            assert found.nearest[place] == index
            assert found.flipped[place] == flipped
            assert found.rotation[place] == rotation


def test_the_search_is_exact_on_images_like_real_ones(phantoms):
    reference, subjects, others = phantoms
    images = np.concatenate([others[:4], copies(reference[2:4], 5), reference[:2]])
    excluded = np.array([-1] * 6 + [0, 1])
    degrees = [-10.0, -4.0, 0.0, 4.0, 10.0]
    found = search.nearest_two(
        images, reference, subjects, excluded=excluded, degrees=degrees, flip=True, threads=2
    )
    rows = brute_force(reference, images, subjects, excluded, degrees, True)
    assert found.squared.T.tolist() == [[row[0] for row in two] for two in rows]
    assert found.nearest.tolist() == [first[1] for first, _ in rows]
    assert found.rotation.tolist() == [first[3] for first, _ in rows]


def same(first: Memorisation, second: Memorisation) -> bool:
    return all(
        np.array_equal(one, other, equal_nan=isinstance(one, float))
        for one, other in zip(vars(first).values(), vars(second).values(), strict=True)
    )


def test_threads_and_blocks_change_nothing(phantoms, monkeypatch):
    reference, subjects, others = phantoms
    synthetic = np.concatenate([others, copies(reference[:4], 5)])
    found = find_copies(reference, synthetic, subjects, threads=1)
    assert same(found, find_copies(reference, synthetic, subjects, threads=3))
    monkeypatch.setattr(search, "BLOCK_BYTES", 11 * 64 * 64 * 7)
    monkeypatch.setattr(search, "QUERIES", 5)
    assert same(found, find_copies(reference, synthetic, subjects, threads=2))


def test_the_order_of_the_files_changes_nothing(phantoms, monkeypatch):
    monkeypatch.setattr(module, "CALIBRATED", 25)  # of 37: the choice does not hang on the order
    reference, subjects, others = phantoms
    synthetic = np.concatenate([others, copies(reference[:4], 5)])
    found = find_copies(reference, synthetic, subjects)
    rng = np.random.default_rng(0)
    files, made = rng.permutation(len(reference)), rng.permutation(len(synthetic))
    names = np.array([f"subject {subject}" for subject in subjects])
    other = find_copies(reference[files], synthetic[made], names[files])
    assert other.threshold == found.threshold
    assert np.array_equal(files[other.index], found.index[made])
    assert np.array_equal(other.relative_distance, found.relative_distance[made])
    assert set(files[other.calibration_index]) == set(found.calibration_index)
    assert list(made[other.flagged]) == list(found.flagged)
    assert len(found.flagged) == 4


def test_the_seed_chooses_whom_the_calibration_asks(phantoms, monkeypatch):
    monkeypatch.setattr(module, "CALIBRATED", 10)
    reference, subjects, others = phantoms
    first, again, second = (
        find_copies(reference, others[:1], subjects, seed=seed).calibration_index
        for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert set(first) != set(second)


# Where no threshold can be had, or little is there.


def test_too_few_subjects_have_distances_and_no_threshold(phantoms):
    reference, _, others = phantoms
    for images, groups in ((reference[:9], None), (reference[:18], np.arange(18) // 2)):
        found = find_copies(images, np.concatenate([others, images[:1]]), groups)
        assert found.status.startswith("not computed: a threshold needs reference images of 10")
        assert np.isnan(found.threshold)
        assert np.isnan(found.expected_false_alarms)
        assert len(found.flagged) == len(found.reference_copies) == 0
        assert found.distance[-1] == 0
        assert (found.distance[:-1] > 10).all()
        assert found.closest[0] == len(others)


def test_one_subject_alone_has_no_relative_distance(phantoms):
    reference, _, others = phantoms
    found = find_copies(reference[:5], others, np.zeros(5))
    assert np.isnan(found.relative_distance).all()
    assert np.array_equal(found.closest, np.argsort(found.distance, kind="stable"))


def test_constant_images():
    black = np.zeros((12, 16, 16), np.uint8)
    found = find_copies(black, black[:2])
    assert found.status.startswith("not computed: many reference images are equal")
    assert list(found.index) == [0, 0]
    assert not found.flipped.any()
    assert not found.rotation.any()


def test_reference_images_that_are_all_equally_far():
    spots = np.zeros((12, 1, 24), np.uint8)
    spots[np.arange(12), 0, np.arange(12)] = 200
    found = find_copies(spots, spots[:1], rotations=[0], flip=False)
    assert found.status.startswith("not computed: the reference images are all equally far")
    assert found.distance[0] == 0


def test_no_synthetic_images(phantoms):
    reference, subjects, _ = phantoms
    for factor in (1, 2):
        larger = np.kron(reference[:12], np.ones((factor, factor), np.uint8))
        found = find_copies(larger, larger[:0], subjects[:12])
        assert len(found.index) == len(found.flagged) == 0
        assert found.status == "computed"


def test_rotations_are_taken_both_ways(phantoms):
    reference, subjects, _ = phantoms
    turned = transformed(reference[:2], False, -5)
    found = find_copies(reference, turned, subjects, rotations=[0, 5], flip=False)
    assert list(found.rotation) == [-5, -5]
    assert not found.distance.any()
    assert "rotated by -5, 0, 5 degrees" in found.definition
    assert "mirrored" not in found.definition


A = np.zeros((3, 6, 6), np.uint8)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((A / 255, A), {}, TypeError, "uint8"),
        ((A, A[:, :4]), {}, ValueError, "images of one size"),
        ((A[:0], A), {}, ValueError, "reference holds no images"),
        ((A, A, [1, 2]), {}, ValueError, "groups must name one of each reference image"),
        ((A, A), {"rotations": []}, ValueError, "rotations must be one or more angles"),
        ((A, A), {"rotations": [np.nan]}, ValueError, "rotations must be one or more angles"),
    ],
)
def test_wrong_arguments_are_refused(arguments, options, error, message):
    with pytest.raises(error, match=message):
        find_copies(*arguments, **options)


@pytest.mark.skipif(not HC18.is_dir(), reason=f"HC18's images are not in {HC18}")
def test_halves_of_real_images_by_subject():
    stack = read_stack(HC18, 64, exclude=("*_Annotation.png", "[0-3]*", "[67]*"), cache=False)
    subjects = subjects_of(stack.names)
    first = np.isin(subjects, np.random.default_rng(0).permutation(np.unique(subjects))[::2])
    reference, others = stack.images[first], stack.images[~first]
    sources = np.arange(5, len(reference), 9)
    planted = copies(reference[sources], 8)
    found = find_copies(reference, np.concatenate([others, planted]), subjects[first])
    assert sorted(found.flagged) == list(range(len(others), len(others) + len(planted)))
    names = np.array(stack.names)[first]
    assert list(subjects_of(names[found.index[len(others) :]])) == list(subjects_of(names[sources]))


def noise(images: int, seed: int) -> np.ndarray:
    """Images that have nothing in common."""
    return np.random.default_rng(seed).integers(0, 256, (images, 8, 8), dtype=np.uint8)


def test_by_chance_a_generator_that_copies_nothing_is_called_one_that_does_as_rarely_as_stated():
    """Each repeat has other training, unseen and synthetic images of one distribution."""
    found = [
        nearer_to_training(*(noise(30, 3 * repeat + kind) for kind in range(3)), rotations=[0])
        for repeat in range(300)
    ]
    p = np.array([each.p_value for each in found])
    assert np.mean([each.share for each in found]) == pytest.approx(0.5, abs=0.02)
    assert np.mean(p <= 0.05) == pytest.approx(0.05, abs=0.04)
    assert np.mean(p <= 0.5) == pytest.approx(0.5, abs=0.1)
    assert np.mean([low <= share <= high for share, low, high in map(by_chance, found)]) > 0.9


def by_chance(found) -> tuple[float, float, float]:
    return found.share, found.low, found.high


def test_a_generator_that_leans_on_its_images_is_noticed_where_none_is_a_copy():
    training, unseen, other = (noise(100, seed) for seed in range(3))
    blended = (0.25 * training + 0.75 * other).astype(np.uint8)
    found = nearer_to_training(training, unseen, blended, rotations=[0], flip=False)
    assert found.share > found.high
    assert found.p_value < 0.01
    assert not len(find_copies(training, blended, rotations=[0], flip=False).flagged)
    turned = nearer_to_training(unseen, training, blended, rotations=[0], flip=False)
    assert turned.share == pytest.approx(1 - found.share)


def test_equally_many_subjects_of_both_kinds_are_compared_in_any_order(phantoms):
    reference, subjects, others = phantoms
    unseen = np.concatenate([others, noise(20, 1).repeat(8, 1).repeat(8, 2)])
    made = copies(reference[:6], 5)
    found = nearer_to_training(reference, unseen, made, subjects, rotations=[0, 8])
    assert found.images == len(unseen)  # of 37 images, 34 subjects
    order = np.random.default_rng(0).permutation(len(reference))
    again = nearer_to_training(reference[order], unseen, made, subjects[order], rotations=[0, 8])
    assert again == found


def test_few_images_are_no_ground_for_a_comparison():
    few = noise(FEWEST_GROUPS - 1, 0)
    found = nearer_to_training(noise(30, 1), few, noise(5, 2))
    assert np.isnan([found.share, found.low, found.high, found.p_value]).all()
    assert found.status.startswith("not computed: ")
    with pytest.raises(ValueError, match="rotations"):
        nearer_to_training(noise(30, 1), few, noise(5, 2), rotations=[])
