import csv
import math
import sys

import numpy as np
import pytest

from miua.errors import MiuaError
from miua.evaluation.evaluate import evaluate
from miua.metrics import (
    NotComputedError,
    diversity,
    frechet_distance,
    frechet_extrapolated,
    frechet_lbp_distance,
    inception_features,
    kernel_distance,
    lbp_histogram,
    lbp_vector,
    mutual_information,
    mutual_information_all_pairs,
    nearest_neighbours,
    neighbourhood,
    peak_signal_to_noise_ratio,
    peak_signal_to_noise_ratio_all_pairs,
    structural_similarity,
    structural_similarity_all_pairs,
)
from miua.metrics.comparison import Comparison, Side
from miua.metrics.inception_weights import InceptionWeights
from miua.metrics.records import COLUMNS, write_records
from miua.metrics.registry import REGISTRY, STUDY_METRICS, not_computed_records
from tests.evaluation.measuring import measure_set

LIGHT = ("mutual_information", "psnr", "lbpv")


def images(seed: int, n: int, size: int = 16) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, size, size), dtype=np.uint8)


def by_metric(records):
    return {record.metric: record for record in records}


def test_values_over_all_pairs():
    reference, synthetic = images(1, 5), images(2, 7)
    evaluation = measure_set(reference, synthetic, set_name="n0100_e0300", metrics=LIGHT)
    records = by_metric(evaluation)
    expected = {
        "mutual_information": mutual_information_all_pairs(reference, synthetic, 64).mean(),
        "psnr": peak_signal_to_noise_ratio_all_pairs(reference, synthetic).mean(),
    }
    for metric, value in expected.items():
        assert records[metric].value == pytest.approx(value, rel=1e-13)
        assert "all pairs" in records[metric].definition
        assert records[metric].low <= records[metric].value <= records[metric].high
    assert records["mutual_information"].unit == "nats"
    assert records["psnr"].unit == "dB"
    for record in evaluation:
        assert (record.set, record.n_reference, record.n_synthetic) == ("n0100_e0300", 5, 7)
        assert record.status == "computed"


def test_values_over_pairs_of_equal_index():
    reference, synthetic = images(3, 6), images(4, 6)
    records = by_metric(measure_set(reference, synthetic, metrics=LIGHT, pairing="index", bins=16))
    information = mutual_information(reference, synthetic, 16).mean()
    assert records["mutual_information"].value == pytest.approx(information, rel=1e-13)
    assert records["mutual_information"].definition == (
        "plug-in, 16 grey-level bins, mean over pairs of equal index"
    )
    ratio = peak_signal_to_noise_ratio(reference, synthetic).mean()
    assert records["psnr"].value == pytest.approx(ratio, rel=1e-13)


def test_lbpv_differences_are_reference_minus_synthetic():
    reference, synthetic = images(5, 4), images(6, 9)
    evaluation = measure_set(reference, synthetic, metrics=["lbpv"])
    names = [record.metric for record in evaluation]
    assert names == [f"lbpv_{code:03d}_difference" for code in range(256)]
    value, low, high = np.array([(r.value, r.low, r.high) for r in evaluation], float).T
    assert np.array_equal(value, lbp_vector(reference) - lbp_vector(synthetic))
    assert (value != 0).any()
    # A texture that as many pixels of each image have leaves no resample to differ.
    none = [record.why_no_interval == "all resamples are equal" for record in evaluation]
    assert (np.isnan(low) == none).all()
    assert ((low <= value) & (value <= high) | none).all()
    assert sum(none) < 128


def test_records_follow_the_order_of_metrics():
    records = measure_set(images(1, 2), images(2, 2), metrics=("psnr", "mutual_information"))
    assert [record.metric for record in records] == ["psnr", "mutual_information"]
    assert set(STUDY_METRICS) < set(REGISTRY)


def test_identical_pairs_are_left_out_of_psnr_and_told():
    reference = images(7, 4)
    synthetic = np.concatenate([images(8, 3), reference[:1]])
    record = by_metric(measure_set(reference, synthetic, metrics=["psnr"]))["psnr"]
    ratio = peak_signal_to_noise_ratio_all_pairs(reference, synthetic)
    assert np.isinf(ratio).sum() == 1
    assert record.value == pytest.approx(ratio[np.isfinite(ratio)].mean(), rel=1e-13)
    assert "1 identical pairs left out" in record.definition


def test_psnr_is_infinite_where_all_pairs_are_identical():
    reference = images(9, 3)
    record = by_metric(measure_set(reference, reference, metrics=["psnr"], pairing="index"))["psnr"]
    assert record.value == math.inf
    assert (record.low, record.why_no_interval) == (None, "all resamples are equal")
    assert "3 identical pairs left out" in record.definition


def test_intervals_depend_on_the_seed_alone():
    def bounds(seed, threads=1):
        evaluation = measure_set(
            images(1, 4), images(2, 30), metrics=LIGHT, seed=seed, threads=threads
        )
        return [(record.low, record.high) for record in evaluation]

    assert bounds(0) == bounds(0, threads=3)
    assert bounds(0) != bounds(1)


def test_interval_has_the_width_of_the_standard_error():
    """For a mean over many images the percentile interval is about 1.96 standard errors wide."""
    reference, synthetic = images(10, 3), images(11, 400)
    record = by_metric(measure_set(reference, synthetic, metrics=["psnr"], resamples=4000))["psnr"]
    by_image = peak_signal_to_noise_ratio_all_pairs(reference, synthetic).mean(axis=0)
    error = by_image.std() / np.sqrt(400)
    assert record.high - record.low == pytest.approx(2 * 1.96 * error, rel=0.1)


def test_a_single_synthetic_image_has_no_interval():
    for record in measure_set(images(1, 3), images(2, 1), metrics=LIGHT):
        assert record.value is not None
        assert record.low is record.high is None
        assert record.why_no_interval == "1 image to resample, at least 3 are needed"


def test_fid_without_weights_says_why_and_what_to_do():
    record = by_metric(measure_set(images(1, 3), images(2, 3)))["fid"]
    assert record.value is None
    assert record.low is record.high is None
    assert record.status.startswith("not computed: the Inception weights have not been fetched; ")
    assert "miua fetch inception" in record.status


def test_fid_without_torch_says_so(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torch", None)
    weights = InceptionWeights(tmp_path / "weights.pth", "0" * 64)
    evaluation = measure_set(images(1, 3), images(2, 3), inception_weights=weights)
    record = by_metric(evaluation)["fid"]
    assert record.value is None
    assert record.status.startswith("not computed: FID needs the package 'torch'")


def test_fid_of_one_image_is_not_computed():
    record = by_metric(measure_set(images(1, 1), images(2, 3), metrics=["fid"]))["fid"]
    assert record.status.startswith("not computed: a covariance needs two images")


def test_weights_that_were_named_must_be_right(tmp_path):
    for path in (tmp_path / "missing.pth", tmp_path / "wrong.pth"):
        (tmp_path / "wrong.pth").write_bytes(b"other")
        with pytest.raises(NotComputedError, match=path.name):
            measure_set(images(1, 3), images(2, 3), inception_weights=path)


def test_fid_with_weights(stand_in_weights):
    reference, synthetic = images(1, 4), images(2, 6)
    evaluation = measure_set(
        reference, synthetic, metrics=["fid"], inception_weights=stand_in_weights, device="cpu"
    )
    record = by_metric(evaluation)["fid"]
    both = np.concatenate([reference, synthetic])
    features = inception_features(both, stand_in_weights, device="cpu")
    expected = frechet_distance(features[:4], features[4:])
    assert expected > 0
    assert record.value == pytest.approx(expected, rel=1e-6)
    assert record.status == "computed"
    assert record.low <= record.value <= record.high
    assert stand_in_weights.sha256[:8] in record.definition


def test_companions_are_measured_as_by_their_functions():
    reference, synthetic = images(1, 9), images(2, 12) // 2
    records = by_metric(measure_set(reference, synthetic))
    distance, ratio = records["fd_lbp"], records["diversity"]
    assert distance.value == pytest.approx(frechet_lbp_distance(reference, synthetic), rel=1e-12)
    assert distance.low <= distance.value <= distance.high
    assert distance.unit == "counts²"
    assert ratio.value == pytest.approx(diversity(reference, synthetic), rel=1e-12)
    assert ratio.low < ratio.value < ratio.high


def test_the_interval_of_diversity_is_not_pulled_down_by_repeated_draws():
    """Were copies in a resample paired, its middle would lie at sqrt(1 - 1 / M) of the value."""
    reference, synthetic = images(1, 9), images(2, 10)
    record = by_metric(measure_set(reference, synthetic, metrics=["diversity"]))["diversity"]
    assert record.low <= record.value <= record.high
    assert (record.low + record.high) / 2 > 0.98 * record.value


@pytest.mark.parametrize(("n_reference", "n_synthetic"), [(1, 3), (3, 1)])
def test_companions_of_one_image_are_not_computed(n_reference, n_synthetic):
    evaluation = measure_set(images(1, n_reference), images(2, n_synthetic))
    for metric in ("fd_lbp", "diversity"):
        record = by_metric(evaluation)[metric]
        assert record.value is record.low is record.high is None
        assert record.status.startswith("not computed: ")
        assert "two images" in record.status


def test_diversity_beside_a_reference_of_equal_images_is_not_computed():
    equal = np.repeat(images(1, 1), 4, axis=0)
    record = by_metric(measure_set(equal, images(2, 4), metrics=["diversity"]))["diversity"]
    assert record.value is None
    assert "reference images are all the same" in record.status


def test_diversity_of_two_images_without_a_resample_that_holds_both():
    evaluation = measure_set(images(1, 4), images(2, 2), metrics=["diversity"], resamples=0)
    record = by_metric(evaluation)["diversity"]
    assert record.value > 0
    assert record.low is record.high is None


def test_records_on_disk(tmp_path):
    evaluation = measure_set(images(1, 2), images(2, 3), set_name="a set, with a comma")
    path = tmp_path / "metrics.csv"
    write_records(path, evaluation)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert ",".join(COLUMNS) == (
        "set,metric,value,low,high,unit,n_reference,n_synthetic,definition,status"
    )
    assert path.read_text().splitlines()[0] == ",".join(COLUMNS)
    assert len(rows) == len(evaluation) == 2 + 1 + 256 + 4
    for row, record in zip(rows, evaluation, strict=True):
        assert row["set"] == "a set, with a comma"
        assert row["status"] == record.status
        assert (float(row["value"]) if row["value"] else None) == record.value
    assert b"\r" not in path.read_bytes()


def test_unknown_metric_is_an_error():
    with pytest.raises(ValueError, match="unknown metric 'vif'; there are mutual_information"):
        measure_set(images(1, 2), images(2, 2), metrics=["psnr", "vif"])


@pytest.mark.parametrize("pairing", ["closest", ""])
def test_unknown_pairing_is_an_error(pairing):
    with pytest.raises(ValueError, match="pairing must be"):
        evaluate(images(1, 2), images(2, 2), pairing=pairing)


@pytest.mark.parametrize(
    ("reference", "synthetic", "options", "message"),
    [
        (
            images(1, 2, 16),
            images(2, 2, 8),
            {},
            "16 x 16 pixels and the .* 8 x 8",
        ),
        (images(1, 0), images(2, 2), {}, "The set real holds no images"),
        (images(1, 2), images(2, 0), {}, "The set synthetic holds no images"),
        (images(1, 2), images(2, 3), {"pairing": "index"}, "not 2 reference and 3 synthetic"),
    ],
)
def test_sets_that_do_not_fit_are_refused(reference, synthetic, options, message):
    with pytest.raises(MiuaError, match=message):
        evaluate(reference, synthetic, **options)


def test_a_set_that_there_is_not_has_the_records_of_any_other():
    made = measure_set(images(1, 4), images(2, 4), resamples=2)
    records = not_computed_records("n0024_e0001", "the training diverged")
    assert [(r.metric, r.unit) for r in records] == [(r.metric, r.unit) for r in made]
    assert {r.value for r in records} == {None}
    assert {r.status for r in records} == {"not computed: the training diverged"}
    assert {r.set for r in records} == {"n0024_e0001"}


def test_values_over_the_nearest_pairs():
    reference, synthetic = images(1, 6), images(2, 9)
    metrics = ("mutual_information", "psnr", "ssim")
    records = by_metric(measure_set(reference, synthetic, metrics=metrics, pairing="nearest"))
    partners = reference[nearest_neighbours(synthetic, reference).index]
    expected = {
        "mutual_information": mutual_information(partners, synthetic).mean(),
        "psnr": peak_signal_to_noise_ratio(partners, synthetic).mean(),
        "ssim": structural_similarity(partners, synthetic).mean(),
    }
    for metric, value in expected.items():
        assert records[metric].value == pytest.approx(value, rel=1e-12)
        assert "differs least" in records[metric].definition


def test_structural_similarity_over_all_pairs_and_of_small_images():
    reference, synthetic = images(1, 5), images(2, 7)
    record = by_metric(measure_set(reference, synthetic, metrics=["ssim"]))["ssim"]
    expected = structural_similarity_all_pairs(reference, synthetic).mean()
    assert record.value == pytest.approx(expected, rel=1e-12)
    assert record.low < record.value < record.high
    small = by_metric(measure_set(images(1, 5, 6), images(2, 7, 6), metrics=["ssim"]))["ssim"]
    assert small.value is None
    assert "7 x 7" in small.status


def test_blocks_of_reference_images_do_not_matter(monkeypatch):
    from miua.metrics import comparison

    reference, synthetic = images(1, 11), images(2, 4)
    whole = measure_set(reference, synthetic, metrics=("mutual_information", "psnr", "ssim"))
    monkeypatch.setattr(comparison, "ROWS_AT_ONCE", 3)
    parts = measure_set(reference, synthetic, metrics=("mutual_information", "psnr", "ssim"))
    for a, b in zip(whole, parts, strict=True):
        assert a.value == pytest.approx(b.value, rel=1e-14)
        assert a.low == pytest.approx(b.low, rel=1e-14)


def test_the_sum_over_the_lbp_vector():
    reference, synthetic = images(1, 9), images(2, 12) // 2
    record = by_metric(measure_set(reference, synthetic, metrics=["lbpv_total_difference"]))
    total = record["lbpv_total_difference"]
    assert total.value == pytest.approx(np.abs(lbp_vector(reference) - lbp_vector(synthetic)).sum())
    assert total.low < total.value < total.high


def test_metrics_in_lbp_features_are_those_of_their_functions():
    reference, synthetic = images(1, 40), images(2, 30) // 2
    measured = measure_set(reference, synthetic, metrics=["neighbourhood_lbp", "fd_lbp_infinity"])
    records = by_metric(measured)
    near = neighbourhood(lbp_histogram(reference), lbp_histogram(synthetic), k=5)
    for name in ("precision", "recall", "density", "coverage"):
        record = records[f"{name}_lbp"]
        assert record.value == pytest.approx(getattr(near, name).mean(), rel=1e-12)
        if name in ("recall", "coverage"):
            assert (record.low, record.high, record.resampled) == (None, None, None)
            assert record.why_no_interval.startswith("another draw of synthetic images changes it")
        else:
            assert record.low < record.value < record.high
    assert records["fd_lbp_infinity"].status == "computed"
    assert records["fd_lbp_infinity"].low is None
    assert "30 images a side, at least" in records["fd_lbp_infinity"].why_no_interval


def test_few_images_leave_no_neighbourhood_and_no_extrapolation():
    metrics = ["neighbourhood_lbp", "fd_lbp_infinity"]
    records = measure_set(images(1, 5), images(2, 5), metrics=metrics)
    assert len(records) == 5
    assert all(record.status.startswith("not computed: 5 images") for record in records)


def test_metrics_in_inception_features(stand_in_weights):
    reference, synthetic = images(1, 8), images(2, 7)
    records = by_metric(
        measure_set(
            reference,
            synthetic,
            metrics=["kid", "neighbourhood"],
            inception_weights=stand_in_weights,
            device="cpu",
        )
    )
    features = [
        inception_features(s, stand_in_weights, device="cpu") for s in (reference, synthetic)
    ]
    assert records["kid"].value == pytest.approx(kernel_distance(*features), rel=1e-6)
    assert records["kid"].low <= records["kid"].value <= records["kid"].high
    assert set(records) == {"kid", "precision", "recall", "density", "coverage"}


def test_without_weights_all_of_inceptions_metrics_say_so():
    metrics = ("fid", "fid_infinity", "kid", "neighbourhood")
    records = measure_set(images(1, 30), images(2, 30), metrics=metrics)
    assert len(records) == 7
    assert all("Inception weights have not been fetched" in record.status for record in records)


def test_sets_are_resampled_apart():
    real, made, other = Side(images(1, 12)), Side(images(2, 9)), Side(images(3, 9))
    first, again, second = (Comparison(real, each) for each in (made, made, other))
    np.testing.assert_array_equal(first.drawn, again.drawn)
    assert (first.drawn != second.drawn).any()
    assert (first.halves != second.halves).any()


def test_the_interval_at_infinitely_many_images_is_not_that_of_the_line_alone():
    # Of columns of one grey level, which have few codes.
    reference, synthetic = (images(seed, 60)[:, :1].repeat(16, axis=1) for seed in (1, 2))
    counts = lbp_histogram(reference), lbp_histogram(synthetic)
    line = frechet_extrapolated(*counts)
    records = measure_set(reference, synthetic, metrics=["fd_lbp_infinity"])
    (record,) = records
    assert record.value == pytest.approx(line.value)
    assert record.low < line.low < record.value < line.high < record.high
