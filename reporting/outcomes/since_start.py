"""What changed since the organisation began here: the first weeks and months against imported history.

Before is the baseline that stands, as everywhere; without one all that was imported. The response time is by
the wall clock on both sides, since history has no clocks of ours. Conversions are of MQLs that were followed
for FOLLOW days, of each side alike: history was watched until it was imported.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import Min

from reporting.baseline.models import Baseline
from reporting.baseline.standing import standing
from reporting.definitions import COUNTS, Share, Spread, counted_as
from reporting.lately import Lately, lately
from reporting.models import HandoffFact
from reporting.selectors.questions import INBOUND, midnight

FOLLOW: Final = 30
WEEKS: Final = 4
#: Months are of 30 days; the first is the four weeks and a bit.
MONTHS: Final = (2, 3, 4, 5, 6)
MONTH_DAYS: Final = 30
BEFORE: Final = "before"


@dataclass(frozen=True, slots=True)
class Span:
    """MQLs of a stretch of time and what came of them; None where it has not begun. feedback: sales said
    something. cycle: MQL to won, of the won. Of what was before, a share that the files are silent about is
    of none."""

    name: str
    first: date | None
    mqls: int
    in_time: Share
    response: Spread
    feedback: Share
    to_sql: Share
    to_opportunity: Share
    amount: Decimal
    with_amount: int
    wins: Share
    cycle: Spread


@dataclass(frozen=True, slots=True)
class SinceStart:
    """began: the day of the first handoff here; None before it. before: None where no history is there.
    baseline: whose days it is of; None is all that was imported."""

    began: date | None
    before: Span | None
    baseline: Baseline | None
    weeks: list[Span]
    months: list[Span]

    @property
    def mqls(self) -> int:
        """How many it is counted of; no two spans have the same."""
        return sum(each.mqls for each in [*([self.before] if self.before else []), *self.weeks, *self.months])


_SPANS: Final = """
with span(name, first, until) as (values {spans}),
fact as (select f.*, first_touch_at is not null and first_touch_at >= started_at
        and not coalesce(c.days_only ?| array['started_at', 'first_touch_at'], false) as responded,
    started_at + case when c.days_only ? 'started_at' then interval '1 day' else interval '0' end
        + interval '{follow} days' <= coalesce(c.known_until, %(now)s) as is_followed,
    extract(epoch from first_touch_at - started_at) as response,
    extract(epoch from won_at - started_at) as cycle from reporting_handofffact f
    left join leads_importedcycle c
        on f.is_history and c.tenant_id = f.tenant_id and c.handoff_id = f.id
    where f.kind = 'inbound')
select span.name, count(fact.id),
    count(*) filter (where touch_verdict = 'met') + count(*) filter (where decision_verdict = 'met'),
    count(*) filter (where touch_verdict in ('met', 'missed'))
        + count(*) filter (where decision_verdict in ('met', 'missed')),
    count(*) filter (where responded),
    percentile_disc(0.5) within group (order by response) filter (where responded),
    percentile_disc(0.9) within group (order by response) filter (where responded),
    count(*) filter (where decision <> '' or outcome <> ''),
    count(*) filter (where is_followed),
    coalesce(sum({sql}) filter (where is_followed), 0),
    coalesce(sum({opportunity}) filter (where is_followed), 0),
    coalesce(sum(amount), 0), count(amount),
    count(*) filter (where won_at is not null),
    count(*) filter (where lost_at is not null and won_at is null),
    percentile_disc(0.5) within group (order by cycle) filter (where cycle >= 0),
    percentile_disc(0.9) within group (order by cycle) filter (where cycle >= 0),
    coalesce(sum({sql_ever}), 0), coalesce(sum({opportunity_ever}), 0)
from span left join fact on (span.name = '{before}') = fact.is_history
    and (span.first is null or (fact.started_at >= span.first and fact.started_at < span.until))
group by span.name
"""


def since_start(*, zone: ZoneInfo, now: datetime) -> SinceStart:
    """The spans that have begun, and what was before. Three queries."""
    return _since_start(standing(), zone=zone, now=now)


def since_start_lately(*, zone: ZoneInfo, currency: str, now: datetime) -> Lately[SinceStart]:
    """The same, of many MQLs at most ten minutes old."""
    baseline = standing()
    named = (baseline.id, baseline.first, baseline.last) if baseline else None
    today = now.astimezone(zone).date()
    return lately(
        "outcomes",
        (zone.key, currency, named, today),
        lambda: _since_start(baseline, zone=zone, now=now),
        rows=lambda found: found.mqls,
        now=now,
        seen_by=None,
    )


def _since_start(baseline: Baseline | None, *, zone: ZoneInfo, now: datetime) -> SinceStart:
    start = HandoffFact.objects.filter(is_history=False, kind=INBOUND).aggregate(at=Min("started_at"))["at"]
    began = start.astimezone(zone).date() if start else None
    days = (baseline.first, baseline.last + timedelta(days=1)) if baseline else (None, None)
    planned: list[tuple[str, date | None, date | None]] = [(BEFORE, *days)]
    if began is not None:
        for week in range(WEEKS):
            first = began + timedelta(days=7 * week)
            planned.append((f"Week {week + 1}", first, first + timedelta(days=7)))
        for month in MONTHS:
            first = began + timedelta(days=MONTH_DAYS * (month - 1))
            planned.append((f"Month {month}", first, first + timedelta(days=MONTH_DAYS)))
    today = now.astimezone(zone).date()
    planned = [each for each in planned if each[0] == BEFORE or (each[1] is not None and each[1] <= today)]
    values: list[Any] = []
    params: dict[str, Any] = {"now": now}
    for place, (name, first, until) in enumerate(planned):
        params |= {
            f"name{place}": name,
            f"first{place}": midnight(first, zone) if first else None,
            f"until{place}": midnight(until, zone) if until else None,
        }
        values.append(f"(%(name{place})s, %(first{place})s::timestamptz, %(until{place})s::timestamptz)")
    sql = _SPANS.format(
        spans=", ".join(values),
        before=BEFORE,
        follow=FOLLOW,
        sql=COUNTS[counted_as("sql", FOLLOW)],
        opportunity=COUNTS[counted_as("opportunity", FOLLOW)],
        sql_ever=COUNTS["sql"],
        opportunity_ever=COUNTS["opportunity"],
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        rows = {row[0]: row for row in cursor.fetchall()}
    spans = [_span(rows[name], None if name == BEFORE else first) for name, first, _ in planned]
    before = spans[0] if spans[0].mqls else None
    weeks = [each for each in spans if each.name.startswith("Week")]
    return SinceStart(
        began, before, baseline, weeks, [each for each in spans if each.name.startswith("Month")]
    )


def _span(row: tuple[Any, ...], first: date | None) -> Span:
    name, mqls, met, judged, touched, median, p90, said, followed, sql, deals, amount, priced, *rest = row
    won, lost, cycle_median, cycle_p90, sql_ever, deals_ever = rest

    def of_file(count: Any, base: int, ever: int) -> Share:
        """Of what a file says nothing at all, nothing is known, as in the baseline."""
        is_told = ever or name != BEFORE
        return Share(int(count), base, mqls - base) if is_told else Share(0, 0, mqls)

    return Span(
        name=name,
        first=first,
        mqls=mqls,
        in_time=Share(met, judged),
        response=Spread(touched, _seconds(median), _seconds(p90)),
        feedback=of_file(said, mqls, said),
        to_sql=of_file(sql, followed, sql_ever),
        to_opportunity=of_file(deals, followed, deals_ever),
        amount=amount,
        with_amount=priced,
        wins=Share(won, won + lost, mqls - won - lost),
        cycle=Spread(won, _seconds(cycle_median), _seconds(cycle_p90)),
    )


def _seconds(value: Any) -> int | None:
    return None if value is None else int(value)
