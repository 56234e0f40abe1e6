"""What goes on while one watches: leads come in through the API, reps answer some and miss some."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import requests
from django.db import close_old_connections

from core.businesstime import WorkCalendar
from core.errors import DomainError
from handoff import services
from handoff.services import Actor
from leads.incoming import LeadIn
from leads.lifecycle import Stage
from leads.models import Handoff
from sla.models import Target, Timer
from slaportal.demo.history import (
    CALL_OUTCOMES,
    CONFIRMED,
    LOSSES,
    NOTES,
    QUALITY,
    REJECTIONS,
    TOUCH_KINDS,
    ZONES,
    Generator,
)
from slaportal.demo.people import pick
from slaportal.demo.world import DILIGENT, DRILL_TIER, LIVE_KIND, Habits, World, worlds
from tenants.calendars import load_calendar, member_calendar_versions
from tenants.clock import database_clock
from tenants.context import tenant_scope
from tenants.models import Member, Tenant

LIVELY: Final = timedelta(
    minutes=30
)  # after that it goes on at a fifth of the pace: a demo may run all night
LOOK_SECONDS: Final = 2.0
ACTS_A_LOOK: Final = 3
# The rep that visitors sign in as misses more, so that there is something left to do.
WATCHED: Final = Habits(pace=0.6, forgets=0.45)
FORWARD: Final = {Stage.SAL: "sql", Stage.SQL: "opportunity", Stage.OPPORTUNITY: "won"}


def lead_document(item: LeadIn) -> dict[str, Any]:
    """The body of POST /api/v1/leads for an arrival."""
    company = item.company
    body = {
        "external_system": item.external_system,
        "external_id": item.external_id,
        "email": item.email,
        "first_name": item.first_name,
        "last_name": item.last_name,
        "title": item.title,
        "phone": item.phone,
        "source": item.source,
        "campaign": item.campaign,
        "channel": item.channel,
        "score": item.score,
        "company": {
            "name": company.name,
            "domain": company.domain,
            "employees": company.employees,
            "industry": company.industry,
            "country": company.country,
            "region": company.region,
        },
        "engagements": [
            {"kind": each.kind, "subject": each.subject, **({"at": each.at.isoformat()} if each.at else {})}
            for each in item.engagements
        ],
    }
    return {name: value for name, value in body.items() if value not in ("", None)}


@dataclass(slots=True)
class Office:
    """One organisation at work: its people, and what each has in mind for the clocks that run."""

    world: World
    tenant: Tenant
    key: str
    generator: Generator
    people: dict[UUID, Member]
    calendars: dict[UUID, WorkCalendar | None]
    watched: str
    minds: dict[UUID, datetime | None] = field(default_factory=dict)


def open_offices(summary: dict[str, Any], chance: random.Random) -> list[Office]:
    """The organisations of this database."""
    by_slug = {world.plan.slug: world for world in worlds()}
    offices = []
    for row in summary["tenants"]:
        world = by_slug[row["slug"]]
        with tenant_scope(UUID(row["id"])):
            tenant = Tenant.objects.get(id=row["id"])
            people = {member.id: member for member in Member.objects.filter(is_active=True)}
            versions = member_calendar_versions(tenant=tenant, member_ids=list(people))
            calendars = {member_id: load_calendar(version) for member_id, version in versions.items()}
        watched = next(email for role, email in world.logins if role == "Rep")
        generator = Generator(world, chance)
        offices.append(Office(world, tenant, row["key"], generator, people, calendars, watched))
    return offices


def run(summary: dict[str, Any], *, url: str, every: float, seed: int | None = None) -> None:
    """Go on until the process is ended. every: seconds between leads, about."""
    chance = random.Random(seed)
    offices = open_offices(summary, chance)
    began = time.monotonic()
    next_lead = began + 2
    session = requests.Session()
    while True:
        now = time.monotonic()
        if now >= next_lead:
            pace = every if now - began < LIVELY.total_seconds() else every * 5
            next_lead = now + chance.uniform(0.4, 1.6) * pace
            office = chance.choices(offices, weights=[each.world.share for each in offices])[0]
            _say(post_lead(session, url, office, chance))
        for office in offices:
            try:
                for line in play(office, chance):
                    _say(line)
            except Exception as error:
                # The database may be restarted under us; what was planned is planned again.
                _say(f"{office.tenant.name}: {type(error).__name__}: {error}")
                close_old_connections()
        time.sleep(LOOK_SECONDS)


def _say(line: str) -> None:
    print(line, flush=True)


def post_lead(session: requests.Session, url: str, office: Office, chance: random.Random) -> str:
    """Send one lead in, as a website would; a line about it."""
    now = database_clock()
    region = _region_awake(office.world, now, chance)
    intent = LIVE_KIND if chance.random() < 0.65 else None
    arrival = office.generator.arrival(now, region=region, intent=intent)
    headers = {"Authorization": f"Bearer {office.key}", "Idempotency-Key": f"{chance.getrandbits(96):x}"}
    try:
        answer = session.post(
            f"{url}/api/v1/leads", json=lead_document(arrival.item), headers=headers, timeout=15
        )
    except requests.RequestException as error:
        return f"{office.tenant.name}: the portal did not answer ({type(error).__name__})"
    who = f"{arrival.item.first_name} {arrival.item.last_name} ({arrival.item.company.name})"
    if answer.status_code not in (200, 201):
        return f"{office.tenant.name}: {who}: {answer.status_code} {answer.text[:200]}"
    owner = (answer.json().get("owner") or {}).get("name", "nobody")
    return f"{office.tenant.name}: {who}, {arrival.intent.replace('_', ' ')}: to {owner}"


def _region_awake(world: World, now: datetime, chance: random.Random) -> str:
    """A region of this market where it is day, if there is one: then its team is at work."""
    awake = [each for each in world.regions if 8 <= now.astimezone(ZoneInfo(ZONES[each[0]])).hour < 17]
    return pick(chance, awake or world.regions)


def play(office: Office, chance: random.Random) -> list[str]:
    """Let each rep do what they had in mind for now; at most a few acts, a line about each."""
    lines = []
    now = database_clock()
    with tenant_scope(office.tenant.id):
        running = Timer.objects.filter(
            clock=Timer.Clock.OWNER,
            state=Timer.State.RUNNING,
            handoff__state=Handoff.State.OPEN,
            handoff__drill_seconds=None,  # an answer ends what a drill looks at
        )
        timers = list(running.select_related("handoff").order_by("due_at")[:200])
    for timer in timers:
        if timer.id not in office.minds:
            office.minds[timer.id] = _think(office, timer, now, chance)
    office.minds = {timer.id: office.minds[timer.id] for timer in timers}
    ready = [timer for timer in timers if _is_ready(office, timer, now)]
    for timer in ready[:ACTS_A_LOOK]:
        office.minds[timer.id] = None
        with tenant_scope(office.tenant.id):
            lines.append(_act(office, timer, chance))
    if chance.random() < LOOK_SECONDS / 45:
        with tenant_scope(office.tenant.id):
            lines += _move_one_on(office, chance)
    return lines


def _habits(office: Office, member_id: UUID) -> Habits:
    email = office.people[member_id].email
    return WATCHED if email == office.watched else office.world.habits.get(email, DILIGENT)


def _think(office: Office, timer: Timer, now: datetime, chance: random.Random) -> datetime | None:
    """When the owner is going to see to this clock; None for never."""
    if timer.member_id not in office.people or timer.tier == DRILL_TIER:
        return None
    habits = _habits(office, timer.member_id)
    if timer.target == Target.DECISION:
        if habits is WATCHED and chance.random() < 0.6:
            return now + timedelta(minutes=chance.uniform(10, 60))  # left for whoever looks at this inbox
        return now + timedelta(seconds=chance.uniform(30, 240))
    if chance.random() < habits.forgets:
        return None
    share = min(1.4, chance.lognormvariate(0, 0.45) * habits.pace)
    calendar = office.calendars.get(timer.member_id) if timer.calendar_version_id else None
    minutes = timer.duration_seconds / 60 * share
    at = (
        calendar.add(timer.started_at, minutes) if calendar else timer.started_at + timedelta(minutes=minutes)
    )
    # What waited while the demo did not run is not all answered in its first second.
    return at if at > now else now + timedelta(seconds=chance.uniform(5, 600))


def _is_ready(office: Office, timer: Timer, now: datetime) -> bool:
    at = office.minds.get(timer.id)
    if at is None or at > now or timer.member_id is None:
        return False
    if timer.target == Target.DECISION and timer.handoff.first_touch_at is None:
        return False
    calendar = office.calendars.get(timer.member_id)
    return calendar is None or calendar.is_open(now)


def _act(office: Office, timer: Timer, chance: random.Random) -> str:
    assert timer.member_id is not None  # an owner's clock names the owner
    member = office.people[timer.member_id]
    actor = Actor.person(member)
    lead_id = timer.handoff.lead_id
    try:
        if timer.target == Target.FIRST_TOUCH:
            kind = pick(chance, TOUCH_KINDS)
            outcome = pick(chance, CALL_OUTCOMES) if kind == "call" else ""
            services.log_touch(lead_id=lead_id, kind=kind, outcome=outcome, actor=actor, clock=database_clock)
            return f"{office.tenant.name}: {member.name} logged a touch ({kind})"
        return f"{office.tenant.name}: {member.name} " + _decide(timer, actor, office, chance)
    except DomainError as error:
        return f"{office.tenant.name}: {member.name}: {error.message}"


def _decide(timer: Timer, actor: Actor, office: Office, chance: random.Random) -> str:
    assert actor.member is not None
    lead_id, source = timer.handoff.lead_id, timer.handoff.source
    accepts = min(0.95, _habits(office, actor.member.id).accepts * QUALITY.get(source, 1.0))
    if chance.random() < accepts:
        services.accept_lead(lead_id=lead_id, actor=actor, clock=database_clock)
        return "accepted a lead"
    if chance.random() < 0.7:
        reason = pick(chance, REJECTIONS.get(source, REJECTIONS[""]))
        services.reject_lead(
            lead_id=lead_id, reason=reason, note=NOTES.get(reason, ""), actor=actor, clock=database_clock
        )
        return f"rejected a lead ({reason.replace('_', ' ')})"
    services.nurture_lead(lead_id=lead_id, reason="not_evaluating", actor=actor, clock=database_clock)
    return "sent a lead to nurture"


def _move_one_on(office: Office, chance: random.Random) -> list[str]:
    """An accepted lead goes one stage on or out, so that open leads do not only grow."""
    accepted = Handoff.objects.filter(
        state=Handoff.State.OPEN, accepted_at__isnull=False, owner__isnull=False
    )
    oldest = list(accepted.select_related("lead").order_by("accepted_at")[:40])
    if not oldest:
        return []
    handoff = chance.choice(oldest)
    member = office.people.get(handoff.owner_id)
    if member is None:
        return []
    actor, stage = Actor.person(member), Stage(handoff.lead.stage)
    to = FORWARD.get(stage, "lost") if chance.random() < 0.45 else "lost"
    try:
        services.move_to_stage(
            lead_id=handoff.lead_id,
            to=to,
            reason=pick(chance, LOSSES) if to == "lost" else "",
            why="Agreed on the call." if to != "lost" else "No project this year.",
            answers=CONFIRMED if to == "sql" else None,
            actor=actor,
            clock=database_clock,
        )
    except DomainError as error:
        return [f"{office.tenant.name}: {member.name}: {error.message}"]
    return [f"{office.tenant.name}: {member.name} moved a lead from {stage.label} to {to}"]
