"""The HTML report: one file with everything in it, beside the runs that it links to."""

from __future__ import annotations

from pathlib import Path

from miua.files import write_text
from miua.report.page_content import page_content
from miua.study.store import Results
from miua.web_page import asset, source_hash, templates

PACKAGE = "miua.report"


def write_report(results: Path, study: Path) -> Path:
    """Write results/report.html from tables, figures, stacks and logs; returns it.

    Raises:
        MiuaError: a table, a figure, a stack or a log is missing or damaged.
    """
    page = templates(PACKAGE, "The HTML report", extra="study").get_template("report.html")
    opened = Results.open(results)
    script = asset(PACKAGE, "report.js")
    text = page.render(
        **page_content(opened, study),
        style=asset(PACKAGE, "report.css"),
        script=script,
        script_hash=source_hash(script),
    )
    write_text(opened.report, text)
    return opened.report
