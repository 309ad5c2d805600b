"""Readers' scores of sets against the metrics: the published regression, on our own points."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from miua.analysis.clinician import against_metrics
from miua.analysis.columns import (
    CLINICIAN,
    COLUMNS,
    READER_CORRELATION,
    READER_FAMILY,
    READER_REGRESSION,
    READERS,
    study_table,
)
from miua.metrics.registry import ALL_MEASURES, element_name
from miua.study.store import METRICS_COLUMNS, Results, read_metrics

NAMES = [f"s{number:02d}" for number in range(20)]
QUALITY = np.linspace(1.3, 4.2, 20)


def sets(quality=QUALITY):
    rows = [(CLINICIAN, "synthetic", name, 1, 3, 3, 0, value, 1, 5, "images resampled")
            for name, value in zip(NAMES, quality, strict=True)]  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS["reader-sets"]))


def metrics(values, missing=()):
    """values: {metric: a value for each set}; missing metrics were not computed."""
    rows = []
    for place, name in enumerate([*NAMES, "nobody-judged-it"]):
        for metric, column in values.items():
            value, status = (float(column[place % 20]), "computed")
            if metric in missing:
                value, status = math.nan, "not computed: no weights"
            rows.append((name, 100, 300, metric, value, value, value, "", 9, 9, "planted", status))
    return pd.DataFrame(rows, columns=list(METRICS_COLUMNS))


@pytest.fixture(scope="module")
def drawn():
    draws = np.random.default_rng(0)
    values = {shown.name: draws.normal(size=20) for shown in ALL_MEASURES}
    values |= {element_name(n): draws.normal(size=20) for n in range(256)}
    values["psnr"] = 3 * np.log(QUALITY) + 5
    values["fid"] = 250 - 2 * np.log(QUALITY) + draws.normal(0, 2, 20)
    return values


@pytest.fixture(scope="module")
def found(drawn):
    return against_metrics(sets(), metrics(drawn))


def test_the_lines_are_least_squares_in_the_logarithm_of_the_score(found, drawn):
    table = found[READER_REGRESSION].set_index("metric")
    assert (table.index.name, *table.columns) == COLUMNS["reader-regression"]
    assert table.index.tolist() == [shown.name for shown in ALL_MEASURES]
    assert table.loc["psnr", ["a", "b", "pearson_r"]].tolist() == pytest.approx([3, 5, 1])
    theirs = stats.linregress(np.log(QUALITY), drawn["fid"])
    row = table.loc["fid"]
    assert row["a"] == pytest.approx(theirs.slope)
    assert row["b"] == pytest.approx(theirs.intercept)
    assert row["p_value"] == pytest.approx(theirs.pvalue)
    assert set(table["n"]) == {20}


def test_correlations_are_adjusted_for_being_several(found):
    table = found[READER_CORRELATION].set_index("metric")
    assert set(table.index) == {shown.name for shown in ALL_MEASURES}
    smallest = table["p_value"].nsmallest(2)
    assert table.loc["psnr", "p_value"] == smallest.iloc[0]
    other = smallest.index[1]
    assert table.loc[other, "p_holm"] == pytest.approx(min(1, 9 * table.loc[other, "p_value"]))


def test_the_family_is_all_259_candidates_the_strongest_first(found):
    table = found[READER_FAMILY]
    assert tuple(table.columns) == COLUMNS["reader-family"]
    assert len(table) == 259
    assert (table.loc[0, "metric"], table.loc[0, "pearson_r"]) == ("psnr", pytest.approx(1))
    assert table["pearson_r"].abs().is_monotonic_decreasing
    assert table.loc[0, "adjusted_p"] == pytest.approx(1 / 10000)
    significant = table["pearson_r"].abs() > table["critical_r"]
    assert (table.loc[significant, "adjusted_p"] <= 0.051).all()
    assert (table.loc[~significant, "adjusted_p"] >= 0.049).all()


def test_a_metric_that_was_not_computed_says_so_and_is_no_candidate(drawn):
    found = against_metrics(sets(), metrics(drawn, missing=("fid",)))
    row = found[READER_REGRESSION].set_index("metric").loc["fid"]
    assert row["status"] == "not computed: no weights"
    assert math.isnan(row["a"])
    assert "fid" not in set(found[READER_CORRELATION]["metric"])
    assert len(found[READER_FAMILY]) == 258


def test_one_score_for_all_sets_is_undecided(drawn):
    found = against_metrics(sets(np.full(20, 3.0)), metrics(drawn))
    assert found[READER_REGRESSION]["status"].str.startswith("undecided: ").all()
    assert found[READER_CORRELATION]["status"].str.startswith("undecided: ").all()
    (row,) = found[READER_FAMILY].itertuples()
    assert row.status == "undecided: all scores are equal"


def test_there_are_no_tables_where_nobody_was_asked(folder):
    results = Results.open(folder)
    assert study_table(results, READERS) is None
    assert not read_metrics(results).empty
