"""Why a lead is due when it is: each clock's sum day by day, and who had every second of the handoff."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from core.businesstime import Gap, tidy
from leads.models import Assignment, Handoff
from sla.explain import DayLine, Explanation
from sla.gaps import LEAVE, read_gaps
from sla.ledger import Entry, Kind, Ownership, ledger, totals
from sla.models import Pause, Timer
from tenants.calendars import load_calendar

KINDS: Final[dict[Kind, str]] = {
    Kind.UNROUTED: "Nobody",
    Kind.OWNER: "",
    Kind.PAUSED: "Paused",
    Kind.CLOSED_HOURS: "Outside working hours",
}


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """One stretch of the handoff's time, in words."""

    entry: Entry
    who: str


@dataclass(frozen=True, slots=True)
class TimeLedger:
    """Every second of a handoff. sums: (words, seconds), the most first; they add up to `wall` seconds.

    is_plain: one person had it all, without a pause: it says nothing that the clocks do not.
    """

    lines: Sequence[LedgerLine]
    sums: Sequence[tuple[str, float]]
    wall: float
    is_plain: bool = False


def ledger_of(handoff: Handoff, timers: Sequence[Timer], *, now: datetime) -> TimeLedger:
    """Who had each second from MQL to the end of the handoff, or to now.

    timers: every clock of the handoff: working hours are those that its clocks began with.
    """
    house, hours, leave = _hours(timers)
    spans = list(
        Assignment.objects.filter(handoff=handoff).select_related("member").order_by("started_at", "hop")
    )
    end = handoff.closed_at or now
    stopped = Pause.objects.filter(handoff=handoff).values_list("started_at", "ended_at")
    entries = ledger(
        handoff.started_at,
        end,
        owners=[
            Ownership(
                span.member_id,
                span.started_at,
                span.ended_at,
                load_calendar(hours.get(span.id, house)),
                leave=tidy(leave.get(span.id, ())),
            )
            for span in spans
        ],
        pauses=[Gap(start, stop or end, "pause") for start, stop in stopped if (stop or end) > start],
        house=load_calendar(house),
    )
    names = {str(span.member_id): span.member.name for span in spans}
    sums = totals(entries)
    parts = [
        (KINDS[Kind.UNROUTED], sums.unrouted),
        *((names.get(str(member_id), "Somebody"), seconds) for member_id, seconds in sums.owner.items()),
        (KINDS[Kind.PAUSED], sums.paused),
        (KINDS[Kind.CLOSED_HOURS], sums.closed_hours),
    ]
    return TimeLedger(
        lines=[LedgerLine(entry, _who(entry, names)) for entry in entries],
        sums=sorted(((who, seconds) for who, seconds in parts if seconds), key=lambda part: -part[1]),
        wall=sums.wall,
        is_plain=len(spans) < 2 and not sums.paused,
    )


def _hours(timers: Sequence[Timer]) -> tuple[UUID | None, dict[UUID, UUID], dict[UUID, list[Gap]]]:
    """Calendar versions: the organisation's, and by assignment those of clocks that count working time; by
    assignment also the leave that stood in them.
    """
    house = None
    own: dict[UUID, UUID] = {}
    leave: dict[UUID, list[Gap]] = {}
    for timer in timers:
        if timer.calendar_version_id is None:
            continue
        if timer.assignment_id is None:
            house = timer.calendar_version_id
        else:
            own[timer.assignment_id] = timer.calendar_version_id
            away = [gap for gap in read_gaps(timer.gaps) if gap.kind == LEAVE]
            leave.setdefault(timer.assignment_id, []).extend(away)
    return house, own, leave


def _who(entry: Entry, names: dict[str, str]) -> str:
    name = names.get(str(entry.member_id), "") if entry.member_id else ""
    return " · ".join(part for part in (KINDS[entry.kind], name) if part)


# --- For programs ---


def explanation_document(found: Explanation) -> dict[str, Any]:
    """One clock's explanation as the API answers it."""
    timer, calendar = found.timer, found.calendar
    return {
        "timer": timer.id,
        "handoff": timer.handoff_id,
        "target": timer.target,
        "clock": timer.clock,
        "owner": timer.member_id,
        "promise": found.promise,
        "tier": timer.tier,
        "tier_name": found.tier_name,
        "rule": found.rule,
        "policy_version": found.policy_number,
        "business_unit": found.unit_name,
        "calendar": {
            "name": calendar.calendar.name,
            "version": calendar.number,
            "time_zone": found.zone,
        }
        if calendar
        else None,
        "started_at": timer.started_at,
        "due_at": timer.due_at,
        "duration_seconds": timer.duration_seconds,
        "total_seconds": found.total,
        "remaining_seconds": found.remaining,
        "days": [_day(line) for line in found.lines],
        "moves": [
            {"at": move.at, "old_due_at": move.old_due_at, "new_due_at": move.new_due_at}
            for move in found.moves
        ],
    }


def _day(line: DayLine) -> dict[str, Any]:
    return {
        "day": line.day,
        "when": line.when,
        "seconds": line.seconds,
        "total": line.total,
        "note": line.note,
    }


def ledger_document(found: TimeLedger) -> list[dict[str, Any]]:
    """The ledger as the API answers it, in order and without a hole."""
    return [
        {
            "start": line.entry.start,
            "end": line.entry.end,
            "kind": line.entry.kind.value,
            "member": _uuid(line.entry.member_id),
            "seconds": line.entry.seconds,
        }
        for line in found.lines
    ]


def _uuid(member_id: UUID | None) -> str | None:
    return str(member_id) if member_id else None
