"""The numbers of outbound meetings, and what each counts. They are counted from the meetings themselves:
these are few.

A meeting belongs to the period in which it was to begin. Of `booked`, those that were put on another day or
cancelled, are still to come, or wait for their answer are told, and left out of the rates:

held        accepted, and disqualified once it had begun
show rate   held, of held and no-shows
acceptance  accepted, of held
opportunity accepted whose handoff came to an opportunity, of accepted
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from feedback.models import Meeting
from leads.models import Opportunity
from reporting.selectors import Question
from reporting.selectors.questions import in_sight

State, Absent = Meeting.State, Meeting.Absent
#: What a table of people is by: the column, and the word for its head.
SPLITS: Final = {"sdr": ("sdr_id", "SDR"), "ae": ("ae_id", "AE")}
#: Characters of a reason's label.
MOST_LABEL: Final = 80
_BEGAN: Final = Q(decided_at__gte=F("starts_at"))
_DISQUALIFIED: Final = Q(state=State.DISQUALIFIED)
#: What a list of meetings may be of: its title, and which of them `_count` counts so.
LISTED: Final[Mapping[str, tuple[str, Q]]] = {
    "booked": ("Meetings that were to begin", Q()),
    "qualified": ("Meetings that met all criteria", Q(qualified=True)),
    "held": ("Meetings that were held", Q(state=State.ACCEPTED) | (_DISQUALIFIED & _BEGAN)),
    "accepted": ("Accepted meetings", Q(state=State.ACCEPTED)),
    "opportunities": ("Meetings that came to an opportunity", Q(state=State.ACCEPTED, has_deal=True)),
    "no_show_prospect": ("No-shows of the prospect", Q(state=State.NO_SHOW, absent=Absent.PROSPECT)),
    "no_show_sdr": ("No-shows of the SDR", Q(state=State.NO_SHOW, absent=Absent.SDR)),
    "no_show_ae": ("No-shows of the AE", Q(state=State.NO_SHOW, absent=Absent.AE)),
    "disqualified": ("Meetings disqualified once they had begun", _DISQUALIFIED & _BEGAN),
    "all_disqualified": ("Disqualified meetings", _DISQUALIFIED),
    "left_out": (
        "Meetings in no rate",
        (_DISQUALIFIED & ~_BEGAN) | Q(state__in=[State.BOOKED, State.CANCELLED, State.RESCHEDULED]),
    ),
}


@dataclass(slots=True)
class Numbers:
    """Counts of one group of meetings."""

    booked: int = 0
    qualified: int = 0  # every criterion was met when it was booked
    accepted: int = 0
    disqualified: int = 0  # once it had begun
    disqualified_before: int = 0
    opportunities: int = 0
    to_come: int = 0
    to_answer: int = 0
    cancelled: int = 0
    rescheduled: int = 0
    absent: Counter[str] = field(default_factory=Counter)  # by who was not there
    reasons: Counter[str] = field(default_factory=Counter)  # labels, of everything disqualified

    @property
    def held(self) -> int:
        return self.accepted + self.disqualified

    @property
    def all_disqualified(self) -> int:
        """What the reasons are of."""
        return self.disqualified + self.disqualified_before

    @property
    def no_shows(self) -> int:
        return sum(self.absent.values())

    @property
    def left_out(self) -> int:
        """In no rate."""
        return self.disqualified_before + self.to_come + self.to_answer + self.cancelled + self.rescheduled

    @property
    def show_rate(self) -> float | None:
        return _percent(self.held, self.held + self.no_shows)

    @property
    def acceptance(self) -> float | None:
        return _percent(self.accepted, self.held)

    @property
    def opportunity_rate(self) -> float | None:
        return _percent(self.opportunities, self.accepted)

    def document(self) -> dict[str, Any]:
        """As the API gives it."""
        return {
            "booked": self.booked,
            "qualified": self.qualified,
            "held": self.held,
            "accepted": self.accepted,
            "disqualified": self.disqualified,
            "no_shows": {str(who): self.absent[who] for who in Absent},
            "opportunities": self.opportunities,
            "show_rate": self.show_rate,
            "acceptance_rate": self.acceptance,
            "opportunity_rate": self.opportunity_rate,
            "reasons": dict(self.reasons.most_common()),
            "left_out": {
                "to_come": self.to_come,
                "to_answer": self.to_answer,
                "cancelled": self.cancelled,
                "rescheduled": self.rescheduled,
                "disqualified_before": self.disqualified_before,
            },
        }


def _percent(part: int, base: int) -> float | None:
    return round(100 * part / base, 1) if base else None


@dataclass(frozen=True, slots=True)
class Row:
    key: UUID
    name: str
    numbers: Numbers


@dataclass(frozen=True, slots=True)
class Report:
    total: Numbers
    by: dict[str, list[Row]]  # of SPLITS


def _in_period(question: Question) -> QuerySet[Meeting]:
    deals = Opportunity.objects.filter(handoff_id=OuterRef("handoff_id"))
    seen = in_sight(question, "sdr__team_id", "sdr_id") | in_sight(question, "ae__team_id", "ae_id")
    found: QuerySet[Meeting] = (
        Meeting.objects.filter(
            seen,
            starts_at__gte=question.start,
            starts_at__lt=question.end,
            lead__is_test=False,
            handoff__is_test=False,
        )
        .annotate(has_deal=Exists(deals) | Q(handoff__opportunity_at__isnull=False))
        .select_related("sdr", "ae", "reason", "handoff")
    )
    return found


def meetings_behind(
    question: Question, what: str, *, people: Mapping[str, UUID], reason: str = ""
) -> QuerySet[Meeting]:
    """The meetings that a number of the report counts; see LISTED. people: whose, by the names of SPLITS.
    reason: the label of the reason that they were disqualified for."""
    found = _in_period(question).filter(LISTED[what][1])
    found = found.filter(**{SPLITS[name][0]: member_id for name, member_id in people.items()})
    return found.filter(reason__label=reason) if reason else found


def report(question: Question, *, now: datetime) -> Report:
    """The meetings that were to begin in the period, as far as the reader sees them; test leads are nowhere.
    One query."""
    found = _in_period(question).order_by("starts_at", "id")
    total = Numbers()
    groups: dict[str, dict[UUID, Row]] = {name: {} for name in SPLITS}
    for meeting in found:
        own = [total]
        for name in SPLITS:
            member = getattr(meeting, name)
            row = groups[name].setdefault(member.id, Row(member.id, _named(member), Numbers()))
            own.append(row.numbers)
        _count(meeting, own, now)
    by = {
        name: sorted(rows.values(), key=lambda row: (-row.numbers.booked, row.name))
        for name, rows in groups.items()
    }
    return Report(total, by)


def _named(member: Any) -> str:
    return str(member.name) if member.is_active else f"{member.name} (left)"


def _count(meeting: Any, groups: Iterable[Numbers], now: datetime) -> None:
    began = meeting.decided_at is not None and meeting.decided_at >= meeting.starts_at
    for each in groups:
        each.booked += 1
        each.qualified += meeting.qualified
        if meeting.state == State.BOOKED:
            each.to_come += now < meeting.ends_at
            each.to_answer += now >= meeting.ends_at
        elif meeting.state == State.ACCEPTED:
            each.accepted += 1
            each.opportunities += bool(meeting.has_deal)
        elif meeting.state == State.NO_SHOW:
            each.absent[meeting.absent] += 1
        elif meeting.state == State.DISQUALIFIED:
            each.disqualified += began
            each.disqualified_before += not began
            each.reasons[meeting.reason.label] += 1
        elif meeting.state == State.CANCELLED:
            each.cancelled += 1
        else:
            each.rescheduled += 1
