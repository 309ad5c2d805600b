"""What the readers' page saves in Chromium is what `miua survey score` reads."""

import json

import pytest
from typer.testing import CliRunner

from miua.cli import app
from miua.errors import MiuaError
from miua.survey.study_files import PAGE_FILE
from tests.browser.reader import Judgements, by_keyboard, study_of, whole_study
from tests.survey.studies import make_study

pytestmark = pytest.mark.browser


def score(*words):
    words = ("survey", "score", *words)
    done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_page_judged_by_a_program_is_scored_in_a_rehearsal_alone(open_page, tmp_path):
    folder = tmp_path / "study"
    make_study(folder)
    study, _ = study_of(folder)
    _, found = whole_study(open_page(folder / PAGE_FILE), study, by_keyboard)
    path = tmp_path / "answers.json"
    path.write_bytes(found)
    with pytest.raises(MiuaError, match="A program gave these answers"):
        score(folder, path)
    scores = json.loads(score(folder, path, "--rehearsal", "--json"))
    order = study.orders[2]
    first = {image: n for n, image in reversed(list(enumerate(order)))}
    key = json.loads((folder / "sealed-key.json").read_text(encoding="utf-8"))["images"]
    called = [Judgements(n).real for image, n in first.items() if key[image]["kind"] != "real"]
    row = scores["readers"][0]
    assert (row["score"], row["reader"]) == ("synthetic called real", "3")
    assert (row["count"], row["n"]) == (sum(called), len(called))
    assert scores["banner"]
    path.write_bytes(found.replace(b'"quality":2', b'"quality":5', 1))
    with pytest.raises(MiuaError, match="edited or damaged"):
        score(folder, path, "--rehearsal")
