"""Timers as the pages show them: status, time left on the timer's own calendar, and when that will change.

Pure over timers that are loaded: no queries beyond the calendars and policies that the process has cached.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import Case, F, IntegerField, Q, Value, When

from core.businesstime import CalendarClosedError, Gap, WorkCalendar
from handoff import words
from sla import targets
from sla.gaps import LEAVE, gap_at, read_gaps
from sla.models import Timer
from sla.policies import find_policy
from sla.selectors import on_leave_in_sql, status_now
from sla.status import OPEN_STATUSES, Status
from sla.tiers import DEFAULT_WARNING, MOVES
from sla.timers import going_on_at, seconds_between
from tenants.calendars import load_calendar
from web.templatetags.sp import due_text, exact_text, local_time, minutes_text

#: The most urgent first.
URGENCY: Final[dict[Status, int]] = {
    Status.OVERDUE: 0,
    Status.AT_RISK: 1,
    Status.ON_TIME: 2,
    Status.CLOSED_HOURS: 3,
    Status.PAUSED: 4,
    Status.MISSED: 5,
    Status.MET: 6,
    Status.CANCELLED: 7,
}
_STANDS: Final = (Status.CLOSED_HOURS, Status.PAUSED)


@dataclass(frozen=True, slots=True)
class Reading:
    """One timer at one moment.

    seconds:     on the timer's clock: left, late, or (closed) used when met and late when missed.
    running:     whether the figure moves now.
    next_change: wall seconds until the server would say something else; None for never.
    resumes:     when a clock that stands goes on, if that is known.
    """

    timer: Timer
    status: Status
    seconds: int
    running: bool
    next_change: int | None = None
    resumes: datetime | None = None

    @property
    def order(self) -> tuple[int, datetime]:
        """Overdue first, then at risk, and so on; within one status by the wall-clock due time."""
        return URGENCY[self.status], self.timer.due_at

    @property
    def is_open(self) -> bool:
        return self.status in OPEN_STATUSES


def read(timer: Timer, *, now: datetime) -> Reading:
    """How a timer stands at `now`."""
    status = status_now(timer, now=now)
    calendar = load_calendar(timer.calendar_version_id)
    if status is Status.MET:
        return Reading(timer, status, timer.business_seconds or 0, running=False)
    if status is Status.MISSED:
        ended = timer.met_at or timer.closed_at or now
        late = seconds_between(calendar, timer.due_at, ended, read_gaps(timer.gaps))
        return Reading(timer, status, late, running=False)
    if status is Status.CANCELLED:
        return Reading(timer, status, 0, running=False)
    gaps = read_gaps(timer.gaps)
    goes = _goes_on(calendar, gaps, now) == now
    # A paused clock has left what it had when it was stopped: its deadline moves when it goes on.
    stopped = (status is Status.PAUSED and timer.paused_at) or now
    since, until = (timer.due_at, now) if status is Status.OVERDUE else (stopped, timer.due_at)
    return Reading(
        timer,
        status,
        seconds_between(calendar, since, until, gaps),
        running=goes and status is not Status.PAUSED,
        next_change=_next_change(timer, calendar, gaps, goes, now),
        resumes=_goes_on(calendar, gaps, now) if status is Status.CLOSED_HOURS else None,
    )


def _next_change(
    timer: Timer, calendar: WorkCalendar | None, gaps: Sequence[Gap], goes: bool, now: datetime
) -> int | None:
    moments = [at for at in (timer.warn_at, timer.due_at) if at is not None and at > now]
    if goes:
        moments += [gap.start for gap in gaps if gap.start > now]
        moments += [at for at in (_closing(calendar, now) if calendar else None,) if at]
    elif (goes_on := _goes_on(calendar, gaps, now)) is not None:
        moments.append(goes_on)
    if not moments:
        return None
    # A second later: at the mark itself the status is still the old one.
    return int((min(moments) - now).total_seconds()) + 1


def _goes_on(calendar: WorkCalendar | None, gaps: Sequence[Gap], now: datetime) -> datetime | None:
    """`now` itself where the clock goes, else when it next does; None where that cannot be told."""
    try:
        return going_on_at(calendar, now, gaps)
    except CalendarClosedError:
        return None


def _closing(calendar: WorkCalendar, now: datetime) -> datetime | None:
    """When the opening that holds now ends; None if not within two days."""
    spans = calendar.spans(now, now + timedelta(days=2))
    return spans[0][1] if spans and spans[0][1] < now + timedelta(days=2) else None


def most_urgent(timers: Iterable[Timer], *, now: datetime) -> Reading | None:
    """What a row shows of a handoff's timers: the open one that is most pressing; None where none is open."""
    readings = [reading for timer in timers if (reading := read(timer, now=now)).is_open]
    return min(readings, key=lambda reading: reading.order, default=None)


def due_line(reading: Reading, *, now: datetime) -> str:
    """The words beside a pill: "first touch 14:15", "decide by Wed 09:52"."""
    return f"{words.due_words(reading.timer.target)} {due_text(reading.timer.due_at, now)}"


# --- Many at once ---


def closed_now(version_ids: Iterable[UUID | None], *, now: datetime) -> list[UUID]:
    """Those of the calendars that are closed at `now`; the wall clock (None) never is."""
    return [
        version_id
        for version_id in version_ids
        if version_id is not None
        and (calendar := load_calendar(version_id)) is not None
        and not calendar.is_open(now)
    ]


def urgency_in_sql(*, now: datetime, closed: Collection[UUID]) -> Case:
    """`URGENCY[status_of(timer)]` for the database, to count and sort thousands of clocks without reading
    them. What a page says of one clock still comes from `status_of`; a test holds the two together.

    closed: of the calendars that the timers are on, those that are closed at `now` (`closed_now`).
    """

    def mark(when: Q, status: Status) -> When:
        return When(when, then=Value(URGENCY[status]))

    ended = Q(state=Timer.State.BREACHED, closed_at__isnull=False)
    given_up = Q(state=Timer.State.FAILED)
    return Case(
        mark(Q(state=Timer.State.MET), Status.MET),
        mark(Q(state=Timer.State.CANCELLED), Status.CANCELLED),
        mark(Q(met_at__isnull=False) | ended, Status.MISSED),
        mark(given_up & Q(closed_at__gt=F("due_at")), Status.MISSED),
        mark(given_up & Q(closed_at__isnull=False), Status.CANCELLED),
        mark(Q(state=Timer.State.PAUSED), Status.PAUSED),
        mark(Q(state=Timer.State.BREACHED) | Q(due_at__lt=now), Status.OVERDUE),
        # An empty list is no condition that the database could be asked.
        *([mark(Q(calendar_version_id__in=closed), Status.CLOSED_HOURS)] if closed else []),
        When(on_leave_in_sql(now=now), then=Value(URGENCY[Status.CLOSED_HOURS])),
        mark(Q(warn_at__lte=now), Status.AT_RISK),
        default=Value(URGENCY[Status.ON_TIME]),
        output_field=IntegerField(),
    )


# --- Panels ---


def panel(timer: Timer, *, now: datetime, title: str = "", moves_on: bool = False) -> dict[str, Any]:
    """One clock of the lead page, for web/_clock.html.

    moves_on: the lead goes to somebody else when the deadline passes, so the panel says so.
    """
    reading = read(timer, now=now)
    calendar = load_calendar(timer.calendar_version_id)
    used = timer.business_seconds
    if reading.is_open:
        stopped = timer.paused_at or now
        used = seconds_between(calendar, timer.started_at, stopped, read_gaps(timer.gaps))
    policy = find_policy(timer.policy_version_id)
    share = 100.0 if not timer.duration_seconds else (used or 0) / timer.duration_seconds * 100
    due = _due_sentence(reading, now=now)
    if moves_on and reading.status in (Status.ON_TIME, Status.AT_RISK):
        due += " Then it moves to the next person."
    return {
        "title": title or targets.label(timer.target),
        "status": reading.status.value,
        "seconds": None if reading.status in (Status.CANCELLED, *_STANDS) else reading.seconds,
        "running": reading.running,
        "next_change": reading.next_change,
        "unit": _unit(reading),
        "due": due,
        "used": 0 if reading.status is Status.CANCELLED else share,
        "mark": (policy.warn_percent if policy else DEFAULT_WARNING) if reading.is_open else None,
    }


def _unit(reading: Reading) -> str:
    if reading.status in (Status.ON_TIME, Status.AT_RISK):
        return f"left of {_length(reading.timer)}"
    if reading.status is Status.OVERDUE:
        return "late"
    if reading.status is Status.MET:
        return f"of {_length(reading.timer)} used"
    if reading.status is Status.MISSED:
        return "late"
    if reading.status in _STANDS:
        return f"{minutes_text(reading.seconds)} left"
    return ""


def _length(timer: Timer) -> str:
    """How long the promise allows, in words: "5 min", "1 min 30 s", "24 h"."""
    hours, rest = divmod(timer.duration_seconds, 3600)
    return f"{hours} h" if hours and not rest else exact_text(timer.duration_seconds)


def _due_sentence(reading: Reading, *, now: datetime) -> str:
    timer = reading.timer
    zone = local_time(timer.due_at, "zone").rsplit(" ", 1)[-1]
    when = f"{due_text(timer.due_at, now)} {zone}"
    if reading.status is Status.MET and timer.met_at:
        return f"Met {due_text(timer.met_at, now)}, due {when}."
    if reading.status is Status.MISSED:
        if timer.met_at:
            return f"Was due {when}, done {due_text(timer.met_at, now)}."
        return f"Was due {when}, never done."
    if reading.status is Status.OVERDUE:
        return f"Was due {when}."
    if reading.status is Status.CANCELLED:
        return "Ended before it was due."
    if reading.resumes is not None:
        away = gap_at(timer.gaps, now, kind=LEAVE) is not None
        why = "The owner is away" if away else "Outside working hours"
        return f"{why}, goes on {due_text(reading.resumes, now)}. Due {when}."
    if reading.status is Status.PAUSED:
        return f"Due {when}, and later by the working time that the pause takes."
    return f"Due {when}."


def panels(
    timers: Sequence[Timer], *, now: datetime, owner_assignment: object | None, stays: bool
) -> list[dict[str, Any]]:
    """The clocks of one handoff: the owner's of each target, then the company's.

    timers:           every timer of the handoff.
    owner_assignment: id of the open (or, closed, the last) assignment; None while nobody owns the lead.
    stays:            no deadline moves the lead: it is closed, or in shadow mode.
    """
    owners = [
        timer
        for timer in timers
        if timer.clock == Timer.Clock.OWNER and timer.assignment_id == owner_assignment and owner_assignment
    ]
    company = [timer for timer in timers if timer.clock == Timer.Clock.COMPANY]
    company.sort(key=lambda timer: targets.place(timer.target))
    owners.sort(key=lambda timer: targets.place(timer.target))
    found = []
    for timer in owners:
        policy = find_policy(timer.policy_version_id)
        moves = (
            bool(policy and any(act.do in MOVES for step in policy.ladder for act in step.actions))
            and not stays
        )
        found.append(panel(timer, now=now, moves_on=moves and timer.clock == Timer.Clock.OWNER))
    for timer in _shown_of_company(company, beside=bool(owners)):
        title = f"Promised: {words.lower_first(targets.label(timer.target))}"
        found.append(panel(timer, now=now, title=title))
    return found


def _shown_of_company(company: list[Timer], *, beside: bool) -> list[Timer]:
    """Beside the owner's clocks one panel for the company's: the first that is still open, else the last
    met."""
    if not beside or len(company) <= 1:
        return company
    running = [timer for timer in company if timer.closed_at is None]
    return (running or company[-1:])[:1]
