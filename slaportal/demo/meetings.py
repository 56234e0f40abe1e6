"""Meetings of the demo's past: SDRs write to people who asked for nothing, and book some of them for an AE.

Everything goes through the functions that the pages call. How each meeting ends is dealt from a deck that is
written down, so that every ending is there however short the past is.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import Any, Final, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

from core.errors import DomainError
from feedback.models import Meeting
from handoff import meetings
from handoff.intake import receive_leads
from handoff.services import Actor
from leads.incoming import LeadIn
from slaportal.demo.people import Crowd, pick
from slaportal.demo.world import World
from tenants.clock import fixed_clock
from tenants.models import Member

SOURCE: Final = "Outbound"
#: A booking for so many leads that come by themselves; at least FEWEST of them in a past.
PER_LEADS, FEWEST = 14, 20
#: How meetings end, in the order in which the deck is dealt.
DECK: Final = (
    "sql", "accepted", "no_show:prospect", "accepted", "disqualified", "sql", "rescheduled", "no_show:sdr",
    "accepted", "cancelled", "no_show:prospect", "no_show:ae", "sql", "disqualified", "accepted",
    "rescheduled", "sql", "no_show:prospect", "disqualified", "accepted",
)  # fmt: skip
#: The last bookings: (days before the end, days until the meeting). Nobody has answered these yet.
LATEST: Final = ((4, 2), (3, 1), (3, 6), (2, 4), (1, 3), (1, 7))
_REASONS: Final = (("no_authority", 38), ("no_need", 34), ("not_a_fit", 28))
_NEXT_STEPS: Final = (
    "Show how leads are handed over, with their own example",
    "Walk through prices with the head of finance",
    "Look at their present handover and what it costs",
    "Compare with the tool that they have",
)
_NOTES: Final = {
    "accepted": "Good conversation: they want to see it with their own data.",
    "sql": "They have a budget and a date, and the right people were there.",
    "no_show:prospect": "Waited ten minutes, rang twice.",
    "no_show:sdr": "The introduction was not made.",
    "no_show:ae": "Was in another call that ran over.",
    "disqualified": "Nice talk, and nothing that we could solve.",
    "cancelled": "They put the project off until spring.",
    "rescheduled": "They asked for another day.",
}
_SENIORITY: Final = (
    ("Chief", "c_level"),
    ("Managing", "c_level"),
    ("VP", "vp"),
    ("Head", "director"),
    ("Director", "director"),
    ("Manager", "manager"),
)
#: What each criterion's answer is, as a share of yes.
_HOLDS: Final[Mapping[str, float]] = {"authority": 0.84, "fit": 0.9, "next_step": 0.92, "ae_confirmed": 0.95}


class Life(Protocol):
    """What the model of the past does for the bookings."""

    def plan(self, at: datetime, act: Callable[[datetime], None]) -> None: ...

    def member(self, email: str) -> Member | None: ...

    def zone(self, member: Member) -> ZoneInfo: ...

    def goes_on(self, lead_id: UUID, owner_id: UUID, at: datetime, *, is_sql: bool) -> None: ...


@dataclass(frozen=True, slots=True)
class Prospect:
    """Somebody whom an SDR is going to book. ending: of DECK; "" is answered by nobody."""

    at: datetime
    item: LeadIn
    ending: str
    days_ahead: int


class Outbound:
    """The outbound side of one organisation: `begin` plans all bookings."""

    def __init__(
        self, world: World, chance: random.Random, crowd: Crowd, *, start: datetime, days: int, leads: int
    ) -> None:
        self.world, self.chance = world, chance
        count = max(FEWEST, leads // PER_LEADS) if world.sdrs else 0
        self.prospects = [self._prospect(crowd, start, days, number) for number in range(count)]
        self.prospects += self._latest(crowd, start, days) if count else []

    def _prospect(self, crowd: Crowd, start: datetime, days: int, number: int) -> Prospect:
        at = _workday(start + timedelta(days=self.chance.randrange(max(1, days - 4))))
        return Prospect(at, self._item(crowd), DECK[number % len(DECK)], self.chance.randrange(1, 7))

    def _latest(self, crowd: Crowd, start: datetime, days: int) -> list[Prospect]:
        return [
            Prospect(start + timedelta(days=max(0, days - before)), self._item(crowd), "", ahead)
            for before, ahead in LATEST
        ]

    def _item(self, crowd: Crowd) -> LeadIn:
        person = crowd.person()
        return LeadIn(
            email=person.email,
            first_name=person.first_name,
            last_name=person.last_name,
            title=person.title,
            phone=person.phone,
            company=person.company,
            source=SOURCE,
            channel="Sales development",
            custom={"country": person.country},
        )

    def begin(self, life: Life) -> None:
        for number, prospect in enumerate(self.prospects):
            sdr = self.world.sdrs[number % len(self.world.sdrs)]
            ae = self.world.aes[number % len(self.world.aes)]
            morning = prospect.at + timedelta(minutes=9 * 60 + self.chance.randrange(8 * 60))
            life.plan(morning, partial(self._book, life, prospect, sdr, ae))

    def _book(self, life: Life, prospect: Prospect, sdr_email: str, ae_email: str, now: datetime) -> None:
        sdr, ae = life.member(sdr_email), life.member(ae_email)
        (result,) = receive_leads(items=[prospect.item], actor="key:history", clock=fixed_clock(now))
        if sdr is None or ae is None or result.error is not None:
            return
        checks = {key: self.chance.random() < share for key, share in _HOLDS.items()}
        for later in range(4):
            said = meetings.Booking(
                starts_at=self._slot(now, prospect.days_ahead + later, life.zone(ae)),
                minutes=self.chance.choice((30, 30, 45)),
                ae_id=ae.id,
                seniority=_seniority(prospect.item.title),
                next_step=self.chance.choice(_NEXT_STEPS),
                checks=checks,
            )
            made = self._try(
                meetings.book_meeting,
                lead_id=result.lead.id,
                said=said,
                actor=Actor.person(sdr),
                clock=fixed_clock(now),
            )
            if made is not None:
                self._await(life, made, prospect.ending)
                return

    def _slot(self, now: datetime, days: int, zone: ZoneInfo) -> datetime:
        """A half hour of a working day, so many days from now."""
        day = _workday(now.astimezone(zone) + timedelta(days=days)).date()
        at = time(self.chance.choice((9, 10, 11, 13, 14, 15)), self.chance.choice((0, 30)))
        return datetime.combine(day, at, tzinfo=zone).astimezone(UTC)

    def _await(self, life: Life, meeting: Meeting, ending: str) -> None:
        if not ending:
            return
        if ending in ("cancelled", "rescheduled"):
            before = meeting.starts_at - (meeting.starts_at - meeting.booked_at) / 3
            life.plan(before, partial(self._end, life, meeting.id, ending))
        else:
            after = meeting.ends_at + timedelta(minutes=self.chance.randrange(5, 240))
            life.plan(after, partial(self._end, life, meeting.id, ending))

    def _end(self, life: Life, meeting_id: UUID, ending: str, now: datetime) -> None:
        meeting = Meeting.objects.select_related("sdr", "ae").get(id=meeting_id)
        kind, _, who = ending.partition(":")
        common: dict[str, Any] = {"meeting_id": meeting_id, "clock": fixed_clock(now)}
        sdr, ae = Actor.person(meeting.sdr), Actor.person(meeting.ae)
        zone = str(life.zone(meeting.sdr))
        note = _NOTES[ending]
        if kind in ("accepted", "sql"):
            answers = {"need": True, "authority": True, "timeline": True} if kind == "sql" else None
            to = "sql" if kind == "sql" else "sal"
            done = self._try(meetings.accept_meeting, **common, actor=ae, to=to, answers=answers, note=note)
            if done is not None:
                life.goes_on(done.lead_id, meeting.ae_id, now, is_sql=kind == "sql")
        elif kind == "disqualified":
            reason = pick(self.chance, _REASONS)
            self._try(meetings.disqualify_meeting, **common, actor=ae, reason=reason, note=note)
        elif kind == "cancelled":
            self._try(meetings.cancel_meeting, **common, actor=sdr, zone=zone, note=note)
        elif kind == "rescheduled":
            self._again(life, meeting, sdr, now, note)
        else:
            day = (now + timedelta(days=3)).date() if who == "prospect" else None
            done = self._try(
                meetings.no_show, **common, actor=ae, who=who, zone=zone, follow_up=day, note=note
            )
            if done is not None and self.chance.random() < 0.6:
                life.plan(now + timedelta(days=2, hours=20), partial(self._try_again, life, meeting_id))

    def _try_again(self, life: Life, meeting_id: UUID, now: datetime) -> None:
        meeting = Meeting.objects.select_related("sdr", "ae").get(id=meeting_id)
        self._again(life, meeting, Actor.person(meeting.sdr), now, "")

    def _again(self, life: Life, meeting: Meeting, actor: Actor, now: datetime, note: str) -> None:
        made = self._try(
            meetings.reschedule_meeting,
            meeting_id=meeting.id,
            starts_at=self._slot(now, self.chance.randrange(2, 6), life.zone(meeting.ae)),
            actor=actor,
            clock=fixed_clock(now),
            anyway=True,
            note=note,
        )
        if made is not None:
            self._await(life, made, "accepted")

    def _try(self, call: Callable[..., Meeting], **arguments: Any) -> Meeting | None:
        """Do it; a refusal that the portal words is part of life."""
        try:
            return call(**arguments)
        except DomainError:
            return None


def _seniority(title: str) -> str:
    return next((name for word, name in _SENIORITY if word in title), "staff")


def _workday(at: datetime) -> datetime:
    """The same time on the first day from `at` on that is no Saturday and no Sunday."""
    return at + timedelta(days=max(0, 7 - at.weekday()) if at.weekday() > 4 else 0)
