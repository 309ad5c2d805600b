"""`miua.evaluate`: one call from folders or arrays to all numbers, and its files."""

import csv
import hashlib
import json
import re
import subprocess
import sys
import threading
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from PIL import Image

import miua
from miua.cli.evaluation_tables import print_evaluation
from miua.errors import MiuaError
from miua.evaluation import evaluate as module
from miua.evaluation import measure as measure_module
from miua.evaluation.cautions import about_copies
from miua.evaluation.evaluate import evaluate
from miua.evaluation.standing import standing
from miua.metrics import lbp_vector, variants
from miua.metrics.registry import REGISTRY, measure
from tests.evaluation.measuring import measure_set
from tests.evaluation.textures import textures, with_noise

SCHEMA = Path(module.__file__).with_name("evaluation.schema.json")
REAL = textures(1, 40)
SYNTHETIC = textures(2, 30, blur=1.3)
GROUPS = np.repeat(np.arange(20), 2)
QUICK = {"floor_splits": 2, "resamples": 50}


def save(folder: Path, stack: np.ndarray) -> Path:
    folder.mkdir(parents=True)
    for number, image in enumerate(stack):
        Image.fromarray(image).save(folder / f"{number:03d}.png")
    return folder


def sha256_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def valid(evaluation) -> dict:
    """What `to_json` gives, as a reader gets it, checked against the schema."""
    found = json.loads(json.dumps(evaluation.to_json(), allow_nan=False))
    jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text())).validate(found)
    return found


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(json.loads(SCHEMA.read_text()))


def test_it_is_the_packages_own_name():
    assert miua.evaluate is evaluate
    with pytest.raises(AttributeError, match="no attribute 'evaluates'"):
        _ = miua.evaluates


def test_the_numbers_are_those_of_the_metrics():
    evaluation = evaluate(REAL, SYNTHETIC, groups=GROUPS, **QUICK)
    (result,) = evaluation.sets
    expected = measure_set(
        REAL, SYNTHETIC, metrics=[m for m in REGISTRY if m != "copies"], resamples=50
    )
    assert list(result.records[:-1]) == expected
    assert result.records[-1].metric == "copies"
    assert evaluation.records == list(result.records)
    difference = np.abs(evaluation.reference_lbpv - result.lbpv)
    assert np.array_equal(evaluation.reference_lbpv, lbp_vector(REAL))
    assert len(result.farthest) == 10
    assert difference[list(result.farthest)].tolist() == sorted(difference, reverse=True)[:10]
    assert evaluation.floor.groups == 20
    assert evaluation.rankings == ()
    assert evaluation.pairing == "all pairs"


def test_folders_and_arrays_give_the_same(tmp_path):
    real, synthetic = save(tmp_path / "real", REAL), save(tmp_path / "made", SYNTHETIC)
    by_path = evaluate(real, str(synthetic), **QUICK)
    by_array = evaluate(REAL, {"made": SYNTHETIC}, **QUICK)
    assert by_path.records == by_array.records
    assert by_path.real.path == str(real)
    assert by_array.real.path is None


def test_json_follows_the_schema_whatever_was_asked(tmp_path):
    for settings in (
        {},
        {"metrics": ["psnr"], "floor_splits": 0, "resamples": 0},
        {"metrics": ["psnr"], "pairing": "nearest"},
    ):
        found = valid(evaluate(REAL, SYNTHETIC, **(QUICK | settings)))
        assert found["schema"] == "miua-evaluation-2"
    several = valid(evaluate(REAL, {"a": SYNTHETIC, "b": REAL[:20]}, **QUICK))
    assert [each["name"] for each in several["sets"]] == ["a", "b"]
    assert several["rankings"]


def test_infinite_psnr_is_a_word_in_json():
    found = valid(evaluate(REAL, REAL, metrics=["psnr"], pairing="index", floor_splits=0))
    (metric,) = found["sets"][0]["metrics"]
    assert (metric["value"], metric["low"]) == ("inf", None)


def test_files_are_written_whole(tmp_path):
    evaluation = evaluate(REAL, {"a": SYNTHETIC, "b": REAL[:20]}, **QUICK)
    evaluation.write_json(tmp_path / "out.json")
    assert json.loads((tmp_path / "out.json").read_text()) == valid(evaluation)
    evaluation.write_csv(tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(evaluation.records)
    assert {row["set"] for row in rows} == {"a", "b"}


def test_the_same_call_gives_the_same_bytes():
    def text(threads):
        evaluation = evaluate(REAL, SYNTHETIC, groups=GROUPS, threads=threads, **QUICK)
        found = evaluation.to_json()
        del found["provenance"]
        return json.dumps(found)

    assert text(1) == text(1)
    one, three = json.loads(text(1)), json.loads(text(3))
    for a, b in zip(one["sets"][0]["metrics"], three["sets"][0]["metrics"], strict=True):
        for key in ("value", "low", "high"):
            assert (a[key] is None) == (b[key] is None)
            if a[key] is not None:
                assert a[key] == pytest.approx(b[key], rel=1e-9, abs=1e-9)


def test_the_order_of_files_does_not_matter_but_for_pairs_of_equal_index():
    turned = evaluate(REAL[::-1].copy(), SYNTHETIC, resamples=0, floor_splits=0)
    straight = evaluate(REAL, SYNTHETIC, resamples=0, floor_splits=0)
    for a, b in zip(turned.records, straight.records, strict=True):
        if a.metric not in ("fd_lbp_infinity", "fid_infinity") and a.value is not None:
            assert a.value == pytest.approx(b.value, rel=1e-9, abs=1e-9), a.metric


def test_planted_copies_are_found_and_warned_of():
    made = SYNTHETIC.copy()
    made[3] = with_noise(REAL[7:8, :, ::-1], 4)[0]
    evaluation = evaluate(REAL, made, metrics=["copies"], floor_splits=0)
    (result,) = evaluation.sets
    assert list(result.copies.found.flagged) == [3]
    assert result.record("copies").value == pytest.approx(1 / 30)
    assert result.copies.pairs[0]["synthetic"] == "synthetic[3]"
    assert result.copies.pairs[0]["real"] == "real[7]"
    assert result.copies.pairs[0]["flipped"]
    assert result.copies.pairs[0]["copy"]
    assert "copies. Look at the closest pairs" in result.warnings[0]
    assert result.copies.sheet.dtype == np.uint8
    none = evaluate(REAL, SYNTHETIC, metrics=["copies"], floor_splits=0).sets[0]
    assert none.record("copies").value == 0
    assert none.record("copies").high == pytest.approx(1 - 0.025 ** (1 / 30))  # Clopper, Pearson


def test_what_a_reader_has_to_know_is_said():
    few = evaluate(REAL, np.concatenate([SYNTHETIC[:9], SYNTHETIC[:3]]), floor_splits=2)
    said = " ".join(few.warnings)
    assert "3 of the 12 synthetic images repeat another one exactly" in said
    assert "FD-LBP is biased upwards" in said
    assert "12 images on a side: intervals are rough" in said
    assert "no grouping" in said
    grouped = evaluate(REAL, SYNTHETIC, metrics=["psnr"], groups=GROUPS, floor_splits=2)
    assert "no grouping" not in " ".join(grouped.warnings)


def test_several_sets_are_ranked_and_warnings_name_their_set():
    noisy = with_noise(REAL, 60)
    evaluation = evaluate(REAL, {"good": SYNTHETIC, "noisy": noisy}, metrics=["fd_lbp"], **QUICK)
    (ranking,) = evaluation.rankings
    assert [place.set for place in ranking.places] == ["good", "noisy"]
    assert ranking.decided
    assert any(warning.startswith("good: ") for warning in evaluation.warnings)


def test_skipped_files_are_counted(tmp_path):
    real, made = save(tmp_path / "real", REAL), save(tmp_path / "made", SYNTHETIC)
    (made / "bad.png").write_bytes(b"no image")
    with pytest.raises(MiuaError, match=r"bad\.png"):
        evaluate(real, made, metrics=["psnr"], **QUICK)
    evaluation = evaluate(real, made, metrics=["psnr"], skip_bad=True, **QUICK)
    assert [each.name for each in evaluation.sets[0].source.skipped] == ["bad.png"]
    assert "1 file of made was left out" in " ".join(evaluation.warnings)
    valid(evaluation)


def test_features_of_ones_own_network_are_measured_in_full(tmp_path):
    class Means:
        name, sha256 = "means", sha256_of("means of rows")

        def features(self, stack):
            rows = stack.mean(axis=2, dtype=np.float32)
            return rows[:, :4]

    evaluation = evaluate(REAL, SYNTHETIC, metrics=["psnr"], extractors=[Means()], **QUICK)
    found = {record.metric: record for record in evaluation.records}
    assert set(found) == {
        "psnr",
        "fd_means",
        "fd_means_infinity",
        "kd_means",
        "precision_means",
        "recall_means",
        "density_means",
        "coverage_means",
    }
    assert all(record.status == "computed" for record in found.values())
    assert sha256_of("means of rows")[:8] in found["fd_means"].definition
    assert evaluation.settings["extractors"] == {"means": sha256_of("means of rows")}
    assert evaluation.floor.records["fd_means"].mean > 0


def test_equal_sets_are_not_called_better_or_worse_for_their_size():
    """Real images against other real images of the same kind, at twice the floor's size."""
    kinds = {}
    for seed in range(6):
        evaluation = evaluate(
            textures(10 + 2 * seed, 120),
            textures(11 + 2 * seed, 120),
            metrics=["fd_lbp", "lbpv_total_difference", "neighbourhood_lbp"],
            floor_splits=20,
            resamples=0,
        )
        (result,) = evaluation.sets
        assert evaluation.floor.images == 60
        assert set(result.at_floor_size) == {record.metric for record in result.records}
        assert result.at_floor_size["fd_lbp"] > result.record("fd_lbp").value
        for record in result.records:
            floor = evaluation.floor.records[record.metric]
            better = measure(record.metric).better
            kinds.setdefault(record.metric, []).append(
                standing(result.beside_floor(record), floor, better).kind
            )
    for metric, found in kinds.items():
        assert found.count("within") >= 3, (metric, found)


def test_sets_of_the_floors_size_are_held_against_it_as_they_are():
    evaluation = evaluate(REAL[:20], SYNTHETIC[:10], metrics=["fd_lbp"], floor_splits=2)
    assert evaluation.floor.images == 10
    half = evaluate(REAL[:20], SYNTHETIC[:4], metrics=["fd_lbp"], floor_splits=2)
    assert half.floor.images == 4  # as many as the smallest set has
    found = valid(evaluation)["sets"][0]["metrics"][0]
    assert found["value_at_floor_size"] == evaluation.sets[0].at_floor_size["fd_lbp"]


def test_sets_of_equal_size_are_not_resampled_in_step():
    """Were image 1 of both sets drawn equally often, an order they share would cancel."""
    gain = np.linspace(0.3, 1, 60)[:, None, None]
    dark_to_bright = [(textures(seed, 60) * gain).astype(np.uint8) for seed in (21, 22)]
    evaluation = evaluate(
        REAL, dict(zip("ab", dark_to_bright, strict=True)), metrics=["psnr"], floor_splits=0
    )
    (ranking,) = evaluation.rankings
    assert not ranking.decided
    assert [(place.low, place.high) for place in ranking.places] == [(1, 2), (1, 2)]


@pytest.mark.parametrize("name", ["inception", "lbp", "twice", "net_infinity"])
def test_an_extractor_has_a_name_of_its_own(name):
    class Means:
        sha256 = sha256_of("means")

        def __init__(self, name):
            self.name = name

        def features(self, stack):
            return stack.mean(axis=2, dtype=np.float32)

    others = [Means("twice"), Means(name)]
    with pytest.raises(MiuaError, match=f"cannot be named '{name}'"):
        evaluate(REAL, SYNTHETIC, metrics=["psnr"], extractors=others, **QUICK)


def test_few_images_lose_only_the_metrics_that_need_more():
    class Means:
        name, sha256 = "means", sha256_of("means of three rows")

        def features(self, stack):
            return stack.mean(axis=2, dtype=np.float32)[:, :3]

    evaluation = evaluate(REAL[:9], SYNTHETIC[:9], metrics=["psnr"], extractors=[Means()], **QUICK)
    status = {record.metric: record.status for record in evaluation.records}
    assert status["fd_means"] == status["kd_means"] == status["recall_means"] == "computed"
    assert "too few to extrapolate" in status["fd_means_infinity"]


def test_flat_images_on_either_side_are_measured_as_far_as_they_go():
    flat = np.full((30, 16, 16), 9, dtype=np.uint8)
    for real, made in ((flat, SYNTHETIC), (REAL, flat), (flat, flat)):
        valid(evaluate(real, made, **QUICK))


def test_of_equal_sets_the_extrapolated_distance_is_what_the_fit_gives():
    (record,) = evaluate(REAL, REAL, metrics=["fd_lbp_infinity"], **QUICK).records
    assert record.value < 0
    assert (record.low, record.high) == (None, None)
    assert "the distances of the parts follow no line" in record.why_no_interval


@pytest.mark.parametrize("sha256", ["0" * 64, "to do"])
def test_an_extractor_with_a_placeholder_for_its_digest_is_refused_before_anything(sha256):
    class Means:
        name = "means"

        def features(self, stack):
            raise AssertionError

    Means.sha256 = sha256
    with pytest.raises(MiuaError, match="'means' has no SHA-256 but"):
        evaluate("no such folder", SYNTHETIC, extractors=[Means()])


def test_two_groups_have_one_split_and_no_range(tmp_path):
    evaluation = evaluate(REAL, SYNTHETIC, groups=np.arange(40) // 20, resamples=20)
    found = valid(evaluation)["noise_floor"]
    assert found["splits"] == 2  # each half is the reference once
    said = "2 groups allow only 1 different split into halves of 10 images"
    assert found["range_status"].startswith(f"none: {said}")
    for record in found["records"].values():
        assert record["low"] is record["high"] is None
    assert found["records"]["fd_lbp"]["mean"] > 0
    assert found["records"]["lbpv_255_difference"]["mean"] == 0
    print_evaluation(evaluation)
    evaluation.write_report(tmp_path / "page.html")
    assert said in (tmp_path / "page.html").read_text()


def test_the_terminal_gives_no_share_where_there_is_no_range(capsys):
    some = {"metrics": ["diversity"], "resamples": 20}
    print_evaluation(evaluate(REAL, SYNTHETIC, groups=np.arange(40) // 20, **some))
    said = " ".join(capsys.readouterr().out.split())
    assert "No range: 2 groups allow only 1 different split" in said
    assert "lie outside their range" not in said
    print_evaluation(evaluate(REAL, SYNTHETIC, groups=GROUPS, **some))
    said = " ".join(capsys.readouterr().out.split())
    assert "Real against real: 2000 splits into halves of 19 images" in said
    assert "about 5.1 % of the metrics would lie" in said
    print_evaluation(evaluate(REAL, SYNTHETIC, groups=GROUPS, metrics=["fd_lbp"], resamples=20))
    said = " ".join(capsys.readouterr().out.split())
    assert "2000 splits (20 of FD-LBP) into halves of 19 images" in said
    assert "about 14 % of the metrics would lie" in said


@pytest.mark.parametrize(
    ("images", "equal", "why"),
    [
        (1, False, "1 image to resample, at least 3 are needed"),
        (2, False, "2 images to resample, at least 3 are needed"),
        (3, True, "all resamples are equal"),
        (7, True, "all resamples are equal"),
    ],
)
def test_what_resamples_cannot_show_has_no_interval_but_a_reason(images, equal, why, capsys):
    made = SYNTHETIC[:images]
    if equal:
        made = np.repeat(made[:1], images, axis=0)
    evaluation = evaluate(REAL, {"a": made, "b": made[::-1].copy()}, **QUICK)
    records = [each for each in evaluation.sets[0].records if each.status == "computed"]
    names = {each.metric for each in records}
    assert {"psnr", "ssim", "mutual_information", "lbpv_255_difference"} <= names
    for each in records:
        if each.metric in ("copies", "precision_lbp", "recall_lbp", "coverage_lbp"):
            continue
        assert (each.low, each.high) == (None, None), each.metric
        halved = f"{images} images to halve, at least 4 are needed"
        assert each.why_no_interval in (why, halved), each.metric
    valid(evaluation)
    print_evaluation(evaluation)
    assert f"no interval: {why}" in " ".join(capsys.readouterr().out.split())
    if images < 3:
        assert all(place.low is None for each in evaluation.rankings for place in each.places)


def test_three_different_images_have_intervals():
    (psnr,) = evaluate(REAL, SYNTHETIC[:3], metrics=["psnr"], **QUICK).records
    assert psnr.low < psnr.value < psnr.high
    assert psnr.why_no_interval == ""


def test_the_long_part_tells_what_runs_and_how_far_it_is(monkeypatch, capsys):
    """Without a terminal; every look is a line here."""
    monkeypatch.setattr("miua.progress.SECONDS_BETWEEN_LINES", 0.0)
    monkeypatch.setattr("miua.progress.SECONDS_BETWEEN_LOOKS", 0.001)
    looked = threading.Event()
    whole = measure_module.watched

    def watched(shown, total, unit, look):
        def looking():
            done, note = look()
            if "copies 0%" in note:
                looked.set()
            return done, note

        return whole(shown, total, unit, looking)

    monkeypatch.setattr(measure_module, "watched", watched)
    rotations = variants.rotations

    def slow(*arguments):
        assert looked.wait(60)  # the search is seen before it goes on
        return rotations(*arguments)

    monkeypatch.setattr(variants, "rotations", slow)
    metrics = ["mutual_information", "copies"]
    evaluate(REAL, {"made": SYNTHETIC}, metrics=metrics, resamples=0, floor_splits=4)
    said = capsys.readouterr().err
    assert re.search(r"^Measuring made: [01] of 2 metrics \(.*copies 0%", said, re.MULTILINE)
    assert "Measuring made: 2 metrics in" in said


def test_a_metric_that_is_asked_twice_is_measured_once():
    evaluation = evaluate(REAL, {"a": SYNTHETIC, "b": REAL}, metrics=["psnr", "psnr"], **QUICK)
    assert [record.metric for record in evaluation.records] == ["psnr", "psnr"]  # one a set
    assert len(evaluation.rankings) == 1


def test_copies_that_chance_explains_are_not_called_copies():
    assert "chance may explain it" in about_copies(21, 17.0)
    assert "copies. Look" in about_copies(21, 0.01)


def test_the_light_install_suffices(tmp_path):
    """Without torch, pandas and what else the study needs: all but Inception's metrics."""
    np.savez(tmp_path / "stacks.npz", real=REAL, made=SYNTHETIC)
    program = f"""
import sys
for name in ("torch", "torch_fidelity", "pandas", "matplotlib", "jinja2", "pydantic", "pydicom"):
    sys.modules[name] = None
from miua import evaluate
source = {str(tmp_path / "stacks.npz")!r}
evaluation = evaluate(f"{{source}}:real", f"{{source}}:made", resamples=20, floor_splits=2)
print(*(record.metric for record in evaluation.records if record.value is not None))
"""
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    computed = answer.stdout.split()
    assert {"ssim", "fd_lbp", "coverage_lbp", "copies"} < set(computed)
    assert "fid" not in computed


def test_sets_that_do_not_fit_are_named():
    with pytest.raises(MiuaError, match="of odd 8 x 8"):
        evaluate(REAL, {"odd": textures(1, 3, size=8)})
    with pytest.raises(MiuaError, match="40 reference and 30 synthetic ones of made"):
        evaluate(REAL, {"made": SYNTHETIC}, pairing="index")
    with pytest.raises(ValueError, match="unknown metric 'vif'"):
        evaluate(REAL, SYNTHETIC, metrics=["vif"])
    with pytest.raises(MiuaError, match="Preprocessing sensitivity"):
        evaluate(REAL, SYNTHETIC, metrics=["psnr"], preprocessing_sensitivity=True, **QUICK)
