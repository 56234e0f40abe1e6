"""Everything that KPIs are computed from, read for all their months at once.

MQLs and SQLs come from the roll-ups of handoffs. Won leads, opportunities and their amounts are few and come
from rows, on indexes of their own. Runs in the tenant's scope; the number of queries is always the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import Count, Sum

from reporting.commitments.catalog import FOLLOWED_DAYS
from reporting.commitments.counts import NAMES
from reporting.commitments.days import last_of
from reporting.definitions import counted_as
from reporting.kpis.catalog import ENGAGED_DAYS, ENGAGED_SAMPLE, OPPORTUNITY_DAYS
from reporting.kpis.counted import Brought, Came, Closed, Cost, Engaged, Measured, Opened, Rows, Wins
from reporting.kpis.models import SourceCost
from reporting.kpis.spans import Span, first_day
from reporting.lately import lately
from reporting.lead_rollups import BEYOND
from reporting.reading import FOR_REPORTS
from reporting.selectors.daily import daily_counts
from reporting.selectors.handoff_cells import HandoffGround, rows_of
from reporting.selectors.questions import Question, midnight

Costs = dict[tuple[date, str], Cost]  # by (month, source or campaign)
#: MQLs of the months that are read, from which on what is counted of single rows is kept for some minutes.
LARGE: Final = 50_000
_SQL: Final = counted_as("sql", FOLLOWED_DAYS)


def question_of(spans: Sequence[Span], zone: ZoneInfo) -> Question:
    """The question about handoffs that these months ask."""
    return Question(zone=zone, first=first_day(spans), last=spans[-1].last)


def measure(
    spans: Sequence[Span], *, zone: ZoneInfo, currency: str, ground: HandoffGround | None, now: datetime
) -> Measured:
    """Read all that these months need; nine queries, and one where campaigns have costs. In large
    organisations what is counted of single rows is at most ten minutes old.

    ground: of `question_of` these months.
    """
    question = question_of(spans, zone)
    counts = daily_counts(question, ground, NAMES)
    costs, by_campaign = _costs(spans, currency)
    return Measured(
        counts=counts,
        brought=brought_by_source(question, ground),
        costs=costs,
        campaign_brought=_brought_by_campaign(spans[-1], zone, ground, by_campaign),
        campaign_costs=by_campaign,
        rows=lately(
            "kpis",
            (spans, zone.key, currency),
            lambda: _rows(spans, zone, currency, ground, now),
            rows=sum(of_day["mqls"] for of_day in counts.values()),
            now=now,
            seen_by=None,
            large=LARGE,
        ).value,
    )


def _rows(
    spans: Sequence[Span], zone: ZoneInfo, currency: str, ground: HandoffGround | None, now: datetime
) -> Rows:
    """Five queries."""
    wins, wins_by_source = _wins(spans, zone)
    return Rows(
        now,
        came=_came(spans, zone, ground),
        wins=wins,
        wins_by_source=wins_by_source,
        closed=_closed(spans, zone, currency),
        opened=_opened(spans, zone, currency),
        engaged=_engaged(spans, zone),
    )


_BROUGHT: Final = """select date_trunc('month', day)::date, key, sum(mqls)::bigint, sum({sql})::bigint
from ({rows}) as cell {only} group by 1, 2"""


def brought_by_source(question: Question, ground: HandoffGround | None) -> dict[tuple[date, str], Brought]:
    """MQLs and SQLs by month and source. One query."""
    rows = rows_of(question, "source", ground, by_day=True)
    if rows is None:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(FOR_REPORTS + _BROUGHT.format(sql=_SQL, rows=rows.sql, only=""), rows.params)
        return {(month, key): Brought(mqls, sqls) for month, key, mqls, sqls in cursor.fetchall()}


def _brought_by_campaign(
    span: Span, zone: ZoneInfo, ground: HandoffGround | None, costs: Costs
) -> dict[tuple[date, str], Brought]:
    """The same of campaigns that have a cost in the months that costs are told of: there may be any number
    of others. No query where there is none."""
    months = span.cost_months
    names = sorted({name for month, name in costs if month in months})
    if not names:
        return {}
    question = Question(zone=zone, first=months[0], last=last_of(months[-1]))
    rows = rows_of(question, "campaign", ground, by_day=True)
    if rows is None:
        return {}
    sql = _BROUGHT.format(sql=_SQL, rows=rows.sql, only="where key = any(%s)")
    with connection.cursor() as cursor:
        cursor.execute(FOR_REPORTS + sql, (*rows.params, names))
        return {(month, key): Brought(mqls, sqls) for month, key, mqls, sqls in cursor.fetchall()}


def _costs(spans: Sequence[Span], currency: str) -> tuple[Costs, Costs]:
    """Costs by source, and those that name a campaign by campaign, whatever the source. One query."""
    first, last = spans[0].cost_months[0], spans[-1].month
    rows = SourceCost.objects.filter(month__gte=first, month__lte=last).order_by()
    found: tuple[Costs, Costs] = ({}, {})
    summed = rows.values("month", "source", "campaign", "currency")
    for each in summed.annotate(amount_sum=Sum("amount"), rows=Count("id")):
        for costs, key in zip(found, (each["source"], each["campaign"]), strict=True):
            if not key:
                continue
            cost = costs.setdefault((each["month"], key), Cost())
            if each["currency"] == currency:
                cost.amount = (cost.amount or 0) + each["amount_sum"]
            else:
                cost.others += each["rows"]
    return found


# --- Rows of spans of time ----------------------------------------------------------------------------------


def _ask(sql: str, spans: Sequence[tuple[date, date, date]], zone: ZoneInfo, **named: Any) -> list[Any]:
    """Run a statement over span(month, since, until): the month, and from which day to which, both included.
    first, after: the ends of all."""
    values, params = [], dict(named)
    for place, (month, first, last) in enumerate(spans):
        values.append(f"(%(m{place})s::date, %(f{place})s::timestamptz, %(u{place})s::timestamptz)")
        params[f"m{place}"] = month
        params[f"f{place}"] = midnight(first, zone)
        params[f"u{place}"] = midnight(last + timedelta(days=1), zone)
    params["first"] = min(params[f"f{place}"] for place in range(len(spans)))
    params["after"] = max(params[f"u{place}"] for place in range(len(spans)))
    with connection.cursor() as cursor:
        cursor.execute(sql.replace("{spans}", ", ".join(values)), params)
        return cursor.fetchall()


def _three_months(spans: Sequence[Span]) -> list[tuple[date, date, date]]:
    return [(span.month, span.since, span.last) for span in spans]


_WINS: Final = """
with span(month, since, until) as (values {spans}),
won as materialized (
    select source, closed_at, extract(epoch from closed_at - created_at) as took,
        extract(epoch from closed_at - first_touch_at) as since_touch
    from reporting_handofffact
    where kind = 'inbound' and outcome = 'won' and closed_at >= %(first)s and closed_at < %(after)s
)
select span.month, grouping(won.source) = 0, coalesce(won.source, ''), count(*),
    count(*) filter (where took >= 0),
    percentile_disc(array[0.5, 0.9]) within group (order by took) filter (where took >= 0),
    count(*) filter (where since_touch >= 0),
    percentile_disc(array[0.5, 0.9]) within group (order by since_touch) filter (where since_touch >= 0)
from span join won on won.closed_at >= span.since and won.closed_at < span.until
group by grouping sets ((span.month), (span.month, won.source))
having grouping(won.source) = 1 or span.month = %(shown)s
"""


def _wins(spans: Sequence[Span], zone: ZoneInfo) -> tuple[dict[date, Wins], dict[str, Wins]]:
    whole, by_source = dict[date, Wins](), dict[str, Wins]()
    for month, is_source, source, won, dated, took, touched, since_touch in _ask(
        _WINS, _three_months(spans), zone, shown=spans[-1].month
    ):
        wins = Wins(won, dated, *_pair(took), touched, *_pair(since_touch))
        if is_source:
            by_source[source] = wins
        else:
            whole[month] = wins
    return whole, by_source


def _pair(numbers: Sequence[Any] | None) -> tuple[int | None, int | None]:
    if not numbers or numbers[0] is None:
        return None, None
    return int(numbers[0]), int(numbers[1])


# Test leads and outbound handoffs are few, and each have an index: they are read as a whole, and the rest is
# what is not among them.
_DEAL: Final = """deal as materialized (
    select opened_at, closed_at, outcome, amount, amount is not null and currency = %(currency)s as counts,
        handoff_id is not null and handoff_id in (
            select id from leads_handoff where kind = 'outbound') as is_outbound
    from leads_opportunity
    where {at} >= %(first)s and {at} < %(after)s
      and lead_id not in (select id from leads_lead where is_test)
)"""
_CLOSED: Final = """
with span(month, since, until) as (values {spans}), {deal},
bare as materialized (
    select f.closed_at from reporting_handofffact f
    where f.kind = 'inbound' and f.outcome = 'won' and f.closed_at >= %(first)s and f.closed_at < %(after)s
      and not exists (select 1 from leads_opportunity o
                       where o.tenant_id = f.tenant_id and o.handoff_id = f.id and o.outcome = 'won')
)
select span.month, count(*) filter (where outcome = 'won' and not is_outbound),
    count(*) filter (where outcome = 'lost' and not is_outbound), count(*) filter (where is_outbound),
    count(*) filter (where outcome = 'won' and not is_outbound and counts),
    count(*) filter (where outcome = 'won' and not is_outbound and amount is null),
    count(*) filter (where outcome = 'won' and not is_outbound and amount is not null and not counts),
    percentile_disc(array[0.5, 0.9]) within group (order by amount)
        filter (where outcome = 'won' and not is_outbound and counts),
    (select count(*) from bare where bare.closed_at >= span.since and bare.closed_at < span.until)
from span left join deal on deal.closed_at >= span.since and deal.closed_at < span.until
group by span.month, span.since, span.until
""".replace("{deal}", _DEAL.replace("{at}", "closed_at"))
_OPENED: Final = """
with span(month, since, until) as (values {spans}), {deal}
select span.month, count(*) filter (where not is_outbound),
    count(*) filter (where not is_outbound and counts),
    count(*) filter (where not is_outbound and amount is null),
    count(*) filter (where not is_outbound and amount is not null and not counts),
    coalesce(sum(amount) filter (where not is_outbound and counts), 0),
    count(*) filter (where counts), coalesce(sum(amount) filter (where counts), 0)
from span join deal on deal.opened_at >= span.since and deal.opened_at < span.until
group by span.month
""".replace("{deal}", _DEAL.replace("{at}", "opened_at"))


def _closed(spans: Sequence[Span], zone: ZoneInfo, currency: str) -> dict[date, Closed]:
    found = {}
    for month, won, lost, outbound, priced, bare, other, amounts, unwritten in _ask(
        _CLOSED, _three_months(spans), zone, currency=currency
    ):
        median, p90 = amounts or (None, None)
        found[month] = Closed(won, lost, outbound, priced, bare, other, median, p90, unwritten)
    return found


def _opened(spans: Sequence[Span], zone: ZoneInfo, currency: str) -> dict[date, Opened]:
    months = [(span.month, span.month, span.last) for span in spans]
    return {month: Opened(*rest) for month, *rest in _ask(_OPENED, months, zone, currency=currency)}


# --- Leads as they came -------------------------------------------------------------------------------------

# Leads by what they are now; and of those beyond Subscriber the ones that an opportunity came of, which are
# looked up among the facts: few of many. That a lead came when its fact says lets an index alone say what the
# lead is now.
_CAME: Final = """
with span(month, since, until) as (values {spans})
{leads}
union all
select (f.created_at at time zone %(tz)s)::date, 0, 0, 0, count(distinct f.lead_id)
from reporting_handofffact f
join leads_lead l on l.tenant_id = f.tenant_id and l.id = f.lead_id and l.created_at = f.created_at
where f.kind = 'inbound' and (f.opportunity_at is not null or f.won_at is not null)
  and f.created_at >= %(first)s and f.created_at < %(after)s
  and least(f.opportunity_at, f.won_at) <= f.created_at + %(within)s
  and l.stage not in ('subscriber', 'disqualified') and not l.is_test
group by 1
"""
_FROM_LEADS: Final = """select (created_at at time zone %(tz)s)::date,
    count(*) filter (where stage not in ('subscriber', 'disqualified')),
    count(*) filter (where stage = 'subscriber'), count(*) filter (where stage = 'disqualified'), 0
from leads_lead where not is_test and created_at >= %(first)s and created_at < %(after)s group by 1"""
# Cells, and what waits to be added to them.
_FROM_CELLS: Final = """select day, sum({beyond})::int, sum(subscribers)::int,
    sum(disqualified)::int, 0
from (
    select day, leads, subscribers, disqualified from reporting_leadrollup
    where cube = 'all' and value = '' and days = 1 and day >= %(first_day)s and day <= %(last_day)s
    union all
    select (created_at at time zone %(tz)s)::date, leads, subscribers, disqualified
    from reporting_leadchange where created_at >= %(first)s and created_at < %(after)s
) as came group by day""".replace("{beyond}", BEYOND)


def _came(spans: Sequence[Span], zone: ZoneInfo, ground: HandoffGround | None) -> dict[date, Came]:
    """Leads by the day on which they came."""
    days = [(span.month, min(span.leads[0], span.engaged[0]), span.last) for span in spans]
    leads = _FROM_CELLS if ground is not None and ground.has_lead_cells else _FROM_LEADS
    rows = _ask(
        _CAME.replace("{leads}", leads),
        days,
        zone,
        tz=zone.key,
        first_day=min(first for _, first, _ in days),
        last_day=max(last for _, _, last in days),
        within=timedelta(days=OPPORTUNITY_DAYS),
    )
    found: dict[date, Came] = {}
    for day, *numbers in rows:
        found[day] = found.get(day, Came()) + Came(*numbers)
    return found


# A sample of bounded size, as a table of everything that leads ever did has no index by time.
_ENGAGED: Final = """
with span(month, since, until) as (values {spans})
select span.month, count(*), count(*) filter (where again), count(*) filter (where again or known)
from span cross join lateral (
    select id, tenant_id, created_at from leads_lead
    where not is_test and created_at >= span.since and created_at < span.until
    order by created_at desc, id desc limit %(most)s
) as lead cross join lateral (
    select count(*) > 0 as known, coalesce(bool_or(e.at > lead.created_at + interval '1 hour'
        and e.at <= lead.created_at + %(within)s), false) as again
    from leads_engagement e where e.tenant_id = lead.tenant_id and e.lead_id = lead.id
) as did
group by span.month
"""


def _engaged(spans: Sequence[Span], zone: ZoneInfo) -> dict[date, Engaged]:
    days = [(span.month, *span.engaged) for span in spans]
    rows = _ask(_ENGAGED, days, zone, within=timedelta(days=ENGAGED_DAYS), most=ENGAGED_SAMPLE)
    return {month: Engaged(*rest) for month, *rest in rows}
