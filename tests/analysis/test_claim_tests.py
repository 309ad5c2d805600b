"""Every test of the ledger on tables with a known answer, and on tables that allow none."""

import math
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from miua.analysis.claim_tests import TESTS, Evidence
from miua.analysis.claim_tests.base import number
from miua.analysis.clinician import CLINICIAN_COLUMNS, refit
from miua.analysis.experiments import EXPERIMENT_COLUMNS
from miua.analysis.ledger import Claim, judge
from miua.analysis.measures import STUDY_ELEMENTS, element_name
from miua.analysis.noise_floor import COLUMNS as FLOOR_COLUMNS
from miua.analysis.noise_floor import PAIRING_COLUMNS, SUMMARY_COLUMNS
from miua.analysis.results import Results
from miua.analysis.sensitivity import SUMMARY_COLUMNS as SENSITIVITY_COLUMNS
from miua.analysis.stability import STABILITY_COLUMNS
from miua.config import write_config
from miua.files import write_array
from miua.plan import DataSource, Grid, Profile

STUDY = Path(__file__).parents[2] / "experiments"
SIZES, EPOCHS = (100, 300, 500, 800, 999), (300, 500, 800, 1000)
FOUR = [element_name(element) for element in STUDY_ELEMENTS]
FIVE = ["fid", *FOUR]
MISSING_FID = "not computed: the Inception weights have not been fetched"
DAMAGES = ("blur", "speckle", "gain", "compression", "rotation", "collapse", "memorisation")


class World:
    """A results folder whose tables are planted."""

    def __init__(self, folder, *, scientific=True):
        self.folder = folder
        source = {"source": "hc18"} if scientific else {"source": "phantom", "images": 1000}
        plan = Profile(
            profile="paper" if scientific else "smoke",
            description="for tests",
            scientific=scientific,
            banner="" if scientific else "not a scientific result",
            data=DataSource(**source),
            reference_images=20,
            synthetic_images=20,
            experiments={"training-size": Grid(training_sizes=SIZES, epochs=EPOCHS)},
        )
        (folder / "tables").mkdir(parents=True)
        write_config(folder / "plan.yaml", plan)

    def write(self, name, table, columns):
        frame = pd.DataFrame(table, columns=list(columns))
        frame.to_csv(self.folder / "tables" / f"{name}.csv", index=False)

    def sets(self, experiment, cells):
        """cells: (arm, size, epoch, {metric: value, (value, low, high) or status})."""
        rows = [
            row(experiment, arm, size, epoch, metric, value)
            for arm, size, epoch, metrics in cells
            for metric, value in metrics.items()
        ]
        self.write(experiment, rows, EXPERIMENT_COLUMNS)

    def grid(self, value_of, *, updates_value_of=None, epochs=EPOCHS, sizes=SIZES):
        """The 20 sets; value_of(size, epoch) gives {metric: value}."""
        cells = [("equal epochs", s, e, value_of(s, e)) for s in sizes for e in epochs]
        if updates_value_of:
            cells += [("equal updates", s, 60000 // s, updates_value_of(s)) for s in sizes]
        self.sets("training-size", cells)

    def stability(self, experiment, signs, epochs=1000):
        """signs: {arm: signs of its run}."""
        rows = [
            {
                **dict.fromkeys(STABILITY_COLUMNS, 0),
                "experiment": experiment,
                "arm": arm,
                "run": arm,
                "epochs": epochs,
                "diverged_epoch": "",
                "signs": seen,
                "stable": "no" if seen else "yes",
            }
            for arm, seen in signs.items()
        ]
        self.write("stability", rows, STABILITY_COLUMNS)

    def floor(self, values, *, images=400, in_order=None):
        """values: {metric: (mean, low, high)}, or a status; in_order: {metric: difference}."""
        rows = [
            ("order", images, metric, 1, value, math.nan, abs(value), value, value, "computed")
            for metric, value in (in_order or {}).items()
        ]
        for metric, value in values.items():
            mean, low, high = (math.nan,) * 3 if isinstance(value, str) else value
            status = value if isinstance(value, str) else "computed"
            size = max(abs(low), abs(high)) / 2
            rows.append(("subject", images, metric, 20, mean, 1.0, size, low, high, status))
        self.write("noise-floor-summary", rows, SUMMARY_COLUMNS)

    def sensitivity(self, responses, spearman=1.0):
        """responses: {(damage, metric): response}."""
        rows = [
            (damage, metric, 6, spearman, "yes", "rises", 1, response, "computed")
            for (damage, metric), response in responses.items()
        ]
        self.write("sensitivity-summary", rows, SENSITIVITY_COLUMNS)

    def strengths(self, p, n):
        """The clinician's table of five metrics with one p."""
        nothing = dict.fromkeys(CLINICIAN_COLUMNS, "")
        found = {"n": n, "p_value": p, "p_holm": min(1.0, 5 * p), "status": "computed"}
        rows = [{**nothing, "metric": metric, **found} for metric in FIVE]
        self.write("clinician", rows, CLINICIAN_COLUMNS)

    def judge(self, test, inputs, thresholds, *, experiments=("training-size",), needs=()):
        claim = Claim(
            id="planted",
            claim="planted",
            section="reader",
            experiments=list(experiments),
            test=test,
            inputs=inputs,
            thresholds=thresholds,
            needs=list(needs),
            reproduced="planted",
        )
        evidence = Evidence(Results.open(self.folder), self.study, tuple(experiments))
        finding = judge(claim, evidence)
        assert finding.reason.endswith(".")
        assert all(math.isfinite(value) for value in finding.numbers.values())
        return finding

    study = STUDY


def row(experiment, arm, size, epoch, metric, value):
    value, low, high = value if isinstance(value, tuple) else (value, math.nan, math.nan)
    status = "computed"
    if isinstance(value, str):
        value, status = math.nan, value
    return {
        **dict.fromkeys(EXPERIMENT_COLUMNS, 1),
        "experiment": experiment,
        "arm": arm,
        "set": f"{arm}_{size}_{epoch}",
        "run": f"{arm}_{size}",
        "epoch": epoch,
        "training_size": size,
        "metric": metric,
        "value": value,
        "low": low,
        "high": high,
        "definition": "planted",
        "status": status,
    }


def drawn(seed=0):
    """A function that gives the next number of a normal distribution."""
    draws = np.random.default_rng(seed)
    return lambda mean=0.0, deviation=1.0: float(draws.normal(mean, deviation))


@pytest.fixture
def world(tmp_path):
    return World(tmp_path / "results")


def test_every_registered_test_is_tested_here():
    text = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in TESTS if f'"{name}"' not in text] == []


# --- the clinician's scores -----------------------------------------------------------------


@pytest.fixture
def study(tmp_path):
    shutil.copytree(STUDY / "data", tmp_path / "study" / "data")
    return tmp_path / "study"


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


CLINICIAN = {"experiments": ("clinician",)}


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


@pytest.mark.parametrize(
    ("p", "sought", "singly", "as_a_family"),
    [
        (0.001, 0.2, "reproduced", "reproduced"),
        (0.025, 0.2, "reproduced", "undecided"),
        (0.3, 0.2, "undecided", "undecided"),  # 20 points would not find 0.2
        (0.3, 0.7, "not reproduced", "not reproduced"),  # but they would find 0.7
    ],
)
def test_significance_is_found_missed_or_excluded_by_power(world, p, sought, singly, as_a_family):
    world.strengths(p, 20)
    for adjustment, verdict in (("none", singly), ("Holm", as_a_family)):
        finding = world.judge(
            "correlations-significant",
            {"metrics": FIVE, "adjustment": adjustment},
            {"alpha": 0.05, "r": sought, "power": 0.8},
            **CLINICIAN,
        )
        assert finding.verdict == verdict
        assert (finding.power >= 0.8) == (sought == 0.7)
        assert finding.n == 20


@pytest.mark.parametrize(
    ("r", "sought", "verdict"),
    [(0.95, 0.2, "reproduced"), (0.4, 0.2, "undecided"), (0.4, 0.97, "not reproduced")],
)
def test_the_family_of_candidates_raises_what_chance_reaches(world, study, r, sought, verdict):
    plant_scores(study, r)
    scored(world, study)
    draw = drawn()
    world.grid(lambda *_: {element_name(e): draw() for e in range(256)} | {"fid": MISSING_FID})
    finding = world.judge(
        "correlation-beyond-family", {"metrics": FIVE}, {"r": sought, "power": 0.8}
    )
    assert finding.verdict == verdict
    assert 0.6 < finding.numbers["critical r"] < 0.9
    assert finding.numbers["candidates"] == 256
    assert "FID not among them" in finding.reason


def test_another_number_of_sets_than_of_scores_is_undecided(world, study):
    scored(world, study)
    draw = drawn()
    world.grid(lambda *_: {"psnr": draw()}, sizes=[100])
    finding = world.judge("correlation-beyond-family", {"metrics": FIVE}, {"r": 0.2, "power": 0.8})
    assert finding.verdict == "undecided"
    assert "4 sets" in finding.reason


def test_the_slope_has_a_sign(world, study):
    plant_scores(study, 0.5)
    scored(world, study)
    for sign, verdict in (("positive", "reproduced"), ("negative", "not reproduced")):
        inputs = {"metric": "fid", "sign": sign}
        finding = world.judge("slope-has-sign", inputs, {"slope": 0}, **CLINICIAN)
        assert finding.verdict == verdict


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


# --- training size --------------------------------------------------------------------------

NO_DIFFERENCE = ("no-difference-over-sizes", {"metrics": ["psnr"], "arm": "equal epochs"})


@pytest.mark.parametrize(
    ("effect", "bound", "verdict"),
    [
        (0.01, 0.4, "not reproduced"),  # sizes differ by nine standard deviations
        (0.0, 0.4, "undecided"),  # 20 sets do not show equivalence within 0.4
        (0.0, 1.5, "reproduced"),
    ],
)
def test_sizes_differ_are_equivalent_or_neither(world, effect, bound, verdict):
    draw = drawn(1)
    world.grid(lambda s, e: {"psnr": effect * s + draw()})
    finding = world.judge(*NO_DIFFERENCE, {"alpha": 0.05, "cohen_f": bound})
    assert finding.verdict == verdict
    assert finding.n == 20
    assert (finding.power < 0.8) == (bound == 0.4)
    assert "one-way" in finding.reason
    assert "by epoch" in finding.reason


def test_an_effect_that_epochs_hide_from_the_one_way_test_is_found_blocked(world):
    order = {s: i for i, s in enumerate(SIZES)}
    world.grid(lambda s, e: {"psnr": e / 10 + order[s]})
    finding = world.judge(*NO_DIFFERENCE, {"alpha": 0.05, "cohen_f": 0.4})
    assert finding.verdict == "not reproduced"
    assert finding.numbers["psnr p one-way"] > 0.9
    assert finding.numbers["psnr p blocked"] < 0.01


def test_a_joint_claim_without_fid_is_never_reproduced(world):
    draw = drawn(1)
    world.grid(lambda *_: {"psnr": draw(), "fid": MISSING_FID})
    joint = {"metrics": ["psnr", "fid"], "arm": "equal epochs"}
    finding = world.judge("no-difference-over-sizes", joint, {"alpha": 0.05, "cohen_f": 5})
    assert finding.verdict == "undecided"
    assert "Inception weights" in finding.reason
    alone = {"metrics": ["fid"], "arm": "equal epochs"}
    finding = world.judge("no-difference-over-sizes", alone, {"alpha": 0.05, "cohen_f": 5})
    assert finding.verdict == "not testable here"


@pytest.mark.parametrize("sizes", [[100], SIZES])
def test_one_size_and_constant_values_are_undecided(world, sizes):
    world.grid(lambda *_: {"psnr": 11.0}, sizes=sizes)
    finding = world.judge(*NO_DIFFERENCE, {"alpha": 0.05, "cohen_f": 0.4})
    assert finding.verdict == "undecided"
    assert "PSNR: " in finding.reason


def test_one_set_alone_is_undecided(world):
    world.grid(lambda *_: {"psnr": 11.0}, sizes=[100], epochs=[300])
    assert world.judge(*NO_DIFFERENCE, {"alpha": 0.05, "cohen_f": 0.4}).verdict == "undecided"


def test_a_diverged_training_leaves_the_other_sets_to_be_compared(world):
    draw = drawn()
    diverged = "not computed: the training diverged"
    world.grid(lambda s, e: {"psnr": diverged if (s, e) == (999, 1000) else draw(s)})
    finding = world.judge(*NO_DIFFERENCE, {"alpha": 0.05, "cohen_f": 0.4})
    assert finding.verdict == "not reproduced"
    assert finding.n == 19


def test_the_design_is_weak_for_a_small_effect_and_not_for_a_huge_one(world):
    for effect, verdict in ((0.4, "reproduced"), (2.0, "not reproduced")):
        thresholds = {"alpha": 0.05, "cohen_f": effect, "power": 0.8}
        finding = world.judge("design-is-weak", {}, thresholds)
        assert finding.verdict == verdict
        assert (finding.power < 0.8) == (effect == 0.4)


def spread(world, wide, narrow, ratio=10):
    world.grid(lambda s, _: {"fd_lbp": wide * s}, updates_value_of=lambda s: {"fd_lbp": narrow * s})
    return world.judge(
        "spread-is-wider",
        {
            "metrics": ["fid", "fd_lbp"],
            "wide": {"experiment": "training-size", "arm": "equal epochs"},
            "narrow": {"experiment": "training-size", "arm": "equal updates"},
        },
        {"alpha": 0.05, "variance_ratio": ratio, "power": 0.8},
    )


@pytest.mark.parametrize(
    ("wide", "narrow", "ratio", "verdict"),
    [
        (10, 1, 10, "reproduced"),
        (1, 1, 10, "undecided"),
        (1, 1, 100, "not reproduced"),
        (1, 0, 10, "undecided"),  # constant
    ],
)
def test_spread_of_runs_is_compared_at_their_last_epoch(world, wide, narrow, ratio, verdict):
    finding = spread(world, wide, narrow, ratio)
    assert finding.verdict == verdict
    if narrow:
        assert finding.numbers["variance ratio"] == pytest.approx((wide / narrow) ** 2)
        assert finding.n == 10


def test_a_missing_experiment_is_named(world):
    finding = world.judge(
        "spread-is-wider",
        {
            "metrics": ["fid"],
            "wide": {"experiment": "training-size"},
            "narrow": {"experiment": "seeds"},
        },
        {"alpha": 0.05, "variance_ratio": 2, "power": 0.8},
    )
    assert finding.verdict == "not testable here"
    assert "training-size" in finding.missing[0]


# --- arms -----------------------------------------------------------------------------------

BEST = {"distance": ["fid", "fd_lbp"], "best": "both", "others": ["none", "flip"]}


def arms(world, *, both, none=100.0, flip=120.0, seeds=(99.0, 100.0, 101.0), fid=MISSING_FID):
    values = {"both": both, "none": none, "flip": flip}
    cells = [
        (arm, 300, 40, {"fd_lbp": v, "fid": v if fid is None else fid}) for arm, v in values.items()
    ]
    world.sets("augmentation", cells)
    repeated = [
        (f"seed-{i}", 300, epoch, {"fd_lbp": v * epoch / 40, "fid": v if fid is None else fid})
        for i, v in enumerate(seeds)
        for epoch in (20, 40)
    ]
    world.sets("seeds", repeated)
    return world.judge("best-arm", BEST, {"alpha": 0.05}, experiments=("augmentation", "seeds"))


def test_an_arm_that_is_prepared_otherwise_is_told_and_not_ranked(world):
    cells = [(arm, 300, 40, {"fd_lbp": v}) for arm, v in (("both", 95.5), ("none", 100.0))]
    repeated = [(f"seed-{i}", 300, 40, {"fd_lbp": v}) for i, v in enumerate((99.0, 100.0, 101.0))]
    world.sets("augmentation", [*cells, ("flip", 300, 40, {"fd_lbp": 1.0})])
    world.sets("seeds", repeated)
    given = ("best-arm", {**BEST, "distance": ["fd_lbp"]}, {"alpha": 0.05})
    experiments = ("augmentation", "seeds")
    assert world.judge(*given, experiments=experiments).verdict == "not reproduced"
    path = world.folder / "tables" / "augmentation.csv"
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    table.loc[table["arm"] == "flip", "preparation"] = "64_crop500"
    table.to_csv(path, index=False)
    finding = world.judge(*given, experiments=experiments)
    assert finding.verdict == "reproduced"
    assert "flip has 1.00 to images prepared otherwise" in finding.reason
    table.loc[table["arm"] == "none", "preparation"] = "64_crop500"
    table.to_csv(path, index=False)
    assert world.judge(*given, experiments=experiments).verdict == "undecided"


# One-sided t on 2 degrees of freedom: 2.92 for the margin to the next, 4.30 to be beaten by one of
# two; times sqrt(2) for the difference of two runs, times the standard deviation 1 of the seeds.
@pytest.mark.parametrize(
    ("both", "verdict"),
    [
        (95.5, "reproduced"),  # 4.5 > 4.13
        (96.5, "undecided"),
        (105.5, "undecided"),
        (106.5, "not reproduced"),  # 6.5 > 6.08
    ],
)
def test_an_arm_is_best_only_by_more_than_seeds_do(world, both, verdict):
    finding = arms(world, both=both)
    assert finding.verdict == verdict
    assert finding.numbers["margin needed"] == pytest.approx(2.92 * math.sqrt(2), abs=0.01)
    assert finding.numbers["margin to be beaten"] == pytest.approx(4.303 * math.sqrt(2), abs=0.01)
    assert "FID was not computed" in finding.reason
    assert "FD-LBP is" in finding.reason


def test_equal_arms_are_told_apart_no_more_often_than_alpha():
    draws = np.random.default_rng(4)
    test = TESTS["best-arm"]
    inputs = test.inputs.model_validate(BEST | {"distance": ["fd_lbp"]})
    thresholds = test.thresholds.model_validate({"alpha": 0.1})
    names = ["both", "none", "flip", "seed-0", "seed-1", "seed-2"]
    table = pd.DataFrame([row("any", name, 300, 40, "fd_lbp", 0.0) for name in names])
    evidence = SimpleNamespace(experiments=["any"], sets=lambda _: table)
    verdicts = []
    for values in draws.normal(100, 1, (200, len(names))):
        table["value"] = values
        seeds = table[table["arm"].str.startswith("seed")]
        evidence.sets = lambda name, seeds=seeds: seeds if name == "seeds" else table
        verdicts.append(test.judge(evidence, inputs, thresholds).verdict)
    assert verdicts.count("reproduced") <= 200 * 0.1 + 13  # three standard errors
    assert 0 < verdicts.count("not reproduced") <= 200 * 0.1 + 13


def test_fid_decides_where_it_was_computed(world):
    finding = arms(world, both=90.0, fid=None)
    assert finding.verdict == "reproduced"
    assert "FID is" in finding.reason
    assert "fid both" in finding.numbers


@pytest.mark.parametrize("seeds", [(100.0,), (100.0, 100.0, 100.0)])
def test_seeds_that_do_not_vary_decide_nothing(world, seeds):
    assert arms(world, both=50.0, seeds=seeds).verdict == "undecided"


def test_an_arm_that_diverged_is_left_out_and_told(world):
    finding = arms(world, both=95.0, flip="not computed: the training diverged")
    assert finding.verdict == "reproduced"
    assert "flip gave no images" in finding.reason
    gone = "not computed: the training diverged"
    assert arms(world, both=95.0, flip=gone, none=gone).verdict == "undecided"
    assert arms(world, both=gone).verdict == "not testable here"


def test_arms_and_seeds_that_were_not_run_are_missing(world):
    world.sets("augmentation", [("both", 300, 40, {"fd_lbp": 1.0})])
    given = ("best-arm", BEST, {"alpha": 0.05})
    without_seeds = world.judge(*given, experiments=("augmentation", "seeds"))
    assert without_seeds.verdict == "not testable here"
    assert "seeds" in without_seeds.missing[0]
    world.sets("seeds", [("seed-0", 300, 40, {"fd_lbp": 1.0})])
    without_arm = world.judge(*given, experiments=("augmentation", "seeds"))
    assert without_arm.verdict == "not testable here"
    assert "'none'" in without_arm.missing[0]


def test_fid_with_stand_in_weights_is_not_fid(world):
    world.grid(lambda *_: {"fid": 240.0})
    path = world.folder / "tables" / "training-size.csv"
    path.write_text(path.read_text().replace("planted", "Inception features; weights 0123abcd"))
    inputs = {"metrics": ["fid"], "arm": "equal epochs"}
    finding = world.judge("values-in-range", inputs, {"low": 234, "high": 256})
    assert finding.verdict == "not testable here"
    assert "stand-ins" in finding.reason
    path.write_text(path.read_text().replace("0123abcd", "6726825d"))
    assert world.judge("values-in-range", inputs, {"low": 234, "high": 256}).verdict == "reproduced"


SATURATED = "saturated discriminator"


@pytest.mark.parametrize(
    ("signs", "epochs", "verdict"),
    [
        ({"64": "", "128": SATURATED}, 1000, "reproduced"),
        ({"64": "", "128": SATURATED}, 20, "undecided"),  # 64 may yet show one
        ({"64": "", "128": ""}, 1000, "not reproduced"),
        ({"64": "", "128": ""}, 20, "undecided"),
        ({"64": SATURATED, "128": SATURATED}, 20, "not reproduced"),
    ],
)
def test_stability_is_contradicted_by_a_sign_and_shown_by_length(world, signs, epochs, verdict):
    world.stability("image-size", signs, epochs)
    finding = world.judge(
        "arms-are-stable",
        {"stable": ["64"], "unstable": ["128"]},
        {"most_signs": 0, "least_epochs": 300},
        experiments=("image-size",),
    )
    assert finding.verdict == verdict
    assert SATURATED in finding.reason or not any(signs.values())


@pytest.mark.parametrize(
    ("signs", "verdict"),
    [
        ({"text": "", "fast": SATURATED}, "reproduced"),
        ({"text": "", "fast": ""}, "undecided"),
        ({"text": f"{SATURATED}; collapsed samples", "fast": SATURATED}, "not reproduced"),
        ({"text": SATURATED, "fast": f"{SATURATED}; collapsed samples"}, "not reproduced"),
    ],
)
def test_the_most_stable_arm_shows_fewest_signs(world, signs, verdict):
    world.stability("learning-rate", signs)
    inputs = {"best": "text", "others": ["fast"]}
    given = {"experiments": ("learning-rate",)}
    finding = world.judge("most-stable-arm", inputs, {"most_signs": 0}, **given)
    assert finding.verdict == verdict
    other = world.judge("most-stable-arm", inputs, {"most_signs": 0}, experiments=("image-size",))
    assert other.verdict == "not testable here"


# --- readers --------------------------------------------------------------------------------


def facts(world, study, **changed):
    path = study / "data" / "published_facts.csv"
    table = pd.read_csv(path, dtype=str).set_index("name")
    for name, value in changed.items():
        table.loc[name, "value"] = str(value)
    table.reset_index().to_csv(path, index=False)
    world.study = study


def test_the_published_percentage_is_one_count_only(world, study):
    given = ("percentage-is-possible", {"decimals": 2, "readers": 2}, {"counts": 1})
    finding = world.judge(*given, **CLINICIAN)
    assert finding.verdict == "reproduced"
    assert "32/57, 64/114" in finding.reason
    facts(world, study, called_real_percent="56.13")
    assert world.judge(*given, **CLINICIAN).verdict == "not reproduced"
    facts(world, study, called_real_percent="56.14", called_real="31")
    assert world.judge(*given, **CLINICIAN).verdict == "not reproduced"
    facts(world, study, called_real_percent="50.00")  # 1/2, 2/4, ...
    assert world.judge(*given, **CLINICIAN).verdict == "not reproduced"


@pytest.mark.parametrize(
    ("called", "judged", "verdict"),
    [
        (32, 57, "undecided"),
        (50, 57, "not reproduced"),
        (500, 1000, "reproduced"),
    ],
)
def test_a_share_is_at_chance_off_it_or_neither(world, study, called, judged, verdict):
    facts(world, study, called_real=called, judged_synthetic=judged)
    thresholds = {"chance": 0.5, "margin": 0.1, "alpha": 0.05}
    finding = world.judge("share-is-at-chance", {}, thresholds, **CLINICIAN)
    assert finding.verdict == verdict
    assert finding.n == judged
    if judged == 57:  # the exact test rejects one half at 20 or fewer, and at 37 or more
        at_60_percent = stats.binom(57, 0.6)
        assert finding.power == pytest.approx(at_60_percent.cdf(20) + at_60_percent.sf(36))


def test_none_of_so_many_bounds_the_share(world, study):
    thresholds = {"share": 0.1, "level": 0.95}
    finding = world.judge("none-called-real", {}, thresholds, **CLINICIAN)
    assert finding.verdict == "reproduced"
    assert finding.numbers["high"] == pytest.approx(1 - 0.025 ** (1 / 57))
    facts(world, study, judged_synthetic="10")
    assert world.judge("none-called-real", {}, thresholds, **CLINICIAN).verdict == "undecided"


def test_a_label_below_one_is_truncated_to_fake(world, monkeypatch):
    given = ("label-is-truncated", {"variant": "notebook-128"}, {"accuracy": 0})
    assert world.judge(*given).verdict == "reproduced"
    monkeypatch.setattr(
        "miua.analysis.claim_tests.readers.VARIANTS", {"notebook-128": {"real_label": 1.0}}
    )
    assert world.judge(*given).verdict == "not reproduced"


# --- sets -----------------------------------------------------------------------------------

CLOSEST = ("elements-are-closest", {"elements": list(STUDY_ELEMENTS), "arm": "equal epochs"})
RANKS = {"alpha": 0.05, "least_count": 1.0, "lowest": 0.25, "power": 0.8}


def elements(world, size_of, **kwargs):
    world.grid(lambda *_: {element_name(e): size_of(e) for e in range(256)}, **kwargs)


def test_the_four_elements_rank_low_or_as_random_ones(world):
    elements(world, lambda e: 0.01 * e if e in STUDY_ELEMENTS else -10 - e)
    finding = world.judge(*CLOSEST, RANKS)
    assert finding.verdict == "reproduced"
    assert [finding.numbers[f"V{e} rank"] for e in STUDY_ELEMENTS] == [1, 2, 3, 4]
    assert finding.numbers["p"] == pytest.approx(1 / math.comb(256, 4))
    elements(world, lambda e: 1 + 0.1 * e)  # ranks 9, 21, 144, 241
    finding = world.judge(*CLOSEST, RANKS)
    assert finding.verdict == "not reproduced"
    assert finding.power > 0.95
    powerless = world.judge(*CLOSEST, RANKS | {"power": 0.999, "lowest": 0.9})
    assert powerless.verdict == "undecided"


def test_rare_elements_differ_little_and_are_left_out(world):
    # Sixty rare elements differ less than the four do; among those that occur the four are first.
    rare = set(range(30, 90))
    size = {e: 0.001 if e in rare else 0.1 if e in STUDY_ELEMENTS else 5.0 + e for e in range(256)}
    elements(world, lambda e: size[e] + 1e-6 * e)
    counts = np.array([0.1 if e in rare else 16.0 for e in range(256)])
    write_array(world.folder / "metrics" / "reference.npy", counts)
    finding = world.judge(*CLOSEST, RANKS)
    assert finding.numbers["elements compared"] == 196
    assert finding.numbers["V8 rank"] == 1
    assert finding.numbers["V8 rank of all"] == 61
    assert finding.verdict == "reproduced"


def test_elements_that_all_differ_equally_are_undecided(world):
    elements(world, lambda _: 1.0)
    assert world.judge(*CLOSEST, RANKS).verdict == "undecided"


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [
        ((0.7, 0.6, 0.8), "reproduced"),
        ((1.0, 0.98, 1.02), "not reproduced"),
        ((0.98, 0.97, 0.99), "not reproduced"),  # below 1, but by less than the margin
        ((0.95, 0.85, 1.05), "undecided"),
        (0.7, "undecided"),  # no interval
    ],
)
def test_variety_is_reduced_where_intervals_are_clear_of_one(world, interval, verdict):
    world.grid(lambda *_: {"diversity": interval})
    inputs = {"metric": "diversity", "arm": "equal epochs"}
    thresholds = {"ratio": 1.0, "margin": 0.05, "share": 0.5}
    assert world.judge("variety-is-reduced", inputs, thresholds).verdict == verdict


def test_values_lie_in_a_range_or_not(world):
    world.grid(lambda s, e: {"fid": 240.0 + e / 100})
    inputs = {"metrics": ["fid"], "arm": "equal epochs"}
    assert world.judge("values-in-range", inputs, {"low": 234, "high": 256}).verdict == "reproduced"
    below = world.judge("values-in-range", inputs, {"low": 234, "high": 245})
    assert below.verdict == "not reproduced"
    assert below.numbers["share inside"] == 0.5


# --- real images ----------------------------------------------------------------------------

FLOOR = {"experiments": ("noise-floor",)}


def test_the_floor_reaches_what_is_stated_or_not(world):
    world.floor({"lbpv_143_difference": (0.0, -8.0, 7.5), "fid": MISSING_FID})
    for stated, verdict in ((7, "reproduced"), (9, "not reproduced")):
        inputs = {"values": {"lbpv_143_difference": stated}}
        assert world.judge("floor-reaches", inputs, {"multiple": 1.0}, **FLOOR).verdict == verdict
    missing = world.judge("floor-reaches", {"values": {"fid": 1}}, {"multiple": 1.0}, **FLOOR)
    assert missing.verdict == "not testable here"
    world.floor({"lbpv_143_difference": (0.0, 0.0, 0.0)})
    inputs = {"values": {"lbpv_143_difference": 7}}
    constant = world.judge("floor-reaches", inputs, {"multiple": 1.0}, **FLOOR)
    assert constant.verdict == "undecided"


@pytest.mark.parametrize(
    ("difference", "verdict"),
    [(-8.5, "reproduced"), (9.0, "reproduced"), (7.5, "not reproduced")],
)
def test_the_order_of_the_files_matters_beyond_what_is_drawn(world, difference, verdict):
    name = "lbpv_143_difference"
    world.floor({name: (0.0, -8.0, 7.5)}, in_order={name: difference})
    given = ("order-matters", {"metrics": [name]}, {"multiple": 1.0})
    finding = world.judge(*given, **FLOOR)
    assert finding.verdict == verdict
    assert finding.numbers[f"{name} in order"] == difference
    world.floor({name: (0.0, -8.0, 7.5)})
    assert world.judge(*given, **FLOOR).verdict == "not testable here"


def test_sets_stay_within_the_floor_or_go_beyond(world):
    world.floor({"lbpv_143_difference": (0.0, -8.0, 7.5)})
    for size, verdict in ((-6.0, "reproduced"), (-9.0, "not reproduced")):
        world.grid(lambda *_, size=size: {"lbpv_143_difference": size})
        inputs = {"metrics": ["lbpv_143_difference"]}
        assert world.judge("sets-within-floor", inputs, {"multiple": 1.0}).verdict == verdict


def test_the_floor_exceeds_a_threshold_or_not(world):
    world.floor({"fid": (30.0, 28.0, 32.0)})
    for least, verdict in ((1.0, "reproduced"), (29.0, "not reproduced")):
        finding = world.judge("floor-exceeds", {"metric": "fid"}, {"least": least}, **FLOOR)
        assert finding.verdict == verdict


def test_pairings_differ_by_more_than_sets_or_by_less(world):
    pairs = [("all", "psnr", 11.0), ("index", "psnr", 11.2), ("nearest", "psnr", 16.0)]
    world.write("noise-floor-pairing", pairs, PAIRING_COLUMNS)
    given = ("pairing-matters", {"metrics": ["psnr"]}, {"ratio": 1.0})
    for span, verdict in ((2.0, "reproduced"), (8.0, "not reproduced"), (0.0, "undecided")):
        world.grid(lambda s, _, span=span: {"psnr": 11 + span * (s - 100) / 899})
        assert world.judge(*given, **FLOOR).verdict == verdict


@pytest.mark.parametrize(
    ("by_image", "by_subject", "verdict"),
    [([90, 95], [0, 0], "reproduced"), ([0, 95], [0, 0], "not reproduced"),
     ([90, 95], [0, 2], "not reproduced"), ([], [0, 0], "not testable here")],
)  # fmt: skip
def test_splits_share_subjects_only_by_image(world, by_image, by_subject, verdict):
    rows = [
        (split, 400, repeat, shared, "psnr", 11.0, "computed")
        for split, counts in (("image", by_image), ("subject", by_subject))
        for repeat, shared in enumerate(counts)
    ]
    world.write("noise-floor", rows, FLOOR_COLUMNS)
    assert world.judge("splits-share-subjects", {}, {"subjects": 1}, **FLOOR).verdict == verdict


@pytest.mark.parametrize(
    ("wrong", "spearman", "verdict"),
    [(0, 1.0, "reproduced"), (1, -1.0, "reproduced"), (2, 1.0, "not reproduced"),
     (0, 0.5, "not reproduced")],
)  # fmt: skip
def test_a_metric_responds_to_most_damages_or_not(world, wrong, spearman, verdict):
    responses = {
        (damage, "psnr"): "none" if place < wrong else "as it should"
        for place, damage in enumerate(DAMAGES)
    }
    world.sensitivity(responses, spearman)
    inputs = {"metric": "psnr", "damages": list(DAMAGES)}
    thresholds = {"share": 0.85, "spearman": 0.9}
    given = {"experiments": ("sensitivity",)}
    finding = world.judge("metric-responds", inputs, thresholds, **given)
    assert finding.verdict == verdict
    other = world.judge("metric-responds", inputs | {"metric": "fid"}, thresholds, **given)
    assert other.verdict == "not testable here"


# --- numbers as they are printed --------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.40575, "0.406"), (240.856, "241"), (-7.0, "−7.00"), (0.9996, "1.00"), (0, "0"),
     (2.5e7, "2.50e+07"), (3e-6, "3.00e−06"), (math.nan, "–"), (99.96, "100")],
)  # fmt: skip
def test_numbers_have_significant_digits(value, text):
    assert number(value) == text


def test_evidence_tells_its_sources(world):
    world.grid(lambda *_: {"fid": 240.0})
    evidence = Evidence(Results.open(world.folder), STUDY, ("training-size",))
    test = TESTS["values-in-range"]
    inputs = test.inputs.model_validate({"metrics": ["fid"], "arm": "equal epochs"})
    test.judge(evidence, inputs, SimpleNamespace(low=1, high=300))
    assert evidence.sources == ["tables/training-size.csv"]
