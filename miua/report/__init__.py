"""From the results' tables to figures, the printed paper and the HTML report.

Its functions load what they need when called, so that importing this package stays light.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from miua.errors import extra_named
from miua.provenance import PROVENANCE, record_step

if TYPE_CHECKING:
    from miua.report.printed_tables import Summary


def make_figures(results: Path, study: Path) -> list[Path]:
    """Draw every figure into results/figures, as PDF and PNG; returns the files.

    Args:
        results: a results folder that analysis has written its tables into.
        study: the folder experiments/.
    """
    with extra_named("Drawing figures"):
        from miua.report.figures import draw_figures
    written = draw_figures(results, study)
    images = [*results.glob("sets/*/images.npy"), *results.glob("reference/*/images.npy")]
    inputs = [*_tables(results), *sorted(results.glob("runs/*/log.jsonl")), *sorted(images)]
    record_step(results / "figures" / PROVENANCE, base=results, inputs=inputs, files=written)
    return written


def make_report(results: Path, study: Path) -> Path:
    """Write results/report.html, one file that holds everything; returns it."""
    with extra_named("The HTML report"):
        from miua.report.page import write_report
    page = write_report(results, study)
    shown = ("figures/*.png", "runs/*/*.*", "runs/*/samples/*.png", "sets/*/*.*", "metrics/*.*")
    stacks = [*results.glob("real/*/images.npy"), *results.glob("real/*/names.json")]
    inputs = [*_tables(results), *stacks, *(path for each in shown for path in results.glob(each))]
    record_step(page.with_suffix(".json"), base=results, inputs=sorted(inputs), files=[page])
    return page


def make_paper(results: Path, study: Path, source: Path) -> Path:
    """Write numbers and tables, build the paper of folder `source`; returns results/paper/main.pdf.

    MiuaError: an input or LaTeX is missing, or LaTeX fails; the message says where.
    """
    with extra_named("The paper"):
        from miua.report.document import write_paper
    printed = write_paper(results, study, source)
    made = sorted(path for path in printed.parent.glob("generated/*") if path.is_file())
    sources = sorted(path for path in source.iterdir() if path.is_file())
    inputs = [*_tables(results), *sorted(results.glob("figures/*.pdf")), *sources]
    record_step(printed.with_name(PROVENANCE), base=results, inputs=inputs, files=[printed, *made])
    return printed


def _tables(results: Path) -> list[Path]:
    """The plan, and what figures, paper and report read from the analysis."""
    found = [path for path in results.glob("tables/*") if path.suffix in (".csv", ".npy")]
    return [results / "plan.yaml", *sorted(found), results / "claims.json"]


def results_summary(results: Path) -> Summary:
    """What came out, in short, for the terminal."""
    with extra_named("The summary"):
        from miua.report.printed_tables import summarise
    return summarise(results)
