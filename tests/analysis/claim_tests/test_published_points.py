"""What the published points carry: direction, closeness, their number, the scores' reliability."""

import pandas as pd
import pytest

from miua.metrics.registry import element_name
from tests.analysis.claim_tests.test_clinician_scores import plant_scores, scored
from tests.analysis.claim_tests.world import CLINICIAN, FIVE, FOUR, World, drawn

SLOPE = {"alpha": 0.05, "r": 0.2}
FEW = {"shrinkage": 0.1, "alpha": 0.05, "power": 0.8}
V8 = element_name(8)


def test_the_published_slope_of_fid_has_no_certain_sign(world, study):
    scored(world, study)
    given = ("slope-has-sign", {"metric": "fid", "sign": "positive"}, SLOPE)
    finding = world.judge(*given, **CLINICIAN)
    assert (finding.verdict, finding.n) == ("undecided", 20)
    assert finding.numbers["p"] == pytest.approx(0.076, abs=0.001)
    assert finding.numbers["spearman r"] == pytest.approx(0.25, abs=0.005)
    assert finding.numbers["r without the lowest"] == pytest.approx(0.11, abs=0.005)
    assert "without the 2 sets of the lowest score r = 0.11" in finding.reason
    assert finding.power == pytest.approx(0.135, abs=0.001)


@pytest.mark.parametrize(
    ("r", "sign", "sought", "verdict"),
    [
        (0.5, "positive", 0.2, "reproduced"),
        (0.5, "negative", 0.2, "not reproduced"),
        (0.3, "positive", 0.2, "undecided"),
        (0.05, "positive", 0.5, "not reproduced"),  # shown to be smaller
    ],
)
def test_a_slope_has_its_sign_where_it_is_significant(world, study, r, sign, sought, verdict):
    plant_scores(study, r)
    scored(world, study)
    inputs, thresholds = {"metric": "fid", "sign": sign}, SLOPE | {"r": sought}
    assert world.judge("slope-has-sign", inputs, thresholds, **CLINICIAN).verdict == verdict


def test_closeness_of_the_published_points_is_what_the_best_of_256_reaches_by_chance(world):
    given = ("closeness-predicts", {"metrics": FIVE}, SLOPE)
    finding = world.judge(*given, **CLINICIAN)
    assert (finding.verdict, finding.n) == ("undecided", 20)
    numbers = finding.numbers
    assert numbers[f"r {V8}"] == pytest.approx(-0.57, abs=0.005)
    assert numbers[f"p {V8}"] == pytest.approx(0.009, abs=0.0005)
    assert numbers[f"p_holm {V8}"] == pytest.approx(0.046, abs=0.0005)
    assert numbers["r fid"] == pytest.approx(0.41, abs=0.005)
    assert numbers["chance of the best of 256"] == pytest.approx(0.907, abs=0.001)
    assert "chance of the best of 256, as dependent as ours" not in numbers


def test_closeness_is_held_against_elements_as_dependent_as_those_of_real_sets(world, tmp_path):
    draw = drawn(3)

    def metrics(*_):
        common = draw(0, 1)
        return {element_name(e): 5 + common + draw(0, 1) for e in range(256)} | {"fid": 1.0}

    given = ("closeness-predicts", {"metrics": FIVE}, SLOPE)
    world.grid(metrics)
    numbers = world.judge(*given, **CLINICIAN).numbers
    ours = numbers["chance of the best of 256, as dependent as ours"]
    assert 0.3 < ours < numbers["chance of the best of 256"]
    phantoms = World(tmp_path / "smoke", scientific=False)
    phantoms.grid(metrics)
    assert (
        "chance of the best of 256, as dependent as ours"
        not in phantoms.judge(*given, **CLINICIAN).numbers
    )
    world.grid(metrics, sizes=[100])  # another number of sets than of scores
    assert len(world.judge(*given, **CLINICIAN).numbers) == len(numbers) - 1


@pytest.mark.parametrize(
    ("r", "sought", "verdict"),
    [(-0.95, 0.2, "reproduced"), (0.95, 0.2, "not reproduced"), (-0.1, 0.6, "not reproduced")],
)
def test_closeness_that_holds_among_256_is_shown(world, study, r, sought, verdict):
    plant_scores(study, r, FOUR)
    points = pd.read_csv(study / "data" / "digitised_scores.csv")
    points["value"] += 5  # all on one side of 0
    points.to_csv(study / "data" / "digitised_scores.csv", index=False)
    world.study = study
    given = ("closeness-predicts", {"metrics": FOUR}, SLOPE | {"r": sought})
    assert world.judge(*given, **CLINICIAN).verdict == verdict
    absent = world.judge("closeness-predicts", {"metrics": FIVE}, SLOPE, **CLINICIAN)
    assert absent.missing == ("published points of FID",)


def test_few_points_do_not_make_a_correlation_small(world, study):
    scored(world, study)
    finding = world.judge("points-explain-weakness", {"metrics": FIVE}, FEW, **CLINICIAN)
    assert (finding.verdict, finding.n) == ("not reproduced", 20)
    assert "45 (r = 0.41, FID) and 114 (r = 0.26, V240) points" in finding.reason
    assert max(v for k, v in finding.numbers.items() if "shortfall" in k) < 0.03
    strict = FEW | {"shrinkage": 0.001}
    shown = world.judge("points-explain-weakness", {"metrics": FIVE}, strict, **CLINICIAN)
    assert shown.verdict == "reproduced"


@pytest.mark.parametrize(
    ("least", "most", "wanted", "verdict"),
    [
        (0.5, 1.0, 0.8, "undecided"),
        (0.25, 0.5, 0.8, "reproduced"),
        (1.0, 1.2, 0.8, "not reproduced"),
    ],
)
def test_reliability_depends_on_how_grades_scatter(world, least, most, wanted, verdict):
    inputs = {"metric": "fid", "least_deviation": least, "most_deviation": most}
    thresholds = {"reliability": wanted}
    finding = world.judge("scores-are-reliable", inputs, thresholds, **CLINICIAN)
    assert (finding.verdict, finding.n) == (verdict, 20)
    if most == 1:
        assert finding.numbers["reliability at least"] == pytest.approx(0.52, abs=0.005)
        assert "(with 3 grades a set 0.55)" in finding.reason


def test_published_sets_are_judged_by_their_points(world, study):
    floor = dict(zip(FOUR, (0.44, 0.43, 2.8, 4.4), strict=True))
    given = ("published-sets-within-floor", {"floor": floor}, {"multiple": 1.0})
    finding = world.judge(*given, **CLINICIAN)
    assert (finding.verdict, finding.n) == ("not reproduced", 20)
    means = [finding.numbers[f"{metric} mean"] for metric in FOUR]
    assert means == pytest.approx([2.08, 1.29, 3.36, 4.80], abs=0.005)
    assert finding.reason.endswith("V8, V20, V143, V240 beyond it.")
    wider = world.judge(*given[:2], {"multiple": 5.0}, **CLINICIAN)
    assert wider.verdict == "reproduced"
    plant_scores(study, 0.5, ["fid"])
    world.study = study
    assert world.judge(*given, **CLINICIAN).missing == ("published points of V8, V20, V143, V240",)
