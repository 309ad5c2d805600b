"""The published regression's tests, on scores whose answer is known."""

import math

import numpy as np
import pandas as pd
import pytest

from miua.analysis.clinician import refit
from miua.analysis.columns import COLUMNS
from miua.metrics.registry import element_name
from tests.analysis.claim_tests.world import (
    CLINICIAN,
    FIVE,
    MISSING_FID,
    drawn,
)


def plant_scores(study, r, metrics=FIVE, n=20):
    """Points of each metric that correlate with ln(score) by exactly r."""
    scores = np.linspace(1.2, 4.8, n)
    x = np.log(scores) - np.log(scores).mean()
    noise = np.random.default_rng(1).normal(size=n)
    noise -= noise.mean() + x * (noise @ x) / (x @ x)
    value = r * x / np.linalg.norm(x) + math.sqrt(1 - r * r) * noise / np.linalg.norm(noise)
    points = [
        (metric, score, v) for metric in metrics for score, v in zip(scores, value, strict=True)
    ]
    table = pd.DataFrame(points, columns=["metric", "clinician_score", "value"])
    table.to_csv(study / "data" / "digitised_scores.csv", index=False)
    lines = [(metric, 1, 0, 0.1, "", "") for metric in metrics]
    columns = ["metric", "a", "b", "reading_error", "lowest", "highest"]
    path = study / "data" / "published_coefficients.csv"
    pd.DataFrame(lines, columns=columns).to_csv(path, index=False)


def scored(world, study):
    world.study = study
    refit(study).to_csv(world.folder / "tables" / "regression.csv", index=False)
    return world


def test_coefficients_agree_within_reading_errors_and_not_beyond(world, study):
    scored(world, study)
    given = ("coefficients-agree", {"metrics": FIVE})
    assert world.judge(*given, {"reading_errors": 3}, **CLINICIAN).verdict == "reproduced"
    strict = world.judge(*given, {"reading_errors": 0.5}, **CLINICIAN)
    assert strict.verdict == "not reproduced"
    # FID: |6.961 - 7.0221| and |240.856 - 240.94| by 0.1; V8: |-3.623 + 3.6923| by 0.03.
    assert strict.numbers["largest distance in reading errors"] == pytest.approx(2.3, abs=0.1)


def test_correlations_exceed_their_threshold_or_do_not(world, study):
    plant_scores(study, 0.25)
    scored(world, study)
    given = ("correlations-exceed", {"metrics": FIVE})
    assert world.judge(*given, {"r": 0.2}, **CLINICIAN).verdict == "reproduced"
    assert world.judge(*given, {"r": 0.3}, **CLINICIAN).verdict == "not reproduced"


def test_correlations_stronger_needs_the_weak_ones_and_compares_them(world, study):
    inputs = {"strong": FIVE, "weak": ["psnr"]}
    scored(world, study)
    absent = world.judge("correlations-stronger", inputs, {"r": 0.2}, **CLINICIAN)
    assert absent.verdict == "not testable here"
    assert absent.missing == ("published points of PSNR",)
    plant_scores(study, 0.5, [*FIVE, "psnr"])
    scored(world, study)
    equal = world.judge("correlations-stronger", inputs, {"r": 0.2}, **CLINICIAN)
    assert equal.verdict == "not reproduced"
    path = study / "data" / "digitised_scores.csv"
    points = pd.read_csv(path)
    psnr = points["metric"] == "psnr"
    points.loc[psnr, "value"] = np.random.default_rng(3).permutation(points.loc[psnr, "value"])
    points.to_csv(path, index=False)
    scored(world, study)
    weaker = world.judge("correlations-stronger", inputs, {"r": 0.2}, **CLINICIAN)
    assert weaker.verdict == "reproduced"


def plant_lines(world, r):
    """r: {metric: correlation of this study's own clinicians' scores}."""
    rows = [
        dict.fromkeys(COLUMNS["reader-regression"], 1)
        | {"metric": metric, "n": 20, "pearson_r": value, "status": "computed"}
        for metric, value in r.items()
    ]
    world.write("reader-regression", rows, COLUMNS["reader-regression"])


def test_correlations_stronger_goes_by_our_own_clinicians_where_there_are_any(world):
    inputs = {"strong": FIVE, "weak": ["psnr"], "points": "readers"}
    given = ("correlations-stronger", inputs, {"r": 0.2})
    assert world.judge(*given, **CLINICIAN).missing[0].startswith("tables/regression.csv")
    values = dict.fromkeys([*FIVE, "psnr"], 1.0)
    world.grid(lambda *_: values)
    for weak, verdict in ((0.1, "reproduced"), (-0.6, "not reproduced")):
        plant_lines(world, dict.fromkeys(FIVE, -0.5) | {"psnr": weak})
        finding = world.judge(*given, **CLINICIAN)
        assert (finding.verdict, finding.n) == (verdict, 20)
        assert finding.reason.startswith("By the clinicians' scores of 20 sets made here")
    world.grid(lambda *_: values | {"fid": MISSING_FID})
    without = world.judge(*given, **CLINICIAN)
    assert without.verdict == "not testable here"
    assert "have not been fetched" in without.missing[0]


@pytest.mark.parametrize(
    ("p", "n", "sought", "singly", "as_a_family"),
    [
        (0.001, 20, 0.2, "reproduced", "reproduced"),
        (0.025, 20, 0.2, "reproduced", "undecided"),
        (0.3, 20, 0.2, "undecided", "undecided"),  # 20 points show nothing below 0.2
        # r = 0.4: 20 points would find 0.6 with a power of 0.83, and do not show that r is below.
        (0.08, 20, 0.6, "undecided", "undecided"),
        (0.3, 20, 0.7, "not reproduced", "not reproduced"),  # r = 0.24
        (0.3, 500, 0.2, "not reproduced", "not reproduced"),  # r = 0.05
    ],
)
def test_significance_is_found_missed_or_excluded_by_equivalence(
    world, p, n, sought, singly, as_a_family
):
    world.strengths(p, n)
    for adjustment, verdict in (("none", singly), ("Holm", as_a_family)):
        finding = world.judge(
            "correlations-significant",
            {"metrics": FIVE, "adjustment": adjustment},
            {"alpha": 0.05, "r": sought, "power": 0.8},
            **CLINICIAN,
        )
        assert finding.verdict == verdict
        assert (finding.power >= 0.8) == (sought > 0.2 or n == 500)
        assert finding.n == n


def plant_own(world, name, columns, **values):
    rows = [dict.fromkeys(columns, 1) | {"metric": metric, "n": 20, "status": "computed"} | values
            for metric in FIVE]  # fmt: skip
    world.grid(lambda *_: dict.fromkeys(FIVE, 1.0))
    world.write(name, rows, columns)


@pytest.mark.parametrize(("p", "verdict"), [(0.01, "reproduced"), (0.2, "undecided")])
def test_our_own_clinicians_correlations_are_judged_after_holm(world, p, verdict):
    inputs = {"metrics": FIVE, "adjustment": "Holm", "points": "readers"}
    given = ("correlations-significant", inputs, {"alpha": 0.05, "r": 0.2, "power": 0.8})
    world.strengths(0.001, 20)  # the published points do not stand in
    assert world.judge(*given).missing == ("a clinician's scores of these sets",)
    plant_own(world, "reader-correlation", COLUMNS["reader-correlation"], p_value=p / 10, p_holm=p)
    finding = world.judge(*given)
    assert (finding.verdict, finding.n) == (verdict, 20)
    assert finding.reason.startswith("By the clinicians' scores of 20 sets made here")


@pytest.mark.parametrize(("r", "verdict"), [(-0.9, "reproduced"), (0.6, "undecided")])
def test_our_own_clinicians_strongest_is_held_against_all_candidates(world, r, verdict):
    given = ("correlation-beyond-family", {"metrics": FIVE, "points": "readers"}, {"r": 0.2})
    assert world.judge(*given).missing == ("a clinician's scores of these sets",)
    plant_own(world, "reader-family", COLUMNS["reader-family"], pearson_r=r, critical_r=0.75)
    finding = world.judge(*given)
    assert (finding.verdict, finding.n) == (verdict, 20)
    assert finding.numbers["critical r"] == 0.75
    plant_own(
        world,
        "reader-family",
        COLUMNS["reader-family"],
        metric="",
        status="undecided: equal scores",
    )
    assert world.judge(*given).verdict == "undecided"
    assert "equal scores" in world.judge(*given).reason


@pytest.mark.parametrize(
    ("r", "sought", "verdict"),
    [(0.95, 0.2, "reproduced"), (0.4, 0.2, "undecided"), (0.4, 0.97, "not reproduced")],
)
def test_the_family_of_candidates_raises_what_chance_reaches(world, study, r, sought, verdict):
    plant_scores(study, r)
    scored(world, study)
    draw = drawn()
    world.grid(lambda *_: {element_name(e): draw() for e in range(256)} | {"fid": MISSING_FID})
    finding = world.judge("correlation-beyond-family", {"metrics": FIVE}, {"r": sought})
    assert finding.verdict == verdict
    assert 0.6 < finding.numbers["critical r"] < 0.9
    assert finding.numbers["candidates"] == 256
    assert "FID not among them" in finding.reason


def test_another_number_of_sets_than_of_scores_is_undecided(world, study):
    scored(world, study)
    draw = drawn()
    world.grid(lambda *_: {"psnr": draw()}, sizes=[100])
    finding = world.judge("correlation-beyond-family", {"metrics": FIVE}, {"r": 0.2})
    assert finding.verdict == "undecided"
    assert "4 sets" in finding.reason


def test_constant_scores_are_undecided(world, study):
    path = study / "data" / "digitised_scores.csv"
    points = pd.read_csv(path)
    points.loc[points["metric"] == "fid", "value"] = 240.0
    points.to_csv(path, index=False)
    scored(world, study)
    finding = world.judge("correlations-exceed", {"metrics": FIVE}, {"r": 0.2}, **CLINICIAN)
    assert finding.verdict == "undecided"
    assert "FID: all values are equal" in finding.reason


def test_without_its_table_a_claim_is_not_testable(world):
    finding = world.judge("correlations-exceed", {"metrics": FIVE}, {"r": 0.2}, **CLINICIAN)
    assert finding.verdict == "not testable here"
    assert "tables/regression.csv" in finding.missing[0]
