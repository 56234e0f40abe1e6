"""A lead gets an owner, or another one: the one place for that, used by intake, sweep, drain and people.

Every function takes many at once and writes in the caller's transaction. The caller holds the locks of the
handoffs (ascending id); pools and rep loads are locked here, after them, and timers last.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from core.errors import Conflict
from core.rules import Facts
from feedback.models import Dispute
from handoff.nurture import NURTURED, is_unfinished
from handoff.shadow import Telling, through
from leads.account_facts import Beside
from leads.criteria import HANDOFF_KIND, Criteria, facts_of, load_criteria
from leads.models import Assignment, CriteriaVersion, Handoff, Lead
from leads.past import past_of
from leads.score import FIELD as SCORE
from leads.services import NewOwner, end_assignments, mark_dirty, start_assignments
from notifications.outbox import Message, enqueue, expire
from routing.decide import HELD, WAITS_FOR_CLAIM, RuleSet, Strategy
from routing.facts import Setup, load_setup
from routing.models import Decision
from routing.services import (
    IF_NOBODY,
    NEVER,
    ONLY,
    QUEUED,
    RouteOutcome,
    RouteRequest,
    route_batch,
    would_route,
)
from sla.findings import Fault, report
from sla.models import Pause
from sla.rows import AnyTimer, TimerRow
from sla.services import arm_owner, cancel, company_takes_ladder, company_yields_ladder, resume
from tenants.audit import names_of_actors
from tenants.bulk import update_rows
from tenants.context import tenant_scope
from tenants.models import Member
from tenants.versions import version_in_force

EndReason = Assignment.EndReason

UNDO_SECONDS: Final = 10  # messages of what a person can undo wait this long
DRAIN_CHUNK: Final = 500  # handoffs a transaction
DRAIN_LIMIT: Final = 5_000  # handoffs a turn
_PRIORITY_ASSIGNED: Final = 5
#: Why the engine moves a lead by itself; every other reason is a person's.
_BY_ITSELF: Final = (EndReason.BREACH, EndReason.AWAY, EndReason.OUTSIDE)
#: Why a lead has no owner although nothing is wrong: nobody is told that it waits.
_ON_PURPOSE: Final = (HELD, WAITS_FOR_CLAIM, NURTURED)
# Of a lead that moves on, what its former owner need not hear any more.
_MOOT: Final = ("lead.assigned", "lead.unrouted", "lead.to_claim", "timer.reminder")


@dataclass(frozen=True, slots=True)
class AssignRequest:
    """A handoff that nobody owns yet.

    facts: what the rules are asked about, with "sla.tier"; loaded where they are missing.
    owner_hint: the owner that another system named; kept while active, else the rules decide.
    exclude: members who must not get it.
    """

    handoff: Handoff
    facts: Facts | None = None
    owner_hint: UUID | None = None
    exclude: Collection[UUID] = ()


@dataclass(frozen=True, slots=True)
class MoveRequest:
    """A handoff that is to change hands.

    why: one sentence, kept in the trace of the next owner's assignment.
    to_member_id: by hand; caps, rotation and earlier ownership do not bind a person's choice.
    offer: nobody gets it; whoever of its pool could have it may claim it.
    outside_id: another system, which routes here, gave it to them; nothing binds its choice either.
    claimed: they chose themselves, of a lead that was put up to be claimed; then these do bind.
    stand_in_id: whom the ladder names: gets it where they are there and never had it, else the pool.
    to_queue: nobody gets it; it waits among the unrouted until somebody gives it to a person.
    exclude: members beside the earlier owners who must not get it.
    """

    handoff: Handoff
    end_reason: Assignment.EndReason
    why: str = ""
    facts: Facts | None = None
    to_member_id: UUID | None = None
    exclude: Collection[UUID] = ()
    stand_in_id: UUID | None = None
    to_queue: bool = False
    claimed: bool = False
    offer: bool = False
    outside_id: UUID | None = None

    @property
    def is_chosen(self) -> bool:
        """Whether somebody is named, so that no rule is asked."""
        return self.to_member_id is not None or self.outside_id is not None


@dataclass(frozen=True, slots=True)
class MoveResult:
    """outcome: "assigned", "fallback", "unrouted", or "stays" with its owner. new_member_id: who has it now.

    decision is written, except where a waiting lead found nobody again for the same reason.
    timers: the owner's clocks that were started.
    """

    handoff_id: UUID
    old_member_id: UUID | None
    new_member_id: UUID | None
    outcome: str
    reason: str
    assignment: Assignment | None
    decision: Decision
    timers: Sequence[AnyTimer] = ()


def assign_new(
    requests: Sequence[AssignRequest], *, trigger: str, now: datetime, actor: str
) -> list[MoveResult]:
    """Route handoffs without an owner; results in the order of the requests.

    trigger: "intake" for handoffs opened in this transaction, whose company clocks the caller arms later.
    Any other ("drain") for those that have waited: their company clocks give the ladder to the owner's.
    """
    if not requests:
        return []
    setup = load_setup()
    asked = _asked_new(requests, setup, trigger=trigger, now=now)
    outcomes = route_batch(asked, trigger=trigger, now=now, setup=setup)
    by_hand = trigger != "intake" and actor.startswith("member:")  # somebody asks the rules once more
    moves = [
        _Move(request.handoff, None, outcome, by_hand=by_hand)
        for request, outcome in zip(requests, outcomes, strict=True)
    ]
    return _apply(moves, now=now, actor=actor, first=trigger == "intake")


def reassign(
    requests: Sequence[MoveRequest],
    *,
    now: datetime,
    actor: str,
    held: Mapping[UUID, TimerRow] | None = None,
) -> list[MoveResult]:
    """Move open handoffs on; results in the order of the requests.

    A lead that a nurture sequence still answers is given to nobody but by a person's choice: it goes back to
    the sequence. Never back to an earlier owner; after the most moves that the organisation allows, to the
    fallback person. Where nobody is left, a lead stays with its owner, unless it was refused as not theirs:
    then it waits without one. By hand raises Conflict for somebody inactive and for the present owner.

    held: see `sla.services.cancel`.
    """
    if not requests:
        return []
    setup = load_setup()
    asked = _asked_again(requests, setup, now=now)
    outcomes = route_batch(asked, trigger="reassigned", now=now, setup=setup)
    # Asked once more now that the receivers' loads are held: nobody is switched off from here on.
    _check_receivers(requests)
    moves = [
        _Move(
            request.handoff,
            request.handoff.owner_id,
            outcome,
            request.end_reason,
            request.why,
            by_hand=request.end_reason not in _BY_ITSELF,
        )
        for request, outcome in zip(requests, outcomes, strict=True)
    ]
    return _apply(moves, now=now, actor=actor, first=False, held=held)


def would_move(
    again: Sequence[MoveRequest], new: Sequence[AssignRequest], *, now: datetime
) -> list[RouteOutcome]:
    """What `reassign`, and `assign_new` of waiting handoffs after it, would decide as things stand: those of
    `again`, then those of `new`. Nothing is locked or written, so nobody waits for who only looks.
    """
    setup = load_setup()
    asked = _asked_again(again, setup, now=now) if again else []
    asked += _asked_new(new, setup, trigger="drain", now=now) if new else []
    return would_route(asked, trigger="drain", now=now, setup=setup)


def drain_unrouted(tenant_id: UUID, clock: Callable[[], datetime]) -> int:
    """Try every waiting handoff of a tenant again, the most urgent first; how many found an owner.

    Opens its own transactions. Handoffs that somebody else holds are left for the next turn.
    """
    with tenant_scope(tenant_id):
        if not load_setup().enabled:
            return 0
        waiting = (
            Handoff.objects.filter(state=Handoff.State.OPEN, owner=None, is_history=False)
            .exclude(unrouted_reason__in=(QUEUED, NURTURED))
            .exclude(retry_at__gt=clock())
        )
        order = ("-priority", "started_at", "id")
        ids = list(waiting.order_by(*order).values_list("id", flat=True)[:DRAIN_LIMIT])
    routed = 0
    for start in range(0, len(ids), DRAIN_CHUNK):
        with tenant_scope(tenant_id):
            routed += _drain_chunk(ids[start : start + DRAIN_CHUNK], clock)
    return routed


def _drain_chunk(ids: Sequence[UUID], clock: Callable[[], datetime]) -> int:
    rows = Handoff.objects.filter(id__in=ids, state=Handoff.State.OPEN, owner=None).order_by("id")
    handoffs = list(rows.select_for_update(of=("self",), skip_locked=True))
    handoffs.sort(key=lambda handoff: (-handoff.priority, handoff.started_at, handoff.id))
    requests = [AssignRequest(handoff) for handoff in handoffs]
    results = assign_new(requests, trigger="drain", now=clock(), actor="engine")
    return sum(result.new_member_id is not None for result in results)


# --- What goes into a decision ---


def _asked_new(
    requests: Sequence[AssignRequest], setup: Setup, *, trigger: str, now: datetime
) -> list[RouteRequest]:
    """What `assign_new` asks."""
    hints = _active({request.owner_hint for request in requests if request.owner_hint})
    facts = _facts([request.handoff for request in requests if request.facts is None], setup, now)
    earlier = {} if trigger == "intake" else _earlier_owners([request.handoff.id for request in requests])
    return [
        RouteRequest(
            handoff=request.handoff,
            facts=request.facts or facts.get(request.handoff.id),
            exclude={*earlier.get(request.handoff.id, ()), *request.exclude},
            owner_hint=request.owner_hint if request.owner_hint in hints else None,
            trigger="outside" if request.owner_hint in hints else "",
        )
        for request in requests
    ]


def _asked_again(requests: Sequence[MoveRequest], setup: Setup, *, now: datetime) -> list[RouteRequest]:
    """What `reassign` asks. Raises Conflict as it does."""
    _check_by_hand(requests)
    earlier = _earlier_owners([request.handoff.id for request in requests])
    missing = [each.handoff for each in requests if each.facts is None and not each.is_chosen]
    facts = _facts(missing, setup, now)
    return [
        RouteRequest(
            handoff=request.handoff,
            facts=request.facts or facts.get(request.handoff.id),
            exclude=earlier[request.handoff.id].union(request.exclude),
            to_member_id=request.to_member_id,
            owner_hint=request.outside_id,
            claimed=request.claimed,
            stand_in_id=request.stand_in_id,
            waits_as=_waits_as(request),
            fallback=_fallback(request, max_hops=setup.max_hops),
            keep_owner_id=request.handoff.owner_id,
            may_unroute=bool(_waits_as(request)) or request.end_reason == EndReason.REROUTED,
            offer=request.offer,
            trigger="claimed" if request.claimed else str(request.end_reason),
        )
        for request in requests
    ]


def _earlier_owners(handoff_ids: Sequence[UUID]) -> dict[UUID, set[UUID]]:
    """Everybody who had or has each of these handoffs, and of one with which an overturned lead came back
    whoever had rejected it; one query.
    """
    earlier: dict[UUID, set[UUID]] = {handoff_id: set() for handoff_id in handoff_ids}
    owned = Assignment.objects.filter(handoff_id__among=handoff_ids).values_list("handoff_id", "member_id")
    refused = Dispute.objects.filter(
        fresh_handoff_id__among=handoff_ids, same_rep=False, disposition__by__isnull=False
    ).values_list("fresh_handoff_id", "disposition__by_id")
    for handoff_id, member_id in owned.union(refused, all=True):
        earlier[handoff_id].add(member_id)
    return earlier


def _active(member_ids: Iterable[UUID | None]) -> set[UUID]:
    wanted = [member_id for member_id in member_ids if member_id]
    if not wanted:
        return set()
    return set(Member.objects.filter(id__in=wanted, is_active=True).values_list("id", flat=True))


def _check_by_hand(requests: Sequence[MoveRequest]) -> None:
    _check_receivers(requests)
    for request in requests:
        if request.to_member_id is not None and request.to_member_id == request.handoff.owner_id:
            raise Conflict("The lead is theirs already.")


def _check_receivers(requests: Sequence[MoveRequest]) -> None:
    chosen = {request.to_member_id for request in requests if request.to_member_id}
    if chosen - _active(chosen):
        raise Conflict("This person is not active and cannot get a lead.")


def _waits_as(request: MoveRequest) -> str:
    """Why the lead is to wait without an owner; "" where somebody is to get it."""
    if not request.is_chosen and is_unfinished(request.handoff):
        return NURTURED
    return QUEUED if request.to_queue else ""


def _fallback(request: MoveRequest, *, max_hops: int) -> str:
    """When the fallback person comes in: see routing.services.RouteRequest."""
    if request.is_chosen or request.offer or _waits_as(request):
        return NEVER
    return ONLY if request.handoff.hops >= max_hops else IF_NOBODY


def _facts(handoffs: Sequence[Handoff], setup: Setup, now: datetime) -> dict[UUID, Facts]:
    """What the rules may ask about these handoffs, by id; nothing is read that no rule asks about."""
    if not handoffs:
        return {}
    rule_set = setup.rule_set
    if rule_set is None or not setup.needs_facts:
        return {}
    lead_ids = {handoff.lead_id for handoff in handoffs}
    leads = Lead.objects.select_related("account").in_bulk(lead_ids)
    criteria = _criteria_of_score(rule_set, now)
    counts = criteria is not None and criteria.signals is not None and criteria.signals.reads_engagements
    past = past_of(lead_ids) if rule_set.reads_engagements or counts else {}
    beside = Beside((lead, lead.account) for lead in leads.values())
    return {
        handoff.id: facts_of(
            leads[handoff.lead_id],
            leads[handoff.lead_id].account,
            past.get(handoff.lead_id, ()),
            now,
            extra=_of_handoff(handoff),
            criteria=criteria,
            beside=beside,
        )
        for handoff in handoffs
    }


def _of_handoff(handoff: Handoff) -> dict[str, object]:
    return {"sla.tier": handoff.tier, HANDOFF_KIND: str(handoff.kind)}


def _criteria_of_score(rule_set: RuleSet, now: datetime) -> Criteria | None:
    """The criteria in force now, where a rule asks for the score that they may count; one query."""
    if SCORE not in rule_set.fields:
        return None
    version = version_in_force(CriteriaVersion, now)
    return load_criteria(version) if version else None


# --- What follows from it ---


@dataclass(slots=True)
class _Move:
    """One decision on its way into the tables. by_hand: a person's, which is told in shadow mode too."""

    handoff: Handoff
    old_member_id: UUID | None
    outcome: RouteOutcome
    end_reason: Assignment.EndReason = EndReason.REASSIGNED
    why: str = ""
    by_hand: bool = False
    assignment: Assignment | None = None

    @property
    def gains_owner(self) -> bool:
        return self.outcome.outcome in ("assigned", "fallback")

    @property
    def becomes_unrouted(self) -> bool:
        return self.outcome.outcome == "unrouted"

    @property
    def leaves_owner(self) -> bool:
        return self.old_member_id is not None and self.outcome.outcome != "stays"

    @property
    def subject(self) -> str:
        return f"handoff:{self.handoff.id}"


def _apply(
    moves: Sequence[_Move],
    *,
    now: datetime,
    actor: str,
    first: bool,
    held: Mapping[UUID, TimerRow] | None = None,
) -> list[MoveResult]:
    """Write spans, owners, clocks and messages of decisions that are made."""
    news = [move for move in moves if _is_news(move)]
    leaving = [move for move in moves if move.leaves_owner]
    gaining = [move for move in moves if move.gains_owner]
    # The next owner has not agreed to wait. A new handoff waits for nothing yet.
    ids = {move.handoff.id for move in (leaving if first else leaving + gaining)}
    if ids:
        resume(ids, end_reason=Pause.EndReason.MOVED, actor=actor, now=now)
    stranded = [move for move in news if move.becomes_unrouted]
    _set_retries([move for move in moves if move.becomes_unrouted])
    _end_spans(leaving, now)
    _start_spans(gaining, now, actor, first=first)
    _note_unrouted(stranded)
    _set_priorities([move for move in gaining + stranded if move.outcome.decision.pool_id])
    armed = _turn_clocks(gaining, leaving, now, first=first, held=held)
    mark_dirty([move.handoff.id for move in stranded], now)
    _tell(news, now=now, actor=actor)
    return [
        MoveResult(
            handoff_id=move.handoff.id,
            old_member_id=move.old_member_id,
            new_member_id=move.outcome.member_id,
            outcome=move.outcome.outcome,
            reason=move.outcome.reason,
            assignment=move.assignment,
            decision=move.outcome.decision,
            timers=armed.get(move.handoff.id, ()),
        )
        for move in moves
    ]


def _is_news(move: _Move) -> bool:
    """Whether anything changed: not for a waiting lead that found nobody again for the same reason."""
    return not (move.becomes_unrouted and move.handoff.unrouted_reason == move.outcome.reason)


def _end_spans(leaving: Sequence[_Move], now: datetime) -> None:
    for reason in EndReason:
        same = [move for move in leaving if move.end_reason == reason]
        for gains in (True, False):
            ending = [move.handoff for move in same if move.gains_owner is gains]
            if ending:
                end_assignments(ending, reason=reason, now=now, clear_owner=not gains)


def _start_spans(gaining: Sequence[_Move], now: datetime, actor: str, *, first: bool) -> None:
    chosen = any(_is_choice(move) for move in gaining)
    by = names_of_actors([actor])[actor] if chosen else ""
    owners = [
        NewOwner(
            handoff=move.handoff,
            member_id=move.outcome.member_id,
            decision_id=move.outcome.decision.id,
            reason=_why_you(move, by),
        )
        for move in gaining
        if move.outcome.member_id is not None
    ]
    for move, assignment in zip(gaining, start_assignments(owners, now=now, first=first), strict=True):
        move.assignment = assignment


_WHY_YOU: Final = {
    Strategy.WEIGHTED: "It was your turn in {pool} (rule: {rule}).",
    Strategy.ROUND_ROBIN: "It was your turn in {pool} (rule: {rule}).",
    Strategy.LEAST_LOADED: "You have the fewest open leads for your limit in {pool} (rule: {rule}).",
    Strategy.FASTEST: "You could answer soonest in {pool} (rule: {rule}).",
    "account_owner": "You own its account (rule: {rule}).",
}


def _is_choice(move: _Move) -> bool:
    """Whether a person, or a program, named the new owner."""
    return move.outcome.reason == "by_hand"


def _why_you(move: _Move, by: str) -> str:
    """One sentence for the new owner. by: who chose them, where somebody did."""
    outcome = move.outcome
    if outcome.reason in _WHY_YOU:
        sentence = _WHY_YOU[outcome.reason].format(pool=outcome.pool_name, rule=outcome.decision.rule)
    elif outcome.reason == "stand_in":
        sentence = "The escalation ladder names you as the next one."
    elif outcome.reason == "claimed":
        sentence = "You claimed it."
    elif outcome.reason == "outside":
        sentence = "The system that sent the lead names you as its owner."
    elif outcome.outcome == "fallback":
        sentence = "Nobody else could take it, and you catch what is left."
    else:
        sentence = f"{by[:1].upper() + by[1:] or 'Somebody'} chose you for it."
    return f"{sentence} {move.why}".strip()


def _note_unrouted(stranded: Sequence[_Move]) -> None:
    for move in stranded:
        move.handoff.unrouted_reason = move.outcome.reason
    update_rows([move.handoff for move in stranded], ["unrouted_reason"])


def _set_retries(waiting: Sequence[_Move]) -> None:
    changed = [move for move in waiting if move.handoff.retry_at != move.outcome.retry_at]
    for move in changed:
        move.handoff.retry_at = move.outcome.retry_at
    update_rows([move.handoff for move in changed], ["retry_at"])


def _set_priorities(moves: Sequence[_Move]) -> None:
    changed = [move for move in moves if move.outcome.priority > move.handoff.priority]
    for move in changed:
        move.handoff.priority = move.outcome.priority
    update_rows([move.handoff for move in changed], ["priority"])


def _turn_clocks(
    gaining: Sequence[_Move],
    leaving: Sequence[_Move],
    now: datetime,
    *,
    first: bool,
    held: Mapping[UUID, TimerRow] | None,
) -> dict[UUID, list[AnyTimer]]:
    """Former owners' clocks end, new ones begin, and the ladder goes to whoever carries it now.

    Gives back the new owners' clocks by handoff.
    """
    cancel([move.handoff.id for move in leaving], reason="moved", now=now, clock="owner", held=held)
    lost = [move.handoff for move in leaving if not move.gains_owner]
    if lost:
        company_takes_ladder(lost, now=now)
    found = [move.handoff for move in gaining if move.old_member_id is None]
    if found and not first:
        company_yields_ladder(found)
    assignments = [move.assignment for move in gaining if move.assignment is not None]
    handoffs = {move.handoff.id: move.handoff for move in gaining}
    calendars = {
        move.outcome.member_id: move.outcome.calendar_version_id
        for move in gaining
        if move.outcome.member_id is not None
    }
    armed: dict[UUID, list[AnyTimer]] = {}
    for timer in arm_owner(assignments, handoffs=handoffs, calendars=calendars):
        armed.setdefault(timer.handoff_id, []).append(timer)
    return armed


# --- Who is told ---


def _tell(news: Sequence[_Move], *, now: datetime, actor: str) -> None:
    """Messages to new owners, former ones and the fallback person. History is told to nobody."""
    live = [move for move in news if not move.handoff.is_history and move.outcome.outcome != "stays"]
    moved = [move.subject for move in live if move.old_member_id or move.handoff.hops]
    if moved:
        expire(moved, now=now, kinds=_MOOT)
    delay = UNDO_SECONDS if actor.startswith("member:") else 0
    messages = [(move, message) for move in live for message in _messages(move, delay)]
    stranded = [move for move in live if move.becomes_unrouted and move.outcome.reason not in _ON_PURPOSE]
    helpless = any(move.outcome.fallback_missing for move in news)
    if stranded:
        fallback_id = load_setup().fallback_id
        helpless = helpless or fallback_id is None
        recipients = [fallback_id] if fallback_id else []
        messages += [(move, _unrouted(move, recipients)) for move in stranded]
    messages += [(move, each) for move in live for each in _offers(move)]
    if helpless:
        _report_missing_fallback(now)
    said = [message for move, message in messages if move.by_hand]
    said += through([_telling(move, message) for move, message in messages if not move.by_hand], now=now)
    enqueue(said, now=now)


def _telling(move: _Move, message: Message) -> Telling:
    """What the engine says by itself goes by the mode of whoever hears it; that a lead has no owner, by the
    organisation's, whoever stands in."""
    heard_by = None if message.kind == "lead.unrouted" else message.member_ids[0]
    return Telling(message, move.handoff.id, heard_by)


def _data(move: _Move) -> dict[str, str]:
    data = {
        "handoff": str(move.handoff.id),
        "lead": str(move.handoff.lead_id),
        "decision": str(move.outcome.decision.id),
        "trigger": move.outcome.decision.trigger,
        "reason": move.outcome.reason,
    }
    if move.assignment is not None:
        data["assignment"] = str(move.assignment.id)
    if move.outcome.member_id is not None:
        data["to"] = str(move.outcome.member_id)
    if move.old_member_id is not None:
        data["from"] = str(move.old_member_id)
    return data


def _messages(move: _Move, delay: int) -> Iterable[Message]:
    data = _data(move)
    if move.assignment is not None:
        yield Message(
            kind="lead.assigned",
            event_id=move.assignment.id,
            subject=move.subject,
            member_ids=[move.assignment.member_id],
            data=data,
            priority=_PRIORITY_ASSIGNED,
            delay_seconds=delay,
        )
    if move.old_member_id is not None:
        yield Message(
            kind="lead.moved",
            event_id=move.outcome.decision.id,
            subject=move.subject,
            member_ids=[move.old_member_id],
            data=data,
            delay_seconds=delay,
        )


def _offers(move: _Move) -> Iterable[Message]:
    """To everybody of the pool who may claim it."""
    for member_id in move.outcome.may_claim:
        yield Message(
            kind="lead.to_claim",
            event_id=move.outcome.decision.id,
            subject=move.subject,
            member_ids=[member_id],
            data=_data(move),
            priority=_PRIORITY_ASSIGNED,
        )


def _unrouted(move: _Move, recipients: list[UUID]) -> Message:
    return Message(
        kind="lead.unrouted",
        event_id=move.outcome.decision.id,
        subject=move.subject,
        member_ids=recipients,
        data=_data(move),
        priority=_PRIORITY_ASSIGNED,
    )


def _report_missing_fallback(now: datetime) -> None:
    """Nobody catches what nobody takes: an operator must see it. One open finding is enough."""
    detail = "No active person is named to catch the leads that nobody takes."
    report([Fault("fallback_missing", "routing", detail)], now=now)
