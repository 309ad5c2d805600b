"""Damage in known amounts: nothing at amount 0, the stated amount elsewhere."""

import numpy as np
import pytest

from miua.data.degradation import (
    CLINICAL_DEGRADATIONS,
    COLLAPSE_AMOUNTS,
    IMAGE_DEGRADATIONS,
    MEMORISATION_AMOUNTS,
    blur,
    coarse_speckle,
    collapse,
    compress,
    dynamic_range,
    gain,
    magnify,
    memorise,
    rotate,
    shadow,
    shuffle_anatomy,
    skull_dropout,
    speckle,
)


def images(seed: int = 0, n: int = 6, size: int = 24) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, size, size), dtype=np.uint8)


def test_every_degradation_has_an_untouched_state_and_grows():
    stack = images()
    for damage in IMAGE_DEGRADATIONS:
        if not np.isnan(damage.untouched):
            assert np.array_equal(damage.apply(stack, damage.untouched, 0), stack)
        errors = [
            np.square(damage.apply(stack, amount, 0).astype(float) - stack).mean()
            for amount in damage.amounts
        ]
        assert errors[0] > 0
        assert errors == sorted(errors), damage.name
        damaged = damage.apply(stack, damage.amounts[-1], 0)
        assert damaged.dtype == np.uint8
        assert damaged.shape == stack.shape


def test_blur_spreads_a_point_by_sigma():
    stack = np.zeros((1, 41, 41), np.uint8)
    stack[0, 18:23, 18:23] = 255
    away = np.arange(41) - 20.0

    def variance(image):
        profile = image.sum(axis=0, dtype=float)
        return (profile * away**2).sum() / profile.sum()

    found = variance(blur(stack, 2.0)[0]) - variance(stack[0])
    assert found == pytest.approx(2.0**2, rel=0.05)
    flat = np.stack([np.full((9, 9), level, np.uint8) for level in (0, 77, 255)])
    assert np.array_equal(blur(flat, 3), flat)


@pytest.mark.parametrize("deviation", [0.1, 0.3])
def test_speckle_has_the_stated_deviation_and_keeps_the_mean(deviation):
    stack = np.full((20, 64, 64), 80, np.uint8)
    factors = speckle(stack, deviation, seed=1) / 80
    assert factors.mean() == pytest.approx(1, abs=0.005)
    assert factors.std() == pytest.approx(deviation, rel=0.02)


def test_speckle_leaves_black_black_and_depends_on_the_seed_alone():
    stack = images()
    stack[:, :4] = 0
    noisy = speckle(stack, 0.5, seed=1)
    assert not noisy[:, :4].any()
    assert np.array_equal(noisy, speckle(stack, 0.5, seed=1))
    assert not np.array_equal(noisy, speckle(stack, 0.5, seed=2))


def test_gain_multiplies_and_saturates():
    levels = np.array([[[0, 10, 100, 200]]], np.uint8)
    assert gain(levels, 1.5).tolist() == [[[0, 15, 150, 255]]]


def test_compression_keeps_flat_images():
    flat = np.full((2, 16, 16), 128, np.uint8)
    assert np.array_equal(compress(flat, 10), flat)


def test_rotation_by_a_right_angle_is_exact_and_half_of_the_images_go_each_way():
    stack = images(n=10)
    turned = rotate(stack, 90, seed=3)
    ways = [
        [np.array_equal(new, np.rot90(old, times)) for times in (1, 3)]
        for old, new in zip(stack, turned, strict=True)
    ]
    assert np.sum(ways, axis=0).tolist() == [5, 5]


def test_rotation_leaves_black_corners_and_the_centre_where_it_is():
    stack = np.full((4, 33, 33), 200, np.uint8)
    turned = rotate(stack, 45, seed=0)
    for corner in (turned[:, 0, 0], turned[:, 0, -1], turned[:, -1, 0], turned[:, -1, -1]):
        assert not corner.any()
    assert (turned[:, 8:25, 8:25] == 200).all()


@pytest.mark.parametrize("kept", [1, 3, 7])
def test_collapse_keeps_so_many_images_about_equally_often(kept):
    members, counts = np.unique(collapse(np.arange(20), kept, seed=5), return_counts=True)
    assert len(members) == kept
    assert counts.sum() == 20
    assert np.ptp(counts) <= 1


def test_a_stronger_collapse_keeps_some_of_what_a_weaker_one_keeps():
    few, many = (set(collapse(np.arange(200), kept, seed=1)) for kept in (10, 100))
    assert few < many
    assert few != set(collapse(np.arange(200), 10, seed=2))


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 1])
def test_memorise_replaces_the_stated_share_by_different_originals(share):
    members, originals = np.arange(20), np.arange(100, 130)
    changed = memorise(members, originals, share, seed=5)
    copies = changed[changed >= 100]
    assert len(copies) == len(set(copies)) == round(20 * share)
    assert (changed == members).sum() == 20 - len(copies)


def test_memorising_more_keeps_what_was_replaced():
    members, originals = np.arange(20), np.arange(100, 120)
    some, more = (memorise(members, originals, share, seed=2) for share in (0.25, 0.75))
    assert np.array_equal(some[some >= 100], more[some >= 100])


def test_memorise_and_collapse_take_images_as_well_as_indices():
    stack, originals = images(1), images(2)
    index = np.arange(6)
    assert np.array_equal(collapse(stack, 2, seed=1), stack[collapse(index, 2, seed=1)])
    both = np.concatenate([stack, originals])
    expected = both[memorise(index, index + 6, 0.5, seed=1)]
    assert np.array_equal(memorise(stack, originals, 0.5, seed=1), expected)


def test_amounts_grow_in_severity():
    assert list(COLLAPSE_AMOUNTS) == sorted(set(COLLAPSE_AMOUNTS), reverse=True)
    assert COLLAPSE_AMOUNTS[-1] == 1
    assert list(MEMORISATION_AMOUNTS) == sorted(set(MEMORISATION_AMOUNTS))
    assert MEMORISATION_AMOUNTS[-1] == 1


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda stack: blur(stack, -1), "sigma must not be negative"),
        (lambda stack: speckle(stack, -0.1, 0), "deviation must not be negative"),
        (lambda stack: gain(stack, -2), "factor must not be negative"),
        (lambda stack: compress(stack, 0), "quality must be from 1 to 95"),
        (lambda stack: compress(stack, float("nan")), "quality must be from 1 to 95"),
        (lambda stack: collapse(stack, 0, 0), "kept must be from 1 to 6"),
        (lambda stack: collapse(stack, 7, 0), "kept must be from 1 to 6"),
        (lambda stack: memorise(stack, stack, 1.1, 0), "share must be from 0 to 1"),
    ],
)
def test_amounts_out_of_range_are_refused(damage, message):
    with pytest.raises(ValueError, match=message):
        damage(images())


@pytest.mark.parametrize("damage", CLINICAL_DEGRADATIONS, ids=lambda each: each.name)
def test_clinical_damage_leaves_or_changes_images_as_its_amount_says(damage):
    stack = images(3, size=32)
    stack[:, 10:20, 10:20] //= 8
    before = stack.copy()
    assert np.array_equal(damage.apply(stack, damage.untouched, 0), stack)
    for amount in damage.amounts:
        damaged = damage.apply(stack, amount, 5)
        assert damaged.dtype == np.uint8
        assert damaged.shape == stack.shape
        assert not np.array_equal(damaged, stack)
        assert np.array_equal(damaged, damage.apply(stack, amount, 5))
    assert np.array_equal(stack, before)
    assert damage.apply.__doc__


def test_grains_of_speckle_grow_and_keep_their_contrast():
    stack = np.full((20, 64, 64), 100, np.uint8)
    for grain in (1.0, 3.0):
        factors = coarse_speckle(stack, grain, seed=1) / 100
        assert factors.std() == pytest.approx(0.3, rel=0.05)
        assert factors.mean() == pytest.approx(1, abs=0.02)
        neighbours = np.corrcoef(factors[:, :, :-1].ravel(), factors[:, :, 1:].ravel())[0, 1]
        # Of a field smoothed by a Gaussian: exp(-1 / (4 grain^2)).
        assert neighbours == pytest.approx(np.exp(-1 / (4 * grain**2)), abs=0.04)


def test_a_shadow_lies_below_its_top_and_nowhere_else():
    stack = np.full((8, 40, 40), 200, np.uint8)
    damaged = shadow(stack, 1.0, 0)
    assert (damaged[:, :8] == 200).all()
    assert (damaged[:, -1].min(axis=1) < 10).all()
    dark = (damaged[:, -1] < 100).mean(axis=1)
    assert ((dark > 0.1) & (dark < 0.35)).all()


def test_a_skull_is_lost_in_the_sector_alone():
    y, x = np.mgrid[:48, :48] - 23.5
    ring = np.abs(np.hypot(x, y) - 15) < 1.2
    stack = np.tile(np.where(ring, 220, 60).astype(np.uint8), (5, 1, 1))
    for degrees in (90, 360):
        lost = (skull_dropout(stack, degrees, 2) < 100) & ring
        assert lost.sum(axis=(1, 2)) / ring.sum() == pytest.approx(degrees / 360, abs=0.03)
    assert (skull_dropout(stack, 360, 2)[:, ~ring] == 60).all()


def test_the_dynamic_range_is_cut_below_and_stretched():
    stack = np.array([[[0, 51, 102, 255]]], np.uint8)
    assert dynamic_range(stack, 0.2).tolist() == [[[0, 0, 64, 255]]]


def test_shuffled_tiles_come_from_the_same_place_of_other_images():
    stack = np.repeat(np.arange(12, dtype=np.uint8), 64).reshape(12, 8, 8) * 10
    for share in (0.25, 1.0):
        damaged = shuffle_anatomy(stack, share, 1)
        moved = damaged[:, ::2, ::2] != stack[:, ::2, ::2]
        assert (moved.sum(axis=(1, 2)) == 16 * share).all()
    assert set(np.unique(damaged)) <= set(np.unique(stack))
    assert np.array_equal(shuffle_anatomy(stack[:1], 1.0, 0), stack[:1])  # there is no other


def test_magnified_images_are_about_their_centre():
    stack = np.zeros((1, 41, 41), np.uint8)
    stack[0, 15:26, 15:26] = 200
    enlarged = magnify(stack, 2.0)
    assert (enlarged > 100).sum() == pytest.approx(4 * 121, rel=0.1)
    assert np.array_equal(enlarged, enlarged[:, ::-1, ::-1])


@pytest.mark.parametrize(
    ("damage", "amount"),
    [
        *((coarse_speckle, -1), (shadow, 1.1), (shadow, -0.1), (skull_dropout, 361)),
        *((dynamic_range, 1), (shuffle_anatomy, 2), (magnify, 0.9)),
    ],
)
def test_clinical_amounts_out_of_range_are_refused(damage, amount):
    with pytest.raises(ValueError, match=f"not {amount}"):
        damage(images(), amount, 0)
