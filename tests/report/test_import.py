"""The light install: importing costs little, and a command that needs more says what."""

import subprocess
import sys

import pytest

from tests.drawn_results import PAPER, STUDY


def run(code, *arguments):
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_importing_analysis_and_report_loads_nothing_heavy():
    code = (
        "import sys, miua.analysis, miua.report, miua.study;"
        "print({'torch', 'pandas', 'matplotlib', 'pydantic', 'jinja2'} & set(sys.modules))"
    )
    assert run(code).stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("call", "package"),
    [
        ("from miua.report import make_figures; make_figures(results, study)", "matplotlib"),
        ("from miua.report import make_report; make_report(results, study)", "jinja2"),
        ("from miua.report import make_paper; make_paper(results, study, paper)", "matplotlib"),
        ("from miua.report import results_summary; results_summary(results)", "pandas"),
    ],
)
def test_a_missing_package_is_named_with_the_extra(call, package, tmp_path):
    code = (
        "import sys; from pathlib import Path;"
        f"sys.modules[{package!r}] = None;"
        "results, study, paper = map(Path, sys.argv[1:]);" + call
    )
    finished = run(code, tmp_path, STUDY, PAPER)
    assert f"needs the package {package!r}" in finished.stderr
    assert "pip install 'miua[study]'" in finished.stderr
