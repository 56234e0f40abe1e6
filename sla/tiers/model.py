"""What a policy says, once it is checked: tiers, targets, the ladder and pauses. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, get_args
from uuid import UUID

from core.rules import Facts, Rule
from sla.targets import STAGE_TARGETS, Target

Unit = Literal["seconds", "minutes", "business_days", "end_of_day"]
Action = Literal[
    "remind_owner",
    "warn_manager",
    "tell_manager",
    "tell_director",
    "tell_chain",
    "tell_person",
    "raise_priority",
    "call_webhook",
    "reassign",
    "move_to_queue",
]

UNITS: Final[tuple[Unit, ...]] = get_args(Unit)
ACTIONS: Final[tuple[Action, ...]] = get_args(Action)
#: Actions that take the lead from its owner: at the deadline or after it, and one a step.
MOVES: Final[frozenset[Action]] = frozenset({"reassign", "move_to_queue"})
#: Where `reassign` looks before the owner's pool: the backup of the owner's team. A member's id names one.
BACKUP: Final = "backup"
#: Targets that a tier can set, in the order in which people meet them.
TARGETS: Final[tuple[str, ...]] = (*Target.values, *STAGE_TARGETS)
MOST_ATTEMPTS: Final = 50
RESPONSES: Final = ("call", "email", "meeting", "linkedin", "sms")
PAUSERS: Final = ("rep", "manager")
BREACH: Final = 100
DEFAULT_WARNING: Final = 80
MOST_PERCENT: Final = 1_000
#: Steps of one ladder; far more than people can bear to hear.
MOST_STEPS: Final = 50
#: Above this a deadline would lie years ahead: a slip of the pen, not a promise.
LARGEST: Final[dict[str, int]] = {
    "seconds": 31_536_000,
    "minutes": 525_600,
    "business_days": 366,
    "end_of_day": 366,
}


@dataclass(frozen=True, slots=True)
class Duration:
    """How long a target may take. `end_of_day` 0 is the closing time of the day of the next opening."""

    unit: Unit
    amount: int


@dataclass(frozen=True, slots=True)
class TargetSpec:
    """One promise of a tier, and whether it is counted in working time or by the wall clock.

    count: how many contact attempts by people, or messages of a nurture sequence; 0 for any other. channels:
    over how many kinds of touch the attempts are; 0 for any other.
    """

    target: str
    duration: Duration
    wall: bool
    count: int = 0
    channels: int = 0


class Act(NamedTuple):
    """One thing that a step does.

    to: whom `tell_person` tells (a member's id); where `reassign` looks first: "backup", a member's id, or
    "" for the pool.
    """

    do: Action
    to: str = ""

    @property
    def member_id(self) -> UUID | None:
        """The member that it names."""
        return UUID(self.to) if self.to and self.to != BACKUP else None


@dataclass(frozen=True, slots=True)
class Step:
    """One rung: what happens when `at` percent of the time is used, or so long `after` the deadline.

    A step with `after` has an `at` of 0.
    """

    at: int
    actions: tuple[Act, ...]
    after: Duration | None = None

    @property
    def is_late(self) -> bool:
        """Whether it comes after the deadline."""
        return self.after is not None or self.at > BREACH


@dataclass(frozen=True, slots=True)
class Tier:
    slug: str
    name: str
    rule: Rule | None  # none: everybody else
    targets: tuple[TargetSpec, ...]

    def spec(self, target: str) -> TargetSpec | None:
        """The tier's promise for this target, if it makes one."""
        return next((spec for spec in self.targets if spec.target == target), None)

    @property
    def nurture(self) -> TargetSpec | None:
        """The sequence by which a machine answers leads of this tier; None where people do."""
        return self.spec(Target.NURTURE)


@dataclass(frozen=True, slots=True)
class PauseRule:
    """A reason for which the clocks of a handoff may stand still, for how long at most, and who may say so.

    who: "rep" is the lead's owner, "manager" whoever oversees the owner.
    """

    reason: str
    name: str
    at_most: Duration
    who: frozenset[str]


@dataclass(frozen=True, slots=True)
class Policy:
    """A checked policy. `breach` is the index of the ladder's step at 100 percent.

    on_reassign: what a later owner of a lead has: the full time again, what is left of it, or `window` where
    that ends earlier than the full time.
    """

    tiers: tuple[Tier, ...]
    ladder: tuple[Step, ...]
    responses: frozenset[str]
    on_reassign: Literal["restart", "continue", "window"]
    breach: int
    warn_percent: int
    window: Duration | None = None
    pauses: tuple[PauseRule, ...] = ()

    def pause(self, reason: str) -> PauseRule | None:
        """The rule of this reason, where the policy allows it."""
        return next((rule for rule in self.pauses if rule.reason == reason), None)

    def tier(self, slug: str) -> Tier | None:
        """The tier of this slug."""
        return next((tier for tier in self.tiers if tier.slug == slug), None)


def match_tier(policy: Policy, facts: Facts) -> Tier:
    """The first tier whose condition the facts meet. The last has none, so there always is one."""
    for tier in policy.tiers:
        if tier.rule is None or tier.rule.matches(facts):
            return tier
    raise AssertionError("A parsed policy ends with a tier for everybody.")
