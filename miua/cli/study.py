"""From metrics to the printed paper, and the whole way at once.

`miua unseen`, `collect`, `clinician`, `analyse`, `readers`, `claims`, `figures`, `report`, `paper`,
`trace`, `expected`, `repeat`, and `reproduce`, `experiment`, which run all steps.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Annotated

from miua.cli.declaring import argument, need, option, takes
from miua.cli.options import PAPER, RESULTS, STUDY, Cores, Paper, Results, Study, Threads
from miua.errors import MiuaError
from miua.wording import printable


def _manifest_renewed(results: Path) -> AbstractContextManager[None]:
    from miua.study.manifest import renewed

    return renewed(results)


def unseen_command(results: Results, threads: Threads = None) -> list[Path]:
    """Measure all sets again, against images that no training saw."""
    from miua.analysis.unseen import measure_unseen

    with _manifest_renewed(results):
        return measure_unseen(results, threads)


def collect_command(
    results: Results, experiment: Annotated[str, argument("One that trains, such as augmentation.")]
) -> list[Path]:
    """Join the metrics of one experiment's sets."""
    from miua.analysis.tables import collect

    with _manifest_renewed(results):
        return collect(results, experiment)


def clinician_command(results: Results, study: Study = STUDY) -> list[Path]:
    """Refit the published scores of the clinician."""
    from miua.analysis.clinician import refit_clinician

    with _manifest_renewed(results):
        return refit_clinician(results, study)


def analyse_command(results: Results) -> list[Path]:
    """Join all sets' metrics into tables."""
    from miua.analysis.tables import analyse

    with _manifest_renewed(results):
        return analyse(results)


def readers_command(results: Results) -> list[Path]:
    """Score the readers whose answers are in RESULTS/readers."""
    need("Scoring readers", "statsmodels")
    from miua.survey.into_claims_table import write_reader_tables

    with _manifest_renewed(results):
        return write_reader_tables(results)


def claims_command(results: Results, study: Study = STUDY) -> list[Path]:
    """Judge every claim of the study by the results' tables."""
    from miua.analysis.claims_table import write_claims
    from miua.cli.claims_printing import print_claims

    with _manifest_renewed(results):
        paths = write_claims(results, study)
    print_claims(results, evidence=True)
    return paths


def figures_command(results: Results, study: Study = STUDY) -> list[Path]:
    """Draw every figure, as PDF and PNG."""
    from miua.report import make_figures

    with _manifest_renewed(results):
        return make_figures(results, study)


def report_command(results: Results, study: Study = STUDY) -> Path:
    """Write report.html, one file with everything in it."""
    from miua.report import make_report

    with _manifest_renewed(results):
        return make_report(results, study)


def paper_command(results: Results, study: Study = STUDY, source: Paper = PAPER) -> Path:
    """Print the paper from results and LaTeX sources."""
    from miua.report import make_paper

    with _manifest_renewed(results):
        return make_paper(results, study, source)


def trace_command(
    value: Annotated[
        str | None, argument("A value's id, its macro in the paper, or a claim's id.")
    ] = None,
    results: Annotated[Path | None, argument("A results folder, such as results/smoke.")] = None,
    listed: Annotated[
        Path | None, option("Print all that this results folder can trace.", "--list")
    ] = None,
) -> list[str]:
    """Trace a number of the paper back to the run that made it."""
    from miua.study.trace import as_lines, listing, trace

    if listed is not None:
        lines = listing(listed)
    elif value is None or results is None:
        raise MiuaError("Name a value and a results folder: miua trace VALUE-ID RESULTS.")
    else:
        lines = as_lines(trace(results, value))
    return [printable(line) for line in lines]


def repeat_command(
    profile: Annotated[str, option("smoke, cpu or paper.")],
    times: Annotated[int, option("How many repeats; ten decide.", min=2)] = 10,
    out: Annotated[Path, option("Where they go: OUT/seed-1000/PROFILE and so on.")] = RESULTS
    / "repeats",
    study: Study = STUDY,
    paper: Paper = PAPER,
    cores: Cores = None,
) -> list[Path]:
    """Rerun the study with other seeds, up to the claims table."""
    need("Reproducing the study", "torch", "snakemake")
    from miua.study.run import make_repeats

    return make_repeats(profile, times, study=study, paper=paper, out=out, cores=cores)


def expected_command(
    results: Results,
    out: Annotated[Path, option("Folder, such as experiments/expected/cpu.")],
    repeats: Annotated[
        Path | None, option("What `miua repeat` made: the scatter between seeds.")
    ] = None,
) -> list[Path]:
    """Write the small outcome of a run, to keep and compare."""
    from miua.study.expected import write_expected
    from miua.study.run import find_repeats
    from miua.study.store import Results

    opened = Results.open(results)
    found = [] if repeats is None else find_repeats(repeats, opened.plan.profile)
    return write_expected(opened, out, [Results.open(folder) for folder in found])


def _run(
    profile: Annotated[
        str | None, option("smoke, cpu or paper; by the hardware if not given.")
    ] = None,
    study: Study = STUDY,
    paper: Paper = PAPER,
    results: Annotated[Path, option("Where results folders go.")] = RESULTS,
    cores: Cores = None,
    executor: Annotated[
        str, option("Where the steps run: local, slurm, or a folder of settings for a cluster.")
    ] = "local",
    dry_run: Annotated[
        bool, option("Show what there is to do, and what it will take here.", "--dry-run")
    ] = False,
) -> Callable[..., Path | None]:
    """The run of all experiments, or of one: the results folder, or None where nothing was run."""
    need("Reproducing the study", "torch", "snakemake")
    from miua.study.run import reproduce

    asked = partial(reproduce, profile, study=study, paper=paper, results=results, cores=cores)

    def run(experiment: str | None = None) -> Path | None:
        folder = asked(executor=executor, dry_run=dry_run, predict=dry_run, experiment=experiment)
        return None if dry_run else folder

    return run


@takes(run=_run)
def reproduce_command(run: Callable[[], Path | None]) -> None:
    """Rerun the study, from images to the paper."""
    if folder := run():
        _print_outcome(folder)


@takes(run=_run)
def experiment_command(
    name: Annotated[str, argument("A file in experiments/, such as training-size.")],
    run: Callable[[str], Path | None],
) -> Path | None:
    """Rerun one experiment, up to its table."""
    folder = run(name)
    return folder and folder / "tables"


def _print_outcome(folder: Path) -> None:
    from miua.cli.claims_printing import print_claims
    from miua.cli.terminal import print_in_full, table, terminal
    from miua.report import results_summary

    summary = results_summary(folder)
    console = terminal()
    console.print(f"\n{summary.title}:")
    print_in_full(console, table(summary.rows[0], (row.values() for row in summary.rows)))
    for note in summary.notes:
        console.print(f"{note}\n")
    print_claims(folder, evidence=False)
    console.print(f"\npaper   {folder / 'paper' / 'main.pdf'}")
    console.print(f"report  {folder / 'report.html'}")
    console.print(f"claims  {folder / 'tables' / 'claims.csv'}")
    console.print(f"tables  {folder / 'tables'}")
