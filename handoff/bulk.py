"""Chosen leads move together: to a person, to whom the rules choose, or up to be claimed in their pools.

One step is one transaction: what can move, moves, all of it or nothing. What changed since it was looked at,
or is not this person's to move, is left alone, and each lead says what became of it. See docs/routing.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from core.errors import NotOwner, ValidationFailed
from handoff import limits, nurture
from handoff.moves import AssignRequest, MoveRequest, MoveResult, assign_new, reassign, would_move
from handoff.selectors import teams_of, visible_leads
from handoff.services import Actor
from leads.models import Assignment, Handoff, Lead, Touch
from tenants.bulk import insert_rows
from tenants.clock import Clock
from tenants.models import AuditEntry, Member, RepProfile, Role

#: Leads that one step moves at most: each takes a decision, new clocks and messages, in one transaction.
MOST_LEADS: Final = 500

MOVED, OFFERED, WAITS, STAYS, LEFT = "moved", "offered", "waits", "stays", "left"
#: Why a lead was left alone, in words.
LEFT_WORDS: Final[Mapping[str, str]] = {
    "not_found": "There is no such lead",
    "not_yours": "Not of a team of yours",
    "not_handed_over": "Not handed over to sales",
    "answered": "Answered meanwhile",
    "accepted": "Accepted meanwhile",
    "touched": "Somebody got in touch meanwhile",
    "changed_hands": "It changed hands meanwhile",
    "same": "Theirs already",
    "nurtured": "A nurture sequence answers it: give it to a person by name",
    "history": "Imported history does not move",
}


@dataclass(frozen=True, slots=True)
class Line:
    """What became of one lead.

    outcome: MOVED to `member_id`; OFFERED: put up to be claimed; WAITS without an owner; STAYS where it was,
             since nobody else could take it; LEFT alone.
    reason:  the code of the decision, or of LEFT_WORDS.
    """

    lead_id: UUID
    outcome: str
    reason: str
    member_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """Where leads are to go.

    to:             a person; None: whom the rules choose, or (offer) whoever of their pools claims them.
    untouched_only: leave alone what somebody accepted or got in touch with.
    seen_at:        when the leads were looked at: what was accepted or changed hands since is left alone.
    spare:          people whom the rules do not choose, since they have enough.
    """

    why: str
    to: UUID | None = None
    offer: bool = False
    untouched_only: bool = False
    seen_at: datetime | None = None
    spare: Collection[UUID] = ()


def movable(member: Member) -> QuerySet[Lead]:
    """The leads that this person may move: those in sales' hands of their teams, and those without an owner;
    everybody's for an admin."""
    open_ones = Handoff.objects.filter(lead_id=OuterRef("pk"), state=Handoff.State.OPEN, is_history=False)
    return visible_leads(member).filter(Exists(open_ones.filter(_overseen(member))))


def move_leads(*, lead_ids: Iterable[UUID], wish: Wish, actor: Actor, clock: Clock) -> list[Line]:
    """Move these leads, in one step; a line each, in their order.

    Raises NotOwner for who oversees nobody, ValidationFailed for too many leads, a receiver who cannot have
    them, or no reason.
    """
    ids = list(dict.fromkeys(lead_ids))
    _check(ids, wish, actor)
    with transaction.atomic():
        return _move(ids, wish, actor, clock)


def preview(*, lead_ids: Iterable[UUID], wish: Wish, actor: Actor, clock: Clock) -> list[Line]:
    """What `move_leads` would do as things stand, by the same decisions. Nothing is locked or written: who
    looks holds up nobody's lead.
    """
    ids = list(dict.fromkeys(lead_ids))
    _check(ids, wish, actor)
    handoffs = {each.lead_id: each for each in _open(ids)}
    lines = _left(ids, handoffs, wish, actor)
    again, new = _requests([handoffs[lead_id] for lead_id in ids if lead_id not in lines], wish)
    going = [request.handoff for request in again] + [request.handoff for request in new]
    for handoff, outcome in zip(going, would_move(again, new, now=clock()), strict=True):
        lines[handoff.lead_id] = line_of(handoff.lead_id, outcome.member_id, outcome.reason, handoff.owner_id)
    return [lines[lead_id] for lead_id in ids]


def tally(lines: Sequence[Line]) -> Counter[str]:
    """How many leads had each outcome."""
    return Counter(line.outcome for line in lines)


def _check(ids: Sequence[UUID], wish: Wish, actor: Actor) -> None:
    if not actor.oversees:
        raise NotOwner("Only a manager may move leads.")
    if not ids:
        raise ValidationFailed.at("/leads", "Choose at least one lead.", "required")
    if len(ids) > MOST_LEADS:
        text = f"At most {MOST_LEADS} leads move in one step, not {len(ids):,}. Choose fewer."
        raise ValidationFailed.at("/leads", text, "too_many")
    if not wish.why.strip():
        raise ValidationFailed.at("/why", "Say why in a few words.", "required")
    if wish.to is not None and wish.offer:
        text = "Either somebody gets them, or they are put up to be claimed."
        raise ValidationFailed.at("/offer", text, "ambiguous")
    if wish.to is not None:
        active = RepProfile.objects.filter(member_id=wish.to, member__is_active=True)
        if not active.exists():
            raise ValidationFailed.at("/to", "Choose somebody active who takes leads.", "invalid_choice")


def _overseen(member: Member | None) -> Q:
    """Which handoffs somebody may move; a program acting for nobody moves all."""
    if member is None or member.role == Role.ADMIN:
        return Q()
    if member.role != Role.MANAGER:
        return Q(pk__in=())
    return Q(owner__isnull=True) | Q(owner=member) | Q(owner__team_id__in=teams_of(member))


def _move(ids: Sequence[UUID], wish: Wish, actor: Actor, clock: Clock) -> list[Line]:
    # The leads' rows are read after the lock: an answer that came first is seen.
    rows = _open(ids).select_for_update(of=("self",), no_key=True)
    handoffs = {each.lead_id: each for each in rows}
    now = clock()
    lines = _left(ids, handoffs, wish, actor)
    going = [handoffs[lead_id] for lead_id in ids if lead_id not in lines]
    owners = {handoff.id: handoff.owner_id for handoff in going}
    again, new = _requests(going, wish)
    results = reassign(again, now=now, actor=actor.key)
    results += assign_new(new, trigger="drain", now=now, actor=actor.key)
    by_id = {handoff.id: handoff for handoff in going}
    entries: list[AuditEntry] = []
    for result in results:
        handoff, before = by_id[result.handoff_id], owners[result.handoff_id]
        if result.new_member_id != before:
            entries.append(_entry(handoff, before, result, actor, now))
        lines[handoff.lead_id] = line_of(handoff.lead_id, result.new_member_id, result.reason, before)
    insert_rows(entries)
    return [lines[lead_id] for lead_id in ids]


def _open(lead_ids: Sequence[UUID]) -> QuerySet[Handoff]:
    return Handoff.objects.filter(lead_id__in=lead_ids, state=Handoff.State.OPEN).order_by("id")


def _requests(going: Sequence[Handoff], wish: Wish) -> tuple[list[MoveRequest], list[AssignRequest]]:
    """What is asked of handoffs that may move: another owner, or (where the rules are to choose) a first."""
    by_rules = wish.to is None and not wish.offer
    reason = Assignment.EndReason.REASSIGNED
    why = wish.why.strip()[: limits.MOVE_WHY]
    again = [
        MoveRequest(each, reason, why=why, to_member_id=wish.to, offer=wish.offer, exclude=wish.spare)
        for each in going
        if each.owner_id is not None or not by_rules
    ]
    return again, [AssignRequest(each) for each in going if each.owner_id is None and by_rules]


def _entry(
    handoff: Handoff, before: UUID | None, result: MoveResult, actor: Actor, now: datetime
) -> AuditEntry:
    """As `services.record_move` writes it, for many in one statement."""
    after = result.new_member_id
    return AuditEntry(
        at=now,
        actor=actor.key,
        action=str(Assignment.EndReason.REASSIGNED),
        object_type="handoff",
        object_id=handoff.id,
        before={"owner": str(before) if before else None},
        after={"owner": str(after) if after else None},
    )


def line_of(lead_id: UUID, after: UUID | None, reason: str, before: UUID | None) -> Line:
    """What a decision makes of a lead that was with `before`."""
    if after is None:
        return Line(lead_id, OFFERED if reason == "waits_for_claim" else WAITS, reason)
    if after == before:
        return Line(lead_id, STAYS, reason, before)
    return Line(lead_id, MOVED, reason, after)


def _left(
    ids: Sequence[UUID], handoffs: Mapping[UUID, Handoff], wish: Wish, actor: Actor
) -> dict[UUID, Line]:
    """The leads that are left alone, and why. Their handoffs are locked."""
    seen = visible_leads(actor.member) if actor.member is not None else Lead.objects.all()
    there = set(seen.filter(id__in=ids).values_list("id", flat=True))
    held = [handoff.id for handoff in handoffs.values()]
    mine = set(Handoff.objects.filter(_overseen(actor.member), id__in=held).values_list("id", flat=True))
    closed = set(
        Handoff.objects.filter(lead_id__in=[each for each in ids if each not in handoffs])
        .exclude(state=Handoff.State.OPEN)
        .values_list("lead_id", flat=True)
    )
    touched = _touched(held) if wish.untouched_only else set()
    found = {}
    for lead_id in ids:
        handoff = handoffs.get(lead_id)
        if lead_id not in there:
            code = "not_found"
        elif handoff is None:
            code = "answered" if lead_id in closed else "not_handed_over"
        elif handoff.id not in mine:
            code = "not_yours"
        else:
            code = _why_left(handoff, wish, touched=handoff.id in touched)
        if code:
            found[lead_id] = Line(lead_id, LEFT, code, handoff.owner_id if handoff else None)
    return found


def _why_left(handoff: Handoff, wish: Wish, *, touched: bool) -> str:
    since = wish.seen_at
    if handoff.is_history:
        return "history"
    if since is not None and handoff.owned_since is not None and handoff.owned_since > since:
        return "changed_hands"
    accepted = handoff.accepted_at
    if accepted is not None and (wish.untouched_only or (since is not None and accepted > since)):
        return "accepted"
    if touched:
        return "touched"
    if wish.to is not None and wish.to == handoff.owner_id:
        return "same"
    if wish.to is None and (nurture.is_nurtured(handoff) or (wish.offer and nurture.is_unfinished(handoff))):
        return "nurtured"
    return ""


def _touched(handoff_ids: Sequence[UUID]) -> set[UUID]:
    """Which of these handoffs somebody got in touch about."""
    touches = Touch.objects.filter(handoff_id__in=handoff_ids, automatic=False, undone_at__isnull=True)
    return set(touches.values_list("handoff_id", flat=True))
