"""The statements of reporting.handoff_rollups, composed of what they share.

Parameters of all: tenant, zone, nobody, ends and widths (of buckets). Of those about touched cells: days,
teams, members, sources, campaigns, channels, segments, tiers, reasons, lists of one length. Of those about a
period: start and end (instants), first and after (days).
"""

from __future__ import annotations

from typing import Final

from reporting.definitions import AMOUNTS, COUNTS, SPREAD

# What tells the cells of all cubes apart.
_KEY: Final = ("day", "cube", "team_id", "member_id", "value", "tier", "reason")
_LISTS: Final = ("kinds", "starts", "counts", "seconds")
#: Everything that is a sum in a cell.
MEASURES: Final = (*COUNTS, *AMOUNTS)

_REFUSED: Final = "case when decision = 'rejected' then reason end"
_FACT_CELL: Final = "fact.day, cell.cube, cell.team_id, cell.member_id, cell.value, fact.tier, cell.reason"

# The cells that a row is in, by cube; those by reason only where it was refused.
_CELLS: Final = """cross join lateral (
    select * from (values
        ('team', {row}.team_id, %(nobody)s::uuid, '', ''),
        ('rep', {row}.team_id, {row}.member_id, '', ''),
        ('source', {row}.team_id, %(nobody)s::uuid, {row}.source, ''),
        ('campaign', {row}.team_id, %(nobody)s::uuid, {row}.campaign, ''),
        ('channel', {row}.team_id, %(nobody)s::uuid, {row}.channel, ''),
        ('segment', {row}.team_id, %(nobody)s::uuid, {row}.segment, ''),
        ('reason_source', {row}.team_id, %(nobody)s::uuid, {row}.source, {row}.refused),
        ('reason_campaign', {row}.team_id, %(nobody)s::uuid, {row}.campaign, {row}.refused)
    ) as every(cube, team_id, member_id, value, reason) where every.reason is not null
) as cell"""

#: The lower end of the bucket of a number.
_BUCKET: Final = "{0} - {0} %% (%(widths)s::int[])[1 + width_bucket({0}, %(ends)s::int[])]"

_SHARED: Final = {
    "refused": _REFUSED,
    "keys": ", ".join(_KEY),
    "key_of_fact": _FACT_CELL,
    "cells_of_fact": _CELLS.format(row="fact"),
    "cells_of_said": _CELLS.format(row="said"),
    "same": " and ".join(f"kept.{name} = old.{name}" for name in ("days", *_KEY)),
    "same_cell": " and ".join(f"wanted.{name} = placed.{name}" for name in _KEY),
    "same_week": " and ".join(f"wanted.{name} = one.{name}" for name in _KEY[1:]),
    # A column of facts and a count may share a name (touches).
    "of_fact": ", ".join(
        [f"{what} as {name}" for name, what in COUNTS.items()]
        + [f"coalesce({name}, 0) as {name}" for name in AMOUNTS]
    ),
    "times": ", ".join(f"{length} as time_{code}" for code, length in SPREAD),
    "time_rows": ", ".join(f"({code}, fact.time_{code})" for code, _ in SPREAD),
    "bucket": _BUCKET.format("time.length"),
    "sums": ", ".join(f"sum({name}) as {name}" for name in MEASURES),
    "measures": ", ".join(MEASURES),
    "keys_of_wanted": ", ".join(f"wanted.{name}" for name in _KEY),
    "lists": ", ".join(_LISTS),
    "lists_of_bins": ", ".join(
        f"array_agg({what}) as {name}"
        for name, what in zip(_LISTS, ("kind", "start", "n", "length"), strict=True)
    ),
    "known_lists": ", ".join(f"coalesce({name}, '{{}}')" for name in _LISTS),
    "of_day": ", ".join(f"one.{name}" for name in ("tier_name", *MEASURES, *_LISTS)),
}

_COUNTED: Final = """f.id, (started_at at time zone %(zone)s)::date, coalesce(team_id, %(nobody)s::uuid),
    coalesce(member_id, %(nobody)s::uuid), source, campaign, channel, segment, tier, {refused},
    md5(f::text)"""

_TOUCHED: Final = """touched as materialized (
    select distinct said.day, cell.cube, cell.team_id, cell.member_id, cell.value, said.tier, cell.reason
    from unnest(%(days)s::date[], %(teams)s::uuid[], %(members)s::uuid[], %(sources)s::text[],
        %(campaigns)s::text[], %(channels)s::text[], %(segments)s::text[], %(tiers)s::text[],
        %(reasons)s::text[]) as said(day, team_id, member_id, source, campaign, channel, segment, tier,
        refused)
    {cells_of_said}
), touched_week as materialized (
    select distinct date_trunc('week', day)::date as day, cube, team_id, member_id, value, tier, reason
    from touched
),"""
# By the unique key, one after the other: a join might compare every cell with each of these.
_ERASE: Final = """with {touched} old as (
    select 1 as days, touched.* from touched union all select 7, touched_week.* from touched_week
)
delete from reporting_handoffrollup where tenant_id = %(tenant)s and ctid = any(array(
    select found.at from old cross join lateral (
        select kept.ctid as at from reporting_handoffrollup as kept
        where kept.tenant_id = %(tenant)s and {same} limit 1
    ) as found
))
"""

_FACTS: Final = """select (started_at at time zone %(zone)s)::date as day,
    coalesce(team_id, %(nobody)s::uuid) as team_id, coalesce(member_id, %(nobody)s::uuid) as member_id,
    source, campaign, channel, segment, tier, tier_name, {refused} as refused, {of_fact}, {times}
from reporting_handofffact where tenant_id = %(tenant)s and kind = 'inbound'"""
_OF_PERIOD: Final = "{facts} and started_at >= %(start)s and started_at < %(end)s"
# Offset 0 keeps it a look-up in the index for each day: these are few, and the facts are many.
_OF_TOUCHED_DAYS: Final = """select fact.* from (
    select distinct day::timestamp at time zone %(zone)s as begins,
        (day + 1)::timestamp at time zone %(zone)s as ends from touched
) as span
cross join lateral ({facts} and started_at >= span.begins and started_at < span.ends offset 0) as fact"""

# Cells and facts are numbered, so that what is joined and grouped many times are numbers, not seven columns.
# Which cells a fact is in is written down before it is joined: joined at once, a planner that knows the tables
# compares each fact with all cells of its day.
_FROM_FACTS: Final = """with {touched} numbered as materialized ({rows}),
fact as materialized (select row_number() over () as no, numbered.* from numbered),
placed as materialized (select fact.no, {key_of_fact} from fact {cells_of_fact}),
{wanted},
pair as materialized (
    select placed.no, wanted.no as cell_no from placed join wanted on {same_cell}
), summed as (
    select cell_no, max(fact.tier_name) as tier_name, {sums}
    from pair join fact using (no) group by cell_no
), long as materialized (
    select fact.no, time.kind, time.length, {bucket} as start
    from fact cross join lateral (values {time_rows}) as time(kind, length)
    where time.length is not null
), binned as (
    select pair.cell_no, long.kind, long.start, count(*) as n, sum(long.length) as length
    from pair join long using (no) join wanted on wanted.no = pair.cell_no
    where wanted.cube not in ('reason_source', 'reason_campaign')
    group by pair.cell_no, long.kind, long.start
)"""
_ALL_WANTED: Final = """wanted as materialized (
    select row_number() over () as no, every.* from (select distinct {keys} from placed) as every
)"""
_TOUCHED_WANTED: Final = (
    """wanted as materialized (select row_number() over () as no, touched.* from touched)"""
)

_FROM_DAYS: Final = """with {touched} {wanted},
one as materialized ({rows}),
summed as (
    select no as cell_no, max(tier_name) as tier_name, {sums} from one group by no
), binned as (
    select no as cell_no, bucket.kind, bucket.start, sum(bucket.n) as n, sum(bucket.length) as length
    from one cross join lateral unnest(kinds, starts, counts, seconds) as bucket(kind, start, n, length)
    group by no, bucket.kind, bucket.start
)"""
_DAYS_OF_TOUCHED_WEEKS: Final = """select wanted.no, {of_day}
from (select distinct cube, day, day + 7 as after from wanted) as week
cross join lateral (
    select * from reporting_handoffrollup as kept
    where kept.tenant_id = %(tenant)s and kept.cube = week.cube and kept.days = 1 and kept.day >= week.day
        and kept.day < week.after
    offset 0
) as one
join wanted on wanted.day = week.day and {same_week}"""
_TOUCHED_WEEKS_WANTED: Final = """wanted as materialized (
    select row_number() over () as no, touched_week.* from touched_week
)"""
_DAYS_OF_PERIOD: Final = """select wanted.no, {of_day}
from reporting_handoffrollup as one
join wanted on wanted.day = date_trunc('week', one.day)::date and {same_week}
where one.tenant_id = %(tenant)s and one.days = 1 and one.day >= %(first)s and one.day < %(after)s"""
_WEEKS_WANTED: Final = """wanted as materialized (
    select row_number() over () as no, every.* from (
        select distinct date_trunc('week', day)::date as day, cube, team_id, member_id, value, tier, reason
        from reporting_handoffrollup
        where tenant_id = %(tenant)s and days = 1 and day >= %(first)s and day < %(after)s
    ) as every
)"""

# Buckets come in order: an order of its own for each list would cost more than all else.
_STORE: Final = """
insert into reporting_handoffrollup (id, tenant_id, days, {keys}, tier_name, {measures}, {lists})
select gen_random_uuid(), %(tenant)s, {days}, {keys_of_wanted}, summed.tier_name, {measures}, {known_lists}
from summed join wanted on wanted.no = summed.cell_no left join (
    select cell_no, {lists_of_bins} from (select * from binned order by cell_no, kind, start) as bin
    group by cell_no
) as listed using (cell_no)
"""


def _made(template: str, **parts: object) -> str:
    return template.format(**_SHARED, **parts)


def _fill(template: str, rows: str, wanted: str, *, days: int, touched: str = "") -> str:
    made = _made(rows, facts=_made(_FACTS))
    return _made(template + _STORE, rows=made, wanted=_made(wanted), days=days, touched=touched)


_TOUCHED_ONES: Final = _made(_TOUCHED)
#: The columns of reporting.handoff_rollups.Counted, over a row `f` of facts. The last stands for all of it.
COUNTED: Final = _made(_COUNTED)
ERASE_TOUCHED: Final = _made(_ERASE, touched=_TOUCHED_ONES)
FILL_TOUCHED_DAYS: Final = _fill(
    _FROM_FACTS, _OF_TOUCHED_DAYS, _TOUCHED_WANTED, days=1, touched=_TOUCHED_ONES
)
FILL_TOUCHED_WEEKS: Final = _fill(
    _FROM_DAYS, _DAYS_OF_TOUCHED_WEEKS, _TOUCHED_WEEKS_WANTED, days=7, touched=_TOUCHED_ONES
)
FILL_DAYS: Final = _fill(_FROM_FACTS, _OF_PERIOD, _ALL_WANTED, days=1)
FILL_WEEKS: Final = _fill(_FROM_DAYS, _DAYS_OF_PERIOD, _WEEKS_WANTED, days=7)
