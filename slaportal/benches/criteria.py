"""How long it takes to say what criteria would make of the last leads: read, judged twice, counted, with
the reasons of those that change. 10,000 leads with five engagements each, 2,500 accounts, among as many
older leads. Once with the score as it comes in, and once counted by the draft from ten signals.

The floor is what cannot be left out: the same rows fetched by plain SQL, and nothing done with them.

Options (`--set NAME=VALUE`): leads (judged), older (others), rounds.
"""

from __future__ import annotations

from datetime import timedelta
from statistics import median
from time import perf_counter, process_time
from typing import Any, Final

from django.db import connection

from leads.criteria_preview import preview_criteria
from leads.defaults import DEFAULT_CRITERIA, INTENT_KINDS, engaged
from leads.models import CriteriaVersion
from slaportal.benches.database import scale, scratch_database
from slaportal.benches.engines import settle
from tenants.clock import database_clock
from tenants.context import tenant_scope
from tenants.models import VersionState
from tenants.services import create_tenant

ENGAGEMENTS: Final = 5
ACCOUNTS: Final = 2_500

ACCOUNTS_SQL: Final = """
insert into leads_account (id, tenant_id, name, domain, website, employees, industry, country, region,
    tier, compared_name, is_named, is_customer, is_partner, is_competitor, has_open_opportunity, created_at)
select ('20000000-0000-0000-0000-' || lpad(to_hex(n), 12, '0'))::uuid, %(tenant)s, 'Company ' || n,
    'company' || n || '.example', '', n %% 3000, 'Software', (array['DE', 'AT', 'FR', 'US'])[1 + n %% 4],
    '', '', '', false,
    n %% 10 = 0, false, n %% 50 = 0, n %% 20 = 0, %(now)s
from generate_series(1, %(accounts)s) n
"""
LEADS_SQL: Final = """
insert into leads_lead (id, tenant_id, email, first_name, last_name, search_name, title, phone, country,
    region, company_name, account_id, source, campaign, channel, score, custom, stage, needs, is_test,
    created_at,
    updated_at)
select ('10000000-0000-0000-0000-' || lpad(to_hex(n), 12, '0'))::uuid, %(tenant)s,
    'lead' || n || '@company' || n || '.example', 'Lea', 'Lead ' || n, 'lea lead ' || n,
    (array['VP Sales', 'Head of Marketing', 'Student', 'CTO'])[1 + n %% 4], '', 'DE', '', '',
    ('20000000-0000-0000-0000-' || lpad(to_hex(1 + n %% %(accounts)s), 12, '0'))::uuid, 'web',
    '', '', n %% 100, '{}', 'lead', '[]', false, %(now)s - n * interval '1 minute',
    %(now)s - n * interval '1 minute'
from generate_series(1, %(leads)s) n
"""
_ENGAGEMENTS_SQL = """
insert into leads_engagement (id, tenant_id, lead_id, kind, subject, at, received_at, source, campaign)
select gen_random_uuid(), %(tenant)s, ('10000000-0000-0000-0000-' || lpad(to_hex(n), 12, '0'))::uuid,
    (array['page_view', 'webinar', 'demo_request', 'pricing_page', 'email_reply', 'live_chat', 'arrival'])
        [1 + (n * 7 + m * 3) %% 7],
    (array['pricing', 'careers', ''])[1 + (n + m) %% 3], at, at, '', ''
from generate_series(1, %(leads)s) n, generate_series(1, %(each)s) m,
    lateral (select %(now)s - n * interval '1 minute' - m * interval '3 days' as at) moment
"""
_FLOOR_SQL = (
    """
select l.id, l.created_at, l.email, l.title, l.score, a.employees, a.country, a.is_customer, a.is_competitor,
    a.has_open_opportunity
from leads_lead l left join leads_account a on a.tenant_id = l.tenant_id and a.id = l.account_id
where l.tenant_id = %(tenant)s order by l.updated_at desc limit %(last)s
""",
    """
select e.lead_id, e.kind, e.subject, e.at from leads_engagement e
where e.tenant_id = %(tenant)s and e.lead_id in (
    select id from leads_lead where tenant_id = %(tenant)s order by updated_at desc limit %(last)s)
""",
)

#: Fit on three fields, ten ways of intent with windows, five exclusions.
CONTENT: Final[dict[str, Any]] = {
    "rule": {
        "any": [
            *(engaged(kind, days=14) for kind in INTENT_KINDS),
            {"engagements": {"kind": "page_view", "subject": "pricing", "within_days": 7, "value": 2}},
            {"engagements": {"kind": ["webinar", "email_reply"], "measure": "recency", "value": 10}},
            {"field": "lead.score", "op": "at_least", "value": 90},
        ]
    },
    "fit": {
        "all": [
            {"field": "account.employees", "op": "between", "value": [50, 2000]},
            {"field": "account.country", "op": "one_of", "value": ["DE", "AT", "FR"]},
            {"not": {"field": "lead.title", "op": "has_word", "value": ["Student", "Intern"]}},
        ]
    },
    "exclude": [
        *DEFAULT_CRITERIA["exclude"],
        {"name": "Free mail", "when": {"field": "lead.free_email", "op": "equals", "value": True}},
        {
            "name": "Rivals",
            "when": {"field": "lead.email_domain", "op": "one_of", "value": ["rival.example"]},
        },
    ],
    "required": ["email"],
}


#: The same, with the score that it asks for counted from ten signals that fade.
COUNTED: Final[dict[str, Any]] = {
    **CONTENT,
    "score": {
        "from": "signals",
        "signals": [
            {
                "name": f"{kind} {half_life}",
                "when": {"engagements": {"kind": kind, "value": 1}},
                "points": 20,
                "half_life_days": half_life,
            }
            for kind in (*INTENT_KINDS, "webinar")
            for half_life in (7, 30)
        ],
    },
}


def run(*, leads: int | None = None, older: int | None = None, rounds: int = 7) -> dict[str, Any]:
    """Milliseconds of a preview and of its floor, in the same run."""
    size = leads or round(10_000 * scale())
    others = size if older is None else older
    with scratch_database():
        now = database_clock()
        tenant = create_tenant(name="Bench", slug="bench")
        with tenant_scope(tenant.id), connection.cursor() as cursor:
            said: dict[str, Any] = {
                "tenant": str(tenant.id),
                "now": now,
                "leads": size + others,
                "accounts": ACCOUNTS,
                "each": ENGAGEMENTS,
                "last": size,
            }
            for statement in (ACCOUNTS_SQL, LEADS_SQL, _ENGAGEMENTS_SQL):
                cursor.execute(statement, said)
            CriteriaVersion.objects.create(
                number=1,
                state=VersionState.PUBLISHED,
                content=DEFAULT_CRITERIA,
                created_at=now,
                created_by="system",
                published_at=now - timedelta(days=1),
            )
        settle()
        with tenant_scope(tenant.id):
            preview_criteria(CONTENT, last=size, now=now)
            took, busy, bare, counted = [], [], [], []
            for _ in range(rounds):
                start, spent = perf_counter(), process_time()
                found = preview_criteria(CONTENT, last=size, now=now)
                took.append((perf_counter() - start) * 1000)
                busy.append((process_time() - spent) * 1000)
                bare.append(_floor(said))
                spent = process_time()
                preview_criteria(COUNTED, last=size, now=now)
                counted.append((process_time() - spent) * 1000)
    return {
        "figures": {
            "leads": found.leads,
            "engagements": found.leads * ENGAGEMENTS,
            "qualify now": found.before,
            "would qualify": found.after,
            "change": found.changing,
            "preview_p50_ms": median(took),
            "preview_best_ms": min(took),
            "preview_worst_ms": max(took),
            "preview_own_processor_p50_ms": median(busy),
            "preview_counted_score_own_processor_p50_ms": median(counted),
        },
        "floor": {"plain_sql_p50_ms": median(bare), "plain_sql_best_ms": min(bare)},
        "ratios": {"preview_to_floor": median(took) / median(bare)},
    }


def _floor(said: dict[str, Any]) -> float:
    """Milliseconds to fetch the same rows."""
    start = perf_counter()
    with connection.cursor() as cursor:
        for statement in _FLOOR_SQL:
            cursor.execute(statement, said)
            cursor.fetchall()
    return (perf_counter() - start) * 1000
