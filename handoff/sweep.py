"""The sweep: fires every step of the ladder whose time has come, exactly once, whatever dies meanwhile.

One turn is one transaction of one organisation: claim handoffs with due timers (skipping those that somebody
else holds), lock their timers, read the clock, decide in memory, write everything set-based: events, the
timers, the moves to the next owner with their successor timers, the messages. Either all of it is there or
nothing is. See docs/engine.md for what is promised and why.
"""

from __future__ import annotations

import json
import logging
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final
from uuid import UUID

from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection, transaction
from uuid_utils.compat import uuid7

from handoff import rotation
from handoff.moves import MoveRequest, MoveResult, reassign
from handoff.shadow import Gate, gate_of, held_step, hold_back
from leads.models import Assignment, Handoff
from leads.services import mark_dirty
from notifications.outbox import Message, enqueue, expire
from routing.facts import load_setup
from sla.findings import Fault, report
from sla.ladder import MESSAGES, Chain, Climb, Rung, climb, recipients
from sla.models import Timer
from sla.policies import load_policy, plan_of
from sla.rows import TimerRow, read_timers, update_timers
from sla.selectors import active_among, chains_of, tenants_with_due_timers
from sla.services import Answer, cancel, meet_all
from sla.targets import answered_at
from sla.tiers import BACKUP, Act
from tenants.bulk import update_rows
from tenants.clock import Clock, database_clock
from tenants.config import steady_config
from tenants.context import current_tenant_id, tenant_scope
from tenants.roundtrips import write

logger = logging.getLogger(__name__)

ACTOR: Final = "engine"
#: Due timers that one turn of one organisation takes at most: a big one cannot keep the others waiting.
TURN: Final = 500
#: Minutes until a timer that raised is tried again, by the number of times it has raised; then it has failed.
BACK_OFF_MINUTES: Final = (1, 5, 15, 60, 240)
#: What `raise_priority` adds; rules give priorities of their own, within the column's bounds.
PRIORITY_STEP: Final = 10
HIGHEST_PRIORITY: Final = 1_000
#: Told already by the breach that follows in the same breath.
_MOOT_AT_BREACH: Final = ("timer.reminder", "timer.warned")


@dataclass(slots=True)
class SweepResult:
    """What one turn did. `taken` timers were due; `fired` steps (several a timer after a pause)."""

    taken: int = 0
    fired: int = 0
    breached: int = 0
    moved: int = 0
    poisoned: int = 0
    worst_lateness_ms: int = 0

    def add(self, other: SweepResult) -> None:
        """Count another turn in."""
        self.taken += other.taken
        self.fired += other.fired
        self.breached += other.breached
        self.moved += other.moved
        self.poisoned += other.poisoned
        self.worst_lateness_ms = max(self.worst_lateness_ms, other.worst_lateness_ms)


def sweep(*, clock: Clock = database_clock, seconds: float = 15.0, turn: int = TURN) -> SweepResult:
    """Take turns with every organisation that has due timers until none has, or the time is used up.

    Each round asks anew who has any: what falls due while a big organisation is worked off waits for one
    round, not for the next sweep. seconds: of work at most; what is left waits for the next tick. An
    organisation whose turn raises is left out of this sweep, and the others go on.
    """
    total = SweepResult()
    until = time.monotonic() + seconds
    broken: set[UUID] = set()
    while waiting := [each for each in tenants_with_due_timers(clock()) if each not in broken]:
        random.shuffle(waiting)
        taken = 0
        for tenant_id in waiting:
            if time.monotonic() > until:
                return total
            try:
                result = sweep_tenant(tenant_id, clock=clock, limit=turn)
            except SoftTimeLimitExceeded:
                raise
            except Exception:
                logger.exception("The sweep of an organisation failed.", extra={"tenant": str(tenant_id)})
                broken.add(tenant_id)
                continue
            total.add(result)
            taken += result.taken
        if not taken:  # others hold what is left
            break
    return total


def sweep_tenant(tenant_id: UUID, *, clock: Clock = database_clock, limit: int = TURN) -> SweepResult:
    """One turn: fire what is due of one organisation, at most `limit` timers, in one transaction.

    A batch that raises is rolled back and replayed timer by timer; one that raises again backs off alone.
    """
    with tenant_scope(tenant_id):
        handoffs = _claim(clock(), limit)
        if not handoffs:
            return SweepResult()
        timers = _lock_due_timers(list(handoffs), clock())
        now = clock()  # after the locks: whoever answered before us has committed, and is seen
        try:
            with transaction.atomic(), steady_config():
                result = _fire(handoffs, timers, now)
                connection.check_constraints()  # deferred keys too: a bad row must fail here, not at commit
        except Exception as error:
            _raise_if_not_about_a_row(error)
            logger.warning("A batch of timers failed and is replayed one by one.", exc_info=True)
            result = _replay([timer.id for timer in timers], now)
        result.taken = len(timers)
        return result


def _claim(moment: datetime, limit: int) -> dict[UUID, Handoff]:
    """Lock handoffs that have due timers, the longest overdue first, skipping those held by others.

    No-key locks: rows that refer to a handoff may be written meanwhile, changes of the handoff itself wait.
    """
    claimed = (
        Handoff.objects.filter(timers__tenant_id=current_tenant_id(), timers__next_at__lte=moment)
        .order_by("timers__next_at")
        .select_for_update(skip_locked=True, of=("self",), no_key=True)
        .values_list("id", flat=True)[:limit]
    )
    # A handoff with two due timers is claimed twice. Its row is read once, and after the lock.
    ids = set(claimed)
    if not ids:
        return {}
    return {handoff.id: handoff for handoff in Handoff.objects.filter(id__among=ids).defer("verdict")}


def _lock_due_timers(handoff_ids: Sequence[UUID], moment: datetime) -> list[TimerRow]:
    timers = Timer.objects.filter(handoff_id__among=handoff_ids, next_at__lte=moment)
    return read_timers(timers.order_by("id").select_for_update(no_key=True))


@dataclass(slots=True)
class _Firing:
    """A due timer with the steps it takes now. shadow: they are only written down."""

    timer: TimerRow
    handoff: Handoff
    climb: Climb
    owned: bool
    shadow: bool = False
    event_ids: list[UUID] = field(default_factory=list)

    @property
    def move(self) -> Act | None:
        """The step's order to take the lead from its owner; not in shadow, where the clock climbs on."""
        if self.shadow:
            return None
        return next((rung.move for rung in self.climb.rungs if rung.move), None)


def _fire(handoffs: Mapping[UUID, Handoff], timers: Sequence[TimerRow], now: datetime) -> SweepResult:
    """Decide and write for a batch of locked, due timers."""
    firings, answered, stray = [], [], []
    gate = gate_of(handoff.owner_id for handoff in handoffs.values())
    for timer in timers:
        handoff = handoffs[timer.handoff_id]
        answer = _answer_of(handoff, timer)
        if handoff.state != Handoff.State.OPEN:
            stray.append(timer)
        elif answer is not None:
            answered.append(answer)
        else:
            firing = _firing(handoff, timer, now)
            firing.shadow = gate.holds(handoff.owner_id)
            firings.append(firing)
    if answered:
        meet_all(answered, now=now)
    if stray:
        cancel([timer.handoff_id for timer in stray], reason="closed", now=now)
    moving = [firing for firing in firings if firing.move]
    _write_timers([firing for firing in firings if not firing.move])
    _write_events(firings, now)
    _hold_back([firing for firing in firings if firing.shadow], gate, now)
    moves = _move(moving, now)
    _raise_priorities(firings)
    _write_timers([firing for firing in moving if firing.timer.closed_at is None])  # the others ended there
    _tell(firings, moves, now)
    _take_off_rotation(firings, now)
    # Those that moved were marked when they did.
    moved = {handoff_id for handoff_id, result in moves.items() if result.assignment}
    mark_dirty({timer.handoff_id for timer in timers} - moved, now)
    return SweepResult(
        fired=sum(len(firing.climb.rungs) for firing in firings),
        breached=sum(firing.climb.breaches for firing in firings),
        moved=sum(result.outcome in ("assigned", "fallback") for result in moves.values()),
        worst_lateness_ms=max((_lateness_ms(r.at, now) for f in firings for r in f.climb.rungs), default=0),
    )


def _answer_of(handoff: Handoff, timer: TimerRow) -> Answer | None:
    """The answer that the handoff already has for this target: then there is nothing to fire."""
    if timer.state != Timer.State.RUNNING:
        return None
    at = answered_at(handoff, timer.target)
    return None if at is None else Answer(handoff.id, timer.target, at)


def _firing(handoff: Handoff, timer: TimerRow, now: datetime) -> _Firing:
    """Climb the ladder of a due timer, in memory: what is changed on it here is written later."""
    owner_clock = timer.clock == Timer.Clock.OWNER
    owned = handoff.owner_id is not None
    steps = climb(
        load_policy(timer.policy_version_id),
        plan_of(timer),
        next_step=timer.next_step,
        owner_clock=owner_clock,
        carries=owner_clock or not owned,
        now=now,
    )
    timer.next_step, timer.next_at = steps.next_step, steps.next_at
    timer.attempts = 0
    if steps.breaches:
        timer.state, timer.breached_at = Timer.State.BREACHED, timer.due_at
    return _Firing(timer, handoff, steps, owned)


def _lateness_ms(at: datetime, now: datetime) -> int:
    return max(0, (now - at) // timedelta(milliseconds=1))


def _write_timers(firings: Sequence[_Firing]) -> None:
    fields = ["state", "breached_at", "next_step", "next_at", "attempts"]
    update_timers([firing.timer for firing in firings], fields)


def _take_off_rotation(firings: Sequence[_Firing], now: datetime) -> None:
    """Whoever let one promise too many break in a row, where the organisation wants that looked at."""
    setup = load_setup()
    if setup.breaches_in_a_row is None:
        return
    broke = {
        firing.timer.member_id
        for firing in firings
        if firing.climb.breaches and firing.timer.member_id is not None and not firing.shadow
    }
    rotation.take_off(broke, limit=setup.breaches_in_a_row, fallback_id=setup.fallback_id, now=now)


_INSERT_EVENTS: Final = """
insert into sla_timerevent (id, tenant_id, timer_id, handoff_id, generation, step, percent, actions, due_at,
    fired_at, lateness_ms, shadow)
select id, %s::uuid, timer_id, handoff_id, generation, step, percent, actions::jsonb, due_at,
    %s::timestamptz, lateness_ms, shadow
from unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::int[], %s::int[], %s::int[], %s::text[],
    %s::timestamptz[], %s::bigint[], %s::boolean[])
    as fired(id, timer_id, handoff_id, generation, step, percent, actions, due_at, lateness_ms, shadow)
"""


def _write_events(firings: Sequence[_Firing], now: datetime) -> None:
    """One event a step. Plain columns and not model instances: this is the sweep's longest list."""
    rows: list[tuple[Any, ...]] = []
    for firing in firings:
        timer = firing.timer
        for rung in firing.climb.rungs:
            event_id = uuid7()
            firing.event_ids.append(event_id)
            rows.append(
                (
                    event_id,
                    timer.id,
                    timer.handoff_id,
                    timer.generation,
                    rung.index,
                    rung.percent,
                    _as_json(rung.actions),
                    rung.at,
                    _lateness_ms(rung.at, now),
                    firing.shadow,
                )
            )
    if rows:
        columns = [list(column) for column in zip(*rows, strict=True)]
        write(_INSERT_EVENTS, [str(current_tenant_id()), now, *columns])


@cache
def _as_json(actions: tuple[Act, ...]) -> str:
    return json.dumps([act.do for act in actions])


def _move(firings: Sequence[_Firing], now: datetime) -> dict[UUID, MoveResult]:
    """Move on the leads whose owners broke a promise, each once even if two of its targets broke; by
    handoff.
    """
    if not firings:
        return {}
    leaving = {firing.handoff.id: firing for firing in firings}
    held = {firing.timer.id: firing.timer for firing in firings}
    chains = chains_of({firing.timer.member_id for firing in firings if firing.timer.member_id})
    requests = [
        MoveRequest(
            firing.handoff,
            Assignment.EndReason.BREACH,
            why="Its last owner did not answer in time.",
            stand_in_id=_stand_in(firing.move, firing.timer, chains),
            to_queue=firing.move is not None and firing.move.do == "move_to_queue",
        )
        for firing in leaving.values()
    ]
    return {result.handoff_id: result for result in reassign(requests, now=now, actor=ACTOR, held=held)}


def _stand_in(move: Act | None, timer: TimerRow, chains: Mapping[UUID | None, Chain]) -> UUID | None:
    """Whom the step names as the next owner, before the pool is asked."""
    if move is None or timer.member_id is None:
        return None
    return chains[timer.member_id].backup if move.to == BACKUP else move.member_id


def _hold_back(firings: Sequence[_Firing], gate: Gate, now: datetime) -> None:
    """Write down what the steps of teams in shadow would have done."""
    if not firings:
        return
    chains = chains_of({firing.timer.member_id for firing in firings if firing.timer.member_id})
    hold_back(
        [
            held_step(
                firing.handoff,
                rung,
                event_id=event_id,
                target=firing.timer.target,
                stand_in_id=_stand_in(rung.move, firing.timer, chains),
                gate=gate,
                now=now,
            )
            for firing in firings
            for rung, event_id in zip(firing.climb.rungs, firing.event_ids, strict=True)
            if rung.actions
        ]
    )


def _raise_priorities(firings: Sequence[_Firing]) -> None:
    """After the moves, whose rules set a priority of their own."""
    raised = [
        firing.handoff
        for firing in firings
        if not firing.shadow
        for rung in firing.climb.rungs
        if any(act.do == "raise_priority" for act in rung.actions)
    ]
    for handoff in raised:
        handoff.priority = min(handoff.priority + PRIORITY_STEP, HIGHEST_PRIORITY)
    update_rows(list({handoff.id: handoff for handoff in raised}.values()), ["priority"])


def _tell(firings: Sequence[_Firing], moves: Mapping[UUID, MoveResult], now: datetime) -> None:
    """Queue what the steps say. A reminder that its own breach has overtaken is written, and expires
    unsent.
    """
    owners = {firing.timer.member_id for firing in firings if firing.timer.member_id}
    chains = chains_of(owners, fallback_id=load_setup().fallback_id)
    acts = {act for firing in firings for rung in firing.climb.rungs for act in rung.actions}
    named = {act.member_id for act in acts if act.do == "tell_person" and act.member_id}
    active = active_among(frozenset(named)) if named else frozenset()
    messages = []
    for firing in firings:
        chain = chains[firing.timer.member_id if firing.owned else None]
        for rung, event_id in zip(firing.climb.rungs, firing.event_ids, strict=True):
            telling = [act for act in rung.actions if act.do in MESSAGES]
            if not telling:
                continue
            data = _data(firing, rung, event_id, moves.get(firing.handoff.id), now)
            for act in telling:
                kind, priority = MESSAGES[act.do]
                messages.append(
                    Message(
                        kind=kind,
                        event_id=event_id,
                        subject=f"handoff:{firing.handoff.id}",
                        member_ids=recipients(act, chain, active=active),
                        data=data,
                        priority=priority,
                        suppressed=firing.shadow,
                    )
                )
    enqueue(messages, now=now)
    broken = {
        f"handoff:{firing.handoff.id}"
        for firing in firings
        if firing.climb.breaches and firing.owned and not firing.shadow
    }
    if broken:
        expire(broken, now=now, kinds=_MOOT_AT_BREACH)


def _data(
    firing: _Firing, rung: Rung, event_id: UUID, move: MoveResult | None, now: datetime
) -> dict[str, Any]:
    """Ids and times only: the message is worded when it is sent. "from" is the owner judged, "to" the next
    one.
    """
    timer = firing.timer
    data: dict[str, Any] = {
        "handoff": str(firing.handoff.id),
        "lead": str(firing.handoff.lead_id),
        "timer": str(timer.id),
        "event": str(event_id),
        "target": timer.target,
        "tier": timer.tier,
        "percent": rung.percent,
        "started_at": timer.started_at.isoformat(),
        "due_at": timer.due_at.isoformat(),
        "at": now.isoformat(),
        "late_ms": _lateness_ms(rung.at, now),
    }
    if timer.member_id:
        data["from"] = str(timer.member_id)
    if move and move.new_member_id and move.outcome in ("assigned", "fallback"):
        data["to"] = str(move.new_member_id)
    return data


# --- Poison ---


def _replay(timer_ids: Sequence[UUID], now: datetime) -> SweepResult:
    """Fire each timer of a failed batch by itself; what raises backs off and leaves the others alone."""
    total = SweepResult()
    for timer_id in timer_ids:
        try:
            with transaction.atomic():
                # Read again: the failed batch changed its instances, and another may have moved the lead.
                found = read_timers(Timer.objects.filter(id=timer_id, next_at__lte=now))
                if not found:
                    continue
                (timer,) = found
                handoff = Handoff.objects.get(id=timer.handoff_id)
                result = _fire({handoff.id: handoff}, [timer], now)
                connection.check_constraints()
        except Exception as error:
            _raise_if_not_about_a_row(error)
            _back_off(timer_id, error, now)
            total.poisoned += 1
        else:
            total.add(result)
    return total


def _back_off(timer_id: UUID, error: Exception, now: datetime) -> None:
    """Try a timer that raised again later and later; in the end mark it failed and call a person, once."""
    logger.error("A timer could not be fired.", exc_info=error, extra={"timer": str(timer_id)})
    timer = Timer.objects.get(id=timer_id)
    timer.last_error = f"{type(error).__name__}: {error}"[:300]
    timer.attempts += 1
    if timer.attempts <= len(BACK_OFF_MINUTES):
        timer.next_at = now + timedelta(minutes=BACK_OFF_MINUTES[timer.attempts - 1])
    else:
        timer.state, timer.next_at = Timer.State.FAILED, None
        report([Fault("timer_failed", f"timer:{timer.id}", timer.last_error)], now=now)
    update_timers([timer], ["state", "next_at", "attempts", "last_error"])


def _raise_if_not_about_a_row(error: Exception) -> None:
    """A lost connection or a used-up time limit is no fault of a timer: let the whole turn roll back."""
    if isinstance(error, SoftTimeLimitExceeded):
        raise error
    link = connection.connection
    if link is None or link.closed:
        raise error


__all__ = ["ACTOR", "TURN", "SweepResult", "sweep", "sweep_tenant"]
