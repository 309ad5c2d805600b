"""The floor of means over pairs: as wide as two sets of real images truly differ."""

import numpy as np
import pytest

from miua.evaluation.floor import PairDraws
from miua.metrics import peak_signal_to_noise_ratio_all_pairs
from tests.evaluation.textures import textures


def population(seed: int, n: int) -> np.ndarray:
    """Images that differ in brightness, so that some are far from all others."""
    gain = np.random.default_rng(seed).uniform(0.3, 1, (n, 1, 1))
    return (textures(seed, n, size=8) * gain).astype(np.uint8)


def table(stack: np.ndarray) -> np.ndarray:
    return peak_signal_to_noise_ratio_all_pairs(stack, stack)


def floor(stack, groups=None, images=30, draws=200, **settings):
    groups = np.arange(len(stack)) if groups is None else groups
    seed, all_pairs = settings.get("seed", 0), settings.get("all_pairs", True)
    drawn = PairDraws.of(groups, images, draws, seed)
    return drawn.means(table(stack), groups, all_pairs=all_pairs)


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    """Of 200 pairs of independent sets of 30 images."""
    return np.array(
        [
            peak_signal_to_noise_ratio_all_pairs(
                population(2 * seed, 30), population(2 * seed + 1, 30)
            ).mean()
            for seed in range(200)
        ]
    )


@pytest.mark.parametrize("n", [60, 150])
def test_it_is_as_wide_as_independent_sets_differ_and_halves_are_not(n, truth):
    stacks = [population(1000 + seed, n) for seed in range(10)]
    found = np.mean([floor(stack).std() for stack in stacks])
    assert found == pytest.approx(truth.std(), rel=0.2)
    assert np.mean([floor(s).mean() for s in stacks]) == pytest.approx(truth.mean(), abs=0.3)
    if n == 60:
        order = [np.random.default_rng(seed).permutation(60) for seed in range(50)]
        halves = [table(stacks[0])[np.ix_(each[:30], each[30:])].mean() for each in order]
        assert np.std(halves) < truth.std() / 4


def test_images_of_one_group_are_never_paired():
    """Twins are nearly equal: pairs of them would raise the mean by far."""
    twins = np.repeat(population(1, 20), 2, axis=0)
    groups = np.repeat(np.arange(20), 2)
    apart = table(twins)[groups[:, None] != groups[None, :]]
    for all_pairs in (True, False):
        found = floor(twins, groups, all_pairs=all_pairs, draws=400)
        assert np.isfinite(found).all()
        assert found.max() <= apart.max()
        assert found.mean() == pytest.approx(apart.mean(), abs=0.3)


def test_random_pairs_vary_more_than_all_pairs():
    stack = population(3, 80)
    assert floor(stack, all_pairs=False).std() > 1.1 * floor(stack).std()


def test_whole_groups_are_drawn():
    """With two groups there are only pairs of one with the other, or none at all."""
    stack, groups = population(4, 10), np.repeat([0, 1], 5)
    across = table(stack)[:5, 5:]
    found = floor(stack, groups, images=5)
    assert np.isnan(found).any()
    assert found[np.isfinite(found)] == pytest.approx(across.mean())


def test_a_seed_gives_its_draws_again():
    stack = population(5, 40)
    np.testing.assert_array_equal(floor(stack), floor(stack))
    assert (floor(stack) != floor(stack, seed=1)).any()
