import pytest

from miua.evaluation.measure import METRICS, STUDY_METRICS
from miua.metrics.measures import (
    ALL_MEASURES,
    COMPANIONS,
    COPIES,
    LBPV_TOTAL_DIFFERENCE,
    MEASURES,
    SSIM,
    feature_measures,
    measure,
)

FEATURES = [
    *feature_measures("inception").values(),
    *feature_measures("lbp").values(),
    *feature_measures("swav_800").values(),
]


def test_every_metric_of_the_study_has_a_measure():
    names = [known.name for known in ALL_MEASURES]
    assert [name for name in names if not name.startswith("lbpv_")] == [
        name for name in STUDY_METRICS if name != "lbpv"
    ]
    assert MEASURES + COMPANIONS == ALL_MEASURES
    assert len(MEASURES) == 7


def test_every_metric_of_evaluate_has_a_measure():
    for name in METRICS:
        if name not in ("lbpv", "neighbourhood", "neighbourhood_lbp"):
            assert measure(name).name == name


@pytest.mark.parametrize(
    "known", [*ALL_MEASURES, LBPV_TOTAL_DIFFERENCE, SSIM, COPIES, *FEATURES], ids=lambda m: m.name
)
def test_a_measure_is_found_by_its_name(known):
    assert measure(known.name) == known


def test_names_in_features_are_the_fields_own_for_inception_and_end_in_the_extractor_for_others():
    names = [known.name for known in feature_measures("inception").values()]
    assert names == ["fid", "fid_infinity", "kid", "precision", "recall", "density", "coverage"]
    names = [known.name for known in feature_measures("swav").values()]
    assert names == [
        "fd_swav",
        "fd_swav_infinity",
        "kd_swav",
        "precision_swav",
        "recall_swav",
        "density_swav",
        "coverage_swav",
    ]
    assert measure("fid") == ALL_MEASURES[2]


def test_labels_tell_measures_apart():
    labels = [known.label for known in (*ALL_MEASURES, SSIM, COPIES, *FEATURES)]
    twice = {label for label in labels if labels.count(label) > 1}
    assert twice <= {"FID", "FD-LBP"}  # in both lists


def test_other_elements_are_measures_too_and_other_names_are_not():
    assert measure("lbpv_255_difference").label == "V255"
    for name in ("lbpv_256_difference", "vif", "", "fd_", "kd_a_infinity"):
        with pytest.raises(ValueError, match="no metric"):
            measure(name)
