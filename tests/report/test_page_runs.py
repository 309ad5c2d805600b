"""Runs as their folders tell them: what they were, what they cost."""

import json
import math

import pytest

from miua.errors import MiuaError
from miua.report.page_runs import cost, read_timing, run_records
from miua.report.regression_and_curves import run_charts
from miua.study.store import Results


@pytest.fixture(scope="module")
def results(smoke):
    return Results.open(smoke)


@pytest.fixture(scope="module")
def records(results):
    return run_records(results)


def test_every_run_of_the_plan_is_there_with_all_its_sets(results, records):
    names = {path.name for path in results.folder.glob("runs/*") if path.is_dir()}
    assert {record.name for record in records} == names
    shared = next(record for record in records if record.name == "n0300")
    assert "training-size, augmentation" in shared.experiments
    assert ("n0300_e0020", 20) in shared.sets
    assert ("n0300_e0500", 500) in shared.sets


def test_a_run_tells_configuration_seed_device_and_hashes(records):
    record = next(record for record in records if record.name == "n0300_seed-2")
    assert ("seed", "2") in record.settings
    assert ("augmentation.corners", "black") in record.settings
    made = dict(record.made)
    assert made["seed"] == "2"
    assert made["training images (SHA-256)"] == "d" * 64
    assert (made["device"], made["threads"]) == ("cpu", "2")
    assert record.files == ["config.yaml", "log.jsonl", "speed.jsonl", "provenance.json"]


def test_core_hours_are_hours_times_threads(records):
    """The made-up trainings take 1.5 s an epoch on two threads."""
    record = next(record for record in records if record.name == "n0300")
    assert record.hours == pytest.approx(2 * 1.5 * 1000 / 3600)
    assert record.timing == ["300", "1000", "30\u202f000", "200", "25 min 00 s", "2", "cpu"]
    total = sum(each.hours for each in records)
    found = cost(records)
    assert float(found.core_hours) == pytest.approx(total, abs=0.006)
    assert (found.gpu_hours, found.untimed) == ("", 0)


def test_a_gpu_is_counted_in_gpu_hours(few):
    record = few / "runs" / "n0300" / "provenance.json"
    content = json.loads(record.read_text(encoding="utf-8")) | {"device": "cuda:0"}
    record.write_text(json.dumps(content), encoding="utf-8")
    speed = '{"epoch": 1, "seconds": 5400, "images_per_second": 9.0}\n'
    (few / "runs" / "n0300" / "speed.jsonl").write_text(speed, encoding="utf-8")
    found = cost(run_records(Results.open(few)))
    assert (found.core_hours, found.gpu_hours) == ("", "1.50")


def test_a_run_that_kept_no_speed_is_counted_as_such(few):
    (few / "runs" / "n0300" / "speed.jsonl").unlink()
    (record,) = run_records(Results.open(few))
    assert record.hours is None
    assert record.timing[3:5] == ["–", "–"]
    assert cost([record]).untimed == 1
    assert cost([record]).core_hours == ""


@pytest.mark.parametrize(
    "text", ["no json", "[]", '{"epoch": 1}', '{"seconds": -1, "images_per_second": 2}',
             '{"seconds": NaN, "images_per_second": 2}'],
)  # fmt: skip
def test_damaged_timings_are_named(tmp_path, text):
    (tmp_path / "speed.jsonl").write_text(text, encoding="utf-8")
    with pytest.raises(MiuaError, match=r"speed\.jsonl is damaged .*only timings are lost"):
        read_timing(tmp_path)


def test_a_damaged_record_of_a_run_is_named(few):
    path = few / "runs" / "n0300" / "provenance.json"
    path.write_text('{"packages": null}', encoding="utf-8")
    with pytest.raises(MiuaError, match=r"n0300/provenance\.json .*Train the run again"):
        run_records(Results.open(few))


def test_an_infinite_loss_is_a_gap_in_the_curves_and_in_what_the_script_gets(few):
    log = few / "runs" / "n0300" / "log.jsonl"
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    lines[3]["generator_loss"] = math.inf
    log.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    (chart,) = run_charts(Results.open(few))
    assert chart["data"][3][:2] == [4, None]
    assert chart["paths"][0][1].count("M") == 2
