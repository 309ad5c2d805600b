import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from miua.cli import app
from miua.cli.evaluation_tables import print_evaluation
from miua.evaluation.evaluate import evaluate
from miua.metrics.records import MetricValue
from miua.metrics.registry import (
    ALL_MEASURES,
    COMPANIONS,
    COPIES,
    LBPV_TOTAL_DIFFERENCE,
    MEASURES,
    REGISTRY,
    SSIM,
    STUDY_METRICS,
    Entry,
    Measure,
    feature_measures,
    measure,
)

FEATURES = [
    *feature_measures("inception").values(),
    *feature_measures("lbp").values(),
    *feature_measures("efficientnet").values(),
    *feature_measures("swav_800").values(),
]


def test_every_metric_of_the_study_has_a_measure():
    names = [known.name for known in ALL_MEASURES]
    assert [name for name in names if not name.startswith("lbpv_")] == [
        name for name in STUDY_METRICS if name not in ("lbpv", "kd_efficientnet")
    ]
    assert MEASURES + COMPANIONS == ALL_MEASURES
    assert len(MEASURES) == 7


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
    assert twice <= {"FID", "FD-LBP", "FD-ENet"}  # in both lists


def test_other_elements_are_measures_too_and_other_names_are_not():
    assert measure("lbpv_255_difference").label == "V255"
    for name in ("lbpv_256_difference", "vif", "", "fd_", "kd_a_infinity"):
        with pytest.raises(ValueError, match="no metric"):
            measure(name)


def test_a_metric_is_its_module_its_entry_and_its_page(monkeypatch, capsys):
    """One entry, and evaluate computes it, ranks it, tables show it, the help names it."""

    def contrast(comparison):
        values = [float(np.ptp(s.images)) for s in (comparison.reference, comparison.synthetic)]
        return [MetricValue(values[1] / values[0], "ranges")]

    shown = Measure("contrast", "Contrast", "range of grey levels", "", 2, "one")
    entry = Entry("contrast", (shown,), contrast, "contrast.md", "images")
    monkeypatch.setitem(REGISTRY, "contrast", entry)
    stack = np.random.default_rng(0).integers(0, 200, (12, 16, 16), dtype=np.uint8)
    sets = {"same": stack, "dim": stack // 2}
    evaluation = evaluate(stack, sets, floor_splits=2, resamples=2)
    assert evaluation.sets[0].record("contrast").value == 1
    assert evaluation.sets[1].record("contrast").value == pytest.approx(0.5, abs=0.01)
    assert evaluation.floor.records["contrast"].mean == pytest.approx(1, abs=0.1)
    (ranking,) = (each for each in evaluation.rankings if each.metric == "contrast")
    assert [place.set for place in ranking.places] == ["same", "dim"]
    assert evaluate(stack, stack, metrics="contrast", floor_splits=0).records[0].value == 1
    print_evaluation(evaluate(stack, stack, metrics=["contrast"], floor_splits=0))
    assert "Contrast" in capsys.readouterr().out
    said = CliRunner().invoke(app, ["evaluate", "--help"]).output
    assert all(name in said for name in REGISTRY)


def test_the_index_of_the_docs_is_the_registrys():
    """Every row of docs/metrics/README.md, but for question and range, which stand there only."""
    docs = Path(__file__).parents[2] / "docs" / "metrics"
    rows = [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in (docs / "README.md").read_text().splitlines()
        if line.startswith("| [")
    ]
    expected = []
    for entry in REGISTRY.values():
        assert (docs / entry.page).is_file()
        assert entry.name in (docs / entry.page).read_text()
        for shown in entry.shows[:1] if entry.name == "lbpv" else entry.shows:
            label, name = shown.label.replace("|", "\\|"), shown.name
            if entry.name == "lbpv":
                label, name = "V0 to V255", "lbpv_NNN_difference"
            near = {"one": "near 1", "zero": "near 0"}.get(shown.better, shown.better)
            expected.append(
                [f"[{label}]({entry.page})", f"`{name}`", f"`{entry.name}`", shown.unit, near,
                 ", ".join(entry.needs), entry.cost]
            )  # fmt: skip
    assert [[*row[:3], *row[5:]] for row in rows] == expected
