"""Numbers, lists and names as people read them: for terminal, pages, figures and paper."""

import math
import unicodedata
from collections.abc import Iterable

MINUS, MISSING, INFINITY = "−", "–", "∞"
THOUSANDS = "\u202f"  # a narrow space that does not break
SMALLEST_P = 0.001
# Of Unicode: control characters, and what stands for bytes of a file name that are no text.
_CONTROLS = ("Cc", "Cs")


def number(value: float | None, decimals: int = 0) -> str:
    """Rounded, with a true minus sign, no negative zero, and spaces between thousands from 10 000.

    An en dash for a number that is not there (None, nan).
    """
    if value is None or math.isnan(value):
        return MISSING
    if math.isinf(value):
        return INFINITY if value > 0 else MINUS + INFINITY
    text = f"{value:.{decimals}f}"
    if float(text) == 0:
        return text.removeprefix("-")
    if abs(value) >= 10_000:
        text = f"{value:,.{decimals}f}".replace(",", THOUSANDS)
    return text.replace("-", MINUS)


def span(low: float | None, high: float | None, decimals: int) -> str:
    """Two numbers and "to" between them, as no minus sign can be mistaken for a dash; or ""."""
    if low is None or high is None or math.isnan(low) or math.isnan(high):
        return ""
    return f"{number(low, decimals)} to {number(high, decimals)}"


def change(value: float, decimals: int) -> str:
    """A number with its sign; "0" where it rounds to nothing, an en dash for nan."""
    text = number(value, decimals)
    if text == MISSING or text.startswith(MINUS):
        return text
    return f"+{text}" if any(digit in text for digit in f"123456789{INFINITY}") else "0"


def p_value(value: float) -> str:
    """A p value with three places, or "< 0.001"."""
    return f"< {SMALLEST_P}" if value < SMALLEST_P else number(value, 3)


def percent(share: float) -> str:
    """A share as a percentage: whole from 10 % on."""
    return f"{number(100 * share, 0 if share >= 0.1 or share == 0 else 1)}\u00a0%"


def counted(count: int, one: str, many: str | None = None) -> str:
    """A count and its noun: 1 image, 2 images."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def listed(items: Iterable[object]) -> str:
    """a, b and c."""
    words = [str(item) for item in items]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def first_few(items: Iterable[str], shown: int = 3) -> str:
    """The first few of some names: "a, b, c and 4 more"."""
    words = list(items)
    more = len(words) - shown
    return ", ".join(words[:shown]) + (f" and {number(more)} more" if more > 0 else "")


def rounded(values: Iterable[float]) -> list[float | None]:
    """Numbers with three places; JSON has no NaN."""
    return [round(float(each), 3) if math.isfinite(each) else None for each in values]


def has_control(text: str) -> bool:
    """Whether the text has characters that control a terminal, or that cannot be written at all."""
    return any(unicodedata.category(character) in _CONTROLS for character in text)


def printable(text: str) -> str:
    """The text with such characters written out, such as "\\x1b"; tabs and new lines stay."""
    return "".join(
        character.encode("unicode_escape").decode()
        if character not in "\n\t" and has_control(character)
        else character
        for character in text
    )
