"""From each set's metrics to the tables that figures, paper and report read."""

from __future__ import annotations

from pathlib import Path

from miua.provenance import record_step

__all__ = ["analyse", "collect", "refit_clinician"]


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
    names = ("metrics.csv", "summary.csv", "lbpv.npy", "lbpv_sets.json")
    written = [*(opened.tables / name for name in names), *join_stability(opened)]
    sets = [path for s in opened.sets for path in (opened.set_metrics(s), opened.set_lbpv(s))]
    stability = sorted(opened.tables.glob("*-stability.csv"))
    record_step(
        opened.tables / "analysis.json", base=results, inputs=[*sets, *stability], files=written
    )
    return written


def collect(results: Path, experiment: str) -> list[Path]:
    """Write the table of one experiment's sets, and the signs of instability in its runs.

    Returns:
        The files written: tables/EXPERIMENT.csv, tables/EXPERIMENT-stability.csv.

    Raises:
        MiuaError: an input is missing or damaged; the message names it.
        MissingExtraError: pandas or YAML is not installed.
    """
    try:
        from miua.analysis.experiments import read_cells, write_experiment
        from miua.analysis.results import Results
    except ModuleNotFoundError as error:
        raise missing_extra("The analysis", error) from None

    opened = Results.open(results)
    written = write_experiment(opened, experiment)
    cells = read_cells(opened)
    cells = cells[cells["experiment"] == experiment]
    sets = [results / "metrics" / f"{name}.csv" for name in dict.fromkeys(cells["set"])]
    runs = [results / "runs" / name for name in dict.fromkeys(cells["run"])]
    logs = [run / name for run in runs for name in ("log.jsonl", "diverged.json")]
    record_step(written[0].with_suffix(".json"), base=results, inputs=[*sets, *logs], files=written)
    return written


def refit_clinician(results: Path, study: Path) -> list[Path]:
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
    written = [opened.tables / name for name in tables]
    data = sorted((study / "data").glob("*.csv"))
    record_step(opened.tables / "clinician.json", base=results, inputs=data, files=written)
    return written


def missing_extra(what: str, error: ModuleNotFoundError) -> Exception:
    """The error that names the extra; a missing module of our own is a defect and stays itself."""
    from miua.errors import MissingExtraError

    package = (error.name or "miua").split(".")[0]
    return error if package == "miua" else MissingExtraError(what, package)
