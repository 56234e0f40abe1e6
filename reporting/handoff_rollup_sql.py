"""The statements of reporting.handoff_rollups, composed of what they share.

Parameters of all: tenant, zone, nobody, ends and widths (of buckets). Of CHANGE: rows and signs, lists of one
length: facts as text, and 1 for each that is new and -1 for each that is gone. Of those about a period: start
and end (instants), first and after (days).
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
        ('team', fact.team_id, %(nobody)s::uuid, '', ''),
        ('rep', fact.team_id, fact.member_id, '', ''),
        ('source', fact.team_id, %(nobody)s::uuid, fact.source, ''),
        ('campaign', fact.team_id, %(nobody)s::uuid, fact.campaign, ''),
        ('channel', fact.team_id, %(nobody)s::uuid, fact.channel, ''),
        ('segment', fact.team_id, %(nobody)s::uuid, fact.segment, ''),
        ('reason_source', fact.team_id, %(nobody)s::uuid, fact.source, fact.refused),
        ('reason_campaign', fact.team_id, %(nobody)s::uuid, fact.campaign, fact.refused)
    ) as every(cube, team_id, member_id, value, reason) where every.reason is not null
) as cell"""

#: The lower end of the bucket of a number.
_BUCKET: Final = "{0} - {0} %% (%(widths)s::int[])[1 + width_bucket({0}, %(ends)s::int[])]"

_SHARED: Final = {
    "refused": _REFUSED,
    "keys": ", ".join(_KEY),
    "key_of_fact": _FACT_CELL,
    "cells": _CELLS,
    "key_but_day": ", ".join(f"placed.{name}" for name in _KEY[1:]),
    "same_as_kept": " and ".join(f"kept.{name} = wanted.{name}" for name in ("days", *_KEY)),
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

_FACTS: Final = """select (started_at at time zone %(zone)s)::date as day,
    coalesce(team_id, %(nobody)s::uuid) as team_id, coalesce(member_id, %(nobody)s::uuid) as member_id,
    source, campaign, channel, segment, tier, tier_name, {refused} as refused, {of_fact}, {times},
    {sign} as sign
from {table} where tenant_id = %(tenant)s and kind = 'inbound'"""
_OF_PERIOD: Final = " and started_at >= %(start)s and started_at < %(end)s"
# Offset 0: each text is read once, and not once a column.
_CHANGED: Final = """(
    select (said.fact).*, said.sign
    from (
        select text::reporting_handofffact as fact, sign
        from unnest(%(rows)s::text[], %(signs)s::int[]) as said(text, sign) offset 0
    ) as said
) as changed"""
# Cells and facts are numbered, so that what is joined and grouped many times are numbers, not seven columns.
# Which cells a fact is in is written down before it is joined: joined at once, a planner that knows the
# tables compares each fact with all cells of its day.
_FROM_FACTS: Final = """with numbered as materialized ({rows}),
fact as materialized (select row_number() over () as no, numbered.* from numbered),
placed as materialized (select fact.no, {key_of_fact} from fact {cells}),
wanted as materialized (
    select row_number() over () as no, every.* from (select distinct {keys} from placed) as every
),
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
_FROM_DAYS: Final = """with {wanted},
one as materialized ({rows}),
summed as (
    select no as cell_no, max(tier_name) as tier_name, {sums} from one group by no
), binned as (
    select no as cell_no, bucket.kind, bucket.start, sum(bucket.n) as n, sum(bucket.length) as length
    from one cross join lateral unnest(kinds, starts, counts, seconds) as bucket(kind, start, n, length)
    group by no, bucket.kind, bucket.start
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

# What a change adds to cells and takes from them, put together with what these cells held, which are looked
# up by the unique key one after the other: a join might compare every cell with each of these. A bucket that
# nothing is in any more goes; so does a cell, by the caller, who is told its id.
_CHANGE: Final = """with numbered as materialized ({rows}),
fact as materialized (select row_number() over () as no, numbered.* from numbered),
placed as materialized (
    select placed.no, span.days, coalesce(span.monday, placed.day) as day, {key_but_day}
    from (select fact.no, {key_of_fact} from fact {cells}) as placed
    cross join lateral (
        values (1, null), (7, date_trunc('week', placed.day)::date)
    ) as span(days, monday)
), wanted as materialized (
    select row_number() over () as no, every.* from (select distinct days, {keys} from placed) as every
), pair as materialized (
    select placed.no, wanted.no as cell_no
    from placed join wanted on wanted.days = placed.days and {same_cell}
), known as materialized (
    select wanted.no as cell_no, kept.* from wanted cross join lateral (
        select tier_name, {measures}, {lists} from reporting_handoffrollup as kept
        where kept.tenant_id = %(tenant)s and {same_as_kept} limit 1
    ) as kept
), summed as (
    select cell_no, max(tier_name) as tier_name, {sums}
    from (
        select cell_no, fact.tier_name, {signed_measures} from pair join fact using (no)
        union all
        select cell_no, tier_name, {measures} from known
    ) as part group by cell_no
), long as materialized (
    select fact.no, fact.sign, time.kind, time.length, {bucket} as start
    from fact cross join lateral (values {time_rows}) as time(kind, length)
    where time.length is not null
), binned as (
    select cell_no, kind, start, sum(n) as n, sum(length) as length
    from (
        select pair.cell_no, long.kind, long.start, long.sign as n, long.sign * long.length as length
        from pair join long using (no) join wanted on wanted.no = pair.cell_no
        where wanted.cube not in ('reason_source', 'reason_campaign')
        union all
        select cell_no, bucket.kind, bucket.start, bucket.n, bucket.length
        from known cross join lateral unnest(kinds, starts, counts, seconds) as bucket(kind, start, n, length)
    ) as part group by cell_no, kind, start having sum(n) <> 0
), stored as ({store}
    on conflict (tenant_id, cube, days, day, team_id, member_id, value, tier, reason)
    do update set {replaced}
    returning id, mqls
)
select id from stored where mqls = 0
"""


def _made(template: str, **parts: object) -> str:
    return template.format(**_SHARED, **parts)


def _facts(table: str, *, sign: str = "1") -> str:
    return _made(_FACTS, table=table, sign=sign)


#: See reporting.rollups.change.
CHANGE: Final = _made(
    _CHANGE,
    rows=_facts(_CHANGED, sign="sign"),
    store=_made(_STORE, days="wanted.days"),
    signed_measures=", ".join(f"sign * fact.{name} as {name}" for name in MEASURES),
    replaced=", ".join(f"{name} = excluded.{name}" for name in ("tier_name", *MEASURES, *_LISTS)),
)
FILL_DAYS: Final = _made(_FROM_FACTS + _STORE, rows=_facts("reporting_handofffact") + _OF_PERIOD, days=1)
FILL_WEEKS: Final = _made(_FROM_DAYS + _STORE, rows=_made(_DAYS_OF_PERIOD), wanted=_WEEKS_WANTED, days=7)
