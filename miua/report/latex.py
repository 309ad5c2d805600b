"""What the paper reads: numbers.tex, a macro a number with its origin, values.json, tables."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from miua.files import write_json, write_text
from miua.report import latex_tables as tables
from miua.report.claims import judged_claims
from miua.report.latex_text import escape
from miua.report.origins import origins
from miua.report.sources import read_regression
from miua.report.value import Value, macro_name
from miua.report.values import Conditions, study_values
from miua.study.store import Results, read_metrics

VALUES = "values.json"


def numbers_tex(values: Iterable[Value], conditions: Conditions) -> str:
    r"""The text of numbers.tex.

    Args:
        values: become `\newcommand`s named by `macro_name`.
        conditions: name -> (truth, origin), become TeX conditionals `\ifNAME`.

    Raises:
        ValueError: two values would have one macro name.
    """
    lines = ["% Generated. Each line names the file that its value comes from."]
    taken: dict[str, str] = {}
    for value in values:
        if value.macro in taken:
            raise ValueError(
                f"values {taken[value.macro]!r} and {value.name!r} share the name {value.macro}"
            )
        taken[value.macro] = value.name
        row = ", ".join(f"{column} {text}" for column, text in value.row.items())
        origin = ": ".join(part for part in (value.source, row) if part)
        lines.append(f"\\newcommand{{\\{value.macro}}}{{{escape(value.text)}}} % {origin}")
    for name, (truth, source) in conditions.items():
        macro = macro_name(name)
        lines.append(f"\\newif\\if{macro}\\{macro}{str(truth).lower()} % {source}")
    return "\n".join(lines) + "\n"


def write_latex(results: Results, study: Path, folder: Path) -> list[Path]:
    """Write numbers.tex, values.json and the tables of the paper into `folder`."""
    metrics, regression = read_metrics(results), read_regression(results)
    values, conditions = study_values(results, study, metrics, regression)
    claims = judged_claims(results, study)
    texts = {
        "numbers.tex": numbers_tex(values, conditions),
        "table_experiments.tex": tables.experiments_table(results, study),
        "table_sets.tex": tables.sets_table(results, metrics),
        "table_regression.tex": tables.regression_table(regression),
        "table_correlation.tex": tables.correlation_table(results),
        "table_floor.tex": tables.floor_table(results, metrics),
        "table_stability.tex": tables.stability_table(results),
        "table_ledger.tex": tables.ledger_table(claims),
    }
    for name, text in texts.items():
        write_text(folder / name, text)
    write_json(folder / VALUES, origins(results, values, conditions))
    return [folder / name for name in (*texts, VALUES)]
