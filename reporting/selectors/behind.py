"""The leads behind the numbers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet, UUIDField, Value

from leads.models import Assignment
from reporting.measures import ANSWERED, Verdict, is_verdict
from reporting.models import TargetFact
from reporting.selectors.names import Names
from reporting.selectors.questions import Question, facts
from sla.models import TimerEvent


def clocks_behind(
    question: Question,
    *,
    now: datetime,
    target: str | None = None,
    verdict: Verdict | None = None,
    answered: bool = False,
    unanswered: bool = False,
) -> QuerySet[TargetFact]:
    """The clocks that one number counts: exactly those, so that lists and numbers agree.

    answered: those with a response time. unanswered: those that somebody can still answer.
    """
    found = facts(question)
    if target is not None:
        found = found.filter(target=target)
    if verdict is not None:
        found = found.filter(is_verdict(verdict, now))
    if answered:
        found = found.filter(ANSWERED)
    if unanswered:
        found = found.filter(closed_at__isnull=True)
    return found


def stories(rows: Iterable[TargetFact], *, names: Names) -> dict[UUID, list[tuple[str, datetime | None]]]:
    """What happened to each of these clocks, by fact: (words, when) in order; one query for any number.

    Warnings and moves come from the record; an answer and an end from the clock itself.
    """
    wanted = list(rows)
    timers, handoffs = [row.id for row in wanted], {row.handoff_id for row in wanted}
    warnings = TimerEvent.objects.filter(
        handoff_id__in=handoffs, timer_id__in=timers, percent__lt=100, shadow=False
    )
    later_owners = Assignment.objects.filter(handoff_id__in=handoffs, hop__gt=0)
    nobody = Value(None, output_field=UUIDField())
    record = warnings.values_list("timer_id", "fired_at", nobody).union(
        later_owners.values_list("handoff_id", "started_at", "member_id"), all=True
    )
    warned: dict[UUID, datetime] = {}
    moves: dict[UUID, list[tuple[datetime, str]]] = {}
    for key, at, member_id in record:
        if member_id is None:
            warned[key] = max(at, warned.get(key, at))
        else:
            moves.setdefault(key, []).append((at, names.of("rep", member_id)[0]))
    told: dict[UUID, list[tuple[str, datetime | None]]] = {}
    for row in wanted:
        story: list[tuple[str, datetime | None]] = []
        if row.id in warned:
            story.append(("Warned", warned[row.id]))
        story += [(f"Moved to {name}", at) for at, name in moves.get(row.handoff_id, ())]
        if row.met_at is not None:
            story.append(("Answered", row.met_at))
        elif row.closed_at is not None and row.verdict != "cancelled":
            story.append(("Ended unanswered", row.closed_at))
        elif row.verdict == "cancelled":
            story.append(("Called off", row.closed_at))
        told[row.id] = sorted(story, key=lambda each: each[1] or row.due_at)
    return told
