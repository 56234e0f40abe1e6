"""What a lead did that still counts: the one rule for whoever judges, scores, routes or replays it.

After a closed handoff the lead starts clean: what we had heard of by then led to that one, and neither opens
the next, nor scores, nor chooses its pool.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet

from leads.models import Engagement, Handoff

Did = tuple[str, str | None, datetime]  # kind, subject, at


def last_closing(closings: Iterable[datetime | None], until: datetime) -> datetime | None:
    """When the last of a lead's handoffs was closed by a moment; None where none was."""
    return max((each for each in closings if each is not None and each <= until), default=None)


def counts(heard_at: datetime, closed_at: datetime | None) -> bool:
    """Whether something counts that we heard of then, where the last handoff was closed at closed_at."""
    return closed_at is None or heard_at >= closed_at


def past_of(lead_ids: Iterable[UUID]) -> dict[UUID, list[Did]]:
    """What each of these leads did that counts now. One statement."""
    found: dict[UUID, list[Did]] = {lead_id: [] for lead_id in lead_ids}
    for lead_id, kind, subject, at in _counting(found).values_list("lead_id", "kind", "subject", "at"):
        found[lead_id].append((kind, subject, at))
    return found


def quiet_since_closing(lead_ids: Iterable[UUID]) -> set[UUID]:
    """Those of the leads whose last handoff was closed and that did nothing since. Two statements."""
    closed = set(
        Handoff.objects.filter(lead_id__in=list(lead_ids), closed_at__isnull=False).values_list(
            "lead_id", flat=True
        )
    )
    return closed - set(_counting(closed).values_list("lead_id", flat=True).distinct())


def _counting(lead_ids: Iterable[UUID]) -> QuerySet[Engagement]:
    closed_since = Handoff.objects.filter(lead_id=OuterRef("lead_id"), closed_at__gt=OuterRef("received_at"))
    rows: QuerySet[Engagement] = Engagement.objects.filter(~Exists(closed_since), lead_id__in=list(lead_ids))
    return rows
