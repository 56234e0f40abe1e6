"""A tier may be answered by a nurture sequence instead of a person (S10): nobody gets the lead, a marketing
system writes to it, and the sequence is what is timed.

The lead waits without an owner, out of the way of the rules; a person may still be given it by hand. Each
message comes in as an automatic touch. With the last one the sequence is complete, and the handoff ends.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import islice

from core.errors import ValidationFailed
from handoff.shadow import Telling, through
from leads.models import Handoff, Touch
from notifications import outbox
from sla import services as sla
from sla.policies import find_policy
from sla.targets import Target
from sla.tiers import TargetSpec
from tenants.bulk import update_rows

#: Why a lead that a sequence answers has no owner.
NURTURED = "nurture"


def sequence_of(handoff: Handoff) -> TargetSpec | None:
    """The sequence that answers the handoff; None where people do."""
    policy = find_policy(handoff.policy_version_id) if handoff.policy_version_id else None
    tier = policy.tier(handoff.tier) if policy else None
    return tier.nurture if tier else None


def is_nurtured(handoff: Handoff) -> bool:
    """Whether a sequence has the lead now, and no person."""
    return (
        handoff.state == Handoff.State.OPEN
        and handoff.owner_id is None
        and handoff.unrouted_reason == NURTURED
    )


def is_unfinished(handoff: Handoff) -> bool:
    """Whether a sequence answers the handoff and has messages to send, whoever has the lead."""
    return sequence_of(handoff) is not None and handoff.nurtured_at is None


def check_for_people(handoff: Handoff, path: str) -> None:
    """Raise ValidationFailed at `path` where the rules would be asked about a lead that a sequence has:
    whoever they name would own it, and owe it no answer by any clock.
    """
    if is_nurtured(handoff):
        text = "A nurture sequence answers this lead, and nobody owns it: give it to a person by name."
        raise ValidationFailed.at(path, text, "nurtured")


def set_apart(handoffs: Collection[Handoff]) -> list[Handoff]:
    """Of new handoffs those that a sequence answers, marked so (not saved)."""
    found = [handoff for handoff in handoffs if sequence_of(handoff) is not None]
    for handoff in found:
        handoff.unrouted_reason = NURTURED
    return found


def announce(handoffs: Sequence[Handoff], *, now: datetime) -> None:
    """Tell the marketing system, by webhook, to begin. Nobody gets a mail about it."""
    tellings = []
    for handoff in handoffs:
        spec = sequence_of(handoff)
        if spec is None:
            continue
        message = outbox.Message(
            kind="lead.nurture_started",
            event_id=handoff.id,
            subject=f"handoff:{handoff.id}",
            data={
                "handoff": str(handoff.id),
                "lead": str(handoff.lead_id),
                "tier": handoff.tier,
                "messages": spec.count,
            },
        )
        tellings.append(Telling(message, handoff.id, None))
    outbox.enqueue(through(tellings, now=now), now=now)


def settle_nurture(handoff: Handoff, *, now: datetime) -> bool:
    """A message was sent, or taken back: the sequence is complete as of the one that made it so, or not.
    Whether nothing is left to do with the lead, so that its handoff ends.

    The caller holds the handoff's lock.
    """
    spec = sequence_of(handoff)
    if spec is None:
        return False
    sent = Touch.objects.filter(handoff=handoff, undone_at__isnull=True, automatic=True)
    last = next(islice(sent.order_by("at").values_list("at", flat=True), spec.count - 1, None), None)
    if last == handoff.nurtured_at:
        return False
    was, handoff.nurtured_at = handoff.nurtured_at, last
    update_rows([handoff], ["nurtured_at"])
    if last is not None and (was is None or last < was):
        sla.meet([handoff.id], Target.NURTURE, at=last, now=now)
    else:
        sla.rejudge(handoff, Target.NURTURE, answers=[last] if last else [], now=now)
    return last is not None and is_nurtured(handoff)
