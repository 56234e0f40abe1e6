"""What a target is: when its clock begins in a handoff, when it is answered, and how it is called. Pure.

A target is one of `Target`, or leads from stage to stage of the lifecycle: "sal_to_sql" begins when
a lead becomes SAL and is answered when it becomes SQL or anything behind that.
"""

from __future__ import annotations

from datetime import datetime
from itertools import combinations
from typing import TYPE_CHECKING, Final

from django.db import models

from leads.lifecycle import Stage

if TYPE_CHECKING:
    from leads.models import Handoff


class Target(models.TextChoices):
    """The targets that have a name of their own."""

    FIRST_TOUCH = "first_touch", "First touch"
    DECISION = "decision", "Accept or reject"
    ATTEMPTS = "attempts", "Contact attempts"
    SQL_DECISION = "sql_decision", "SQL decision"
    NURTURE = "nurture", "Nurture sequence"


#: Stages that a lead walks through within one handoff, in their order, and the column that keeps when.
STAGE_COLUMNS: Final[dict[Stage, str]] = {
    Stage.MQL: "started_at",
    Stage.SAL: "accepted_at",
    Stage.SQL: "sql_at",
    Stage.OPPORTUNITY: "opportunity_at",
    Stage.WON: "closed_at",
}
_BETWEEN: Final = "_to_"
#: Every target from stage to stage, with both of its ends.
STAGE_TARGETS: Final[dict[str, tuple[Stage, Stage]]] = {
    f"{start}{_BETWEEN}{end}": (start, end) for start, end in combinations(STAGE_COLUMNS, 2)
}
#: Kept by a machine: nobody who owns the lead is judged by these, so they have a company clock only.
COMPANY_ONLY: Final = frozenset({Target.NURTURE})
_BEGINS: Final[dict[str, Stage]] = {
    Target.FIRST_TOUCH: Stage.MQL,
    Target.DECISION: Stage.MQL,
    Target.ATTEMPTS: Stage.MQL,
    Target.SQL_DECISION: Stage.SAL,
    Target.NURTURE: Stage.MQL,
} | {target: start for target, (start, _) in STAGE_TARGETS.items()}
#: For queries: the column of a handoff that says when a target was answered.
ANSWER_COLUMNS: Final[dict[str, str]] = {
    Target.FIRST_TOUCH: "first_touch_at",
    Target.DECISION: STAGE_COLUMNS[Stage.SAL],
    Target.ATTEMPTS: "attempts_at",
    Target.SQL_DECISION: STAGE_COLUMNS[Stage.SQL],
    Target.NURTURE: "nurtured_at",
} | {target: STAGE_COLUMNS[end] for target, (_, end) in STAGE_TARGETS.items()}
#: The same for when its clock begins.
BEGIN_COLUMNS: Final[dict[str, str]] = {target: STAGE_COLUMNS[stage] for target, stage in _BEGINS.items()}


def begins_at(handoff: Handoff, target: str) -> datetime | None:
    """When the clock of this target began in the handoff; None while it has not."""
    found: datetime | None = getattr(handoff, BEGIN_COLUMNS[target])
    return found


def answered_at(handoff: Handoff, target: str) -> datetime | None:
    """When the handoff answered this target as far as it knows; None while it has not."""
    found: datetime | None = getattr(handoff, ANSWER_COLUMNS[target])
    return found


def begun_by(stage: Stage) -> frozenset[str]:
    """The targets whose clocks begin when a lead comes to this stage."""
    return frozenset(target for target, start in _BEGINS.items() if start == stage)


def answered_by(stage: Stage) -> frozenset[str]:
    """The targets that a lead answers by coming to this stage: what ends there, or at a stage before it."""
    reached = list(STAGE_COLUMNS)[: list(STAGE_COLUMNS).index(stage) + 1]
    found = {target for target, (_, end) in STAGE_TARGETS.items() if end in reached}
    if Stage.SAL in reached:
        found.add(Target.DECISION)
    if Stage.SQL in reached:
        found.add(Target.SQL_DECISION)
    return frozenset(found)


def label(target: str) -> str:
    """ "First touch", "SAL to SQL"; also of a target that this code does not know."""
    if target in Target.values:
        return str(Target(target).label)
    if target in STAGE_TARGETS:
        start, end = STAGE_TARGETS[target]
        return f"{start.label} to {end.label}"
    return target.replace("_", " ").capitalize()


def place(target: str) -> tuple[int, str]:
    """Where a target stands among others: those with a name first, then from stage to stage."""
    known = [*Target.values, *STAGE_TARGETS]
    return (known.index(target) if target in known else len(known)), target
