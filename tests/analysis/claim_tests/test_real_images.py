"""Noise floor, pairing, subjects, file order and known damage."""

import pytest

from miua.analysis.columns import COLUMNS
from tests.analysis.claim_tests.world import DAMAGES, MISSING_FID

FLOOR = {"experiments": ("noise-floor",)}


def test_the_floor_reaches_what_is_stated_or_not(world):
    world.floor({"lbpv_143_difference": (0.0, -8.0, 7.5), "fid": MISSING_FID})
    for stated, verdict in ((7, "reproduced"), (9, "not reproduced")):
        inputs = {"values": {"lbpv_143_difference": stated}}
        assert world.judge("floor-reaches", inputs, {"multiple": 1.0}, **FLOOR).verdict == verdict
    missing = world.judge("floor-reaches", {"values": {"fid": 1}}, {"multiple": 1.0}, **FLOOR)
    assert missing.verdict == "not testable here"
    world.floor({"lbpv_143_difference": (0.0, 0.0, 0.0)})
    inputs = {"values": {"lbpv_143_difference": 7}}
    constant = world.judge("floor-reaches", inputs, {"multiple": 1.0}, **FLOOR)
    assert constant.verdict == "undecided"


@pytest.mark.parametrize(
    ("difference", "verdict"),
    [(-8.5, "reproduced"), (9.0, "reproduced"), (7.5, "not reproduced")],
)
def test_the_order_of_the_files_matters_beyond_what_is_drawn(world, difference, verdict):
    name = "lbpv_143_difference"
    world.floor({name: (0.0, -8.0, 7.5)}, in_order={name: difference})
    given = ("order-matters", {"metrics": [name]}, {"multiple": 1.0})
    finding = world.judge(*given, **FLOOR)
    assert finding.verdict == verdict
    assert finding.numbers[f"{name} in order"] == difference
    world.floor({name: (0.0, -8.0, 7.5)})
    assert world.judge(*given, **FLOOR).verdict == "not testable here"


def test_sets_stay_within_the_floor_or_go_beyond(world):
    world.floor({"lbpv_143_difference": (0.0, -8.0, 7.5)})
    for size, verdict in ((-6.0, "reproduced"), (-9.0, "not reproduced")):
        world.grid(lambda *_, size=size: {"lbpv_143_difference": size})
        inputs = {"metrics": ["lbpv_143_difference"]}
        assert world.judge("sets-within-floor", inputs, {"multiple": 1.0}).verdict == verdict


def test_the_floor_exceeds_a_threshold_or_not(world):
    world.floor({"fid": (30.0, 28.0, 32.0)})
    for least, verdict in ((1.0, "reproduced"), (29.0, "not reproduced")):
        finding = world.judge("floor-exceeds", {"metric": "fid"}, {"least": least}, **FLOOR)
        assert finding.verdict == verdict


def test_a_floor_of_too_few_splits_for_a_range_decides_nothing(world):
    name, none = "lbpv_143_difference", float("nan")
    world.floor({name: (0.0, none, none)}, in_order={name: 9.0})
    world.grid(lambda *_: {name: 6.0})
    for test, inputs, thresholds in (
        ("floor-exceeds", {"metric": name}, {"least": 1.0}),
        ("floor-reaches", {"values": {name: 7}}, {"multiple": 1.0}),
        ("order-matters", {"metrics": [name]}, {"multiple": 1.0}),
        ("sets-within-floor", {"metrics": [name]}, {"multiple": 1.0}),
    ):
        finding = world.judge(test, inputs, thresholds, **FLOOR)
        assert finding.verdict == "undecided"
        assert "fewer than 10 different ways" in finding.reason


def test_pairings_differ_by_more_than_sets_or_by_less(world):
    pairs = [("all", "psnr", 11.0), ("index", "psnr", 11.2), ("nearest", "psnr", 16.0)]
    world.write("noise-floor-pairing", pairs, COLUMNS["noise-floor-pairing"])
    given = ("pairing-matters", {"metrics": ["psnr"]}, {"ratio": 1.0})
    for span, verdict in ((2.0, "reproduced"), (8.0, "not reproduced"), (0.0, "undecided")):
        world.grid(lambda s, _, span=span: {"psnr": 11 + span * (s - 100) / 899})
        assert world.judge(*given, **FLOOR).verdict == verdict


@pytest.mark.parametrize(
    ("by_image", "by_subject", "verdict"),
    [([90, 95], [0, 0], "reproduced"), ([0, 95], [0, 0], "not reproduced"),
     ([90, 95], [0, 2], "not reproduced"), ([], [0, 0], "not testable here")],
)  # fmt: skip
def test_splits_share_subjects_only_by_image(world, by_image, by_subject, verdict):
    rows = [
        (split, 400, repeat, shared, "psnr", 11.0, "computed")
        for split, counts in (("image", by_image), ("subject", by_subject))
        for repeat, shared in enumerate(counts)
    ]
    world.write("noise-floor", rows, COLUMNS["noise-floor"])
    assert world.judge("splits-share-subjects", {}, {"subjects": 1}, **FLOOR).verdict == verdict


@pytest.mark.parametrize(
    ("wrong", "spearman", "verdict"),
    [(0, 1.0, "reproduced"), (1, -1.0, "reproduced"), (2, 1.0, "not reproduced"),
     (0, 0.5, "not reproduced")],
)  # fmt: skip
def test_a_metric_responds_to_most_damages_or_not(world, wrong, spearman, verdict):
    responses = {
        (damage, "psnr"): "none" if place < wrong else "as it should"
        for place, damage in enumerate(DAMAGES)
    }
    world.sensitivity(responses, spearman)
    inputs = {"metric": "psnr", "damages": list(DAMAGES)}
    thresholds = {"share": 0.85, "spearman": 0.9}
    given = {"experiments": ("sensitivity",)}
    finding = world.judge("metric-responds", inputs, thresholds, **given)
    assert finding.verdict == verdict
    other = world.judge("metric-responds", inputs | {"metric": "fid"}, thresholds, **given)
    assert other.verdict == "not testable here"
