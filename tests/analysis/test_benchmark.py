"""The benchmark: its tests keep their level, find what theory says, and rank with due certainty."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from miua.analysis.benchmark import calls, paired_p, power_table, ranking_table
from miua.analysis.columns import COLUMNS
from miua.analysis.real_images import BENCHMARK_OF, benchmark_tables, told_of
from miua.charts.damage import write_benchmark
from miua.data.degradation import CLINICAL_DEGRADATIONS, ImageDegradation
from miua.metrics import registry
from miua.metrics.records import MetricValue
from miua.metrics.registry import Entry, Measure
from tests.analysis.test_noise_floor import real, textures

REPEATS = 8
SIMULATIONS = 1500


def said(shift, better, seed=0):
    draw = np.random.default_rng(seed)
    untouched = draw.normal(size=(SIMULATIONS, REPEATS))
    # The damaged half is the same one: it shares what is particular to it.
    damaged = 0.8 * untouched + 0.6 * draw.normal(size=untouched.shape) + shift
    return np.array([calls(*pair, better) for pair in zip(damaged, untouched, strict=True)])


@pytest.mark.parametrize("better", ["lower", "higher"])
def test_undamaged_sets_are_called_worse_in_one_of_twenty_cases(better):
    found = said(0.0, better)
    assert (found > 0).mean() == pytest.approx(0.05, abs=0.008)
    assert (found < 0).mean() == pytest.approx(0.05, abs=0.008)


def test_where_both_sides_are_worse_they_share_the_level():
    found = said(0.0, "zero")
    assert (found != 0).mean() == pytest.approx(0.05, abs=0.008)
    assert (found > 0).mean() > 0.04


@pytest.mark.parametrize("shift", [1.0, 2.0, 4.0])
def test_power_is_that_of_a_noncentral_t(shift):
    widening = np.sqrt(1 + 1 / (REPEATS - 1))
    freedom = REPEATS - 2
    expected = stats.nct.sf(stats.t.ppf(0.95, freedom), freedom, shift / widening)
    assert (said(shift, "lower", 1) > 0).mean() == pytest.approx(expected, abs=0.02)
    assert (said(-shift, "higher", 2) > 0).mean() == pytest.approx(expected, abs=0.02)
    assert (said(-shift, "lower", 3) < 0).mean() == pytest.approx(expected, abs=0.02)


def test_two_repeats_are_too_few():
    with pytest.raises(ValueError, match="3 repeats or more, not 2"):
        calls(np.ones(2), np.ones(2), "lower")
    with pytest.raises(ValueError, match="3 repeats or more, not 2"):
        benchmark_tables(real(textures(0, 12, size=16), np.arange(12), 5), 2, 0)


def test_metrics_that_never_vary_are_held_against_nothing():
    constant = np.full(5, 3.0)
    assert (calls(constant, constant, "lower") == 0).all()
    assert (calls(constant + 1, constant, "lower") == 1).all()
    assert (calls(constant - 1, constant, "lower") == -1).all()


def test_pairs_are_tested_as_scipy_does_and_without_spread_by_sight():
    damaged, untouched = np.random.default_rng(0).normal(size=(2, 9))
    assert paired_p(damaged, untouched) == pytest.approx(stats.ttest_rel(damaged, untouched).pvalue)
    assert paired_p(untouched, untouched) == 1
    assert paired_p(untouched * (1 + 1e-12), untouched) == 1  # rounding
    assert paired_p(untouched + 0.5, untouched) == 0


def planted(draw, effects, metrics=("fd_lbp",)):
    """A table of damages, two levels each; effects: (metrics, damages), in deviations."""
    rows = []
    for name, of_metric in zip(metrics, effects, strict=True):
        for damage, effect in enumerate(of_metric):
            untouched = draw.normal(size=REPEATS)
            for level in range(3):
                values = 10 + 0.6 * untouched + 0.8 * draw.normal(size=REPEATS) + level * effect
                rows += [
                    (f"d{damage}", level, level, "", repeat, name, value, "computed")
                    for repeat, value in enumerate(values)
                ]
    return pd.DataFrame(rows, columns=list(COLUMNS["sensitivity"]))


def test_intervals_of_scores_hold_what_other_damages_and_repeats_give():
    """Damages are drawn from a population; the true score is the mean over very many of them."""
    draw = np.random.default_rng(5)

    def effects(damages):
        return draw.exponential(1.5, (1, damages))

    truth = ranking_table(planted(draw, effects(400)), draws=2)["score"].item()
    held = []
    for seed in range(60):
        (row,) = ranking_table(planted(draw, effects(12)), draws=300, seed=seed).to_dict("records")
        held.append(row["low"] <= truth <= row["high"])
    assert np.mean(held) >= 0.85


def test_equal_metrics_are_seldom_told_apart_and_unequal_ones_are():
    draw = np.random.default_rng(6)
    names = ["fd_lbp", "fid"]
    firsts = []
    for seed in range(40):
        equal = planted(draw, draw.exponential(1.5, (2, 12)), names)
        table = ranking_table(equal, draws=200, seed=seed).set_index("metric")
        assert table["best"].sum() == pytest.approx(1)
        firsts.append(table.loc["fid", "best"])
    assert np.mean(firsts) == pytest.approx(0.5, abs=0.15)
    assert np.mean([first < 0.025 or first > 0.975 for first in firsts]) <= 0.15
    effects = np.array([np.full(12, 0.2), np.full(12, 4.0)])
    table = ranking_table(planted(draw, effects, names), draws=200)
    assert table["metric"].tolist() == ["fid", "fd_lbp"]
    assert table.loc[0, "best"] > 0.99
    assert (table.loc[0, ["rank", "rank_low", "rank_high"]] == 1).all()


def test_a_metric_that_was_not_computed_has_no_rank_and_says_why():
    table = planted(np.random.default_rng(7), np.ones((2, 3)), ["fd_lbp", "fid"])
    table.loc[table["metric"] == "fid", ["value", "status"]] = (np.nan, "not computed: why")
    assert ranking_table(table, draws=5)["metric"].tolist() == ["fd_lbp"]
    power = power_table(table).set_index("metric")
    assert (power.loc["fid", "status"] == "not computed: why").all()
    assert power.loc["fid", "worse"].isna().all()
    nothing = table[table["metric"] == "fid"]
    assert tuple(ranking_table(nothing).columns) == COLUMNS["sensitivity-ranking"]


@pytest.fixture
def brightness(monkeypatch):
    """A metric of one's own, as docs/benchmark.md adds one."""

    def compute(comparison):
        real, made = (float(s.images.mean()) for s in (comparison.reference, comparison.synthetic))
        return [MetricValue(made - real, "difference of mean grey levels")]

    shown = Measure("brightness", "Brightness", "difference of mean grey levels", "", 1, "zero")
    entry = Entry("brightness", (shown,), compute, "brightness.md", "images")
    monkeypatch.setitem(registry.REGISTRY, "brightness", entry)


def test_a_damage_and_a_metric_of_ones_own_are_ranked_with_the_others(brightness, tmp_path):
    def darken(stack, share, seed):
        """A probe that is coupled badly: everything is darker."""
        return (stack * (1 - share)).round().astype(np.uint8)

    damage = ImageDegradation("darkness", "share", 0, (0.2, 0.9), darken)
    images = real(textures(0, 40, size=16), np.arange(40), 15)
    metrics = ["psnr", "fid", "fd_lbp", "brightness"]
    found = benchmark_tables(images, 4, 0, damages=[damage], metrics=metrics)
    assert set(found) == {"", "-summary", "-power", "-ranking"}
    assert tuple(found["-power"].columns) == COLUMNS["sensitivity-power"]
    power = found["-power"].set_index(["degradation", "level", "metric"]).sort_index()
    row = power.loc[("darkness", 2, "brightness")]
    assert (row["worse"], row["better"]) == (1, 0)
    assert row["change"] > 10
    assert row["p_value"] < 1e-4
    assert found["-ranking"]["metric"].tolist().count("brightness") == 1
    assert set(power.loc[("darkness", 1)].index) == set(metrics)
    paths = write_benchmark(found["-power"], found["-ranking"], tmp_path, "own")
    assert [path.name for path in paths] == ["own.pdf", "own.png"]
    assert all(path.stat().st_size > 1000 for path in paths)


def test_direct_pairs_give_the_numbers_of_tables(monkeypatch):
    """Few halves are measured pair by pair, many from a table of all pairs."""
    images = real(textures(1, 30, size=16), np.arange(30), 6)
    given = {"damages": CLINICAL_DEGRADATIONS[1:2], "metrics": ["psnr", "mutual_information"]}
    few = benchmark_tables(images, 3, 0, **given)[""]
    many = benchmark_tables(images, 30, 0, **given)[""]
    shared = many[many["repeat"] < 3].reset_index(drop=True)
    assert few["value"].to_numpy() == pytest.approx(shared["value"].to_numpy(), rel=1e-12)


def test_the_benchmark_asks_all_that_evaluate_has_but_what_has_no_floor():
    assert set(registry.REGISTRY) - set(BENCHMARK_OF) == {
        "fid_infinity", "fd_lbp_infinity", "copies",
    }  # fmt: skip
    assert {"fd_efficientnet", "kd_efficientnet", "lbpv_240_difference"} < set(
        told_of(BENCHMARK_OF)
    )
