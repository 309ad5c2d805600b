"""`miua survey score`: readers' answers, checked, scored and printed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from miua.cli.extras import need
from miua.errors import MiuaError
from miua.printable import printable

if TYPE_CHECKING:
    from rich.console import Console

    from miua.survey.answers import Refusal
    from miua.survey.outcome import Outcome


def score_command(
    study: Annotated[Path, typer.Argument(help="What `miua survey build` wrote.")],
    answers: Annotated[list[Path], typer.Argument(help="The files that readers sent back.")],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the tables; STUDY/scores or STUDY/rehearsal if not given."),
    ] = None,
    results: Annotated[
        Path | None,
        typer.Option(help="The results folder that was judged: its ledger gets the scores."),
    ] = None,
    skip_refused: Annotated[
        bool, typer.Option("--skip-refused", help="Score the others where a file is refused.")
    ] = False,
    rehearsal: Annotated[
        bool, typer.Option("--rehearsal", help="Take programs' answers, too; no result then.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print scores.json, and no tables.")] = False,
) -> None:
    """Score readers' answers, and put them into a study's ledger."""
    for package in ("pandas", "pydantic", "statsmodels"):
        need(package, "Scoring a reader study", "survey")
    from miua.survey.answers import open_study, read_answers
    from miua.survey.outcome import SCORES_FILE, outcome_folder, score, write_outcome
    from miua.survey.results import add_readers, check_readers, write_reader_tables

    if rehearsal and results is not None:
        raise MiuaError("A rehearsal is no result: give either --rehearsal or --results.")
    folder = outcome_folder(study, out, rehearsal=rehearsal)
    opened = open_study(study)
    accepted, refused = read_answers(opened, answers, rehearsal=rehearsal)
    _refuse(refused, len(answers), skip_refused)
    if not accepted:
        raise MiuaError("No file of answers is left to score.")
    if results is not None:
        check_readers(results, opened, accepted)
    outcome = score(opened, accepted, refused, rehearsal=rehearsal)
    written = write_outcome(outcome, folder)
    if json:
        print((folder / SCORES_FILE).read_text(encoding="utf-8"), end="")
    else:
        print_outcome(outcome)
        print(*written, sep="\n")
    if results is not None:
        place = add_readers(results, opened, accepted)
        tables = write_reader_tables(results)
        if not json:
            print(place, *tables, sep="\n")
            print(
                f"\nNow judge the ledger again: `miua claims {results}`, then `miua figures`, "
                f"`paper`, `report` and `manifest` of {results}; or `miua reproduce`, which does "
                "all of it."
            )


def _refuse(refused: list[Refusal], files: int, skip: bool) -> None:
    """Tell every refusal; and end there, unless the others are to be scored."""
    if not refused:
        return
    told = "\n".join(f"  {printable(str(each))}" for each in refused)
    if not skip:
        raise MiuaError(
            f"{len(refused)} of {files} files are refused, so nothing is scored:\n{told}\n"
            "To score the others: --skip-refused."
        )
    typer.echo(f"Left out, {len(refused)} of {files} files:\n{told}\n", err=True)


def print_outcome(outcome: Outcome) -> None:
    """Print who answered, the scores, quality by set, agreement, learning and comments."""
    from rich.console import Console

    # What readers wrote may hold what rich takes for markup.
    console = Console(highlight=False, markup=False, emoji=False)
    if outcome.banner:
        console.print(f"{outcome.banner}\n")
    title = printable(outcome.opened.study.title)
    console.print(f"{title} (study {outcome.opened.sha256[:8]})\n", soft_wrap=True)
    _print_files(console, outcome)
    note = outcome.banner
    _print(
        console,
        f"Scores, with 95 % intervals{_as_note(note)}",
        ("role", "reader", "score", "count", "value", "interval", "p"),
        [_score_row(row) for row in outcome.readers.itertuples()],
    )
    _print(
        console,
        f"Quality by set, 1 (poor) to 5 (high){_as_note(note)}",
        ("role", "set", "images", "answers", "called real", "quality", "interval"),
        [_set_row(row) for row in outcome.sets.itertuples()],
    )
    _print(
        console,
        f"Agreement{_as_note(note)}",
        ("", "role", "readers", "question", "measure", "images", "value", "interval"),
        [_agreement_row(row) for row in outcome.agreement.itertuples()],
    )
    _print(
        console,
        f"Over the session, by thirds{_as_note(note)}",
        ("reader", "measure", "first", "middle", "last", "trend (Spearman)", "p"),
        [_learning_row(row) for row in outcome.learning.itertuples()],
    )
    if len(comments := outcome.comments):
        _print(
            console,
            f"Comments{_as_note(note)}",
            ("reader", "image", "is", "comment"),
            [_comment_row(row) for row in comments.itertuples()],
        )
    console.print(
        "Exact intervals and p take answers as independent. Those marked 'images resampled' do "
        "not: they keep all answers to an image together.\n"
    )


def _print_files(console: Console, outcome: Outcome) -> None:
    rows = []
    for file in outcome.files:
        answers = file.answers
        judged = len(answers.answers)
        years = f"{answers.experience_years} years"
        who = (str(answers.reader), answers.role, years, str(judged), answers.receipt)
        rows.append((*who, printable(file.path.name)))
    head = ("reader", "role", "experience", "answers", "receipt", "file")
    _print(console, f"Readers{_as_note(outcome.banner)}", head, rows)


def _print(
    console: Console, title: str, head: tuple[str, ...], rows: Sequence[tuple[str, ...]]
) -> None:
    from rich.table import Table
    from rich.text import Text

    from miua.cli.tables import print_table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in head:
        table.add_column(name, no_wrap=name not in ("comment", "interval"))
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(title, soft_wrap=True)
    print_table(console, table)


def _score_row(row: Any) -> tuple[str, ...]:
    count = "" if row.count != row.count else f"{int(row.count)} of {int(row.n)}"
    value = _number(row.value) if row.status == "computed" else row.status
    p = "" if row.p_value != row.p_value else _p(row.p_value)
    return (row.role, row.reader, row.score, count, value, _interval(row), p)


def _set_row(row: Any) -> tuple[str, ...]:
    counts = (row.images, row.answers, row.called_real)
    name = printable(row.set) or "real images"
    return (row.role, name, *map(str, counts), _number(row.quality), _interval(row))


def _agreement_row(row: Any) -> tuple[str, ...]:
    value = _number(row.value) if row.status == "computed" else row.status
    who = (row.kind, row.role, row.readers, row.question, row.measure)
    return (*who, str(row.n), value, _interval(row))


def _learning_row(row: Any) -> tuple[str, ...]:
    thirds = [_number(value) for value in (row.first, row.middle, row.last)]
    trend, p = row.status, ""
    if row.status == "computed":
        trend = f"{_number(row.spearman_r)} ({_span(row.low, row.high)})"
        p = _p(row.p_value)
    return (str(row.reader), row.measure, *thirds, trend, p)


def _comment_row(row: Any) -> tuple[str, ...]:
    kind = f"{row.kind}, {row.set}" if row.set else row.kind
    text = " ".join(printable(row.comment).split())
    return (str(row.reader), row.image, printable(kind), text)


def _interval(row: Any) -> str:
    if row.low != row.low:
        return (
            ""
            if row.interval.removeprefix("none: ") in getattr(row, "status", "")
            else (row.interval)
        )
    return f"{_span(row.low, row.high)} {row.interval}"


def _span(low: float, high: float) -> str:
    return f"{_number(low)} to {_number(high)}"


def _number(value: float) -> str:
    return f"{value:.2f}".replace("-", "\N{MINUS SIGN}")


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _as_note(banner: str) -> str:
    return f" [{banner}]" if banner else ""
