"""Set up an organisation that works at once: calendar, criteria, routing, policy, reasons.

The demo and the command line come through here; what a tenant starts with is written in each app's
defaults.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction

from core.errors import ValidationFailed
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
from tenants.models import Calendar, Member, Mode, Role, Team, Tenant, VersionedModel
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
    """A person to add. `weight` and caps matter for those who may own leads.

    calendar: their own hours, where the team's are not theirs. seated: takes turns in the team's pool.
    """

    name: str
    email: str
    role: Role
    weight: int = 1
    cap_open: int | None = None
    cap_per_day: int | None = None
    calendar: CalendarPlan | None = None
    seated: bool = True


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
class PoolPlan:
    """A pool across teams; its rule is tried before the teams'. seats: e-mails of the teams' reps."""

    name: str
    slug: str
    seats: Sequence[str]
    when: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class TenantPlan:
    """A whole organisation. `pools`, then `teams` are tried in order; the last should take everyone else.

    priorities: as in routing.models.RuleSetVersion. password: of everybody; None leaves them without a login.
    shadow: everything begins in shadow mode, measured and nothing sent or moved, until somebody switches it.
    """

    name: str
    slug: str
    calendar: CalendarPlan
    teams: Sequence[TeamPlan]
    director: PersonPlan
    fallback: PersonPlan
    others: Sequence[PersonPlan] = ()
    pools: Sequence[PoolPlan] = ()
    priorities: Sequence[Mapping[str, Any]] = ({"name": "Everyone else", "when": None, "priority": 0},)
    criteria: Mapping[str, Any] = field(default_factory=lambda: DEFAULT_CRITERIA)
    policy: Mapping[str, Any] = field(default_factory=lambda: DEFAULT_POLICY)
    password: str | None = None
    shadow: bool = False


def provision_tenant(plan: TenantPlan, *, now: datetime) -> Tenant:
    """Make the organisation, everything or nothing. Raises ValidationFailed where the plan makes no sense."""
    with transaction.atomic():
        tenant = create_tenant(name=plan.name, slug=plan.slug, time_zone=plan.calendar.time_zone)
        with tenant_scope(tenant.id):
            _Builder(tenant, plan, now).build()
    return tenant


@dataclass(slots=True)
class _Builder:
    """One organisation under construction; runs in its scope."""

    tenant: Tenant
    plan: TenantPlan
    now: datetime
    calendars: dict[str, Calendar] = field(default_factory=dict)
    people: dict[str, Member] = field(default_factory=dict)  # by e-mail
    reps: dict[str, Member] = field(default_factory=dict)

    def build(self) -> None:
        plan = self.plan
        self.tenant.calendar_id = self.calendar(plan.calendar).id
        self.tenant.mode = self.mode
        self.tenant.save(update_fields=["calendar_id", "mode"])
        director = self.person(plan.director)
        fallback = self.person(plan.fallback)
        self.may_own(fallback, plan.fallback, plan.calendar.time_zone)
        for person in plan.others:
            self.person(person)
        for team in plan.teams:
            self.team(team, director)
        for pool in plan.pools:
            self.pool(pool)
        RoutingSettings.objects.create(tenant=self.tenant, fallback=fallback)
        self.publish_rules()
        seed_reasons()

    @property
    def mode(self) -> Mode:
        return Mode.SHADOW if self.plan.shadow else Mode.LIVE

    def calendar(self, wanted: CalendarPlan) -> Calendar:
        """The calendar of this name, written the first time it is asked for."""
        if wanted.name not in self.calendars:
            spec = make_spec(
                tz=wanted.time_zone,
                weekly=wanted.weekly,
                year=self.now.year,
                country=wanted.country,
                subdivision=wanted.subdivision,
            )
            version = write_calendar(
                tenant=self.tenant, name=wanted.name, spec=spec, actor=SYSTEM, now=self.now
            )
            self.calendars[wanted.name] = Calendar.objects.get(id=version.calendar_id)
        return self.calendars[wanted.name]

    def person(self, plan: PersonPlan, team: Team | None = None) -> Member:
        """The person of this e-mail, added the first time they are named: one may be several things."""
        email = plan.email.strip().lower()
        if email not in self.people:
            self.people[email] = add_member(
                tenant=self.tenant,
                name=plan.name,
                email=plan.email,
                role=plan.role,
                team=team,
                password=self.plan.password,
            )
        return self.people[email]

    def may_own(self, member: Member, plan: PersonPlan, time_zone: str) -> None:
        """Give a member hours, caps and the row that counts their leads."""
        own = self.calendar(plan.calendar) if plan.calendar else None
        set_rep_profile(
            member=member,
            time_zone=plan.calendar.time_zone if plan.calendar else time_zone,
            calendar=own,
            weight=plan.weight,
            cap_open=plan.cap_open,
            cap_per_day=plan.cap_per_day,
        )
        RepLoad.objects.create(member=member)
        self.reps[member.email] = member

    def team(self, plan: TeamPlan, director: Member) -> None:
        team = Team.objects.create(
            tenant=self.tenant,
            name=plan.name,
            director=director,
            calendar=self.calendar(plan.calendar),
            mode=self.mode,
        )
        team.manager = self.person(plan.manager, team)
        team.save(update_fields=["manager"])
        pool = Pool.objects.create(tenant=self.tenant, slug=plan.slug, name=plan.name)
        for person in plan.reps:
            rep = self.person(person, team)
            self.may_own(rep, person, plan.calendar.time_zone)
            if person.seated:
                # The weight is the profile's: it counts in every pool, and the seat's would multiply with it.
                PoolSeat.objects.create(tenant=self.tenant, pool=pool, member=rep)

    def pool(self, plan: PoolPlan) -> None:
        pool = Pool.objects.create(tenant=self.tenant, slug=plan.slug, name=plan.name)
        for email in plan.seats:
            if email.lower() not in self.reps:
                raise ValidationFailed(f"The pool {plan.name} names nobody who takes leads: {email}.")
            PoolSeat.objects.create(tenant=self.tenant, pool=pool, member=self.reps[email.lower()])

    def publish_rules(self) -> None:
        """Criteria, routing and policy, each as version 1."""
        plan = self.plan
        layers: list[PoolPlan | TeamPlan] = [*plan.pools, *plan.teams]
        rules = {
            "pools": [{"name": layer.name, "when": layer.when, "pool": layer.slug} for layer in layers],
            "priorities": [dict(rule) for rule in plan.priorities],
            "horizon_minutes": 30,
        }
        contents: list[tuple[type[VersionedModel], dict[str, Any]]] = [
            (CriteriaVersion, dict(plan.criteria)),
            (RuleSetVersion, rules),
            (PolicyVersion, dict(plan.policy)),
        ]
        for model, content in contents:
            draft = versions.create_draft(model, content=content, actor=SYSTEM, now=self.now)
            versions.publish(draft, actor=SYSTEM, now=self.now)
