"""Text for people: lists and counts in words, and nothing that a terminal takes for commands."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

# Control characters, and what stands for bytes of a file name that are no text.
_CATEGORIES = ("Cc", "Cs")


def has_control(text: str) -> bool:
    """Whether the text has characters that control a terminal, or that cannot be written at all."""
    return any(unicodedata.category(character) in _CATEGORIES for character in text)


def printable(text: str) -> str:
    """The text with such characters written out, such as "\\x1b"; tabs and new lines stay."""
    return "".join(
        character.encode("unicode_escape").decode()
        if character not in "\n\t" and has_control(character)
        else character
        for character in text
    )


def counted(count: int, noun: str) -> str:
    """A number of things: "1 image", "1,200 images"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def in_words(items: Iterable[str], shown: int = 3) -> str:
    """The first few of some names: "a, b, c and 4 more"."""
    listed = list(items)
    more = len(listed) - shown
    return ", ".join(listed[:shown]) + (f" and {more:,} more" if more > 0 else "")
