"""What the booking of a meeting and its outcome do to the handoff of its lead.

The caller holds the locks of the lead's handoffs and of the lead.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from uuid import UUID
from zoneinfo import ZoneInfo

from core.errors import Conflict, ValidationFailed
from core.rules import Facts
from feedback.models import Meeting
from handoff import limits, moves, words
from handoff.services.acting import Actor
from handoff.services.cycle import meet
from handoff.services.owners import record_move
from leads import services as leads
from leads.criteria import HANDOFF_KIND, facts_of
from leads.lifecycle import Stage
from leads.models import Assignment, Handoff, Lead, Touch
from leads.past import past_of
from leads.services import Terms
from sla import services as sla
from sla.models import Target
from tenants.bulk import insert_rows
from tenants.models import Member, RepProfile
from tenants.selectors import absences

OUTBOUND = Handoff.Kind.OUTBOUND
#: The name of the pause in which an outbound handoff waits for its meeting.
WAITS, WAITS_NAME = "meeting", "Waiting for the meeting"
FOLLOWS_UP, FOLLOWS_UP_NAME = "follow_up", "Until the follow-up"


def takes_leads(member_id: UUID) -> bool:
    """Whether somebody is active and takes leads."""
    return bool(RepProfile.objects.filter(member_id=member_id, member__is_active=True).exists())


def busy_words(member: Member, starts_at: datetime, ends_at: datetime) -> str:
    """Why somebody cannot hold a meeting then: away, or in another one; "" where they can."""
    away = absences(member_ids=[member.id], after=starts_at)[member.id]
    if any(start < ends_at for start, _ in away):
        return f"{member.name} is away then"
    others = Meeting.objects.filter(
        ae=member, state=Meeting.State.BOOKED, starts_at__lt=ends_at, ends_at__gt=starts_at
    )
    return f"{member.name} has another meeting then" if others.exists() else ""


def check_free(member: Member, starts_at: datetime, ends_at: datetime, *, anyway: bool) -> None:
    """Raises ValidationFailed at /ae for somebody who is away, or in a meeting; `anyway` books past it."""
    if not anyway and (why := busy_words(member, starts_at, ends_at)):
        raise ValidationFailed.at("/ae", f"{why}: choose another AE or time, or book anyway.", "away")


def open_outbound(lead: Lead, ae: Member | None, actor: Actor, now: datetime, *, why: str) -> Handoff:
    """The next handoff of a lead that has none open, of kind outbound. ae: None asks the routing rules, which
    like the tiers may ask for `handoff.kind`.

    Raises Conflict where the rules find nobody; StageError where the lead cannot be handed over.
    """
    past = past_of([lead.id]).get(lead.id, ())
    facts = facts_of(lead, lead.account, past, now, extra={HANDOFF_KIND: str(OUTBOUND)})
    (fresh,) = leads.prepare_handoffs([lead], now=now, terms=_terms(facts, lead, now))
    fresh.kind = OUTBOUND
    leads.move_stage(lead, Stage.MQL, actor=actor.key, now=now, why="Meeting booked", handoff=fresh)
    if ae is None:
        with_tier = facts.having("sla.tier", fresh.tier)
        request = moves.AssignRequest(fresh, facts=with_tier)
        moves.assign_new([request], trigger="intake", now=now, actor=actor.key)
        if fresh.owner_id is None:
            raise Conflict("The routing rules find nobody for it now: name the AE.")
    insert_rows([fresh])
    sla.arm_company([fresh])
    if ae is not None:
        give_to(fresh, ae.id, actor, now, why=why, end_reason=Assignment.EndReason.REASSIGNED)
    leads.mark_dirty([fresh.id], now)
    return fresh


def _terms(facts: Facts, lead: Lead, now: datetime) -> dict[UUID, Terms]:
    """The tier by the policy in force; before one is published there is none, and no clock."""
    try:
        (match,) = sla.match_tiers([facts], at=now)
    except Conflict:
        return {}
    return {lead.id: Terms(match.policy_version_id, match.tier.slug, match.tier.name)}


def note_booking(handoff: Handoff, actor: Actor, now: datetime) -> None:
    """Whoever books has talked to the lead: a touch, which answers the first-touch promise of an outbound
    handoff."""
    leads.record_touch(
        lead=handoff.lead,
        handoff=handoff,
        kind=Touch.Kind.MEETING,
        at=now,
        now=now,
        by_id=actor.member.id if actor.member else None,
        outcome="Meeting booked",
        counts=True,
    )
    meet(handoff, [Target.FIRST_TOUCH], now, now)


def give_to(
    handoff: Handoff,
    member_id: UUID,
    actor: Actor,
    now: datetime,
    *,
    why: str,
    end_reason: Assignment.EndReason = Assignment.EndReason.HAND_OVER,
) -> None:
    """Somebody gets the handoff by name; nothing where it is theirs."""
    before = handoff.owner_id
    if before == member_id:
        return
    request = moves.MoveRequest(
        handoff=handoff, end_reason=end_reason, why=why[: limits.MOVE_WHY], to_member_id=member_id
    )
    (result,) = moves.reassign([request], now=now, actor=actor.key)
    record_move(handoff, before, result, str(end_reason), actor, now)


def hold(handoff: Handoff, reason: str, name: str, until: datetime, actor: Actor, now: datetime) -> None:
    """The clocks of an outbound handoff stand still until then; what an inbound one owes runs on."""
    if handoff.kind == OUTBOUND and handoff.state == Handoff.State.OPEN and until > now:
        sla.hold(handoff, reason=reason, name=name, until=until, actor=actor.key, now=now)


def hold_for(meeting: Meeting, handoff: Handoff, actor: Actor, now: datetime) -> None:
    hold(handoff, WAITS, WAITS_NAME, meeting.ends_at, actor, now)


def back_to_sdr(meeting: Meeting, handoff: Handoff, actor: Actor, now: datetime, *, zone: str) -> None:
    """An outbound handoff that nobody accepted goes back to whoever booked, as far as they take leads, and
    its clocks stand still until the follow-up."""
    if handoff.kind != OUTBOUND or handoff.state != Handoff.State.OPEN or handoff.accepted_at is not None:
        return
    if takes_leads(meeting.sdr_id):
        label = words.lower_first(str(Meeting.State(meeting.state).label))
        give_to(handoff, meeting.sdr_id, actor, now, why=f"Meeting: {label}.")
    if meeting.follow_up is not None:
        hold(handoff, FOLLOWS_UP, FOLLOWS_UP_NAME, midnight(meeting.follow_up, zone), actor, now)


def midnight(day: date, zone: str) -> datetime:
    return datetime.combine(day, time(), tzinfo=ZoneInfo(zone))


def lock_lead(lead_id: UUID) -> tuple[Lead | None, Sequence[Handoff]]:
    """The lead's handoffs, by number, and the lead, locked in this order; None where there is none."""
    locked = Handoff.objects.select_for_update(of=("self",)).filter(lead_id=lead_id).order_by("id")
    handoffs = sorted(locked, key=lambda each: each.number)
    if not Lead.objects.select_for_update(of=("self",), no_key=True).filter(id=lead_id).exists():
        return None, handoffs
    lead = Lead.objects.select_related("account__owner").get(id=lead_id)
    for each in handoffs:
        each.lead = lead
    return lead, handoffs
