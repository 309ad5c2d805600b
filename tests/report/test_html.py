"""The HTML report: complete, self-contained, marked, every link real."""

import html
import json
import re
from html.parser import HTMLParser

import pytest

from miua.errors import MiuaError
from miua.report import make_report, results_summary
from tests.report.results_maker import BANNER, STUDY

VOID = {"meta", "link", "img", "br"}


class Page(HTMLParser):
    """Collects links and sources, and checks that tags close in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.links, self.ids, self.sections = [], [], set(), 0
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.links += [found[key] for key in ("href", "src") if key in found]
        self.ids |= {found["id"]} if "id" in found else set()
        self.sections += tag == "section"
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def page(smoke):
    return make_report(smoke, STUDY).read_text(encoding="utf-8")


def test_every_link_leads_somewhere_and_nothing_is_loaded_from_the_network(smoke, page):
    parsed = Page(page)
    for link in parsed.links:
        if link.startswith("#"):
            assert link[1:] in parsed.ids
        elif link.startswith("https:"):
            assert link == "https://arxiv.org/abs/2206.01731"
        elif not link.startswith("data:"):
            assert (smoke / "report" / link).exists(), link
    assert "<script" not in page


def test_every_section_carries_the_banner_of_a_run_that_is_no_result(page, single):
    figures = page.count("<figure")
    assert figures == 13
    # A section each, and the head.
    assert page.count(BANNER) == Page(page).sections + 1 + figures
    assert BANNER not in make_report(single, STUDY).read_text(encoding="utf-8")


def test_it_holds_all_sets_the_regression_and_the_answers(page):
    assert len(re.findall(r'<a href="\.\./sets/n\d{4}_e\d{4}/">', page)) == 20
    assert page.count("../runs/n0999/log.jsonl") == 1
    assert "6.9610" in page
    assert "0 of 5 correlations have p &lt; 0.05 (smallest p = 0.076, n = 20)" in page


def test_the_events_of_every_training_are_told(page):
    """The made-up logs call their first half collapsed."""
    rows = re.findall(r"<tr><td>(\S+)</td><td>([^<]+)</td><td>\d+</td><td>([^<]+)</td></tr>", page)
    told = {run: (experiments, events) for run, experiments, events in rows}
    assert told["n0500"][1] == "collapsed samples in 499 of 1000 epochs (1-499)"
    assert told["n0300"][0].startswith("training-size, augmentation")


def test_every_claim_is_there_with_its_verdict(smoke, page):
    ledger = json.loads((smoke / "claims.json").read_text(encoding="utf-8"))
    for claim in ledger["claims"]:
        (row,) = re.findall(rf'<li id="claim-{claim["id"]}">.*?</li>', page, re.DOTALL)
        assert f">{claim['verdict']}</b>" in row
        assert html.escape(claim["reason"], quote=False) in row.replace("&#39;", "'")
    for verdict, count in ledger["verdicts"].items():
        assert f"<dt>{verdict}</dt><dd>{count} of {len(ledger['claims'])}</dd>" in page


def test_an_experiment_that_was_not_run_is_said(single, page):
    assert "is not part of this run" not in page
    text = make_report(single, STUDY).read_text(encoding="utf-8")
    assert text.count("This experiment is not part of this run.") == 8


def test_stand_in_weights_are_said(stand_in, page):
    text = make_report(stand_in, STUDY).read_text(encoding="utf-8")
    assert "FID rests on stand-in weights (0123abcd)" in text
    assert "stand-in weights" not in page


def test_a_missing_fid_is_said_with_its_reason(page, single):
    assert page.count(">not computed<") == 20
    assert "FID not computed: the Inception weights are missing" in page
    assert "(100% free) &amp; run again" in page
    assert "FID not computed" not in make_report(single, STUDY).read_text(encoding="utf-8")


def test_the_same_results_give_the_same_page(folder):
    first = make_report(folder, STUDY).read_bytes()
    assert make_report(folder, STUDY).read_bytes() == first


def test_markup_in_a_status_stays_text(folder):
    for path in (folder / "tables").glob("metrics.csv"):
        path.write_text(path.read_text().replace("(100% free)", "<script>alert(1)</script>"))
    page = make_report(folder, STUDY).read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_markup_in_a_profile_stays_text(folder):
    plan = folder / "plan.yaml"
    attack = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    assert BANNER in plan.read_text(encoding="utf-8")
    plan.write_text(plan.read_text(encoding="utf-8").replace(BANNER, attack), encoding="utf-8")
    page = make_report(folder, STUDY).read_text(encoding="utf-8")
    assert "&lt;script&gt;alert(1)" in page
    assert "<script" not in page
    assert "<img src=x" not in page


def test_a_missing_figure_is_named(folder):
    (folder / "figures" / "metrics.png").unlink()
    with pytest.raises(MiuaError, match=r"metrics\.png is missing"):
        make_report(folder, STUDY)


def test_the_summary_for_the_terminal(smoke, single):
    summary = results_summary(smoke)
    rows = {row["metric"]: row for row in summary.rows}
    assert list(rows) == [
        "MI (nats)", "PSNR (dB)", "FID", "V8 (counts)", "V20 (counts)", "V143 (counts)",
        "V240 (counts)",
    ]  # fmt: skip
    assert set(rows["FID"].values()) == {"FID", "–", "234 to 256"}
    assert re.fullmatch(r"0\.4\d\d", rows["MI (nats)"]["999"])
    assert re.fullmatch(r"−\d\.\d\d to \d\.\d\d", rows["V8 (counts)"]["all 20 sets"])
    assert re.fullmatch(
        r"2\d\d\.\d", {r["metric"]: r for r in results_summary(single).rows}["FID"]["300"]
    )
    notes = " ".join(summary.notes)
    assert "FID not computed: " in notes
    assert "miua fetch inception" in notes
    assert "5 of 5 agree" in notes
    assert "not a scientific result" in notes
    assert "not computed" not in " ".join(results_summary(single).notes)
