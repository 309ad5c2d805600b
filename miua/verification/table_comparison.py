"""Two tables beside each other, cell by cell."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd

from miua.errors import MiuaError
from miua.verification.finding import Finding

# Sums of floats depend on the order of summation, which differs between processors and libraries.
RELATIVE = 1e-9
NAMED = 5  # differing cells of a table that are named


def read_cells(path: Path) -> pd.DataFrame:
    """A table as text, as it stands in its file.

    Raises:
        MiuaError: it is missing or no table.
    """
    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    except FileNotFoundError:
        raise MiuaError(f"{path} is missing.") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise MiuaError(f"{path} is not a readable CSV table ({error}).") from None


def agree(there: str, again: str, relative: float) -> bool:
    """Whether two cells are the same text, or numbers within a relative tolerance."""
    if there == again:
        return True
    try:
        found, wanted = float(there), float(again)
    except ValueError:
        return False
    # Near 0 a sum of terms of order 1 keeps an absolute error.
    return math.isclose(found, wanted, rel_tol=relative, abs_tol=min(relative, RELATIVE) * 1e-3)


def compare_tables(
    check: str,
    subject: str,
    there: pd.DataFrame,
    again: pd.DataFrame,
    tolerance: Callable[[pd.Series[str], str], float] = lambda row, column: RELATIVE,
) -> Iterator[Finding]:
    """One finding on all cells, or one for each of the first that differ and one on the rest.

    Args:
        check, subject: of the findings.
        there, again: tables of text; `again` is what should be.
        tolerance: of a cell, relative, by its row of `again` and its column.
    """
    if list(there.columns) != list(again.columns):
        said = f"Its columns are {', '.join(there.columns)}, not {', '.join(again.columns)}."
        yield Finding(check, subject, "failed", said)
        return
    if len(there) != len(again):
        said = f"It has {len(there)} rows; computed again there are {len(again)}."
        yield Finding(check, subject, "failed", said)
        return
    different = []
    for column in again.columns:
        cells = zip(there[column], again[column], strict=True)
        for index, (found, wanted) in enumerate(cells):
            if found != wanted:
                allowed = tolerance(again.iloc[index], column)
                if not agree(found, wanted, allowed):
                    different.append((index, column, found, wanted, allowed))
    for index, column, found, wanted, allowed in sorted(different)[:NAMED]:
        row = ", ".join(str(cell) for cell in again.iloc[index].tolist()[:4])
        said = (
            f"Line {index + 2} ({row}), column {column}: {found or 'nothing'} stands there, "
            f"computed again it is {wanted or 'nothing'} (relative tolerance {allowed:g})."
        )
        yield Finding(check, subject, "failed", said, as_number(found), as_number(wanted), allowed)
    if len(different) > NAMED:
        yield Finding(check, subject, "failed", f"{len(different) - NAMED} more cells differ.")
    if not different:
        yield Finding(check, subject, "passed", f"{again.size} cells agree.")


def as_number(text: str) -> float | None:
    """The finite number that a cell holds, or None."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
