"""Joining the sets' tables: nothing lost, nothing rounded, nothing wrong let through."""

import json

import numpy as np
import pandas as pd
import pytest

from miua.analysis.tables import analyse
from miua.errors import MiuaError
from miua.study.store import METRICS_COLUMNS, Results, not_computed, read_metrics
from tests.drawn_results import NO_WEIGHTS

SETS = [
    "n0030_e0005", "n0030_e0012", "n0030_e0020",
    "n0200_e0005", "n0200_e0012", "n0200_e0020",
]  # fmt: skip


def exact(text):
    return float(text or "nan")


def test_all_sets_are_joined_with_size_and_epoch_and_exact_values(pristine):
    table = read_metrics(Results.open(pristine))
    assert tuple(table.columns) == METRICS_COLUMNS
    assert list(table["set"].unique()) == SETS
    assert len(table) == 6 * 263
    names = [
        f"n{size:04d}_e{epoch:04d}" for size, epoch in table[["training_size", "epoch"]].values
    ]
    assert names == table["set"].tolist()
    for name in SETS:
        own = pd.read_csv(pristine / "metrics" / f"{name}.csv", converters={"value": exact})
        joined = table[table["set"] == name].reset_index(drop=True)
        pd.testing.assert_series_equal(own["value"], joined["value"])


def test_the_lbpv_of_all_sets_are_stacked_by_name(pristine):
    lbpv = np.load(pristine / "tables" / "lbpv.npy")
    assert json.loads((pristine / "tables" / "lbpv_sets.json").read_text()) == SETS
    assert lbpv.shape == (6, 256)
    np.testing.assert_array_equal(lbpv[4], np.load(pristine / "metrics" / "n0200_e0012.npy"))


def test_the_summary_pivots_the_studys_metrics(pristine):
    summary = pd.read_csv(pristine / "tables" / "summary.csv")
    assert summary.columns.tolist() == [
        "metric", "training_size", "epoch_5", "epoch_12", "epoch_20",
    ]  # fmt: skip
    assert summary["metric"].unique().tolist() == [
        "mutual_information", "psnr", "fid", "lbpv_008_difference", "lbpv_020_difference",
        "lbpv_143_difference", "lbpv_240_difference",
    ]  # fmt: skip
    own = pd.read_csv(pristine / "metrics" / "n0200_e0012.csv").set_index("metric")["value"]
    row = summary[(summary["metric"] == "psnr") & (summary["training_size"] == 200)]
    assert row["epoch_12"].item() == pytest.approx(own["psnr"], rel=1e-12)
    assert summary.loc[summary["metric"] == "fid", "epoch_5":].isna().all(axis=None)


def test_a_missing_fid_keeps_its_reason(pristine):
    table = read_metrics(Results.open(pristine))
    assert not_computed(table, "fid") == NO_WEIGHTS
    assert not_computed(table, "psnr") == ""
    assert not_computed(table, "vif") == "not computed: no set has the metric vif"


def test_the_same_input_gives_the_same_bytes(folder):
    before = {path.name: path.read_bytes() for path in (folder / "tables").iterdir()}
    written = analyse(folder)
    names = {"metrics.csv", "summary.csv", "lbpv.npy", "lbpv_sets.json", "stability.csv"}
    assert {path.name for path in written} == names
    assert all(path.read_bytes() == before[path.name] for path in written)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("set,metric,value", "set,metric,values", "lacks the column value"),
        ("definition,status\n", "definition,status,notes\n", "unknown column notes"),
        ("n0030_e0012,psnr,", "n0030_e0005,psnr,", "rows of another set"),
        ("n0030_e0012,psnr,", "n0030_e0012,vif,", "'vif' is no metric"),
        ("n0030_e0012,psnr,", "n0030_e0012,psnr,high", "column value: 'high.*' is not a number"),
        ("n0030_e0012,psnr,", "n0030_e0012,mutual_information,", "holds a metric twice"),
        ("n0030_e0012,fid,,", "n0030_e0012,fid,200.0,", "not computed but has a value"),
        ("not computed: the", "perhaps: the", "unknown status"),
        (NO_WEIGHTS, "computed", "computed but has no finite value"),
    ],
)
def test_a_damaged_table_is_named_with_its_fault(folder, old, new, message):
    path = folder / "metrics" / "n0030_e0012.csv"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(MiuaError, match=message) as caught:
        analyse(folder)
    assert str(path) in str(caught.value)


def test_a_set_that_was_not_evaluated_is_named(folder):
    (folder / "metrics" / "n0200_e0020.csv").unlink()
    with pytest.raises(MiuaError, match="Evaluate the set n0200_e0020"):
        analyse(folder)


def test_a_vector_that_is_no_lbpv_is_named(folder):
    np.save(folder / "metrics" / "n0200_e0020.npy", np.zeros(59))
    with pytest.raises(MiuaError, match=r"n0200_e0020\.npy holds float64 \(59,\)"):
        analyse(folder)


def test_tables_of_another_plan_are_refused(folder):
    plan = folder / "plan.yaml"
    plan.write_text(plan.read_text().replace("200]", "300]"))
    with pytest.raises(MiuaError, match="does not hold the sets of the plan"):
        read_metrics(Results.open(folder))
