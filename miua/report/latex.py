"""What the paper reads: numbers.tex, one macro a number with its origin, and the tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from miua.analysis.clinician import REGRESSION_COLUMNS
from miua.analysis.measures import MEASURES, Measure, measure
from miua.analysis.results import Results, read_log
from miua.analysis.tables import COMPUTED, read_metrics, read_table
from miua.files import write_text
from miua.report.numbers import MINUS, MISSING, THOUSANDS, p_value, plain, whole
from miua.report.values import Value, study_values

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    "'": r"\textquotesingle{}",
    "-": "{-}",  # so that two of them stay two and do not join into a dash
    "/": r"/\allowbreak{}",  # a path may end a line
    MINUS: r"\ensuremath{-}",
    MISSING: r"\textendash{}",
    THOUSANDS: r"\,",
    "×": r"\ensuremath{\times}",
    "é": r"\'e",
}
_DIGITS = ("Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine")


def escape(text: str) -> str:
    """Plain text as LaTeX that prints it; what the paper's fonts lack is printed as U+XXXX."""
    return "".join(_escape_character(character) for character in text)


def _escape_character(character: str) -> str:
    if character in _SPECIAL:
        return _SPECIAL[character]
    if character.isspace():
        return " "
    if character.isascii() and character.isprintable():
        return character
    return f"U+{ord(character):04X}"


def macro_name(words: str) -> str:
    """A macro's name from words such as "sets V8 lowest": letters only, as TeX demands.

    Raises:
        ValueError: there is no letter or digit in it.
    """
    parts = re.findall(r"[0-9]|[A-Za-z]+", words)
    if not parts:
        raise ValueError(f"words must hold a letter or digit, not {words!r}")
    return "".join(
        _DIGITS[int(part)] if part.isdigit() else part[0].upper() + part[1:] for part in parts
    )


def numbers_tex(values: Iterable[Value], conditions: dict[str, tuple[bool, str]]) -> str:
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
        macro = macro_name(value.name)
        if macro in taken:
            raise ValueError(f"values {taken[macro]!r} and {value.name!r} share the name {macro}")
        taken[macro] = value.name
        lines.append(f"\\newcommand{{\\{macro}}}{{{escape(value.text)}}} % {value.source}")
    for name, (truth, source) in conditions.items():
        macro = macro_name(name)
        lines.append(f"\\newif\\if{macro}\\{macro}{str(truth).lower()} % {source}")
    return "\n".join(lines) + "\n"


def sets_table(results: Results, metrics: pd.DataFrame) -> str:
    """The table of all sets: one row a set, one column a metric of the study."""
    head = ["Images", "Epochs", "Updates", *(shown.label for shown in MEASURES)]
    units = ["", "", "", *(shown.unit.replace("counts", "cts.") for shown in MEASURES)]
    rows: list[list[str] | None] = []
    for size in results.training_sizes:
        updates = read_log(results, size).set_index("epoch")["updates"]
        if rows:
            rows.append(None)
        for epoch in results.epochs:
            cells = [_cell(metrics, size, epoch, shown) for shown in MEASURES]
            done = whole(float(updates[epoch])) if epoch in updates.index else MISSING
            rows.append([str(size), str(epoch), done, *cells])
    half_widths = [_half_width(metrics, shown) for shown in MEASURES]
    return _tabular("r" * len(head), [head, units], rows, last=["Half-width", "", "", *half_widths])


def regression_table(regression: pd.DataFrame) -> str:
    """Published and refitted coefficients side by side, with r and p."""
    head = ["Metric", "a publ.", "a refit", "b publ.", "b refit", "r", "p", "Agrees"]
    rows = [_regression_row(row) for row in regression.itertuples()]
    return _tabular("l" + "r" * 6 + "l", [head], rows)


def _regression_row(row: Any) -> list[str]:
    return [
        measure(row.metric).label,
        plain(row.a_published, 4),
        plain(row.a, 4),
        plain(row.b_published, 4),
        plain(row.b, 4),
        plain(row.pearson_r, 2),
        p_value(row.p_value).removeprefix("= "),
        row.agrees,
    ]


def read_regression(results: Results) -> pd.DataFrame:
    """tables/regression.csv as analysis wrote it."""
    words = ("metric", "agrees", "status")
    numbers = [column for column in REGRESSION_COLUMNS if column not in words]
    return read_table(results.tables / "regression.csv", REGRESSION_COLUMNS, numbers)


def write_latex(results: Results, study: Path, folder: Path) -> list[Path]:
    """Write numbers.tex, table_sets.tex and table_regression.tex into `folder`."""
    metrics, regression = read_metrics(results), read_regression(results)
    values, conditions = study_values(results, study, metrics, regression)
    texts = {
        "numbers.tex": numbers_tex(values, conditions),
        "table_sets.tex": sets_table(results, metrics),
        "table_regression.tex": regression_table(regression),
    }
    for name, text in texts.items():
        write_text(folder / name, text)
    return [folder / name for name in texts]


def _cell(metrics: pd.DataFrame, size: int, epoch: int, shown: Measure) -> str:
    chosen = metrics[
        (metrics["training_size"] == size)
        & (metrics["epoch"] == epoch)
        & (metrics["metric"] == shown.name)
    ]
    if len(chosen) != 1 or chosen.iloc[0]["status"] != COMPUTED:
        return "n. c."
    return plain(float(chosen.iloc[0]["value"]), shown.decimals)


def _half_width(metrics: pd.DataFrame, shown: Measure) -> str:
    """Half of the median width of a metric's 95 % intervals."""
    rows = metrics[metrics["metric"] == shown.name]
    return plain(float((rows["high"] - rows["low"]).median()) / 2, shown.decimals)


def _tabular(
    alignment: str,
    heads: Sequence[Sequence[str]],
    rows: Sequence[Sequence[str] | None],
    last: Sequence[str] | None = None,
) -> str:
    """A booktabs table; None among the rows leaves a little space, `last` stands below a line."""

    def line(cells: Sequence[str]) -> str:
        return " & ".join(escape(cell) for cell in cells) + r" \\"

    lines = [f"\\begin{{tabular}}{{@{{}}{alignment}@{{}}}}", r"\toprule"]
    lines += [line(head) for head in heads]
    lines.append(r"\midrule")
    lines += [r"\addlinespace[2pt]" if row is None else line(row) for row in rows]
    if last is not None:
        lines += [r"\midrule", line(last)]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"
