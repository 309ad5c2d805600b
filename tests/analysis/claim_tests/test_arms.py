"""Which arm is best, by more than seeds do, and what augmentation does."""

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from miua.analysis.claim_tests.base import TESTS
from miua.metrics.registry import measure
from tests.analysis.claim_tests.world import MISSING_FID, row

BEST = {
    "distance": ["fid", "fd_efficientnet", "fd_lbp"],
    "best": "both",
    "others": ["none", "flip"],
}
GIVEN = ("best-arm", BEST, {"alpha": 0.05})
BOTH_EXPERIMENTS = {"experiments": ("augmentation", "seeds")}
DIVERGED = "not computed: the training diverged"


def arms(world, *, both, none=100.0, flip=120.0, seeds=(-1.0, 0.0, 1.0), metric="fid"):
    """Arms with one training each, and the seeds of `both` as they differ from it."""
    values = {"both": both, "none": none, "flip": flip}
    cells = [(arm, 300, 40, {metric: v, "fd_lbp": v}) for arm, v in values.items()]
    world.sets("augmentation", cells)
    repeated = []
    for i, difference in enumerate(seeds):
        value = both if isinstance(both, str) else both + difference
        run = "both_300" if difference == 0 else f"seed-{i}_300"
        repeated += [
            (f"seed-{i}", 300, epoch, {metric: value, "fd_lbp": value}, run) for epoch in (20, 40)
        ]
    world.sets("seeds", repeated)
    return world.judge(*GIVEN, **BOTH_EXPERIMENTS)


# One-sided t on 2 degrees of freedom: 2.92 for the margin to the next, 4.30 to be beaten by one of
# two; times sqrt(1 + 1/3) for the mean of three seeds against one run, times the deviation 1.
@pytest.mark.parametrize(
    ("both", "verdict"),
    [
        (96.5, "reproduced"),  # 3.5 > 3.37
        (96.7, "undecided"),
        (104.9, "undecided"),
        (105.1, "not reproduced"),  # 5.1 > 4.97
    ],
)
def test_an_arm_is_best_only_by_more_than_seeds_do(world, both, verdict):
    finding = arms(world, both=both)
    assert finding.verdict == verdict
    assert finding.numbers["margin needed"] == pytest.approx(2.92 * math.sqrt(4 / 3), abs=0.01)
    beaten = finding.numbers["margin to be beaten"]
    assert beaten == pytest.approx(4.303 * math.sqrt(4 / 3), abs=0.01)
    assert finding.n == 5


def test_all_seeds_of_the_text_count_and_not_the_worst(world):
    # Seed 0, the arm's own training, is the worst of three by far: alone it would be beaten.
    finding = arms(world, both=104.0, none=102.0, seeds=(0.0, -9.0, -9.0))
    assert finding.numbers["fid both"] == pytest.approx(98.0)
    assert finding.verdict == "undecided"
    assert "98.0 for both, the mean of 3 seeds (95.0 to 104)" in finding.reason


def test_seeds_of_other_arms_add_to_the_error(world):
    cells = [("both", 300, 40, {"fid": 96.0})]
    cells += [("none", 300, 40, {"fid": 100.0 + d}, f"none-{d}") for d in (-1, 0, 1)]
    cells += [("flip", 300, 40, {"fid": 120.0 + d}, f"flip-{d}") for d in (-1, 0, 1)]
    world.sets("augmentation", cells)
    seeds = [(f"seed-{d}", 300, 40, {"fid": 96.0 + d}, f"both_300{d or ''}") for d in (-1, 0, 1)]
    world.sets("seeds", seeds)
    finding = world.judge(*GIVEN, **BOTH_EXPERIMENTS)
    assert finding.n == 9
    needed = stats.t.isf(0.05, 6) * math.sqrt(2 / 3)
    assert finding.numbers["margin needed"] == pytest.approx(needed)


@pytest.mark.parametrize("metric", ["fid", "fd_efficientnet"])
def test_a_distance_that_sees_anatomy_decides(world, metric):
    finding = arms(world, both=90.0, metric=metric)
    assert finding.verdict == "reproduced"
    assert f"{metric} both" in finding.numbers


def test_a_verdict_by_texture_alone_is_undecided_with_the_reason(world):
    for both in (50.0, 150.0):
        finding = arms(world, both=both, metric="fd_lbp")
        assert finding.verdict == "undecided"
        assert "FD-LBP does not see anatomy and decides nothing alone" in finding.reason
        assert f"(FID, {measure('fd_efficientnet').label})" in finding.reason
        assert finding.numbers["fd_lbp both"] == both


def judged_draws(test, names, draws, inputs, **thresholds):
    """Verdicts on draws, shape (draws, names); names: arms, and the seeds beside seed 0."""
    table = pd.DataFrame([row("any", name, 300, 40, "fid", 0.0) for name in names])
    seeded = table["arm"].str.startswith("seed")
    evidence = SimpleNamespace(experiments=["any"])
    verdicts = []
    for values in draws:
        table["value"] = values
        seeds = table[seeded]
        evidence.sets = lambda name="any", seeds=seeds: seeds if name == "seeds" else table
        finding = TESTS[test].judge(evidence, **inputs, **thresholds)
        verdicts.append(finding.verdict)
    return verdicts


def test_equal_arms_are_told_apart_no_more_often_than_alpha():
    names = ["both", "none", "flip", "seed-1", "seed-2"]
    draws = np.random.default_rng(4).normal(100, 1, (200, len(names)))
    verdicts = judged_draws("best-arm", names, draws, BEST | {"distance": ["fid"]}, alpha=0.1)
    assert verdicts.count("reproduced") <= 200 * 0.1 + 13  # three standard errors
    assert 0 < verdicts.count("not reproduced") <= 200 * 0.1 + 13


@pytest.mark.parametrize("seeds", [(), (0.0,), (0.0, 1e-20, -1e-20)])
def test_seeds_that_are_too_few_or_do_not_vary_decide_nothing(world, seeds):
    verdict = arms(world, both=50.0, seeds=seeds or (0.0,)).verdict
    assert verdict == "undecided"


def test_an_arm_that_diverged_is_left_out_and_told(world):
    finding = arms(world, both=95.0, flip=DIVERGED)
    assert finding.verdict == "reproduced"
    assert "flip gave no images" in finding.reason
    assert arms(world, both=95.0, flip=DIVERGED, none=DIVERGED).verdict == "undecided"
    assert arms(world, both=DIVERGED).verdict == "not testable here"


def test_an_arm_that_is_prepared_otherwise_is_told_and_not_ranked(world):
    assert arms(world, both=95.5, flip=1.0).verdict == "not reproduced"
    path = world.folder / "tables" / "augmentation.csv"
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    table.loc[table["arm"] == "flip", "preparation"] = "64_crop500"
    table.to_csv(path, index=False)
    finding = world.judge(*GIVEN, **BOTH_EXPERIMENTS)
    assert finding.verdict == "undecided"
    assert "not every arm can be compared" in finding.reason
    assert "flip has 1.00 to images prepared otherwise" in finding.reason
    table.loc[table["arm"] == "none", "preparation"] = "64_crop500"
    table.to_csv(path, index=False)
    assert world.judge(*GIVEN, **BOTH_EXPERIMENTS).verdict == "undecided"


def test_arms_and_seeds_that_were_not_run_are_missing(world):
    world.sets("augmentation", [("both", 300, 40, {"fid": 1.0})])
    without_seeds = world.judge(*GIVEN, **BOTH_EXPERIMENTS)
    assert without_seeds.verdict == "not testable here"
    assert "seeds" in without_seeds.missing[0]
    world.sets("seeds", [("seed-0", 300, 40, {"fid": 1.0})])
    without_arm = world.judge(*GIVEN, **BOTH_EXPERIMENTS)
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


# --- augmentation, flip by rotation -----------------------------------------------------------

FACTORS = {
    "distance": ["fid", "fd_efficientnet", "fd_lbp"],
    **{"neither": "none", "flip": "flip", "rotation": "rotation", "both": "both"},
}
CELLS = ["none", "flip", "rotation", "both", "seed-1", "seed-2"]


def factorial(world, values, metric="fid"):
    """values: of CELLS, in their order."""
    cells = zip(CELLS, values, strict=True)
    rows = [(arm, 300, 40, {metric: value}) for arm, value in cells]
    world.sets("augmentation", rows[:4])
    world.sets("seeds", [("seed-0", 300, 40, {metric: values[3]}, "both_300"), *rows[4:]])
    return world.judge("factors-improve", FACTORS, {"alpha": 0.05}, **BOTH_EXPERIMENTS)


def test_the_factorial_adds_effects_up_with_the_error_of_the_whole_model(world):
    values = [100.0, 97.0, 93.0, 88.0, 91.0, 90.0]
    finding = factorial(world, values)
    data = pd.DataFrame(
        {"value": values, "flip": [0, 1, 0, 1, 1, 1], "rotation": [0, 0, 1, 1, 1, 1]}
    )
    whole = ols("value ~ C(flip, Sum) * C(rotation, Sum)", data).fit()
    interaction = anova_lm(whole, typ=3).loc["C(flip, Sum):C(rotation, Sum)", "PR(>F)"]
    assert finding.numbers["p of interaction"] == pytest.approx(interaction)
    added = ols("value ~ flip + rotation", data).fit()
    wider = math.sqrt(whole.scale / added.scale)
    for name in ("flip", "rotation"):
        assert finding.numbers[f"effect of {name}"] == pytest.approx(added.params[name])
        t = added.params[name] / (added.bse[name] * wider)
        assert finding.numbers[f"p of {name}"] == pytest.approx(2 * stats.t.sf(abs(t), 2))
    both = added.t_test("flip + rotation = 0")
    assert finding.numbers["both minus neither"] == pytest.approx(both.effect[0])
    t = both.effect[0] / (both.sd.item() * wider)
    assert finding.numbers["p one-sided"] == pytest.approx(stats.t.sf(abs(t), 2))
    mean = np.mean(values[3:])
    assert finding.numbers["effect of interaction"] == pytest.approx((mean - 97 - 93 + 100) / 2)
    assert finding.numbers["deviation over seeds"] == pytest.approx(np.std(values[3:], ddof=1))
    assert finding.n == 6


# Of trainings with a deviation of 1, one in each of three cells and three in the last: the standard
# error of the sum of both effects.
DESIGN = np.array([[1, 0, 0], [1, 1, 0], [1, 0, 1], *[[1, 1, 1]] * 3])
ERROR = math.sqrt([0, 1, 1] @ np.linalg.inv(DESIGN.T @ DESIGN) @ [0, 1, 1])


@pytest.mark.parametrize(
    ("times", "verdict"),
    [(-1.02, "reproduced"), (-0.98, "undecided"), (0.98, "undecided"), (1.02, "not reproduced")],
)
def test_both_effects_decide_by_more_than_seeds_do(world, times, verdict):
    change = times * stats.t.isf(0.05, 2) * ERROR
    half = 100 + change / 2
    finding = factorial(world, [100, half, half, 100 + change, 99 + change, 101 + change])
    assert finding.verdict == verdict
    assert finding.numbers["both minus neither"] == pytest.approx(change)
    assert "on 2 degrees of freedom" in finding.reason


def test_effects_that_do_not_add_up_decide_nothing(world):
    finding = factorial(world, [100, 80, 80, 80, 79, 81])
    assert finding.numbers["p one-sided"] < 0.05
    assert finding.verdict == "undecided"
    assert "do not add up" in finding.reason


def test_the_factorial_needs_every_cell_seeds_and_a_distance_that_sees(world):
    assert factorial(world, [100, DIVERGED, 100, 90, 91, 89]).verdict == "undecided"
    assert factorial(world, [100, 100, 100, 90, 90, 90]).verdict == "undecided"
    assert "does not see" in factorial(world, [100, 100, 100, 9, 8, 7], "fd_lbp").reason
    assert factorial(world, [100, 100, 100, 9, 8, 7], "fd_lbp").verdict == "undecided"
    world.sets("seeds", [("seed-0", 300, 40, {"fid": 90.0}, "both_300")])
    alone = factorial(world, [100, 100, 100, 90, MISSING_FID, MISSING_FID])
    assert alone.verdict == "undecided"


def test_the_factorial_keeps_its_level_and_has_the_power_of_its_t_test():
    count, alpha, effect = 400, 0.1, -4.0
    draws = np.random.default_rng(5).normal(size=(count, 6))
    null = judged_draws("factors-improve", CELLS, draws, FACTORS, alpha=alpha)
    for verdict in ("reproduced", "not reproduced"):
        # In a tenth of the draws the interaction is significant by chance, and nothing is decided.
        level = alpha * (1 - alpha)
        assert stats.binomtest(null.count(verdict), count, level).pvalue > 0.001
    draws[:, 1:3] += effect / 2
    draws[:, 3:] += effect
    found = judged_draws("factors-improve", CELLS, draws, FACTORS, alpha=alpha)
    power = (1 - alpha) * stats.nct.sf(stats.t.isf(alpha, 2), 2, -effect / ERROR)
    assert stats.binomtest(found.count("reproduced"), count, power).pvalue > 0.001
    assert found.count("not reproduced") <= 2
