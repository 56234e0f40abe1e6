"""Which steps of the ladder are due, which comes next, and whom a step tells. Pure.

Owner timers carry the whole ladder. A company timer carries it while nobody owns the handoff; of an owned
handoff it only records its breach. See docs/engine.md.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sla.tiers import BREACH, MOVES, Act, Action, Policy, Step
from sla.timers import Schedule

#: What each telling action sends, and how urgent it is beside the others.
MESSAGES: Final[Mapping[Action, tuple[str, int]]] = {
    "remind_owner": ("timer.reminder", 0),
    "warn_manager": ("timer.warned", 10),
    "tell_manager": ("timer.breached", 20),
    "tell_director": ("timer.escalated", 20),
    "tell_chain": ("timer.escalated", 20),
    "tell_person": ("timer.escalated", 20),
    "call_webhook": ("timer.step", 0),
}


@dataclass(frozen=True, slots=True)
class Rung:
    """A step that is due: its place in the ladder, when it was due, and what it does on this timer.

    percent: of the time that is used then; above 100 after the deadline.
    """

    index: int
    percent: int
    actions: tuple[Act, ...]
    at: datetime

    @property
    def move(self) -> Act | None:
        """What takes the lead from its owner, if this step does."""
        return next((act for act in self.actions if act.do in MOVES), None)


@dataclass(frozen=True, slots=True)
class Climb:
    """The steps to fire now, in order, and where the timer stands afterwards (next_at None: nothing is
    left).
    """

    rungs: tuple[Rung, ...]
    next_step: int
    next_at: datetime | None

    @property
    def breaches(self) -> bool:
        """Whether the deadline itself is among the steps."""
        return any(rung.percent == BREACH for rung in self.rungs)


@dataclass(frozen=True, slots=True)
class Chain:
    """Whom the steps of one timer can tell, and who stands in for the owner; each may be missing."""

    owner: UUID | None
    manager: UUID | None
    director: UUID | None
    fallback: UUID | None
    backup: UUID | None = None


def actions_of(step: Step, *, owner_clock: bool, carries: bool) -> tuple[Act, ...]:
    """What a step does on this timer: nothing where it only records, no move where nobody owns the lead."""
    if not carries:
        return ()
    if owner_clock:
        return step.actions
    return tuple(act for act in step.actions if act.do not in MOVES)


def climb(
    policy: Policy, plan: Schedule, *, next_step: int, owner_clock: bool, carries: bool, now: datetime
) -> Climb:
    """The steps from `next_step` on whose time has come, each once and in order, however late.

    Stops after a step that moves the lead on: what comes after it depends on whether it could be moved.
    """
    rungs: list[Rung] = []
    indexes = range(next_step, len(policy.ladder)) if carries else range(policy.breach, policy.breach + 1)
    for index in indexes:
        if index < next_step:
            continue
        step = policy.ladder[index]
        at = plan.at_step(step)
        if at > now or (rungs and rungs[-1].move):
            return Climb(tuple(rungs), index, at)
        actions = actions_of(step, owner_clock=owner_clock, carries=carries)
        rungs.append(Rung(index, plan.share_at(step), actions, at))
    return Climb(tuple(rungs), len(policy.ladder), None)


def first_look(policy: Policy, plan: Schedule, *, carries: bool) -> tuple[int, datetime]:
    """Where a newly armed timer stands: its first step and when that is."""
    index = 0 if carries else policy.breach
    return index, plan.at_step(policy.ladder[index])


def next_look(policy: Policy, plan: Schedule, *, next_step: int, carries: bool) -> datetime | None:
    """When the step `next_step` of a timer falls; None where nothing is left that it does."""
    last = len(policy.ladder) - 1 if carries else policy.breach
    return plan.at_step(policy.ladder[next_step]) if next_step <= last else None


def same_place(before: Policy, after: Policy, plan: Schedule, next_step: int) -> int:
    """The step at which a timer that stands before `next_step` of one ladder goes on in another: the first
    one above what it has climbed.

    Up to the deadline steps are compared by share; behind it, by when they come on `plan`, the timer's own.
    """
    if not next_step:
        return 0
    climbed = before.ladder[next_step - 1]
    if climbed.is_late:
        reached = plan.at_step(climbed)
        above = [step.is_late and plan.at_step(step) > reached for step in after.ladder]
    else:
        above = [step.is_late or step.at > climbed.at for step in after.ladder]
    return above.index(True) if True in above else len(after.ladder)


def take_over(
    policy: Policy, plan: Schedule, *, breached: bool, now: datetime
) -> tuple[int, datetime | None]:
    """Where a company timer goes on that takes the ladder over at `now`.

    Steps whose time has gone were the owner's clock's business; the breach is the company's own and never
    skipped.
    """
    for index, step in enumerate(policy.ladder):
        if breached and index <= policy.breach:
            continue
        at = plan.at_step(step)
        if at > now or (index == policy.breach and not breached):
            return index, at
    return len(policy.ladder), None


def recipients(act: Act, chain: Chain, *, active: Collection[UUID] = ()) -> tuple[UUID, ...]:
    """Whom a telling action tells. A missing manager, director or named person is stood in for by the
    fallback person; the reminder of a lead that nobody owns goes to that person too.

    active: the named members who are still there.
    """
    if act.do == "call_webhook":
        return ()
    if act.do == "remind_owner":
        told = [chain.owner or chain.fallback]
    elif act.do == "tell_director":
        told = [chain.director or chain.fallback or chain.manager]
    elif act.do == "tell_person":
        told = [act.member_id if act.member_id in active else chain.fallback or chain.manager]
    elif act.do == "tell_chain":
        told = [chain.manager, chain.director] if chain.manager or chain.director else [chain.fallback]
    else:
        told = [chain.manager or chain.fallback or chain.director]
    return tuple(dict.fromkeys(person for person in told if person))
