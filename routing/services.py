"""Decide who gets what, for one lead or a thousand, under the locks that keep rotations and caps true.

Nothing here touches a handoff or an assignment: handoff.moves does, with what comes out of here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from uuid_utils.compat import uuid7

from core.rules import Facts
from leads.models import Handoff
from routing import facts as reading
from routing.decide import (
    ACCOUNT_OWNER,
    HELD,
    OWNS_ACCOUNT,
    WAITS_FOR_CLAIM,
    DecisionResult,
    Match,
    Openings,
    Strategy,
    choose,
    match,
    refusal,
    with_credit,
    without_credit,
)
from routing.facts import Board, Setup
from routing.models import Decision, Pool, PoolSeat
from routing.traces import packed, snapshot
from tenants.bulk import fresh, insert_rows
from tenants.models import RepProfile

# Who decides when nobody in the pool can: see RouteRequest.
NEVER, IF_NOBODY, ONLY = "never", "if_nobody", "only"
# A lead that is held or may be claimed is looked at again after this long: somebody may have come, or the
# pool been changed.
LOOK_AGAIN = timedelta(minutes=15)
# The reason of a lead that was put in the queue on purpose: nobody gets it but by hand.
QUEUED = "queued"


@dataclass(frozen=True, slots=True)
class RouteRequest:
    """One lead that wants an owner.

    facts:         what the rules are asked about; None where somebody else chose (owner_hint, to_member_id).
    exclude:       earlier owners, who never get it back.
    owner_hint:    the owner that another system chose; kept as it is while that person is active.
    to_member_id:  the choice of a person; caps and rotation do not bind it.
    claimed:       they chose themselves, of a pool where the first to come is served: their caps bind.
    fallback:      where the pool has nobody: "never" (unrouted) or "if_nobody" (the fallback person);
                   "only" asks no pool at all (hop limit).
    stand_in_id:   whom to ask before the pool: gets it while active, at work and not among `exclude`.
    waits_as:      nobody is asked, and it waits without an owner for this reason; "" asks.
    keep_owner_id: whose lead it is now. They are relieved of it if it moves, else it stays theirs.
    may_unroute:   with keep_owner_id: take it from them even if nobody takes it.
    offer:         it is put up to be claimed in the pool that the rules choose; where nobody could claim it,
                   it stays.
    trigger:       what made it move, where that differs within the batch.
    """

    handoff: Handoff
    facts: Facts | None = None
    exclude: Collection[UUID] = ()
    owner_hint: UUID | None = None
    to_member_id: UUID | None = None
    claimed: bool = False
    fallback: str = NEVER
    stand_in_id: UUID | None = None
    waits_as: str = ""
    keep_owner_id: UUID | None = None
    may_unroute: bool = False
    offer: bool = False
    trigger: str = ""


@dataclass(frozen=True, slots=True)
class RouteOutcome:
    """What became of a request.

    outcome: "assigned", "fallback" (the fallback person has it), "unrouted", or "stays" with keep_owner_id.
    fallback_missing: it was the fallback person's turn, and there is nobody active in that place.
    calendar_version_id: in force for the member; None is always open. pool_name: "" where no pool was asked.
    retry_at: of a lead that waits on purpose, when the rules are worth asking again.
    may_claim: who may take it, where the first to come is served.
    """

    handoff_id: UUID
    member_id: UUID | None
    outcome: str
    reason: str
    priority: int
    decision: Decision
    fallback_missing: bool = False
    calendar_version_id: UUID | None = None
    pool_name: str = ""
    retry_at: datetime | None = None
    may_claim: Sequence[UUID] = ()


def route_batch(
    requests: Sequence[RouteRequest], *, trigger: str, now: datetime, setup: Setup | None = None
) -> list[RouteOutcome]:
    """Decide each request in turn, as if they had come one after the other; outcomes in their order.

    Locks the pools and the rep loads concerned. A number of statements that does not grow with the requests.
    The caller is in a transaction and holds the handoffs' locks. setup: as `load_setup` gave it, if it did.
    """
    if not requests:
        return []
    round_, outcomes = _decided(requests, trigger, now, setup or reading.load_setup(), lock=True)
    board = round_.board
    reading.write_counters([board.pools[slug] for slug in round_.turned])
    reading.write_loads(board.loads.values())
    insert_rows(
        [
            outcome.decision
            for request, outcome in zip(requests, outcomes, strict=True)
            if not _is_old_news(request, outcome)
        ]
    )
    return outcomes


def would_route(
    requests: Sequence[RouteRequest], *, trigger: str, now: datetime, setup: Setup
) -> list[RouteOutcome]:
    """What `route_batch` would answer as things stand; nothing is locked or written."""
    return _decided(requests, trigger, now, setup, lock=False)[1] if requests else []


def _decided(
    requests: Sequence[RouteRequest], trigger: str, now: datetime, setup: Setup, *, lock: bool
) -> tuple[_Round, list[RouteOutcome]]:
    """The requests decided, and the board after them."""
    matches = [_match(setup, request) for request in requests]
    chosen = {matched.pool for matched in matches if matched is not None and matched.pool is not None}
    slugs = {slug for pool in chosen for slug in setup.chain(pool)}
    if not slugs:
        pools = []
    elif lock:
        pools = reading.lock_pools(slugs)
    else:
        pools = [pool for pool in reading.read_pools() if pool.slug in slugs]
    board = Board(now)
    named = _named(requests, setup) | _account_owners(matches, setup)
    reading.read_people(board, pools, others=named)
    reading.read_loads(board, board.candidates, lock=lock)
    round_ = _Round(setup=setup, board=board, trigger=trigger, now=now, openings=Openings(now))
    outcomes = [round_.decide(request, matched) for request, matched in zip(requests, matches, strict=True)]
    round_.give_back_tests()
    return round_, outcomes


def _is_old_news(request: RouteRequest, outcome: RouteOutcome) -> bool:
    """A lead that waits and found nobody again, for the reason that is written already: no second record."""
    return outcome.outcome == "unrouted" and request.handoff.unrouted_reason == outcome.reason


def _match(setup: Setup, request: RouteRequest) -> Match | None:
    """What the rules say of a request; None where they are not asked."""
    by_hand = request.to_member_id is not None or request.owner_hint is not None
    if by_hand or request.waits_as or request.fallback == ONLY or not setup.enabled or setup.rule_set is None:
        return None
    if request.facts is None:
        if setup.needs_facts:
            raise ValueError("The rules ask about the lead, so the request needs its facts.")
        return match(setup.rule_set, Facts({}, (), request.handoff.started_at))
    return match(setup.rule_set, request.facts)


def _named(requests: Sequence[RouteRequest], setup: Setup) -> set[UUID]:
    """Everybody whom a request may touch without a seat in a pool."""
    named = set()
    if setup.fallback_id and any(request.fallback != NEVER for request in requests):
        named.add(setup.fallback_id)
    for request in requests:
        named.update(
            member_id
            for member_id in (
                request.owner_hint,
                request.to_member_id,
                request.stand_in_id,
                request.keep_owner_id,
            )
            if member_id is not None
        )
    return named


def _account_owners(matches: Sequence[Match | None], setup: Setup) -> set[UUID]:
    """Who owns the accounts of leads whose pools ask them first."""
    if not setup.owner_first:
        return set()
    return {
        UUID(str(owner))
        for matched in matches
        if matched is not None
        and matched.pool is not None
        and not setup.owner_first.isdisjoint(setup.chain(matched.pool))
        and (owner := matched.facts.values.get(ACCOUNT_OWNER))
    }


@dataclass(slots=True)
class _Round:
    """A batch under way: decisions change the board in memory, so that each sees the ones before it."""

    setup: Setup
    board: Board
    trigger: str
    now: datetime
    openings: Openings
    turned: set[str] = field(default_factory=set)
    tests: list[tuple[str, str]] = field(default_factory=list)  # (pool, member) of turns that test leads took

    def decide(self, request: RouteRequest, matched: Match | None) -> RouteOutcome:
        result = self._result(request, matched)
        missing = False
        if result.member_id is None and request.fallback != NEVER and self.setup.enabled:
            result, missing = self._fall_back(request, result)
        may_unroute = request.may_unroute or (request.offer and result.reason == WAITS_FOR_CLAIM)
        if result.member_id is None and request.keep_owner_id is not None and not may_unroute:
            result = replace(result, member_id=str(request.keep_owner_id), outcome="stays")
        if result.outcome != "stays":
            self._move(request, result)
        if request.handoff.is_test and result.counters_after and result.pool and result.member_id:
            self.tests.append((result.pool, result.member_id))
        decision = self._record(request, result)
        return RouteOutcome(
            handoff_id=request.handoff.id,
            member_id=decision.member_id,
            outcome=result.outcome,
            reason=result.reason,
            priority=result.priority,
            decision=decision,
            fallback_missing=missing,
            calendar_version_id=self._hours(result),
            pool_name=self.board.pool_rows[result.pool].name if decision.pool_id and result.pool else "",
            retry_at=self._retry_at(result),
            may_claim=[UUID(line["member"]) for line in result.candidates if line["reason"] == "may_claim"],
        )

    def _hours(self, result: DecisionResult) -> UUID | None:
        """The calendar that the new owner's clock runs by: their own, or that of a pool with hours of its own
        (an on-call rota), since these are the hours in which they took the lead."""
        if result.member_id is None:
            return None
        pool = self.board.pool_rows.get(result.pool or "")
        if pool is not None and pool.calendar_version_id is not None:
            sits = any(seat.member_id == result.member_id for seat in self.board.pools[pool.slug].seats)
            if result.counters_after is not None or (sits and result.reason == OWNS_ACCOUNT):
                return pool.calendar_version_id
        return self.board.calendars[result.member_id]

    def _retry_at(self, result: DecisionResult) -> datetime | None:
        if result.reason not in (HELD, WAITS_FOR_CLAIM):
            return None
        soon = self.now + LOOK_AGAIN
        return soon if result.opens_at is None else min(soon, result.opens_at)

    def _result(self, request: RouteRequest, matched: Match | None) -> DecisionResult:
        """The choice before the fallback person is thought of."""
        if request.to_member_id is not None and request.claimed:
            return self._claimed_by(str(request.to_member_id), request)
        if request.to_member_id is not None:
            return self._given_to(str(request.to_member_id), "by_hand")
        if request.owner_hint is not None:
            return self._given_to(str(request.owner_hint), "outside")
        if request.waits_as:
            return _plain(None, request.waits_as)
        if request.fallback == ONLY:
            return _plain(None, "hop_limit")
        if request.stand_in_id is not None and self._stands_in(request):
            person = str(request.stand_in_id)
            return _plain(person, "stand_in", _line(person, "chosen", "stand_in"))
        if not self.setup.enabled:
            return _plain(None, "outside")
        if matched is None or self.setup.rule_set is None:
            return _plain(None, "no_rule_set")
        result = choose(
            matched,
            pools=self.board.pools,
            candidates=self.board.candidates,
            now=self.now,
            horizon=self.setup.rule_set.horizon,
            exclude={str(member_id) for member_id in request.exclude},
            openings=self.openings,
            may_wait=request.keep_owner_id is None,
            offer=request.offer,
        )
        if result.counters_after is not None and result.pool is not None:
            self.board.pools[result.pool] = replace(
                self.board.pools[result.pool], counters=result.counters_after
            )
            self.turned.add(result.pool)
        return result

    def _stands_in(self, request: RouteRequest) -> bool:
        """Whether the one whom the ladder names can take it: never one who had it, or who is away."""
        if request.stand_in_id in request.exclude or request.stand_in_id == request.keep_owner_id:
            return False
        person = self.board.candidates.get(str(request.stand_in_id))
        if person is None or not (person.is_active and person.owns_leads):
            return False
        return not any(start <= self.now < end for start, end in person.absences)

    def _given_to(self, member_id: str, reason: str) -> DecisionResult:
        """Somebody else's choice: it stands while the person is there and active."""
        person = self.board.candidates.get(member_id)
        if person is None or not person.is_active:
            return _plain(None, "owner_inactive", _line(member_id, "refused", "inactive"))
        if not person.owns_leads:
            return _plain(None, "owner_owns_no_leads", _line(member_id, "refused", "owns_no_leads"))
        return _plain(member_id, reason, _line(member_id, "chosen", reason))

    def _claimed_by(self, member_id: str, request: RouteRequest) -> DecisionResult:
        """Their own choice: it stands unless they are away, full, off the rotation, or had it before."""
        exclude = {str(each) for each in request.exclude}
        why_not = refusal(self.board.candidates[member_id], 1, self.now, exclude)
        if why_not is not None:
            return _plain(None, why_not, _line(member_id, "refused", why_not))
        return _plain(member_id, "claimed", _line(member_id, "chosen", "claimed"))

    def _fall_back(self, request: RouteRequest, result: DecisionResult) -> tuple[DecisionResult, bool]:
        """Hand it to the fallback person, unless it was theirs before; True if there is no such person."""
        fallback_id = self.setup.fallback_id
        if fallback_id is None:
            return replace(result, reason="fallback_missing"), True
        if fallback_id in request.exclude or fallback_id == request.keep_owner_id:
            return replace(result, reason="fallback_had_it"), False
        person = str(fallback_id)
        given = replace(
            result,
            member_id=person,
            outcome="fallback",
            reason="fallback",
            candidates=[*result.candidates, _line(person, "chosen", "fallback")],
            nobody=result.reason,
        )
        return given, False

    def _move(self, request: RouteRequest, result: DecisionResult) -> None:
        """Count the lead away from its owner and to the new one."""
        if request.keep_owner_id is not None:
            self._count(str(request.keep_owner_id), -1)
        if result.member_id is not None:
            self._count(result.member_id, 1, test=request.handoff.is_test)

    def give_back_tests(self) -> None:
        """Whoever got a test lead keeps their place in the rotation: it was no turn of theirs."""
        for slug, member_id in self.tests:
            pool = self.board.pools[slug]
            seat = next((seat.weight for seat in pool.seats if seat.member_id == member_id), 0)
            weight = seat * self.board.candidates[member_id].weight
            if pool.strategy is Strategy.ROUND_ROBIN:  # everybody's turn is as long
                weight = min(weight, 1)
            counters = with_credit(pool.counters, member_id, weight)
            self.board.pools[slug] = replace(pool, counters=counters)

    def _count(self, member_id: str, change: int, *, test: bool = False) -> None:
        """Test leads are work that is open, and count towards no day's or week's cap."""
        load = self.board.loads[member_id]
        load.open_leads = max(0, load.open_leads + change)
        load.changed = True
        person = self.board.candidates[member_id]
        person.open_leads = load.open_leads
        if change > 0 and not test:
            load.leads_today += 1
            load.leads_this_week += 1
            load.last_assigned_at = self.now
            person.leads_today, person.leads_this_week = load.leads_today, load.leads_this_week
            person.last_assigned_at = self.now

    def _record(self, request: RouteRequest, result: DecisionResult) -> Decision:
        pool = self.board.pool_rows.get(result.pool or "")
        return fresh(
            Decision,
            id=uuid7(),
            handoff_id=request.handoff.id,
            at=self.now,
            trigger=request.trigger or self.trigger,
            rule_set_version_id=self.setup.rule_set_id,
            pool_id=pool.id if pool else None,
            rule=result.rule[:80],
            member_id=UUID(result.member_id) if result.member_id else None,
            outcome=result.outcome,
            reason=result.reason,
            trace=packed(result.trace, result.counters_after),
            inputs=snapshot(result.matched.rule_set, result.matched.facts) if result.matched else None,
        )


def _plain(member_id: str | None, reason: str, *lines: dict[str, str]) -> DecisionResult:
    """A result that no rule made."""
    return DecisionResult(
        member_id=member_id,
        outcome="unrouted" if member_id is None else "assigned",
        reason=reason,
        pool=None,
        rule="",
        priority=0,
        candidates=lines,
    )


def _line(member_id: str, result: str, reason: str) -> dict[str, str]:
    return {"member": member_id, "result": result, "reason": reason}


def release(counts: Mapping[UUID, int], *, now: datetime) -> None:
    """Lower the open leads of members, {member id: how many}: their handoffs closed. Locks their loads."""
    _shift_open({member_id: -number for member_id, number in counts.items()}, now=now)


def take_up(counts: Mapping[UUID, int], *, now: datetime) -> None:
    """Raise the open leads of members, {member id: how many}: handoffs that had ended go on. Locks their
    loads."""
    _shift_open(counts, now=now)


@transaction.atomic
def _shift_open(changes: Mapping[UUID, int], *, now: datetime) -> None:
    wanted = {member_id: change for member_id, change in changes.items() if change}
    board = Board(now)
    reading.read_loads(board, map(str, wanted), lock=True)
    for member_id, change in wanted.items():
        load = board.loads[str(member_id)]
        load.open_leads = max(0, load.open_leads + change)
        load.changed = True
    reading.write_loads(board.loads.values())


@transaction.atomic
def give_credit(*, member_id: UUID, pool_id: UUID) -> bool:
    """Give a turn back to a member whose lead was no good ("bad contact data"). A breach earns none.

    False where they sit in the pool no more or have taken no turn in it yet.
    """
    return _count_turn(member_id, pool_id, with_credit)


@transaction.atomic
def take_credit(*, member_id: UUID, pool_id: UUID) -> bool:
    """Let a turn that was given back count after all: the answer that gave it back was taken back itself."""
    return _count_turn(member_id, pool_id, without_credit)


def _count_turn(
    member_id: UUID, pool_id: UUID, count: Callable[[Mapping[str, int], str, int], dict[str, int]]
) -> bool:
    pool: Pool | None = Pool.objects.select_for_update(of=("self",)).filter(id=pool_id).first()
    seat = (
        PoolSeat.objects.filter(pool_id=pool_id, member_id=member_id).values_list("weight", flat=True).first()
    )
    if pool is None or seat is None or str(member_id) not in pool.counters:
        return False
    own = RepProfile.objects.filter(member_id=member_id).values_list("weight", flat=True).first()
    pool.counters = count(pool.counters, str(member_id), seat * (1 if own is None else own))
    reading.write_counters([pool])
    return True
