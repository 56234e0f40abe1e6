"""The past of an organisation, lived through on a virtual clock.

Nothing is inserted as if it had happened: leads arrive through the intake, reps answer through the services
that the pages call, and the sweep fires at the moments when timers are due. A queue of events jumps from one
instant to the next, so 90 days take as long as the work in them. The same seed, start and number of leads
give the same past.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection

from core.businesstime import WorkCalendar
from core.errors import DomainError
from handoff import services
from handoff.intake import receive_leads
from handoff.moves import drain_unrouted
from handoff.pauses import end_pauses
from handoff.services import Actor
from handoff.sweep import sweep_tenant
from leads.incoming import EngagementIn, LeadIn
from leads.models import Handoff, Lead
from notifications import outbox
from notifications.models import OutboxMessage
from notifications.sending import deliver_round
from routing.models import Decision
from slaportal.demo import deals, objections
from slaportal.demo.meetings import SOURCE as OUTBOUND
from slaportal.demo.meetings import Outbound
from slaportal.demo.people import Crowd, pick
from slaportal.demo.world import DILIGENT, LIVE_KIND, LIVE_SECONDS, Habits, World
from tenants.calendars import load_calendar, member_calendar_versions
from tenants.clock import fixed_clock
from tenants.context import tenant_scope
from tenants.models import Member, Tenant
from tenants.services import add_leave

DAYS: Final = 90
ENGINE: Final = timedelta(seconds=5)  # how often the engine sweeps; virtual sweeps keep to the same beat
DRAIN: Final = timedelta(minutes=30)  # the engine drains more often; between openings it would find nothing
TELL: Final = timedelta(days=1)  # messages of this last stretch are sent; older ones nobody waits for
SEND: Final = timedelta(minutes=30)  # how often, on the virtual clock
CHUNK: Final = 12  # steps a transaction

# Source -> its channel, its share, and its campaigns.
SOURCES: Final[Sequence[tuple[str, str, int, Sequence[str]]]] = (
    ("Google Ads", "Paid search", 24, ("Brand search", "Competitor terms", "Category terms")),
    ("LinkedIn Ads", "Paid social", 18, ("Ops leaders Q3", "Playbook download")),
    ("Organic search", "Organic", 20, ("",)),
    ("Webinar", "Events", 12, ("Scaling operations live", "Benchmark report launch")),
    ("Content syndication", "Content", 11, ("Buyer's guide", "State of operations report")),
    ("Referral", "Referral", 8, ("Customer referral",)),
    ("Trade show", "Events", 7, ("Operations Summit", "Industry Days")),
)
# Campaigns that began a few days ago: every second lead of their source comes by them since.
NEW_CAMPAIGNS: Final = {"Google Ads": "Compare vendors", "Content syndication": "Vendor checklist"}
NEW_DAYS: Final = 12
# Sources whose leads come as a list: its weekdays and its hour. The others come as people fill in forms.
LISTS: Final[dict[str, tuple[Sequence[int], int]]] = {
    "Webinar": ((3,), 15),
    "Content syndication": ((0, 2, 4), 10),
    "Trade show": ((4,), 11),
}
# What a lead from each source comes for.
INTENTS: Final[dict[str, Sequence[tuple[str, int]]]] = {
    "Google Ads": (
        ("demo_request", 28),
        ("pricing_page", 20),
        ("contact_form", 10),
        (LIVE_KIND, 8),
        ("page_view", 34),
    ),
    "LinkedIn Ads": (("content_download", 32), ("demo_request", 12), ("pricing_page", 10), ("page_view", 46)),
    "Organic search": (
        ("demo_request", 22),
        ("contact_form", 18),
        ("pricing_page", 16),
        (LIVE_KIND, 10),
        ("page_view", 34),
    ),
    "Webinar": (("webinar", 60), ("content_download", 22), ("demo_request", 12), ("contact_form", 6)),
    "Content syndication": (("content_download", 46), ("page_view", 54)),
    "Referral": (("demo_request", 62), ("contact_form", 38)),
    "Trade show": (("webinar", 40), ("contact_form", 32), ("content_download", 20), ("demo_request", 8)),
}
# How good a source's leads are: share that sales takes, as a factor.
QUALITY: Final[dict[str, float]] = {
    "Google Ads": 1.0,
    "LinkedIn Ads": 0.9,
    "Organic search": 1.12,
    "Webinar": 0.96,
    "Content syndication": 0.5,
    "Referral": 1.32,
    "Trade show": 0.86,
}
# What each lead is about, for the subject of its engagement.
SUBJECTS: Final[dict[str, Sequence[str]]] = {
    "demo_request": ("Demo form",),
    "pricing_page": ("Pricing",),
    "contact_form": ("Contact form", "Talk to sales"),
    "content_download": ("Operations playbook", "Buyer's guide", "Benchmark report"),
    "page_view": ("Product tour", "Customer stories"),
    "webinar": ("Scaling operations live", "Talk at the booth"),
    LIVE_KIND: ("Chat on the pricing page", "Chat on the product page"),
}
# Minutes in which each intent is promised an answer; the model's reps know them.
PROMISED: Final[dict[str, float]] = {
    "demo_request": 5,
    "pricing_page": 60,
    "contact_form": 240,
    "content_download": 300,
    LIVE_KIND: LIVE_SECONDS / 60,
}
REJECTIONS: Final[dict[str, Sequence[tuple[str, int]]]] = {
    "Content syndication": (
        ("bad_contact_data", 34),
        ("not_evaluating", 26),
        ("wrong_title", 24),
        ("wrong_company_size", 16),
    ),
    "Trade show": (("not_evaluating", 34), ("wrong_title", 26), ("no_budget", 22), ("other", 18)),
    "": (
        ("wrong_title", 26),
        ("wrong_company_size", 18),
        ("no_budget", 15),
        ("not_evaluating", 12),
        ("bad_contact_data", 9),
        ("duplicate", 6),
        ("wrong_industry", 5),
        ("wrong_territory", 5),
        ("wrong_owner", 2),
        ("other", 2),
    ),
}
NURTURES: Final = (("not_evaluating", 52), ("no_budget", 28), ("no_response", 20))
LOSSES: Final = (("competitor", 38), ("price", 24), ("no_decision", 22), ("no_budget", 16))
#: What is said at the SQL step; of the budget nobody was sure on the call.
CONFIRMED: Final = {"need": True, "authority": True, "timeline": True}
NOTES: Final = {
    "other": "Asked for an integration that we do not build.",
    "wrong_company_size": "Four people, no plans to grow.",
    "no_budget": "Next budget round is in spring.",
    "not_evaluating": "Research for a report, no project.",
    "no_response": "Tried by phone and mail, heard nothing.",
}
TOUCH_KINDS: Final = (("call", 52), ("email", 36), ("linkedin", 8), ("meeting", 4))
CALL_OUTCOMES: Final = (("Talked", 45), ("Left a message", 35), ("No answer", 20))
# Arrivals by local hour: the two peaks of an office day, some in the evening, few at night.
_HOURS: Final = (1, 1, 1, 1, 1, 2, 4, 9, 19, 26, 27, 23, 15, 20, 25, 24, 20, 13, 8, 6, 5, 4, 3, 2)
_WEEKDAYS: Final = (1.0, 1.12, 1.1, 1.02, 0.8, 0.16, 0.13)
ZONES: Final = {"EMEA": "Europe/Berlin", "AMER": "America/New_York", "APAC": "Asia/Singapore"}


@dataclass(frozen=True, slots=True)
class Arrival:
    """A lead that is going to come in."""

    at: datetime
    item: LeadIn
    intent: str


@dataclass(slots=True)
class _Case:
    """What the model remembers of a lead: whose it is, and how things stand. `version` outdates plans."""

    lead_id: UUID
    source: str
    intent: str
    owner_id: UUID | None = None
    version: int = 0
    touched: bool = False
    answered: bool = False
    prompt: bool = False


@dataclass(slots=True)
class Progress:
    """How far a past is. `share` runs from 0 to 1 by leads."""

    leads: int = 0
    touches: int = 0
    answers: int = 0
    swept: int = 0
    fired: int = 0
    refused: int = 0
    share: float = 0.0


class Generator:
    """Draws arrivals: who, when, from where and what for."""

    def __init__(self, world: World, chance: random.Random) -> None:
        self.world, self.chance = world, chance
        self.crowd = Crowd(chance, world.regions)
        self._known: list[LeadIn] = []

    def arrivals(self, *, start: datetime, days: int, leads: int) -> list[Arrival]:
        """`leads` arrivals over the days from `start`, in order of time; a fifth more a day at the end."""
        moments: list[tuple[datetime, str, str]] = []
        weights = [
            _WEEKDAYS[(start + timedelta(days=day)).weekday()] * (1 + 0.2 * day / days) for day in range(days)
        ]
        for day in self.chance.choices(range(days), weights=weights, k=leads):
            source = pick(self.chance, [(source, share) for source, _, share, _ in SOURCES])
            region = pick(self.chance, self.world.regions)
            local = (start + timedelta(days=day)).astimezone(ZoneInfo(ZONES[region]))
            moment = self._list_day(local, source) if source in LISTS else self._time_of(local)
            moments.append((max(moment.astimezone(UTC), start), source, region))
        new_from = start + timedelta(days=max(0, days - NEW_DAYS))
        found = [self.arrival(at, region=region, source=source) for at, source, region in sorted(moments)]
        return [
            self._by_new(each) if each.at >= new_from and number % 2 else each
            for number, each in enumerate(found)
        ]

    def _by_new(self, arrival: Arrival) -> Arrival:
        campaign = NEW_CAMPAIGNS.get(arrival.item.source, arrival.item.campaign)
        return replace(arrival, item=replace(arrival.item, campaign=campaign))

    def _time_of(self, day: datetime) -> datetime:
        """Some time of this local day, by the habits of people who fill in forms."""
        chance = self.chance
        hour = chance.choices(range(24), weights=_HOURS)[0]
        return day.replace(hour=hour, minute=chance.randrange(60), second=chance.randrange(60), microsecond=0)

    def _list_day(self, day: datetime, source: str) -> datetime:
        """When the list of this local day is handed in: at the next of its weekdays, at its hour."""
        weekdays, hour = LISTS[source]
        ahead = next(n for n in range(7) if (day + timedelta(days=n)).weekday() in weekdays)
        minute = 7 * len(source) % 60
        return (day + timedelta(days=ahead)).replace(hour=hour, minute=minute, second=0, microsecond=0)

    def arrival(
        self, at: datetime, *, source: str = "", region: str | None = None, intent: str | None = None
    ) -> Arrival:
        """One arrival at `at`: mostly somebody new, now and then a known person who comes again."""
        chance = self.chance
        if not source:
            fitting = [
                (name, share)
                for name, _, share, _ in SOURCES
                if intent is None or intent in dict(INTENTS[name])
            ]
            source = pick(chance, fitting)
        channel, campaigns = next((each[1], each[3]) for each in SOURCES if each[0] == source)
        intent = intent or pick(chance, INTENTS[source])
        engagements = [EngagementIn(intent, chance.choice(SUBJECTS[intent]), at)]
        for _ in range(chance.choices((0, 1, 2, 4), weights=(50, 25, 15, 10))[0]):
            before = at - timedelta(minutes=chance.randrange(2, 4000))
            engagements.append(EngagementIn("page_view", chance.choice(SUBJECTS["page_view"]), before))
        if self._known and chance.random() < 0.07:
            item = replace(chance.choice(self._known[-400:]), engagements=tuple(engagements), source=source)
            return Arrival(at, item, intent)
        person = self.crowd.person(region)
        item = LeadIn(
            email=person.email,
            external_system="crm" if chance.random() < 0.8 else "",
            first_name=person.first_name,
            last_name=person.last_name if chance.random() > 0.015 else "",
            title=person.title,
            phone=person.phone,
            company=person.company,
            source=source,
            campaign=chance.choice(campaigns),
            channel=channel,
            score=min(100, max(5, int(chance.gauss(48, 18)))) if chance.random() < 0.7 else None,
            engagements=tuple(engagements),
            custom={"country": person.country},
        )
        if item.external_system:
            item = replace(item, external_id=f"00Q{chance.randrange(10**9, 10**10)}")
        self._known.append(item)
        return Arrival(at, item, intent)


@dataclass(order=True, slots=True)
class _Event:
    at: datetime
    number: int
    act: Callable[[datetime], None] = field(compare=False)


class History:
    """Lives through the past of one organisation. Call `live` once.

    until: asked again and again, since real time goes on meanwhile; the past ends at the next later event.
    """

    def __init__(
        self,
        tenant: Tenant,
        world: World,
        *,
        seed: int,
        start: datetime,
        until: Callable[[], datetime],
        leads: int,
        days: int = DAYS,
    ) -> None:
        self.tenant, self.world = tenant, world
        self.start, self.until = start, until
        self.chance = random.Random(f"{seed}:{world.plan.slug}")
        generator = Generator(world, self.chance)
        self.arrivals = generator.arrivals(start=start, days=days, leads=leads)
        # Chances of their own: what happens beside the leads that come by themselves changes nothing of them.
        aside = random.Random(f"{seed}:{world.plan.slug}:aside")
        self.deals = random.Random(f"{seed}:{world.plan.slug}:deals")
        self.outbound = Outbound(world, aside, generator.crowd, start=start, days=days, leads=leads)
        self.progress = Progress()
        self._queue: list[_Event] = []
        self._numbers = itertools.count()
        self._cases: dict[UUID, _Case] = {}
        self._members: dict[UUID, Member] = {}
        self._calendars: dict[UUID, WorkCalendar | None] = {}
        self._waiting = False
        self._next_due: datetime | None = None
        self._send_at: datetime | None = None
        self._tell_from = max(start, until() - TELL)

    # --- The loop ---

    def live(self) -> Iterator[Progress]:
        """Run to the end; yields after every transaction."""
        with ThreadPoolExecutor(2, thread_name_prefix="sender") as pool:
            yield from self._live(pool)

    def _live(self, pool: ThreadPoolExecutor) -> Iterator[Progress]:
        with tenant_scope(self.tenant.id):
            self._look_around()
            self._next_due = self._first_due()
        for at, together in itertools.groupby(self.arrivals, key=lambda arrival: arrival.at):
            self._plan(at, partial(self._arrive, list(together)))
        self._plan(self.start + DRAIN, self._drain)
        self._plan(self.start + timedelta(days=1), self._end_of_day)
        self._plan(self._tell_from, self._begin_telling)
        self.outbound.begin(self)
        going = True
        while going:
            with tenant_scope(self.tenant.id):
                for _ in range(CHUNK):
                    going = self._step()
                    if not going or self._send_at:
                        break
            if self._send_at:  # outside the transaction: a sender commits by itself
                deliver_round([self.tenant.id], clock=fixed_clock(self._send_at), pool=pool)
                self._send_at = None
            yield self.progress

    def _look_around(self) -> None:
        """Read who works here and when."""
        members = list(Member.objects.select_related("user").order_by("id"))
        self._members = {member.id: member for member in members}
        versions = member_calendar_versions(tenant=self.tenant, member_ids=list(self._members))
        self._calendars = {member_id: load_calendar(version) for member_id, version in versions.items()}
        by_email = {member.email: member for member in members}
        end = self.until()
        for email, before, days in self.world.leave:
            starts_at = (end - timedelta(days=before)).replace(hour=0, minute=0, second=0, microsecond=0)
            add_leave(
                member=by_email[email],
                starts_at=starts_at,
                ends_at=starts_at + timedelta(days=days),
                reason="Vacation",
            )

    def _plan(self, at: datetime, act: Callable[[datetime], None]) -> None:
        heapq.heappush(self._queue, _Event(at, next(self._numbers), act))

    def _step(self) -> bool:
        """Do what comes next: an event or a sweep. False at the end."""
        event = self._queue[0] if self._queue else None
        sweep_at = _on_beat(self._next_due) if self._next_due else None
        if sweep_at is not None and (event is None or sweep_at < event.at):
            if sweep_at > self.until():
                return False
            self._sweep(sweep_at)
            return True
        if event is None or event.at > self.until():
            return False
        heapq.heappop(self._queue)
        event.act(event.at)
        return True

    def _first_due(self) -> datetime | None:
        # Asked after every act: plain SQL costs a fifth of what the query builder does.
        with connection.cursor() as cursor:
            cursor.execute(
                "select least("
                "(select min(next_at) from sla_timer where tenant_id = %(tenant)s and next_at is not null), "
                "(select min(until) from sla_pause where tenant_id = %(tenant)s and ended_at is null))",
                {"tenant": str(self.tenant.id)},
            )
            found: datetime | None = cursor.fetchone()[0]
        return found

    def _changed(self) -> None:
        self._next_due = self._first_due()

    # --- What the engine does ---

    def _sweep(self, now: datetime) -> None:
        end_pauses(self.tenant.id, clock=fixed_clock(now))  # a meeting's clocks go on when it is over
        result = sweep_tenant(self.tenant.id, clock=fixed_clock(now))
        self.progress.swept += result.taken
        self.progress.fired += result.fired
        if result.breached:
            self._follow_moves(now)
        self._changed()

    def _drain(self, now: datetime) -> None:
        self._plan(now + DRAIN, self._drain)
        if not self._waiting:
            return
        if drain_unrouted(self.tenant.id, fixed_clock(now)):
            self._follow_moves(now)
            self._changed()
        self._waiting = Handoff.objects.filter(state=Handoff.State.OPEN, owner=None).exists()

    def _follow_moves(self, now: datetime) -> None:
        """Leads that the engine gave to somebody at `now`: their new owners begin to think about them."""
        moved = Decision.objects.filter(at=now, member__isnull=False).order_by("id")
        for lead_id, member_id in moved.values_list("handoff__lead_id", "member_id"):
            case = self._cases.get(lead_id)
            if case is not None and case.owner_id != member_id:
                self._give(case, member_id, now)

    def _end_of_day(self, now: datetime) -> None:
        """What did not leave by now is news to nobody any more and is taken back."""
        expire_unsent(now)
        if now + timedelta(days=1) < self._tell_from:
            self._plan(now + timedelta(days=1), self._end_of_day)

    def _begin_telling(self, now: datetime) -> None:
        """From here on everybody is told what happens, as it happens."""
        expire_unsent(now)
        self._send(now)

    def _send(self, now: datetime) -> None:
        self._send_at = now
        self._plan(now + SEND, self._send)

    # --- What the bookings of meetings ask for ---

    def plan(self, at: datetime, act: Callable[[datetime], None]) -> None:
        """Plan something that may start or end a clock."""

        def and_look(now: datetime) -> None:
            act(now)
            self._changed()

        self._plan(at, and_look)

    def member(self, email: str) -> Member | None:
        return next((each for each in self._members.values() if each.email == email), None)

    def zone(self, member: Member) -> ZoneInfo:
        calendar = self._calendars.get(member.id)
        return ZoneInfo(calendar.tz if calendar else self.tenant.time_zone)

    def goes_on(self, lead_id: UUID, owner_id: UUID, at: datetime, *, is_sql: bool) -> None:
        """A lead whose meeting was accepted goes the way of the others."""
        case = _Case(lead_id, OUTBOUND, "meeting", owner_id, touched=True, answered=True)
        self._cases[lead_id] = case
        if is_sql:
            self._after_sql(case, at)
        else:
            self._go_on(case, at)

    # --- What people do ---

    def _arrive(self, arrivals: Sequence[Arrival], now: datetime) -> None:
        """Leads come in: mostly one, a dozen where a list is handed in."""
        self.progress.leads += len(arrivals)
        self.progress.share = self.progress.leads / len(self.arrivals)
        items = [arrival.item for arrival in arrivals]
        results = receive_leads(items=items, actor="key:history", clock=fixed_clock(now))
        for arrival, result in zip(arrivals, results, strict=True):
            if result.error is not None:
                self.progress.refused += 1
                continue
            case = _Case(result.lead.id, arrival.item.source, arrival.intent)
            if result.assignment is not None:
                self._cases[case.lead_id] = case
                self._give(case, result.assignment.member_id, now)
            elif result.handoff is not None and case.lead_id not in self._cases:
                self._cases[case.lead_id] = case
                self._waiting = True
        self._changed()

    def _habits(self, member_id: UUID) -> Habits:
        return self.world.habits.get(self._members[member_id].email, DILIGENT)

    def _give(self, case: _Case, member_id: UUID, now: datetime) -> None:
        """A lead is somebody's now: they will answer, sooner or later, or let it run out."""
        case.owner_id, case.version = member_id, case.version + 1
        habits = self._habits(member_id)
        if case.touched:
            if self.chance.random() >= habits.forgets:
                self._later(case, now, 60, 400, self._decide)
            return
        if self.chance.random() < habits.forgets:
            return
        promised = PROMISED.get(case.intent, 240)
        share = min(1.6, self.chance.lognormvariate(0, 0.45) * habits.pace)
        self._at(case, self._work_time(member_id, now, promised * share), self._touch)

    def _work_time(self, member_id: UUID, now: datetime, minutes: float) -> datetime:
        calendar = self._calendars.get(member_id)
        if calendar is None:
            return now + timedelta(minutes=minutes)
        return calendar.add(now, minutes)

    def _later(self, case: _Case, now: datetime, low: float, high: float, act: Callable[..., None]) -> None:
        """Plan an act for so many working minutes later."""
        if case.owner_id is not None:
            minutes = self.chance.uniform(low, high)
            self._at(case, self._work_time(case.owner_id, now, minutes), act)

    def _at(self, case: _Case, at: datetime, act: Callable[..., None]) -> None:
        version = case.version

        def unless_outdated(now: datetime) -> None:
            if case.version == version and case.owner_id is not None:
                act(case, Actor.person(self._members[case.owner_id]), now)

        self._plan(at, unless_outdated)

    def _try(self, call: Callable[[], Any]) -> Any:
        """Do it; a refusal that the portal words is part of life and counted."""
        try:
            return call()
        except DomainError:
            self.progress.refused += 1
            return None

    def _touch(self, case: _Case, actor: Actor, now: datetime) -> None:
        kind = pick(self.chance, TOUCH_KINDS)
        outcome = pick(self.chance, CALL_OUTCOMES) if kind == "call" else ""
        done = self._try(
            lambda: services.log_touch(
                lead_id=case.lead_id, kind=kind, outcome=outcome, actor=actor, clock=fixed_clock(now)
            )
        )
        self._changed()
        if done is None:
            return
        self.progress.touches += 1
        if case.answered:
            return
        first = not case.touched
        case.touched = True
        if first and outcome != "Talked" and self.chance.random() < 0.35:
            self._later(case, now, 30, 90, self._touch)
        elif self.chance.random() < 0.985 - self._habits(actor.member.id).forgets / 4:  # type: ignore[union-attr]
            self._later(case, now, 5, 150, self._decide)

    def _decide(self, case: _Case, actor: Actor, now: datetime) -> None:
        if actor.member is None:
            return
        accepts = min(0.95, self._habits(actor.member.id).accepts * QUALITY.get(case.source, 1.0))
        draw = self.chance.random()
        clock = fixed_clock(now)
        if draw < accepts:
            done = self._try(lambda: services.accept_lead(lead_id=case.lead_id, actor=actor, clock=clock))
            if done is not None:
                case.answered = True
                self._go_on(case, now, first=True)
        elif draw < accepts + (1 - accepts) * 0.68:
            reason = pick(self.chance, REJECTIONS.get(case.source, REJECTIONS[""]))
            done = self._try(
                lambda: services.reject_lead(
                    lead_id=case.lead_id, reason=reason, note=self._note(reason), actor=actor, clock=clock
                )
            )
            if done is not None and done.outcome == "rerouted":
                if done.new_owner_id is not None:
                    self._give(case, done.new_owner_id, now)
                else:
                    case.owner_id, case.version = None, case.version + 1
                    self._waiting = True
            elif done is not None and self.chance.random() < objections.DISPUTED:
                wait = timedelta(minutes=self.chance.randrange(600, 6_000))
                self._plan(now + wait, partial(self._dispute, case))
        else:
            reason = pick(self.chance, NURTURES)
            done = self._try(
                lambda: services.nurture_lead(
                    lead_id=case.lead_id,
                    reason=reason,
                    note=self._note(reason),
                    until=(now + timedelta(days=self.chance.randrange(30, 120))).date(),
                    actor=actor,
                    clock=clock,
                )
            )
        self.progress.answers += done is not None
        self._changed()

    def _dispute(self, case: _Case, now: datetime) -> None:
        found = objections.dispute(case.lead_id, now)
        if found is not None and self.chance.random() < objections.DECIDED:
            wait = timedelta(minutes=self.chance.randrange(900, 7_000))
            self._plan(now + wait, partial(self._judge, case, found))

    def _judge(self, case: _Case, dispute_id: UUID, now: datetime) -> None:
        done = objections.decide(dispute_id, self.chance, now)
        fresh = done.fresh_handoff if done is not None else None
        if fresh is not None and fresh.owner_id is not None:
            case.touched = case.answered = False
            self._give(case, fresh.owner_id, now)
        self._waiting = self._waiting or fresh is not None
        self._changed()

    def _note(self, reason: str) -> str:
        note = NOTES.get(reason, "")
        return note if reason == "other" or self.chance.random() < 0.4 else ""

    # --- After acceptance ---

    def _go_on(self, case: _Case, now: datetime, *, first: bool = False) -> None:
        """An accepted lead: another touch, and then forward or out."""
        if first and self.chance.random() < 0.5:
            self._later(case, now, 200, 1200, self._touch)
        if self.chance.random() < 0.42 * QUALITY.get(case.source, 1.0):
            self._later(case, now, 400, 3200, self._to_sql)
        elif self.chance.random() < 0.85:
            self._later(case, now, 2000, 7500, self._give_up)

    def _stage(
        self,
        case: _Case,
        actor: Actor,
        now: datetime,
        to: str,
        why: str,
        reason: str = "",
        deal: Mapping[str, Any] | None = None,
    ) -> bool:
        clock = fixed_clock(now)
        done = self._try(
            lambda: services.move_to_stage(
                lead_id=case.lead_id,
                to=to,
                reason=reason,
                why=why,
                answers=CONFIRMED if to == "sql" else None,
                opportunity=deal,
                actor=actor,
                clock=clock,
            )
        )
        return done is not None

    def _to_sql(self, case: _Case, actor: Actor, now: datetime) -> None:
        if self._stage(case, actor, now, "sql", "Need, authority and timeline confirmed on the call."):
            self._after_sql(case, now)

    def _after_sql(self, case: _Case, now: datetime) -> None:
        good = self.chance.random() < 0.58
        self._later(case, now, 900, 4200, self._to_opportunity if good else self._lose)

    def _to_opportunity(self, case: _Case, actor: Actor, now: datetime) -> None:
        lead = Lead.objects.select_related("account").get(id=case.lead_id)
        deal = deals.forecast(lead, self.deals, now)
        if self._stage(case, actor, now, "opportunity", "Asked for an offer.", deal=deal):
            won = self.chance.random() < 0.36
            self._later(case, now, 2400, 9600, self._win if won else self._lose)
            if self.deals.random() < deals.CHANGED:
                self._plan(now + timedelta(hours=self.deals.randrange(30, 150)), partial(self._change, case))

    def _change(self, case: _Case, now: datetime) -> None:
        if case.owner_id is not None:
            actor = Actor.person(self._members[case.owner_id])
            deals.change(tenant=self.tenant, lead_id=case.lead_id, chance=self.deals, actor=actor, now=now)

    def _win(self, case: _Case, actor: Actor, now: datetime) -> None:
        self._stage(case, actor, now, "won", "Signed.", deal=deals.closing(case.lead_id, self.deals))

    def _lose(self, case: _Case, actor: Actor, now: datetime) -> None:
        reason = pick(self.chance, LOSSES)
        self._stage(case, actor, now, "lost", self._note(reason), reason)

    def _give_up(self, case: _Case, actor: Actor, now: datetime) -> None:
        clock = fixed_clock(now)
        reason = pick(self.chance, NURTURES)
        self._try(
            lambda: services.nurture_lead(lead_id=case.lead_id, reason=reason, actor=actor, clock=clock)
        )


def _on_beat(at: datetime) -> datetime:
    """The first beat of the engine at or after `at`."""
    late = at.timestamp() % ENGINE.total_seconds()
    return at if late == 0 else at + timedelta(seconds=ENGINE.total_seconds() - late)


def expire_unsent(before: datetime) -> int:
    """Take back the messages made before `before` that have not left; how many. In a tenant's scope."""
    rows = OutboxMessage.objects.filter(
        state=OutboxMessage.State.PENDING, created_at__lt=before, not_before__lte=before
    )
    told = rows.exclude(kind="meeting.to_answer").values_list("subject", flat=True).distinct()
    meetings = {subject for subject in told if subject.startswith("meeting:")}
    over = rows.filter(kind="meeting.to_answer").values_list("subject", flat=True).distinct()
    # The question about a meeting to come waits with the messages about its booking: it stays.
    return (
        outbox.expire(set(told) - meetings, now=before)
        + outbox.expire(meetings, now=before, kinds={"meeting.booked", "meeting.decided"})
        + outbox.expire(over, now=before, kinds={"meeting.to_answer"})
    )
