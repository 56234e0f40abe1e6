"""Leads that were created in the period, of which the funnel tells how many came at all and how many went
beyond Subscriber: from roll-ups of leads where a cube answers it, else from the leads."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.db import connection
from django.db.models import Case, Count, F, Q, QuerySet, TextField, Value, When
from django.db.models.functions import Cast

from leads.lifecycle import Stage
from leads.models import Lead
from reporting.lead_rollups import ALL, BEYOND, CUBES
from reporting.models import LeadChange, LeadRollUp
from reporting.selectors.handoff_cells import HandoffGround, spans_of
from reporting.selectors.questions import INBOUND, Question


@dataclass(frozen=True, slots=True)
class LeadCount:
    """Leads created in the period: all, and those of them that are beyond Subscriber now, the disqualified
    left out."""

    all: int = 0
    beyond: int = 0

    def __add__(self, other: LeadCount) -> LeadCount:
        return LeadCount(self.all + other.all, self.beyond + other.beyond)


@dataclass(frozen=True, slots=True)
class Created:
    """groups: by value of the column that was asked for, every wanted one; empty where leads have no such
    column."""

    whole: LeadCount = field(default_factory=LeadCount)
    groups: Mapping[Any, LeadCount] = field(default_factory=dict)


def created(
    question: Question, column: str, keys: Sequence[Any], ground: HandoffGround | None
) -> Created | None:
    """The leads created in the period of a question, and those with these values of a column. One query.

    column: of facts of handoffs. keys: of its values those that are wanted. ground: `handoff_ground` of the
    question, which says whether roll-ups may be read; None where they may not.
    None where the question is about what only a handoff has: an owner, a team, a tier, that it is outbound.
    """
    if not is_told(question):
        return None
    own = column if column in CUBES else None
    wanted = [str(key) for key in keys] if own else []
    given = {"source": question.source, "campaign": question.campaign, "channel": question.channel}
    chosen = {name: value for name, value in given.items() if value is not None}
    needed = {*chosen, *([own] if own else [])}
    if ground is not None and ground.has_lead_cells and len(needed) <= 1:
        return _rolled(question, own, wanted, chosen)
    return _counted(question, own, wanted)


def is_told(question: Question) -> bool:
    """Whether leads are counted at all: not where the question is about what only a handoff has."""
    handed_over = (question.team, question.member, question.tier, question.segment)
    if question.seen_by is not None or question.without or any(each is not None for each in handed_over):
        return False
    return question.kind == INBOUND


def leads_created(question: Question, *, beyond: bool) -> QuerySet[Lead]:
    """The leads that `created` counts: all, or those beyond Subscriber. None where they are not told."""
    found = _leads(question)
    if not is_told(question):
        return found.none()
    return found.filter(_BEYOND) if beyond else found


_BEYOND: Final = ~Q(stage__in=(Stage.SUBSCRIBER, Stage.DISQUALIFIED))


def _leads(question: Question) -> QuerySet[Lead]:
    given = {"source": question.source, "campaign": question.campaign, "channel": question.channel}
    found: QuerySet[Lead] = Lead.objects.filter(
        created_at__gte=question.start,
        created_at__lt=question.end,
        is_test=False,
        **{name: value for name, value in given.items() if value is not None},
    )
    return found


# --- From roll-ups ------------------------------------------------------------------------------------------

_ADDED: Final = """
select is_whole, key, sum(leads)::int, sum({beyond})::int from ({parts}) as part
group by is_whole, key
"""
_PART: Final = "select {is_whole} as is_whole, key, leads, subscribers, disqualified from ({rows}) as rows"


def _rolled(question: Question, own: str | None, wanted: list[str], chosen: Mapping[str, str]) -> Created:
    """Cells, and what waits to be added to them, of one snapshot."""
    asked: list[tuple[bool, str | None, Collection[str]]] = [
        (True, name, [value]) for name, value in chosen.items()
    ] or [(True, None, [""])]
    named = [key for key in wanted if key in chosen.values()] if chosen else wanted
    if own and named:
        asked.append((False, own, named))
    parts: list[str] = []
    values: list[Any] = []
    for is_whole, column, which in asked:
        for rows in (*_cells(question, column, which), _waiting(question, column, which)):
            named_rows = rows.order_by().values("key", "leads", "subscribers", "disqualified")
            sql, params = named_rows.query.sql_with_params()
            parts.append(_PART.format(is_whole=is_whole, rows=sql))
            values.extend(params)
    with connection.cursor() as cursor:
        cursor.execute(_ADDED.format(parts="\n    union all\n    ".join(parts), beyond=BEYOND), values)
        found = cursor.fetchall()
    whole = sum((LeadCount(count, beyond) for is_whole, _, count, beyond in found if is_whole), LeadCount())
    groups = {key: LeadCount(count, beyond) for is_whole, key, count, beyond in found if not is_whole}
    return Created(whole, {key: groups.get(key, LeadCount()) for key in wanted})


def _cells(question: Question, column: str | None, which: Collection[str]) -> list[QuerySet[Any]]:
    cells = LeadRollUp.objects.filter(cube=column or ALL, value__in=which).annotate(key=F("value"))
    return [
        cells.filter(days=days, day__gte=first, day__lt=after)
        for days, first, after in spans_of(question, cuts=())
    ]


def _waiting(question: Question, column: str | None, which: Collection[str]) -> QuerySet[Any]:
    found: QuerySet[Any] = LeadChange.objects.filter(
        created_at__gte=question.start, created_at__lt=question.end
    )
    if column is None:
        found = found.annotate(key=Value(""))
    else:
        found = found.filter(**{f"{column}__in": which}).annotate(key=F(column))
    return found


# --- From leads ---------------------------------------------------------------------------------------------


def _counted(question: Question, own: str | None, wanted: list[str]) -> Created:
    key = Case(When(**{f"{own}__in": wanted}, then=F(own)), default=None) if own and wanted else Value(None)
    found = (
        _leads(question)
        .order_by()
        .annotate(key=Cast(key, TextField()))
        .values_list("key")
        .annotate(count=Count("id"), beyond=Count("id", filter=_BEYOND))
    )
    groups = {name: LeadCount(count, further) for name, count, further in found}
    return Created(
        sum(groups.values(), LeadCount()), {name: groups.get(name, LeadCount()) for name in wanted}
    )
