"""A lead comes in: the whole way from arrival to an owner with running clocks, in one transaction.

    leads: who is it, what do we know, does it qualify -> sla: which tier -> leads: open the handoff
    -> handoff.moves: who gets it -> sla: start the clocks -> outbox

A thousand at once take as many statements as one. A known person who comes again keeps the handoff that is
open: before the first answer a stricter tier brings the deadline forward; after acceptance the owner is told.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from django.db import transaction

from core.errors import Conflict, DomainError, ValidationFailed
from core.rules import Facts
from handoff import moves, nurture
from handoff.kept_arrivals import with_kept_owners
from handoff.readiness import let_through
from handoff.services import end_nurture
from handoff.shadow import Telling, through
from leads import services as leads
from leads.incoming import LeadIn
from leads.lifecycle import Stage
from leads.models import Assignment, Handoff, Lead
from leads.services import Arrival, Terms
from notifications import outbox
from routing.facts import hold_loads, load_setup
from sla import services as sla
from sla.models import Pause
from sla.rows import AnyTimer
from sla.selectors import overdue_handoffs
from tenants.audit import record_change
from tenants.bulk import insert_rows, update_rows
from tenants.clock import Clock
from tenants.config import steady_config
from tenants.models import Member
from tenants.roundtrips import travelling_together

logger = logging.getLogger("slaportal.intake")


class IntakeFailed(DomainError):
    """One row of many met an error that nobody foresaw; the others landed."""

    code = "internal"
    status = 500
    title = "Something went wrong on our side"


@dataclass(slots=True)
class IntakeResult:
    """What became of one item: `error`, or the lead.

    created:    the lead is new; else a known person came again.
    handoff:    opened by this item, or open already. assignment, timers: started by this item.
    arrival:    the details, for who shows them at once.
    """

    error: DomainError | None = None
    arrival: Arrival | None = None
    created: bool = False
    handoff: Handoff | None = None
    assignment: Assignment | None = None
    timers: Sequence[AnyTimer] = ()

    @property
    def lead(self) -> Lead:
        """The lead of an item that was taken."""
        if self.arrival is None:
            raise ValueError("A refused item has no lead.")
        return self.arrival.lead


def receive_lead(*, item: LeadIn, actor: str, clock: Clock) -> IntakeResult:
    """`receive_leads` for one. Raises what refuses it."""
    (result,) = receive_leads(items=[item], actor=actor, clock=clock)
    if result.error is not None:
        raise result.error
    return result


def receive_leads(*, items: Sequence[LeadIn], actor: str, clock: Clock) -> list[IntakeResult]:
    """Take leads in, in the transaction of the tenant in scope; one result per item, in order.

    A refused item leaves nothing behind and the others land. Should the database refuse the whole of many,
    they are taken one by one, each for itself. One item alone raises what nobody foresaw.
    """
    if not items:
        return []
    if len(items) == 1:
        return _receive(items, actor=actor, clock=clock)
    try:
        with transaction.atomic():
            return _receive(items, actor=actor, clock=clock)
    except Exception:
        logger.exception("intake of %d leads at once failed; taking them one by one", len(items))
    return [_receive_alone(item, actor=actor, clock=clock) for item in items]


def _receive_alone(item: LeadIn, *, actor: str, clock: Clock) -> IntakeResult:
    try:
        with transaction.atomic():
            (result,) = _receive([item], actor=actor, clock=clock)
            return result
    except DomainError as error:
        return IntakeResult(error=error)
    except Exception:
        logger.exception("intake of one lead failed")
        return IntakeResult(error=IntakeFailed("An unexpected error; this lead was not taken."))


def _receive(items: Sequence[LeadIn], *, actor: str, clock: Clock) -> list[IntakeResult]:
    with steady_config(), travelling_together():
        return _take(items, actor=actor, clock=clock)


def _take(items: Sequence[LeadIn], *, actor: str, clock: Clock) -> list[IntakeResult]:
    owners, unknown = _chosen_owners(items)
    taken = [index for index in range(len(items)) if index not in unknown]
    found = leads.upsert_leads([items[index] for index in taken], now=clock(), clock=clock)
    results = [IntakeResult(error=unknown.get(index)) for index in range(len(items))]
    arrivals: list[Arrival] = []
    for index, outcome in zip(taken, found, strict=True):
        if isinstance(outcome, DomainError):
            results[index].error = outcome
            continue
        arrivals.append(outcome)
        results[index].arrival = outcome
        results[index].created = outcome.created
        results[index].handoff = outcome.handoff
    if not arrivals:
        return results
    arrivals = _wake(arrivals)
    owners = with_kept_owners(arrivals, owners)
    changed = _owner_changes(arrivals, owners)
    if changed and any(arrival.qualifies for arrival in arrivals):
        # Both steps lock rows of people: all at once, in one order.
        hold_loads({*owners.values(), *(handoff.owner_id for handoff, _ in changed if handoff.owner_id)})
    opened, assignments, timers = hand_off(arrivals, owners, actor=actor)
    _follow(changed, now=arrivals[0].at, actor=actor)
    _re_engage([arrival for arrival in arrivals if arrival.handoff is not None])
    for result in results:
        if result.arrival is not None and result.arrival.lead.id in opened:
            result.handoff = opened[result.arrival.lead.id]
            result.assignment = assignments.get(result.handoff.id)
            result.timers = timers.get(result.handoff.id, ())
    return results


def _chosen_owners(items: Sequence[LeadIn]) -> tuple[dict[str, UUID], dict[int, DomainError]]:
    """Members that other systems chose, by e-mail; and the refusal of each item that names nobody we know."""
    wanted = {item.owner.strip().lower() for item in items if item.owner}
    if not wanted:
        return {}, {}
    rows = Member.objects.filter(email__in=wanted, is_active=True)
    found = {email: (key, profile) for email, key, profile in rows.values_list("email", "id", "profiles")}
    # Where another system routes, its word is final: somebody who takes no leads is a slip to be heard of.
    final = not load_setup().enabled
    unknown: dict[int, DomainError] = {}
    for index, item in enumerate(items):
        if not item.owner:
            continue
        member = found.get(item.owner.strip().lower())
        if member is None:
            text = "There is no active member with this e-mail."
            unknown[index] = ValidationFailed.at("/owner", text, "unknown_member")
        elif final and member[1] is None:
            text = "This member takes no leads: give them working hours under People first."
            unknown[index] = ValidationFailed.at("/owner", text, "owns_no_leads")
    return {email: key for email, (key, _) in found.items()}, unknown


def _owner_changes(arrivals: Sequence[Arrival], owners: Mapping[str, UUID]) -> list[tuple[Handoff, UUID]]:
    """Open handoffs whose owner is another by the word of the system that routes here; the last word counts.

    None where we route: then an owner from outside is heard when a handoff opens, and not after.
    """
    if not owners or load_setup().enabled:
        return []
    found: dict[UUID, tuple[Handoff, UUID]] = {}
    for arrival in arrivals:
        handoff, said = arrival.handoff, arrival.item.owner.strip().lower()
        if handoff is not None and said and not handoff.is_history:
            found[handoff.id] = (handoff, owners[said])
    return [(handoff, owner_id) for handoff, owner_id in found.values() if handoff.owner_id != owner_id]


def _follow(changed: Sequence[tuple[Handoff, UUID]], *, now: datetime, actor: str) -> None:
    """Give leads to whom the system that routes here gave them, with the clocks; their locks are held."""
    requests = [
        moves.MoveRequest(handoff=handoff, end_reason=Assignment.EndReason.OUTSIDE, outside_id=owner_id)
        for handoff, owner_id in sorted(changed, key=lambda each: each[0].id)
    ]
    before = {handoff.id: handoff.owner_id for handoff, _ in changed}
    for result in moves.reassign(requests, now=now, actor=actor):
        old = before[result.handoff_id]
        if result.new_member_id == old:
            continue
        record_change(
            actor=actor,
            action="outside",
            object_type="handoff",
            object_id=result.handoff_id,
            before={"owner": str(old) if old else None},
            after={"owner": str(result.new_member_id) if result.new_member_id else None},
            now=now,
        )


def hand_off(
    arrivals: Sequence[Arrival], owners: Mapping[str, UUID], *, actor: str
) -> tuple[dict[UUID, Handoff], dict[UUID, Assignment], dict[UUID, list[AnyTimer]]]:
    """Open, route and time the handoffs of those that qualify and that nothing keeps: handoffs by lead;
    assignments and clocks by handoff.

    owners: members whom the arrivals name, by e-mail; those that earlier ones named are added.
    """
    now = arrivals[0].at
    owners = with_kept_owners(arrivals, owners)
    new = [arrival for arrival in arrivals if arrival.qualifies]
    terms = _terms(new)
    new = let_through(arrivals, terms, _terms, now=now)
    # Their leads are locked, and have none open. They are written when their owners are known: a row that
    # is written and then changed costs twice.
    handoffs = leads.prepare_handoffs(
        [arrival.lead for arrival in new],
        now=now,
        terms=terms,
        arrivals={arrival.lead.id: arrival for arrival in new},
    )
    opened = {handoff.lead_id: handoff for handoff in handoffs}
    leads.record_steps(arrivals, actor=actor, now=now, handoffs=opened)
    requests = [
        moves.AssignRequest(
            handoff=opened[arrival.lead.id],
            facts=_with_tier(arrival.facts, terms.get(arrival.lead.id)),
            owner_hint=owners.get(arrival.item.owner.strip().lower()) if arrival.item.owner else None,
        )
        for arrival in new
    ]
    # A sequence answers these, unless another system names a person.
    nurtured = nurture.set_apart([each.handoff for each in requests if each.owner_hint is None])
    apart = {handoff.id for handoff in nurtured}
    requests = [request for request in requests if request.handoff.id not in apart]
    moved = moves.assign_new(requests, trigger="intake", now=now, actor=actor)
    insert_rows(handoffs)
    if nurtured:
        nurture.announce(nurtured, now=now)
    timers: dict[UUID, list[AnyTimer]] = {result.handoff_id: list(result.timers) for result in moved}
    for timer in sla.arm_company(handoffs) if handoffs else ():
        timers.setdefault(timer.handoff_id, []).append(timer)
    assignments = {result.handoff_id: result.assignment for result in moved if result.assignment is not None}
    return opened, assignments, timers


def _terms(new: Sequence[Arrival]) -> dict[UUID, Terms]:
    """The tier of each lead. Before a policy is published there is none: such leads are routed, on no
    clock."""
    if not new:
        return {}
    try:
        facts = [arrival.facts for arrival in new if arrival.facts is not None]
        matches = sla.match_tiers(facts, at=new[0].at)
    except Conflict:
        return {}
    return {
        arrival.lead.id: Terms(match.policy_version_id, match.tier.slug, match.tier.name)
        for arrival, match in zip(new, matches, strict=True)
    }


def _with_tier(facts: Facts | None, terms: Terms | None) -> Facts | None:
    if facts is None or terms is None:
        return facts
    return Facts({**facts.values, "sla.tier": terms.tier}, facts.engagements, facts.now)


def _wake(arrivals: Sequence[Arrival]) -> list[Arrival]:
    """The arrivals, with those as new MQLs whose lead a nurture sequence had and who now ask for a person:
    the sequence ends, and what is promised counts from here.
    """
    asleep = [
        arrival
        for arrival in arrivals
        if arrival.handoff is not None and nurture.is_nurtured(arrival.handoff) and _qualifies_anew(arrival)
    ]
    if not asleep:
        return list(arrivals)
    facts = [arrival.facts for arrival in asleep if arrival.facts is not None]
    matches = sla.match_tiers(facts, at=asleep[0].at)
    woken: dict[UUID, Arrival] = {}
    for arrival, match in zip(asleep, matches, strict=True):
        if match.tier.nurture is None and arrival.lead.id not in woken:
            assert arrival.handoff is not None
            end_nurture(arrival.handoff, now=arrival.at, why="The lead came back and asks for a person")
            arrival.lead.stage = Stage.MQL
            steps = [*arrival.steps, (str(Stage.NURTURE), Stage.MQL)]
            woken[arrival.lead.id] = replace(
                arrival, handoff=None, qualifies=True, may_open=True, steps=steps
            )
    update_rows([arrival.lead for arrival in woken.values()], ["stage"])
    return [_awake(arrival, woken) for arrival in arrivals]


def _qualifies_anew(arrival: Arrival) -> bool:
    """Whether a lead whose handoff is open did something, and would be handed over by what is known now."""
    judged = arrival.judgement is not None and arrival.judgement.qualified
    return bool(arrival.engagements) and arrival.facts is not None and judged and not arrival.lead.needs


def _awake(arrival: Arrival, woken: Mapping[UUID, Arrival]) -> Arrival:
    """The arrival as it is once its lead is awake: the first opens the handoff, the others add nothing."""
    new = woken.get(arrival.lead.id)
    if new is None:
        return arrival
    return new if new.item is arrival.item else replace(arrival, handoff=None)


def _re_engage(again: Sequence[Arrival]) -> None:
    """Known people whose handoff is open came again: bring deadlines forward, tell owners."""
    live = {
        arrival.handoff.id: arrival
        for arrival in again
        if arrival.handoff is not None and not arrival.handoff.is_history and arrival.engagements
    }
    if not live:
        return
    now = next(iter(live.values())).at
    sla.resume(
        live, end_reason=Pause.EndReason.ENGAGED, actor="engine", now=now
    )  # whom it waited for is here
    stricter = _now_with_people(live) | _stricter(live)
    broken = overdue_handoffs(live, now=now)
    tellings = []
    for handoff_id, arrival in live.items():
        handoff = arrival.handoff
        if handoff is None or handoff.owner_id is None:
            continue
        # Whoever was given a lead that a sequence still answers has no clock that could come forward.
        clocked = nurture.sequence_of(handoff) is None
        waits = clocked and handoff.accepted_at is None and handoff_id not in broken
        if waits and handoff_id not in stricter:
            continue
        message = outbox.Message(
            kind="lead.engaged",
            event_id=arrival.engagements[0].id,
            subject=f"handoff:{handoff_id}",
            member_ids=[handoff.owner_id],
            data={
                "handoff": str(handoff_id),
                "lead": str(handoff.lead_id),
                "engagement": str(arrival.engagements[0].id),
                "stricter": handoff_id in stricter,
            },
        )
        tellings.append(Telling(message, handoff_id, handoff.owner_id))
    outbox.enqueue(through(tellings, now=now), now=now)
    leads.mark_dirty(live, now)


def _now_with_people(live: Mapping[UUID, Arrival]) -> set[UUID]:
    """Handoffs that a sequence was to answer and somebody was given by hand, whose lead now asks for a
    person: from here on their owner owes what its new tier promises.
    """
    given = [
        (arrival.handoff, arrival.facts, arrival.at)
        for arrival in live.values()
        if arrival.handoff is not None
        and arrival.handoff.owner_id is not None
        and arrival.handoff.accepted_at is None
        and arrival.facts is not None
        and nurture.sequence_of(arrival.handoff) is not None
        and _qualifies_anew(arrival)
    ]
    if not given:
        return set()
    matches = sla.match_again(
        [(facts, handoff.policy_version_id) for handoff, facts, _ in given if handoff.policy_version_id],
        at=given[0][2],
    )
    asking = [
        sla.StricterTier(handoff, match, at)
        for (handoff, _, at), match in zip(given, matches, strict=True)
        if match.tier.nurture is None
    ]
    sla.begin_with_people(asking, now=given[0][2])
    return {item.handoff.id for item in asking}


def _stricter(live: Mapping[UUID, Arrival]) -> set[UUID]:
    """Handoffs without a first touch whose deadlines came forward by what their lead did now."""
    waiting = [
        (arrival.handoff, arrival)
        for arrival in live.values()
        if arrival.handoff is not None
        and arrival.facts is not None
        and arrival.handoff.first_touch_at is None
        and arrival.handoff.policy_version_id is not None
    ]
    if not waiting:
        return set()
    matches = sla.match_again(
        [
            (arrival.facts, handoff.policy_version_id)
            for handoff, arrival in waiting
            if arrival.facts is not None and handoff.policy_version_id is not None
        ],
        at=waiting[0][1].at,
    )
    items = [
        sla.StricterTier(handoff, match, arrival.at)
        for (handoff, arrival), match in zip(waiting, matches, strict=True)
        if match.tier.slug != handoff.tier
    ]
    return {handoff.id for handoff in sla.rearm_stricter(items)} if items else set()
