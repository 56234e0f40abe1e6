"""Who acts on a handoff, under which lock, and for how long it may be taken back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from core.errors import AlreadyDecided, Conflict, NotFound, NotOwner
from handoff import words
from handoff.moves import UNDO_SECONDS
from handoff.selectors import last_handoff
from leads.models import Handoff, Lead
from tenants.audit import member_actor
from tenants.models import Member, Role

# For the click to arrive.
UNDO_GRACE_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: `key` names them in records; `member` is the person, None for a program acting for nobody.

    oversees: a manager or admin, or a program: may act on a lead that somebody else owns.
    """

    key: str
    member: Member | None
    oversees: bool = False

    @classmethod
    def person(cls, member: Member) -> Actor:
        return cls(member_actor(member), member, oversees=member.role in (Role.MANAGER, Role.ADMIN))


def lock_handoff(lead_id: UUID, *, all_of_lead: bool = False) -> Handoff:
    """The lead's open handoff, locked; AlreadyDecided when it has only closed ones, NotFound when it has
    none.

    all_of_lead: lock the closed ones too, in the order in which arrivals do: whoever goes on to correct the
                 lead locks them all, and holding the last one alone would meet an arrival half-way.
    Lead and owner are read after the lock: joined to it they would be as they were before the wait.
    """
    wanted = Handoff.objects.select_for_update(of=("self",)).filter(lead_id=lead_id)
    if not all_of_lead:
        wanted = wanted.filter(state=Handoff.State.OPEN)
    found = [each for each in wanted.order_by("id") if each.state == Handoff.State.OPEN]
    handoff: Handoff | None = found[0] if found else None
    if handoff is not None:
        handoff.lead = Lead.objects.get(id=lead_id)
        return handoff
    last = last_handoff(lead_id)
    if last is not None:
        raise AlreadyDecided(f"This lead was answered before: {last.outcome}.", outcome=last.outcome)
    if Lead.objects.filter(id=lead_id).exists():
        raise Conflict("This lead has not been handed over to sales.")
    raise NotFound("There is no such lead.")


def check_owner(handoff: Handoff, actor: Actor) -> None:
    """A rep answers for their own leads. After a reassignment the former owner is told whose it is now."""
    if actor.oversees or (actor.member is not None and actor.member.id == handoff.owner_id):
        return
    if handoff.owner is None:
        raise NotOwner("Nobody owns this lead now.")
    when = f" since {words.moment(handoff.owned_since)}" if handoff.owned_since else ""
    raise NotOwner(f"This lead belongs to {handoff.owner.name}{when}.", owner=str(handoff.owner_id))


def check_undo(done_at: datetime, now: datetime) -> None:
    """An act may be taken back as long as its messages wait. Raises Conflict after that."""
    if now - done_at > timedelta(seconds=UNDO_SECONDS + UNDO_GRACE_SECONDS):
        raise Conflict(f"This can be undone for {UNDO_SECONDS} seconds only.")
