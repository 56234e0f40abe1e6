"""What would become of a lead: the real intake, taken back at once, so that the two cannot differ."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction

from handoff.intake import IntakeResult, receive_lead
from leads.incoming import LeadIn
from routing.models import Decision
from tenants.clock import Clock
from tenants.models import Member


@dataclass(frozen=True, slots=True)
class Trial:
    """What intake made of the lead. None of its rows is left.

    owner:    who has the lead in the end; None where nobody got it.
    decision: by whom it was routed; None where it was not handed over now.
    """

    result: IntakeResult
    owner: Member | None
    decision: Decision | None


def try_lead(*, item: LeadIn, actor: str, clock: Clock) -> Trial:
    """Take a lead in as `receive_lead` does, see who gets it, and undo all of it before anybody else can see
    it: nothing is written, no turn is taken, nobody is told. Raises what refuses the lead.

    The caller is in the tenant's transaction. What the intake locks is free again when this returns.
    """
    with transaction.atomic():
        result = receive_lead(item=item, actor=actor, clock=clock)
        handoff = result.handoff
        owner = Member.objects.filter(id=handoff.owner_id).first() if handoff else None
        decision = None
        if handoff is not None and result.arrival is not None and result.arrival.qualifies:
            decision = Decision.objects.select_related("pool").get(handoff_id=handoff.id)
        transaction.set_rollback(True)
    return Trial(result, owner, decision)
