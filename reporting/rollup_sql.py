"""The statements of reporting.rollups, composed of what they share.

Parameters of all: tenant, zone, nobody, ends and widths (of buckets). Of those about touched cells: days,
hours, clocks, targets, teams, members, sources, campaigns, tiers, lists of one length. Of those about a
period: start and end (instants), first and after (days).
"""

from __future__ import annotations

from typing import Final

# What tells the cells of all cubes apart.
_KEY: Final = "day, clock, target, cube, team_id, member_id, value, tier"

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

#: The columns of reporting.rollups.Counted, over rows of facts.
COUNTED: Final = """id, (started_at at time zone %(zone)s)::date, {hour}, clock, target,
    coalesce(team_id, %(nobody)s::uuid), coalesce(member_id, %(nobody)s::uuid), source, campaign, tier,
    tier_name, verdict, closed_at is null, {seconds}, {whole_seconds}, {kept_by_pause},
    {called_off_by_pause}""".format(hour=_HOUR, **_OF_FACTS)

# The cells that a row is in, by cube.
_CELLS: Final = """cross join lateral (values
    ('team', {row}.team_id, %(nobody)s::uuid, '', {row}.tier),
    ('rep', {row}.team_id, {row}.member_id, '', {row}.tier),
    ('source', {row}.team_id, %(nobody)s::uuid, {row}.source, {row}.tier),
    ('campaign', {row}.team_id, %(nobody)s::uuid, {row}.campaign, {row}.tier),
    ('hour', {row}.team_id, %(nobody)s::uuid, {row}.hour, '')
) as cell(cube, team_id, member_id, value, tier)"""

_TOUCHED: Final = """touched as materialized (
    select distinct said.day, said.clock, said.target, cell.cube, cell.team_id, cell.member_id, cell.value,
        cell.tier
    from unnest(%(days)s::date[], %(hours)s::text[], %(clocks)s::text[], %(targets)s::text[],
        %(teams)s::uuid[], %(members)s::uuid[], %(sources)s::text[], %(campaigns)s::text[], %(tiers)s::text[])
        as said(day, hour, clock, target, team_id, member_id, source, campaign, tier)
    {cells}
), touched_week as materialized (
    select distinct date_trunc('week', day)::date as day, clock, target, cube, team_id, member_id, value, tier
    from touched where cube <> 'hour'
)"""

# By the unique key, one after the other: a join might compare every cell with each of these.
_ERASE: Final = """with {touched}, old as (
    select 1 as days, touched.* from touched union all select 7, touched_week.* from touched_week
)
delete from reporting_rollup where tenant_id = %(tenant)s and ctid = any(array(
    select found.at from old cross join lateral (
        select kept.ctid as at from reporting_rollup as kept
        where kept.tenant_id = %(tenant)s and kept.days = old.days and kept.day = old.day
            and kept.clock = old.clock and kept.target = old.target and kept.cube = old.cube
            and kept.team_id = old.team_id and kept.member_id = old.member_id and kept.value = old.value
            and kept.tier = old.tier
        limit 1
    ) as found
))
"""

# Facts of a period, from what the index fact_of_period holds.
_FACTS: Final = """select (started_at at time zone %(zone)s)::date as day, {hour} as hour, clock, target,
    source, campaign, tier, tier_name, verdict, closed_at is null as is_open,
    coalesce(team_id, %(nobody)s::uuid) as team_id,
    coalesce(member_id, %(nobody)s::uuid) as member_id, {seconds} as seconds,
    {whole_seconds} as whole_seconds, {kept_by_pause} as kept_by_pause,
    {called_off_by_pause} as called_off_by_pause
from reporting_targetfact
where tenant_id = %(tenant)s and started_at >= {start} and started_at < {end} and kind = 'inbound'"""
# Where a day begins and ends is told beforehand: row security keeps a condition that calls a function from
# the index, and each day would read the facts of all.
_FACTS_OF_TOUCHED_DAYS: Final = """(
    select distinct day, clock, target, day::timestamp at time zone %(zone)s as begins,
        (day + 1)::timestamp at time zone %(zone)s as ends from touched
) as wanted
cross join lateral ({facts} and clock = wanted.clock and target = wanted.target offset 0) as fact"""

# A cell is the sum of pieces. A fact is one piece; where its clock was paused and answered, a second one puts
# its whole time into the bucket that it would be in without pauses, and the first takes it out of its own.
# Cells of hours tell no response times: they would be too many.
_BUCKET: Final = "{0} - {0} %% (%(widths)s::int[])[1 + width_bucket({0}, %(ends)s::int[])]"
_PIECES_OF_FACTS: Final = """select fact.day, fact.clock, fact.target, cell.cube, cell.team_id,
    cell.member_id, cell.value, cell.tier, case when cell.cube = 'hour' then '' else fact.tier_name end
    as tier_name, {pieces}
from {facts}
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
# or, for a week, of some pieces a day: one for its counts, and one for each bucket of its response times.
_PIECES_OF_DAYS: Final = """select {day} as day, one.clock, one.target, one.cube, one.team_id, one.member_id,
    one.value, one.tier, one.tier_name, piece.*
from {days}
cross join lateral (
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
# Offset 0 keeps it a look-up in the index for each week.
_DAYS_OF_TOUCHED_WEEKS: Final = """(
    select distinct cube, clock, target, day, day + 7 as after from touched_week
) as span
cross join lateral (
    select * from reporting_rollup as kept
    where kept.tenant_id = %(tenant)s and kept.cube = span.cube and kept.days = 1 and kept.clock = span.clock
        and kept.target = span.target and kept.day >= span.day and kept.day < span.after
    offset 0
) as one
join touched_week as week on week.day = span.day and one.clock = week.clock and one.target = week.target
    and one.cube = week.cube and one.team_id = week.team_id and one.member_id = week.member_id
    and one.value = week.value and one.tier = week.tier"""
_DAYS_OF_PERIOD: Final = """(select * from reporting_rollup
    where tenant_id = %(tenant)s and days = 1 and cube <> 'hour' and day >= %(first)s and day < %(after)s
) as one"""

# Of rows that come in the order of their buckets: an order of its own for each list would cost more than
# all else.
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
_FILL: Final = """insert into reporting_rollup (id, tenant_id, days, {key}, tier_name, {counts}, starts,
    {lists})
select gen_random_uuid(), %(tenant)s, {length}, {key}, max(tier_name), {sum_of_counts}, {values_of_lists}
from (
    select {key}, start, max(tier_name) as tier_name, {sums}
    from ({pieces}) as piece group by {key}, start order by {key}, start
) as binned group by {key}
"""
_WITH_TOUCHED: Final = "with {touched} {statement}"
_ONLY_TOUCHED: Final = "select * from ({pieces}) as found where ({key}) in (select {key} from touched)"


def _fill(length: int, pieces: str) -> str:
    values = [_LIST.format(what=what) for what in ("start", *_BINNED)]
    return _FILL.format(
        key=_KEY,
        length=length,
        pieces=pieces,
        counts=", ".join(_COUNTS),
        lists=", ".join([*_BINNED, *_SHIFTED]),
        sum_of_counts=", ".join(f"sum({what})" for what in _COUNTS),
        values_of_lists=", ".join(values + [_SHIFT.format(what=what) for what in _SHIFTED]),
        sums=", ".join(f"sum({what}) as {what}" for what in (*_COUNTS, *_BINNED, *_SHIFTED)),
    )


def _of_touched(statement: str) -> str:
    return _WITH_TOUCHED.format(touched=_touched(), statement=statement)


def _touched() -> str:
    return _TOUCHED.format(cells=_CELLS.format(row="said"))


def _pieces_of_facts(facts: str) -> str:
    return _PIECES_OF_FACTS.format(
        facts=facts,
        cells=_CELLS.format(row="fact"),
        pieces=", ".join(
            ["case when cell.cube <> 'hour' then piece.start end as start"]
            + [f"piece.{what}" for what in (*_COUNTS, *_BINNED, *_SHIFTED)]
        ),
        bucket=_BUCKET.format("seconds"),
        whole_bucket=_BUCKET.format("whole_seconds"),
    )


_TOUCHED_FACTS: Final = _FACTS_OF_TOUCHED_DAYS.format(
    facts=_FACTS.format(
        start="wanted.begins",
        end="wanted.ends",
        hour=_HOUR,
        **_OF_FACTS,
    )
)
_PERIOD_FACTS: Final = "({facts}) as fact".format(
    facts=_FACTS.format(start="%(start)s", end="%(end)s", hour=_HOUR, **_OF_FACTS)
)

ERASE_TOUCHED: Final = _ERASE.format(touched=_touched())
FILL_TOUCHED_DAYS: Final = _of_touched(
    _fill(1, _ONLY_TOUCHED.format(pieces=_pieces_of_facts(_TOUCHED_FACTS), key=_KEY))
)
FILL_TOUCHED_WEEKS: Final = _of_touched(
    _fill(7, _PIECES_OF_DAYS.format(day="week.day", days=_DAYS_OF_TOUCHED_WEEKS))
)
FILL_DAYS: Final = _fill(1, _pieces_of_facts(_PERIOD_FACTS))
FILL_WEEKS: Final = _fill(
    7, _PIECES_OF_DAYS.format(day="date_trunc('week', one.day)::date", days=_DAYS_OF_PERIOD)
)
