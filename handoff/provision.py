"""Set up an organisation that works at once: calendar, criteria, routing, policy, reasons.

Sign-up, the demo and the command line all come through here; what a tenant starts with is written in each app's
defaults.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction

from feedback.services import seed_reasons
from leads.defaults import DEFAULT_CRITERIA
from leads.models import CriteriaVersion
from routing.models import Pool, PoolSeat, RepLoad, RoutingSettings, RuleSetVersion
from sla.defaults import DEFAULT_POLICY
from sla.models import PolicyVersion
from tenants import versions
from tenants.audit import SYSTEM
from tenants.calendars import OFFICE_WEEK, make_spec, write_calendar
from tenants.context import tenant_scope
from tenants.models import Calendar, Member, Role, Team, Tenant
from tenants.services import add_member, create_tenant, set_rep_profile


@dataclass(frozen=True, slots=True)
class CalendarPlan:
    """Hours of a team or of the organisation. `weekly` as in tenants.calendars."""

    name: str
    time_zone: str
    country: str = ""
    subdivision: str = ""
    weekly: Mapping[str, Sequence[Sequence[str]]] = field(default_factory=lambda: OFFICE_WEEK)


@dataclass(frozen=True, slots=True)
class PersonPlan:
    """A person to add. `weight` and caps matter for those who may own leads."""

    name: str
    email: str
    role: Role
    weight: int = 1
    cap_open: int | None = None
    cap_per_day: int | None = None


@dataclass(frozen=True, slots=True)
class TeamPlan:
    """A team with its pool: `when` is the routing rule that sends leads to it (None: everyone else)."""

    name: str
    slug: str
    calendar: CalendarPlan
    manager: PersonPlan
    reps: Sequence[PersonPlan]
    when: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class TenantPlan:
    """A whole organisation. `teams` are tried in order; the last should take everyone else."""

    name: str
    slug: str
    calendar: CalendarPlan
    teams: Sequence[TeamPlan]
    director: PersonPlan
    fallback: PersonPlan
    others: Sequence[PersonPlan] = ()
    criteria: Mapping[str, Any] = field(default_factory=lambda: DEFAULT_CRITERIA)
    policy: Mapping[str, Any] = field(default_factory=lambda: DEFAULT_POLICY)
    password: str | None = None


def provision_tenant(plan: TenantPlan, *, now: datetime) -> Tenant:
    """Make the organisation, everything or nothing. Raises ValidationFailed where the plan makes no sense."""
    with transaction.atomic():
        tenant = create_tenant(name=plan.name, slug=plan.slug, time_zone=plan.calendar.time_zone)
        with tenant_scope(tenant.id):
            _fill(tenant, plan, now)
    return tenant


def _fill(tenant: Tenant, plan: TenantPlan, now: datetime) -> None:
    calendars: dict[str, Calendar] = {}

    def calendar_of(wanted: CalendarPlan) -> Calendar:
        if wanted.name not in calendars:
            spec = make_spec(
                tz=wanted.time_zone,
                weekly=wanted.weekly,
                year=now.year,
                country=wanted.country,
                subdivision=wanted.subdivision,
            )
            version = write_calendar(tenant=tenant, name=wanted.name, spec=spec, actor=SYSTEM, now=now)
            calendars[wanted.name] = Calendar.objects.get(id=version.calendar_id)
        return calendars[wanted.name]

    tenant.calendar_id = calendar_of(plan.calendar).id
    tenant.save(update_fields=["calendar_id"])
    director = _person(tenant, plan.director, None, plan)
    fallback = _person(tenant, plan.fallback, None, plan)
    _may_own(fallback, plan.fallback, plan.calendar.time_zone)
    for person in plan.others:
        _person(tenant, person, None, plan)
    for team_plan in plan.teams:
        _team(tenant, team_plan, calendar_of(team_plan.calendar), director, plan)
    RoutingSettings.objects.create(tenant=tenant, fallback=fallback)
    rules = {
        "pools": [{"name": team.name, "when": team.when, "pool": team.slug} for team in plan.teams],
        "priorities": [{"name": "Everyone else", "when": None, "priority": 0}],
        "horizon_minutes": 30,
    }
    for model, content in (
        (CriteriaVersion, dict(plan.criteria)),
        (RuleSetVersion, rules),
        (PolicyVersion, dict(plan.policy)),
    ):
        versions.publish(versions.create_draft(model, content=content, actor=SYSTEM, now=now), actor=SYSTEM, now=now)
    seed_reasons()


def _person(tenant: Tenant, plan: PersonPlan, team: Team | None, organisation: TenantPlan) -> Member:
    return add_member(
        tenant=tenant,
        name=plan.name,
        email=plan.email,
        role=plan.role,
        team=team,
        password=organisation.password,
    )


def _may_own(member: Member, plan: PersonPlan, time_zone: str) -> None:
    set_rep_profile(
        member=member,
        time_zone=time_zone,
        weight=plan.weight,
        cap_open=plan.cap_open,
        cap_per_day=plan.cap_per_day,
    )
    RepLoad.objects.create(member=member)


def _team(
    tenant: Tenant, plan: TeamPlan, calendar: Calendar, director: Member, organisation: TenantPlan
) -> None:
    team = Team.objects.create(tenant=tenant, name=plan.name, director=director, calendar=calendar)
    manager = _person(tenant, plan.manager, team, organisation)
    team.manager = manager
    team.save(update_fields=["manager"])
    pool = Pool.objects.create(tenant=tenant, slug=plan.slug, name=plan.name)
    for person in plan.reps:
        rep = _person(tenant, person, team, organisation)
        _may_own(rep, person, plan.calendar.time_zone)
        PoolSeat.objects.create(tenant=tenant, pool=pool, member=rep, weight=person.weight)
