"""How the gaps of a timer are kept: when its clock stood still, and why. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from core.businesstime import Gap, tidy

PAUSE: Final = "pause"
LEAVE: Final = "leave"


def read_gaps(stored: Sequence[Sequence[Any]]) -> tuple[Gap, ...]:
    """The gaps of a timer's column, in order."""
    return tuple(
        Gap(datetime.fromisoformat(start), datetime.fromisoformat(end), kind) for start, end, kind in stored
    )


def write_gaps(gaps: Iterable[Gap]) -> list[list[str]]:
    """The column for these gaps; those that touch are joined. In UTC, so that the texts sort as the times."""
    return [[_text(gap.start), _text(gap.end), gap.kind] for gap in tidy(gaps)]


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


def leave_gaps(spans: Iterable[tuple[datetime, datetime]], *, since: datetime) -> tuple[Gap, ...]:
    """The gaps that leave makes in a clock that starts, or is looked at, at `since`."""
    return tidy(Gap(max(start, since), end, LEAVE) for start, end in spans if end > since)


def with_leave(
    stored: Sequence[Sequence[Any]], spans: Iterable[tuple[datetime, datetime]], *, now: datetime
) -> list[list[str]]:
    """The column with leave as it is planned now. What of it is over stays as it was."""
    kept = []
    for gap in read_gaps(stored):
        if gap.kind != LEAVE:
            kept.append(gap)
        elif gap.start < now:
            kept.append(gap._replace(end=min(gap.end, now)))
    return write_gaps([*kept, *leave_gaps(spans, since=now)])


def without_leave_to_come(gaps: Iterable[Gap], *, now: datetime) -> tuple[Gap, ...]:
    """The gaps as if nobody were away from now on."""
    return tidy(
        gap._replace(end=min(gap.end, now)) if gap.kind == LEAVE else gap
        for gap in gaps
        if gap.kind != LEAVE or gap.start < now
    )


def gap_at(stored: Sequence[Sequence[Any]], at: datetime, *, kind: str) -> Gap | None:
    """The gap of this kind in which an instant falls."""
    return next((gap for gap in read_gaps(stored) if gap.kind == kind and gap.start <= at < gap.end), None)


def with_gap(
    stored: Sequence[Sequence[Any]], start: datetime, end: datetime, kind: str = PAUSE
) -> list[list[str]]:
    """The column with one more gap; nothing is added for one without length."""
    return write_gaps([*read_gaps(stored), Gap(start, end, kind)])
