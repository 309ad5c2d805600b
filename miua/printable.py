"""Text from elsewhere that a terminal must not take for commands."""

import unicodedata

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
