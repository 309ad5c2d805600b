"""Readers' answers in a results folder, and the tables that the claims table reads.

RESULTS/readers/ holds the study, its key and each reader's file as they were. Tables are made of
these alone, so that anybody can make them again.
"""

from collections.abc import Sequence
from pathlib import Path

from miua.analysis import columns
from miua.analysis.clinician import against_metrics
from miua.errors import MiuaError
from miua.files import atomic_folder, read_array, sha256_array, sha256_file
from miua.provenance import PROVENANCE, record_step
from miua.study.store import Results, read_metrics, write_table
from miua.survey.answers import AnswersFile, OpenedStudy, judgements, open_study, read_answers
from miua.survey.score import score_readers, score_sets
from miua.survey.study_files import KEY_FILE, STUDY_FILE

ANSWERS_FOLDER = "answers"


def check_readers(
    results: Path, opened: OpenedStudy, files: Sequence[AnswersFile]
) -> dict[int, AnswersFile]:
    """The answers that RESULTS/readers is to hold, by reader: those that are there already, too.

    MiuaError: they cannot be added and scored: the readers judged other images than those of the
    results, these have no metrics yet, or another study or other answers of a reader are there.
    """
    found = Results.open(results)
    _check_judged(found, opened)
    read_metrics(found)
    place = found.readers
    answers = {file.answers.reader: file for file in files}
    if not place.exists():
        return answers
    if sha256_file(place / STUDY_FILE) != opened.sha256:
        raise MiuaError(
            f"{place} holds another study. These results can have one: score the other into a copy "
            f"of the results, or remove {place} first."
        )
    for before in _accepted(open_study(place), place):
        again = answers.setdefault(before.answers.reader, before)
        if again.answers.sha256 != before.answers.sha256:
            raise MiuaError(
                f"{again.path}: reader {before.answers.reader} has other answers in "
                f"{before.path}. Ask which file holds; to replace the old one, remove it first."
            )
    return answers


def add_readers(results: Path, opened: OpenedStudy, files: Sequence[AnswersFile]) -> Path:
    """Copy a study, its key and accepted answers to RESULTS/readers, whole or not at all.

    Answers that are there already stay; the same study may so be scored as readers send theirs.
    Returns RESULTS/readers. Raises what `check_readers` does.
    """
    answers = check_readers(results, opened, files)
    place = Results.open(results).readers
    with atomic_folder(place, replace=True) as made:
        for name in (STUDY_FILE, KEY_FILE):
            (made / name).write_bytes((opened.folder / name).read_bytes())
        (made / ANSWERS_FOLDER).mkdir()
        for reader, file in sorted(answers.items()):
            (made / ANSWERS_FOLDER / f"reader-{reader:02d}.json").write_bytes(file.content)
        written = [path for path in sorted(made.rglob("*")) if path.is_file()]
        inputs = [opened.folder / STUDY_FILE, opened.folder / KEY_FILE]
        inputs += [file.path for _, file in sorted(answers.items())]
        record_step(made / PROVENANCE, base=results, inputs=inputs, files=written)
    return place


def write_reader_tables(results: Path) -> list[Path]:
    """Score RESULTS/readers and write the tables of it; every file is checked on the way.

    Returns the files written: tables/readers.csv and, where a clinician answered, reader-sets.csv,
    reader-regression.csv, reader-correlation.csv, reader-family.csv. MiuaError: there are no
    answers, one would be refused, or the images are others.
    """
    opened = Results.open(results)
    folder = opened.readers
    if not folder.is_dir():
        raise MiuaError(
            f"{folder} is missing: nobody judged these sets yet. Answers come there with: "
            f"miua survey score STUDY ANSWERS --results {results}"
        )
    study = open_study(folder)
    _check_judged(opened, study)
    files = _accepted(study, folder)
    judged = judgements(study, files)
    scored = {columns.READERS: score_readers(judged)}
    sets = score_sets(judged)
    sets = sets[(sets["role"] == columns.CLINICIAN) & (sets["kind"] == "synthetic")]
    if len(sets):
        scored |= {columns.READER_SETS: sets, **against_metrics(sets, read_metrics(opened))}
    written = []
    for name in columns.READER_TABLES:
        path = opened.tables / f"{name}.csv"
        if name in scored:
            write_table(path, scored[name])
            written.append(path)
        else:
            path.unlink(missing_ok=True)  # of answers that are not there any more
    inputs = [folder / STUDY_FILE, folder / KEY_FILE, *(file.path for file in files)]
    inputs.append(opened.tables / "metrics.csv")
    record = opened.tables / f"{columns.READERS}.json"
    record_step(record, base=results, inputs=inputs, files=written)
    return written


def _check_judged(results: Results, opened: OpenedStudy) -> None:
    """Raise MiuaError unless every image of the study is one of the results, at its place."""
    known = {chosen.set: results.set_stack(chosen.set) for chosen in results.sets}
    known[""] = results.reference_stack
    others = "These readers judged other images: "
    for name, digest in opened.key.stacks.items():
        what = f"the set {name}" if name else "the real images"
        if name not in known:
            raise MiuaError(
                f"{others}{opened.folder} holds {what}, which {results.folder} has not."
            )
        stack = read_array(known[name])
        if sha256_file(known[name]) != digest:
            raise MiuaError(
                f"{others}{what} in {known[name]} is not what {opened.folder} was built from."
            )
        for identity, image in opened.key.images.items():
            if image.set == name and (
                image.place >= len(stack) or sha256_array(stack[image.place]) != image.sha256
            ):
                raise MiuaError(f"{others}{identity} is not image {image.place} of {known[name]}.")
    if unknown := {image.set for image in opened.key.images.values()} - set(opened.key.stacks):
        raise MiuaError(
            f"{opened.folder / KEY_FILE} does not say of which stack {', '.join(sorted(unknown))} "
            "is."
        )


def _accepted(study: OpenedStudy, folder: Path) -> list[AnswersFile]:
    accepted, refused = read_answers(study, sorted((folder / ANSWERS_FOLDER).glob("*.json")))
    if refused:
        raise MiuaError("\n".join(str(each) for each in refused))
    if not accepted:
        raise MiuaError(f"{folder / ANSWERS_FOLDER} holds no answers.")
    return accepted
