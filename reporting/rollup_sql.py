"""The statements of reporting.rollups, composed of what they share.

Parameters of all: tenant, zone, nobody, ends and widths (of buckets). Of CHANGE: rows and signs, lists of one
length: facts as text, and 1 for each that is new and -1 for each that is gone. Of those about a period: start
and end (instants), first and after (days).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

# What tells the cells of all cubes apart.
_KEY: Final = "day, clock, target, cube, team_id, member_id, value, tier"
_CELL: Final = "days, day, clock, target, cube, team_id, member_id, value, tier"

# What is told of a fact that no column of it says. whole: had no pause stopped its clock.
_OF_FACTS: Final = {
    "seconds": "case when met_at is not null then business_seconds end",
    "whole_seconds": """case when met_at is not null and plain_due_at is not null
        then business_seconds + coalesce(paused_seconds, 0) end""",
    "kept_by_pause": "coalesce(verdict = 'met' and met_at > plain_due_at, false)",
    "called_off_by_pause": "coalesce(verdict = 'cancelled' and closed_at > plain_due_at, false)",
}

# Hours since Monday's midnight at which a clock started, as text: 0 to 167.
_HOUR: Final = """(extract(isodow from started_at at time zone %(zone)s) * 24 - 24
    + extract(hour from started_at at time zone %(zone)s))::int::text"""

# The cells that a row is in, by cube.
_CELLS: Final = """cross join lateral (values
    ('team', fact.team_id, %(nobody)s::uuid, '', fact.tier),
    ('rep', fact.team_id, fact.member_id, '', fact.tier),
    ('source', fact.team_id, %(nobody)s::uuid, fact.source, fact.tier),
    ('campaign', fact.team_id, %(nobody)s::uuid, fact.campaign, fact.tier),
    ('hour', fact.team_id, %(nobody)s::uuid, fact.hour, '')
) as cell(cube, team_id, member_id, value, tier)"""

_FACTS: Final = """select (started_at at time zone %(zone)s)::date as day, {hour} as hour, clock, target,
    source, campaign, tier, tier_name, verdict, closed_at is null as is_open,
    coalesce(team_id, %(nobody)s::uuid) as team_id,
    coalesce(member_id, %(nobody)s::uuid) as member_id, {seconds} as seconds,
    {whole_seconds} as whole_seconds, {kept_by_pause} as kept_by_pause,
    {called_off_by_pause} as called_off_by_pause{more}
from {rows} where tenant_id = %(tenant)s and kind = 'inbound'"""
# From what the index fact_of_period holds.
_OF_PERIOD: Final = " and started_at >= %(start)s and started_at < %(end)s"
# Offset 0: each text is read once, and not once a column.
_CHANGED: Final = """(
    select (said.fact).*, said.sign
    from (
        select text::reporting_targetfact as fact, sign
        from unnest(%(rows)s::text[], %(signs)s::int[]) as said(text, sign) offset 0
    ) as said
) as changed"""

# A cell is the sum of pieces. A fact is one piece; where its clock was paused and answered, a second one puts
# its whole time into the bucket that it would be in without pauses, and the first takes it out of its own.
# Cells of hours tell no response times: they would be too many.
_BUCKET: Final = "{0} - {0} %% (%(widths)s::int[])[1 + width_bucket({0}, %(ends)s::int[])]"
_PIECES_OF_FACTS: Final = """select fact.day, fact.clock, fact.target, cell.cube, cell.team_id,
    cell.member_id, cell.value, cell.tier, case when cell.cube = 'hour' then '' else fact.tier_name end
    as tier_name, {pieces}
from ({facts}) as fact
cross join lateral (
    select {bucket} as start, (verdict = 'met')::int as kept, (verdict = 'missed')::int as broken,
        (verdict in ('open', 'paused'))::int as running, (verdict = 'cancelled')::int as called_off,
        (verdict = 'missed' and is_open)::int as unanswered, kept_by_pause::int as kept_by_pause,
        called_off_by_pause::int as called_off_by_pause,
        (seconds is not null and verdict = 'met')::int as in_time,
        (seconds is not null and verdict <> 'met')::int as late, seconds::bigint as seconds,
        -(whole_seconds is not null and verdict = 'met')::int as shift_in_time,
        -(whole_seconds is not null and verdict <> 'met')::int as shift_late,
        case when whole_seconds is null then 0 else -seconds end::bigint as shift_seconds
    union all
    select {whole_bucket}, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, (verdict = 'met' and not kept_by_pause)::int,
        (verdict <> 'met' or kept_by_pause)::int, whole_seconds
    where whole_seconds is not null
) as piece
{cells}"""
# What was counted is some pieces again: one for its counts, and one for each bucket of its response times.
_PIECES_OF_CELL: Final = """cross join lateral (
    select null::int as start, kept, broken, running, called_off, unanswered, kept_by_pause,
        called_off_by_pause, 0 as in_time, 0 as late, null::bigint as seconds, 0 as shift_in_time,
        0 as shift_late, 0::bigint as shift_seconds
    union all
    select start, 0, 0, 0, 0, 0, 0, 0, in_time, late, seconds, coalesce(shift_in_time, 0),
        coalesce(shift_late, 0), coalesce(shift_seconds, 0)
    from unnest(one.starts, one.in_time, one.late, one.seconds, one.shift_in_time, one.shift_late,
        one.shift_seconds)
        as bucket(start, in_time, late, seconds, shift_in_time, shift_late, shift_seconds)
) as piece"""
_PIECES_OF_DAYS: Final = """select date_trunc('week', one.day)::date as day, one.clock, one.target, one.cube,
    one.team_id, one.member_id, one.value, one.tier, one.tier_name, piece.*
from (
    select * from reporting_rollup
    where tenant_id = %(tenant)s and days = 1 and cube <> 'hour' and day >= %(first)s and day < %(after)s
) as one
{pieces_of_cell}"""
# Of rows that come in the order of their buckets, and are grouped by hashing, which keeps it: an order of its
# own for each list, or of all rows by their wide keys, would cost more than all else.
_LIST: Final = "coalesce(array_agg({what}) filter (where start is not null), '{{}}')"
# Most cells have no paused clocks, and need not say of each of their buckets that it changes by nothing.
_SHIFT: Final = """case when bool_or(shift_in_time <> 0 or shift_late <> 0 or shift_seconds <> 0)
    then coalesce(array_agg({what}) filter (where start is not null), '{{}}')
    else '{{}}' end"""
_COUNTS: Final = (
    "kept",
    "broken",
    "running",
    "called_off",
    "unanswered",
    "kept_by_pause",
    "called_off_by_pause",
)
_BINNED: Final = ("in_time", "late", "seconds")
_SHIFTED: Final = ("shift_in_time", "shift_late", "shift_seconds")
_SUMMED: Final = (*_COUNTS, *_BINNED, *_SHIFTED)
_STORE: Final = """insert into reporting_rollup (id, tenant_id, days, {key}, tier_name, {counts}, starts,
    {lists})"""
_FILL: Final = """{store}
select gen_random_uuid(), %(tenant)s, {length}, {key}, max(tier_name), {sums_of_counts}, {values_of_lists}
from (
    select * from (
        select {key}, start, max(tier_name) as tier_name, {sums}
        from ({pieces}) as piece group by {key}, start offset 0
    ) as unordered order by start
) as binned group by {key}
"""
# What a change adds to cells and takes from them, put together with what these cells held. Cells are
# numbered, and looked up by the unique key one after the other: a join might compare every cell with each of
# these. A bucket that nothing is in any more is none, but its row may have counts to tell. An empty cell is
# removed by the caller, who is told its id.
_CHANGE: Final = """with changed as materialized (
    select span.days, coalesce(span.monday, day) as day, {key_but_day}, start, max(tier_name) as tier_name,
        {small_sums}
    from ({pieces}) as piece
    cross join lateral (values (1, null), (7, date_trunc('week', day)::date)) as span(days, monday)
    where span.days = 1 or cube <> 'hour'
    group by 1, 2, {key_but_day}, start
), cell as materialized (
    select row_number() over () as no, every.* from (select distinct {cell} from changed) as every
), known as materialized (
    select cell.no, kept.* from cell cross join lateral (
        select tier_name, {counts}, starts, {lists} from reporting_rollup as kept
        where kept.tenant_id = %(tenant)s and {same_as_kept} limit 1
    ) as kept
), binned as (
    select no, case when sum(in_time + late) <> 0 or sum(shift_in_time + shift_late) <> 0 then start end
        as start, max(tier_name) as tier_name, {sums}
    from (
        select cell.no, start, tier_name, {summed} from changed join cell on {same_as_changed}
        union all
        select one.no, piece.start, one.tier_name, {of_piece} from known as one {pieces_of_cell}
    ) as piece
    group by no, piece.start order by no, start
), listed as (
    select no, max(tier_name) as tier_name, {sums_of_counts}, {values_of_lists} from binned group by no
), stored as (
    {store}
    select gen_random_uuid(), %(tenant)s, {cell}, tier_name, {counts}, starts, {lists}
    from listed join cell using (no)
    on conflict (tenant_id, cube, days, clock, target, day, team_id, member_id, value, tier)
    do update set {replaced}
    returning id, kept + broken + running + called_off as total
)
select id from stored where total = 0
"""


def _sums(names: Iterable[str]) -> str:
    return ", ".join(f"sum({name}) as {name}" for name in names)


def _same(left: str, right: str) -> str:
    return " and ".join(f"{left}.{name} = {right}.{name}" for name in _CELL.split(", "))


_SHARED: Final = {
    "key": _KEY,
    "counts": ", ".join(_COUNTS),
    "lists": ", ".join([*_BINNED, *_SHIFTED]),
    "sums_of_counts": _sums(_COUNTS),
    "sums": _sums(_SUMMED),
    "values_of_lists": ", ".join(
        [_LIST.format(what="start") + " as starts"]
        + [_LIST.format(what=what) + f" as {what}" for what in _BINNED]
        + [_SHIFT.format(what=what) + f" as {what}" for what in _SHIFTED]
    ),
    # Of CHANGE. Sums of whole numbers become wider each time, and are slow to sum when they are numerics.
    "small_sums": ", ".join(
        f"sum({name})::{'bigint' if name.endswith('seconds') else 'int'} as {name}" for name in _SUMMED
    ),
    "cell": _CELL,
    "key_but_day": _KEY.removeprefix("day, "),
    "summed": ", ".join(_SUMMED),
    "of_piece": ", ".join(f"piece.{what}" for what in _SUMMED),
    "same_as_kept": _same("kept", "cell"),
    "same_as_changed": _same("changed", "cell"),
    "replaced": ", ".join(
        f"{name} = excluded.{name}" for name in ("tier_name", *_COUNTS, "starts", *_BINNED, *_SHIFTED)
    ),
}


def _made(template: str, **parts: object) -> str:
    shared = {**_SHARED, "store": _STORE.format(**_SHARED)}
    return template.format(**shared, pieces_of_cell=_PIECES_OF_CELL, **parts)


def _facts(rows: str, *, more: str = "") -> str:
    return _FACTS.format(rows=rows, more=more, hour=_HOUR, **_OF_FACTS)


def _pieces(facts: str, *, times: str = "") -> str:
    return _PIECES_OF_FACTS.format(
        facts=facts,
        cells=_CELLS,
        pieces=", ".join(
            ["case when cell.cube <> 'hour' then piece.start end as start"]
            + [f"piece.{what}{times} as {what}" for what in _SUMMED]
        ),
        bucket=_BUCKET.format("seconds"),
        whole_bucket=_BUCKET.format("whole_seconds"),
    )


#: See reporting.rollups.change.
CHANGE: Final = _made(_CHANGE, pieces=_pieces(_facts(_CHANGED, more=", sign"), times=" * fact.sign"))
FILL_DAYS: Final = _made(_FILL, length=1, pieces=_pieces(_facts("reporting_targetfact") + _OF_PERIOD))
FILL_WEEKS: Final = _made(_FILL, length=7, pieces=_made(_PIECES_OF_DAYS))
