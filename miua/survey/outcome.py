"""All scores of a reader study, and the files that hold them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from miua.errors import MiuaError
from miua.files import read_json, write_json
from miua.provenance import PROVENANCE, record_step
from miua.study.store import write_table
from miua.survey.agreement import score_agreement
from miua.survey.answers import AnswersFile, OpenedStudy, Refusal, judgements
from miua.survey.score import score_learning, score_readers, score_sets
from miua.survey.study_files import KEY_FILE, STUDY_FILE

# Raised by one whenever a key of scores.json changes its name or meaning.
SCHEMA = 1
SCORES_FOLDER, REHEARSAL_FOLDER, SCORES_FILE = "scores", "rehearsal", "scores.json"
ANSWERS = "answers"
# How cells begin that a spreadsheet would compute.
_FORMULA = r"[=+\-@\t\r]"
REHEARSAL = "Rehearsal: answers of a program, not a result"
# What makes the tables of scores, by the names of their files.
SCORERS = {
    **{"readers": score_readers, "sets": score_sets},
    **{"agreement": score_agreement, "learning": score_learning},
}


class Outcome(NamedTuple):
    """What a reader study came to.

    opened: the study. files: the readers' files that are scored, by reader. refused: those that are
    not. rehearsal: whether programs' answers were let in, so that nothing here is a result. judged:
    every answer with what its image is (JUDGEMENT_COLUMNS). scores: a table by each of SCORERS.
    """

    opened: OpenedStudy
    files: Sequence[AnswersFile]
    refused: Sequence[Refusal]
    rehearsal: bool
    judged: pd.DataFrame
    scores: dict[str, pd.DataFrame]

    @property
    def banner(self) -> str:
        """What every table says of itself before anything else; "" for results."""
        return REHEARSAL if self.rehearsal else ""

    @property
    def comments(self) -> pd.DataFrame:
        """What readers wrote: reader, place, image, kind, set, comment."""
        columns = ["reader", "place", "image", "kind", "set", "comment"]
        return self.judged.loc[self.judged["comment"].str.strip() != "", columns]


def score(
    opened: OpenedStudy, files: list[AnswersFile], refused: list[Refusal], *, rehearsal: bool
) -> Outcome:
    """Score files that were accepted already (`miua.survey.answers.read_answers`); one or more."""
    by_reader = sorted(files, key=lambda file: file.answers.reader)
    judged = judgements(opened, by_reader)
    scores = {name: scorer(judged) for name, scorer in SCORERS.items()}
    return Outcome(opened, by_reader, refused, rehearsal, judged, scores)


def outcome_folder(study: Path, given: Path | None, *, rehearsal: bool) -> Path:
    """Where scores go: the given folder, or one of the study's for results or for rehearsals.

    MiuaError: scores of the other kind are there, or the folder is not one of scores.
    """
    folder = given or study / (REHEARSAL_FOLDER if rehearsal else SCORES_FOLDER)
    if not (folder / SCORES_FILE).exists():
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise MiuaError(f"{folder} is there already, and holds no scores. Name a new folder.")
        return folder
    before = read_json(folder / SCORES_FILE)
    rehearsed = isinstance(before, dict) and bool(before.get("banner"))
    if rehearsed != rehearsal:
        there = "a rehearsal's scores" if rehearsed else "scores of real answers"
        raise MiuaError(f"{folder} holds {there}. Name another folder with --out, or remove it.")
    return folder


def write_outcome(outcome: Outcome, folder: Path) -> list[Path]:
    """Write every table as CSV, scores.json, and provenance.json beside them.

    Like the sealed key, the answers can be read by their owner alone: they say what each image is.
    In scores.json numbers that there are not are null. Returns the files without the provenance.
    """
    written = []
    for name, table in {ANSWERS: outcome.judged, **outcome.scores}.items():
        written.append(folder / f"{name}.csv")
        shown = _as_written(table, outcome.banner)
        write_table(written[-1], shown, private=name == ANSWERS)
    document = {
        "schema": SCHEMA,
        "banner": outcome.banner,
        "study": outcome.opened.sha256,
        "title": outcome.opened.study.title,
        "files": [_described(file) for file in outcome.files],
        "refused": [{"file": r.path.name, "reason": r.reason} for r in outcome.refused],
        **{name: _records(table) for name, table in outcome.scores.items()},
        "comments": _records(outcome.comments),
    }
    written.append(folder / SCORES_FILE)
    write_json(written[-1], document, sort_keys=False)
    study = outcome.opened.folder
    inputs = [study / STUDY_FILE, study / KEY_FILE, *(file.path for file in outcome.files)]
    record_step(folder / PROVENANCE, base=study, inputs=inputs, files=written)
    return written


def _described(file: AnswersFile) -> dict[str, Any]:
    """What scores.json says of a reader."""
    answers = file.answers
    kept = {"reader", "role", "experience_years", "started", "finished", "sittings", "zoom"}
    return {
        "file": file.path.name,
        "receipt": answers.receipt,
        **answers.model_dump(include=kept),
        "taken_back": sum(answer.changes for answer in answers.answers),
        "automated": answers.automated,
    }


def _records(table: pd.DataFrame) -> list[dict[Any, Any]]:
    return table.astype(object).where(table.notna(), None).to_dict("records")


def _as_written(table: pd.DataFrame, banner: str) -> pd.DataFrame:
    """A table as it goes into a file, with the banner in every row.

    Truth values are written as the other tables write them, and comments so that a spreadsheet
    takes them for text, whatever they begin with.
    """
    truths = table.select_dtypes("bool").columns
    shown = table.assign(**{name: table[name].map({True: "yes", False: "no"}) for name in truths})
    if "comment" in shown.columns:
        comments = shown["comment"]
        shown["comment"] = comments.where(~comments.str.match(_FORMULA), "'" + comments)
    return shown.assign(note=banner) if banner else shown
