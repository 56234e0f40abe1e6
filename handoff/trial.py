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
    decision: by whom it was routed; None where it was not handed over now, and where a nurture sequence
              answers it instead of a person.
    opened:   it was handed over now, and not before.
    """

    result: IntakeResult
    owner: Member | None
    decision: Decision | None
    opened: bool = False


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
        arrival = result.arrival
        # Of a lead that wakes from its sequence the one that was open is another.
        before = arrival.handoff.id if arrival and arrival.handoff else None
        opened = handoff is not None and handoff.id != before
        if handoff is not None and opened:
            decision = Decision.objects.select_related("pool").filter(handoff_id=handoff.id).first()
        transaction.set_rollback(True)
    return Trial(result, owner, decision, opened)
