"""Nearest pairs: a copy is found beside its source, and what is missing is said."""

import json

import numpy as np
import pytest

from miua.errors import MiuaError
from miua.report.nearest import PAIRS, nearest_pairs
from miua.study.store import Results


@pytest.fixture
def training(few):
    return np.load(few / "real" / "64" / "images.npy")


def test_a_mirrored_training_image_is_called_a_copy_of_its_file(few, training):
    sets = few / "sets" / "n0300_e0020" / "images.npy"
    images = np.load(sets)
    order = np.random.default_rng(0).permutation(999)[:300]  # the subset of the run's seed
    images[3] = training[order[7], :, ::-1]
    np.save(sets, images)
    (found,) = nearest_pairs(Results.open(few))
    assert len(found.pairs) == PAIRS
    first = found.pairs[0]
    names = json.loads((few / "real" / "64" / "names.json").read_text(encoding="utf-8"))
    assert (first.synthetic, first.training) == (3, names[order[7]])
    assert (first.copied, first.turned, first.distance) == (True, "flipped", "0.0")
    assert first.pictures[0] == first.pictures[1]
    assert found.sentence.startswith("1 of 24 images are copies")
    assert not any(pair.copied for pair in found.pairs[1:])


def test_pairs_come_from_the_training_images_alone(few):
    """Image 999 of the stack is not among the 300 that the run learned from, or is as such."""
    order = set(np.random.default_rng(0).permutation(999)[:300])
    names = json.loads((few / "real" / "64" / "names.json").read_text(encoding="utf-8"))
    (found,) = nearest_pairs(Results.open(few))
    assert {names.index(pair.training) for pair in found.pairs} <= order


def test_a_training_that_diverged_has_no_pairs(few):
    record = few / "sets" / "n0300_e0020" / "provenance.json"
    record.write_text('{"not_made": "diverged"}', encoding="utf-8")
    (found,) = nearest_pairs(Results.open(few))
    assert found.pairs == []
    assert "diverged" in found.sentence


def test_names_that_do_not_fit_are_an_error(few):
    (few / "real" / "64" / "names.json").write_text('["001_HC.png"]', encoding="utf-8")
    with pytest.raises(MiuaError, match=r"names\.json does not name 999 images"):
        nearest_pairs(Results.open(few))


def test_fewer_images_than_were_learned_from_are_an_error(few, training):
    folder = few / "real" / "64"
    np.save(folder / "images.npy", training[:20])
    names = json.loads((folder / "names.json").read_text(encoding="utf-8"))[:20]
    (folder / "names.json").write_text(json.dumps(names), encoding="utf-8")
    with pytest.raises(MiuaError, match=r"holds 20 images, but n0300_e0020 learned from 300"):
        nearest_pairs(Results.open(few))
