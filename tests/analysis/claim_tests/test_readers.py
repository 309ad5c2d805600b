"""The human study: counts, shares at chance, and truncated labels."""

import pandas as pd
import pytest
from scipy import stats

from tests.analysis.claim_tests.world import CLINICIAN


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
