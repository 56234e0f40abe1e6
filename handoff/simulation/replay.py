"""Leads of the past, decided one after the other by a rule set, as if they came again. Pure.

Each arrival is put to the functions that decide live (`routing.decide`), over a board that changes in memory:
counters turn, caps fill and empty, local days begin, leave starts and ends, held leads go out at openings.
What cannot be known is assumed, and said in docs/routing.md: a lead stays with its first owner and is open
for as long as it really was; one that may be claimed is taken at once by whoever of those at work waited
longest.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from math import ceil
from typing import Any, Final
from zoneinfo import ZoneInfo

from core.rules import Facts
from routing.decide import (
    HELD,
    WAITS_FOR_CLAIM,
    Candidate,
    DecisionResult,
    Match,
    Openings,
    PoolView,
    RuleSet,
    choose,
    match,
)
from routing.services import LOOK_AGAIN
from routing.shares import line_of

#: Reasons that no passing of time changes while the rules stay: nobody looks at such a lead again.
FOR_GOOD: Final = frozenset({"no_rule", "pool_missing", "pool_empty"})
OUTSIDE: Final = "outside"
NURTURED: Final = "nurture"
#: A held lead is looked at when its pool opens, and after this long at the latest: somebody may have come.
_LONGEST_HOLD: Final = timedelta(hours=6)
_REPORT_EVERY: Final = 200
_WAKE, _RELEASE, _DEAL, _GIVEN, _LOOK, _ARRIVAL = range(6)  # what goes first at one instant


@dataclass(frozen=True, slots=True)
class Arrival:
    """A lead that was handed over, with what was known of it then.

    facts:     with the tier as "sla.tier". closes_at: when it was closed in truth; None: it is open still.
    owner:     whom another system chose; no rule is asked then. nurtured: a sequence answers it, no person.
    past_*:    what really happened: the tier, who had it first and since when.
    """

    id: str
    lead_id: str
    at: datetime
    facts: Facts
    tier: str = ""
    closes_at: datetime | None = None
    owner: str | None = None
    nurtured: bool = False
    past_tier: str = ""
    past_member: str | None = None
    past_given_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """A lead of before the period that somebody had in it: given to them, and taken or closed.

    is_test: it is work that is open, and counts towards no cap of a day or week and no turn, as live.
    """

    member: str
    start: datetime
    end: datetime | None
    is_test: bool = False


@dataclass(frozen=True, slots=True)
class World:
    """What a replay starts from: pools by slug, everybody concerned, their zones, and what they had.

    spans: of leads from before `since`, those of the week before it too, since caps count them. deals:
    (when, member, 1 or -1): opportunities that began and were decided.
    """

    since: datetime
    until: datetime
    pools: Mapping[str, PoolView]
    people: Mapping[str, Candidate]
    zones: Mapping[str, str]
    spans: Sequence[Span] = ()
    deals: Sequence[tuple[datetime, str, int]] = ()


@dataclass(slots=True)
class Outcome:
    """What became of an arrival. member None: nobody had it by the end, for `reason`.

    given_at: when they got it. able_at: the first moment at which they were at work with it.
    pool_at, priority_at: places of the rules that matched, as on arrival; asked: rules were asked at all.
    """

    member: str | None
    reason: str
    pool: str = ""
    rule: str = ""
    priority: int = 0
    given_at: datetime | None = None
    able_at: datetime | None = None
    pool_at: int | None = None
    priority_at: int | None = None
    asked: bool = True


TurnKind = tuple[str, tuple[tuple[str, int, str], ...]]


@dataclass(slots=True)
class Replayed:
    """Outcomes in the order of the arrivals; turns of each pool, counted by (who had it, of whom)."""

    outcomes: list[Outcome]
    turns: dict[str, Counter[TurnKind]]
    most_open: dict[str, int]


def replay(
    world: World,
    arrivals: Sequence[Arrival],
    rule_set: RuleSet,
    *,
    progress: Callable[[int], None] = lambda done: None,
) -> Replayed:
    """Decide the arrivals, which are in order of time, by these rules. Nothing given is changed.

    progress: told now and then how many have arrived; what it raises ends the replay.
    """
    return _Replay(world, rule_set).run(arrivals, progress)


class _Replay:
    """A replay under way."""

    def __init__(self, world: World, rule_set: RuleSet) -> None:
        self.world, self.rule_set = world, rule_set
        self.pools = dict(world.pools)
        self.people = {member: replace(person, open_leads=0) for member, person in world.people.items()}
        self.turns: dict[str, Counter[TurnKind]] = defaultdict(Counter)
        self.most_open: dict[str, int] = {}
        self.waiting: dict[tuple[str, str], list[tuple[int, datetime, int]]] = defaultdict(list)
        self.events: list[tuple[datetime, int, int, Any]] = []
        self.outcomes: list[Outcome] = []
        self.arrivals: Sequence[Arrival] = ()
        self.days: dict[str, date] = {}
        self.openings = Openings(world.since)
        self.changed = False  # something that may help a lead that waits
        self._sequence = 0
        self._by_zone: dict[str, list[Candidate]] = defaultdict(list)
        for member, person in self.people.items():
            self._by_zone[world.zones[member]].append(person)
        self._begin()

    def _begin(self) -> None:
        """The board as it stood when the period began."""
        since = self.world.since
        for zone in self._by_zone:
            self.days[zone] = since.astimezone(ZoneInfo(zone)).date()
            self._push(_next_midnight(zone, since), _WAKE, zone)
        for span in self.world.spans:
            if span.start < since:
                self._was_given(span)
            elif span.member in self.people:
                self._push(span.start, _GIVEN, span)
        for at, member, change in self.world.deals:
            if member not in self.people:
                continue
            if at < since:
                self.people[member].open_deals += change
            else:
                self._push(at, _DEAL, (member, change))
        for person in self.people.values():
            for _, end in person.absences:
                if since < end < self.world.until:
                    self._push(end, _WAKE, "")

    def _was_given(self, span: Span) -> None:
        person = self.people.get(span.member)
        if person is None:
            return
        zone = ZoneInfo(self.world.zones[span.member])
        day, today = span.start.astimezone(zone).date(), self.days[self.world.zones[span.member]]
        if not span.is_test:
            person.leads_today += day == today
            person.leads_this_week += day >= today - timedelta(days=today.weekday())
            if person.last_assigned_at is None or span.start > person.last_assigned_at:
                person.last_assigned_at = span.start
        if span.end is None or span.end > self.world.since:
            person.open_leads += 1
            if span.end is not None:
                self._push(span.end, _RELEASE, span.member)

    def run(self, arrivals: Sequence[Arrival], progress: Callable[[int], None]) -> Replayed:
        self.arrivals = arrivals
        coming = iter(enumerate(arrivals))
        nearest = next(coming, None)
        while nearest is not None or self.events:
            if nearest is not None and (not self.events or (nearest[1].at, _ARRIVAL) <= self.events[0][:2]):
                place, arrival = nearest
                self._arrive(place, arrival)
                nearest = next(coming, None)
                if (place + 1) % _REPORT_EVERY == 0:
                    progress(place + 1)
            else:
                at, what, _, about = heapq.heappop(self.events)
                if at >= self.world.until:
                    break  # arrivals are before the end, so there is none left
                self._happen(at, what, about)
                if self.changed and not (self.events and self.events[0][0] == at):
                    self.changed = False
                    self._look_at_waiting(at)
        progress(len(arrivals))
        return Replayed(self.outcomes, self.turns, self.most_open)

    # --- What happens ---

    def _push(self, at: datetime, what: int, about: Any) -> None:
        self._sequence += 1
        heapq.heappush(self.events, (at, what, self._sequence, about))

    def _happen(self, at: datetime, what: int, about: Any) -> None:
        if what == _RELEASE:
            person = self.people[about]
            person.open_leads = max(0, person.open_leads - 1)
            self.changed = True
        elif what == _DEAL:
            member, change = about
            self.people[member].open_deals = max(0, self.people[member].open_deals + change)
            self.changed |= change < 0
        elif what == _GIVEN:
            self._count(about.member, at, about.end, is_test=about.is_test)
        elif what == _WAKE:
            if about:
                self._new_day(about, at)
            self.changed = True
        else:
            self._decide(about, at)

    def _new_day(self, zone: str, at: datetime) -> None:
        today = at.astimezone(ZoneInfo(zone)).date()
        for person in self._by_zone[zone]:
            person.leads_today = 0
            if today.weekday() == 0:
                person.leads_this_week = 0
            if person.absences and person.absences[0][1] <= at:
                person.absences = [span for span in person.absences if span[1] > at]
        self.days[zone] = today
        self._push(_next_midnight(zone, at), _WAKE, zone)

    def _arrive(self, place: int, arrival: Arrival) -> None:
        if arrival.owner is not None:
            self.outcomes.append(
                Outcome(arrival.owner, OUTSIDE, given_at=arrival.at, able_at=arrival.at, asked=False)
            )
            self._count(arrival.owner, arrival.at, arrival.closes_at)
            return
        if arrival.nurtured:
            self.outcomes.append(Outcome(None, NURTURED, asked=False))
            return
        self.outcomes.append(Outcome(None, ""))
        self._decide(place, arrival.at)

    def _count(self, member: str, at: datetime, closes_at: datetime | None, *, is_test: bool = False) -> None:
        """Count a lead to its owner from now until it is closed."""
        person = self.people.get(member)
        if person is None:
            return
        if not is_test:
            person.leads_today += 1
            person.leads_this_week += 1
            person.last_assigned_at = at
        if closes_at is not None and closes_at <= at:
            return
        person.open_leads += 1
        self.most_open[member] = max(self.most_open.get(member, 0), person.open_leads)
        if closes_at is not None:
            self._push(closes_at, _RELEASE, member)

    # --- Decisions ---

    def _decide(self, place: int, at: datetime) -> bool:
        """Put a lead to the rules; whether somebody got it."""
        arrival, outcome = self.arrivals[place], self.outcomes[place]
        facts = arrival.facts
        if at != facts.now:
            facts = Facts(facts.values, facts.engagements, at)
        matched = match(self.rule_set, facts)
        result = self._ask(matched, at)
        if outcome.reason == "":
            outcome.pool_at, outcome.priority_at = matched.pool_at, matched.priority_at
        outcome.pool, outcome.rule = result.pool or "", result.rule
        outcome.reason, outcome.priority = result.reason, result.priority
        if result.member_id is None:
            self._wait(place, result, matched, at)
            return False
        outcome.member, outcome.given_at = result.member_id, at
        outcome.able_at = self._at_work(result, at)
        self._count(result.member_id, at, arrival.closes_at)
        return True

    def _ask(self, matched: Match, at: datetime, *, may_wait: bool = True) -> DecisionResult:
        if self.openings.now != at:
            self.openings = Openings(at)
        result = choose(
            matched,
            pools=self.pools,
            candidates=self.people,
            now=at,
            horizon=self.rule_set.horizon,
            openings=self.openings,
            may_wait=may_wait,
        )
        if result.reason == WAITS_FOR_CLAIM:
            taken = self._ask(matched, at, may_wait=False)
            if taken.member_id is not None:  # a claim takes nobody's turn
                return replace(taken, reason="claimed", counters_after=None)
            return taken
        if result.counters_after is not None and result.pool is not None and may_wait:
            self.turns[result.pool][_kind_of_turn(result)] += 1
            pool = self.pools[result.pool]
            self.pools[result.pool] = replace(pool, counters=result.counters_after)
        return result

    def _at_work(self, result: DecisionResult, at: datetime) -> datetime:
        pool = self.pools.get(result.pool or "")
        hours = pool.calendar if pool is not None and result.counters_after is not None else None
        return self.openings.of(self.people[result.member_id or ""], hours) or at

    def _wait(self, place: int, result: DecisionResult, matched: Match, at: datetime) -> None:
        if result.reason == HELD and result.opens_at is not None:
            self._push(_next_look(at, result.opens_at, self.rule_set.horizon), _LOOK, place)
        elif result.reason not in FOR_GOOD:
            owner = str(matched.facts.values.get("account.owner_id") or "")
            entry = (-result.priority, self.arrivals[place].at, place)
            heapq.heappush(self.waiting[matched.pool or "", owner], entry)

    def _look_at_waiting(self, at: datetime) -> None:
        """Try those that wait, the most urgent first. Where one finds nobody, neither do those like it."""
        open_queues = {key for key, queue in self.waiting.items() if queue}
        while open_queues:
            key = min(open_queues, key=lambda each: self.waiting[each][0])
            entry = heapq.heappop(self.waiting[key])
            if not self._decide(entry[-1], at):
                open_queues.discard(key)  # it stands in a queue again
            if not self.waiting[key]:
                open_queues.discard(key)


def _kind_of_turn(result: DecisionResult) -> TurnKind:
    """A turn as fairness is judged from: who had it, and everybody of the pool that shared it out."""
    first = result.passed_on[0] if result.passed_on else result.pool
    seated = result.counters_after or {}
    how = result.reason
    lines = [
        _line(line["member"], line["result"], line["reason"], line["weight"], how)
        for line in result.candidates
        if line.get("pool", first) == result.pool and "weight" in line and line["member"] in seated
    ]
    return result.member_id or "", tuple(lines)


@lru_cache(maxsize=8_192)
def _line(member: str, result: str, reason: str, weight: int, strategy: str) -> tuple[str, int, str]:
    """A candidate as fairness counts it; the same few hundred come again and again."""
    line = line_of(member, result, reason, weight, strategy=strategy)
    return line.member, line.weight, line.kept_out


def _next_look(at: datetime, opens_at: datetime, horizon: timedelta) -> datetime:
    """When a held lead is worth a look again: at the first of the engine's looks at which the opening is near
    enough, or after a while, since somebody may have come."""
    looks = max(1, ceil((opens_at - horizon - at) / LOOK_AGAIN))
    return min(at + looks * LOOK_AGAIN, opens_at, at + _LONGEST_HOLD)


def _next_midnight(zone: str, at: datetime) -> datetime:
    where = ZoneInfo(zone)
    day = at.astimezone(where).date() + timedelta(days=1)
    return datetime.combine(day, time(), where).astimezone(at.tzinfo)
