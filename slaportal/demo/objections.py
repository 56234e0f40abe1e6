"""Marketing objects to some rejections of the demo's past, and most objections are decided."""

from __future__ import annotations

import random
from datetime import datetime
from typing import Final
from uuid import UUID

from core.errors import DomainError
from feedback.models import Disposition, Dispute
from handoff import disputes
from handoff.services import Actor
from slaportal.demo.people import pick
from tenants.clock import fixed_clock
from tenants.models import Member, Role

#: Of rejections, how many are disputed; of disputes, how many are decided.
DISPUTED: Final = 0.16
DECIDED: Final = 0.7
#: What marketing says against a reason, and against all others.
_ARGUMENTS: Final = {
    "wrong_title": "She signs for everything under 50,000: the title on the form is an old one.",
    "wrong_company_size": "The company has grown since; its site says 180 people now.",
    "wrong_industry": "They opened a second business last year, and that is one of those we serve.",
    "bad_contact_data": "The number works, we rang it this morning.",
    "no_budget": "Their budget year begins next month, and they said so in the form.",
    "duplicate": "The other lead is of their French company, which buys for itself.",
}
_OTHERWISE: Final = "They asked for prices twice and for a call back. That is a project."
_OUTCOMES: Final = (("upheld", 44), ("overturned", 30), ("criteria", 16), ("routing", 10))
_NOTES: Final = {
    "upheld": "Looked at it together: the answer was right by what is written.",
    "overturned": "Looked at it together: a good lead, judged too quickly.",
    "criteria": "Such leads meet the criteria and are no use to sales: the size should be asked for.",
    "routing": "The right lead for another team: the rule for this region is too wide.",
}


def dispute(lead_id: UUID, now: datetime) -> UUID | None:
    """Marketing disputes the lead's last rejection; None where it cannot."""
    member = Member.objects.filter(role=Role.MARKETING, is_active=True).order_by("id").first()
    if member is None:
        return None
    given = Disposition.objects.filter(handoff__lead_id=lead_id, kind=Disposition.Kind.REJECTED)
    slug = given.order_by("-at", "-id").values_list("reason__slug", flat=True).first()
    argument = _ARGUMENTS.get(slug or "", _OTHERWISE)
    try:
        made = disputes.open_dispute(
            lead_id=lead_id, argument=argument, actor=Actor.person(member), clock=fixed_clock(now)
        )
    except DomainError:
        return None
    return made.id


def decide(dispute_id: UUID, chance: random.Random, now: datetime) -> Dispute | None:
    """A manager decides it, as things go."""
    member = Member.objects.filter(role=Role.MANAGER, is_active=True).order_by("id").first()
    outcome = pick(chance, _OUTCOMES)
    if member is None:
        return None
    try:
        return disputes.decide(
            dispute_id=dispute_id,
            outcome=outcome,
            note=_NOTES[outcome],
            actor=Actor.person(member),
            clock=fixed_clock(now),
        )
    except DomainError:
        return None
