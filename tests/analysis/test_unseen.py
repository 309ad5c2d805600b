"""Every set a second time, against images that no training saw."""

import shutil

import numpy as np
import pandas as pd
import pytest

from miua.analysis.unseen import NO_TEST_IMAGES, unseen_tables
from miua.errors import MiuaError
from miua.evaluation.evaluate import evaluate
from miua.files import read_json, write_json
from miua.metrics.registry import STUDY_METRICS
from miua.study.plan import DataSource
from miua.study.store import Results, read_cells
from miua.study.trace import trace

SET = "n0004_e0002"


@pytest.fixture
def folder(small_study, tmp_path):
    return shutil.copytree(small_study.results, tmp_path / "smoke")


def test_every_set_is_measured_by_the_same_engine(folder):
    results = Results.open(folder)
    table = pd.read_csv(folder / "tables" / "unseen.csv")
    assert {*table["set"]} == {*read_cells(results)["set"]}
    assert {*table["reference"]} == {"unseen phantoms"}
    unseen, made = (
        np.load(folder / each) for each in ("unseen/32/images.npy", f"sets/{SET}/images.npy")
    )
    alone = evaluate(unseen, {SET: made}, metrics=STUDY_METRICS, floor_splits=0, resamples=0)
    rows = table[table["set"] == SET]
    assert list(rows["metric"]) == [each.metric for each in alone.sets[0].records]
    expected = [np.nan if each.value is None else each.value for each in alone.sets[0].records]
    np.testing.assert_allclose(rows["value"], expected, rtol=1e-9)
    assert (rows["n_reference"] == len(unseen)).all()
    seen = pd.read_csv(folder / "metrics" / f"{SET}.csv").set_index("metric")["value"]
    assert seen["psnr"] != rows.set_index("metric")["value"]["psnr"]


def test_no_training_saw_these_images(folder):
    unseen, real = (np.load(folder / each / "32" / "images.npy") for each in ("unseen", "real"))
    assert not {each.tobytes() for each in unseen} & {each.tobytes() for each in real}


def test_without_test_images_or_a_set_the_tables_say_so(folder):
    shutil.rmtree(folder / "unseen")
    record = folder / "sets" / SET / "provenance.json"
    write_json(record, {**read_json(record), "not_made": "the training diverged."})
    plan = Results.open(folder).plan.model_copy(update={"data": DataSource(source="hc18")})
    results = Results(folder, plan)
    for table in unseen_tables(results):
        of_set = table["set"] == SET
        assert {*table[of_set]["status"]} == {"not computed: the training diverged."}
        assert {*table[~of_set]["status"]} == {f"not computed: {NO_TEST_IMAGES}"}
        value = "value" if "value" in table else "share"
        assert table[value].isna().all()


def test_a_damaged_stack_is_named(folder):
    write_json(folder / "unseen" / "32" / "names.json", ["001_HC.png"] * 3)
    with pytest.raises(MiuaError, match=r"unseen/32/names.json does not name 2 images"):
        unseen_tables(Results.open(folder))


def test_a_value_of_a_set_is_traced_to_these_images_too(folder):
    chain = trace(folder, f"set-{SET.replace('_', '-')}-mi")
    (of_set,) = [link for link in chain if link.kind == "set"]
    digest = read_json(folder / "unseen" / "32" / "provenance.json")["outputs"]["images"]
    assert of_set.facts[-1] == f"and against those that no training saw, of sha256: {digest}"
