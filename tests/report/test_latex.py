"""LaTeX text: escaping, macros with their origin, tables with every set."""

import re

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from miua.files import read_json
from miua.report.claims import all_evidence, judged_claims
from miua.report.latex import (
    VALUES,
    claims_table,
    escape,
    evidence_table,
    floor_table,
    numbers_tex,
    regression_table,
    sets_table,
    write_latex,
)
from miua.report.values import Value, macro_name
from miua.study.store import Results, read_metrics
from tests.drawn_results import PAPER, STUDY

COMMAND = re.compile(
    r"\\(text\w+\{\}|allowbreak\{\}|ensuremath\{(-|\\[A-Za-z]+|\^2)\}|'e|,|[{}$&#%_])|\{-\}"
)


@given(st.text())
def test_escaped_text_holds_nothing_that_tex_would_act_on(text):
    left = COMMAND.sub("", escape(text))
    assert not set(left) & set("\\{}$&#%_~^<>|\"`'-")
    assert left.isascii()
    assert left.isprintable()


@given(st.text(st.characters(exclude_categories=["C", "Z"])), st.text(max_size=3))
def test_escaping_goes_character_by_character_and_loses_none(text, more):
    assert escape(text + more) == escape(text) + escape(more)
    assert len(set(map(escape, set(text)))) == len(set(text))


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("100 % & a_b", r"100 \% \& a\_b"),
        (r"\input{x}", r"\textbackslash{}input\{x\}"),
        ("−3.5", r"\ensuremath{-}3.5"),
        ("a--b", "a{-}{-}b"),
        ("a/b", r"a/\allowbreak{}b"),
        ("Fréchet", r"Fr\'echet"),
        ("ß", "U+00DF"),
        ("a\nb", "a b"),
    ],
)
def test_escape(text, latex):
    assert escape(text) == latex


@pytest.mark.parametrize(
    ("words", "macro"),
    [
        ("sets V143 lowest", "SetsVOneFourThreeLowest"),
        ("refit FID r", "RefitFIDR"),
        ("study called_real_percent", "StudyCalledRealPercent"),
    ],
)
def test_macro_names_are_letters_only(words, macro):
    assert macro_name(words) == macro


def test_names_without_a_letter_or_with_a_twin_are_errors():
    with pytest.raises(ValueError, match="letter"):
        macro_name("--")
    twins = [Value("a b", "1", "x"), Value("a_b", "2", "y")]
    with pytest.raises(ValueError, match="share the name AB"):
        numbers_tex(twins, {})


def test_each_number_names_its_file():
    text = numbers_tex([Value("batch", "5 %", "plan.yaml")], {"real": (False, "plan.yaml")})
    assert "\\newcommand{\\Batch}{5 \\%} % plan.yaml\n" in text
    assert "\\newif\\ifReal\\Realfalse % plan.yaml\n" in text


def test_every_line_of_the_numbers_carries_an_origin(generated):
    lines = (generated / "numbers.tex").read_text(encoding="utf-8").splitlines()[1:]
    assert len(lines) > 60
    assert all(re.search(r"[}e] % \S+", line) for line in lines)
    assert r"\newcommand{\RefitLowestR}{0.26} % tables/regression.csv" in lines
    assert r"\newcommand{\PlanPosterSizes}{300 and 800} % plan.yaml" in lines
    assert any(line.startswith(r"\newif\ifAnySignificant\AnySignificantfalse") for line in lines)


def test_a_missing_fid_is_said_and_no_number_takes_its_place(generated):
    numbers = (generated / "numbers.tex").read_text(encoding="utf-8")
    assert r"\newif\ifFIDComputed\FIDComputedfalse" in numbers
    assert r"\newcommand{\SetsFIDLowest}{\textendash{}}" in numbers
    status = re.search(r"\\SetsFIDStatus\}\{(.*)\} %", numbers)
    assert status is not None
    assert status[1].startswith("not computed: the Inception weights are missing")
    assert r"(100\% free) \& run again" in status[1]
    rows = [line for line in (generated / "table_sets.tex").read_text().splitlines() if "&" in line]
    fid = [row.split("&")[5].strip() for row in rows]
    assert fid == ["FID", "", *["n. c."] * 20, r"\textendash{}"]


def test_a_computed_fid_is_printed(single, tmp_path):
    results = Results.open(single)
    write_latex(results, STUDY, tmp_path)
    metrics = read_metrics(results)
    fid = metrics.loc[metrics["metric"] == "fid", "value"].item()
    assert f"{fid:.1f}" in (tmp_path / "table_sets.tex").read_text()
    numbers = (tmp_path / "numbers.tex").read_text(encoding="utf-8")
    assert rf"\newcommand{{\SetsFIDHighest}}{{{fid:.1f}}}" in numbers
    assert r"\newif\ifFIDComputed\FIDComputedtrue" in numbers


def test_the_table_of_sets_holds_each_set_with_its_updates(smoke):
    results = Results.open(smoke)
    table = sets_table(results)
    for size in results.training_sizes:
        for epoch in results.epochs:
            updates = -(-size // 10) * epoch
            thousands = rf"{updates:,}".replace(",", r"\,") if updates > 9999 else str(updates)
            start = f"{size} & {epoch} & {thousands} &"
            assert start in table


def test_an_undecided_line_of_the_regression_has_no_numbers(folder):
    path = folder / "tables" / "regression.csv"
    regression = pd.read_csv(path, dtype=str, keep_default_na=False)
    regression.loc[0, ["a", "b", "pearson_r", "p_value"]] = ""
    regression.loc[0, "agrees"] = "undecided"
    regression.to_csv(path, index=False)
    line = regression_table(Results.open(folder)).splitlines()[4]
    dash = r"\textendash{}"
    assert line == f"FID & 7.0221 & {dash} & 240.9400 & {dash} & {dash} & {dash} & undecided \\\\"


def test_what_the_paper_uses_is_made_and_nothing_else(generated):
    numbers = (generated / "numbers.tex").read_text(encoding="utf-8")
    made = set(re.findall(r"\\newcommand\{\\([A-Za-z]+)\}|\\newif\\(if[A-Za-z]+)", numbers))
    made = {macro or condition for macro, condition in made}
    text = "\n".join(path.read_text(encoding="utf-8") for path in PAPER.glob("*.tex"))
    text = re.sub(r"(?<!\\)%.*", "", text)
    own = set(re.findall(r"\\newcommand\{\\([A-Za-z]+)\}", text))
    used = set(re.findall(r"\\((?:if)?[A-Z][A-Za-z]+)", text)) - own
    foreign = {"LTpre", "LTpost", "LTcapwidth", "LT"}  # of the package longtable
    assert len(used & made) > 100
    assert used - foreign - made == set()
    assert made - used == set()


def test_every_claim_can_be_traced_though_the_text_quotes_few(smoke, generated):
    known = read_json(generated / VALUES)["values"]
    for row in all_evidence(judged_claims(Results.open(smoke), STUDY)):
        assert known[f"claim-{row.id}-reason"]["text"] == row.reason


def test_every_row_of_evidence_stands_under_its_claim_with_verdict_and_reason(real):
    claims = judged_claims(Results.open(real), STUDY)
    parts = evidence_table(claims).split(r"\multicolumn")[1:]
    for part, claim in zip(parts, claims, strict=True):
        assert escape(claim.claim) in part
        for row in claim.evidence:
            assert escape(row.reason) in part
            assert escape(row.id).replace("{-}", r"{-}\allowbreak{}") in part
            assert rf"\textbf{{{row.verdict}}}" in part


def test_the_claims_table_has_a_row_a_claim_with_both_kinds_of_verdict(real):
    claims = judged_claims(Results.open(real), STUDY)
    rows = claims_table(claims).split(r"\midrule")[1:]
    assert len(rows) == len(claims) == 9
    for row, claim in zip(rows, claims, strict=True):
        for decided in claim.deciding.values():
            assert rf"\textbf{{{decided.verdict.capitalize()}.}} {escape(decided.line)}" in row
        assert row.count("Test: ") == len(claim.deciding)
        assert row.count(r"\textendash{}") >= 2 - len(claim.deciding)


def test_the_noise_floor_stands_beside_the_sets_and_says_what_is_missing(smoke, single):
    results = Results.open(smoke)
    lines = floor_table(results).splitlines()
    (fid,) = [line for line in lines if line.startswith("FID")]
    assert fid.count("n. c.") == 5
    assert len(lines) == 18  # eleven metrics
    missing = r"MI (nats) & \textendash{} & \textendash{} & \textendash{}"
    assert missing in floor_table(Results.open(single))


def test_weights_that_stand_in_are_named_wherever_fid_is_shown(stand_in, real, tmp_path):
    for folder, marked in ((stand_in, True), (real, False)):
        write_latex(Results.open(folder), STUDY, tmp_path)
        numbers = (tmp_path / "numbers.tex").read_text(encoding="utf-8")
        assert (r"\FIDStandIntrue" in numbers) == marked
        assert (r"\newcommand{\SetsFIDStandIn}{0123abcd}" in numbers) == marked
        for name in ("table_sets.tex", "table_floor.tex"):
            assert ("stand{-}in" in (tmp_path / name).read_text("utf-8")) == marked
