"""Server time and queries of the pages people work with, in an organisation of 100,000 leads.

A year of leads, of which 3 % are still being worked on; every handoff has its four clocks. Times are those
of the whole request in this process, middleware and template included, as the app role. The floor is a view
that does `select 1` behind the same session and tenant middleware, in the same run.

options: leads (of the big organisation), requests (measured a page).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.db import connection
from django.test.utils import override_settings
from django.urls import include, path

from leads.models import Handoff
from reporting.facts import rebuild
from routing.models import RepLoad
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

REPS = 40


urlpatterns = [path("bench/bare", bare), path("", include("slaportal.urls"))]


# n: 0 is the newest. Every 33rd is open and came within the last two days; the others lie over a year.
_CROWD = """
create temporary table crowd on commit drop as
select n, gen_random_uuid() as lead, gen_random_uuid() as handoff, gen_random_uuid() as assignment,
    (%(reps)s::uuid[])[1 + n %% %(rep_count)s] as member, n %% %(open_every)s = 0 as is_open,
    case when n %% %(open_every)s = 0 then %(now)s - (n::float8 / %(size)s) * interval '2 days'
         else %(now)s - interval '1 day' - (n::float8 / %(size)s) * interval '364 days' end as started,
    (array['Demo form', 'Webinar', 'Paid social', 'Organic', 'Partner', ''])[1 + n %% 6] as source,
    'Campaign ' || n %% 20 as campaign,
    case when n %% 5 = 0 then interval '7 minutes' else (1 + n %% 4) * interval '55 seconds' end as answer
from generate_series(0, %(size)s - 1) n;
analyze crowd;
"""
_ROWS = """
insert into leads_lead (id, tenant_id, email, first_name, last_name, search_name, title, phone, country,
    region, company_name, source, campaign, channel, custom, stage, needs, owner_id, is_test, created_at,
    updated_at)
select lead, %(tenant)s, 'lead' || n || '@company' || n %% 9000 || '.example', 'Lea', 'Number ' || n,
    'lea number ' || n, 'Head of Operations', '', 'DE', '', 'Company ' || n %% 9000, source, campaign, 'web',
    '{}', case when is_open then 'mql' else 'sal' end, '[]', case when is_open then member end, false,
    started, started + answer
from crowd;

insert into leads_handoff (id, tenant_id, lead_id, number, state, outcome, started_at, closed_at, accepted_at,
    first_touch_at, owner_id, owned_since, hops, unrouted_reason, tier, tier_name, policy_version_id,
    priority, source, campaign, channel, is_test, is_history)
select handoff, %(tenant)s, lead, 1, case when is_open then 'open' else 'closed' end,
    case when is_open then '' else 'nurture' end, started, case when not is_open then started + answer end,
    case when not is_open then started + answer end, case when not is_open then started + answer end, member,
    started, 0, '', 'demo_request', 'Demo request', %(policy)s, 0, source, campaign, 'web', false, false
from crowd;

insert into leads_assignment (id, tenant_id, handoff_id, member_id, hop, started_at, ended_at, end_reason,
    reason)
select assignment, %(tenant)s, handoff, member, 0, started, case when not is_open then started + answer end,
    case when is_open then '' else 'closed' end, 'Your turn'
from crowd;

insert into leads_engagement (id, tenant_id, lead_id, kind, subject, at, received_at, source, campaign)
select gen_random_uuid(), %(tenant)s, lead, 'demo_request', '', started, started, source, campaign from crowd;

insert into leads_stagechange (id, tenant_id, lead_id, handoff_id, old, new, at, actor, why)
select gen_random_uuid(), %(tenant)s, lead, handoff, 'lead', 'mql', started, 'engine', '' from crowd;

insert into sla_timer (id, tenant_id, handoff_id, assignment_id, member_id, target, clock, policy_version_id,
    tier, calendar_version_id, generation, state, started_at, duration_seconds, warn_at, due_at, next_step,
    next_at, met_at, breached_at, closed_at, close_reason, business_seconds, wall_seconds, attempts,
    last_error)
select gen_random_uuid(), %(tenant)s, handoff, case when clock = 'owner' then assignment end,
    case when clock = 'owner' then member end, target, clock, %(policy)s, 'demo_request', %(calendar)s, 1,
    case when not is_open then case when answer <= lasts then 'met' else 'breached' end
         when started + lasts < %(now)s then 'breached' else 'running' end,
    started, extract(epoch from lasts)::int, started + lasts * 0.8, started + lasts, 0,
    case when is_open and started + lasts >= %(now)s then started + lasts end,
    case when not is_open then started + answer end,
    case when (is_open and started + lasts < %(now)s) or (not is_open and answer > lasts)
         then started + lasts end,
    case when not is_open then started + answer end, '',
    case when not is_open then extract(epoch from answer)::int end,
    case when not is_open then extract(epoch from answer)::int end, 0, ''
from crowd
cross join (values ('company'), ('owner')) as clocks(clock)
cross join (values ('first_touch', interval '5 minutes'), ('decision', interval '1 day'))
    as targets(target, lasts);
"""


def run(leads: int = 100_000, requests: int = 60, **_: object) -> dict[str, Any]:
    """Milliseconds a page (p50, p95) at `leads` leads, and its queries with 2 and with 50 rows to show."""
    size = max(1_000, int(leads * scale()))
    figures: dict[str, Any] = {"leads": size, "reps": REPS, "requests_a_page": requests}
    floor: dict[str, float] = {}
    ratios: dict[str, float] = {}
    settings = override_settings(
        ROOT_URLCONF="slaportal.benches.pages", DEBUG=False, ALLOWED_HOSTS=["testserver"]
    )
    with scratch_database(), settings:
        now = database_clock()
        big = _crowd("big", size, now, reps=REPS, open_every=33)
        few, many = (_crowd(f"rows{rows}", rows, now, reps=1, open_every=1) for rows in (2, 50))
        analyze()
        visitor = client_of(big, "Manager")
        bare_times = times_of(lambda: get(visitor, "/bench/bare"), requests)
        floor["bare_p50_ms"], floor["bare_p95_ms"] = percentiles(bare_times)
        for name, (person, address) in _pages(big).items():
            client = client_of(big, person)
            times = times_of(partial(get, client, address), requests)
            figures[f"{name}_p50_ms"], figures[f"{name}_p95_ms"] = percentiles(times)
            figures[f"{name}_queries"] = queries_of(client, address)
            ratios[f"{name}_to_floor"] = figures[f"{name}_p50_ms"] / floor["bare_p50_ms"]
            for rows, company in ((2, few), (50, many)):
                own_person, own_address = _pages(company)[name]
                figures[f"{name}_queries_{rows}_rows"] = queries_of(
                    client_of(company, own_person), own_address
                )
    return {"figures": figures, "floor": floor, "ratios": ratios}


def _pages(company: Company) -> dict[str, tuple[str, str]]:
    """Who opens which address; the lead is an open one of the first rep's."""
    with tenant_scope(company.tenant_id):
        own = Handoff.objects.filter(state="open", owner_id=company.rep_ids[0]).order_by("-started_at")
        lead_id: UUID = own.values_list("lead_id", flat=True)[0]
    return {
        "inbox": ("Rep0", "/inbox"),
        "lead": ("Rep0", f"/leads/{lead_id}"),
        "deadlines": ("Rep0", f"/leads/{lead_id}/deadlines"),
        "board": ("Manager", "/board"),
        "compliance": ("Manager", "/compliance"),
        "compliance_365_days": ("Director", "/compliance?period=365d&breaches=all"),
        "compliance_leads": ("Director", "/compliance/leads?verdict=missed"),
        "volume": ("Director", "/volume"),
    }


def _crowd(slug: str, size: int, now: datetime, *, reps: int, open_every: int) -> Company:
    company = make_company(slug, reps=reps, now=now - timedelta(days=400))
    parameters: dict[str, Any] = {
        "tenant": company.tenant_id,
        "policy": company.policy_version_id,
        "calendar": company.calendar_version_id,
        "reps": [str(rep_id) for rep_id in company.rep_ids],
        "rep_count": len(company.rep_ids),
        "open_every": open_every,
        "size": size,
        "now": now,
    }
    with tenant_scope(company.tenant_id):
        with connection.cursor() as cursor:
            cursor.execute(_CROWD, parameters)
            cursor.execute(_ROWS, parameters)
        RepLoad.objects.filter(member_id__in=company.rep_ids).update(open_leads=size // open_every // reps)
    rebuild(company.tenant_id)
    return company
