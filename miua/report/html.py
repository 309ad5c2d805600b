"""The HTML report: one file with everything in it, beside the runs that it links to."""

from __future__ import annotations

from pathlib import Path

from miua.files import write_text
from miua.pages.kit import render, templates
from miua.report.page_content import page_content
from miua.study.store import Results


def write_report(results: Path, study: Path) -> Path:
    """Write results/report.html from tables, figures, stacks and logs; returns it.

    Raises:
        MiuaError: a table, a figure, a stack or a log is missing or damaged.
    """
    environment = templates("miua.report", "The HTML report", "study")
    opened = Results.open(results)
    text = render(
        environment,
        "report.html",
        page_content(opened, study),
        styles=("page.css", "report.css"),
        scripts=("report.js",),
    )
    write_text(opened.report, text)
    return opened.report
