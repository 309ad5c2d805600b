"""What the report says of this study's own readers: tables as plain text, none without readers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from miua.analysis.reader_tables import (
    READER_CORRELATION,
    READER_FAMILY,
    READER_REGRESSION,
    READER_SETS,
    READERS,
    read_readers,
)
from miua.metrics.registry import measure
from miua.report import sources
from miua.study.store import COMPUTED, Results, read_metrics
from miua.wording import MISSING, number, p_value, span

# Of all candidates the report shows so many, the strongest.
SHOWN_CANDIDATES = 5


@dataclass(frozen=True)
class ReaderTable:
    """A table: its title, its head, and its rows, each cell as it is printed."""

    title: str
    head: list[str]
    rows: list[list[str]]


def reader_tables(results: Results) -> list[ReaderTable]:
    """The tables for a section "Readers"; empty where nobody judged these sets."""
    return list(_tables(results))


def _tables(results: Results) -> Iterator[ReaderTable]:
    if (scores := read_readers(results, READERS)) is not None:
        yield ReaderTable(
            "What this study's own readers answered, with 95 % intervals; p of guessing",
            ["Role", "Reader", "Score", "Count", "Value", "95 % interval", "Interval", "p"],
            [_score(row) for row in scores.itertuples()],
        )
    if (sets := read_readers(results, READER_SETS)) is not None:
        yield ReaderTable(
            "Clinicians' mean quality of each set, 1 (poor) to 5 (high); intervals resample images",
            ["Set", "Images", "Answers", "Called real", "Quality", "95 % interval"],
            [_set(row) for row in sets.itertuples()],
        )
    stand_in = ""
    if (lines := read_readers(results, READER_REGRESSION)) is not None:
        stand_in = sources.fid_stand_in(read_metrics(results))
    strengths = read_readers(results, READER_CORRELATION)
    if lines is not None and strengths is not None:
        known = {str(row.metric): row for row in strengths.itertuples()}
        yield ReaderTable(
            "Metric against the clinicians' quality, value = a ln(quality) + b, over sets; p "
            "adjusted after Holm",
            ["Metric", "Sets", "a", "b", "Pearson's r", "p", "p (Holm)", "Spearman's r"],
            [_line(row, known.get(str(row.metric)), stand_in) for row in lines.itertuples()],
        )
    if (family := read_readers(results, READER_FAMILY)) is not None:
        critical = number(float(family["critical_r"].iloc[0]), 2)
        yield ReaderTable(
            f"The strongest of all {len(family)} candidates; the largest |r| by chance alone "
            f"exceeds {critical} in 5 % of permutations",
            ["Metric", "Pearson's r", "p over all candidates"],
            [_candidate(row, stand_in) for row in family.head(SHOWN_CANDIDATES).itertuples()],
        )


def _score(row: Any) -> list[str]:
    count = MISSING if math.isnan(row.count) else f"{int(row.count)} of {int(row.n)}"
    value = number(row.value, 2) if row.status == COMPUTED else row.status
    p = p_value(row.p_value)
    return [row.role, row.reader, row.score, count, value, _span(row), row.interval, p]


def _set(row: Any) -> list[str]:
    counts = (row.images, row.answers, row.called_real)
    return [row.set, *(str(int(count)) for count in counts), number(row.quality, 2), _span(row)]


def _line(row: Any, strength: Any, stand_in: str) -> list[str]:
    label, n = _label(row.metric, stand_in), str(int(row.n))
    if row.status != COMPUTED:
        return [label, n, row.status, *[MISSING] * 5]
    holm = spearman = MISSING
    if strength is not None:
        holm = p_value(strength.p_holm)
        spearman = number(strength.spearman_r, 2)
    p = p_value(row.p_value)
    return [
        label,
        n,
        number(row.a, 3),
        number(row.b, 3),
        number(row.pearson_r, 2),
        p,
        holm,
        spearman,
    ]


def _candidate(row: Any, stand_in: str) -> list[str]:
    if row.status != COMPUTED:
        return [row.status, MISSING, MISSING]
    p = p_value(row.adjusted_p)
    return [_label(row.metric, stand_in), number(row.pearson_r, 2), p]


def _label(metric: str, stand_in: str) -> str:
    return sources.marked(measure(metric), stand_in).axis_label


def _span(row: Any) -> str:
    return MISSING if math.isnan(row.low) else span(row.low, row.high, 2)
