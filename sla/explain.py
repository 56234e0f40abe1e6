"""Why a deadline is where it is: day by day, with what stopped the clock and by which rules. (X3)"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import QuerySet

from core.businesstime import Day, Gap, WorkCalendar, breakdown
from core.errors import NotFound
from leads.models import Handoff
from sla import targets, words
from sla.drills import shortened
from sla.models import Timer, TimerMove
from sla.policies import find_policy, plan_of
from sla.timers import seconds_between
from tenants.calendars import compile_spec, days_off
from tenants.calendars.words import DAYS
from tenants.models import CalendarVersion

_CONVENTIONS = {
    "business_days": "A business day keeps the time of day, counted from the start or the opening after it:"
    " from an opening it ends at the opening of the next working day, and not at closing time.",
    "end_of_day": "It ends at closing time of the working day, counted from the start or the opening after"
    " it.",
}
_GAP_WORDS = {"pause": "Paused", "leave": "On leave"}


@dataclass(frozen=True, slots=True)
class DayLine:
    """One local date of a deadline's sum. when: the hours that counted, in words. total: seconds so far.

    note: why it did not count, or did not count in full.
    """

    day: date
    when: str
    seconds: int
    total: int
    note: str


def day_lines(
    spec: Mapping[str, Any] | None, start: datetime, end: datetime, gaps: Sequence[Gap] = ()
) -> list[DayLine]:
    """The sum of the working time from `start` to `end`, a line for every date of the calendar's zone.

    spec: as stored (tenants.calendars.spec); None is the wall clock, in UTC.
    """
    calendar = compile_spec(spec) if spec else WorkCalendar.always("UTC")
    zone = ZoneInfo(calendar.tz)
    lines, total = [], 0.0
    for each in breakdown(calendar, start, end, gaps):
        total += each.seconds
        when = ", ".join(
            f"{_clock(opening, zone)} to {_clock(closing, zone, end_of=each.day)}"
            for opening, closing in each.spans
        )
        note = _note(each, spec or {}, zone)
        lines.append(DayLine(each.day, when, round(each.seconds), round(total), note))
    return lines


def _clock(at: datetime, zone: ZoneInfo, *, end_of: date | None = None) -> str:
    local = at.astimezone(zone)
    if end_of is not None and local.date() > end_of:
        return "24:00"
    return f"{local:%H:%M:%S}" if local.second else f"{local:%H:%M}"


def _note(each: Day, spec: Mapping[str, Any], zone: ZoneInfo) -> str:
    """Why the day counts as it does, as far as that is not plain from its hours."""
    notes = []
    if not each.open:
        notes.append(_why_closed(each, spec))
    elif each.day.isoformat() in spec.get("extra", {}):
        notes.append("Special hours")
    notes += [
        f"{_GAP_WORDS.get(gap.kind, gap.kind)} {_clock(gap.start, zone)}"
        f" to {_clock(gap.end, zone, end_of=each.day)}"
        for gap in each.gaps
        if any(opening < gap.end and gap.start < closing for opening, closing in each.open)
    ]
    if each.clock_change:
        hours = f"{abs(each.clock_change) / 3600:g} h"
        notes.append(f"Clocks go {'forward' if each.clock_change > 0 else 'back'} {hours}")
    return "; ".join(note for note in notes if note)


def _why_closed(each: Day, spec: Mapping[str, Any]) -> str:
    day = each.day.isoformat()
    if day in spec.get("extra", {}):
        return "Outside the special hours" if spec["extra"][day] else "Closed that day"
    if day in (off := days_off(spec) if spec else {}):
        return off[day]
    weekday = tuple(DAYS)[each.day.weekday()]
    if spec and not spec["weekly"].get(weekday):
        return f"{each.day:%A}: no working hours"
    return "Outside working hours"


# --- One clock ---


@dataclass(frozen=True, slots=True)
class Explanation:
    """One clock's deadline. rule: whom its tier is for. calendar: name and number, None by the wall clock.

    remaining: seconds of its time that are left (negative: by how much it is late), None once it is closed.
    convention: how its unit is counted, where that is not plain.
    """

    timer: Timer
    owner: str
    policy_number: int
    unit_name: str  # whose policy that is; "" for the main one
    tier_name: str
    rule: str
    promise: str
    calendar: CalendarVersion | None
    zone: str
    lines: Sequence[DayLine]
    total: int
    moves: Sequence[TimerMove]
    remaining: int | None
    convention: str = ""

    @property
    def target(self) -> str:
        """Which promise it is: "First touch"."""
        return targets.label(self.timer.target)


def _explainable() -> QuerySet[Timer]:
    """Clocks with what an explanation needs of whom they judge and of their policy."""
    whole: QuerySet[Timer] = Timer.objects.select_related("handoff", "member", "policy_version__unit")
    return whole.defer("policy_version__content", "handoff__verdict")


def get_timer(*, timer_id: UUID) -> Timer:
    """A clock of this organisation. Raises NotFound."""
    timer = _explainable().filter(id=timer_id).first()
    if timer is None:
        raise NotFound("There is no such clock.")
    return timer


def timers_of(handoff: Handoff) -> list[Timer]:
    """Every clock of a handoff: those that run first, then by their start."""
    timers = list(_explainable().filter(handoff=handoff).order_by("started_at", "clock", "id"))

    def order(timer: Timer) -> tuple[bool, datetime, str, tuple[int, str]]:
        return timer.closed_at is not None, timer.started_at, timer.clock, targets.place(timer.target)

    return sorted(timers, key=order)


def explain_timers(timers: Sequence[Timer], *, now: datetime) -> list[Explanation]:
    """How the deadline of each clock comes about, in the same order; the lines of each add up to its
    duration, to the second. Two queries, however many clocks.

    timers: as `timers_of` and `get_timer` give them.
    """
    calendars = CalendarVersion.objects.select_related("calendar").in_bulk(
        {timer.calendar_version_id for timer in timers if timer.calendar_version_id}
    )
    moves: dict[UUID, list[TimerMove]] = {}
    changed = [timer.id for timer in timers if timer.generation > 1]
    if changed:
        for move in TimerMove.objects.filter(timer__in=changed).order_by("at", "id"):
            moves.setdefault(move.timer_id, []).append(move)
    return [
        _explained(
            timer,
            calendar=calendars.get(timer.calendar_version_id) if timer.calendar_version_id else None,
            moves=moves.get(timer.id, ()),
            now=now,
        )
        for timer in timers
    ]


def explain_timer(timer: Timer, *, now: datetime) -> Explanation:
    """How the deadline of one clock comes about. See `explain_timers`."""
    return explain_timers([timer], now=now)[0]


def _explained(
    timer: Timer, *, calendar: CalendarVersion | None, moves: Sequence[TimerMove], now: datetime
) -> Explanation:
    policy = find_policy(timer.policy_version_id)
    tier = policy.tier(timer.tier) if policy else None
    spec = tier.spec(timer.target) if tier else None
    if spec is not None and timer.handoff.drill_seconds is not None:
        spec = shortened(spec, timer.handoff.drill_seconds)
    plan = plan_of(timer)
    lines = day_lines(calendar.spec if calendar else None, plan.started_at, plan.due_at, plan.gaps)
    remaining = None
    if timer.closed_at is None:
        at = timer.paused_at or now
        left = seconds_between(plan.calendar, at, plan.due_at, plan.gaps)
        remaining = left or -seconds_between(plan.calendar, plan.due_at, at, plan.gaps)
    return Explanation(
        timer=timer,
        owner=timer.member.name if timer.member else "",
        policy_number=timer.policy_version.number,
        unit_name=timer.policy_version.line_name,
        tier_name=tier.name if tier else timer.tier,
        rule=words.condition_words(tier) if tier else "",
        promise=words.target_words(spec) if spec else "",
        calendar=calendar,
        zone=calendar.spec["tz"] if calendar else "UTC",
        lines=lines,
        total=lines[-1].total if lines else 0,
        moves=moves,
        remaining=remaining,
        convention=_CONVENTIONS.get(spec.duration.unit, "") if spec else "",
    )
