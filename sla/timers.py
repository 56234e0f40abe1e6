"""When a target is due and when each step of the ladder falls. Pure: a calendar and instants in, instants
out.

A calendar of None is the wall clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from core.businesstime import Gap, WorkCalendar, add_outside, elapsed_inside, elapsed_outside
from sla.tiers import BREACH, Duration, Policy, Step, TargetSpec

#: A wall clock still has days: UTC ones, where an organisation has no calendar at all.
_EVERY_HOUR: Final = WorkCalendar.always("UTC")
#: Units of the same length everywhere, in seconds.
_FIXED: Final[Mapping[str, int]] = {"seconds": 1, "minutes": 60}
#: The largest share that an event keeps.
_LARGEST_SHARE: Final = 32_767


@dataclass(frozen=True, slots=True)
class Schedule:
    """One running promise: when it started, when it is due, and the working seconds between.

    gaps: when its clock stood still meanwhile, as `core.businesstime.tidy` leaves them.
    """

    started_at: datetime
    due_at: datetime
    duration_seconds: int
    calendar: WorkCalendar | None
    gaps: Sequence[Gap] = ()

    def at_percent(self, percent: int) -> datetime:
        """The instant at which `percent` of the time is used. 100 is the deadline itself, to the
        microsecond.
        """
        if percent == BREACH:
            return self.due_at
        seconds = self.duration_seconds * percent / 100
        moment = add_seconds(self.calendar, self.started_at, seconds, self.gaps)
        # The stored duration is in whole seconds; a step must not slip past the deadline by the rest.
        return min(moment, self.due_at) if percent < BREACH else max(moment, self.due_at)

    def at_step(self, step: Step) -> datetime:
        """The instant of a step: at its share of the time, or so long after the deadline on this clock."""
        if step.after is None:
            return self.at_percent(step.at)
        return add_seconds(self.calendar, self.due_at, self._late_seconds(step.after), self.gaps)

    def share_at(self, step: Step) -> int:
        """How much of the time is used at a step, in percent; one after the deadline is above 100."""
        if step.after is None:
            return step.at
        share = BREACH + 100 * self._late_seconds(step.after) // max(1, self.duration_seconds)
        return min(_LARGEST_SHARE, max(BREACH + 1, share))

    def _late_seconds(self, after: Duration) -> int:
        """What a time after the deadline is in seconds of this clock."""
        if after.unit in _FIXED:
            return after.amount * _FIXED[after.unit]
        return seconds_between(self.calendar, self.due_at, due_after(after, self.due_at, self.calendar))


def add_seconds(
    calendar: WorkCalendar | None, start: datetime, seconds: float, gaps: Sequence[Gap] = ()
) -> datetime:
    """The instant at which so many seconds have passed on this clock, gaps left out."""
    if gaps:
        return add_outside(calendar or _EVERY_HOUR, start, seconds, gaps)
    if calendar is None:
        return start.astimezone(UTC) + timedelta(seconds=seconds)
    return calendar.add_seconds(start, seconds)


def seconds_between(
    calendar: WorkCalendar | None, start: datetime, end: datetime, gaps: Sequence[Gap] = ()
) -> int:
    """Whole seconds from `start` to `end` on this clock, gaps left out; 0 if `end` is not after `start`."""
    if gaps:
        return round(elapsed_outside(calendar or _EVERY_HOUR, start, end, gaps))
    if calendar is None:
        return max(0, round((end - start).total_seconds()))
    return round(calendar.elapsed_seconds(start, end))


def seconds_in_gaps(
    calendar: WorkCalendar | None, start: datetime, end: datetime, gaps: Sequence[Gap], kind: str
) -> int:
    """Whole seconds of this clock's time from `start` to `end` that fell into gaps of one kind."""
    return round(elapsed_inside(calendar or _EVERY_HOUR, start, end, gaps, kind=kind))


def due_after(duration: Duration, start: datetime, calendar: WorkCalendar | None) -> datetime:
    """The deadline of a duration that starts at `start`. Raises CalendarClosedError where there is none."""
    if duration.unit in _FIXED:
        return add_seconds(calendar, start, duration.amount * _FIXED[duration.unit])
    days = calendar or _EVERY_HOUR
    if duration.unit == "business_days":
        return days.add_days(start, duration.amount)
    return days.end_of_day(start, duration.amount)


def schedule(
    spec: TargetSpec, start: datetime, calendar: WorkCalendar | None, gaps: Sequence[Gap] = ()
) -> Schedule:
    """The running promise of a target that starts at `start` on the given calendar (unused by wall-clock
    targets).

    Its size is counted without gaps: a business day that a pause falls into is as long as any other, and ends
    later. Gaps that take nothing of its time move nothing.
    """
    clock = None if spec.wall else calendar
    due_at = due_after(spec.duration, start, clock)
    if spec.duration.unit in _FIXED:
        seconds = spec.duration.amount * _FIXED[spec.duration.unit]
    else:
        seconds = seconds_between(clock, start, due_at)
    if not gaps or not elapsed_inside(clock or _EVERY_HOUR, start, due_at, gaps):
        return Schedule(start, due_at, seconds, clock, gaps)
    due_at = add_seconds(clock, start, seconds, gaps)
    if spec.duration.unit == "business_days":
        due_at = going_on_at(clock, due_at, gaps)
    return Schedule(start, due_at, seconds, clock, gaps)


def going_on_at(calendar: WorkCalendar | None, at: datetime, gaps: Sequence[Gap] = ()) -> datetime:
    """`at` itself if the clock goes then, else when it next does: a business day keeps the time of day, and
    so ends at an opening rather than at the closing before. Raises CalendarClosedError.
    """
    hours = calendar or _EVERY_HOUR
    at = hours.next_open(at)
    for gap in gaps:
        if gap.start <= at < gap.end:
            at = hours.next_open(gap.end)
    return at


def schedule_of_rest(
    start: datetime, seconds: int, calendar: WorkCalendar | None, gaps: Sequence[Gap] = ()
) -> Schedule:
    """A promise with so many seconds left of it: what a new owner gets where the clock goes on."""
    return Schedule(start, add_seconds(calendar, start, seconds, gaps), seconds, calendar, gaps)


def warn_at(plan: Schedule, policy: Policy) -> datetime:
    """From when on the target counts as at risk."""
    return plan.at_percent(policy.warn_percent)
