"""Sets beside the noise floor, and the pictures that one compares."""

import base64
import io
import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from miua.errors import MiuaError
from miua.metrics.registry import ALL_MEASURES
from miua.report import study_tables
from miua.report.image_figures import reduction, sample_steps, sheet
from miua.report.page_sets import (
    FloorRange,
    floor_label,
    floor_sentence,
    floors,
    grid_data,
    set_rows,
)
from miua.study.store import Results, read_experiment, read_metrics
from tests.drawn_results import DIVERGED, DIVERGED_REASON

SIDE, GAP = 64, 2


def pixels(picture):
    data = base64.b64decode(picture.source.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(data)))


@pytest.fixture(scope="module")
def results(smoke):
    return Results.open(smoke)


@pytest.fixture(scope="module")
def rows(results):
    return set_rows(results, floors(results))


def test_a_value_lies_within_the_floor_ends_included():
    floor = FloorRange(-1.0, 2.0, "−1 to 2")
    places = [floor.place(value) for value in (-1.1, -1.0, 0.0, 2.0, 2.1)]
    assert places == ["below", "within", "within", "within", "above"]


def test_the_floor_is_that_of_halves_without_a_common_subject(results):
    table = study_tables.study_table(results, study_tables.FLOOR)
    found = floors(results)
    assert "fid" not in found  # it has no weights
    for split, same in (("subject", True), ("image", False)):
        row = table[(table["split"] == split) & (table["metric"] == "psnr")].iloc[0]
        assert ((found["psnr"].low, found["psnr"].high) == (row["low"], row["high"])) == same


def test_the_floors_words_name_its_images_and_their_number(results, real):
    """Two sets of M images differ by a standard deviation that goes with 1 / sqrt(M)."""
    assert floor_label(results) == "Two halves of 8 phantoms each, 2000 splits"
    assert floor_label(Results.open(real)) == "Two halves of 8 real images each, 2000 splits"
    said = floor_sentence(results)
    assert "cannot be told from phantoms against phantoms" in said
    assert re.search(r"2000 \(FD-LBP.*: 6\) splits", said)
    assert "A set here has 24 images" in said
    assert "would be narrower, by a factor of about √(8/24) = 0.58" in said
    assert "real" not in said


def test_each_cell_has_value_interval_and_place(results, rows):
    metrics = read_metrics(results).set_index(["set", "metric"])
    floor = floors(results)
    for row in (rows[0], rows[-1]):
        for shown, (value, interval, place) in zip(ALL_MEASURES, row.cells, strict=True):
            known = metrics.loc[(row.chosen.set, shown.name)]
            if known["status"] != "computed":
                assert (value, place) == ("not computed", "")
                continue
            assert float(value.replace("−", "-").replace("\u202f", "")) == pytest.approx(
                known["value"], abs=0.51 * 10**-shown.decimals
            )
            assert place == floor[shown.name].place(known["value"])
            assert (interval == "") == np.isnan(known["low"])


def test_without_the_experiment_there_is_no_floor_and_it_is_said(single):
    results = Results.open(single)
    assert floors(results) == {}
    assert floor_sentence(results) == "The experiment noise-floor is not part of this run."
    (row,) = set_rows(results, {})
    assert {place for _, _, place in row.cells} == {""}


def test_a_sets_picture_is_its_first_sixteen_images(results, rows):
    row = rows[7]
    stack = np.load(results.folder / "sets" / row.chosen.set / "images.npy")
    shown = pixels(row.picture)
    for place in (0, 5, 15):
        down, across = (step * (SIDE + GAP) for step in divmod(place, 4))
        assert np.array_equal(shown[down : down + SIDE, across : across + SIDE], stack[place])


def test_larger_images_are_shown_reduced_and_no_larger_than_others():
    stack = np.repeat(np.arange(20, dtype=np.uint8), 128 * 128).reshape(20, 128, 128)
    shown = pixels(sheet(stack, 4))
    assert shown.shape == (4 * SIDE + 3 * GAP, 4 * SIDE + 3 * GAP)
    assert shown[SIDE + GAP, 0] == 4
    assert [reduction(side) for side in (32, 64, 65, 128, 256)] == [1, 1, 2, 2, 4]


def test_what_the_script_gets_names_every_set_once(rows):
    data = grid_data(rows)
    assert [each["set"] for each in data] == [row.chosen.set for row in rows]
    assert len({(each["size"], each["epoch"]) for each in data}) == 20
    assert all(len(each["cells"]) == len(ALL_MEASURES) for each in data)


def test_steps_are_of_one_latent_batch_in_the_order_of_epochs(results):
    run = results.folder / "runs" / "n0300"
    steps = sample_steps(run, SIDE, 800)
    assert [epoch for epoch, _ in steps] == [1, 2, 3, 5, 20, 300, 500, 800]
    grid = np.asarray(Image.open(run / "samples" / "epoch_0300.png"))
    shown = pixels(steps[5][1])
    assert np.array_equal(shown[:SIDE, SIDE + GAP : 2 * SIDE + GAP], grid[:SIDE, SIDE : 2 * SIDE])


def test_a_run_without_pictures_has_no_steps(tmp_path):
    assert sample_steps(tmp_path, SIDE, 10) == []


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda path: path.write_bytes(b"no picture"), "is not a readable PNG"),
        (lambda path: Image.new("L", (65, 64)).save(path), "is no grid of 64 x 64 grey images"),
        (lambda path: Image.new("RGB", (64, 64)).save(path), "is no grid of 64 x 64 grey images"),
    ],
)
def test_a_damaged_grid_is_named(tmp_path, damage, said):
    path = tmp_path / "samples" / "epoch_0001.png"
    path.parent.mkdir()
    damage(path)
    with pytest.raises(MiuaError, match=rf"epoch_0001\.png {re.escape(said)}"):
        sample_steps(tmp_path, SIDE, 10)


def test_a_set_of_a_training_that_diverged_says_so(few):
    record = few / "sets" / "n0300_e0020" / "provenance.json"
    record.write_text(f'{{"not_made": "{DIVERGED_REASON}"}}', encoding="utf-8")
    results = Results.open(few)
    (row,) = set_rows(results, {})
    assert row.picture is None
    assert row.lacking == DIVERGED_REASON
    assert DIVERGED not in row.chosen.set


@pytest.mark.parametrize("text", ["[]", '{"inputs": null}'])
def test_a_damaged_record_of_a_set_is_named(few, text):
    record = few / "sets" / "n0300_e0020" / "provenance.json"
    record.write_text(text, encoding="utf-8")
    results = Results.open(few)
    with pytest.raises(MiuaError, match=r"n0300_e0020/provenance\.json .*Make the set again"):
        set_rows(results, {})


def test_an_infinite_metric_is_named(few):
    path = few / "tables" / "metrics.csv"
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    table.loc[1, "value"] = "inf"
    table.to_csv(path, index=False)
    with pytest.raises(MiuaError, match=r"metrics\.csv: line 3 holds an infinite number"):
        read_metrics(Results.open(few))


@pytest.mark.parametrize("value", ["inf", "-inf", ""])
def test_a_number_of_an_experiment_that_cannot_be_is_named(folder, value):
    path = folder / "tables" / "seeds.csv"
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    assert table.loc[1, "status"] == "computed"
    table.loc[1, "value"] = value
    table.to_csv(path, index=False)
    with pytest.raises(MiuaError, match=r"seeds\.csv: line 3 holds an infinite number, or none"):
        read_experiment(Results.open(folder), "seeds")
