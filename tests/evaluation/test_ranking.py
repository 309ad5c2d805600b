"""Rankings: the better side of each metric, places that resamples allow, and certainty."""

from dataclasses import replace

import numpy as np
import pytest

from miua.evaluation.ranking import rankings, ranks_of
from miua.metrics.records import MetricRecord


def measured(name: str, value: float | None, spread: float = 0.1, metric: str = "psnr"):
    draws = np.random.default_rng(len(name)).normal(value or 0, spread, 400)
    return [MetricRecord(name, metric, value, None, None, "dB", 9, 9, "", resampled=draws)]


def test_one_set_has_no_ranking():
    assert rankings([measured("a", 1.0)]) == ()


@pytest.mark.parametrize(
    ("better", "expected"),
    [
        ("higher", [3, 1, 2, 4]),
        ("lower", [2, 4, 3, 1]),
        ("zero", [1, 3, 2, 3]),
        ("one", [3, 1, 1, 4]),
    ],
)
def test_the_better_side(better, expected):
    values = np.array([0.0, 1.5, 0.5, -1.5])[:, None]
    assert ranks_of(values, better)[:, 0].tolist() == expected


def test_sets_far_apart_have_certain_places():
    (ranking,) = rankings([measured("worst", 1.0), measured("good", 3.0), measured("mid", 2.0)])
    assert [place.set for place in ranking.places] == ["good", "mid", "worst"]
    assert [(place.rank, place.low, place.high) for place in ranking.places] == [
        (1, 1, 1),
        (2, 2, 2),
        (3, 3, 3),
    ]
    assert ranking.places[0].first == 1
    assert ranking.decided


def test_sets_within_each_others_spread_have_none():
    (ranking,) = rankings([measured("a", 1.0, 0.5), measured("bb", 1.1, 0.5)])
    assert [(place.low, place.high) for place in ranking.places] == [(1, 2), (1, 2)]
    assert 0.3 < ranking.places[0].first < 0.8
    assert not ranking.decided


def test_resamples_that_are_biased_upwards_are_moved_to_their_values():
    """A distance of a resample is too large; of two sets it must not be so for one alone."""
    high = measured("high", 2.0, 0.01, "fd_lbp")
    low = measured("low", 1.9, 0.01, "fd_lbp")
    low[0].resampled[:] += 5
    (ranking,) = rankings([high, low])
    assert [place.set for place in ranking.places] == ["low", "high"]
    assert ranking.places[0].first == 1


def test_a_set_without_a_value_is_not_ranked():
    sets = [measured("a", 1.0), measured("bb", None), measured("ccc", 2.0)]
    (ranking,) = rankings(sets)
    assert [place.set for place in ranking.places] == ["ccc", "a"]
    assert rankings(sets[:2]) == ()


def test_values_without_resamples_are_ranked_without_certainty():
    sets = [measured("a", 1.0), measured("bb", np.inf)]
    sets[0] = [replace(sets[0][0], resampled=None)]
    (ranking,) = rankings(sets)
    assert [place.set for place in ranking.places] == ["bb", "a"]
    assert ranking.places[0].low is ranking.places[0].first is None
    assert not ranking.decided


def test_resamples_that_are_all_equal_make_no_place_certain():
    """Each resample of a precision of 1 is 1, and another draw of images may still give less."""
    sets = [measured("full", 1.0, 0.0), measured("nearly", 0.98, 0.001)]
    (ranking,) = rankings(sets)
    assert [place.set for place in ranking.places] == ["full", "nearly"]
    assert ranking.places[0].first is None
    assert not ranking.decided


def test_the_first_place_is_certain_only_where_no_other_is_in_its_range():
    """First in 96 % of the resamples is not enough: the range of its places is 1 to 2."""
    first, second = measured("a", 1.0, 1e-6), measured("bb", 0.9, 1e-6)
    second[0].resampled[:12] += 1  # of 400
    second[0].resampled[:] -= second[0].resampled.mean() - 0.9
    (ranking,) = rankings([first, second])
    assert ranking.places[0].first == pytest.approx(0.97)
    assert (ranking.places[0].low, ranking.places[0].high) == (1, 2)
    assert not ranking.decided


def test_of_equal_sets_none_is_first_for_sure():
    twins = [measured("a", 1.0), measured("b", 1.0), measured("ccc", 0.0)]
    (ranking,) = rankings(twins)
    assert [place.rank for place in ranking.places] == [1, 1, 3]
    assert ranking.places[0].first == 1
    assert not ranking.decided


def test_of_the_lbp_vector_only_the_studys_elements_are_ranked():
    def elements(name: str) -> list[MetricRecord]:
        return [
            MetricRecord(name, f"lbpv_{code:03d}_difference", float(code), None, None, "", 9, 9, "")
            for code in range(256)
        ]

    found = rankings([elements("a"), elements("b")])
    assert [ranking.metric for ranking in found] == [
        f"lbpv_{code:03d}_difference" for code in (8, 20, 143, 240)
    ]
    # Equal values share the better place.
    assert [place.rank for place in found[0].places] == [1, 1]
