"""Sensitivity: damage that is known is seen, and the summary calls responses by their rule."""

import math

import numpy as np
import pandas as pd
import pytest

from miua.analysis.columns import COLUMNS
from miua.analysis.real_images import (
    SENSITIVITY_OF,
    damage_table,
    summarise_sensitivity,
    told_of,
)
from miua.data.degradation import IMAGE_DEGRADATIONS
from miua.errors import MiuaError
from miua.metrics.registry import measure
from tests.analysis.test_noise_floor import real, textures

HALF, REPEATS = 40, 8
METRICS = told_of(SENSITIVITY_OF)


@pytest.fixture(scope="module")
def table():
    """Dim textures of 90 subjects, so that gain has room."""
    stack = textures(0, 90, size=24) // 3
    return damage_table(real(stack, np.arange(90), HALF), repeats=REPEATS, seed=1)


def values(table, degradation, metric, level=None):
    chosen = table[(table["degradation"] == degradation) & (table["metric"] == metric)]
    return chosen if level is None else chosen.loc[chosen["level"] == level, "value"].to_numpy()


def test_every_damage_level_and_repeat_has_every_metric(table):
    assert tuple(table.columns) == COLUMNS["sensitivity"]
    damages = [*(damage.name for damage in IMAGE_DEGRADATIONS), "collapse", "memorisation"]
    assert table["degradation"].unique().tolist() == damages
    for _, group in table.groupby(["degradation", "level", "repeat"]):
        assert tuple(group["metric"]) == METRICS
    # 100 images cannot be kept of 40: collapse has one level less.
    levels = table.groupby("degradation")["level"].nunique()
    assert levels.drop("collapse").eq(6).all()
    assert table.loc[table["degradation"] == "collapse", "amount"].unique().tolist() == [
        HALF, 30, 10, 3, 1,
    ]  # fmt: skip
    assert table["repeat"].unique().tolist() == list(range(REPEATS))
    for name in METRICS:
        assert measure(name).name == name


def test_level_0_is_the_same_untouched_half_for_every_damage(table):
    start = table[table["level"] == 0].pivot_table(
        index=["repeat", "metric"], columns="degradation", values="value"
    )
    assert start.nunique(axis=1).eq(1).all()


def test_collapse_to_one_image_has_no_diversity(table):
    assert (values(table, "collapse", "diversity", level=4) == 0).all()
    assert (values(table, "collapse", "diversity", level=0) > 0.8).all()


def test_a_set_of_copies_is_the_reference(table):
    assert (values(table, "memorisation", "lbpv_total_difference", level=5) == 0).all()
    assert values(table, "memorisation", "fd_lbp", level=5) == pytest.approx(0, abs=1e-6)
    assert (values(table, "memorisation", "diversity", level=5) == 1).all()


def test_gain_raises_diversity_by_its_factor(table):
    untouched = values(table, "gain", "diversity", level=0)
    doubled = values(table, "gain", "diversity", level=4)
    assert doubled == pytest.approx(2 * untouched, rel=0.01)


def test_damage_that_is_plain_to_see_is_seen(table):
    summary = summarise_sensitivity(table).set_index(["degradation", "metric"])
    assert tuple(summary.reset_index().columns) == COLUMNS["sensitivity-summary"]
    for damage in ("speckle", "blur"):
        for metric in ("fd_lbp", "lbpv_total_difference"):
            row = summary.loc[(damage, metric)]
            assert row["response"] == "as it should", (damage, metric)
            assert row["spearman"] == 1
            assert row["monotone"] == "yes"
    # Blurred images are closer to any other image: PSNR rewards blur.
    assert summary.loc[("blur", "psnr"), "response"] == "wrong way"
    assert summary.loc[("memorisation", "fd_lbp"), "response"] == "wrong way"
    assert summary.loc[("memorisation", "fd_lbp"), "direction"] == "falls"
    assert summary.loc[("blur", "fid"), "status"].startswith("not computed")


def planted(metric, levels, status="computed", noise=0.1):
    """Two repeats around each level's mean."""
    return pd.DataFrame(
        [
            ("d", level, level, "", repeat, metric, mean + sign * noise, status)
            for level, mean in enumerate(levels)
            for repeat, sign in enumerate((-1, 1))
        ],
        columns=list(COLUMNS["sensitivity"]),
    )


@pytest.mark.parametrize(
    ("metric", "means", "spearman", "monotone", "direction", "noticed", "beyond", "response"),
    [
        ("fd_lbp", [1, 2, 3], 1, "yes", "rises", 1, 1, "as it should"),
        ("fd_lbp", [3, 2, 1], -1, "yes", "falls", 1, 1, "wrong way"),
        ("fid", [1, 1.05, 1.01], 0.5, "no", "rises", 1, None, "as it should"),
        ("psnr", [20, 19.95, 18], -1, "yes", "falls", 1, 2, "as it should"),
        ("psnr", [20, 20.01, 20.05], 1, "yes", "rises", 1, None, "wrong way"),
        ("psnr", [20, 19, 21], 0.5, "no", "rises", 1, 1, "wrong way"),
        ("mutual_information", [1, 1, 2], math.sqrt(0.75), "no", "rises", 2, 2, "wrong way"),
        ("diversity", [1, 0.5, 0], -1, "yes", "falls", 1, 1, "as it should"),
        ("diversity", [1, 1.5, 2], 1, "yes", "rises", 1, 1, "as it should"),
        ("diversity", [0.7, 0.8, 1], 1, "yes", "rises", 1, 2, "wrong way"),
        ("lbpv_008_difference", [0, -1, -2], -1, "yes", "falls", 1, 1, "as it should"),
        ("lbpv_008_difference", [-2, -1, 0], 1, "yes", "rises", 1, 1, "wrong way"),
        ("lbpv_total_difference", [5, 5, 5], math.nan, "no", "", None, None, "none"),
    ],
)
def test_summary_of_planted_means(
    metric, means, spearman, monotone, direction, noticed, beyond, response
):
    """The repeats scatter alike at every level, so every change is seen in pairs."""
    (row,) = summarise_sensitivity(planted(metric, means, noise=0.125)).to_dict("records")
    assert (row["degradation"], row["metric"], row["levels"]) == ("d", metric, 3)
    assert row["spearman"] == pytest.approx(spearman, nan_ok=True)
    assert (row["monotone"], row["direction"], row["response"]) == (monotone, direction, response)
    for column, level in (("first_level_noticed", noticed), ("first_level_beyond_floor", beyond)):
        assert pd.isna(row[column]) if level is None else row[column] == level, column
    assert row["status"] == "computed"


def drawn(tables, change, repeats=8, levels=5):
    """Tables of one metric, in which levels share most of what varies between the repeats."""
    generator = np.random.default_rng(4)
    shared = generator.normal(0, 1, (tables, 1, repeats))
    own = generator.normal(0, 0.05, (tables, levels + 1, repeats))
    values = 20 + shared + own + change * (np.arange(levels + 1) > 0)[:, None]
    table, level, repeat = np.indices(values.shape).reshape(3, -1)
    return pd.DataFrame(
        {"degradation": table, "level": level, "amount": level, "unit": "", "repeat": repeat}
        | {"metric": "psnr", "value": values.ravel(), "status": "computed"}
    )


def test_what_does_nothing_is_noticed_in_one_of_twenty_cases():
    """The level holds over all levels of a damage together, which share the untouched half."""
    noticed = summarise_sensitivity(drawn(600, 0.0))["response"] != "none"
    assert 0.01 < noticed.mean() < 0.065


@pytest.mark.parametrize(("change", "response"), [(0.2, "wrong way"), (-0.2, "as it should")])
def test_a_change_far_below_the_spread_of_sets_is_seen_in_pairs(change, response):
    """As PSNR under JPEG: a fifth of the deviation between sets, four of that between pairs."""
    summary = summarise_sensitivity(drawn(200, change))
    assert (summary["response"] == response).mean() > 0.95
    assert summary["first_level_beyond_floor"].isna().mean() > 0.8


def test_what_was_not_computed_has_no_response():
    table = planted("fid", [np.nan, np.nan], "not computed: why")
    (row,) = summarise_sensitivity(table).to_dict("records")
    assert math.isnan(row["spearman"])
    assert (row["monotone"], row["direction"], row["response"]) == ("", "", "")
    assert row["status"] == "not computed: why"


def test_a_table_of_one_repeat_is_refused():
    table = planted("fid", [1, 2])
    with pytest.raises(MiuaError, match="holds one repeat"):
        summarise_sensitivity(table[table["repeat"] == 0])


def test_halves_that_do_not_fit_are_refused():
    with pytest.raises(MiuaError, match="Halves of 9 images cannot be drawn from 8 images"):
        damage_table(real(textures(1, 8), np.arange(8), 9), repeats=2, seed=0)
