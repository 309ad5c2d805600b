"""Readers' files against their study: each is accepted, or refused with its reason."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from miua.errors import MiuaError
from miua.survey.study_files import (
    KEY_FILE,
    STUDY_FILE,
    Answer,
    Answers,
    Key,
    ReaderStudy,
    digest_of,
    read_record,
)

JUDGEMENT_COLUMNS = (
    *("reader", "role", "place", "image", "kind", "set", "real", "quality", "confidence"),
    *("seconds", "repeat", "comment"),
)


class OpenedStudy(NamedTuple):
    """A study with its key, which fits it.

    sha256: of the bytes of study.json, which every file of answers has to name.
    """

    folder: Path
    study: ReaderStudy
    key: Key
    sha256: str


class AnswersFile(NamedTuple):
    """A reader's file as it was read; content: its bytes."""

    path: Path
    answers: Answers
    content: bytes


class Refusal(NamedTuple):
    """A file that is not scored; reason: a sentence that says why."""

    path: Path
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


def open_study(folder: Path) -> OpenedStudy:
    """A study's folder: study.json and the sealed key beside it.

    MiuaError: one of the two is missing or damaged, or they do not fit each other.
    """
    if not (folder / STUDY_FILE).is_file():
        raise MiuaError(
            f"{folder} is no study: there is no {STUDY_FILE} in it. First comes the folder that "
            "`miua survey build` wrote, then the answers."
        )
    study, written = read_record(folder / STUDY_FILE, ReaderStudy)
    if not (folder / KEY_FILE).exists():
        raise MiuaError(
            f"{folder / KEY_FILE} is missing. Put it back: only the key says what the images are."
        )
    key, sealed = read_record(folder / KEY_FILE, Key)
    if hashlib.sha256(sealed).hexdigest() != study.key_sha256:
        raise MiuaError(
            f"{folder / KEY_FILE} is not the key that {STUDY_FILE} was made with: it was changed, "
            "or one of the two is of another study. Put the files of one build together."
        )
    shown = [*study.practice, *study.images]
    hashes = {image.id: image.sha256 for image in shown}
    known = {name: image.sha256 for name, image in key.images.items()}
    judged = {image.id for image in study.images}
    if len(hashes) < len(shown) or hashes != known:
        raise MiuaError(f"{folder}: {KEY_FILE} does not hold the images of {STUDY_FILE}.")
    if any(set(order) != judged for order in study.orders):
        raise MiuaError(f"{folder / STUDY_FILE}: an order does not show each of the images.")
    return OpenedStudy(folder, study, key, hashlib.sha256(written).hexdigest())


def read_answers(
    opened: OpenedStudy, paths: Iterable[Path], *, rehearsal: bool = False
) -> tuple[list[AnswersFile], list[Refusal]]:
    """Every file either accepted or refused, both in the order of the paths.

    Of several files of one reader each is refused, as nothing says which of them holds; of those
    that hold the same answers all but the first. A rehearsal accepts answers of a program, too.
    """
    read: dict[int, AnswersFile] = {}
    refused: dict[int, Refusal] = {}
    for place, path in enumerate(paths):
        try:
            read[place] = _checked(opened, path, rehearsal)
        except MiuaError as error:
            # A refusal names the path anyway.
            said = str(error).removeprefix(f"{path}: ").replace(f"{path} is", "It is", 1)
            refused[place] = Refusal(path, said)
    for place, file in read.items():
        of_reader = [each for each in read.values() if each.answers.reader == file.answers.reader]
        others = [each for each in of_reader if each is not file]
        same = all(each.answers.sha256 == file.answers.sha256 for each in others)
        if others and not (same and file is of_reader[0]):
            refused[place] = Refusal(file.path, _twice(file, others, same))
    accepted = [file for place, file in read.items() if place not in refused]
    return accepted, [refused[place] for place in sorted(refused)]


def judgements(opened: OpenedStudy, files: Sequence[AnswersFile]) -> pd.DataFrame:
    """Every answer with what its image is: JUDGEMENT_COLUMNS, by reader, then place.

    Practice is left out. `real` is whether the reader called the image real, `kind` whether it is;
    `repeat` whether the reader had judged it before. Files that were accepted already.
    """
    rows = []
    for file in sorted(files, key=lambda each: each.answers.reader):
        seen: set[str] = set()
        for answer in file.answers.answers:
            rows.append(
                answer.model_dump()
                | opened.key.images[answer.image].model_dump(include={"kind", "set"})
                | {"reader": file.answers.reader, "role": file.answers.role}
                | {"seconds": answer.milliseconds / 1000, "repeat": answer.image in seen}
            )
            seen.add(answer.image)
    return pd.DataFrame(rows, columns=list(JUDGEMENT_COLUMNS))


def first_showings(judged: pd.DataFrame) -> pd.DataFrame:
    """The judgements that count for scores: each reader's first of each image."""
    return judged[~judged["repeat"]]


def _checked(opened: OpenedStudy, path: Path, rehearsal: bool) -> AnswersFile:
    """The file; MiuaError: something by itself speaks against it."""
    if path.exists() and not path.is_file():
        raise MiuaError("It is no file. Give the readers' .json files themselves.")
    if path.suffix == ".csv":
        raise MiuaError("It is a table, for looking at. Give the reader's .json file.")
    if path.name == STUDY_FILE:
        raise MiuaError("It is a study, not a reader's answers.")
    answers, content = read_record(path, Answers)
    if digest_of(answers.model_dump(exclude={"sha256"})) != answers.sha256:
        raise MiuaError(
            "It was edited or damaged: its content does not have the hash that it names. Ask the "
            "reader for the file again; the page still offers it."
        )
    if answers.study != opened.sha256:
        raise MiuaError(
            f"It is of another study: {answers.study[:8]}, and this one is {opened.sha256[:8]}."
        )
    orders = opened.study.orders
    if answers.reader > len(orders):
        raise MiuaError(f"Reader {answers.reader} is none of this study's, 1 to {len(orders)}.")
    practice = [image.id for image in opened.study.practice]
    _check_showings("practice answers", answers.practice, practice)
    _check_showings("answers", answers.answers, orders[answers.reader - 1])
    _check_times({name: getattr(answers, name) for name in ("consented", "started", "finished")})
    if answers.automated and not rehearsal:
        raise MiuaError(
            "A program gave these answers, so they are no result. To try the scoring with them: "
            "--rehearsal."
        )
    return AnswersFile(path, answers, content)


def _check_showings(what: str, given: list[Answer], shown: list[str]) -> None:
    if len(given) < len(shown):
        raise MiuaError(f"It is incomplete: {len(given)} of {len(shown)} {what}.")
    if len(given) > len(shown):
        raise MiuaError(f"It has {len(given)} {what}, where {len(shown)} were asked for.")
    for place, (answer, image) in enumerate(zip(given, shown, strict=True), start=1):
        if (answer.place, answer.image) != (place, image):
            raise MiuaError(
                f"Its {what} are not in this reader's order: number {place} is of image "
                f"{answer.image!r} at place {answer.place}, and {image!r} was shown."
            )


def _check_times(written: dict[str, str]) -> None:
    times = []
    for name, text in written.items():
        try:
            times.append(datetime.fromisoformat(text))
        except ValueError:
            raise MiuaError(f"{name}: {text!r} is no time.") from None
        if times[-1].tzinfo is None:
            raise MiuaError(f"{name}: {text!r} does not say which time zone it is of.")
    if times != sorted(times):
        raise MiuaError(
            f"Its times go backwards: {', '.join(f'{n} {text}' for n, text in written.items())}."
        )


def _twice(file: AnswersFile, others: list[AnswersFile], same: bool) -> str:
    if any(each.path.resolve() == file.path.resolve() for each in others):
        return "It was given twice. Give it once."
    named = ", ".join(str(each.path) for each in others)
    if same:
        return f"It holds the same answers as {named}. Give one of them."
    return (
        f"{named} is of reader {file.answers.reader}, too, with other answers. Each number is one "
        "reader's; ask which file holds."
    )
