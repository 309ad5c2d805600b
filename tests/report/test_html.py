"""The HTML report: one file, complete, marked, every link real, the same bytes each time."""

import html
import json
import re
import shutil
from html.parser import HTMLParser

import pandas as pd
import pytest
import yaml

from miua.analysis.claim_tests.base import VERDICTS
from miua.analysis.unseen import NO_TEST_IMAGES
from miua.cli import study
from miua.errors import MiuaError
from miua.metrics.registry import ALL_MEASURES, DIRECTIONS
from miua.provenance import FILES
from miua.report import make_report, results_summary
from miua.report.printed_tables import unseen_missing, unseen_rows
from miua.report.values import study_values
from miua.study.plan import make_plan, read_experiments
from miua.study.remake import TABLES, Remake
from miua.study.store import Results
from tests.drawn_results import BANNER, STUDY

VOID = {"meta", "link", "img", "br", "input"}
SECTIONS = [
    "answer", "claims", "scale", "sets", "grid", "elements", "regression", "published",
    "sensitivity", "experiments", "stability", "readers", "nearest", "figures", "cost",
    "provenance",
]  # fmt: skip
MOST_BYTES = 15e6


class Page(HTMLParser):
    """Collects links, sources, headings and sections, and checks that tags close in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.links, self.ids, self.sections, self.headings = [], [], [], [], []
        self.unnamed, self.handlers, self.heads_without_scope = [], [], 0
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.links += [found[key] for key in ("href", "src") if key in found]
        self.ids += [found["id"]] if "id" in found else []
        self.handlers += [key for key in found if key.startswith("on")]
        self.heads_without_scope += tag == "th" and "scope" not in found
        if tag == "section":
            self.sections.append(found["id"])
        if tag in ("h1", "h2", "h3", "h4"):
            self.headings.append(int(tag[1]))
        if tag == "img" and "alt" not in found:
            self.unnamed.append(found["src"][:40])
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        # A mark of an SVG closes itself.
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        pass


@pytest.fixture(scope="module")
def reported(smoke, tmp_path_factory):
    """The full grid with its page; nearest pairs at one angle, as all nine take half a minute."""
    folder = shutil.copytree(smoke, tmp_path_factory.mktemp("page") / "results")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("miua.analysis.training_images.ROTATIONS", (0.0,))
        make_report(folder, STUDY)
    return folder


@pytest.fixture(scope="module")
def page(reported):
    return (reported / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def scientific(single, tmp_path_factory):
    folder = shutil.copytree(single, tmp_path_factory.mktemp("scientific") / "results")
    return make_report(folder, STUDY).read_text(encoding="utf-8")


def section(page, name):
    (found,) = re.findall(rf'<section id="{name}".*?</section>', page, re.DOTALL)
    return found


def test_every_link_leads_somewhere_and_nothing_is_loaded_from_elsewhere(smoke, page):
    parsed = Page(page)
    for link in parsed.links:
        if link.startswith("#"):
            assert link[1:] in parsed.ids
        elif link.startswith("https:"):
            assert link == "https://arxiv.org/abs/2206.01731"
        elif not link.startswith("data:"):
            assert (smoke / link).exists(), link
    assert not re.search(r'src="(?!data:)', page)
    assert "@import" not in page
    assert not re.search(r"url\((?!data:)", page)


def test_its_policy_allows_the_one_script_and_nothing_of_the_network(page):
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', page)
    policy = html.unescape(policy)
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'unsafe-inline'; ")
    assert "script-src 'unsafe" not in policy
    assert "'sha256-" in policy
    assert Page(page).handlers == []


def test_it_lies_beside_the_plan_and_its_record_names_what_it_shows(reported):
    record = json.loads((reported / "report.json").read_text(encoding="utf-8"))
    assert list(record[FILES]) == ["report.html"]
    for name in ("tables/metrics.csv", "figures/overview.png", "runs/n0300/speed.jsonl",
                 "sets/n0300_e0500/images.npy", "real/64/images.npy"):  # fmt: skip
        assert name in record["inputs"]
    assert not (reported / "report").exists()


def test_its_structure_is_one_that_a_screen_reader_can_follow(page):
    parsed = Page(page)
    assert parsed.sections == SECTIONS
    assert len(parsed.ids) == len(set(parsed.ids))
    assert parsed.headings[0] == 1
    assert parsed.headings.count(1) == 1
    steps = zip(parsed.headings, parsed.headings[1:], strict=False)
    assert all(later <= before + 1 for before, later in steps)
    assert parsed.unnamed == []
    assert parsed.heads_without_scope == 0
    assert page.count("<table") == page.count("<caption")


def test_every_section_and_figure_carries_the_banner_of_a_run_that_is_no_result(page, scientific):
    for name in SECTIONS:
        assert f'<p class="note">{BANNER}</p>' in section(page, name)
    figures = re.findall(r'<figure id="[\w-]+" class="drawn">.*?</figure>', page, re.DOTALL)
    assert len(figures) == 13
    assert all(BANNER in figure for figure in figures)
    assert BANNER not in scientific


def test_the_first_screen_answers(page, scientific):
    said = section(page, "answer")
    assert "<strong>This run cannot tell.</strong>" in said
    assert "cannot decide a claim about real images" in said
    (verdicts,) = re.findall(r"<strong>([^<]+)</strong>", section(scientific, "answer"))
    assert verdicts in ("In part.", "No.", "It stays open.")


def test_it_holds_all_sets_the_regression_and_the_answers(page):
    assert len(re.findall(r'<a href="sets/n\d{4}_e\d{4}/">', page)) == 20
    assert page.count('href="runs/n0999/log.jsonl"') == 1
    assert "6.9610" in section(page, "regression")
    assert section(page, "regression").count("<circle") == 100
    assert "0 of 5 correlations have p &lt; 0.05 (smallest p = 0.076, n = 20)" in page


def test_the_events_of_every_training_are_told(page):
    """The made-up logs call their first half collapsed."""
    rows = re.findall(
        r'<a href="#run-(\S+)">\S+</a></th><td>([^<]+)</td><td>\d+</td><td>([^<]+)</td></tr>',
        section(page, "stability"),
    )
    told = {run: (experiments, events) for run, experiments, events in rows}
    assert told["n0500"][1] == "collapsed samples in 499 of 1000 epochs (1-499)"
    assert told["n0300"][0].startswith("training-size, augmentation")


def test_the_numbers_of_an_arm_lead_to_its_run_and_its_table(page):
    told = section(page, "experiments")
    assert '<th scope="row"><a href="#run-n0300_seed-2">seed-2</a></th>' in told
    assert '<th scope="row"><a href="#run-n0300">text</a></th>' in told
    for name in ("clinician", "noise-floor-summary", "learning-rate", "seeds"):
        assert f'From <a href="tables/{name}.csv">' in told


def test_what_ran_is_told_with_commit_and_questions(page):
    told = section(page, "scale")
    assert f"<dd>{'1' * 40}</dd>" in told
    assert "Is training stable at 64, 128 and 256 pixels?" in told
    assert re.search(r"2000 \(FD-LBP.*: 6\) pairs of halves of 8 images", told)


def test_every_claim_is_there_with_its_verdict(smoke, page):
    claims_table = json.loads((smoke / "claims.json").read_text(encoding="utf-8"))
    for row in claims_table["evidence"]:
        (item,) = re.findall(rf'<li id="evidence-{row["id"]}">.*?</li>', page, re.DOTALL)
        assert f"</i>{row['verdict'].capitalize()}</b>" in item
        assert html.escape(row["reason"], quote=False) in item.replace("&#39;", "'")
        for source in row["sources"]:
            assert (f'href="{source}"' in item) == (smoke / source).exists()
    first = section(page, "answer").replace("&#39;", "'")
    for claim in claims_table["claims"]:
        assert page.count(f'<h3 id="claim-{claim["id"]}">') == 1
        (item,) = re.findall(rf'<tr><th scope="row"><a href="#claim-{claim["id"]}">.*?</tr>', first,
                             re.DOTALL)  # fmt: skip
        for kind in ("published", "replicated"):
            decided = claim[kind]
            if decided is None:
                assert "No test of this kind." in item
                continue
            assert f"</i>{decided['verdict'].capitalize()}</b>" in item
            assert html.escape(decided["line"], quote=False) in item
            assert f'<a href="#evidence-{decided["evidence"]}">{decided["test"]}</a>' in item
    keys = re.findall(r"</i>(\d+) ([a-z ]+)</li>", first)
    told = [(str(claims_table["verdicts"][kind][verdict]), verdict)
            for kind in ("published", "replicated") for verdict in VERDICTS]  # fmt: skip
    assert keys == told
    assert f"{len(claims_table['evidence'])} rows of evidence" in first


def test_every_metric_is_explained_before_its_values(page):
    told = section(page, "sets")
    for each in ALL_MEASURES:
        place = told.index(f"<dt>{each.label}</dt><dd>{each.meaning}")
        assert DIRECTIONS[each.better] in told[place : told.index("</dd>", place)]
    assert told.index("<dt>Diversity</dt>") < told.index("<table")


def test_an_experiment_that_was_not_run_is_said(page, scientific):
    assert "is not part of this run" not in page
    assert scientific.count("this experiment is not part of this run.") == 8
    assert "The experiment noise-floor is not part of this run." in scientific


def test_stand_in_weights_are_said(stand_in, page, tmp_path):
    folder = shutil.copytree(stand_in, tmp_path / "results")
    text = make_report(folder, STUDY).read_text(encoding="utf-8")
    assert "FID rests on stand-in weights (0123abcd)" in text
    assert "no: other weights than the published ones" in text
    assert "stand-in weights" not in page


def test_a_missing_fid_is_said_with_its_reason(page, scientific):
    assert section(page, "sets").count("<td>not computed</td>") == 20 + 1
    assert "n. c.: not computed</caption>" in section(page, "experiments")
    assert "n. c." not in scientific
    assert "FID not computed: the Inception weights are missing" in page
    assert "(100% free) &amp; run again" in page
    assert "FID not computed" not in scientific


def test_the_same_results_give_the_same_page(few, scientific):
    assert make_report(few, STUDY).read_text(encoding="utf-8") == scientific


def test_verification_makes_it_again_and_finds_what_was_changed(few, scientific):
    path = few / "report.html"
    results = Results.open(few)
    plan = make_plan(results.plan, read_experiments(STUDY))
    for text, verdict in (
        (scientific, "passed"),
        (scientific.replace("6.9610", "7.0221"), "failed"),
    ):
        path.write_text(text, encoding="utf-8")
        findings = Remake(results, plan, STUDY).check(TABLES)
        (found,) = [each for each in findings if each.subject == "report.html"]
        assert found.verdict == verdict, found


def test_markup_in_a_status_stays_text(few):
    for path in (few / "tables").glob("metrics.csv"):
        text = path.read_text(encoding="utf-8")
        attack = "not computed: </script><script>alert(1)</script>"
        path.write_text(re.sub(r"n0300_e0020,300,20,fid,.*", row(attack), text))
    page = make_report(few, STUDY).read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert page.count("</script>") == 2


def row(status):
    return f"n0300_e0020,300,20,fid,,,,,20,24,drawn,{status}"


def test_markup_in_a_profile_stays_text(few):
    plan = yaml.safe_load((few / "plan.yaml").read_text(encoding="utf-8"))
    plan["banner"] = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    (few / "plan.yaml").write_text(yaml.safe_dump(plan, sort_keys=False), encoding="utf-8")
    attacked = make_report(few, STUDY).read_text(encoding="utf-8")
    assert "&lt;script&gt;alert(1)" in attacked
    assert "<script>alert" not in attacked
    assert "<img src=x" not in attacked


def test_a_missing_figure_is_named(few):
    (few / "figures" / "metrics.png").unlink()
    (few / "report.html").unlink(missing_ok=True)
    with pytest.raises(MiuaError, match=r"metrics\.png is missing"):
        make_report(few, STUDY)
    assert not (few / "report.html").exists()


def test_a_report_of_the_studys_scale_stays_small(page):
    """The grid is the study's, its images speckle, which compresses worst. Only the pictures of
    single epochs are fewer: of those the study's runs keep thirteen each."""
    film = [len(each) for each in re.findall(r"<figure data-epoch=.*?</figure>", page, re.DOTALL)]
    assert len(film) > 5 * 6
    assert len(page) + (5 * 13 / len(film) - 1) * sum(film) < MOST_BYTES


def test_the_summary_is_printed_whole_in_a_narrow_terminal(reported, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "60")
    study._print_outcome(reported)
    said = capsys.readouterr().out
    assert "…" not in said
    for row in results_summary(reported).rows:
        (line,) = (line for line in said.splitlines() if line.startswith(f"{row['metric']}  "))
        assert re.split("  +", line.strip()) == list(row.values())


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


def test_sets_by_unseen_images_stand_beside_those_by_the_study_s_reference(page, reported):
    table = pd.read_csv(reported / "tables" / "unseen.csv").set_index(["set", "metric"])
    cells = re.findall(
        r"<t[hd][^>]*>(.*?)</t[hd]>", section(page, "sets").split("Unseen images")[-1]
    )
    place = cells.index("unseen, 10 images")
    assert cells[place - 1].startswith("MI")
    assert cells[place - 6 - 1] == "the study&#39;s, 20 images"
    value = table.loc[("n0100_e1000", "mutual_information"), "value"]
    assert cells[place + 1] == f"{value:.3f}"
    assert "the nearest is a training image for" in section(page, "nearest")


def test_without_unseen_images_the_page_and_the_paper_say_so(single, tmp_path):
    folder = shutil.copytree(single, tmp_path / "results")
    path = folder / "tables" / "unseen.csv"
    table = pd.read_csv(path).assign(value="", status=f"not computed: {NO_TEST_IMAGES}")
    table.to_csv(path, index=False)
    results = Results.open(folder)
    assert NO_TEST_IMAGES in unseen_missing(results)
    assert unseen_rows(results) == []
    assert not study_values(results, STUDY)[1]["ran unseen"][0]
    assert study_values(Results.open(single), STUDY)[1]["ran unseen"][0]
