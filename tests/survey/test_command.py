"""`miua survey score` as a person calls it: what it prints, writes and refuses."""

import json

import pandas as pd
import pytest
from typer.testing import CliRunner

from miua.cli import app
from miua.errors import MiuaError
from miua.survey.outcome import REHEARSAL
from tests.survey.study_maker import drawn_reader, make_study

TABLES = ("answers", "readers", "sets", "agreement", "learning")


@pytest.fixture
def made(tmp_path):
    return make_study(tmp_path / "study")


def readers(made, numbers=(1, 2), **changes):
    return [made.reader(n, drawn_reader(made, n), **changes) for n in numbers]


def score(made, paths, *options):
    words = ["survey", "score", made.folder, *paths, *options]
    done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done


def test_every_table_is_written_and_told(made):
    paths = readers(made)
    done = score(made, paths)
    folder = made.folder / "scores"
    for name in TABLES:
        assert str(folder / f"{name}.csv") in done.stdout
        assert len(pd.read_csv(folder / f"{name}.csv"))
    for path in paths:
        content = json.loads(path.read_bytes())
        assert f"{content['sha256'][:4]}-{content['sha256'][4:8]}" in done.stdout
    assert "synthetic called real" in done.stdout
    record = json.loads((folder / "provenance.json").read_text())
    assert set(record["files"]) == {f"{name}.csv" for name in TABLES} | {"scores.json"}
    assert "study.json" in record["inputs"]
    assert REHEARSAL not in done.stdout


def test_the_same_answers_give_the_same_bytes(made, tmp_path):
    paths = readers(made)
    for name in ("a", "b"):
        score(made, paths[:: 1 if name == "a" else -1], "--out", tmp_path / name)
    for path in sorted((tmp_path / "a").glob("*.csv")):
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
    assert not (made.folder / "scores").exists()


def test_json_is_the_file_and_nothing_else(made):
    done = score(made, readers(made), "--json")
    document = json.loads(done.stdout)
    assert done.stdout == (made.folder / "scores" / "scores.json").read_text(encoding="utf-8")
    assert document["schema"] == 1
    assert [file["reader"] for file in document["files"]] == [1, 2]
    assert {row["role"] for row in document["readers"]} == {"engineer"}
    assert "NaN" not in done.stdout


def test_one_refused_file_stops_all_and_every_one_is_named(made):
    good, edited = readers(made)
    edited.write_bytes(edited.read_bytes().replace(b'"place":3', b'"place":4', 1))
    missing = made.folder / "none.json"
    with pytest.raises(MiuaError) as caught:
        score(made, [good, edited, missing])
    said = str(caught.value)
    assert "2 of 3 files are refused, so nothing is scored" in said
    assert f"{edited}: It was edited" in said
    assert f"{missing}: It is missing." in said
    assert "--skip-refused" in said
    assert not (made.folder / "scores").exists()


def test_the_others_are_scored_where_asked_and_that_is_said(made):
    good, edited = readers(made)
    edited.write_bytes(edited.read_bytes().replace(b'"place":3', b'"place":4', 1))
    done = score(made, [good, edited], "--skip-refused")
    assert "Left out, 1 of 2 files" in done.stderr
    document = json.loads((made.folder / "scores" / "scores.json").read_text())
    assert [file["file"] for file in document["files"]] == [good.name]
    assert [refused["file"] for refused in document["refused"]] == [edited.name]
    with pytest.raises(MiuaError, match="No file of answers is left"):
        score(made, [edited], "--skip-refused")


def test_a_rehearsal_says_so_everywhere_and_never_reaches_results(made, tmp_path):
    paths = readers(made, automated=True)
    with pytest.raises(MiuaError, match="A program gave these answers"):
        score(made, paths)
    done = score(made, paths, "--rehearsal")
    titles = [line for line in done.stdout.splitlines() if line.endswith(f"[{REHEARSAL}]")]
    assert len(titles) == 5  # readers, scores, sets, agreement, learning; nobody commented
    assert done.stdout.startswith(REHEARSAL)
    for name in TABLES:
        table = pd.read_csv(made.folder / "rehearsal" / f"{name}.csv")
        assert (table["note"] == REHEARSAL).all()
    scores = json.loads((made.folder / "rehearsal" / "scores.json").read_text())
    assert scores["banner"] == REHEARSAL
    assert not (made.folder / "scores").exists()
    with pytest.raises(MiuaError, match="A rehearsal is no result"):
        score(made, paths, "--rehearsal", "--results", tmp_path)


def test_neither_a_rehearsal_nor_real_scores_replace_the_other(made):
    real = readers(made)
    score(made, real)
    score(made, real, "--rehearsal")
    for options, said in (
        (("--rehearsal", "--out", made.folder / "scores"), "holds scores of real answers"),
        (("--out", made.folder / "rehearsal"), "holds a rehearsal's scores"),
        (("--out", made.folder), "holds no scores. Name a new folder"),
    ):
        before = {path: path.read_bytes() for path in made.folder.rglob("*.*")}
        with pytest.raises(MiuaError, match=said):
            score(made, real[:1], *options)
        assert before == {path: path.read_bytes() for path in made.folder.rglob("*.*")}
    score(made, real)
    score(made, real, "--rehearsal")  # each over its own kind


def test_a_plan_without_an_end_is_refused(tmp_path):
    words = ["survey", "plan", "--seconds", "inf", "--json", str(tmp_path / "plan.json")]
    with pytest.raises(MiuaError, match="--seconds is a number of seconds, not inf"):
        CliRunner().invoke(app, words, catch_exceptions=False)
    assert not (tmp_path / "plan.json").exists()


def test_comments_are_told_and_control_no_terminal(made):
    def judge(image, place):
        return {"comment": "skull \x1b[31m[bold]open[/bold]\nno midline"} if place == 4 else {}

    path = made.reader(1, judge)
    done = score(made, [path])
    image = made.study.orders[0][3]
    (line,) = [line for line in done.stdout.splitlines() if "no midline" in line]
    assert image in line
    assert "skull \\x1b[31m[bold]open[/bold] no midline" in line
    assert "\x1b" not in done.stdout
    (row,) = json.loads((made.folder / "scores" / "scores.json").read_text())["comments"]
    assert row["comment"] == "skull \x1b[31m[bold]open[/bold]\nno midline"
    assert row["kind"] == made.key.images[image].kind


@pytest.mark.parametrize("comment", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "a = 1", "'"])
def test_no_comment_is_a_formula_to_a_spreadsheet(made, comment):
    path = made.reader(1, lambda image, place: {"comment": comment} if place == 2 else {})
    score(made, [path])
    table = pd.read_csv(made.folder / "scores" / "answers.csv", keep_default_na=False)
    mark = "" if comment[0] in "a'" else "'"
    assert table.loc[1, "comment"] == mark + comment
    (row,) = json.loads((made.folder / "scores" / "scores.json").read_text())["comments"]
    assert row["comment"] == comment


def test_answers_are_unblinded_in_one_tidy_table(made):
    score(made, readers(made))
    mode = (made.folder / "scores" / "answers.csv").stat().st_mode
    assert mode & 0o777 == 0o600  # as the key, which says the same
    table = pd.read_csv(made.folder / "scores" / "answers.csv", keep_default_na=False)
    assert len(table) == 2 * 22
    for row in table.itertuples():
        assert row.kind == made.key.images[row.image].kind
        assert row.real in ("yes", "no")
        assert row.repeat in ("yes", "no")
