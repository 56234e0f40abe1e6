"""Which week an address asks for."""

from __future__ import annotations

from datetime import date

from core.errors import ValidationFailed
from reporting.mailings.schedule import monday_of


def week_from(text: str, *, default: date) -> date:
    """The Monday of the week that any of its days names. Raises ValidationFailed at /week."""
    if not text:
        return default
    try:
        day = date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        day = None
    if day is None or not 2000 <= day.year <= 2100:
        raise ValidationFailed.at(
            "/week", "week is a day of it, from 2000 to 2100, like 2026-11-16.", "invalid"
        )
    return monday_of(day)
