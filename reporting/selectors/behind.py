"""The leads behind the numbers."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from functools import reduce
from operator import or_
from uuid import UUID

from django.db.models import Q, QuerySet, Sum, UUIDField, Value

from leads.models import Assignment
from reporting.measures import (
    ANSWERED,
    JUDGED,
    LEFT_OUT,
    NEVER,
    RESPONSES,
    Verdict,
    has_passed,
    is_verdict,
    range_of_response,
)
from reporting.models import TargetFact
from reporting.selectors.names import Names
from reporting.selectors.questions import Question, facts
from reporting.selectors.rolled import Ground, cells, cube_for
from sla.models import TimerEvent
from web.pagination import Page, behind, page_of


def clocks_behind(
    question: Question,
    *,
    now: datetime,
    target: str | None = None,
    verdict: Verdict | None = None,
    answered: bool = False,
    unanswered: bool = False,
    judged: bool | None = None,
    excused: bool | None = None,
    response: str = "",
) -> QuerySet[TargetFact]:
    """The clocks that one number counts: exactly those, so that lists and numbers agree.

    answered: those with a response time. unanswered: those that somebody can still answer. judged: met or
    missed, which a rate is of, or those that it leaves out. excused: those that the second rate leaves out,
    or all others. response: a bar of the response times, by its name in RESPONSES: judged ones whose time is
    in this range, or missed ones without any.
    """

    def is_any(*verdicts: Verdict) -> Q:
        return reduce(or_, (is_verdict(each, now, ignore_pauses=question.ignore_pauses) for each in verdicts))

    found = facts(question)
    if target is not None:
        found = found.filter(target=target)
    if verdict is not None:
        found = found.filter(is_any(verdict))
    if answered:
        found = found.filter(ANSWERED)
    if unanswered:
        found = found.filter(closed_at__isnull=True)
    if judged is not None:
        found = found.filter(is_any(*(JUDGED if judged else LEFT_OUT)))
    if response == NEVER.lower():
        # Recorded elsewhere, one may be on time without a known time: in the rate, and in no bar.
        found = found.filter(is_any(Verdict.BROKEN)).exclude(ANSWERED)
    elif response:
        place = list(RESPONSES).index(response)
        answered_in = range_of_response(ignore_pauses=question.ignore_pauses)
        found = found.filter(is_any(*JUDGED), ANSWERED)
        found = found.alias(range=answered_in).filter(range=place)
    if excused is not None:
        others = is_any(*(each for each in Verdict if each != Verdict.BROKEN))
        found = found.filter(
            Q(is_any(Verdict.BROKEN), excused=True) if excused else Q(excused=False) | others
        )
    return found


def latest_clocks(found: QuerySet[TargetFact], question: Question, *, cursor: str, size: int) -> Page:
    """A page of clocks behind a number, those that started last first. Of each target the latest are looked
    up by the index of its clocks: all of a year's would have to be put in order else. One query."""
    order = ("-started_at", "-id")
    if len(question.targets) > 1:
        parts = [
            behind(found.filter(target=target), cursor=cursor, order=order).values("id")[: size + 1]
            for target in question.targets
        ]
        found = found.filter(id__in=parts[0].union(*parts[1:], all=True))
    return page_of(found, cursor=cursor, size=size, order=order)


def number_of_clocks(
    question: Question,
    ground: Ground | None,
    *,
    now: datetime,
    verdicts: Collection[Verdict] = tuple(Verdict),
) -> int | None:
    """How many clocks of these verdicts a question is about, from roll-ups; None where those cannot say. At
    most two queries."""
    cube = cube_for(question, None, ground)
    if cube is None or question.ignore_pauses:
        return None
    columns = {
        Verdict.KEPT: "kept",
        Verdict.BROKEN: "broken",
        Verdict.RUNNING: "running",
        Verdict.CALLED_OFF: "called_off",
    }
    sums = cells(question, cube).aggregate(**{each: Sum(column) for each, column in columns.items()})
    counts = {each: sums[each] or 0 for each in columns}
    number = sum(counts[each] for each in verdicts)
    is_late, is_running = Verdict.BROKEN in verdicts, Verdict.RUNNING in verdicts
    if is_late == is_running:  # one that has passed is in either, or in neither
        return number
    passed = facts(question).filter(has_passed(now)).count()
    return number + (passed if is_late else -passed)


def any_excused(question: Question) -> bool:
    """Whether anybody excused anything that the question is about; one query, on an index of its own."""
    return bool(facts(question).filter(excused=True).exists())


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
