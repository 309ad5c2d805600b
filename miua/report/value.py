"""A number or sentence of the text, with what it takes to walk back to where it comes from."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_DIGITS = ("Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine")


@dataclass(frozen=True)
class Value:
    """A number of the text, ready to print.

    Attributes:
        name: words that name it, such as "plan batch size".
        text: how it is printed, as plain text.
        source: the file that it comes from, relative to the results folder or the repository.
        row: which row of the source holds it, by column; empty if it is not of one row.
        column: which column of that row.
        inputs: further files that the source itself was made of.
    """

    name: str
    text: str
    source: str
    row: dict[str, str] = field(default_factory=dict)
    column: str = ""
    inputs: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The name by which `miua trace` finds it."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")

    @property
    def macro(self) -> str:
        """The LaTeX macro that prints it, without its backslash."""
        return macro_name(self.name)


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
