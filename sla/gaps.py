"""How the gaps of a timer are kept: when its clock stood still, and why. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from core.businesstime import Gap, tidy

PAUSE: Final = "pause"


def read_gaps(stored: Sequence[Sequence[Any]]) -> tuple[Gap, ...]:
    """The gaps of a timer's column, in order."""
    return tuple(
        Gap(datetime.fromisoformat(start), datetime.fromisoformat(end), kind) for start, end, kind in stored
    )


def write_gaps(gaps: Iterable[Gap]) -> list[list[str]]:
    """The column for these gaps; those that touch are joined."""
    return [[gap.start.isoformat(), gap.end.isoformat(), gap.kind] for gap in tidy(gaps)]


def with_gap(
    stored: Sequence[Sequence[Any]], start: datetime, end: datetime, kind: str = PAUSE
) -> list[list[str]]:
    """The column with one more gap; nothing is added for one without length."""
    return write_gaps([*read_gaps(stored), Gap(start, end, kind)])
