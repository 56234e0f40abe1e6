"""All KPIs of a month: owner, target, number, how it stands, and the course of six months."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from reporting.commitments.book import standing_of_count
from reporting.commitments.days import Days, days_of, last_of
from reporting.commitments.targets import ask_targets
from reporting.kpis.catalog import CATALOG, Kind, Unit
from reporting.kpis.costs import Spent, spent_by_source
from reporting.kpis.counted import Measured, Wins
from reporting.kpis.measured import measure, question_of
from reporting.kpis.numbers import Number, Reading, read
from reporting.kpis.spans import Span, spans_of
from reporting.kpis.targets import (
    NOBODY,
    Owner,
    Targets,
    Term,
    ask_owners,
    load_targets,
    owners_of,
    targets_with,
)
from reporting.measures import WATCH_POINTS, standing
from reporting.selectors.handoff_cells import ask_handoff_ground
from tenants.calendars import house_calendar_version, load_calendar
from tenants.models import Tenant
from tenants.together import answers

MONTHS: Final = 6
#: Sources that are told one by one.
MOST_SOURCES: Final = 50


@dataclass(frozen=True, slots=True)
class Point:
    """A month of the course, with the target that held then. runs: costs of it are not told yet."""

    span: Span
    reading: Reading
    term: Term
    status: str | None
    runs: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One KPI. due: of a month that runs, what of the target should be there by now."""

    kind: Kind
    owner: Owner
    points: tuple[Point, ...]
    reading: Reading
    term: Term
    status: str | None
    due: Decimal | None = None


@dataclass(frozen=True, slots=True)
class SourceLine:
    """One source: how long its won leads took, what it cost and what that brought. "" is none given."""

    source: str
    wins: Wins
    spent: Spent


@dataclass(frozen=True, slots=True)
class Sheet:
    """All of them. sources: those with most MQLs, of `number` that there are. campaigns: likewise, of those
    that have a cost in these months. cost_months: that costs are told of. as_of: when what is counted of
    single rows was counted (reporting.kpis.measured)."""

    month: date
    last: date
    today: date
    currency: str
    lines: tuple[Line, ...]
    sources: tuple[SourceLine, ...]
    number: int
    span: Span | None
    targets: Targets
    as_of: datetime
    campaigns: tuple[tuple[str, Spent], ...] = ()
    campaigns_number: int = 0

    @property
    def is_future(self) -> bool:
        return self.month > self.today

    @property
    def runs(self) -> bool:
        return not self.is_future and last_of(self.month) >= self.today

    @property
    def cost_months(self) -> list[date]:
        return [] if self.span is None else self.span.cost_months


def sheet_of(*, tenant: Tenant, month: date, now: datetime) -> Sheet:
    """All KPIs as they stand in a month (given by its first day). Fourteen queries at most."""
    zone = ZoneInfo(tenant.time_zone)
    today = now.astimezone(zone).date()
    if month > today:
        # Of one far ahead none of the months that it is told with has begun: there is nothing to measure.
        targets, owners = load_targets(tenant.target_percent), owners_of()
        lines = tuple(_unbegun(kind, targets.of(kind, month), owners) for kind in CATALOG.values())
        return Sheet(month, today, today, tenant.currency, lines, (), 0, None, targets, now)
    spans = spans_of(month, today, MONTHS)
    promises, owners, ground = answers(
        ask_targets(tenant.target_percent), ask_owners(), ask_handoff_ground(question_of(spans, zone))
    )
    targets = targets_with(promises)
    measured = measure(spans, zone=zone, currency=tenant.currency, ground=ground, now=now)
    days = _days(zone, spans[-1], now)
    made = tuple(_line(kind, measured, spans, targets, owners, days) for kind in CATALOG.values())
    sources, campaigns = _sources(measured, spans[-1]), _campaigns(measured, spans[-1])
    return Sheet(
        month,
        spans[-1].last,
        today,
        tenant.currency,
        made,
        tuple(sources[:MOST_SOURCES]),
        len(sources),
        spans[-1],
        targets,
        measured.rows.at,
        tuple(campaigns[:MOST_SOURCES]),
        len(campaigns),
    )


def _days(zone: ZoneInfo, span: Span, now: datetime) -> Days:
    calendar = load_calendar(house_calendar_version())
    return days_of(calendar, zone=zone, first=span.month, last=last_of(span.month), now=now)


def _owner(kind: Kind, owners: Mapping[str, list[Owner]]) -> Owner:
    return next(iter(owners.get(kind.key, ())), NOBODY)


def _unbegun(kind: Kind, term: Term, owners: Mapping[str, list[Owner]]) -> Line:
    reading = Reading(None, 0, "This month has not begun.")
    return Line(kind, _owner(kind, owners), (), reading, term, None)


def _line(
    kind: Kind,
    measured: Measured,
    spans: list[Span],
    targets: Targets,
    owners: Mapping[str, list[Owner]],
    days: Days,
) -> Line:
    points = tuple(_point(kind, measured, span, targets, days) for span in spans)
    last = points[-1]
    reading = last.reading if not last.runs else read(kind, measured, spans[-1])
    status = status_of(kind, reading.value, last.term.target) if last.runs else last.status
    due = _due(kind, spans[-1], last.term.target, days)
    return Line(
        kind,
        _owner(kind, owners),
        points,
        reading,
        last.term,
        status,
        due if due != last.term.target else None,
    )


def _point(kind: Kind, measured: Measured, span: Span, targets: Targets, days: Days) -> Point:
    term = targets.of(kind, span.month)
    if kind.key in ("cost_per_mql", "cost_per_sql") and not span.is_over:
        return Point(span, Reading(None, 0, "The month still runs."), term, None, runs=True)
    reading = read(kind, measured, span, counts_rejected=term.counts_rejected)
    due = _due(kind, span, term.target, days)
    return Point(span, reading, term, status_of(kind, reading.value, due))


def _due(kind: Kind, span: Span, target: Decimal | None, days: Days) -> Decimal | None:
    """What of a target should be there by now: of what adds up over a month that runs, the share of its
    business days that have passed."""
    if target is None or not kind.is_of_month or span.is_over:
        return target
    passed, all_days = days.business(span.month, last_of(span.month))
    return target * Decimal(passed / all_days) if all_days else target


def status_of(kind: Kind, value: Number | None, due: Decimal | None) -> str | None:
    """How a value stands to its target: on target, to be watched within WATCH_POINTS per cent of it, else off
    target; a share that a commitment promises as that has it, by points. None without either."""
    if value is None or due is None:
        return None
    if kind.unit == Unit.PERCENT and kind.commitment:
        return standing(float(value), int(due))
    if not kind.is_lower_better:
        return standing_of_count(float(value), float(due))
    if value <= due:
        return "on_target"
    return "watch" if Decimal(value) <= due * (100 + WATCH_POINTS) / 100 else "off_target"


def _sources(measured: Measured, span: Span) -> list[SourceLine]:
    spent = spent_by_source(span.cost_months, measured.brought, measured.costs, span.today)
    names = [*spent, *sorted(source for source in measured.rows.wins_by_source if source not in spent)]
    return [
        SourceLine(name, measured.rows.wins_by_source.get(name, Wins()), spent.get(name, Spent()))
        for name in names
    ]


def _campaigns(measured: Measured, span: Span) -> list[tuple[str, Spent]]:
    found = spent_by_source(span.cost_months, measured.campaign_brought, measured.campaign_costs, span.today)
    return list(found.items())
