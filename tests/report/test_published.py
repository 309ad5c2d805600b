"""Published values beside ours: right differences, and no comparison that means nothing."""

import pytest

from miua.analysis.clinician import read_scores
from miua.analysis.columns import READERS, SYNTHETIC_CALLED_REAL, framed
from miua.report import make_report, published
from miua.report.published import comparisons
from miua.study.store import Results, read_metrics
from tests.drawn_results import STUDY


def compared(folder):
    results = Results.open(folder)
    rows = comparisons(results, STUDY)
    return {row.what: row for row in rows}


@pytest.fixture(scope="module")
def phantoms(smoke):
    return compared(smoke)


def test_coefficients_are_compared_as_they_were_printed(phantoms):
    row = phantoms["FID = a ln(score) + b: b"]
    assert (row.published, row.here, row.difference) == ("240.94", "240.8563", "−0.0837")
    assert row.comparable.startswith("yes: the same points")
    assert phantoms["V20 = a ln(score) + b: b"].difference == "+0.0100"


def test_ranges_are_the_printed_ones_else_those_of_the_published_points(real, monkeypatch):
    rows = compared(real)
    low, high = (rows[f"FID: {word} of all sets"] for word in ("lowest", "highest"))
    assert (low.published, high.published) == ("234", "256")
    values = read_metrics(Results.open(real)).query("metric == 'fid'")["value"]
    assert (low.here, high.here) == (f"{values.min():.1f}", f"{values.max():.1f}")
    assert float(low.difference.replace("−", "-")) == pytest.approx(values.min() - 234, abs=0.06)
    assert low.comparable == "with care: at another scale than the study's"
    points = read_scores(STUDY).query("metric == 'lbpv_143_difference'")["value"]
    lowest = rows["V143: lowest of all sets"]
    assert float(lowest.published.replace("−", "-")) == points.min() == -5.712
    ours = read_metrics(Results.open(real)).query("metric == 'lbpv_143_difference'")["value"]
    assert lowest.here == f"{ours.min():.2f}".replace("-", "−")
    monkeypatch.setattr(published, "is_full_scale", lambda *_: True)
    assert compared(real)[low.what].comparable == "yes: the same scale"


def test_phantoms_and_missing_values_are_not_comparable(phantoms):
    assert phantoms["FID: lowest of all sets"].comparable == "no: not computed here"
    row = phantoms["V240: highest of all sets"]
    assert (row.published, row.comparable) == ("1.113", "no: phantoms, not real images")


def test_stand_in_weights_are_not_comparable(stand_in):
    row = compared(stand_in)["FID: highest of all sets"]
    assert row.comparable == "no: other weights than the published ones"


def test_what_nobody_judged_is_not_filled(phantoms):
    row = phantoms["Synthetic images that engineers called real"]
    assert (row.published, row.here, row.difference) == ("56.14", "–", "–")
    assert row.comparable.startswith("no: nobody")


@pytest.fixture
def judged(few):
    """A table of answers beside the others: engineers called half of the images real."""
    known = {"role": "engineer", "reader": "all", "readers": 2, "score": SYNTHETIC_CALLED_REAL}
    share = {"count": 20, "n": 40, "value": 0.5, "low": 0.4, "high": 0.6, "interval": "exact"}
    row = {**known, **share, "p_value": 1.0, "status": "computed"}
    table = framed(READERS, [row])
    table.to_csv(few / "tables" / "readers.csv", index=False)
    return few


def test_what_own_readers_called_real_stands_beside_the_published_share(judged):
    rows = compared(judged)
    row = rows["Synthetic images that engineers called real"]
    assert (row.here, row.difference) == ("50.00", "−6.14")
    assert row.comparable == "with care: other readers, and other images"
    for kind in ("Synthetic", "Real"):  # the study's clinician called the real ones fake, too
        row = rows[f"{kind} images that clinicians called real"]
        assert (row.published, row.here) == ("0", "–")


def test_the_page_has_a_section_of_its_readers(judged):
    page = make_report(judged, STUDY).read_text(encoding="utf-8")
    assert "Nobody has judged these sets yet" not in page
    assert "<td>20 of 40</td>" in page
