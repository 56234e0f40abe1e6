"""A lead waits: its clocks stand still for a reason that the policy allows, and go on by themselves in the
end.
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection, transaction

from core.errors import Conflict, ValidationFailed
from handoff import limits
from handoff.services import Actor, check_owner, lock_handoff
from leads.models import Handoff
from leads.services import mark_dirty, mark_worked
from sla import services as sla
from sla.models import Pause
from sla.tiers import PauseRule
from tenants.clock import Clock
from tenants.context import tenant_scope

logger = logging.getLogger(__name__)

#: Pauses that one turn of one organisation ends at most; the rest waits for the next tick.
TURN: Final = 500


def rules_for(handoff: Handoff, actor: Actor) -> list[PauseRule]:
    """The reasons for which this person, or program, may pause the lead now."""
    if actor.member is None:
        return sla.pause_rules(handoff, role=None)
    return sla.pause_rules(handoff, role="manager" if actor.oversees else "rep")


@transaction.atomic
def pause_lead(
    *,
    lead_id: UUID,
    reason: str,
    actor: Actor,
    clock: Clock,
    until: datetime | None = None,
    note: str = "",
) -> Pause:
    """Stop the clocks of a lead. They go on at `until`, when somebody says so, or when the lead comes back.

    until: None is as long as the policy allows. Raises ValidationFailed at /reason where the policy knows no
    such reason for this person, at /until for a time that has gone or is too far; NotOwner; Conflict where it
    is paused already, or nothing runs.
    """
    handoff = lock_handoff(lead_id)
    now = clock()
    check_owner(handoff, actor)
    if len(note) > limits.PAUSE_NOTE:
        raise ValidationFailed.at("/note", f"At most {limits.PAUSE_NOTE} characters.", "max_length")
    rules = {rule.reason: rule for rule in rules_for(handoff, actor)}
    if not rules:
        raise Conflict("The SLA policy of this lead lets you pause no clock.")
    if reason not in rules:
        raise ValidationFailed.at("/reason", f"Use one of: {', '.join(rules)}.", "invalid_choice")
    made = sla.pause(handoff, rules[reason], until=until, note=note.strip(), actor=actor.key, now=now)
    mark_dirty([handoff.id], now)
    mark_worked([handoff], now)
    return made


@transaction.atomic
def resume_lead(*, lead_id: UUID, actor: Actor, clock: Clock) -> Pause:
    """Let the clocks of a lead go on. Raises Conflict where it is not paused, NotOwner."""
    handoff = lock_handoff(lead_id)
    now = clock()
    check_owner(handoff, actor)
    ended = sla.resume([handoff.id], end_reason=Pause.EndReason.RESUMED, actor=actor.key, now=now)
    if not ended:
        raise Conflict("This lead is not paused.")
    mark_dirty([handoff.id], now)
    mark_worked([handoff], now)
    return ended[0]


def end_pauses(tenant_id: UUID, *, clock: Clock) -> int:
    """Let the clocks go on whose pause has had its time; how many leads that were."""
    with tenant_scope(tenant_id):
        over = Pause.objects.filter(ended_at__isnull=True, until__lte=clock()).order_by("until")
        ids = sorted(over.values_list("handoff_id", flat=True)[:TURN])
        # Whoever holds one of these handoffs is about to change it: it is left for the next tick.
        locked = (
            Handoff.objects.filter(id__in=ids).order_by("id").select_for_update(skip_locked=True, no_key=True)
        )
        held = list(locked.values_list("id", flat=True))
        now = clock()
        ended = sla.resume(held, end_reason=Pause.EndReason.TIME_UP, actor="engine", now=now)
        mark_dirty({pause.handoff_id for pause in ended}, now)
        return len(ended)


def tenants_with_ended_pauses(now: datetime) -> list[UUID]:
    """Organisations with a pause whose time is up; by the resolver, before any tenant is set."""
    with connection.cursor() as cursor:
        cursor.execute("select tenant_id from tenants_with_ended_pauses(%s)", [now])
        return [row[0] for row in cursor.fetchall()]
