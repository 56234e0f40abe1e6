"""What the demo's sources cost, brought in by marketing month by month, who answers for which KPI, and what
the leak finder goes by."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from reporting.commitments.days import last_of
from reporting.commitments.targets import month_of, months_from
from reporting.kpis.catalog import CATALOG, Section
from reporting.kpis.cost_csv import read_table
from reporting.kpis.cost_import import import_costs
from reporting.kpis.measured import brought_by_source
from reporting.kpis.services import Wanted, set_owner, set_target
from reporting.leaks.settings import LeakTerms, set_leak_terms
from reporting.selectors.handoff_cells import handoff_ground
from reporting.selectors.questions import Question, midnight
from tenants.audit import member_actor
from tenants.models import Member, Role, Tenant

MONTHS: Final = 3
FOLLOWED_DAYS: Final = 21  # what the leak finder learns from
#: What an MQL costs about, by source, and how the money is parted among campaigns. What is not here has no
#: known cost; nobody pays for organic search.
_SPENDING: Final[dict[str, tuple[int, dict[str, int]]]] = {
    "Google Ads": (165, {"Brand search": 20, "Competitor terms": 35, "Category terms": 45}),
    "LinkedIn Ads": (240, {"Ops leaders Q3": 60, "Playbook download": 40}),
    "Webinar": (95, {"": 100}),
    "Content syndication": (60, {"": 100}),
    "Trade show": (310, {"": 100}),
}
#: Who answers for the KPIs of a section; of these nobody does yet.
_OWNERS: Final = {
    Section.SHARED: Role.EXECUTIVE,
    Section.MARKETING: Role.MARKETING,
    Section.SALES: Role.MANAGER,
}
_UNOWNED: Final = ("engagement", "deal_size")
#: Targets by KPI: what held first, and what holds now (None: the same).
_TARGETS: Final[dict[str, tuple[int, int | None]]] = {
    "lead_to_opportunity": (8, None),
    "cycle_length": (45, None),
    "cost_per_mql": (180, 150),
    "close_rate": (20, 25),
    "velocity": (40, None),
}


def keep_accounts(*, tenant: Tenant, start: datetime, now: datetime, seed: int) -> None:
    """Name owners, set targets and what leads are followed for when the past begins, and bring in what each
    whole month since cost. In the tenant's scope."""
    zone = ZoneInfo(tenant.time_zone)
    people = _people()
    admin, marketing = people.get(Role.ADMIN), people.get(Role.MARKETING)
    if admin is None or marketing is None:
        return
    # The past is too short for anybody to have been followed for the usual ninety days.
    set_leak_terms(LeakTerms(cohort_days=FOLLOWED_DAYS), actor=member_actor(admin), now=start)
    first, present = (month_of(at.astimezone(zone).date()) for at in (start, now))
    _own(tenant, people, member_actor(admin), start)
    _aim(tenant, member_actor(admin), start, first, now, present)
    chance = random.Random(f"costs {seed} {tenant.slug}")
    for place in range(MONTHS, 0, -1):
        month = months_from(present, -place)
        told = min(midnight(months_from(month, 1), zone) + timedelta(days=2, hours=10), now)
        _spend(tenant, month, chance, member_actor(marketing), told)


def _people() -> dict[str, Member]:
    """The first in each role."""
    found: dict[str, Member] = {}
    for member in Member.objects.filter(is_active=True).order_by("created_at", "id"):
        found.setdefault(member.role, member)
    return found


def _own(tenant: Tenant, people: dict[str, Member], actor: str, now: datetime) -> None:
    for kind in CATALOG.values():
        member = people.get(_OWNERS[kind.section])
        if kind.key not in _UNOWNED and member is not None:
            set_owner(tenant=tenant, kind=kind, member_id=member.id, actor=actor, now=now)


def _aim(tenant: Tenant, actor: str, start: datetime, first: date, now: datetime, present: date) -> None:
    for key, (before, after) in _TARGETS.items():
        kind = CATALOG[key]
        wanted = Wanted(Decimal(before), first, "Where we stood when we began.", checks_last=False)
        set_target(tenant=tenant, kind=kind, wanted=wanted, actor=actor, now=start)
        if after is not None and present > first:
            wanted = Wanted(Decimal(after), present, "Agreed in the monthly review.", checks_last=False)
            set_target(tenant=tenant, kind=kind, wanted=wanted, actor=actor, now=now)


def _spend(tenant: Tenant, month: date, chance: random.Random, actor: str, now: datetime) -> None:
    question = Question(zone=ZoneInfo(tenant.time_zone), first=month, last=last_of(month))
    brought = brought_by_source(question, handoff_ground(question))
    rows = []
    for source, (per_mql, campaigns) in _SPENDING.items():
        mqls = brought.get((month, source))
        if mqls is None:
            continue
        whole = mqls.mqls * per_mql * chance.uniform(0.85, 1.2)
        for campaign, share in campaigns.items():
            amount = round(whole * share / 1_000) * 10
            rows.append(f"{month:%Y-%m},{source},{campaign},{amount}.00,{tenant.currency}")
    if rows:
        table = read_table("\n".join(["month,source,campaign,amount,currency", *rows]))
        import_costs(tenant=tenant, table=table, actor=actor, now=now)
