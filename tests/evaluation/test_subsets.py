"""Subsets read from tables are measured as `measure_set` measures them."""

import math
from pathlib import Path

import numpy as np
import pytest

from miua.evaluation import comparison
from miua.evaluation.measure import measure_set
from miua.evaluation.subsets import Instruments, SubsetTables, finite_mean
from miua.metrics import NotComputedError, frechet_distance
from miua.metrics.inception_weights import InceptionWeights

REFERENCE, OTHER = np.array([4, 0, 2]), np.array([1, 5, 3, 6])


def images(seed: int, n: int, size: int = 12) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, size, size), dtype=np.uint8)


def readings(tables, reference=REFERENCE, other=OTHER):
    return {reading.metric: reading for reading in tables.compare(reference, other)}


def assert_as_evaluated(found, evaluation):
    for record in evaluation.records:
        if record.value is not None:
            assert found[record.metric].value == pytest.approx(record.value, rel=1e-9, abs=1e-12)
        assert found[record.metric].status == record.status
    differences = evaluation.reference_lbpv - evaluation.synthetic_lbpv
    total = found.pop("lbpv_total_difference")
    assert total.value == pytest.approx(np.abs(differences).sum())
    assert list(found) != []
    assert set(found) == {record.metric for record in evaluation.records}


def test_subsets_of_one_stack():
    stack = images(1, 8)
    found = readings(SubsetTables.of(stack))
    assert_as_evaluated(found, measure_set(stack[REFERENCE], stack[OTHER]))
    assert math.isnan(found["fid"].value)
    assert "miua fetch inception" in found["fid"].status


def test_subsets_of_two_stacks():
    stack, other = images(1, 8), images(2, 7) // 2
    found = readings(SubsetTables.of(stack).against(other))
    assert_as_evaluated(found, measure_set(stack[REFERENCE], other[OTHER]))


def test_an_index_that_occurs_twice_is_a_copy():
    stack, twice = images(3, 8), np.array([1, 1, 5, 1])
    found = readings(SubsetTables.of(stack), other=twice)
    assert_as_evaluated(found, measure_set(stack[REFERENCE], stack[twice]))


def test_a_set_against_itself_shows_no_difference():
    found = readings(SubsetTables.of(images(4, 8)), OTHER, OTHER)
    assert found["diversity"].value == 1
    assert found["fd_lbp"].value == pytest.approx(0, abs=1e-6)
    assert found["lbpv_total_difference"].value == 0
    assert all(found[f"lbpv_{code:03d}_difference"].value == 0 for code in range(256))


def test_images_that_are_all_the_same_leave_gaps_with_a_reason():
    found = readings(SubsetTables.of(np.repeat(images(5, 1), 8, axis=0)))
    for metric, reason in (("psnr", "all pairs are identical"), ("diversity", "all the same")):
        assert math.isnan(found[metric].value)
        assert found[metric].status.startswith("not computed: ")
        assert reason in found[metric].status


class MeansOfQuarters:
    """Stands for the Inception network, at no cost: four features an image."""

    def __init__(self, weights, device):
        self.made_of = weights, device

    def features(self, stack):
        half = stack.shape[1] // 2
        quarters = stack[:, :half, :half], stack[:, :half, half:], stack[:, half:], stack[:, ::2]
        return np.stack([quarter.mean(axis=(1, 2)) for quarter in quarters], axis=1)


def test_fid_with_a_network(monkeypatch):
    monkeypatch.setattr(comparison, "InceptionNetwork", MeansOfQuarters)
    weights = InceptionWeights(Path("weights.pth"), "0" * 64)
    instruments = Instruments.ready(inception_weights=weights, device="cpu")
    assert instruments.network.made_of == (weights, "cpu")
    stack, other = images(6, 8), images(7, 8) // 2
    features = instruments.network.features
    tables = SubsetTables.of(stack, instruments)
    for against, synthetic in ((tables, stack), (tables.against(other), other)):
        found = readings(against)["fid"]
        expected = frechet_distance(features(stack[REFERENCE]), features(synthetic[OTHER]))
        assert found.value == pytest.approx(expected)
        assert found.status == "computed"


def test_weights_that_were_named_must_be_right(tmp_path):
    with pytest.raises(NotComputedError, match=r"missing\.pth"):
        Instruments.ready(inception_weights=tmp_path / "missing.pth")


def test_finite_mean():
    assert finite_mean(np.array([1.0, np.inf, 3.0])) == 2
    assert math.isnan(finite_mean(np.array([np.inf])))
