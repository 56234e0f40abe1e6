"""The decision log: searching it, and what is forgotten of it and when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet
from django.db.models.fields.json import KeyTextTransform

from leads.models import Handoff
from routing.decide import OffHours
from routing.models import Decision, Pool, PoolSeat
from tenants.arrays import as_array
from tenants.context import current_tenant_id, tenant_scope
from web.pagination import Page, read_cursor, write_cursor

#: How long a decision is kept, once its lead's handoff is closed.
KEPT: Final = timedelta(days=400)
#: Decisions that one page looks through for those in which somebody was a candidate: no index knows it.
LOOKED_THROUGH: Final = 2_000
_ORDER: Final = ("at", "id")
_BATCH: Final = 1_000  # decisions removed in one transaction, so that none holds its locks for long


@dataclass(frozen=True, slots=True)
class Search:
    """What decisions are asked for; None or "" does not ask.

    member:    who got the lead; nobody: that nobody did.
    candidate: who was looked at, chosen or not: in the pools where they sit, and those that these overflow
               to; in `pool` where that is given; in all where they sit nowhere.
    since, until: [since, until).
    people:    only what these got, or nobody: what a reader may see. With `candidate` among them, all of it.
    """

    lead: UUID | None = None
    member: UUID | None = None
    nobody: bool = False
    candidate: UUID | None = None
    pool: UUID | None = None
    rule: str = ""
    reason: str = ""
    trigger: str = ""
    since: datetime | None = None
    until: datetime | None = None
    people: Sequence[UUID] | None = None


def search(wanted: Search, *, cursor: str = "", size: int) -> Page:
    """Decisions with their pool, owner and lead, the last first, for a list: their `trace` comes with a
    candidate alone, `tie_break` always. Two queries, or up to five with a candidate, whatever is found.

    With a candidate a page may be shorter than `size`, or empty, and yet have a `next`: it looked through
    LOOKED_THROUGH decisions. Raises ValidationFailed at /cursor.
    """
    after = read_cursor(cursor, Decision, _ORDER) if cursor else None
    statement = _statement(wanted, after)
    if wanted.candidate is None:
        found = statement.rows("select id, at from seen", size + 1)
    else:
        statement.limit = LOOKED_THROUGH
        statement.values["packed"] = f'[["{wanted.candidate}"]]'
        statement.values["plain"] = f'[{{"member": "{wanted.candidate}"}}]'
        found = statement.rows(_WITH_CANDIDATE, size + 1)
        if len(found) <= size:
            return Page(_read(found, with_traces=True), _cursor(statement.last()))
    more = len(found) > size
    rows = _read(found[:size], with_traces=wanted.candidate is not None)
    return Page(rows, _cursor(found[size - 1]) if more else "")


_WITH_CANDIDATE: Final = """select id, at from seen
where trace -> 'candidates' @> %(packed)s::jsonb or trace -> 'candidates' @> %(plain)s::jsonb"""


def _cursor(row: tuple[UUID, datetime] | None) -> str:
    return write_cursor([row[1], row[0]]) if row is not None else ""


def _read(found: Sequence[tuple[UUID, datetime]], *, with_traces: bool = False) -> list[Decision]:
    """The decisions of these ids, in their order, with what a list shows of them: `tie_break` beside the
    trace's own, and the trace itself only if so asked."""
    columns = [*_SHOWN, "trace"] if with_traces else _SHOWN
    rows = (
        Decision.objects.select_related("pool", "member", "handoff__lead")
        .only(*columns)
        .annotate(tie_break=KeyTextTransform("tie_break", "trace"))
    )
    by_id = rows.in_bulk([decision_id for decision_id, _ in found])
    return [by_id[decision_id] for decision_id, _ in found if decision_id in by_id]


_SHOWN: Final = (
    "tenant_id",
    "at",
    "trigger",
    "rule",
    "outcome",
    "reason",
    "rule_set_version_id",
    "pool__tenant_id",
    "pool__slug",
    "pool__name",
    "member__tenant_id",
    "member__name",
    "handoff__tenant_id",
    "handoff__lead__tenant_id",
    "handoff__lead__first_name",
    "handoff__lead__last_name",
    "handoff__lead__email",
    "handoff__lead__company_name",
)


_PLAIN: Final = "select d.id, d.at, d.trace from routing_decision d where {}"
_TAIL: Final = " order by d.at desc, d.id desc limit %(inner)s"
_WALK: Final = "select x.* from unnest(%(lanes)s::uuid[]) lane(id) cross join lateral ({}) x"
_WALK_OF_NONE: Final = "(select x.* from ({}) x)"
_TOGETHER: Final = "select d.* from ({}) d"
_OF_SEEN: Final = "with seen as ({seen}) {select} order by at desc, id desc limit %(number)s"
_LAST_SEEN: Final = """with seen as (select id, at from ({seen}) d)
select id, at from seen where (select count(*) from seen) >= %(inner)s order by at, id limit 1"""


@dataclass(slots=True)
class _Statement:
    """The decisions wanted, the last first, in the lanes that an index walks one by one.

    lane: column and ids of the lanes, None for one walk over all. with_null: one more, where it is null.
    """

    conditions: list[str]
    values: dict[str, Any]
    lane: tuple[str, Sequence[UUID]] | None = None
    with_null: bool = False
    limit: int = 0

    def rows(self, select: str, number: int) -> list[tuple[UUID, datetime]]:
        sql = _OF_SEEN.format(seen=self._seen(), select=select)
        return self._run(sql, inner=self.limit or number, number=number)

    def last(self) -> tuple[UUID, datetime] | None:
        """The last of the decisions that were looked through, where there may be more behind it."""
        found = self._run(_LAST_SEEN.format(seen=self._seen()), inner=self.limit)
        return found[0] if found else None

    def _seen(self) -> str:
        plain = _PLAIN.format(" and ".join(self.conditions))
        if self.lane is None:
            return plain + _TAIL
        column = self.lane[0]
        walks = [_WALK.format(f"{plain} and d.{column} = lane.id {_TAIL}")]
        if self.with_null:
            walks.append(_WALK_OF_NONE.format(f"{plain} and d.{column} is null {_TAIL}"))
        return _TOGETHER.format(" union all ".join(walks)) + _TAIL

    def _run(self, sql: str, **more: Any) -> list[tuple[UUID, datetime]]:
        lanes = {"lanes": as_array(list(map(str, self.lane[1])))} if self.lane else {}
        with connection.cursor() as cursor:
            cursor.execute(sql, {**self.values, **lanes, **more})
            return list(cursor.fetchall())


def _statement(wanted: Search, after: Sequence[Any] | None) -> _Statement:
    conditions, values = ["d.tenant_id = %(tenant)s"], {"tenant": str(current_tenant_id())}
    asked: dict[str, Any] = {
        "member_id = %({})s": wanted.member,
        "pool_id = %({})s": wanted.pool,
        "rule = %({})s": wanted.rule,
        "reason = %({})s": wanted.reason,
        "trigger = %({})s": wanted.trigger,
        "at >= %({})s": wanted.since,
        "at < %({})s": wanted.until,
    }
    for place, (condition, value) in enumerate(asked.items()):
        if value:
            conditions.append("d." + condition.format(f"v{place}"))
            values[f"v{place}"] = str(value) if isinstance(value, UUID) else value
    if wanted.nobody:
        conditions.append("d.member_id is null")
    if wanted.lead is not None:
        conditions.append(
            "d.handoff_id = any(array(select id from leads_handoff"
            " where tenant_id = %(tenant)s and lead_id = %(lead)s))"
        )
        values["lead"] = str(wanted.lead)
    if after is not None:
        conditions.append("(d.at, d.id) < (%(after_at)s, %(after_id)s)")
        values |= {"after_at": after[0], "after_id": str(after[1])}
    statement = _Statement(conditions, values)
    _walk_lanes(statement, wanted)
    return statement


def _walk_lanes(statement: _Statement, wanted: Search) -> None:
    """Which lanes to walk, and what this reader may see."""
    is_theirs = wanted.candidate is not None and wanted.candidate in (wanted.people or ())
    seen = None if wanted.people is None or is_theirs else wanted.people
    by_itself = wanted.lead is not None or wanted.member is not None or wanted.nobody
    if wanted.candidate is not None and not by_itself:
        pools = [wanted.pool] if wanted.pool else pools_around(wanted.candidate)
        statement.lane = ("pool_id", pools) if pools else None
    elif seen is not None and not by_itself:
        statement.lane, statement.with_null = ("member_id", seen), True
        return
    if seen is not None:
        statement.conditions.append("(d.member_id is null or d.member_id = any(%(people)s::uuid[]))")
        statement.values["people"] = as_array(list(map(str, seen)))


def pools_around(member_id: UUID) -> list[UUID]:
    """The pools where somebody sits, and those that these overflow to. Two queries."""
    found = set(PoolSeat.objects.filter(member_id=member_id).values_list("pool_id", flat=True))
    following = dict(Pool.objects.filter(off_hours=OffHours.OVERFLOW).values_list("id", "overflow_id"))
    waiting = list(found)
    while waiting:
        after = following.get(waiting.pop())
        if after is not None and after not in found:
            found.add(after)
            waiting.append(after)
    return sorted(found)


# --- Forgetting ---


def count_inputs(*, lead_id: UUID) -> int:
    """How many decisions hold what the rules read of this lead."""
    return _with_inputs([lead_id]).count()


def forget_inputs(*, lead_ids: Iterable[UUID]) -> int:
    """Clear what the rules read of these leads from every decision about them; how many held something.

    What remains, ids, numbers and the rules' results, says nothing of a person outside.
    """
    return _with_inputs(lead_ids).update(inputs=None)


def _with_inputs(lead_ids: Iterable[UUID]) -> QuerySet[Decision]:
    handoffs = Handoff.objects.filter(lead_id__in=list(lead_ids)).values("id")
    found: QuerySet[Decision] = Decision.objects.filter(handoff_id__in=handoffs, inputs__isnull=False)
    return found


def forget_old(tenant_id: UUID, *, now: datetime) -> int:
    """Remove one tenant's decisions older than KEPT whose handoffs are closed, in bounded transactions; how
    many went."""
    removed = 0
    while True:
        with tenant_scope(tenant_id):
            old = Decision.objects.filter(at__lt=now - KEPT, handoff__state=Handoff.State.CLOSED)
            ids = list(old.order_by("at").values_list("id", flat=True)[:_BATCH])
            removed += Decision.objects.filter(id__in=ids).delete()[0]
        if len(ids) < _BATCH:
            return removed
