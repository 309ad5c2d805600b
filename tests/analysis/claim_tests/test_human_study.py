"""The human study: counts, telling real from synthetic, and truncated labels."""

import numpy as np
import pandas as pd
import pytest

from miua.analysis.columns import COLUMNS
from miua.analysis.detection import d_prime_of_counts
from miua.survey.score import score_readers
from tests.analysis.claim_tests.world import CLINICIAN, World
from tests.survey.test_score import answers


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


def test_the_published_counts_show_neither_guessing_nor_telling_apart(world, study):
    finding = world.judge("cannot-tell-apart", {}, AREA, **CLINICIAN)
    assert (finding.verdict, finding.n, finding.power) == ("undecided", 57, 0)
    assert finding.reason.startswith("The engineers called 32 of 57 synthetic images real, 56.1 %")
    # Of 0 to 11 real images called real: 0, 1, 2 and 10, 11 leave 0 out of the interval.
    assert finding.numbers["counts that tell apart"] == 5
    assert finding.numbers["counts that show guessing"] == 0
    d, half = d_prime_of_counts(np.arange(12), 11, 32, 57)
    assert (np.abs(d) > half).sum() == 5
    assert (finding.numbers["lowest d'"], finding.numbers["highest d'"]) == (d[0], d[-1])
    # With enough synthetic images called real, every count of the real ones is apart.
    facts(world, study, judged_real=1, called_real=500, judged_synthetic=1000)
    assert world.judge("cannot-tell-apart", {}, AREA, **CLINICIAN).verdict == "undecided"


def test_the_published_clinician_called_the_real_images_fake_too(world, study):
    finding = world.judge("answers-hold-no-information", {}, {"level": 0.95}, **CLINICIAN)
    assert (finding.verdict, finding.n) == ("reproduced", 68)
    assert "0 of 57 synthetic and 0 of 11 real images real: d' is 0" in finding.reason
    assert "no discrimination can be seen" in finding.reason
    assert finding.numbers["high of real"] == pytest.approx(1 - 0.025 ** (1 / 11))
    facts(world, study, clinician_called_real=3)
    other = world.judge("answers-hold-no-information", {}, {"level": 0.95}, **CLINICIAN)
    assert other.verdict == "undecided"
    assert "which 3 images" in other.reason


def test_a_label_below_one_is_truncated_to_fake(world, monkeypatch):
    given = ("label-is-truncated", {"variant": "notebook-128"}, {"accuracy": 0})
    assert world.judge(*given).verdict == "reproduced"
    monkeypatch.setattr(
        "miua.analysis.claim_tests.arms.VARIANTS", {"notebook-128": {"real_label": 1.0}}
    )
    assert world.judge(*given).verdict == "not reproduced"


# --- this study's own readers -----------------------------------------------------------------

AREA = {"area": 0.1}
BOUND = {"share": 0.1, "level": 0.95}


def plant(world, role, called, judged, *, readers=1, real=(0, 11), d_prime=None, why=""):
    """The table of one role's readers, all of their answers together.

    d_prime: value, low, high; why: in place of an interval, or of a value if there is none.
    """
    nothing = dict.fromkeys(COLUMNS["readers"], "")
    row = nothing | {"role": role, "reader": "all", "readers": readers, "status": "computed"}
    shares = [("synthetic called real", called, judged)]
    shares += [("real called real", *real)] if real else []
    rows = [
        row | {"score": score, "count": count, "n": n, "value": count / n, "interval": "exact"}
        for score, count, n in shares
    ]
    ends = dict(zip(("value", "low", "high"), d_prime or (), strict=False))
    score = row | {"score": "d'", "n": judged, "interval": f"none: {why}" if why else "normal"}
    rows.append(score | ends | ({} if ends else {"status": f"undecided: {why}"}))
    world.write("readers", rows, COLUMNS["readers"])


def judge(world, test, role, thresholds):
    return world.judge(test, {"role": role}, thresholds, **CLINICIAN)


@pytest.mark.parametrize(
    ("d_prime", "verdict"),
    [
        ((0.1, -0.1, 0.3), "reproduced"),
        ((0.2, 0.05, 0.35), "reproduced"),  # away from 0, and by too little to matter
        ((0.1, -0.4, 0.6), "undecided"),
        ((0.8, 0.3, 1.3), "not reproduced"),
        ((-0.8, -1.3, -0.3), "not reproduced"),  # the wrong way round tells them apart, too
    ],
)
def test_engineers_cannot_tell_apart_can_or_are_too_few(world, d_prime, verdict):
    plant(world, "engineer", 64, 114, readers=2, real=(12, 22), d_prime=d_prime)
    finding = judge(world, "cannot-tell-apart", "engineer", AREA)
    assert (finding.verdict, finding.n, finding.power) == (verdict, 114, 0)
    said = "2 engineers of this study's own readers called 64 of 114 synthetic images real and 12"
    assert finding.reason.startswith(said)


def reader(hits, real, alarms, synthetic):
    """The scores of one engineer who called so many real."""
    kinds = ["real"] * real + ["synthetic"] * synthetic
    called = np.concatenate([np.arange(real) < hits, np.arange(synthetic) < alarms])
    return score_readers(answers(1, "engineer", kinds, called))


@pytest.mark.parametrize(
    ("hits", "alarms", "verdict"),
    [
        (380, 200, "not reproduced"),  # calls 95 % of real and 50 % of synthetic images real
        (200, 200, "reproduced"),
        (392, 392, "undecided"),  # a bias leaves little to see
        (400, 400, "undecided"),
    ],
)
def test_who_calls_half_of_the_synthetic_images_real_may_still_tell_them_apart(
    world, hits, alarms, verdict
):
    reader(hits, 400, alarms, 400).to_csv(world.folder / "tables" / "readers.csv", index=False)
    finding = judge(world, "cannot-tell-apart", "engineer", AREA)
    assert finding.verdict == verdict
    assert finding.power == pytest.approx(0.963, abs=0.001)
    assert ("without an interval" in finding.reason) == (hits == 400)


def test_without_real_images_or_d_prime_nothing_is_decided(world):
    plant(world, "engineer", 32, 57, real=None, why="no real images were judged")
    finding = judge(world, "cannot-tell-apart", "engineer", AREA)
    assert finding.verdict == "undecided"
    assert "no real images were judged" in finding.reason


def test_the_published_counts_stay_where_no_role_is_named(world):
    plant(world, "engineer", 600, 1000, d_prime=(0, -0.1, 0.1))
    finding = world.judge("cannot-tell-apart", {}, AREA, **CLINICIAN)
    assert (finding.n, finding.verdict) == (57, "undecided")


@pytest.mark.parametrize(
    ("called", "judged", "readers", "real", "verdict", "n"),
    [
        (0, 57, 1, (0, 11), "reproduced", 68),
        (0, 20, 1, (0, 11), "undecided", 31),
        (0, 40, 2, (0, 22), "undecided", 31),  # the same 31 images twice
        (1, 57, 1, (0, 11), "not reproduced", 68),
        (0, 57, 1, (1, 11), "not reproduced", 68),  # of all images means the real ones, too
        (0, 57, 1, (11, 11), "not reproduced", 68),
        (1, 5000, 2, (0, 22), "not reproduced", 2511),
    ],
)
def test_clinicians_call_none_real_or_some(world, called, judged, readers, real, verdict, n):
    plant(world, "clinician", called, judged, readers=readers, real=real, d_prime=(0,))
    finding = judge(world, "none-called-real", "clinician", BOUND)
    assert (finding.verdict, finding.n) == (verdict, n)
    assert finding.numbers["called real"] == called + real[0]
    assert f"{real[0]} of {real[1]} real images real" in finding.reason
    if verdict == "reproduced":
        assert finding.numbers["high"] == pytest.approx(1 - 0.025 ** (1 / 68))


def test_without_a_real_image_not_all_were_called_fake(world):
    plant(world, "clinician", 0, 57, real=None, why="no real images were judged")
    finding = judge(world, "none-called-real", "clinician", BOUND)
    assert finding.verdict == "undecided"
    assert "no real image was judged" in finding.reason


@pytest.mark.parametrize(
    ("test", "role", "thresholds"),
    [("cannot-tell-apart", "engineer", AREA), ("none-called-real", "clinician", BOUND)],
)
def test_readers_of_another_role_do_not_stand_in(world, test, role, thresholds):
    plant(world, "other", 3, 57, d_prime=(0,))
    finding = judge(world, test, role, thresholds)
    assert finding.verdict == "not testable here"
    assert finding.missing == (f"{role}s among this study's own readers",)


def test_a_table_without_the_share_called_real_is_told(world):
    plant(world, "clinician", 3, 57, d_prime=(0,))
    path = world.folder / "tables" / "readers.csv"
    table = pd.read_csv(path)
    table["score"] = "accuracy"
    table.to_csv(path, index=False)
    finding = judge(world, "none-called-real", "clinician", BOUND)
    assert finding.missing == ("clinicians among this study's own readers",)


def test_people_are_missing_until_their_table_is_there(world):
    needs = ("real_images", "readers")
    given = ("none-called-real", {"role": "clinician"}, BOUND)
    before = world.judge(*given, **CLINICIAN, needs=needs)
    assert before.missing == ("readers who judge these sets",)
    said = "What the published data give: The clinician of the study called 0 of 57 synthetic and 0"
    assert said in before.reason
    plant(world, "clinician", 0, 57, d_prime=(0,))
    after = world.judge(*given, **CLINICIAN, needs=needs)
    assert (after.verdict, after.missing) == ("reproduced", ())


def test_readers_of_phantoms_decide_nothing(tmp_path):
    phantoms = World(tmp_path / "smoke", scientific=False)
    plant(phantoms, "clinician", 0, 57, d_prime=(0,))
    finding = phantoms.judge(
        "none-called-real", {"role": "clinician"}, BOUND, **CLINICIAN,
        needs=("real_images", "readers"),
    )  # fmt: skip
    assert finding.verdict == "not testable here"
    assert finding.missing == ("real images",)
    assert "What phantoms give: 1 clinician of this study's own readers" in finding.reason
