"""The numbers of a baseline, of imported history and of what came after alike, by reporting.definitions.

What differs is only what a file can know. Its dates may be days: no time between them is told then, and
whether somebody was untouched after 72 hours only where it is so whatever the time of day. A file that is
silent about something altogether makes that number unknown, and never zero. History was watched until the
file was imported, the present is watched until now; MQLs that were not watched for long enough are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from django.db import connection

from reporting.definitions import COUNTS, UNTOUCHED_HOURS, counted_as
from reporting.reading import FOR_REPORTS
from reporting.selectors.questions import midnight
from tenants.context import current_tenant_id

#: Days that MQLs are followed for until SQL.
FOLLOW: Final = 30
_DAYS: Final = "the file has days, not times"


class Measure(NamedTuple):
    """label: on pages. short: in a line of several. is_share: else it is spread out, in `unit`.
    silent: why a file may not know it at all. left_out: who is not in the base. says: what it counts."""

    label: str
    short: str
    is_share: bool
    silent: str
    left_out: str
    says: str
    unit: str = "seconds"


#: By name, in the order of the page.
MEASURES: Final[Mapping[str, Measure]] = {
    "contacted": Measure(
        "Contacted",
        "contacted",
        True,
        "the file has no first activity",
        "",
        "MQLs that somebody called, wrote to or met.",
    ),
    "first_touch": Measure(
        "MQL to first touch",
        "first touch median",
        False,
        "the file has no first activity",
        "with days instead of times, or touched before MQL",
        "By the wall clock on both sides, nights included: nobody knows the working hours of then.",
    ),
    "on_time": Measure(
        "First touch on time",
        "first touch on time",
        True,
        "the file has no deadlines",
        "without a deadline, or not judged",
        "Of first touches that had a deadline: what the old system promised, and what is promised here.",
    ),
    "untouched": Measure(
        f"Untouched after {UNTOUCHED_HOURS} hours",
        f"untouched after {UNTOUCHED_HOURS} h",
        True,
        "the file has no first activity",
        "closed before, not watched for so long, or touched on a day that may be either",
        f"Nobody had touched them {UNTOUCHED_HOURS} hours after MQL.",
    ),
    "attempts": Measure(
        "Attempts an MQL",
        "attempts median",
        False,
        "no file of activities was imported",
        "",
        "Calls, e-mails and meetings by people, from MQL on.",
        "times",
    ),
    "acceptance": Measure(
        "Acceptance rate",
        "accepted",
        True,
        "the file has no acceptance and no rejection",
        "without an answer",
        "Accepted of accepted, rejected and nurture, by the first answer.",
    ),
    "to_sql": Measure(
        "MQL to SQL",
        "MQL to SQL",
        True,
        "the file has no SQL and nothing later",
        f"watched for less than {FOLLOW} days",
        f"Reached SQL within {FOLLOW} days, of MQLs watched for so long.",
    ),
    "cycle": Measure(
        "MQL to won",
        "MQL to won median",
        False,
        "the file has nothing won",
        "won before MQL by their dates",
        "Days from MQL to won, of those that were won. Of younger MQLs only the quick deals are won yet.",
        "days",
    ),
}


@dataclass(frozen=True, slots=True)
class Number:
    """A share (count of base) or something spread out (base of them; median and 90% in the measure's unit).

    unknown: why it cannot be told; "" where it is.
    """

    count: int = 0
    base: int = 0
    left_out: int = 0
    median: int | None = None
    p90: int | None = None
    unknown: str = ""

    @property
    def percent(self) -> float | None:
        """One decimal; None where the base is 0."""
        return round(100 * self.count / self.base, 1) if self.base else None

    def as_dict(self) -> dict[str, Any]:
        """As it is kept, and as the API tells it."""
        return {
            "count": self.count,
            "base": self.base,
            "left_out": self.left_out,
            "median": self.median,
            "p90": self.p90,
            "unknown": self.unknown,
        }


@dataclass(frozen=True, slots=True)
class Counted:
    """The numbers of a period by measure, of so many MQLs."""

    mqls: int
    numbers: Mapping[str, Number]


# Cycles from before times were noted are read by their look: midnight is a day. Those of the organisation are
# asked for by a value that the planner cannot see (select): of one that no statistics know, for its history
# was imported a minute ago, it would expect one row and go through all its cycles for each fact.
_COUNT: Final = """
with told as (
    select f.*, c.id is not null as has_cycle, coalesce(c.days_only, '[]'::jsonb) as days_only,
        coalesce(c.touched_at, '[]'::jsonb) as touched,
        case when f.is_history then coalesce(c.known_until, %(now)s) else %(now)s end as seen_until
      from reporting_handofffact f
      left join leads_importedcycle c
        on f.is_history and c.tenant_id = (select %(tenant)s::uuid) and c.handoff_id = f.id
     where f.tenant_id = %(tenant)s and f.is_history = %(is_history)s and f.kind = 'inbound'
       and f.started_at >= %(start)s and f.started_at < %(end)s
), dated as (
    select *,
        is_history and (days_only ? 'started_at' or not has_cycle
            and (started_at at time zone %(zone)s)::time = '00:00') as starts_on_day,
        is_history and first_touch_at is not null and (days_only ? 'first_touch_at' or not has_cycle
            and (first_touch_at at time zone %(zone)s)::time = '00:00') as touched_on_day
      from told
), said as (
    select *,
        case when starts_on_day then started_at + interval '1 day' else started_at end as started_by,
        case when touched_on_day then first_touch_at + interval '1 day' else first_touch_at end as touched_by,
        coalesce(closed_at <= started_at + {limit} and (not is_history or outcome <> ''), false)
            as closed_soon
      from dated
), judged as (
    select *,
        case when seen_until < started_by + {limit} then null
             when touched_by <= started_at + {limit} then false
             when first_touch_at is null or first_touch_at > started_by + {limit}
                 then case when closed_soon then null else true end
        end as untouched,
        case when not starts_on_day and not touched_on_day and first_touch_at >= started_at
             then floor(extract(epoch from first_touch_at - started_at))::int end as touch_seconds_by_wall,
        case when won_at >= started_at
             then floor(extract(epoch from won_at - started_at) / 86400)::int end as cycle_days,
        case when is_history then (
            select count(*) from jsonb_array_elements_text(touched) as made(at)
             where made.at::timestamptz + case when days_only ? 'touched_at' then interval '1 day'
                 else interval '0' end >= started_at) else touches end as attempts,
        started_by + interval '{follow} days' <= seen_until as is_followed
      from said
)
select count(*), coalesce(sum({contacted}), 0),
    count(touch_seconds_by_wall),
    percentile_disc(0.5) within group (order by touch_seconds_by_wall),
    percentile_disc(0.9) within group (order by touch_seconds_by_wall),
    count(*) filter (where first_touch_at is not null and (starts_on_day or touched_on_day)),
    count(*) filter (where touch_verdict = 'met'),
    count(*) filter (where touch_verdict in ('met', 'missed')),
    count(*) filter (where touch_verdict <> ''),
    count(*) filter (where untouched), count(untouched),
    percentile_disc(0.5) within group (order by attempts),
    percentile_disc(0.9) within group (order by attempts),
    count(*) filter (where touched <> '[]'::jsonb),
    coalesce(sum({accepted}), 0), coalesce(sum({rejected}), 0), coalesce(sum({nurtured}), 0),
    coalesce(sum({sql_in_time}) filter (where is_followed), 0), count(*) filter (where is_followed),
    coalesce(sum({sql}), 0),
    count(cycle_days),
    percentile_disc(0.5) within group (order by cycle_days),
    percentile_disc(0.9) within group (order by cycle_days),
    count(won_at)
from judged
"""


def count(first: date, last: date, *, is_history: bool, zone: ZoneInfo, now: datetime) -> Counted:
    """The numbers of the handoffs whose MQL was on these days, imported ones or our own. One query."""
    sql = _COUNT.format(
        limit=f"interval '{UNTOUCHED_HOURS} hours'",
        follow=FOLLOW,
        contacted=COUNTS["contacted"],
        accepted=COUNTS["accepted"],
        rejected=COUNTS["rejected"],
        nurtured=COUNTS["nurtured"],
        sql_in_time=COUNTS[counted_as("sql", FOLLOW)],
        sql=COUNTS["sql"],
    )
    values: dict[str, Any] = {
        "tenant": current_tenant_id(),
        "is_history": is_history,
        "start": midnight(first, zone),
        "end": midnight(date.fromordinal(last.toordinal() + 1), zone),
        "zone": str(zone),
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(FOR_REPORTS + sql, values)
        row = cursor.fetchone()
    return Counted(int(row[0]), _numbers(row, is_history=is_history))


def _numbers(row: tuple[Any, ...], *, is_history: bool) -> dict[str, Number]:
    mqls, contacted, timed, touch_median, touch_p90, on_days, *rest = row
    met, judged, promised, untouched, untouched_base, attempts, attempts_p90, active, *rest = rest
    accepted, rejected, nurtured, sql, followed, sql_ever, cycles, cycle, cycle_p90, won = rest
    answers = accepted + rejected + nurtured

    def of_file(name: str, is_told: bool, number: Number) -> Number:
        """Of what a file says nothing at all, nothing is known."""
        return number if is_told or not is_history else Number(unknown=MEASURES[name].silent)

    no_times = _DAYS if on_days and not timed else ""
    touch = Number(0, timed, contacted - timed, touch_median, touch_p90, no_times)
    acceptance = Number(int(accepted), int(answers), int(mqls - answers))
    return {
        "contacted": of_file("contacted", contacted > 0, Number(contacted, mqls)),
        "first_touch": of_file("first_touch", contacted > 0, touch),
        "on_time": of_file("on_time", promised > 0, Number(met, judged, mqls - judged)),
        "untouched": of_file(
            "untouched", contacted > 0, Number(untouched, untouched_base, mqls - untouched_base)
        ),
        "attempts": of_file("attempts", active > 0, Number(0, mqls, 0, attempts, attempts_p90)),
        "acceptance": of_file("acceptance", answers > 0, acceptance),
        "to_sql": of_file("to_sql", sql_ever > 0, Number(int(sql), followed, mqls - followed)),
        "cycle": of_file("cycle", won > 0, Number(0, cycles, won - cycles, cycle, cycle_p90)),
    }
