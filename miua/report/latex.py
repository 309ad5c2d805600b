"""What the paper reads: numbers.tex, its tables, and values.json, where each number comes from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from miua.analysis.columns import READER_REGRESSION, READERS
from miua.files import write_json, write_text
from miua.metrics.registry import ALL_MEASURES
from miua.report import printed_tables as printed
from miua.report.claims import KIND_TITLES, JudgedClaim, judged_claims
from miua.report.study_tables import shown_measure
from miua.report.values import Conditions, Value, macro_name, study_values
from miua.study.store import Results, read_cells, read_log, read_metrics
from miua.wording import INFINITY, MINUS, MISSING, THOUSANDS, number

VALUES, SCHEMA = "values.json", 1
# Tables of the main grid, which hold the sets of training-size at equal epochs; readers judge
# these sets.
GRID_TABLES = [f"tables/{name}.csv" for name in ("metrics", "summary", READERS, READER_REGRESSION)]
GRID_LOGS = "runs/*/log.jsonl"
RAGGED = r">{\raggedright\arraybackslash}p{%s}"
_NAMED = {
    "\\": "backslash", "~": "asciitilde", "^": "asciicircum", "<": "less", ">": "greater",
    "|": "bar", '"': "quotedbl", "`": "asciigrave", "'": "quoteright", MISSING: "endash",
}  # fmt: skip
_MATHS = {
    MINUS: "-", "×": r"\times", "²": "^2", "Σ": r"\Sigma", "±": r"\pm", "≤": r"\leq", "≥": r"\geq",
    INFINITY: r"\infty",
}  # fmt: skip
_SPECIAL = {
    **{sign: f"\\{sign}" for sign in "{}$&#%_"},
    **{sign: rf"\text{name}{{}}" for sign, name in _NAMED.items()},
    **{sign: rf"\ensuremath{{{formula}}}" for sign, formula in _MATHS.items()},
    "-": "{-}",  # so that two of them stay two and do not join into a dash
    "/": r"/\allowbreak{}",  # a path may end a line
    THOUSANDS: r"\,",
    "é": r"\'e",
}


def escape(text: str) -> str:
    """Plain text as LaTeX that prints it; what the paper's fonts lack is printed as U+XXXX."""
    return "".join(map(_escaped, text))


def _escaped(sign: str) -> str:
    if sign in _SPECIAL:
        return _SPECIAL[sign]
    if sign.isspace():
        return " "
    return sign if sign.isascii() and sign.isprintable() else f"U+{ord(sign):04X}"


def numbers_tex(values: Iterable[Value], conditions: Conditions) -> str:
    r"""The text of numbers.tex: `\newcommand` for each quoted value, `\ifNAME` for a condition."""
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


def origins(results: Results, values: Sequence[Value], conditions: Conditions) -> dict[str, Any]:
    """The content of values.json: for each value the files, sets and runs that it comes from."""
    cells = read_cells(results)
    entries: dict[str, dict[str, Any]] = {}
    for value in values:
        if value.id in entries:
            raise ValueError(f"two values have the id {value.id}")
        files = [value.source, *value.inputs]
        sets, runs = _sets_and_runs(value, files, cells, results)
        entries[value.id] = {
            "text": value.text,
            "macro": value.macro,
            "sources": files,
            "row": value.row,
            "column": value.column,
            "sets": sets,
            "runs": runs,
        }
    for name, (truth, source) in conditions.items():
        value = Value(f"if {name}", str(truth).lower(), source)
        macro = f"if{macro_name(name)}"  # \ifNAME is how the text asks for it
        entries[value.id] = {"text": value.text, "macro": macro, "sources": [source]}
    return {"schema": SCHEMA, "values": entries}


def _sets_and_runs(
    value: Value, files: Sequence[str], cells: pd.DataFrame, results: Results
) -> tuple[list[str], list[str]]:
    """The sets that a value rests on, and the runs of these sets; of a log, its run alone."""
    found: list[tuple[str, str]] = []  # set and run; no set where only the run is known
    for file in files:
        folder, _, rest = file.partition("/")
        rows = cells.iloc[:0]
        if "set" in value.row:
            rows = cells[cells["set"] == value.row["set"]]
        elif file in GRID_TABLES:
            rows = cells[cells["set"].isin([chosen.set for chosen in results.sets])]
        elif file == GRID_LOGS:
            found += [("", chosen.run) for chosen in results.sets]
        elif folder == "runs":
            found.append(("", rest.partition("/")[0]))
        elif file in ("tables/stability.csv", "tables/unseen.csv"):
            rows = cells
        elif folder == "tables":
            rows = cells[cells["experiment"] == rest.removesuffix(".csv")]
            if "arm" in value.row:
                rows = rows[rows["arm"] == value.row["arm"]]
        found += zip(rows["set"], rows["run"], strict=True)
    sets = dict.fromkeys(name for name, _ in found if name)
    return list(sets), list(dict.fromkeys(run for _, run in found))


def write_latex(results: Results, study: Path, folder: Path) -> list[Path]:
    """Write numbers.tex, values.json and the tables of the paper into `folder`."""
    values, conditions = study_values(results, study)
    claims = judged_claims(results, study)
    texts = {
        "numbers.tex": numbers_tex(values, conditions),
        "table_experiments.tex": tabular(
            "".join(RAGGED % f"{width}mm" for width in (20, 54, 40)),
            [["Experiment", "Question", "This run"]],
            printed.scale_rows(results, study),
        ),
        "table_sets.tex": sets_table(results),
        "table_regression.tex": regression_table(results),
        "table_correlation.tex": tabular(
            "lr" + "r" * 7,
            [["Metric", "n", "Pearson's r", "p", "p (Holm)", "Spearman's r", "p", "power",
              "least r"]],
            printed.correlation_rows(results),
        ),
        "table_floor.tex": floor_table(results),
        "table_unseen.tex": tabular(
            "ll" + "r" * len(results.training_sizes),
            [["Metric", "Reference", *map(str, results.training_sizes)]],
            printed.unseen_rows(results),
        ),
        "table_stability.tex": _stability_table(results),
        "table_claims.tex": claims_table(claims),
        "table_evidence.tex": evidence_table(claims),
    }  # fmt: skip
    for name, text in texts.items():
        write_text(folder / name, text)
    write_json(folder / VALUES, origins(results, values, conditions))
    return [folder / name for name in (*texts, VALUES)]


def sets_table(results: Results) -> str:
    """The table of all sets: one row for each set, one column for each metric."""
    metrics = read_metrics(results)
    measures = [shown_measure(results, shown.name) for shown in ALL_MEASURES]
    head = ["Images", "Epochs", "Updates", *(shown.label for shown in measures)]
    units = ["", "", "", *(shown.unit.replace("counts", "cts.") for shown in measures)]
    rows: list[list[str] | None] = []
    for size in results.training_sizes:
        updates = read_log(results, size).set_index("epoch")["updates"].to_dict()
        rows += [None] if rows else []
        for epoch in results.epochs:
            chosen = metrics[metrics["set"] == results.cell(size, epoch).set]
            cells = [printed.value_or_not(chosen, shown) for shown in measures]
            rows.append([str(size), str(epoch), number(updates.get(epoch)), *cells])
    # Half of the median width of the 95 % intervals.
    half_widths = metrics["high"].sub(metrics["low"]).groupby(metrics["metric"]).median() / 2
    last = [number(half_widths.get(shown.name), shown.decimals) for shown in measures]
    return tabular("r" * len(head), [head, units], rows, last=["Half-width", "", "", *last])


def regression_table(results: Results) -> str:
    """Published and refitted coefficients side by side, with r and p."""
    head = ["Metric", "a publ.", "a refit", "b publ.", "b refit", "r", "p", "Agrees"]
    rows = [[label, *rest] for label, _, *rest in printed.regression_rows(results)]
    return tabular("l" + "r" * 6 + "l", [head], rows)


def floor_table(results: Results) -> str:
    """Real halves against each other, the seeds' spread and the range of sets, by metric."""
    heads = [
        ["", "", "Real halves, by subject", "", "by image", "Seeds", "Synthetic sets"],
        ["Metric", "Splits", "mean", "95 % of splits", "mean", "deviation", "lowest to highest"],
    ]
    return tabular("lrrrrrr", heads, printed.floor_rows(results))


def _stability_table(results: Results) -> str:
    """The signs of instability in the arms of image-size, learning-rate and augmentation."""
    heads = [
        ["", "", "", "", "D right on", "", "", "Diver-", ""],
        ["Arm", "Pixels", "Epochs", "Updates", "real", "synth.", "Sat.", "sity", "Signs"],
    ]
    rows: list[list[str] | None] = []
    for part in printed.stability_rows(results).values():
        rows += [None, *part] if rows else part
    return tabular("l" + "r" * 7 + "l", heads, rows)


def tabular(
    alignment: str,
    heads: Sequence[Sequence[str]],
    rows: Sequence[Sequence[str] | None],
    last: Sequence[str] | None = None,
) -> str:
    """A booktabs table; None among the rows leaves a little space, `last` stands below a line."""
    lines = [f"\\begin{{tabular}}{{@{{}}{alignment}@{{}}}}", r"\toprule", *map(_line, heads)]
    lines.append(r"\midrule")
    lines += [r"\addlinespace[2pt]" if row is None else _line(row) for row in rows]
    if last is not None:
        lines += [r"\midrule", _line(last)]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def claims_table(claims: Sequence[JudgedClaim]) -> str:
    """The paper's claims: for each kind the verdict, what was found in a line, and the test."""
    lines = [
        "\\begin{tabular}{@{}" + "".join(RAGGED % f"{width}mm" for width in (34, 41, 41)) + "@{}}",
        r"\toprule",
        _line(["Claim", *KIND_TITLES.values()]),
    ]
    for claim in claims:
        cells = [rf"\textbf{{{_narrow(claim.id)}}} {escape(claim.claim)}"]
        for kind in KIND_TITLES:
            row = claim.deciding.get(kind)
            cells.append(
                escape(MISSING)
                if row is None
                else rf"\textbf{{{escape(row.verdict.capitalize())}.}} {escape(row.line)} "
                rf"Test: {_narrow(row.test)}."
            )
        lines += [r"\midrule", " & ".join(cells) + r" \\"]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def evidence_table(claims: Sequence[JudgedClaim]) -> str:
    r"""Every row of evidence with its verdict and what that rests on, claim by claim.

    Over several pages; its caption and label are the macro \LongTableCaption.
    """
    head = ["Evidence, verdict", "What is stated, and what was found"]
    top = [r"\toprule", _line(head), r"\midrule"]
    alignment = RAGGED % "27mm" + RAGGED % "92mm"
    lines = [rf"\begin{{longtable}}{{@{{}}{alignment}@{{}}}}", r"\LongTableCaption\\", *top]
    lines += [r"\endfirsthead", *top, r"\endhead", r"\bottomrule", r"\endfoot"]
    for place, claim in enumerate(claims):
        title = rf"{place + 1}. {escape(claim.claim)}"
        lines += [r"\midrule"] if place else []
        lines.append(
            rf"\multicolumn{{2}}{{@{{}}p{{119mm}}@{{}}}}{{\raggedright\textbf{{{title}}}}} \\*"
        )
        for row in claim.evidence:
            verdict = rf"{_narrow(row.id)}\newline\textbf{{{escape(row.verdict)}}}"
            found = rf"\textit{{{escape(row.claim)}}} {escape(row.reason)}"
            lines += [r"\addlinespace[1pt]", rf"{verdict} & {found} \\"]
    return "\n".join([*lines, r"\end{longtable}"]) + "\n"


def _narrow(name: str) -> str:
    """An identifier of which a hyphen may end a line in a narrow column."""
    return escape(name).replace("{-}", r"{-}\allowbreak{}")


def _line(cells: Sequence[str]) -> str:
    return " & ".join(map(escape, cells)) + r" \\"
