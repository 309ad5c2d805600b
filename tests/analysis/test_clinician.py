"""The refit of the clinician's scores against what is published and what the README states."""

import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from miua.analysis.checks import UndecidedError
from miua.analysis.clinician import (
    COEFFICIENTS_FILE,
    FACTS_FILE,
    SCORES_FILE,
    holm,
    read_facts,
    read_scores,
    refit,
    score_reliability,
    strengths,
)
from miua.analysis.columns import COLUMNS
from miua.errors import MiuaError

STUDY = Path(__file__).parents[2] / "experiments"


@pytest.fixture
def study(tmp_path):
    """A copy of the study's data, to be damaged."""
    shutil.copytree(STUDY / "data", tmp_path / "data")
    return tmp_path


def readme_coefficients():
    """metric -> (a here, a published, b here, b published), from the table of the data's README."""
    text = (STUDY / "data" / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (fid|V\d{3})((?: \| -?[\d.]+){4}) \|$", text, flags=re.MULTILINE)
    assert len(rows) == 5
    return {
        name if name == "fid" else f"lbpv_{name[1:]}_difference": [
            float(number) for number in numbers.split("|")[1:]
        ]
        for name, numbers in rows
    }


def test_the_refit_equals_the_readme_and_agrees_with_what_was_published():
    table = refit(STUDY).set_index("metric")
    expected = readme_coefficients()
    assert set(table.index) == set(expected)
    for metric, (a, a_published, b, b_published) in expected.items():
        row = table.loc[metric]
        # The CSV rounds thirds to four places, so the README's last digit may differ by one.
        assert row["a"] == pytest.approx(a, abs=1.1e-3)
        assert row["b"] == pytest.approx(b, abs=1.1e-3)
        assert (row["a_published"], row["b_published"]) == (a_published, b_published)
        assert row["agrees"] == "yes"
        assert row["n"] == 20


def test_every_correlation_exceeds_a_fifth_and_none_is_significant():
    table = refit(STUDY)
    assert table["pearson_r"].round(2).tolist() == [0.41, 0.33, 0.30, 0.33, 0.26]
    assert (table["p_value"] > 0.05).all()


def test_a_line_beyond_the_tolerance_does_not_agree(study):
    published = pd.read_csv(study / COEFFICIENTS_FILE)
    published.loc[published["metric"] == "fid", "a"] += 0.4
    published.to_csv(study / COEFFICIENTS_FILE, index=False)
    table = refit(study).set_index("metric")
    assert table.loc["fid", "agrees"] == "no"
    assert table.loc["lbpv_008_difference", "agrees"] == "yes"


def test_constant_points_and_too_few_are_undecided_and_leave_the_others(study):
    scores = pd.read_csv(study / SCORES_FILE)
    scores.loc[scores["metric"] == "fid", "value"] = 240.0
    v8 = scores.index[scores["metric"] == "lbpv_008_difference"]
    scores.drop(v8[2:]).to_csv(study / SCORES_FILE, index=False)
    table = refit(study).set_index("metric")
    assert table.loc["fid", "status"] == "undecided: all values are equal"
    assert table.loc["lbpv_008_difference", "status"].startswith("undecided: 2 points")
    assert table.loc["lbpv_008_difference", "n"] == 2
    assert table.loc[["fid", "lbpv_008_difference"], "a"].isna().all()
    assert (table.loc[["lbpv_020_difference", "lbpv_143_difference"], "agrees"] == "yes").all()


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (SCORES_FILE, "clinician_score", "score", "lacks the column clinician_score"),
        (SCORES_FILE, "fid,1.3333,233.999", "fid,6.0,233.999", "outside 1 to 5"),
        (SCORES_FILE, "fid,1.3333,233.999", "fid,1.3333,", "value is missing"),
        (SCORES_FILE, "fid,1.3333,233.999", "fid,1.3333,many", "line 2.*'many' is not a number"),
        (SCORES_FILE, "fid,1.3333,233.999", "vif,1.3333,0.5", "'vif' is no metric"),
        (COEFFICIENTS_FILE, "fid,7.0221", "psnr,7.0221", "lacks fid"),
        (COEFFICIENTS_FILE, "lbpv_008", "lbpv_020", "names a metric twice"),
        (COEFFICIENTS_FILE, "reading_error", "error", "lacks the column reading_error"),
    ],
)
def test_damaged_data_are_named(study, file, old, new, message):
    path = study / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(MiuaError, match=message) as caught:
        refit(study)
    assert path.name in str(caught.value)


def test_a_missing_file_is_named(study):
    (study / SCORES_FILE).unlink()
    with pytest.raises(MiuaError, match=r"digitised_scores\.csv is missing"):
        refit(study)


@pytest.fixture(scope="module")
def strength():
    return strengths(read_scores(STUDY)).set_index("metric")


def test_strengths_agree_with_the_refit_and_with_scipy(strength):
    assert (strength.index.name, *strength.columns) == COLUMNS["clinician"]
    fits = refit(STUDY).set_index("metric")
    scores = pd.read_csv(STUDY / SCORES_FILE)
    assert set(strength.index) == set(fits.index)
    for metric, row in strength.iterrows():
        assert row["status"] == "computed"
        assert row["pearson_r"] == pytest.approx(fits.loc[metric, "pearson_r"])
        assert row["p_value"] == pytest.approx(fits.loc[metric, "p_value"])
        points = scores[scores["metric"] == metric]
        rank = stats.spearmanr(points["clinician_score"], points["value"])
        assert row["spearman_r"] == pytest.approx(rank.statistic)
        assert row["spearman_p"] == pytest.approx(rank.pvalue, abs=0.02)
        assert row["pearson_low"] < row["pearson_r"] < row["pearson_high"]
        assert row["spearman_low"] < row["spearman_r"] < row["spearman_high"]


def test_twenty_points_have_little_power(strength):
    # Cohen 1988, table 3.3.5: n = 20, two-sided 0.05, r = 0.20 has a power of 0.14; r near 0.58
    # is needed for 0.80.
    assert strength["power_at_claimed"].to_numpy() == pytest.approx(0.14, abs=0.01)
    assert strength["smallest_detectable_r"].to_numpy() == pytest.approx(0.58, abs=0.01)


def test_holm_multiplies_the_smallest_by_their_number_and_keeps_the_order():
    # 0.01 x 4, 0.02 x 3, 0.03 x 2 raised to 0.06, 0.9 x 1
    assert holm([0.9, 0.01, 0.03, 0.02]) == pytest.approx([0.9, 0.04, 0.06, 0.06])
    assert holm([0.7, 0.6]) == pytest.approx([1.0, 1.0])
    assert holm([]).size == 0
    for row in np.random.default_rng(1).uniform(size=(9, 7)).round(1):  # ties, too
        assert (holm(row) == multipletests(row, method="holm")[1]).all()
    # The smallest is Bonferroni's: any of five is below alpha with a probability of alpha at most.
    for row in np.random.default_rng(0).uniform(size=(5, 5)):
        assert holm(row).min() == pytest.approx(min(1.0, 5 * row.min()))


def test_holm_is_over_the_metrics_that_have_a_p_value(study):
    scores = pd.read_csv(study / SCORES_FILE)
    scores.loc[scores["metric"] == "fid", "value"] = 240.0
    kept = scores["metric"].isin(["fid", "lbpv_008_difference", "lbpv_240_difference"])
    scores[kept].to_csv(study / SCORES_FILE, index=False)
    table = strengths(read_scores(study)).set_index("metric")
    assert table.loc["fid", "status"].startswith("undecided: all y values are equal")
    assert np.isnan(table.loc["fid", "p_holm"])
    assert table.loc["lbpv_008_difference", "p_holm"] == pytest.approx(
        max(2 * table.loc["lbpv_008_difference", "p_value"], 0)
    )


def test_points_on_one_line_are_certain(study):
    scores = pd.read_csv(study / SCORES_FILE)
    line = scores[scores["metric"] == "fid"].copy()
    line["value"] = -np.log(line["clinician_score"])
    line.to_csv(study / SCORES_FILE, index=False)
    row = strengths(read_scores(study)).iloc[0]
    assert row["pearson_r"] == pytest.approx(-1)
    assert row["power_at_claimed"] == pytest.approx(0.14, abs=0.01)


def test_facts_are_as_printed_and_each_is_given_once(study):
    assert read_facts(study)["called_real_percent"] == "56.14"
    path = study / FACTS_FILE
    path.write_text(path.read_text() + "sets,21,elsewhere\n")
    with pytest.raises(MiuaError, match=r"published_facts\.csv gives a name twice"):
        read_facts(study)


def test_reliability_is_the_share_of_the_variance_that_is_of_the_sets():
    scores = [1.0, 2, 3, 4]  # variance 5/3
    assert score_reliability(scores, 3, 1.0) == pytest.approx(1 - (1 / 3) / (5 / 3))
    assert score_reliability(scores, 3, 0.0) == 1
    assert score_reliability(scores, 1, 4.0) == 0
    for equal in ([2.0, 2, 2], [2.0, 3]):
        with pytest.raises(UndecidedError):
            score_reliability(equal, 3, 1.0)


def test_the_published_scores_have_a_reliability_of_a_half():
    points = read_scores(STUDY)
    for _, of_metric in points.groupby("metric"):
        assert score_reliability(of_metric["clinician_score"], 3, 1.0) == pytest.approx(
            0.55, abs=0.01
        )
        low = score_reliability(of_metric["clinician_score"], 57 / 20, 1.0)
        assert low == pytest.approx(0.52, abs=0.01)


def test_drawn_scores_correlate_with_a_second_grading_by_their_reliability():
    draws, sets, grades, deviation = np.random.default_rng(7), 20, 3, 1.0
    true = draws.normal(0, 0.6, size=(4000, sets))
    error = deviation / np.sqrt(grades)
    first, second = (true + draws.normal(0, error, true.shape) for _ in range(2))
    reliability = 0.36 / (0.36 + deviation**2 / grades)
    r = stats.pearsonr(first.ravel(), second.ravel()).statistic
    assert r == pytest.approx(reliability, abs=0.01)
    estimates = [score_reliability(scores, grades, deviation) for scores in first[:1000]]
    assert np.median(estimates) == pytest.approx(reliability, abs=0.03)
    # With what has no error itself, the scores correlate by its square root.
    assert stats.pearsonr(first.ravel(), true.ravel()).statistic == pytest.approx(
        np.sqrt(reliability), abs=0.01
    )
