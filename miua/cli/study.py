"""From metrics to the printed paper, and the whole way at once.

`miua collect`, `clinician`, `analyse`, `readers`, `claims`, `figures`, `report`, `paper`, `trace`,
`expected`, `repeat`, and `reproduce`, `experiment`, which run all steps.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from miua.cli.extras import need
from miua.cli.options import (
    PAPER,
    REPEATS,
    RESULTS,
    STUDY,
    Cores,
    DryRun,
    Executor,
    Paper,
    ProfileName,
    Results,
    ResultsParent,
    Study,
)
from miua.errors import MiuaError
from miua.printable import printable


def collect_command(
    results: Results,
    experiment: Annotated[str, typer.Argument(help="One that trains, such as augmentation.")],
) -> None:
    """Join the metrics of one experiment's sets."""
    from miua.analysis.tables import collect

    for path in collect(results, experiment):
        print(path)


def clinician_command(results: Results, study: Study = STUDY) -> None:
    """Refit the published scores of the clinician."""
    from miua.analysis.clinician import refit_clinician

    for path in refit_clinician(results, study):
        print(path)


def analyse_command(results: Results) -> None:
    """Join all sets' metrics into tables."""
    from miua.analysis.tables import analyse

    for path in analyse(results):
        print(path)


def readers_command(results: Results) -> None:
    """Score the readers whose answers are in RESULTS/readers."""
    need("statsmodels", "Scoring readers")
    from miua.survey.into_claims_table import write_reader_tables

    for path in write_reader_tables(results):
        print(path)


def claims_command(results: Results, study: Study = STUDY) -> None:
    """Judge every claim of the study by the results' tables."""
    from miua.analysis.claims_table import write_claims

    paths = write_claims(results, study)
    _print_claims(results)
    for path in paths:
        print(path)


def figures_command(results: Results, study: Study = STUDY) -> None:
    """Draw every figure, as PDF and PNG."""
    from miua.report import make_figures

    for path in make_figures(results, study):
        print(path)


def report_command(results: Results, study: Study = STUDY) -> None:
    """Write report.html, one file with everything in it."""
    from miua.report import make_report

    print(make_report(results, study))


def paper_command(results: Results, study: Study = STUDY, source: Paper = PAPER) -> None:
    """Print the paper from results and LaTeX sources."""
    from miua.report import make_paper

    print(make_paper(results, study, source))


def trace_command(
    value: Annotated[
        str | None, typer.Argument(help="A value's id, its macro in the paper, or a claim's id.")
    ] = None,
    results: Annotated[
        Path | None, typer.Argument(help="A results folder, such as results/smoke.")
    ] = None,
    listed: Annotated[
        Path | None, typer.Option("--list", help="Print all that this results folder can trace.")
    ] = None,
) -> None:
    """Trace a number of the paper back to the run that made it."""
    from miua.study.trace import as_lines, listing, trace

    if listed is not None:
        lines = listing(listed)
    elif value is None or results is None:
        raise MiuaError("Name a value and a results folder: miua trace VALUE-ID RESULTS.")
    else:
        lines = as_lines(trace(results, value))
    print(*(printable(line) for line in lines), sep="\n")


def expected_command(
    results: Results,
    out: Annotated[Path, typer.Option(help="Folder, such as experiments/expected/cpu.")],
    repeats: Annotated[
        Path | None, typer.Option(help="What `miua repeat` made: the scatter between seeds.")
    ] = None,
) -> None:
    """Write the small outcome of a run, to keep and compare."""
    from miua.study.expected import write_expected
    from miua.study.run import find_repeats
    from miua.study.store import Results as ResultsFolder

    opened = ResultsFolder.open(results)
    found = [] if repeats is None else find_repeats(repeats, opened.plan.profile)
    for path in write_expected(opened, out, [ResultsFolder.open(folder) for folder in found]):
        print(path)


def repeat_command(
    profile: Annotated[str, typer.Option(help="smoke, cpu or paper.")],
    times: Annotated[int, typer.Option(min=2, help="How many repeats; ten decide.")] = 10,
    out: Annotated[
        Path, typer.Option(help="Where they go: OUT/seed-1000/PROFILE and so on.")
    ] = REPEATS,
    study: Study = STUDY,
    paper: Paper = PAPER,
    cores: Cores = None,
) -> None:
    """Rerun the study with other seeds, up to the claims table."""
    _need_for_study()
    from miua.study.run import make_repeats

    for folder in make_repeats(profile, times, study=study, paper=paper, out=out, cores=cores):
        print(folder)


def reproduce_command(
    profile: ProfileName = None,
    study: Study = STUDY,
    paper: Paper = PAPER,
    results: ResultsParent = RESULTS,
    cores: Cores = None,
    executor: Executor = "local",
    dry_run: DryRun = False,
) -> None:
    """Rerun the study, from images to the paper."""
    _need_for_study()
    from miua.study.run import reproduce

    folder = reproduce(
        profile,
        study=study,
        paper=paper,
        results=results,
        cores=cores,
        executor=executor,
        dry_run=dry_run,
        predict=dry_run,
    )
    if not dry_run:
        _print_outcome(folder)


def experiment_command(
    name: Annotated[str, typer.Argument(help="A file in experiments/, such as training-size.")],
    profile: ProfileName = None,
    study: Study = STUDY,
    paper: Paper = PAPER,
    results: ResultsParent = RESULTS,
    cores: Cores = None,
    executor: Executor = "local",
    dry_run: DryRun = False,
) -> None:
    """Rerun one experiment, up to its table."""
    _need_for_study()
    from miua.study.run import reproduce

    folder = reproduce(
        profile,
        study=study,
        paper=paper,
        results=results,
        cores=cores,
        executor=executor,
        dry_run=dry_run,
        predict=dry_run,
        experiment=name,
    )
    if not dry_run:
        print(folder / "tables")


def _need_for_study() -> None:
    for package in ("torch", "snakemake"):
        need(package, "Reproducing the study")


def _print_claims(results: Path) -> None:
    """Every claim with its verdict, and how many claims have each."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from miua.analysis.claim_tests.base import VERDICTS
    from miua.analysis.claims_table import read_claims_table
    from miua.study.store import Results

    judged = read_claims_table(Results.open(results))
    # The words say it; colours only help to find them.
    styles = {"reproduced": "green", "not reproduced": "red", "undecided": "yellow"}
    table = Table(title=judged["banner"] or None, box=None, padding=(0, 1, 1, 0))
    table.add_column("claim", max_width=18, overflow="fold")
    table.add_column("verdict", max_width=14)
    table.add_column("reason")
    for claim in judged["claims"]:
        style = styles.get(claim["verdict"], "")
        table.add_row(claim["id"], Text(claim["verdict"], style=style), Text(claim["reason"]))
    console = Console(highlight=False, markup=False)
    console.print(table)
    console.print(", ".join(f"{judged['verdicts'][verdict]} {verdict}" for verdict in VERDICTS))


def _print_outcome(folder: Path) -> None:
    """Where everything is, and what came out, in short."""
    from rich.console import Console
    from rich.table import Table

    from miua.analysis.claim_tests.base import VERDICTS
    from miua.analysis.claims_table import read_claims_table
    from miua.report import results_summary
    from miua.study.store import Results

    summary = results_summary(folder)
    table = Table(*summary.rows[0], box=None, padding=(0, 1, 0, 0))
    for row in summary.rows:
        table.add_row(*row.values())
    console = Console(highlight=False, markup=False)
    console.print(f"\n{summary.title}:")
    console.print(table)
    for note in summary.notes:
        console.print(f"\n{note}", soft_wrap=False)
    counts = read_claims_table(Results.open(folder))["verdicts"]
    told = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS)
    console.print(f"\nClaims: {told}.")
    console.print(f"\npaper   {folder / 'paper' / 'main.pdf'}")
    console.print(f"report  {folder / 'report.html'}")
    console.print(f"claims  {folder / 'tables' / 'claims.csv'}")
    console.print(f"tables  {folder / 'tables'}")
