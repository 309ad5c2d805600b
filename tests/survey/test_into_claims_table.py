"""Readers' answers in a results folder: what is copied, the tables, and the claims they decide."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from miua.analysis.claims_table import read_claims_table, write_claims
from miua.cli import app
from miua.errors import MiuaError
from miua.files import read_json, sha256_file
from miua.report.printed_tables import reader_tables
from miua.study.store import Results
from miua.survey.answers import open_study, read_answers
from miua.survey.into_claims_table import add_readers, write_reader_tables
from tests.drawn_results import STUDY
from tests.survey.study_maker import drawn_reader, make_study, study_of_results

TABLES = ["readers", "reader-sets", "reader-regression", "reader-correlation", "reader-family"]
OURS = (
    "indistinguishable", "clinician", "correlation-others", "own-correlation",
    "own-correlation-family",
)  # fmt: skip


@pytest.fixture(scope="module")
def pristine(main_grid, tmp_path_factory):
    """A scientific run of the main grid alone, and a study of its images with three readers."""
    folder = tmp_path_factory.mktemp("readers")
    shutil.copytree(main_grid, folder / "paper")
    results = Results.open(folder / "paper")
    made = study_of_results(results, folder / "study")
    quality = {chosen.set: 1.4 + 0.15 * n for n, chosen in enumerate(results.sets)}
    for reader in (1, 2):
        made.reader(reader, drawn_reader(made, reader, quality=quality))
    made.reader(3, drawn_reader(made, 3, fooled=0, quality=quality), role="clinician")
    return folder, made


@pytest.fixture
def folder(pristine, tmp_path):
    shutil.copytree(pristine[0] / "paper", tmp_path / "paper")
    return tmp_path / "paper"


@pytest.fixture(scope="module")
def scored(pristine, tmp_path_factory):
    """The results with all three readers in them; to be read only."""
    folder = tmp_path_factory.mktemp("scored") / "paper"
    shutil.copytree(pristine[0] / "paper", folder)
    add(folder, pristine[1])
    write_reader_tables(folder)
    return folder


@pytest.fixture
def copy(scored, tmp_path):
    shutil.copytree(scored, tmp_path / "scored")
    return tmp_path / "scored"


@pytest.fixture
def made(pristine):
    return pristine[1]


def add(folder, made, numbers=(1, 2, 3)):
    opened = open_study(made.folder)
    paths = [made.folder / f"answers-reader-{n:02d}.json" for n in numbers]
    accepted, refused = read_answers(opened, paths)
    assert not refused
    return add_readers(folder, opened, accepted)


def claims(folder):
    write_claims(folder, STUDY)
    return {entry["id"]: entry for entry in read_claims_table(Results.open(folder))["evidence"]}


def test_study_key_and_answers_are_copied_as_they_are(scored, made):
    place = scored / "readers"
    for name in ("study.json", "sealed-key.json"):
        assert (place / name).read_bytes() == (made.folder / name).read_bytes()
    for n in (1, 2, 3):
        there = place / "answers" / f"reader-{n:02d}.json"
        assert there.read_bytes() == (made.folder / f"answers-reader-{n:02d}.json").read_bytes()
    record = read_json(place / "provenance.json")
    for name, digest in record["files"].items():
        assert sha256_file(place / name) == digest
    assert len(record["files"]) == 5
    assert not list(scored.glob(".partial*"))


def test_the_command_does_all_of_it_and_says_what_comes_next(folder, made, tmp_path):
    answers = sorted(made.folder.glob("answers-reader-*.json"))
    words = ["survey", "score", made.folder, *answers, "--out", tmp_path / "out"]
    words += ["--results", folder]
    done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    for name in TABLES:
        assert str(folder / "tables" / f"{name}.csv") in done.stdout
    assert f"`miua claims {folder}`" in done.stdout
    again = CliRunner().invoke(app, ["readers", str(folder)], catch_exceptions=False)
    assert again.stdout.split() == [str(folder / "tables" / f"{name}.csv") for name in TABLES]


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("tables/metrics.csv", "metrics.csv is missing"),
        ("sets/n0300_e1000/images.npy", "images.npy is missing"),
    ],
)
def test_what_results_lack_is_said_before_anything_is_written(
    folder, made, tmp_path, missing, said
):
    (folder / missing).unlink()
    before = sorted(folder.rglob("*"))
    words = ["survey", "score", made.folder, made.folder / "answers-reader-01.json"]
    words += ["--out", tmp_path / "out", "--results", folder]
    with pytest.raises(MiuaError, match=said):
        CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert not (tmp_path / "out").exists()
    assert sorted(folder.rglob("*")) == before


def test_making_the_tables_twice_gives_the_same_bytes(copy):
    before = {name: (copy / "tables" / f"{name}.csv").read_bytes() for name in TABLES}
    write_reader_tables(copy)
    assert before == {name: (copy / "tables" / f"{name}.csv").read_bytes() for name in TABLES}


def test_sets_scores_are_the_clinicians_means(scored, made):
    sets = pd.read_csv(scored / "tables" / "reader-sets.csv").set_index("set")
    assert set(sets["role"]) == {"clinician"}
    content = json.loads((made.folder / "answers-reader-03.json").read_bytes())
    first = {answer["image"]: answer for answer in reversed(content["answers"])}
    name = sets.index[4]
    given = [a["quality"] for i, a in first.items() if made.key.images[i].set == name]
    assert sets.loc[name, "quality"] == pytest.approx(np.mean(given))
    assert len(sets) == 20


def test_more_readers_join_those_that_are_there(folder, made):
    add(folder, made, (1,))
    add(folder, made, (2,))
    add(folder, made, (1, 3))
    names = sorted(path.name for path in (folder / "readers" / "answers").iterdir())
    assert names == ["reader-01.json", "reader-02.json", "reader-03.json"]


def test_other_answers_of_a_reader_who_is_there_are_refused(folder, made):
    add(folder, made, (1,))
    content = made.answers(1, lambda *_: {"real": False})
    path = made.write(content, "other.json")
    opened = open_study(made.folder)
    accepted, _ = read_answers(opened, [path])
    with pytest.raises(MiuaError, match="reader 1 has other answers in"):
        add_readers(folder, opened, accepted)
    path.unlink()
    assert len(list((folder / "readers" / "answers").iterdir())) == 1


def test_a_second_study_is_refused(folder, made, tmp_path):
    add(folder, made, (1,))
    other = study_of_results(Results.open(folder), tmp_path / "other", seed=9)
    other.reader(1, lambda *_: {})
    with pytest.raises(MiuaError, match="holds another study"):
        add(folder, other, (1,))


def test_readers_of_other_images_are_refused_and_nothing_is_written(folder, made, tmp_path):
    stranger = make_study(tmp_path / "strange", {"n0100_e0300": 5})
    stranger.reader(1, lambda *_: {})
    with pytest.raises(MiuaError, match="judged other images"):
        add(folder, stranger, (1,))
    unknown = make_study(tmp_path / "unknown", {"my-set": 5})
    shutil.copy(unknown.folder / "study.json", tmp_path)
    unknown.reader(1, lambda *_: {})
    with pytest.raises(MiuaError, match=r"judged other images"):
        add(folder, unknown, (1,))
    stack = Results.open(folder).set_stack(Results.open(folder).sets[7].set)
    images = np.load(stack)
    images[0, 0, 0] ^= 1
    np.save(stack, images)
    with pytest.raises(MiuaError, match=r"the set n0300_e1000 in .* is not what"):
        add(folder, made)
    assert not (folder / "readers").exists()
    assert not list(folder.glob(".partial*"))


def test_without_readers_there_is_nothing_to_score(folder):
    with pytest.raises(MiuaError, match=r"nobody judged these sets yet.*miua survey score"):
        write_reader_tables(folder)


@pytest.mark.parametrize("number", range(3))
def test_what_was_changed_afterwards_is_refused(copy, number):
    place = copy / "readers"
    answers = place / "answers" / "reader-02.json"
    changes = [
        lambda: answers.write_bytes(answers.read_bytes().replace(b'"quality":3', b'"quality":5')),
        lambda: (place / "sealed-key.json").write_text("{}"),
        lambda: shutil.copy(answers, place / "answers" / "reader-05.json"),
    ]
    changes[number]()
    with pytest.raises(MiuaError, match=r"edited or damaged|Field required|same answers"):
        write_reader_tables(copy)


def test_without_a_clinician_there_are_no_scores_of_sets(folder, made):
    add(folder, made, (1, 2))
    assert [path.stem for path in write_reader_tables(folder)] == ["readers"]
    claims_table = claims(folder)
    assert claims_table["clinician"]["verdict"] == "not testable here"
    assert claims_table["clinician"]["missing"] == ["clinicians among this study's own readers"]
    assert claims_table["correlation-others"]["missing"][0] == "a clinician's scores of these sets"
    assert "2 engineers of this study's own readers" in claims_table["indistinguishable"]["reason"]


def test_answers_turn_claims_that_needed_people_into_tested_ones(pristine, scored, copy):
    before, after = claims(pristine[0] / "paper"), claims(copy)
    for name in OURS:
        assert before[name]["verdict"] == "not testable here"
        assert after[name]["verdict"] != "not testable here"
        assert "Missing" not in after[name]["reason"]
    engineers, clinician = after["indistinguishable"], after["clinician"]
    table = pd.read_csv(scored / "tables" / "readers.csv")
    row = table[(table["role"] == "engineer") & (table["reader"] == "all")].iloc[0]
    told = f"2 engineers of this study's own readers called {row['count']:.0f} of 120"
    assert engineers["reason"].startswith(told)
    assert engineers["n"] == 120
    # This one is never fooled, so calls the real images real: not all were called fake.
    assert clinician["verdict"] == "not reproduced"
    assert clinician["numbers"]["called real"] == clinician["numbers"]["real called real"] > 0
    told = "1 clinician of this study's own readers called 0 of 60 synthetic and "
    assert clinician["reason"].startswith(told)
    assert after["correlation-others"]["n"] == 20
    assert "clinicians' scores of 20 sets" in after["correlation-others"]["reason"]
    assert after["indistinguishable"]["sources"] == ["tables/readers.csv"]
    assert "tables/reader-regression.csv" in after["correlation-others"]["sources"]
    for name, table in (("own-correlation", "correlation"), ("own-correlation-family", "family")):
        assert before[name]["missing"] == ["a clinician's scores of these sets"]
        assert after[name]["n"] == 20
        assert after[name]["reason"].startswith("By the clinicians' scores of 20 sets made here")
        assert f"tables/reader-{table}.csv" in after[name]["sources"]
    others = set(before) - set(OURS)
    assert {name: before[name] for name in others} == {name: after[name] for name in others}


def test_one_image_called_real_contradicts_that_all_are_called_fake(folder, pristine, tmp_path):
    made = study_of_results(Results.open(folder), tmp_path / "study")
    (synthetic,) = [i for i in made.study.orders[0] if not made.is_real(i)][:1]
    made.reader(1, lambda image, _: {"real": image == synthetic}, role="clinician")
    add(folder, made, (1,))
    write_reader_tables(folder)
    entry = claims(folder)["clinician"]
    assert entry["verdict"] == "not reproduced"
    assert entry["numbers"]["called real"] == 1


def test_the_reports_rows_are_those_of_the_tables(scored, pristine):
    assert reader_tables(Results.open(pristine[0] / "paper")) == []
    tables = reader_tables(Results.open(scored))
    assert [len(table.rows) > 0 for table in tables] == [True] * len(tables)
    for table in tables:
        assert {len(row) for row in table.rows} == {len(table.head)}
    text = " ".join(cell for table in tables for row in table.rows for cell in row)
    assert "nan" not in text
    assert "0 of 60" in text
