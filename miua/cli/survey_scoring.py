"""`miua survey score`: readers' answers, checked, scored and printed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from miua.cli.declaring import argument, need, option
from miua.errors import MiuaError
from miua.progress import say
from miua.wording import number, p_value, printable, span

if TYPE_CHECKING:
    from miua.survey.outcome import Outcome


def score_command(
    study: Annotated[Path, argument("What `miua survey build` wrote.")],
    answers: Annotated[list[Path], argument("The files that readers sent back.")],
    out: Annotated[
        Path | None, option("Folder for the tables; STUDY/scores or STUDY/rehearsal if not given.")
    ] = None,
    results: Annotated[
        Path | None, option("The results folder that was judged: its claims table gets the scores.")
    ] = None,
    skip_refused: Annotated[
        bool, option("Score the others where a file is refused.", "--skip-refused")
    ] = False,
    rehearsal: Annotated[
        bool, option("Take programs' answers, too; no result then.", "--rehearsal")
    ] = False,
    json: Annotated[bool, option("Print scores.json, and no tables.", "--json")] = False,
) -> None:
    """Score readers' answers, and put them into a study's claims table."""
    need("Scoring a reader study", "pandas", "pydantic", "statsmodels", extra="survey")
    from miua.survey.answers import open_study, read_answers
    from miua.survey.into_claims_table import add_readers, check_readers, write_reader_tables
    from miua.survey.outcome import SCORES_FILE, outcome_folder, score, write_outcome

    if rehearsal and results is not None:
        raise MiuaError("A rehearsal is no result: give either --rehearsal or --results.")
    folder = outcome_folder(study, out, rehearsal=rehearsal)
    opened = open_study(study)
    accepted, refused = read_answers(opened, answers, rehearsal=rehearsal)
    if refused:
        told = "\n".join(f"  {printable(str(each))}" for each in refused)
        if not skip_refused:
            raise MiuaError(
                f"{len(refused)} of {len(answers)} files are refused, so nothing is scored:\n"
                f"{told}\nTo score the others: --skip-refused."
            )
        say(f"Left out, {len(refused)} of {len(answers)} files:\n{told}\n")
    if not accepted:
        raise MiuaError("No file of answers is left to score.")
    if results is not None:
        check_readers(results, opened, accepted)
    outcome = score(opened, accepted, refused, rehearsal=rehearsal)
    written = write_outcome(outcome, folder)
    claimed: list[Path] = []
    if results is not None:
        from miua.study.manifest import renewed

        with renewed(results):
            claimed = [add_readers(results, opened, accepted), *write_reader_tables(results)]
    if json:
        print((folder / SCORES_FILE).read_text(encoding="utf-8"), end="")
    else:
        print_outcome(outcome)
        print(*written, sep="\n")
    if results is not None and not json:
        print(*claimed, sep="\n")
        print(
            f"\nNow judge the claims again: `miua claims {results}`, then `miua figures`, "
            f"`paper`, `report` and `manifest` of {results}; or `miua reproduce`, which does "
            "all of it."
        )


def print_outcome(outcome: Outcome) -> None:
    """Print who answered, the scores, quality by set, agreement, learning and comments."""
    from rich.text import Text

    from miua.cli.terminal import print_in_full, table, terminal

    console = terminal()
    if outcome.banner:
        console.print(f"{outcome.banner}\n")
    title = printable(outcome.opened.study.title)
    console.print(f"{title} (study {outcome.opened.sha256[:8]})\n", soft_wrap=True)
    note = f" [{outcome.banner}]" if outcome.banner else ""
    shown: dict[str, Any] = {"files": outcome.files, **outcome.scores, "comments": outcome.comments}
    for name, (key, cells) in TABLES.items():
        found = shown[key]
        rows = list(found.itertuples() if hasattr(found, "itertuples") else found)
        if rows:
            console.print(f"{name}{note}", soft_wrap=True)
            texts = ([Text(_cell(row, cell)) for cell in cells.values()] for row in rows)
            print_in_full(console, table(cells, texts, left=cells))
    console.print(
        "Exact intervals and p take answers as independent. Those marked 'images resampled' do "
        "not: they keep all answers to an image together.\n"
    )


def _cell(row: Any, cell: str | Callable[[Any], str]) -> str:
    """What a row has of a name, or what is made of the row."""
    if callable(cell):
        return cell(row)
    value = getattr(row, cell)
    return number(value, 2) if isinstance(value, float) else str(value)


def _count(row: Any) -> str:
    return "" if row.count != row.count else f"{int(row.count)} of {int(row.n)}"


def _trend(row: Any) -> str:
    if row.status != "computed":
        return str(row.status)
    between = span(row.low, row.high, 2) or "no interval: all resamples are equal"
    return f"{number(row.spearman_r, 2)} ({between})"


def _value(row: Any) -> str:
    return number(row.value, 2) if row.status == "computed" else str(row.status)


def _interval(row: Any) -> str:
    if between := span(row.low, row.high, 2):
        return f"{between} {row.interval}"
    said = row.interval.removeprefix("none: ") in getattr(row, "status", "")
    return "" if said else row.interval


def _p(row: Any) -> str:
    return "" if row.p_value != row.p_value else p_value(row.p_value)


# By its title: what of the outcome a table shows, and what is in each column.
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
