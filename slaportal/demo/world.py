"""The two organisations of the demo: who works there, when, by which rules, and what habits they have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from handoff.provision import CalendarPlan, PersonPlan, PoolPlan, TeamPlan, TenantPlan
from leads.defaults import DEFAULT_CRITERIA, INTENT_KINDS, engaged
from leads.plain import DOMAINS_NAME
from sla.defaults import DEFAULT_POLICY
from slaportal.demo.people import STUDENTS_DOMAIN
from tenants.calendars import ALWAYS_WEEK
from tenants.models import Role

PASSWORD: Final = "handover-demo-2026"  # noqa: S105 - shown on the login page; the demo guards nothing
LIVE_KIND: Final = "live_chat"  # its pool never closes, so that something moves on a Sunday night too
DRILL_KIND: Final = "drill_request"  # the 12-second promise that `bin/demo --check` watches being broken
DRILL_TIER: Final = "drill"  # nobody of the model answers it
LIVE_SECONDS: Final = 90
DRILL_SECONDS: Final = 12


@dataclass(frozen=True, slots=True)
class Habits:
    """How a rep works.

    pace:    share of the promised time after which they usually answer (median).
    forgets: share of the leads that they let run out.
    accepts: share of the answered leads that they take.
    """

    pace: float = 0.4
    forgets: float = 0.06
    accepts: float = 0.66


DILIGENT, QUICK, SLOW, CARELESS = (
    Habits(),
    Habits(pace=0.16, forgets=0.01, accepts=0.7),
    Habits(pace=0.72, forgets=0.08, accepts=0.64),
    Habits(pace=0.45, forgets=0.24, accepts=0.55),
)


@dataclass(frozen=True, slots=True)
class World:
    """One organisation of the demo.

    share:   of all leads. regions: where its leads come from. habits: by e-mail, DILIGENT where missing.
    logins:  (role, e-mail) of the people that the login page lists.
    leave:   (e-mail, days before the end, days) of time off in the history.
    sdrs:    e-mails of those who book meetings, and aes: of those for whom they are.
    """

    plan: TenantPlan
    share: float
    regions: Sequence[tuple[str, int]]
    habits: Mapping[str, Habits]
    logins: Sequence[tuple[str, str]]
    leave: Sequence[tuple[str, int, int]] = ()
    sdrs: Sequence[str] = ()
    aes: Sequence[str] = ()


def _wall_tier(slug: str, name: str, seconds: int, kind: str) -> dict[str, Any]:
    return {
        "slug": slug,
        "name": name,
        "when": engaged(kind, days=1),
        "targets": [
            {"target": "first_touch", "duration": {"seconds": seconds}, "clock": "wall"},
            {"target": "decision", "duration": {"business_days": 1}, "clock": "business"},
        ],
    }


POLICY: Final[dict[str, Any]] = {
    **DEFAULT_POLICY,
    "tiers": [
        _wall_tier("live_chat", "Live chat", LIVE_SECONDS, LIVE_KIND),
        *DEFAULT_POLICY["tiers"],
    ],
}
CRITERIA: Final[dict[str, Any]] = {
    **DEFAULT_CRITERIA,
    "rule": {"any": [engaged(kind) for kind in (*INTENT_KINDS, LIVE_KIND)]},
    "exclude": [
        *DEFAULT_CRITERIA["exclude"],
        {
            "name": DOMAINS_NAME,
            "when": {"field": "lead.email_domain", "op": "one_of", "value": [STUDENTS_DOMAIN]},
        },
    ],
    "required": ["email", "last_name", "company_name"],
}
PRIORITIES: Final = (
    {"name": "Talking to us now", "when": engaged(LIVE_KIND, days=1), "priority": 30},
    {"name": "Asked for a demo", "when": engaged("demo_request"), "priority": 20},
    {"name": "Looked at prices", "when": engaged("pricing_page"), "priority": 10},
    {"name": "Everyone else", "when": None, "priority": 0},
)
LIVE_RULE: Final = {"any": [engaged(LIVE_KIND, days=1)]}


def _from(region: str) -> dict[str, Any]:
    return {"field": "lead.region", "op": "equals", "value": region}


def _rep(domain: str, name: str, **extra: Any) -> PersonPlan:
    return PersonPlan(name, _email(domain, name), Role.REP, **extra)


def _live(domain: str, name: str, office: CalendarPlan) -> PersonPlan:
    """A rep of the live desk, which never closes; their times are shown in their office's zone."""
    always = CalendarPlan(f"Live desk, {office.name}", office.time_zone, weekly=ALWAYS_WEEK)
    return _rep(domain, name, calendar=always, seated=False)


def _email(domain: str, name: str) -> str:
    return f"{name.split()[0].lower()}@{domain}"


def _team(
    domain: str,
    name: str,
    calendar: CalendarPlan,
    manager: str,
    reps: Sequence[PersonPlan],
    when: Mapping[str, Any] | None = None,
) -> TeamPlan:
    boss = PersonPlan(manager, _email(domain, manager), Role.MANAGER)
    return TeamPlan(name, name.lower().replace(" ", "-"), calendar, boss, reps, when)


def _brightpath() -> World:
    domain = "brightpath.example"
    berlin = CalendarPlan("Berlin office", "Europe/Berlin", "DE", "BE")
    new_york = CalendarPlan("New York office", "America/New_York", "US", "NY")
    singapore = CalendarPlan("Singapore office", "Asia/Singapore", "SG")
    teams = [
        _team(
            domain,
            "New York",
            new_york,
            "Dana Whitfield",
            [
                _rep(domain, "Marcus Reed"),
                _rep(domain, "Sofia Alvarez", weight=2),
                _rep(domain, "Trevor Banks"),
                _live(domain, "Imani Brooks", new_york),
            ],
            _from("AMER"),
        ),
        _team(
            domain,
            "Singapore",
            singapore,
            "Adrian Koh",
            [
                _rep(domain, "Farah Ismail"),
                _rep(domain, "Jun Tan"),
                _rep(domain, "Ravi Menon", cap_per_day=12),
                _live(domain, "Elaine Seah", singapore),
            ],
            _from("APAC"),
        ),
        _team(
            domain,
            "Berlin",
            berlin,
            "Martina Vogel",
            [
                _rep(domain, "Lena Hartwig"),
                _rep(domain, "Jonas Pfeiffer", weight=2),
                _rep(domain, "Carla Brandt"),
                _live(domain, "Mira Sommer", berlin),
            ],
        ),
    ]
    plan = TenantPlan(
        name="Brightpath",
        slug="brightpath",
        calendar=berlin,
        teams=teams,
        director=PersonPlan("Robert Lindqvist", _email(domain, "Robert"), Role.EXECUTIVE),
        fallback=PersonPlan("Petra Novak", _email(domain, "Petra"), Role.MANAGER),
        others=(
            PersonPlan("Alex Morgan", _email(domain, "Alex"), Role.ADMIN),
            PersonPlan("Yasmin Keller", _email(domain, "Yasmin"), Role.MARKETING),
        ),
        pools=(
            PoolPlan(
                "Live desk",
                "live-desk",
                [_email(domain, name) for name in ("Mira", "Imani", "Elaine")],
                LIVE_RULE,
            ),
        ),
        priorities=PRIORITIES,
        criteria=CRITERIA,
        policy=POLICY,
    )
    return World(
        plan=plan,
        share=0.64,
        regions=(("EMEA", 45), ("AMER", 35), ("APAC", 20)),
        habits={
            "sofia@brightpath.example": QUICK,
            "jonas@brightpath.example": QUICK,
            "ravi@brightpath.example": SLOW,
            "trevor@brightpath.example": CARELESS,
            "imani@brightpath.example": QUICK,
        },
        logins=(
            ("Rep", "mira@brightpath.example"),
            ("Manager", "martina@brightpath.example"),
            ("RevOps admin", "alex@brightpath.example"),
            ("Marketing", "yasmin@brightpath.example"),
            ("Executive", "robert@brightpath.example"),
        ),
        leave=(
            ("carla@brightpath.example", 62, 10),
            ("marcus@brightpath.example", 40, 7),
            ("jun@brightpath.example", 24, 5),
        ),
        sdrs=("carla@brightpath.example", "lena@brightpath.example"),
        aes=("mira@brightpath.example", "jonas@brightpath.example", "sofia@brightpath.example"),
    )


def _nordwind() -> World:
    domain = "nordwind.example"
    hamburg = CalendarPlan("Hamburg office", "Europe/Berlin", "DE", "HH")
    teams = [
        _team(
            domain,
            "Key accounts",
            hamburg,
            "Henrik Lorenzen",
            [_rep(domain, "Birte Claasen"), _rep(domain, "Ole Matthiesen")],
            {"field": "account.employees", "op": "at_least", "value": 500},
        ),
        _team(
            domain,
            "Inbound",
            hamburg,
            "Wiebke Thomsen",
            [
                _rep(domain, "Kaya Demir"),
                _rep(domain, "Malte Jessen"),
                _rep(domain, "Frauke Ohlsen", cap_open=60),
                _rep(domain, "Tjark Behrens", weight=2),
                _live(domain, "Nele Petersen", hamburg),
                _live(domain, "Sonke Andresen", hamburg),
            ],
        ),
    ]
    plan = TenantPlan(
        name="Nordwind",
        slug="nordwind",
        calendar=hamburg,
        teams=teams,
        director=PersonPlan("Friederike Sievers", _email(domain, "Friederike"), Role.EXECUTIVE),
        fallback=PersonPlan("Gesa Hinrichs", _email(domain, "Gesa"), Role.MANAGER),
        others=(
            PersonPlan("Paul Lassen", _email(domain, "Paul"), Role.ADMIN),
            PersonPlan("Lotte Marxen", _email(domain, "Lotte"), Role.MARKETING),
        ),
        pools=(
            PoolPlan(
                "Live desk", "live-desk", [_email(domain, name) for name in ("Nele", "Sonke")], LIVE_RULE
            ),
        ),
        priorities=PRIORITIES,
        criteria=CRITERIA,
        policy=POLICY,
    )
    return World(
        plan=plan,
        share=0.36,
        regions=(("EMEA", 100),),
        habits={
            "tjark@nordwind.example": QUICK,
            "malte@nordwind.example": SLOW,
            "ole@nordwind.example": CARELESS,
        },
        logins=(
            ("Rep", "nele@nordwind.example"),
            ("Manager", "wiebke@nordwind.example"),
            ("RevOps admin", "paul@nordwind.example"),
            ("Marketing", "lotte@nordwind.example"),
            ("Executive", "friederike@nordwind.example"),
        ),
        leave=(("birte@nordwind.example", 47, 7),),
        sdrs=("kaya@nordwind.example", "malte@nordwind.example"),
        aes=("nele@nordwind.example", "tjark@nordwind.example", "birte@nordwind.example"),
    )


def worlds(*, drill: bool = False) -> list[World]:
    """Both organisations, the larger first.

    drill: with the tier that `bin/demo --check` breaks; nobody who looks at the demo should meet it.
    """
    found = [_brightpath(), _nordwind()]
    return [_with_drill(world) for world in found] if drill else found


def _with_drill(world: World) -> World:
    plan = world.plan
    tier = _wall_tier(DRILL_TIER, "Drill", DRILL_SECONDS, DRILL_KIND)
    rule = {"any": [*plan.criteria["rule"]["any"], engaged(DRILL_KIND)]}
    live = {"any": [*LIVE_RULE["any"], engaged(DRILL_KIND, days=1)]}
    plan = replace(
        plan,
        policy={**plan.policy, "tiers": [tier, *plan.policy["tiers"]]},
        criteria={**plan.criteria, "rule": rule},
        pools=[replace(pool, when=live) if pool.when is LIVE_RULE else pool for pool in plan.pools],
    )
    return replace(world, plan=plan)
