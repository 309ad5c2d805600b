"""From each set's metrics to the tables that figures, paper and report read."""

from __future__ import annotations

from pathlib import Path

__all__ = ["analyse"]


def analyse(results: Path, study: Path) -> list[Path]:
    """Write the tables of a results folder; `study` is the folder experiments/.

    Returns:
        The files written: tables/metrics.csv, summary.csv, lbpv.npy, lbpv_sets.json,
        regression.csv.

    Raises:
        MiuaError: an input is missing or damaged; the message names it.
        MissingExtraError: pandas or YAML is not installed.
    """
    try:
        from miua.analysis.clinician import refit
        from miua.analysis.results import Results
        from miua.analysis.tables import write_table, write_tables
    except ModuleNotFoundError as error:
        raise missing_extra("The analysis", error) from None

    opened = Results.open(results)
    write_tables(opened)
    write_table(opened.tables / "regression.csv", refit(study))
    return [
        opened.tables / name
        for name in ("metrics.csv", "summary.csv", "lbpv.npy", "lbpv_sets.json", "regression.csv")
    ]


def missing_extra(what: str, error: ModuleNotFoundError) -> Exception:
    """The error that names the extra; a missing module of our own is a defect and stays itself."""
    from miua.errors import MissingExtraError

    package = (error.name or "miua").split(".")[0]
    return error if package == "miua" else MissingExtraError(what, package)
