"""What the paper reads, as LaTeX: numbers.tex, a macro a number with its origin, and its tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from miua.files import write_json, write_text
from miua.metrics.registry import ALL_MEASURES, Measure
from miua.report.claims import JudgedClaim, judged_claims
from miua.report.origins import origins
from miua.report.printed_tables import (
    NOT_COMPUTED,
    correlation_rows,
    floor_rows,
    regression_rows,
    scale_rows,
    stability_rows,
)
from miua.report.study_tables import computed, shown_measure
from miua.report.values import Conditions, Value, macro_name, study_values
from miua.study.store import Results, read_log, read_metrics
from miua.wording import INFINITY, MINUS, MISSING, THOUSANDS, number

VALUES = "values.json"
RAGGED = r">{\raggedright\arraybackslash}p{%s}"
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
    "'": r"\textquoteright{}",
    "-": "{-}",  # so that two of them stay two and do not join into a dash
    "/": r"/\allowbreak{}",  # a path may end a line
    MINUS: r"\ensuremath{-}",
    MISSING: r"\textendash{}",
    THOUSANDS: r"\,",
    "×": r"\ensuremath{\times}",
    "²": r"\ensuremath{^2}",
    "Σ": r"\ensuremath{\Sigma}",
    "±": r"\ensuremath{\pm}",
    "≤": r"\ensuremath{\leq}",
    "≥": r"\ensuremath{\geq}",
    INFINITY: r"\ensuremath{\infty}",
    "é": r"\'e",
}


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


def numbers_tex(values: Iterable[Value], conditions: Conditions) -> str:
    r"""The text of numbers.tex.

    Args:
        values: those that are quoted become `\newcommand`s named by `macro_name`.
        conditions: name -> (truth, origin), become TeX conditionals `\ifNAME`.

    Raises:
        ValueError: two values would have one macro name.
    """
    lines = ["% Generated. Each line names the file that its value comes from."]
    taken: dict[str, str] = {}
    for value in (each for each in values if each.quoted):
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
    values, conditions = study_values(results, study)
    texts = {
        "numbers.tex": numbers_tex(values, conditions),
        "table_experiments.tex": _experiments_table(results, study),
        "table_sets.tex": sets_table(results),
        "table_regression.tex": regression_table(results),
        "table_correlation.tex": _correlation_table(results),
        "table_floor.tex": floor_table(results),
        "table_stability.tex": _stability_table(results),
        "table_claims.tex": claims_table(judged_claims(results, study)),
    }
    for name, text in texts.items():
        write_text(folder / name, text)
    write_json(folder / VALUES, origins(results, values, conditions))
    return [folder / name for name in (*texts, VALUES)]


def sets_table(results: Results) -> str:
    """The table of all sets: one row a set, one column a metric."""
    metrics = read_metrics(results)
    shown_here = [shown_measure(results, shown.name) for shown in ALL_MEASURES]
    head = ["Images", "Epochs", "Updates", *(shown.label for shown in shown_here)]
    units = ["", "", "", *(shown.unit.replace("counts", "cts.") for shown in shown_here)]
    rows: list[list[str] | None] = []
    for size in results.training_sizes:
        updates = read_log(results, size).set_index("epoch")["updates"].to_dict()
        if rows:
            rows.append(None)
        for epoch in results.epochs:
            chosen = metrics[metrics["set"] == results.cell(size, epoch).set]
            cells = [_cell(chosen, shown) for shown in shown_here]
            rows.append([str(size), str(epoch), number(updates.get(epoch)), *cells])
    half_widths = [_half_width(metrics, shown) for shown in shown_here]
    return tabular("r" * len(head), [head, units], rows, last=["Half-width", "", "", *half_widths])


def _cell(rows: pd.DataFrame, shown: Measure) -> str:
    values = computed(rows, shown.name)["value"]
    return number(values.iloc[0], shown.decimals) if len(values) else NOT_COMPUTED


def _half_width(metrics: pd.DataFrame, shown: Measure) -> str:
    """Half of the median width of a metric's 95 % intervals."""
    rows = metrics[metrics["metric"] == shown.name]
    return number((rows["high"] - rows["low"]).median() / 2, shown.decimals)


def regression_table(results: Results) -> str:
    """Published and refitted coefficients side by side, with r and p."""
    head = ["Metric", "a publ.", "a refit", "b publ.", "b refit", "r", "p", "Agrees"]
    rows = [[label, *rest] for label, _, *rest in regression_rows(results)]
    return tabular("l" + "r" * 6 + "l", [head], rows)


def _correlation_table(results: Results) -> str:
    """What each published correlation carries: intervals, adjusted p, power."""
    head = ["Metric", "n", "Pearson's r", "p", "p (Holm)", "Spearman's r", "p", "power", "least r"]
    return tabular("lr" + "r" * 7, [head], correlation_rows(results))


def floor_table(results: Results) -> str:
    """Real halves against each other, the seeds' spread and the range of sets, by metric."""
    heads = [
        ["", "Real halves, by subject", "", "by image", "Seeds", "Synthetic sets"],
        ["Metric", "mean", "95 % of splits", "mean", "deviation", "lowest to highest"],
    ]
    return tabular("lrrrrr", heads, floor_rows(results))


def _stability_table(results: Results) -> str:
    """The signs of instability in the arms of image-size, learning-rate and augmentation."""
    heads = [
        ["", "", "", "", "D right on", "", "", "Diver-", ""],
        ["Arm", "Pixels", "Epochs", "Updates", "real", "synth.", "Sat.", "sity", "Signs"],
    ]
    rows: list[list[str] | None] = []
    for part in stability_rows(results).values():
        rows += [None, *part] if rows else part
    return tabular("l" + "r" * 7 + "l", heads, rows)


def _experiments_table(results: Results, study: Path) -> str:
    """The eight experiments: what each asks and what of it this run holds."""
    head = [["Experiment", "Question", "This run"]]
    return tabular(
        "".join(RAGGED % f"{width}mm" for width in (20, 54, 40)), head, scale_rows(results, study)
    )


def claims_table(claims: list[JudgedClaim]) -> str:
    """Every claim with its verdict and what that rests on, the paper's own claims first."""
    parts = []
    for title, of_the_paper in (
        ("Claims of the paper", True),
        ("What a careful reader finds or asks", False),
    ):
        chosen = [claim for claim in claims if claim.of_the_paper == of_the_paper]
        parts.append((title, [_claims_row(claim) for claim in chosen]))
    return long_table(
        ("27mm", "92mm"), ["Claim, verdict", "What is claimed, and what was found"], parts
    )


def _claims_row(claim: JudgedClaim) -> list[str]:
    # A hyphen may end a line in the narrow column.
    name = escape(claim.id).replace("{-}", r"{-}\allowbreak{}")
    verdict = rf"{name}\newline\textbf{{{escape(claim.verdict)}}}"
    return [verdict, rf"\textit{{{escape(claim.claim)}}} {escape(claim.reason)}"]


def tabular(
    alignment: str,
    heads: Sequence[Sequence[str]],
    rows: Sequence[Sequence[str] | None],
    last: Sequence[str] | None = None,
) -> str:
    """A booktabs table; None among the rows leaves a little space, `last` stands below a line."""
    lines = [f"\\begin{{tabular}}{{@{{}}{alignment}@{{}}}}", r"\toprule"]
    lines += [_line(head) for head in heads]
    lines.append(r"\midrule")
    lines += [r"\addlinespace[2pt]" if row is None else _line(row) for row in rows]
    if last is not None:
        lines += [r"\midrule", _line(last)]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def long_table(
    widths: Sequence[str], head: Sequence[str], parts: Sequence[tuple[str, Sequence[Sequence[str]]]]
) -> str:
    r"""A table over several pages, its caption and label in the macro \LongTableCaption.

    Args:
        widths: of the columns, which hold ragged text, such as "23mm".
        head: stands on each page.
        parts: title and rows of each part; cells are LaTeX.
    """
    alignment = "".join(RAGGED % width for width in widths)
    top = [r"\toprule", _line(head), r"\midrule"]
    lines = [rf"\begin{{longtable}}{{@{{}}{alignment}@{{}}}}", r"\LongTableCaption\\", *top]
    lines += [r"\endfirsthead", *top, r"\endhead", r"\bottomrule", r"\endfoot"]
    for place, (title, rows) in enumerate(parts):
        lines += [r"\midrule"] if place else []
        lines.append(rf"\multicolumn{{{len(widths)}}}{{@{{}}l}}{{\textbf{{{escape(title)}}}}} \\*")
        lines += [r"\addlinespace[1pt]" + "\n" + " & ".join(row) + r" \\" for row in rows]
    return "\n".join([*lines, r"\end{longtable}"]) + "\n"


def _line(cells: Sequence[str]) -> str:
    return " & ".join(escape(cell) for cell in cells) + r" \\"
