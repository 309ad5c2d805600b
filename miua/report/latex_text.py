"""Plain text and tables of it as LaTeX."""

from __future__ import annotations

from collections.abc import Sequence

from miua.wording import INFINITY, MINUS, MISSING, THOUSANDS

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
    alignment = "".join(rf">{{\raggedright\arraybackslash}}p{{{width}}}" for width in widths)
    top = [r"\toprule", _line(head), r"\midrule"]
    lines = [rf"\begin{{longtable}}{{@{{}}{alignment}@{{}}}}", r"\LongTableCaption\\", *top]
    lines += [r"\endfirsthead", *top, r"\endhead", r"\bottomrule", r"\endfoot"]
    for number, (title, rows) in enumerate(parts):
        lines += [r"\midrule"] if number else []
        lines.append(rf"\multicolumn{{{len(widths)}}}{{@{{}}l}}{{\textbf{{{escape(title)}}}}} \\*")
        lines += [r"\addlinespace[1pt]" + "\n" + " & ".join(row) + r" \\" for row in rows]
    return "\n".join([*lines, r"\end{longtable}"]) + "\n"


def _line(cells: Sequence[str]) -> str:
    return " & ".join(escape(cell) for cell in cells) + r" \\"
