"""Whole organisations for tests: people, calendars, criteria, routing, policy, reasons. None of it random."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from feedback.models import Reason
from leads.models import CriteriaVersion
from routing.models import Pool, PoolSeat, RepLoad, RoutingSettings, RuleSetVersion
from sla.models import PolicyVersion
from tenants.calendars import ALWAYS_WEEK, OFFICE_WEEK, make_spec
from tenants.context import tenant_scope
from tenants.models import (
    Calendar,
    CalendarVersion,
    Member,
    RepProfile,
    Role,
    Team,
    Tenant,
    User,
    VersionState,
)
from tenants.services import create_api_key
from tests.copies import Kept, keep

ALL_SCOPES = [
    "leads:read",
    "leads:write",
    "routing:simulate",
    "reports:read",
    "config:read",
    "config:write",
]
PASSWORD = "correct horse battery"

MQL_RULE: dict[str, Any] = {
    "any": [
        {"engagements": {"kind": kind, "measure": "count", "op": "at_least", "value": 1, "within_days": 30}}
        for kind in ("demo_request", "pricing_page", "contact_form", "content_download")
    ]
}


def engaged(kind: str) -> dict[str, Any]:
    """The rule "did this at least once in the last 30 days"."""
    return {
        "engagements": {"kind": kind, "measure": "count", "op": "at_least", "value": 1, "within_days": 30}
    }


def _tier(slug: str, name: str, duration: dict[str, int], when: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "slug": slug,
        "name": name,
        "when": when,
        "targets": [
            {"target": "first_touch", "duration": duration, "clock": "business"},
            {"target": "decision", "duration": {"business_days": 1}, "clock": "business"},
        ],
    }


POLICY: dict[str, Any] = {
    "tiers": [
        _tier("demo_request", "Demo request", {"minutes": 5}, engaged("demo_request")),
        _tier("pricing_page", "Pricing page", {"minutes": 60}, engaged("pricing_page")),
        _tier("contact_form", "Contact form", {"minutes": 240}, engaged("contact_form")),
        _tier("content", "Content", {"end_of_day": 0}, None),
    ],
    "ladder": [
        {"at": 50, "actions": ["remind_owner"]},
        {"at": 80, "actions": ["warn_manager"]},
        {"at": 100, "actions": ["tell_manager", "reassign"]},
        {"at": 200, "actions": ["tell_director"]},
    ],
    "responses": ["call", "email", "meeting", "linkedin", "sms"],
    "on_reassign": "restart",
    "pauses": [
        {
            "reason": "waiting_for_lead",
            "name": "Waiting for the lead",
            "at_most": {"business_days": 5},
            "who": ["rep", "manager"],
        },
        {
            "reason": "legal_check",
            "name": "Legal check",
            "at_most": {"business_days": 10},
            "who": ["manager"],
        },
    ],
}


@dataclass
class Org:
    """One organisation with a fixed cast."""

    tenant: Tenant
    admin: Member
    manager: Member
    director: Member
    marketing: Member
    executive: Member
    fallback: Member
    reps: list[Member]
    team: Team
    pool: Pool
    criteria: CriteriaVersion
    rule_set: RuleSetVersion
    policy: PolicyVersion
    calendar_version_id: UUID
    api_key: str
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> UUID:
        return self.tenant.id

    def scope(self) -> AbstractContextManager[None]:
        """Work as this tenant."""
        return tenant_scope(self.tenant.id)

    @property
    def auth(self) -> dict[str, str]:
        """Header of an API call with this tenant's key."""
        return {"Authorization": f"Bearer {self.api_key}"}


def make_org(
    slug: str = "acme",
    *,
    now: datetime,
    reps: int = 3,
    hours: str = "office",
    time_zone: str = "Europe/Berlin",
    policy: dict[str, Any] | None = None,
    cap_open: int | None = None,
    cap_per_day: int | None = None,
    password: str | None = None,
) -> Org:
    """A complete organisation. hours: "office" (Mon-Fri 09:00-17:30) or "always". Passwords are slow.

    Nearly every test begins with one: from the second of a kind on it is a copy.
    """
    said = {
        "slug": slug,
        "now": now,
        "reps": reps,
        "hours": hours,
        "time_zone": time_zone,
        "policy": policy,
        "cap_open": cap_open,
        "cap_per_day": cap_per_day,
        "password": password,
    }
    kind = repr(said)
    kept = _kept.get(kind)
    if kept is None:
        made, _kept[kind] = keep(lambda: _make_org(**said), lambda org: org.id)
        return made
    return kept.again()


#: Organisations of every kind that was made, by what was said of it.
_kept: dict[str, Kept[Org]] = {}


def _make_org(
    slug: str,
    *,
    now: datetime,
    reps: int,
    hours: str,
    time_zone: str,
    policy: dict[str, Any] | None,
    cap_open: int | None,
    cap_per_day: int | None,
    password: str | None,
) -> Org:
    """Its rows are written table by table, in a quarter of the statements. What the services do beyond
    writing them is their own tests' business."""
    tenant = Tenant(name=slug.title(), slug=slug, time_zone=time_zone)
    with tenant_scope(tenant.id):
        week = OFFICE_WEEK if hours == "office" else ALWAYS_WEEK
        spec = make_spec(tz=time_zone, weekly=week, year=now.year, country="DE" if hours == "office" else "")
        calendar = Calendar(name="Office hours")
        version = CalendarVersion(calendar=calendar, number=1, spec=spec, created_at=now, created_by="system")
        calendar.current_version_id = version.id
        tenant.calendar_id = calendar.id
        tenant.save(force_insert=True)
        calendar.save(force_insert=True)
        version.save(force_insert=True)

        team = Team(tenant=tenant, name="Inbound")

        def person(name: str, role: Role, team: Team | None = None) -> Member:
            address = f"{name.lower()}@{slug}.example"
            user = User(email=address, name=f"{name} {slug.title()}")
            user.set_password(password)
            return Member(tenant=tenant, user=user, name=user.name, email=address, role=role, team=team)

        manager, director = person("Mona", Role.MANAGER, team), person("Dirk", Role.EXECUTIVE)
        cast = [person(f"Rep{number}", Role.REP, team) for number in range(1, reps + 1)]
        fallback = person("Fay", Role.MANAGER, team)
        admin, marketing = person("Ada", Role.ADMIN), person("Mark", Role.MARKETING)
        everybody = [manager, director, *cast, fallback, admin, marketing]
        User.objects.bulk_create([member.user for member in everybody])
        Member.objects.bulk_create(everybody)
        # Team and people name each other; the database looks at such keys when the transaction ends.
        team.manager, team.director = manager, director
        team.save(force_insert=True)
        pool = Pool.objects.create(tenant=tenant, slug="inbound", name="Inbound")
        takers = [*cast, fallback]
        RepProfile.objects.bulk_create(
            RepProfile(member=rep, time_zone=time_zone, cap_open=cap_open, cap_per_day=cap_per_day)
            for rep in takers
        )
        RepLoad.objects.bulk_create(RepLoad(tenant=tenant, member=rep) for rep in takers)
        PoolSeat.objects.bulk_create(PoolSeat(tenant=tenant, pool=pool, member=rep) for rep in cast)
        RoutingSettings.objects.create(tenant=tenant, fallback=fallback)
        published = {
            "number": 1,
            "state": VersionState.PUBLISHED,
            "created_at": now,
            "created_by": "system",
            "published_at": now,
            "published_by": "system",
        }
        criteria = CriteriaVersion.objects.create(
            content={"rule": MQL_RULE, "fit": None, "exclude": [], "required": ["email"]}, **published
        )
        rule_set = RuleSetVersion.objects.create(
            content={
                "pools": [{"name": "Everyone", "when": None, "pool": "inbound"}],
                "priorities": [{"name": "Everyone else", "when": None, "priority": 0}],
                "horizon_minutes": 30,
            },
            **published,
        )
        version_of_policy = PolicyVersion.objects.create(content=policy or POLICY, **published)
        Reason.objects.bulk_create(
            Reason(
                kind=kind,
                slug=reason_slug,
                label=reason_slug.replace("_", " ").capitalize(),
                side=side,
                note_required=note,
                earns_credit=reason_slug == "bad_contact_data",
                position=position,
            )
            for position, (kind, reason_slug, side, note) in enumerate(
                [
                    ("reject", "wrong_title", "marketing", False),
                    ("reject", "bad_contact_data", "marketing", False),
                    ("reject", "wrong_territory", "routing", False),
                    ("reject", "other", "marketing", True),
                    ("nurture", "not_evaluating", "marketing", False),
                    ("disqualified", "no_need", "marketing", False),
                    ("disqualified", "other", "marketing", True),
                    ("lost", "price", "marketing", False),
                    ("lost", "other", "marketing", True),
                ]
            )
        )
        _, api_key = create_api_key(tenant=tenant, name="Test key", scopes=ALL_SCOPES, now=now)
        return Org(
            tenant=tenant,
            admin=admin,
            manager=manager,
            director=director,
            marketing=marketing,
            executive=director,
            fallback=fallback,
            reps=cast,
            team=team,
            pool=pool,
            criteria=criteria,
            rule_set=rule_set,
            policy=version_of_policy,
            calendar_version_id=version.id,
            api_key=api_key,
        )
