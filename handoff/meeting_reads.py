"""Meetings as people read them: who sees which, and those that wait."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import Q, QuerySet

from core.errors import NotFound
from feedback.models import Meeting
from handoff import meetings
from handoff.selectors import SEES_ALL
from handoff.selectors.access import teams_of
from handoff.services import Actor
from tenants.models import Member, Role

#: What a list may show, and what each is called.
SHOWN: Final = {"upcoming": "Upcoming", "to_answer": "To be answered", "done": "Done"}
_WITH: Final = ("lead__account", "handoff", "sdr", "ae", "reason")


def visible_meetings(member: Member | None) -> QuerySet[Meeting]:
    """A rep's are those that they booked, hold, or have the lead of; a manager's those of their teams; the
    rest reads all. None is a program, which sees all."""
    found: QuerySet[Meeting] = Meeting.objects.select_related(*_WITH)
    if member is None or member.role in SEES_ALL:
        return found
    own = Q(sdr=member) | Q(ae=member) | Q(handoff__owner=member)
    if member.role == Role.MANAGER:
        teams = teams_of(member)
        own |= Q(sdr__team_id__in=teams) | Q(ae__team_id__in=teams)
    return found.filter(own)


def get_meeting(member: Member | None, meeting_id: UUID) -> Meeting:
    """Raises NotFound, for others' and for none alike."""
    found: Meeting | None = visible_meetings(member).filter(id=meeting_id).first()
    if found is None:
        raise NotFound("There is no such meeting.")
    return found


def shown(found: QuerySet[Meeting], show: str, *, now: datetime) -> tuple[QuerySet[Meeting], tuple[str, str]]:
    """Those of one list of SHOWN, and their order."""
    booked = Q(state=Meeting.State.BOOKED)
    if show == "upcoming":
        return found.filter(booked, ends_at__gt=now), ("starts_at", "id")
    if show == "to_answer":
        return found.filter(booked, ends_at__lte=now), ("starts_at", "id")
    return found.exclude(booked), ("-starts_at", "-id")


def to_answer_count(member: Member, *, now: datetime) -> int:
    """How many of those that a member sees are over and unanswered."""
    return shown(visible_meetings(member), "to_answer", now=now)[0].count()


def meetings_of(lead_id: UUID) -> list[Meeting]:
    """The meetings of a lead, the latest first."""
    return list(Meeting.objects.select_related(*_WITH).filter(lead_id=lead_id).order_by("-starts_at", "-id"))


@dataclass(frozen=True, slots=True)
class MeetingLine:
    """A meeting as the page of its lead shows it. is_over: booked and past, so that somebody has to say how
    it went. has_begun: booked, and it may be said already: a prospect who does not come is no reason to wait
    for the end. answers, takes_part: as in `meetings`, and never of one that is answered."""

    row: Meeting
    met: str
    is_over: bool
    has_begun: bool
    answers: bool
    takes_part: bool

    @property
    def is_booked(self) -> bool:
        return bool(self.row.state == Meeting.State.BOOKED)


def meeting_lines(lead_id: UUID, actor: Actor, *, now: datetime) -> list[MeetingLine]:
    """The meetings of a lead that its reader may see, with what this reader may say of each; one query."""
    found = []
    for each in meetings_of(lead_id):
        booked = each.state == Meeting.State.BOOKED
        owner_id = each.handoff.owner_id
        met = sum(bool(check["met"]) for check in each.checks)
        found.append(
            MeetingLine(
                row=each,
                met=f"{met} of {len(each.checks)} criteria met" if each.checks else "",
                is_over=booked and each.ends_at <= now,
                has_begun=booked and each.starts_at <= now,
                answers=booked and meetings.answers_for(each, owner_id, actor),
                takes_part=booked and meetings.takes_part(each, owner_id, actor),
            )
        )
    return found
