"""Meetings that are over and that nobody has answered, for those who have a part in them."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db.models import Q, QuerySet

from feedback.models import Meeting
from leads.models import Handoff
from tenants.models import Member

#: So many stand in an inbox; the page of meetings has all.
MOST_HELD: Final = 50


def held_by(member: Member, *, now: datetime) -> QuerySet[Meeting]:
    """Those that somebody has a part in, the oldest first: the AE, whoever has the outbound lead by now, and
    the SDR, who may say that it was not held."""
    own = Q(ae=member) | Q(sdr=member) | Q(handoff__owner=member, handoff__kind=Handoff.Kind.OUTBOUND)
    over = Meeting.objects.filter(own, state=Meeting.State.BOOKED, ends_at__lte=now)
    return over.order_by("starts_at", "id")


def read_held(member: Member, *, now: datetime) -> list[Meeting]:
    """The first of them, with what a list shows."""
    found = held_by(member, now=now).select_related("lead__account", "handoff__lead__account", "ae", "sdr")
    return list(found[:MOST_HELD])
