"""Numbers that people type or files hold. Python reads more as a number than people write."""

from __future__ import annotations

from decimal import Decimal
from math import floor, log10
from typing import Final

#: What is said of a number that is written in another way.
PLAIN: Final = "Write a number with the digits 0 to 9, like 1000 or 2.5."


def is_plain(text: str) -> bool:
    """Whether `int` and `float` may read it: they would take "1_000" for 1000 and digits of any script too,
    and nobody who typed one of these meant to be read so."""
    return "_" not in text and all(mark.isascii() or not mark.isnumeric() for mark in text)


def shown(number: Decimal | float, places: int = 0) -> str:
    """A number with so many digits after the point; below 1 with two that count, whatever their place: 0.0333
    is "0.033" and never "0.0"."""
    if 0 < number < 1:
        places = max(places, 1 - floor(log10(number)))
        return f"{number:.{places}f}".rstrip("0").removesuffix(".")
    return f"{number:,.{places}f}"
