"""Which steps of the ladder are due, which comes next, and whom a step tells. Pure.

Owner timers carry the whole ladder. A company timer carries it while nobody owns the handoff; of an owned
handoff it only records its breach. See docs/engine.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sla.tiers import BREACH, Action, Policy, Step
from sla.timers import Schedule

#: What each telling action sends, and how urgent it is beside the others.
MESSAGES: Final[Mapping[Action, tuple[str, int]]] = {
    "remind_owner": ("timer.reminder", 0),
    "warn_manager": ("timer.warned", 10),
    "tell_manager": ("timer.breached", 20),
    "tell_director": ("timer.escalated", 20),
}


@dataclass(frozen=True, slots=True)
class Rung:
    """A step that is due: its place in the ladder, when it was due, and what it does on this timer."""

    index: int
    percent: int
    actions: tuple[Action, ...]
    at: datetime


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
    """Whom the steps of one timer can tell; each may be missing."""

    owner: UUID | None
    manager: UUID | None
    director: UUID | None
    fallback: UUID | None


def actions_of(step: Step, *, owner_clock: bool, carries: bool) -> tuple[Action, ...]:
    """What a step does on this timer: nothing where it only records, no move where nobody owns the lead."""
    if not carries:
        return ()
    if owner_clock:
        return step.actions
    return tuple(action for action in step.actions if action != "reassign")


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
        at = plan.at_percent(step.at)
        if at > now or (rungs and "reassign" in rungs[-1].actions):
            return Climb(tuple(rungs), index, at)
        rungs.append(Rung(index, step.at, actions_of(step, owner_clock=owner_clock, carries=carries), at))
    return Climb(tuple(rungs), len(policy.ladder), None)


def first_look(policy: Policy, plan: Schedule, *, carries: bool) -> tuple[int, datetime]:
    """Where a newly armed timer stands: its first step and when that is."""
    index = 0 if carries else policy.breach
    return index, plan.at_percent(policy.ladder[index].at)


def next_look(policy: Policy, plan: Schedule, *, next_step: int, carries: bool) -> datetime | None:
    """When the step `next_step` of a timer falls; None where nothing is left that it does."""
    last = len(policy.ladder) - 1 if carries else policy.breach
    return plan.at_percent(policy.ladder[next_step].at) if next_step <= last else None


def same_place(before: Policy, after: Policy, next_step: int) -> int:
    """The step at which a timer that stands before `next_step` of one ladder goes on in another: the first
    one above what it has climbed.
    """
    climbed = before.ladder[next_step - 1].at if next_step else 0
    return next((index for index, step in enumerate(after.ladder) if step.at > climbed), len(after.ladder))


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
        at = plan.at_percent(step.at)
        if at > now or (index == policy.breach and not breached):
            return index, at
    return len(policy.ladder), None


def recipient(action: Action, chain: Chain) -> UUID | None:
    """Whom a telling action tells. A missing manager or director is stood in for by the named fallback
    person; the reminder of a lead that nobody owns goes to that person too.
    """
    if action == "remind_owner":
        return chain.owner or chain.fallback
    if action == "tell_director":
        return chain.director or chain.fallback or chain.manager
    return chain.manager or chain.fallback or chain.director
