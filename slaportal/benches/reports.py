"""Reports of handoffs in an organisation of 1,000,000, with a hundred of 10,000 beside it: pages, what ten
times the history costs, refresh, rebuild, and the same figures asked from the raw tables by plain SQL.

Ten times the history is looked at both ways: a month of a history that is ten times as long, beside one of as
many leads a day; and the same year with ten times as many leads in it.

A year of handoffs: four in five answered, some of these SQL, opportunity and won, by five sources, a
hundred thousand campaigns and forty reps; four clocks each. Times of pages are those of the whole request in
this process, middleware and template included, as the app role. The floor is a view that does `select 1`
behind the same middleware, in the same run.

options: handoffs (of the big organisation), neighbours (organisations beside it), neighbour_handoffs (of
each), requests (measured a page), changed (handoffs of the refresh).

At full size it takes half an hour, so it says on standard error what it has measured as it goes.
"""

from __future__ import annotations

import sys
from datetime import date, datetime, timedelta
from functools import partial
from time import perf_counter
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import F, QuerySet
from django.test.utils import override_settings
from django.urls import include, path

from feedback.models import Reason
from feedback.services import seed_reasons
from leads.models import Handoff
from leads.services import mark_dirty
from reporting import selectors
from reporting.facts import TURN, drain_tenant, rebuild
from reporting.leaks.counting import leaks_for
from reporting.leaks.settings import leak_terms
from reporting.models import HandoffFact
from reporting.params import question_for_api
from sla.models import Timer
from slaportal.benches.browsing import (
    analyze,
    bare,
    client_of,
    get,
    percentiles,
    queries_of,
    times_of,
)
from slaportal.benches.crowd import Company, make_company
from slaportal.benches.database import scale, scratch_database
from tenants.clock import database_clock
from tenants.context import tenant_scope
from tenants.models import Tenant

REPS: Final = 40
CHUNK: Final = 50_000
urlpatterns = [path("bench/bare", bare), path("", include("slaportal.urls"))]

#: The longest history and the shortest, in days.
YEAR, TENTH_OF_YEAR = 364.0, 36.4
#: Pages of a period that both histories have; all are counted from roll-ups.
MONTHLY: Final = {
    "funnel_30_days": "/funnel?period=30d",
    "funnel_30_by_rep": "/funnel?period=30d&by=rep",
    "funnel_30_by_campaign": "/funnel?period=30d&by=campaign",
    "rejections_30_days": "/rejections?period=30d",
    "compliance_30_days": "/compliance?period=30d",
}
#: Which address, and whether it is counted from roll-ups.
PAGES: Final = {
    "funnel_90_days": ("/funnel", True),
    "funnel_365_days": ("/funnel?period=365d", True),
    "funnel_365_followed": ("/funnel?period=365d&follow=90", True),
    "funnel_365_by_rep": ("/funnel?period=365d&by=rep", True),
    "funnel_365_by_campaign": ("/funnel?period=365d&by=campaign", True),
    "funnel_365_find_campaign": ("/funnel?period=365d&by=campaign&find=campaign+77", True),
    "rejections_90_days": ("/rejections", True),
    "rejections_365_days": ("/rejections?period=365d", True),
    "rejections_365_by_campaign": ("/rejections?period=365d&by=campaign", True),
    "compliance_365_days": ("/compliance?period=365d", True),
    "compliance_365_by_campaign": ("/compliance?period=365d&by=campaign", True),
    "compliance_365_find_campaign": ("/compliance?period=365d&by=campaign&find=campaign+77", True),
    "clocks_behind": ("/compliance/leads?period=365d", False),
    "leads_behind": ("/funnel/leads?period=90d&stage=sql", False),
    "journey_90_days": ("/journey?period=90d", False),
    "kpis": ("/kpis", False),
    "commitments": ("/commitments", False),
    "speed_90_days": ("/speed?period=90d", False),
    "pipeline_365_days": ("/pipeline?period=365d", False),
    "outcomes_365_days": ("/outcomes?period=365d", False),
    "campaigns_365_days": ("/campaigns?period=365d", False),
    "volume_365_days": ("/volume?period=365d", False),
    "leaks_365_days": ("/leaks?period=365d", False),
    "review_of_the_week": ("/reviews/week", False),
    "digest": ("/digest", False),
    "agreement": ("/agreement", False),
    "board": ("/board", False),
}


def _id_at(at: str, number: str) -> str:
    """SQL for an id that was made at an instant, as the product makes its own: what is made together stands
    together. number: tells apart what one instant made in one table."""
    millisecond = f"to_hex((extract(epoch from {at}) * 1000)::bigint)"
    return f"(lpad({millisecond}, 12, '0') || '7000' || lpad(to_hex({number}), 16, '0'))::uuid"


# n: 0 is the newest. luck: a number from 0 to 99 that has nothing to do with the others.
_CROWD: Final = """
create temporary table crowd on commit drop as
select *, {lead_id} as lead, {handoff_id} as handoff, {handoff_id} as assignment
from (select n,
    (%(reps)s::uuid[])[1 + n %% %(rep_count)s] as member,
    %(now)s - (n::float8 / %(size)s) * %(days)s * interval '1 day' as started,
    (array['Demo form', 'Webinar', 'Paid social', 'Organic', 'Partner'])[1 + n %% 5] as source,
    case when n %% 10 = 0 then 'Click ' || n / 10 else 'Campaign ' || n %% 60 end as campaign,
    (array['web', 'event', 'paid'])[1 + n %% 3] as channel,
    (%(accounts)s::uuid[])[1 + n %% %(account_count)s] as account,
    abs(hashint4(n::int)) %% 100 as luck,
    (1 + abs(hashint4(n::int + 7)) %% 400) * interval '55 seconds' as answer
from generate_series(%(first)s::bigint, %(last)s) n) as each;
alter table crowd add at_sql timestamptz, add at_deal timestamptz, add at_won timestamptz;
update crowd set at_sql = started + answer + luck * interval '7 hours' where luck < 27;
update crowd set at_deal = at_sql + interval '9 days' where luck < 15;
update crowd set at_won = at_deal + interval '25 days' where luck < 6;
analyze crowd;
"""
_ROWS: Final = """
insert into leads_lead (id, tenant_id, email, first_name, last_name, search_name, title, phone, country,
    region, company_name, source, campaign, channel, custom, stage, needs, account_id, is_test, created_at,
    updated_at)
select lead, %(tenant)s, 'lead' || n || '@company.example', 'Lea', 'Number ' || n, 'lea number ' || n,
    'Head of Operations', '', 'DE', '', '', source, campaign, channel, '{{}}',
    case when luck < 56 then 'sal' when luck < 80 then 'rejected' else 'mql' end, '[]', account, false,
    started - interval '3 hours', started + answer
from crowd;

insert into leads_handoff (id, tenant_id, lead_id, number, state, outcome, started_at, closed_at, accepted_at,
    first_touch_at, sql_at, opportunity_at, owner_id, owned_since, hops, unrouted_reason, tier, tier_name,
    policy_version_id, priority, source, campaign, channel, is_test, is_history)
select handoff, %(tenant)s, lead, 1, 'closed',
    case when luck < 6 then 'won' when luck < 56 then 'nurture' when luck < 80 then 'rejected'
         else 'disqualified' end,
    started, started + answer, case when luck < 56 then started + answer end,
    case when luck < 85 then started + answer end, at_sql, at_deal, member, started, 0, '', 'demo_request',
    'Demo request', %(policy)s, 0, source, campaign, channel, false, false
from crowd;

insert into leads_assignment (id, tenant_id, handoff_id, member_id, hop, started_at, ended_at, end_reason,
    reason)
select assignment, %(tenant)s, handoff, member, 0, started, started + answer, 'closed', 'Your turn'
from crowd;

insert into leads_touch (id, tenant_id, lead_id, handoff_id, kind, at, logged_at, outcome, note, automatic,
    external_id)
select {answer_id}, %(tenant)s, lead, handoff, 'call', started + answer, started + answer, '', '', false, ''
from crowd where luck < 85;

insert into feedback_disposition (id, tenant_id, handoff_id, kind, reason_id, note, actor, at)
select {answer_id}, %(tenant)s, handoff, case when luck < 56 then 'accepted' else 'rejected' end,
    case when luck >= 56 then (%(reasons)s::uuid[])[1 + luck %% %(reason_count)s] end, '', 'bench',
    started + answer
from crowd where luck < 80;

insert into leads_opportunity (id, tenant_id, lead_id, handoff_id, external_system, external_id, name, amount,
    currency, outcome, opened_at, closed_at, updated_at)
select {deal_id}, %(tenant)s, lead, handoff, '', '', '', 1000 + luck * 100, 'EUR',
    case when luck < 6 then 'won' else '' end, at_deal, at_won, at_deal
from crowd where luck < 15;

insert into sla_timer (id, tenant_id, handoff_id, assignment_id, member_id, target, clock, policy_version_id,
    tier, calendar_version_id, generation, state, started_at, duration_seconds, warn_at, due_at, next_step,
    met_at, breached_at, closed_at, close_reason, business_seconds, wall_seconds, attempts, last_error)
select {timer_id}, %(tenant)s, handoff, case when clock = 'owner' then assignment end,
    case when clock = 'owner' then member end, target, clock, %(policy)s, 'demo_request', %(calendar)s, 1,
    case when luck >= 85 then 'cancelled' when answer <= lasts then 'met' else 'breached' end, started,
    extract(epoch from lasts)::int, started + lasts * 0.8, started + lasts, 0,
    case when luck < 85 then started + answer end,
    case when luck < 85 and answer > lasts then started + lasts end, started + answer, '',
    case when luck < 85 then extract(epoch from answer)::int end,
    case when luck < 85 then extract(epoch from answer)::int end, 0, ''
from crowd
cross join (values
    (0, 'company', 'first_touch', interval '4 hours'), (1, 'company', 'decision', interval '1 day'),
    (2, 'owner', 'first_touch', interval '4 hours'), (3, 'owner', 'decision', interval '1 day')
) as clocks(place, clock, target, lasts);
"""

_IDS: Final = {
    "lead_id": _id_at("started - interval '3 hours'", "n"),
    "handoff_id": _id_at("started", "n"),
    "answer_id": _id_at("started + answer", "n"),
    "deal_id": _id_at("at_deal", "n"),
    "timer_id": _id_at("started", "n * 4 + place"),
}

# The figures of the funnel by source over the year, as one would ask them of the tables that people write.
_RAW: Final = """
select h.source, count(*),
    count(*) filter (
        where least(h.accepted_at, h.sql_at, h.opportunity_at, o.opened_at, o.won_at) is not null),
    count(*) filter (where least(h.sql_at, h.opportunity_at, o.opened_at, o.won_at) is not null),
    count(*) filter (where least(h.opportunity_at, o.opened_at, o.won_at) is not null),
    count(*) filter (where o.won_at is not null),
    count(*) filter (where d.kind = 'accepted'), count(*) filter (where d.kind = 'rejected'),
    percentile_disc(array[0.5, 0.9]) within group (order by h.accepted_at - h.started_at),
    percentile_disc(array[0.5, 0.9]) within group (order by h.sql_at - h.accepted_at),
    percentile_disc(array[0.5, 0.9]) within group (order by t.business_seconds)
from leads_handoff h
left join (
    select handoff_id, min(opened_at) as opened_at, min(closed_at) filter (where outcome = 'won') as won_at
    from leads_opportunity where tenant_id = %(tenant)s group by handoff_id
) o on o.handoff_id = h.id
left join feedback_disposition d on d.tenant_id = h.tenant_id and d.handoff_id = h.id and d.undone_at is null
left join sla_timer t on t.tenant_id = h.tenant_id and t.handoff_id = h.id and t.clock = 'company'
    and t.target = 'first_touch'
where h.tenant_id = %(tenant)s and h.started_at >= %(start)s and h.started_at < %(end)s and not h.is_test
group by h.source
"""


class Figures(dict[str, Any]):
    """What was measured, told as soon as it is known."""

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, value)
        sys.stderr.write(f"{name}: {value:,.1f}\n")
        sys.stderr.flush()


def run(
    handoffs: int = 1_000_000,
    neighbours: int = 100,
    neighbour_handoffs: int = 10_000,
    requests: int = 40,
    changed: int = 10_000,
    **_: object,
) -> dict[str, Any]:
    """Milliseconds a page, seconds of refresh and rebuild, and their ratios."""
    size = max(2_000, int(handoffs * scale()))
    beside = max(100, int(neighbour_handoffs * scale()))
    figures = Figures({"handoffs": size, "neighbours": neighbours, "handoffs_of_each": beside})
    floor: dict[str, float] = {}
    ratios: dict[str, float] = {}
    settings = override_settings(
        ROOT_URLCONF="slaportal.benches.reports", DEBUG=False, ALLOWED_HOSTS=["testserver"]
    )
    with scratch_database(), settings:
        now = database_clock()
        began = perf_counter()
        big, tenth = _crowd("big", size, now), _crowd("tenth", size // 10, now)
        short = _crowd("short", size // 10, now, days=TENTH_OF_YEAR)
        for number in range(neighbours):
            rebuild(_crowd(f"beside{number}", beside, now, reps=4).tenant_id)
        analyze()
        figures["filling_s"] = perf_counter() - began
        rebuild(tenth.tenant_id)
        rebuild(short.tenant_id)
        figures["rebuild_s"], figures["rebuild_reports_of_progress"] = _rebuild(big)
        analyze()
        _measure_pages(big, tenth, requests, figures, floor, ratios)
        _measure_length(big, short, requests, figures, ratios)
        _compare_with_raw(big, now, figures, ratios)
        figures["leaks_of_a_year_s"] = _leaks(big, now)
        share = min(changed, size // 12)
        for change in ("sources", "answers"):
            for what, days in (("a_month", 30), ("a_year", 364)):
                figures[f"refresh_{share}_{change}_of_{what}_s"] = _refresh(big, change, share, days, now)
    return {"figures": figures, "floor": floor, "ratios": ratios}


def _measure_pages(
    big: Company,
    tenth: Company,
    requests: int,
    figures: Figures,
    floor: dict[str, float],
    ratios: dict[str, float],
) -> None:
    visitor, other = client_of(big, "Director"), client_of(tenth, "Director")
    floor["bare_p50_ms"], floor["bare_p95_ms"] = percentiles(
        times_of(partial(get, visitor, "/bench/bare"), requests)
    )
    for name, (address, is_rolled) in PAGES.items():
        times = percentiles(times_of(partial(get, visitor, address), requests))
        figures[f"{name}_p50_ms"], figures[f"{name}_p95_ms"] = times
        figures[f"{name}_queries"] = queries_of(visitor, address)
        ratios[f"{name}_to_floor"] = times[0] / floor["bare_p50_ms"]
        if is_rolled:
            former = percentiles(times_of(partial(get, other, address), requests))
            ratios[f"{name}_to_a_tenth_of_the_leads"] = times[0] / former[0]


def _measure_length(
    big: Company, short: Company, requests: int, figures: Figures, ratios: dict[str, float]
) -> None:
    visitor, other = client_of(big, "Director"), client_of(short, "Director")
    for name, address in MONTHLY.items():
        times = percentiles(times_of(partial(get, visitor, address), requests))
        former = percentiles(times_of(partial(get, other, address), requests))
        figures[f"{name}_p50_ms"], figures[f"{name}_p95_ms"] = times
        ratios[f"{name}_to_a_tenth_of_the_length"] = times[0] / former[0]


def _rebuild(company: Company) -> tuple[float, int]:
    said: list[date] = []
    began = perf_counter()
    rebuild(company.tenant_id, progress=lambda what, done, last: said.append(done), side_by_side=True)
    return perf_counter() - began, len(said)


def _compare_with_raw(company: Company, now: datetime, figures: Figures, ratios: dict[str, float]) -> None:
    """The funnel by source over a year, both ways; they must say the same."""
    with tenant_scope(company.tenant_id):
        tenant = Tenant.objects.get(id=company.tenant_id)
        question = question_for_api({"period": "365d"}, tenant=tenant, now=now)
        values: dict[str, Any] = {"tenant": company.tenant_id, "start": question.start, "end": question.end}

        def raw() -> list[tuple[Any, ...]]:
            with connection.cursor() as cursor:
                cursor.execute(_RAW, values)
                return list(cursor.fetchall())

        def rolled() -> selectors.Funnel:
            ground = selectors.handoff_ground(question)
            names = selectors.load_names()
            return selectors.funnel(question, "source", now=now, names=names, ground=ground)

        asked = {row[0]: row[1:8] for row in raw()}
        for group in rolled().groups:
            names = ("mqls", "sal", "sql", "opportunity", "won", "accepted", "rejected")
            counted = tuple(group.tally.all[name] for name in names)
            if counted != asked[str(group.key)]:
                raise RuntimeError(f"{group.key}: {counted} from roll-ups, {asked[str(group.key)]} raw")
        figures["raw_sql_p50_ms"], _ = percentiles(times_of(raw, 5))
        figures["roll_ups_p50_ms"], _ = percentiles(times_of(rolled, 20))
    ratios["raw_sql_to_roll_ups"] = figures["raw_sql_p50_ms"] / figures["roll_ups_p50_ms"]


def _leaks(company: Company, now: datetime) -> float:
    """Seconds of the leak finder over a year, nothing kept: the middle of three."""
    with tenant_scope(company.tenant_id):
        tenant = Tenant.objects.get(id=company.tenant_id)
        question = question_for_api({"period": "365d"}, tenant=tenant, now=now)
        find = partial(leaks_for, question, now, chosen=leak_terms())
        return percentiles(times_of(find, 3))[0] / 1_000


def _refresh(company: Company, change: str, count: int, days: int, now: datetime) -> float:
    """Seconds until so many handoffs of the last `days` days, which changed, are counted again. change: what
    changed of them, sources or answers; an answer is in cells of all cubes."""
    with tenant_scope(company.tenant_id):
        of_period = Handoff.objects.filter(started_at__gte=now - timedelta(days=days)).order_by("id")
        step = max(1, of_period.count() // count)
        chosen: list[UUID] = list(of_period.values_list("id", flat=True)[::step])[:count]
        handoffs = Handoff.objects.filter(id__in=chosen)
        if change == "sources":
            handoffs.update(source=f"Corrected of {days} days")
        else:
            later = timedelta(hours=1)
            handoffs.filter(first_touch_at__isnull=False).update(first_touch_at=F("first_touch_at") + later)
            Timer.objects.filter(handoff_id__in=chosen, met_at__isnull=False).update(
                met_at=F("met_at") + later, business_seconds=F("business_seconds") + later.seconds
            )
        mark_dirty(chosen, now)
        before = set(_told(chosen))
    began = perf_counter()
    while drain_tenant(company.tenant_id) == TURN:
        pass
    taken = perf_counter() - began
    with tenant_scope(company.tenant_id):
        done = len(set(_told(chosen)) - before)
        if done < count * 0.8:  # those that nobody answered have no answer to correct
            raise RuntimeError(f"{done} of {len(chosen)} were counted again")
    return taken


def _told(handoff_ids: list[UUID]) -> QuerySet[HandoffFact, tuple[Any, ...]]:
    return HandoffFact.objects.filter(id__in=handoff_ids).values_list("id", "source", "first_touch_at")


def _crowd(slug: str, size: int, now: datetime, *, reps: int = REPS, days: float = YEAR) -> Company:
    company = make_company(slug, reps=reps, now=now - timedelta(days=400))
    with tenant_scope(company.tenant_id), connection.cursor() as cursor:
        seed_reasons()
        reasons = list(Reason.objects.filter(kind="reject", side="marketing").values_list("id", flat=True))
        cursor.execute(
            "insert into leads_account (id, tenant_id, name, domain, website, employees, industry, country,"
            " region, tier, compared_name, is_named, is_customer, is_partner, is_competitor,"
            " has_open_opportunity, created_at)"
            " select gen_random_uuid(), %s, 'Company ' || n, '', '', n %% 1500, '', 'DE', '', '',"
            " 'Company ' || n, false, false, false, false, false, %s"
            " from generate_series(1, 2000) n returning id",
            [company.tenant_id, now],
        )
        accounts = [str(row[0]) for row in cursor.fetchall()]
    parameters: dict[str, Any] = {
        "tenant": company.tenant_id,
        "policy": company.policy_version_id,
        "calendar": company.calendar_version_id,
        "reps": [str(rep_id) for rep_id in company.rep_ids],
        "rep_count": len(company.rep_ids),
        "reasons": [str(reason_id) for reason_id in reasons],
        "reason_count": len(reasons),
        "accounts": accounts,
        "account_count": len(accounts),
        "size": size,
        "days": days,
        "now": now,
    }
    for first in range(0, size, CHUNK):
        span = {"first": first, "last": min(first + CHUNK, size) - 1}
        with tenant_scope(company.tenant_id), connection.cursor() as cursor:
            for statement in (_CROWD, _ROWS):
                cursor.execute(statement.format(**_IDS), {**parameters, **span})
    return company
