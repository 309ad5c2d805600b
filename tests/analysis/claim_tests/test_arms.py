"""Which arm is best or most stable, by more than seeds do."""

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from miua.analysis.claim_tests.base import TESTS
from tests.analysis.claim_tests.world import (
    MISSING_FID,
    row,
)

BEST = {"distance": ["fid", "fd_lbp"], "best": "both", "others": ["none", "flip"]}


def arms(world, *, both, none=100.0, flip=120.0, seeds=(99.0, 100.0, 101.0), fid=MISSING_FID):
    values = {"both": both, "none": none, "flip": flip}
    cells = [
        (arm, 300, 40, {"fd_lbp": v, "fid": v if fid is None else fid}) for arm, v in values.items()
    ]
    world.sets("augmentation", cells)
    repeated = [
        (f"seed-{i}", 300, epoch, {"fd_lbp": v * epoch / 40, "fid": v if fid is None else fid})
        for i, v in enumerate(seeds)
        for epoch in (20, 40)
    ]
    world.sets("seeds", repeated)
    return world.judge("best-arm", BEST, {"alpha": 0.05}, experiments=("augmentation", "seeds"))


def test_an_arm_that_is_prepared_otherwise_is_told_and_not_ranked(world):
    cells = [(arm, 300, 40, {"fd_lbp": v}) for arm, v in (("both", 95.5), ("none", 100.0))]
    repeated = [(f"seed-{i}", 300, 40, {"fd_lbp": v}) for i, v in enumerate((99.0, 100.0, 101.0))]
    world.sets("augmentation", [*cells, ("flip", 300, 40, {"fd_lbp": 1.0})])
    world.sets("seeds", repeated)
    given = ("best-arm", {**BEST, "distance": ["fd_lbp"]}, {"alpha": 0.05})
    experiments = ("augmentation", "seeds")
    assert world.judge(*given, experiments=experiments).verdict == "not reproduced"
    path = world.folder / "tables" / "augmentation.csv"
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    table.loc[table["arm"] == "flip", "preparation"] = "64_crop500"
    table.to_csv(path, index=False)
    finding = world.judge(*given, experiments=experiments)
    assert finding.verdict == "reproduced"
    assert "flip has 1.00 to images prepared otherwise" in finding.reason
    table.loc[table["arm"] == "none", "preparation"] = "64_crop500"
    table.to_csv(path, index=False)
    assert world.judge(*given, experiments=experiments).verdict == "undecided"


# One-sided t on 2 degrees of freedom: 2.92 for the margin to the next, 4.30 to be beaten by one of
# two; times sqrt(2) for the difference of two runs, times the standard deviation 1 of the seeds.
@pytest.mark.parametrize(
    ("both", "verdict"),
    [
        (95.5, "reproduced"),  # 4.5 > 4.13
        (96.5, "undecided"),
        (105.5, "undecided"),
        (106.5, "not reproduced"),  # 6.5 > 6.08
    ],
)
def test_an_arm_is_best_only_by_more_than_seeds_do(world, both, verdict):
    finding = arms(world, both=both)
    assert finding.verdict == verdict
    assert finding.numbers["margin needed"] == pytest.approx(2.92 * math.sqrt(2), abs=0.01)
    assert finding.numbers["margin to be beaten"] == pytest.approx(4.303 * math.sqrt(2), abs=0.01)
    assert "FID was not computed" in finding.reason
    assert "FD-LBP is" in finding.reason


def test_equal_arms_are_told_apart_no_more_often_than_alpha():
    draws = np.random.default_rng(4)
    test = TESTS["best-arm"]
    inputs = BEST | {"distance": ["fd_lbp"]}
    names = ["both", "none", "flip", "seed-0", "seed-1", "seed-2"]
    table = pd.DataFrame([row("any", name, 300, 40, "fd_lbp", 0.0) for name in names])
    evidence = SimpleNamespace(experiments=["any"], sets=lambda _: table)
    verdicts = []
    for values in draws.normal(100, 1, (200, len(names))):
        table["value"] = values
        seeds = table[table["arm"].str.startswith("seed")]
        evidence.sets = lambda name="any", seeds=seeds: seeds if name == "seeds" else table
        verdicts.append(test.judge(evidence, **inputs, alpha=0.1).verdict)
    assert verdicts.count("reproduced") <= 200 * 0.1 + 13  # three standard errors
    assert 0 < verdicts.count("not reproduced") <= 200 * 0.1 + 13


def test_fid_decides_where_it_was_computed(world):
    finding = arms(world, both=90.0, fid=None)
    assert finding.verdict == "reproduced"
    assert "FID is" in finding.reason
    assert "fid both" in finding.numbers


@pytest.mark.parametrize("seeds", [(100.0,), (100.0, 100.0, 100.0)])
def test_seeds_that_do_not_vary_decide_nothing(world, seeds):
    assert arms(world, both=50.0, seeds=seeds).verdict == "undecided"


def test_an_arm_that_diverged_is_left_out_and_told(world):
    finding = arms(world, both=95.0, flip="not computed: the training diverged")
    assert finding.verdict == "reproduced"
    assert "flip gave no images" in finding.reason
    gone = "not computed: the training diverged"
    assert arms(world, both=95.0, flip=gone, none=gone).verdict == "undecided"
    assert arms(world, both=gone).verdict == "not testable here"


def test_arms_and_seeds_that_were_not_run_are_missing(world):
    world.sets("augmentation", [("both", 300, 40, {"fd_lbp": 1.0})])
    given = ("best-arm", BEST, {"alpha": 0.05})
    without_seeds = world.judge(*given, experiments=("augmentation", "seeds"))
    assert without_seeds.verdict == "not testable here"
    assert "seeds" in without_seeds.missing[0]
    world.sets("seeds", [("seed-0", 300, 40, {"fd_lbp": 1.0})])
    without_arm = world.judge(*given, experiments=("augmentation", "seeds"))
    assert without_arm.verdict == "not testable here"
    assert "'none'" in without_arm.missing[0]


def test_fid_with_stand_in_weights_is_not_fid(world):
    world.grid(lambda size, epoch: {"fid": 240 + epoch / 100 * (1 + size / 1e4)})
    path = world.folder / "tables" / "training-size.csv"
    path.write_text(path.read_text().replace("planted", "Inception features; weights 0123abcd"))
    inputs = {"distance": ["fid"], "arm": "equal epochs"}
    given = ("longer-training-gains-nothing", inputs, {"alpha": 0.05, "margin": 0.1})
    finding = world.judge(*given)
    assert finding.verdict == "not testable here"
    assert "stand-ins" in finding.reason
    path.write_text(path.read_text().replace("0123abcd", "6726825d"))
    assert world.judge(*given).verdict == "reproduced"


SATURATED = "saturated discriminator"


@pytest.mark.parametrize(
    ("signs", "epochs", "verdict"),
    [
        ({"64": "", "128": SATURATED}, 1000, "reproduced"),
        ({"64": "", "128": SATURATED}, 20, "undecided"),  # 64 may yet show one
        ({"64": "", "128": ""}, 1000, "not reproduced"),
        ({"64": "", "128": ""}, 20, "undecided"),
        ({"64": SATURATED, "128": SATURATED}, 20, "not reproduced"),
    ],
)
def test_stability_is_contradicted_by_a_sign_and_shown_by_length(world, signs, epochs, verdict):
    world.stability("image-size", signs, epochs)
    finding = world.judge(
        "arms-are-stable",
        {"stable": ["64"], "unstable": ["128"]},
        {"most_signs": 0, "least_epochs": 300},
        experiments=("image-size",),
    )
    assert finding.verdict == verdict
    assert SATURATED in finding.reason or not any(signs.values())


@pytest.mark.parametrize(
    ("signs", "verdict"),
    [
        ({"text": "", "fast": SATURATED}, "reproduced"),
        ({"text": "", "fast": ""}, "undecided"),
        ({"text": f"{SATURATED}; collapsed samples", "fast": SATURATED}, "not reproduced"),
        ({"text": SATURATED, "fast": f"{SATURATED}; collapsed samples"}, "not reproduced"),
    ],
)
def test_the_most_stable_arm_shows_fewest_signs(world, signs, verdict):
    world.stability("learning-rate", signs)
    inputs = {"best": "text", "others": ["fast"]}
    given = {"experiments": ("learning-rate",)}
    finding = world.judge("most-stable-arm", inputs, {"most_signs": 0}, **given)
    assert finding.verdict == verdict
    other = world.judge("most-stable-arm", inputs, {"most_signs": 0}, experiments=("image-size",))
    assert other.verdict == "not testable here"
