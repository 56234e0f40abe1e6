"""Roll-ups: facts counted by day and by week, so that a report reads cells and not clocks.

There are five cubes, each with the columns that questions ask for together:

    team       team, tier
    rep        team, member, tier
    source     team, source, tier
    campaign   team, campaign, tier
    hour       team, hour of the week (by day alone, for each comes once a week; no response times)

A cube crosses no more than that, so that its cells stay few however many handoffs there are. What none of
them answers (the reps of one source) is counted from the facts.

A cell is a sum over its facts, and nothing else: what a changed fact gave as it was is taken from its cells,
and what it gives as it is is added, in the transaction that changes it. So a change costs what it changes,
however long the history, and late or corrected events need no thought. What a fact gives depends on the fact
alone; where that is defined anew (LAYOUT), all is counted anew. The one thing that time alone changes, a
deadline that passes unnoted, is left to the reader.

Cells count inbound handoffs alone. Outbound ones are few, and counted from their facts.

Everything here runs in the tenant's scope, under the lock of `reporting.facts`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final
from uuid import UUID

from django.db import connection
from uuid_utils.compat import uuid7

from leads.models import Handoff
from reporting import rollup_sql
from reporting.measures import BUCKET_ENDS, BUCKET_WIDTHS
from reporting.models import RollUp, RollUpState
from reporting.spans import Progress, weeks
from tenants.context import current_tenant_id
from tenants.models import Tenant, TenantModel

#: The columns of facts that tell a cube's cells apart. The cheapest to read first.
CUBES: Final[Mapping[str, frozenset[str]]] = {
    "team": frozenset({"team_id", "tier"}),
    "rep": frozenset({"team_id", "member_id", "tier"}),
    "source": frozenset({"team_id", "source", "tier"}),
    "campaign": frozenset({"team_id", "campaign", "tier"}),
    "hour": frozenset({"team_id", "hour"}),
}
#: Number of the cubes and columns above, and of what has facts: one more with each change of them.
LAYOUT: Final = 3
#: Stands for no team and for no member; in cubes without members, for all of them.
NOBODY: Final = UUID(int=0)
#: What the statements that build facts give back of each: its id, and all of it as text.
TOLD: Final = "{row}.id, {row}::text"


class Changes:
    """Facts as they were and as they are now: what a change takes from cells, and what it gives to them."""

    def __init__(self) -> None:
        self._signs: dict[tuple[UUID, str], int] = {}

    def gone(self, told: Iterable[tuple[UUID, str]]) -> None:
        """Facts that are no longer. told: rows of TOLD."""
        self._count(told, -1)

    def made(self, told: Iterable[tuple[UUID, str]]) -> None:
        """Facts that are new."""
        self._count(told, 1)

    def _count(self, told: Iterable[tuple[UUID, str]], sign: int) -> None:
        for row in told:
            if self._signs.pop(row, 0) == 0:  # one that came back as it was changes nothing
                self._signs[row] = sign

    def columns(self) -> dict[str, list[Any]]:
        """The parameters `rows` and `signs` of statements."""
        return {"rows": [text for _, text in self._signs], "signs": list(self._signs.values())}

    def __bool__(self) -> bool:
        return bool(self._signs)


def zone_of_days() -> str:
    """The zone whose days the organisation's reports count."""
    zone: str = Tenant.objects.values_list("time_zone", flat=True).get(id=current_tenant_id())
    return zone


def are_complete(zone: str) -> bool:
    """Whether every fact is rolled up by this zone's days, in every cube."""
    return bool(RollUpState.objects.filter(zone=zone, layout=LAYOUT).exists())


def refresh(changes: Changes, *, zone: str) -> None:
    """Take from the cells what facts gave that are gone, and add what those give that are new.

    Raises IntegrityError where a cell would count less than nothing: it had not been the sum of its facts.
    """
    change(RollUp, rollup_sql.CHANGE, changes, constants(zone))


def change(model: type[TenantModel], text: str, changes: Changes, values: Mapping[str, Any]) -> None:
    """Carry out a statement that changes cells, and remove those that count nothing any more."""
    if not changes:
        return
    emptied = fill_by({**values, **changes.columns()}, text)
    if emptied:
        model._default_manager.filter(id__in=[row[0] for row in emptied]).delete()


def rebuild(*, zone: str, progress: Progress | None = None) -> None:
    """Count every cell anew. progress: is told (day so far, last day) as it goes on."""
    count_all(zone=zone, progress=progress)
    say_complete(zone)


def count_all(*, zone: str, progress: Progress | None = None) -> None:
    """Count every cell anew, and leave it to the caller to say that they are complete."""
    RollUp.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute(rollup_sql.KINDS, {"tenant": current_tenant_id()})
        clocks, targets, first, last = cursor.fetchone()
    if first is None:
        return
    kinds = {"clocks": clocks, "targets": targets}
    about = Handoff.objects.count() * len(clocks) * len(targets)
    for start, end in weeks(first, last, count=about, zone=zone, progress=progress):
        fill_by({**constants(zone), **kinds, "start": start, "end": end}, rollup_sql.FILL)


def say_complete(zone: str) -> None:
    """Note that every fact is rolled up by this zone's days, in every cube."""
    RollUpState.objects.update_or_create(defaults={"zone": zone, "layout": LAYOUT})


# What was written in this transaction has no statistics yet. A planner that expects a handful of rows
# compares each with each, or merges by one column of seven and compares within it; so what is joined and
# grouped is hashed. One that does not know how full the table is reads all of it for each period; so what is
# read is read by an index. The memory is for the facts of one step.
_BEFORE: Final = """set local enable_nestloop = off; set local enable_mergejoin = off;
set local enable_sort = off; set local enable_seqscan = off; set local work_mem = '64MB';
set local jit = off"""
_AFTER: Final = """set local enable_nestloop to default; set local enable_mergejoin to default;
set local enable_sort to default; set local enable_seqscan to default; set local work_mem to default"""


def fill_by(values: Mapping[str, Any], text: str) -> list[tuple[Any, ...]]:
    """Carry out a statement that counts cells, so that what it joins is joined by hashing; the rows that it
    gives back."""
    with connection.cursor() as cursor:
        cursor.execute(_BEFORE)
        cursor.execute(text, values)
        rows = cursor.fetchall() if cursor.description else []
        cursor.execute(_AFTER)
        return rows


def constants(zone: str) -> dict[str, Any]:
    """The parameters that all statements about cells have; anew for each."""
    return {
        "tenant": current_tenant_id(),
        "zone": zone,
        "nobody": str(NOBODY),
        "ids": uuid7().hex[:16],
        "ends": list(BUCKET_ENDS),
        "widths": list(BUCKET_WIDTHS),
    }
