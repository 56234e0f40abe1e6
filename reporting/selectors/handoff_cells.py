"""What a question about handoffs is counted from: cells of roll-ups where a cube answers it, else facts.

Both come as one relation, so that whoever counts need not know: a row has `key`, `day` and `days` (which it
stands for), the counts and amounts of reporting.definitions, and the four lists of what is spread out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Any, Final

from django.core.exceptions import EmptyResultSet
from django.db.models import BooleanField, Exists, ExpressionWrapper, F, OuterRef, Q, QuerySet

from reporting.definitions import AMOUNTS, COUNTS, SPREAD
from reporting.handoff_rollups import CUBES, LAYOUT, REASON_CUBES
from reporting.lead_rollups import LAYOUT as LAYOUT_OF_LEADS
from reporting.measures import BUCKET_ENDS, BUCKET_WIDTHS
from reporting.models import HandoffRollUp, RollUpState
from reporting.rollups import NOBODY
from reporting.selectors.questions import INBOUND, Question, chosen_values, handoff_facts, in_sight, led_by
from tenants.together import Ask, answer, tuples_of

#: Of no roll-up: what has none is counted from facts.
NO_LAYOUT: Final = 1_000
LISTS: Final = ("kinds", "starts", "counts", "seconds")
#: Columns that a cell keeps as its value, by cube.
_VALUES: Final = frozenset({"source", "campaign", "channel", "segment"})


@dataclass(frozen=True, slots=True)
class HandoffGround:
    """That roll-ups may be read for a question. owns_elsewhere: see rolled.Ground. has_lead_cells: those of
    leads, too."""

    owns_elsewhere: bool = False
    has_lead_cells: bool = False


def handoff_ground(question: Question) -> HandoffGround | None:
    """What a question may be counted on; None where the organisation's roll-ups are not complete, and for
    outbound handoffs. One query."""
    return answer(ask_handoff_ground(question))


def ask_handoff_ground(question: Question) -> Ask[HandoffGround | None]:
    """`handoff_ground` as a question that may be asked with others."""
    layout = LAYOUT if question.kind == INBOUND else NO_LAYOUT
    state = RollUpState.objects.filter(handoffs_zone=question.zone.key, handoffs_layout=layout)
    reader = question.seen_by
    has_lead_cells = Q(leads_zone=question.zone.key, leads_layout=LAYOUT_OF_LEADS)
    state = state.annotate(has_lead_cells=ExpressionWrapper(has_lead_cells, BooleanField()))
    if reader is None or not question.leads_teams:
        return tuples_of(state.values_list("has_lead_cells")[:1]).then(
            lambda rows: next((HandoffGround(has_lead_cells=row[0]) for row in rows), None)
        )
    own = HandoffRollUp.objects.filter(
        tenant_id=OuterRef("tenant_id"),
        cube="rep",
        days=7,
        day__range=(question.before.first - timedelta(days=6), question.last),
        member_id=reader.id,
    ).exclude(led_by(reader, "team_id"))
    found = state.annotate(elsewhere=Exists(own)).values_list("elsewhere", "has_lead_cells")[:1]
    return tuples_of(found).then(lambda rows: next((HandoffGround(*row) for row in rows), None))


def handoff_cube(
    question: Question, columns: Collection[str], ground: HandoffGround | None, *, by_reason: bool = False
) -> str | None:
    """The cheapest cube that answers a question split by columns of facts; None where none does."""
    if ground is None:
        return None
    needed = set(columns) | set(chosen_values(question)) | set(question.without)
    if question.seen_by is not None and (not question.leads_teams or ground.owns_elsewhere):
        needed.add("member_id")
    cubes = REASON_CUBES if by_reason else CUBES
    return next((cube for cube, known in cubes.items() if needed <= known), None)


def _value_of(cube: str) -> str:
    return cube.removeprefix("reason_")


def _cells(question: Question, cube: str) -> QuerySet[HandoffRollUp]:
    """The cells of a cube that a question is about, of any period."""
    found: QuerySet[HandoffRollUp] = HandoffRollUp.objects.filter(cube=cube)
    if question.seen_by is not None:
        seen = (
            in_sight(question, "team_id", "member_id")
            if cube == "rep"
            else led_by(question.seen_by, "team_id")
        )
        found = found.filter(seen)
    value = _value_of(cube)
    chosen = chosen_values(question)
    found = found.filter(**{"value" if name == value else name: each for name, each in chosen.items()})
    return found.filter(**dict.fromkeys(question.without, NOBODY))


def spans_of(question: Question, cuts: Iterable[date]) -> list[tuple[int, date, date]]:
    """(days of a cell, first day, day after): whole weeks where they lie in the period and no cut goes
    through them, else days. cuts: first days of what is told apart."""
    after = question.last + timedelta(days=1)
    ends = sorted({question.first, after, *(cut for cut in cuts if question.first < cut < after)})
    found = []
    for first, end in pairwise(ends):
        monday = first + timedelta(days=-first.weekday() % 7)
        last_monday = end - timedelta(days=end.weekday())
        if monday >= last_monday:
            found.append((1, first, end))
        else:
            found += [(1, first, monday), (7, monday, last_monday), (1, last_monday, end)]
    return [span for span in found if span[1] < span[2]]


@dataclass(frozen=True, slots=True)
class Rows:
    """A relation to select from, its parameters, and whether it is of roll-ups."""

    sql: str
    params: tuple[Any, ...]
    is_rolled: bool


_CELL_COLUMNS: Final = ("day", "days", *COUNTS, *AMOUNTS, *LISTS)

# Number literals of our own: the bucket of a number, as the roll-ups have it.
_BUCKET: Final = "length - length %% ({widths})[1 + width_bucket(length, {ends})]".format(
    widths=f"array[{', '.join(map(str, BUCKET_WIDTHS))}]", ends=f"array[{', '.join(map(str, BUCKET_ENDS))}]"
)
_FROM_FACTS: Final = """select {key} as key, (started_at at time zone %s)::date as day, 1 as days, reason,
    {counts}, {amounts}, spread.*
from ({facts}) as fact
cross join lateral (
    select array_agg(kind) as kinds, array_agg({bucket}) as starts, array_agg(1) as counts,
        array_agg(length::bigint) as seconds
    from (values {spread}) as said(kind, length) where length is not null
) as spread"""


_NARROW_FROM_FACTS: Final = "select {key} as key, 1 as mqls from ({facts}) as fact"


def rows_of(
    question: Question,
    column: str | None,
    ground: HandoffGround | None,
    *,
    cuts: Iterable[date] = (),
    keys: Collection[Any] | None = None,
    by_reason: bool = False,
    is_narrow: bool = False,
    by_day: bool = False,
) -> Rows | None:
    """What a question split by a column of facts is counted from; None where there can be nothing.

    keys: only these values of the column. by_reason: only rejections, each row with its `reason`.
    by_day: no row stands for more than a day.
    is_narrow: nothing but `key` and `mqls`, which an index has.
    """
    columns = {column} if column else set()
    cube = handoff_cube(question, columns, ground, by_reason=by_reason)
    try:
        if cube is None:
            return _fact_rows(question, column, keys, by_reason=by_reason, is_narrow=is_narrow)
        found = _cells(question, cube)
        own = "value" if column in _VALUES else column
        if keys is not None and own is not None:
            found = found.filter(**{f"{own}__in": [NOBODY if key is None else key for key in keys]})
        names = ["mqls"] if is_narrow else [*_CELL_COLUMNS, *(["reason"] if by_reason else [])]
        found = found.annotate(key=F(own) if own else F("cube")).order_by()
        spans = spans_of(question, cuts)
        if by_day:
            spans = [(1, question.first, question.last + timedelta(days=1))]
        # One select a span: together they are read from the index alone, which "or" would not allow.
        parts = [
            found.filter(days=days, day__gte=first, day__lt=after)
            .values("key", *names)
            .query.sql_with_params()
            for days, first, after in spans
        ]
        sql = " union all ".join(part for part, _ in parts)
        return Rows(sql, tuple(value for _, params in parts for value in params), True)
    except EmptyResultSet:
        return None


def _fact_rows(
    question: Question,
    column: str | None,
    keys: Collection[Any] | None,
    *,
    by_reason: bool,
    is_narrow: bool,
) -> Rows:
    found = handoff_facts(question)
    if by_reason:
        found = found.filter(decision="rejected")
    if keys is not None and column is not None:
        given = [key for key in keys if key is not None]
        has = Q(**{f"{column}__in": given})
        found = found.filter(has | Q(**{f"{column}__isnull": True}) if None in keys else has)
    facts, params = found.order_by().values().query.sql_with_params()
    key = "''" if column is None else column
    key = f"coalesce({key}, '{NOBODY}'::uuid)" if key.endswith("_id") else key
    if is_narrow:
        return Rows(_NARROW_FROM_FACTS.format(key=key, facts=facts), tuple(params), False)
    sql = _FROM_FACTS.format(
        key=key,
        counts=", ".join(f"{what} as {name}" for name, what in COUNTS.items()),
        amounts=", ".join(f"coalesce({name}, 0) as {name}" for name in AMOUNTS),
        facts=facts,
        bucket=_BUCKET,
        spread=", ".join(f"({code}, {length})" for code, length in SPREAD),
    )
    return Rows(sql, (question.zone.key, *params), False)
