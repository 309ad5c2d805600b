import pytest

from miua.metrics.measures import (
    ALL_MEASURES,
    COMPANIONS,
    LBPV_TOTAL_DIFFERENCE,
    MEASURES,
    measure,
)
from miua.metrics import METRICS


def test_every_metric_of_evaluate_has_a_measure():
    names = [known.name for known in ALL_MEASURES]
    assert [name for name in names if not name.startswith("lbpv_")] == [
        name for name in METRICS if name != "lbpv"
    ]
    assert MEASURES + COMPANIONS == ALL_MEASURES
    assert len(MEASURES) == 7


@pytest.mark.parametrize("known", [*ALL_MEASURES, LBPV_TOTAL_DIFFERENCE])
def test_a_measure_is_found_by_its_name(known):
    assert measure(known.name) is known or measure(known.name) == known


def test_other_elements_are_measures_too_and_other_names_are_not():
    assert measure("lbpv_255_difference").label == "V255"
    for name in ("lbpv_256_difference", "ssim", ""):
        with pytest.raises(ValueError, match="no metric"):
            measure(name)
