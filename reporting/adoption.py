"""Who of the people accountable looks at the numbers, and what became of what they were told.

Kept is one row a person, report and day, and nothing else of what they do. Of mails only the delivery is
known: nothing in them tells whether they were opened.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Count, Q

from notifications.models import Notice, OutboxMessage
from reporting.models import ReportView
from reporting.selectors import Question
from tenants.models import Member, Role

#: Reports of which views are kept, by the name of their page.
REPORTS: Final[Mapping[str, str]] = {
    "reporting:compliance": "Compliance",
    "reporting:funnel": "Funnel",
    "reporting:rejections": "Rejections",
    "reporting:commitments": "Commitments",
    "reporting:kpis": "KPIs",
    "reporting:leaks": "Leaks",
    "reporting:journey": "Journey",
    "reporting:volume": "Volume",
    "reporting:data_quality": "Data quality",
    "reporting:fairness": "Fairness",
    "reporting:feedback": "Feedback coverage",
    "reporting:agreement": "Agreement",
    "reporting:digest": "Digest",
}
#: Who answers for the numbers.
ACCOUNTABLE: Final = (Role.MANAGER, Role.MARKETING, Role.EXECUTIVE, Role.ADMIN)


def day_of(member: Member, now: datetime) -> date:
    """The day by the organisation's zone."""
    return now.astimezone(ZoneInfo(member.tenant.time_zone)).date()


def note_view(member: Member, view: str, now: datetime) -> None:
    """Keep that a member opened a report."""
    day = day_of(member, now)
    ReportView.objects.bulk_create(
        [ReportView(member_id=member.id, report=view.partition(":")[2], day=day)], ignore_conflicts=True
    )


@dataclass(slots=True)
class Adopter:
    """One person in a week. reports: by label, on how many days. mails: by how they ended. opened: of
    `notices` in the app, those that they marked read."""

    member: Member
    reports: dict[str, int] = field(default_factory=dict)
    last_day: date | None = None
    mails: Counter[str] = field(default_factory=Counter)
    notices: int = 0
    opened: int = 0


def adoption(question: Question) -> list[Adopter]:
    """Everybody accountable, those who looked at nothing first. Four queries."""
    members = Member.objects.filter(is_active=True, role__in=ACCOUNTABLE).order_by("name", "id")
    found = {member.id: Adopter(member) for member in members}
    labels = {view.partition(":")[2]: label for view, label in REPORTS.items()}
    views = ReportView.objects.filter(member__in=found, day__range=(question.first, question.last))
    for member_id, report, day in views.order_by("day").values_list("member_id", "report", "day"):
        each, label = found[member_id], labels.get(report, report)
        each.reports[label] = each.reports.get(label, 0) + 1
        each.last_day = day
    for member_id, states in _mails(question, list(found)).items():
        found[member_id].mails = states
    notices = Notice.objects.filter(member__in=found, at__gte=question.start, at__lt=question.end)
    counts = {"told": Count("id"), "opened": Count("id", filter=Q(read_at__isnull=False))}
    for row in notices.order_by().values("member_id").annotate(**counts):
        each = found[row["member_id"]]
        each.notices, each.opened = row["told"], row["opened"]
    return sorted(found.values(), key=lambda each: (bool(each.reports), each.member.name.casefold()))


def _mails(question: Question, members: list[UUID]) -> Mapping[UUID, Counter[str]]:
    states: defaultdict[UUID, Counter[str]] = defaultdict(Counter)
    rows = OutboxMessage.objects.filter(
        channel="email", member__in=members, created_at__gte=question.start, created_at__lt=question.end
    )
    for member_id, state, number in (
        rows.order_by().values_list("member_id", "state").annotate(number=Count("id"))
    ):
        states[member_id][state] = number
    return states
