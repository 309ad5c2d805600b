"""From a results folder to its claims table: a study built, judged and scored back into it."""

import json
import shutil

from typer.testing import CliRunner

from miua.analysis.claims_table import read_claims_table, write_claims
from miua.cli import app
from miua.study.store import Results
from miua.survey.answers import open_study
from tests.drawn_results import STUDY
from tests.survey.study_maker import MadeStudy, drawn_reader


def call(*words):
    done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_study_is_built_judged_and_decides_claims(main_grid, tmp_path):
    results = tmp_path / "paper"
    shutil.copytree(main_grid, results)
    study = tmp_path / "study"
    call("survey", "build", "--results", results, "--out", study, "--seed", 2**100)
    opened = open_study(study)
    made = MadeStudy(study, opened.study, opened.key)
    assert made.sha256 == opened.sha256
    paths = [made.reader(n, drawn_reader(made, n)) for n in (4, 11)]
    paths.append(made.reader(20, drawn_reader(made, 20, fooled=0.1), role="clinician"))
    told = call("survey", "score", study, *paths, "--results", results)
    assert "of 114" in told  # two engineers, 57 synthetic images each
    write_claims(results, STUDY)
    claims = read_claims_table(Results.open(results))["evidence"]
    claims_table = {entry["id"]: entry for entry in claims}
    assert claims_table["indistinguishable"]["n"] == 114
    assert claims_table["clinician"]["verdict"] == "not reproduced"
    assert claims_table["correlation-others"]["n"] == 20
    scores = json.loads((study / "scores" / "scores.json").read_text())
    assert {row["n"] for row in scores["agreement"] if row["kind"] == "intra-reader"} == {10}
    assert len(scores["sets"]) == 2 * 21
