"""A lead whose owner goes away moves on before its deadline passes in their absence; what stays with them has
their leave left out of its owner's clock.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from handoff.moves import MoveRequest, reassign
from handoff.shadow import AWAY as HELD_AWAY
from handoff.shadow import Gate, gate_of, held_absence, hold_back
from leads.models import Assignment, Handoff
from leads.services import mark_dirty
from routing.models import Decision
from sla import services as sla
from sla.models import HeldBack, Timer
from sla.rows import read_timers
from tenants.calendars import load_calendar, member_calendar_versions
from tenants.clock import Clock
from tenants.context import current_tenant_id, tenant_scope
from tenants.leave_listeners import leave_listeners
from tenants.models import Leave, Tenant
from tenants.selectors import absences, active_tenants

logger = logging.getLogger(__name__)

#: Leads that one turn of one organisation moves at most; the rest waits for the next tick.
TURN: Final = 200
AWAY: Final = Assignment.EndReason.AWAY


def move_from_absent(tenant_id: UUID, *, clock: Clock) -> int:
    """Move leads on that would run out of time while their owner is away; how many found somebody else.

    Only what is not accepted yet, and is promised before its owner is back. Tried once an assignment: where
    nobody else can take it, it stays, and its clock goes on as if its owner were there: it warns and breaks.
    Of a team in shadow it stays too, and is written down once an assignment; once the team is live, it moves
    like any.
    """
    with tenant_scope(tenant_id):
        seen = clock()
        back = _away(seen)
        ids = _would_break(back, seen) if back else []
        if not ids:
            return 0
        # Whoever holds one of these handoffs is about to change it: it is looked at again at the next tick.
        rows = Handoff.objects.filter(id__in=ids, state=Handoff.State.OPEN, accepted_at__isnull=True)
        handoffs = list(rows.order_by("id").select_for_update(of=("self",), skip_locked=True, no_key=True))
        now = clock()
        leaving = [handoff for handoff in handoffs if handoff.owner_id in back]
        gate = gate_of(handoff.owner_id for handoff in leaving)
        _write_down([handoff for handoff in leaving if gate.holds(handoff.owner_id)], gate, now)
        requests = [
            MoveRequest(handoff, AWAY, why="Its last owner is away.")
            for handoff in leaving
            if not gate.holds(handoff.owner_id)
        ]
        results = reassign(requests, now=now, actor="engine")
        # Nobody else can take these: their clocks run on, and warn and break like any other.
        sla.follow_leave([each.handoff_id for each in results if each.outcome == "stays"], {}, now=now)
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


def register() -> None:
    """Called once, when the app is ready."""
    leave_listeners.append(follow_leave_of)


def follow_leave_of(member_id: UUID, *, now: datetime) -> None:
    """Plan the running clocks of this member by their leave as it is now, in the transaction that changes it.

    Not those of leads that nobody else could take: they run on, so that somebody hears of them.
    """
    mine = Handoff.objects.filter(owner_id=member_id, state=Handoff.State.OPEN, is_history=False)
    locked = mine.exclude(Exists(_tried(OuterRef("id"), OuterRef("owned_since")))).order_by("id")
    ids = list(locked.select_for_update(of=("self",), no_key=True).values_list("id", flat=True))
    leave = absences(member_ids=[member_id], after=now)
    if ids and sla.follow_leave(ids, leave, now=now):
        mark_dirty(ids, now)


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
    """Who is away now, and until when: leave that goes on from leave counts as one."""
    ids = list(Leave.objects.filter(starts_at__lte=now, ends_at__gt=now).values_list("member_id", flat=True))
    if not ids:
        return {}
    tenant = Tenant.objects.get(id=current_tenant_id())
    versions = member_calendar_versions(tenant=tenant, member_ids=ids)
    back = {}
    for member_id, spans in absences(member_ids=ids, after=now).items():
        calendar = load_calendar(versions[member_id])
        until = now
        for start, end in spans:
            if start <= until or (calendar is not None and not calendar.elapsed_seconds(until, start)):
                until = max(until, end)
        back[member_id] = until
    return back


def _tried(handoff_id: OuterRef, owned_since: OuterRef) -> QuerySet[Decision]:
    """The try to find somebody else since the present owner has the lead."""
    return Decision.objects.filter(
        tenant_id=OuterRef("tenant_id"), handoff_id=handoff_id, trigger=AWAY, at__gte=owned_since
    )


def _would_break(back: Mapping[UUID, datetime], now: datetime) -> list[UUID]:
    """Undecided handoffs of absent owners with a promise that ends before they are back, by id: the
    company's, or their own if their leave did not stop it.
    """
    timers = Timer.objects.filter(
        state=Timer.State.RUNNING,
        due_at__gte=now,
        handoff__owner_id__in=list(back),
        handoff__state=Handoff.State.OPEN,
        handoff__accepted_at__isnull=True,
        handoff__is_history=False,
    ).exclude(Exists(_tried(OuterRef("handoff_id"), OuterRef("handoff__owned_since"))))
    gate = gate_of(back)
    shadowed = [member_id for member_id in back if gate.holds(member_id)]
    if shadowed:
        written = HeldBack.objects.filter(
            tenant_id=OuterRef("tenant_id"),
            handoff_id=OuterRef("handoff_id"),
            kind=HELD_AWAY,
            at__gte=OuterRef("handoff__owned_since"),
        )
        timers = timers.exclude(Exists(written), handoff__owner_id__in=shadowed)
    ids: list[UUID] = []
    company = Q()
    for member_id, until in back.items():
        company |= Q(handoff__owner_id=member_id, due_at__lt=until)
    promised = timers.filter(company, clock=Timer.Clock.COMPANY).order_by("due_at")
    ids += promised.values_list("handoff_id", flat=True)[: 2 * TURN]
    own = read_timers(timers.filter(clock=Timer.Clock.OWNER, member_id__in=list(back)).order_by("due_at"))
    ids += [timer.handoff_id for timer in sla.would_break(own, back, now=now)]
    return sorted(list(dict.fromkeys(ids))[:TURN])
