"""The 256 elements: distances, places, and what the script gets."""

import itertools
import json

import numpy as np
import pandas as pd
import pytest

from miua.metrics.registry import STUDY_ELEMENTS
from miua.report.page_sets import HEIGHT, NAMED, read_elements
from miua.study.store import Results


@pytest.fixture(scope="module")
def results(smoke):
    return Results.open(smoke)


@pytest.fixture(scope="module")
def elements(results):
    return read_elements(results)


def test_distance_is_the_mean_absolute_difference_of_the_vectors(results, elements):
    reference = np.load(results.reference_lbpv)
    vectors = np.stack([np.load(results.set_lbpv(chosen.set)) for chosen in results.sets])
    assert np.allclose(elements.distance, np.abs(reference - vectors).mean(axis=0))
    assert np.array_equal(elements.reference, reference)


def test_places_go_from_the_closest_to_the_farthest(elements):
    ordered = elements.distance[elements.order]
    assert (np.diff(ordered) >= 0).all()
    assert sorted(elements.order) == list(range(256))
    assert elements.place[elements.order[0]] == 1
    assert elements.place[elements.order[-1]] == 256


def test_the_claims_table_gives_the_same_places(results, elements):
    claims_table = json.loads((results.folder / "claims.json").read_text(encoding="utf-8"))
    (closeness,) = [claim for claim in claims_table["evidence"] if claim["id"] == "closeness"]
    for element in STUDY_ELEMENTS:
        assert closeness["numbers"][f"V{element} rank of all"] == elements.place[element]


def test_bars_rise_and_mark_the_studys_elements(elements):
    drawn = elements.bars
    marked = [bar for bar in drawn if bar.line is not None]
    heights = [bar.height for bar in drawn]
    assert heights == sorted(heights)
    assert heights[-1] == pytest.approx(HEIGHT)
    assert {bar.element for bar in marked} == set(STUDY_ELEMENTS)
    for before, later in itertools.pairwise(marked):
        assert before.line != later.line or later.left - before.left > 60


def test_the_table_names_the_four_the_closest_and_the_farthest(elements):
    named = elements.named
    assert named[:4] == [(element, "of the study") for element in STUDY_ELEMENTS]
    assert named[4] == (elements.order[0], "closest")
    assert named[-NAMED] == (elements.order[-1], "farthest")


def test_what_the_script_gets_is_json_of_256(elements):
    data = elements.data({})
    assert json.loads(json.dumps(data, allow_nan=False)).keys() == data.keys()
    assert len(data["values"]) == len(data["sets"]) == 20
    assert {len(row) for row in data["values"]} == {256}
    assert data["floor"] == [None] * 256


def test_without_images_there_are_no_elements(few):
    path = few / "tables" / "metrics.csv"
    metrics = pd.read_csv(path, dtype=str, keep_default_na=False)
    metrics[["value", "low", "high"]] = ""
    metrics["status"] = "not computed: diverged"
    metrics.to_csv(path, index=False)
    assert read_elements(Results.open(few)) is None
