"""No change of a file ends in anything but an image or words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.data.mutations import SEEDS, array_seeds, decoded, mutated, opened

TWELVE = np.random.default_rng(3).integers(0, 4096, (16, 16), np.uint16)
MUTATIONS = 400  # of each format here; `nox -s fuzz` tries 100,000


@pytest.mark.parametrize("name", SEEDS)
def test_no_mutation_of_a_file_ends_in_anything_but_words(name: str, tmp_path: Path) -> None:
    path, seed = tmp_path / name, SEEDS[name]()
    for number in range(MUTATIONS):
        path.write_bytes(mutated(seed, number))
        decoded(path)


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_no_mutation_of_an_array_ends_in_anything_but_words(name: str, tmp_path: Path) -> None:
    path, seed = tmp_path / name, array_seeds()[name]
    for number in range(MUTATIONS):
        path.write_bytes(mutated(seed, number))
        opened(path)
