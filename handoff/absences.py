"""A lead whose owner goes away moves on before its deadline passes in their absence."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import Exists, Max, OuterRef, Q

from handoff.moves import MoveRequest, reassign
from handoff.shadow import AWAY as HELD_AWAY
from handoff.shadow import Gate, gate_of, held_absence, hold_back
from leads.models import Assignment, Handoff
from routing.models import Decision
from sla.models import HeldBack, Timer
from tenants.clock import Clock
from tenants.context import tenant_scope
from tenants.models import Leave
from tenants.selectors import active_tenants

logger = logging.getLogger(__name__)

#: Leads that one turn of one organisation moves at most; the rest waits for the next tick.
TURN: Final = 200
AWAY: Final = Assignment.EndReason.AWAY


def move_from_absent(tenant_id: UUID, *, clock: Clock) -> int:
    """Move leads on that would run out of time while their owner is away; how many found somebody else.

    Only what is not accepted yet, and whose clock ends before its owner is back. Tried once an assignment:
    where nobody else can take it, it stays, and its clock warns and breaks like any other. Of a team in
    shadow it stays too, and is written down once an assignment; once the team is live, it moves like any.
    """
    with tenant_scope(tenant_id):
        ids = _would_break(clock())
        if not ids:
            return 0
        # Whoever holds one of these handoffs is about to change it: it is looked at again at the next tick.
        rows = Handoff.objects.filter(id__in=ids, state=Handoff.State.OPEN, accepted_at__isnull=True)
        handoffs = list(rows.order_by("id").select_for_update(of=("self",), skip_locked=True, no_key=True))
        now = clock()
        back = _away(now)
        leaving = [handoff for handoff in handoffs if handoff.owner_id in back]
        gate = gate_of(handoff.owner_id for handoff in leaving)
        _write_down([handoff for handoff in leaving if gate.holds(handoff.owner_id)], gate, now)
        requests = [
            MoveRequest(handoff, AWAY, why="Its last owner is away.")
            for handoff in leaving
            if not gate.holds(handoff.owner_id)
        ]
        results = reassign(requests, now=now, actor="engine")
        return sum(result.new_member_id != result.old_member_id for result in results)


def move_from_absent_everywhere(*, clock: Clock) -> int:
    """The same for every organisation; one that raises is left for the next tick, and the others go on."""
    moved = 0
    for tenant_id in active_tenants():
        try:
            moved += move_from_absent(tenant_id, clock=clock)
        except Exception:
            logger.exception("Moving leads of absent people failed.", extra={"tenant": str(tenant_id)})
    return moved


def _write_down(handoffs: list[Handoff], gate: Gate, now: datetime) -> None:
    """That these would have moved, had their owners' teams been live."""
    ids = [handoff.id for handoff in handoffs]
    if not ids:
        return
    spans = dict(
        Assignment.objects.filter(handoff_id__in=ids, ended_at__isnull=True).values_list("handoff_id", "id")
    )
    hold_back(
        [
            held_absence(handoff, assignment_id=spans[handoff.id], gate=gate, now=now)
            for handoff in handoffs
            if handoff.id in spans
        ]
    )


def _away(now: datetime) -> dict[UUID, datetime]:
    """Who is away now, and until when."""
    leaves = Leave.objects.filter(starts_at__lte=now, ends_at__gt=now)
    return dict(leaves.values_list("member_id").annotate(back=Max("ends_at")))


def _would_break(now: datetime) -> list[UUID]:
    """Undecided handoffs of absent owners with a clock that ends before they are back, by id."""
    late = Q()
    away = _away(now)
    for member_id, back in away.items():
        late |= Q(member_id=member_id, due_at__lt=back)
    if not late:
        return []
    tried = Decision.objects.filter(
        tenant_id=OuterRef("tenant_id"),
        handoff_id=OuterRef("handoff_id"),
        trigger=AWAY,
        at__gte=OuterRef("handoff__owned_since"),
    )
    written = HeldBack.objects.filter(
        tenant_id=OuterRef("tenant_id"), event_id=OuterRef("assignment_id"), kind=HELD_AWAY
    )
    gate = gate_of(away)
    shadowed = [member_id for member_id in away if gate.holds(member_id)]
    timers = Timer.objects.filter(
        late,
        state=Timer.State.RUNNING,
        clock=Timer.Clock.OWNER,
        handoff__state=Handoff.State.OPEN,
        handoff__accepted_at__isnull=True,
        handoff__is_history=False,
    ).exclude(Exists(tried))
    if shadowed:
        timers = timers.exclude(Exists(written), member_id__in=shadowed)
    ids = timers.order_by("due_at").values_list("handoff_id", flat=True)[: 2 * TURN]
    return sorted(set(ids))[:TURN]
