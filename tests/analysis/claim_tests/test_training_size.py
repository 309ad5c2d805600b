"""Differences over training sizes: found, excluded, or left open."""

import pytest

from tests.analysis.claim_tests.world import MISSING_FID, SIZES, drawn

NO_DIFFERENCE = ("no-difference-over-sizes", {"metrics": ["psnr"], "arm": "equal epochs"})


@pytest.mark.parametrize(
    ("effect", "bound", "verdict"),
    [
        (0.01, 0.4, "not reproduced"),  # sizes differ by nine standard deviations
        (0.0, 0.4, "undecided"),  # 20 sets do not show equivalence within 0.4
        (0.0, 1.5, "reproduced"),
    ],
)
def test_sizes_differ_are_equivalent_or_neither(world, effect, bound, verdict):
    draw = drawn(1)
    world.grid(lambda s, e: {"psnr": effect * s + draw()})
    finding = world.judge(*NO_DIFFERENCE, {"alpha": 0.05, "cohen_f": bound})
    assert finding.verdict == verdict
    assert finding.n == 20
    assert (finding.power < 0.8) == (bound == 0.4)
    assert "one-way" in finding.reason
    assert "by epoch" in finding.reason


def test_an_effect_that_epochs_hide_from_the_one_way_test_is_found_blocked(world):
    order = {s: i for i, s in enumerate(SIZES)}
    world.grid(lambda s, e: {"psnr": e / 10 + order[s]})
    finding = world.judge(*NO_DIFFERENCE, {"alpha": 0.05, "cohen_f": 0.4})
    assert finding.verdict == "not reproduced"
    assert finding.numbers["psnr p one-way"] > 0.9
    assert finding.numbers["psnr p blocked"] < 0.01


def test_a_joint_claim_without_fid_is_never_reproduced(world):
    draw = drawn(1)
    world.grid(lambda *_: {"psnr": draw(), "fid": MISSING_FID})
    joint = {"metrics": ["psnr", "fid"], "arm": "equal epochs"}
    finding = world.judge("no-difference-over-sizes", joint, {"alpha": 0.05, "cohen_f": 5})
    assert finding.verdict == "undecided"
    assert "Inception weights" in finding.reason
    alone = {"metrics": ["fid"], "arm": "equal epochs"}
    finding = world.judge("no-difference-over-sizes", alone, {"alpha": 0.05, "cohen_f": 5})
    assert finding.verdict == "not testable here"


@pytest.mark.parametrize("sizes", [[100], SIZES])
def test_one_size_and_constant_values_are_undecided(world, sizes):
    world.grid(lambda *_: {"psnr": 11.0}, sizes=sizes)
    finding = world.judge(*NO_DIFFERENCE, {"alpha": 0.05, "cohen_f": 0.4})
    assert finding.verdict == "undecided"
    assert "PSNR: " in finding.reason


def test_one_set_alone_is_undecided(world):
    world.grid(lambda *_: {"psnr": 11.0}, sizes=[100], epochs=[300])
    assert world.judge(*NO_DIFFERENCE, {"alpha": 0.05, "cohen_f": 0.4}).verdict == "undecided"


def test_a_diverged_training_leaves_the_other_sets_to_be_compared(world):
    draw = drawn()
    diverged = "not computed: the training diverged"
    world.grid(lambda s, e: {"psnr": diverged if (s, e) == (999, 1000) else draw(s)})
    finding = world.judge(*NO_DIFFERENCE, {"alpha": 0.05, "cohen_f": 0.4})
    assert finding.verdict == "not reproduced"
    assert finding.n == 19


def test_the_design_is_weak_for_a_small_effect_and_not_for_a_huge_one(world):
    for effect, verdict in ((0.4, "reproduced"), (2.0, "not reproduced")):
        thresholds = {"alpha": 0.05, "cohen_f": effect, "power": 0.8}
        finding = world.judge("design-is-weak", {}, thresholds)
        assert finding.verdict == verdict
        assert (finding.power < 0.8) == (effect == 0.4)


def spread(world, wide, narrow, ratio=10):
    world.grid(lambda s, _: {"fd_lbp": wide * s}, updates_value_of=lambda s: {"fd_lbp": narrow * s})
    return world.judge(
        "spread-is-wider",
        {
            "metrics": ["fid", "fd_lbp"],
            "wide": {"experiment": "training-size", "arm": "equal epochs"},
            "narrow": {"experiment": "training-size", "arm": "equal updates"},
        },
        {"alpha": 0.05, "variance_ratio": ratio, "power": 0.8},
    )


@pytest.mark.parametrize(
    ("wide", "narrow", "ratio", "verdict"),
    [
        (10, 1, 10, "reproduced"),
        (1, 1, 10, "undecided"),
        (1, 1, 100, "not reproduced"),
        (1, 0, 10, "undecided"),  # constant
    ],
)
def test_spread_of_runs_is_compared_at_their_last_epoch(world, wide, narrow, ratio, verdict):
    finding = spread(world, wide, narrow, ratio)
    assert finding.verdict == verdict
    if narrow:
        assert finding.numbers["variance ratio"] == pytest.approx((wide / narrow) ** 2)
        assert finding.n == 10


def test_a_missing_experiment_is_named(world):
    finding = world.judge(
        "spread-is-wider",
        {
            "metrics": ["fid"],
            "wide": {"experiment": "training-size"},
            "narrow": {"experiment": "seeds"},
        },
        {"alpha": 0.05, "variance_ratio": 2, "power": 0.8},
    )
    assert finding.verdict == "not testable here"
    assert "training-size" in finding.missing[0]
