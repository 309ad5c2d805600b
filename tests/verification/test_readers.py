"""Readers in a results folder: their tables are made again, and what was changed is found."""

import json
import shutil

import pandas as pd
import pytest

from miua.analysis.claims_table import write_claims
from miua.report.latex import write_latex
from miua.study.expected import results_tables
from miua.study.store import Results
from miua.study.trace import trace
from miua.survey.into_claims_table import write_reader_tables
from miua.survey.study_files import canonical, digest_of
from tests.shared import made_once
from tests.small_study import World, call
from tests.survey.study_maker import drawn_reader, study_of_results


@pytest.fixture(scope="session")
def with_readers(small_study, tmp_path_factory):
    """The small study, with an engineer and a clinician who judged its sets. Only to be read."""

    def make(folder):
        shutil.copytree(small_study.folder, folder)
        world = World(folder)
        study = tmp_path_factory.mktemp("readers") / "study"
        made = study_of_results(Results.open(world.results), study, real=3)
        paths = [made.reader(1, drawn_reader(made, 1))]
        quality = {"n0004_e0001": 1, "n0004_e0002": 2, "n0006_e0001": 3, "n0006_e0002": 4}
        paths.append(made.reader(2, drawn_reader(made, 2, quality=quality), role="clinician"))
        call("survey", "score", made.folder, *paths, "--results", world.results)
        claims_table(world)

    return made_once(tmp_path_factory, "study-with-readers", make)


@pytest.fixture
def judged(with_readers, tmp_path):
    """A copy of it, to damage."""
    return World(shutil.copytree(with_readers, tmp_path / "judged"))


def claims_table(world):
    write_claims(world.results, world.study)
    results = Results.open(world.results)
    write_latex(results, world.study, results.paper / "generated")
    world.sign_anew()


def checked(world):
    return {subject for check, subject in world.wrong("tables") if check == "tables"}


def test_readers_tables_are_made_again_and_every_file_has_its_origin(judged):
    assert checked(judged) == set()
    subjects = {finding.subject for finding in judged.verify("tables").of("passed")}
    tables = ("readers", "reader-sets", "reader-regression", "reader-correlation", "reader-family")
    assert {f"tables/{name}.csv" for name in tables} < subjects
    unspoken = {s for _, s in judged.wrong("files") if s.startswith(("readers/", "tables/reader"))}
    assert unspoken == set()


def test_edited_answers_are_found(judged):
    path = judged.results / "readers" / "answers" / "reader-02.json"
    path.write_bytes(path.read_bytes().replace(b'"real":false', b'"real":true', 1))
    judged.sign_anew()
    assert "tables/readers.csv" in checked(judged)


def test_answers_with_a_new_hash_change_the_tables(judged):
    """Who forges the hash, too, has to forge all that follows from the answers."""
    folder = judged.results / "readers"
    path = folder / "answers" / "reader-01.json"
    content = json.loads(path.read_bytes())
    for answer in content["answers"]:
        answer["real"] = True
    content.pop("sha256")
    path.write_bytes(canonical({**content, "sha256": digest_of(content)}))
    judged.sign_anew()
    assert "tables/readers.csv" in checked(judged)
    assert "readers/answers/reader-01.json" in {s for _, s in judged.wrong("files")}


def test_an_edited_table_is_found(judged):
    path = judged.results / "tables" / "reader-sets.csv"
    table = pd.read_csv(path, keep_default_na=False)
    table.loc[0, "quality"] = 5.0
    table.to_csv(path, index=False)
    judged.sign_anew()
    assert "tables/reader-sets.csv" in checked(judged)


def test_tables_without_readers_are_found(judged):
    for path in sorted((judged.results / "readers").rglob("*.json")):
        path.unlink()
    (judged.results / "readers" / "answers").rmdir()
    (judged.results / "readers").rmdir()
    judged.sign_anew()
    assert {"tables/readers.csv", "tables/reader-regression.csv"} <= checked(judged)


def test_readers_of_other_images_are_found(judged):
    stack = judged.results / "sets" / "n0004_e0002" / "images.npy"
    stack.write_bytes(stack.read_bytes()[:-1] + b"\x07")
    judged.sign_anew()
    found = {f.subject: f.detail for f in judged.verify("tables").of("failed")}
    assert "These readers judged other images" in found["tables/readers.csv"]


def test_no_other_run_is_expected_to_have_these_answers(judged):
    claims = results_tables(Results.open(judged.results))["evidence"]
    assert not {"indistinguishable", "clinician"} & set(claims["id"])
    assert {"indistinguishable-chance", "clinician-information"} <= set(claims["id"])


def test_a_claim_is_traced_to_the_readers_files(judged):
    steps = trace(judged.results, "clinician")
    (readers,) = [step for step in steps if step.kind == "readers"]
    told = "\n".join(readers.facts)
    for name in ("study.json", "sealed-key.json", "answers/reader-01.json"):
        assert f"readers/{name}, sha256 " in told
    assert "NOT that" not in told
    path = judged.results / "readers" / "answers" / "reader-01.json"
    path.write_bytes(path.read_bytes() + b"\n")
    told = "\n".join(fact for step in trace(judged.results, "clinician") for fact in step.facts)
    assert told.count("NOT that") == 1
    assert write_reader_tables(judged.results)


def test_other_claims_have_no_readers_in_their_chain(judged):
    assert all(step.kind != "readers" for step in trace(judged.results, "clinician-information"))
