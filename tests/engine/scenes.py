"""Handoffs in the middle of their lives, for the tests of the clock: opened, owned and armed by the real
services.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from leads.lifecycle import Stage
from leads.models import Assignment, Handoff, Lead
from leads.services import NewOwner, start_assignments
from routing.models import RepLoad
from sla.models import Timer, TimerEvent
from sla.services import arm_company, arm_owner
from tenants.models import Member
from tests.factories import Org


def open_handoff(
    org: Org, *, at: datetime, owner: Member | None = None, tier: str = "demo_request", **fields: Any
) -> Handoff:
    """A new MQL of this organisation at `at`, with its clocks running; inside the organisation's scope."""
    lead = Lead.objects.create(first_name="Lea", stage=Stage.MQL, created_at=at, updated_at=at)
    handoff = Handoff.objects.create(
        lead=lead,
        number=1,
        started_at=at,
        tier=tier,
        tier_name=tier,
        policy_version_id=org.policy.id,
        **fields,
    )
    if owner is not None:
        give(handoff, owner, at=at)
    arm_company([handoff])
    return handoff


def give(handoff: Handoff, owner: Member, *, at: datetime) -> Assignment:
    """Make `owner` the first owner of a handoff, clocks included."""
    (assignment,) = start_assignments([NewOwner(handoff=handoff, member_id=owner.id)], now=at, first=True)
    load = RepLoad.objects.get(member=owner)
    load.open_leads += 1
    load.save(update_fields=["open_leads"])
    arm_owner([assignment], handoffs={handoff.id: handoff})
    return assignment


def clock_of(handoff: Handoff, clock: str = "owner", target: str = "first_touch") -> Timer:
    """The newest timer of a handoff on this clock and target."""
    return Timer.objects.filter(handoff=handoff, clock=clock, target=target).order_by("-started_at", "-id")[0]


def fired(handoff: Handoff, clock: str = "owner", target: str = "first_touch") -> list[int]:
    """Percents of the steps that fired on this clock and target, in order."""
    events = TimerEvent.objects.filter(handoff=handoff, timer__clock=clock, timer__target=target)
    return list(events.order_by("fired_at", "due_at", "id").values_list("percent", flat=True))


def told(handoff_id: UUID, kind: str) -> set[UUID]:
    """Members told of this kind about a handoff, by e-mail."""
    from notifications.models import OutboxMessage

    rows = OutboxMessage.objects.filter(subject=f"handoff:{handoff_id}", kind=kind, channel="email")
    return set(rows.values_list("member_id", flat=True))
