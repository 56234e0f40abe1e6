"""What a file says of an imported handoff beyond the handoff: how precise its dates are, its activities, and
the clocks that ran elsewhere. Each later file adds to it and corrects what it names."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from integrations.mappings import DATED
from integrations.past import Past
from leads.lifecycle import Stage
from leads.models import Handoff, ImportedCycle

#: What is told of a cycle and counts as a change; which files and until when are not news by themselves.
TOLD: Final = ("days_only", "touched_at", "changes", "first_touch_due_at", "decision_due_at", "decided_at")
COLUMNS: Final = (*TOLD, "files", "known_until")
MOST_TOUCHES: Final = 200
MOST_FILES: Final = 10
_DAY: Final = timedelta(days=1)


def values(cycle: ImportedCycle | None, names: tuple[str, ...] = TOLD) -> tuple[Any, ...]:
    """What a cycle holds now, to see later whether anything changed."""
    return tuple(getattr(cycle, name) for name in names) if cycle else ()


def merge(
    cycle: ImportedCycle | None,
    past: Past,
    handoff: Handoff,
    dates: Mapping[Stage, datetime],
    *,
    now: datetime,
) -> ImportedCycle:
    """The cycle with what this row adds, and the handoff's first touch by it. Writes nothing.

    dates: when the lead reached which stage, by this file and those before it. handoff: as they shape it.
    """
    if cycle is None:
        cycle = ImportedCycle(tenant_id=handoff.tenant_id, handoff=handoff, known_until=now)
    before = values(cycle)
    for name in ("first_touch_due_at", "decision_due_at", "decided_at"):
        setattr(cycle, name, getattr(past, name) or getattr(cycle, name))
    if past.is_change:
        cycle.changes = {str(stage): at.isoformat() for stage, at in changes_of(cycle, past).items()}
    if past.touched_at is not None:
        made = {*_instants(cycle), past.touched_at}
        cycle.touched_at = [at.isoformat() for at in sorted(made)[:MOST_TOUCHES]]
    days = set(cycle.days_only)
    _mark(days, "touched_at", past.is_day.get("touched_at"), once=True)
    handoff.first_touch_at = _first_touch(handoff, cycle, "touched_at" in days)
    precise = _precision(past)
    held: dict[str, datetime | None] = {
        "started_at": handoff.started_at,
        "first_touch_at": handoff.first_touch_at,
        "decided_at": cycle.decided_at,
        **{name: dates.get(stage) for name, stage in DATED.items()},
    }
    for name, at in held.items():
        _mark(days, name, precise.get(at) if at else None)
    if handoff.first_touch_at in _instants(cycle) and past.first_touch_at is None:
        _mark(days, "first_touch_at", "touched_at" in days)
    cycle.days_only = sorted(days)
    is_new_file = bool(past.file) and past.file not in cycle.files
    if is_new_file:
        cycle.files = [*cycle.files, past.file][-MOST_FILES:]
    if is_new_file or values(cycle) != before:
        cycle.known_until = now
    return cycle


def changes_of(cycle: ImportedCycle | None, past: Past) -> dict[Stage, datetime]:
    """When files of changes first had the lead at which stage, with what this row adds. They go before what
    the lead's own row says: its date of MQL may be a guess, or that of a later time."""
    found = {Stage(stage): datetime.fromisoformat(at) for stage, at in cycle.changes.items()} if cycle else {}
    if past.is_change:
        for stage, at in past.dates.items():
            found[stage] = min(at, found.get(stage, at))
    return found


def _instants(cycle: ImportedCycle) -> list[datetime]:
    return [datetime.fromisoformat(text) for text in cycle.touched_at]


def _first_touch(handoff: Handoff, cycle: ImportedCycle, are_days: bool) -> datetime | None:
    """The earliest of what is said to be it and of the activities from MQL on; one on MQL's day counts."""
    said = handoff.first_touch_at
    slack = _DAY if are_days else timedelta(0)
    made = next((at for at in _instants(cycle) if at + slack >= handoff.started_at), None)
    if said is None or made is None:
        return said or made
    if are_days and timedelta(0) <= said - made < _DAY:
        return said  # the same day, and more exact
    return min(said, made)


def _precision(past: Past) -> dict[datetime, bool]:
    """Of each instant that the row names, whether all that name it gave a day without a time."""
    found: dict[datetime, bool] = {}
    named: dict[str, datetime | None] = {
        "created_at": past.created_at,
        "stage_at": past.stage_at,
        "first_touch_at": past.first_touch_at,
        "decided_at": past.decided_at,
        **{name: past.dates.get(stage) for name, stage in DATED.items()},
    }
    for name, at in named.items():
        if at is not None and name in past.is_day:
            found[at] = found.get(at, True) and past.is_day[name]
    return found


def _mark(days: set[str], name: str, is_day: bool | None, *, once: bool = False) -> None:
    """Note whether a date is a day; None: nothing new is said. once: a later exact one changes nothing."""
    if is_day:
        days.add(name)
    elif is_day is False and not once:
        days.discard(name)
