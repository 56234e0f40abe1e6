"""How the rules read and show plain values: folding for comparison, safe copies for display."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from unicodedata import combining, normalize

MAX_TEXT = 10_000  # characters of a fact that are looked at; the rest cannot make a rule slow
MAX_SHOWN_TEXT = 200
MAX_SHOWN_ITEMS = 20
MAX_NUMBER = 1e15  # above it, floats no longer tell neighbouring integers apart

# Letters that are read as accented, and that Unicode does not decompose.
_PLAIN_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe"})
# Canonical combining classes from 200 are the marks above, below and through a letter.  The lower classes
# (Japanese voicing marks, Indic virama) make a different letter and must stay.
_FIRST_ACCENT_CLASS = 200


def fold(text: str) -> str:
    """`text` as the rules compare it: no case, no accents, compatibility forms unified, single spaces."""
    if text.isascii():
        return " ".join(text.lower().split())
    folded = normalize("NFKD", normalize("NFD", text).casefold())
    folded = normalize("NFKD", folded.casefold())  # decomposing can bring capital letters back: "ℌ" -> "H"
    plain = "".join(char for char in folded if combining(char) < _FIRST_ACCENT_CLASS)
    return " ".join(plain.translate(_PLAIN_LETTERS).split())


def words(folded: str) -> str:
    """The words of a folded text, a space around each: `" cto " in words(text)` finds a whole word."""
    return f" {' '.join(''.join(char if char.isalnum() else ' ' for char in folded).split())} "


def storable(text: str) -> bool:
    """Whether `text` can be kept as UTF-8 in PostgreSQL: no NUL, no lone surrogates."""
    if "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def clean(text: str) -> str:
    """`text` with everything replaced that UTF-8 or PostgreSQL would refuse."""
    return text if storable(text) else text.encode("utf-8", "replace").decode().replace("\0", "?")


def as_number(value: object) -> float | int | None:
    """`value` as a finite number of at most `MAX_NUMBER`; None for anything else, booleans included."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    if isinstance(value, Decimal):
        if value.is_nan():
            return None
        value = float(value)
    if not -MAX_NUMBER <= value <= MAX_NUMBER:  # false for NaN as well
        return None
    return int(value) if isinstance(value, float) and value.is_integer() else value


def as_text(value: object) -> str | None:
    """`value` as one line of text; None when it is not text or a number, or is blank."""
    if not isinstance(value, str):
        number = as_number(value)
        return None if number is None else str(number)
    return clean(value[:MAX_TEXT]).strip() or None


def as_plain(value: object) -> Any:
    """A small JSON-safe copy of `value` for an explanation or a message; long ones are cut with an ellipsis.

    A value of a type that JSON does not have becomes None: an explanation must never fail to be stored.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return clean(value if len(value) <= MAX_SHOWN_TEXT else value[: MAX_SHOWN_TEXT - 1] + "…")
    if isinstance(value, int | float | Decimal):
        number = as_number(value)
        return number if number is not None else "a number out of range"
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, list | tuple | set | frozenset):
        items = [as_plain(item) for item, _ in zip(value, range(MAX_SHOWN_ITEMS), strict=False)]
        return [*items, "…"] if len(value) > MAX_SHOWN_ITEMS else items
    return None


def shown_days(days: float) -> float | int:
    """Days as an explanation shows them, to some ten seconds."""
    rounded = round(days, 4)
    return int(rounded) if rounded.is_integer() else rounded
