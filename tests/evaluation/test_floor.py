"""The noise floor of real images: what tables say is what measuring the halves says."""

import numpy as np
import pytest

from miua.evaluation import floor as floor_module
from miua.evaluation.floor import MANY_SPLITS, PairDraws, _pool, noise_floor_of
from miua.evaluation.splits import draw_splits, half_size
from miua.metrics import (
    mutual_information_all_pairs,
    peak_signal_to_noise_ratio_all_pairs,
    structural_similarity_all_pairs,
)
from miua.metrics.comparison import Comparison, Extractors, Side
from miua.metrics.registry import REGISTRY, entries_of
from tests.evaluation.measuring import measure_set
from tests.evaluation.textures import textures

LIGHT = (
    "mutual_information",
    "psnr",
    "ssim",
    "lbpv",
    "lbpv_total_difference",
    "fd_lbp",
    "neighbourhood_lbp",
    "diversity",
)
GROUPS = np.repeat(np.arange(12), 2)


def floor_of(stack, groups, metrics=LIGHT, pairing="all", splits=3):
    missing = dict.fromkeys(("inception", "efficientnet"), "the weights have not been fetched")
    side = Side(stack, Extractors(missing=missing))
    whole = Comparison(side, side, pairing=pairing, resamples=0, seed=5)
    entries = entries_of(metrics)
    return noise_floor_of(whole, groups, "as given", entries, most=400, splits=splits, workers=1)


@pytest.mark.parametrize("pairing", ["all", "nearest", "index"])
def test_the_floor_is_the_mean_over_halves_that_share_no_group(pairing):
    stack = textures(1, 24)
    floor = floor_of(stack, GROUPS, pairing=pairing, splits=12)
    half = half_size(GROUPS)
    assert (floor.by, floor.groups, floor.images, floor.splits) == ("group", 12, half, MANY_SPLITS)
    readings = [
        measure_set(
            stack[split.first],
            stack[split.second],
            metrics=LIGHT,
            pairing=pairing,
            resamples=0,
        )
        for split in draw_splits(GROUPS, half, 12, 5)
    ]
    assert set(floor.records) == {row.metric for row in readings[0]}
    for rows in zip(*readings, strict=True):
        if pairing != "nearest" and rows[0].metric in ("mutual_information", "psnr", "ssim"):
            continue
        found = floor.records[rows[0].metric]
        if found.splits != 12:
            assert found.splits == MANY_SPLITS
            continue  # tests/analysis/test_noise_floor.py holds these against measured halves
        values = np.array([row.value for row in rows])
        assert found.mean == pytest.approx(values.mean(), rel=1e-9, abs=1e-9)
        assert found.low == pytest.approx(np.percentile(values, 2.5), rel=1e-9, abs=1e-9)
        assert found.high == pytest.approx(np.percentile(values, 97.5), rel=1e-9, abs=1e-9)
        assert found.status == "computed"


@pytest.mark.parametrize("pairing", ["all", "index"])
def test_means_over_pairs_have_a_floor_of_independent_draws(pairing):
    stack = textures(1, 24)
    floor = floor_of(stack, GROUPS, pairing=pairing, splits=12)
    tables = {
        "mutual_information": mutual_information_all_pairs(stack, stack),
        "psnr": peak_signal_to_noise_ratio_all_pairs(stack, stack),
        "ssim": structural_similarity_all_pairs(stack, stack),
    }
    for metric, table in tables.items():
        drawn = PairDraws.of(GROUPS, half_size(GROUPS), MANY_SPLITS, 5)
        values = drawn.means(table, GROUPS, all_pairs=pairing == "all")
        values = values[np.isfinite(values)]
        found = floor.records[metric]
        assert found.mean == pytest.approx(values.mean())
        assert (found.low, found.high) == pytest.approx(tuple(np.percentile(values, (2.5, 97.5))))
        assert found.splits == len(values)


def test_without_groups_images_are_drawn():
    floor = floor_of(textures(1, 20), None, metrics=("psnr",))
    assert (floor.by, floor.groups, floor.images) == ("image", None, 10)


def test_images_of_one_subject_on_both_sides_would_lower_the_floor():
    """Two nearly equal images of each subject: halves by image find each other's twins."""
    stack = np.repeat(textures(3, 20), 2, axis=0)
    groups = np.repeat(np.arange(20), 2)
    metrics = ("ssim", "neighbourhood_lbp")
    by_group = floor_of(stack, groups, metrics=metrics, pairing="nearest", splits=8)
    by_image = floor_of(stack, None, metrics=metrics, pairing="nearest", splits=8)
    assert by_image.records["ssim"].mean > by_group.records["ssim"].mean + 0.1


@pytest.mark.parametrize(
    ("groups", "splits", "said"),
    [
        (np.repeat(np.arange(3), 8), 20, "none: 3 groups allow only 3 different splits"),
        (GROUPS, 9, "computed"),
        (GROUPS, 10, "computed"),
    ],
)
def test_few_different_splits_have_no_range(groups, splits, said):
    metrics = ("psnr", "diversity", "fd_lbp")
    floor = floor_of(textures(1, 24), groups, metrics=metrics, splits=splits)
    assert floor.range_status.startswith(said)
    for record in floor.records.values():
        assert record.status == "computed"
        assert np.isfinite(record.mean)
        none = said != "computed" or (record.metric == "fd_lbp" and splits == 9)
        assert (record.low is None) == (record.high is None) == none
    if said == "computed":
        assert floor.fewer_splits == f"{splits} of FD-LBP"


def test_few_images_allow_few_splits():
    floor = floor_of(textures(1, 5), None, metrics=("diversity",), splits=40)
    assert floor.splits == 30  # 15, both ways round
    assert floor.range_status == "computed"
    floor = floor_of(textures(1, 4), None, metrics=("diversity",), splits=40)
    assert floor.splits == 6
    assert floor.range_status.startswith("none: 4 images allow only 3 different splits")
    assert floor.records["diversity"].low is None


def test_too_few_images_or_groups_have_no_floor():
    for stack, groups in ((textures(1, 3), None), (textures(1, 9), np.zeros(9, dtype=np.int64))):
        floor = floor_of(stack, groups)
        assert floor.status.startswith("not computed: ")
        assert "too few" in floor.status
        assert floor.records == {}


def test_what_cannot_be_computed_of_real_images_says_why():
    metrics = ("fid", "kid", "fid_infinity", "ssim")
    floor = floor_of(textures(1, 12, size=6), None, metrics=metrics)
    assert set(floor.records) == {"fid", "kid", "ssim"}
    assert all(record.mean is None for record in floor.records.values())
    assert "7 x 7" in floor.records["ssim"].status


def test_of_many_images_whole_groups_are_drawn(monkeypatch):
    monkeypatch.setattr(floor_module, "MOST_IMAGES", 12)
    drawn = []
    monkeypatch.setattr(
        Side,
        "subset",
        lambda self, index: drawn.append(index) or Side(self.images[index], self.extractors),
    )
    floor_of(textures(1, 24), GROUPS, metrics=("psnr",))
    pool = drawn[0]
    assert len(pool) == 12
    assert (np.bincount(GROUPS[pool], minlength=12) % 2 == 0).all()
    assert (np.diff(pool) > 0).all()


def test_of_large_groups_images_are_drawn(monkeypatch):
    monkeypatch.setattr(floor_module, "MOST_IMAGES", 20)
    groups = np.repeat(np.arange(3), 30)
    pool = _pool(groups, 0)
    assert len(pool) == 15  # a quarter of the most of each
    assert set(groups[pool]) == {0, 1, 2}
    assert floor_of(textures(1, 90), groups, metrics=("psnr",)).status == "computed"


def test_every_metric_has_a_floor_but_the_extrapolated_ones():
    floor = floor_of(textures(1, 40), None, metrics=tuple(REGISTRY))
    assert "fd_lbp" in floor.records
    assert not any(name.endswith("_infinity") for name in floor.records)
