"""Many leads at once, by bulk SQL: the set-up of the sweep's bench and of its kill test, never of the
product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from uuid_utils.compat import uuid7

from routing.models import Pool, PoolSeat, RepLoad, RoutingSettings, RuleSetVersion
from sla.defaults import DEFAULT_POLICY
from sla.models import PolicyVersion
from tenants.calendars import ALWAYS_WEEK, make_spec, write_calendar
from tenants.context import tenant_scope
from tenants.models import Role, Team, VersionState
from tenants.services import add_member, create_tenant, set_rep_profile

DURATION = timedelta(minutes=5)  # first touch of a demo request
DAY = timedelta(days=1)  # its decision, on a calendar that is always open


@dataclass(frozen=True, slots=True)
class Company:
    """An organisation that is open round the clock, with what a crowd's rows refer to."""

    tenant_id: UUID
    policy_version_id: UUID
    calendar_version_id: UUID
    rep_ids: Sequence[UUID]


def make_company(slug: str, *, reps: int, now: datetime) -> Company:
    """An organisation with one pool of so many reps, a manager, a director and a fallback person."""
    tenant = create_tenant(name=slug, slug=slug)
    with tenant_scope(tenant.id):
        calendar = write_calendar(
            tenant=tenant,
            name="Always",
            spec=make_spec(tz="UTC", weekly=ALWAYS_WEEK, year=now.year),
            actor="system",
            now=now,
        )
        tenant.calendar_id = calendar.calendar_id
        tenant.save(update_fields=["calendar_id"])

        def person(name: str, role: Role, team: Team | None = None) -> Any:
            return add_member(
                tenant=tenant, name=name, email=f"{name}@{slug}.example".lower(), role=role, team=team
            )

        manager, director = person("Manager", Role.MANAGER), person("Director", Role.EXECUTIVE)
        team = Team.objects.create(name="Inbound", manager=manager, director=director)
        cast = [person(f"Rep{number}", Role.REP, team) for number in range(reps)]
        fallback = person("Fallback", Role.MANAGER, team)
        pool = Pool.objects.create(slug="inbound", name="Inbound")
        for rep in [*cast, fallback]:
            set_rep_profile(member=rep)
            RepLoad.objects.create(member=rep)
        for rep in cast:
            PoolSeat.objects.create(pool=pool, member=rep)
        RoutingSettings.objects.create(fallback=fallback)
        version = {
            "number": 1,
            "state": VersionState.PUBLISHED,
            "created_at": now,
            "created_by": "system",
            "published_at": now,
        }
        rules = {
            "pools": [{"name": "Everyone", "when": None, "pool": "inbound"}],
            "priorities": [{"name": "Everyone else", "when": None, "priority": 0}],
            "horizon_minutes": 30,
        }
        RuleSetVersion.objects.create(content=rules, **version)
        policy = PolicyVersion.objects.create(content=DEFAULT_POLICY, **version)
        return Company(tenant.id, policy.id, calendar.id, [rep.id for rep in cast])


_LEADS = """
insert into leads_lead (id, tenant_id, email, first_name, last_name, search_name, title, phone, country,
    region, company_name, source, campaign, channel, custom, stage, needs, owner_id, is_test, created_at,
    updated_at)
select {lead}, %(tenant)s, '', 'Lea', 'Lead', 'lea lead', '', '', '', '', '', '', '', '', '{{}}',
    'mql', '[]', (%(reps)s::uuid[])[1 + n %% %(rep_count)s], false, %(started)s, %(started)s
from generate_series(%(first)s::bigint, %(last)s) n
"""

_HANDOFFS = """
insert into leads_handoff (id, tenant_id, lead_id, number, state, outcome, started_at, owner_id, owned_since,
    hops, unrouted_reason, tier, tier_name, policy_version_id, priority, source, campaign, channel,
    is_test, is_history)
select {handoff}, %(tenant)s, {lead}, 1, 'open', '',
    %(started)s, (%(reps)s::uuid[])[1 + n %% %(rep_count)s], %(started)s, 0, '', 'demo_request', 'Demo
    request', %(policy)s, 0, '', '', '', false, false
from generate_series(%(first)s::bigint, %(last)s) n
"""

_ASSIGNMENTS = """
insert into leads_assignment (id, tenant_id, handoff_id, member_id, hop, started_at, end_reason, reason)
select {assignment}, %(tenant)s, {handoff},
    (%(reps)s::uuid[])[1 + n %% %(rep_count)s], 0, %(started)s, '', 'Your turn'
from generate_series(%(first)s::bigint, %(last)s) n
"""

# Four clocks a handoff: company and owner, first touch and decision. `step` is where first touches stand.
_TIMERS = """
insert into sla_timer (id, tenant_id, handoff_id, assignment_id, member_id, target, clock, policy_version_id,
    tier, calendar_version_id, generation, state, started_at, duration_seconds, warn_at, due_at, next_step,
    next_at, close_reason, attempts, last_error)
select {timer}, %(tenant)s,
    {handoff},
    case when kind.clock = 'owner' then {assignment} end,
    case when kind.clock = 'owner' then (%(reps)s::uuid[])[1 + n %% %(rep_count)s] end,
    kind.target, kind.clock, %(policy)s, 'demo_request', %(calendar)s, 1, 'running', at.started,
    extract(epoch from kind.lasts)::int, at.started + kind.lasts * 0.8, at.started + kind.lasts,
    case when kind.clock = 'company' then 2 else kind.step end,
    at.started + kind.lasts * case when kind.clock = 'company' then 1 else kind.share end, '', 0, ''
from generate_series(%(first)s::bigint, %(last)s) n
cross join lateral (select %(started)s::timestamptz + n * %(apart)s::interval as started) at
cross join lateral (values (0, 'first_touch', 'owner', %(lasts)s::interval, %(step)s, %(share)s::float8),
    (1, 'first_touch', 'company', %(lasts)s::interval, %(step)s, 1.0),
    (2, 'decision', 'owner', interval '1 day', 0, 0.5),
    (3, 'decision', 'company', interval '1 day', 2, 1.0)) as kind(number, target, clock, lasts, step, share)
"""


def seed(
    company: Company,
    *,
    size: int,
    started: datetime,
    apart: timedelta = timedelta(0),
    lasts: timedelta = DURATION,
    step: int = 2,
    chunk: int = 20_000,
) -> None:
    """`size` owned handoffs with four clocks each.

    started: of the first; each further one begins `apart` later. lasts: the time for the first touch.
    step: where the owner's first-touch clock stands in the default ladder (2: its deadline is next; 0:
    nothing fired yet).
    """
    share = DEFAULT_POLICY["ladder"][step]["at"] / 100
    names = {kind: _id_of("n") for kind in ("lead", "handoff", "assignment")}
    names["timer"] = _id_of("4 * n + kind.number")
    for first in range(0, size, chunk):
        parameters = {
            "tenant": company.tenant_id,
            "reps": [str(rep_id) for rep_id in company.rep_ids],
            "rep_count": len(company.rep_ids),
            "policy": company.policy_version_id,
            "calendar": company.calendar_version_id,
            "started": started,
            "apart": apart,
            "lasts": lasts,
            "step": step,
            "share": share,
            "first": first,
            "last": min(first + chunk, size) - 1,
        }
        with tenant_scope(company.tenant_id), connection.cursor() as cursor:
            for statement in (_LEADS, _HANDOFFS, _ASSIGNMENTS, _TIMERS):
                cursor.execute(statement.format(**names), parameters)
    with tenant_scope(company.tenant_id):
        each = size // len(company.rep_ids)
        RepLoad.objects.filter(member_id__in=company.rep_ids).update(open_leads=each)


def _id_of(number: str) -> str:
    """SQL for an id that rises with the number, as the product's own ids do: pages of indexes fill in
    order.
    """
    return f"('{uuid7().hex[:16]}' || lpad(to_hex({number}), 16, '0'))::uuid"


def counts(tenant_ids: Sequence[UUID]) -> dict[str, int]:
    """Rows of these organisations that a sweep writes, by table, and the first touches that are still due."""
    tables = {
        "events": "select count(*) from sla_timerevent",
        "assignments": "select count(*) from leads_assignment",
        "decisions": "select count(*) from routing_decision",
        "timers": "select count(*) from sla_timer",
        "messages": "select count(*) from notifications_outboxmessage",
        "dirty": "select count(*) from leads_dirtyhandoff",
        "due": "select count(*) from sla_timer where next_at <= clock_timestamp()",
    }
    total = dict.fromkeys(tables, 0)
    for tenant_id in tenant_ids:
        with tenant_scope(tenant_id), connection.cursor() as cursor:
            for name, statement in tables.items():
                cursor.execute(statement)
                total[name] += cursor.fetchone()[0]
    return total
