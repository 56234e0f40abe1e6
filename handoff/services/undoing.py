"""An answer is taken back within ten seconds, whichever it was: it stays in the record, marked."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction

from core.errors import Conflict, NotFound, NotOwner
from feedback.models import Disposition, Dispute
from handoff.services.acting import Actor, check_undo
from handoff.services.answers import turn_of, undo_accept
from handoff.services.opportunities import take_back
from leads import services as leads
from leads.lifecycle import Stage
from leads.models import Handoff, Lead, StageChange
from notifications import outbox
from routing import services as routing
from sla import services as sla
from tenants.clock import Clock

Kind = Disposition.Kind
#: What was told of each answer, and waits as long as it may be taken back.
_TOLD: Final = {
    Kind.REJECTED: "lead.rejected",
    Kind.NURTURE: "lead.nurture",
    Kind.PROGRESSING: "lead.progressing",
    Kind.DISQUALIFIED: "lead.stage_changed",
    Kind.LOST: "lead.stage_changed",
}


@transaction.atomic
def undo_answer(*, lead_id: UUID, actor: Actor, clock: Clock) -> Disposition:
    """Take the last answer about a lead back, within 10 s: an ended handoff goes on as if it had never ended,
    its clocks with it. A rejection that is routing's is a move and no answer.

    Raises NotFound; NotOwner for somebody else's answer; Conflict where there is none, it is too late, it was
    disputed, or the lead came back meanwhile.
    """
    locked = Handoff.objects.select_for_update(of=("self",)).filter(lead_id=lead_id)
    handoffs = sorted(locked.order_by("id"), key=lambda each: each.number)
    if not handoffs and not Lead.objects.filter(id=lead_id).exists():
        raise NotFound("There is no such lead.")
    now = clock()
    handoff = handoffs[-1] if handoffs else None
    given: Disposition | None = (
        Disposition.objects.filter(handoff=handoff, undone_at__isnull=True)
        .select_related("reason")
        .order_by("-at", "-id")
        .first()
        if handoff
        else None
    )
    if handoff is None or given is None:
        raise Conflict("There is no answer to take back.")
    mine = given.actor == actor.key or (actor.member is not None and actor.member.id == given.by_id)
    if not (mine or actor.oversees):
        raise NotOwner("Only the person who gave an answer may take it back.")
    check_undo(given.at, now)
    if given.kind == Kind.ACCEPTED:
        undo_accept(lead_id=lead_id, actor=actor, clock=lambda: now)
        return given
    if Dispute.objects.filter(disposition=given).exists():
        raise Conflict("This rejection is disputed, so it stays in the record.")
    given.undone_at = now
    given.save(update_fields=["undone_at"])
    if given.kind != Kind.PROGRESSING:
        _go_on(handoff, given, actor, now)
    outbox.expire([f"handoff:{handoff.id}"], now=now, kinds={_TOLD[Kind(given.kind)]})
    leads.mark_dirty([handoff.id], now)
    return given


def _go_on(handoff: Handoff, given: Disposition, actor: Actor, now: datetime) -> None:
    """The handoff is open as it was before it ended."""
    closed_at = handoff.closed_at
    if closed_at is None:
        raise Conflict("This handoff goes on, so there is nothing to take back.")
    lead = Lead.objects.select_for_update(of=("self",), no_key=True).get(id=handoff.lead_id)
    before = (
        StageChange.objects.filter(handoff=handoff, new=lead.stage, at=closed_at).values_list(
            "old", flat=True
        )
    ).first()
    if before is None:
        raise Conflict("The lead went on meanwhile, so its answer stays.")
    leads.reopen_handoff(handoff, now=now)
    take_back(handoff, lost_at=closed_at, now=now)
    leads.take_step_back(
        lead, Stage(before), actor=actor.key, now=now, why="Answer taken back", handoff=handoff
    )
    if handoff.owner_id is not None:
        turn = turn_of(handoff.id, handoff.owner_id)
        if given.reason is not None and given.reason.earns_credit and turn is not None:
            # Before the load: who routes locks pools first, and loads then.
            routing.take_credit(member_id=handoff.owner_id, pool_id=turn)
        routing.take_up({handoff.owner_id: 1}, now=now)
    sla.unend(handoff, closed_at=closed_at, now=now)
