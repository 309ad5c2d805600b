"""`miua survey score`: readers' answers, checked, scored and printed."""

from __future__ import annotations

from collections.abc import Callable
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
        typer.Option(help="The results folder that was judged: its claims table gets the scores."),
    ] = None,
    skip_refused: Annotated[
        bool, typer.Option("--skip-refused", help="Score the others where a file is refused.")
    ] = False,
    rehearsal: Annotated[
        bool, typer.Option("--rehearsal", help="Take programs' answers, too; no result then.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print scores.json, and no tables.")] = False,
) -> None:
    """Score readers' answers, and put them into a study's claims table."""
    for package in ("pandas", "pydantic", "statsmodels"):
        need(package, "Scoring a reader study", "survey")
    from miua.survey.answers import open_study, read_answers
    from miua.survey.into_claims_table import add_readers, check_readers, write_reader_tables
    from miua.survey.outcome import SCORES_FILE, outcome_folder, score, write_outcome

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
                f"\nNow judge the claims again: `miua claims {results}`, then `miua figures`, "
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
    note = f" [{outcome.banner}]" if outcome.banner else ""
    for name, (attribute, cells) in TABLES.items():
        found = getattr(outcome, attribute)
        rows = found.itertuples() if hasattr(found, "itertuples") else found
        texts = [[_cell(row, cell) for cell in cells.values()] for row in rows]
        if texts:
            _print(console, f"{name}{note}", list(cells), texts)
    console.print(
        "Exact intervals and p take answers as independent. Those marked 'images resampled' do "
        "not: they keep all answers to an image together.\n"
    )


def _print(console: Console, title: str, head: list[str], rows: list[list[str]]) -> None:
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


def _cell(row: Any, cell: str | Callable[[Any], str]) -> str:
    """What a row has of a name, or what is made of the row."""
    if callable(cell):
        return cell(row)
    value = getattr(row, cell)
    return _number(value) if isinstance(value, float) else str(value)


def _count(row: Any) -> str:
    return "" if row.count != row.count else f"{int(row.count)} of {int(row.n)}"


def _trend(row: Any) -> str:
    if row.status != "computed":
        return str(row.status)
    return f"{_number(row.spearman_r)} ({_span(row.low, row.high)})"


def _value(row: Any) -> str:
    return _number(row.value) if row.status == "computed" else str(row.status)


def _interval(row: Any) -> str:
    if row.low == row.low:
        return f"{_span(row.low, row.high)} {row.interval}"
    said = row.interval.removeprefix("none: ") in getattr(row, "status", "")
    return "" if said else row.interval


def _span(low: float, high: float) -> str:
    return f"{_number(low)} to {_number(high)}"


def _number(value: float) -> str:
    return f"{value:.2f}".replace("-", "\N{MINUS SIGN}")


def _p(row: Any) -> str:
    if row.p_value != row.p_value:
        return ""
    return "< 0.001" if row.p_value < 0.001 else f"{row.p_value:.3f}"


# By its title: the attribute of the outcome that a table shows, and what is in each column.
TABLES: dict[str, tuple[str, dict[str, str | Callable[[Any], str]]]] = {
    "Readers": (
        "files",
        {
            "reader": lambda file: str(file.answers.reader),
            "role": lambda file: file.answers.role,
            "experience": lambda file: f"{file.answers.experience_years} years",
            "answers": lambda file: str(len(file.answers.answers)),
            "receipt": lambda file: file.answers.receipt,
            "file": lambda file: printable(file.path.name),
        },
    ),
    "Scores, with 95 % intervals": (
        "readers",
        {
            **{name: name for name in ("role", "reader", "score")},
            **{"count": _count, "value": _value, "interval": _interval, "p": _p},
        },
    ),
    "Quality by set, 1 (poor) to 5 (high)": (
        "sets",
        {
            "role": "role",
            "set": lambda row: printable(row.set) or "real images",
            **{"images": "images", "answers": "answers", "called real": "called_real"},
            **{"quality": "quality", "interval": _interval},
        },
    ),
    "Agreement": (
        "agreement",
        {
            **{"": "kind", "role": "role", "readers": "readers", "question": "question"},
            **{"measure": "measure", "images": "n", "value": _value, "interval": _interval},
        },
    ),
    "Over the session, by thirds": (
        "learning",
        {
            **{name: name for name in ("reader", "measure", "first", "middle", "last")},
            **{"trend (Spearman)": _trend, "p": _p},
        },
    ),
    "Comments": (
        "comments",
        {
            **{"reader": "reader", "image": "image"},
            "is": lambda row: printable(f"{row.kind}, {row.set}" if row.set else row.kind),
            "comment": lambda row: " ".join(printable(row.comment).split()),
        },
    ),
}
