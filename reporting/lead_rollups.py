"""Roll-ups of leads: those that were created on a day or in a week, by source, campaign and channel, so that
the funnel's Subscribers and Leads cost the same however many leads there are.

What a lead counts for changes in many places (it arrives, is corrected, qualifies, is imported, is found to
be a test), so the database itself writes down what each change of a lead takes and gives (LeadChange, by the
triggers of migration 0029): nothing can forget to, code of an older release neither. A drain adds those rows
to the cells and removes them. Whoever reads adds up cells and what still waits, in one statement, and is
never behind.

Cubes: "all", "source", "campaign", "channel". What needs two of them together is counted from the leads.

Everything here runs in the tenant's scope, under the lock of `reporting.facts`.
"""

from __future__ import annotations

from typing import Final

from django.db import connection

from reporting.models import LeadRollUp, RollUpState
from reporting.rollups import constants

#: The columns of leads that have a cube of their own.
CUBES: Final = ("source", "campaign", "channel")
#: Of what every lead is counted in.
ALL: Final = "all"
#: What a lead counts for; of the definition of LeadChange.
COUNTS: Final = ("leads", "subscribers", "disqualified")
#: Of these: beyond Subscriber, the disqualified left out.
BEYOND: Final = "leads - subscribers - disqualified"
#: Number of the cubes above and of what is counted: one more with each change of them.
LAYOUT: Final = 1

_SUMS: Final = ", ".join(f"sum({name})::int as {name}" for name in COUNTS)
_BOTH: Final = ", ".join(f"cell.{name} + coalesce(kept.{name}, 0) as {name}" for name in COUNTS)
_REPLACED: Final = ", ".join(f"{name} = excluded.{name}" for name in COUNTS)
_IS_CHANGE: Final = " or ".join(f"sum({name}) <> 0" for name in COUNTS)

# One statement, so one snapshot: a lead and what the database wrote down of it are committed together, hence
# a change is either among what is counted and taken, or is neither and waits for the next turn.
_COUNT: Final = """
with taken as (
    delete from reporting_leadchange where tenant_id = %(tenant)s returning *
), counted as materialized (
    select (created_at at time zone %(zone)s)::date as day, source, campaign, channel, {counts} from {rows}
), of_days as materialized (
    {cubes}
), cell as (
    select 1 as days, * from of_days
    union all
    select 7, cube, date_trunc('week', day)::date, value, {sums}
    from of_days group by cube, date_trunc('week', day), value having {is_change}
), stored as (
    insert into reporting_leadrollup (id, tenant_id, days, cube, day, value, {names})
    select (%(ids)s || lpad(to_hex(row_number() over ()), 16, '0'))::uuid, %(tenant)s, cell.days, cell.cube,
        cell.day, cell.value, {both}
    from cell left join reporting_leadrollup as kept
        on kept.tenant_id = %(tenant)s and (kept.cube, kept.days, kept.value, kept.day)
            = (cell.cube, cell.days, cell.value, cell.day)
    on conflict (tenant_id, cube, days, value, day) do update set {replaced}
    returning id, leads
)
select id from stored where leads = 0
"""
_OF_CUBE: Final = """select '{cube}' as cube, day, {value} as value, {sums}
    from counted group by day{column} having {is_change}"""


def _statement(counts: str, rows: str) -> str:
    cubes = [
        _OF_CUBE.format(cube=cube, value=value, column=column, sums=_SUMS, is_change=_IS_CHANGE)
        for cube, value, column in ((ALL, "''", ""), *((each, each, f", {each}") for each in CUBES))
    ]
    return _COUNT.format(
        counts=counts,
        rows=rows,
        cubes="\n    union all\n    ".join(cubes),
        sums=_SUMS,
        is_change=_IS_CHANGE,
        names=", ".join(COUNTS),
        both=_BOTH,
        replaced=_REPLACED,
    )


_FOLD: Final = _statement(", ".join(COUNTS), "taken")
# `taken` is carried out although nothing reads it: what waits is in the leads that are counted.
_ANEW: Final = _statement(
    "1 as leads, (stage = 'subscriber')::int as subscribers, (stage = 'disqualified')::int as disqualified",
    "leads_lead where tenant_id = %(tenant)s and not is_test",
)


def are_complete(zone: str) -> bool:
    """Whether every lead is rolled up by this zone's days, or waits to be."""
    return bool(RollUpState.objects.filter(leads_zone=zone, leads_layout=LAYOUT).exists())


def refresh(*, zone: str) -> None:
    """Add to the cells what changed of leads since the last time; where there are no cells of this zone and
    layout, count them anew.

    Raises IntegrityError where a cell would count less than nothing: it had not been the sum of its leads.
    """
    if not are_complete(zone):
        rebuild(zone=zone)
        return
    emptied = _carry_out(_FOLD, zone)
    if emptied:
        LeadRollUp.objects.filter(id__in=emptied).delete()


def rebuild(*, zone: str) -> None:
    """Count every cell anew."""
    LeadRollUp.objects.all().delete()
    _carry_out(_ANEW, zone)
    RollUpState.objects.update_or_create(defaults={"leads_zone": zone, "leads_layout": LAYOUT})


def _carry_out(text: str, zone: str) -> list[object]:
    """The ids of cells that count nothing any more."""
    with connection.cursor() as cursor:
        cursor.execute(text, constants(zone))
        return [row[0] for row in cursor.fetchall()]
