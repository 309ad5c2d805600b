"""Differences over training sizes: found, excluded, or left open."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from miua.analysis.claim_tests.runs import one_value_a_run
from miua.analysis.power import anova_power
from tests.analysis.claim_tests.world import EPOCHS, MISSING_FID, SIZES, drawn

WITH_SEEDS = {"experiments": ("training-size", "seeds", "noise-floor")}
DIFFERENCE = ("no-difference-over-sizes", {"metrics": ["psnr"], "arm": "equal epochs"})
EQUIVALENCE = ("sizes-are-equivalent", {"metrics": ["psnr"], "arm": "equal epochs"})
LITERAL = {"alpha": 0.05, "effect": 1.0}


def plant(world, value_of, *, seeds=3, epochs=EPOCHS, sizes=SIZES):
    """The grid, and seeds of its training with 300 images; value_of(seed, size, epoch)."""
    grid = {(s, e): value_of(0, s, e) for s in sizes for e in epochs}
    world.grid(lambda s, e: grid[s, e], epochs=epochs, sizes=sizes)
    world.seeds(
        [
            (seed, 300, e, value_of(seed, 300, e) if seed else grid.get((300, e), {}))
            for seed in range(seeds)
            for e in epochs
            if seed or 300 in sizes
        ]
    )


def trainings(effect=0.0, deviation=1.0, seed=1):
    """PSNR by training: an effect of the size, a training's own number, and noise of its epochs."""
    draw, own = drawn(seed), {}

    def value_of(seed, size, epoch):
        own.setdefault((seed, size), draw(0, deviation))
        return {"psnr": effect * size + own[seed, size] + draw(epoch / 100, 0.1 * deviation)}

    return value_of


@pytest.mark.parametrize(("effect", "verdict"), [(0.0, "reproduced"), (0.1, "not reproduced")])
def test_sizes_differ_significantly_or_not_by_one_value_a_training(world, effect, verdict):
    plant(world, trainings(effect))
    finding = world.judge(*DIFFERENCE, LITERAL, **WITH_SEEDS)
    assert finding.verdict == verdict
    assert finding.n == 7
    assert finding.power == pytest.approx(anova_power(7, 5, 1.0))
    assert "7 trainings of 5 sizes, one value a training, the mean over 4 epochs" in finding.reason
    assert ("which shows no equality" in finding.reason) == (verdict == "reproduced")


def test_the_p_is_that_of_an_analysis_of_variance_of_means_over_epochs(world):
    plant(world, trainings())
    tables = [pd.read_csv(world.folder / "tables" / f"{n}.csv") for n in ("training-size", "seeds")]
    rows = pd.concat(tables).drop_duplicates("set")
    assert len(rows) == 28  # the seed that is the grid's own training counts once
    means = rows.groupby(["training_size", "run"])["value"].mean()
    samples = [part.to_numpy() for _, part in means.groupby("training_size")]
    assert [len(sample) for sample in samples] == [1, 3, 1, 1, 1]
    finding = world.judge(*DIFFERENCE, LITERAL, **WITH_SEEDS)
    assert finding.numbers["psnr p"] == pytest.approx(stats.f_oneway(*samples).pvalue)
    within = np.std(samples[1], ddof=1)
    assert finding.numbers["psnr deviation over seeds"] == pytest.approx(within)


def simulated(within, count=2000, seed=3):
    """Studies without any effect: five sizes and two more seeds of one, four epochs each, whose
    values correlate by `within` in a training. Shape (count, 7 trainings, 4 epochs)."""
    draws = np.random.default_rng(seed)
    own = draws.normal(size=(count, 7, 1)) * math.sqrt(within)
    return own + draws.normal(size=(count, 7, 4)) * math.sqrt(1 - within)


# What the 20 sets of such studies give if they are taken for repetitions, as this project did, by
# the smaller p of the two tests, doubled: F of 4 and 15 degrees of freedom times
# (1 + 3 r) / (1 - r), and Friedman's. Simulated; the F alone gives nearly all of it.
@pytest.mark.parametrize(
    ("within", "snapshots"), [(0, 0.04), (0.2, 0.17), (0.4, 0.43), (0.6, 0.71)]
)
def test_the_level_stays_whatever_the_epochs_of_a_training_share(within, snapshots):
    studies = simulated(within)
    means = studies.mean(axis=-1)
    # Size 2 of 5 has the two more seeds.
    groups = [means[:, [0]], means[:, [1, 5, 6]], *(means[:, [i]] for i in (2, 3, 4))]
    p_values = stats.f_oneway(*(group.T for group in groups)).pvalue
    assert stats.binomtest(int((p_values < 0.05).sum()), len(means), 0.05).pvalue > 0.001
    sets = studies[:, :5]
    one_way = stats.f_oneway(*np.moveaxis(sets, 0, -1)).pvalue
    blocked = stats.friedmanchisquare(*np.moveaxis(sets, (1, 2), (0, 1))).pvalue
    found = (2 * np.minimum(one_way, blocked) < 0.05).mean()
    assert found == pytest.approx(snapshots, abs=0.035)
    factor = (1 + 3 * within) / (1 - within)
    closed = stats.f.sf(stats.f.isf(0.025, 4, 15) / factor, 4, 15)
    assert (2 * one_way < 0.05).mean() == pytest.approx(closed, abs=0.035)


@pytest.mark.parametrize("within", [0.0, 0.6])
def test_the_claim_s_own_test_keeps_its_level_too(world, within):
    # The same through the tables: 40 studies; at 5 % more than 8 are refuted by chance of 0.0002.
    refuted = 0
    for values in simulated(within, count=40, seed=5):
        place = {(0, size): i for i, size in enumerate(SIZES)} | {(1, 300): 5, (2, 300): 6}

        def value_of(seed, size, epoch, values=values, place=place):
            return {"psnr": float(values[place[seed, size], EPOCHS.index(epoch)])}

        plant(world, value_of)
        refuted += world.judge(*DIFFERENCE, LITERAL, **WITH_SEEDS).verdict == "not reproduced"
    assert refuted <= 8


def test_a_joint_claim_without_fid_is_never_reproduced(world):
    draw = drawn(1)
    plant(world, lambda *_: {"psnr": draw(), "fid": MISSING_FID})
    for test, thresholds in ((DIFFERENCE, LITERAL), (EQUIVALENCE, {"alpha": 0.05, "floors": 1e6})):
        world.floor({"psnr": (11, 10, 12), "fid": MISSING_FID})
        joint = {"metrics": ["psnr", "fid"], "arm": "equal epochs"}
        finding = world.judge(test[0], joint, thresholds, **WITH_SEEDS)
        assert finding.verdict == "undecided"
        assert "Inception weights" in finding.reason
        alone = {"metrics": ["fid"], "arm": "equal epochs"}
        finding = world.judge(test[0], alone, thresholds, **WITH_SEEDS)
        assert finding.verdict == "not testable here"


@pytest.mark.parametrize("sizes", [[300], SIZES])
def test_one_size_and_constant_values_are_undecided(world, sizes):
    plant(world, lambda *_: {"psnr": 11.0}, sizes=sizes)
    finding = world.judge(*DIFFERENCE, LITERAL, **WITH_SEEDS)
    assert finding.verdict == "undecided"
    assert "PSNR: " in finding.reason


def test_without_seeds_nothing_is_said(world):
    world.grid(lambda s, _: {"psnr": float(s)})
    finding = world.judge(*DIFFERENCE, LITERAL, **WITH_SEEDS)
    assert finding.verdict == "not testable here"
    assert "the experiment seeds" in finding.missing[0]
    both = {"metrics": ["psnr", "fid"], "arm": "equal epochs"}
    world.grid(lambda s, _: {"psnr": float(s), "fid": MISSING_FID})
    (missing,) = world.judge(DIFFERENCE[0], both, LITERAL, **WITH_SEEDS).missing
    assert "the experiment seeds" in missing
    assert "Inception weights" in missing
    plant(world, trainings(), seeds=1)
    alone = world.judge(*DIFFERENCE, LITERAL, **WITH_SEEDS)
    assert alone.verdict == "undecided"
    assert "5 values in 5 groups leave no variation within groups" in alone.reason


def test_a_training_that_diverged_leaves_the_epochs_that_all_have(world):
    value_of, diverged = trainings(seed=2), "not computed: the training diverged"
    plant(world, lambda i, s, e: {"psnr": diverged} if (s, e) == (999, 1000) else value_of(i, s, e))
    finding = world.judge(*DIFFERENCE, LITERAL, **WITH_SEEDS)
    assert (finding.verdict, finding.n) == ("reproduced", 7)
    assert "the mean over 3 epochs" in finding.reason
    plant(world, lambda i, s, e: {"psnr": diverged} if s == 999 else value_of(i, s, e))
    assert world.judge(*DIFFERENCE, LITERAL, **WITH_SEEDS).n == 6


def test_trainings_without_a_common_epoch_are_undecided(world):
    world.grid(lambda *_: {"psnr": 1.0}, epochs=[300])
    world.seeds([(1, 300, 500, {"psnr": 2.0})])
    finding = world.judge(*DIFFERENCE, LITERAL, **WITH_SEEDS)
    assert finding.verdict == "undecided"
    assert "no epoch at which all trainings have a set" in finding.reason


def test_one_value_a_training_is_the_mean_of_the_epochs_that_all_have(world):
    world.grid(lambda s, e: {"psnr": s + e}, epochs=[300, 500], sizes=[100, 300])
    world.seeds([(1, 300, 500, {"psnr": 7.0}), (0, 300, 500, {"psnr": 800.0})])
    tables = [pd.read_csv(world.folder / "tables" / f"{n}.csv") for n in ("training-size", "seeds")]
    found = one_value_a_run(tables, "psnr")
    assert found["value"].to_dict() == {"equal epochs_100": 600, "equal epochs_300": 800, "s1": 7}
    assert found["training_size"].to_dict() == {
        "equal epochs_100": 100, "equal epochs_300": 300, "s1": 300
    }  # fmt: skip


# --- equivalence ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("effect", "deviation", "verdict"),
    [(0.0, 0.01, "reproduced"), (0.0, 1.0, "undecided"), (0.01, 0.1, "not reproduced")],
)
def test_sizes_are_equivalent_within_the_floor_differ_by_more_or_neither(
    world, effect, deviation, verdict
):
    plant(world, trainings(effect, deviation))
    world.floor({"psnr": (11, 10.7, 11.3)})
    finding = world.judge(*EQUIVALENCE, {"alpha": 0.05, "floors": 1.0}, **WITH_SEEDS)
    assert finding.verdict == verdict
    assert finding.numbers["psnr margin"] == pytest.approx(0.3)
    low, high = finding.numbers["psnr low"], finding.numbers["psnr high"]
    assert (-0.3 < low < high < 0.3) == (verdict == "reproduced")
    assert (finding.power > 0.8) == (deviation == 0.01)
    twice = world.judge(*EQUIVALENCE, {"alpha": 0.05, "floors": 2.0}, **WITH_SEEDS)
    assert twice.numbers["psnr margin"] == pytest.approx(0.6)


def test_equivalence_needs_a_floor_with_a_range(world):
    plant(world, trainings())
    finding = world.judge(*EQUIVALENCE, {"alpha": 0.05, "floors": 1.0}, **WITH_SEEDS)
    assert finding.verdict == "not testable here"
    assert "noise-floor-summary" in finding.missing[0]
    world.floor({"psnr": (11, math.nan, math.nan)})
    finding = world.judge(*EQUIVALENCE, {"alpha": 0.05, "floors": 1.0}, **WITH_SEEDS)
    assert finding.verdict == "undecided"


def test_the_design_is_weak_for_a_small_effect_and_not_for_a_huge_one(world):
    for effect, verdict in ((0.4, "reproduced"), (2.0, "not reproduced")):
        thresholds = {"alpha": 0.05, "cohen_f": effect, "power": 0.8}
        finding = world.judge("design-is-weak", {}, thresholds)
        assert finding.verdict == verdict
        assert (finding.power < 0.8) == (effect == 0.4)
    given = {"alpha": 0.05, "cohen_f": 0.4, "power": 0.8}
    finding = world.judge("design-is-weak", {}, given)
    assert finding.numbers["power of equivalence"] == pytest.approx(0.165, abs=0.0005)
    assert "and show equivalence within f = 0.4 with 0.17" in finding.reason


# --- spreads, updates -------------------------------------------------------------------------


def spread(world, wide, narrow, ratio=10, metric="fd_efficientnet"):
    world.grid(lambda s, _: {metric: wide * s}, updates_value_of=lambda s: {metric: narrow * s})
    return world.judge(
        "spread-is-wider",
        {
            "metrics": ["fid", "fd_efficientnet", "fd_lbp"],
            "wide": {"experiment": "training-size", "arm": "equal epochs"},
            "narrow": {"experiment": "training-size", "arm": "equal updates"},
        },
        {"alpha": 0.05, "variance_ratio": ratio},
    )


@pytest.mark.parametrize(
    ("wide", "narrow", "ratio", "verdict"),
    [
        (10, 1, 10, "reproduced"),
        (1, 1, 10, "not reproduced"),  # less than ten times, F(4, 4): p = 0.024
        (1, 1, 5, "undecided"),
        (1.5, 1, 10, "undecided"),  # not significant, and not shown to be small
        (1, 0, 10, "undecided"),  # constant
    ],
)
def test_spread_of_runs_is_compared_at_their_last_epoch(world, wide, narrow, ratio, verdict):
    finding = spread(world, wide, narrow, ratio)
    assert finding.verdict == verdict
    if narrow:
        assert finding.numbers["variance ratio"] == pytest.approx((wide / narrow) ** 2)
        assert finding.n == 10


def test_more_seeds_of_a_size_do_not_change_the_spread_over_sizes(world):
    cells = [("equal epochs", s, 1000, {"fid": 2.0 * s}) for s in SIZES]
    cells += [("equal updates", s, 60000 // s, {"fid": 1.0 * s}) for s in SIZES]
    again = ("equal updates", 100, 600, {"fid": 5000.0}, "n0100_seed-1")
    found = []
    for more in ([], [again]):
        world.sets("training-size", [*cells, *more])
        arms = [{"experiment": "training-size", "arm": f"equal {e}"} for e in ("epochs", "updates")]
        inputs = {"metrics": ["fid"], **dict(zip(("wide", "narrow"), arms, strict=True))}
        thresholds = {"alpha": 0.05, "variance_ratio": 10}
        found.append(world.judge("spread-is-wider", inputs, thresholds))
    assert found[0] == found[1]
    assert found[0].numbers["variance ratio"] == pytest.approx(4)


def test_a_training_that_both_have_counts_once(world):
    cells = [("equal epochs", s, 1000, {"fid": 2.0 * s}, f"n{s}") for s in SIZES]
    world.sets("training-size", cells)
    seeds = [(f"seed-{s}", 300, 1000, {"fid": 600.0 + s}, f"n300{s or ''}") for s in range(3)]
    world.sets("seeds", seeds)
    inputs = {"metrics": ["fid"], "wide": {"experiment": "training-size", "arm": "equal epochs"}}
    inputs["narrow"] = {"experiment": "seeds"}
    thresholds = {"alpha": 0.05, "variance_ratio": 4}
    finding = world.judge(
        "spread-is-wider", inputs, thresholds, experiments=("training-size", "seeds")
    )
    own = np.var([2.0 * s for s in SIZES if s != 300], ddof=1)
    assert finding.numbers["variance ratio"] == pytest.approx(own / 1.0)
    assert finding.n == len(SIZES) - 1 + 3


def test_a_spread_of_texture_alone_decides_nothing(world):
    finding = spread(world, 10, 1, metric="fd_lbp")
    assert finding.verdict == "undecided"
    assert "FD-LBP does not see anatomy" in finding.reason


def test_a_missing_experiment_is_named(world):
    finding = world.judge(
        "spread-is-wider",
        {
            "metrics": ["fid"],
            "wide": {"experiment": "training-size"},
            "narrow": {"experiment": "seeds"},
        },
        {"alpha": 0.05, "variance_ratio": 2},
    )
    assert finding.verdict == "not testable here"
    assert "training-size" in finding.missing[0]


def updates(world, at_updates, *, at_epochs=(654.0, 90.0), metric="fid", seeds=(0.0, 8.0, -8.0)):
    """100 and 999 images: values at equal epochs, and of several seeds at equal updates."""
    cells = [
        ("equal epochs", size, 1000, {metric: value})
        for size, value in zip((100, 999), at_epochs, strict=True)
    ]
    cells += [
        ("equal updates", size, 60000 // size, {metric: value + seed}, f"u{i}_{size}")
        for size, value in zip((100, 999), at_updates, strict=True)
        for i, seed in enumerate(seeds)
    ]
    world.sets("training-size", cells)
    return world.judge(
        "updates-not-images",
        {
            "distance": ["fid", "fd_efficientnet", "fd_lbp"],
            "equal_updates": "equal updates",
            "equal_epochs": "equal epochs",
        },
        {"alpha": 0.05, "share": 0.25, "least_runs": 3},
        experiments=("training-size", "seeds"),
    )


# A quarter of 564 is 141. With 4 degrees of freedom t is 2.13; the errors are 8 sqrt(2/3) and a
# quarter of 8 sqrt(2): 20 are needed beside the margin.
@pytest.mark.parametrize(
    ("at_updates", "at_epochs", "verdict"),
    [
        ((239.0, 248.0), (654.0, 90.0), "reproduced"),  # the pilot's numbers, in thousands
        ((368.0, 248.0), (654.0, 90.0), "reproduced"),
        ((372.0, 248.0), (654.0, 90.0), "undecided"),
        ((406.0, 248.0), (654.0, 90.0), "undecided"),
        ((412.0, 248.0), (654.0, 90.0), "not reproduced"),
        ((239.0, 248.0), (90.0, 654.0), "undecided"),  # fewer images are the better ones
    ],
)
def test_updates_and_not_images_decide_if_little_is_left_at_equal_updates(
    world, at_updates, at_epochs, verdict
):
    finding = updates(world, at_updates, at_epochs=at_epochs)
    assert finding.verdict == verdict
    needed = stats.t.isf(0.05, 4) * 8 * (math.sqrt(2 / 3) + 0.25 * math.sqrt(2))
    assert finding.numbers["margin needed"] == pytest.approx(needed)
    assert "where chance explains 20.0 with 3 and 3 trainings" in finding.reason


def test_updates_or_images_takes_three_seeds_of_both_and_a_distance_that_sees(world):
    few = updates(world, (239.0, 248.0), seeds=(0.0, 1.0))
    assert few.verdict == "undecided"
    assert "2 and 2 trainings after equal updates, and at least 3 of each size are" in few.reason
    texture = updates(world, (239.0, 248.0), metric="fd_lbp")
    assert texture.verdict == "undecided"
    assert "FD-LBP does not see anatomy" in texture.reason
    assert updates(world, (239.0, 248.0), metric="fd_efficientnet").verdict == "reproduced"
    assert updates(world, (239.0, 248.0), at_epochs=(90.0, 90.0)).verdict == "undecided"


def test_seeds_with_as_many_updates_count_wherever_they_stand(world):
    # 300 images for 200 epochs of 30 updates; other lengths of the same trainings do not count.
    seeds = [(i, 300, e, {"fid": 240.0 + 30 * i}) for i in (1, 2, 3) for e in (100, 200)]
    world.seeds(seeds)
    finding = updates(world, (239.0, 248.0))
    assert finding.n == 9
    pooled = math.sqrt((4 * 64 + 2 * 900) / 6)
    assert finding.numbers["deviation over seeds"] == pytest.approx(pooled)


def test_what_is_left_at_equal_updates_is_found_with_level_and_power():
    # The rule of updates_not_images on many draws: 3 seeds of either size at equal updates, one at
    # equal epochs; the true rest is the allowed share (level), or nothing (power).
    count, share, gap = 4000, 0.25, 100.0
    for true, low, high in ((share * gap, 0.0, 0.05), (0.0, 0.95, 1.0)):
        draws = np.random.default_rng(7)
        few, many = (draws.normal(m, 5, size=(count, 3)) for m in (true, 0.0))
        at_epochs = gap + draws.normal(0, 5 * math.sqrt(2), size=count)
        deviation = np.sqrt((few.var(axis=1, ddof=1) + many.var(axis=1, ddof=1)) / 2)
        error = deviation * (math.sqrt(2 / 3) + share * math.sqrt(2))
        rest = np.abs(few.mean(axis=1) - many.mean(axis=1))
        shown = share * at_epochs - rest > stats.t.isf(0.05, 4) * error
        assert low <= shown.mean() <= high
