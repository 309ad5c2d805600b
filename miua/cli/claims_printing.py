"""The paper's claims in a terminal, and the evidence under each of them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.table import Column, Table
from rich.text import Text

from miua.analysis.claim_tests.base import VERDICTS
from miua.analysis.claims_table import read_claims_table
from miua.analysis.paper_claims import DECIDED_BY
from miua.cli.terminal import terminal
from miua.study.store import Results

# The words say it; colours only help to find them.
STYLES = {"reproduced": "green", "not reproduced": "red", "undecided": "yellow"}


def print_claims(results: Path, *, evidence: bool) -> None:
    """Print the claims with their verdicts, then all evidence if asked for, then the counts."""
    judged, console = read_claims_table(Results.open(results)), terminal()
    if judged["banner"]:
        console.print(Text(f"{judged['banner']}\n", style="bold"))
    for claim in judged["claims"]:
        console.print(Text(f"{claim['id']}: {claim['claim']}", style="bold"))
        console.print(_decisions(claim))
    for claim in judged["claims"] if evidence else ():
        console.print(Text(f"\nEvidence for {claim['id']}: {claim['claim']}", style="bold"))
        console.print(_evidence(row for row in judged["evidence"] if row["of"] == claim["id"]))
    for line in _counts(judged):
        console.print(line)


def _decisions(claim: dict[str, Any]) -> Table:
    """Of each kind the verdict, what was found in a line, and the test."""
    table = _without_lines(10, 17)
    for kind in DECIDED_BY:
        if row := claim[kind]:
            found = Text(row["line"]).append(f" Test: {row['test']}.", style="dim")
            table.add_row(kind, _verdict(row), found)
    table.add_row()
    return table


def _evidence(rows: Iterator[dict[str, Any]]) -> Table:
    table = _without_lines(18, 14)
    for row in rows:
        table.add_row(row["id"], _verdict(row), Text(row["reason"]))
    return table


def _without_lines(*widths: int) -> Table:
    """A table without head and lines: columns of these widths, and one for what is said."""
    columns = (Column(width=width, overflow="fold") for width in widths)
    return Table(
        *columns, Column(overflow="fold"), box=None, padding=(0, 2, 0, 0), show_header=False
    )


def _verdict(row: dict[str, Any]) -> Text:
    return Text(row["verdict"], style=STYLES.get(row["verdict"], ""))


def _counts(judged: dict[str, Any]) -> Iterator[str]:
    """How many claims have which verdict, a line for each kind; last the size of the evidence."""
    for kind in DECIDED_BY:
        counts = judged["verdicts"][kind]
        told = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS)
        yield f"{kind}, {sum(counts.values())} of {len(judged['claims'])} claims: {told}"
    yield f"evidence: {len(judged['evidence'])} rows"
