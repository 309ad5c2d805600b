"""From each set's metrics to the tables that figures, paper and report read."""

from __future__ import annotations

from pathlib import Path

__all__ = ["analyse", "clinician", "collect"]


def analyse(results: Path) -> list[Path]:
    """Write the tables of the main grid, and join what the experiments say of stability.

    Returns:
        The files written: tables/metrics.csv, summary.csv, lbpv.npy, lbpv_sets.json and, where an
        experiment was collected, stability.csv.

    Raises:
        MiuaError: an input is missing or damaged; the message names it.
        MissingExtraError: pandas or YAML is not installed.
    """
    try:
        from miua.analysis.experiments import join_stability
        from miua.analysis.results import Results
        from miua.analysis.tables import write_tables
    except ModuleNotFoundError as error:
        raise missing_extra("The analysis", error) from None

    opened = Results.open(results)
    write_tables(opened)
    written = [opened.tables / name for name in ("metrics.csv", "summary.csv", "lbpv.npy")]
    return [*written, opened.tables / "lbpv_sets.json", *join_stability(opened)]


def collect(results: Path, experiment: str) -> list[Path]:
    """Write the table of one experiment's sets, and the signs of instability in its runs.

    Returns:
        The files written: tables/EXPERIMENT.csv, tables/EXPERIMENT-stability.csv.

    Raises:
        MiuaError: an input is missing or damaged; the message names it.
        MissingExtraError: pandas or YAML is not installed.
    """
    try:
        from miua.analysis.experiments import write_experiment
        from miua.analysis.results import Results
    except ModuleNotFoundError as error:
        raise missing_extra("The analysis", error) from None

    return write_experiment(Results.open(results), experiment)


def clinician(results: Path, study: Path) -> list[Path]:
    """Refit the published scores of the folder `study` (experiments/), and judge what they carry.

    Returns:
        The files written: tables/regression.csv, tables/clinician.csv.

    Raises:
        MiuaError: an input is missing or damaged; the message names it.
        MissingExtraError: pandas or YAML is not installed.
    """
    try:
        from miua.analysis.clinician import clinician_table, refit
        from miua.analysis.results import Results
        from miua.analysis.tables import write_table
    except ModuleNotFoundError as error:
        raise missing_extra("The analysis", error) from None

    opened = Results.open(results)
    tables = {"regression.csv": refit(study), "clinician.csv": clinician_table(study)}
    for name, table in tables.items():
        write_table(opened.tables / name, table)
    return [opened.tables / name for name in tables]


def missing_extra(what: str, error: ModuleNotFoundError) -> Exception:
    """The error that names the extra; a missing module of our own is a defect and stays itself."""
    from miua.errors import MissingExtraError

    package = (error.name or "miua").split(".")[0]
    return error if package == "miua" else MissingExtraError(what, package)
