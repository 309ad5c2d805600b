"""The HTML report: one file with everything in it, beside the runs that it links to."""

from __future__ import annotations

from pathlib import Path

import jinja2

from miua.analysis.results import Results
from miua.files import write_text
from miua.report.embedded import asset, script_policy
from miua.report.page_content import page_content


def write_report(results: Path, study: Path) -> Path:
    """Write results/report.html from tables, figures, stacks and logs; returns it.

    Raises:
        MiuaError: a table, a figure, a stack or a log is missing or damaged.
    """
    opened = Results.open(results)
    script = asset("report.js")
    page = _environment().get_template("report.html")
    text = page.render(
        **page_content(opened, study),
        style=asset("report.css"),
        script=script,
        script_policy=script_policy(script),
    )
    write_text(opened.report, text)
    return opened.report


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("miua.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
