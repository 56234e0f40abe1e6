"""The statements of reporting.handoff_rollups, composed of what they share.

Parameters of all: tenant, zone, nobody, ends and widths (of buckets), ids (what those of new cells begin
with: 16 hexadecimal digits). Of CHANGE: rows and signs, lists of one length: facts as text, and 1 for each
that is new and -1 for each that is gone. Of FILL: start and end (instants).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from reporting.definitions import AMOUNTS, COUNTS, SPREAD

# What tells the cells of all cubes apart.
_REST_OF_KEY: Final = "team_id, member_id, value, tier, reason"
_CELL: Final = f"days, cube, day, {_REST_OF_KEY}"
_LISTS: Final = ("kinds", "starts", "counts", "seconds")
#: Everything that is a sum in a cell.
MEASURES: Final = (*COUNTS, *AMOUNTS)

# What tells the cells of each cube apart beside day, team and tier: the columns that facts are grouped by,
# and the member, value and reason that its cells are given. Those by reason count refused handoffs alone.
_NOBODY: Final = "%(nobody)s::uuid"
_CUBES: Final = {
    "team": ("", _NOBODY, "''", "''"),
    "rep": (", member_id", "member_id", "''", "''"),
    "source": (", source", _NOBODY, "source", "''"),
    "campaign": (", campaign", _NOBODY, "campaign", "''"),
    "channel": (", channel", _NOBODY, "channel", "''"),
    "segment": (", segment", _NOBODY, "segment", "''"),
    "reason_source": (", source, refused", _NOBODY, "source", "refused"),
    "reason_campaign": (", campaign, refused", _NOBODY, "campaign", "refused"),
}
_BY_REASON: Final = ("reason_source", "reason_campaign")

#: The lower end of the bucket of a number.
_BUCKET: Final = "{0} - {0} %% (%(widths)s::int[])[1 + width_bucket({0}, %(ends)s::int[])]"

_FACTS: Final = """select (started_at at time zone %(zone)s)::date as day,
    coalesce(team_id, %(nobody)s::uuid) as team_id, coalesce(member_id, %(nobody)s::uuid) as member_id,
    source, campaign, channel, segment, tier, tier_name,
    case when decision = 'rejected' then reason end as refused, {measures_of_fact}, {times}, {sign} as sign
from {rows} where {which} and kind = 'inbound'"""
# The tenant in a select of its own: see rollup_sql.
_OF_PERIOD: Final = """tenant_id = (select %(tenant)s::uuid)
    and started_at >= %(start)s and started_at < %(end)s"""
# Offset 0: each text is read once, and not once a column.
_CHANGED: Final = """(
    select (said.fact).*, said.sign
    from (
        select text::reporting_handofffact as fact, sign
        from unnest(%(rows)s::text[], %(signs)s::int[]) as said(text, sign) offset 0
    ) as said
) as changed"""

# Facts put together by cell: `part` has the sums, and `bin` the buckets of what is spread out. Each cube is
# grouped by its own columns alone, for to hash and compare all columns of all cubes would cost several times
# as much. What a change takes and gives again is no change. Weeks come of days.
_PARTS: Final = """fact as materialized ({facts}),
part_of_days as materialized ({parts}), part as materialized (
    select 1 as days, * from part_of_days
    union all
    select 7, cube, date_trunc('week', day)::date, {rest_of_key}, max(tier_name), {sums} from part_of_days
    group by cube, date_trunc('week', day), {rest_of_key} having {is_change}
), long as materialized (
    select day, team_id, member_id, source, campaign, channel, segment, tier, sign, time.kind, time.length,
        {bucket} as start
    from fact cross join lateral (values {time_rows}) as time(kind, length)
    where time.length is not null
), bin_of_days as materialized ({bins}), bin as materialized (
    select 1 as days, * from bin_of_days
    union all
    select 7, cube, date_trunc('week', day)::date, {rest_of_key}, kind, start, sum(n)::int,
        sum(length)::bigint
    from bin_of_days group by cube, date_trunc('week', day), {rest_of_key}, kind, start
    having sum(n) <> 0 or sum(length) <> 0
)"""
_PART_OF_CUBE: Final = """
    select '{cube}' as cube, day, team_id, {member} as member_id, {value} as value, tier, {reason} as reason,
        max(tier_name) as tier_name, {sums}
    from fact{where} group by day, team_id, tier{columns} having {is_change}"""
_BINS_OF_CUBE: Final = """
    select '{cube}' as cube, day, team_id, {member} as member_id, {value} as value, tier, {reason} as reason,
        kind, start, sum(sign)::int as n, sum(sign * length)::bigint as length
    from long group by day, team_id, tier{columns}, kind, start
    having sum(sign) <> 0 or sum(sign * length) <> 0"""

# Both put together by cell: what a change adds to it, or all of it where it is new. A change may change the
# sums of a cell alone, or its buckets alone. Buckets come in order: an order of its own for each list would
# cost more than all else.
_CELLS: Final = """{parts}, listed as (
    select {cell}, {lists_of_bins} from (select * from bin order by kind, start) as bin group by {cell}
), made as materialized (
    select {cell}, coalesce(tier_name, '') as tier_name, {known_measures}, {known_lists}
    from part full join listed using ({cell})
)"""
# Ids rise, so that what is stored together stands together in the index.
_STORE: Final = """insert into reporting_handoffrollup (id, tenant_id, {cell}, tier_name, {measures}, {lists})
    select (%(ids)s || lpad(to_hex(row_number() over ()), 16, '0'))::uuid, %(tenant)s, {cell}, tier_name,
        {measures}, {lists}"""
_FILL: Final = """with {cells}
{store} from made
"""
# What a change adds, put together with what these cells held, which are looked up by the unique key one after
# the other, the tenant in a select of its own (see rollup_sql). A bucket that nothing is in any more goes; so
# does a cell, by the caller, who is told its id.
_CHANGE: Final = """with {cells}, merged as (
    select {cell_of_made}, greatest(made.tier_name, kept.tier_name) as tier_name, {both_measures}, listed.*
    from made left join lateral (
        select tier_name, {measures}, {lists} from reporting_handoffrollup as kept
        where kept.tenant_id = (select %(tenant)s::uuid) and {same} limit 1
    ) as kept on true cross join lateral (
        select {lists_of_bins_or_none} from (
            select kind, start, sum(n) as n, sum(length) as length from (
                select * from unnest({made_lists}) as bin(kind, start, n, length)
                union all
                select * from unnest({kept_lists}) as bin(kind, start, n, length)
            ) as bin group by kind, start having sum(n) <> 0 order by kind, start
        ) as bucket
    ) as listed
), stored as (
    {store} from merged
    on conflict (tenant_id, cube, days, day, team_id, member_id, value, tier, reason)
    do update set {replaced}
    returning id, mqls
)
select id from stored where mqls = 0
"""


_BIN_OF_LIST: Final = dict(zip(_LISTS, ("kind", "start", "n", "length"), strict=True))
_SHARED: Final = {
    "rest_of_key": _REST_OF_KEY,
    "cell": _CELL,
    # A column of facts and a count may share a name (touches).
    "times": ", ".join(f"{length} as time_{code}" for code, length in SPREAD),
    "time_rows": ", ".join(f"({code}, fact.time_{code})" for code, _ in SPREAD),
    "bucket": _BUCKET.format("time.length"),
    # Sums of whole numbers become wider each time, and are slow to sum when they are numerics.
    "sums": ", ".join(
        [f"sum({name})::int as {name}" for name in COUNTS] + [f"sum({name}) as {name}" for name in AMOUNTS]
    ),
    "is_change": " or ".join(
        [f"sum({name}) <> 0" for name in MEASURES] + ["min(tier_name) <> max(tier_name)"]
    ),
    "measures": ", ".join(MEASURES),
    "lists": ", ".join(_LISTS),
    "lists_of_bins": ", ".join(f"array_agg({what}) as {name}" for name, what in _BIN_OF_LIST.items()),
    "lists_of_bins_or_none": ", ".join(
        f"coalesce(array_agg({what}), '{{}}') as {name}" for name, what in _BIN_OF_LIST.items()
    ),
    "known_measures": ", ".join(f"coalesce({name}, 0) as {name}" for name in MEASURES),
    "known_lists": ", ".join(f"coalesce({name}, '{{}}') as {name}" for name in _LISTS),
    "made_lists": ", ".join(f"made.{name}" for name in _LISTS),
    "kept_lists": ", ".join(f"kept.{name}" for name in _LISTS),
    "cell_of_made": ", ".join(f"made.{name}" for name in _CELL.split(", ")),
    "both_measures": ", ".join(f"made.{name} + coalesce(kept.{name}, 0) as {name}" for name in MEASURES),
    "same": " and ".join(f"kept.{name} = made.{name}" for name in _CELL.split(", ")),
    "replaced": ", ".join(f"{name} = excluded.{name}" for name in ("tier_name", *MEASURES, *_LISTS)),
}


def _of_cubes(template: str, cubes: Iterable[str]) -> str:
    texts = []
    for cube in cubes:
        columns, member, value, reason = _CUBES[cube]
        where = " where refused is not null" if cube in _BY_REASON else ""
        given = {"columns": columns, "member": member, "value": value, "reason": reason, "where": where}
        texts.append(template.format(**_SHARED, cube=cube, **given))
    return "\n    union all".join(texts)


def _made(template: str, rows: str, *, which: str = "tenant_id = %(tenant)s", sign: str = "1") -> str:
    measures = [f"{sign} * ({what}) as {name}" for name, what in COUNTS.items()]
    amounts = [f"{sign} * coalesce({name}, 0) as {name}" for name in AMOUNTS]
    facts = _FACTS.format(
        rows=rows, which=which, sign=sign, measures_of_fact=", ".join(measures + amounts), **_SHARED
    )
    timed = [cube for cube in _CUBES if cube not in _BY_REASON]
    parts = _PARTS.format(
        **_SHARED, facts=facts, parts=_of_cubes(_PART_OF_CUBE, _CUBES), bins=_of_cubes(_BINS_OF_CUBE, timed)
    )
    cells = _CELLS.format(**_SHARED, parts=parts)
    return template.format(**_SHARED, cells=cells, store=_STORE.format(**_SHARED))


#: See reporting.rollups.change.
CHANGE: Final = _made(_CHANGE, _CHANGED, sign="sign")
#: Counts the cells of whole weeks that have none.
FILL: Final = _made(_FILL, "reporting_handofffact", which=_OF_PERIOD)
