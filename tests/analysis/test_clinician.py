"""The refit of the clinician's scores against what is published and what the README states."""

import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from miua.analysis.clinician import COEFFICIENTS_FILE, SCORES_FILE, refit
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
        (SCORES_FILE, "fid,1.3333,233.999", "ssim,1.3333,0.5", "'ssim' is no metric"),
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
