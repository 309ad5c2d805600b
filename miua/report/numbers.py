"""Numbers as people read them: rounded, with a true minus sign, never an empty or a wrong zero."""

from __future__ import annotations

import math

MINUS = "−"
MISSING = "–"
THOUSANDS = "\u202f"  # a narrow space that does not break
SMALLEST_P = 0.001


def plain(value: float, decimals: int) -> str:
    """A number with `decimals` places; an en dash for one that is not there.

    Raises:
        ValueError: the number is infinite, which no table of the study can hold.
    """
    if math.isnan(value):
        return MISSING
    if math.isinf(value):
        raise ValueError("value must be finite or missing, not infinite")
    text = f"{value:.{decimals}f}"
    if float(text) == 0:
        return text.removeprefix("-")  # -0.00 is 0.00
    return text.replace("-", MINUS)


def whole(value: float) -> str:
    """A whole number with narrow spaces between thousands, from 10 000 on."""
    number = round(value)
    text = f"{number:,}".replace(",", THOUSANDS) if abs(number) >= 10_000 else str(number)
    return text.replace("-", MINUS)


def p_value(value: float) -> str:
    """A p value with three places, or "< 0.001"; to stand behind "p ", with its sign."""
    if math.isnan(value):
        return MISSING
    return f"< {SMALLEST_P}" if value < SMALLEST_P else f"= {value:.3f}"


def interval(low: float, high: float, decimals: int) -> str:
    """Two numbers and "to" between them, as no minus sign can be mistaken for a dash."""
    return f"{plain(low, decimals)} to {plain(high, decimals)}"
