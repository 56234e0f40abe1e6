"""How each commitment stands in a month: actual, pace, forecast, course, and what it is of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from reporting.commitments.acting import ask_acting
from reporting.commitments.catalog import CATALOG, CLOCKS, ROLLING_DAYS, Kind, Unit
from reporting.commitments.counts import NAMES, Rolling, Series, refused_of, rolling
from reporting.commitments.days import Days, days_of, last_of, monday_of
from reporting.commitments.forecast import (
    Day,
    Forecast,
    Rate,
    forecast_count,
    forecast_share,
    pattern_of,
    rate_of,
)
from reporting.commitments.targets import Targets, Term, ask_targets, month_of, months_from
from reporting.definitions import Share
from reporting.measures import standing
from reporting.selectors.coverage import ask_silent, covered
from reporting.selectors.daily import DailyCounts, ask_clocks, ask_counts
from reporting.selectors.handoff_cells import HandoffGround, ask_handoff_ground
from reporting.selectors.questions import Question, sight_of
from reporting.selectors.rolled import Ground, ask_ground
from tenants.calendars import load_calendar
from tenants.models import Calendar, Member, Role, Tenant
from tenants.together import Asks, Row, answers, tuples_of

MONTHS: Final = 6
WEEKS: Final = 13
#: Weeks and months before a month that its forecast learns from.
WEEKS_BEFORE: Final = 13
MONTHS_BEFORE: Final = 3


@dataclass(frozen=True, slots=True)
class Point:
    """A month or a week of the course. base: what its value is of; a count's own number."""

    first: date
    value: float | None
    base: int
    target: int | None
    status: str | None


@dataclass(frozen=True, slots=True)
class Week:
    """A week of the month against the floor. is_over: else it still runs."""

    monday: date
    count: int
    is_over: bool
    pace: float | None

    def is_kept(self, floor: int) -> bool | None:
        """None while it can still be reached."""
        return True if self.count >= floor else False if self.is_over else None


@dataclass(frozen=True, slots=True)
class Line:
    """One commitment in a month.

    actual: MQLs, or per cent; None where there is nothing to count, and `why` says so. share: what a
    percentage is of. refused: of volume, MQLs that sales rejected. pace: where it should be by now. own: the
    part of the reader's teams, as a count or a share. rolling: the days of MQL to SQL.
    """

    kind: Kind
    term: Term
    actual: float | None
    share: Share | None
    status: str | None
    why: str = ""
    refused: int = 0
    pace: float | None = None
    forecast: Forecast | None = None
    forecast_status: str | None = None
    months: tuple[Point, ...] = ()
    weeks: tuple[Point, ...] = ()
    floor_weeks: tuple[Week, ...] = ()
    own: Share | int | None = None
    rolling: Rolling | None = None

    @property
    def is_count(self) -> bool:
        return self.kind.unit == Unit.COUNT


@dataclass(frozen=True, slots=True)
class Book:
    """A month of commitments. last: the last day that is counted, today at the latest; before the month
    where it has not begun. business: days passed, and in all. ground: what its handoffs are counted on."""

    month: date
    last: date
    today: date
    business: tuple[float, int]
    lines: tuple[Line, ...]
    targets: Targets
    ground: HandoffGround | None = None

    @property
    def is_over(self) -> bool:
        return last_of(self.month) < self.today

    @property
    def is_future(self) -> bool:
        return self.month > self.today

    def line(self, key: str) -> Line:
        return next(line for line in self.lines if line.kind.key == key)


def book_of(*, tenant: Tenant, month: date, now: datetime, reader: Member | None = None) -> Book:
    """All commitments of a month (given by its first day) as they stand. Two queries.

    reader: a manager, whose teams' part is told too.
    """
    zone = ZoneInfo(tenant.time_zone)
    today, end = now.astimezone(zone).date(), last_of(month)
    first = months_from(month, -(MONTHS - 1)) - timedelta(days=ROLLING_DAYS)
    last = min(end, today)
    house = Question(zone=zone, first=first, last=max(last, first))
    since = min(month, last - timedelta(days=ROLLING_DAYS - 1))
    questions = [house]
    if reader is not None and reader.role == Role.MANAGER:
        questions.append(replace(house, first=min(since, house.last), **sight_of(reader)))
    hours = Calendar.objects.filter(id=tenant.calendar_id).values_list("current_version_id")
    targets, calendar, *grounds = answers(
        ask_targets(tenant.target_percent),
        tuples_of(hours).then(lambda rows: load_calendar(rows[0][0]) if rows else None),
        *(ask for question in questions for ask in (ask_handoff_ground(question), ask_ground(question))),
    )
    days = days_of(calendar, zone=zone, first=first, last=end + timedelta(days=6), now=now)
    if month > today:
        lines = tuple(_unbegun(kind, targets.of(kind, month)) for kind in CATALOG.values())
        return Book(month, last, today, days.business(month, end), lines, targets)
    pairs = zip(questions, grounds[::2], grounds[1::2], strict=True)
    series, *own = answers(*(_ask_series(*each, now) for each in pairs))
    maker = _Maker(month, last, days, targets, series, next(iter(own), None))
    lines = tuple(maker.line(kind) for kind in CATALOG.values())
    return Book(month, last, today, days.business(month, end), lines, targets, grounds[0])


def _ask_series(
    question: Question, handoffs: HandoffGround | None, clocks: Ground | None, now: datetime
) -> Asks[Series]:
    counts = ask_counts(question, handoffs, NAMES)
    of_clocks = ask_clocks(question, CLOCKS, now=now, ground=clocks)
    acting = ask_acting(question, now=now) if question.seen_by is None else Asks([], dict)
    place = len(of_clocks.parts)

    def made(counted: DailyCounts, silent: Sequence[Row], *rest: Any) -> Series:
        return Series(
            counted,
            of_clocks.make(*rest[:place]),
            covered(counted, silent),
            acting.make(*rest[place:]),
        )

    return Asks([counts, ask_silent(question, now=now), *of_clocks.parts, *acting.parts], made)


def _unbegun(kind: Kind, term: Term) -> Line:
    return Line(kind, term, None, None, None, why="This month has not begun.")


def standing_of_count(count: float, due: float) -> str | None:
    """How a count stands to what was due: to be watched within measures.WATCH_POINTS per cent below it."""
    if due <= 0:
        return None
    return standing(100 * count / due, 100)


def _outlook(forecast: Forecast | None, target: int | None) -> str | None:
    """How a forecast stands to a target: to be watched where it is not expected, but may be reached."""
    if forecast is None or target is None:
        return None
    if forecast.expected >= target:
        return "on_target"
    return "watch" if forecast.high >= target else "off_target"


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes the lines of one month."""

    month: date
    last: date
    days: Days
    targets: Targets
    series: Series
    own: Series | None

    @property
    def end(self) -> date:
        return last_of(self.month)

    @property
    def today(self) -> date:
        return self.days.today

    @property
    def is_running(self) -> bool:
        return self.end >= self.today

    def line(self, kind: Kind) -> Line:
        return self._volume(kind) if kind.unit == Unit.COUNT else self._percent(kind)

    # --- MQLs a month ---

    def _volume(self, kind: Kind) -> Line:
        term = self.targets.of(kind, self.month)
        count = self._count(term, self.month, self.last)
        passed, all_days = self.days.business(self.month, self.end)
        share = passed / all_days if all_days else 1.0
        pace = None if term.target is None else term.target * share
        floors = self._floor_weeks(term)
        forecast = self._forecast_volume(term)
        target, own = term.target, self.own
        return Line(
            kind,
            term,
            float(count),
            None,
            self._status_of_volume(count, pace, term, floors),
            refused=refused_of(self.series.summed(self.month, self.last)),
            pace=pace,
            forecast=forecast,
            forecast_status=_outlook(forecast, target),
            months=tuple(self._month_of_volume(kind, first) for first in self._months()),
            weeks=tuple(self._week_of_volume(kind, first) for first in self._mondays()),
            floor_weeks=tuple(floors),
            own=None
            if own is None
            else own.volume(self.month, self.last, counts_rejected=term.counts_rejected),
        )

    def _count(self, term: Term, first: date, last: date) -> int:
        return self.series.volume(first, last, counts_rejected=term.counts_rejected)

    def _status_of_volume(
        self, count: int, pace: float | None, term: Term, floors: Sequence[Week]
    ) -> str | None:
        status = None if pace is None else standing_of_count(count, pace)
        floor = term.weekly_floor
        missed = floor is not None and any(week.is_kept(floor) is False for week in floors)
        if not missed:
            return status or ("on_target" if floor and floors else None)
        # A week below the floor is never good, however the month goes.
        return "off_target" if status == "off_target" else "watch"

    def _floor_weeks(self, term: Term) -> list[Week]:
        """The weeks that end in the month, and the one that runs."""
        found = []
        monday = monday_of(self.month)
        while monday <= self.last:
            sunday = monday + timedelta(days=6)
            is_over = sunday < self.today
            if sunday <= self.end or not is_over:
                passed, all_days = self.days.business(monday, sunday)
                share = passed / all_days if all_days else 1.0
                pace = None if term.weekly_floor is None else term.weekly_floor * share
                found.append(Week(monday, self._count(term, monday, sunday), is_over, pace))
            monday += timedelta(days=7)
        return found

    def _month_of_volume(self, kind: Kind, first: date) -> Point:
        term = self.targets.of(kind, first)
        last = min(last_of(first), self.last)
        count = self._count(term, first, last)
        passed, all_days = self.days.business(first, last_of(first))
        due = None if term.target is None else term.target * (passed / all_days if all_days else 1)
        status = None if due is None else standing_of_count(count, due)
        return Point(first, float(count), count, term.target, status)

    def _week_of_volume(self, kind: Kind, monday: date) -> Point:
        term = self.targets.of(kind, month_of(monday))
        count = self._count(term, monday, min(monday + timedelta(days=6), self.last))
        floor = term.weekly_floor
        is_over = monday + timedelta(days=6) < self.today
        status = None
        if floor is not None and (is_over or count >= floor):
            status = "on_target" if count >= floor else "off_target"
        return Point(monday, float(count), count, floor, status)

    def _forecast_volume(self, term: Term) -> Forecast | None:
        so_far = self._count(term, self.month, self.last)
        if not self.is_running:
            return Forecast(so_far, so_far, so_far)
        began = self.series.first_day
        if began is None:
            return None
        rate, pattern = self._rate(term, began)
        passed = left = 0.0
        for place in range((self.end - self.month).days + 1):
            day = self.month + timedelta(days=place)
            weight, share = pattern[self.days.kind(day)], self.days.passed(day)
            # An organisation that began in the month is not judged by the days before.
            passed += weight * share if day >= began else 0.0
            left += weight * (1 - share)
        return forecast_count(so_far, passed=passed, left=left, rate=rate)

    def _rate(self, term: Term, began: date) -> tuple[Rate, tuple[float, ...]]:
        since = max(self.month - timedelta(weeks=WEEKS_BEFORE), began)
        before = []
        for place in range((self.month - since).days):
            day = since + timedelta(days=place)
            weeks_ago = ((self.month - day).days - 1) // 7
            before.append(Day(self.days.kind(day), max(self._count(term, day, day), 0), weeks_ago))
        pattern = pattern_of(before)
        return rate_of(before, pattern), pattern

    # --- Shares ---

    def _percent(self, kind: Kind) -> Line:
        term = self.targets.of(kind, self.month)
        share = self._share(kind, self.month, self.last) or Share()
        target = term.target
        forecast = self._forecast_share(kind, share)
        return Line(
            kind,
            term,
            share.percent,
            share,
            self._status(share.percent, target),
            why="" if share.base else self._why_empty(kind, share),
            pace=target,
            forecast=forecast,
            forecast_status=_outlook(forecast, target),
            months=tuple(
                self._point(kind, first, min(last_of(first), self.last)) for first in self._months()
            ),
            weeks=tuple(
                self._point(kind, first, min(first + timedelta(days=6), self.last))
                for first in self._mondays()
            ),
            own=self._own_share(kind),
            rolling=rolling(self.last, self.today) if kind.key == "mql_to_sql" else None,
        )

    def _share(self, kind: Kind, first: date, last: date) -> Share | None:
        return self.series.share(kind, first, last, today=self.today)

    def _own_share(self, kind: Kind) -> Share | None:
        if self.own is None or kind.key == "acting_on_feedback":
            return None
        return self.own.share(kind, self.month, self.last, today=self.today)

    def _status(self, percent: float | None, target: int | None) -> str | None:
        return None if target is None else standing(percent, target)

    def _why_empty(self, kind: Kind, share: Share) -> str:
        if share.left_out:
            return f"Nothing to judge yet: {share.left_out:,} {kind.left_out}."
        if kind.clock and not self.series.clocks.get(kind.clock):
            return "No clock of this target ran: the policy has none, or no lead was handed over."
        return "Nothing was counted in this month."

    def _point(self, kind: Kind, first: date, last: date) -> Point:
        target = self.targets.of(kind, month_of(first)).target
        share = self._share(kind, first, last)
        percent = None if share is None else share.percent
        status = self._status(percent, target)
        return Point(first, percent, share.base if share else 0, target, status)

    def _forecast_share(self, kind: Kind, share: Share) -> Forecast | None:
        if not self.is_running:
            return forecast_share(share.count, share.base, left=0)
        if kind.key == "mql_to_sql":
            return self._forecast_followed()
        before = self.series.share(
            kind,
            months_from(self.month, -MONTHS_BEFORE),
            self.month - timedelta(days=1),
            today=self.today,
        )
        kept, judged = (before.count, before.base) if before else (0, 0)
        left = self._still_open(kind, share) + self._still_to_come(kind, share, judged)
        return forecast_share(share.count, share.base, left=left, kept_before=kept, judged_before=judged)

    def _still_open(self, kind: Kind, share: Share) -> int:
        """Of what is left out, how much will be judged."""
        if kind.clock:
            clocks = self.series.clocks.get(kind.clock, {})
            return sum(counts["open"] for day, counts in clocks.items() if self.month <= day <= self.last)
        if kind.key == "feedback":
            coverage = self.series.coverage
            return sum(
                counts["not_due"] for day, counts in coverage.items() if self.month <= day <= self.last
            )
        return 0 if kind.key in ("completeness", "reasons") else share.left_out

    def _still_to_come(self, kind: Kind, share: Share, judged_before: int) -> int:
        """How many more there will be to judge by the end of the month: as many for each MQL as of late."""
        gross = self._forecast_volume(Term(CATALOG["mql_volume"]))
        if gross is None:
            return 0
        so_far = self.series.summed(self.month, self.last)["mqls"]
        since = months_from(self.month, -MONTHS_BEFORE)
        before = self.series.summed(since, self.month - timedelta(days=1))["mqls"]
        if not so_far + before:
            return 0
        judged = share.base + self._still_open(kind, share) + judged_before
        return round(max(gross.expected - so_far, 0.0) * min(judged / (so_far + before), 1.0))

    def _forecast_followed(self) -> Forecast | None:
        """MQL to SQL at the end of the month: all its MQLs are there, some are not followed to the end."""
        ends = rolling(self.end, self.end + timedelta(days=1))
        known = rolling(self.last, self.today).cohort_last
        done = self.series.summed(ends.first, known)
        rest_first = known + timedelta(days=1)
        rest = self.series.summed(rest_first, ends.cohort_last)
        before = Rolling(
            ends.first - timedelta(days=ROLLING_DAYS), ends.first - timedelta(days=1), ends.first
        )
        earlier = self.series.summed(before.first, before.cohort_last)
        return forecast_share(
            self.series.sqls(ends.first, known),
            done["mqls"],
            left=rest["mqls"],
            least=self.series.sqls(rest_first, ends.cohort_last),
            kept_before=self.series.sqls(before.first, before.cohort_last),
            judged_before=earlier["mqls"],
        )

    # --- The course ---

    def _months(self) -> list[date]:
        return [months_from(self.month, place - MONTHS + 1) for place in range(MONTHS)]

    def _mondays(self) -> list[date]:
        monday = monday_of(self.last)
        return [monday - timedelta(weeks=WEEKS - 1 - place) for place in range(WEEKS)]
