"""How long the leak finder takes over a year of one organisation, with another of the same size beside it.

Handoffs are facts of their own making: 60 sources, 40 reps, fields missing in a third, slow leads that
convert half as often. Measured are the reading, the finding, and the page that shows it; the floor is the
plain `select count(*)` over the same handoffs, in the same run.

options: handoffs (of the year), runs (measured of each).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from statistics import median
from time import perf_counter
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext, override_settings

from reporting.leaks.counting import leak_facts
from reporting.leaks.finder.facts import Terms
from reporting.leaks.finder.registry import find
from reporting.leaks.rows import handoffs as of_period
from reporting.selectors import Question
from slaportal.benches.crowd import Company, make_company
from slaportal.benches.database import scale, scratch_database
from tenants.clock import database_clock
from tenants.context import tenant_scope
from tenants.models import Member

REPS: Final = 40

# n: 0 is the newest. Numbers that are spread by a hash stand for dice, so that every run has the same rows.
_ROWS: Final = """
with dice as (
    select n, started, started + interval '1 day' as decided,
        abs(hashint4(n)) %% 1000 as one, abs(hashint4(n + 500000000)) %% 1000 as two,
        abs(hashint4(n + 1000000000)) %% 1000 as three, abs(hashint4(n + 1500000000)) %% 1000 as four
    from (
        select n, %(now)s - (n::float8 / %(size)s) * interval '364 days' as started
        from generate_series(0, %(size)s - 1) n
    ) each
), told as (
    select *, one < 250 as late, two < 750 as taken from dice
), fate as (
    select *, taken and three < (case when late then 300 else 600 end) as is_sql from told
)
insert into reporting_handofffact (id, tenant_id, lead_id, number, is_history, member_id, source, campaign,
    channel, segment, tier, tier_name, lacks, created_at, started_at, assigned_at, first_touch_at, decided_at,
    accepted_at, sql_at, opportunity_at, closed_at, decision, reason, reason_side, outcome, touches, moves,
    wrong_owner_moves, touch_verdict, touch_seconds, decision_verdict)
select gen_random_uuid(), %(tenant)s, gen_random_uuid(), 1, false,
    (%(reps)s::uuid[])[1 + n %% %(rep_count)s], 'Source ' || four %% 60, 'Campaign ' || n %% 200, '', '',
    'demo_request', 'Demo request',
    case when four %% 3 = 0 then array['phone', 'title']::varchar[]
         when four %% 7 = 0 then array['country']::varchar[] else '{}' end,
    started, started, started + interval '1 minute',
    case when late and two %% 4 = 0 then null when late then started + interval '1 day'
         else started + interval '4 minutes' end,
    decided, case when taken then decided end,
    case when is_sql then started + interval '12 days' end,
    case when is_sql and four < 500 then started + interval '30 days' end,
    case when not is_sql and four %% 9 > 0 then started + interval '20 days' end,
    case when taken then 'accepted' else 'rejected' end,
    case when taken then '' else 'reason_' || four %% 9 end, case when taken then '' else 'marketing' end,
    case when taken then '' else 'rejected' end, four %% 8, 0, (one %% 40 = 0)::int,
    case when late then 'missed' else 'met' end, case when late then 86400 else 240 end, 'met'
from fate
"""


def run(handoffs: int = 250_000, runs: int = 7, **_: object) -> dict[str, Any]:
    """Milliseconds (median) of reading, finding and the page, the first time and again; its queries then."""
    size = max(1_000, int(handoffs * scale()))
    settings = override_settings(DEBUG=False, ALLOWED_HOSTS=["testserver"])
    with scratch_database(), settings:
        now = database_clock()
        company, _other = (_filled(slug, size, now) for slug in ("big", "other"))
        with connections["owner"].cursor() as cursor:
            cursor.execute("vacuum analyze")
        last = now.date()
        year = Question(zone=ZoneInfo("Europe/Berlin"), first=last - timedelta(days=364), last=last)
        terms = Terms()
        with tenant_scope(company.tenant_id):
            facts = leak_facts(year, terms, now=now)
            found = find(facts, terms)
            reading = _median_ms(lambda: leak_facts(year, terms, now=now), runs)
            finding = _median_ms(lambda: find(facts, terms), runs)
            floor = _median_ms(lambda: of_period(year).count(), runs)
        client = _client(company)
        began = perf_counter()
        _get(client)
        first_page = (perf_counter() - began) * 1_000
        page = _median_ms(partial(_get, client), runs)
        with CaptureQueriesContext(connection) as asked:
            _get(client)
    return {
        "figures": {
            "handoffs": size,
            "comparisons": found.tests,
            "findings": len(found.findings),
            "reading_ms": reading,
            "finding_ms": finding,
            "together_ms": reading + finding,
            "first_page_ms": first_page,
            "page_again_ms": page,
            "page_again_queries": len(asked),
        },
        "floor": {"count_ms": floor},
        "ratios": {"reading_to_floor": reading / floor, "first_page_to_floor": first_page / floor},
    }


def _filled(slug: str, size: int, now: Any) -> Company:
    company = make_company(slug, reps=REPS, now=now - timedelta(days=400))
    with tenant_scope(company.tenant_id), connection.cursor() as cursor:
        cursor.execute(
            _ROWS,
            {
                "tenant": company.tenant_id,
                "reps": [str(rep_id) for rep_id in company.rep_ids],
                "rep_count": len(company.rep_ids),
                "size": size,
                "now": now,
            },
        )
    return company


def _client(company: Company) -> Client:
    client = Client()
    with tenant_scope(company.tenant_id):
        member = Member.objects.select_related("user").get(name="Director")
    client.force_login(member.user)
    return client


def _get(client: Client) -> None:
    answer = client.get("/leaks?period=365d")
    if answer.status_code != 200:
        raise RuntimeError(f"/leaks answered {answer.status_code}")


def _median_ms(action: Callable[[], object], runs: int) -> float:
    """Milliseconds, after one run that warms caches."""
    action()
    taken = []
    for _ in range(runs):
        began = perf_counter()
        action()
        taken.append((perf_counter() - began) * 1_000)
    return median(taken)
