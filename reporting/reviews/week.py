"""The week that both sides look at together: numbers as the reports have them, and what was done about each
breakdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.urls import reverse

from core.errors import Conflict, NotFound, ValidationFailed
from feedback.models import Dispute
from reporting import selectors
from reporting.commitments.days import monday_of
from reporting.commitments.targets import month_of
from reporting.measures import Verdict
from reporting.models import TargetFact
from reporting.reviews.gather import commitments, compliance, funnel, leaks, question_of, rejections
from reporting.reviews.models import BreakdownNote
from reporting.reviews.pack import COUNT, Cell, Column, Pack, Section, Table
from reporting.reviews.record import Note
from reporting.selectors.questions import Question, sight_of
from tenants.audit import names_of_actors
from tenants.models import Member, Tenant

#: Leaks that a week's page shows.
MOST_LEAKS: Final = 5
#: Weeks that the page offers beside the one that it shows.
WEEKS_OFFERED: Final = 13


@dataclass(frozen=True, slots=True)
class Week:
    """monday: its first day, in the organisation's zone. today: a day of it where it is not over."""

    monday: date
    today: date

    @property
    def sunday(self) -> date:
        return self.monday + timedelta(days=6)

    @property
    def is_over(self) -> bool:
        return self.sunday < self.today

    @property
    def last(self) -> date:
        """The last day that is counted."""
        return min(self.sunday, self.today)


def week_of(text: str, *, tenant: Tenant, now: datetime) -> Week:
    """The week of an address, by its Monday. Raises ValidationFailed for another day and for one ahead."""
    today = now.astimezone(ZoneInfo(tenant.time_zone)).date()
    try:
        monday = date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        monday = None
    if monday is None or monday.weekday() != 0 or not 2000 <= monday.year <= 2100:
        raise ValidationFailed.at("/monday", "A week is named by its Monday, like 2026-11-16.", "invalid")
    if monday > today:
        raise ValidationFailed.at("/monday", "This week has not begun.", "future")
    return Week(monday, today)


def present_week(tenant: Tenant, now: datetime) -> Week:
    today = now.astimezone(ZoneInfo(tenant.time_zone)).date()
    return Week(monday_of(today), today)


def question_of_week(tenant: Tenant, week: Week) -> Question:
    return question_of(tenant, week.monday, week.last)


def pack_of_week(*, tenant: Tenant, week: Week, now: datetime) -> Pack:
    """Compliance, conversion, feedback, disputes, leaks, and the lights of the month that it ends in."""
    question = question_of_week(tenant, week)
    return Pack(
        [
            compliance(question, tenant, now),
            funnel(question, now),
            rejections(question, now),
            _disputes(question),
            leaks(question, now, MOST_LEAKS),
            commitments(tenant, [month_of(week.last)], now),
        ]
    )


def _disputes(question: Question) -> Section:
    """Those that were opened or decided in the week, whenever their lead came."""
    real = Dispute.objects.filter(handoff__lead__is_test=False)
    opened = real.filter(opened_at__gte=question.start, opened_at__lt=question.end)
    decided = real.filter(decided_at__gte=question.start, decided_at__lt=question.end)
    states = list(decided.values_list("state", flat=True))
    count: list[list[Cell]] = [["Opened", opened.count()]]
    outcomes = [state for state in Dispute.State if state != Dispute.State.OPEN]
    count += [[f"Decided: {state.label.lower()}", states.count(state)] for state in outcomes]
    return Section(
        "disputes",
        "Disputes of the week",
        [
            Table(
                "Opened and decided",
                [Column("What"), Column("Number", COUNT)],
                count,
                reverse("handoff:disputes"),
            )
        ],
        ["By the day on which they were opened or decided, whenever their lead came."],
    )


# --- Breakdowns ---------------------------------------------------------------------------------------------


def breakdowns(*, tenant: Tenant, week: Week, reader: Member | None, now: datetime) -> QuerySet[TargetFact]:
    """Deadlines of clocks that started in the week and were missed, as far as the reader sees them. reader:
    None sees the whole organisation."""
    return selectors.clocks_behind(_seen(tenant, week, reader), now=now, verdict=Verdict.BROKEN)


def get_breakdown(
    timer_id: UUID, *, tenant: Tenant, week: Week, reader: Member | None, now: datetime
) -> TargetFact:
    """One of them, to be noted at. Raises NotFound; Conflict of one that ran elsewhere: an import told of it,
    and there is no clock here that a note could stand at."""
    found = breakdowns(tenant=tenant, week=week, reader=reader, now=now).filter(id=timer_id).first()
    if found is None:
        raise NotFound("There is no such breakdown in that week.")
    if found.is_history:
        raise Conflict("This deadline ran in another system: it takes no note here.")
    return found


def _seen(tenant: Tenant, week: Week, reader: Member | None) -> Question:
    sight = sight_of(reader) if reader else {}
    return Question(zone=ZoneInfo(tenant.time_zone), first=week.monday, last=week.last, **sight)


def notes_of(timer_ids: Sequence[UUID]) -> Mapping[UUID, Sequence[Note]]:
    """What was done about each, in its order; two queries."""
    rows = list(BreakdownNote.objects.filter(timer_id__in=timer_ids).order_by("at", "id"))
    people = names_of_actors({each.by for each in rows})
    found: dict[UUID, list[Note]] = {}
    for each in rows:
        found.setdefault(each.timer_id, []).append(Note(each.text, people[each.by], each.at))
    return found


def without_note(found: QuerySet[TargetFact]) -> int:
    """Of how many nobody has said what was done about them, of those that take a note; one query."""
    return found.filter(is_history=False).exclude(id__in=BreakdownNote.objects.values("timer_id")).count()
