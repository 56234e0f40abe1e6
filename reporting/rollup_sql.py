"""The statements of reporting.rollups, composed of what they share.

Parameters of all: tenant, zone, nobody, ends and widths (of buckets), ids (what those of new cells begin
with: 16 hexadecimal digits). Of CHANGE: rows and signs, lists of one length: facts as text, and 1 for each
that is new and -1 for each that is gone. Of FILL: start and end (instants), and all clocks and targets that
facts have.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

# What tells the cells of all cubes apart.
_REST_OF_KEY: Final = "clock, target, team_id, member_id, value, tier"
_CELL: Final = f"days, cube, day, {_REST_OF_KEY}"

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

# What tells the cells of each cube apart beside day, clock, target and team: the columns that facts are
# grouped by, and the member, value and tier that its cells are given.
_CUBES: Final = {
    "team": ("tier", "%(nobody)s::uuid", "''", "tier"),
    "rep": ("member_id, tier", "member_id", "''", "tier"),
    "source": ("source, tier", "%(nobody)s::uuid", "source", "tier"),
    "campaign": ("campaign, tier", "%(nobody)s::uuid", "campaign", "tier"),
    "hour": ("hour", "%(nobody)s::uuid", "hour", "''"),
}

_FACTS: Final = """select *, {bucket} as start, {whole_bucket} as whole_start from (
    select (started_at at time zone %(zone)s)::date as day, {hour} as hour, clock, target,
        source, campaign, tier, tier_name, verdict, closed_at is null as is_open,
        coalesce(team_id, %(nobody)s::uuid) as team_id,
        coalesce(member_id, %(nobody)s::uuid) as member_id, {seconds} as seconds,
        {whole_seconds} as whole_seconds, {kept_by_pause} as kept_by_pause,
        {called_off_by_pause} as called_off_by_pause, {sign} as sign
    from {rows} where {which} and kind = 'inbound'
) as said"""
# From what the index fact_of_period holds. It is led by clock and target: without them each period would read
# the facts of all periods. So would a planner that knows from old statistics that this organisation has no
# facts; of a tenant that it cannot see it knows nothing, and expects many.
_OF_PERIOD: Final = """tenant_id = (select %(tenant)s::uuid) and clock = any(%(clocks)s)
        and target = any(%(targets)s) and started_at >= %(start)s and started_at < %(end)s"""
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
_BUCKET: Final = "{0} - {0} %% (%(widths)s::int[])[1 + width_bucket({0}, %(ends)s::int[])]"
_OF_PIECE: Final = "day, hour, clock, target, team_id, member_id, source, campaign, tier, tier_name"
_PIECE: Final = {
    "kept": "(verdict = 'met')::int",
    "broken": "(verdict = 'missed')::int",
    "running": "(verdict in ('open', 'paused'))::int",
    "called_off": "(verdict = 'cancelled')::int",
    "unanswered": "(verdict = 'missed' and is_open)::int",
    "kept_by_pause": "kept_by_pause::int",
    "called_off_by_pause": "called_off_by_pause::int",
    "in_time": "(seconds is not null and verdict = 'met')::int",
    "late": "(seconds is not null and verdict <> 'met')::int",
    "seconds": "coalesce(seconds, 0)",
    "shift_in_time": "-(whole_seconds is not null and verdict = 'met')::int",
    "shift_late": "-(whole_seconds is not null and verdict <> 'met')::int",
    "shift_seconds": "case when whole_seconds is null then 0 else -seconds end",
}
_WHOLE_PIECE: Final = {
    "shift_in_time": "(verdict = 'met' and not kept_by_pause)::int",
    "shift_late": "(verdict <> 'met' or kept_by_pause)::int",
    "shift_seconds": "whole_seconds",
}
# The pieces of facts, put together by cell and bucket: each cube by its own columns alone, for to hash and
# compare all columns of all cubes would cost several times as much. Cells of hours tell no response times:
# they would be too many. What a change takes and gives again is no change. Weeks come of days.
_BINS: Final = """fact as materialized ({facts}),
piece as materialized (
    select {of_piece}, start, {piece} from fact
    union all
    select {of_piece}, whole_start, {whole_piece} from fact where whole_seconds is not null
), of_days as materialized ({of_cubes}), bin as materialized (
    select 1 as days, * from of_days
    union all
    select 7, cube, date_trunc('week', day)::date, {rest_of_key}, start, max(tier_name), {small_sums}
    from of_days where cube <> 'hour'
    group by cube, date_trunc('week', day), {rest_of_key}, start having {is_change}
)"""
_OF_CUBE: Final = """
    select '{cube}' as cube, day, clock, target, team_id, {member} as member_id, {value} as value,
        {tier} as tier, {start} as start, {tier_name} as tier_name, {small_sums}
    from piece group by day, clock, target, team_id, {columns}{by_start} having {is_change}"""
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
# Bins put together by cell: what a change adds to it, or all of it where it is new.
_CELLS: Final = """{bins}, made as materialized (
    select {cell}, max(tier_name) as tier_name, {sums_of_counts}, {values_of_lists}
    from (select * from bin order by start) as bin group by {cell}
)"""
# Ids rise, so that what is stored together stands together in the index.
_STORE: Final = """insert into reporting_rollup (id, tenant_id, {cell}, tier_name, {counts}, starts, {lists})
    select (%(ids)s || lpad(to_hex(row_number() over ()), 16, '0'))::uuid, %(tenant)s, {cell}, tier_name,
        {counts}, starts, {lists}"""
_FILL: Final = """with {cells}
{store} from made
"""
# What a change adds, put together with what these cells held, which are looked up by the unique key one after
# the other: a join might compare every cell with each of these. The tenant stands in a select of its own: of
# a constant that statistics do not know, a planner expects one row, and reads all its cells by the primary
# key. A bucket that nothing is in any more is none. An empty cell is removed by the caller, who is told its
# id.
_CHANGE: Final = """with {cells}, merged as (
    select {cell_of_made}, greatest(made.tier_name, kept.tier_name) as tier_name, {both_counts}, listed.*
    from made left join lateral (
        select tier_name, {counts}, starts, {lists} from reporting_rollup as kept
        where kept.tenant_id = (select %(tenant)s::uuid) and {same} limit 1
    ) as kept on true cross join lateral (
        select {values_of_lists} from (
            select start, {sums_of_lists} from (
                select * from unnest(made.starts, {made_lists}) as piece(start, {lists})
                union all
                select * from unnest(kept.starts, {kept_lists}) as piece(start, {lists})
            ) as piece group by start
            having sum(in_time + late) <> 0 or sum(shift_in_time) <> 0 or sum(shift_late) <> 0
            order by start
        ) as bucket
    ) as listed
), stored as (
    {store} from merged
    on conflict (tenant_id, cube, days, clock, target, day, team_id, member_id, value, tier)
    do update set {replaced}
    returning id, kept + broken + running + called_off as total
)
select id from stored where total = 0
"""


def _sums(names: Iterable[str]) -> str:
    return ", ".join(f"sum({name}) as {name}" for name in names)


_SHARED: Final = {
    "rest_of_key": _REST_OF_KEY,
    "cell": _CELL,
    "counts": ", ".join(_COUNTS),
    "lists": ", ".join([*_BINNED, *_SHIFTED]),
    "sums_of_counts": _sums(_COUNTS),
    "sums_of_lists": ", ".join(
        [f"sum({name}) as {name}" for name in _BINNED]
        + [f"coalesce(sum({name}), 0) as {name}" for name in _SHIFTED]
    ),
    "made_lists": ", ".join(f"made.{name}" for name in (*_BINNED, *_SHIFTED)),
    "kept_lists": ", ".join(f"kept.{name}" for name in (*_BINNED, *_SHIFTED)),
    "cell_of_made": ", ".join(f"made.{name}" for name in _CELL.split(", ")),
    "both_counts": ", ".join(f"made.{name} + coalesce(kept.{name}, 0) as {name}" for name in _COUNTS),
    "same": " and ".join(f"kept.{name} = made.{name}" for name in _CELL.split(", ")),
    "values_of_lists": ", ".join(
        [_LIST.format(what="start") + " as starts"]
        + [_LIST.format(what=what) + f" as {what}" for what in _BINNED]
        + [_SHIFT.format(what=what) + f" as {what}" for what in _SHIFTED]
    ),
    # Sums of whole numbers become wider each time, and are slow to sum when they are numerics.
    "small_sums": ", ".join(
        f"sum({name})::{'bigint' if name.endswith('seconds') else 'int'} as {name}" for name in _SUMMED
    ),
    "is_change": " or ".join(
        [f"sum({name}) <> 0" for name in _SUMMED] + ["min(tier_name) <> max(tier_name)"]
    ),
    "of_piece": _OF_PIECE,
    "piece": ", ".join(f"sign * ({_PIECE[name]}) as {name}" for name in _SUMMED),
    "whole_piece": ", ".join(f"sign * ({_WHOLE_PIECE.get(name, '0')})" for name in _SUMMED),
    "replaced": ", ".join(
        f"{name} = excluded.{name}" for name in ("tier_name", *_COUNTS, "starts", *_BINNED, *_SHIFTED)
    ),
}


def _of_cube(cube: str) -> str:
    columns, member, value, tier = _CUBES[cube]
    is_timed = cube != "hour"
    return _OF_CUBE.format(
        **_SHARED,
        cube=cube,
        columns=columns,
        member=member,
        value=value,
        tier=tier,
        start="start" if is_timed else "null::int",
        tier_name="max(tier_name)" if is_timed else "''",
        by_start=", start" if is_timed else "",
    )


def _made(template: str, rows: str, *, which: str = "tenant_id = %(tenant)s", sign: str = "1") -> str:
    facts = _FACTS.format(
        rows=rows,
        which=which,
        sign=sign,
        hour=_HOUR,
        bucket=_BUCKET.format("seconds"),
        whole_bucket=_BUCKET.format("whole_seconds"),
        **_OF_FACTS,
    )
    bins = _BINS.format(**_SHARED, facts=facts, of_cubes="\n    union all".join(map(_of_cube, _CUBES)))
    cells = _CELLS.format(**_SHARED, bins=bins)
    return template.format(**_SHARED, cells=cells, store=_STORE.format(**_SHARED))


#: See reporting.rollups.change.
CHANGE: Final = _made(_CHANGE, _CHANGED, sign="sign")
#: The clocks and the targets that facts have, when the first fact started and when the last: a few looks into
#: the index for each pair, however many facts there are.
KINDS: Final = """with recursive kind as (
    (
        select clock, target from reporting_targetfact where tenant_id = (select %(tenant)s::uuid)
        order by clock, target limit 1
    )
    union all
    select next.* from kind cross join lateral (
        select clock, target from reporting_targetfact
        where tenant_id = (select %(tenant)s::uuid) and (clock, target) > (kind.clock, kind.target)
        order by clock, target limit 1
    ) as next
)
select array_agg(distinct clock), array_agg(distinct target), min(first), max(last)
from kind cross join lateral (
    select min(started_at) as first, max(started_at) as last from reporting_targetfact as fact
    where tenant_id = (select %(tenant)s::uuid) and fact.clock = kind.clock and fact.target = kind.target
) as of_kind
"""
#: Counts the cells of whole weeks that have none.
FILL: Final = _made(_FILL, "reporting_targetfact", which=_OF_PERIOD)
