"""The human study: counts, shares at chance, and truncated labels."""

import pandas as pd
import pytest
from scipy import stats

from miua.analysis.columns import COLUMNS
from tests.analysis.claim_tests.world import CLINICIAN, World


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
        "miua.analysis.claim_tests.trainings.VARIANTS", {"notebook-128": {"real_label": 1.0}}
    )
    assert world.judge(*given).verdict == "not reproduced"


# --- this study's own readers -----------------------------------------------------------------

CHANCE = {"chance": 0.5, "margin": 0.1, "alpha": 0.05}
BOUND = {"share": 0.1, "level": 0.95}


def plant(world, role, called, judged, *, readers=1, by_images=None, without=None, real=None):
    """The table of one role's readers, all of their answers together."""
    nothing = dict.fromkeys(COLUMNS["readers"], "")
    row = nothing | {
        "role": role, "reader": "all", "readers": readers, "score": "synthetic called real",
        "count": called, "n": judged, "value": called / judged, "status": "computed",
    }  # fmt: skip
    rows = [row | {"interval": "exact"}]
    if real:
        of_real = {"score": "real called real", "count": real[0], "n": real[1]}
        rows.append(rows[0] | of_real | {"value": real[0] / real[1]})
    if without:
        rows.append(row | {"interval": f"none: {without}"})
    if by_images:
        low, high = by_images
        rows.append(row | {"interval": "images resampled", "low": low, "high": high})
    world.write("readers", rows, COLUMNS["readers"])


def judge(world, test, role, thresholds):
    return world.judge(test, {"role": role}, thresholds, **CLINICIAN)


@pytest.mark.parametrize(
    ("called", "judged", "by_images", "verdict"),
    [
        (500, 1000, (0.45, 0.55), "reproduced"),
        (500, 1000, (0.35, 0.65), "undecided"),  # few images, judged by many
        (600, 1000, (0.55, 0.65), "not reproduced"),
        (600, 1000, (0.48, 0.72), "undecided"),
        (64, 114, (0.45, 0.67), "undecided"),
    ],
)
def test_several_engineers_decide_where_both_intervals_agree(
    world, called, judged, by_images, verdict
):
    plant(world, "engineer", called, judged, readers=2, by_images=by_images)
    finding = judge(world, "share-is-at-chance", "engineer", CHANCE)
    assert finding.verdict == verdict
    assert finding.n == judged
    said = f"2 engineers of this study's own readers called {called} of {judged} synthetic images"
    assert finding.reason.startswith(said)
    assert "resampling images" in finding.reason


@pytest.mark.parametrize(
    ("called", "judged", "readers", "why"),
    [
        (15, 15, 3, "all resamples are equal"),  # 5 images: by images p = 0.06
        (200, 400, 200, "2 images, at least 3 are needed"),
    ],
)
def test_several_engineers_without_an_interval_by_images_decide_nothing(
    world, called, judged, readers, why
):
    plant(world, "engineer", called, judged, readers=readers, without=why)
    finding = judge(world, "share-is-at-chance", "engineer", CHANCE)
    assert finding.verdict == "undecided"
    assert f"resampling images: none, {why}" in finding.reason
    plant(world, "engineer", called, judged)  # as many images, of one reader
    alone = judge(world, "share-is-at-chance", "engineer", CHANCE)
    assert alone.verdict == ("not reproduced" if called == judged else "reproduced")


def test_the_published_counts_stay_where_no_role_is_named(world):
    plant(world, "engineer", 600, 1000)
    finding = world.judge("share-is-at-chance", {}, CHANCE, **CLINICIAN)
    assert (finding.n, finding.verdict) == (57, "undecided")
    assert finding.reason.startswith("The engineers called 32 of 57")
    bound = world.judge("none-called-real", {}, BOUND, **CLINICIAN)
    assert bound.n == 57


@pytest.mark.parametrize(
    ("called", "judged", "readers", "verdict", "n"),
    [
        (0, 57, 1, "reproduced", 57),
        (0, 20, 1, "undecided", 20),
        (0, 40, 2, "undecided", 20),  # the same 20 images twice
        (1, 57, 1, "not reproduced", 57),
        (1, 5000, 2, "not reproduced", 5000),
    ],
)
def test_clinicians_call_none_real_or_some(world, called, judged, readers, verdict, n):
    plant(world, "clinician", called, judged, readers=readers)
    finding = judge(world, "none-called-real", "clinician", BOUND)
    assert (finding.verdict, finding.n) == (verdict, n)
    assert finding.numbers["called real"] == called


@pytest.mark.parametrize("called", [0, 1])
def test_what_clinicians_called_the_real_images_is_told_and_decides_nothing(world, called):
    verdict = "not reproduced" if called else "reproduced"
    for real in (0, 11):
        plant(world, "clinician", called, 57, real=(real, 11))
        finding = judge(world, "none-called-real", "clinician", BOUND)
        assert f", and {real} of 11 real ones real" in finding.reason
        assert (finding.verdict, finding.n) == (verdict, 57)


@pytest.mark.parametrize(
    ("test", "role", "thresholds"),
    [("share-is-at-chance", "engineer", CHANCE), ("none-called-real", "clinician", BOUND)],
)
def test_readers_of_another_role_do_not_stand_in(world, test, role, thresholds):
    plant(world, "other", 3, 57)
    finding = judge(world, test, role, thresholds)
    assert finding.verdict == "not testable here"
    assert finding.missing == (f"{role}s among this study's own readers",)


def test_a_table_without_the_share_called_real_is_told(world):
    plant(world, "clinician", 3, 57)
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
    assert "What the published data give: 0 of 57" in before.reason
    plant(world, "clinician", 0, 57)
    after = world.judge(*given, **CLINICIAN, needs=needs)
    assert (after.verdict, after.missing) == ("reproduced", ())


def test_readers_of_phantoms_decide_nothing(tmp_path):
    phantoms = World(tmp_path / "smoke", scientific=False)
    plant(phantoms, "clinician", 0, 57)
    finding = phantoms.judge(
        "none-called-real", {"role": "clinician"}, BOUND, **CLINICIAN,
        needs=("real_images", "readers"),
    )  # fmt: skip
    assert finding.verdict == "not testable here"
    assert finding.missing == ("real images",)
    assert "What phantoms give: 1 clinician of this study's own readers" in finding.reason
